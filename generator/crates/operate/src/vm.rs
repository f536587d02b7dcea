//! Virtual machines: how a difference from their definitions is applied.
//!
//! The source is `vmconfig_hotplug_pending` in `PVE/QemuServer.pm` of qemu-server 9.2.6: like `pct set`, `qm set` first notes
//! every change as pending, and then applies what it can. What it cannot stays pending until the VM is started again, without
//! a message. `hotplug` is `network,disk,usb` by default.

use crate::GuestKind;
use crate::container::{Applied, Disk, is_numbered, properties};
use std::collections::BTreeMap;

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
                let settings = |text| settings(text).unwrap_or_default();
                if old.map(settings) == new.map(settings) { Applied::Live } else { Applied::AtStart }
            }
            _ => Applied::OnlyNew,
        },
        _ if LIVE.contains(&option) => Applied::Live,
        // A new bridge or VLAN tag interrupts the connection, as does a new interface in place of the old one.
        _ if is_numbered(option, "net") || is_numbered(option, "usb") => Applied::Live,
        _ => Applied::AtStart,
    }
}

/// The settings of a disk: all properties but the volume and its size, which Proxmox VE writes into its configuration.
fn settings(disk: &str) -> Option<BTreeMap<&str, &str>> {
    let mut settings = properties(GuestKind::Vm, "", disk.split_once(',')?.1);
    settings.remove("size");
    Some(settings)
}

/// Whether two values mean the same, for options that Proxmox VE writes differently than they were set; `None` for all others.
pub(crate) fn is_same(option: &str, live: &str, defined: &str) -> Option<bool> {
    let disks = Disk::parse(live).zip(Disk::parse(defined));
    match option {
        "scsi0" => Some(disks.is_some_and(|(live, defined)| live == defined) && settings(live) == settings(defined)),
        // Its size follows from its type.
        "efidisk0" => {
            let efi_type = |text| settings(text).and_then(|settings| settings.get("efitype").copied());
            let same_storage = disks.is_some_and(|(live, defined)| live.storage == defined.storage);
            Some(same_storage && efi_type(live) == efi_type(defined))
        }
        _ if is_numbered(option, "net") => {
            // Both cases are used for hexadecimal digits.
            let (live, defined) = (live.to_ascii_lowercase(), defined.to_ascii_lowercase());
            let parts = |text| properties(GuestKind::Vm, "", text);
            Some(parts(live.as_str()) == parts(defined.as_str()))
        }
        _ => None,
    }
}

/// The value that gives a disk other settings: the volume that exists, with the size that it has once it has grown. `None` if
/// its settings are right, or for other options.
pub(crate) fn with_volume(option: &str, value: &str, now: Option<&str>) -> Option<String> {
    let now = now.filter(|now| option == "scsi0" && settings(now) != settings(value))?;
    let (volume, size) = (now.split(',').next()?, Disk::parse(value)?.gibibytes());
    let settings = value.split_once(',').map(|(_, settings)| format!(",{settings}")).unwrap_or_default();
    Some(format!("{volume}{settings},size={size}G"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Definition, differences};
    use crate::pve;
    use serde_json::json;

    const CONF: &str = "# host: box\n# vmid: 121\nagent: 1\nbios: ovmf\ncpu: host\nmemory: 4096\nname: one\n\
        efidisk0: local-lvm:1,efitype=4m,pre-enrolled-keys=0\nhostpci0: 0000:00:02.0,pcie=1\n\
        net0: virtio=02:00:00:00:0a:00,bridge=vmbr0,tag=20\nonboot: 1\nrng0: source=/dev/urandom\n\
        scsi0: local-lvm:32,discard=on,ssd=1\nstartup: order=30,down=360\n";

    /// How a VM that was created from the definition differs, with some values replaced.
    fn found(changes: &serde_json::Value) -> Vec<(String, Applied, Option<String>)> {
        let definition = Definition::parse(GuestKind::Vm, CONF).expect("it is valid");
        let mut config = json!({
            "agent": "enabled=1", "bios": "ovmf", "cpu": "cputype=host", "memory": "4096", "name": "one", "onboot": 1,
            "efidisk0": "local-lvm:vm-121-disk-0,efitype=4m,pre-enrolled-keys=0,size=4M",
            "hostpci0": "host=0000:00:02.0,pcie=1", "net0": "virtio=02:00:00:00:0A:00,tag=20,bridge=vmbr0",
            "rng0": "source=/dev/urandom", "scsi0": "local-lvm:vm-121-disk-1,size=32G,ssd=1,discard=on",
            "startup": "down=360,order=30", "digest": "a1", "smbios1": "uuid=1", "vmgenid": "2", "description": "mine",
        });
        for (key, value) in changes.as_object().expect("it is an object") {
            config[key] = value.clone();
        }
        let live = pve::live(&config, &json!([]), true).expect("it is valid");
        let differences = differences(&definition, &live).into_iter();
        let set = |value: Option<&str>| value.map(str::to_owned);
        differences.map(|found| (found.to_string(), found.applied, set(found.value()))).collect()
    }

    #[test]
    fn a_vm_made_from_its_definition_does_not_differ() {
        assert_eq!(found(&json!({})), []);
    }

    #[test]
    fn lists_what_differs_and_how_it_is_applied() {
        for (changes, option, applied, value) in [
            (json!({ "memory": "2048" }), "memory", Applied::AtStart, Some("4096")),
            (json!({ "onboot": 0 }), "onboot", Applied::Live, Some("1")),
            (json!({ "net1": "virtio=02:00:00:00:0A:01,bridge=vmbr1" }), "net1", Applied::Live, None),
            (json!({ "usb0": "host=1a86:55d4" }), "usb0", Applied::Live, None),
            (json!({ "hostpci1": "0000:01:00.0" }), "hostpci1", Applied::AtStart, None),
            (
                json!({ "scsi0": "local-lvm:vm-121-disk-1,size=20G,ssd=1" }),
                "scsi0",
                Applied::AtStart,
                Some("local-lvm:vm-121-disk-1,discard=on,ssd=1,size=32G"),
            ),
            (
                json!({ "scsi0": "local-lvm:vm-121-disk-1,size=3G,discard=on,ssd=1" }),
                "scsi0",
                Applied::Live,
                Some("local-lvm:32,discard=on,ssd=1"),
            ),
            (
                json!({ "scsi0": "local-lvm:vm-121-disk-1,size=64G,discard=on,ssd=1" }),
                "scsi0",
                Applied::OnlyNew,
                Some("local-lvm:32,discard=on,ssd=1"),
            ),
        ] {
            let found = found(&changes);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].0.starts_with(option), "{found:?}");
            assert_eq!((found[0].1, found[0].2.as_deref()), (applied, value), "{option}");
        }
    }

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
