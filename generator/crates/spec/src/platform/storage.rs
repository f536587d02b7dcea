//! The options of the component `platform.storage`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! {
    /// Volumes on network storage, by Synology CSI.
    NetworkVolumes {
        /// Default storage class, for volumes without a `class`.
        #[serde(default)]
        default_class: OrDefault<defaults::VolumeClass>,
    }
}
