# Secrets are created from files on the disk of a server, as soon as these exist.
{ common }:
{
  name = "homelab-secrets";

  nodes.server = common.node "gordito-cp";

  testScript = ''
    ${common.functions}

    start_all()
    start_server(server)

    with subtest("the folders exist, for root alone"):
        for folder in ["", "/flux-git", "/flux-images", "/infisical", "/backup"]:
            found = server.succeed(f"stat --format='%a %U' {SECRETS}{folder}").strip()
            assert found == "700 root", f"{folder}: {found}"

    with subtest("missing files are named"):
        server.wait_until_succeeds(
            "journalctl --unit=homelab-bootstrap-secrets --grep='infisical/client-id is missing or empty'", timeout=120
        )
        server.fail("k3s kubectl --namespace=external-secrets get secret infisical-universal-auth")

    with subtest("once they exist, the Secrets do too"):
        put(server, "infisical/client-id", "planted-id")
        put(server, "infisical/client-secret", "planted-secret")
        server.wait_until_succeeds(
            "k3s kubectl --namespace=external-secrets get secret infisical-universal-auth", timeout=120
        )
        value = "k3s kubectl --namespace=external-secrets get secret infisical-universal-auth"
        found = server.succeed(f"{value} --output='jsonpath={{.data.clientSecret}}' | base64 --decode")
        assert found == "planted-secret", repr(found)
        found = server.succeed(f"stat --format=%a {SECRETS}/infisical/client-secret").strip()
        assert found == "600", found

    with subtest("a changed file changes its Secret"):
        put(server, "infisical/client-secret", "another-secret")
        server.wait_until_succeeds(
            f"test \"$({value} --output='jsonpath={{.data.clientSecret}}' | base64 --decode)\" = another-secret",
            timeout=120,
        )

    with subtest("no value is left behind, in a log or in a command line"):
        server.fail("ls /run/homelab-bootstrap-secrets/*")
        server.fail("journalctl --boot --output=cat | grep -e planted-secret -e another-secret | grep -v -e printf")
  '';
}
