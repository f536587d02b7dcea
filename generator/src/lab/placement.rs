//! Which nodes of a cluster may run an app.

use super::resolve::HOSTNAME;
use crate::spec::types::{LabelKey, LabelValue, MountPath};
use crate::spec::{App, Cluster, Entry, Given as _, Node, Spanned};
use diagnostic::Span;

/// The label of nodes with a GPU.
pub(super) const GPU_LABEL: (&str, &str) = ("homelab/gpu", "intel");

/// The labels of a node: those that the spec gives it, and those that it has anyway.
pub(super) fn labels(node: &Entry<Node>) -> Vec<(String, String)> {
    let given = node.value.labels.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    let gpu = node.value.gpu.as_ref().filter(|gpu| gpu.value).map(|_| (GPU_LABEL.0.to_owned(), GPU_LABEL.1.to_owned()));
    let own = [(HOSTNAME.to_owned(), node.name.to_string())];
    let all = [("kubernetes.io/arch", "amd64"), ("kubernetes.io/os", "linux")];
    given.chain(gpu).chain(own).chain(all.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

/// Something that a node must have to run an app.
pub(super) enum Wish<'a> {
    Label(&'a LabelKey, &'a Spanned<LabelValue>),
    Device(&'a Spanned<MountPath>),
    Gpu(Span),
}

impl Wish<'_> {
    /// All that an app asks of its node.
    pub(super) fn all(app: &App) -> Vec<Wish<'_>> {
        let labels = app.nodes.iter().map(|(key, value)| Wish::Label(key, value));
        let devices = app.storage.iter().filter_map(|volume| volume.value.device.as_ref()).map(Wish::Device);
        let gpu = app.gpu.iter().filter(|gpu| gpu.value).map(|gpu| Wish::Gpu(gpu.span));
        labels.chain(devices).chain(gpu).collect()
    }

    /// Whether a node has it.
    pub(super) fn is_met_by(&self, node: &Entry<Node>) -> bool {
        match self {
            Self::Label(key, value) => {
                labels(node).iter().any(|(known, text)| known == key.as_str() && text == value.as_str())
            }
            Self::Device(device) => node.value.devices.iter().any(|known| known.value == device.value),
            Self::Gpu(_) => node.value.gpu.given().copied().unwrap_or(false),
        }
    }

    /// Where it is asked for.
    pub(super) fn span(&self) -> Span {
        match self {
            Self::Label(_, value) => value.span,
            Self::Device(device) => device.span,
            Self::Gpu(span) => *span,
        }
    }
}

impl std::fmt::Display for Wish<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(key, value) => write!(formatter, "the label {key}={}", value.value),
            Self::Device(device) => write!(formatter, "the device {}", device.value),
            Self::Gpu(_) => formatter.write_str("a GPU"),
        }
    }
}

/// The nodes that have all that an app asks of them.
pub(super) fn candidates<'a>(app: &App, cluster: &'a Cluster) -> Vec<&'a Entry<Node>> {
    let wishes = Wish::all(app);
    cluster.nodes.iter().filter(|node| wishes.iter().all(|wish| wish.is_met_by(node))).collect()
}
