//! The other files of a new lab.

use crate::File;
use crate::spec_file::SpecFile;

/// The files of a new lab that the user owns. Those that the spec generates are not among them.
pub fn files(spec: &SpecFile) -> Vec<File> {
    let fixed = [
        ("flake.nix", include_str!("files/flake.nix")),
        (".gitignore", include_str!("files/gitignore")),
        (".gitattributes", include_str!("files/gitattributes")),
        (".envrc", include_str!("files/envrc")),
        ("README.md", include_str!("files/README.md")),
        (".github/workflows/check.yml", include_str!("files/check.yml")),
        ("renovate.json", include_str!("files/renovate.json")),
        ("nix/modules/default.nix", include_str!("files/modules.nix")),
    ];
    let fixed = fixed.map(|(path, text)| File { path: path.to_owned(), text: text.to_owned() });
    let spec = File { path: crate::SPEC_NAME.to_owned(), text: spec.text.clone() };
    [spec].into_iter().chain(fixed).collect()
}
