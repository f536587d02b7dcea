//! Machines that run Proxmox VE.

use crate::choices::Gpu;
use crate::spanned::Spanned;
use crate::types::{Ipv4, Size, Whole};
use schemars::JsonSchema;
use serde::Deserialize;

/// A machine that runs Proxmox VE.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Host {
    /// The machine's make and model, for people.
    pub model: Option<String>,
    /// The processor, for people.
    pub cpu: Option<String>,
    /// How many threads the processor has. Its nodes should not use more cores than that.
    pub threads: Option<Spanned<Whole<u32, 1, 1024>>>,
    /// How much memory it has. Its nodes must fit into it, less 1GiB for Proxmox VE.
    pub memory: Spanned<Size>,
    /// Its address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Its graphics processor, if its nodes may use it.
    pub gpu: Option<Spanned<Gpu>>,
}
