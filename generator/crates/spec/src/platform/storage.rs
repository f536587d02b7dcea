//! The options of the component `platform.storage`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Name, Version};
use std::collections::BTreeMap;
use yaml::Value;

component_options! {
    /// Volumes on network storage: Synology CSI for storage of the kind `synology`, whose chart `version` and `values`
    /// are for, and csi-driver-nfs for storage of the kind `nfs`.
    NetworkVolumes {
        /// Default storage class, for volumes without a `class`.
        #[serde(default)]
        default_class: OrDefault<defaults::VolumeClass>,
        /// Name of the `storage` of the default class. Default: the first by name that has storage classes.
        #[schemars(extend("x-refers-to" = "storage"))]
        default_storage: Option<Spanned<Name>>,
        /// Version of the chart of csi-driver-nfs. Default: the version that this generator was tested with.
        nfs_version: Option<Spanned<Version>>,
        /// Helm values of csi-driver-nfs, merged over the generated ones.
        #[serde(default)]
        nfs_values: BTreeMap<String, Value>,
    }
}
