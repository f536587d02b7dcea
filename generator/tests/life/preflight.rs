//! `homelab preflight`, on hosts that are as they should be and on hosts that are not.
//!
//! A case is a file of `tests/machines/preflight`: a comment that says what it shows, then one line for each thing that
//! differs from a lab where all is well, as `WHERE FILE: LINE`. WHERE is a host of the reference lab, or `here` for this
//! machine. The first line for a file replaces the whole file; `WHERE FILE: none` removes it. What each file means is in the
//! programs of `tests/machines`.

use crate::machines::{Fault, Machines, repository};
use homelab::operate::preflight::{self, Check, KNOWN_BAD};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// The hosts of the reference lab: name, address and memory in KiB.
const HOSTS: [(&str, &str, &str); 2] =
    [("lenovo", "192.168.10.11", "32658432"), ("elitedesk", "192.168.10.12", "32780288")];

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

/// Makes a host that has what its nodes need.
fn prepared(machines: &Machines, name: &str, address: &str, memory: &str) {
    let root = machines.add(address, "host");
    let machine = root.parent().expect("it is in the folder of the machine");
    write(&machine.join("name"), &format!("{name}\n"));
    write(
        &root.join("proc/meminfo"),
        &format!("MemTotal:       {memory} kB\nSwapTotal:       8388604 kB\nSwapFree:        8388604 kB\n"),
    );
    for module in preflight::modules() {
        fs::create_dir_all(root.join("sys/module").join(module)).expect("the folder is writable");
    }
    for (name, value) in preflight::sysctls() {
        write(&machine.join("sysctl").join(name), &format!("{value}\n"));
    }
    write(&root.join("sys/class/net/vmbr0/bridge/vlan_filtering"), "0\n");
    fs::create_dir_all(root.join("sys/class/net/eno1")).expect("the folder is writable");
    let link = |target: &str, path: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
        std::os::unix::fs::symlink(target, path).expect("the folder is writable");
    };
    link("/dev/null", "dev/kmsg");
    link("/dev/null", "dev/dri/renderD128");
    link("../../../../bus/pci/drivers/i915", "sys/class/drm/renderD128/device/driver");
}

/// The reference lab, where all is well. No node exists.
fn well() -> Option<Machines> {
    let machines = Machines::of_the_reference_lab()?;
    for (name, address, memory) in HOSTS {
        prepared(&machines, name, address, memory);
        write(&machines.state().join(address).join("threads"), if name == "lenovo" { "12\n" } else { "8\n" });
    }
    let here = machines.state().join("here");
    let here = |name: &str, text: &str| write(&here.join(name), text);
    here("answers", "192.168.10.1\n192.168.10.20\n");
    here("neighbours", "192.168.10.1 dev eth0 lladdr 02:00:00:00:00:01 REACHABLE\n");
    here("open", "192.168.10.20 2049\n192.168.10.20 5001\n");
    here(
        "dns",
        "example.com SOA = ada.ns.cloudflare.com. dns.cloudflare.com. 2384 10000 2400 604800 1800\n\
         example.com NS = ada.ns.cloudflare.com.\n\
         example.com NS = bob.ns.cloudflare.com.\n\
         home.example.com A = 203.0.113.7\n\
         216.239.32.10/o-o.myaddr.l.google.com TXT = \"203.0.113.7\"\n",
    );
    here("hops", "2 198.51.100.1\n");
    here("git/remotes", "origin ssh://git@github.com/example/homelab\n");
    here("git/unpushed", "0\n");
    Some(machines)
}

/// Changes what a case says.
fn apply(machines: &Machines, case: &str) {
    let mut replaced = BTreeSet::new();
    for line in case.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (place, value) = line.split_once(": ").unwrap_or_else(|| panic!("no value: {line}"));
        let (place, file) = place.split_once(' ').unwrap_or_else(|| panic!("no file: {line}"));
        let folder = HOSTS.iter().find(|(name, ..)| *name == place).map_or("here", |(_, address, _)| address);
        let path = machines.state().join(folder).join(file);
        if replaced.insert(path.clone()) {
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(&path).expect("the folder is writable"),
                Ok(_) => fs::remove_file(&path).expect("the folder is writable"),
                Err(_) => {}
            }
        }
        match value {
            "none" => {}
            _ => match value.strip_prefix("-> ") {
                Some(target) => {
                    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
                    std::os::unix::fs::symlink(target, &path).expect("the folder is writable");
                }
                None => {
                    let before = fs::read_to_string(&path).unwrap_or_default();
                    write(&path, &format!("{before}{value}\n"));
                }
            },
        }
    }
}

fn text(output: &Output) -> String {
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(!messages.contains("error: "), "{messages}");
    format!("exit code {:?}\n\n{}", output.status.code().expect("it ended"), String::from_utf8_lossy(&output.stdout))
}

fn cases() -> Vec<PathBuf> {
    let folder = fs::read_dir(repository().join("tests/machines/preflight")).expect("it is committed");
    let mut all: Vec<_> = folder.map(|entry| entry.expect("it can be listed").path()).collect();
    all.sort();
    all
}

/// The hosts of a case that is about hosts only.
fn hosts(case: &str) -> BTreeSet<&str> {
    let lines = case.lines().filter(|line| !line.starts_with('#'));
    let places: BTreeSet<_> = lines.filter_map(|line| line.split(' ').next()).collect();
    if places.contains("here") { BTreeSet::new() } else { places }
}

#[test]
fn reports_what_is_wrong_and_how_to_fix_it() {
    for path in cases() {
        let case = fs::read_to_string(&path).expect("it is text");
        let Some(machines) = well() else { return };
        apply(&machines, &case);
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let arguments: Vec<_> = ["preflight"].into_iter().chain(hosts(&case)).collect();
        let output = text(&machines.homelab(&arguments));
        insta::assert_snapshot!(name, format!("{case}\n$ homelab {}\n{output}", arguments.join(" ")));
    }
}

#[test]
fn reports_that_all_is_well() {
    let Some(machines) = well() else { return };
    let output = machines.homelab(&["preflight", "-v"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    insta::assert_snapshot!("well", text(&output));
    let commands = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(commands.contains("$ homelab script inspect-host | ssh "), "{commands}");
}
