//! The options of the component `platform.secrets`.

use super::component_options;

component_options! {
    /// Secrets from the secret store, by External Secrets.
    ExternalSecrets {
        /// Secret store of this cluster. It must have all entries that the cluster reads. Default: that of the lab,
        /// `secrets.store`.
        store: Option<crate::SecretStore>,
    }
}
