//! From hosts without containers to nodes that have everything which they need: the commands of docs/bootstrap.md, in order.

use crate::machines::{Machines, tool};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The nodes of the reference lab, with their addresses.
const NODES: [(&str, &str); 3] =
    [("data-cp", "192.168.10.41"), ("gordito-cp", "192.168.10.42"), ("gordito-worker", "192.168.10.43")];

/// The values that people give.
const GIVEN: [&str; 4] =
    ["infisical/client-id", "infisical/client-secret", "backup/access-key-id", "backup/secret-access-key"];

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
    fs::write(path, text).expect("the folder is writable");
}

/// Runs a command that must succeed, and returns its result.
fn done(machines: &Machines, arguments: &[&str]) -> String {
    let output = machines.homelab(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// What a node does when it boots: the folders of secrets exist, and its services answer.
fn boot(machines: &Machines, address: &str, files: &[String]) {
    let machine = machines.state().join(address);
    fs::write(machine.join("kind"), "bootstrap").expect("the folder is writable");
    for file in files {
        let path = machine.join("root").join(file.trim_start_matches('/'));
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).expect("the folder is writable");
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
    }
}

#[test]
fn three_commands_lead_from_bare_hosts_to_nodes_with_their_secrets() {
    if tool("ssh-keygen").is_none() {
        return;
    }
    let Some(machines) = Machines::of_the_reference_lab() else { return };
    for (address, name) in [("192.168.10.11", "lenovo"), ("192.168.10.12", "elitedesk")] {
        let root = machines.add(address, "host");
        for folder in ["etc/modules-load.d", "etc/sysctl.d", "var/lib/vz/template/cache"] {
            fs::create_dir_all(root.join(folder)).expect("the folder is writable");
        }
        for device in ["dev/kmsg", "dev/dri/renderD128"] {
            write(&root.join(device), "");
        }
        fs::write(machines.state().join(address).join("name"), name).expect("the folder is writable");
    }
    let given = machines.state().with_file_name("given");
    for path in GIVEN {
        write(&given.join(path), "planted-value\n");
    }
    fs::set_permissions(&given, fs::Permissions::from_mode(0o700)).expect("it is ours");
    let secrets: Value = serde_json::from_str(&done(&machines, &["secrets", "--format", "json"])).expect("it is JSON");
    let files_of = |node: &str| -> Vec<String> {
        let disk = secrets["disk"].as_array().expect("it is a list").iter();
        let files = disk.filter(|file| file["node"] == node).map(|file| file["path"].as_str().expect("it is a path"));
        files.map(str::to_owned).collect()
    };

    done(&machines, &["provision", "--all", "--yes"]);
    for (node, address) in NODES {
        boot(&machines, address, &files_of(node));
    }
    let given = given.to_str().expect("the path is text");
    for cluster in ["data", "gordito"] {
        done(&machines, &["bootstrap", cluster, "--no-wait", "--secrets-dir", given, "--yes"]);
    }

    for (node, address) in NODES {
        let files = files_of(node);
        assert!(!files.is_empty(), "{node}");
        for file in files {
            let path = machines.state().join(address).join("root").join(file.trim_start_matches('/'));
            let size = fs::metadata(&path).map(|found| found.len());
            assert!(size.is_ok_and(|size| size > 0), "{node} lacks {file}");
        }
    }
    // Another run finds nothing to do.
    machines.forget();
    done(&machines, &["provision", "--all", "--yes"]);
    let started = machines.started();
    let changes = ["pct create", "pct set", "nix build"].map(str::to_owned);
    assert!(!started.iter().any(|line| changes.iter().any(|change| line.contains(change))), "{started:#?}");
}
