# The node's role in its k3s cluster.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  homelabTypes = import ./types.nix { inherit lib; };
in
{
  options.homelab.k3s = {
    version = mkOption {
      type = homelabTypes.minorVersion;
      description = "Minor version of k3s. Selects the package: `1.35` selects `pkgs.k3s_1_35`.";
      example = "1.35";
    };

    role = mkOption {
      type = types.enum [
        "server"
        "agent"
      ];
      description = "Whether the node runs the control plane (`server`) or workloads only (`agent`).";
      example = "agent";
    };

    configFile = mkOption {
      type = types.path;
      description = ''
        The k3s configuration, installed as {file}`/etc/rancher/k3s/config.yaml`. It is copied to the
        world-readable Nix store, so it must not contain a token.
      '';
      example = lib.literalExpression "./k3s.yaml";
    };

    tokenFile = mkOption {
      type = types.externalPath;
      default = "/var/lib/homelab/secrets/k3s-token";
      description = ''
        File on the node that contains the token of the cluster, the same on all of its nodes. It must
        equal `token-file` in {option}`homelab.k3s.configFile`. k3s does not start without this file.
      '';
    };

    servers = mkOption {
      type = types.nonEmptyListOf homelabTypes.ipv4;
      description = "Addresses of all servers of the cluster, including this node if it is a server.";
      example = [ "192.168.10.42" ];
    };

    peers = mkOption {
      type = types.listOf homelabTypes.ipv4;
      default = [ ];
      description = "Addresses of the cluster's other nodes.";
      example = [ "192.168.10.43" ];
    };

    stopLast = mkOption {
      type = types.listOf homelabTypes.dnsLabel;
      default = [
        "databases"
        "kube-system"
      ];
      description = ''
        Namespaces whose pods stop after all others when the node shuts down, one namespace after the
        other: databases after the apps that use them, and cluster DNS after everything else.
      '';
      example = [ "kube-system" ];
    };

    snapshotter = mkOption {
      type = types.enum [
        "overlayfs"
        "native"
        "fuse-overlayfs"
      ];
      default = "overlayfs";
      description = ''
        The containerd snapshotter that {option}`homelab.k3s.configFile` selects. The node installs the
        programs that it needs.
      '';
      example = "fuse-overlayfs";
    };
  };
}
