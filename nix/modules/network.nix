# The node's host name, static addresses and DNS resolver, and the name servers of its pods.
{ config, lib, ... }:
let
  cfg = config.homelab.node;
  isContainer = cfg.kind == "container";

  # udev gives the interfaces of a VM their names. Those of a container have them from its definition.
  link =
    name: macAddress:
    lib.nameValuePair "10-${name}" {
      matchConfig.PermanentMACAddress = macAddress;
      linkConfig.Name = name;
    };
  addressOf = interface: "${interface.address}/${toString interface.prefixLength}";
in
{
  homelab.node.lanInterface = if isContainer then "eth0" else "lan0";

  networking = {
    inherit (cfg) domain hostName;
    useDHCP = false;
    useHostResolvConf = false;
    useNetworkd = true;
  };

  systemd = {
    network = {
      # In a container, Proxmox writes a file such as eth0.network from `net0:`. Files that sort before it take
      # precedence.
      networks = {
        "10-${cfg.lanInterface}" = {
          matchConfig.Name = cfg.lanInterface;
          address = [ (addressOf cfg) ];
          gateway = [ cfg.gateway ];
          dns = cfg.nameservers;
          networkConfig = {
            DHCP = "no";
            IPv6AcceptRA = lib.mkDefault false;
          };
          linkConfig.RequiredForOnline = lib.mkDefault "routable";
        };
      }
      // lib.mapAttrs' (
        name: interface:
        lib.nameValuePair "10-${name}" {
          matchConfig.Name = name;
          address = [ (addressOf interface) ];
          networkConfig = {
            DHCP = "no";
            IPv6AcceptRA = lib.mkDefault false;
            LinkLocalAddressing = lib.mkDefault "no";
          };
          linkConfig = {
            RequiredForOnline = lib.mkDefault "routable";
          }
          // lib.optionalAttrs (interface.mtu != null) {
            MTUBytes = toString interface.mtu;
          };
        }
      ) cfg.interfaces;

      links = lib.mkIf (!isContainer) (
        {
          "10-${cfg.lanInterface}" = (link cfg.lanInterface cfg.macAddress).value;
        }
        // lib.mapAttrs' (name: interface: link name interface.macAddress) cfg.interfaces
      );
    };

    # There is no udev in a container, which systemd-networkd infers from a read-only /sys. In a privileged
    # container /sys is writable (`sys:rw`), and networkd would wait forever for udev to announce eth0.
    services.systemd-networkd.serviceConfig = lib.mkIf isContainer { BindReadOnlyPaths = [ "/sys" ]; };
  };

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
  // lib.optionalAttrs isContainer (
    lib.genAttrs
      [
        ".pve-ignore.hostname"
        ".pve-ignore.hosts"
        ".pve-ignore.resolv.conf"
      ]
      (_: {
        text = "";
        mode = "0644";
      })
  );
}
