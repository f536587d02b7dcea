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
      # For other repositories: a lab from a spec of their own.
      lib = labLibrary;
      templates.default = {
        path = ./nix/template;
        description = "A homelab with a spec of its own";
      };

      # The nodes, one for each folder of nix/nodes.
      inherit (lab) nixosConfigurations;
      nixosModules = lab.nixosModules // {
        default = ./nix/modules;
      };

      # The generator, and the promises that hold for each commit.
      packages = eachSystem (pkgs: rec {
        default = homelab;
        homelab = generatorFor pkgs;
      });
      inherit (lab) apps;
      checks = eachSystem (
        pkgs:
        lab.checks.${pkgs.stdenv.hostPlatform.system} // import ./nix/flake/checks.nix { inherit pkgs; }
      );

      # For people who work on it.
      devShells = eachSystem (pkgs: {
        default = pkgs.callPackage ./nix/flake/dev-shell.nix { };
      });
      formatter = eachSystem (pkgs: pkgs.callPackage ./nix/flake/formatter.nix { });
    };
}
