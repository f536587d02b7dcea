# The node's role in its k3s cluster.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  homelabTypes = import ./types.nix { inherit lib; };

  secrets = "/var/lib/homelab/secrets";
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
      default =
        if config.homelab.k3s.role == "server" then
          "${secrets}/k3s-token"
        else
          "${secrets}/k3s-agent-token";
      defaultText = lib.literalMD "`k3s-token` (server) or `k3s-agent-token` (agent) in {file}`${secrets}`";
      description = ''
        File on the node that contains the token that it joins its cluster with: the token of servers, or
        that of agents. It must equal `token-file` in {option}`homelab.k3s.configFile`. k3s does not start
        without this file.
      '';
      example = "${secrets}/k3s-token";
    };

    agentTokenFile = mkOption {
      type = types.nullOr types.externalPath;
      default = null;
      description = ''
        File on a server that contains the token that agents join the cluster with, the same on all nodes
        of the cluster. It must equal `agent-token-file` in {option}`homelab.k3s.configFile`. k3s does not
        start without this file. If null, agents would join with the token of servers, which grants full
        access to the cluster.
      '';
      example = "${secrets}/k3s-agent-token";
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

    pods = mkOption {
      type = homelabTypes.ipv4Network;
      description = ''
        Network of the pods, the same on all nodes of the cluster. On servers, it must equal `cluster-cidr` in
        {option}`homelab.k3s.configFile`.
      '';
      example = "10.42.0.0/16";
    };

    services = mkOption {
      type = homelabTypes.ipv4Network;
      description = ''
        Network of the Services, the same on all nodes of the cluster. On servers, it must equal `service-cidr`
        in {option}`homelab.k3s.configFile`.
      '';
      example = "10.43.0.0/16";
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
