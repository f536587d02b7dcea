# Everything that the work on generator, nodes and clusters needs.
{
  cargo,
  cargo-deny,
  cargo-insta,
  clippy,
  fluxcd,
  kubectl,
  kubernetes-helm,
  kustomize,
  mkShell,
  nixfmt,
  openssl,
  rustc,
  rustfmt,
  shellcheck,
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
  ];
}
