# Mistakes in modules that are added to a node, with the messages that they end the evaluation with. There is one for each rule of
# the modules.
let
  nixpkgs = <nixpkgs>;
  lib = import (nixpkgs + "/lib");
  inherit (lib) mkForce;

  secret = keys: {
    namespace = "external-secrets";
    name = "store";
    inherit keys;
  };

  servers = {
    agent-token-unlike-the-file.homelab.k3s.agentTokenFile = mkForce null;
    address-is-broadcast.homelab.node.address = mkForce "192.168.10.255";
    address-is-that-of-the-gateway.homelab.node.gateway = mkForce "192.168.10.42";
    address-is-network.homelab.node.address = mkForce "192.168.10.0";
    backup-by-nfs-without-its-client.homelab = {
      node.nfs = mkForce false;
      backup.nfs = "192.168.10.20:/volume1/backups";
    };
    cluster-without-the-node.homelab.k3s.servers = mkForce [ "192.168.10.43" ];
    gateway-is-broadcast.homelab.node.gateway = mkForce "192.168.10.255";
    interface-in-the-lan.homelab.node.interfaces.storage = {
      address = "192.168.10.99";
      prefixLength = 16;
    };
    gateway-outside-network.homelab.node.gateway = mkForce "192.168.11.1";
    keys-that-kubernetes-refuses.homelab.bootstrap.secrets.store = secret {
      "a b" = "/var/lib/homelab/secrets/a";
    };
    nfs-without-privileges.homelab.node.privileged = mkForce false;
    nobody-can-log-in.homelab.node.sshKeys = mkForce [ ];
    peer-is-the-node.homelab.k3s.peers = [ "192.168.10.42" ];
    secret-without-keys.homelab.bootstrap.secrets.empty = secret { };
    secrets-for-one-object.homelab.bootstrap.secrets = {
      one = secret { a = "/var/lib/homelab/secrets/a"; };
      two = secret { b = "/var/lib/homelab/secrets/b"; };
    };
    servers-that-are-no-peers.homelab.k3s.servers = [ "192.168.10.44" ];
    vm-with-settings-of-a-container.homelab.node = {
      kind = "vm";
      folders.media = "/tank/media";
      interfaces.storage = {
        address = "10.0.30.41";
        prefixLength = 24;
      };
    };
    state-version-of-the-future.system.stateVersion = mkForce "99.05";
    sysctls-of-the-host.boot.kernel.sysctl = {
      "net.ipv4.ip_forward" = 1;
      "vm.max_map_count" = mkForce 262144;
      "vm.swappiness" = 10;
      "kernel.pid_max" = mkForce null;
    };
  };

  agents = {
    another-group-of-the-gpu.users.groups.render.gid = mkForce 4242;
    backup-of-an-agent.homelab.backup = {
      repository = "s3:https://s3.example.com/homelab/k3s/gordito";
      calendar = [ "*-*-* 01:00:00 UTC" ];
      days = 30;
    };
    config-file-of-another-node.homelab.k3s.configFile = mkForce ../../nix/nodes/data-cp/k3s.yaml;
    config-file-without-server-and-token.homelab.k3s.configFile = mkForce ./agent.yaml;
    config-file-with-another-server.homelab.k3s = {
      peers = [ "192.168.10.44" ];
      servers = mkForce [ "192.168.10.44" ];
    };
    flag-that-disagrees.services.k3s.nodeName = "other";
    flags-that-replace-a-list.services.k3s = {
      extraFlags = [ "--node-label=a=b" ];
      nodeLabel = [ "c=d" ];
    };
    manifests-of-an-agent.homelab.bootstrap.manifests.a = ./agent.yaml;
    secrets-of-an-agent.homelab.bootstrap.secrets.a = secret { a = "/var/lib/homelab/secrets/a"; };
    snapshotter-unlike-the-file.homelab.k3s.snapshotter = mkForce "native";
    agent-token-on-an-agent.homelab.k3s.agentTokenFile = "/var/lib/homelab/secrets/k3s-agent-token";
    token-file-unlike-the-file.homelab.k3s.tokenFile = "/run/secrets/token";
  };

  refusal =
    node: module:
    let
      inherit
        (import (nixpkgs + "/nixos/lib/eval-config.nix") {
          system = null;
          modules = [
            (../../nix/nodes + "/${node}")
            module
          ];
        })
        config
        ;
    in
    map (failed: failed.message) (lib.filter (rule: !rule.assertion) config.assertions);
in
lib.mapAttrs (_: refusal "gordito-cp") servers // lib.mapAttrs (_: refusal "gordito-worker") agents
