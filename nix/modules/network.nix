# The node's name, its static address and its resolver.
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

  # Proxmox writes eth0.network from `net0:`. This file sorts before it, so it wins.
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

  # There is no udev in a container. systemd-networkd knows that by a /sys that it cannot write to; a
  # privileged container can (`sys:rw`), so that networkd would wait forever for udev to tell of eth0.
  systemd.services.systemd-networkd.serviceConfig.BindReadOnlyPaths = [ "/sys" ];

  # Proxmox edits these files at each start of the container, unless told not to. They are copies
  # and not links, because Proxmox looks for them from outside.
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
