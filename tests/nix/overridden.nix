# A node with a module that sets every policy of nix/modules to another value, and what the node comes to. A
# policy that cannot be overridden ends the evaluation.
let
  nixpkgs = <nixpkgs>;
  lib = import (nixpkgs + "/lib");

  # Named by the options that they set.
  policies = {
    "documentation.enable" = true;
    "environment.variables.LIBVA_DRIVERS_PATH" = "/drivers";
    "networking.firewall.enable" = false;
    "nix.gc.automatic" = false;
    "nix.gc.options" = "--delete-older-than 60d";
    "nix.gc.randomizedDelaySec" = "5min";
    "services.k3s.package" = pkgs.k3s_1_34;
    "services.openssh.openFirewall" = true;
    "services.openssh.settings.KbdInteractiveAuthentication" = true;
    "services.openssh.settings.PasswordAuthentication" = true;
    "services.openssh.settings.PermitRootLogin" = "no";
    "systemd.network.networks.10-eth0.linkConfig.RequiredForOnline" = "no";
    "systemd.network.networks.10-eth0.networkConfig.IPv6AcceptRA" = true;
    "time.timeZone" = "Asia/Tokyo";
    "users.motd" = "mine\n";
    "users.mutableUsers" = true;
  };
  pathOf = lib.splitString ".";

  inherit
    (import (nixpkgs + "/nixos/lib/eval-config.nix") {
      system = null;
      modules = [
        ../../nix/nodes/gordito-worker
        {
          nix.gc.dates = "monthly";
          services.journald.extraConfig = "SystemMaxUse=1G";
        }
      ]
      ++ lib.mapAttrsToList (name: lib.setAttrByPath (pathOf name)) policies;
    })
    config
    pkgs
    ;
in
{
  failedAssertions = map (failed: failed.message) (
    lib.filter (rule: !rule.assertion) config.assertions
  );
  # Policies that kept their value.
  kept = lib.attrNames (
    lib.filterAttrs (name: value: lib.attrByPath (pathOf name) "missing" config != value) policies
  );
  gc = config.nix.gc.dates;
  journal = lib.splitString "\n" config.services.journald.extraConfig;
}
