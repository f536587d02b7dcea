# Updates that a node pulls: it builds its system from the newest commit, tries it, and keeps it if it is healthy.
# `system.autoUpgrade` would keep a system that breaks the node.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab) k3s node;
  cfg = config.homelab.updates;

  state = "/var/lib/homelab/updates";
  metrics = "/var/lib/homelab/metrics";

  # The folders of its secrets. Files may also be in other folders, which are not managed here.
  files =
    lib.optionals (cfg.identityFile != null) [
      cfg.identityFile
      cfg.knownHostsFile
    ]
    ++ lib.optional (cfg.signersFile != null) cfg.signersFile;
  folders = lib.filter (lib.hasPrefix "/var/lib/homelab/secrets/") (lib.unique (map dirOf files));

  packages = [
    config.nix.package
    config.services.k3s.package
    config.systemd.package
    pkgs.bash
    pkgs.coreutils
    pkgs.git
    pkgs.gnugrep
    pkgs.gnupg
    pkgs.gnused
    pkgs.hostname
    pkgs.openssh
  ];

  # The same script that `homelab deploy` runs.
  updateNode = pkgs.writeShellScriptBin "update-node" (lib.readFile ./update-node.sh);

  # Run by hand, it updates the node at once.
  pull = pkgs.writeShellScriptBin "homelab-pull-update" ''
    set -o errexit -o nounset -o pipefail
    umask 077
    export PATH=${lib.makeBinPath (packages ++ [ updateNode ])}
    ${lib.concatStrings (
      lib.mapAttrsToList (name: value: "export ${name}=${lib.escapeShellArg value}\n") {
        NODE = node.hostName;
        ROLE = k3s.role;
        REPOSITORY = cfg.repository;
        BRANCH = cfg.branch;
        IDENTITY = toString cfg.identityFile;
        KNOWN_HOSTS = lib.optionalString (cfg.identityFile != null) cfg.knownHostsFile;
        SIGNERS = toString cfg.signersFile;
        STATE = state;
        METRICS = metrics;
        RESTARTS = if cfg.restart then "1" else "0";
        SECONDS_TO_KEEP = "900";
        HOME = "/root";
      }
    )}
    RUNTIME_DIRECTORY=$(mktemp --directory --tmpdir=/run)
    ${lib.readFile ./pull-update.sh}
    pull
  '';
in
{
  config = lib.mkIf (cfg != null) {
    environment.systemPackages = [ pull ];

    systemd = {
      services.homelab-pull-update = {
        description = "Update this node to the newest commit";
        after = [ "network-online.target" ];
        wants = [ "network-online.target" ];
        # It would stop itself in the middle of a switch.
        restartIfChanged = false;
        unitConfig.X-StopOnRemoval = false;
        script = ''
          ${lib.optionalString (cfg.delayMinutes > 0) ''
            # Nodes follow one another. Only the timer waits.
            if [ -n "''${TRIGGER_UNIT-}" ]; then
              sleep ${toString (cfg.delayMinutes * 60)}
            fi
          ''}
          exec ${lib.getExe pull}
        '';
        serviceConfig = {
          Type = "oneshot";
          TimeoutStartSec = "${toString (cfg.delayMinutes + 240)}min";
          Nice = 10;
          IOSchedulingClass = "idle";
        };
      };

      timers.homelab-pull-update = {
        wantedBy = [ "timers.target" ];
        # A node that was off waits for the next time: an update at a start would meet those of other nodes.
        timerConfig.OnCalendar = cfg.calendar;
      };

      tmpfiles.settings = {
        "10-homelab-updates".${state}.d.mode = "0700";
        "10-homelab-secrets" = lib.genAttrs folders (_: {
          d.mode = "0700";
        });
      };
    };
  };
}
