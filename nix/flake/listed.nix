# Reads the entry of a check or build in checks.json.
#
# `files` are its input files. A folder includes all files below it or, with `suffix`, those with that
# suffix. `except` excludes files or folders, `extends` adds the files of another entry. `command` runs
# in a folder that contains these files.
#
# `tests/tools/run-check` reads the same list, so that a file missing from it fails without Nix too.
{ lib }:
let
  inherit (lib) fileset;
  listed = lib.importJSON ./checks.json;

  filesOf =
    root: name:
    let
      entry = listed.${name};
      at = path: fileset.maybeMissing (root + "/${path}");
      below =
        path:
        if entry ? suffix && lib.pathIsDirectory (root + "/${path}") then
          fileset.fileFilter (file: lib.hasSuffix entry.suffix file.name) (root + "/${path}")
        else
          at path;
      all = fileset.unions (map below entry.files);
      excepted = fileset.unions (map at (entry.except or [ ]));
      inherited = fileset.unions (map (filesOf root) (lib.toList (entry.extends or [ ])));
    in
    fileset.union inherited (fileset.difference all excepted);
in
{
  commandOf = name: listed.${name}.command;

  # The excluded paths, for tools with their own exclude list.
  exceptionsOf = name: listed.${name}.except or [ ];

  # The input files below `root`, at the same relative paths.
  sourceOf =
    root: name:
    fileset.toSource {
      inherit root;
      fileset = filesOf root name;
    };
}
