# Pods are stopped before a node shuts down: their processes can still write.
{ common }:
{
  name = "homelab-shutdown";

  nodes.server = common.node "gordito-cp";

  testScript = ''
    ${common.functions}

    start_all()
    start_server(server)
    wait_for_node(server, "gordito-cp")
    script = "finish() { sleep 2; date > /data/stopped; exit 0; }; trap finish TERM; while true; do sleep 0.2; done"
    run_pod(server, "slow", "gordito-cp", script)

    with subtest("stopping k3s leaves its pods alone"):
        server.succeed("systemctl stop k3s")
        server.succeed("sleep 5")
        server.fail("test -e /var/lib/test/stopped")
        server.succeed("systemctl start k3s")
        wait_for_node(server, "gordito-cp")

    with subtest("a shutdown stops them in order"):
        server.shutdown()
        server.start()
        server.wait_for_unit("multi-user.target")
        server.succeed("test -s /var/lib/test/stopped")
        server.succeed(
            "journalctl --boot=-1 --unit=homelab-stop-pods --grep='stopping 1 containers: apps and components'"
        )
        wait_for_node(server, "gordito-cp")
  '';
}
