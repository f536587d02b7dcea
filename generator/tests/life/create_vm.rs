//! The script `create-vm`, on a scripted host.

use crate::machines::{Machines, program, repository};
use std::fs;
use std::path::Path;
use std::process::Output;

const HOST: &str = "192.168.10.11";

const DEFINITION: &str = "# host: elitedesk\n# vmid: 130\nagent: 1\nbios: ovmf\ncores: 2\n\
    efidisk0: local-lvm:1,efitype=4m,pre-enrolled-keys=0\nmemory: 4096\nname: one\n\
    net0: virtio=02:00:00:00:82:00,bridge=vmbr0,tag=20\nscsi0: local-lvm:32,discard=on,iothread=1,ssd=1\n\
    serial0: socket\nstartup: order=30,down=360\n";

/// A host with a definition and an image. Returns its file system.
fn host() -> Option<(Machines, std::path::PathBuf)> {
    let machines = Machines::of_the_reference_lab()?;
    let root = machines.add(HOST, "host");
    for folder in ["var/tmp", "etc/pve"] {
        fs::create_dir_all(root.join(folder)).expect("the folder is writable");
    }
    fs::write(root.join("var/tmp/vm.conf"), DEFINITION).expect("the folder is writable");
    fs::write(root.join("var/tmp/one.qcow2"), "QFI").expect("the folder is writable");
    Some((machines, root))
}

/// Runs the script on the host, as it is used by hand.
fn create(machines: &Machines, arguments: &str) -> Output {
    let script = format!(
        "'{}' script create-vm | ssh root@{HOST} 'bash -s -- {arguments} /var/tmp/vm.conf /var/tmp/one.qcow2'",
        program().display()
    );
    machines.command("bash").args(["-c", &script]).output().expect("it starts")
}

fn created(root: &Path) -> Option<String> {
    fs::read_to_string(root.join("etc/pve/qemu-server/130.conf")).ok()
}

#[test]
fn creates_a_vm_as_its_definition_says_and_changes_none() {
    let Some((machines, root)) = host() else { return };
    let dry = create(&machines, "--dry-run");
    let printed = String::from_utf8_lossy(&dry.stdout).into_owned();
    assert!(printed.contains("would run: qm create 130 --scsi0 local-lvm:0\\,import-from="), "{printed}");
    assert!(dry.status.success() && created(&root).is_none());

    let output = create(&machines, "--start");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let conf = created(&root).expect("it exists");
    let expected: Vec<_> = DEFINITION.lines().filter(|line| !line.starts_with(['#', 's', 'e'])).collect();
    assert!(expected.iter().all(|line| conf.lines().any(|found| found == *line)), "{conf}");
    assert!(conf.contains("\nscsi0: local-lvm:vm-130-disk-0,discard=on,iothread=1,ssd=1,size=32G\n"), "{conf}");
    assert!(root.join("../running/130").exists());

    let again = create(&machines, "--start");
    assert_eq!(again.status.code(), Some(1));
    let message = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(message.contains("create-vm: VMID 130 is already in use; nothing was changed"), "{message}");
    assert_eq!(created(&root), Some(conf));
}

#[test]
fn changes_nothing_if_something_is_wrong() {
    for (what, message) in [
        ("a container", "VMID 130 is already in use"),
        ("no image", "cannot read"),
        ("a full storage", "unable to create VM 130"),
        ("no vmid", "the line '# vmid: VMID' is missing"),
        ("no size", "expected scsi0 to be STORAGE:SIZE"),
    ] {
        let Some((machines, root)) = host() else { return };
        let definition = root.join("var/tmp/vm.conf");
        match what {
            "a container" => {
                fs::create_dir_all(root.join("etc/pve/nodes/pve/lxc")).expect("the folder is writable");
                fs::write(root.join("etc/pve/nodes/pve/lxc/130.conf"), "arch: amd64\n")
                    .expect("the folder is writable");
            }
            "no image" => fs::remove_file(root.join("var/tmp/one.qcow2")).expect("it exists"),
            "a full storage" => fs::write(root.join("../full"), "local-lvm").expect("the folder is writable"),
            "no vmid" => fs::write(definition, DEFINITION.replace("# vmid: 130\n", "")).expect("it exists"),
            _ => fs::write(definition, DEFINITION.replace(":32,", ":one,")).expect("it exists"),
        }
        let output = create(&machines, "--start");
        let found = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && found.contains(message), "{what}: {found}");
        assert_eq!(created(&root), None, "{what}");
    }
}

#[test]
fn a_vm_has_the_sysctls_of_hosts() {
    let script = fs::read_to_string(repository().join("nix/proxmox/prepare-host")).expect("it is committed");
    let module = fs::read_to_string(repository().join("nix/modules/sysctl.nix")).expect("it is committed");
    let sysctls = script.lines().filter_map(|line| line.split_once(" = ")).filter(|(name, _)| name.contains('.'));
    let mut seen = 0;
    for (name, value) in sysctls {
        assert!(module.contains(&format!("\"{name}\" = {value};")), "{name}");
        seen += 1;
    }
    assert!(seen > 5, "{seen}");
}
