//! The options of the component `platform.storage`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! {
    /// Volumes on network storage.
    NetworkVolumes {
        /// The storage class of volumes that name none.
        #[serde(default)]
        default_class: OrDefault<defaults::VolumeClass>,
    }
}
