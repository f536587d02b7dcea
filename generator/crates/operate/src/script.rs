//! Scripts that run on hosts: those in `nix/proxmox`.

use std::fmt::{self, Display, Formatter};

/// A script that runs on a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Loads kernel modules and sets sysctls.
    PrepareHost,
    /// Creates a container from its definition.
    CreateContainer,
}

impl Script {
    /// All scripts.
    pub const ALL: [Self; 2] = [Self::PrepareHost, Self::CreateContainer];

    /// Its name, and that of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrepareHost => "prepare-host",
            Self::CreateContainer => "create-container",
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::PrepareHost => include_str!("../../../../nix/proxmox/prepare-host"),
            Self::CreateContainer => include_str!("../../../../nix/proxmox/create-container"),
        }
    }
}

impl Display for Script {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
