//! The options of the component `platform.restarts`.

use super::component_options;

component_options! {
    /// Restarts of what reads a secret whose value has changed, by Reloader.
    Restarts {}
}
