//! The JSON Schema: the committed file is up to date, the schema accepts the same specs as the program, and
//! `homelab explain` describes every field.

use crate::support::{err, folder_with, out, parse, reference_spec, repository, run};
use homelab::diagnostic::Code;
use homelab::spec;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[test]
fn the_committed_schema_is_up_to_date() {
    let committed = std::fs::read_to_string(repository().join("spec/homelab.schema.json")).expect("it is committed");
    let printed = run(&repository(), &["schema"]).stdout;
    assert!(committed.as_bytes() == printed, "spec/homelab.schema.json is out of date; run `homelab generate`");
}

/// All specs of the tests, with a name for messages.
fn specs() -> Vec<(String, String)> {
    let mut found = vec![("the reference lab".to_owned(), reference_spec())];
    let mut folders: Vec<PathBuf> = ["tests/valid", "tests/invalid"].map(|folder| repository().join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("cases can be listed") {
            let path = entry.expect("cases can be listed").path();
            if path.is_dir() && folder.ends_with("tests/valid") || path.is_dir() && folder.ends_with("tests/invalid") {
                folders.push(path);
            } else if is_spec(&path) {
                let name = path.strip_prefix(repository()).unwrap_or(&path).to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("cases are text")));
            }
        }
    }
    found.sort();
    found
}

fn is_spec(path: &Path) -> bool {
    let is_case = path.parent().is_some_and(|folder| folder.ends_with("tests/invalid"));
    path.ends_with("spec.yaml") || is_case && path.extension().is_some_and(|ending| ending == "yaml")
}

/// Codes about the shape of a spec, which a schema can check.
const SHAPE: [Code; 5] =
    [Code::UnknownField, Code::MissingField, Code::WrongType, Code::InvalidValue, Code::UnknownValue];

/// Codes about the text of a spec, which a validator of the schema does not see.
const TEXT: [Code; 10] = [
    Code::TooLarge,
    Code::NotUtf8,
    Code::ByteOrderMark,
    Code::CarriageReturn,
    Code::YamlSyntax,
    Code::NotOneMapping,
    Code::TooDeep,
    Code::Alias,
    Code::YamlTag,
    Code::DuplicateKey,
];

/// Specs with an error that no JSON Schema can express, since it cannot compare values.
const BEYOND_A_SCHEMA: [&str; 4] = [
    "tests/invalid/invalid-value--host-bits.yaml",
    "tests/invalid/invalid-value--range-swapped.yaml",
    "tests/invalid/invalid-value--schedule-runs-backwards.yaml",
    "tests/invalid/invalid-value--schedule-that-never-runs.yaml",
];

/// The codes of parsing a spec. Rules that compare fields run later and share some codes (a host name outside the
/// domain is an invalid value), so they are not included.
fn codes_of_parsing(text: &str) -> BTreeSet<Code> {
    let (Ok(diagnostics) | Err(diagnostics)) = parse(text.as_bytes());
    diagnostics.sorted().iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn the_schema_rejects_exactly_what_the_program_cannot_parse() {
    let validator = jsonschema::draft202012::new(&spec::schema()).expect("the schema is valid");
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for (name, text) in specs() {
        let codes = codes_of_parsing(&text);
        if codes.iter().any(|code| TEXT.contains(code)) {
            continue;
        }
        compared += 1;
        let value: Value = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let is_rejected = codes.iter().any(|code| SHAPE.contains(code));
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        if is_rejected == errors.is_empty() && !BEYOND_A_SCHEMA.contains(&name.as_str()) {
            wrong.push(format!("{name}: the program reports {codes:?}, the schema {errors:?}"));
        }
        if BEYOND_A_SCHEMA.contains(&name.as_str()) && (!is_rejected || !errors.is_empty()) {
            wrong.push(format!("{name}: remove it from `BEYOND_A_SCHEMA`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 80, "only {compared} specs were compared");
}

/// A field of the schema: its path, its schema there, and the schema of its type.
struct Field {
    path: String,
    place: Value,
    target: Value,
}

/// All fields. In paths, `NAME` is a user-defined name, and `0` an item of a list.
fn fields() -> Vec<Field> {
    let root = spec::schema();
    let mut found = Vec::new();
    walk(&root, &root, "", &mut found);
    found
}

fn walk(root: &Value, place: &Value, path: &str, found: &mut Vec<Field>) {
    let target = resolve(root, place);
    if !path.is_empty() {
        found.push(Field { path: path.to_owned(), place: place.clone(), target: target.clone() });
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, field) in target["properties"].as_object().into_iter().flatten() {
        walk(root, field, &below(name), found);
    }
    for (name, field) in keys_of_branches(root, target) {
        walk(root, field, &below(name), found);
    }
    if target["additionalProperties"].is_object() {
        walk(root, &target["additionalProperties"], &below("NAME"), found);
    }
    for pattern in target["patternProperties"].as_object().into_iter().flat_map(|patterns| patterns.values()) {
        walk(root, pattern, &below("NAME"), found);
    }
    if target["items"].is_object() {
        walk(root, &target["items"], &below("0"), found);
    }
}

/// The fields of all branches of a choice, including branches that are references.
fn keys_of_branches<'a>(root: &'a Value, schema: &'a Value) -> Vec<(&'a String, &'a Value)> {
    let branches = schema["oneOf"].as_array().into_iter().flatten().map(|branch| resolve(root, branch));
    let keys = branches.flat_map(|branch| {
        let own = branch["properties"].as_object().into_iter().flatten();
        own.chain(keys_of_branches(root, branch)).collect::<Vec<_>>()
    });
    keys.collect()
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = root.pointer(pointer.trim_start_matches('#')).expect("references have a definition");
        return resolve(root, target);
    }
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([inner, _]) => resolve(root, inner),
        _ => schema,
    }
}

#[test]
fn every_field_has_a_description() {
    let fields = fields();
    assert!(fields.len() > 150, "only {} fields were found", fields.len());
    let is_named = |field: &&Field| !matches!(field.path.rsplit('.').next(), Some("NAME" | "0"));
    let missing: Vec<_> = fields
        .iter()
        .filter(is_named)
        .filter(|field| [&field.place, &field.target].iter().all(|schema| schema["description"].as_str().is_none()))
        .map(|field| field.path.as_str())
        .collect();
    assert!(missing.is_empty(), "no description: {missing:?}");
}

#[test]
fn every_choice_has_a_description() {
    let mut missing = Vec::new();
    for field in fields() {
        for branch in field.target["oneOf"].as_array().into_iter().flatten() {
            let name = branch["const"].as_str().or_else(|| branch["required"][0].as_str());
            // The scalar types of a value need no description each.
            let is_kind =
                name.is_some_and(|_| field.target["oneOf"][0]["type"] != json!(["string", "integer", "boolean"]));
            if is_kind && branch["description"].as_str().is_none() {
                missing.push(format!("{}: {name:?}", field.path));
            }
        }
        // Values without a description are combined in one list.
        if field.target["enum"].is_array() {
            missing.push(field.path);
        }
    }
    assert!(missing.is_empty(), "no description: {missing:?}");
}

/// The default that a description states as a literal: the `X` of a whole sentence "Default: `X`.".
fn literal_default(description: &str) -> Option<String> {
    let text = description.replace('\n', " ");
    let (_, rest) = text.split_once("Default: `")?;
    let (literal, after) = rest.split_once('`')?;
    (after == "." || after.starts_with(". ")).then(|| literal.to_owned())
}

/// A default in the syntax of the spec, as descriptions state it.
fn literal(default: &Value) -> String {
    match default {
        Value::String(text) => homelab::yaml::scalar(text),
        Value::Object(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}: {}", literal(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[test]
fn descriptions_state_the_defaults_of_the_schema() {
    let mut wrong = Vec::new();
    let mut compared = 0;
    for field in fields() {
        for (schema, description) in [&field.place, &field.target].map(|schema| (schema, &schema["description"])) {
            let Some(description) = description.as_str() else { continue };
            // An empty list or mapping needs no sentence.
            let default = Some(&schema["default"])
                .filter(|default| !matches!(default.to_string().as_str(), "null" | "[]" | "{}"));
            let (stated, default) = (literal_default(description), default.map(literal));
            if stated != default || description.matches("Default: ").count() > 1 {
                wrong.push(format!("{}: the schema has {default:?}, its description: {description}", field.path));
            }
            compared += usize::from(default.is_some());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 40, "only {compared} defaults were compared");
}

#[test]
fn finds_literal_defaults_in_descriptions() {
    for (description, default) in [
        ("Memory. Default: `4GiB`.", Some("4GiB")),
        ("URL. Default:\n`https://example.com`. It is used\nby all.", Some("https://example.com")),
        ("How. Default: `recreate` if only one node\ncan mount it, `rolling` otherwise.", None),
        ("Path. Default: `/` followed by the name.", None),
        ("Servers. Default: the gateway.", None),
        ("Port.", None),
    ] {
        assert_eq!(literal_default(description).as_deref(), default, "{description}");
    }
}

#[test]
fn every_field_is_explained() {
    let mut wrong = Vec::new();
    for field in fields() {
        let explained = match spec::explain(&field.path) {
            Ok(explained) => explained.to_string(),
            Err(error) => {
                wrong.push(format!("{}: {error}", field.path));
                continue;
            }
        };
        let own = field.place["description"].as_str().or(field.target["description"].as_str()).unwrap_or_default();
        if !explained.contains(own.trim()) {
            wrong.push(format!("{}: its description is not in:\n{explained}", field.path));
        }
        if !explained.contains("\ntype: ") {
            wrong.push(format!("{}: its type is not in:\n{explained}", field.path));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn prints_explanations() {
    let paths = [
        "",
        "lab.timezone",
        "clusters.gordito",
        "clusters.gordito.nodes",
        "clusters.gordito.nodes.worker",
        "clusters.gordito.nodes.worker.role",
        "clusters.gordito.k3s.config",
        "clusters.gordito.k3s.config.kubelet-arg",
        "clusters.gordito.platform.ingress.implementation",
        "clusters.gordito.platform.postgres.backup",
        "clusters.gordito.platform.postgres.backup.s3",
        "clusters.gordito.apps.linkding.env",
        "clusters.gordito.apps.linkding.env.LD_SUPERUSER_NAME",
        "clusters.gordito.apps.linkding.env.LD_SUPERUSER_NAME.database",
        "clusters.gordito.apps.linkding.storage.data.size",
        "clusters.gordito.apps.linkding.init",
        "clusters.gordito.apps.linkding.security.capabilities",
        "clusters.gordito.external",
        "secrets.store",
        "secrets.store.infisical.project",
        "dns.cloudflare",
        "network.public.host",
    ];
    let text: Vec<_> = paths
        .iter()
        .map(|path| {
            let output = run(&repository(), &["explain", path]);
            format!("$ homelab explain {path}\n{}", String::from_utf8_lossy(&output.stdout))
        })
        .collect();
    insta::assert_snapshot!("explanations", text.join("\n"));
}

#[test]
fn suggests_the_right_path_for_a_wrong_one() {
    let paths = [
        "clusters.gordito.node",
        "lab.name.first",
        "nothing",
        "clusters.gordito.apps.linkding.imag.tag",
        "clusters.gordito.platform.postgres.backup.s4",
        "clusters..nodes",
        ".lab",
        "clusters.gordito.",
    ];
    let text: Vec<_> = paths
        .iter()
        .map(|path| {
            let output = run(&repository(), &["explain", path]);
            assert_eq!(output.status.code(), Some(2), "{path}");
            assert!(output.stdout.is_empty(), "{path}");
            format!("$ homelab explain {path}\n{}", String::from_utf8_lossy(&output.stderr))
        })
        .collect();
    insta::assert_snapshot!("wrong_paths", text.join("\n"));
}

/// A folder with the smallest lab, whose spec has a comment at its start.
fn lab_with(comment: &str) -> tempfile::TempDir {
    let spec = std::fs::read_to_string(repository().join("tests/valid/smallest/spec.yaml")).expect("it is committed");
    folder_with(&format!("{comment}\n{spec}"))
}

const BESIDE: &str = "# yaml-language-server: $schema=homelab.schema.json";

#[test]
fn generate_keeps_the_schema_that_the_spec_names() {
    let folder = lab_with(BESIDE);
    let path = folder.path().join("spec/homelab.schema.json");
    let generate = |arguments: &[&str]| run(folder.path(), &[&["generate"], arguments].concat());
    assert_eq!(generate(&[]).status.code(), Some(0));
    let schema = std::fs::read_to_string(&path).expect("it was generated");
    assert!(schema == homelab::render::schema());
    assert_eq!(generate(&["--check"]).status.code(), Some(0));

    // One of another version is a difference; one from before it had a mark is replaced too.
    let marked = schema.replace("LAN", "WAN");
    let unmarked = format!("{:#}\n", spec::schema());
    for outdated in [marked, unmarked] {
        std::fs::write(&path, outdated).expect("the folder is writable");
        let check = generate(&["--check"]);
        assert_eq!(check.status.code(), Some(1), "{}", err(&check));
        assert!(out(&check).contains("\ndocuments: schema of the spec\n"), "{}", out(&check));
        assert_eq!(generate(&[]).status.code(), Some(0));
        assert!(std::fs::read_to_string(&path).expect("it is there") == schema);
    }
}

#[test]
fn generate_never_overwrites_another_schema() {
    let own = "{\n  \"title\": \"our own schema of @generated by `homelab generate`\"\n}\n";
    let folder = lab_with(BESIDE);
    let path = folder.path().join("spec/homelab.schema.json");
    std::fs::write(&path, own).expect("the folder is writable");
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("homelab.schema.json: this file was not generated"), "{}", err(&output));
    assert!(!folder.path().join("k8s").exists(), "something was written");

    std::fs::remove_file(&path).expect("it is there");
    std::os::unix::fs::symlink("elsewhere.json", &path).expect("the folder is writable");
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(!folder.path().join("spec/elsewhere.json").exists());
}

#[test]
fn a_schema_that_the_spec_does_not_name_is_left_alone() {
    for comment in ["# A lab", "# yaml-language-server: $schema=https://example.com/homelab.schema.json"] {
        let folder = lab_with(comment);
        let path = folder.path().join("spec/homelab.schema.json");
        assert_eq!(run(folder.path(), &["generate"]).status.code(), Some(0));
        assert!(!path.exists(), "{comment}");
        let outdated = homelab::render::schema().replace("LAN", "WAN");
        std::fs::write(&path, &outdated).expect("the folder is writable");
        for arguments in [&["generate"][..], &["generate", "--check"]] {
            let output = run(folder.path(), arguments);
            assert_eq!(output.status.code(), Some(0), "{}", err(&output));
            assert!(!out(&output).contains("schema"), "{}", out(&output));
        }
        assert!(std::fs::read_to_string(&path).expect("it is there") == outdated);
    }
}

#[test]
fn the_schema_is_beside_a_spec_at_another_path() {
    let folder = lab_with(BESIDE);
    std::fs::create_dir(folder.path().join("labs")).expect("the folder is writable");
    let spec = folder.path().join("spec/homelab.yaml");
    std::fs::rename(spec, folder.path().join("labs/mine.yaml")).expect("the folder is writable");
    for arguments in [&["generate"][..], &["generate", "--check"]] {
        let output = run(folder.path(), &[arguments, &["--spec", "labs/mine.yaml"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    }
    assert!(folder.path().join("labs/homelab.schema.json").exists());
}

#[test]
fn a_new_schema_changes_nothing_in_the_lab() {
    let [before, after] = ["# A lab", BESIDE].map(lab_with);
    for folder in [&before, &after] {
        assert_eq!(run(folder.path(), &["generate"]).status.code(), Some(0));
    }
    let base = before.path().to_string_lossy().into_owned();
    let plan = run(after.path(), &["plan", "--base-dir", &base, "--format", "json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("it is JSON");
    assert!(plan["files"].as_array().is_some_and(Vec::is_empty), "{plan}");
}
