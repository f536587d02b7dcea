# Backups of the state of a server.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.homelab.backup = mkOption {
    type = types.nullOr (
      types.submodule {
        options = {
          repository = mkOption {
            type = types.nonEmptyStr;
            description = ''
              The restic repository: `s3:URL`, or with {option}`homelab.backup.nfs` its path in the export. All
              servers of a cluster have the same one.
            '';
            example = "s3:https://s3.example.com/homelab-backups/k3s/gordito";
          };

          nfs = mkOption {
            type = types.nullOr (types.strMatching "[^ :]+:/.*");
            default = null;
            description = ''
              Exported folder of an NFS server that contains the repository. Requires a privileged container.
            '';
            example = "192.168.10.20:/volume1/backups";
          };

          calendar = mkOption {
            type = types.nonEmptyListOf types.nonEmptyStr;
            description = ''
              When the server is backed up, in the syntax of `systemd.time(7)`. If the cluster has several
              servers, each starts ten minutes after the one before it.
            '';
            example = [ "*-*-* 01:00:00 UTC" ];
          };

          days = mkOption {
            type = types.ints.positive;
            description = "Retention of the backups, in days.";
            example = 30;
          };
        };
      }
    );
    default = null;
    example = {
      repository = "s3:https://s3.example.com/homelab-backups/k3s/gordito";
      calendar = [ "*-*-* 01:00:00 UTC" ];
      days = 30;
    };
    description = ''
      Backups of the state of a server by restic: the datastore, with the token, certificates and secrets that it needs.
      The password of the repository and the keys of a bucket are files in
      {file}`/var/lib/homelab/secrets/backup`. If null, there are no backups.
    '';
  };
}
