# The top level of a k3s configuration file. Nix has no YAML parser; this reads keys that start their line,
# as in the generated files. Returns null if reading the file would require a build.
{ lib }:
file:
let
  lines = lib.splitString "\n" (lib.readFile file);

  needsBuild = lib.any (context: context ? outputs) (
    lib.attrValues (builtins.getContext (toString file))
  );

  # [ KEY "+" or null, VALUE or null ], or null for other lines.
  entries = lib.filter (entry: entry != null) (
    lib.imap0 (
      at: line:
      let
        found = builtins.match "([a-z0-9-]+)([+]?):( +([^ #].*))?" line;
        next = if at + 1 < lib.length lines then lib.elemAt lines (at + 1) else "";
        value = lib.elemAt found 3;
      in
      if found == null then
        null
      else
        {
          name = lib.elemAt found 0;
          isList = if value == null then builtins.match " *- .*" next != null else lib.hasPrefix "[" value;
          text = if value == null then null else unquoted value;
        }
    ) lines
  );

  unquoted =
    value:
    let
      inner = builtins.match "\"([^\"]*)\".*|'([^']*)'.*|([^ ]+)( .*)?" value;
    in
    if inner == null then value else lib.findFirst (text: text != null) "" inner;
in
if !needsBuild then
  {
    # The keys whose values are lists.
    lists = map (entry: entry.name) (lib.filter (entry: entry.isList) entries);

    # The text of a key, or null.
    text =
      name:
      let
        entry = lib.findFirst (entry: entry.name == name && !entry.isList) null entries;
      in
      if entry == null then null else entry.text;
  }
else
  null
