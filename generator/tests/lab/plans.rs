//! The plans of changes are as in their snapshots.

use crate::edit::Edited;
use crate::support::{build, err, folder_with, out, reference_spec, repository, run, shown, tool};
use homelab::plan::{self, Plan, Versions};
use homelab::tree::Tree;
use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The changes of `tests/plans/cases.yaml`.
pub(crate) static CASES: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let text = fs::read_to_string(repository().join("tests/plans/cases.yaml")).expect("it is committed");
    serde_yaml::from_str(&text).expect("it is YAML")
});

/// The tree before and after a change, or why a spec is invalid.
pub(crate) fn trees(name: &str) -> Result<[Tree; 2], String> {
    let change = &CASES[name];
    let before = change.get("base").map_or_else(Edited::reference, |base| Edited::reference().with(base));
    let tree = |spec: Edited| {
        let built = build(&spec.text(), &root(&[name]));
        built.tree.ok_or_else(|| format!("{name}: {}", shown(&built.diagnostics, &spec.text())))
    };
    Ok([tree(before)?, tree(Edited::reference().with(change))?])
}

/// Where the files are that the specs of cases refer to.
pub(crate) fn root(names: &[&str]) -> PathBuf {
    let folder = names.iter().find_map(|name| CASES[*name].get("files"));
    folder.map_or_else(repository, |folder| repository().join(folder.as_str().expect("it is a path")))
}

/// The texts of a tree by path.
pub(crate) fn files(tree: &Tree) -> BTreeMap<&str, &str> {
    tree.files().iter().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

#[test]
fn plans_each_change_as_in_its_snapshot() {
    let invalid: Vec<_> = CASES.keys().filter_map(|name| trees(name).err()).collect();
    assert!(invalid.is_empty(), "{}", invalid.join("\n"));
    for name in CASES.keys() {
        let [before, after] = trees(name).expect("it is valid");
        let plan = Plan::of(&Versions { before: files(&before), after: files(&after) });
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(repository().join("tests/plans"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name.as_str(), plan::human(&plan, "HEAD", false)));
    }
}

#[test]
fn the_json_of_each_plan_fits_the_committed_schema() {
    let committed = fs::read_to_string(repository().join("docs/plan.schema.json")).expect("it is committed");
    let printed = run(&repository(), &["schema", "plan"]);
    let hint = "docs/plan.schema.json is out of date; run `homelab schema plan > docs/plan.schema.json`";
    assert!(out(&printed) == committed, "{hint}");
    let mut schema: serde_json::Value = serde_json::from_str(&committed).expect("it is JSON");
    forbid_other_fields(&mut schema);
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    for name in CASES.keys() {
        let [before, after] = trees(name).expect("it is valid");
        let plan = Plan::of(&Versions { before: files(&before), after: files(&after) });
        let errors: Vec<_> = validator
            .iter_errors(&plan::json(&plan, "HEAD"))
            .map(|error| format!("{error} at {}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
}

/// Makes a schema reject fields that it does not describe.
fn forbid_other_fields(schema: &mut serde_json::Value) {
    if schema["properties"].is_object() {
        schema["additionalProperties"] = false.into();
    }
    let parts: Vec<_> = match schema {
        serde_json::Value::Object(entries) => entries.values_mut().collect(),
        serde_json::Value::Array(items) => items.iter_mut().collect(),
        _ => Vec::new(),
    };
    parts.into_iter().for_each(forbid_other_fields);
}

/// The text of a case's snapshot.
fn snapshot(name: &str) -> String {
    let text = fs::read_to_string(repository().join(format!("tests/plans/{name}.snap"))).expect("it is committed");
    text.splitn(3, "---\n").nth(2).expect("it has a header").trim_end().to_owned()
}

#[test]
fn the_examples_in_the_docs_are_plans_of_cases() {
    let docs = fs::read_to_string(repository().join("docs/plan.md")).expect("it is committed");
    let plans: BTreeSet<_> = CASES.keys().map(|name| snapshot(name)).collect();
    let examples: Vec<_> = docs.split("```text\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert!(plans.contains(example), "{example}\nis the plan of no case");
        assert!(example.lines().count() <= 40, "{example}\nis longer than a screen");
    }
}

#[test]
fn every_snapshot_belongs_to_a_case() {
    let files = fs::read_dir(repository().join("tests/plans")).expect("the folder is committed");
    let names = files.map(|file| file.expect("it can be read").file_name().to_string_lossy().into_owned());
    let snapshots: BTreeSet<_> = names.filter_map(|name| name.strip_suffix(".snap").map(str::to_owned)).collect();
    assert_eq!(snapshots, CASES.keys().cloned().collect());
}

/// A repository with the reference lab, its generated files and some others as its only commit.
pub(crate) fn repository_with_a_commit(others: &[(&str, &str)]) -> Option<tempfile::TempDir> {
    let git = tool("git")?;
    let folder = folder_with(&reference_spec());
    for (path, text) in others {
        fs::write(folder.path().join(path), text).expect("the folder is writable");
    }
    assert_eq!(run(folder.path(), &["generate"]).status.code(), Some(0));
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "--all"],
        &[
            "-c",
            "user.name=me",
            "-c",
            "user.email=me@example.com",
            "-c",
            "commit.gpgsign=false",
            "commit",
            "--quiet",
            "--message=lab",
        ],
    ] {
        let done = Command::new(&git).current_dir(folder.path()).args(arguments).status().expect("git starts");
        assert!(done.success(), "{arguments:?}");
    }
    Some(folder)
}

fn change(folder: &Path, name: &str) {
    let spec = Edited::reference().with(&CASES[name]).text();
    fs::write(folder.join("spec/homelab.yaml"), spec).expect("the folder is writable");
}

/// The output of a run without the ID of the commit, which depends on the time.
fn without_commit(text: &str) -> String {
    let start = text.find("HEAD (").expect("the plan names its base") + "HEAD (".len();
    let end = start + text[start..].find(')').expect("it is closed");
    format!("{}COMMIT{}", &text[..start], &text[end..])
}

#[test]
fn compares_with_a_commit_in_each_format() {
    let Some(folder) = repository_with_a_commit(&[]) else { return };
    let output = run(folder.path(), &["plan"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
    assert!(out(&output).starts_with("Nothing changes since HEAD ("), "{}", out(&output));

    change(folder.path(), "app-renamed");
    for (name, arguments) in [
        ("verbose", &["plan", "--verbose"][..]),
        ("json", &["plan", "--format", "json"]),
        ("markdown", &["plan", "--format", "markdown"]),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
        insta::assert_snapshot!(name, without_commit(out(&output)));
    }
    // What is written but not committed is still planned.
    let before = run(folder.path(), &["plan"]);
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(0));
    let hint = "2 dangers in these changes; `homelab plan` shows what they do\n";
    assert!(out(&output).contains(hint), "{}", out(&output));
    assert_eq!(out(&run(folder.path(), &["plan"])), out(&before));
}

#[test]
fn compares_with_another_copy() {
    let before = folder_with(&reference_spec());
    assert_eq!(run(before.path(), &["generate"]).status.code(), Some(0));
    let after = folder_with(&Edited::reference().with(&CASES["image-updated"]).text());
    let path = before.path().to_string_lossy();
    let output = run(after.path(), &["plan", "--base-dir", &path]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output).replace(&*path, "HEAD").trim_end(), snapshot("image-updated"));
}

#[test]
fn exits_with_4_on_dangers_only_if_requested() {
    let before = folder_with(&reference_spec());
    assert_eq!(run(before.path(), &["generate"]).status.code(), Some(0));
    let path = before.path().to_string_lossy();
    for (name, fails) in
        [("app-renamed", true), ("volume-shrinks", true), ("becomes-privileged", false), ("nothing", false)]
    {
        let after = folder_with(&Edited::reference().with(&CASES[name]).text());
        assert_eq!(run(after.path(), &["plan", "--base-dir", &path]).status.code(), Some(0), "{name}");
        let output = run(after.path(), &["plan", "--base-dir", &path, "--fail-on", "danger"]);
        assert_eq!(output.status.code(), Some(if fails { 4 } else { 0 }), "{name}");
    }
}

#[test]
fn says_why_there_is_nothing_to_compare_with() {
    let folder = folder_with(&reference_spec());
    let reason = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert_eq!((output.status.code(), out(&output)), (Some(2), ""));
        err(&output).to_owned()
    };
    assert!(reason(&["plan"]).contains("is not in a Git repository"), "{}", reason(&["plan"]));
    assert!(reason(&["plan", "--base-dir", "."]).contains("no generated files"));
    assert!(reason(&["generate", "--format", "markdown"]).contains("only `homelab plan`"));
    let Some(folder) = repository_with_a_commit(&[]) else { return };
    let output = run(folder.path(), &["plan", "--base", "absent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("there is no commit `absent`"), "{}", err(&output));
}
