# From a repository with a spec and what was generated from it to the outputs of its flake.
{
  eachSystem,
  generatorFor,
  lib,
}:
let
  defaultGeneratorFor = generatorFor;
  inherit (import ./listed.nix { inherit lib; }) commandOf sourceOf;

  # A node is a folder of nix/nodes.
  nodesIn =
    root:
    let
      folder = root + "/nix/nodes";
      entries = lib.optionalAttrs (lib.pathExists folder) (builtins.readDir folder);
    in
    lib.mapAttrs (name: _: folder + "/${name}") (
      lib.filterAttrs (_: type: type == "directory") entries
    );
in
rec {
  /**
    A check that the generated files of the repository at `root` (a path) are what its spec says.
    `generator` is the package whose program `homelab` generates them.
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
    The flake outputs of a lab whose repository is at `root` (a path): `nixosConfigurations` and
    `nixosModules` for each node, and for each system `apps` to generate and `checks` that prove
    the committed files current. `modules` are added to every node; `generatorFor` maps a package
    set to another generator.

    Nodes import `nix/modules` of their own repository. There, `homelabModules` is a module argument
    that names the modules of this one.
  */
  mkLab =
    {
      root,
      modules ? [ ],
      generatorFor ? defaultGeneratorFor,
    }:
    {
      nixosModules = nodesIn root;

      nixosConfigurations = lib.mapAttrs (
        _: node:
        lib.nixosSystem {
          modules = [ node ] ++ modules;
          specialArgs.homelabModules = ../modules;
        }
      ) (nodesIn root);

      apps = eachSystem (
        pkgs:
        let
          homelab = lib.getExe (generatorFor pkgs);
        in
        {
          default = {
            type = "app";
            program = homelab;
            meta.description = "Run the generator's command line";
          };
          generate = {
            type = "app";
            program = "${pkgs.writeShellScript "homelab-generate" ''exec ${homelab} generate "$@"''}";
            meta.description = "Write what follows from the spec of the repository one stands in";
          };
        }
      );

      checks = eachSystem (pkgs: {
        generated-files-match-the-spec = mkGeneratedCheck {
          inherit pkgs root;
          generator = generatorFor pkgs;
        };
      });
    };
}
