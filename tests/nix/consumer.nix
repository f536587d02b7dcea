# What another repository gets from this flake: by its own flake (that of nix/template, in the folder `consumer`), by
# `mkLab` with every argument, and by the modules of its nodes alone.
{ consumer }:
let
  inherit (import ./flakes.nix)
    call
    homelab
    lib
    nixpkgs
    ;
  flake = call consumer { inherit homelab nixpkgs; };
  custom = homelab.lib.mkLab {
    root = consumer;
    modules = [
      (
        { greeting, ... }:
        {
          environment.etc.ours.text = greeting;
        }
      )
    ];
    specialArgs.greeting = "here";
    nixpkgs = lib.recursiveUpdate nixpkgs {
      lib.nixosSystem =
        arguments:
        nixpkgs.lib.nixosSystem (
          arguments // { modules = arguments.modules ++ [ { system.nixos.tags = [ "theirs" ]; } ]; }
        );
    };
    systems = [ "x86_64-linux" ];
    generatorFor = pkgs: pkgs.hello;
  };

  nodesOf = lib.mapAttrs (
    _: system: {
      inherit (system.config.homelab.node) address;
      inherit (system.config.system.nixos) tags;
      failedAssertions = map (failed: failed.message) (
        lib.filter (rule: !rule.assertion) system.config.assertions
      );
      etc = system.config.environment.etc.ours.text or "";
    }
  );

  # The names of derivations, which must evaluate.
  named =
    value:
    if lib.isDerivation value then
      builtins.seq value.drvPath value.name
    else if lib.isAttrs value then
      lib.mapAttrs (_: named) value
    else
      baseNameOf value;
  outputsOf =
    flake:
    named {
      inherit (flake)
        checks
        devShells
        formatter
        packages
        ;
      apps = lib.mapAttrs (_: lib.mapAttrs (_: app: app.program)) flake.apps;
    };
in
{
  nodes = {
    flake = nodesOf flake.nixosConfigurations;
    custom = nodesOf custom.nixosConfigurations;
    modules = nodesOf (
      lib.mapAttrs (_: node: nixpkgs.lib.nixosSystem { modules = [ node ]; }) flake.nixosModules
    );
  };
  outputs = {
    flake = outputsOf flake;
    custom = outputsOf custom;
    # The repository of the generator. It documents its options, and develops the generator.
    homelab = outputsOf homelab;
  };
  shell = map (input: lib.getName input) (
    lib.filter lib.isDerivation flake.devShells.aarch64-darwin.default.nativeBuildInputs
  );
}
