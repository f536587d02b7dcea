//! The two kinds of guests, and what differs between them.

use crate::container::{Applied, is_numbered};
use crate::{Script, container, vm};

/// The kind of a guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestKind {
    /// A container.
    Container,
    /// A virtual machine.
    Vm,
}

impl GuestKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Container, Self::Vm];

    /// What it is called.
    pub fn text(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Vm => "virtual machine",
        }
    }

    /// The value of `kind` in JSON.
    pub fn id(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Vm => "vm",
        }
    }

    /// The name of a definition, in the folder of its node.
    pub fn file(self) -> &'static str {
        match self {
            Self::Container => "container.conf",
            Self::Vm => "vm.conf",
        }
    }

    /// Its folder in the API of Proxmox VE, below `/nodes/NODE`.
    pub fn api(self) -> &'static str {
        match self {
            Self::Container => "lxc",
            Self::Vm => "qemu",
        }
    }

    /// The program of Proxmox VE for it.
    pub fn program(self) -> &'static str {
        match self {
            Self::Container => "pct",
            Self::Vm => "qm",
        }
    }

    /// The abbreviation in messages of Proxmox VE.
    pub(crate) fn abbreviation(self) -> &'static str {
        match self {
            Self::Container => "CT",
            Self::Vm => "VM",
        }
    }

    /// The script that creates one.
    pub(crate) fn script(self) -> Script {
        match self {
            Self::Container => Script::CreateContainer,
            Self::Vm => Script::CreateVm,
        }
    }

    /// The option with its host name.
    pub(crate) fn name_option(self) -> &'static str {
        match self {
            Self::Container => "hostname",
            Self::Vm => "name",
        }
    }

    /// The option with its root disk.
    pub(crate) fn root_disk(self) -> &'static str {
        match self {
            Self::Container => "rootfs",
            Self::Vm => "scsi0",
        }
    }

    /// What a storage must be allowed to contain to hold its disks.
    pub(crate) fn content(self) -> &'static str {
        match self {
            Self::Container => "rootdir",
            Self::Vm => "images",
        }
    }

    /// Whether `provision` can create it again: the secrets of a node are read from the disk of its old container, which the
    /// host can mount.
    pub(crate) fn can_be_recreated(self) -> bool {
        self == Self::Container
    }

    /// How a change of an option is applied.
    pub fn applied(self, option: &str, old: Option<&str>, new: Option<&str>) -> Applied {
        match self {
            Self::Container => container::applied(option, old, new),
            Self::Vm => vm::applied(option, old, new),
        }
    }

    /// Series of options that are compared although a definition does not have them: what it does not list must not exist.
    /// All other options that it does not have, such as the description, belong to the user.
    pub(crate) fn listed(self) -> &'static [&'static str] {
        match self {
            Self::Container => &["net", "dev"],
            Self::Vm => &["net", "hostpci", "usb"],
        }
    }

    /// Options that are compared by their defaults if a definition does not have them.
    pub(crate) fn implied(self) -> &'static [&'static str] {
        match self {
            Self::Container => &["unprivileged"],
            Self::Vm => &[],
        }
    }

    /// The values that options have if they are not set (`$confdesc` in `PVE/LXC/Config.pm` and `PVE/QemuServer.pm`).
    pub(crate) fn default(self, option: &str) -> Option<&'static str> {
        Some(match (self, option) {
            (Self::Container, "arch") => "amd64",
            (Self::Container, "cmode") => "tty",
            (Self::Container, "swap") | (_, "memory") => "512",
            (Self::Container, "unprivileged") | (Self::Vm, "agent") | (_, "onboot") => "0",
            (Self::Vm, "bios") => "seabios",
            (Self::Vm, "cores" | "tablet") => "1",
            (Self::Vm, "ostype") => "other",
            (Self::Vm, "scsihw") => "lsi",
            _ => return None,
        })
    }

    /// The name that the first property of an option has, and that can be left out: `default_key` in the sources of
    /// Proxmox VE.
    pub(crate) fn first_property(self, option: &str) -> &'static str {
        match (self, option) {
            (_, "startup") => "order",
            (Self::Container, _) if is_numbered(option, "dev") => "path",
            (Self::Vm, "agent") => "enabled",
            (Self::Vm, "cpu") => "cputype",
            (Self::Vm, "machine" | "vga") => "type",
            (Self::Vm, "memory") => "current",
            (Self::Vm, "rng0") => "source",
            (Self::Vm, _) if is_numbered(option, "hostpci") || is_numbered(option, "usb") => "host",
            _ => "",
        }
    }
}
