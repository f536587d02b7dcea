# The NixOS modules of a node. A generated node imports this folder and sets `homelab.*`.
{
  imports = [
    ./options
    ./assertions.nix
    ./backup.nix
    ./base.nix
    ./bootstrap-manifests.nix
    ./bootstrap-secrets.nix
    ./firewall.nix
    ./folders.nix
    ./gpu.nix
    ./k3s.nix
    ./lxc.nix
    ./network.nix
    ./nfs.nix
    ./shutdown.nix
    ./sysctl.nix
    ./updates.nix
    ./vm.nix
  ];
}
