//! The options of the component `platform.ingress`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::Ipv4;

component_options! {
    /// HTTP from the LAN to apps.
    Ingress {
        /// The controller.
        #[serde(default)]
        implementation: OrDefault<defaults::Controller>,
        /// Its address on the LAN. Default: the first of the cluster's `load-balancer` range.
        address: Option<Spanned<Ipv4>>,
    }
}
