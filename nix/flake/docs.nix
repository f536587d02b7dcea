# Documentation as packages.
{
  generatorFor,
  nixpkgs,
  pkgs,
  ...
}:
{
  # The text of docs/options.md.
  option-docs = pkgs.writeText "options.md" (
    import ./option-docs.nix { inherit generatorFor nixpkgs; }
  );
}
