# What holds for the code of this repository, one named promise each.
{ pkgs }:
let
  inherit (pkgs) lib;
  inherit (lib) fileset;
  root = ../..;
  generator = pkgs.callPackage ./package.nix { };

  rust = [
    (root + "/Cargo.toml")
    (root + "/Cargo.lock")
    (root + "/rustfmt.toml")
    (root + "/generator")
  ];

  sourceOf =
    files:
    fileset.toSource {
      inherit root;
      fileset = fileset.unions files;
    };

  # Runs cargo commands where the generator is built, instead of building it.
  cargoCheck =
    name:
    {
      src,
      command,
      tools ? [ ],
    }:
    generator.overrideAttrs (old: {
      inherit src name;
      nativeBuildInputs = old.nativeBuildInputs ++ tools;
      buildPhase = ''
        runHook preBuild
        ${command}
        runHook postBuild
      '';
      installPhase = ''touch "$out"'';
      dontFixup = true;
    });
in
{
  clippy-finds-nothing = cargoCheck "clippy-finds-nothing" {
    src = sourceOf rust;
    command = "cargo clippy --offline --workspace --all-targets -- -D warnings";
    tools = [ pkgs.clippy ];
  };

  tests-pass = cargoCheck "tests-pass" {
    src = sourceOf (
      rust
      ++ map (path: fileset.maybeMissing (root + "/${path}")) [
        ".gitattributes"
        "README.md"
        "docs/lab"
        "flake.nix"
        "k8s"
        "nix"
        "renovate.json"
        "spec"
        "tests"
      ]
    );
    command = "INSTA_UPDATE=no cargo test --offline --workspace";
  };

  rust-is-formatted =
    pkgs.runCommand "rust-is-formatted"
      {
        nativeBuildInputs = [ pkgs.rustfmt ];
        src = sourceOf rust;
      }
      ''
        cd "$src"
        find . -name '*.rs' -exec rustfmt --check --edition 2024 {} +
        touch "$out"
      '';

  nix-is-formatted =
    pkgs.runCommand "nix-is-formatted"
      {
        nativeBuildInputs = [ pkgs.nixfmt ];
        src = fileset.toSource {
          inherit root;
          fileset = fileset.unions [
            (root + "/flake.nix")
            (fileset.fileFilter (file: file.hasExt "nix") (root + "/nix"))
            (fileset.fileFilter (file: file.hasExt "nix") (root + "/tests"))
          ];
        };
      }
      ''
        find "$src" -name '*.nix' -exec nixfmt --check {} +
        touch "$out"
      '';

  scripts-pass-shellcheck =
    pkgs.runCommand "scripts-pass-shellcheck"
      {
        nativeBuildInputs = [ pkgs.shellcheck ];
        src = sourceOf [
          (root + "/nix/modules/bootstrap-secrets.sh")
          (root + "/nix/proxmox")
        ];
      }
      ''
        find "$src" -type f -exec shellcheck {} +
        touch "$out"
      '';
}
