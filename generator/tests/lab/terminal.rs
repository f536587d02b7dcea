//! What reaches the terminal: no byte of a file, of a name on the disk or of an argument makes it do anything.

use crate::support::{folder_with, repository, run};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Output;

/// Red text, the title of the window, C1's start of a command, DEL, a return to the start of the line, an override of the
/// direction of text, an isolate, and a mark.
const HOSTILE: &str = "\u{1b}[31m\u{1b}]0;x\u{7}\u{9b}31m\u{7f}\r\u{202e}\u{2066}\u{200f}";

/// A valid spec.
fn spec() -> String {
    fs::read_to_string(repository().join("tests/valid/smallest/spec.yaml")).expect("it is committed")
}

/// Checks that the output of a run has text, and nothing that a terminal acts on. Returns the text.
fn check(output: &Output, what: &str) -> String {
    let bytes = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(bytes).expect("output is UTF-8");
    assert!(!text.is_empty(), "{what}: no output");
    let is_hidden = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let bad = text.chars().find(|c| is_hidden(*c));
    assert!(bad.is_none(), "{what}: {bad:?} in {text:?}");
    text
}

/// Runs the program with both formats.
fn check_both(folder: &Path, arguments: &[&str]) -> String {
    let json = run(folder, &[arguments, &["--format", "json"]].concat());
    let text = check(&json, "JSON");
    assert!(text.lines().next().is_some_and(|line| line.starts_with(['{', '['])), "{text}");
    check(&run(folder, arguments), "text")
}

#[test]
fn names_and_files_on_the_disk_are_escaped() {
    let folder = folder_with(&spec());
    run(folder.path(), &["generate"]);
    let app = folder.path().join("k8s/home/apps/hello");
    let generated = fs::read_to_string(app.join("service.yaml")).expect("it was generated");
    let first = generated.lines().next().expect("it has a first line");
    for (name, text) in [("stale", format!("{first}\n{HOSTILE}\n")), ("foreign", HOSTILE.to_owned())] {
        fs::write(app.join(format!("{name}-{HOSTILE}.yaml")), text).expect("the folder is writable");
    }
    fs::write(app.join(OsStr::from_bytes(b"bytes-\xff\x9b31m")), "").expect("the folder is writable");
    fs::write(app.join("service.yaml"), format!("{generated}# {HOSTILE}\n")).expect("the folder is writable");

    let text = check_both(folder.path(), &["generate", "--check"]);
    let shown = "\\u001b[31m\\u001b]0;x\\u0007\\u009b31m\\u007f\\u000d\\u202e\\u2066\\u200f";
    for expected in [
        "-# \\u001b[31m".to_owned(),
        format!("a/k8s/home/apps/hello/stale-{shown}.yaml"),
        format!("foreign-{shown}.yaml"),
    ] {
        assert!(text.contains(&expected), "{expected} in {text}");
    }
    assert!(text.contains("bytes-\\xff\\x9b31m"), "{text}");
    let text = check(&run(folder.path(), &["generate"]), "generate");
    assert!(text.contains(&format!("removed  k8s/home/apps/hello/stale-{shown}.yaml")), "{text}");
}

#[test]
fn excerpts_messages_and_paths_are_escaped() {
    // In a comment beside an error, in the name of a field, in a value, and in an unreadable document.
    let hostile = HOSTILE.replace('\r', "");
    for (from, to) in [
        ("port: 80", format!("port: many # {hostile}")),
        ("port: 80", format!("po{hostile}rt: 80")),
        ("port: 80", format!("port: '{hostile}'")),
        ("memory: 16GiB", format!("memory: \"{hostile}\"")),
        ("port: 80", format!("port: [ # {hostile}")),
        ("port: 80", "port: \"\\u009b31m\\u202e\"".to_owned()),
        ("port: 80", format!("manifests: [spec/{hostile}.yaml]")),
    ] {
        let folder = folder_with(&spec().replace(from, &to));
        let text = check_both(folder.path(), &["validate"]);
        assert!(text.contains("error"), "{text}");
    }
    let folder = folder_with(&spec());
    check_both(folder.path(), &["validate", "--spec", &format!("spec/{hostile}.yaml")]);
    check_both(folder.path(), &["explain", &hostile]);
    check(&run(folder.path(), &[&hostile]), "usage");
}

#[test]
fn values_cannot_change_the_direction_of_text() {
    for c in ['\u{202a}', '\u{202e}', '\u{2066}', '\u{2069}'] {
        let folder = folder_with(&spec().replace("port: 80", &format!("port: 80\n        description: 'a{c}b'")));
        let text = check_both(folder.path(), &["validate"]);
        assert!(text.contains("control-character") && text.contains(&c.escape_unicode().to_string()), "{text}");
    }
}
