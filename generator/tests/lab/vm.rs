//! The tests of nodes in virtual machines: they evaluate, their scripts are valid Python, and CI runs them. Running them needs KVM.

use crate::nix::{checkout, evaluate, evaluator};
use crate::support::{build, reference_spec, repository, tool};
use serde_json::{Value as Json, json};
use std::fs;
use std::process::Command;

/// The names of the tests, in the order of their file.
fn names() -> Vec<String> {
    let text = fs::read_to_string(repository().join("tests/vm/default.nix")).expect("it is committed");
    let name = regex::Regex::new(r"(?m)^  ([a-z-]+)(?:\.file = .*;| = \{)$").expect("it is an expression");
    let names: Vec<_> = name.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    assert!(names.len() > 5, "{names:?}");
    names
}

/// Evaluates tests with the committed nodes, and checks their scripts.
fn check(names: &[&str]) {
    let Some(mut command) = evaluator() else { return };
    let folder = checkout(&build(&reference_spec(), &repository()).tree.expect("the reference lab is valid"));
    for entry in fs::read_dir(repository().join("tests/vm")).expect("it is committed") {
        let path = entry.expect("it can be listed").path();
        let target = folder.path().join("tests/vm").join(path.file_name().expect("it is a file"));
        fs::create_dir_all(target.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::copy(path, target).expect("the folder is writable");
    }
    let only = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" ");
    command.arg(folder.path().join("tests/nix/vm.nix")).args(["--arg", "only", &format!("[ {only} ]")]);
    let tests = evaluate(command);
    for name in names {
        let test = &tests[*name];
        assert!(test["driver"].as_str().is_some_and(|path| path.ends_with(".drv")), "{name}: {test:#}");
        assert_eq!(test["failedAssertions"], json!([]), "{name}");
        check_script(name, test["script"].as_str().expect("it is text"));
    }
}

fn check_script(name: &str, script: &str) {
    assert!(script.contains("start_all()"), "{name}: {script}");
    let Some(python) = tool("python3") else { return };
    let output = Command::new(python).args(["-c", "import ast, sys; ast.parse(sys.argv[1])", script]).output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_test_of_a_server_evaluates() {
    check(&["server"]);
}

#[test]
#[ignore = "evaluating a dozen machines takes a minute; use `cargo test -- --include-ignored`"]
fn every_test_in_a_virtual_machine_evaluates() {
    let names = names();
    check(&names.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn the_workflow_runs_every_test() {
    let text = fs::read_to_string(repository().join(".github/workflows/nodes.yml")).expect("it is committed");
    let workflow: Json = serde_yaml::from_str(&text).expect("it is YAML");
    assert_eq!(workflow["jobs"]["nodes"]["strategy"]["matrix"]["test"], json!(names()));
}
