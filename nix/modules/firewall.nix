# The firewall.
#
# The rules match source addresses, which `allowedTCPPorts` does not support. They are in the chain
# `nixos-fw`, which NixOS flushes on each reload, so no cleanup is needed. Rules that NixOS has no place
# for are in chains of their own. The backend is iptables because k3s writes its own rules with iptables.
{ config, lib, ... }:
let
  inherit (config.homelab) k3s node;
  inherit (config.networking) firewall;
  inherit (config.services) openssh;

  lan = [ "${node.address}/${toString node.prefixLength}" ];
  otherServers = lib.remove node.address k3s.servers;
  isServer = k3s.role == "server";

  # The part of the cluster network that connects nodes. Null if reading the file would require a build.
  configuration = import ./k3s-config.nix { inherit lib; } k3s.configFile;
  flannelBackend = if configuration == null then null else configuration.text "flannel-backend";

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

  # What pods reach on nodes: the API through its Service, the kubelet and node exporter for metrics, and
  # apps on the host network.
  podPorts = {
    tcp =
      lib.optional isServer 6443
      ++ [
        10250
        9100
        9120
      ]
      ++ node.ports.tcp;
    udp = node.ports.udp;
  };

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
    ++ lib.optional (flannelBackend == "wireguard-native") {
      comment = "flannel WireGuard";
      from = k3s.peers;
      protocol = "udp";
      port = "51820";
    }
    ++ lib.concatMap (
      protocol:
      map (port: {
        comment = "pods";
        from = [ k3s.pods ];
        inherit protocol;
        port = toString port;
      }) podPorts.${protocol}
    ) (lib.attrNames podPorts)
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

  # Adds a chain for the packets of `jump`. `removeChain` undoes it.
  addChain =
    {
      table,
      name,
      hook,
      jump,
      rules,
    }:
    ''
      iptables -w -t ${table} -N ${name}
      ${lib.concatMapStrings (rule: "iptables -w -t ${table} -A ${name} ${rule}\n") rules}
      iptables -w -t ${table} -A ${hook} ${jump} -j ${name}
    '';
  removeChain =
    {
      table,
      name,
      hook,
      jump,
      ...
    }:
    ''
      iptables -w -t ${table} -D ${hook} ${jump} -j ${name} 2>/dev/null || true
      iptables -w -t ${table} -F ${name} 2>/dev/null || true
      iptables -w -t ${table} -X ${name} 2>/dev/null || true
    '';

  # A node forwards packets to pods and Services from everywhere: flannel accepts what it forwards, and
  # `nixos-fw` only sees what is for the node itself. Packets between nodes are encapsulated, and replies to
  # pods carry the address of the node, so the LAN has no reason to send packets to these networks. With the
  # backend host-gw, other nodes do. `raw` is before kube-proxy replaces addresses of Services.
  fromLan = {
    table = "raw";
    name = "homelab-lan";
    hook = "PREROUTING";
    jump = "-i ${node.lanInterface}";
    rules =
      lib.optionals (flannelBackend == "host-gw") (
        map (source: "-s ${source} -j RETURN") ([ k3s.pods ] ++ k3s.peers)
      )
      ++ map (network: "-d ${network} -j DROP") (
        [
          k3s.pods
          k3s.services
        ]
        # A node is no router between the LAN and other networks that it is in.
        ++ map (interface: "${interface.address}/${toString interface.prefixLength}") (
          lib.attrValues node.interfaces
        )
      );
  };

  # Packets that arrive on additional interfaces are for the node itself, or replies to its pods, which leave with the
  # address of the node. It routes no others.
  fromNetworks = lib.mapAttrsToList (name: _: {
    table = "raw";
    name = "homelab-if-${name}";
    hook = "PREROUTING";
    jump = "-i ${name}";
    rules = [ "-m addrtype ! --dst-type LOCAL -j DROP" ];
  }) node.interfaces;

  # The network policy controller of k3s accepts packets from pods at the end of INPUT, which is before
  # `nixos-fw` once the firewall is reloaded (k3s#7218). `mangle` is before both, whatever their order.
  fromPods = {
    table = "mangle";
    name = "homelab-pods";
    hook = "INPUT";
    jump = "-s ${k3s.pods} ! -i lo";
    rules =
      let
        # Ports that other modules open to every source.
        range = { from, to }: "${toString from}:${toString to}";
        ports = {
          tcp =
            map toString (podPorts.tcp ++ firewall.allowedTCPPorts) ++ map range firewall.allowedTCPPortRanges;
          udp =
            map toString (podPorts.udp ++ firewall.allowedUDPPorts) ++ map range firewall.allowedUDPPortRanges;
        };
        allow = protocol: port: "-p ${protocol} --dport ${port} -j RETURN";
      in
      [
        "-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN"
        "-p icmp -j RETURN"
      ]
      ++ lib.concatMap (protocol: map (allow protocol) (lib.unique ports.${protocol})) (
        lib.attrNames ports
      )
      ++ [ "-j DROP" ];
  };

  # Other nodes see pods with the address of this node, and allow it more than pods need.
  toPeers = {
    table = "mangle";
    name = "homelab-peers";
    hook = "FORWARD";
    jump = "-s ${k3s.pods}";
    rules =
      let
        closed = {
          tcp = map toString openssh.ports ++ [
            "2379:2380"
            "7946"
          ];
          udp = [
            "7946"
            "8472"
          ];
        };
        drop =
          peer: protocol: port:
          "-d ${peer} -p ${protocol} --dport ${port} -j DROP";
      in
      lib.concatMap (
        peer: lib.concatMap (protocol: map (drop peer protocol) closed.${protocol}) (lib.attrNames closed)
      ) k3s.peers;
  };

  ownChains = [
    fromLan
    fromPods
    toPeers
  ]
  ++ fromNetworks;
in
{
  # SSH has its own rule, since this option would open it to every source.
  services.openssh.openFirewall = lib.mkDefault false;

  networking.firewall = {
    enable = lib.mkDefault true;
    extraCommands =
      lib.concatMapStrings accept rules
      # A reload that failed may have left them.
      + lib.concatMapStrings removeChain ownChains
      + lib.concatMapStrings addChain ownChains;
    extraStopCommands = lib.concatMapStrings removeChain ownChains;
  };
}
