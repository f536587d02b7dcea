# The system of each node in nix/nodes of each folder, for tests that compare them:
#
#     NIX_PATH=nixpkgs=... nix-instantiate --eval --strict --json tests/nix/systems.nix --arg folders '[ ./. ]'
#
# All of them share one package set, which makes it several times faster and no difference.
{ folders }:
let
  nixpkgs = <nixpkgs>;
  lib = import (nixpkgs + "/lib");
  pkgs = import nixpkgs { system = "x86_64-linux"; };

  evaluate =
    path:
    let
      inherit
        (import (nixpkgs + "/nixos/lib/eval-config.nix") {
          system = null;
          modules = [
            path
            { nixpkgs = { inherit pkgs; }; }
          ];
        })
        config
        ;
    in
    {
      system = config.system.build.toplevel.drvPath;
      # What a switch compares to decide whether to restart it.
      k3s = builtins.unsafeDiscardStringContext config.systemd.units."k3s.service".text;
    };
in
map (
  folder:
  lib.mapAttrs (name: _: evaluate (folder + "/nix/nodes/${name}")) (
    lib.filterAttrs (_: type: type == "directory") (builtins.readDir (folder + "/nix/nodes"))
  )
) folders
