# The node's host name, static address and DNS resolver.
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
    domains = [ cfg.domain ];
    networkConfig = {
      DHCP = "no";
      IPv6AcceptRA = false;
    };
    linkConfig.RequiredForOnline = "routable";
  };

  # There is no udev in a container, which systemd-networkd infers from a read-only /sys. In a privileged
  # container /sys is writable (`sys:rw`), and networkd would wait forever for udev to announce eth0.
  systemd.services.systemd-networkd.serviceConfig.BindReadOnlyPaths = [ "/sys" ];

  # Keeps Proxmox from editing hostname, hosts and resolv.conf at each start of the container. These are
  # regular files, not symbolic links, because Proxmox looks for them from outside the container.
  environment.etc =
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
