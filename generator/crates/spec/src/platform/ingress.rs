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
        /// Space on the disk of the node in which the controller stores request bodies until they are
        /// complete. If they exceed it together, Kubernetes replaces the controller's pod.
        #[serde(default)]
        buffer: OrDefault<defaults::RequestBuffer>,
    }
}
