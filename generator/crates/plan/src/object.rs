//! The objects of a file.

use yaml::{Limits, Node};

/// What identifies an object in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    /// The API group; empty for the core group.
    pub(crate) group: String,
    pub(crate) kind: String,
    /// Empty if the object is cluster-scoped.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    /// `None` if the document is not a Kubernetes object, such as the file that Kustomize reads.
    fn of(object: &Node) -> Option<Self> {
        let metadata = object.get("metadata")?;
        let version = object.text_of("apiVersion")?;
        Some(Self {
            group: version.split_once('/').map_or("", |(group, _)| group).to_owned(),
            kind: object.text_of("kind")?.to_owned(),
            namespace: metadata.text_of("namespace").unwrap_or_default().to_owned(),
            name: metadata.text_of("name")?.to_owned(),
        })
    }
}

/// Returns the objects of a file. A text that is not valid YAML, such as a file that was edited by hand, has none.
pub(crate) fn objects(text: &str) -> Vec<(Key, Node)> {
    let (documents, errors) = yaml::documents(text, Limits::default());
    if !errors.is_empty() {
        return Vec::new();
    }
    let objects = documents.iter().flat_map(Node::objects);
    objects.filter_map(|object| Some((Key::of(object)?, object.clone()))).collect()
}
