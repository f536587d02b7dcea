# The options of the flake-parts module, which are the arguments of `mkLab`.
{ generatorFor, nixpkgs }:
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.homelab = {
    root = mkOption {
      type = types.path;
      description = "Folder of the repository, with {file}`spec/homelab.yaml` and the generated files.";
      example = lib.literalExpression "./.";
    };

    modules = mkOption {
      type = types.listOf types.deferredModule;
      default = [ ];
      description = "NixOS modules that are added to every node.";
      example = lib.literalExpression "[ inputs.sops-nix.nixosModules.sops ]";
    };

    specialArgs = mkOption {
      type = types.lazyAttrsOf types.raw;
      default = { };
      description = "Arguments of the modules of every node, besides those of NixOS.";
      example = lib.literalExpression "{ inherit inputs; }";
    };

    nixpkgs = mkOption {
      type = types.raw;
      default = nixpkgs;
      defaultText = lib.literalMD "the `nixpkgs` that the homelab flake locks";
      description = "Flake that nodes, packages and tools come from.";
      example = lib.literalExpression "inputs.nixpkgs";
    };

    generatorFor = mkOption {
      type = types.functionTo types.package;
      default = generatorFor;
      defaultText = lib.literalMD "the generator of the homelab flake";
      description = "Function from a package set to the package that provides the program `homelab`.";
      example = lib.literalExpression "pkgs: pkgs.homelab";
    };
  };
}
