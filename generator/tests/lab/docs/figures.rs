//! The figures and the table of commands in the README.

use super::report;
use crate::support::{out, reference_spec, repository, run};
use homelab::diagnostic::Code;
use std::fs;
use std::path::Path;

/// How many entries of a folder match, with all folders below it.
fn count(folder: &str, matches: impl Fn(&Path) -> bool) -> usize {
    let entries =
        walkdir::WalkDir::new(repository().join(folder)).into_iter().map(|entry| entry.expect("it can be listed"));
    entries.filter(|entry| matches(entry.path())).count()
}

/// The number of objects in the files of `k8s`.
fn objects() -> usize {
    let files =
        walkdir::WalkDir::new(repository().join("k8s")).into_iter().map(|entry| entry.expect("it can be listed"));
    let files = files.filter(|entry| entry.file_type().is_file() && !entry.path().ends_with("kustomization.yaml"));
    files.map(|entry| fs::read_to_string(entry.path()).expect("it is text").matches("\nkind: ").count()).sum()
}

#[test]
fn figures_of_the_readme_are_not_exceeded_or_outdated() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("it is committed");
    let is_invalid = |path: &Path| path.extension().is_some_and(|ending| ending == "yaml") || path.is_dir();
    let invalid = repository().join("tests/invalid").read_dir().expect("it can be listed");
    let invalid = invalid.filter(|entry| is_invalid(&entry.as_ref().expect("it can be listed").path())).count();
    let alerts = fs::read_to_string(repository().join("tests/alerts.yaml")).expect("it is committed");
    let spec = reference_spec().lines().count();
    let files = ["k8s", "nix/nodes", "docs/lab"].map(|folder| count(folder, Path::is_file)).iter().sum();
    let mut wrong = Vec::new();
    for (before, after, actual, slack) in [
        ("over ", " objects of the reference lab", objects(), 100),
        ("over ", " invalid specs", invalid, 100),
        ("over ", " valid labs", count("tests/valid", |path| path.ends_with("spec.yaml")), 50),
        (" expressions, ", " situations", alerts.matches("\n- case: ").count(), 10),
        ("is an example: ", " lines of spec", spec, 30),
        (" lines of spec, ", " generated files", files, 50),
    ] {
        let start = readme.find(after).map(|end| readme[..end].rsplit(before).next().unwrap_or_default());
        let stated = start.and_then(|text| text.parse::<usize>().ok());
        if !stated.is_some_and(|stated| stated <= actual && actual - stated <= slack) {
            wrong.push(format!("README.md says {stated:?} in `{before}…{after}`; there are {actual}"));
        }
    }
    report(&wrong);
    assert!(Code::ALL.len() <= invalid, "each rule has a case");
}

#[test]
fn the_readme_lists_every_command() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("it is committed");
    let help = run(&repository(), &["--help"]);
    let commands = out(&help).lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.map_while(|line| line.split_whitespace().next()).filter(|name| *name != "help");
    let is_listed = |name: &str| readme.lines().any(|line| line.starts_with(&format!("| `homelab {name}")));
    let missing: Vec<_> = commands.filter(|name| !is_listed(name)).collect();
    assert!(missing.is_empty(), "the table of commands in README.md lacks {missing:?}");
}
