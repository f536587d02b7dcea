# The firewall.
#
# The rules match source addresses, which `allowedTCPPorts` does not support. They are in the chain
# `nixos-fw`, which NixOS flushes on each reload, so no cleanup is needed. The backend is iptables
# because k3s writes its own rules with iptables.
{ config, lib, ... }:
let
  inherit (config.homelab) k3s node;
  inherit (config.services) openssh;

  lan = [ "${node.address}/${toString node.prefixLength}" ];
  otherServers = lib.remove node.address k3s.servers;
  isServer = k3s.role == "server";

  accept =
    {
      comment,
      from,
      protocol ? "tcp",
      sourcePort ? null,
      port,
    }:
    let
      ports = lib.optionalString (sourcePort != null) "--sport ${sourcePort} " + "--dport ${port}";
    in
    lib.concatMapStrings (source: ''
      iptables -A nixos-fw -p ${protocol} -s ${source} ${ports} -j nixos-fw-accept # ${comment}
    '') from;

  rules =
    lib.optional isServer {
      comment = "Kubernetes API";
      from = lan ++ node.trusted.kubernetes;
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
    }
    ++ map (port: {
      comment = "SSH";
      from = lan ++ node.trusted.ssh;
      port = toString port;
    }) (lib.optionals openssh.enable openssh.ports)
    ++ lib.concatMap (
      protocol:
      map (port: {
        comment = "apps on the host network";
        from = lan ++ node.trusted.apps;
        inherit protocol;
        port = toString port;
      }) node.ports.${protocol}
    ) (lib.attrNames node.ports)
    # SSDP searches are multicast from an ephemeral port. Devices reply to that port from their port
    # 1900; connection tracking does not associate the reply with the search.
    ++ lib.optional (lib.elem 1900 node.ports.udp) {
      comment = "SSDP replies";
      from = lan;
      protocol = "udp";
      sourcePort = "1900";
      port = "32768:60999";
    };
in
{
  # SSH has its own rule, since this option would open it to every source.
  services.openssh.openFirewall = lib.mkDefault false;

  networking.firewall = {
    enable = lib.mkDefault true;
    extraCommands = lib.concatMapStrings accept rules;
    trustedInterfaces = [
      "cni0"
      "flannel.1"
    ];
  };
}
