//! Proposals for the manifests of other repositories. Each folder of `tests/import` is a case: the manifests in `input`,
//! all made up for it, and a snapshot of what the program prints.

use crate::support::{err, out, program, repository, run, temporary_folder};
use homelab::import::{self, Content, Files, Options, Pipeline, Problem, Proposal};
use serde_json::Value as Json;
use serde_yaml::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folders of all cases, in order.
fn cases() -> Vec<PathBuf> {
    let folder = repository().join("tests/import");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .expect("the cases are committed")
        .map(|entry| entry.expect("the folder can be listed").path())
        .collect();
    cases.sort();
    assert!(!cases.is_empty());
    cases
}

/// The arguments of a case: the first line of the file `arguments` in it, if it has one.
fn arguments(case: &Path) -> Vec<String> {
    let text = fs::read_to_string(case.join("arguments")).unwrap_or_default();
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Runs the import of a case.
fn output(case: &Path, more: &[&str]) -> std::process::Output {
    let own = arguments(case);
    let arguments = ["import", "input"].into_iter().chain(own.iter().map(String::as_str)).chain(more.iter().copied());
    run(case, &arguments.collect::<Vec<_>>())
}

#[test]
fn proposes_what_the_snapshots_show() {
    for case in cases() {
        let output = output(&case, &["--verbose"]);
        assert_eq!(output.status.code(), Some(0), "{}: {}", case.display(), err(&output));
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let page = format!("{}=== report\n{}", out(&output), err(&output));
        settings.bind(|| insta::assert_snapshot!("output", page));
    }
}

/// The proposal of a case in a lab with what its comments ask for.
fn lab_of(proposal: &str) -> String {
    let mut lab: Value = serde_yaml::from_str(
        "version: 1
lab:
  name: test
  domain: example.com
  repository: https://github.com/example/homelab
  admin:
    email: admin@example.com
    ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleE]
network: { lan: { cidr: 192.168.0.0/16, gateway: 192.168.200.1 } }
hosts:
  pve: { memory: 1TiB, address: 192.168.200.2, gpu: intel, folders: { books: /tank/books } }
clusters:
  home:
    load-balancer: 192.168.10.50-192.168.10.99
    nodes:
      node:
        host: pve
        vmid: 100
        address: 192.168.200.3
        cores: 64
        memory: 512GiB
        gpu: true
        devices: [/dev/ttyACM0]
        folders: [books]
",
    )
    .expect("it is YAML");
    let mut proposal: Value = serde_yaml::from_str(proposal).expect("the proposal is YAML");
    for (at, (_, storage)) in proposal["storage"].as_mapping_mut().into_iter().flatten().enumerate() {
        let storage = storage.as_mapping_mut().expect("it has fields");
        storage.entry("address".into()).or_insert_with(|| format!("192.168.200.{}", 10 + at).into());
    }
    if let Some(secrets) = proposal.get_mut("secrets") {
        secrets["store"] = serde_yaml::from_str("infisical: { project: test, environment: prod }").expect("it is YAML");
    }
    merge(&mut lab, proposal);
    serde_yaml::to_string(&lab).expect("it can be printed")
}

fn merge(lab: &mut Value, over: Value) {
    match (lab, over) {
        (Value::Mapping(lab), Value::Mapping(over)) => {
            for (key, value) in over {
                merge(lab.entry(key).or_insert(Value::Null), value);
            }
        }
        (lab, over) => *lab = over,
    }
}

#[test]
fn proposals_are_valid_in_a_lab() {
    for case in cases() {
        let output = output(&case, &["--quiet"]);
        let folder = crate::support::folder_with(&lab_of(out(&output)));
        let validated = run(folder.path(), &["validate", "--quiet"]);
        assert_eq!(validated.status.code(), Some(0), "{}: {}", case.display(), err(&validated));
    }
}

#[test]
fn never_prints_what_is_secret() {
    for case in cases() {
        for format in ["human", "json"] {
            let output = output(&case, &["--verbose", "--format", format]);
            for secret in ["correct-horse-battery", "ENC[", "aGVsbG8"] {
                let printed = out(&output).contains(secret) || err(&output).contains(secret);
                assert!(!printed, "{} prints a secret", case.display());
            }
        }
    }
}

#[test]
fn json_has_the_spec_and_every_workload() {
    for case in cases() {
        let text = out(&output(&case, &[])).to_owned();
        let json: Json = serde_json::from_str(out(&output(&case, &["--format", "json"]))).expect("it is JSON");
        assert_eq!(json["spec"], text.as_str());
        for workload in json["workloads"].as_array().expect("it is a list") {
            let file = workload["at"]["file"].as_str().expect("a workload has a file");
            let content = fs::read_to_string(case.join("input").join(file)).expect("the file exists");
            let line = workload["at"]["line"].as_u64().expect("a workload has a line");
            let line = content.lines().nth(usize::try_from(line).expect("it is small") - 1).expect("the line exists");
            let kind = workload["kind"].as_str().expect("a workload has a kind");
            assert!(line.contains(kind), "{file}: {line}");
            let is_refused = workload["outcome"] == "not-imported";
            assert!(!is_refused || !workload["remarks"].as_array().expect("it is a list").is_empty(), "{file}");
        }
    }
}

#[cfg(unix)]
#[test]
fn reads_any_bytes_and_follows_no_link() {
    let folder = temporary_folder();
    let path = folder.path();
    fs::create_dir(path.join("input")).expect("the folder is new");
    let write = |name: &str, bytes: &[u8]| fs::write(path.join("input").join(name), bytes).expect("it is writable");
    write("bytes.yaml", b"kind: \xff\xfe\n");
    write("large.yaml", &vec![b'#'; import::MAX_FILE + 1]);
    let deployment = "apiVersion: apps/v1\r\nkind: Deployment\r\nmetadata: { name: windows }\r\nspec: { template: { spec: { containers: [\
                      { name: windows, image: \"ghcr.io/example/windows:1.0.0\", securityContext: { runAsUser: 1000 } }] } } }\r\n";
    write("windows.yaml", format!("\u{feff}{deployment}").as_bytes());
    // Only the folder of Git is left out.
    for (folder, name) in [("apps.git", "mirror"), (".git", "hidden")] {
        fs::create_dir(path.join("input").join(folder)).expect("it is writable");
        write(&format!("{folder}/app.yaml"), deployment.replace("windows", name).as_bytes());
    }
    fs::write(path.join("outside.yaml"), deployment.replace("windows", "outside")).expect("it is writable");
    std::os::unix::fs::symlink("../outside.yaml", path.join("input/link.yaml")).expect("it is writable");
    std::os::unix::fs::symlink("..", path.join("input/folder")).expect("it is writable");
    let output = run(path, &["import", "input"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    for (name, is_read) in [("windows", true), ("mirror", true), ("outside", false), ("hidden", false)] {
        assert_eq!(out(&output).contains(&format!("{name}:")), is_read, "{name}: {}", out(&output));
    }
    for line in [
        "bytes.yaml:1: not read: it is not UTF-8",
        "large.yaml:1: not read: it is larger than 1024 KiB",
        "link.yaml:1: not read",
    ] {
        assert!(err(&output).contains(line), "{line}: {}", err(&output));
    }
}

#[test]
fn writes_a_new_file_only() {
    let case = repository().join("tests/import/overlays");
    let folder = temporary_folder();
    let file = folder.path().join("proposal.yaml");
    let name = file.to_str().expect("temporary paths are UTF-8");
    let first = output(&case, &["--write", name]);
    assert_eq!((first.status.code(), out(&first)), (Some(0), ""));
    assert_eq!(fs::read_to_string(&file).expect("it was written"), out(&output(&case, &[])));
    let second = output(&case, &["--write", name]);
    assert_eq!(second.status.code(), Some(2));
    assert!(err(&second).contains("exists; name a new file"), "{}", err(&second));
}

#[test]
fn reports_wrong_arguments() {
    let case = repository().join("tests/import/overlays");
    for (arguments, code, message) in [
        (&["import", "no-such-folder"][..], 3, "no-such-folder"),
        (&["import", "input/ks.yaml"], 2, "is not a folder"),
        (&["import", "input", "--set", "NAME"], 2, "is not NAME=VALUE"),
        (&["import", "input", "--cluster", "Home!"], 2, "is not a name"),
    ] {
        let output = run(&case, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(err(&output).contains(message), "{}", err(&output));
    }
}

/// A pipeline that accepts everything.
struct AcceptsAll;

impl Pipeline for AcceptsAll {
    fn check(&self, _: &str) -> Vec<Problem> {
        Vec::new()
    }

    fn is_credential(&self, _: Option<&str>, _: &str) -> bool {
        false
    }
}

fn proposal(files: &Files) -> Proposal {
    let options = Options { cluster: "home".to_owned(), variables: BTreeMap::new() };
    import::import(files, &options, &AcceptsAll)
}

/// The files of a case.
fn files(case: &Path) -> Files {
    let root = case.join("input");
    let entries = walkdir::WalkDir::new(&root).into_iter().map(|entry| entry.expect("the folder can be listed"));
    let files = entries.filter(|entry| entry.file_type().is_file()).map(|entry| {
        let path = entry.path().strip_prefix(&root).expect("it is below the root");
        let name = path.to_str().expect("cases have plain names").to_owned();
        (name, Content::of_bytes(fs::read(entry.path()).expect("it can be read")))
    });
    files.collect()
}

/// Random numbers that are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit.max(1)).expect("it fits")).expect("it fits")
    }
}

/// Damages a text: removes, repeats or replaces some of it.
fn damage(text: &str, random: &mut Random) -> String {
    const PIECES: [&str; 16] = [
        "{{ x }}",
        "${",
        "${A:=${B}}",
        "&a",
        "*a",
        "<<: *a",
        ": ",
        "\n",
        "\t",
        "- ",
        "[",
        "{",
        "null",
        "'",
        "99999999999",
        "é\u{202e}",
    ];
    let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    for _ in 0..=random.below(4) {
        if lines.is_empty() {
            break;
        }
        let at = random.below(lines.len());
        match random.below(5) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = random.below(lines.len());
                lines.swap(at, other);
            }
            3 => {
                let line = &mut lines[at];
                let cut = line.char_indices().map(|(at, _)| at).nth(random.below(line.chars().count())).unwrap_or(0);
                line.insert_str(cut, PIECES[random.below(PIECES.len())]);
            }
            _ => {
                let line = &mut lines[at];
                let cut = line.char_indices().map(|(at, _)| at).nth(random.below(line.chars().count())).unwrap_or(0);
                line.truncate(cut);
            }
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn damaged_manifests_end_in_a_report() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for case in cases() {
        let original = files(&case);
        let names: Vec<_> = original.keys().cloned().collect();
        for _ in 0..100 {
            let mut files = original.clone();
            let name = &names[random.below(names.len())];
            if let Some(Content::Text(text)) = files.get(name).cloned() {
                files.insert(name.clone(), Content::Text(damage(&text, &mut random)));
            }
            let one = proposal(&files);
            let other = proposal(&files);
            assert_eq!(one.spec, other.spec, "{name} of {}", case.display());
            assert_eq!(import::json(&one), import::json(&other));
            let read: Result<Value, _> = serde_yaml::from_str(&one.spec);
            assert!(read.is_ok(), "{name} of {}: {read:?}\n{}", case.display(), one.spec);
        }
    }
}

#[test]
fn the_order_of_arguments_and_the_folder_do_not_matter() {
    let case = repository().join("tests/import/overlays");
    let inside = Command::new(program()).current_dir(case.join("input")).args(["import", "."]).output();
    let inside = inside.expect("the program starts");
    assert_eq!((out(&inside), err(&inside)), (out(&output(&case, &[])), err(&output(&case, &[]))));
}
