//! `homelab init`: the files of a new lab.

use crate::support::{Built, build, err, homelab, out, repository, run, shown, temporary_folder, tool, tree_of};
use homelab::starter::{Answers, Draft, Kind, files as owned, providers, spec_file};
use homelab::yaml::Value;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

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

/// The three commands of README. Adding an app keeps every line of the spec, and leaves nothing to generate.
#[test]
fn a_new_lab_takes_apps_of_the_catalogue() {
    let folder = temporary_folder();
    assert_succeeds(&init(folder.path(), &["--defaults"]));
    let before = spec(folder.path());
    for app in ["linkding", "navidrome"] {
        assert_succeeds(&run(folder.path(), &["add", "app", app]));
        let deployment = folder.path().join(format!("k8s/home/apps/{app}/deployment.yaml"));
        assert!(deployment.exists(), "{}", deployment.display());
    }
    let after = spec(folder.path());
    let mut lines = after.lines();
    let lost: Vec<_> = before.lines().filter(|line| !lines.by_ref().any(|kept| kept == *line)).collect();
    assert!(lost.is_empty(), "{lost:#?}");
    let generated = run(folder.path(), &["generate"]);
    assert!(out(&generated).starts_with("0 written, 0 removed, "), "{}{}", out(&generated), err(&generated));
    assert_succeeds(&run(folder.path(), &["validate"]));
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

#[test]
fn the_flake_template_has_the_same_files() {
    let answers = Answers::of(&Draft::default()).expect("no answers are valid");
    let spec = spec_file(&answers).expect("there are addresses");
    let template = repository().join("nix/template");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(template.join("spec/homelab.yaml"), &spec.text).expect("the repository is writable");
    }
    let made: BTreeMap<_, _> = owned(&spec).into_iter().map(|file| (file.path, file.text.into_bytes())).collect();
    let committed = files(&template);
    assert_eq!(made.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    let different: Vec<_> =
        made.iter().filter(|(path, text)| committed[*path] != **text).map(|(path, _)| path).collect();
    assert!(different.is_empty(), "{different:?} differ; run `INSTA_UPDATE=always cargo test --test lab -- init::`");

    let folder = temporary_folder();
    assert_succeeds(&init(folder.path(), &["--defaults"]));
    let created = files(folder.path());
    assert!(made.iter().all(|(path, text)| created[path] == *text));
    let generated: BTreeMap<_, _> = created.into_iter().filter(|(path, _)| !made.contains_key(path)).collect();
    let tree = tree_of(&spec.text);
    let expected = tree.files().iter().map(|file| (file.path.clone(), file.text.clone().into_bytes())).collect();
    assert!(generated == expected);
}

/// A combination of answers.
struct Combination {
    dns: Option<String>,
    store: Option<String>,
    nas: Option<&'static str>,
    hosts: usize,
    clusters: usize,
    nodes: i64,
}

impl Combination {
    fn name(&self) -> String {
        let Self { dns, store, nas, hosts, clusters, nodes } = self;
        format!("{dns:?}, {store:?}, {nas:?}, {hosts} hosts, {clusters} clusters with {nodes} nodes")
    }

    fn draft(&self) -> Draft {
        let mut draft = Draft::default();
        for host in ["ares", "bia", "chaos"].iter().take(self.hosts) {
            draft.set(&["hosts", host, "memory"], "64GiB");
            if self.clusters == 1 {
                draft.set(&["hosts", host, "gpu"], "intel");
            }
        }
        for cluster in ["apps", "data", "lab"].iter().take(self.clusters) {
            draft.set(&["clusters", cluster, "nodes"], Value::Int(self.nodes));
        }
        self.nas.iter().for_each(|kind| draft.set(&["nas", "kind"], *kind));
        self.dns.iter().for_each(|name| draft.set(&["dns", name], Value::map()));
        self.store.iter().for_each(|name| draft.set(&["secrets", name], Value::map()));
        draft.complete();
        draft
    }
}

/// Each DNS provider with each secret store, and everything else in turn.
fn combinations() -> Vec<Combination> {
    let names = |kind| providers(kind).into_iter().map(|provider| Some(provider.name)).collect::<Vec<_>>();
    let none = || [None].into_iter();
    let mut found = Vec::new();
    for dns in none().chain(names(Kind::Dns)) {
        // A DNS provider needs a store for its credential.
        let stores = none().filter(|_| dns.is_none()).chain(names(Kind::SecretStore));
        for store in stores {
            let at = found.len();
            found.push(Combination {
                dns: dns.clone(),
                store,
                nas: [None, Some("synology"), Some("nfs")][at % 3],
                hosts: 1 + at / 3 % 3,
                clusters: 1 + at / 2 % 3,
                nodes: [1, 2, 3, 5][at % 4],
            });
        }
    }
    found
}

fn spec_of(draft: &Draft) -> String {
    let answers = Answers::of(draft).unwrap_or_else(|found| panic!("{}", shown(&found, &draft.text())));
    spec_file(&answers).unwrap_or_else(|found| panic!("{}", shown(&found, &draft.text()))).text
}

/// The diagnostics of a spec as text; empty if there are none.
fn problems(text: &str) -> String {
    let Built { diagnostics, .. } = build(text, &repository());
    shown(&diagnostics, text)
}

#[test]
fn all_combinations_of_answers_are_valid_labs() {
    let combinations = combinations();
    assert!(combinations.len() > 40, "only {}", combinations.len());
    for combination in &combinations {
        let text = spec_of(&combination.draft());
        let problems = problems(&text);
        assert!(problems.is_empty(), "{}:\n{problems}\n{text}", combination.name());
    }
    let sizes: std::collections::BTreeSet<_> = combinations.iter().map(|each| (each.hosts, each.clusters)).collect();
    assert_eq!(sizes.len(), 9, "each number of hosts with each number of clusters");
}

/// With encrypted files, the DNS provider waits for the file of its credential: its lines become valid once they are
/// no comments.
#[test]
fn with_sops_the_dns_provider_waits_for_its_file() {
    let mut draft = Draft::default();
    draft.set(&["dns", "cloudflare"], Value::map());
    draft.set(&["secrets", "sops"], Value::map());
    draft.complete();
    let text = spec_of(&draft);
    assert!(text.contains("\n# dns:\n#   cloudflare:\n#     api-token: cloudflare/api-token\n"), "{text}");
    let active: Vec<_> = text
        .lines()
        .map(|line| match line.split_once("# ") {
            Some((indent, rest))
                if indent.trim().is_empty()
                    && ["dns:", "entries:", "  ", "    "].iter().any(|start| rest.starts_with(start)) =>
            {
                format!("{indent}{rest}")
            }
            _ => line.to_owned(),
        })
        .collect();
    let problems = problems(&(active.join("\n") + "\n"));
    assert!(problems.contains("spec/secrets/cloudflare.yaml") && problems.contains("sops encrypt"), "{problems}");
    assert!(problems.ends_with("\n1 error\n"), "{problems}");
}

#[test]
fn prints_specs_for_some_answers() {
    let everything = [
        "--defaults",
        "--name=attic",
        "--domain=lab.example.com",
        "--repository=ssh://git@example.com/attic.git",
        "--email=me@example.com",
        "--ssh-key=ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC me: \"at\" ${HOME}",
        "--timezone=Europe/Madrid",
        "--lan=10.0.0.0/16",
        "--gateway=10.0.0.1",
        "--dhcp=10.0.0.30-10.0.0.239",
        "--host=pve1,address=10.0.0.5,memory=32GiB,gpu=intel,model=Lenovo ThinkCentre neo 50q",
        "--host=pve2,memory=16GiB",
        "--host=pve3",
        "--nas=nfs,address=10.0.0.6,nfs=/mnt/tank",
        "--cluster=apps,nodes=3",
        "--cluster=data,load-balancer=10.0.1.0-10.0.1.7",
        "--dns=route53,zone-id=Z0123456789ABC,region=eu-west-1",
        "--secrets=vault",
    ];
    let folder = temporary_folder();
    assert_succeeds(&init(folder.path(), &everything));
    insta::assert_snapshot!("spec", spec(folder.path()));
    assert_succeeds(&run(folder.path(), &["generate", "--check"]));
}

#[test]
fn existing_files_are_kept() {
    let folder = temporary_folder();
    let before =
        [("README.md", "# Mine\r\n"), (".gitignore", ""), ("nix/modules/default.nix", "{ }"), ("notes/a.txt", "a")];
    for (path, text) in before {
        fs::create_dir_all(folder.path().join(path).parent().expect("it has a folder"))
            .expect("the folder is writable");
        fs::write(folder.path().join(path), text).expect("the folder is writable");
    }
    // A link whose target does not exist is kept too, and nothing is written through it.
    std::os::unix::fs::symlink("elsewhere", folder.path().join(".envrc")).expect("the folder is writable");
    let output = init(folder.path(), &["--defaults"]);
    assert_succeeds(&output);
    let after = files(folder.path());
    for (path, text) in before {
        assert_eq!(after[path], text.as_bytes(), "{path}");
        let is_new = out(&output).contains(&format!("new      {path}\n"));
        assert!(!is_new, "{}", out(&output));
    }
    for path in ["README.md", ".gitignore", "nix/modules/default.nix", ".envrc"] {
        assert!(out(&output).contains(&format!("kept     {path} ")), "{}", out(&output));
    }
    assert!(!folder.path().join("elsewhere").exists());
    assert!(out(&output).contains("new      flake.nix\n"), "{}", out(&output));
}

#[test]
fn an_existing_lab_is_not_touched() {
    let folder = temporary_folder();
    assert_succeeds(&init(folder.path(), &["--defaults"]));
    fs::remove_file(folder.path().join("flake.nix")).expect("it was created");
    let before = files(folder.path());
    let output = init(folder.path(), &["--defaults"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("exists already; `homelab add`"), "{}", err(&output));
    assert!(files(folder.path()) == before);
}

/// Nothing is written if something is in the way, whatever it is.
#[test]
fn nothing_is_written_if_something_is_in_the_way() {
    type Obstacle = fn(&Path) -> std::io::Result<()>;
    let obstacles: [(&str, Obstacle); 6] = [
        ("expected a folder, found a file", |root| fs::write(root.join(".github"), "")),
        ("expected a folder, found a file", |root| fs::write(root.join("spec"), "")),
        ("found a symbolic link", |root| std::os::unix::fs::symlink("/tmp", root.join("nix"))),
        ("found a symbolic link", |root| std::os::unix::fs::symlink(".", root.join("spec"))),
        ("expected a folder", |root| fs::write(root.join("k8s"), "")),
        ("was not generated", |root| {
            fs::create_dir_all(root.join("docs/lab"))?;
            fs::write(root.join("docs/lab/README.md"), "# Mine\n")
        }),
    ];
    for (reason, obstacle) in obstacles {
        let folder = temporary_folder();
        obstacle(folder.path()).expect("the folder is writable");
        let before = files(folder.path());
        let output = init(folder.path(), &["--defaults"]);
        assert_eq!(output.status.code(), Some(3), "{reason}: {}", out(&output));
        assert!(err(&output).contains(reason), "{reason}: {}", err(&output));
        assert!(files(folder.path()) == before, "{reason}");
    }
}

#[test]
fn makes_the_folder_of_a_lab() {
    let folder = temporary_folder();
    let output = init(folder.path(), &["labs/mine", "--defaults"]);
    assert_succeeds(&output);
    assert!(out(&output).contains("1. cd labs/mine\n"), "{}", out(&output));
    assert_succeeds(&run(folder.path(), &["generate", "--check", "--root", "labs/mine"]));
    let other = temporary_folder();
    assert_succeeds(&init(other.path(), &["--defaults", "--spec", "labs/mine.yaml"]));
    assert_succeeds(&run(other.path(), &["generate", "--check", "--spec", "labs/mine.yaml"]));
    let output = init(other.path(), &["--defaults", "--spec", "../mine.yaml"]);
    assert_eq!(output.status.code(), Some(2), "{}", out(&output));
}

#[test]
fn mistakes_in_arguments_are_explained() {
    let cases = [
        &["--domain=example"][..],
        &["--lan=192.168.1.7/24", "--gateway=192.168.1.1"],
        &["--lan=192.168.1.0/24"],
        &["--ssh-key=-----BEGIN OPENSSH PRIVATE KEY-----"],
        &["--host=pve,address"],
        &["--dns=cloudfare"],
        &["--from=answers.yaml", "--domain=example.com"],
        &[
            "--host=pve,adress=192.168.10.300,memory=16",
            "--nas=synolgy",
            "--cluster=home,nodes=0",
            "--secrets=vault,server=x",
        ],
        // Each answer is valid, but not together with another.
        &["--dns=cloudflare"],
        &["--host=pve,address=10.0.0.1"],
        &["--lan=192.168.1.0/29", "--gateway=192.168.1.1", "--dhcp=192.168.1.2-192.168.1.6"],
        &["--host=pve,memory=2GiB", "--cluster=home,nodes=3"],
    ];
    let folder = temporary_folder();
    let text: Vec<_> = cases
        .iter()
        .map(|arguments| {
            let output = init(folder.path(), &[&["--defaults"], *arguments].concat());
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", out(&output));
            format!("$ homelab init --defaults {}\n{}", arguments.join(" "), err(&output))
        })
        .collect();
    insta::assert_snapshot!("arguments", text.join("\n"));
    assert!(files(folder.path()).is_empty());
}

/// Runs `homelab init --from` with an answers file in the folder.
fn init_from(folder: &Path, answers: &str) -> Output {
    fs::write(folder.join("answers.yaml"), answers).expect("the folder is writable");
    init(folder, &["mine", "--from", "answers.yaml"])
}

#[test]
fn reports_all_mistakes_of_an_answers_file() {
    let cases = [
        // Of the text and of single values.
        "domain: example\nlan: { cidr: 192.168.1.7/24, gateway: here }\nhots: { pve: {} }\nclusters:\n  home: { nodes: 0 }\ndns: { cloudflare: {} }\n",
        // Of values that contradict each other.
        "lan: { cidr: 192.168.1.0/24, gateway: 192.168.1.1, dhcp: 192.168.1.100-192.168.1.199 }\nhosts:\n  pve1: { address: 192.168.1.150, memory: 16GiB }\n  pve2: { address: 192.168.1.1, memory: 16GiB }\nnas: { kind: nfs, address: 10.0.0.9 }\nclusters:\n  home: { load-balancer: 192.168.1.120-192.168.1.130 }\n",
        "domain: [\n",
        "",
    ];
    let folder = temporary_folder();
    let text: Vec<_> = cases
        .iter()
        .map(|answers| {
            let output = init_from(folder.path(), answers);
            assert_eq!(output.status.code(), Some(2), "{answers}: {}", out(&output));
            assert!(!folder.path().join("mine").exists());
            format!("{answers}---\n{}", err(&output))
        })
        .collect();
    insta::assert_snapshot!("answers", text.join("\n"));
}

#[test]
fn the_printed_answers_make_a_lab() {
    let folder = temporary_folder();
    let printed = init(folder.path(), &["--print-answers"]);
    assert_succeeds(&printed);
    assert!(files(folder.path()).is_empty());
    let whole = out(&printed).replace("#: ", "");
    for (answers, name) in [(out(&printed), "printed"), (&whole, "whole")] {
        let mut child = homelab(folder.path())
            .args(["init", name, "--from", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        child.stdin.take().expect("it is piped").write_all(answers.as_bytes()).expect("it reads");
        assert_succeeds(&child.wait_with_output().expect("it ends"));
        assert_succeeds(&run(folder.path(), &["generate", "--check", "--root", name]));
    }
}

/// Texts that mean something in YAML, in Nix, in a shell, or to a terminal.
#[test]
fn hostile_answers_are_values_or_refused() {
    let hostile = [
        "a\nversion: 2",
        "\"",
        "'",
        "${HOME}",
        "a: b",
        "a #b",
        "- a",
        "{ a: b }",
        "[a]",
        "*a",
        "&a",
        "!!str",
        "a\u{7}",
        "a\u{1b}[31m",
        "a\u{202e}b",
        "a\u{2028}b",
        "a\tb",
        "null",
        "0755",
        "| a",
        "% a",
        "''${x}",
        "\\",
        "e\u{301}\u{f1}",
    ];
    let mut accepted = 0;
    for text in hostile {
        let mut draft = Draft::default();
        draft.set(&["hosts", "pve", "model"], text);
        let comment =
            format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC {text}");
        draft.set(&["ssh-keys"], Value::Seq(vec![Value::from(comment.as_str())]));
        // What no spec may contain is refused with its place in the answers.
        let Ok(answers) = Answers::of(&draft) else { continue };
        let spec = spec_file(&answers).expect("there are addresses").text;
        let read: serde_yaml::Value =
            serde_yaml::from_str(&spec).unwrap_or_else(|error| panic!("{text:?}: {error}\n{spec}"));
        assert_eq!(read["hosts"]["pve"]["model"].as_str(), Some(text), "{spec}");
        assert_eq!(read["lab"]["admin"]["ssh-keys"][0].as_str(), Some(comment.as_str()), "{spec}");
        assert_eq!(read["version"].as_u64(), Some(1), "{spec}");
        assert_eq!(problems(&spec), "", "{spec}");
        accepted += 1;
    }
    assert!(accepted > 12, "only {accepted} were accepted");
    // Names and everything else with a strict type are refused.
    for path in [["name"].as_slice(), &["domain"], &["repository"], &["email"], &["timezone"], &["nas", "nfs"]] {
        for text in hostile {
            let mut draft = Draft::default();
            draft.set(&["nas", "kind"], "nfs");
            draft.set(path, text);
            let made = Answers::of(&draft).map(|answers| spec_file(&answers).expect("there are addresses").text);
            // These are labels, and quoted.
            assert!(made.is_err() || path == ["name"] && matches!(text, "0755" | "null"), "{path:?}: {text:?}");
        }
    }
}

#[test]
fn proposes_what_the_machine_shows() {
    let Some(git) = tool("git") else { return };
    let folder = temporary_folder();
    let home = folder.path().join("home");
    fs::create_dir_all(home.join(".ssh")).expect("the folder is writable");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC me@box";
    let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nprivate\n";
    for (name, text) in [("id_ed25519.pub", key), ("id_ed25519", private), ("disguised.pub", private)] {
        fs::write(home.join(".ssh").join(name), text).expect("the folder is writable");
    }
    let lab = folder.path().join("attic");
    fs::create_dir(&lab).expect("the folder is writable");
    let git = |arguments: &[&str]| {
        let output = std::process::Command::new(&git).args(arguments).current_dir(&lab).env("HOME", &home).output();
        assert!(output.expect("git starts").status.success(), "{arguments:?}");
    };
    git(&["init", "--quiet"]);
    git(&["remote", "add", "origin", "git@example.com:me/attic.git"]);
    git(&["config", "user.email", "me@example.com"]);
    let output = homelab(&lab).args(["init", "--defaults", "--detect"]).env("HOME", &home).output();
    assert_succeeds(&output.expect("the program starts"));
    let text = spec(&lab);
    for line in [
        "  name: attic\n",
        "  repository: ssh://git@example.com/me/attic.git\n",
        "    email: me@example.com\n",
        &format!("      - {key}\n"),
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(files(&lab).values().all(|bytes| !String::from_utf8_lossy(bytes).contains("PRIVATE KEY")));
}
