//! Images that Flux's image automation updates.

use crate::names::{ImageKey, ObjectName};
use serde::Serialize;
use spec::types::{ImageRepository, ImageTag};

/// How Flux's image automation updates an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageUpdate {
    /// The name of the ImagePolicy, unique in the lab: all clusters follow the same Git repository.
    pub policy: ObjectName,
    /// The name of its container, unless it is the main container of its app.
    pub container: Option<ObjectName>,
    /// Its key in the pins file: `CLUSTER/APP` or `CLUSTER/APP/CONTAINER`.
    pub key: ImageKey,
    /// The image reference without the tag.
    pub repository: ImageRepository,
    /// The current tag.
    pub tag: ImageTag,
    /// The current digest, if digests are followed; empty until automation has resolved one.
    pub digest: Option<String>,
    /// The regular expression that tags must match.
    pub pattern: String,
    /// The version of a tag, in terms of the groups that the expression captures.
    pub extract: String,
    /// The allowed range of versions, if tags are updated.
    pub range: Option<String>,
}
