# Backups of a server: its datastore, with the token, certificates and secrets that it needs.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab) k3s node;
  cfg = config.homelab.backup;

  data = "/var/lib/rancher/k3s";
  secrets = "/var/lib/homelab/secrets";
  metrics = "/var/lib/homelab/metrics";
  mountPoint = "/mnt/backup";

  environment = {
    K3S = data;
    SECRETS = secrets;
    STATE = "/var/lib/homelab/backup";
    METRICS = metrics;
    CONFIG = "/etc/rancher/k3s/config.yaml";
    NODE = node.hostName;
    NODE_PASSWORD = "/etc/rancher/node/password";
    RESTIC_REPOSITORY = if cfg.nfs == null then cfg.repository else "${mountPoint}/${cfg.repository}";
    RESTIC_PASSWORD_FILE = "${secrets}/backup/repository-password";
    RESTIC_CACHE_DIR = "/var/cache/homelab-backup";
  };

  packages = [
    config.services.k3s.package
    pkgs.coreutils
    pkgs.diffutils
    pkgs.findutils
    pkgs.gnugrep
    pkgs.restic
    pkgs.sqlite
    pkgs.systemd
  ]
  ++ lib.optional (cfg.nfs != null) pkgs.util-linux;

  # Servers follow one another, ten minutes apart. Only the timer waits.
  position = lib.lists.findFirstIndex (address: address == node.address) 0 k3s.servers;
  wait = lib.optionalString (position > 0) ''
    if [ -n "''${TRIGGER_UNIT-}" ]; then
      sleep ${toString (position * 600)}
    fi
  '';

  restore = pkgs.writeShellScriptBin "homelab-restore-server" ''
    set -o errexit -o pipefail
    if [ "$EUID" -ne 0 ]; then
      echo "only root can restore a server" >&2
      exit 1
    fi
    umask 077
    export PATH=${lib.makeBinPath packages}
    ${lib.concatStrings (
      lib.mapAttrsToList (name: value: "export ${name}=${lib.escapeShellArg value}\n") environment
    )}
    RUNTIME_DIRECTORY=$(mktemp --directory --tmpdir=/run)
    trap 'rm -rf -- "$RUNTIME_DIRECTORY"' EXIT
    ${lib.optionalString (cfg.nfs != null) "systemctl start ${mountPoint}"}
    ${lib.readFile ./backup.sh}
    ${lib.readFile ./restore.sh}
    restore_server "$@"
  '';
in
{
  config = lib.mkMerge [
    {
      # Files with metrics, which the node exporter reads.
      systemd.tmpfiles.settings."10-homelab-metrics".${metrics}.d.mode = "0755";
    }
    (lib.mkIf (cfg != null) {
      environment.systemPackages = [ restore ];

      systemd = {
        services.homelab-backup = {
          description = "Back up the state of this server";
          after = [
            "k3s.service"
            "network-online.target"
          ];
          wants = [ "network-online.target" ];
          restartIfChanged = false;
          path = packages;
          inherit environment;
          unitConfig.RequiresMountsFor = lib.optional (cfg.nfs != null) mountPoint;
          script = ''
            set -o pipefail
            ${wait}
            ${lib.readFile ./backup.sh}
            open_repository
            create_repository
            back_up ${toString cfg.days}
            check_repository
          '';
          postStop = ''
            ${lib.readFile ./backup.sh}
            report "$SERVICE_RESULT"
          '';
          serviceConfig = {
            Type = "oneshot";
            TimeoutStartSec = "4h";
            CacheDirectory = "homelab-backup";
            CacheDirectoryMode = "0700";
            RuntimeDirectory = "homelab-backup";
            RuntimeDirectoryMode = "0700";
            UMask = "0077";
            Nice = 10;
            IOSchedulingClass = "idle";

            # Root without its capabilities: it can read and write what belongs to root.
            CapabilityBoundingSet = "";
            NoNewPrivileges = true;
            ProtectSystem = "strict";
            ReadWritePaths = [
              "-${data}/server"
              environment.STATE
              metrics
            ]
            ++ lib.optional (cfg.nfs != null) mountPoint;
            PrivateDevices = true;
            PrivateTmp = true;
            ProtectClock = true;
            ProtectControlGroups = true;
            ProtectHome = true;
            ProtectHostname = true;
            ProtectKernelLogs = true;
            ProtectKernelModules = true;
            ProtectKernelTunables = true;
            RestrictAddressFamilies = [
              "AF_INET"
              "AF_INET6"
              "AF_UNIX"
            ];
            RestrictNamespaces = true;
            RestrictRealtime = true;
            RestrictSUIDSGID = true;
            LockPersonality = true;
            MemoryDenyWriteExecute = true;
            SystemCallArchitectures = "native";
            SystemCallErrorNumber = "EPERM";
            SystemCallFilter = "@system-service";
          };
        };

        timers.homelab-backup = {
          wantedBy = [ "timers.target" ];
          timerConfig = {
            OnCalendar = cfg.calendar;
            # After the node was off, the backup that it missed.
            Persistent = true;
          };
        };

        mounts = lib.optional (cfg.nfs != null) {
          description = "The repository of the backup of this server";
          what = cfg.nfs;
          where = mountPoint;
          type = "nfs";
          # With `soft`, a server that is down fails the backup instead of blocking it.
          options = "nfsvers=4.1,soft,timeo=150,nosuid,nodev,noexec";
        };

        tmpfiles.settings = {
          "10-homelab-secrets"."${secrets}/backup".d.mode = "0700";
          "10-homelab-backup".${environment.STATE}.d.mode = "0700";
        };
      };
    })
  ];
}
