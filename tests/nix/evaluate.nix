# What each node of nix/nodes comes to, for the tests:
#
#     NIX_PATH=nixpkgs=... nix-instantiate --eval --strict --json tests/nix/evaluate.nix
#
# A failed assertion is reported beside the others instead of ending the evaluation.
let
  nixpkgs = <nixpkgs>;
  lib = import (nixpkgs + "/lib");
  folder = ../../nix/nodes;
  entries = if builtins.pathExists folder then builtins.readDir folder else { };
  nodes = lib.attrNames (lib.filterAttrs (_: type: type == "directory") entries);

  # The name in /etc of the file that the kubelet reads name servers and search domains from.
  resolvConfOf =
    node:
    let
      lines = lib.splitString "\n" (lib.readFile (folder + "/${node}/k3s.yaml"));
    in
    lib.removePrefix "/etc/" (
      lib.removePrefix "resolv-conf: " (
        lib.findFirst (lib.hasPrefix "resolv-conf: ") "resolv-conf: /etc/missing" lines
      )
    );

  evaluate =
    node:
    let
      inherit
        (import (nixpkgs + "/nixos/lib/eval-config.nix") {
          system = null;
          modules = [ (folder + "/${node}") ];
        })
        config
        ;
      failedAssertions = map (failed: failed.message) (
        lib.filter (rule: !rule.assertion) config.assertions
      );
      # With a failed assertion these two would end the evaluation of all nodes.
      drvPath = drv: if failedAssertions == [ ] then drv.drvPath else null;
    in
    {
      inherit failedAssertions;
      inherit (config) warnings;
      toplevel = drvPath config.system.build.toplevel;
      # What a container or a VM is created from.
      image = drvPath (
        if config.homelab.node.kind == "vm" then
          config.system.build.images.homelab-vm
        else
          config.system.build.tarball
      );
      # What only a VM has, or null.
      vm =
        if config.homelab.node.kind == "container" then
          null
        else
          {
            image = config.system.build.images.homelab-vm.passthru.filePath;
            disks = lib.mapAttrs (_: disk: disk.device) config.fileSystems;
            grows = config.boot.growPartition && config.fileSystems."/".autoResize;
            agent = config.services.qemuGuest.enable;
            console = lib.last (lib.filter (lib.hasPrefix "console=") config.boot.kernelParams);
            names = lib.mapAttrs (_: link: link.matchConfig.PermanentMACAddress) config.systemd.network.links;
            modules = lib.all (name: lib.elem name config.boot.kernelModules) [
              "br_netfilter"
              "overlay"
            ];
            overcommit = config.boot.kernel.sysctl."vm.overcommit_memory";
            firmware = builtins.unsafeDiscardStringContext config.hardware.firmware.drvPath;
          };
      # What only a container has.
      ofContainers = lib.filter (lib.hasPrefix ".pve-ignore") (lib.attrNames config.environment.etc);
      networks = lib.mapAttrs (_: unit: lib.splitString "\n" unit.text) (
        lib.filterAttrs (name: _: lib.hasPrefix "10-" name) config.systemd.network.units
      );
      networkdSeesReadOnly =
        config.systemd.services.systemd-networkd.serviceConfig.BindReadOnlyPaths or [ ];
      # The file that the generated k3s.yaml names, and what resolvers of the node search.
      resolvConf = config.environment.etc.${resolvConfOf node}.text or null;
      searchDomains = lib.filter (lib.hasPrefix "Domains=") (
        lib.concatMap (lib.splitString "\n") (
          [ config.environment.etc."systemd/resolved.conf".text ]
          ++ map (unit: unit.text) (lib.attrValues config.systemd.network.units)
        )
      );
      # A unit stops after those that it is ordered before.
      stopPods = {
        inherit (config.systemd.services.homelab-stop-pods) before restartIfChanged;
        seconds = config.systemd.services.homelab-stop-pods.serviceConfig.TimeoutStopSec;
        stopsBefore = lib.elem "network.target" config.systemd.services.homelab-stop-pods.after;
      };
      # The unit with the backup of a server.
      backup =
        if config.homelab.backup == null then
          null
        else
          {
            inherit (config.systemd.services.homelab-backup) environment;
            inherit (config.systemd.services.homelab-backup.serviceConfig)
              CapabilityBoundingSet
              ProtectSystem
              ReadWritePaths
              ;
            script = lib.filter (line: builtins.match "[a-z_]+( [0-9]+)?" line != null) (
              lib.splitString "\n" config.systemd.services.homelab-backup.script
            );
            waits = lib.filter (lib.hasPrefix "  sleep ") (
              lib.splitString "\n" config.systemd.services.homelab-backup.script
            );
            calendar = config.systemd.timers.homelab-backup.timerConfig.OnCalendar;
            mounts = map (mount: {
              inherit (mount) what where options;
            }) (lib.filter (mount: mount.where == "/mnt/backup") config.systemd.mounts);
          };
      metrics = config.systemd.tmpfiles.settings."10-homelab-metrics";
      folders = lib.mapAttrs (_: rules: rules.d.mode or null) (
        config.systemd.tmpfiles.settings."10-homelab-secrets"
      );
      # Ports that are open to every source.
      openToAll = {
        inherit (config.networking.firewall)
          allowedTCPPorts
          allowedTCPPortRanges
          allowedUDPPorts
          allowedUDPPortRanges
          ;
      };
      inherit (config.networking.firewall) trustedInterfaces;
      # Lines as `iptables` takes them, without their comments.
      firewall = map (line: lib.head (lib.splitString " #" line)) (
        lib.filter (lib.hasPrefix "iptables -A nixos-fw ") (
          lib.splitString "\n" config.networking.firewall.extraCommands
        )
      );
      # Rules in chains other than that of NixOS, and what removes them.
      ownChains = lib.filter (lib.hasPrefix "iptables -w -t ") (
        lib.splitString "\n" config.networking.firewall.extraCommands
      );
      removesChains = lib.filter (lib.hasPrefix "iptables -w -t ") (
        lib.splitString "\n" config.networking.firewall.extraStopCommands
      );
    };
in
lib.genAttrs nodes evaluate
