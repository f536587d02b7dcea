# `nix fmt`: formats what the check `nix-is-formatted` looks at.
{ lib, nixfmt-tree }:
let
  inherit (import ./listed.nix { inherit lib; }) exceptionsOf;
in
nixfmt-tree.override {
  settings.formatter.nixfmt.excludes = map (path: "${path}/*") (exceptionsOf "nix-is-formatted");
}
