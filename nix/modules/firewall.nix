# Who may talk to the node.
#
# The rules need source addresses, which `allowedTCPPorts` does not know. They go into the chain
# `nixos-fw`, which NixOS flushes at each reload, so there is nothing to clean up. k3s writes its own
# rules with iptables; the backend stays iptables here too.
{ config, lib, ... }:
let
  inherit (config.homelab) k3s node;

  lan = "${node.address}/${toString node.prefixLength}";
  otherServers = lib.remove node.address k3s.servers;
  isServer = k3s.role == "server";

  accept =
    {
      comment,
      from,
      protocol ? "tcp",
      port,
    }:
    lib.concatMapStrings (source: ''
      iptables -A nixos-fw -p ${protocol} -s ${source} --dport ${port} -j nixos-fw-accept # ${comment}
    '') from;

  rules =
    lib.optional isServer {
      comment = "Kubernetes API";
      from = [ lan ];
      port = "6443";
    }
    ++ [
      {
        comment = "kubelet";
        from = k3s.peers;
        port = "10250";
      }
      {
        comment = "flannel VXLAN";
        from = k3s.peers;
        protocol = "udp";
        port = "8472";
      }
      {
        comment = "MetalLB memberlist";
        from = k3s.peers;
        port = "7946";
      }
      {
        comment = "MetalLB memberlist";
        from = k3s.peers;
        protocol = "udp";
        port = "7946";
      }
      {
        comment = "MetalLB metrics";
        from = k3s.peers;
        port = "9120";
      }
      {
        comment = "node exporter";
        from = k3s.peers;
        port = "9100";
      }
    ]
    ++ lib.optional isServer {
      comment = "etcd";
      from = otherServers;
      port = "2379:2380";
    };
in
{
  networking.firewall = {
    enable = true;
    extraCommands = lib.concatMapStrings accept rules;
    trustedInterfaces = [
      "cni0"
      "flannel.1"
    ];
  };
}
