# The flake checks of this repository's code. checks.json lists the input files and the command of each.
{ pkgs }:
let
  inherit (pkgs) lib;
  inherit (import ./listed.nix { inherit lib; }) commandOf sourceOf;
  rust = pkgs.callPackage ./rust.nix { };

  check =
    name: environment:
    pkgs.runCommand name environment ''
      cd ${sourceOf ../.. name}
      ${commandOf name}
      touch "$out"
    '';
in
{
  inherit (rust) clippy-finds-nothing;
}
// lib.mapAttrs check {
  nix-is-formatted.nativeBuildInputs = [ pkgs.nixfmt ];
  rust-is-formatted.nativeBuildInputs = [ pkgs.rustfmt ];
  scripts-pass-shellcheck.nativeBuildInputs = [ pkgs.shellcheck ];
  tests-pass.programs = rust.test-programs;
}
