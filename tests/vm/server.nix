# A server starts once it has its tokens, and applies the manifests that install Flux.
{ common }:
{
  name = "homelab-server";

  nodes.server = common.node "gordito-cp";

  testScript = ''
    ${common.functions}

    start_all()
    server.wait_for_unit("multi-user.target")

    with subtest("k3s waits for the files with the tokens, and says so"):
        server.wait_until_succeeds(
            "journalctl --unit=k3s --grep='k3s-token is missing or empty'", timeout=60
        )
        server.fail("systemctl is-active k3s.service")
        server.fail("test -e /var/lib/rancher/k3s/server/db/state.db")

    with subtest("with them, it starts without a command"):
        start_server(server)
        wait_for_node(server, "gordito-cp")
        address = "{.status.addresses[?(@.type=='InternalIP')].address}"
        found = server.succeed(f"k3s kubectl get node gordito-cp --output=\"jsonpath={address}\"")
        assert found == "192.168.10.42", found

    with subtest("Secrets are encrypted in the datastore"):
        server.succeed("k3s kubectl create secret generic test --from-literal=key=planted-value")
        server.fail("grep --text planted-value /var/lib/rancher/k3s/server/db/state.db*")

    with subtest("the manifests of Flux are applied"):
        server.wait_until_succeeds(
            "k3s kubectl --namespace=kube-system get helmchart flux-operator", timeout=120
        )

    with subtest("pods run, and survive a restart of k3s"):
        run_pod(server, "test", "gordito-cp")
        started = "{.status.containerStatuses[0].state.running.startedAt}"
        command = f"k3s kubectl get pod test --output='jsonpath={started}'"
        before = server.succeed(command)
        server.succeed("systemctl restart k3s")
        server.wait_until_succeeds("k3s kubectl get --raw /readyz", timeout=120)
        wait_for_node(server, "gordito-cp")
        after = server.succeed(command)
        assert before == after, f"{before} {after}"
  '';
}
