//! `homelab provision`.

use crate::machines::{Fault, Machines};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

const LENOVO: &str = "192.168.10.11";
const ELITEDESK: &str = "192.168.10.12";
const WORKER: &str = "192.168.10.43";

/// Secrets that are nowhere but on disks.
const PLANTED: [&str; 2] = ["planted-token-5bd1", "planted-password-77ae"];

/// The reference lab with its two hosts, which have no containers.
fn lab() -> Option<Machines> {
    let machines = Machines::of_the_reference_lab()?;
    for (address, name) in [(LENOVO, "lenovo"), (ELITEDESK, "elitedesk")] {
        let root = machines.add(address, "host");
        for folder in ["dev/dri", "etc/modules-load.d", "etc/sysctl.d", "var/lib/vz/template/cache"] {
            fs::create_dir_all(root.join(folder)).expect("the folder is writable");
        }
        for device in ["dev/kmsg", "dev/dri/renderD128"] {
            fs::write(root.join(device), "").expect("the folder is writable");
        }
        fs::write(machines.state().join(address).join("name"), name).expect("the folder is writable");
    }
    Some(machines)
}

/// The same, with the three nodes.
fn provisioned() -> Option<Machines> {
    let machines = lab()?;
    done(&machines, &["provision", "--all", "--yes"]);
    machines.forget();
    Some(machines)
}

/// The same, once the cluster `gordito` runs.
fn running() -> Option<Machines> {
    let machines = provisioned()?;
    let nodes = machines.state().join("k3s");
    let secrets = rootfs(&machines, ELITEDESK, 122).join("var/lib/homelab/secrets");
    write(&secrets.join("k3s-agent-token"), PLANTED[0]);
    write(&rootfs(&machines, ELITEDESK, 122).join("etc/rancher/node/password"), PLANTED[1]);
    write(&nodes.join("gordito-cp"), "ready server\n");
    write(&nodes.join("gordito-worker"), "ready\n");
    write(&nodes.join("gordito-worker.password"), PLANTED[1]);
    Some(machines)
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

fn rootfs(machines: &Machines, host: &str, vmid: u32) -> PathBuf {
    machines.state().join(host).join(format!("root/var/lib/lxc/{vmid}/rootfs"))
}

fn conf(machines: &Machines, host: &str, vmid: u32) -> PathBuf {
    machines.state().join(host).join(format!("root/etc/pve/lxc/{vmid}.conf"))
}

/// Changes the configuration of a container on its host.
fn edit(machines: &Machines, host: &str, vmid: u32, changes: &[(&str, &str)]) {
    let path = conf(machines, host, vmid);
    let mut text = fs::read_to_string(&path).expect("the container exists");
    for (from, to) in changes {
        assert!(text.contains(from), "{from}: {text}");
        text = text.replace(from, to);
    }
    fs::write(path, text).expect("the folder is writable");
}

pub(crate) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs a command that must succeed.
pub(crate) fn done(machines: &Machines, arguments: &[&str]) -> String {
    let output = machines.homelab(arguments);
    assert_eq!(output.status.code(), Some(0), "{}{}", out(&output), err(&output));
    err(&output)
}

/// Runs a command that must end with a code, and returns its messages.
pub(crate) fn ends_with(machines: &Machines, code: i32, arguments: &[&str]) -> String {
    let output = machines.homelab(arguments);
    assert_eq!(output.status.code(), Some(code), "{}{}", out(&output), err(&output));
    err(&output)
}

/// What hosts, containers and clusters have, apart from what is random.
pub(crate) fn state(machines: &Machines) -> BTreeMap<String, String> {
    let hardware = regex::Regex::new("hwaddr=[0-9A-F:]+").expect("it is valid");
    let mut files = BTreeMap::new();
    for entry in walkdir(&machines.state()) {
        let path = entry.strip_prefix(machines.state()).expect("it is below").to_string_lossy().into_owned();
        let is_noise =
            ["log", "fault", "store/"].iter().any(|noise| path.starts_with(noise)) || path.ends_with("/units");
        if is_noise {
            continue;
        }
        // Archives contain times.
        let is_random = ["ssh_host_", "password", "template/cache"].iter().any(|random| path.contains(random));
        let text = String::from_utf8_lossy(&fs::read(&entry).unwrap_or_default()).into_owned();
        files.insert(path, if is_random { String::new() } else { hardware.replace_all(&text, "").into_owned() });
    }
    files
}

fn walkdir(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is a folder").map(|entry| entry.expect("it can be listed").path());
    let expand = |path: PathBuf| {
        let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        if is_folder { walkdir(&path) } else { vec![path] }
    };
    entries.flat_map(expand).collect()
}

/// The containers that were destroyed on a host.
fn destroyed(machines: &Machines, host: &str) -> String {
    fs::read_to_string(machines.state().join(host).join("destroyed")).unwrap_or_default()
}

/// Store paths are in the folder of the test.
pub(crate) fn plain(machines: &Machines, text: &str) -> String {
    text.replace(&machines.state().join("store").to_string_lossy().into_owned(), "/nix/store")
}

#[test]
fn prints_a_runbook() {
    let Some(machines) = lab() else { return };
    let before = state(&machines);
    let output = machines.homelab(&["provision", "--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!("runbook", plain(&machines, &out(&output)));
    insta::assert_snapshot!("runbook-messages", err(&output));
    let created =
        |path: &&String| !before.contains_key(*path) && !path.contains("etc/pve") && !path.contains("running");
    assert_eq!(state(&machines).keys().filter(created).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn runs_what_it_prints() {
    let Some(printing) = lab() else { return };
    let running = printing.copied();
    let script = out(&printing.homelab(&["provision", "--all"]));
    let reads = printing.started().len();
    printing.forget();
    write(&printing.lab().join("steps"), &script);
    let status = printing.command("bash").args(["-e", "steps"]).output().expect("it starts");
    assert!(status.status.success(), "{}", err(&status));

    done(&running, &["provision", "--all", "--yes"]);
    let plain = |machines: &Machines, lines: &[String]| -> Vec<_> {
        lines.iter().map(|line| self::plain(machines, line)).collect()
    };
    assert_eq!(plain(&printing, &printing.started()), plain(&running, &running.started()[reads..]));
    assert!(state(&printing) == state(&running));
    let last = done(&running, &["provision", "--all", "--yes"]);
    assert!(last.ends_with("nothing is to be done: the nodes are as their definitions say\n"), "{last}");
}

#[test]
fn replaces_the_host_key_of_an_old_node() {
    let Some(machines) = lab() else { return };
    let known = machines.lab().join("../.ssh/known_hosts");
    write(
        &known,
        "192.168.10.43 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOldOldOldOldOldOldOldOldOldOldOldOldOldOldOld0\n",
    );
    let message = done(&machines, &["provision", "gordito-worker", "--yes", "-v"]);
    assert!(message.contains("$ sh -c 'ssh-keygen -R 192.168.10.43 -f ~/.ssh/known_hosts'"), "{message}");
    let key = rootfs(&machines, ELITEDESK, 122).join("etc/ssh/ssh_host_ed25519_key.pub");
    let key = fs::read_to_string(key).expect("it exists");
    assert_eq!(fs::read_to_string(known).expect("it exists"), format!("192.168.10.43 {key}"));
}

#[test]
fn brings_a_container_to_its_definition() {
    let Some(machines) = running() else { return };
    edit(
        &machines,
        ELITEDESK,
        122,
        &[
            ("memory: 24576", "memory: 8192"),
            ("size=200G", "size=150G"),
            ("features: nesting=1", "features: nesting=1,fuse=1"),
            ("dev1: /dev/dri/renderD128,gid=303,mode=0660\n", ""),
            ("lxc.apparmor.profile: unconfined\n", ""),
            ("vmbr0", "vmbr1"),
        ],
    );
    let message = ends_with(&machines, 4, &["provision", "gordito-worker", "--yes"]);
    assert!(message.contains("  memory: 8192 -> 24576\n") && message.contains("add `--restart`"), "{message}");
    let live = fs::read_to_string(conf(&machines, ELITEDESK, 122)).expect("it exists");
    let (now, pending) = live.split_once("[pve:pending]").expect("something is pending");
    for line in ["memory: 24576", "size=200G", "dev1: /dev/dri/renderD128,gid=303,mode=0660", "bridge=vmbr0", "fuse=1"]
    {
        assert!(now.contains(line), "{line}: {now}");
    }
    assert!(pending.contains("features: nesting=1\n") && !live.contains("unconfined"), "{live}");
    assert_eq!(live.matches("hwaddr=").count(), 1, "the interface is the same one");

    // Nothing is due but the restart, and that is not forgotten.
    let output = machines.homelab(&["provision", "gordito-worker"]);
    assert_eq!((output.status.code(), out(&output)), (Some(4), String::new()), "{}", err(&output));

    let script = out(&machines.homelab(&["provision", "gordito-worker", "--restart"]));
    insta::assert_snapshot!("restart", script);
    done(&machines, &["provision", "gordito-worker", "--restart", "--yes"]);
    let live = fs::read_to_string(conf(&machines, ELITEDESK, 122)).expect("it exists");
    assert!(!live.contains("pve:pending") && !live.contains("fuse") && live.contains("unconfined"), "{live}");
    let node = fs::read_to_string(machines.state().join("k3s/gordito-worker")).expect("it is a member");
    assert_eq!(node, "ready\n");
    let message = done(&machines, &["provision", "gordito-worker", "--yes"]);
    assert!(message.contains("nothing is to be done"), "{message}");
    assert_eq!(destroyed(&machines, ELITEDESK), "");
}

#[test]
fn touches_nothing_that_is_not_its_own() {
    let Some(machines) = lab() else { return };
    let pve = machines.state().join(LENOVO).join("root/etc/pve/nodes/lenovo");
    write(&pve.join("qemu-server/120.conf"), "name: windows\n");
    write(&pve.join("lxc/121.conf"), "hostname: pihole\nmemory: 512\n");
    write(&machines.state().join(ELITEDESK).join("guests"), "122 lxc gordito-worker lenovo running 512\n");
    let before = state(&machines);
    let message = ends_with(&machines, 3, &["provision", "--all", "--yes", "--recreate", "gordito-cp"]);
    insta::assert_snapshot!("taken", message);
    let after = state(&machines);
    assert!(before.iter().all(|(path, text)| after.get(path) == Some(text)));
}

#[test]
fn reports_every_host_that_does_not_answer() {
    let Some(machines) = lab() else { return };
    write(&machines.state().join(LENOVO).join("unreachable"), "");
    write(&machines.state().join(ELITEDESK).join("packages"), "lxc-pve 6.0.4-2\n");
    let message = ends_with(&machines, 3, &["provision", "--all", "--yes"]);
    assert!(message.contains("lenovo: ssh could not reach lenovo (192.168.10.11)"), "{message}");
    assert!(message.contains("elitedesk: it cannot be prepared: exit code 1\n"), "{message}");
    assert!(message.contains("lxc-pve is 6.0.4-2, but 6.0.5-2 or later is required"), "{message}");
    assert!(!machines.started().iter().any(|line| line.starts_with("nix")));
}

#[test]
fn goes_on_after_a_storage_was_full() {
    let Some(machines) = lab() else { return };
    write(&machines.state().join(LENOVO).join("full"), "local-lvm");
    let message = ends_with(&machines, 3, &["provision", "data-cp", "gordito-worker", "--yes"]);
    assert!(message.contains("could not create the container 120 (data-cp): exit code 1"), "{message}");
    assert!(message.contains("free space in thin pool pve/data reached threshold"), "{message}");
    assert!(message.ends_with("data-cp: failed\n  gordito-worker: done\n"), "{message}");
    fs::remove_file(machines.state().join(LENOVO).join("full")).expect("it exists");
    machines.forget();
    done(&machines, &["provision", "data-cp", "--yes"]);
    // The image is on the host already.
    assert!(
        !machines.started().iter().any(|line| line.starts_with("nix build") || line.contains("cat\\ \\>\\ homelab"))
    );
}

#[test]
fn a_creation_that_died_is_not_used() {
    let Some(machines) = lab() else { return };
    write(&machines.state().join(LENOVO).join("dies"), "");
    ends_with(&machines, 3, &["provision", "data-cp", "--yes"]);
    let message = ends_with(&machines, 4, &["provision", "data-cp", "--yes"]);
    assert!(message.contains("`--recreate data-cp` deletes what is left"), "{message}");
    let tasks = machines.state().join(LENOVO).join("tasks");
    write(&tasks, "[{\"type\":\"vzcreate\",\"upid\":\"UPID:lenovo:1\"}]\n");
    let message = ends_with(&machines, 3, &["provision", "data-cp", "--yes", "--recreate", "data-cp"]);
    assert!(message.contains("Proxmox VE is busy with 120 (task `vzcreate`)"), "{message}");
    fs::remove_file(tasks).expect("it exists");
    done(&machines, &["provision", "data-cp", "--yes", "--recreate", "data-cp"]);
    assert_eq!(destroyed(&machines, LENOVO), "120\n");
    done(&machines, &["provision", "data-cp", "--yes"]);
}

#[test]
fn a_locked_container_is_left_alone() {
    let Some(machines) = provisioned() else { return };
    edit(&machines, LENOVO, 121, &[("hostname:", "lock: backup\nhostname:"), ("memory: 12288", "memory: 1024")]);
    let message = ends_with(&machines, 3, &["provision", "gordito-cp", "--yes"]);
    assert!(message.contains("CT is locked (backup)"), "{message}");
}

#[test]
fn recreates_an_agent_with_its_identity() {
    let Some(machines) = running() else { return };
    edit(&machines, ELITEDESK, 122, &[("swap: 0\n", "swap: 0\nunprivileged: 1\n")]);
    let message = ends_with(&machines, 4, &["provision", "gordito-worker", "--yes"]);
    assert!(message.contains("changes that need a new container (unprivileged: 1 -> 0)"), "{message}");
    let key = rootfs(&machines, ELITEDESK, 122).join("etc/ssh/ssh_host_ed25519_key");
    let old_key = fs::read_to_string(&key).expect("it exists");

    write(&machines.state().join("k3s/volumes"), "gordito-worker memos/memos-data\n");
    let recreate = ["provision", "gordito-worker", "--yes", "--recreate", "gordito-worker"];
    let message = ends_with(&machines, 4, &recreate);
    assert!(message.contains("has the volumes of memos/memos-data: back them up"), "{message}");
    assert_eq!(destroyed(&machines, ELITEDESK), "");

    let lossy = [&recreate[..], &["--lose-volumes", "gordito-worker", "-v"]].concat();
    let script = out(&machines.homelab(&[&lossy[..2], &lossy[3..]].concat()));
    insta::assert_snapshot!("recreate", plain(&machines, &script));
    machines.forget();
    let output = machines.homelab(&lossy);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(destroyed(&machines, ELITEDESK), "122\n");
    assert_eq!(fs::read_to_string(&key).expect("it was kept"), old_key);
    for (path, text) in
        [("var/lib/homelab/secrets/k3s-agent-token", PLANTED[0]), ("etc/rancher/node/password", PLANTED[1])]
    {
        let kept = fs::read_to_string(rootfs(&machines, ELITEDESK, 122).join(path)).expect("it was kept");
        assert_eq!(kept, text);
    }
    let node = fs::read_to_string(machines.state().join("k3s/gordito-worker")).expect("it is a member");
    assert_eq!(node, "ready\n");
    // No secret is in an argument, in the output, or left on the host.
    let seen = out(&output) + &err(&output) + &machines.started().join("\n");
    assert!(!PLANTED.iter().any(|secret| seen.contains(secret)));
    let left = walkdir(&machines.state().join(ELITEDESK).join("root/var/lib/homelab"));
    assert_eq!(left, [machines.state().join(ELITEDESK).join("root/var/lib/homelab/gordito-worker.conf")]);

    let message = done(&machines, &recreate);
    assert!(message.contains("nothing is to be done"), "{message}");
    assert_eq!(destroyed(&machines, ELITEDESK), "122\n");
}

#[test]
fn an_only_server_is_backed_up_and_keeps_its_datastore() {
    let Some(machines) = provisioned() else { return };
    let server = rootfs(&machines, LENOVO, 120).join("var/lib/rancher/k3s/server");
    write(&server.join("db/state.db"), "the datastore");
    write(&server.join("token"), PLANTED[0]);
    write(&server.join("manifests/flux.yaml"), "not the datastore");
    write(&machines.state().join("k3s/data-cp"), "ready server");
    edit(&machines, LENOVO, 120, &[("unprivileged: 1\n", "")]);
    let recreate = ["provision", "data-cp", "--yes", "--recreate", "data-cp"];

    // A backup that fails stops everything. It is the first step.
    let node = machines.state().join("192.168.10.41");
    machines.homelab(&["provision", "data-cp", "--recreate", "data-cp"]);
    machines.break_at(machines.started().len() + 1, Fault::Fail);
    let message = ends_with(&machines, 3, &recreate);
    assert!(message.contains("could not back up data-cp"), "{message}");
    assert_eq!(destroyed(&machines, LENOVO), "");
    machines.repair();

    done(&machines, &recreate);
    assert_eq!(destroyed(&machines, LENOVO), "120\n");
    assert_eq!(fs::read_to_string(server.join("db/state.db")).expect("it was kept"), "the datastore");
    assert!(!server.join("manifests").exists());

    // Without an answer there is no backup.
    edit(&machines, LENOVO, 120, &[("unprivileged: 1\n", "")]);
    write(&node.join("unreachable"), "");
    let message = ends_with(&machines, 4, &recreate);
    assert!(message.contains("`--without-backup data-cp` accepts that"), "{message}");
}

#[test]
fn a_lost_agent_is_removed_from_its_cluster_first() {
    let Some(machines) = running() else { return };
    let host = machines.state().join(ELITEDESK);
    for path in [conf(&machines, ELITEDESK, 122), host.join("running/122")] {
        fs::remove_file(path).expect("it exists");
    }
    fs::remove_dir_all(host.join("root/var/lib/lxc/122")).expect("it exists");
    fs::remove_dir_all(machines.state().join(WORKER)).expect("it exists");
    let message = ends_with(&machines, 3, &["provision", "gordito-worker", "--yes"]);
    assert!(message.contains("its cluster reports it as ready"), "{message}");
    write(&machines.state().join("k3s/gordito-worker"), "lost");
    done(&machines, &["provision", "gordito-worker", "--yes"]);
    let deleted = fs::read_to_string(machines.state().join("k3s/deleted")).expect("something was deleted");
    assert_eq!(deleted, "node gordito-worker\nsecret gordito-worker.node-password.k3s\n");
}

#[test]
fn uses_an_image_that_is_given() {
    let Some(machines) = lab() else { return };
    let cache = machines.state().join(ELITEDESK).join("root/var/lib/vz/template/cache");
    let status =
        machines.command("tar").args(["-C", "nix", "-cf", "own.tar.zst", "nodes"]).status().expect("it starts");
    assert!(status.success());
    done(&machines, &["provision", "gordito-worker", "--yes", "--image", "own.tar.zst"]);
    let names: Vec<_> = walkdir(&cache);
    let name = names[0].file_name().expect("it is a file").to_string_lossy().into_owned();
    assert!(names.len() == 1 && name.starts_with("homelab-gordito-worker.") && name.ends_with(".tar.zst"), "{names:?}");
    assert!(!machines.started().iter().any(|line| line.starts_with("nix")));
    let message = ends_with(&machines, 2, &["provision", "--all", "--template", "local:vztmpl/x.tar.xz"]);
    assert!(message.contains("the image of one node"), "{message}");
}

#[test]
fn checks_its_arguments_and_files() {
    let Some(machines) = lab() else { return };
    let message = ends_with(&machines, 2, &["provision", "gordito-woker"]);
    assert!(message.contains("there is no node `gordito-woker`; did you mean `gordito-worker`?"), "{message}");
    let message = ends_with(&machines, 2, &["provision", "data-cp", "--recreate", "gordito-cp"]);
    assert!(message.contains("names gordito-cp, which is not among the nodes"), "{message}");
    let path = machines.lab().join("nix/nodes/data-cp/container.conf");
    let text = fs::read_to_string(&path).expect("it exists").replace("cores: 4", "cores: 2");
    fs::write(&path, text).expect("the folder is writable");
    let message = ends_with(&machines, 2, &["provision", "data-cp"]);
    assert!(message.contains("nix/nodes/data-cp/container.conf; run `homelab generate`"), "{message}");
    assert!(machines.started().is_empty());
}

#[test]
fn prints_one_object() {
    let Some(machines) = provisioned() else { return };
    edit(&machines, LENOVO, 120, &[("cores: 4", "cores: 2")]);
    let output = machines.homelab(&["provision", "data-cp", "gordito-cp", "--format", "json"]);
    insta::assert_snapshot!("json", out(&output));
    assert_eq!(err(&output), "");
}

/// Breaks each program that a command starts, and then lets the command run until it succeeds. A program that only reads is
/// broken in one way.
pub(crate) fn survives_faults(prepared: &Machines, arguments: &[&str]) {
    let undisturbed = prepared.copied();
    undisturbed.homelab(&arguments.iter().copied().filter(|argument| *argument != "--yes").collect::<Vec<_>>());
    let reads = undisturbed.started().len();
    undisturbed.forget();
    done(&undisturbed, arguments);
    let count = undisturbed.started().len();
    let expected = state(&undisturbed);
    let ways = |number: usize| if number > reads { &Fault::ALL[..] } else { &[Fault::Refuse][..] };
    let cases = (1..=count).flat_map(|number| ways(number).iter().map(move |way| (number, *way)));
    let cases: Vec<_> = cases.filter(|(number, way)| way.is_due(*number)).collect();
    let one = |(number, fault): (usize, Fault)| {
        let machines = prepared.copied();
        machines.break_at(number, fault);
        let output = machines.homelab(arguments);
        let message = err(&output);
        let case = format!("{number} {fault:?}: {message}");
        match output.status.code() {
            Some(0 | 4) => {}
            Some(3) => {
                let says_it = ["nothing was changed", "not done:\n  ", "` failed: "];
                assert!(says_it.iter().any(|words| message.contains(words)), "{case}");
            }
            _ => panic!("{case}"),
        }
        machines.repair();
        let ends = (0..3).any(|_| machines.homelab(arguments).status.code() == Some(0));
        assert!(ends, "{case}\n---\n{}", err(&machines.homelab(arguments)));
        let found = state(&machines);
        let paths: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        let differing: Vec<_> = paths.into_iter().filter(|path| expected.get(*path) != found.get(*path)).collect();
        let values: Vec<_> = differing.iter().map(|path| (path, expected.get(*path), found.get(*path))).collect();
        assert!(differing.is_empty(), "{case}\n{values:?}");
    };
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    std::thread::scope(|scope| {
        for chunk in cases.chunks(cases.len().div_ceil(workers)) {
            scope.spawn(move || chunk.iter().copied().for_each(one));
        }
    });
}

#[test]
fn creating_survives_faults() {
    let Some(machines) = lab() else { return };
    survives_faults(&machines, &["provision", "gordito-worker", "--yes"]);
}

#[test]
fn changing_survives_faults() {
    let Some(machines) = running() else { return };
    let changes = [
        ("memory: 24576", "memory: 8192"),
        ("cmode: console", "cmode: tty"),
        ("lxc.apparmor.profile: unconfined\n", ""),
    ];
    edit(&machines, ELITEDESK, 122, &changes);
    survives_faults(&machines, &["provision", "gordito-worker", "--yes", "--restart"]);
}

#[test]
fn recreating_survives_faults() {
    let Some(machines) = running() else { return };
    edit(&machines, ELITEDESK, 122, &[("swap: 0\n", "swap: 0\nunprivileged: 1\n")]);
    survives_faults(&machines, &["provision", "gordito-worker", "--yes", "--recreate", "gordito-worker"]);
}
