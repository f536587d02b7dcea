# The backup of a server to an NFS server, and its restore after the server was lost.
{ common, datastore }:
{
  name = "homelab-backup-${datastore}";

  nodes = {
    server =
      { lib, ... }:
      {
        imports = [ (common.node "gordito-cp") ];
        homelab.backup = {
          nfs = "192.168.10.20:/volume1/backups";
          repository = lib.mkForce "k3s/gordito";
        };
        environment.etc = lib.mkIf (datastore == "etcd") {
          "rancher/k3s/config.yaml.d/datastore.yaml".text = ''
            cluster-init: true
          '';
        };
      };

    nas = {
      imports = [ (common.lan "192.168.10.20") ];
      networking.firewall.allowedTCPPorts = [ 2049 ];
      services.nfs.server = {
        enable = true;
        exports = "/volume1/backups 192.168.10.0/24(rw,no_root_squash,no_subtree_check)";
      };
      systemd.tmpfiles.rules = [ "d /volume1/backups 0700 root root" ];
    };
  };

  testScript = ''
    ${common.functions}

    DATA = "/var/lib/rancher/k3s"

    start_all()
    nas.wait_for_unit("nfs-server.service")
    start_server(server)
    wait_for_node(server, "gordito-cp")
    put(server, "flux-git/identity", "planted-key")

    with subtest("without the password of the repository, the backup fails and says why"):
        server.fail("systemctl start homelab-backup")
        server.succeed("journalctl --unit=homelab-backup --grep='repository-password is missing or empty'")
        server.succeed("grep 'last_run_failed.* 1' /var/lib/homelab/metrics/backup.prom")

    with subtest("with it, the server is backed up"):
        put(server, "backup/repository-password", "planted-password")
        server.succeed("k3s kubectl create configmap before --from-literal=key=value")
        server.succeed("k3s kubectl create secret generic before --from-literal=key=value")
        server.succeed("systemctl start homelab-backup")
        server.succeed("grep 'last_run_failed.* 0' /var/lib/homelab/metrics/backup.prom")
        snapshots = server.succeed("homelab-restore-server --json")
        assert '"gordito-cp"' in snapshots, snapshots
        nas.fail("grep --recursive planted /volume1/backups")

    server.succeed("k3s kubectl create configmap after --from-literal=key=value")
    certificate = server.succeed(f"sha256sum {DATA}/server/tls/server-ca.crt")
    password = server.succeed("sha256sum /etc/rancher/node/password")

    with subtest("a server that runs is not replaced"):
        server.fail("homelab-restore-server latest")
        server.fail("homelab-restore-server --replace latest")
        server.fail("homelab-restore-server --hold")

    with subtest("the server is lost"):
        server.succeed(
            "systemctl stop k3s; k3s-killall.sh",
            f"rm -rf {DATA} /etc/rancher/node {SECRETS}/k3s-token {SECRETS}/k3s-agent-token {SECRETS}/flux-git/identity",
        )

    with subtest("it does not start with an empty datastore, whatever token it gets"):
        server.succeed("homelab-restore-server --hold")
        put(server, "k3s-token", "another-token")
        put(server, "k3s-agent-token", "another-token-of-agents")
        server.fail("systemctl start k3s")
        server.succeed("journalctl --unit=k3s --grep='waits for a snapshot'")
        server.succeed("systemctl stop k3s")
        server.fail(f"test -e {DATA}/server/db/state.db -o -e {DATA}/server/db/etcd")

    with subtest("the snapshot is restored"):
        server.succeed("homelab-restore-server latest >&2", timeout=600)
        server.succeed("systemctl start k3s")
        server.wait_until_succeeds("k3s kubectl get --raw /readyz", timeout=300)
        wait_for_node(server, "gordito-cp")
        server.succeed("k3s kubectl get configmap before", "k3s kubectl get secret before")
        server.fail("k3s kubectl get configmap after")
        server.succeed(f"grep token-of-servers {SECRETS}/k3s-token", f"grep planted-key {SECRETS}/flux-git/identity")
        found = server.succeed(f"sha256sum {DATA}/server/tls/server-ca.crt")
        assert found == certificate, found
        found = server.succeed("sha256sum /etc/rancher/node/password")
        assert found == password, found

    with subtest("it is backed up again"):
        server.succeed("systemctl start homelab-backup")
  '';
}
