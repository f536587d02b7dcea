# An agent joins its cluster with a token that is put on its disk late. Created again, it is refused until its old password
# is deleted, as docs/recovery.md says.
{ common }:
{
  name = "homelab-agent";

  nodes = {
    server = common.node "gordito-cp";
    agent = common.node "gordito-worker";
  };

  testScript = ''
    ${common.functions}

    start_all()
    start_server(server)
    wait_for_node(server, "gordito-cp")

    with subtest("without a token, it waits"):
        agent.wait_for_unit("multi-user.target")
        agent.wait_until_succeeds(
            "journalctl --unit=k3s --grep='k3s-agent-token is missing or empty'", timeout=60
        )
        server.fail("k3s kubectl get node gordito-worker")

    with subtest("with the token of agents, it joins"):
        put(agent, "k3s-agent-token", "token-of-agents")
        wait_for_node(server, "gordito-worker")
        run_pod(server, "test", "gordito-worker")
        agent.fail("test -e /var/lib/homelab/secrets/k3s-token")

    with subtest("an agent that was created again is rejected until its old node is deleted"):
        agent.succeed("systemctl stop k3s; k3s-killall.sh; rm -r /etc/rancher/node /var/lib/rancher/k3s/agent")
        agent.succeed("systemctl start k3s --no-block")
        agent.wait_until_succeeds("journalctl --unit=k3s --grep='Node password rejected'", timeout=120)
        server.succeed("k3s kubectl delete node gordito-worker --timeout=60s")
        server.succeed(
            "k3s kubectl --namespace=kube-system delete secret gordito-worker.node-password.k3s --ignore-not-found"
        )
        wait_for_node(server, "gordito-worker")
  '';
}
