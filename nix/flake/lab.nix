# Flake outputs for a repository with a spec and its generated files.
#
# `nixpkgs` is the flake, `systems` are those that the generator and its tools run on. `generatorFor` maps a
# package set to the package that provides the program `homelab`.
{
  generatorFor,
  nixpkgs,
  systems,
}:
let
  defaults = { inherit generatorFor nixpkgs systems; };
  inherit (nixpkgs) lib;
  inherit (import ./listed.nix { inherit lib; }) commandOf sourceOf;

  # Each folder in nix/nodes is a node.
  nodesIn =
    root:
    let
      folder = root + "/nix/nodes";
      entries = lib.optionalAttrs (lib.pathExists folder) (builtins.readDir folder);
    in
    lib.mapAttrs (name: _: folder + "/${name}") (
      lib.filterAttrs (_: type: type == "directory") entries
    );

  # A node, with the modules that define its options. The module system imports each file once, so the
  # repository's nix/modules may be the same folder.
  moduleOf = node: {
    _file = "${toString node}/default.nix";
    imports = [
      ../modules
      node
    ];
  };
in
rec {
  /**
    A check that the generated files of the repository at `root` (a path) match its spec.
    `generator` is the package that provides the program `homelab`.
  */
  mkGeneratedCheck =
    {
      pkgs,
      generator,
      root,
    }:
    pkgs.runCommand "generated-files-match-the-spec" { nativeBuildInputs = [ generator ]; } ''
      cd ${sourceOf root "generated-files-match-the-spec"}
      ${commandOf "generated-files-match-the-spec"}
      touch "$out"
    '';

  /**
    The flake outputs of a lab whose repository is at `root` (a path):

    - `nixosConfigurations` and `nixosModules`, for each node
    - `packages`: `homelab`, the program, also as `default`
    - `apps`: `default` runs `homelab`, `generate` writes the generated files
    - `checks`: whether the committed files match the spec
    - `devShells`: `homelab` and the programs that its documentation uses
    - `formatter`: formats Nix files

    `modules` are added to every node, and `specialArgs` to the arguments of its modules. `nixpkgs` is the
    flake that nodes, packages and tools come from. `systems` are those of all outputs but the nodes, which
    are Linux. `generatorFor` maps a package set to a different generator.

    A module in `nixosModules` is a complete node: it can be imported by any NixOS configuration, also
    without `mkLab`. It consists of the node's folder, which imports `nix/modules` of its own repository,
    and of the modules in this repository. `modules` and `specialArgs` are not part of it.
  */
  mkLab =
    {
      root,
      modules ? [ ],
      specialArgs ? { },
      nixpkgs ? defaults.nixpkgs,
      systems ? defaults.systems,
      generatorFor ? defaults.generatorFor,
    }:
    let
      eachSystem = perSystem: lib.genAttrs systems (system: perSystem nixpkgs.legacyPackages.${system});
    in
    {
      nixosModules = lib.mapAttrs (_: moduleOf) (nodesIn root);

      nixosConfigurations = lib.mapAttrs (
        _: node:
        nixpkgs.lib.nixosSystem {
          modules = [ (moduleOf node) ] ++ modules;
          # `homelabModules` is for repositories whose nix/modules still imports it.
          specialArgs = {
            homelabModules = ../modules;
          }
          // specialArgs;
        }
      ) (nodesIn root);

      packages = eachSystem (pkgs: rec {
        default = homelab;
        homelab = generatorFor pkgs;
      });

      apps = eachSystem (
        pkgs:
        let
          homelab = lib.getExe (generatorFor pkgs);
        in
        {
          default = {
            type = "app";
            program = homelab;
            meta.description = "Run homelab";
          };
          generate = {
            type = "app";
            program = "${pkgs.writeShellScript "homelab-generate" ''exec ${homelab} generate "$@"''}";
            meta.description = "Generate the files of the repository in the current directory";
          };
        }
      );

      checks = eachSystem (pkgs: {
        generated-files-match-the-spec = mkGeneratedCheck {
          inherit pkgs root;
          generator = generatorFor pkgs;
        };
      });

      devShells = eachSystem (pkgs: {
        default = pkgs.callPackage ./lab-shell.nix { homelab = generatorFor pkgs; };
      });

      formatter = eachSystem (pkgs: pkgs.nixfmt-tree);
    };
}
