//! `homelab preflight`, on hosts that are as they should be and on hosts that are not.
//!
//! A case is a file of `tests/preflight`: a comment that says what it shows, then one line for each thing that
//! differs from a lab where all is well, as `WHERE FILE: LINE`. WHERE is a host of the reference lab, or `here` for this
//! machine. The first line for a file replaces the whole file; `WHERE FILE: none` removes it. What each file means is in the
//! programs of `tests/machines`.

use crate::machines::{Fault, Machines, program, repository};
use homelab::operate::preflight::{self, Check, KNOWN_BAD};
use std::collections::{BTreeMap, BTreeSet};
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
    let folder = fs::read_dir(repository().join("tests/preflight")).expect("it is committed");
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

/// The files of all machines with their contents, except for the list of what was started.
fn state(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.expect("it can be listed"));
    files
        .filter(|entry| entry.file_type().is_file() && entry.file_name() != "log")
        .map(|entry| (entry.path().to_owned(), fs::read(entry.path()).expect("it can be read")))
        .collect()
}

#[test]
fn only_reads() {
    let Some(machines) = well() else { return };
    let before = state(&machines.state());
    assert_eq!(machines.homelab(&["preflight", "-q"]).status.code(), Some(0));
    assert!(state(&machines.state()) == before, "a file of a machine has changed");
    let started = machines.started();
    let ssh: Vec<_> = started.iter().filter(|line| line.starts_with("ssh ")).collect();
    assert_eq!(ssh.len(), HOSTS.len(), "one connection for each host: {ssh:#?}");
    let programs: BTreeSet<_> = started.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(programs.into_iter().collect::<Vec<_>>(), ["dig", "git", "ip", "nc", "nix", "ping", "ssh"]);
}

#[test]
fn reports_a_host_whose_connection_fails() {
    for fault in Fault::ALL {
        let Some(machines) = well() else { return };
        machines.break_at(1, fault);
        let output = machines.homelab(&["preflight", "lenovo"]);
        assert_eq!(output.status.code(), Some(3), "{fault:?}: {}", text(&output));
        let printed = text(&output);
        assert!(printed.contains("cannot be asked") && printed.contains("fix: start the host"), "{fault:?}: {printed}");
        machines.repair();
        assert_eq!(machines.homelab(&["preflight", "lenovo"]).status.code(), Some(0), "{fault:?}");
    }
}

#[test]
fn checks_the_folders_and_devices_that_nodes_get() {
    let Some(machines) = well() else { return };
    let path = machines.lab().join("spec/homelab.yaml");
    let spec = fs::read_to_string(&path).expect("it is text");
    let host = "    address: 192.168.10.12\n";
    let node = "        vmid: 122\n";
    assert!(spec.contains(host) && spec.contains(node));
    let folders = "    folders: { media: /tank/media, photos: /tank/photos, music: /tank/music }\n";
    let used = "        folders: [media, photos, music]\n        devices: [/dev/ttyACM0, /dev/bus/usb]\n";
    let spec = spec.replace(host, &format!("{host}{folders}")).replace(node, &format!("{node}{used}"));
    fs::write(path, spec).expect("the folder is writable");
    apply(
        &machines,
        "elitedesk root/tank/media/.homelab: \nelitedesk root/tank/photos/a.jpg: \nelitedesk root/dev/bus/usb/001: \n",
    );
    insta::assert_snapshot!("folders-and-devices", text(&machines.homelab(&["preflight", "elitedesk"])));
}

#[test]
fn skips_what_it_has_no_program_for() {
    let Some(machines) = well() else { return };
    // Only ssh, and what scripted machines need.
    let folder = machines.state().join("bin");
    fs::create_dir(&folder).expect("the folder is writable");
    let link = |target: &Path| {
        let name = target.file_name().expect("it is a file");
        std::os::unix::fs::symlink(target, folder.join(name)).expect("the folder is writable");
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    for tool in [
        "awk", "bash", "cat", "cut", "date", "env", "head", "ln", "mkdir", "readlink", "sed", "sort", "stat", "uniq",
        "wc",
    ] {
        let found = std::env::split_paths(&path).map(|folder| folder.join(tool)).find(|path| path.is_file());
        link(&found.unwrap_or_else(|| panic!("there is no `{tool}`")));
    }
    let ssh = repository().join("tests/machines/here/ssh");
    fs::write(folder.join("ssh"), format!("#!/usr/bin/env bash\nexec {} \"$@\"\n", ssh.display()))
        .expect("the folder is writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(folder.join("ssh"), mode).expect("the folder is writable");
    let output = machines.command(program()).env("PATH", &folder).arg("preflight").output().expect("it starts");
    insta::assert_snapshot!("no-programs", text(&output));
}

#[test]
fn rejects_hosts_that_the_spec_does_not_have() {
    let Some(machines) = well() else { return };
    let output = machines.homelab(&["preflight", "lenvo"]);
    assert_eq!(output.status.code(), Some(2));
    let messages = String::from_utf8_lossy(&output.stderr);
    assert_eq!(messages, "error: there is no host `lenvo`; did you mean `lenovo`?\n");
    assert!(machines.started().is_empty());
}

#[test]
fn prints_json_that_fits_the_committed_schema() {
    let Some(machines) = well() else { return };
    apply(&machines, "lenovo packages: lxc-pve 6.0.4-2\nhere git/unpushed: 3\n");
    let committed = fs::read_to_string(repository().join("docs/preflight.schema.json")).expect("it is committed");
    let printed = machines.homelab(&["schema", "preflight"]);
    let hint = "docs/preflight.schema.json is out of date; run `homelab schema preflight > docs/preflight.schema.json`";
    assert!(String::from_utf8_lossy(&printed.stdout) == committed, "{hint}");
    let schema: serde_json::Value = serde_json::from_str(&committed).expect("it is JSON");
    let output = machines.homelab(&["preflight", "--format", "json"]);
    assert_eq!(output.status.code(), Some(4));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");
    let errors: Vec<_> = validator.iter_errors(&report).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report["ready"], false);
    let wrong: Vec<_> =
        report["checks"].as_array().expect("it is a list").iter().filter(|one| one["result"] == "error").collect();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert_eq!(wrong[0]["place"], "lenovo");
    assert_eq!(wrong[0]["check"], "packages");
    assert_eq!(wrong[0]["remedy"], "ssh root@192.168.10.11 'apt update && apt install lxc-pve'");
}

#[test]
fn the_page_explains_every_check_and_every_known_bad_version() {
    let page = fs::read_to_string(repository().join("docs/preflight.md")).expect("it is committed");
    let (before, rest) = page.split_once("### Versions").expect("it has the section");
    let (versions, after) = rest.split_once("\n## ").expect("it has more sections");
    let rows = |text: &str| -> Vec<(String, String)> {
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        rows.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
    };
    let checks: Vec<_> = [rows(before), rows(after)].concat();
    for check in Check::ALL {
        let name = check.name();
        assert_eq!(
            checks.iter().filter(|(row, _)| row == name).count(),
            1,
            "docs/preflight.md needs one row of `{name}`"
        );
    }
    assert_eq!(checks.len(), Check::ALL.len(), "docs/preflight.md has rows of checks that do not exist");
    for bad in KNOWN_BAD {
        let source = bad.source;
        let is_listed = |(package, rest): &(String, String)| {
            package == bad.package
                && rest.contains(source)
                && rest.contains(bad.fixed)
                && bad.since.is_none_or(|since| rest.contains(since))
        };
        assert!(
            rows(versions).iter().any(is_listed),
            "docs/preflight.md needs a row of {} before {}, with {source}",
            bad.package,
            bad.fixed
        );
    }
}
