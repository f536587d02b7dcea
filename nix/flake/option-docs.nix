# The text of docs/options.md: every option of nix/modules and of the flake-parts module, as the module
# system knows them.
{ generatorFor, nixpkgs }:
let
  inherit (nixpkgs) lib;

  optionsOf =
    module:
    let
      inherit (lib.evalModules { modules = [ module ]; }) options;
      isOurs = option: lib.hasPrefix "homelab." option.name && option.visible && !option.internal;
    in
    lib.filter isOurs (lib.optionAttrSetToDocList options);

  # References of NixOS' documentation to options and files become code.
  plain =
    text:
    lib.replaceStrings [ "{option}`" "{file}`" ] [ "`" "`" ] (
      lib.trim (text.text or (if lib.isString text then text else throw "not a text"))
    );

  # A value, as it is written in a module: on one line if it is short.
  valueOf =
    value:
    let
      words = lib.filter (word: word != "" && lib.isString word) (
        builtins.split "[[:space:]]+" value.text
      );
      line = toString words;
    in
    if value._type or null == "literalMD" then
      " ${plain value}"
    else if lib.stringLength line <= 60 then
      " `${line}`"
    else
      "\n\n  ```nix\n  ${lib.replaceStrings [ "\n" ] [ "\n  " ] value.text}\n  ```";

  entryOf = option: ''
    ### `${option.name}`

    ${plain option.description}

    - Type: ${option.type}
    ${if option ? default then "- Default:${valueOf option.default}" else "- Required"}${
      lib.optionalString (option ? example) "\n- Example:${valueOf option.example}"
    }
  '';

  # `homelab.node` of `homelab.node.address`.
  groupOf = option: lib.concatStringsSep "." (lib.take 2 (lib.splitString "." option.name));

  entriesOf = options: lib.concatMapStringsSep "\n" entryOf options;

  modules = lib.groupBy groupOf (optionsOf ../modules/options);
in
''
  # Options

  <!-- Made from the options themselves: `nix eval --raw .#option-docs.text >docs/options.md` -->

  Generated nodes set the options of the NixOS modules. A module of yours can read them, and override them with
  `lib.mkForce`. What they do is in `nix/modules`.
''
+ lib.concatStrings (
  lib.mapAttrsToList (group: options: ''

    ## NixOS: `${group}`

    ${entriesOf options}'') modules
)
+ ''

  ## flake-parts: `homelab`

  Options of `flakeModules.default`, and arguments of `lib.mkLab`, which also has `systems`.

  ${entriesOf (optionsOf (import ./flake-options.nix { inherit generatorFor nixpkgs; }))}''
