# The tools for working on a lab: its spec, its nodes, its clusters and its secrets.
{
  age,
  fluxcd,
  homelab,
  kubectl,
  mkShellNoCC,
  nixos-rebuild-ng,
  openssl,
  sops,
}:
mkShellNoCC {
  packages = [
    age
    fluxcd
    homelab
    kubectl
    nixos-rebuild-ng
    openssl
    sops
  ];
}
