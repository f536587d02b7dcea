{
  imports = [
    ./backup.nix
    ./bootstrap.nix
    ./k3s.nix
    ./node.nix
    ./updates.nix
  ];
}
