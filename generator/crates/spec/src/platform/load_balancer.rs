//! The options of the component `platform.load-balancer`.

use super::component_options;

component_options! {
    /// LAN addresses for Services, by MetalLB in layer 2 mode (ARP).
    LoadBalancer {}
}
