# Next: describe your lab in spec/homelab.yaml, then run `nix run .#generate`. A flake only sees files
# that Git tracks: `git add` new files first.
{
  description = "My homelab";

  inputs = {
    homelab.url = "github:example/homelab";
    nixpkgs.follows = "homelab/nixpkgs";
  };

  outputs = { homelab, ... }: homelab.lib.mkLab { root = ./.; };
}
