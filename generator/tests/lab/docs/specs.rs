//! YAML in fenced blocks. The words after `yaml` say where the fragment belongs in a spec:
//!
//! - `yaml lab`: a whole spec.
//! - `yaml spec`: fields of the spec. They are merged over the reference lab, like the following kinds.
//! - `yaml cluster`, `yaml platform`, `yaml apps`: fields of a cluster, of its platform, its apps; of the cluster `gordito`, or of
//!   the one that the next word names.
//! - `yaml app`: fields of one app.
//! - `yaml manifest`: a Kubernetes object. `yaml other`: neither.
//!
//! An app that is in neither gets an image, and the secret entries that a fragment refers to are added: examples need not
//! repeat them. The fragments of `docs/spec` are parts of the labs that `reference.rs` checks.

use super::blocks::Block;
use super::{pages, report};
use crate::reference::merge;
use crate::support::{build, reference_spec, shown, temporary_folder, tree_of};
use homelab::diagnostic::{Code, Severity};
use homelab::spec;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

#[test]
fn every_fragment_of_a_spec_is_valid() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    for page in pages().iter().filter(|page| !page.path.starts_with("docs/spec/")) {
        for block in page.blocks().iter().filter(|block| block.language() == "yaml") {
            checked += 1;
            if let Err(message) = check(block) {
                wrong.push(format!("{}: {message}", page.place(block)));
            }
        }
    }
    report(&wrong);
    assert!(checked > 25, "only {checked} blocks");
}

fn check(block: &Block) -> Result<(), String> {
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&block.text) {
        let value: Value = serde::Deserialize::deserialize(document).map_err(|error| format!("{error}"))?;
        documents.push(value);
    }
    let fragment = documents.first().cloned().unwrap_or_default();
    match block.kind().as_slice() {
        ["lab"] => validate(&fragment),
        ["spec"] => validate(&with(fragment)),
        [kind @ ("cluster" | "platform" | "apps" | "app"), rest @ ..] => {
            let cluster = rest.first().copied().unwrap_or("gordito");
            validate(&with(json!({ "clusters": { cluster: in_cluster(kind, &fragment) } })))
        }
        ["manifest"] => {
            let is_object = |value: &Value| value["apiVersion"].is_string() && value["kind"].is_string();
            if documents.iter().all(is_object) { Ok(()) } else { Err("no `apiVersion` or `kind`".to_owned()) }
        }
        ["other"] => Ok(()),
        kind => Err(format!(
            "unknown kind `{}`: `yaml lab`, `spec`, `cluster`, `platform`, `apps`, `app`, `manifest` or `other`",
            kind.join(" ")
        )),
    }
}

/// A block `text files` lists the files that the fragment before it adds to the reference lab. After two spaces, a line says
/// what the file is.
#[test]
fn listed_files_are_those_that_the_fragment_adds() {
    let (mut wrong, mut checked) = (Vec::new(), 0);
    let before = generated(&with(Value::Object(Map::new())));
    for page in pages() {
        let blocks = page.blocks();
        for pair in blocks.windows(2).filter(|pair| pair[1].language() == "text" && pair[1].kind() == ["files"]) {
            let fragment = serde_yaml::from_str(&pair[0].text).expect("it is YAML");
            let kind = pair[0].kind();
            let spec = match kind.as_slice() {
                ["spec"] => with(fragment),
                [kind, ..] => with(json!({ "clusters": { "gordito": in_cluster(kind, &fragment) } })),
                [] => panic!("{}: the block has no kind", page.place(&pair[0])),
            };
            let after = generated(&spec);
            let listed: Vec<_> = pair[1].text.lines().filter_map(|line| line.split("  ").next()).collect();
            let added: Vec<_> = after.iter().filter(|path| !before.contains(*path)).collect();
            checked += 1;
            if listed != added {
                wrong.push(format!("{}: lists {listed:#?}, but the files are {added:#?}", page.place(&pair[1])));
            }
        }
    }
    report(&wrong);
    assert!(checked > 0, "no page lists files");
}

/// The paths of the files that a spec generates.
fn generated(spec: &Value) -> BTreeSet<String> {
    let tree = tree_of(&serde_yaml::to_string(spec).expect("it can be printed"));
    tree.files().iter().map(|file| file.path.clone()).collect()
}

/// A fragment as fields of a cluster.
fn in_cluster(kind: &str, fragment: &Value) -> Value {
    match kind {
        "platform" => json!({ "platform": fragment }),
        "apps" => json!({ "apps": fragment }),
        "app" => json!({ "apps": { "example": fragment } }),
        _ => fragment.clone(),
    }
}

/// The reference lab with a fragment of a spec, and what the fragment needs.
fn with(mut fragment: Value) -> Value {
    let mut lab: Value = serde_yaml::from_str(&reference_spec()).expect("it is YAML");
    let clusters = fragment.get_mut("clusters").and_then(Value::as_object_mut).into_iter().flatten();
    for (name, cluster) in clusters {
        let known = lab["clusters"][name]["apps"].as_object().cloned().unwrap_or_default();
        if let Some(apps) = cluster.get_mut("apps").and_then(Value::as_object_mut) {
            complete(apps, &known);
        }
        for (_, app) in cluster["apps"].as_object().into_iter().flatten() {
            // A renamed app replaces the one with its earlier name.
            if let (Some(old), Some(apps)) = (app["moved-from"].as_str(), lab["clusters"][name]["apps"].as_object_mut())
            {
                apps.remove(old);
            }
        }
    }
    // A fragment lists only the keys that it is about.
    let mut entries = Vec::new();
    for (name, entry) in lab["secrets"]["entries"].as_object().into_iter().flatten() {
        let keys = entry["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        entries.extend(keys.map(|key| format!("{name}/{key}")));
    }
    merge(&mut lab, &fragment);
    references(&fragment, "", &mut entries);
    for (_, cluster) in lab["clusters"].as_object().into_iter().flatten() {
        for (name, app) in cluster["apps"].as_object().into_iter().flatten() {
            if app.get("database").is_some() {
                let entry = app["moved-from"].as_str().unwrap_or(name);
                entries.push(format!("{entry}/database-password"));
            }
        }
    }
    for entry in entries {
        let (entry, key) = entry.split_once('/').expect("a reference has two parts");
        let keys = &mut lab["secrets"]["entries"][entry]["keys"];
        match keys.as_array_mut() {
            Some(keys) if keys.contains(&key.into()) => {}
            Some(keys) => keys.push(key.into()),
            None => *keys = json!([key]),
        }
    }
    lab
}

/// Gives an image to apps that have none, and adds apps that others refer to.
fn complete(apps: &mut Map<String, Value>, known: &Map<String, Value>) {
    let stock = json!({
        "image": { "repository": "docker.io/vikunja/vikunja", "tag": "1.0.0" },
        "port": 8080,
    });
    let named = |app: &Value| {
        let lists = [&app["network"]["apps"], &app["depends-on"]].into_iter().filter_map(Value::as_array).flatten();
        lists
            .chain([&app["expose"]["login"]["by"]])
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let used: Vec<_> = apps.values().flat_map(named).collect();
    for name in used.into_iter().filter(|name| !known.contains_key(name)) {
        apps.entry(name).or_insert_with(|| json!({}));
    }
    for (name, app) in apps.iter_mut() {
        let is_complete = ["image", "helm", "jobs"].iter().any(|field| app.get(field).is_some());
        if !is_complete && !known.contains_key(name) {
            let mut whole = stock.clone();
            merge(&mut whole, app);
            *app = whole;
        }
    }
}

/// Appends the keys of secret entries that a spec refers to.
fn references(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                references(field, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, found);
            }
        }
        Value::String(text) if text.split('/').count() == 2 => {
            let explained = spec::explain(path).map(|explained| json!(explained));
            if explained.is_ok_and(|explained| explained["type"] == "string (secret-ref)") {
                found.push(text.clone());
            }
        }
        _ => {}
    }
}

/// Whether a spec is valid, apart from files that it names.
fn validate(lab: &Value) -> Result<(), String> {
    let text = serde_yaml::to_string(lab).expect("it can be printed");
    let built = build(&text, temporary_folder().path());
    let is_wrong = |code: Code| code.severity() == Severity::Error && code != Code::FileMissing;
    if built.diagnostics.sorted().iter().any(|diagnostic| is_wrong(diagnostic.code)) {
        return Err(format!("the fragment is not valid in the reference lab:\n{}", shown(&built.diagnostics, &text)));
    }
    Ok(())
}
