# Options of the node that do not depend on its cluster.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  homelabTypes = import ./types.nix { inherit lib; };
in
{
  options.homelab.node = {
    hostName = mkOption {
      type = homelabTypes.dnsLabel;
      description = "Host name of the node and name of its Kubernetes node.";
      example = "gordito-cp";
    };

    domain = mkOption {
      type = homelabTypes.dnsName;
      description = "Domain of the lab, in which the node has its full host name.";
      example = "example.com";
    };

    timeZone = mkOption {
      type = homelabTypes.timeZone;
      description = "Time zone of the node.";
      example = "Europe/Madrid";
    };

    description = mkOption {
      type = types.str;
      default = "";
      description = "Message of the day, shown at login. If empty, no message is shown.";
      example = "Runs the control plane of gordito.";
    };

    kind = mkOption {
      type = types.enum [
        "container"
        "vm"
      ];
      default = "container";
      description = ''
        Whether the node is an LXC container (`container`), which shares the kernel of its Proxmox host, or a
        virtual machine (`vm`). The image of one kind does not start as the other.
      '';
      example = "vm";
    };

    address = mkOption {
      type = homelabTypes.ipv4;
      description = "Static address of the node on the LAN.";
      example = "192.168.10.42";
    };

    prefixLength = mkOption {
      type = types.ints.between 1 31;
      description = "Length of the LAN's network prefix, in bits.";
      example = 24;
    };

    gateway = mkOption {
      type = homelabTypes.ipv4;
      description = "Address of the LAN's router.";
      example = "192.168.10.1";
    };

    nameservers = mkOption {
      type = types.nonEmptyListOf homelabTypes.ipv4;
      description = "Addresses of the DNS servers, in order of preference.";
      example = [ "192.168.10.1" ];
    };

    macAddress = mkOption {
      type = types.nullOr homelabTypes.macAddress;
      default = null;
      description = ''
        MAC address of the network interface of a VM on the LAN, by which the VM recognizes it. This option must
        match `net0` of the VM, which it does not change. The interfaces of a container are named by its definition.
      '';
      example = "02:00:00:00:7A:00";
    };

    lanInterface = mkOption {
      type = types.str;
      readOnly = true;
      internal = true;
      description = "Name of the network interface on the LAN.";
    };

    interfaces = mkOption {
      default = { };
      description = ''
        Additional network interfaces, by name. They have no router, and nothing is open on them except to networks
        in {option}`homelab.node.trusted`. This option must match the definition of the container or VM (`net1` and
        so on), which it does not change.
      '';
      example = {
        storage = {
          address = "10.0.30.41";
          prefixLength = 24;
          mtu = 9000;
        };
      };
      type = types.attrsOf (
        types.submodule {
          options = {
            address = mkOption {
              type = homelabTypes.ipv4;
              description = "Static address of the node in the network.";
              example = "10.0.30.41";
            };

            prefixLength = mkOption {
              type = types.ints.between 1 31;
              description = "Length of the network's prefix, in bits.";
              example = 24;
            };

            mtu = mkOption {
              type = types.nullOr (types.ints.between 576 9216);
              default = null;
              description = "Maximum size of packets. If null, that of the bridge.";
              example = 9000;
            };

            macAddress = mkOption {
              type = types.nullOr homelabTypes.macAddress;
              default = null;
              description = "MAC address of the interface of a VM, by which the VM recognizes it.";
              example = "02:00:00:00:7A:01";
            };
          };
        }
      );
    };

    privileged = mkOption {
      type = types.bool;
      default = true;
      description = ''
        Whether a container is privileged; it has no effect on a VM. This option must match the container definition
        (`unprivileged: 1` or its absence), which it does not change.
      '';
      example = false;
    };

    sshKeys = mkOption {
      type = types.listOf homelabTypes.sshPublicKey;
      description = "Public keys that can log in as root. Password login is disabled.";
      example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA admin@example.com" ];
    };

    gpu = mkOption {
      type = types.nullOr (types.enum [ "intel" ]);
      default = null;
      description = "Vendor of the GPU that is passed to the node, or null for none: its render node to a container, the PCI device to a VM.";
      example = "intel";
    };

    folders = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = ''
        Folders of the host that are mounted into a container at {file}`/mnt/folders/NAME`, each with its path
        on the host. This option must match the container definition (`lxc.mount.entry`), which it does not
        change. Pods can use a folder once it contains a file `.homelab`.
      '';
      example = {
        media = "/tank/media";
      };
    };

    trusted =
      lib.mapAttrs
        (
          _: what:
          mkOption {
            type = types.listOf homelabTypes.ipv4Network;
            default = [ ];
            description = "Networks that can reach ${what}, besides the LAN.";
            example = [ "10.8.0.0/24" ];
          }
        )
        {
          apps = "{option}`homelab.node.ports`";
          kubernetes = "the Kubernetes API, if the node is a server";
          ssh = "SSH";
        };

    ports = lib.genAttrs [ "tcp" "udp" ] (
      protocol:
      mkOption {
        type = types.listOf types.port;
        default = [ ];
        description = ''
          Ports (${protocol}) of the node that are open to the LAN and trusted networks, for apps that
          use the host network.
        '';
        example = [ 5353 ];
      }
    );

    shutdownSeconds = mkOption {
      type = types.ints.between 30 3600;
      default = 300;
      description = ''
        Time that pods have to stop when the node shuts down, in seconds. `startup` in the definition of the
        container or VM must allow more time, which this option does not change.
      '';
      example = 600;
    };

    nfs = mkOption {
      type = types.bool;
      default = false;
      description = "Whether pods on this node mount NFS volumes. A container must be privileged for that.";
      example = true;
    };
  };
}
