//! `homelab script`.

use crate::machines::{program, repository};
use std::fs;
use std::process::Command;

#[test]
fn prints_the_scripts_of_the_repository() {
    let names = [
        "create-container",
        "create-vm",
        "inspect-containers",
        "inspect-host",
        "keep-identity",
        "prepare-host",
        "set-lxc-lines",
    ];
    for name in names {
        let output = Command::new(program()).args(["script", name]).output().expect("it starts");
        assert!(output.status.success());
        let committed = fs::read(repository().join("nix/proxmox").join(name)).expect("it is committed");
        assert!(output.stdout == committed, "{name}");
    }
}
