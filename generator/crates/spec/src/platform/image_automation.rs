//! The options of the component `platform.image-automation`.

use super::component_options;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::Branch;

component_options! { bare
    /// Image updates that Flux commits to the repository.
    ImageAutomation {
        /// Branch that Flux pushes image updates to, for a pull request. Each cluster needs its own branch,
        /// which Flux overwrites. To have Flux commit without a review, set the branch that the clusters
        /// follow (`lab.branch`). Default: `flux/images-` and the name of the cluster.
        branch: Option<Spanned<Branch>>,
        /// Interval at which Flux looks for newer images.
        #[serde(default)]
        interval: OrDefault<defaults::ImageInterval>,
    }
}
