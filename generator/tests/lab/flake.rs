//! The checks of the flake cover all files that they should.

use crate::support::repository;
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};

/// The paths that `nix/flake/checks.json` lists for a check.
fn listed(check: &str, field: &str) -> Vec<PathBuf> {
    let checks = fs::read_to_string(repository().join("nix/flake/checks.json")).expect("it is committed");
    let checks: Json = serde_json::from_str(&checks).expect("it is JSON");
    let paths = checks[check][field].as_array().into_iter().flatten();
    paths.map(|path| repository().join(path.as_str().expect("it is a path"))).collect()
}

/// The files of the repository, without build results and `.git`.
fn files() -> impl Iterator<Item = PathBuf> {
    let is_ours = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() != 1 || !(name == ".git" || name == "target" || name.starts_with("result"))
    };
    let entries = walkdir::WalkDir::new(repository()).into_iter().filter_entry(is_ours);
    entries
        .map(|entry| entry.expect("it can be listed"))
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
}

fn is_among(path: &Path, folders: &[PathBuf]) -> bool {
    folders.iter().any(|folder| path.starts_with(folder))
}

fn name(path: &Path) -> String {
    path.strip_prefix(repository()).expect("it is below").display().to_string()
}

/// The check `nix-is-formatted` covers every Nix file, except those that are invalid on purpose.
#[test]
fn every_nix_file_is_formatted() {
    let (included, excepted) = (listed("nix-is-formatted", "files"), listed("nix-is-formatted", "except"));
    let mut formatted = 0;
    for path in files().filter(|path| path.extension().is_some_and(|extension| extension == "nix")) {
        let text = fs::read_to_string(&path).expect("it is text");
        if is_among(&path, &excepted) {
            assert!(
                !rnix::Root::parse(&text).errors().is_empty(),
                "{} is valid Nix, so it needs no exception",
                name(&path)
            );
            continue;
        }
        assert!(is_among(&path, &included), "{} is not in nix/flake/checks.json", name(&path));
        let formatted_text = nixfmt_rs::format(&text).unwrap_or_else(|error| panic!("{}: {error}", name(&path)));
        assert!(text == formatted_text, "{} is not formatted; run `nix fmt`", name(&path));
        formatted += 1;
    }
    assert!(formatted > 20, "only {formatted} files");
}

#[test]
fn every_shell_script_is_checked() {
    let checked = listed("scripts-pass-shellcheck", "files");
    let mut found = 0;
    for path in files() {
        let start =
            fs::read(&path).map(|bytes| bytes.into_iter().take_while(|byte| *byte != b'\n').collect::<Vec<_>>());
        let start = start.unwrap_or_else(|error| panic!("{}: {error}", name(&path)));
        let has_name = path.extension().is_some_and(|extension| extension == "sh");
        if has_name || start.starts_with(b"#!") && start.ends_with(b"sh") {
            assert!(is_among(&path, &checked), "{} is not in nix/flake/checks.json", name(&path));
            found += 1;
        }
    }
    assert!(found > 5, "only {found} scripts");
}
