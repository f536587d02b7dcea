# Login, logs and garbage collection.
{ config, lib, ... }:
let
  cfg = config.homelab.node;
in
{
  time.timeZone = cfg.timeZone;

  users = {
    # Only this configuration defines users and passwords.
    mutableUsers = false;
    motd = lib.optionalString (cfg.description != "") "${cfg.description}\n";
    users.root.openssh.authorizedKeys.keys = cfg.sshKeys;
  };

  services = {
    openssh = {
      enable = true;
      settings = {
        KbdInteractiveAuthentication = false;
        PasswordAuthentication = false;
        PermitRootLogin = "prohibit-password";
      };
    };

    # /dev/kmsg is the kernel log of the Proxmox host, which already stores it.
    journald.extraConfig = ''
      ReadKMsg=no
      SystemMaxUse=500M
    '';
  };

  nix = {
    settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    gc = {
      automatic = true;
      dates = "weekly";
      options = "--delete-older-than 14d";
      randomizedDelaySec = "1h";
    };
  };

  documentation.enable = false;
}
