//! `homelab script`.

use crate::machines::{program, repository};
use std::fs;
use std::process::Command;

#[test]
fn prints_the_scripts_of_the_repository() {
    for name in
        ["create-container", "inspect-containers", "inspect-host", "keep-identity", "prepare-host", "set-lxc-lines"]
    {
        let output = Command::new(program()).args(["script", name]).output().expect("it starts");
        assert!(output.status.success());
        let committed = fs::read(repository().join("nix/proxmox").join(name)).expect("it is committed");
        assert!(output.stdout == committed, "{name}");
    }
}
