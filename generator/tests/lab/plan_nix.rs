//! `homelab plan --nix`: what it evaluates, and how it ends if Nix is missing or fails. A script in place of Nix prints
//! what each test needs; `systems.rs` evaluates for real.

use crate::edit::Edited;
use crate::plans::{CASES, repository_with_a_commit};
use crate::support::{err, folder_with, homelab, out, reference_spec, temporary_folder, tool};
use serde_json::{Value as Json, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

/// A script in place of Nix. The system of each server is the content of `system`, and its unit of k3s that of `unit`, two
/// files beside the flake. Agents never change.
const PRINTS_FILES: &str = r#"
[ "$5" = path:.#nixosConfigurations ] || exit 9
separator='{'
for node in $(ls nix/nodes); do
  case $node in
    *-cp) system=$(cat system) unit=$(cat unit) ;;
    *) system=same unit=same ;;
  esac
  printf '%s "%s": { "derivation": "%s", "units": { "a.service": "a", "k3s.service": "%s" } }' \
    "$separator" "$node" "$system" "$unit"
  separator=,
done
printf '}'
"#;

/// A folder with programs: Git, a shell, and a script in place of Nix.
fn programs(nix: Option<&str>) -> tempfile::TempDir {
    let folder = temporary_folder();
    if let Some(nix) = nix {
        let path = folder.path().join("nix");
        fs::write(&path, format!("#!/bin/sh\n{nix}")).expect("the folder is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    for name in ["git", "cat", "ls"] {
        if let Some(path) = tool(name) {
            std::os::unix::fs::symlink(path, folder.path().join(name)).expect("the folder is writable");
        }
    }
    folder
}

/// Runs `homelab plan --nix` with a script in place of Nix. Checks that it leaves no temporary files.
fn plan(root: &Path, nix: Option<&str>, arguments: &[&str]) -> Output {
    let (programs, temporary) = (programs(nix), temporary_folder());
    let mut command = homelab(root);
    command.env("PATH", programs.path()).env("TMPDIR", temporary.path());
    let output = command.args(["plan", "--nix"]).args(arguments).output().expect("the program starts");
    assert_eq!(fs::read_dir(temporary.path()).expect("it exists").count(), 0, "temporary files are left");
    output
}

/// A repository with a flake that the script above understands.
fn lab() -> Option<tempfile::TempDir> {
    tool("git")?;
    repository_with_a_commit(&[("flake.nix", "{ }"), ("system", "one"), ("unit", "one"), (".gitignore", "ignored*\n")])
}

fn write(root: &Path, path: &str, text: &str) {
    fs::write(root.join(path), text).expect("the folder is writable");
}

#[test]
fn finds_systems_that_differ_by_what_is_not_generated() {
    let Some(folder) = lab() else { return };
    let root = folder.path();
    let progress = |base: &str| format!("evaluating the nodes of {base} ...\nevaluating the nodes of the spec ...\n");
    let output = plan(root, Some(PRINTS_FILES), &["--base-dir", "."]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), progress(".").as_str()));
    assert_eq!(out(&output), "Nothing changes since .\n");

    // The files of the commit are compared with those on the disk.
    write(root, "system", "two");
    let output = plan(root, Some(PRINTS_FILES), &["--quiet"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
    let (_, nodes) = out(&output).split_once('\n').expect("it has lines");
    insta::assert_snapshot!("nix-by-modules", nodes);

    // The spec as it is now is evaluated, also if it was not generated.
    write(root, "unit", "two");
    let spec = Edited::reference().with(&CASES["node-with-more-memory"]).with(&CASES["node-starts-later"]).text();
    write(root, "spec/homelab.yaml", &spec);
    let output = plan(root, Some(PRINTS_FILES), &["--format", "json"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
    let printed: Json = serde_json::from_str(out(&output)).expect("it is JSON");
    let nodes = printed["nodes"].as_array().expect("it is a list").iter();
    let nodes: Vec<_> =
        nodes.map(|node| json!([node["node"], node["class"], node["system"], node["reasons"]])).collect();
    insta::assert_snapshot!("nix-json", format!("{:#}", Json::Array(nodes)));
}

#[test]
fn evaluates_what_git_tracks_with_the_files_of_the_spec() {
    let Some(folder) = lab() else { return };
    let root = folder.path();
    let spec = Edited::reference().with(&CASES["node-renamed"]).text();
    for (path, text) in [("spec/homelab.yaml", spec.as_str()), ("new.nix", ""), ("ignored.nix", ""), ("key", "secret")]
    {
        write(root, path, text);
    }
    fs::remove_file(root.join("unit")).expect("it was committed");
    let log = temporary_folder();
    let log = log.path().join("log");
    let lists = format!("for it in . nix/nodes; do echo $(ls -A $it); done >> {}\n{PRINTS_FILES}", log.display());
    let output = plan(root, Some(&lists), &["--quiet"]);
    assert_eq!((output.status.code(), err(&output)), (Some(0), ""));
    let logged = fs::read_to_string(log).expect("the script writes it");
    let expected = [
        ".gitignore docs flake.nix k8s nix spec system unit",
        "data-cp gordito-cp gordito-worker",
        ".gitignore docs flake.nix k8s new.nix nix spec system",
        "data-cp gordito-cp worker",
    ];
    assert_eq!(logged.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn says_what_nix_says() {
    let Some(folder) = lab() else { return };
    let reason = |nix: Option<&str>| {
        let output = plan(folder.path(), nix, &["--base-dir", ".", "--quiet"]);
        assert_eq!((output.status.code(), out(&output)), (Some(3), ""));
        err(&output).to_owned()
    };
    let start = "error: cannot evaluate the nodes of .: `nix eval path:.#nixosConfigurations`";
    assert_eq!(reason(None), format!("{start} needs Nix, and there is no program `nix` on PATH\n"));
    let fails =
        "echo first >&2; for at in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do echo $at >&2; done; exit 1";
    let message = reason(Some(fails));
    assert!(message.starts_with(&format!("{start} failed (exit status: 1):\n  1\n  2\n")), "{message}");
    assert!(message.ends_with("\n  20\n"), "{message}");
    let message = reason(Some("echo '{}'"));
    assert_eq!(message, "error: nixosConfigurations of . has no data-cp, gordito-cp, gordito-worker\n");
    let message = reason(Some("echo '[]'"));
    assert!(message.contains("printed something unexpected for .: "), "{message}");

    let without = folder_with(&reference_spec());
    let base = folder.path().to_string_lossy();
    let output = plan(without.path(), Some(PRINTS_FILES), &["--base-dir", &base, "--quiet"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("the spec has no flake.nix"), "{}", err(&output));
}
