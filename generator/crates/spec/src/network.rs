//! The LAN, and the lab's address on the Internet.

use crate::choices::Opening;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{AddressBlock, AddressRange, HostName, Ipv4, Ipv4Cidr};
use schemars::JsonSchema;
use serde::Deserialize;

/// The LAN, and the lab's address on the Internet.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    /// Local network of the hosts and nodes.
    pub lan: Lan,
    /// Networks other than the LAN that are trusted too, by name: VLANs, or the clients of a VPN. Requests
    /// must arrive with an address of the network: a router that translates addresses hides it.
    #[serde(default)]
    pub trusted: Entries<Trusted>,
    /// Public host name or public address of the lab. Public apps require it, unless their cluster has a
    /// `platform.tunnel`. The router must forward TCP ports 80 and 443 from there to the ingress address of the cluster
    /// with the public apps.
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

/// A network other than the LAN that is trusted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Trusted {
    /// IPv4 network in CIDR notation, or a single address such as `10.8.0.2/32`.
    pub cidr: Spanned<AddressBlock>,
    /// What the network can reach. The LAN can reach all of these.
    #[serde(default)]
    pub open: OrDefault<defaults::TrustedOpen>,
}

impl Trusted {
    /// Whether the network can reach something.
    pub fn opens(&self, what: Opening) -> bool {
        self.open.get().contains(&what)
    }
}

impl Network {
    /// The trusted networks that can reach something, without repetitions.
    pub fn trusted_for(&self, what: Opening) -> Vec<AddressBlock> {
        let mut networks: Vec<_> = self
            .trusted
            .iter()
            .filter(|network| network.value.opens(what))
            .map(|network| network.value.cidr.value)
            .collect();
        networks.sort_unstable();
        networks.dedup();
        networks
    }
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
