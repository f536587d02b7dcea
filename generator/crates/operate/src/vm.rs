//! Virtual machines: how a difference from their definitions is applied.
//!
//! The source is `vmconfig_hotplug_pending` in `PVE/QemuServer.pm` of qemu-server 9.2.6: like `pct set`, `qm set` first notes
//! every change as pending, and then applies what it can. What it cannot stays pending until the VM is started again, without
//! a message. `hotplug` is `network,disk,usb` by default.

use crate::container::{Applied, Disk, is_numbered};

/// Options that Proxmox VE applies to a running VM.
const LIVE: [&str; 10] =
    ["cpulimit", "cpuunits", "description", "hookscript", "name", "onboot", "protection", "startup", "tablet", "tags"];

/// What decides where a VM is, what its image starts from, and the disk with the variables of its firmware.
const ONLY_NEW: [&str; 4] = ["bios", "efidisk0", "host", "vmid"];

/// Returns how a change of an option is applied. Values are as in definitions or as Proxmox VE prints them; `None` if the
/// option is not set.
pub fn applied(option: &str, old: Option<&str>, new: Option<&str>) -> Applied {
    match option {
        _ if ONLY_NEW.contains(&option) => Applied::OnlyNew,
        "scsi0" => match (old.and_then(Disk::parse), new.and_then(Disk::parse)) {
            // It can only grow, and stays on its storage. Settings of a disk are set when the VM starts.
            (Some(disk), Some(other)) if disk.storage == other.storage && other.bytes >= disk.bytes => {
                let settings = |text: Option<&str>| text.and_then(|text| Some(text.split_once(',')?.1.to_owned()));
                if settings(old) == settings(new) { Applied::Live } else { Applied::AtStart }
            }
            _ => Applied::OnlyNew,
        },
        _ if LIVE.contains(&option) => Applied::Live,
        // A new bridge or VLAN tag interrupts the connection, as does a new interface in place of the old one.
        _ if is_numbered(option, "net") || is_numbered(option, "usb") => Applied::Live,
        _ => Applied::AtStart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_how_qm_set_applies_an_option() {
        for (option, old, new, expected) in [
            ("memory", Some("4096"), Some("8192"), Applied::AtStart),
            ("cores", Some("2"), Some("4"), Applied::AtStart),
            ("hostpci0", None, Some("0000:00:02.0,pcie=1"), Applied::AtStart),
            ("onboot", Some("1"), Some("0"), Applied::Live),
            ("startup", Some("order=20,down=360"), Some("order=30,down=360"), Applied::Live),
            ("net0", Some("virtio=02:00:00:00:64:00,bridge=vmbr0"), Some("virtio=02:00:00:00:64:00"), Applied::Live),
            ("net1", None, Some("virtio=02:00:00:00:64:01,bridge=vmbr1"), Applied::Live),
            ("usb0", Some("host=1a86:55d4"), None, Applied::Live),
            ("scsi0", Some("local-lvm:32,ssd=1"), Some("local-lvm:64,ssd=1"), Applied::Live),
            ("scsi0", Some("local-lvm:32,ssd=1"), Some("local-lvm:32"), Applied::AtStart),
            ("scsi0", Some("local-lvm:32,ssd=1"), Some("local-lvm:16,ssd=1"), Applied::OnlyNew),
            ("scsi0", Some("local-lvm:32,ssd=1"), Some("tank:32,ssd=1"), Applied::OnlyNew),
            ("efidisk0", Some("local-lvm:1"), Some("tank:1"), Applied::OnlyNew),
            ("vmid", Some("100"), Some("101"), Applied::OnlyNew),
        ] {
            assert_eq!(applied(option, old, new), expected, "{option}: {old:?} -> {new:?}");
        }
    }
}
