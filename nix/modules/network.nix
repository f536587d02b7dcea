# The node's host name, static address and DNS resolver, and the name servers of its pods.
{ config, lib, ... }:
let
  cfg = config.homelab.node;
in
{
  networking = {
    inherit (cfg) domain hostName;
    useDHCP = false;
    useHostResolvConf = false;
    useNetworkd = true;
  };

  # Proxmox writes eth0.network from `net0:`. This file sorts before it, so it takes precedence.
  systemd.network.networks."10-eth0" = {
    matchConfig.Name = "eth0";
    address = [ "${cfg.address}/${toString cfg.prefixLength}" ];
    gateway = [ cfg.gateway ];
    dns = cfg.nameservers;
    networkConfig = {
      DHCP = "no";
      IPv6AcceptRA = lib.mkDefault false;
    };
    linkConfig.RequiredForOnline = lib.mkDefault "routable";
  };

  # There is no udev in a container, which systemd-networkd infers from a read-only /sys. In a privileged
  # container /sys is writable (`sys:rw`), and networkd would wait forever for udev to announce eth0.
  systemd.services.systemd-networkd.serviceConfig.BindReadOnlyPaths = [ "/sys" ];

  environment.etc = {
    # The resolv.conf that the kubelet passes on to pods, named by `resolv-conf` in the k3s configuration. It
    # has no search domain: pods try search domains first for names with fewer than five dots (ndots:5), so
    # with a wildcard record of the domain every name on the Internet would resolve to that record. The
    # kubelet reads at most three name servers.
    "rancher/k3s/resolv.conf".text = lib.concatMapStrings (server: "nameserver ${server}\n") (
      lib.take 3 cfg.nameservers
    );
  }
  # Keeps Proxmox from editing hostname, hosts and resolv.conf at each start of the container. These are
  # regular files, not symbolic links, because Proxmox looks for them from outside the container.
  //
    lib.genAttrs
      [
        ".pve-ignore.hostname"
        ".pve-ignore.hosts"
        ".pve-ignore.resolv.conf"
      ]
      (_: {
        text = "";
        mode = "0644";
      });
}
