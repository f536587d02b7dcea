//! The options of the component `platform.image-automation`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::Branch;

component_options! { bare
    /// Newer images by commits of Flux.
    ImageAutomation {
        /// The branch that it pushes to, for a pull request; of the cluster's own, and deleted once
        /// it is merged. Default: none, it pushes to the branch that the clusters follow.
        branch: Option<Spanned<Branch>>,
        /// How often it looks for newer images.
        #[serde(default)]
        interval: OrDefault<defaults::ImageInterval>,
    }
}
