# The tests in virtual machines, for the tests that evaluate them:
#
#     NIX_PATH=nixpkgs=... nix-instantiate --eval --strict --json tests/nix/vm.nix --arg only '[ "server" ]'
{ only }:
let
  pkgs = import <nixpkgs> { system = "x86_64-linux"; };
  tests = import ../vm { inherit pkgs; };
in
pkgs.lib.mapAttrs (_: test: {
  driver = test.driver.drvPath;
  script = test.config.testScriptString;
  failedAssertions = pkgs.lib.concatMap (
    node: map (failed: failed.message) (pkgs.lib.filter (rule: !rule.assertion) node.assertions)
  ) (pkgs.lib.attrValues test.nodes);
}) (pkgs.lib.getAttrs only tests)
