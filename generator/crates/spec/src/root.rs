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

/// A homelab: its hosts, its network, its clusters and their apps.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spec {
    /// Version of the spec format. The only version so far is `1`.
    pub version: Spanned<Whole<u32, 1, 1>>,
    /// Settings of the whole lab.
    pub lab: Lab,
    /// The LAN, and the lab's address on the Internet.
    pub network: Network,
    /// Hosts that run Proxmox VE, by name.
    pub hosts: Entries<Host>,
    /// Network storage, by name.
    #[serde(default)]
    pub storage: Entries<Storage>,
    /// The secret store, and the secrets that the lab reads from it. The spec itself never contains a
    /// secret.
    pub secrets: Option<Secrets>,
    /// DNS provider of the lab's public zone. Certificates are issued with ACME DNS-01 challenges in
    /// this zone.
    pub dns: Option<Dns>,
    /// Clusters of k3s nodes, by name.
    pub clusters: Entries<Cluster>,
}
