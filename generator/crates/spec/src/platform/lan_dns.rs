//! The options of the component `platform.lan-dns`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::Ipv4;

component_options! { plain
    /// A DNS server for the LAN (CoreDNS) that knows the names of all clusters of the lab.
    LanDns {
        /// LAN address of the DNS server. Default: the third address of the cluster's `load-balancer` pool.
        address: Option<Spanned<Ipv4>>,
        /// DNS servers that answer for all other names: public ones. Not the router or another DNS server of
        /// the LAN that asks this one: their queries would never end.
        #[serde(default)]
        upstream: OrDefault<defaults::DnsUpstream>,
    }
}
