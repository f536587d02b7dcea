{
  description = "A homelab generated from one spec: NixOS nodes, k3s clusters and their Flux trees";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  outputs =
    { nixpkgs, ... }:
    let
      inherit (nixpkgs) lib;

      # The generator and its tools run on these; nodes are Linux.
      systems = [
        "aarch64-darwin"
        "aarch64-linux"
        "x86_64-linux"
      ];
      eachSystem = perSystem: lib.genAttrs systems (system: perSystem nixpkgs.legacyPackages.${system});

      defaults = {
        inherit nixpkgs systems;
        generatorFor = pkgs: (pkgs.callPackage ./nix/flake/rust.nix { }).homelab;
      };
      labLibrary = import ./nix/flake/lab.nix defaults;
      lab = labLibrary.mkLab { root = ./.; };
    in
    {
      # For other repositories: outputs for a lab with its own spec.
      lib = labLibrary;
      flakeModules.default = import ./nix/flake/flake-module.nix (defaults // labLibrary);
      templates.default = {
        path = ./nix/template;
        description = "A homelab with its own spec";
        welcomeText = builtins.readFile ./nix/flake/welcome.md;
      };

      # The nodes, one for each folder in nix/nodes.
      inherit (lab) nixosConfigurations;
      nixosModules = lab.nixosModules // {
        default = ./nix/modules;
      };

      # The generator, and the checks that every commit must pass.
      packages = eachSystem (
        pkgs:
        lab.packages.${pkgs.stdenv.hostPlatform.system}
        // import ./nix/flake/docs.nix (defaults // { inherit pkgs; })
      );
      inherit (lab) apps;
      checks = eachSystem (
        pkgs:
        lab.checks.${pkgs.stdenv.hostPlatform.system}
        // import ./nix/flake/checks.nix (defaults // { inherit pkgs; })
      );

      # Nodes in virtual machines, which need KVM: `nix build .#nixosTests.server`. `nix flake check` skips them.
      legacyPackages.x86_64-linux.nixosTests = import ./tests/vm {
        pkgs = nixpkgs.legacyPackages.x86_64-linux;
      };

      # For development.
      devShells = eachSystem (pkgs: {
        default = pkgs.callPackage ./nix/flake/dev-shell.nix { };
      });
      formatter = eachSystem (pkgs: pkgs.callPackage ./nix/flake/formatter.nix { });
    };
}
