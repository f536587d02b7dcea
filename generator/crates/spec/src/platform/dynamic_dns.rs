//! The options of the component `platform.dynamic-dns`.

use super::component_options;

component_options! { plain
    /// The lab's entry name follows its public address.
    DynamicDns {}
}
