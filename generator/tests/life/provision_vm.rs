//! `homelab provision` of virtual machines.

use crate::machines::Machines;
use crate::provision::{done, ends_with, err, out, plain, state, survives_faults, write};
use std::fs;

const BOX: &str = "192.168.10.11";
const AGENT: &str = "192.168.10.42";

const SPEC: &str = "\
version: 1
lab:
  name: homelab
  domain: example.com
  repository: https://github.com/example/homelab
  admin: { email: admin@example.com, ssh-keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC] }
network:
  lan: { cidr: 192.168.10.0/24, gateway: 192.168.10.1 }
hosts:
  box: { memory: 32GiB, address: 192.168.10.11 }
clusters:
  home:
    nodes:
      one: { host: box, kind: vm, vmid: 120, address: 192.168.10.41 }
      two: { host: box, kind: vm, vmid: 121, role: agent, address: 192.168.10.42, memory: 8GiB }
";

/// A lab whose nodes are virtual machines, on a host that has none.
fn lab() -> Option<Machines> {
    let machines = Machines::of_spec(SPEC)?;
    machines.add(BOX, "host");
    write(&machines.state().join(BOX).join("name"), "box");
    write(&machines.state().join(BOX).join("addresses"), "120 192.168.10.41\n121 192.168.10.42\n");
    Some(machines)
}

/// The same, with the virtual machines. The cluster runs.
fn running() -> Option<Machines> {
    let machines = lab()?;
    done(&machines, &["provision", "--all", "--yes"]);
    let nodes = machines.state().join("k3s");
    write(&nodes.join("one"), "ready server\n");
    write(&nodes.join("two"), "ready\n");
    machines.forget();
    Some(machines)
}

fn conf(machines: &Machines) -> String {
    let path = machines.state().join(BOX).join("root/etc/pve/qemu-server/121.conf");
    fs::read_to_string(path).unwrap_or_default()
}

/// Changes the configuration of the agent on its host.
fn edit(machines: &Machines, changes: &[(&str, &str)]) {
    let mut text = conf(machines);
    for (from, to) in changes {
        assert!(text.contains(from), "{from}: {text}");
        text = text.replace(from, to);
    }
    write(&machines.state().join(BOX).join("root/etc/pve/qemu-server/121.conf"), &text);
}

#[test]
fn creates_virtual_machines() {
    let Some(printing) = lab() else { return };
    let running = printing.copied();
    let output = printing.homelab(&["provision", "--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    insta::assert_snapshot!("runbook", plain(&printing, &out(&output)));
    assert!(!printing.started().iter().any(|line| line.contains("prepare-host") || line.contains("--dry-run")));
    let reads = printing.started().len();
    printing.forget();
    write(&printing.lab().join("steps"), &out(&output));
    let status = printing.command("bash").args(["-e", "steps"]).output().expect("it starts");
    assert!(status.status.success(), "{}", err(&status));

    done(&running, &["provision", "--all", "--yes"]);
    let plain = |machines: &Machines, lines: &[String]| -> Vec<_> {
        lines.iter().map(|line| self::plain(machines, line)).collect()
    };
    assert_eq!(plain(&printing, &printing.started()), plain(&running, &running.started()[reads..]));
    assert!(state(&printing) == state(&running));
    let conf = conf(&running);
    assert!(conf.contains("memory: 8192\n") && conf.contains("ssd=1,size=32G"), "{conf}");
    let key = running.state().join(AGENT).join("root/etc/ssh/ssh_host_ed25519_key.pub");
    let key = fs::read_to_string(key).expect("it exists");
    let key = key.strip_suffix(" root@two\n").expect("it has a comment");
    let known = fs::read_to_string(running.lab().join("../.ssh/known_hosts")).expect("it exists");
    assert!(known.lines().any(|line| line == format!("{AGENT} {key}")), "{known}");

    running.forget();
    let last = done(&running, &["provision", "--all", "--yes"]);
    assert!(last.ends_with("nothing is to be done: the nodes are as their definitions say\n"), "{last}");
    assert!(!running.started().iter().any(|line| line.starts_with("nix")));
}

#[test]
fn brings_a_virtual_machine_to_its_definition() {
    let Some(machines) = running() else { return };
    let defined = conf(&machines);
    let changes = [
        ("memory: 8192", "memory: 4096"),
        ("onboot: 1\n", ""),
        ("bridge=vmbr0", "bridge=vmbr1"),
        ("discard=on,iothread=1,ssd=1,size=", "iothread=1,ssd=1,size="),
    ];
    edit(&machines, &changes);
    let message = ends_with(&machines, 4, &["provision", "two", "--yes"]);
    assert!(message.contains("  memory: 4096 -> 8192\n") && message.contains("add `--restart`"), "{message}");
    let live = conf(&machines);
    let (now, pending) = live.split_once("\n[pve:pending]\n").expect("something is pending");
    assert!(now.contains("onboot: 1\n") && now.contains("bridge=vmbr0") && now.contains("memory: 4096\n"), "{now}");
    assert!(pending.contains("memory: 8192\n") && pending.contains("discard=on"), "{pending}");

    // Nothing is due but the restart, and that is not forgotten.
    let output = machines.homelab(&["provision", "two"]);
    assert_eq!((output.status.code(), out(&output)), (Some(4), String::new()), "{}", err(&output));
    insta::assert_snapshot!("restart", out(&machines.homelab(&["provision", "two", "--restart"])));
    done(&machines, &["provision", "two", "--restart", "--yes"]);
    assert_eq!(conf(&machines), defined);
    let message = done(&machines, &["provision", "two", "--yes"]);
    assert!(message.contains("nothing is to be done"), "{message}");
}

#[test]
fn a_disk_grows_and_never_shrinks() {
    let Some(machines) = running() else { return };
    let defined = conf(&machines);
    let size = defined.lines().find_map(|line| line.strip_prefix("scsi0: ")?.rsplit_once("size="));
    let size = size.expect("it has a size").1.to_owned();
    edit(&machines, &[(&format!("ssd=1,size={size}"), "ssd=1,size=9G")]);
    done(&machines, &["provision", "two", "--yes"]);
    assert_eq!(conf(&machines), defined);
    edit(&machines, &[(&format!("ssd=1,size={size}"), "ssd=1,size=900G")]);
    let message = ends_with(&machines, 4, &["provision", "two", "--yes"]);
    assert!(message.contains("changes that need a new virtual machine (scsi0: "), "{message}");
    let message = ends_with(&machines, 3, &["provision", "two", "--yes", "--recreate", "two"]);
    assert!(message.contains("`--recreate` is for containers"), "{message}");
    assert!(message.contains("run `qm shutdown 121 && qm destroy 121` on box"), "{message}");
}

#[test]
fn touches_nothing_that_is_not_its_own() {
    let Some(machines) = lab() else { return };
    let pve = machines.state().join(BOX).join("root/etc/pve/nodes/box");
    write(&pve.join("lxc/120.conf"), "hostname: one\nmemory: 512\n");
    write(&pve.join("qemu-server/121.conf"), "name: windows\nmemory: 512\n");
    let before = state(&machines);
    let message = ends_with(&machines, 3, &["provision", "--all", "--yes"]);
    assert!(message.contains("one: VMID 120 is the container one"), "{message}");
    assert!(message.contains("two: VMID 121 is the virtual machine windows"), "{message}");
    let after = state(&machines);
    assert!(before.iter().all(|(path, text)| after.get(path) == Some(text)));
    assert!(!machines.started().iter().any(|line| line.starts_with("nix")));
}

#[test]
fn goes_on_after_a_storage_was_full() {
    let Some(machines) = lab() else { return };
    let full = machines.state().join(BOX).join("full");
    write(&full, "local-lvm");
    let message = ends_with(&machines, 3, &["provision", "two", "--yes"]);
    assert!(message.contains("could not create the virtual machine 121 (two): exit code 1"), "{message}");
    assert!(message.contains("unable to create image"), "{message}");
    fs::remove_file(full).expect("it exists");
    machines.forget();
    done(&machines, &["provision", "two", "--yes"]);
    assert!(!machines.started().iter().any(|line| line.starts_with("nix build")));
    assert!(machines.state().join(BOX).join("running/121").exists());
}

#[test]
fn a_copy_that_is_not_complete_is_not_used() {
    let Some(machines) = lab() else { return };
    // Nix writes the image. What reaches the host is something else.
    let printed = out(&machines.homelab(&["provision", "two"]));
    let check = printed.lines().find(|line| line.starts_with("cksum < ")).expect("the copy is checked");
    let image = check.split_whitespace().nth(2).expect("it is a path");
    write(std::path::Path::new(image), "the image");
    let images = machines.state().join(BOX).join("root/var/tmp");
    let partial = check.split_once("$(cksum < ").and_then(|(_, rest)| rest.split_once(')')).expect("it has a name").0;
    write(&images.join(partial), "the ima");
    let run = || machines.command("bash").args(["-c", check]).status().expect("it starts").success();
    assert!(!run() && images.join(partial).exists());
    write(&images.join(partial), "the image");
    assert!(run() && !images.join(partial).exists());
}

#[test]
fn a_creation_that_died_is_not_used() {
    let Some(machines) = lab() else { return };
    write(&machines.state().join(BOX).join("dies"), "");
    ends_with(&machines, 3, &["provision", "two", "--yes"]);
    let message = ends_with(&machines, 4, &["provision", "two", "--yes"]);
    assert!(message.contains("`--recreate two` deletes what is left"), "{message}");
    done(&machines, &["provision", "two", "--yes", "--recreate", "two"]);
    assert!(conf(&machines).contains("name: two\n"));
}

#[test]
fn checks_its_arguments() {
    let Some(machines) = lab() else { return };
    let message = ends_with(&machines, 2, &["provision", "two", "--template", "local:vztmpl/x.tar.xz"]);
    assert!(message.contains("--template is for containers"), "{message}");
    write(&machines.lab().join("own.qcow2"), "QFI");
    done(&machines, &["provision", "two", "--yes", "--image", "own.qcow2"]);
    assert!(!machines.started().iter().any(|line| line.starts_with("nix")));
}

#[test]
fn creating_survives_faults() {
    let Some(machines) = lab() else { return };
    survives_faults(&machines, &["provision", "two", "--yes"]);
}

#[test]
fn changing_survives_faults() {
    let Some(machines) = running() else { return };
    edit(&machines, &[("memory: 8192", "memory: 4096"), ("onboot: 1\n", "")]);
    survives_faults(&machines, &["provision", "two", "--yes", "--restart"]);
}
