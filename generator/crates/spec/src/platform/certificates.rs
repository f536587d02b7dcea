//! The options of the component `platform.certificates`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! {
    /// TLS certificates of Let's Encrypt.
    Certificates {
        /// The environment of Let's Encrypt that apps take their certificates from. Both exist as
        /// ClusterIssuers; what other clusters ship to always has a trusted one.
        #[serde(default)]
        issuer: OrDefault<defaults::Issuer>,
        /// Whether one certificate serves all labels below the lab's domain, in place of one per
        /// host name: the names of apps then stand in no public log of certificates.
        #[serde(default)]
        wildcard: OrDefault<defaults::Off>,
    }
}
