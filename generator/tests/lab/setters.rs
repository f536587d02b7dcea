//! The image automation of Flux and the generator agree: after the library of the setters has updated a tag in a copy
//! of the repository, the generator finds no difference.

use crate::edit::Place;
use crate::support::{build_go, reference_spec, repository, run, temporary_folder};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The program that updates tags as Flux does, built once from `tests/tools/setters`. `None`, with the reason printed,
/// if Go or the modules are not available.
static SETTERS: LazyLock<Option<PathBuf>> = LazyLock::new(|| build_go("setters"));

/// Every file below a folder.
fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("the folder can be listed"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|file| {
            let path = file.path().strip_prefix(folder).expect("it is below").to_owned();
            (path, fs::read_to_string(file.path()).expect("generated files are text"))
        })
        .collect()
}

#[test]
fn an_update_by_flux_changes_only_the_tag_and_survives_generate() {
    let Some(setters) = &*SETTERS else { return };
    let folder = temporary_folder();
    let root = folder.path();
    fs::create_dir(root.join("spec")).expect("the folder is new");
    let spec = reference_spec();
    fs::write(root.join("spec/homelab.yaml"), &spec).expect("the folder is writable");
    assert_eq!(run(root, &["generate"]).status.code(), Some(0));
    let (image, policy) = ("ghcr.io/sissbruecker/linkding", "gordito.linkding");
    let updated = [Path::new("k8s/gordito/apps/linkding/deployment.yaml"), Path::new("spec/images.yaml")];

    let mut old = spec[Place::of(&spec, "clusters.gordito.apps.linkding.image.tag").value].trim_matches('"');
    // Twice: the second update starts from what the first one wrote.
    for new in ["1.47.0", "1.50.1"] {
        let before = contents(root);
        let output = Command::new(setters)
            .arg(root)
            .args(["flux-system", policy, image, new])
            .output()
            .expect("the setters start");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let after = contents(root);
        for (path, text) in &before {
            let expected = if updated.contains(&path.as_path()) {
                let place = |tag: &str| {
                    if path.starts_with("spec") {
                        format!("\"{tag}\" # {{\"$imagepolicy\": \"flux-system:{policy}:tag\"}}")
                    } else {
                        format!("{image}:{tag} #")
                    }
                };
                assert_eq!(text.matches(&place(old)).count(), 1, "{}", path.display());
                text.replace(&place(old), &place(new))
            } else {
                text.clone()
            };
            assert_eq!(after.get(path), Some(&expected), "{}", path.display());
        }
        assert_eq!(before.len(), after.len());
        let check = run(root, &["generate", "--check"]);
        assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stdout));
        assert_eq!(run(root, &["generate"]).status.code(), Some(0));
        assert_eq!(contents(root), after, "a regeneration changes nothing");
        old = new;
    }
}

/// The YAML writer of the setters changes nothing but the tag or digest.
#[test]
fn files_with_markers_are_a_fixed_point_of_the_yaml_writer() {
    let Some(setters) = &*SETTERS else { return };
    let folder = temporary_folder();
    let root = folder.path();
    fs::create_dir(root.join("spec")).expect("the folder is new");
    let spec = fs::read_to_string(repository().join("tests/valid/image-updates/spec.yaml")).expect("it is committed");
    fs::write(root.join("spec/homelab.yaml"), spec).expect("the folder is writable");
    assert_eq!(run(root, &["generate"]).status.code(), Some(0));
    let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
    for (policy, image, tag, hash) in [
        ("home.alpine", "docker.io/library/nginx", "1.30.0-alpine", None),
        ("home.two", "docker.io/library/postgres", "18.9", None),
        ("home.hash", "docker.io/library/redis", "8.0", Some(digest('a'))),
        ("home.hash", "docker.io/library/redis", "8.0", Some(digest('b'))),
        ("home.alpine.prepare", "docker.io/library/busybox", "2.0.0", None),
        ("home.alpine.other", "docker.io/vikunja/vikunja", "v1.12.1", None),
        ("home.alpine.weekly", "docker.io/library/redis", "8.0", Some(digest('c'))),
    ] {
        let mut command = Command::new(setters);
        command.arg(root).args(["flux-system", policy, image, tag]).args(&hash);
        let output = command.output().expect("the setters start");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let check = run(root, &["generate", "--check"]);
        assert_eq!(check.status.code(), Some(0), "{policy}: {}", String::from_utf8_lossy(&check.stdout));
        let pins = fs::read_to_string(root.join("spec/images.yaml")).expect("the pins are generated");
        assert!(pins.contains(hash.as_deref().unwrap_or(tag)), "{pins}");
    }
}
