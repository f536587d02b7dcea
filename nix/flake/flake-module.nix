# A module of flake-parts: the outputs of `mkLab`, from options below `homelab`.
{
  generatorFor,
  mkLab,
  nixpkgs,
  systems,
  ...
}:
{
  _file = ./flake-module.nix;
  key = ./flake-module.nix;

  imports = [
    (import ./flake-options.nix { inherit generatorFor nixpkgs; })
    (
      { config, lib, ... }:
      let
        lab = mkLab (config.homelab // { inherit (config) systems; });
      in
      {
        systems = lib.mkDefault systems;
        flake = { inherit (lab) nixosConfigurations nixosModules; };
        perSystem =
          { system, ... }:
          {
            apps = lib.mapAttrs (_: lib.mkDefault) lab.apps.${system};
            checks = lab.checks.${system};
            devShells = lib.mapAttrs (_: lib.mkDefault) lab.devShells.${system};
            formatter = lib.mkDefault lab.formatter.${system};
            packages = lib.mapAttrs (_: lib.mkDefault) lab.packages.${system};
          };
      }
    )
  ];
}
