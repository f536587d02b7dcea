//! The options of the component `platform.dns`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! {
    /// DNS records of public apps in the public zone, by ExternalDNS.
    PublicDns {
        /// Policy of ExternalDNS: what it can do with records in the zone.
        #[serde(default)]
        policy: OrDefault<defaults::Policy>,
    }
}
