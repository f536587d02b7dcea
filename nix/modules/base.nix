# Login, logs and garbage collection: policies, which a module of the lab can override.
{ config, lib, ... }:
let
  inherit (lib) mkDefault;
  cfg = config.homelab.node;
in
{
  time.timeZone = mkDefault cfg.timeZone;

  users = {
    # Only this configuration defines users and passwords.
    mutableUsers = mkDefault false;
    motd = mkDefault (lib.optionalString (cfg.description != "") "${cfg.description}\n");
    users.root.openssh.authorizedKeys.keys = cfg.sshKeys;
  };

  services = {
    openssh = {
      enable = mkDefault true;
      settings = {
        KbdInteractiveAuthentication = mkDefault false;
        PasswordAuthentication = mkDefault false;
        PermitRootLogin = mkDefault "prohibit-password";
      };
    };

    # In a container, /dev/kmsg is the kernel log of the Proxmox host, which already stores it. journald uses the
    # last value of a setting, so other modules can override these.
    journald.extraConfig = lib.mkBefore (
      lib.optionalString (cfg.kind == "container") "ReadKMsg=no\n" + "SystemMaxUse=500M\n"
    );
  };

  nix = {
    settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    gc = {
      automatic = mkDefault true;
      dates = mkDefault "weekly";
      options = mkDefault "--delete-older-than 14d";
      randomizedDelaySec = mkDefault "1h";
    };
  };

  documentation.enable = mkDefault false;
}
