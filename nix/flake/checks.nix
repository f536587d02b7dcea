# The flake checks of this repository's code. checks.json lists the input files and the command of each.
{ pkgs, ... }@arguments:
let
  inherit (pkgs) lib;
  inherit (import ./docs.nix arguments) option-docs;
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

  option-docs-are-current = pkgs.runCommand "option-docs-are-current" { } ''
    if ! diff --unified ${../../docs/options.md} ${option-docs}; then
      echo 'docs/options.md is out of date: run `nix eval --raw .#option-docs.text >docs/options.md`' >&2
      exit 1
    fi
    touch "$out"
  '';
}
// lib.mapAttrs check {
  nix-is-formatted.nativeBuildInputs = [ pkgs.nixfmt ];
  rust-is-formatted.nativeBuildInputs = [ pkgs.rustfmt ];
  scripts-pass-shellcheck.nativeBuildInputs = [ pkgs.shellcheck ];
}
# The tests run the scripts of nodes.
// lib.optionalAttrs pkgs.stdenv.hostPlatform.isLinux {
  tests-pass = check "tests-pass" { programs = rust.test-programs; };
}
