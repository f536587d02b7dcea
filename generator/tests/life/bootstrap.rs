//! `homelab bootstrap`.

use crate::live::{Live, NOW};
use crate::machines::{Fault, Machines, program, repository, tool};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const SECRETS: &str = "var/lib/homelab/secrets";
const SERVER: &str = "192.168.10.42";
const AGENT: &str = "192.168.10.43";

/// The values that people give, in the order of the files on a server of the reference lab.
const GIVEN: [(&str, &str); 4] = [
    ("infisical/client-id", "planted-client-id"),
    ("infisical/client-secret", "planted-client-secret"),
    ("backup/access-key-id", "planted-access-key-id"),
    ("backup/secret-access-key", "planted-secret-access-key"),
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Creates the folders of secrets on a machine, as its tmpfiles rules do.
fn folders(root: &Path, names: &[&str]) {
    for name in [""].iter().chain(names) {
        let folder = root.join(SECRETS).join(name);
        fs::create_dir_all(&folder).expect("the folder is writable");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
    }
}

/// The cluster `gordito` of the reference lab, whose nodes have just been created.
fn gordito() -> Option<Machines> {
    // It makes the deploy keys, on nodes and here.
    tool("ssh-keygen")?;
    let machines = Machines::of_the_reference_lab()?;
    create_nodes(&machines);
    Some(machines)
}

/// Creates the nodes of `gordito`, instead of those that exist.
fn create_nodes(machines: &Machines) {
    for (address, names) in [(SERVER, &["infisical", "flux-git", "flux-images", "backup"][..]), (AGENT, &[])] {
        let _ = fs::remove_dir_all(machines.state().join(address));
        folders(&machines.add(address, "bootstrap"), names);
    }
}

/// The file of a secret on a machine.
fn file(machines: &Machines, address: &str, path: &str) -> PathBuf {
    machines.state().join(address).join("root").join(SECRETS).join(path)
}

fn value(machines: &Machines, address: &str, path: &str) -> String {
    fs::read_to_string(file(machines, address, path)).unwrap_or_default()
}

fn put(machines: &Machines, address: &str, path: &str, value: &str) {
    let file = file(machines, address, path);
    fs::write(&file, value).expect("the folder is writable");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// A folder beside the lab with the values that people give.
fn given(machines: &Machines) -> PathBuf {
    let folder = machines.state().parent().expect("it is in a folder").join("given");
    for (path, value) in GIVEN {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(&file, format!("{value}\n")).expect("the folder is writable");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
    folder
}

/// Runs `homelab bootstrap gordito` with the values of a folder, without waiting for the cluster.
fn bootstrap(machines: &Machines, arguments: &[&str]) -> Output {
    let folder = given(machines);
    let folder = folder.to_str().expect("the path is text");
    let all: Vec<_> = ["bootstrap", "gordito", "--no-wait", "--secrets-dir", folder]
        .into_iter()
        .chain(arguments.iter().copied())
        .collect();
    machines.homelab(&all)
}

/// All secrets of all machines, with their modes.
fn state(machines: &Machines) -> BTreeMap<String, (u32, String)> {
    let files = walkdir::WalkDir::new(machines.state()).into_iter().map(|entry| entry.expect("it can be listed"));
    let secrets = files.filter(|entry| entry.file_type().is_file() && entry.path().to_string_lossy().contains(SECRETS));
    secrets
        .map(|entry| {
            let path = entry.path().strip_prefix(machines.state()).expect("it is below").display().to_string();
            let mode = entry.metadata().expect("it can be read").permissions().mode() & 0o7777;
            (path, (mode, text(&fs::read(entry.path()).expect("it can be read"))))
        })
        .collect()
}

/// What was started, without reads.
fn changes(machines: &Machines) -> Vec<String> {
    let reads = ["bash\\ -s", "ssh-keyscan", "identity.pub\\'", "identity.pub ", "printf\\ 0000"];
    let is_read = |line: &String| reads.iter().any(|read| line.contains(read)) || line.ends_with("/identity.pub");
    machines.started().into_iter().filter(|line| !is_read(line)).collect()
}

#[test]
fn the_printed_commands_are_those_that_run() {
    let (Some(printed), Some(run)) = (gordito(), gordito()) else { return };
    let output = bootstrap(&printed, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("nothing has changed"));
    assert!(state(&printed).is_empty(), "printing changes nothing");
    let script = text(&output.stdout);
    assert!(!script.contains("planted-"), "{script}");
    for line in
        ["# 1. generate k3s-token on gordito-cp\n", "# Add the deploy key flux-images/identity with write access: "]
    {
        assert!(script.contains(line), "{script}");
    }
    printed.forget();
    let path = printed.state().join("runbook");
    fs::write(&path, &script).expect("the folder is writable");
    let by_hand = printed.command("bash").arg("-e").arg(&path).stdin(Stdio::null()).output().expect("it starts");
    assert!(by_hand.status.success(), "{}", text(&by_hand.stderr));

    let output = bootstrap(&run, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let normal = |machines: &Machines| {
        let folder = machines.state().parent().expect("it is in a folder").display().to_string();
        let mut lines: Vec<_> = changes(machines).iter().map(|line| line.replace(&folder, "")).collect();
        // Both ends of a pipe start at the same time.
        lines.sort();
        lines
    };
    assert_eq!(normal(&printed), normal(&run));
    let shape = |machines: &Machines| -> Vec<_> {
        state(machines).into_iter().map(|(path, (mode, text))| (path, mode, text.len())).collect()
    };
    assert_eq!(shape(&printed), shape(&run));
}

#[test]
fn puts_every_secret_in_its_place() {
    let Some(machines) = gordito() else { return };
    let output = bootstrap(&machines, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let state = state(&machines);
    assert!(state.values().all(|(mode, _)| *mode == 0o600), "{state:?}");
    assert_eq!(state.keys().filter(|path| path.starts_with(AGENT)).count(), 1, "{state:?}");
    let token = value(&machines, SERVER, "k3s-token");
    let agents = value(&machines, SERVER, "k3s-agent-token");
    for token in [&token, &agents, &value(&machines, SERVER, "backup/repository-password")] {
        assert!(token.len() == 65 && token.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit()), "{token:?}");
    }
    assert_ne!(token, agents);
    assert_eq!(value(&machines, AGENT, "k3s-agent-token"), agents);
    for (path, given) in GIVEN {
        assert_eq!(value(&machines, SERVER, path), format!("{given}\n"));
    }
    for folder in ["flux-git", "flux-images"] {
        let key = file(&machines, SERVER, &format!("{folder}/identity"));
        let public = Command::new("ssh-keygen").args(["-y", "-P", "", "-f"]).arg(key).output().expect("it starts");
        assert_eq!(text(&public.stdout), value(&machines, SERVER, &format!("{folder}/identity.pub")));
        assert!(text(&public.stdout).trim_end().ends_with(&format!(" {folder}@gordito")));
        assert!(text(&output.stderr).contains(text(&public.stdout).trim_end()), "the public part is shown");
    }
    assert!(value(&machines, SERVER, "flux-git/known_hosts").starts_with("github.com ssh-ed25519 "));
    let messages = text(&output.stderr);
    for shown in [
        "flux-git/identity of gordito cannot read example/homelab yet",
        "as a deploy key without write access at https://github.com/example/homelab/settings/keys",
        "flux-images/identity of gordito cannot push to example/homelab yet",
        "keep copies of these outside the lab",
        "'cat /var/lib/homelab/secrets/backup/repository-password'",
    ] {
        assert!(messages.contains(shown), "no {shown} in {messages}");
    }
    // Once the keys are added, nothing is left.
    let keys = ["flux-git", "flux-images"].map(|folder| value(&machines, SERVER, &format!("{folder}/identity.pub")));
    fs::write(machines.state().join("deploy-keys"), format!("ro {}rw {}", keys[0], keys[1])).expect("it is writable");
    let again = bootstrap(&machines, &["--yes", "--format", "json"]);
    assert!(!text(&again.stderr).contains("cannot"), "{}", text(&again.stderr));
    let report: serde_json::Value = serde_json::from_slice(&again.stdout).expect("it is JSON");
    assert_eq!(report["done"], serde_json::json!([]));
    assert_eq!((&report["deploy-keys"][0]["works"], &report["deploy-keys"][1]["writes"]), (&true.into(), &true.into()));
    assert_eq!(self::state(&machines), state);
}

/// Each program that is started, and each way in which it can fail. The second run completes what the first one left, and changes
/// nothing that exists.
#[test]
fn a_second_run_completes_what_a_failure_left() {
    let Some(undisturbed) = gordito() else { return };
    assert!(bootstrap(&undisturbed, &["--yes"]).status.success());
    let expected: Vec<_> =
        state(&undisturbed).into_iter().map(|(path, (mode, text))| (path, mode, text.len())).collect();
    let count = undisturbed.started().len();
    assert!(count > 15);
    std::thread::scope(|scope| {
        for fault in Fault::ALL {
            let expected = &expected;
            scope.spawn(move || {
                let Some(machines) = gordito() else { return };
                for number in (1..=count).filter(|number| fault.is_due(*number)) {
                    create_nodes(&machines);
                    survives(&machines, number, fault, expected);
                }
            });
        }
    });
}

fn survives(machines: &Machines, number: usize, fault: Fault, expected: &[(String, u32, usize)]) {
    machines.break_at(number, fault);
    let broken = bootstrap(machines, &["--yes"]);
    let messages = text(&broken.stderr);
    let what = format!("{fault:?} at {number}: {messages}");
    // What is lost of an attempt to log in with a deploy key is no failure: the key is shown.
    let is_check = machines.started().last().is_some_and(|_| broken.status.success());
    if is_check {
        assert!(messages.contains("cannot read") && messages.contains("cannot push"), "{what}");
    } else {
        assert!(matches!(broken.status.code(), Some(2 | 3)), "{what}");
        let is_said = ["not done:", "nothing has changed", "identity.pub"].iter().any(|text| messages.contains(text));
        assert!(is_said, "{what}");
    }
    let kept: Vec<_> = state(machines).into_iter().filter(|(path, _)| !path.ends_with(".new")).collect();
    machines.repair();
    let second = bootstrap(machines, &["--yes"]);
    assert_eq!(second.status.code(), Some(0), "{what}\n{}", text(&second.stderr));
    let after = state(machines);
    for (path, content) in &kept {
        // The public part is written before its private part, which did not come.
        let is_lonely = path.ends_with(".pub") && !kept.iter().any(|(other, _)| *other == path.replace(".pub", ""));
        assert!(is_lonely || after.get(path) == Some(content), "{what}\n{path} has changed");
    }
    let shape: Vec<_> = after.into_iter().map(|(path, (mode, text))| (path, mode, text.len())).collect();
    assert_eq!(shape, expected, "{what}");
    let token = |address| value(machines, address, "k3s-agent-token");
    assert_eq!(token(SERVER), token(AGENT));
    if fault != Fault::Drop {
        return;
    }
    let third = bootstrap(machines, &["--yes"]);
    assert!(text(&third.stdout).contains("nothing was left to do"), "{what}\n{}", text(&third.stderr));
}

#[test]
fn a_value_that_is_cut_off_gets_no_name() {
    let Some(machines) = gordito() else { return };
    let script = text(&bootstrap(&machines, &[]).stdout);
    for (path, part) in [
        ("infisical/client-secret", "planted-cl"),
        ("flux-git/known_hosts", "github.com ssh-ed25519 AAAAC3Nz"),
        ("backup/secret-access-key", ""),
    ] {
        let line = script.lines().find(|line| line.contains(&format!("f=/var/lib/homelab/secrets/{path};")));
        let remote = line.expect("it is written").split_once(&format!("root@{SERVER} '")).expect("it is quoted").1;
        let remote = &remote[..remote.rfind('\'').expect("it is quoted")];
        let mut ssh = machines.command("ssh");
        let ssh = ssh.arg(format!("root@{SERVER}")).arg(remote).stdin(Stdio::piped()).stderr(Stdio::null());
        let mut child = ssh.spawn().expect("it starts");
        child.stdin.take().expect("it is piped").write_all(part.as_bytes()).expect("it reads");
        assert!(!child.wait().expect("it ends").success(), "{path}");
        assert!(!file(&machines, SERVER, path).exists(), "{path}");
    }
    assert!(bootstrap(&machines, &["--yes"]).status.success());
    assert_eq!(value(&machines, SERVER, "infisical/client-secret"), "planted-client-secret\n");
    assert!(state(&machines).keys().all(|path| !path.ends_with(".new")));
}

#[test]
fn keeps_what_exists_and_corrects_who_can_read_it() {
    let Some(machines) = gordito() else { return };
    put(&machines, SERVER, "infisical/client-id", "kept");
    put(&machines, SERVER, "k3s-token", "correct horse battery staple");
    let open = file(&machines, SERVER, "k3s-token");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("it is ours");
    fs::set_permissions(file(&machines, SERVER, "backup"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let owned = file(&machines, SERVER, "infisical/client-id");
    fs::write(machines.state().join(SERVER).join("owners"), format!("{} 1000 100\n", owned.display()))
        .expect("writable");
    // A link of sops-nix stays as it is.
    let target = machines.state().join(SERVER).join("root/run/secrets/id");
    fs::create_dir_all(target.parent().expect("it is in a folder")).expect("the folder is writable");
    fs::write(&target, "linked\n").expect("the folder is writable");
    std::os::unix::fs::symlink(&target, file(&machines, SERVER, "backup/access-key-id")).expect("it is writable");

    let output = bootstrap(&machines, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let messages = text(&output.stderr);
    for path in ["k3s-token", "backup", "infisical/client-id"] {
        assert!(
            messages.contains(&format!("let only root read /var/lib/homelab/secrets/{path} on gordito-cp")),
            "{messages}"
        );
    }
    assert!(messages.contains("kept, since they exist: infisical/client-id"), "{messages}");
    let mode =
        |path: &str| fs::metadata(file(&machines, SERVER, path)).expect("it exists").permissions().mode() & 0o7777;
    assert_eq!((mode("k3s-token"), mode("backup")), (0o600, 0o700));
    assert_eq!(value(&machines, SERVER, "infisical/client-id"), "kept");
    assert_eq!(value(&machines, SERVER, "k3s-token"), "correct horse battery staple");
    assert!(file(&machines, SERVER, "backup/access-key-id").is_symlink());
    assert!(text(&bootstrap(&machines, &["--yes"]).stdout).contains("nothing was left to do"));

    // What is named is replaced, and nothing else.
    let before = state(&machines);
    let output = bootstrap(&machines, &["--yes", "--replace", "infisical/client-id", "--replace", "flux-git/identity"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let changed: Vec<_> =
        state(&machines).into_iter().filter(|(path, content)| before.get(path) != Some(content)).collect();
    let changed: Vec<_> = changed.iter().map(|(path, _)| path.rsplit_once("secrets/").expect("it is one").1).collect();
    assert_eq!(changed, ["flux-git/identity", "flux-git/identity.pub", "infisical/client-id"]);
    for (path, reason) in [
        ("backup/access-key-id", "it is a link"),
        ("flux-git/identity.pub", "it follows from flux-git/identity"),
        ("infisical/client", "no node of gordito has this file"),
    ] {
        let output = bootstrap(&machines, &["--yes", "--replace", path]);
        assert_eq!(output.status.code(), Some(2), "{path}");
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
    // A new password would not decrypt the backups that exist.
    let output = bootstrap(&machines, &["--yes", "--replace", "backup/repository-password"]);
    assert!(text(&output.stderr).contains("$HOMELAB_SECRET_BACKUP_REPOSITORY_PASSWORD"), "{}", text(&output.stderr));
}

#[test]
fn a_new_agent_token_restarts_k3s() {
    let Some(machines) = gordito() else { return };
    assert!(bootstrap(&machines, &["--yes"]).status.success());
    for address in [SERVER, AGENT] {
        fs::write(machines.state().join(address).join("started"), "").expect("the folder is writable");
    }
    let before = value(&machines, SERVER, "k3s-agent-token");
    let output = bootstrap(&machines, &["--yes", "--replace", "k3s-agent-token"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_ne!(value(&machines, SERVER, "k3s-agent-token"), before);
    assert_eq!(value(&machines, SERVER, "k3s-agent-token"), value(&machines, AGENT, "k3s-agent-token"));
    for address in [SERVER, AGENT] {
        assert!(machines.state().join(address).join("restarts").exists(), "{address}");
    }
}

/// k3s has started with the token on the disk.
fn start_k3s(machines: &Machines, address: &str, token: &str) {
    let data = machines.state().join(address).join("root/var/lib/rancher/k3s");
    fs::create_dir_all(data.join("server/db")).expect("the folder is writable");
    fs::write(data.join("server/db/state.db"), "").expect("the folder is writable");
    fs::write(data.join("server/token"), format!("K10abcdef::server:{token}\n")).expect("the folder is writable");
}

#[test]
fn never_replaces_the_token_of_a_cluster_that_runs() {
    let Some(machines) = gordito() else { return };
    put(&machines, SERVER, "k3s-token", "right\n");
    start_k3s(&machines, SERVER, "right");
    let refused = |arguments: &[&str], reason: &str| {
        let before = state(&machines);
        let output = bootstrap(&machines, arguments);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(reason), "no {reason} in {}", text(&output.stderr));
        assert_eq!(state(&machines), before, "nothing has changed");
    };
    refused(&["--yes", "--replace", "k3s-token"], "k3s token rotate --token OLD --new-token NEW");
    put(&machines, SERVER, "k3s-token", "wrong\n");
    refused(&["--yes"], "k3s-token on gordito-cp is not the token that k3s has used there");
    assert!(!text(&bootstrap(&machines, &["--yes"]).stderr).contains("wrong"), "no value is shown");

    // A file that was lost is written again from the token of k3s.
    fs::remove_file(file(&machines, SERVER, "k3s-token")).expect("it exists");
    let output = bootstrap(&machines, &["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(value(&machines, SERVER, "k3s-token"), "right\n");
    assert!(text(&output.stderr).contains("from the token that k3s uses on gordito-cp"));

    // The agent shows that the cluster existed, although its server has lost everything.
    let Some(lost) = gordito() else { return };
    let joined = lost.state().join(AGENT).join("root/var/lib/rancher/k3s/agent");
    fs::create_dir_all(&joined).expect("the folder is writable");
    fs::write(joined.join("client-kubelet.crt"), "").expect("the folder is writable");
    let output = bootstrap(&lost, &["--yes"]);
    assert_eq!(output.status.code(), Some(2));
    let messages = text(&output.stderr);
    assert!(messages.contains("gordito-worker joined the cluster gordito before"), "{messages}");
    assert!(messages.contains("docs/recovery.md"), "{messages}");
    let folder = given(&lost);
    fs::write(folder.join("k3s-token"), "K10abcdef::server:from the backup\n").expect("the folder is writable");
    assert!(text(&bootstrap(&lost, &["--yes"]).stderr).contains("give PASSWORD only"));
    fs::write(folder.join("k3s-token"), "from the backup\n").expect("the folder is writable");
    assert!(bootstrap(&lost, &["--yes"]).status.success());
    assert_eq!(value(&lost, SERVER, "k3s-token"), "from the backup\n");
}

#[test]
fn copies_what_another_server_has() {
    let spec = fs::read_to_string(repository().join("tests/valid/three-servers-and-an-agent/spec.yaml"));
    let Some(machines) = Machines::of_spec(&spec.expect("it is committed")) else { return };
    // The servers bravo, alpha and charlie, and the agent delta.
    let addresses = ["192.168.10.41", "192.168.10.42", "192.168.10.43", "192.168.10.44"];
    for address in addresses {
        folders(&machines.add(address, "bootstrap"), &[]);
    }
    let run =
        |arguments: &[&str]| machines.homelab(&[&["bootstrap", "home", "--no-wait", "--yes"], arguments].concat());
    put(&machines, "192.168.10.43", "k3s-token", "of charlie\n");
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for address in &addresses[..3] {
        assert_eq!(value(&machines, address, "k3s-token"), "of charlie\n", "{address}");
    }
    assert!(!file(&machines, "192.168.10.44", "k3s-token").exists(), "no agent has the token of servers");
    let agents: Vec<_> = addresses.iter().map(|address| value(&machines, address, "k3s-agent-token")).collect();
    assert!(agents[0].len() == 65 && agents.iter().all(|token| *token == agents[0]), "{agents:?}");
    let steps: Vec<_> = text(&output.stderr).lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect();
    let on = |name: &str| steps.iter().position(|step| step.ends_with(&format!("{name} ...")));
    assert!(on("bravo") < on("alpha") && on("alpha") < on("charlie") && on("charlie") < on("delta"), "{steps:?}");

    put(&machines, "192.168.10.44", "k3s-token", "of charlie\n");
    let messages = text(&run(&[]).stderr);
    assert!(
        messages.contains("delta is an agent, but has k3s-token") && messages.contains("ssh root@192.168.10.44 'rm "),
        "{messages}"
    );

    // Different tokens are never resolved by a guess.
    put(&machines, "192.168.10.42", "k3s-token", "another\n");
    put(&machines, "192.168.10.44", "k3s-agent-token", "another\n");
    let messages = text(&run(&[]).stderr);
    assert!(messages.contains("k3s-token on alpha differs from that on bravo"), "{messages}");
    assert!(
        messages.contains("k3s-agent-token on delta differs from that on bravo: `--replace k3s-agent-token`"),
        "{messages}"
    );
    put(&machines, "192.168.10.42", "k3s-token", "of charlie\n");
    assert!(run(&["--replace", "k3s-agent-token"]).status.success());
    assert_eq!(
        value(&machines, "192.168.10.44", "k3s-agent-token"),
        value(&machines, "192.168.10.41", "k3s-agent-token")
    );

    // All nodes that do not answer are named at once, and can be left out.
    for address in ["192.168.10.43", "192.168.10.44"] {
        fs::write(machines.state().join(address).join("unreachable"), "").expect("the folder is writable");
    }
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(3));
    let messages = text(&output.stderr);
    assert!(
        messages.contains("charlie: ") && messages.contains("delta: ") && messages.contains("--skip NODE"),
        "{messages}"
    );
    assert_eq!(run(&["--skip", "charlie", "--skip", "delta"]).status.code(), Some(0));
    assert_eq!(run(&["--skip", "bravo"]).status.code(), Some(2), "the others join it");
    assert_eq!(run(&["--skip", "echo"]).status.code(), Some(2));
}

#[test]
fn reads_values_from_each_source_and_shows_none() {
    for source in ["folder", "mapping", "input", "environment"] {
        let Some(machines) = gordito() else { return };
        fs::write(machines.state().join("environment"), "").expect("the folder is writable");
        let mut command = machines.command(program());
        command.args(["bootstrap", "gordito", "--yes", "--no-wait", "-v"]);
        command.env("TMPDIR", temporary(&machines));
        let mapping: String = GIVEN.iter().map(|(path, value)| format!("{path}: {value}\n")).collect();
        let mut input = String::new();
        match source {
            "folder" => {
                let folder = given(&machines);
                fs::create_dir(folder.join("flux-git")).expect("the folder is writable");
                let mut keygen = Command::new("ssh-keygen");
                keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join("flux-git/identity"));
                assert!(keygen.status().expect("it starts").success());
                command.arg("--secrets-dir").arg(folder);
            }
            "mapping" => {
                let path = machines.state().parent().expect("it is in a folder").join("values.yaml");
                fs::write(&path, &mapping).expect("the folder is writable");
                fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
                command.arg("--secrets-from").arg(path);
            }
            "input" => {
                command.args(["--secrets-from", "-"]);
                let values: BTreeMap<_, _> = GIVEN.into_iter().collect();
                input = serde_json::to_string(&values).expect("it is text");
            }
            _ => {
                for (path, value) in GIVEN {
                    let name = path.to_uppercase().replace(['/', '-'], "_");
                    command.env(format!("HOMELAB_SECRET_{name}"), value);
                }
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let watched = watch(child.id());
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(0), "{source}: {}", text(&output.stderr));
        for (path, value) in GIVEN {
            assert_eq!(self::value(&machines, SERVER, path), format!("{value}\n"), "{source}");
        }
        let public = self::value(&machines, SERVER, "flux-git/identity.pub");
        if source == "folder" {
            let expected = fs::read_to_string(given(&machines).join("flux-git/identity.pub")).expect("it was made");
            assert_eq!(public, expected);
        } else {
            assert!(public.ends_with(" flux-git@gordito\n"), "{public}");
        }
        // Values that were generated are secrets too.
        let tokens = ["k3s-token", "k3s-agent-token", "backup/repository-password"]
            .map(|path| self::value(&machines, SERVER, path));
        let key = self::value(&machines, SERVER, "flux-git/identity");
        let key = key.lines().nth(2).expect("it has several lines");
        let environment = fs::read_to_string(machines.state().join("environment")).expect("programs were started");
        let seen = watched.join().expect("it ends");
        let places = [
            ("the arguments", machines.started().join("\n")),
            ("the environment", environment),
            ("the output", text(&output.stdout) + &text(&output.stderr)),
            ("the process list", seen),
        ];
        for secret in tokens.iter().map(|token| token.trim_end()).chain([key, "planted-"]) {
            for (place, text) in &places {
                assert!(!text.is_empty() && !text.contains(secret), "{source}: a secret is in {place}");
            }
            for folder in [machines.lab(), temporary(&machines)] {
                let found = contains(&folder, secret);
                assert!(found.is_none(), "{source}: a secret is in {found:?}");
            }
        }
        assert!(places[3].1.contains("MACHINES="), "{source}: no child was seen");
    }
}

/// A folder for temporary files.
fn temporary(machines: &Machines) -> PathBuf {
    let folder = machines.state().parent().expect("it is in a folder").join("tmp");
    fs::create_dir_all(&folder).expect("the folder is writable");
    folder
}

/// A file below a folder that contains a text.
fn contains(folder: &Path, secret: &str) -> Option<PathBuf> {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let mut files = files.filter(|entry| entry.file_type().is_file());
    files
        .find(|entry| text(&fs::read(entry.path()).unwrap_or_default()).contains(secret))
        .map(walkdir::DirEntry::into_path)
}

/// Collects the arguments and the environment of all processes that a process starts, as long as it runs. Elsewhere than on Linux,
/// returns a text that says so.
fn watch(parent: u32) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        if !Path::new("/proc/self/environ").exists() {
            return "MACHINES= could not be watched".to_owned();
        }
        let mut seen = std::collections::BTreeSet::new();
        let status = |process: &str| {
            let status = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
            let mut words = status.rsplit(") ").next()?.split(' ');
            Some((words.next()?.to_owned(), words.next()?.parse::<u32>().ok()?))
        };
        while status(&parent.to_string()).is_some_and(|(state, _)| state != "Z") {
            for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.bytes().all(|byte| byte.is_ascii_digit()) && is_below(&name, parent, &status) {
                    let part = |part: &str| text(&fs::read(entry.path().join(part)).unwrap_or_default());
                    // A child that does not run its program yet is still a copy of `homelab`.
                    let command = part("cmdline");
                    if command.contains("bootstrap\0gordito") {
                        continue;
                    }
                    seen.insert(command.replace('\0', "\n"));
                    seen.insert(part("environ").replace('\0', "\n"));
                }
            }
        }
        seen.into_iter().collect::<Vec<_>>().join("\n")
    })
}

/// Whether a process was started by another one, or by one that it has started.
fn is_below(process: &str, parent: u32, status: &impl Fn(&str) -> Option<(String, u32)>) -> bool {
    let mut process = process.to_owned();
    for _ in 0..16 {
        match status(&process) {
            Some((_, above)) if above == parent => return true,
            Some((_, above)) if above > 1 => process = above.to_string(),
            _ => return false,
        }
    }
    false
}

#[test]
fn reports_all_that_is_wrong_with_values_at_once() {
    let Some(machines) = gordito() else { return };
    let output = machines.homelab(&["bootstrap", "gordito", "--yes"]);
    assert_eq!(output.status.code(), Some(2));
    let messages = text(&output.stderr);
    for (path, _) in GIVEN {
        let variable = format!("$HOMELAB_SECRET_{}", path.to_uppercase().replace(['/', '-'], "_"));
        assert!(messages.contains(path) && messages.contains(&variable), "{messages}");
    }
    assert!(messages.contains("nothing has changed") && state(&machines).is_empty());

    let folder = given(&machines);
    let write = |path: &str, value: &str| {
        fs::create_dir_all(folder.join(path).parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(folder.join(path), value).expect("the folder is writable");
    };
    let run = || {
        let folder = folder.to_str().expect("the path is text");
        machines.homelab(&["bootstrap", "gordito", "--yes", "--no-wait", "--secrets-dir", folder])
    };
    write("infisical/client-id", "planted-id\r\n");
    write("infisical/client-secret", "<planted secret>\n");
    write("backup/access-key-id", " planted-key\n");
    write("flux-git/identity", "-----BEGIN OPENSSH PRIVATE KEY-----\nplanted\n-----END OPENSSH PRIVATE KEY-----\n");
    write("flux-git/identty", "planted\n");
    let output = run();
    assert_eq!(output.status.code(), Some(2));
    let messages = text(&output.stderr);
    for reason in ["carriage returns", "a placeholder", "starts or ends with a space", "cannot read it", "did you mean"]
    {
        assert!(messages.contains(reason) || reason == "did you mean", "no {reason} in {messages}");
    }
    assert!(!messages.contains("planted") && state(&machines).is_empty(), "{messages}");

    // Folders that others can read, or that would be committed.
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert!(text(&run().stderr).contains("other users can read it (mode 755): run chmod 700"));
    let inside = machines.lab().join("secrets");
    fs::create_dir_all(inside.join("infisical")).expect("the folder is writable");
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o700)).expect("it is ours");
    let git = |arguments: &[&str]| Command::new("git").args(arguments).current_dir(machines.lab()).output();
    if git(&["init", "--quiet"]).is_ok_and(|output| output.status.success()) {
        let run = |option: &str| text(&machines.homelab(&["bootstrap", "gordito", "--yes", option, "secrets"]).stderr);
        for option in ["--secrets-dir", "--keep"] {
            assert!(run(option).contains("it is in a Git repository"), "{}", run(option));
        }
        fs::write(machines.lab().join(".gitignore"), "/secrets\n").expect("the folder is writable");
        assert!(!run("--secrets-dir").contains("it is in a Git repository"));
    }

    // A mapping.
    let path = folder.join("values.json");
    for (mapping, reason) in [
        ("[1]", "it is not a mapping"),
        ("{\"infisical/client-id\": planted\n", "line 1 is not valid YAML or JSON"),
        (
            "infisical/client-idd: planted",
            "no node of the cluster has the file infisical/client-idd; did you mean infisical/client-id?",
        ),
        ("infisical/client-id: [planted]", "the value of infisical/client-id is not text"),
    ] {
        fs::write(&path, mapping).expect("the folder is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        let output =
            machines.homelab(&["bootstrap", "gordito", "--yes", "--secrets-from", path.to_str().expect("text")]);
        let messages = text(&output.stderr);
        assert!(output.status.code() == Some(2) && messages.contains(reason), "no {reason} in {messages}");
        assert!(!messages.contains("planted"), "{messages}");
    }
}

#[test]
fn checks_the_host_keys_of_the_git_server() {
    let Some(machines) = gordito() else { return };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB\n";
    fs::write(machines.state().join("host-keys"), key).expect("the folder is writable");
    let output = bootstrap(&machines, &["--yes"]);
    assert_eq!(output.status.code(), Some(2));
    let messages = text(&output.stderr);
    assert!(messages.contains("github.com shows other host keys than it publishes"), "{messages}");
    assert!(messages.contains("docs.github.com") && state(&machines).is_empty(), "{messages}");

    // The same key belongs to codeberg.org.
    let spec = fs::read_to_string(machines.lab().join("spec/homelab.yaml")).expect("it exists");
    let on = |host: &str| {
        fs::write(machines.lab().join("spec/homelab.yaml"), spec.replace("@github.com/", &format!("@{host}/")))
            .expect("writable");
        assert!(machines.homelab(&["generate"]).status.success());
    };
    on("git.example.com");
    let fingerprint = "SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g";
    let messages = text(&bootstrap(&machines, &["--yes"]).stderr);
    assert!(messages.contains("must be confirmed") && messages.contains(fingerprint), "{messages}");
    let output = bootstrap(&machines, &["--yes", "--host-key", fingerprint]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(value(&machines, SERVER, "flux-git/known_hosts"), format!("git.example.com {key}"));
    fs::remove_file(file(&machines, SERVER, "flux-git/known_hosts")).expect("it exists");
    on("codeberg.org");
    assert!(bootstrap(&machines, &["--yes"]).status.success());
    assert_eq!(value(&machines, SERVER, "flux-git/known_hosts"), format!("codeberg.org {key}"));
}

#[test]
fn waits_until_the_cluster_is_ready_and_backs_it_up() {
    let Some(machines) = gordito() else { return };
    for address in [SERVER, AGENT] {
        fs::write(machines.state().join(address).join("now"), NOW.to_string()).expect("the folder is writable");
    }
    Live::ready(&repository()).write(&machines.state().join(SERVER).join("kubernetes"));
    let folder = given(&machines);
    let run = |arguments: &[&str]| {
        let folder = folder.to_str().expect("the path is text");
        machines.homelab(&[&["bootstrap", "gordito", "--secrets-dir", folder], arguments].concat())
    };
    let printed = text(&run(&[]).stdout);
    let end = "until ssh root@192.168.10.42 'k3s kubectl get --raw /readyz'; do sleep 5; done\n\n\
               # 13. back up gordito-cp for the first time\nssh root@192.168.10.42 'systemctl start homelab-backup'\n";
    assert!(printed.contains(end), "{printed}");
    let backup = machines.state().join(SERVER).join("root/var/lib/homelab/backup/succeeded");
    let output = run(&["--yes"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let messages = text(&output.stderr);
    let at = |text: &str| messages.find(text).unwrap_or_else(|| panic!("no {text} in {messages}"));
    assert!(at("copy k3s-agent-token") < at("node gordito-cp is ready") && at("is ready") < at("back up gordito-cp"));
    assert!(text(&output.stdout).contains("13 steps done on 2 nodes") && backup.exists(), "{}", text(&output.stdout));
    // The first backup is made once, and by the second run if the first one fails.
    assert!(text(&run(&["--yes"]).stdout).contains("nothing was left to do"));
    fs::remove_file(&backup).expect("it exists");
    let started = {
        machines.forget();
        run(&["--yes"]);
        machines.started().len()
    };
    fs::remove_file(&backup).expect("it exists");
    machines.break_at(started, Fault::Fail);
    let output = run(&["--yes"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("not done:\n  back up gordito-cp"), "{}", text(&output.stderr));
    machines.repair();
    assert!(text(&run(&["--yes"]).stdout).contains("2 steps done") && backup.exists());
}

#[test]
fn keeps_copies_outside_the_lab() {
    let Some(machines) = gordito() else { return };
    let folder = machines.state().parent().expect("it is in a folder").join("kept");
    let keep = folder.to_str().expect("the path is text");
    let output = bootstrap(&machines, &["--yes", "--keep", keep]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o7777;
    for path in ["k3s-token", "backup/repository-password", "backup/access-key-id", "backup/secret-access-key"] {
        let copy = folder.join("gordito").join(path);
        assert_eq!(fs::read_to_string(&copy).expect("it is kept"), value(&machines, SERVER, path));
        assert_eq!(mode(&copy), 0o600);
    }
    assert!(!folder.join("gordito/k3s-agent-token").exists());
    assert_eq!((mode(&folder), mode(&folder.join("gordito/backup"))), (0o700, 0o700));
    assert!(!text(&output.stderr).contains("keep copies of these"));
    let again = bootstrap(&machines, &["--yes", "--keep", keep]);
    assert!(text(&again.stdout).contains("nothing was left to do"), "{}", text(&again.stderr));

    // A new cluster does not overwrite the copies of another one.
    let Some(other) = gordito() else { return };
    let output = bootstrap(&other, &["--yes", "--keep", keep]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("k3s-token exists, but k3s-token is new"), "{}", text(&output.stderr));
}

#[test]
fn refuses_nodes_that_do_not_fit_the_spec() {
    let Some(machines) = gordito() else { return };
    let node = machines.lab().join("nix/nodes/gordito-cp/k3s.yaml");
    let committed = fs::read_to_string(&node).expect("it exists");
    fs::write(&node, format!("{committed}\n")).expect("the folder is writable");
    let output = bootstrap(&machines, &["--yes"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("nix/nodes/gordito-cp/k3s.yaml differs from the spec: run `homelab generate`")
    );
    fs::write(&node, committed).expect("the folder is writable");
    fs::remove_dir(file(&machines, SERVER, "flux-images")).expect("it is empty");
    let messages = text(&bootstrap(&machines, &["--yes"]).stderr);
    assert!(messages.contains("gordito-cp has no folder /var/lib/homelab/secrets/flux-images"), "{messages}");
    let messages = text(&machines.homelab(&["bootstrap", "gordo"]).stderr);
    assert!(messages.contains("there is no cluster `gordo`; did you mean `gordito`?"), "{messages}");
}

/// A program on a terminal.
struct Session {
    child: std::process::Child,
    terminal: fs::File,
    output: std::sync::mpsc::Receiver<Vec<u8>>,
    /// All that was shown.
    shown: String,
    /// The end of what was waited for.
    at: usize,
}

impl Session {
    /// Starts the program, or prints why not: some sandboxes have no terminals.
    fn start(mut command: Command) -> Option<Self> {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let opened = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY);
        let terminal = opened.inspect_err(|error| eprintln!("skipped: cannot open a terminal: {error}")).ok()?;
        grantpt(&terminal).expect("the terminal is ours");
        unlockpt(&terminal).expect("the terminal is ours");
        let name = ptsname(&terminal, Vec::new()).expect("it has a name").into_string().expect("names are ASCII");
        let side = || fs::File::options().read(true).write(true).open(&name).expect("the terminal can be opened");
        let child =
            command.env("TERM", "xterm").stdin(side()).stdout(side()).stderr(side()).spawn().expect("it starts");
        let terminal = fs::File::from(terminal);
        let mut reader = terminal.try_clone().expect("it can be shared");
        let (sender, output) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = std::io::Read::read(&mut reader, &mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Self { child, terminal, output, shown: String::new(), at: 0 })
    }

    /// Waits until the terminal does not show what is typed: the question is printed a moment before.
    fn wait_until_hidden(&self) {
        use rustix::termios::{LocalModes, tcgetattr};
        let start = std::time::Instant::now();
        while tcgetattr(&self.terminal).is_ok_and(|modes| modes.local_modes.contains(LocalModes::ECHO)) {
            assert!(start.elapsed().as_secs() < 30, "what is typed would be shown");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Waits for a text after the last one, and answers.
    fn answer(&mut self, question: &str, keys: &str) {
        loop {
            if let Some(found) = self.shown[self.at..].find(question) {
                self.at += found + question.len();
                if keys.len() > 1 {
                    self.wait_until_hidden();
                }
                self.terminal.write_all(keys.as_bytes()).expect("the program reads");
                return;
            }
            let more = self.output.recv_timeout(std::time::Duration::from_secs(120));
            let more = more.unwrap_or_else(|error| panic!("{error}: no {question:?} in {:?}", self.shown));
            self.shown.push_str(&text(&more));
        }
    }
}

#[test]
fn asks_on_a_terminal_without_showing_what_is_typed() {
    let Some(machines) = gordito() else { return };
    let mut command = machines.command(program());
    command.args(["bootstrap", "gordito", "--yes", "--no-wait"]);
    let Some(mut session) = Session::start(command) else { return };
    session.answer("infisical/client-id (clientId of the Secret", "planted-client-id\r");
    session.answer("infisical/client-secret", "<planted>\r");
    session.answer("it is a placeholder", "");
    session.answer("infisical/client-secret", "planted-client-secret\r");
    session.answer("backup/access-key-id", "planted-access-key-id\r");
    session.answer("backup/secret-access-key", "planted-secret-access-key\r");
    session.answer("Press Return when it is added", "");
    let add = |path: &str, rights: &str| {
        let mut keys = fs::read_to_string(machines.state().join("deploy-keys")).unwrap_or_default();
        keys += &format!("{rights} {}", value(&machines, SERVER, path));
        fs::write(machines.state().join("deploy-keys"), keys).expect("the folder is writable");
    };
    add("flux-git/identity.pub", "ro");
    session.answer("", "\r");
    // A key that may only read cannot push.
    session.answer("flux-images/identity of gordito cannot push", "");
    add("flux-images/identity.pub", "ro");
    session.answer("Press Return when it is added", "\r");
    session.answer("it does not work yet", "");
    session.answer("Go on without it?", "y");
    session.answer("11 steps done on 2 nodes", "");
    assert_eq!(session.child.wait().expect("it ends").code(), Some(0));
    assert!(!session.shown.contains("planted"), "{}", session.shown);
    for (path, given) in GIVEN {
        assert_eq!(value(&machines, SERVER, path), format!("{given}\n"));
    }
}
