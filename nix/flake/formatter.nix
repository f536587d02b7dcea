# `nix fmt`: formats the files that the check `nix-is-formatted` covers.
{ lib, nixfmt-tree }:
let
  inherit (import ./listed.nix { inherit lib; }) exceptionsOf;
in
nixfmt-tree.override {
  settings.formatter.nixfmt.excludes = map (path: "${path}/*") (exceptionsOf "nix-is-formatted");
}
