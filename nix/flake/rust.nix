# Builds the generator's code. The dependencies are compiled separately, from the same manifests and
# empty sources: editing the generator does not recompile them, and editing the spec compiles nothing.
{
  cargo,
  clippy,
  installShellFiles,
  lib,
  rustPlatform,
  rustc,
  stdenv,
}:
let
  root = ../..;
  inherit (import ./listed.nix { inherit lib; }) commandOf sourceOf;
  inherit ((lib.importTOML (root + "/Cargo.toml")).workspace.package) version;
  vendored = rustPlatform.importCargoLock { lockFile = root + "/Cargo.lock"; };

  # All builds go through this function. Crates are read in place, from the store: Cargo considers a
  # build up to date only if their paths and modification times are unchanged.
  build =
    attributes:
    stdenv.mkDerivation (
      {
        inherit version;
        strictDeps = true;
        dontConfigure = true;
      }
      // attributes
      // {
        nativeBuildInputs = [
          cargo
          rustc
        ]
        ++ attributes.nativeBuildInputs or [ ];
        postPatch = ''
          export CARGO_HOME="$NIX_BUILD_TOP/cargo" CARGO_INCREMENTAL=0 CARGO_NET_OFFLINE=true
          mkdir "$CARGO_HOME"
          substitute ${vendored}/.cargo/config.toml "$CARGO_HOME/config.toml" \
            --replace-fail '"cargo-vendor-dir"' '"${vendored}"'
        ''
        + attributes.postPatch or "";
      }
    );

  # A `target` folder with everything that a command compiles except the generator itself.
  dependenciesOf =
    attributes:
    build (
      attributes
      // {
        pname = "${attributes.pname}-dependencies";
        src = lib.fileset.toSource {
          inherit root;
          fileset = lib.fileset.unions [
            (root + "/Cargo.lock")
            (root + "/Cargo.toml")
            (lib.fileset.fileFilter (file: file.name == "Cargo.toml") (root + "/generator"))
          ];
        };
        postPatch = ''
          for manifest in generator/Cargo.toml generator/crates/*/Cargo.toml; do
            mkdir "''${manifest%/*}/src"
            echo '//! A placeholder for a crate of the generator.' >"''${manifest%/*}/src/lib.rs"
          done
          mkdir generator/benches
          printf '%s\n' '//! A placeholder for a program.' 'fn main() {}' |
            tee generator/src/main.rs >generator/benches/generate.rs
        '';
        # Cargo must not mistake the build of the empty sources for the generator.
        installPhase = ''
          find target -path '*/.fingerprint/homelab-*' -type f -delete
          cp --recursive target "$out"
        '';
        dontFixup = true;
      }
    );

  # A build with precompiled dependencies.
  buildUpon =
    dependencies: attributes:
    build (
      attributes
      // {
        postPatch = ''
          cp --recursive --preserve=timestamps ${dependencies} target
          chmod --recursive u+w target
        '';
      }
    );

  release = {
    pname = "homelab";
    buildPhase = commandOf "package";
  };
  development = {
    pname = "homelab-development";
    nativeBuildInputs = [ clippy ];
    buildPhase = ''
      ${commandOf "clippy-finds-nothing"}
      cargo test --workspace --no-run
    '';
  };
  developmentDependencies = dependenciesOf development;
in
{
  homelab = buildUpon (dependenciesOf release) (
    release
    // {
      src = sourceOf root "package";
      nativeBuildInputs = [ installShellFiles ];
      installPhase = ''
        install -D target/release/homelab "$out/bin/homelab"
      ''
      + lib.optionalString (stdenv.buildPlatform.canExecute stdenv.hostPlatform) ''
        homelab=$out/bin/homelab
        "$homelab" man pages
        installManPage pages/*
        installShellCompletion --cmd homelab \
          --bash <("$homelab" completions bash) \
          --fish <("$homelab" completions fish) \
          --zsh <("$homelab" completions zsh)
      '';
      meta = {
        description = "Generates NixOS nodes, k3s configurations and Flux trees from one spec";
        license = lib.licenses.mit;
        mainProgram = "homelab";
        platforms = lib.platforms.linux ++ lib.platforms.darwin;
      };
    }
  );

  clippy-finds-nothing = buildUpon developmentDependencies {
    pname = "clippy-finds-nothing";
    src = sourceOf root "clippy-finds-nothing";
    nativeBuildInputs = [ clippy ];
    buildPhase = commandOf "clippy-finds-nothing";
    installPhase = ''touch "$out"'';
  };

  # The tests and the program that they run, built but not run.
  test-programs = buildUpon developmentDependencies {
    pname = "test-programs";
    src = sourceOf root "test-programs";
    buildPhase = ''
      programs=$out
      ${commandOf "test-programs"}
    '';
    dontInstall = true;
  };
}
