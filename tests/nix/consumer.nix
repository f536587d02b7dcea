# Nodes of another repository, made from nix/template: by `mkLab`, and by their `nixosModules` alone, as users
# of an own `nixosSystem` import them.
let
  nixpkgs = <nixpkgs>;
  lib = import (nixpkgs + "/lib");
  nixosSystem =
    arguments: import (nixpkgs + "/nixos/lib/eval-config.nix") ({ system = null; } // arguments);
  inherit
    (import ../../nix/flake/lab.nix {
      eachSystem = _: { };
      generatorFor = _: null;
      lib = lib // {
        inherit nixosSystem;
      };
    })
    mkLab
    ;
  lab = mkLab {
    root = ../../consumer;
    modules = [ { environment.etc.ours.text = "here"; } ];
  };
  shown = system: {
    inherit (system.config.homelab.node) address;
    failedAssertions = map (failed: failed.message) (
      lib.filter (rule: !rule.assertion) system.config.assertions
    );
    etc = system.config.environment.etc.ours.text or "";
  };
in
{
  lab = lib.mapAttrs (_: shown) lab.nixosConfigurations;
  modules = lib.mapAttrs (
    _: node:
    shown (nixosSystem {
      modules = [ node ];
    })
  ) lab.nixosModules;
}
