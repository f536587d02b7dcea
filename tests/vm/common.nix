# What the tests have in common.
{ pkgs }:
let
  inherit (pkgs) lib;
in
rec {
  # The only image: that of pauses, and of the pods of tests.
  image = pkgs.dockerTools.buildImage {
    name = "test.local/test";
    tag = "local";
    copyToRoot = pkgs.buildEnv {
      name = "test-image";
      paths = [
        pkgs.bashInteractive
        pkgs.coreutils
        pkgs.socat
        pkgs.tini
      ];
    };
    config.Entrypoint = [
      "/bin/tini"
      "--"
      "/bin/sleep"
      "inf"
    ];
  };

  # A machine in the LAN of the reference lab. Its only interface is called as in a container.
  lan = address: {
    networking = {
      useDHCP = false;
      useNetworkd = true;
      interfaces.eth0.ipv4.addresses = lib.mkIf (address != null) [
        {
          inherit address;
          prefixLength = 24;
        }
      ];
    };
    virtualisation = {
      interfaces.eth0 = {
        vlan = 1;
        assignIP = false;
      };
      vlans = [ ];
      # Without the interface that QEMU adds by itself.
      qemu.networkingOptions = lib.mkForce [ ];
    };
  };

  # A node of nix/nodes as a virtual machine.
  node =
    name:
    { pkgs, ... }:
    {
      imports = [
        (../../nix/nodes + "/${name}")
        # The node sets its address itself.
        (lan null)
      ];

      # What Proxmox VE and the container do.
      proxmoxLXC.enable = lib.mkForce false;
      boot.kernelParams = map (setting: "sysctl.${setting}") [
        "kernel.panic=10"
        "kernel.panic_on_oops=1"
        "vm.overcommit_memory=1"
      ];
      # A virtual machine has udev, which networkd needs.
      systemd.services.systemd-networkd.serviceConfig.BindReadOnlyPaths = lib.mkForce [ ];
      homelab.node.gpu = lib.mkForce null;

      environment = {
        # Images of k3s itself are not available. k3s reads this file after its configuration.
        etc."rancher/k3s/config.yaml.d/test.yaml".text = ''
          pause-image: test.local/test:local
          ${lib.optionalString (lib.hasSuffix "-cp" name) ''
            disable+:
              - coredns
              - local-storage
              - metrics-server
          ''}
        '';
        systemPackages = [ pkgs.socat ];
      };
      services.k3s.images = [ image ];

      virtualisation = {
        cores = 2;
        diskSize = 4096;
        memorySize = 2048;
      };
    };

  # Python functions of the tests.
  functions = ''
    SECRETS = "/var/lib/homelab/secrets"


    def put(machine, file, text):
        """Writes a secret as an administrator does."""
        machine.succeed(f"umask 077; printf '%s\\n' '{text}' >{SECRETS}/{file}")


    def start_server(machine):
        """Puts the tokens on the disk of a server, and waits for its API."""
        machine.wait_for_unit("multi-user.target")
        put(machine, "k3s-agent-token", "token-of-agents")
        put(machine, "k3s-token", "token-of-servers")
        machine.wait_until_succeeds("k3s kubectl get --raw /readyz", timeout=300)


    def wait_for_node(machine, name):
        """Waits until a node is ready."""
        machine.wait_until_succeeds(
            f"k3s kubectl wait --for=condition=Ready node/{name} --timeout=5s", timeout=300
        )


    def run_pod(machine, name, node, script="sleep inf"):
        """Starts a pod on a node, and waits until it runs."""
        machine.wait_until_succeeds("k3s kubectl get serviceaccount default", timeout=60)
        overrides = (
            '{"spec": {"nodeName": "' + node + '", "automountServiceAccountToken": false, '
            '"volumes": [{"name": "data", "hostPath": {"path": "/var/lib/test", "type": "DirectoryOrCreate"}}], '
            '"containers": [{"name": "' + name + '", "image": "test.local/test:local", "imagePullPolicy": "Never", '
            '"command": ["bash", "-c", "' + script + '"], '
            '"volumeMounts": [{"name": "data", "mountPath": "/data"}]}]}}'
        )
        machine.succeed(
            f"k3s kubectl run {name} --image=test.local/test:local --overrides='{overrides}'"
        )
        machine.wait_until_succeeds(
            f"k3s kubectl wait --for=condition=Ready pod/{name} --timeout=5s", timeout=180
        )
  '';
}
