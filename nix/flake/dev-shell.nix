# The tools for working on the generator, the nodes and the clusters.
{
  age,
  cargo,
  cargo-deny,
  cargo-insta,
  clippy,
  dnsutils,
  etcd,
  fluxcd,
  go,
  kubectl,
  kubernetes,
  kubernetes-helm,
  kustomize,
  kwok,
  mkShell,
  nixfmt,
  openssl,
  python3,
  rustc,
  rustfmt,
  shellcheck,
  sops,
  yq-go,
}:
mkShell {
  packages = [
    # The generator
    cargo
    cargo-deny
    cargo-insta
    clippy
    rustc
    rustfmt

    # Secrets
    age
    sops

    # Nodes
    nixfmt
    openssl
    shellcheck

    # Clusters
    fluxcd
    kubectl
    kubernetes-helm
    kustomize
    yq-go

    # The tests, and the bench with a real API server
    dnsutils
    etcd
    go
    kubernetes
    kwok
    (python3.withPackages (packages: [ packages.pyyaml ]))
  ];
}
