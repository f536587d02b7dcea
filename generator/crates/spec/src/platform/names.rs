//! The options of the component `platform.names`.

use super::component_options;

component_options! { bare
    /// Names of what other clusters of the lab serve.
    LanNames {}
}
