//! Scripts that run on hosts and nodes.

use std::fmt::{self, Display, Formatter};

/// A script that runs on a host or a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// Loads kernel modules and sets sysctls.
    PrepareHost,
    /// Creates a container from its definition.
    CreateContainer,
    /// Prints facts about a host.
    InspectHost,
    /// Lists the secrets on the disk of a node.
    ListSecrets,
    /// Shows the state of k3s on a node and of its cluster.
    ShowCluster,
    /// Prints the containers and storages of a host.
    InspectContainers,
    /// Carries the secrets of a node over to a new container.
    KeepIdentity,
    /// Replaces the raw lines of LXC of a container.
    SetLxcLines,
    /// Tries another system on a node, and keeps it or goes back.
    UpdateNode,
    /// Creates a virtual machine from its definition.
    CreateVm,
}

impl Script {
    /// All scripts.
    pub const ALL: [Self; 10] = [
        Self::PrepareHost,
        Self::CreateContainer,
        Self::InspectHost,
        Self::ListSecrets,
        Self::ShowCluster,
        Self::InspectContainers,
        Self::KeepIdentity,
        Self::SetLxcLines,
        Self::UpdateNode,
        Self::CreateVm,
    ];

    /// Its name, and that of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrepareHost => "prepare-host",
            Self::CreateContainer => "create-container",
            Self::InspectHost => "inspect-host",
            Self::ListSecrets => "list-secrets",
            Self::ShowCluster => "show-cluster",
            Self::InspectContainers => "inspect-containers",
            Self::KeepIdentity => "keep-identity",
            Self::SetLxcLines => "set-lxc-lines",
            Self::UpdateNode => "update-node",
            Self::CreateVm => "create-vm",
        }
    }

    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Self::PrepareHost => include_str!("../../../../nix/proxmox/prepare-host"),
            Self::CreateContainer => include_str!("../../../../nix/proxmox/create-container"),
            Self::InspectHost => include_str!("../../../../nix/proxmox/inspect-host"),
            Self::ListSecrets => include_str!("../../../../nix/node/list-secrets"),
            Self::ShowCluster => include_str!("cluster/show-cluster"),
            Self::InspectContainers => include_str!("../../../../nix/proxmox/inspect-containers"),
            Self::KeepIdentity => include_str!("../../../../nix/proxmox/keep-identity"),
            Self::SetLxcLines => include_str!("../../../../nix/proxmox/set-lxc-lines"),
            Self::UpdateNode => include_str!("../../../../nix/modules/update-node.sh"),
            Self::CreateVm => include_str!("../../../../nix/proxmox/create-vm"),
        }
    }
}

impl Display for Script {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
