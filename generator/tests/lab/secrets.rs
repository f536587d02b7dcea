//! The output contains no secrets, and the keys of the secret store that it reads are declared and listed.

use crate::output::{cases, chart, documents, walk};
use crate::support::{build, repository, run, shown};
use homelab::diagnostic::Code;
use homelab::tree::Tree;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// The objects in `k8s`, each with the path of its file.
fn objects(tree: &Tree) -> Vec<(String, Json)> {
    let files = tree.files().iter().filter(|file| file.path.starts_with("k8s/"));
    files.flat_map(|file| documents(&file.text).into_iter().map(|object| (file.path.clone(), object))).collect()
}

/// The path in the secret store of every declared key.
fn declared(spec: &str) -> BTreeSet<String> {
    let spec = documents(spec).remove(0);
    let entries = spec["secrets"]["entries"].as_object().cloned().unwrap_or_default();
    let keys = entries.iter().flat_map(|(name, entry)| {
        let folder = entry["path"].as_str().map_or(format!("/{name}"), str::to_owned);
        let keys = entry["keys"].as_array().expect("entries have keys");
        keys.iter().map(move |key| format!("{folder}/{}", key.as_str().expect("keys are text")))
    });
    keys.collect()
}

/// The cluster and the path in the secret store of every key that the output reads.
fn read(tree: &Tree) -> BTreeSet<(String, String)> {
    let mut keys = BTreeSet::new();
    for (path, object) in objects(tree) {
        let cluster = path.split('/').nth(1).expect("each file is in the folder of a cluster");
        walk(&object, &mut Vec::new(), &mut |path, value| {
            if path.ends_with(&["remoteRef", "key"]) {
                keys.insert((cluster.to_owned(), value.as_str().expect("keys are text").to_owned()));
            }
        });
    }
    keys
}

#[test]
fn every_key_that_is_read_is_declared() {
    let mut seen = 0;
    for case in cases() {
        let declared = declared(&case.spec);
        let read: BTreeSet<_> = read(case.tree()).into_iter().map(|(_, key)| key).collect();
        assert!(read.is_subset(&declared), "{}: {read:?} of {declared:?}", case.name);
        seen += read.len();
    }
    assert!(seen > 20, "only {seen} keys are read in all cases");
}

/// In the lab with everything and in the reference lab.
#[test]
fn every_declared_key_is_read() {
    for case in cases().iter().filter(|case| ["everything", "the reference lab"].contains(&case.name.as_str())) {
        let read: BTreeSet<_> = read(case.tree()).into_iter().map(|(_, key)| key).collect();
        assert_eq!(read, declared(&case.spec), "{}", case.name);
    }
}

#[test]
fn the_secrets_command_lists_exactly_the_keys_that_are_read() {
    for case in cases() {
        let output = run(&case.root, &["secrets", "--format", "json", "--spec", case.path]);
        assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
        let listed: Json = serde_json::from_slice(&output.stdout).expect("it prints JSON");
        let mut keys = BTreeSet::new();
        for key in listed["store"].as_array().expect("it lists the keys of the store") {
            let text = |value: &Json| value.as_str().expect("the field is text").to_owned();
            let place = format!("{}/{}", text(&key["path"]), text(&key["key"]));
            for reader in key["readers"].as_array().expect("each has readers") {
                keys.insert((text(&reader["cluster"]), place.clone()));
            }
        }
        assert_eq!(keys, read(case.tree()), "{}", case.name);
    }
}

/// Neither as an object, nor as text in another object such as a ConfigMap or the values of a release.
#[test]
fn no_secret_is_in_the_output() {
    for case in cases() {
        for (path, object) in objects(case.tree()) {
            walk(&object, &mut Vec::new(), &mut |_, value| {
                assert_ne!(value["kind"], "Secret", "{path} of {}", case.name);
                let is_embedded =
                    value.as_str().is_some_and(|text| text.lines().any(|line| line.trim() == "kind: Secret"));
                assert!(!is_embedded, "{path} of {}: {value}", case.name);
            });
        }
    }
}

/// Whether the name of a Helm value suggests a credential, by its last word.
fn names_a_credential(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace(['-', '_', '.'], "");
    [
        "password",
        "passwd",
        "passphrase",
        "token",
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "secret",
        "credentials",
        "auth",
    ]
    .iter()
    .any(|word| key.ends_with(word))
}

/// Values with such a name must be the name of a Secret that the output creates.
#[test]
fn no_helm_value_is_a_credential() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        let objects = objects(case.tree());
        let created = objects.iter().filter_map(|(_, object)| match object["kind"].as_str() {
            Some("ExternalSecret") => object["spec"]["target"]["name"].as_str(),
            Some("Certificate") => object["spec"]["secretName"].as_str(),
            _ => None,
        });
        let created: BTreeSet<_> = created.collect();
        for (path, object) in objects.iter().filter(|(_, object)| chart(object).is_some()) {
            walk(&object["spec"]["values"], &mut Vec::new(), &mut |keys, value| {
                let (Some(key), Some(text)) = (keys.last(), value.as_str()) else { return };
                let is_url = text
                    .split_once("://")
                    .is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'));
                assert!(!is_url, "{path} of {}: {text}", case.name);
                if names_a_credential(key) && !text.is_empty() {
                    let name = text.rsplit('/').next().unwrap_or_default();
                    assert!(created.contains(name), "{path} of {}: {} is {text}", case.name, keys.join("."));
                    seen.insert((*key).to_owned());
                }
            });
        }
    }
    assert!(seen.contains("existingSecret"), "{seen:?}");
}

#[test]
fn finds_no_credential_in_any_spec_of_the_repository() {
    let template = repository().join("nix/template");
    let spec = std::fs::read_to_string(template.join("spec/homelab.yaml")).expect("the template has a spec");
    let of_template = ("the template", shown(&build(&spec, &template).diagnostics, &spec));
    let of_cases = cases().iter().map(|case| (case.name.as_str(), case.warnings()));
    for (name, messages) in of_cases.chain([of_template]) {
        assert!(!messages.contains(Code::CredentialInSpec.text()), "{name}:\n{messages}");
    }
}
