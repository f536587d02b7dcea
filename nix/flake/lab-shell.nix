# The tools for working on a lab: its spec, its nodes, its clusters and its secrets.
{
  age,
  dnsutils,
  fluxcd,
  homelab,
  kubectl,
  mkShellNoCC,
  netcat,
  nixos-rebuild-ng,
  openssl,
  sops,
}:
mkShellNoCC {
  packages = [
    age
    dnsutils
    fluxcd
    homelab
    kubectl
    netcat
    nixos-rebuild-ng
    openssl
    sops
  ];
}
