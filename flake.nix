{
  description = "A homelab generated from one spec: NixOS nodes, k3s clusters and their Flux trees";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;

      eachSystem =
        perSystem:
        lib.genAttrs [
          "x86_64-linux"
          "aarch64-linux"
        ] (system: perSystem nixpkgs.legacyPackages.${system});

      generatorFor = pkgs: (pkgs.callPackage ./nix/flake/rust.nix { }).homelab;

      labLibrary = import ./nix/flake/lab.nix { inherit eachSystem generatorFor lib; };

      lab = labLibrary.mkLab { root = ./.; };
    in
    {
      # For other repositories: outputs for a lab with its own spec.
      lib = labLibrary;
      templates.default = {
        path = ./nix/template;
        description = "A homelab with its own spec";
      };

      # The nodes, one for each folder in nix/nodes.
      inherit (lab) nixosConfigurations;
      nixosModules = lab.nixosModules // {
        default = ./nix/modules;
      };

      # The generator, and the checks that every commit must pass.
      packages = eachSystem (pkgs: rec {
        default = homelab;
        homelab = generatorFor pkgs;
      });
      inherit (lab) apps;
      checks = eachSystem (
        pkgs:
        lab.checks.${pkgs.stdenv.hostPlatform.system} // import ./nix/flake/checks.nix { inherit pkgs; }
      );

      # For development.
      devShells = eachSystem (pkgs: {
        default = pkgs.callPackage ./nix/flake/dev-shell.nix { };
      });
      formatter = eachSystem (pkgs: pkgs.callPackage ./nix/flake/formatter.nix { });
    };
}
