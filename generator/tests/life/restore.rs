//! `homelab restore`: what is lost comes back, whatever fails on the way, and nothing else is lost.

use crate::machines::{Fault, Machines, program, repository};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

const SERVER: &str = "192.168.10.42";
const AGENT: &str = "192.168.10.43";
const DATA: &str = "192.168.10.41";

/// The reference lab as it runs: three nodes, and backups of the servers.
const LAB: &str = r#"
here=$1/tests/machines/recovery
. "$here/cluster.sh"
mkdir -p "$MACHINES/repository" "$MACHINES/secrets/"{data,gordito}/backup
for name in data-cp gordito-cp gordito-worker; do bash "$here/new-node" "$name"; done
for machine in "$MACHINES"/192.*; do
  root=$machine/root
  secrets=$root/var/lib/homelab/secrets
  echo planted-agent-token >"$secrets/k3s-agent-token"
  mkdir -p "$root/etc/rancher/node"
  echo "planted password of $(<"$machine/name")" >"$root/etc/rancher/node/password"
  touch --date='2020-01-01 00:00:00' "$root/etc/rancher/node/password"
  echo active >"$machine/k3s"
  if [ "$(<"$machine/role")" = server ]; then
    echo planted-server-token >"$secrets/k3s-token"
    mkdir -p "$secrets/flux-git" "$root/var/lib/rancher/k3s/server/db"
    echo planted-deploy-key >"$secrets/flux-git/identity"
    for file in repository-password access-key-id secret-access-key; do
      echo "planted-$file" | tee "$MACHINES/secrets/"{data,gordito}"/backup/$file" >"$secrets/backup/$file"
    done
    cp "$secrets/k3s-token" "$root/var/lib/rancher/k3s/server/token"
  fi
done
# The nodes registered a day after their passwords were made.
register() {
  datastore "$MACHINES/$1"
  password "$MACHINES/$3"
  printf '%s\n' "node $2 2020-01-02T00:00:00Z" "password $2 $password" >>"$path"
}
register 192.168.10.41 data-cp 192.168.10.41
register 192.168.10.42 gordito-cp 192.168.10.42
register 192.168.10.42 gordito-worker 192.168.10.43
bash "$here/snapshot" data-cp aaaa0001 '-10 hours'
bash "$here/snapshot" gordito-cp bbbb0001 '-34 hours'
echo 'object newer' >>"$path"
bash "$here/snapshot" gordito-cp bbbb0002 '-10 hours'
"#;

/// The machines of that lab, which are prepared once.
static MACHINES: LazyLock<Option<Lab>> = LazyLock::new(|| {
    let lab = Lab(Machines::of_the_reference_lab()?);
    lab.bash(LAB);
    Some(lab)
});

struct Lab(Machines);

impl Lab {
    fn new() -> Option<Self> {
        let prepared = MACHINES.as_ref()?;
        let lab = Self(Machines::of_the_reference_lab()?);
        // With the times of files, which tell when passwords were made.
        lab.bash(&format!("cp -a '{}/.' \"$MACHINES/\"", prepared.0.state().display()));
        Some(lab)
    }

    /// Runs a script that prepares or checks the machines.
    fn bash(&self, script: &str) -> String {
        let mut command = self.0.command("bash");
        command.args(["-euc", script, "bash"]).arg(repository());
        let output = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    }

    /// Loses a machine with everything on it.
    fn lose(&self, address: &str) {
        fs::remove_dir_all(self.0.state().join(address)).expect("it exists");
    }

    fn root(&self, address: &str) -> PathBuf {
        self.0.state().join(address).join("root")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> std::process::Command {
        let mut command = self.0.command(program);
        let here = self.0.lab().with_file_name("programs").join("recovery-here");
        let paths = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value);
        let paths = std::env::split_paths(paths.expect("it is set")).collect::<Vec<_>>();
        let paths = std::env::join_paths(std::iter::once(here).chain(paths)).expect("no path has a separator");
        command.env("PATH", paths).env("TESTED_PROGRAM", self::program());
        command
    }

    fn restore(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(program());
        let secrets = self.0.state().join("secrets").display().to_string();
        let needs = matches!(arguments[0], "server" | "host" | "lab") && !arguments.contains(&"--list");
        command.arg("restore").args(arguments);
        if needs {
            command.args(["--secrets-dir", &secrets]);
        }
        command.output().expect("it starts")
    }

    /// Everything on the disks of the machines, without what differs between two runs.
    fn state(&self) -> String {
        let mut lines = Vec::new();
        for machine in fs::read_dir(self.0.state()).expect("it exists") {
            let machine = machine.expect("it can be listed").path();
            if machine.join("role").exists() {
                describe(&self.0.state(), &machine, &mut lines);
            }
        }
        let objects = self.0.state().join("objects");
        if objects.exists() {
            describe(&self.0.state(), &objects, &mut lines);
        }
        lines.sort();
        lines.join("\n")
    }

    /// Another lab in the same state. A server knows the datastore that it has joined by its inode.
    fn copied(&self) -> Self {
        let lab = Self(self.0.copied());
        let data = "root/var/lib/rancher/k3s/server/db";
        let inode = |path: &Path| fs::metadata(path).map(|found| found.ino().to_string());
        let machines = fs::read_dir(self.0.state()).expect("it exists");
        let machines: Vec<_> = machines.map(|entry| entry.expect("it can be listed").file_name()).collect();
        for (server, member) in machines.iter().flat_map(|one| machines.iter().map(move |other| (one, other))) {
            let store = Path::new(server).join(data).join("state.db");
            let of = lab.0.state().join(member).join(data).join("etcd/member/of");
            let (Ok(old), Ok(joined)) = (inode(&self.0.state().join(&store)), fs::read_to_string(&of)) else {
                continue;
            };
            if joined.trim() == old {
                let new = inode(&lab.0.state().join(&store)).expect("it is copied");
                fs::write(of, new + "\n").expect("the folder is writable");
            }
        }
        lab
    }

    fn never_started_an_empty_cluster(&self) {
        assert!(!self.0.state().join("empty-clusters").exists());
    }
}

/// Lists the files below a folder with their content.
fn describe(root: &Path, folder: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("it exists") {
        let path = entry.expect("it can be listed").path();
        let name = path.strip_prefix(root).expect("it is below").display().to_string();
        if path.is_dir() && !path.is_symlink() {
            if !name.contains("/replaced-") {
                describe(root, &path, lines);
            }
            continue;
        }
        let text = fs::read_to_string(&path).expect("it is text");
        // Passwords are random, and times differ.
        match name.rsplit('/').next() {
            // So are inodes, by which a server knows the datastore that it has joined.
            Some("password" | "of") => lines.push(name),
            Some("state.db") => {
                let two = |line: &str| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
                lines.extend(text.lines().map(|line| format!("{name}: {}", two(line))));
            }
            _ => lines.push(format!("{name}: {text:?}")),
        }
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// What was started, without what only reads.
fn changes(lab: &Lab) -> Vec<String> {
    let reads = ["ConnectTimeout=10", "homelab-restore-server --json", "--json"];
    let started = lab.0.started().into_iter();
    started.filter(|line| !reads.iter().any(|read| line.contains(read))).collect()
}

/// Compares two states, and reports the lines that differ.
fn check_same(found: &str, expected: &str, context: &str) {
    let of_one = |one: &str, other: &str| {
        one.lines().filter(|line| !other.lines().any(|found| found == *line)).map(str::to_owned).collect::<Vec<_>>()
    };
    let (more, less) = (of_one(found, expected), of_one(expected, found));
    assert!(more.is_empty() && less.is_empty(), "{context}\nfound: {more:#?}\nexpected: {less:#?}");
}

/// Restores with each possible fault, and checks that a second run ends like an undisturbed one.
fn survives_every_fault(prepare: impl Fn(&Lab), arguments: &[&str]) -> Option<usize> {
    let undisturbed = Lab::new()?;
    prepare(&undisturbed);
    let output = undisturbed.restore(arguments);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let expected = undisturbed.state();
    let again = undisturbed.restore(arguments);
    assert!(code(&again) == Some(0) && err(&again).contains("nothing is left to do"), "{}", err(&again));
    check_same(&undisturbed.state(), &expected, "a second run changes nothing");
    let mut broken = 0;
    for fault in Fault::ALL {
        for number in (1..).filter(|number| fault.is_due(*number)) {
            let lab = Lab::new()?;
            prepare(&lab);
            lab.0.break_at(number, fault);
            let first = lab.restore(arguments);
            let reached = lab.0.started().len() >= number;
            lab.0.repair();
            if !reached {
                break;
            }
            broken += 1;
            let message = err(&first);
            if code(&first) == Some(0) {
                // A wait that was disturbed is repeated, and a machine that could not be asked counts as one that is lost.
                assert!(lab.state() == expected || !message.is_empty(), "{fault:?} {number}: {message}");
            } else {
                assert!(matches!(code(&first), Some(2 | 3)), "{fault:?} {number}: {:?} {message}", code(&first));
            }
            let next = lab.restore(arguments);
            assert_eq!(code(&next), Some(0), "{fault:?} {number}: {message}\n-- then: {}", err(&next));
            check_same(&lab.state(), &expected, &format!("{fault:?} {number}: {message}"));
            lab.never_started_an_empty_cluster();
        }
    }
    Some(broken)
}

/// Restores with each possible fault in a program that the command itself starts, and checks that a second run ends like an
/// undisturbed one. Programs that other commands of `homelab` start have tests of their own. Returns how many were broken.
fn survives(prepared: &Lab, arguments: &[&str]) -> usize {
    let undisturbed = prepared.copied();
    let output = undisturbed.restore(arguments);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let started = undisturbed.0.started();
    let expected = undisturbed.state();
    let again = undisturbed.restore(arguments);
    assert!(code(&again) == Some(0) && err(&again).contains("nothing is left to do"), "{}", err(&again));
    check_same(&undisturbed.state(), &expected, "a second run changes nothing");
    let inner = started.iter().position(|line| line.starts_with("homelab restore")).map(|index| index + 1);
    let mut broken = 0;
    for fault in Fault::ALL {
        for number in (1..=inner.unwrap_or(usize::MAX)).filter(|number| fault.is_due(*number)) {
            let lab = prepared.copied();
            lab.0.break_at(number, fault);
            let first = lab.restore(arguments);
            let is_reached = lab.0.started().len() >= number;
            lab.0.repair();
            if !is_reached {
                break;
            }
            broken += 1;
            let message = err(&first);
            if code(&first) != Some(0) {
                assert_eq!(code(&first), Some(3), "{fault:?} {number}: {message}");
                assert!(message.contains("not done:") || !message.contains("[1/"), "{fault:?} {number}: {message}");
            }
            let next = lab.restore(arguments);
            assert_eq!(code(&next), Some(0), "{fault:?} {number}: {message}\n-- then: {}", err(&next));
            check_same(&lab.state(), &expected, &format!("{fault:?} {number}: {message}"));
            lab.never_started_an_empty_cluster();
        }
    }
    broken
}

/// Runs the printed runbooks until nothing is left, and compares what they start with what `--yes` starts.
fn prints_what_it_runs(prepare: impl Fn(&Lab), arguments: &[&str]) -> Option<String> {
    let (printed, run) = (Lab::new()?, Lab::new()?);
    prepare(&printed);
    prepare(&run);
    let output = run.restore(&[arguments, &["--yes"]].concat());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let mut runbooks = String::new();
    let secrets = fs::read(printed.0.state().join("secrets/gordito/backup/repository-password")).expect("it exists");
    for _ in 0..9 {
        let output = printed.restore(arguments);
        assert_eq!(code(&output), Some(0), "{}", err(&output));
        let script = out(&output);
        if script.is_empty() {
            assert!(err(&output).contains("nothing is left to do"), "{}", err(&output));
            break;
        }
        let file = printed.0.state().join("runbook");
        // Secrets are typed into the runbook; here, all are the same.
        let typed = script.replace(
            "    # reads",
            &format!(" <{}/secrets/gordito/backup/repository-password # reads", printed.0.state().display()),
        );
        fs::write(&file, typed).expect("the folder is writable");
        let mut bash = printed.command("bash");
        let ended = bash.arg("-e").arg(&file).output().expect("it starts");
        assert!(ended.status.success(), "{script}\n{}", err(&ended));
        fs::remove_file(file).expect("it exists");
        runbooks += &script;
    }
    assert!(!secrets.is_empty());
    let strip = |lab: &Lab| {
        let folder = lab.0.state().parent().expect("it is in a folder").display().to_string();
        changes(lab).into_iter().map(|line| line.replace(&folder, "")).collect::<Vec<_>>()
    };
    assert_eq!(strip(&printed), strip(&run));
    Some(runbooks)
}

#[test]
fn an_agent_comes_back_whatever_fails() {
    let broken = survives_every_fault(|lab| lab.lose(AGENT), &["node", "gordito-worker", "--yes"]);
    assert!(broken.is_none_or(|broken| broken > Fault::share(12)), "{broken:?}");
}

#[test]
fn an_agent_that_was_created_again_by_hand_may_join() {
    let Some(lab) = Lab::new() else { return };
    lab.lose(AGENT);
    lab.bash("bash \"$1/tests/machines/recovery/new-node\" gordito-worker");
    fs::write(lab.root(AGENT).join("var/lib/homelab/secrets/k3s-agent-token"), "planted-agent-token\n")
        .expect("writable");
    let output = lab.restore(&["node", "gordito-worker", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let started = changes(&lab);
    assert!(started.iter().any(|line| line.contains("gordito-worker.node-password.k3s")), "{started:#?}");
    assert!(!started.iter().any(|line| line.starts_with("homelab provision")), "{started:#?}");
}

#[test]
fn the_only_server_comes_back_whatever_fails() {
    let broken = survives_every_fault(|lab| lab.lose(SERVER), &["server", "gordito-cp", "--yes"]);
    assert!(broken.is_none_or(|broken| broken > Fault::share(25)), "{broken:?}");
}

#[test]
fn a_restored_server_has_the_state_of_the_snapshot() {
    let Some(lab) = Lab::new() else { return };
    lab.lose(SERVER);
    let shown = lab.restore(&["server", "gordito-cp"]);
    assert!(out(&shown).contains("homelab provision gordito-cp --yes\n"), "{}", out(&shown));
    assert!(!lab.root(SERVER).exists());
    let output = lab.restore(&["server", "gordito-cp", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    assert!(
        err(&output).contains("lost: what changed in gordito during the 10 hours since the snapshot bbbb0002"),
        "{}",
        err(&output)
    );
    let store = fs::read_to_string(lab.root(SERVER).join("var/lib/rancher/k3s/server/db/state.db")).expect("it exists");
    assert!(store.contains("object newer"), "{store}");
    assert!(err(&output).contains("back up gordito-cp"), "{}", err(&output));
    lab.never_started_an_empty_cluster();
    // No secret in an argument or a message.
    let started = lab.0.started().join("\n");
    assert!(!started.contains("planted") && !err(&output).contains("planted"), "{started}");
}

#[test]
fn agents_that_do_not_fit_the_snapshot_are_made_to() {
    let Some(lab) = Lab::new() else { return };
    // Created again after the snapshot, with another token.
    let agent = lab.root(AGENT);
    fs::write(agent.join("etc/rancher/node/password"), "a later password\n").expect("writable");
    fs::write(agent.join("var/lib/homelab/secrets/k3s-agent-token"), "another token\n").expect("writable");
    lab.lose(SERVER);
    let output = lab.restore(&["server", "gordito-cp", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let token = fs::read_to_string(agent.join("var/lib/homelab/secrets/k3s-agent-token")).expect("it exists");
    assert_eq!(token, "planted-agent-token\n");
    for step in ["give gordito-worker the token of the snapshot", "delete the password", "let gordito-worker join"] {
        assert!(err(&output).contains(step), "{step}: {}", err(&output));
    }
    assert!(!err(&output).contains("another token"), "{}", err(&output));
}

#[test]
fn a_running_datastore_is_only_replaced_if_it_is_named() {
    let Some(lab) = Lab::new() else { return };
    let before = lab.state();
    let output = lab.restore(&["server", "gordito-cp", "--yes"]);
    assert!(code(&output) == Some(0) && err(&output).contains("nothing is left to do"), "{}", err(&output));
    for (arguments, message) in [
        (&["server", "gordito-cp", "--replace", "gordito-cp", "--yes"][..], "--snapshot"),
        (&["server", "gordito-cp", "--replace", "data-cp", "--snapshot", "bbbb0001", "--yes"], "which is restored"),
        (
            &["server", "gordito-cp", "--replace", "gordito-cp", "--snapshot", "cccc0001", "--yes"],
            "bbbb0002 of gordito-cp",
        ),
        (&["server", "gordito-worker", "--yes"], "homelab restore node gordito-worker"),
        (&["server", "gordito-pc"], "did you mean `gordito-cp`?"),
        (&["node", "gordito-cp", "--yes"], "homelab restore server gordito-cp"),
    ] {
        let output = lab.restore(arguments);
        assert!(matches!(code(&output), Some(2 | 3)), "{arguments:?}: {}", err(&output));
        assert!(err(&output).contains(message), "{arguments:?}: {}", err(&output));
    }
    assert_eq!(lab.state(), before);
    let replace = ["server", "gordito-cp", "--replace", "gordito-cp", "--snapshot", "bbbb0001", "--yes"];
    let output = lab.restore(&replace);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let data = lab.root(SERVER).join("var/lib/rancher/k3s");
    let store = fs::read_to_string(data.join("server/db/state.db")).expect("it exists");
    assert!(!store.contains("object newer"), "{store}");
    let kept = fs::read_dir(&data).expect("it exists").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    assert_eq!(kept.filter(|name| name.starts_with("replaced-")).count(), 1);
    let again = lab.restore(&replace);
    assert!(code(&again) == Some(0) && err(&again).contains("nothing is left to do"), "{}", err(&again));
}

#[test]
fn going_back_survives_every_fault() {
    let arguments = ["server", "gordito-cp", "--replace", "gordito-cp", "--snapshot", "bbbb0001", "--yes"];
    let broken = survives_every_fault(|_| (), &arguments);
    assert!(broken.is_none_or(|broken| broken > Fault::share(12)), "{broken:?}");
}

#[test]
fn a_snapshot_that_is_old_must_be_named() {
    let Some(lab) = Lab::new() else { return };
    lab.lose(SERVER);
    lab.bash(
        "rm -r \"$MACHINES/repository/bbbb0002\"; echo 2026-01-01T00:00:00.0Z >\"$MACHINES/repository/bbbb0001/time\"",
    );
    let output = lab.restore(&["server", "gordito-cp", "--yes"]);
    assert_eq!(code(&output), Some(3), "{}", err(&output));
    assert!(err(&output).contains("To restore it, name it: `--snapshot bbbb0001`"), "{}", err(&output));
    let output = lab.restore(&["server", "gordito-cp", "--snapshot", "bbbb0001", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
}

#[test]
fn a_node_that_is_not_lost_stays_as_it_is() {
    let Some(lab) = Lab::new() else { return };
    let before = lab.state();
    let output = lab.restore(&["node", "gordito-worker", "--yes"]);
    assert!(code(&output) == Some(0) && err(&output).contains("nothing is left to do"), "{}", err(&output));
    assert_eq!(changes(&lab), Vec::<String>::new());
    assert_eq!(lab.state(), before);
}

#[test]
fn a_lost_host_is_restored_node_by_node() {
    let lose = |lab: &Lab| {
        for address in [DATA, SERVER] {
            lab.lose(address);
        }
        lab.0.add("192.168.10.11", "recovery");
    };
    let Some(lab) = Lab::new() else { return };
    let output = lab.restore(&["host", "lenovo"]);
    assert!(
        code(&output) == Some(3) && err(&output).contains("lenovo (192.168.10.11) does not run Proxmox VE"),
        "{}",
        err(&output)
    );
    lose(&lab);
    let output = lab.restore(&["host", "lenovo"]);
    let steps: Vec<_> = out(&output)
        .lines()
        .filter(|line| line.starts_with("homelab"))
        .map(|line| line.split(" --yes").next().unwrap_or("").to_owned())
        .collect();
    assert_eq!(steps, ["homelab restore server data-cp", "homelab restore server gordito-cp"], "{}", err(&output));
    let output = lab.restore(&["host", "lenovo", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let again = lab.restore(&["host", "lenovo", "--yes"]);
    assert!(err(&again).contains("nothing is left to do"), "{}", err(&again));
    lab.never_started_an_empty_cluster();
}

#[test]
fn everything_comes_back() {
    let Some(lab) = Lab::new() else { return };
    for address in [DATA, SERVER, AGENT] {
        lab.lose(address);
    }
    for host in ["192.168.10.11", "192.168.10.12"] {
        lab.0.add(host, "recovery");
    }
    let output = lab.restore(&["lab", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let again = lab.restore(&["lab", "--yes"]);
    assert!(err(&again).contains("nothing is left to do"), "{}", err(&again));
    lab.never_started_an_empty_cluster();
    let ready = lab.restore(&["node", "gordito-worker"]);
    assert!(err(&ready).contains("nothing is left to do"), "{}", err(&ready));
}

/// The cluster `data` with two more servers, which have joined the first one.
fn with_three_servers(lab: &Lab) {
    let path = lab.0.lab().join("spec/homelab.yaml");
    let spec = fs::read_to_string(&path).expect("it is text");
    let node = |name: &str, vmid: u32, address: u32| {
        format!(
            "      {name}: {{ host: elitedesk, role: server, vmid: {vmid}, address: 192.168.10.{address}, memory: 2GiB }}\n"
        )
    };
    let (first, rest) = spec.split_once("      data-cp:\n").expect("it is a node");
    let more = node("data-2", 130, 44) + &node("data-3", 131, 45);
    fs::write(&path, format!("{first}{more}      data-cp:\n{rest}")).expect("the folder is writable");
    let output = lab.0.homelab(&["generate", "-q"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    lab.bash(
        r#"
        here=$1/tests/machines/recovery
        . "$here/cluster.sh"
        for name in data-2 data-3; do
          bash "$here/new-node" "$name"
          address=$(sed -n 's/^ *address = "\(.*\)";$/\1/p' "nix/nodes/$name/default.nix" | head -n 1)
          cp -r "$MACHINES/192.168.10.41/root/var/lib/homelab/secrets/." "$MACHINES/$address/root/var/lib/homelab/secrets"
          start "$MACHINES/$address"
          touch --date='2020-01-01 00:00:00' "$MACHINES/$address/root/etc/rancher/node/password"
        done
        datastore "$MACHINES/192.168.10.41"
        text=$(sed 's/^\(node data-. \).*/\12020-01-02T00:00:00Z/' "$path")
        printf '%s\n' "$text" >"$path"
        bash "$here/snapshot" data-cp aaaa0002 '-9 hours'
        "#,
    );
}

#[test]
fn one_of_three_servers_comes_back() {
    let Some(lab) = Lab::new() else { return };
    with_three_servers(&lab);
    let lost = "192.168.10.44";
    lab.lose(lost);
    let output = lab.restore(&["node", "data-2", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    assert!(err(&output).contains("its Node and etcd member"), "{}", err(&output));
    let identity = lab.root(lost).join("var/lib/homelab/secrets/flux-git/identity");
    assert_eq!(fs::read_to_string(identity).expect("it is copied"), "planted-deploy-key\n");
    let again = lab.restore(&["node", "data-2", "--yes"]);
    assert!(err(&again).contains("nothing is left to do"), "{}", err(&again));
    assert!(!lab.0.started().join("\n").contains("planted"));
}

#[test]
fn servers_join_the_one_that_is_restored() {
    let Some(lab) = Lab::new() else { return };
    with_three_servers(&lab);
    lab.lose(DATA);
    let output = lab.restore(&["server", "data-2", "--yes"]);
    assert!(
        code(&output) == Some(3) && err(&output).contains("Restore that one, or set `first-server`"),
        "{}",
        err(&output)
    );
    let output = lab.restore(&["server", "data-cp", "--yes"]);
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    for name in ["data-2", "data-3"] {
        assert!(err(&output).contains(&format!("let {name} join data without its old datastore")), "{}", err(&output));
        let ready = lab.restore(&["node", name]);
        assert!(err(&ready).contains("nothing is left to do"), "{name}: {}", err(&ready));
    }
    lab.never_started_an_empty_cluster();
}

#[test]
fn runbooks_start_what_yes_starts() {
    let cases: [(&[&str], &str); 2] = [(&["node", "gordito-worker"], AGENT), (&["server", "gordito-cp"], SERVER)];
    let mut text = String::new();
    for (arguments, address) in cases {
        let Some(runbooks) = prints_what_it_runs(|lab| lab.lose(address), arguments) else { return };
        text += &format!("$ homelab restore {}\n{runbooks}\n", arguments.join(" "));
    }
    insta::assert_snapshot!(text);
}

/// A file that the API of every cluster returns for a list.
fn answer(lab: &Lab, name: &str, items: &str) {
    let folder = lab.0.state().join("answers");
    fs::create_dir_all(&folder).expect("the folder is writable");
    fs::write(folder.join(name), format!("{{\"kind\": \"List\", \"items\": [{items}]}}"))
        .expect("the folder is writable");
}

#[test]
fn the_volumes_of_an_app_are_replaced_only_if_they_are_named() {
    let Some(lab) = Lab::new() else { return };
    answer(
        &lab,
        "velero",
        r#"{"kind": "Backup", "metadata": {"name": "velero-daily-1"},
            "status": {"phase": "Completed", "startTimestamp": "2026-01-01T01:00:00Z"}},
           {"kind": "PodVolumeBackup", "metadata": {"name": "a", "labels": {"velero.io/backup-name": "velero-daily-1"}},
            "spec": {"pod": {"namespace": "linkding"}, "volume": "data"}, "status": {"phase": "Completed"}}"#,
    );
    answer(&lab, "flux", r#"{"kind": "Kustomization", "metadata": {"name": "linkding"}, "spec": {}}"#);
    answer(&lab, "claims", r#"{"kind": "PersistentVolumeClaim", "metadata": {"name": "linkding-data"}}"#);
    let listed = lab.restore(&["volumes", "gordito/linkding", "--list"]);
    assert!(out(&listed).starts_with("velero-daily-1  "), "{}{}", out(&listed), err(&listed));
    for (arguments, message) in [
        (&["volumes", "gordito/linkding", "--yes"][..], "add `--replace gordito/linkding`"),
        (&["volumes", "gordito/linkding", "--replace", "gordito/memos"], "which is restored"),
        (&["volumes", "gordito/linkdong"], "did you mean `linkding`?"),
        (&["volumes", "linkding"], "CLUSTER/linkding"),
    ] {
        let output = lab.restore(arguments);
        assert!(
            matches!(code(&output), Some(2 | 3)) && err(&output).contains(message),
            "{arguments:?}: {}",
            err(&output)
        );
    }
    assert_eq!(changes(&lab), Vec::<String>::new());
    let replace = ["volumes", "gordito/linkding", "--replace", "gordito/linkding"];
    let shown = lab.restore(&replace);
    let destroyed = "# 4. delete the volume linkding-data of gordito/linkding (destroys data)";
    assert!(out(&shown).contains(destroyed), "{}{}", out(&shown), err(&shown));
    let output = lab.restore(&[&replace[..], &["--yes"]].concat());
    assert_eq!(code(&output), Some(0), "{}", err(&output));
    let commands = out(&shown).lines().filter(|line| line.starts_with("ssh")).count();
    assert_eq!(changes(&lab).len(), commands, "{:#?}", changes(&lab));
}

#[test]
fn databases_are_suspended_before_anything_is_deleted() {
    let Some(lab) = Lab::new() else { return };
    answer(
        &lab,
        "databases",
        r#"{"kind": "Cluster", "metadata": {"name": "postgres"}, "spec": {"plugins": [{"parameters": {"serverName": "postgres-1"}}]}}"#,
    );
    answer(&lab, "flux", r#"{"kind": "Kustomization", "metadata": {"name": "postgres"}, "spec": {}}"#);
    let arguments = ["database", "data", "--to", "2026-01-01T08:00:00Z"];
    let shown = lab.restore(&arguments);
    assert_eq!(code(&shown), Some(0), "{}", err(&shown));
    assert!(
        out(&shown).contains("suspend the Kustomization postgres") && !out(&shown).contains("delete"),
        "{}",
        out(&shown)
    );
    assert!(err(&shown).contains(r#"restore: { from: 1, to: "2026-01-01T08:00:00Z" }"#), "{}", err(&shown));
    let output = lab.restore(&["database", "gordito", "--to", "2026-01-01T08:00:00Z"]);
    assert!(code(&output) == Some(2) && err(&output).contains("has no `platform.postgres.backup`"), "{}", err(&output));
}

#[test]
fn apps_of_storage_that_is_away_are_stopped() {
    let Some(lab) = Lab::new() else { return };
    answer(&lab, "flux", r#"{"kind": "Kustomization", "metadata": {"name": "jellyfin"}, "spec": {}}"#);
    let output = lab.restore(&["storage", "nsa"]);
    assert!(code(&output) == Some(2) && err(&output).contains("did you mean `nas`?"), "{}", err(&output));
    for address in [SERVER, AGENT] {
        let mounts = lab.root(address).join("proc/mounts");
        fs::create_dir_all(mounts.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(mounts, "192.168.10.20:/volume1/media /mnt/media nfs4 rw 0 0\n").expect("the folder is writable");
    }
    let shown = lab.restore(&["storage", "nas"]);
    assert_eq!(code(&shown), Some(0), "{}", err(&shown));
    assert!(out(&shown).contains("suspend the Kustomization jellyfin"), "{}{}", out(&shown), err(&shown));
    assert!(err(&shown).contains("nas does not serve NFS"), "{}", err(&shown));
    fs::write(lab.0.state().join("storage"), "").expect("the folder is writable");
    let shown = lab.restore(&["storage", "nas"]);
    assert!(code(&shown) == Some(0) && err(&shown).contains("nothing is left to do"), "{}", err(&shown));
}

/// Objects of the cluster that a restore changes, in the folder `objects`.
fn objects(lab: &Lab, files: &[(&str, &str)]) {
    for folder in ["kustomizations", "deployments", "claims", "restores"] {
        fs::create_dir_all(lab.0.state().join("objects").join(folder)).expect("the folder is writable");
    }
    for (name, content) in files {
        let path = lab.0.state().join("objects").join(name);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(path, format!("{content}\n")).expect("the folder is writable");
    }
}

#[test]
fn a_host_comes_back_whatever_fails() {
    let Some(lab) = Lab::new() else { return };
    lab.lose(AGENT);
    lab.0.add("192.168.10.12", "recovery");
    let broken = survives(&lab, &["host", "elitedesk", "--yes"]);
    assert!(broken > Fault::share(9), "{broken}");
}

#[test]
fn one_of_three_servers_comes_back_whatever_fails() {
    let Some(lab) = Lab::new() else { return };
    with_three_servers(&lab);
    lab.lose("192.168.10.44");
    let broken = survives(&lab, &["node", "data-2", "--yes"]);
    assert!(broken > Fault::share(12), "{broken}");
}

#[test]
fn apps_of_storage_stop_and_start_whatever_fails() {
    let Some(lab) = Lab::new() else { return };
    objects(&lab, &[("kustomizations/jellyfin", "false"), ("deployments/jellyfin", "1")]);
    for address in [SERVER, AGENT] {
        let mounts = lab.root(address).join("proc/mounts");
        fs::create_dir_all(mounts.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(mounts, "192.168.10.20:/volume1/media /mnt/media nfs4 rw 0 0\n").expect("the folder is writable");
    }
    let arguments = ["storage", "nas", "--yes"];
    let replicas = || fs::read_to_string(lab.0.state().join("objects/deployments/jellyfin")).unwrap_or_default();
    let broken = survives(&lab, &arguments);
    assert!(broken > Fault::share(9), "{broken}");
    assert_eq!(code(&lab.restore(&arguments)), Some(0));
    assert_eq!(replicas(), "0\n");
    fs::write(lab.0.state().join("storage"), "").expect("the folder is writable");
    let broken = survives(&lab, &arguments);
    assert!(broken > Fault::share(9), "{broken}");
    assert_eq!(code(&lab.restore(&arguments)), Some(0));
    assert_eq!(replicas(), "1\n");
    assert!(!lab.0.state().join("objects/destroyed").exists());
}

#[test]
fn databases_go_back_whatever_fails() {
    let Some(lab) = Lab::new() else { return };
    let path = lab.0.lab().join("spec/homelab.yaml");
    let spec = fs::read_to_string(&path).expect("it is text");
    let fields =
        "        backup:\n          incarnation: 2\n          restore: { from: 1, to: \"2026-01-01T08:00:00Z\" }\n";
    let changed = spec.replacen("        size: 50GiB\n        backup:\n", &format!("        size: 50GiB\n{fields}"), 1);
    assert_ne!(spec, changed);
    fs::write(&path, changed).expect("the folder is writable");
    fs::create_dir_all(lab.0.state().join("here/git")).expect("the folder is writable");
    objects(
        &lab,
        &[
            ("kustomizations/postgres", "false"),
            ("kustomizations/database-memos", "false\n\npostgres"),
            ("database", "postgres-1"),
            ("database-of-git", "postgres-2"),
        ],
    );
    let broken = survives(&lab, &["database", "data", "--to", "2026-01-01T08:00:00Z", "--replace", "data", "--yes"]);
    assert!(broken > Fault::share(20), "{broken}");
}

#[test]
fn volumes_come_back_whatever_fails() {
    let Some(lab) = Lab::new() else { return };
    answer(
        &lab,
        "velero",
        r#"{"kind": "Backup", "metadata": {"name": "velero-daily-1"},
            "status": {"phase": "Completed", "startTimestamp": "2026-01-01T01:00:00Z"}},
           {"kind": "PodVolumeBackup", "metadata": {"name": "a", "labels": {"velero.io/backup-name": "velero-daily-1"}},
            "spec": {"pod": {"namespace": "linkding"}, "volume": "data"}, "status": {"phase": "Completed"}}"#,
    );
    objects(
        &lab,
        &[
            ("kustomizations/linkding", "false"),
            ("deployments/linkding", "1"),
            ("claims/linkding/linkding-data", "new files"),
            ("backup/linkding/linkding-data", "files of the backup"),
        ],
    );
    let broken = survives(&lab, &["volumes", "gordito/linkding", "--replace", "gordito/linkding", "--yes"]);
    assert!(broken > Fault::share(20), "{broken}");
}
