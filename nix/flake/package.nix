# The generator. Only what goes into it is in its source, so that editing the spec or a document
# does not build it again.
{ lib, rustPlatform }:
let
  root = ../..;
in
rustPlatform.buildRustPackage {
  pname = "homelab";
  inherit ((lib.importTOML (root + "/Cargo.toml")).workspace.package) version;

  src = lib.fileset.toSource {
    inherit root;
    fileset = lib.fileset.unions [
      (root + "/Cargo.toml")
      (root + "/Cargo.lock")
      (root + "/generator")
    ];
  };
  cargoLock.lockFile = root + "/Cargo.lock";

  # The tests read the whole repository; they are a check of their own.
  doCheck = false;

  meta = {
    description = "Generates NixOS nodes, k3s configurations and Flux trees from one spec";
    license = lib.licenses.mit;
    mainProgram = "homelab";
    platforms = lib.platforms.linux;
  };
}
