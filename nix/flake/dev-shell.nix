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
  jq,
  kubectl,
  kubernetes,
  kubernetes-helm,
  kustomize,
  kwok,
  lib,
  mdbook,
  mkShell,
  netcat,
  nixfmt,
  openssl,
  python3,
  restic,
  rustc,
  rustfmt,
  shellcheck,
  sops,
  sqlite,
  stdenv,
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
    netcat
    nixfmt
    openssl
    shellcheck

    # Clusters
    fluxcd
    kubectl
    kubernetes-helm
    kustomize
    yq-go

    # Documentation
    mdbook

    # The tests
    dnsutils
    go
    jq
    (python3.withPackages (packages: [ packages.pyyaml ]))
    restic
    sqlite
  ]
  # The bench with a real API server
  ++ lib.optionals stdenv.hostPlatform.isLinux [
    etcd
    kubernetes
    kwok
  ];
}
