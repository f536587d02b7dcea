//! The script that a server runs before k3s, so that it does not start a second cluster.

use crate::support::{repository, temporary_folder, tool};
use std::fs;
use std::process::Command;

/// Runs the check with a configuration and the files of a database folder. The server at 192.168.10.42 answers if
/// `running`. Returns whether k3s may start, and the message.
fn check(config: &str, data: &[&str], running: bool) -> Option<(bool, String)> {
    let bash = tool("bash")?;
    let folder = temporary_folder();
    fs::write(folder.path().join("config.yaml"), config).expect("the folder is writable");
    for file in data {
        let path = folder.path().join("db").join(file);
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
        fs::write(path, "").expect("the folder is writable");
    }
    let functions = fs::read_to_string(repository().join("nix/modules/first-server.sh")).expect("it is committed");
    let answers = format!("answers() {{ {running} && [ \"$1\" = 192.168.10.42 ]; }}");
    let call = "check_first_server config.yaml db 192.168.10.41 192.168.10.42";
    let script = format!("{functions}\n{answers}\n{call}");
    let output = Command::new(bash).current_dir(folder.path()).args(["-c", &script]).output().expect("it starts");
    Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn a_server_without_data_does_not_start_a_second_cluster() {
    let start = "cluster-init: true\n";
    let Some((allowed, message)) = check(start, &[], true) else { return };
    assert!(!allowed && message.contains("192.168.10.42 already runs it"), "{message}");
    assert_eq!(check(start, &[], false), Some((true, String::new())));
    assert_eq!(check(start, &["etcd/member"], true), Some((true, String::new())));
    assert_eq!(check("node-name: alone\n", &["state.db"], false), Some((true, String::new())));
}

#[test]
fn a_server_does_not_leave_its_data_to_join_another() {
    let join = "server: https://192.168.10.42:6443\n";
    let Some((allowed, message)) = check(join, &["state.db"], true) else { return };
    assert!(!allowed && message.contains("first-server"), "{message}");
    assert_eq!(check(join, &[], true), Some((true, String::new())));
    // etcd remembers its members, and k3s renames the database that it has migrated.
    assert_eq!(check(join, &["etcd/member", "state.db.migrated"], true), Some((true, String::new())));
}

#[test]
fn a_server_does_not_start_while_its_restore_is_unfinished() {
    let Some(bash) = tool("bash") else { return };
    let folder = temporary_folder();
    let functions = fs::read_to_string(repository().join("nix/modules/first-server.sh")).expect("it is committed");
    let check = || {
        let mut command = Command::new(&bash);
        command.current_dir(folder.path()).args(["-c", &format!("{functions}\ncheck_restored k3s")]);
        command.output().expect("it starts")
    };
    assert!(check().status.success());
    fs::create_dir_all(folder.path().join("k3s/restore")).expect("the folder is writable");
    fs::write(folder.path().join("k3s/restore/unfinished"), "latest\n").expect("the folder is writable");
    let refused = check();
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("homelab-restore-server"));
}

#[test]
fn a_server_waits_for_the_snapshot_that_it_is_held_for() {
    let Some(bash) = tool("bash") else { return };
    let functions = fs::read_to_string(repository().join("nix/modules/first-server.sh")).expect("it is committed");
    for (file, message) in [
        ("", ""),
        ("restore-awaited", "waits for a snapshot"),
        ("restore/unfinished", "restore of this server was interrupted"),
    ] {
        let folder = temporary_folder();
        if !file.is_empty() {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder is writable");
            fs::write(path, "").expect("the folder is writable");
        }
        let script = format!("{functions}\ncheck_restored {}", folder.path().display());
        let output = Command::new(&bash).args(["-c", &script]).output().expect("it starts");
        assert_eq!(output.status.success(), file.is_empty(), "{file}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{file}");
    }
}
