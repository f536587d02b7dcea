//! The whole spec.

use crate::cluster::Cluster;
use crate::dns::Dns;
use crate::host::Host;
use crate::lab::Lab;
use crate::network::Network;
use crate::secrets::Secrets;
use crate::spanned::{Entries, Spanned};
use crate::storage::Storage;
use crate::types::Whole;
use schemars::JsonSchema;
use serde::Deserialize;

/// A homelab: its machines, its network, its clusters and what runs on them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spec {
    /// The version of this format. The only one so far is `1`.
    pub version: Spanned<Whole<u32, 1, 1>>,
    /// What holds for the whole lab.
    pub lab: Lab,
    /// The network that all machines share.
    pub network: Network,
    /// The machines that run Proxmox VE, by name.
    pub hosts: Entries<Host>,
    /// Network storage, by name.
    #[serde(default)]
    pub storage: Entries<Storage>,
    /// Where secrets come from, and which ones the lab needs. No secret ever stands in this file.
    pub secrets: Option<Secrets>,
    /// The provider of the lab's public DNS zone. Certificates are proved through it.
    pub dns: Option<Dns>,
    /// The k3s clusters, by name.
    pub clusters: Entries<Cluster>,
}
