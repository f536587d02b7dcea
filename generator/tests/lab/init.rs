//! `homelab init`: the files of a new lab.

use crate::support::{err, out, run, temporary_folder};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;

/// Runs `homelab init` in a folder.
fn init(folder: &Path, arguments: &[&str]) -> Output {
    run(folder, &[&["init"], arguments].concat())
}

/// Every file below a folder, by its path from there. Symbolic links are not followed.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("it can be listed"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    let read = |entry: walkdir::DirEntry| {
        let path = entry.path().strip_prefix(folder).expect("it is below").to_string_lossy().into_owned();
        (path, fs::read(entry.path()).expect("it can be read"))
    };
    files.map(read).collect()
}

fn assert_succeeds(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}{}", out(output), err(output));
    assert!(err(output).is_empty(), "{}", err(output));
}

fn spec(folder: &Path) -> String {
    fs::read_to_string(folder.join("spec/homelab.yaml")).expect("it was created")
}

#[test]
fn makes_a_lab_without_answers() {
    let folder = temporary_folder();
    let output = init(folder.path(), &["--defaults"]);
    assert_succeeds(&output);
    insta::assert_snapshot!("defaults", out(&output));
    let check = run(folder.path(), &["generate", "--check"]);
    assert_succeeds(&check);
    assert!(folder.path().join("spec/homelab.schema.json").exists());
    // The listed lines are those of the spec.
    let text = spec(folder.path());
    let json = temporary_folder();
    let json = init(json.path(), &["--defaults", "--format", "json"]);
    let report: Json = serde_json::from_slice(&json.stdout).expect("it is JSON");
    let examples = report["examples"].as_array().expect("it is a list");
    assert_eq!(examples.len(), text.matches("# Example: replace it.").count());
    for example in examples {
        let line = example["line"].as_u64().expect("it is a number") as usize;
        let shown = example["text"].as_str().expect("it is text");
        assert_eq!(
            text.lines().nth(line - 1),
            Some(format!("{}{shown} # Example: replace it.", indent(&text, line)).as_str())
        );
    }
}

/// The indentation of a line.
fn indent(text: &str, line: usize) -> &str {
    let line = text.lines().nth(line - 1).unwrap_or_default();
    &line[..line.len() - line.trim_start().len()]
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let [one, other] = [temporary_folder(), temporary_folder()];
    assert_succeeds(&init(one.path(), &[]));
    assert_succeeds(&init(other.path(), &["--defaults"]));
    assert!(files(one.path()) == files(other.path()));
}
