# Next: put your lab into spec/homelab.yaml; `nix run .#generate` writes what follows from it. Files
# that Git does not know do not exist for a flake: `git add` them first.
{
  description = "My homelab";

  inputs = {
    homelab.url = "github:example/homelab";
    nixpkgs.follows = "homelab/nixpkgs";
  };

  outputs = { homelab, ... }: homelab.lib.mkLab { root = ./.; };
}
