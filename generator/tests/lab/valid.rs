//! Valid specs. Each folder of `tests/valid` is a case: the smallest `spec.yaml` that shows one
//! thing, the files that it names, and beside it the whole tree that follows.

use crate::support::{build, reference_spec, repository, shown};
use homelab::tree::Tree;
use homelab::yaml::{Limits, Node, documents};
use std::path::{Path, PathBuf};

/// A case: its folder, and the text of its spec.
struct Case {
    folder: PathBuf,
    spec: String,
}

impl Case {
    fn at(folder: &Path) -> Self {
        let spec = std::fs::read_to_string(folder.join("spec.yaml")).expect("each case has a spec");
        Self { folder: folder.to_owned(), spec }
    }

    fn name(&self) -> &str {
        self.folder.file_name().and_then(|name| name.to_str()).expect("cases have plain names")
    }

    /// The tree, and the warnings that came with it.
    fn build(&self) -> (Tree, String) {
        let built = build(&self.spec, &self.folder);
        let said = shown(&built.diagnostics, &self.spec);
        let tree = built.tree.unwrap_or_else(|| panic!("{} is not valid:\n{said}", self.name()));
        (tree, said)
    }
}

/// All cases, and the reference lab.
fn cases() -> Vec<Case> {
    let top = repository().join("tests/valid");
    let folders = top.read_dir().expect("there are cases").map(|entry| entry.expect("cases can be listed").path());
    let mut cases: Vec<_> = folders.filter(|path| path.is_dir()).map(|folder| Case::at(&folder)).collect();
    cases.sort_by(|a, b| a.folder.cmp(&b.folder));
    cases.push(Case { folder: repository(), spec: reference_spec() });
    cases
}

/// Warnings first, then each file: a line with its path, and its text.
fn page(tree: &Tree, said: &str) -> String {
    let mut text = said.to_owned();
    for file in tree.files() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("=== {}\n{}", file.path, file.text));
    }
    text
}

#[test]
fn each_case_gives_the_tree_beside_it() {
    insta::glob!("../../../tests/valid", "*/spec.yaml", |path| {
        let case = Case::at(path.parent().expect("a spec is in the folder of its case"));
        let (tree, said) = case.build();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.remove_snapshot_suffix();
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("output", page(&tree, &said)));
    });
}

#[test]
fn only_the_cases_about_warnings_have_any() {
    let warned: Vec<_> = cases()
        .iter()
        .filter(|case| !case.build().1.is_empty())
        .map(|case| case.name().to_owned())
        .filter(|name| !name.ends_with("-with-warning"))
        .collect();
    assert!(warned.is_empty(), "warnings nobody asked for in {warned:?}");
}

#[test]
fn the_spec_that_a_new_lab_starts_with_is_valid() {
    let folder = repository().join("nix/template");
    let spec = std::fs::read_to_string(folder.join("spec/homelab.yaml")).expect("the template has a spec");
    let built = build(&spec, &folder);
    assert!(built.diagnostics.is_empty(), "{}", shown(&built.diagnostics, &spec));
}

#[test]
fn the_smallest_useful_lab_fits_in_25_lines() {
    let case = Case::at(&repository().join("tests/valid/smallest"));
    assert!(case.spec.lines().count() <= 25, "the smallest lab has grown to {} lines", case.spec.lines().count());
    let (documents, _) = documents(&case.spec, Limits::default());
    let count = |node: Option<&Node>| node.map_or(0, |node| node.entries().len());
    let cluster = documents[0].at(&["clusters", "home"]);
    assert_eq!(count(documents[0].get("hosts")), 1, "hosts");
    assert_eq!(count(documents[0].get("clusters")), 1, "clusters");
    assert_eq!(count(cluster.and_then(|cluster| cluster.get("nodes"))), 1, "nodes");
    assert_eq!(count(cluster.and_then(|cluster| cluster.get("apps"))), 1, "apps");
}

#[test]
fn every_nix_file_is_as_the_official_formatter_leaves_it() {
    let mut wrong = Vec::new();
    for case in cases() {
        let (tree, _) = case.build();
        for file in tree.files().iter().filter(|file| file.path.ends_with(".nix")) {
            let name = format!("{} of {}", file.path, case.name());
            match nixfmt_rs::format(&file.text) {
                Ok(formatted) if formatted == file.text => {}
                Ok(formatted) => {
                    let diff = similar::TextDiff::from_lines(&file.text, &formatted);
                    wrong.push(format!("{}", diff.unified_diff().header(&name, "formatted")));
                }
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// By a reader that is not ours, of YAML 1.1 habits: what it takes for something else is a fault.
#[test]
fn every_yaml_file_is_read_by_another_reader_as_by_ours() {
    use serde::Deserialize as _;
    let mut wrong = Vec::new();
    for case in cases() {
        let (tree, _) = case.build();
        for file in tree.files().iter().filter(|file| file.path.ends_with(".yaml")) {
            let (ours, faults) = documents(&file.text, Limits::default());
            let theirs: Result<Vec<_>, _> =
                serde_yaml::Deserializer::from_str(&file.text).map(serde_yaml::Value::deserialize).collect();
            let ours: Vec<_> = ours.iter().map(|document| json(document.to_value())).collect();
            match theirs {
                Ok(theirs) if faults.is_empty() && theirs.iter().map(json).eq(ours.iter().cloned()) => {}
                Ok(theirs) => wrong.push(format!("{} of {}: {theirs:?}\n{ours:?}", file.path, case.name())),
                Err(error) => wrong.push(format!("{} of {}: {error}", file.path, case.name())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn json(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("manifests have keys that are text")
}
