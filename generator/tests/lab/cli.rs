//! The program as users see it: help, exit codes, output streams, and what a change affects.

use crate::edit::{Edited, Place, with_value};
use crate::support::{err, folder_with, homelab, out, reference_spec, repository, run, temporary_folder, tool};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const COMMANDS: [&str; 24] = [
    "init",
    "generate",
    "plan",
    "pin",
    "add",
    "rename",
    "remove",
    "validate",
    "schema",
    "explain",
    "apps",
    "import",
    "secrets",
    "preflight",
    "provision",
    "bootstrap",
    "status",
    "deploy",
    "restore",
    "script",
    "graph",
    "reference",
    "completions",
    "man",
];

/// A folder with the reference spec and its generated files.
fn generated() -> tempfile::TempDir {
    let folder = folder_with(&reference_spec());
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    folder
}

/// Changes the spec of a folder.
fn edit(folder: &Path, edit: impl FnOnce(Edited) -> Edited) {
    let path = folder.join("spec/homelab.yaml");
    let text = std::fs::read_to_string(&path).expect("the spec exists");
    std::fs::write(path, edit(Edited::of(&text)).text()).expect("the folder is writable");
}

/// Replaces a value in the spec of a folder.
fn set(folder: &Path, path: &str, value: &str) {
    edit(folder, |spec| spec.set(path, value));
}

/// Renames an app, and the secret entry with the password of its database.
fn rename(folder: &Path, old: &str, new: &str) {
    let env = |name: &str, variable: &str| format!("clusters.gordito.apps.{name}.env.{variable}");
    edit(folder, |spec| {
        spec.rename(&format!("secrets.entries.{old}"), new)
            .rename(&format!("clusters.gordito.apps.{old}"), new)
            .set(&env(new, "LD_SUPERUSER_NAME"), &format!("{{ secret: {new}/superuser-name }}"))
            .set(&env(new, "LD_SUPERUSER_PASSWORD"), &format!("{{ secret: {new}/superuser-password }}"))
    });
}

/// Runs the program and parses its result as JSON.
fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = run(folder, &[arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", out(&output)))
}

/// The strings of a JSON array.
fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Every file below a folder, with its content.
fn files(folder: &Path) -> BTreeSet<(PathBuf, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("the folder can be listed"));
    let files = entries.filter(|entry| entry.file_type().is_file());
    files.map(|file| (file.path().to_owned(), std::fs::read(file.path()).expect("the file can be read"))).collect()
}

// Help.

#[test]
fn prints_the_help_of_every_command() {
    for command in [""].into_iter().chain(COMMANDS) {
        let arguments: Vec<_> = [command, "--help"].into_iter().filter(|argument| !argument.is_empty()).collect();
        let output = run(&repository(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{command}");
        assert!(output.stderr.is_empty(), "{command}");
        let name = if command.is_empty() { "help".to_owned() } else { format!("help-{command}") };
        insta::assert_snapshot!(name, out(&output));
    }
}

#[test]
fn help_lists_every_command() {
    let help = run(&repository(), &["--help"]);
    let listed = out(&help).lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed: Vec<_> =
        listed.map_while(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert_eq!(listed, COMMANDS, "COMMANDS must list every command");
}

#[test]
fn prints_a_completion_script_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = run(&repository(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let missing: Vec<_> = COMMANDS.into_iter().filter(|command| !out(&output).contains(command)).collect();
        assert!(missing.is_empty(), "the script of {shell} lacks {missing:?}");
    }
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = run(&repository(), &["completions", "bash"]);
    for (words, expected) in [
        (&["homelab", "pl"][..], "plan"),
        (&["homelab", "generate", "--ch"], "--check"),
        (&["homelab", "validate", "--format", "j"], "json"),
        (&["homelab", "schema", "pl"], "plan"),
    ] {
        let (last, before) = (words.len() - 1, words.join(" "));
        let ask = format!(
            "{}\nCOMP_WORDS=({before}); COMP_CWORD={last}\n_homelab homelab {} {}\necho \"${{COMPREPLY[*]}}\"",
            out(&script),
            words[last],
            words[last - 1],
        );
        let output = Command::new("bash").args(["-c", &ask]).output().expect("bash starts");
        assert_eq!(out(&output).trim(), expected, "{words:?}: {}", err(&output));
    }
}

#[test]
fn has_a_man_page_for_each_command() {
    let folder = temporary_folder();
    let output = run(folder.path(), &["man", "share/man1"]);
    assert_eq!(out(&output), format!("{} pages written to share/man1\n", COMMANDS.len() + 1));
    let mut all = String::new();
    for command in [""].into_iter().chain(COMMANDS) {
        let (name, arguments) = match command {
            "" => ("homelab.1".to_owned(), vec!["--help"]),
            _ => (format!("homelab-{command}.1"), vec![command, "--help"]),
        };
        let page = std::fs::read_to_string(folder.path().join("share/man1").join(&name)).expect("it was written");
        let plain = page.replace('\\', "");
        let help = run(folder.path(), &arguments);
        let options = out(&help).split_whitespace().filter(|word| word.starts_with("--"));
        let missing: Vec<_> = options.filter(|word| !plain.contains(word.trim_end_matches([',', ')', '.']))).collect();
        assert!(missing.is_empty(), "{name} lacks {missing:?}");
        assert!(page.contains(".SH DESCRIPTION") && page.contains("homelab 0."), "{name}");
        all += &page;
    }
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    assert_eq!(sorted(out(&run(folder.path(), &["man"]))), sorted(&all), "the pages in the folder, and those printed");
    assert_eq!(run(folder.path(), &["man", "share/man1/homelab.1"]).status.code(), Some(3), "a file is no folder");
}

// Exit codes.

#[test]
fn exits_with_0_on_success() {
    let folder = generated();
    for arguments in [
        &["generate"][..],
        &["generate", "--check"],
        &["validate"],
        &["schema"],
        &["explain"],
        &["explain", "lab.name"],
        &["explain", "need-unmet"],
        &["apps"],
        &["apps", "memos"],
        &["secrets"],
        &["graph"],
        &["reference"],
        &["completions", "bash"],
        &["man"],
        &["--version"],
        &["--help"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", err(&output));
        assert!(!output.stdout.is_empty(), "{arguments:?} printed no result");
        assert!(output.stderr.is_empty(), "{arguments:?}: {}", err(&output));
    }
}

#[test]
fn exits_with_1_if_generated_files_differ() {
    let module = "nix/nodes/data-cp/default.nix";
    let stale = "k8s/data/flux/gone.yaml";
    type Change = fn(&Path);
    let changes: [(&str, Change); 3] = [
        (module, |path| std::fs::remove_file(path).expect("the file exists")),
        (module, |path| std::fs::write(path, "# @generated by `homelab generate`\n{ }\n").expect("the file exists")),
        (stale, |path| std::fs::write(path, "# @generated by `homelab generate`\n").expect("the folder exists")),
    ];
    for (path, change) in changes {
        let folder = generated();
        change(&folder.path().join(path));
        let before = files(folder.path());
        let output = run(folder.path(), &["generate", "--check"]);
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        assert!(out(&output).contains(path), "{}", out(&output));
        assert_eq!(files(folder.path()), before, "`--check` wrote something");
        assert_eq!(run(folder.path(), &["generate"]).status.code(), Some(0));
        assert_eq!(
            run(folder.path(), &["generate", "--check"]).status.code(),
            Some(0),
            "`generate` did not remove the difference"
        );
    }
}

#[test]
fn exits_with_2_on_an_invalid_spec_or_usage() {
    let folder = folder_with("version: 1\n");
    for arguments in [
        &["generate"][..],
        &["generate", "--check"],
        &["validate"],
        &["secrets"],
        &["graph"],
        &["explain", "nothing"],
        &[],
        &["destroy"],
        &["generate", "--force"],
        &["validate", "--format", "xml"],
        &["validate", "--quiet", "--verbose"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(output.stdout.is_empty(), "{arguments:?} wrote a message to stdout");
        assert!(!output.stderr.is_empty(), "{arguments:?} printed no message");
    }
    assert_eq!(files(folder.path()).len(), 1, "something was written");
}

#[test]
fn exits_with_3_on_an_io_error() {
    let folder = folder_with(&reference_spec());
    std::fs::write(folder.path().join("a-file"), "").expect("the folder is writable");
    for arguments in [
        &["generate", "--spec", "spec/absent.yaml"][..],
        &["validate", "--spec", "spec"],
        &["validate", "--root", "absent"],
        &["validate", "--root", "a-file"],
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", err(&output));
        assert!(output.stdout.is_empty(), "{arguments:?} wrote a message to stdout");
        assert!(err(&output).starts_with("error: "), "{arguments:?}: {}", err(&output));
    }
    std::fs::write(folder.path().join("k8s"), "").expect("the folder is writable");
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(3), "there is a file in place of a folder: {}", err(&output));
    assert!(!folder.path().join("nix").exists(), "something was written, although not everything could be");
}

#[test]
fn io_errors_name_the_path_and_a_fix() {
    let folder = folder_with(&reference_spec());
    std::fs::remove_file(folder.path().join("spec/homelab.yaml")).expect("the file exists");
    let output = run(folder.path(), &["generate"]);
    let message = err(&output).replace(&*folder.path().canonicalize().expect("it exists").to_string_lossy(), "ROOT");
    insta::assert_snapshot!("missing_spec", message);

    let folder = generated();
    let path = "k8s/data/flux/metallb.yaml";
    std::fs::write(folder.path().join(path), "kind: Mine\n").expect("the folder exists");
    let output = run(folder.path(), &["generate"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(std::fs::read_to_string(folder.path().join(path)).expect("it exists"), "kind: Mine\n");
    let message = err(&output).replace(&*folder.path().canonicalize().expect("it exists").to_string_lossy(), "ROOT");
    insta::assert_snapshot!("file_not_generated", message);
}

// Generating.

#[test]
fn writes_nothing_on_a_second_run() {
    let folder = folder_with(&reference_spec());
    let first = json(folder.path(), &["generate"]);
    let generated = files(folder.path());
    let times = |files: &BTreeSet<(PathBuf, Vec<u8>)>| {
        let time = |path: &Path| {
            path.metadata().and_then(|metadata| metadata.modified()).expect("the file has a modification time")
        };
        files.iter().map(|(path, _)| time(path)).collect::<Vec<_>>()
    };
    let before = times(&generated);
    let second = json(folder.path(), &["generate"]);
    assert_eq!(strings(&first["written"]).len(), generated.len() - 1, "all files but the spec");
    assert!(strings(&second["written"]).is_empty() && strings(&second["removed"]).is_empty(), "{second}");
    assert_eq!(second["unchanged"].as_u64(), Some(generated.len() as u64 - 1));
    assert_eq!(files(folder.path()), generated);
    assert_eq!(times(&generated), before, "a file was written again");
}

#[test]
fn moves_the_files_of_a_renamed_app() {
    let folder = generated();
    let exists = |path: &str| folder.path().join(path).exists();
    let note = "k8s/gordito/apps/linkding/NOTES.md";
    std::fs::write(folder.path().join(note), "mine\n").expect("the folder exists");
    rename(folder.path(), "linkding", "bookmarks");
    let report = json(folder.path(), &["generate"]);
    assert!(strings(&report["removed"]).contains(&"k8s/gordito/apps/linkding/deployment.yaml"), "{report}");
    assert_eq!(strings(&report["foreign"]), [note], "a file that was not generated is kept and listed");
    assert!(exists("k8s/gordito/apps/bookmarks/deployment.yaml") && exists("k8s/gordito/flux/bookmarks.yaml"));
    assert!(!exists("k8s/gordito/flux/linkding.yaml") && !exists("k8s/gordito/flux/linkding-secrets.yaml"));
    assert!(!exists("k8s/gordito/secrets/linkding"), "an empty folder is left");
    assert!(!exists("k8s/gordito/apps/linkding/deployment.yaml") && exists(note));

    std::fs::remove_file(folder.path().join(note)).expect("the file exists");
    rename(folder.path(), "bookmarks", "links");
    run(folder.path(), &["generate"]);
    assert!(!exists("k8s/gordito/apps/bookmarks"), "an empty folder is left");
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(0));
}

#[test]
fn lists_what_was_written() {
    let folder = generated();
    rename(folder.path(), "linkding", "bookmarks");
    set(folder.path(), "lab.timezone", "Europe/Lisbon");
    let output = run(folder.path(), &["generate"]);
    let summary = out(&output);
    let (before, time) = summary.split_once(" unchanged in ").expect("the summary contains the time");
    let (_, after) = time.split_once(" ms").expect("the time is in milliseconds");
    insta::assert_snapshot!("generated", format!("{before} unchanged in TIME ms{after}"));
}

#[test]
fn suggests_git_add_for_new_files_in_a_git_repository() {
    let hint = |folder: &Path, arguments: &[&str]| {
        let output = run(folder, arguments);
        let hint = out(&output)
            .lines()
            .find_map(|line| line.strip_prefix("Nix flakes ignore files that Git does not track; run "));
        hint.map(str::to_owned)
    };
    let folder = folder_with(&reference_spec());
    std::fs::create_dir(folder.path().join(".git")).expect("the folder is writable");
    let all = "`git add docs/lab k8s nix/nodes spec/images.yaml spec/homelab.schema.json`";
    assert_eq!(hint(folder.path(), &["generate"]).as_deref(), Some(all));
    assert_eq!(hint(folder.path(), &["generate"]), None, "no file is new");
    set(folder.path(), "clusters.data.nodes.data-cp.address", "192.168.10.51");
    assert_eq!(hint(folder.path(), &["generate"]), None, "only tracked files changed");
    std::fs::remove_file(folder.path().join("spec/images.yaml")).expect("it exists");
    assert_eq!(hint(folder.path(), &["generate"]).as_deref(), Some("`git add spec/images.yaml`"));
    std::fs::remove_file(folder.path().join("spec/images.yaml")).expect("it exists");
    let root = folder.path().to_string_lossy();
    let from_other_folder = hint(Path::new("/"), &["generate", "--root", &root]);
    assert_eq!(from_other_folder, Some(format!("`git -C {root} add spec/images.yaml`")));

    let folder = folder_with(&reference_spec());
    assert_eq!(hint(folder.path(), &["generate"]), None, "this is not a Git repository");
}

// Image tags.

#[test]
fn pin_sets_a_tag_in_the_pins_file_and_the_deployment() {
    let folder = generated();
    let report = json(folder.path(), &["pin", "linkding", "1.47.3"]);
    assert_eq!(strings(&report["written"]), ["k8s/gordito/apps/linkding/deployment.yaml", "spec/images.yaml"]);
    let pins = std::fs::read_to_string(folder.path().join("spec/images.yaml")).expect("it exists");
    assert!(pins.contains("gordito/linkding:\n    tag: \"1.47.3\" #"), "{pins}");
    assert!(pins.contains("gordito/memos:\n    tag: \"0.30.0\" #"), "{pins}");
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(0));
}

#[test]
fn pin_sets_the_tag_of_any_container() {
    let spec =
        std::fs::read_to_string(repository().join("tests/valid/image-updates/spec.yaml")).expect("it is committed");
    let folder = folder_with(&spec);
    assert_eq!(run(folder.path(), &["generate"]).status.code(), Some(0));
    let manifest = "k8s/home/apps/alpine/deployment.yaml";
    for (image, tag) in [("alpine/other", "v1.12.0"), ("home/alpine/prepare", "1.38.0")] {
        let report = json(folder.path(), &["pin", image, tag]);
        assert_eq!(strings(&report["written"]), [manifest, "spec/images.yaml"], "{image}");
        let text = std::fs::read_to_string(folder.path().join(manifest)).expect("it exists");
        assert!(text.contains(&format!(":{tag} # {{\"$imagepolicy\"")), "{image}: {text}");
    }
    for (arguments, expected) in [
        (["pin", "alpine/fixed", "1.6.40-alpine"], "the image of `home/alpine/fixed` has no `update`"),
        (["pin", "alpine/othr", "v1.12.0"], "there is no app or container `alpine/othr`; did you mean `alpine/other`?"),
        (["pin", "alpine/weekly", "8.1"], "`home/alpine/weekly` starts at 8.0"),
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(expected), "{arguments:?}: {}", err(&output));
    }
    assert_eq!(run(folder.path(), &["generate", "--check"]).status.code(), Some(0));
}

#[test]
fn pin_rejects_a_tag_that_image_automation_would_not_choose() {
    let folder = generated();
    let before = files(folder.path());
    for (arguments, expected) in [
        (["pin", "linkding", "2.0.0"], "starts at 1.46.2"),
        (["pin", "linkding", "1.46.1"], "starts at 1.46.2"),
        (["pin", "linkding", "v1.47.0"], "starts at 1.46.2"),
        (["pin", "linkding", "not a tag"], "is not a valid image tag"),
        (["pin", "linkding", "latest"], "use the tag of one release"),
        (["pin", "linkdin", "1.47.0"], "did you mean `linkding`?"),
        (["pin", "data/linkding", "1.47.0"], "there is no app"),
    ] {
        let output = run(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(expected), "{arguments:?}: {}", err(&output));
    }
    assert_eq!(files(folder.path()), before);
}

#[test]
fn reports_and_keeps_an_invalid_pins_file() {
    let folder = generated();
    let pins = folder.path().join("spec/images.yaml");
    let header = std::fs::read_to_string(&pins).expect("it exists");
    let header = header.lines().next().expect("it has a first line");
    for (broken, problem) in [
        ("images: [a]\n", "line 2: `images` is not a mapping"),
        ("images:\n  a/b:\n    tag: {}\n", "line 3: `a/b` has no `tag`"),
        ("images: {\n", "line "),
        ("images:\n  a/b:\n    tag: a b\n", "line 3: `a/b` has an invalid tag: "),
        ("images:\n  a/b: { tag: a }\n  a/b: { tag: a }\n", "line 4: duplicate key `a/b`"),
        ("image:\n", "line 2: missing field `images`"),
    ] {
        let text = format!("{header}\n{broken}");
        std::fs::write(&pins, &text).expect("the folder is writable");
        let output = run(folder.path(), &["generate"]);
        assert_eq!(output.status.code(), Some(2), "{broken}: {}", err(&output));
        let message = format!("invalid pins file spec/images.yaml, {problem}");
        assert!(err(&output).contains(&message), "{}", err(&output));
        let output = run(folder.path(), &["pin", "linkding", "1.47.3"]);
        assert!(err(&output).contains(&message), "{}", err(&output));
        assert_eq!(std::fs::read_to_string(&pins).expect("it still exists"), text);
    }
}

// Checking.

/// The nodes and units that `--check` lists after an edit.
fn affected(path: &str, value: &str) -> (Vec<String>, Vec<String>) {
    let folder = generated();
    set(folder.path(), path, value);
    drift(folder.path())
}

/// The nodes and units that `--check` lists.
fn drift(folder: &Path) -> (Vec<String>, Vec<String>) {
    let report = json(folder, &["generate", "--check"]);
    let names = |key: &str| strings(&report[key]).into_iter().map(str::to_owned).collect();
    (names("nodes"), names("units"))
}

#[test]
fn check_lists_the_nodes_and_units_that_a_change_affects() {
    let none: [&str; 0] = [];
    // A node alone in its cluster. The DNS servers of the LAN know its name, and the cluster that
    // stores the metrics probes it, and expects its address of them.
    let dns = ["data/lan-dns-names", "gordito/lan-dns-names"];
    let (nodes, units) = affected("clusters.data.nodes.data-cp.address", "192.168.10.51");
    assert_eq!(nodes, ["data-cp"]);
    assert_eq!(units, [dns[0], "gordito/exporters", dns[1], "gordito/monitors"]);
    // The firewall of the other node allows it by address, and so do the databases of its apps: their Service and the
    // policy of their namespace.
    let (nodes, units) = affected("clusters.gordito.nodes.gordito-worker.address", "192.168.10.53");
    assert_eq!(nodes, ["gordito-cp", "gordito-worker"]);
    assert_eq!(units, ["data/cloudnative-pg", dns[0], "data/postgres", dns[1]]);
    // Only the container of the node; other nodes do not depend on its memory.
    let (nodes, units) = affected("clusters.gordito.nodes.gordito-worker.memory", "20GiB");
    assert_eq!((nodes, units), (vec!["gordito-worker".to_owned()], Vec::new()));
    // An app is one unit.
    let (nodes, units) = affected("clusters.gordito.apps.linkding.image.tag", "\"1.47.0\"");
    assert_eq!((nodes, units), (Vec::new(), vec!["gordito/linkding".to_owned()]));
    // MetalLB has the pool of the cluster, the ingress its first address.
    let (nodes, units) = affected("clusters.gordito.load-balancer", "192.168.10.246-192.168.10.249");
    assert_eq!(nodes, none);
    // The pods of the other cluster resolve the address to which they ship metrics.
    // Host names are probed at the address of the ingress.
    assert_eq!(
        units,
        [dns[0], "data/lan-names", dns[1], "gordito/metallb-config", "gordito/monitors", "gordito/nginx-ingress"]
    );
    // Flux reads the repository's address once, when a server first boots; image automation has its own. Alerts link to
    // their runbooks in the repository.
    let (nodes, units) = affected("lab.repository", "ssh://git@github.com/example/lab");
    assert_eq!(nodes, none);
    assert_eq!(
        units,
        [
            "data/bootstrap",
            "gordito/alerting",
            "gordito/bootstrap",
            "gordito/image-automation",
            "gordito/kube-prometheus-stack"
        ]
    );
    // A removed file counts for the unit that it belonged to.
    let folder = generated();
    rename(folder.path(), "linkding", "bookmarks");
    let (nodes, units) = drift(folder.path());
    assert_eq!(nodes, none);
    assert_eq!(
        units,
        [
            "data/database-bookmarks",
            "data/database-bookmarks-secrets",
            "data/database-linkding",
            "data/database-linkding-secrets",
            dns[0],
            "gordito/bookmarks",
            "gordito/bookmarks-secrets",
            dns[1],
            "gordito/linkding",
            "gordito/linkding-secrets"
        ]
    );
}

#[test]
fn check_prints_a_diff_from_the_disk_to_the_spec() {
    let folder = generated();
    set(folder.path(), "clusters.data.nodes.data-cp.address", "192.168.10.51");
    let output = run(folder.path(), &["generate", "--check"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!("check", out(&output));
}

#[test]
fn check_suggests_generate_with_the_same_options() {
    let folder = folder_with("");
    let spec = "labs/it's mine.yaml";
    std::fs::create_dir(folder.path().join("labs")).expect("the folder is writable");
    std::fs::write(folder.path().join(spec), reference_spec()).expect("the folder is writable");
    let root = folder.path().to_string_lossy();
    for (from, arguments, command) in [
        (folder.path(), &["--spec", spec][..], r"`homelab generate --spec 'labs/it'\''s mine.yaml'`".to_owned()),
        (
            Path::new("/"),
            &["--root", &root, "--spec", spec],
            format!(r"`homelab generate --root {root} --spec 'labs/it'\''s mine.yaml'`"),
        ),
    ] {
        let output = run(from, &[&["generate", "--check"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{}", err(&output));
        assert!(out(&output).ends_with(&format!("run {command} and commit the result\n")), "{command}");
    }
}

#[test]
fn committed_files_match_the_spec() {
    let output = run(&repository(), &["generate", "--check"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
}

// Formats and streams.

#[test]
fn json_diagnostics_contain_everything_that_the_text_shows() {
    let path = "clusters.gordito.nodes.gordito-cp.vmid";
    let spec = with_value(&reference_spec(), path, "120");
    let folder = folder_with(&spec);
    let output = run(folder.path(), &["validate", "--format", "json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "diagnostics belong to stderr");
    let reports: Value = serde_json::from_str(err(&output)).expect("messages are JSON");
    let (place, related) = (Place::of(&spec, path), Place::of(&spec, "clusters.data.nodes.data-cp.vmid"));
    let report = &reports[0];
    assert_eq!(reports.as_array().map(Vec::len), Some(1));
    assert_eq!(report["code"], "vmid-taken");
    assert_eq!(report["severity"], "error");
    assert_eq!(report["file"], "spec/homelab.yaml");
    assert_eq!(report["line"], place.line(&spec));
    assert_eq!(report["column"], place.column(&spec) + "vmid: ".len());
    assert_eq!(report["related"][0]["line"], related.line(&spec));
    assert!(report["help"].as_str().is_some_and(|help| help.contains("123")), "{report}");
}

#[test]
fn prints_every_result_as_json() {
    let folder = generated();
    for (arguments, keys) in [
        (&["generate"][..], &["written", "removed", "unchanged", "foreign"][..]),
        (&["generate", "--check"], &["drift", "nodes", "units", "diff"]),
        (&["validate"], &["lab", "clusters", "nodes", "apps", "files"]),
        (&["secrets"], &["store", "disk"]),
        (&["schema"], &["properties"]),
        (&["explain", "clusters.x.nodes.y.role"], &["path", "description", "type", "required", "default", "choices"]),
        (&["explain", "lab.timezone"], &["example", "fields"]),
        (&["graph"], &["nodes", "edges"]),
    ] {
        let report = json(folder.path(), arguments);
        for key in keys {
            assert!(!report[*key].is_null(), "{arguments:?} has no {key}: {report}");
        }
    }
}

#[test]
fn prints_errors_as_json() {
    let folder = folder_with(&reference_spec());
    for arguments in
        [&["generate", "--spec", "absent.yaml"][..], &["validate", "--root", "absent"], &["explain", "nothing"]]
    {
        let output = run(folder.path(), &[arguments, &["--format", "json"]].concat());
        let message: Result<Value, _> = serde_json::from_str(err(&output));
        assert!(message.is_ok(), "{arguments:?}: {}", err(&output));
    }
}

/// A valid spec with a warning.
fn with_a_warning() -> String {
    with_value(&reference_spec(), "hosts.lenovo.threads", "4")
}

#[test]
fn writes_results_to_stdout_and_messages_to_stderr() {
    let folder = folder_with(&with_a_warning());
    let output = run(folder.path(), &["validate"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).contains("is valid") && !out(&output).contains("warning"), "{}", out(&output));
    assert!(err(&output).starts_with("warning[host-threads-exceeded]"), "{}", err(&output));
    // The same holds for JSON.
    let output = run(folder.path(), &["generate", "--format", "json"]);
    assert!(serde_json::from_str::<Value>(out(&output)).is_ok_and(|report| report["written"].is_array()));
    assert!(serde_json::from_str::<Value>(err(&output)).is_ok_and(|reports| reports[0]["severity"] == "warning"));
}

#[test]
fn quiet_prints_only_errors() {
    let folder = folder_with(&with_a_warning());
    for arguments in [&["validate", "-q"][..], &["generate", "-q"], &["generate", "--check", "-q"]] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", err(&output));
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}: {}{}",
            out(&output),
            err(&output)
        );
    }
    set(folder.path(), "clusters.gordito.nodes.gordito-cp.vmid", "120");
    let output = run(folder.path(), &["validate", "-q"]);
    assert!(err(&output).contains("error[vmid-taken]"), "{}", err(&output));
}

#[test]
fn verbose_lists_every_file() {
    let app = "{ image: { repository: docker.io/traefik/whoami, tag: v1.11.0 } }";
    let with_app = |spec: Edited, n: u32| spec.add(&format!("clusters.gordito.apps.app-{n}"), app);
    let folder = folder_with(&(0..20).fold(Edited::reference(), with_app).text());
    let output = run(folder.path(), &["generate", "-v"]);
    let generated = files(folder.path()).len() - 1;
    assert_eq!(out(&output).lines().filter(|line| line.starts_with("new  ")).count(), generated);
}

// Colour.

#[test]
fn uses_no_colour_in_a_pipe() {
    let folder = folder_with("version: 2\n");
    for arguments in [&["validate"][..], &["destroy"], &["--help"]] {
        let output = run(folder.path(), arguments);
        assert!(!out(&output).contains('\u{1b}') && !err(&output).contains('\u{1b}'), "{arguments:?}");
    }
}

#[test]
fn uses_colour_on_a_terminal_unless_no_color_is_set() {
    let Some(script) = tool("script") else { return };
    let folder = folder_with("version: 2\n");
    let has_colour = |no_color: Option<&str>| {
        let program = homelab(folder.path());
        let mut command = std::process::Command::new(&script);
        let command_line = format!("'{}' validate", program.get_program().to_string_lossy());
        command
            .args(["-qec", &command_line, "/dev/null"])
            .current_dir(folder.path())
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        command.envs(no_color.map(|value| ("NO_COLOR", value)));
        let output = command.output().expect("the program starts");
        out(&output).contains("\u{1b}[")
    };
    assert!(has_colour(None), "diagnostics have colour on a terminal");
    assert!(!has_colour(Some("1")), "NO_COLOR was ignored");
    assert!(has_colour(Some("")), "an empty NO_COLOR has no effect (no-color.org)");
}

// Other results.

#[test]
fn prints_secrets_and_graph_of_the_reference_lab() {
    let folder = folder_with(&reference_spec());
    insta::assert_snapshot!("secrets", out(&run(folder.path(), &["secrets"])));
    insta::assert_snapshot!("graph", out(&run(folder.path(), &["graph"])));
}

#[test]
fn json_explanations_contain_everything_that_the_text_shows() {
    let explained = |path: &str| json(&repository(), &["explain", path]);
    let role = explained("clusters.gordito.nodes.worker.role");
    assert_eq!(role["default"], "server");
    assert_eq!(role["required"], false);
    assert_eq!(role["choices"][1]["value"], "agent");
    let nodes = explained("clusters.gordito.nodes");
    assert_eq!(nodes["type"], "mapping from names to object");
    assert_eq!(nodes["required"], true);
    let host = nodes["fields"].as_array().and_then(|fields| fields.iter().find(|field| field["name"] == "host"));
    assert!(host.is_some_and(|host| host["required"] == true && host["type"] == "string (name)"), "{nodes}");
}

#[test]
fn explains_every_rule_by_its_code() {
    let rule = run(&repository(), &["explain", "need-unmet"]);
    insta::assert_snapshot!("rule", out(&rule));
    for code in homelab::diagnostic::Code::ALL {
        let explained = json(&repository(), &["explain", code.text()]);
        assert_eq!(explained["code"], code.text(), "a code is also the name of a field");
        assert!(homelab::spec::explain(code.text()).is_err(), "{} is also a field", code.text());
    }
    let output = run(&repository(), &["explain", "need-unmt"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(err(&output), "error: there is no rule `need-unmt`; did you mean `need-unmet`?\n");
}

#[test]
fn graph_contains_both_units_of_every_edge() {
    let mut folders: Vec<_> = files(&repository().join("tests/valid"))
        .into_iter()
        .filter(|(path, _)| path.ends_with("spec.yaml"))
        .map(|(path, _)| path.parent().expect("a spec is in a folder").to_owned())
        .collect();
    folders.dedup();
    assert!(folders.len() > 10);
    for folder in folders {
        let name = folder.display();
        let graph = json(&folder, &["graph", "--spec", "spec.yaml", "--quiet"]);
        let end = |item: &Value, key: &str| {
            format!("{}/{}", item["cluster"].as_str().unwrap_or("?"), item[key].as_str().unwrap_or("?"))
        };
        let items = |key: &str| graph[key].as_array().cloned().unwrap_or_default();
        let nodes: BTreeSet<_> = items("nodes").iter().map(|node| end(node, "unit")).collect();
        let edges: Vec<_> = items("edges").iter().map(|edge| (end(edge, "from"), end(edge, "to"))).collect();
        for (from, to) in &edges {
            assert!(nodes.contains(from) && nodes.contains(to), "{name}: {from} --> {to}");
        }
        // The diagram has the same nodes and edges.
        let output = run(&folder, &["graph", "--spec", "spec.yaml", "--quiet"]);
        let drawn: Vec<_> = out(&output).lines().filter_map(|line| line.trim().split_once(" --> ")).collect();
        let edges: Vec<_> = edges.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
        assert_eq!(drawn, edges, "{name}");
        let declared: BTreeSet<_> =
            out(&output).lines().filter_map(|line| Some(line.trim().split_once("[\"")?.0.to_owned())).collect();
        assert_eq!(declared, nodes, "{name}");
    }
}

#[test]
fn reads_a_spec_from_another_path() {
    let folder = folder_with("");
    std::fs::create_dir(folder.path().join("labs")).expect("the folder is writable");
    std::fs::write(folder.path().join("labs/home.yaml"), reference_spec()).expect("the folder is writable");
    let output =
        run(Path::new("/"), &["generate", "--root", &folder.path().to_string_lossy(), "--spec", "labs/home.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let module = std::fs::read_to_string(folder.path().join("nix/nodes/data-cp/default.nix")).expect("it was written");
    assert!(module.starts_with("# @generated by `homelab generate` from labs/home.yaml. Do not edit.\n"), "{module}");
}
