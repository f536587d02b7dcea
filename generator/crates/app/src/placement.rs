//! Which nodes of a cluster may run an app.

use diagnostic::Span;
use model::contract::{GPU_LABEL, HOSTNAME_LABEL};
use spec::types::{DevicePath, LabelKey, LabelValue, MountPath, Name};
use spec::{Cluster, ContainerApp, Entry, GpuDriver, Node, NodeKind, Spanned, Spec};

/// The labels of a node: those of the spec, and those that every node gets.
pub(crate) fn labels(node: &Entry<Node>) -> Vec<(&str, &str)> {
    let given = node.value.labels.iter().map(|(key, value)| (key.as_str(), value.value.as_str()));
    let gpu = node.value.gpu.on().map(|_| GPU_LABEL);
    let all = [(HOSTNAME_LABEL, node.name.as_str()), ("kubernetes.io/arch", "amd64"), ("kubernetes.io/os", "linux")];
    given.chain(gpu).chain(all).collect()
}

/// The device files that a node offers to its pods.
pub(crate) fn devices(node: &Node) -> Vec<&DevicePath> {
    match node.kind() {
        NodeKind::Vm { usb } => usb.keys().collect(),
        NodeKind::Lxc { devices, .. } => devices.iter().map(|device| &device.value).collect(),
    }
}

/// The folders of its host that a node offers to its pods.
pub(crate) fn folders(node: &Node) -> &[Spanned<Name>] {
    match node.kind() {
        NodeKind::Vm { .. } => &[],
        NodeKind::Lxc { folders, .. } => folders,
    }
}

/// The kernel driver of a node's GPU, if its host has one.
pub(crate) fn gpu_driver(node: &Node, spec: &Spec) -> Option<GpuDriver> {
    let gpu = spec.hosts.get(node.host.as_str())?.value.gpu.as_ref()?;
    Some(*gpu.driver.get())
}

/// A constraint on the nodes that may run an app.
pub(crate) enum Constraint<'a> {
    Label(&'a LabelKey, &'a Spanned<LabelValue>),
    Device(&'a Spanned<MountPath>),
    Folder(&'a Spanned<Name>),
    Gpu(Span),
}

impl Constraint<'_> {
    /// Returns all constraints of an app.
    pub(crate) fn all(app: &ContainerApp) -> Vec<Constraint<'_>> {
        let labels = app.nodes.iter().map(|(key, value)| Constraint::Label(key, value));
        let devices = app.storage.iter().filter_map(|volume| volume.value.device()).map(Constraint::Device);
        let folders = app.storage.iter().filter_map(|volume| volume.value.folder());
        let folders = folders.map(|volume| Constraint::Folder(&volume.folder));
        labels.chain(devices).chain(folders).chain(app.gpu.on().map(Constraint::Gpu)).collect()
    }

    /// Whether a node meets it.
    pub(crate) fn is_met_by(&self, node: &Entry<Node>) -> bool {
        match self {
            Self::Label(key, value) => labels(node).contains(&(key.as_str(), value.as_str())),
            Self::Device(device) => devices(&node.value).iter().any(|known| known.as_str() == device.as_str()),
            Self::Folder(folder) => folders(&node.value).iter().any(|known| known.value == folder.value),
            Self::Gpu(_) => node.value.gpu.is_on(),
        }
    }

    /// The place of the spec that sets it.
    pub(crate) fn span(&self) -> Span {
        match self {
            Self::Label(_, value) => value.span,
            Self::Device(device) => device.span,
            Self::Folder(folder) => folder.span,
            Self::Gpu(span) => *span,
        }
    }
}

impl std::fmt::Display for Constraint<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Label(key, value) => write!(formatter, "the label {key}={}", value.value),
            Self::Device(device) => write!(formatter, "the device {}", device.value),
            Self::Folder(folder) => write!(formatter, "the folder `{}`", folder.value),
            Self::Gpu(_) => formatter.write_str("a GPU"),
        }
    }
}

/// Returns the nodes that meet all constraints of an app.
pub fn candidates<'a>(app: &ContainerApp, cluster: &'a Cluster) -> Vec<&'a Entry<Node>> {
    let constraints = Constraint::all(app);
    cluster.nodes.iter().filter(|node| constraints.iter().all(|constraint| constraint.is_met_by(node))).collect()
}
