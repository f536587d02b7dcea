//! The options of the component `platform.load-balancer`.

use super::component_options;

component_options! {
    /// LAN addresses for services: MetalLB, announcing them by ARP.
    LoadBalancer {}
}
