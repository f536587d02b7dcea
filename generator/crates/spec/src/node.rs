//! Nodes of a cluster.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Ipv4, LabelKey, LabelValue, MountPath, Name, RepoPath, Whole};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A node: a NixOS container (LXC) on one of the hosts that runs k3s.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    /// What the node is for, for people; shown at login.
    pub description: Option<String>,
    /// The host it stands on.
    pub host: Spanned<Name>,
    /// A `server` runs the control plane and pods, an `agent` runs pods.
    #[serde(default)]
    pub role: OrDefault<defaults::NodeRole>,
    /// The container's number on Proxmox VE.
    pub vmid: Spanned<Whole<u32, 100, 999_999_999>>,
    /// Its address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Processor cores.
    #[serde(default)]
    pub cores: OrDefault<defaults::NodeCores>,
    /// Memory.
    #[serde(default)]
    pub memory: OrDefault<defaults::NodeMemory>,
    /// The size of its disk.
    #[serde(default)]
    pub disk: OrDefault<defaults::NodeDisk>,
    /// The storage of Proxmox VE that holds its disk.
    #[serde(default)]
    pub disk_storage: OrDefault<defaults::NodeDiskStorage>,
    /// The network bridge of Proxmox VE that it is attached to.
    #[serde(default)]
    pub bridge: OrDefault<defaults::NodeBridge>,
    /// Whether it gets the GPU of its host.
    #[serde(default)]
    pub gpu: OrDefault<defaults::Off>,
    /// Device files of the host that the container gets, such as `/dev/ttyACM0`.
    #[serde(default)]
    pub devices: Vec<Spanned<MountPath>>,
    /// Whether the container is privileged. The kernel lets only privileged containers mount NFS.
    #[serde(default)]
    pub privileged: OrDefault<defaults::On>,
    /// Kubernetes labels.
    #[serde(default)]
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Files of this repository with further NixOS modules for this node.
    #[serde(default)]
    pub modules: Vec<Spanned<RepoPath>>,
}

/// What only nodes of a kind have.
#[derive(Debug, Clone, Copy)]
pub enum NodeKind<'a> {
    /// A container (LXC).
    Lxc {
        /// Whether it is privileged.
        privileged: &'a OrDefault<defaults::On>,
        /// Device files of the host that it gets.
        devices: &'a [Spanned<MountPath>],
    },
}

impl Node {
    /// What it is on its host.
    pub fn kind(&self) -> NodeKind<'_> {
        NodeKind::Lxc { privileged: &self.privileged, devices: &self.devices }
    }
}
