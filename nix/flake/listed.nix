# What checks.json says of a check or build, by its name.
#
# `files` are those that it sees. A folder stands for all files below it or, with `suffix`, for those
# whose names end so. `except` takes files or folders away, `extends` adds the files of another entry.
# `command` runs in the folder with these files.
#
# `tests/tools/run-check` reads the same list, so that a file that is missing from it breaks the
# tests, and not only the build of somebody's flake.
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

  # Paths that are left out, for tools that have such a list of their own.
  exceptionsOf = name: listed.${name}.except or [ ];

  # The files below `root`, where they stand there.
  sourceOf =
    root: name:
    fileset.toSource {
      inherit root;
      fileset = filesOf root name;
    };
}
