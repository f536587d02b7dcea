//! The options of the component `platform.secrets`.

use super::component_options;

component_options! {
    /// Secrets from the secret store, by External Secrets.
    ExternalSecrets {}
}
