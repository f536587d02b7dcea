//! The options of the component `platform.lan-dns`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{HttpUrl, Ipv4, SecretRef};
use schemars::JsonSchema;
use serde::Deserialize;

component_options! { plain
    /// A DNS server for the LAN (CoreDNS) that knows the names of all clusters of the lab.
    LanDns {
        /// An existing DNS server of the LAN that ExternalDNS writes the names into, in place of a DNS server in this
        /// cluster. Configure it in one cluster of the lab.
        writes_to: Option<Spanned<LanDnsServer>>,
        /// LAN address of the DNS server. Default: the third address of the cluster's `load-balancer` pool.
        address: Option<Spanned<Ipv4>>,
        /// DNS servers that answer for all other names: public ones. Not the router or another DNS server of
        /// the LAN that asks this one: their queries would never end.
        #[serde(default)]
        upstream: OrDefault<defaults::DnsUpstream>,
    }
}

/// A DNS server of the LAN: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LanDnsServer {
    /// Pi-hole, version 6 or newer. Names that the lab no longer has stay until you remove them: Pi-hole cannot record
    /// which names are whose.
    PiHole(PiHole),
    /// AdGuard Home. ExternalDNS owns all its rules of the form `|NAME^dnsrewrite=…`.
    AdguardHome(AdguardHome),
    /// The DNS server of a UniFi gateway.
    Unifi(Unifi),
}

/// Access to Pi-hole.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PiHole {
    /// URL of the web interface, without `/admin`.
    pub url: Spanned<HttpUrl>,
    /// Key that holds an application password.
    pub password: Spanned<SecretRef>,
}

/// Access to AdGuard Home.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AdguardHome {
    /// URL of the web interface.
    pub url: Spanned<HttpUrl>,
    /// Key that holds the user name.
    pub username: Spanned<SecretRef>,
    /// Key that holds the password.
    pub password: Spanned<SecretRef>,
}

/// Access to a UniFi gateway.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unifi {
    /// URL of the gateway. Its certificate is not verified.
    pub url: Spanned<HttpUrl>,
    /// Key that holds an API key of the gateway (*Control Plane > Integrations*).
    pub api_key: Spanned<SecretRef>,
}

impl LanDnsServer {
    /// The references to secrets.
    pub fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        match self {
            Self::PiHole(server) => vec![&server.password],
            Self::AdguardHome(server) => vec![&server.username, &server.password],
            Self::Unifi(server) => vec![&server.api_key],
        }
    }
}
