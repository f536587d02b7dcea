//! Hosts: machines that run Proxmox VE.

use crate::choices::Gpu;
use crate::spanned::Spanned;
use crate::types::{Ipv4, Size, Whole};
use schemars::JsonSchema;
use serde::Deserialize;

/// A host: a machine that runs Proxmox VE.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Host {
    /// Make and model, for display only.
    pub model: Option<String>,
    /// CPU model, for display only.
    pub cpu: Option<String>,
    /// Number of CPU threads. If its nodes have more `cores` in total, validation reports a warning.
    pub threads: Option<Spanned<Whole<u32, 1, 1024>>>,
    /// Memory of the host. The total `memory` of its nodes must leave 1GiB for Proxmox VE.
    pub memory: Spanned<Size>,
    /// IPv4 address on the LAN.
    pub address: Spanned<Ipv4>,
    /// GPU that the nodes of this host can use.
    pub gpu: Option<Spanned<Gpu>>,
}
