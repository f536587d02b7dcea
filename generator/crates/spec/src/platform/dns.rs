//! The options of the component `platform.dns`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! {
    /// Names of public apps in the public DNS zone.
    PublicDns {
        /// What may be done to records in the zone.
        #[serde(default)]
        policy: OrDefault<defaults::Policy>,
    }
}
