//! Scripts that run on hosts: those in `nix/proxmox`.

use std::fmt::{self, Display, Formatter};

/// A script that runs on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Loads kernel modules and sets sysctls.
    PrepareHost,
    /// Creates a container from its definition.
    CreateContainer,
    /// Prints facts about a host.
    InspectHost,
}

impl Script {
    /// All scripts.
    pub const ALL: [Self; 3] = [Self::PrepareHost, Self::CreateContainer, Self::InspectHost];

    /// Its name, and that of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrepareHost => "prepare-host",
            Self::CreateContainer => "create-container",
            Self::InspectHost => "inspect-host",
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::PrepareHost => include_str!("../../../../nix/proxmox/prepare-host"),
            Self::CreateContainer => include_str!("../../../../nix/proxmox/create-container"),
            Self::InspectHost => include_str!("../../../../nix/proxmox/inspect-host"),
        }
    }
}

impl Display for Script {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
