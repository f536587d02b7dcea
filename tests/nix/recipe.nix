# A flake of docs/reuse.md or docs/deploy.md, which is in the folder `recipe` with the lab of nix/template, and what it
# comes to. `libraries` is a folder with the repositories of the flakes that it uses, or null.
{ libraries, recipe }:
let
  inherit (import ./flakes.nix)
    call
    homelab
    lib
    nixpkgs
    ;
  library = name: call (libraries + "/${name}");

  known = {
    inherit homelab nixpkgs;
    lab = homelab.lib.mkLab { root = recipe; };
    colmena = library "colmena" {
      inherit nixpkgs;
      inherit (known) flake-utils;
      nix-github-actions = { };
      stable = nixpkgs;
    };
    comin = library "comin" {
      inherit nixpkgs;
      flake-compat = { };
      treefmt-nix = { };
    };
    deploy-rs = library "deploy-rs" {
      inherit nixpkgs;
      utils = known.flake-utils;
    };
    flake-parts = library "flake-parts" { nixpkgs-lib = nixpkgs; };
    flake-utils = {
      lib = import (libraries + "/flake-utils/lib.nix") { };
    };
  };
  inputs = lib.mapAttrs (name: _: known.${name}) (import (recipe + "/flake.nix")).inputs;
  flake = call recipe inputs;

  drvPath =
    value: if lib.hasSuffix ".drv" value.drvPath then value.name else throw "not a derivation";
  nodeOf = system: {
    inherit (system.config.homelab.node) address;
    inherit (system.config) warnings;
    failedAssertions = map (failed: failed.message) (
      lib.filter (rule: !rule.assertion) system.config.assertions
    );
    system = drvPath system.config.system.build.toplevel;
    services = lib.attrNames (
      lib.filterAttrs (name: _: name == "comin") system.config.systemd.services
    );
  };

  # Outputs that `mkLab` gives too, as derivations and nothing else.
  derivationsOf =
    outputs:
    let
      found = {
        inherit (outputs)
          checks
          devShells
          formatter
          packages
          ;
        apps = lib.mapAttrs (_: lib.mapAttrs (_: app: app.program)) outputs.apps;
        nodes = lib.mapAttrs (
          _: node: node.config.system.build.toplevel.drvPath
        ) outputs.nixosConfigurations;
        modules = lib.attrNames outputs.nixosModules;
      };
      paths =
        value:
        if lib.isDerivation value then
          value.drvPath
        else if lib.isAttrs value then
          lib.mapAttrs (_: paths) value
        else
          value;
    in
    builtins.unsafeDiscardStringContext (builtins.toJSON (paths found));
in
{
  nodes = lib.mapAttrs (_: nodeOf) flake.nixosConfigurations;
}
// lib.optionalAttrs (inputs ? flake-parts) {
  # flake-parts wraps modules.
  modules = lib.mapAttrs (
    _: node: nodeOf (nixpkgs.lib.nixosSystem { modules = [ node ]; })
  ) flake.nixosModules;
  isAsMkLab = derivationsOf flake == derivationsOf (homelab.lib.mkLab { root = recipe; });
}
// lib.optionalAttrs (flake ? colmenaHive) {
  colmena = lib.mapAttrs (name: node: {
    inherit (flake.colmenaHive.deploymentConfig.${name}) tags targetHost targetUser;
    node = nodeOf node;
  }) flake.colmenaHive.nodes;
}
// lib.optionalAttrs (flake ? deploy) {
  deploy = lib.mapAttrs (_: node: {
    inherit (node) hostname sshUser;
    profiles = lib.mapAttrs (_: profile: drvPath profile.path) node.profiles;
  }) flake.deploy.nodes;
  checks = lib.mapAttrs (_: drvPath) flake.checks.x86_64-linux;
}
