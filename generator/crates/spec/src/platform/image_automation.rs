//! The options of the component `platform.image-automation`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::Branch;

component_options! { bare
    /// Image updates that Flux commits to the repository.
    ImageAutomation {
        /// Branch that Flux pushes image updates to, for a pull request. Each cluster needs its own branch;
        /// delete it once it is merged. Default: the branch that the clusters follow.
        branch: Option<Spanned<Branch>>,
        /// Interval at which Flux looks for newer images.
        #[serde(default)]
        interval: OrDefault<defaults::ImageInterval>,
    }
}
