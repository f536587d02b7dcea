//! The files of a new lab. All but the spec are those of the flake template, in `nix/template`.

use crate::File;
use crate::spec_file::SpecFile;

/// Includes files of the flake template.
macro_rules! of_template {
    ($($path:literal),+ $(,)?) => {
        [$(($path, include_str!(concat!("../../../../nix/template/", $path)))),+]
    };
}

/// The files of a new lab that the user owns. Those that the spec generates are not among them.
pub fn files(spec: &SpecFile) -> Vec<File> {
    let fixed = of_template![
        "flake.nix",
        "README.md",
        ".gitignore",
        ".gitattributes",
        ".envrc",
        ".github/workflows/check.yml",
        "renovate.json",
        "nix/modules/default.nix",
    ];
    let fixed = fixed.map(|(path, text)| File { path: path.to_owned(), text: text.to_owned() });
    let spec = File { path: crate::SPEC_NAME.to_owned(), text: spec.text.clone() };
    [spec].into_iter().chain(fixed).collect()
}
