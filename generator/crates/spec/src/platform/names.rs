//! The options of the component `platform.names`.

use super::component_options;

component_options! { bare
    /// DNS names of services in other clusters of the lab, resolved by CoreDNS.
    LanNames {}
}
