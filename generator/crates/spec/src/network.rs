//! The LAN, and the lab's address on the Internet.

use crate::spanned::Spanned;
use crate::types::{AddressRange, HostName, Ipv4, Ipv4Cidr};
use schemars::JsonSchema;
use serde::Deserialize;

/// The LAN, and the lab's address on the Internet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    /// Local network of the hosts and nodes.
    pub lan: Lan,
    /// Public host name or public address of the lab. Public apps require it. The router must forward
    /// TCP ports 80 and 443 from there to the ingress address of the cluster with the public apps.
    pub public: Option<Public>,
}

/// Public host name or public address of the lab: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Public {
    /// Public host name of the lab, if its public address changes. A label below the lab's domain, or a
    /// full name inside it. Dynamic DNS updates the address of this name; the names of public apps point
    /// to it.
    Host(Spanned<HostName>),
    /// Static public IPv4 address of the lab. The names of public apps point to it.
    Address(Spanned<Ipv4>),
}

/// Local network of the hosts and nodes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lan {
    /// IPv4 network of the LAN in CIDR notation.
    pub cidr: Spanned<Ipv4Cidr>,
    /// Default gateway: the IPv4 address of the router.
    pub gateway: Spanned<Ipv4>,
    /// DNS servers of the nodes. Default: the gateway.
    #[serde(default)]
    pub dns: Vec<Spanned<Ipv4>>,
    /// DHCP range of the router. The static addresses in the spec must be outside this range.
    pub dhcp: Option<Spanned<AddressRange>>,
}
