//! Paths in the repository and in containers.

use super::name::words;
use super::{Text, rules};
use std::fmt;

words! {
    /// A path in this repository, relative to its root, of a file that is not generated. It is below `spec/`
    /// or `nix/modules/`: the flake check of the generated files sees only these folders.
    RepoPath {
        format: "repo-path", expected: "a path below spec/ or nix/modules/ such as spec/manifests/extra.yaml",
        pattern: r"^(?!.*(^|/)\.{0,2}(/|$))(spec|nix/modules)/[A-Za-z0-9._+/-]+$", example: "spec/manifests/extra.yaml",
        check: |text| {
            rules::length(text, 1000)?;
            if text.starts_with('/') {
                return Err("it is absolute; write it relative to the root of the repository".to_owned());
            }
            parts(text)?;
            let below = |folder| text.strip_prefix(folder).is_some_and(|rest: &str| !rest.is_empty());
            if below("spec/") || below("nix/modules/") { Ok(()) } else { Err("it is neither below spec/ nor below nix/modules/".to_owned()) }
        }
    }
    /// An absolute path inside a container.
    MountPath {
        format: "mount-path", expected: "an absolute path such as /data",
        pattern: r"^(?!.*(^|/)\.{1,2}(/|$))(/[A-Za-z0-9._+-]+)+$", example: "/data",
        check: |text| {
            let rest = text.strip_prefix('/').ok_or("it does not start with '/'")?;
            if rest.is_empty() {
                return Err("it is the root directory; use a path below it".to_owned());
            }
            rules::length(rest, 1000)?;
            parts(rest)
        }
    }
    /// A folder of a host that its nodes may mount: not one of its system.
    HostPath {
        format: "host-path", expected: "an absolute path of data such as /tank/media",
        pattern: r"^(?!/(bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|root|run|sbin|sys|tmp|usr|var)(/|$))(?!.*(^|/)\.{1,2}(/|$))(/[A-Za-z0-9._+-]+)+$",
        example: "/tank/media",
        check: |text| {
            let rest = text.strip_prefix('/').ok_or("it does not start with '/'")?;
            if rest.is_empty() {
                return Err("it is the root directory; use a path below it".to_owned());
            }
            rules::length(rest, 1000)?;
            parts(rest)?;
            let top = rest.split('/').next().unwrap_or_default();
            if OF_THE_SYSTEM.contains(&top) {
                return Err(format!("/{top} belongs to the system of the host"));
            }
            Ok(())
        }
    }
    /// A device file of a host, or a folder of device files. Every value is also a [`MountPath`].
    DevicePath {
        format: "device-path", expected: "a device file such as /dev/ttyACM0",
        pattern: r"^(?!.*(^|/)\.{1,2}(/|$))/dev(/[A-Za-z0-9._+-]+)+$", example: "/dev/ttyACM0",
        check: |text| {
            let rest = text.strip_prefix("/dev/").filter(|rest| !rest.is_empty()).ok_or("it is not below /dev")?;
            rules::length(rest, 995)?;
            parts(rest)
        }
    }
    /// A render device: the file by which programs use a GPU. The Linux kernel numbers them from 128 to 191.
    RenderDevice {
        format: "render-device", expected: "the render device of a GPU such as /dev/dri/renderD128",
        pattern: r"^/dev/dri/renderD(12[89]|1[3-8][0-9]|19[01])$", example: "/dev/dri/renderD128",
        check: |text| {
            let number = text.strip_prefix("/dev/dri/renderD").ok_or("it does not start with /dev/dri/renderD")?;
            let is_render = number.len() == 3 && number.parse().is_ok_and(|number: u8| (128..=191).contains(&number));
            if is_render { Ok(()) } else { Err("its number must be from 128 to 191".to_owned()) }
        }
    }
    /// The address of a PCI device, as `lspci -D` prints it: domain, bus, device and function.
    PciAddress {
        format: "pci-address", expected: "a PCI address such as 0000:00:02.0",
        pattern: r"^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$", example: "0000:00:02.0",
        check: |text| {
            let is_hex = |text: &str, length: usize| {
                text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            };
            let parts: Vec<&str> = text.split([':', '.']).collect();
            let [domain, bus, device, function] = parts[..] else {
                return Err("it is not DOMAIN:BUS:DEVICE.FUNCTION, as `lspci -D` prints it".to_owned());
            };
            let is_address = is_hex(domain, 4)
                && is_hex(bus, 2)
                && is_hex(device, 2)
                && device.starts_with(['0', '1'])
                && function.len() == 1
                && function.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
            let is_separated = text.as_bytes().get(4) == Some(&b':') && text.as_bytes().get(7) == Some(&b':');
            if is_address && is_separated && text.as_bytes().get(10) == Some(&b'.') {
                Ok(())
            } else {
                Err("it is not DOMAIN:BUS:DEVICE.FUNCTION, as `lspci -D` prints it".to_owned())
            }
        }
    }
    /// The vendor and product of a USB device, as `lsusb` prints them.
    UsbId {
        format: "usb-id", expected: "the ID of a USB device such as 1a86:55d4",
        pattern: r"^[0-9a-f]{4}:[0-9a-f]{4}$", example: "1a86:55d4",
        check: |text| {
            let is_hex = |text: &str| {
                text.len() == 4 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            };
            match text.split_once(':') {
                Some((vendor, product)) if is_hex(vendor) && is_hex(product) => Ok(()),
                _ => Err("it is not VENDOR:PRODUCT, each with four small hexadecimal digits, as `lsusb` prints it".to_owned()),
            }
        }
    }
}

/// The folders of a host that contain its system, its configuration and the disks of its containers.
const OF_THE_SYSTEM: [&str; 16] = [
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "sys", "tmp", "usr",
    "var",
];

fn parts(text: &str) -> Result<(), String> {
    rules::only(text, "only letters, digits and '._+-/' are allowed", |byte| {
        byte.is_ascii_alphanumeric() || b"._+-/".contains(&byte)
    })?;
    if let Some(part) = text.split('/').find(|part| matches!(*part, "" | "." | "..")) {
        return Err(if part.is_empty() {
            "it has an empty segment".to_owned()
        } else {
            format!("it contains the segment '{part}'")
        });
    }
    Ok(())
}
