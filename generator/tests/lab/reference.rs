//! The spec reference in `docs/spec`: it is current and complete, and its examples are valid.

use crate::support::{build, out, repository, run, shown, temporary_folder};
use homelab::diagnostic::{Code, Severity};
use homelab::spec::reference::{EXAMPLE, reference};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The text of each page in a folder.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let entries =
        folder.read_dir().expect("the folder can be listed").map(|entry| entry.expect("it can be listed").path());
    let name = |path: &Path| path.file_name().expect("it is a file").to_string_lossy().into_owned();
    entries.map(|path| (name(&path), fs::read_to_string(&path).expect("it is text"))).collect()
}

#[test]
fn the_committed_reference_is_up_to_date() {
    let folder = temporary_folder();
    let output = run(folder.path(), &["reference", "spec"]);
    let (committed, current) = (pages(&repository().join("docs/spec")), pages(&folder.path().join("spec")));
    assert_eq!(out(&output), format!("{} pages written to spec\n", current.len()));
    let all = committed.keys().chain(current.keys());
    let stale: Vec<_> = all.filter(|name| committed.get(*name) != current.get(*name)).collect();
    assert!(
        stale.is_empty(),
        "out of date in docs/spec: {stale:?}; run `homelab reference docs/spec`, and remove pages \
        that it does not write"
    );
}

#[test]
fn the_reference_lists_every_field() {
    let schema = homelab::spec::schema();
    let definitions = schema["$defs"].as_object().expect("the schema has definitions").values();
    let (mut wrong, mut fields) = (Vec::new(), 0);
    let all: String = reference().into_iter().map(|page| page.text).collect();
    let mut expected = BTreeMap::new();
    for shape in definitions.filter(|shape| !is_union(shape)) {
        let branches = shape["oneOf"].as_array().into_iter().flatten();
        for (name, _) in branches.chain([shape]).flat_map(|of| of["properties"].as_object().into_iter().flatten()) {
            *expected.entry(name).or_insert(0) += 1;
        }
    }
    for (name, count) in expected {
        let found = all.lines().filter(|line| line.starts_with(&format!("- `{name}` ("))).count();
        fields += found;
        if found < count {
            wrong.push(format!("`{name}` is a field of {count} shapes, but is listed {found} times"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(fields > 400, "only {fields} fields are listed");
}

/// Whether a shape is one of several others.
fn is_union(shape: &Value) -> bool {
    shape["oneOf"].as_array().is_some_and(|kinds| kinds.iter().any(|kind| !kind["$ref"].is_null()))
}

#[test]
fn every_section_of_the_reference_has_an_example() {
    let mut without = Vec::new();
    for page in reference().iter().filter(|page| !["README.md", "values.md"].contains(&page.file.as_str())) {
        let sections = page.text.split("\n## ").skip(1).filter(|section| section.contains(" ("));
        let lacking = sections.filter(|section| !section.contains("```yaml spec"));
        without.extend(lacking.map(|section| format!("{}: {}", page.file, section.lines().next().unwrap_or_default())));
    }
    assert!(
        without.is_empty(),
        "add an example to reference/example.yaml of the crate `spec`:\n{}",
        without.join("\n")
    );
}

/// Fields whose value is one of several choices, so that another choice replaces it.
const CHOICES: [&str; 5] = ["dns", "store", "to", "writes-to", "public"];

/// Merges `over` into a spec. Null removes a field, and another choice replaces the one that is made.
pub(crate) fn merge(spec: &mut Value, over: &Value) {
    let (Value::Object(fields), Value::Object(others)) = (&mut *spec, over) else {
        *spec = over.clone();
        return;
    };
    for (name, value) in others {
        match fields.get_mut(name) {
            _ if value.is_null() => drop(fields.remove(name)),
            Some(field) if !CHOICES.contains(&name.as_str()) || is_same_choice(field, value) => merge(field, value),
            _ => drop(fields.insert(name.clone(), value.clone())),
        }
    }
}

fn is_same_choice(one: &Value, other: &Value) -> bool {
    let keys = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect::<Vec<_>>());
    keys(one) == keys(other)
}

/// The labs that the examples of the reference are parts of.
pub(crate) fn example_labs() -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(EXAMPLE);
    let documents = documents.map(|document| serde::Deserialize::deserialize(document).expect("it is YAML"));
    let documents: Vec<Value> = documents.collect();
    let (first, others) = documents.split_first().expect("there is an example");
    let merged = others.iter().map(|over| {
        let mut lab = first.clone();
        merge(&mut lab, over);
        lab
    });
    [first.clone()].into_iter().chain(merged).collect()
}

#[test]
fn the_examples_of_the_reference_are_valid() {
    let folder = temporary_folder();
    fs::create_dir_all(folder.path().join("spec/files")).expect("the folder is new");
    fs::write(folder.path().join("spec/files/bookmarks.yaml"), "- Lab:\n").expect("the folder is writable");
    let labs = example_labs();
    assert!(labs.len() > 10, "only {} labs", labs.len());
    for lab in labs {
        let text = serde_yaml::to_string(&lab).expect("it can be printed");
        let built = build(&text, folder.path());
        let has_sops = lab["secrets"]["store"].get("sops").is_some();
        let errors = built.diagnostics.sorted();
        let mut errors = errors.iter().filter(|diagnostic| diagnostic.code.severity() == Severity::Error);
        // No keys are here that could encrypt the files of SOPS.
        assert!(
            errors.all(|error| has_sops && error.code == Code::FileMissing),
            "{}",
            shown(&built.diagnostics, &text)
        );
    }
}
