# Secrets created from files on the node's disk. No value passes through a command line, Git or the
# Nix store.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (config.homelab) k3s;
  cfg = config.homelab.bootstrap;

  files = lib.unique (
    lib.concatMap (secret: lib.attrValues secret.keys) (lib.attrValues cfg.secrets)
  );

  # Files may also be in other folders, which are not managed here.
  folders = lib.filter (lib.hasPrefix "/var/lib/homelab/secrets/") (lib.unique (map dirOf files));

  applySecret =
    attribute: secret:
    let
      quotedKey = key: file: "${lib.escapeShellArg key} ${lib.escapeShellArg file}";
    in
    ''
      apply_secret ${lib.escapeShellArg attribute} ${lib.escapeShellArg secret.namespace} ${lib.escapeShellArg secret.name} \
        ${lib.concatStringsSep " \\\n  " (lib.mapAttrsToList quotedKey secret.keys)} || failed=1
    '';
in
{
  config = lib.mkIf (k3s.role == "server" && cfg.secrets != { }) {
    systemd = {
      services.homelab-bootstrap-secrets = {
        description = "Apply the Secrets from this node's disk";
        wantedBy = [ "multi-user.target" ];
        wants = [ "k3s.service" ];
        after = [ "k3s.service" ];
        path = [
          config.services.k3s.package
          pkgs.coreutils
        ];
        # Retries forever: once a missing file exists, nothing else needs to be done.
        startLimitIntervalSec = 0;
        serviceConfig = {
          Type = "oneshot";
          Restart = "on-failure";
          RestartSec = "30s";
          TimeoutStartSec = "5min";
          # On tmpfs, accessible only by root, and removed when the service stops.
          RuntimeDirectory = "homelab-bootstrap-secrets";
          RuntimeDirectoryMode = "0700";
          UMask = "0077";
        };
        script = ''
          ${lib.readFile ./bootstrap-secrets.sh}
          failed=0
          ${lib.concatStrings (lib.mapAttrsToList applySecret cfg.secrets)}
          exit "$failed"
        '';
      };

      paths.homelab-bootstrap-secrets = {
        description = "Watch the files of the Secrets from this node's disk";
        wantedBy = [ "multi-user.target" ];
        pathConfig.PathChanged = files;
      };

      tmpfiles.settings."10-homelab-secrets" = lib.genAttrs folders (_: {
        d.mode = "0700";
      });
    };
  };
}
