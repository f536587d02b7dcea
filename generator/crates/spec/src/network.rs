//! The network, and how the Internet reaches it.

use crate::spanned::Spanned;
use crate::types::{AddressRange, HostName, Ipv4, Ipv4Cidr};
use schemars::JsonSchema;
use serde::Deserialize;

/// The network that all machines share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    /// The local network.
    pub lan: Lan,
    /// Where the Internet finds the lab. The router must forward the TCP ports 80 and 443 from
    /// there to the ingress address of the cluster with the public apps.
    pub public: Option<Public>,
}

/// Where the Internet finds the lab: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Public {
    /// The lab's entry name, for a public address that changes: a label below the lab's domain, or
    /// a whole name inside it. Dynamic DNS keeps the address of this name; the public names of apps
    /// point to it.
    Host(Spanned<HostName>),
    /// A public address that does not change. The public names of apps point to it.
    Address(Spanned<Ipv4>),
}

/// The local network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lan {
    /// The network and the length of its prefix.
    pub cidr: Spanned<Ipv4Cidr>,
    /// The router's address.
    pub gateway: Spanned<Ipv4>,
    /// Name servers for the nodes. Default: the gateway.
    #[serde(default)]
    pub dns: Vec<Spanned<Ipv4>>,
    /// The range that the router hands out by DHCP; fixed addresses stay out of it.
    pub dhcp: Option<Spanned<AddressRange>>,
}
