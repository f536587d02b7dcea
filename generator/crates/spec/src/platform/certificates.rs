//! The options of the component `platform.certificates`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! {
    /// TLS certificates from Let's Encrypt, by cert-manager.
    Certificates {
        /// Let's Encrypt environment that issues the certificates of apps. Both environments exist as
        /// ClusterIssuers. The endpoints that other clusters ship to always have a production certificate.
        #[serde(default)]
        issuer: OrDefault<defaults::Issuer>,
        /// Whether a single wildcard certificate covers the labels below the lab's domain, instead of one
        /// certificate per host name. The names of apps are then in no Certificate Transparency log.
        #[serde(default)]
        wildcard: OrDefault<defaults::Off>,
    }
}
