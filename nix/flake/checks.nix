# What holds for the code of this repository, one named promise each. What each of them sees and runs
# stands in checks.json.
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
