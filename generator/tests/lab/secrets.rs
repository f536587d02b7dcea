//! The output contains no secrets, and the keys of the secret store that it reads are declared and listed.

use crate::output::{cases, chart, documents, walk};
use crate::plans;
use crate::support::{Built, build, folder_with, lab_of, repository, run, shown, temporary_folder};
use homelab::diagnostic::Code;
use homelab::tree::Tree;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

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

/// The path of an entry, whatever the store calls it.
fn path_of(folder: &str) -> String {
    let path = folder.strip_prefix("spec/secrets").and_then(|path| path.strip_suffix(".yaml")).unwrap_or(folder);
    format!("/{}", path.trim_start_matches('/'))
}

/// The cluster and the path in the secret store of every key that the output reads.
fn read(tree: &Tree) -> BTreeSet<(String, String)> {
    let objects = objects(tree);
    // The encrypted file of an entry is in the list of its unit.
    let file = |cluster: &str, entry: &str| {
        let list = format!("k8s/{cluster}/sops/{entry}/kustomization.yaml");
        let list = objects.iter().find(|(path, _)| *path == list).expect("each entry has a unit");
        let file = list.1["resources"][0].as_str().expect("it lists a file");
        file.trim_start_matches("../").to_owned()
    };
    let mut keys = BTreeSet::new();
    for (path, object) in objects.iter().filter(|(_, object)| object["kind"] == "ExternalSecret") {
        let cluster = path.split('/').nth(1).expect("each file is in the folder of a cluster");
        for item in object["spec"]["data"].as_array().expect("it reads values") {
            let (key, property) = (&item["remoteRef"]["key"], &item["remoteRef"]["property"]);
            let key = key.as_str().expect("keys are text");
            let path = match (object["spec"]["secretStoreRef"]["name"].as_str(), property.as_str()) {
                (Some("infisical" | "onepassword" | "bitwarden"), None) => path_of(key),
                (Some("vault"), Some(property)) => path_of(&format!("{key}/{property}")),
                (Some("sops"), Some(property)) => format!("{}/{property}", path_of(&file(cluster, key))),
                (store, property) => panic!("{store:?} reads {key} and {property:?}"),
            };
            keys.insert((cluster.to_owned(), path));
        }
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
        // The spec of the catalogue is in no file.
        let copy = (!case.root.join(case.path).exists()).then(|| folder_with(&case.spec));
        let (root, path) =
            copy.as_ref().map_or((&*case.root, case.path), |folder| (folder.path(), "spec/homelab.yaml"));
        let output = run(root, &["secrets", "--format", "json", "--spec", path]);
        assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
        let listed: Json = serde_json::from_slice(&output.stdout).expect("it prints JSON");
        let mut keys = BTreeSet::new();
        for key in listed["store"].as_array().expect("it lists the keys of the store") {
            let text = |value: &Json| value.as_str().expect("the field is text").to_owned();
            let place = format!("{}/{}", path_of(&text(&key["path"])), text(&key["key"]));
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

/// The lab of `secrets-by-sops`, with a change of one of its encrypted files.
fn with_file(path: &str, change: impl Fn(&str) -> String) -> Built {
    let root = repository().join("tests/valid/secrets-by-sops");
    let spec = std::fs::read_to_string(root.join("spec.yaml")).expect("the case has a spec");
    let folder = temporary_folder();
    for file in encrypted_files(&root) {
        let text = std::fs::read_to_string(root.join(&file)).expect("it is text");
        let copy = folder.path().join(&file);
        std::fs::create_dir_all(copy.parent().expect("it is in a folder")).expect("the folder is writable");
        std::fs::write(copy, if file == path { change(&text) } else { text }).expect("the folder is writable");
    }
    build(&spec, folder.path())
}

/// The encrypted files below a folder.
fn encrypted_files(root: &Path) -> Vec<String> {
    let files = glob(&root.join("spec/secrets"));
    let relative = |path: &PathBuf| path.strip_prefix(root).expect("it is below").to_string_lossy().into_owned();
    files.iter().map(relative).collect()
}

/// All files below a folder.
fn glob(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { glob(&path) } else { vec![path] }).collect()
}

/// Flux would apply it, and Git would keep it.
#[test]
fn a_value_in_clear_text_is_refused_and_not_printed() {
    const PLANTED: &str = "planted-3f9c17d2";
    let root = repository().join("tests/valid/secrets-by-sops");
    let mut seen = 0;
    for file in encrypted_files(&root) {
        let text = std::fs::read_to_string(root.join(&file)).expect("it is text");
        let lines = text.lines().filter(|line| line.starts_with("    ") && line.contains(": ENC[AES256_GCM,data:"));
        for line in lines.filter(|line| !line.contains("mac: ")) {
            let key = line.split_once(": ").expect("it is a key").0;
            for value in
                [PLANTED.to_owned(), format!("\"{PLANTED}\""), format!("|\n        {PLANTED}"), format!("[{PLANTED}]")]
            {
                let built = with_file(&file, |text| text.replace(line, &format!("{key}: {value}")));
                let messages = shown(&built.diagnostics, "");
                assert!(
                    built.tree.is_none() && messages.contains(Code::SecretUnencrypted.text()),
                    "{value}: {messages}"
                );
                assert!(!messages.contains(PLANTED), "{messages}");
                seen += 1;
            }
            let built =
                with_file(&file, |text| text.replace("stringData:\n", &format!("{PLANTED}: {PLANTED}\nstringData:\n")));
            assert!(built.tree.is_none(), "{file}");
        }
        assert!(with_file(&file, |text| text.replace("sops:\n", "sips:\n")).tree.is_none(), "{file}");
    }
    assert!(seen >= 12, "only {seen}");
    assert!(with_file("", str::to_owned).tree.is_some());
}

/// The values of the encrypted files of the tests all contain `planted`, and are nowhere in clear text: neither in what is
/// generated, nor in what is committed.
#[test]
fn planted_values_are_nowhere_in_clear_text() {
    let mut seen = 0;
    for case in cases() {
        for file in encrypted_files(&case.root) {
            let text = std::fs::read_to_string(case.root.join(&file)).expect("it is text");
            assert!(!text.contains("planted"), "{file} of {}", case.name);
            seen += 1;
        }
        for file in case.tree().files() {
            assert!(!file.text.contains("planted"), "{} of {}", file.path, case.name);
        }
    }
    for file in glob(&repository().join("tests/plans/sops")) {
        let text = std::fs::read_to_string(&file).expect("it is text");
        assert!(!text.contains("planted"), "{}", file.display());
        seen += 1;
    }
    assert!(seen > 3, "only {seen} encrypted files");
}

/// The files of two people who each add an app with an entry are different ones, and merge to what is generated from both
/// changes.
#[test]
fn apps_with_encrypted_secrets_share_no_file() {
    let root = repository().join("tests/valid/secrets-by-sops");
    let folder = temporary_folder();
    let secrets = folder.path().join("spec/secrets/dns");
    std::fs::create_dir_all(&secrets).expect("the folder is new");
    let secrets = secrets.parent().expect("it is in a folder");
    for file in ["dns/cloudflare.yaml", "vikunja.yaml"] {
        std::fs::copy(root.join("spec/secrets").join(file), secrets.join(file)).expect("the folder is writable");
    }
    let text = std::fs::read_to_string(secrets.join("vikunja.yaml")).expect("it is text");
    for name in ["alpha", "bravo"] {
        let text = text.replace("name: vikunja", &format!("name: {name}"));
        std::fs::write(secrets.join(format!("{name}.yaml")), text).expect("the folder is writable");
    }
    let spec = std::fs::read_to_string(root.join("spec.yaml")).expect("the case has a spec");
    let with = |names: &[&str]| {
        let mut spec = spec.clone();
        for name in names {
            let entry = format!("    {name}: {{ keys: [service-secret] }}\n    unused:");
            let app = format!(
                "    apps:\n      {name}:\n        image: {{ repository: docker.io/vikunja/vikunja, tag: v1.11.0 }}\n        \
                 env: {{ KEY: {{ secret: {name}/service-secret }} }}\n"
            );
            spec = spec.replacen("    unused:", &entry, 1).replacen("    apps:\n", &app, 1);
        }
        let built = build(&spec, folder.path());
        built.tree.unwrap_or_else(|| panic!("{}", shown(&built.diagnostics, &spec)))
    };
    let [base, alpha, bravo, both] = [&[][..], &["alpha"], &["bravo"], &["alpha", "bravo"]].map(with);
    let [base, alpha, bravo, both] = [&base, &alpha, &bravo, &both].map(plans::files);
    let changed = |tree: &BTreeMap<&str, &str>| -> BTreeSet<String> {
        let paths = base.keys().chain(tree.keys()).filter(|path| base.get(*path) != tree.get(*path));
        paths.map(|path| (*path).to_owned()).collect()
    };
    let (of_alpha, of_bravo) = (changed(&alpha), changed(&bravo));
    assert!(of_alpha.contains("k8s/home/flux/sops-alpha.yaml"), "{of_alpha:?}");
    assert!(of_alpha.is_disjoint(&of_bravo), "{of_alpha:?} and {of_bravo:?}");
    for (path, text) in &both {
        let of = if of_alpha.contains(*path) {
            &alpha
        } else if of_bravo.contains(*path) {
            &bravo
        } else {
            &base
        };
        assert_eq!(of.get(path), Some(text), "{path}");
    }
}

/// Otherwise, Flux would apply the encrypted values as they are.
#[test]
fn flux_decrypts_every_encrypted_file() {
    let mut seen = 0;
    for case in cases() {
        let lists = case.tree().files().iter().filter(|file| file.path.ends_with("/kustomization.yaml"));
        for list in lists.filter(|list| list.text.contains("  - ../")) {
            let folder = list.path.rsplit_once('/').expect("it is in a folder").0;
            let unit = unit_of(folder, &plans::files(case.tree())).expect("a unit applies it");
            let unit = case.tree().files().iter().find(|file| file.path == unit).expect("it exists");
            let decryption = &documents(&unit.text)[0]["spec"]["decryption"];
            let place = format!("{} of {}", unit.path, case.name);
            assert_eq!(decryption["provider"], "sops", "{place}");
            assert_eq!(decryption["secretRef"]["name"], "sops-age", "{place}");
            // Flux ignores keys with other names.
            let cluster = unit.path.split('/').nth(1).expect("each file is in the folder of a cluster");
            let built = lab_of(&case.spec, &case.root);
            let cluster = built.clusters.iter().find(|one| one.name.as_str() == cluster).expect("it exists");
            let key =
                cluster.flux.secrets.iter().find(|secret| secret.name.as_str() == "sops-age").expect("it is on disk");
            assert!(key.namespace.as_str() == "flux-system" && key.keys[0].0.as_str().ends_with(".agekey"), "{place}");
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen}");
}

/// The store is one choice: what reads secrets follows, and nothing else.
#[test]
fn another_store_changes_only_what_reads_secrets() {
    let [before, after] = plans::trees("secrets-from-infisical-to-sops").expect("both are valid");
    let (before, after) = (plans::files(&before), plans::files(&after));
    let paths: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let changed: BTreeSet<&str> = paths.into_iter().filter(|path| before.get(path) != after.get(path)).collect();
    // The folders of units with an ExternalSecret, of the store, and of entries.
    let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let is_secret = |path: &&&str| path.rsplit('/').next().is_some_and(|name| name.starts_with("externalsecret-"));
    let mut folders: BTreeSet<String> = before.keys().filter(is_secret).map(|path| folder(path)).collect();
    for cluster in ["data", "gordito"] {
        folders.insert(format!("k8s/{cluster}/platform/external-secrets-store"));
    }
    let units: BTreeSet<String> = folders.iter().filter_map(|folder| unit_of(folder, &before)).collect();
    for path in &changed {
        let of_entry = path.contains("/sops/") || path.contains("/flux/sops-");
        let of_server = path.starts_with("nix/nodes/") && path.ends_with("-cp/default.nix");
        let of_unit = folders.contains(&folder(path)) || units.contains(*path);
        // Another unit may create the namespace of an ExternalSecret.
        let is_label = |(before, after): (&str, &str)| before.replace("infisical", "sops") == after;
        let labels = before.get(path).copied().zip(after.get(path).copied()).is_some_and(is_label);
        let is_namespace = path.rsplit('/').next().is_some_and(|name| name.starts_with("namespace")) && labels;
        // Pictures name the store.
        let of_docs = path.starts_with("docs/lab/clusters/") || path.starts_with("docs/lab/") && path.ends_with(".svg");
        assert!(of_entry || of_server || of_unit || is_namespace || of_docs, "{path}");
    }
    for folder in &folders {
        assert!(changed.iter().any(|path| path.starts_with(folder.as_str())), "{folder} is the same");
    }
    insta::assert_snapshot!(changed.into_iter().collect::<Vec<_>>().join("\n"));
}

/// The Flux Kustomization that applies a folder.
fn unit_of(folder: &str, files: &BTreeMap<&str, &str>) -> Option<String> {
    let line = format!("  path: ./{folder}\n");
    files.iter().find(|(_, text)| text.contains(&line)).map(|(path, _)| (*path).to_owned())
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
