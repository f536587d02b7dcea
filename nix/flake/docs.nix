# Documentation as packages.
{
  generatorFor,
  nixpkgs,
  pkgs,
  ...
}:
let
  inherit (pkgs) lib;
  book = lib.fileset.toSource {
    root = ../../docs;
    fileset = ../../docs;
  };
in
{
  # The text of docs/options.md.
  option-docs = pkgs.writeText "options.md" (
    import ./option-docs.nix { inherit generatorFor nixpkgs; }
  );

  # The pages of docs as a book: `nix build .#docs`, then open result/index.html.
  docs = pkgs.runCommand "homelab-docs" { nativeBuildInputs = [ pkgs.mdbook ]; } ''
    mdbook build ${book} --dest-dir "$out"
  '';
}
