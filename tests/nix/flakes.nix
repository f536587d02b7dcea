# Flakes without the command `nix`: calls the outputs of a flake with its inputs.
let
  path = <nixpkgs>;
  lib = import (path + "/lib");

  # Haskell programs have stand-ins: their package set alone takes longer to evaluate than all the rest.
  packagesFor =
    system:
    import path {
      inherit system;
      overlays = [
        (_: prev: {
          nixfmt = prev.nixfmt-rs;
          shellcheck = prev.nixfmt-rs // {
            inherit (prev.shellcheck) unwrapped;
          };
        })
      ];
    };
in
rec {
  inherit lib;

  nixpkgs = {
    outPath = toString path;
    lib = lib // {
      nixosSystem =
        arguments:
        import (path + "/nixos/lib/eval-config.nix") (
          {
            inherit lib;
            system = null;
          }
          // arguments
        );
    };
    legacyPackages = lib.genAttrs lib.systems.flakeExposed packagesFor;
  };

  # The flake in `folder`. `inputs` are all of its inputs but itself.
  call =
    folder: inputs:
    let
      flake = import (folder + "/flake.nix");
      self = flake.outputs (inputs // { inherit self; }) // {
        inherit inputs;
        outPath = folder;
      };
    in
    self;

  homelab = call ../.. { inherit nixpkgs; };
}
