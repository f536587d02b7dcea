# The LAN reaches SSH and the Kubernetes API, other networks reach nothing, and pods reach only what they need.
{ common }:
let
  stranger = "10.9.9.9";
in
{
  name = "homelab-firewall";

  nodes = {
    server = common.node "gordito-cp";

    # A machine in the LAN.
    client =
      { pkgs, ... }:
      {
        imports = [ (common.lan "192.168.10.50") ];
        environment.systemPackages = [ pkgs.socat ];
      };

    # The gateway of the node, and another network behind it.
    router = {
      imports = [ (common.lan "192.168.10.1") ];
      boot.kernel.sysctl."net.ipv4.ip_forward" = 1;
      networking = {
        firewall.enable = false;
        interfaces.eth1.ipv4.addresses = [
          {
            address = "10.9.9.1";
            prefixLength = 24;
          }
        ];
      };
      virtualisation.interfaces.eth1 = {
        vlan = 2;
        assignIP = false;
      };
    };

    stranger =
      { lib, pkgs, ... }:
      {
        environment.systemPackages = [ pkgs.socat ];
        networking = {
          defaultGateway = {
            address = "10.9.9.1";
            interface = "eth0";
          };
          interfaces.eth0.ipv4.addresses = [
            {
              address = stranger;
              prefixLength = 24;
            }
          ];
          useDHCP = false;
        };
        virtualisation = {
          interfaces.eth0 = {
            vlan = 2;
            assignIP = false;
          };
          vlans = [ ];
          qemu.networkingOptions = lib.mkForce [ ];
        };
      };
  };

  testScript = ''
    ${common.functions}

    NODE = "192.168.10.42"


    def connect(address, port):
        return f"socat -u OPEN:/dev/null TCP4:{address}:{port},connect-timeout=3"


    start_all()
    start_server(server)
    wait_for_node(server, "gordito-cp")
    for machine in [client, router, stranger]:
        machine.wait_for_unit("multi-user.target")
    # The packet reaches the node: what follows is the firewall.
    stranger.wait_until_succeeds(f"ping -c 1 {NODE}", timeout=60)
    run_pod(server, "test", "gordito-cp", "socat TCP4-LISTEN:8000,fork EXEC:hostname")
    pod = server.succeed("k3s kubectl get pod test --output='jsonpath={.status.podIP}'")
    inside = "k3s kubectl exec test -- "
    client.succeed(f"ip route add 10.42.0.0/16 via {NODE}", f"ip route add 10.43.0.0/16 via {NODE}")


    def check():
        with subtest("the LAN reaches SSH and the API, and nothing else"):
            client.succeed(connect(NODE, 22))
            client.succeed(connect(NODE, 6443))
            for port in [10250, 2379, 7946, 9100]:
                client.fail(connect(NODE, port))
            client.fail(connect(pod, 8000))
            client.fail(connect("10.43.0.1", 443))

        with subtest("other networks reach nothing"):
            for port in [22, 6443, 10250]:
                stranger.fail(connect(NODE, port))
            stranger.fail(connect(pod, 8000))

        with subtest("pods reach the API, but not SSH"):
            server.succeed(inside + connect(NODE, 6443))
            server.succeed(inside + connect("10.43.0.1", 443))
            server.fail(inside + connect(NODE, 22))
            server.succeed(connect(pod, 8000))


    check()
    # k3s adds its own rules meanwhile, and a reload replaces those of NixOS.
    server.succeed("systemctl reload firewall")
    check()
    server.succeed("systemctl restart firewall")
    check()
  '';
}
