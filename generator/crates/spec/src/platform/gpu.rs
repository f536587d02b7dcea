//! The options of the component `platform.gpu`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! { plain
    /// GPUs as a resource that pods ask for.
    GpuPlugin {
        /// How many pods may share a GPU.
        #[serde(default)]
        share: OrDefault<defaults::GpuShares>,
    }
}
