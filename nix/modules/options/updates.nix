# Updates that a node pulls.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  secrets = "/var/lib/homelab/secrets";
in
{
  options.homelab.updates = mkOption {
    type = types.nullOr (
      types.submodule {
        options = {
          repository = mkOption {
            type = types.strMatching "(https|ssh)://[^[:space:]]+";
            description = "URL of the Git repository whose flake output `nixosConfigurations` has this node.";
            example = "https://github.com/example/homelab";
          };

          branch = mkOption {
            type = types.nonEmptyStr;
            description = "Branch that the node follows.";
            example = "main";
          };

          calendar = mkOption {
            type = types.nonEmptyListOf types.nonEmptyStr;
            description = "When the first node of the cluster is updated, in the syntax of `systemd.time(7)`.";
            example = [ "*-*-* 04:00:00 Europe/Madrid" ];
          };

          delayMinutes = mkOption {
            type = types.ints.unsigned;
            default = 0;
            description = ''
              Time after {option}`homelab.updates.calendar` at which this node is updated, in minutes. Each node of a
              cluster needs another one, so that only one of them restarts k3s at a time.
            '';
            example = 30;
          };

          restart = mkOption {
            type = types.bool;
            default = false;
            description = ''
              Whether the node restarts if its kernel changes. A container has no kernel, and never restarts.
            '';
            example = true;
          };

          identityFile = mkOption {
            type = types.nullOr types.externalPath;
            default = null;
            description = "File on the node with the deploy key that reads the repository, or null if it is public.";
            example = "${secrets}/flux-git/identity";
          };

          knownHostsFile = mkOption {
            type = types.externalPath;
            default = "${secrets}/flux-git/known_hosts";
            description = "File on the node with the host keys of the Git server, if there is a deploy key.";
            example = "${secrets}/flux-git/known_hosts";
          };

          signersFile = mkOption {
            type = types.nullOr types.externalPath;
            default = null;
            description = ''
              File on the node with the OpenPGP keys that sign commits. The node updates only to commits that are signed
              with one of them. If null, signatures are not checked.
            '';
            example = "${secrets}/flux-verify/keys.asc";
          };
        };
      }
    );
    default = null;
    example = {
      repository = "https://github.com/example/homelab";
      branch = "main";
      calendar = [ "*-*-* 04:00:00 Europe/Madrid" ];
    };
    description = ''
      Updates that the node pulls: it builds its system from the newest commit of a branch, tries it, and keeps it only if
      the node is healthy with it. If null, updates are pushed. Everybody who can push to the branch is root on the
      node.
    '';
  };
}
