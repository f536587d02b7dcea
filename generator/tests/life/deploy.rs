//! `homelab deploy`, with nodes whose systems can be broken in all ways.

use crate::machines::{Fault, Machines};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The nodes of the reference lab: name, address, cluster and role. They are updated in this order.
const NODES: [(&str, &str, &str, &str); 3] = [
    ("data-cp", "192.168.10.41", "data", "server"),
    ("gordito-cp", "192.168.10.42", "gordito", "server"),
    ("gordito-worker", "192.168.10.43", "gordito", "agent"),
];

const OLD_K3S: &str = "1.35.6+k3s1";

/// The reference lab, whose nodes run old systems and should have new ones.
struct Lab {
    machines: Machines,
}

impl Lab {
    /// A lab whose new systems have a version of k3s; `None` if the tests cannot run here.
    fn new(k3s: &str) -> Option<Self> {
        let lab = Self { machines: Machines::of_the_reference_lab()? };
        let mut systems = String::new();
        let mut evaluated = serde_json::Map::new();
        for (name, address, cluster, role) in NODES {
            let root = lab.machines.add(address, "updates");
            let machine = root.parent().expect("it is in the folder of the machine");
            write(&machine.join("node"), &format!("{name} {cluster} {role}\n"));
            let old = lab.system(&root.join("nix/store"), &format!("old-{name}"), OLD_K3S);
            lab.system(&lab.machines.state().join("nix/store"), &format!("new-{name}"), k3s);
            let profiles = root.join("nix/var/nix/profiles");
            for folder in
                [&profiles, &root.join("nix/var/nix/gcroots"), &root.join("run"), &root.join("etc/rancher/k3s")]
            {
                fs::create_dir_all(folder).expect("the folder is writable");
            }
            symlink(&old, profiles.join("system-1-link")).expect("the folder is writable");
            symlink("system-1-link", profiles.join("system")).expect("the folder is writable");
            for link in ["current-system", "booted-system"] {
                symlink(&old, root.join("run").join(link)).expect("the folder is writable");
            }
            symlink(&old, machine.join("booted-next")).expect("the folder is writable");
            if role == "server" {
                write(&root.join("etc/rancher/k3s/k3s.yaml"), "");
            }
            systems += &format!("{name} /nix/store/new-{name}\n");
            let links: [&str; 0] = [];
            let new = serde_json::json!({
                "system": format!("/nix/store/new-{name}"), "k3s": k3s, "unit": "0", "links": links
            });
            evaluated.insert(name.to_owned(), new);
        }
        write(&lab.machines.state().join("nix/systems"), &systems);
        write(&lab.machines.state().join("nix/eval.json"), &serde_json::Value::from(evaluated).to_string());
        Some(lab)
    }

    /// Another lab in the same state. Links of its machines lead to its own folder.
    fn copied(&self) -> Self {
        let lab = Self { machines: self.machines.copied() };
        let (from, to) = (self.machines.state(), lab.machines.state());
        for entry in walkdir::WalkDir::new(&to) {
            let path = entry.expect("it can be listed").into_path();
            let Ok(target) = fs::read_link(&path) else { continue };
            if let Ok(rest) = target.strip_prefix(&from) {
                fs::remove_file(&path).expect("the folder is writable");
                symlink(to.join(rest), &path).expect("the folder is writable");
            }
        }
        lab
    }

    /// Makes a system with a version of k3s in a store.
    fn system(&self, store: &Path, name: &str, k3s: &str) -> PathBuf {
        let folder = store.join(name);
        write(&folder.join("etc/systemd/system/k3s.service"), name);
        write(&folder.join("sw/bin/version"), k3s);
        for (program, part) in [("switch-to-configuration", "bin"), ("k3s", "sw/bin")] {
            fs::create_dir_all(folder.join(part)).expect("the folder is writable");
            let program = self.machines.programs().join("system").join(program);
            let name = program.file_name().expect("it is a file");
            fs::copy(&program, folder.join(part).join(name)).expect("it can be copied");
        }
        folder
    }

    /// The folder of a node's machine.
    fn machine(&self, node: &str) -> PathBuf {
        let (_, address, ..) = NODES.iter().find(|(name, ..)| *name == node).expect("it is a node");
        self.machines.state().join(address)
    }

    /// A file of the new system of a node, which says what is wrong with it.
    fn fault(&self, node: &str, file: &str, text: &str) {
        write(&self.machines.state().join("nix/store").join(format!("new-{node}")).join(file), text);
    }

    /// Makes the new system of a node right again, also where it was copied to.
    fn heal(&self, node: &str, file: &str) {
        let system = format!("new-{node}");
        let _ = fs::remove_file(self.machines.state().join("nix/store").join(&system).join(file));
        let _ = fs::remove_file(self.machine(node).join("root/nix/store").join(system).join(file));
    }

    fn deploy(&self, arguments: &[&str]) -> Output {
        self.machines.homelab(&[&["deploy", "--rollback-after", "4"], arguments].concat())
    }

    /// What a node runs and what it boots.
    fn systems(&self, node: &str) -> (String, String) {
        let machine = self.machine(node);
        let name = |path: &Path| {
            let real = fs::canonicalize(path).expect("the link leads to a system");
            real.file_name().expect("it is a folder").to_string_lossy().into_owned()
        };
        let boots = name(&machine.join("root/nix/var/nix/profiles/system"));
        assert_eq!(boots, name(&machine.join("booted-next")), "the boot loader and the profile of {node} agree");
        (name(&machine.join("root/run/current-system")), boots)
    }

    fn has_new(&self, node: &str) -> bool {
        let new = format!("new-{node}");
        self.systems(node) == (new.clone(), new)
    }

    fn has_old(&self, node: &str) -> bool {
        let old = format!("old-{node}");
        self.systems(node) == (old.clone(), old)
    }

    /// What a test notes of a node: `units` (units that were started and stopped) or `switched`.
    fn notes(&self, node: &str, file: &str) -> String {
        fs::read_to_string(self.machine(node).join(file)).unwrap_or_default()
    }

    /// Lets the time pass after which a node goes back.
    fn fire_timer(&self, node: &str) -> bool {
        fire(&self.machine(node))
    }
}

/// Runs the timer that returns a machine to its previous system, if it is set.
fn fire(machine: &Path) -> bool {
    let timer = machine.join("timers/homelab-rollback");
    let fired = machine.join("fired");
    if fs::rename(&timer, &fired).is_err() {
        return false;
    }
    let status = std::process::Command::new("bash").arg(&fired).status().expect("it starts");
    assert!(status.success(), "the rollback succeeds");
    true
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    text(output)
}

#[track_caller]
fn fails_with(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{}", text(output));
    text(output)
}

#[test]
fn updates_the_nodes_in_order_and_then_nothing() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let output = lab.deploy(&["--yes"]);
    succeeds(&output);
    assert!(NODES.iter().all(|(node, ..)| lab.has_new(node)));
    let tries: Vec<_> = lab.machines.started().into_iter().filter(|line| line.contains("try")).collect();
    assert!(tries.len() == 3 && tries.iter().zip(NODES).all(|(line, (_, address, ..))| line.contains(address)));
    assert!(!lab.machine("data-cp").join("timers/homelab-rollback").exists(), "the timer is stopped");

    let before = NODES.map(|(node, ..)| lab.notes(node, "switched"));
    let message = succeeds(&lab.deploy(&["--yes"]));
    assert!(message.contains("nothing to do"), "{message}");
    assert_eq!(before, NODES.map(|(node, ..)| lab.notes(node, "switched")));
}

#[test]
fn prints_the_commands_that_it_runs() {
    let (Some(printed), Some(run)) = (Lab::new(OLD_K3S), Lab::new(OLD_K3S)) else { return };
    let runbook = printed.deploy(&[]);
    assert!(succeeds(&runbook).contains("nothing was changed"));
    assert!(NODES.iter().all(|(node, ..)| printed.has_old(node)), "only printed");
    printed.machines.forget();
    write(&printed.machines.lab().join("runbook.sh"), &String::from_utf8_lossy(&runbook.stdout));
    succeeds(&printed.machines.command("bash").args(["-e", "runbook.sh"]).output().expect("it starts"));
    assert!(NODES.iter().all(|(node, ..)| printed.has_new(node)));

    succeeds(&run.deploy(&["--yes"]));
    let (commands, all) = (printed.machines.started(), run.machines.started());
    assert_eq!(commands.len(), 18, "{commands:#?}");
    assert_eq!(commands, all[all.len() - commands.len()..]);
}

/// Breaks each program in turn, and runs the command again. The prepared lab stays as it is. Returns how many were broken.
fn break_everything(prepared: &Lab, node: &str, options: &[&str], is_done: impl Fn(&Lab) -> bool) -> usize {
    let arguments = [options, &["--yes"]].concat();
    let mut broken = 0;
    for fault in Fault::ALL {
        for number in (1..).filter(|number| fault.is_due(*number)) {
            let lab = prepared.copied();
            lab.machines.break_at(number, fault);
            let first = lab.deploy(&arguments);
            let message = text(&first);
            let is_reached = lab.machines.started().len() >= number;
            lab.machines.repair();
            if !is_reached {
                succeeds(&first);
                assert!(is_done(&lab), "{message}");
                break;
            }
            broken += 1;
            lab.systems(node);
            // A lost answer of the trial or of keeping is no failure: the node shows that it was done.
            if first.status.success() {
                assert!(is_done(&lab), "{fault:?} at {number}: {message}");
            } else {
                assert_eq!(first.status.code(), Some(3), "{fault:?} at {number}: {message}");
                let phrases =
                    ["nothing was changed", "could not be updated: it", "could not be restarted: it", "`nix "];
                let is_named = phrases.iter().any(|phrase| message.contains(phrase));
                assert!(is_named, "{fault:?} at {number}: {message}");
            }
            // A second run goes on. One that has gone back would go forth again.
            if !first.status.success() || !options.contains(&"--rollback") {
                let next = lab.deploy(&arguments);
                assert!(next.status.success(), "{fault:?} at {number}: {message}\n-- then: {}", text(&next));
            }
            assert!(is_done(&lab), "{fault:?} at {number}: {message}");
            assert!(!lab.fire_timer(node), "{fault:?} at {number}: no timer is left");
        }
    }
    broken
}

#[test]
fn a_second_run_completes_after_any_fault() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let broken = break_everything(&lab, "gordito-worker", &["gordito-worker"], |lab| lab.has_new("gordito-worker"));
    assert!(broken > Fault::share(26), "{broken}");
}

#[test]
fn a_node_that_builds_its_system_survives_every_fault() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let options = ["gordito-worker", "--build-on", "node"];
    let broken = break_everything(&lab, "gordito-worker", &options, |lab| lab.has_new("gordito-worker"));
    assert!(broken > Fault::share(20), "{broken}");
}

#[test]
fn a_minor_upgrade_of_a_server_survives_every_fault() {
    let Some(lab) = Lab::new("1.36.1+k3s1") else { return };
    let store = "root/var/lib/rancher/k3s/server/db/state.db";
    write(&lab.machine("gordito-cp").join(store), "the datastore");
    let broken = break_everything(&lab, "gordito-cp", &["gordito-cp"], |lab| {
        let machine = lab.machine("gordito-cp");
        let read = |path: &str| fs::read_to_string(machine.join(path)).ok();
        let copy = read("root/var/lib/homelab/before-upgrade/1.35/db/state.db");
        lab.has_new("gordito-cp") && copy.as_deref() == Some("the datastore") && read(store) == copy
    });
    assert!(broken > Fault::share(20), "{broken}");
}

#[test]
fn going_back_survives_every_fault() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    succeeds(&lab.deploy(&["gordito-worker", "--yes"]));
    let options = ["--rollback", "gordito-worker"];
    let broken = break_everything(&lab, "gordito-worker", &options, |lab| lab.has_old("gordito-worker"));
    assert!(broken > Fault::share(12), "{broken}");
}

#[test]
fn a_restart_survives_every_fault() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let eval = lab.machines.state().join("nix/eval.json");
    let text = fs::read_to_string(&eval).expect("it exists");
    write(&eval, &text.replace("\"links\":[]", "\"links\":[\"/nix/store/kernel\"]"));
    let kernel = lab.machines.state().join("nix/store/new-gordito-worker/kernel");
    symlink("/nix/store/kernel", kernel).expect("the folder is writable");
    let broken = break_everything(&lab, "gordito-worker", &["gordito-worker", "--reboot"], |lab| {
        let is_cordoned = lab.machines.state().join("cordoned-gordito-worker").exists();
        let restarts = lab.notes("gordito-worker", "units").matches("reboot\n").count();
        lab.has_new("gordito-worker") && !is_cordoned && restarts == 1
    });
    assert!(broken > Fault::share(30), "{broken}");
}

#[test]
fn a_node_that_nobody_reaches_goes_back_by_itself() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    lab.fault("gordito-cp", "unreachable", "");
    let message = fails_with(&lab.deploy(&["--yes"]), 3);
    assert!(message.contains("it does not answer; it goes back by itself within 4 s"), "{message}");
    assert!(message.contains("updated, and healthy with their new systems: data-cp"), "{message}");
    assert!(message.contains("not touched: gordito-worker"), "{message}");
    assert!(lab.has_new("data-cp") && lab.notes("gordito-worker", "switched").is_empty());

    assert!(lab.fire_timer("gordito-cp"), "the node has the timer");
    assert!(lab.has_old("gordito-cp"));
    lab.heal("gordito-cp", "unreachable");
    succeeds(&lab.deploy(&["--yes"]));
    assert!(NODES.iter().all(|(node, ..)| lab.has_new(node)));
}

#[test]
fn waits_for_a_node_that_goes_back() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    lab.fault("gordito-cp", "unreachable", "");
    let machine = lab.machine("gordito-cp");
    let timer = std::thread::spawn(move || {
        // The time that the check needs to give up, and some more.
        while !machine.join("unreachable").exists() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        std::thread::sleep(std::time::Duration::from_secs(4));
        fire(&machine)
    });
    let message = fails_with(&lab.deploy(&["--yes"]), 3);
    assert!(timer.join().expect("it does not panic"), "the node had the timer");
    assert!(message.contains("gordito-cp could not be updated: it went back to the system from before"), "{message}");
    assert!(lab.has_old("gordito-cp"));
}

#[test]
fn a_node_that_is_not_healthy_is_returned_to_its_system() {
    for (file, content, reason) in [
        ("failed", "nginx.service\n", "units failed: nginx.service"),
        ("k3s", "activating\n", "k3s is not active"),
        ("not-ready", "", "the Kubernetes API of this server is not ready"),
        ("code", "2\n", "the activation script failed"),
    ] {
        let Some(lab) = Lab::new(OLD_K3S) else { return };
        lab.fault("gordito-cp", file, content);
        let message = fails_with(&lab.deploy(&["--yes"]), 3);
        assert!(message.contains(reason), "{file}: {message}");
        assert!(message.contains("gordito-cp could not be updated: it went back"), "{file}: {message}");
        assert!(lab.has_new("data-cp") && lab.has_old("gordito-cp") && lab.has_old("gordito-worker"), "{file}");
        assert!(!lab.fire_timer("gordito-cp"), "{file}: its timer is stopped");
        lab.heal("gordito-cp", file);
        succeeds(&lab.deploy(&["--yes"]));
        assert!(NODES.iter().all(|(node, ..)| lab.has_new(node)), "{file}");
    }
}

#[test]
fn units_that_failed_before_do_not_count() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let old = lab.machine("data-cp").join("root/nix/store/old-data-cp/failed");
    write(&old, "a.service\n");
    lab.fault("data-cp", "failed", "a.service\n");
    lab.fault("data-cp", "code", "4\n");
    let message = succeeds(&lab.deploy(&["data-cp", "--yes"]));
    assert!(lab.has_new("data-cp") && message.contains("units that have failed before: a.service"), "{message}");
}

#[test]
fn a_switch_that_is_refused_changes_nothing() {
    for (code, reason) in [("1", "refused"), ("100", "must be restarted")] {
        let Some(lab) = Lab::new(OLD_K3S) else { return };
        lab.fault("gordito-worker", "code", code);
        let message = fails_with(&lab.deploy(&["gordito-worker", "--yes"]), 3);
        assert!(message.contains(reason), "{message}");
        assert!(lab.has_old("gordito-worker") && !lab.fire_timer("gordito-worker"));
    }
}

#[test]
fn a_full_disk_stops_before_anything_changes() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    write(&lab.machine("gordito-cp").join("full"), "");
    let message = fails_with(&lab.deploy(&["--yes"]), 3);
    assert!(
        message.contains("No space left on device") && message.contains("it runs the system from before"),
        "{message}"
    );
    assert!(lab.has_new("data-cp") && lab.has_old("gordito-cp") && lab.has_old("gordito-worker"));
    fs::remove_file(lab.machine("gordito-cp").join("full")).expect("it exists");
    succeeds(&lab.deploy(&["--yes"]));
    assert!(NODES.iter().all(|(node, ..)| lab.has_new(node)));
}

#[test]
fn a_server_is_backed_up_before_a_minor_upgrade_and_does_not_go_back() {
    let Some(lab) = Lab::new("1.36.1+k3s1") else { return };
    write(&lab.machine("data-cp").join("root/etc/systemd/system/homelab-backup.service"), "");
    write(&lab.machine("gordito-cp").join("root/var/lib/rancher/k3s/server/db/state.db"), "the datastore");
    lab.fault("gordito-cp", "not-ready", "");
    let message = fails_with(&lab.deploy(&["--yes"]), 3);
    assert!(lab.notes("data-cp", "units").contains("start homelab-backup.service"), "{message}");
    let copy = lab.machine("gordito-cp").join("root/var/lib/homelab/before-upgrade/1.35/db/state.db");
    assert_eq!(fs::read_to_string(copy).ok().as_deref(), Some("the datastore"));
    assert!(lab.notes("gordito-cp", "units").starts_with("stop k3s\nstart k3s\n"));
    assert!(message.contains("does not go back over a minor version of k3s"), "{message}");
    assert!(!lab.fire_timer("gordito-cp"), "it has no timer");
    assert_eq!(lab.systems("gordito-cp"), ("new-gordito-cp".to_owned(), "old-gordito-cp".to_owned()));

    lab.heal("gordito-cp", "not-ready");
    succeeds(&lab.deploy(&["--yes"]));
    assert!(NODES.iter().all(|(node, ..)| lab.has_new(node)));
    let message = fails_with(&lab.deploy(&["--rollback", "gordito-cp", "--yes"]), 2);
    assert!(message.contains("cannot go back to an older minor version"), "{message}");
}

#[test]
fn an_agent_is_not_newer_than_its_server() {
    let Some(lab) = Lab::new("1.36.1+k3s1") else { return };
    let message = fails_with(&lab.deploy(&["gordito-worker"]), 2);
    assert!(message.contains("newer than that of the server gordito-cp, 1.35: update the servers first"), "{message}");
}

#[test]
fn a_node_returns_to_its_previous_generation() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let message = fails_with(&lab.deploy(&["--rollback", "gordito-worker", "--yes"]), 3);
    assert!(message.contains("no previous generation"), "{message}");
    succeeds(&lab.deploy(&["gordito-worker", "--yes"]));
    lab.machines.forget();
    succeeds(&lab.deploy(&["--rollback", "gordito-worker", "--yes"]));
    assert!(lab.has_old("gordito-worker"));
    assert!(lab.machines.started().iter().all(|line| line.starts_with("ssh ")), "nothing is built");
}

#[test]
fn a_node_builds_its_system_itself() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    succeeds(&lab.deploy(&["gordito-worker", "--build-on", "node", "--yes"]));
    assert!(lab.has_new("gordito-worker"));
    let nix: Vec<_> = lab.machines.started().into_iter().filter(|line| line.starts_with("nix ")).collect();
    assert!(nix.len() == 2 && nix[1].contains("--eval-store auto --store ssh-ng://root@192.168.10.43"), "{nix:?}");
}

#[test]
fn two_updates_of_a_node_do_not_meet() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    lab.fault("gordito-worker", "unreachable", "");
    fails_with(&lab.deploy(&["gordito-worker", "--yes"]), 3);
    // The node answers again, but the trial is not over.
    fs::remove_file(lab.machine("gordito-worker").join("unreachable")).expect("it exists");
    let eval = lab.machines.state().join("nix/eval.json");
    let text = fs::read_to_string(&eval).expect("it exists").replace("new-gordito-worker", "another");
    write(&eval, &text);
    let message = fails_with(&lab.deploy(&["gordito-worker", "--yes"]), 2);
    assert!(message.contains("another update is being tried (/nix/store/new-gordito-worker)"), "{message}");
}

#[test]
fn a_machine_restarts_for_its_kernel_only_if_told() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let eval = lab.machines.state().join("nix/eval.json");
    let text = fs::read_to_string(&eval).expect("it exists");
    write(&eval, &text.replace("\"links\":[]", "\"links\":[\"/nix/store/kernel\"]"));
    let message = succeeds(&lab.deploy(&["gordito-worker", "--yes"]));
    assert!(message.contains("`homelab deploy gordito-worker --reboot`"), "{message}");
    assert!(!lab.notes("gordito-worker", "units").contains("reboot"));
    succeeds(&lab.deploy(&["gordito-worker", "--reboot", "--yes"]));
    assert!(lab.notes("gordito-worker", "units").ends_with("reboot\n"));
    let drained = lab.notes("gordito-cp", "units");
    assert!(drained.contains("drain gordito-worker") && drained.contains("uncordon gordito-worker"), "{drained}");
}

#[test]
fn reads_everything_before_anything_changes() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    for node in ["data-cp", "gordito-worker"] {
        write(&lab.machine(node).join("unreachable"), "");
    }
    let message = fails_with(&lab.deploy(&["--yes"]), 3);
    assert!(message.contains("data-cp: ") && message.contains("gordito-worker: "), "{message}");
    assert!(lab.notes("gordito-cp", "switched").is_empty());

    let message = fails_with(&lab.deploy(&["gordito-workr"]), 2);
    assert!(message.contains("did you mean `gordito-worker`?"), "{message}");
    let module = lab.machines.lab().join("nix/nodes/data-cp/default.nix");
    let changed = fs::read_to_string(&module).expect("it exists") + "# changed\n";
    write(&module, &changed);
    let message = fails_with(&lab.deploy(&["gordito-cp"]), 2);
    assert!(message.contains("homelab generate") && message.contains("nix/nodes/data-cp/default.nix"), "{message}");
}

#[test]
fn prints_json() {
    let Some(lab) = Lab::new(OLD_K3S) else { return };
    let printed = |arguments: &[&str]| -> serde_json::Value {
        let output = lab.deploy(&[arguments, &["--format", "json"]].concat());
        succeeds(&output);
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    };
    let plan = printed(&[]);
    assert_eq!(plan["nodes"][1]["node"], "gordito-cp");
    assert_eq!(plan["nodes"][1]["steps"].as_array().map(Vec::len), Some(6));
    assert!(plan["nodes"][1].get("result").is_none());
    assert_eq!(printed(&["--yes"])["nodes"][2]["result"], "updated");
    assert_eq!(printed(&["--yes"])["nodes"][2]["result"], "unchanged");
}
