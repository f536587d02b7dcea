{
  imports = [
    ./bootstrap.nix
    ./k3s.nix
    ./node.nix
  ];
}
