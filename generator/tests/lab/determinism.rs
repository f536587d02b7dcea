//! The same spec gives the same bytes, independent of the machine, the user, the folder, and the order of keys.

use crate::edit::Edited;
use crate::output::cases;
use crate::support::{build, homelab, program, reference_spec, repository, shown, temporary_folder};
use homelab::tree::Tree;
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Every generated file below a root.
fn files(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let tops = homelab::tree::OWNED.map(|folder| root.join(folder));
    let entries = tops.iter().filter(|top| top.exists()).flat_map(walkdir::WalkDir::new);
    entries
        .map(|entry| entry.expect("the folder can be listed"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(root).expect("it is below").to_owned();
            (path, fs::read(entry.path()).expect("files are readable"))
        })
        .collect()
}

/// Writes the reference spec to a folder.
fn checkout(root: &Path) {
    fs::create_dir_all(root.join("spec")).expect("the folder is writable");
    fs::write(root.join("spec/homelab.yaml"), reference_spec()).expect("the folder is writable");
}

fn generate(command: &mut Command) {
    let output = command.arg("generate").output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The files of the reference lab, generated in a plain environment.
fn plain() -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = temporary_folder();
    checkout(folder.path());
    generate(&mut homelab(folder.path()));
    let files = files(folder.path());
    assert!(files.len() > 50);
    files
}

#[test]
fn the_environment_makes_no_difference() {
    let expected = plain();
    let environments: &[&[(&str, &str)]] = &[
        &[("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("LANGUAGE", "tr")],
        &[("LANG", "C"), ("LC_ALL", "POSIX")],
        &[("TZ", "Pacific/Kiritimati")],
        &[("HOME", "/nonexistent"), ("USER", "somebody"), ("LOGNAME", "somebody"), ("HOSTNAME", "elsewhere")],
        &[("TMPDIR", "/nonexistent"), ("SOURCE_DATE_EPOCH", "0"), ("CI", "true")],
        &[("RAYON_NUM_THREADS", "1")],
        &[("RAYON_NUM_THREADS", "16")],
        &[("COLUMNS", "20"), ("TERM", "dumb"), ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
    ];
    for environment in environments {
        let folder = temporary_folder();
        checkout(folder.path());
        generate(homelab(folder.path()).envs(environment.iter().copied()));
        assert!(files(folder.path()) == expected, "{environment:?} makes a difference");
    }
}

#[test]
fn the_name_of_the_folder_makes_no_difference() {
    let expected = plain();
    let names = ["with space", "-dash", "ünï", "quote\"$HOME'", "nix", "k8s/spec"].map(OsString::from);
    let broken = OsString::from_vec(b"not-utf8-\xff".to_vec());
    for name in names.into_iter().chain([broken]) {
        let folder = temporary_folder();
        let root = folder.path().join(&name);
        checkout(&root);
        generate(&mut homelab(&root));
        assert!(files(&root) == expected, "{} as checkout makes a difference", name.display());
    }
}

#[test]
fn the_working_directory_makes_no_difference() {
    let expected = plain();
    let folder = temporary_folder();
    let root = folder.path().join("lab");
    checkout(&root);
    std::os::unix::fs::symlink("lab", folder.path().join("linked")).expect("links can be created");
    let absolute = root.to_str().expect("temporary folders have plain names");
    let spec = format!("{absolute}/spec/homelab.yaml");
    let runs: &[(&str, &[&str])] = &[
        ("/", &["--root", absolute]),
        ("lab", &["--root", "."]),
        ("lab", &["--spec", "./spec/homelab.yaml"]),
        ("lab", &["--spec", &spec]),
        ("lab/spec", &["--root", ".."]),
        (".", &["--root", "lab/../lab/"]),
        (".", &["--root", "linked"]),
        ("linked", &[]),
    ];
    for (from, arguments) in runs {
        for folder in homelab::tree::OWNED.map(|folder| root.join(folder)).iter().filter(|folder| folder.exists()) {
            fs::remove_dir_all(folder).expect("the folder can be removed");
        }
        generate(homelab(&folder.path().join(from)).args(*arguments));
        assert!(files(&root) == expected, "{arguments:?} from {from} makes a difference");
    }
}

#[test]
fn the_umask_makes_no_difference() {
    let expected = plain();
    for mask in ["000", "022", "077"] {
        let folder = temporary_folder();
        checkout(folder.path());
        let mut command = Command::new("sh");
        command.current_dir(folder.path()).args(["-c", "umask \"$1\"; exec \"$0\" generate"]).arg(program()).arg(mask);
        assert!(command.output().expect("the program starts").status.success());
        assert!(files(folder.path()) == expected, "umask {mask} makes a difference");
    }
}

/// Reorders the keys of every mapping. Lists are unchanged.
fn shuffled(value: Value, state: &mut u64) -> Value {
    match value {
        Value::Mapping(mapping) => {
            let mut entries: Vec<_> = mapping.into_iter().collect();
            for at in (1..entries.len()).rev() {
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let other = usize::try_from(*state >> 33).expect("31 bits fit") % (at + 1);
                entries.swap(at, other);
            }
            Value::Mapping(entries.into_iter().map(|(key, value)| (key, shuffled(value, state))).collect::<Mapping>())
        }
        Value::Sequence(items) => items.into_iter().map(|item| shuffled(item, state)).collect(),
        other => other,
    }
}

fn tree_of(text: &str, root: &Path) -> Tree {
    let built = build(text, root);
    built.tree.unwrap_or_else(|| panic!("{}\n{text}", shown(&built.diagnostics, text)))
}

#[track_caller]
fn assert_order_makes_no_difference(name: &str, spec: &str, root: &Path) {
    let value: Value = serde_yaml::from_str(spec).expect("specs are YAML");
    let expected = tree_of(&serde_yaml::to_string(&value).expect("specs are YAML"), root);
    for seed in 1..=8 {
        let mut state = seed;
        let text = serde_yaml::to_string(&shuffled(value.clone(), &mut state)).expect("specs are YAML");
        let tree = tree_of(&text, root);
        for (file, other) in expected.files().iter().zip(tree.files()) {
            assert_eq!(file.path, other.path, "{name}, seed {seed}");
            assert_eq!(file.text, other.text, "{} of {name}, seed {seed}", file.path);
        }
        assert_eq!(expected.files().len(), tree.files().len(), "{name}, seed {seed}");
    }
}

#[test]
fn the_order_of_keys_makes_no_difference() {
    for case in cases() {
        assert_order_makes_no_difference(&case.name, &case.spec, &case.root);
    }
}

/// Helm values, patches and the k3s config are passed through, but their keys have no order either.
#[test]
fn the_order_of_keys_makes_no_difference_in_what_is_passed_through() {
    let nested = "{ b: { z: 1, a: { y: [{ q: 1, p: 2 }], x: 2 } }, a: 1, c: { f: 1, e: 2, d: 3 } }";
    let patch = format!("{{ target: {{ kind: HelmRelease }}, merge: {{ spec: {nested} }} }}");
    let spec = Edited::reference()
        .add("clusters.data.k3s.config", nested)
        .add("clusters.gordito.k3s.config", nested)
        .add("clusters.gordito.platform.load-balancer", &format!("{{ values: {nested}, patches: [{patch}] }}"));
    assert_order_makes_no_difference("nested values", &spec.text(), &repository());
}
