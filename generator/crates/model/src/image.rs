//! Images that Flux's image automation moves.

use crate::names::ObjectName;
use serde::Serialize;
use spec::types::{ImageRepository, ImageTag};

/// How Flux's image automation moves an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageUpdate {
    /// The name of the ImagePolicy, unique over the lab: all clusters follow one repository.
    pub policy: ObjectName,
    /// The app, as the pins file calls it.
    pub app: String,
    /// The image without its tag.
    pub repository: ImageRepository,
    /// The tag of the pins file.
    pub tag: ImageTag,
    /// The digest of the pins file, if digests are followed; empty until one was seen.
    pub digest: Option<String>,
    /// Which tags count, as a regular expression.
    pub pattern: String,
    /// What of them is their version.
    pub extract: String,
    /// The versions that are wanted, if tags are moved.
    pub range: Option<String>,
}
