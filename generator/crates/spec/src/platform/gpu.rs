//! The options of the component `platform.gpu`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;

component_options! { plain
    /// GPUs as a resource that pods can request, by Intel's device plugin.
    GpuPlugin {
        /// Number of shares of each GPU: how many pods can use it at the same time.
        #[serde(default)]
        share: OrDefault<defaults::GpuShares>,
    }
}
