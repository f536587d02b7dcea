//! Changes that a cluster refuses or ignores are found before they are written. The bench shows that a real API server
//! agrees.

use crate::edit::Edited;
use crate::support::{err, folder_with, reference_spec, repository, run};
use serde_yaml::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn data(name: &str) -> Value {
    let text = fs::read_to_string(repository().join("tests/changes").join(name)).expect("it is committed");
    serde_yaml::from_str(&text).expect("it is YAML")
}

fn texts(value: Option<&Value>) -> BTreeSet<String> {
    let items = value.and_then(Value::as_sequence).into_iter().flatten();
    items.map(|item| item.as_str().expect("it is a string").to_owned()).collect()
}

/// The reference lab with all apps before or after their change.
fn lab_with_apps(data: &Value, version: &str) -> String {
    let mut spec: Value = serde_yaml::from_str(&reference_spec()).expect("the spec is YAML");
    for (name, entry) in data["secrets"].as_mapping().expect("it is a mapping") {
        spec["secrets"]["entries"].as_mapping_mut().expect("it is a mapping").insert(name.clone(), entry.clone());
    }
    for (name, change) in data["changes"].as_mapping().expect("it is a mapping") {
        let mut app = data["base"].as_mapping().expect("it is a mapping").clone();
        app.extend(change[version].as_mapping().expect("it is a mapping").clone());
        let apps = &mut spec["clusters"]["gordito"]["apps"];
        apps.as_mapping_mut().expect("it is a mapping").insert(name.clone(), app.into());
    }
    serde_yaml::to_string(&spec).expect("it is YAML")
}

/// The objects whose changes a run refuses, and those whose changes it says have no effect.
fn generate(folder: &Path) -> [BTreeSet<String>; 2] {
    let output = run(folder, &["generate", "--format", "json"]);
    let text = err(&output);
    let diagnostics: Vec<serde_json::Value> =
        serde_json::from_str(if text.is_empty() { "[]" } else { text }).expect(text);
    let is_other =
        |diagnostic: &&serde_json::Value| diagnostic["severity"] == "error" && diagnostic["code"] != "change-refused";
    assert_eq!(diagnostics.iter().find(is_other), None);
    ["change-refused", "change-ignored"].map(|code| {
        let messages = diagnostics.iter().filter(|diagnostic| diagnostic["code"] == code);
        let messages = messages.map(|diagnostic| diagnostic["message"].as_str().expect("it has a message"));
        messages.map(|message| message.split(' ').nth(2).expect("the third word is the object").to_owned()).collect()
    })
}

fn write_spec(folder: &Path, text: &str) {
    fs::write(folder.join("spec/homelab.yaml"), text).expect("the folder is writable");
}

#[test]
fn refuses_exactly_the_changes_of_apps_that_a_cluster_refuses() {
    let data = data("apps.yaml");
    let folder = folder_with(&lab_with_apps(&data, "before"));
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    write_spec(folder.path(), &lab_with_apps(&data, "after"));
    let mut expected = BTreeSet::new();
    for (name, change) in data["changes"].as_mapping().expect("it is a mapping") {
        let name = name.as_str().expect("it is a string");
        let object = |object: String| format!("gordito/{}", object.replacen('/', &format!("/{name}/"), 1));
        expected.extend(texts(change.get("refused")).into_iter().map(object));
    }
    assert_eq!(generate(folder.path()), [expected.clone(), BTreeSet::new()]);

    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!("changes_of_apps", err(&output));
    // Nothing was written, also by the runs before.
    let unchanged = run(folder.path(), &["generate", "--check", "--quiet"]);
    assert_eq!(unchanged.status.code(), Some(2));

    let allow: Vec<_> = expected.iter().flat_map(|object| ["--allow", object]).collect();
    let output = run(folder.path(), &[&["generate"], &allow[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(0), "what was allowed is written");
}

#[test]
fn refuses_exactly_the_changes_of_the_platform_that_a_cluster_refuses() {
    for change in data("platform.yaml").as_sequence().expect("it is a list") {
        let folder = folder_with(&reference_spec());
        let output = run(folder.path(), &["generate"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let text = |value: &Value| serde_yaml::to_string(value).expect("it is YAML");
        write_spec(folder.path(), &Edited::reference().with(change).text());
        let expected = ["refused", "ignored"].map(|key| texts(change.get(key)));
        assert_eq!(generate(folder.path()), expected, "{}", text(change));
    }
}
