# Tests of nodes in virtual machines, which need KVM: k3s runs, without a network. CONTRIBUTING.md describes how to run them.
#
# The nodes are those of nix/nodes, with their modules and their k3s configuration. `common.nix` replaces what only a
# container on Proxmox VE has.
{ pkgs }:
let
  inherit (pkgs) lib;
  common = import ./common.nix { inherit pkgs; };
  test =
    file: arguments:
    pkgs.testers.runNixOSTest {
      imports = [ (import file ({ inherit common; } // arguments)) ];
      # A node sets its own platform.
      node.pkgsReadOnly = false;
    };
in
lib.mapAttrs (_: { file, ... }@arguments: test file (removeAttrs arguments [ "file" ])) {
  agent.file = ./agent.nix;
  backup = {
    file = ./backup.nix;
    datastore = "sqlite";
  };
  backup-etcd = {
    file = ./backup.nix;
    datastore = "etcd";
  };
  firewall.file = ./firewall.nix;
  secrets.file = ./secrets.nix;
  server.file = ./server.nix;
  shutdown.file = ./shutdown.nix;
}
