{
  description = "My homelab";

  inputs.homelab.url = "github:example/homelab";
  inputs.nixpkgs.follows = "homelab/nixpkgs";

  outputs = { homelab, ... }: homelab.lib.mkLab { root = ./.; };
}
