//! The options of the component `platform.ingress`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::Ipv4;

component_options! {
    /// Ingress: HTTP access to apps from the LAN.
    Ingress {
        /// Ingress controller.
        #[serde(default)]
        implementation: OrDefault<defaults::Controller>,
        /// LAN address of the ingress controller. Default: the first address of the cluster's
        /// `load-balancer` pool.
        address: Option<Spanned<Ipv4>>,
    }
}
