//! The options of the component `platform.dynamic-dns`.

use super::component_options;

component_options! { plain
    /// Dynamic DNS for the public host name of the lab, by DDNS-Updater.
    DynamicDns {}
}
