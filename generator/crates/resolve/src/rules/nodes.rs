//! Nodes: labels that the kubelet accepts, sizes that k3s runs in, and what a container or a VM can get.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::{FOLDER_LABEL, GPU_LABEL, HOSTNAME_LABEL, KMSG, is_block_device, is_device_folder};
use spec::types::{DevicePath, Size, UsbId};
use spec::{Entry, Node, NodeKind, Role, Spanned, Spec};
use std::collections::BTreeMap;
use std::fmt;

/// The least disk of a node, in bytes: NixOS, k3s and its images.
const LEAST_DISK: u64 = 4 << 30;

/// Folders in `/dev` that contain links, file systems or subfolders, but no device files of a kind.
const OTHER_FOLDERS: [&str; 14] = [
    "/dev/block",
    "/dev/bus",
    "/dev/char",
    "/dev/cpu",
    "/dev/disk",
    "/dev/fd",
    "/dev/hugepages",
    "/dev/mapper",
    "/dev/mqueue",
    "/dev/net",
    "/dev/pts",
    "/dev/serial",
    "/dev/shm",
    "/dev/vfio",
];

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    for node in spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes) {
        for (key, value) in &node.value.labels {
            if let Some(refusal) = Refusal::of(key.as_str()) {
                let message = format!("the node `{}` cannot have the label `{key}`: {refusal}", node.name.value);
                let diagnostic = Diagnostic::new(Code::NodeLabelRefused, value.span, message);
                diagnostics.push(diagnostic.help(refusal.help()));
            }
        }
        check_size(node, diagnostics);
        check_kind(node, diagnostics);
        match node.value.kind() {
            NodeKind::Vm { usb } => check_usb(usb, diagnostics),
            NodeKind::Lxc { devices, .. } => check_devices(node, devices, spec, diagnostics),
        }
    }
}

/// Why a node cannot register with a label.
pub(super) enum Refusal<'a> {
    /// The kubelet sets it.
    OfKubelet,
    /// The generator sets it on nodes with a GPU.
    OfGpu,
    /// The generator sets it on nodes with a folder of their host.
    OfFolder,
    /// Its domain is reserved.
    Reserved(&'a str),
}

impl<'a> Refusal<'a> {
    /// Returns why a node cannot register with a label, if so.
    pub(super) fn of(key: &'a str) -> Option<Self> {
        const OF_KUBELET: [&str; 5] = [
            HOSTNAME_LABEL,
            "beta.kubernetes.io/arch",
            "beta.kubernetes.io/os",
            "kubernetes.io/arch",
            "kubernetes.io/os",
        ];
        const ALLOWED: [&str; 6] = [
            "beta.kubernetes.io/instance-type",
            "failure-domain.beta.kubernetes.io/region",
            "failure-domain.beta.kubernetes.io/zone",
            "node.kubernetes.io/instance-type",
            "topology.kubernetes.io/region",
            "topology.kubernetes.io/zone",
        ];
        if OF_KUBELET.contains(&key) {
            return Some(Self::OfKubelet);
        }
        if key == GPU_LABEL.0 {
            return Some(Self::OfGpu);
        }
        if key.starts_with(FOLDER_LABEL) {
            return Some(Self::OfFolder);
        }
        let domain = key.split_once('/')?.0;
        let is_in =
            |parent: &str| domain.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        let is_reserved = is_in("kubernetes.io") || is_in("k8s.io");
        let is_allowed = ALLOWED.contains(&key) || is_in("kubelet.kubernetes.io") || is_in("node.kubernetes.io");
        (is_reserved && !is_allowed).then_some(Self::Reserved(domain))
    }

    /// Returns what to do instead.
    pub(super) fn help(&self) -> &'static str {
        match self {
            Self::OfKubelet => "remove the label",
            Self::OfGpu => "remove the label; `gpu: true` adds it",
            Self::OfFolder => "remove the label; `folders` adds it",
            Self::Reserved(_) => {
                "use a label in a domain of your own, such as `example.com/role`, or one without a domain"
            }
        }
    }
}

impl fmt::Display for Refusal<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfKubelet => formatter.write_str("the kubelet sets it"),
            Self::OfGpu => formatter.write_str("the generator sets it on nodes with a GPU"),
            Self::OfFolder => formatter.write_str("the generator sets it on nodes with a folder of their host"),
            Self::Reserved(domain) => write!(formatter, "the kubelet refuses it, because `{domain}` is reserved"),
        }
    }
}

fn check_size(node: &Entry<Node>, diagnostics: &mut Diagnostics) {
    let (role, least) = match node.value.role.get() {
        Role::Server => ("a server", 1 << 30),
        Role::Agent => ("an agent", 512 << 20),
    };
    let mut too_small = |size: &Spanned<Size>, what: &str, least: u64, needs: String| {
        if size.bytes() < least {
            let message = format!("the node `{}` has {} of {what}, but {needs}", node.name.value, size.value);
            let least = Size::from_bytes(least);
            let diagnostic = Diagnostic::new(Code::NodeTooSmall, size.span, message);
            diagnostics.push(diagnostic.help(format!("set {least} or more")));
        }
    };
    if let Some(memory) = node.value.memory.spanned() {
        too_small(memory, "memory", least, format!("{role} of k3s needs more"));
    }
    if let Some(disk) = node.value.disk.spanned() {
        too_small(disk, "disk", LEAST_DISK, "NixOS, k3s and its images need more".to_owned());
    }
}

/// Checks that a node has no settings of the other kind of node.
fn check_kind(node: &Entry<Node>, diagnostics: &mut Diagnostics) {
    let name = &node.name.value;
    let found = match node.value.kind() {
        NodeKind::Vm { .. } => {
            let Node { privileged, devices, folders, .. } = &node.value;
            let privileged = privileged.as_ref().map(|privileged| {
                let help = "remove it: a VM has a kernel of its own, and its pods can mount NFS";
                ("privileged", privileged.span, help)
            });
            let devices = devices.first().map(|device| {
                let help = "pass USB devices to a VM with `usb: { /dev/ttyACM0: VENDOR:PRODUCT }`; for other devices, use \
                            a container";
                ("devices", device.span, help)
            });
            let folders = folders.first().map(|folder| {
                let help = "only containers can mount folders of their host: use a container, or export the folder by \
                            NFS and declare it as `storage`";
                ("folders", folder.span, help)
            });
            [privileged, devices, folders]
        }
        NodeKind::Lxc { .. } => {
            let usb = node.value.usb.values().next().map(|id| {
                let help = "pass a device file to a container with `devices: [/dev/ttyACM0]`, or set `kind: vm`";
                ("usb", id.span, help)
            });
            [usb, None, None]
        }
    };
    let kind = match node.value.kind() {
        NodeKind::Vm { .. } => "a VM",
        NodeKind::Lxc { .. } => "a container",
    };
    for (field, span, help) in found.into_iter().flatten() {
        let message = format!("`{field}` has no effect on `{name}`, which is {kind}");
        let mut diagnostic = Diagnostic::new(Code::FieldWithoutEffect, span, message);
        if let Some(kind) = node.value.kind.span() {
            diagnostic = diagnostic.related(kind, "the kind of the node");
        }
        diagnostics.push(diagnostic.help(help));
    }
}

/// Checks the files by which apps use the USB devices of a VM.
fn check_usb(usb: &BTreeMap<DevicePath, Spanned<UsbId>>, diagnostics: &mut Diagnostics) {
    for (device, id) in usb {
        if OTHER_FOLDERS.contains(&device.as_str()) {
            let message = format!("{device} is a folder, not a device file");
            let diagnostic = Diagnostic::new(Code::InvalidValue, id.span, message);
            let help = "name the device file in the VM, such as `/dev/ttyACM0`, or the folder `/dev/bus/usb`";
            diagnostics.push(diagnostic.help(help));
        }
    }
}

fn check_devices(node: &Entry<Node>, devices: &[Spanned<DevicePath>], spec: &Spec, diagnostics: &mut Diagnostics) {
    let gpu = spec.hosts.get(node.value.host.as_str()).and_then(|host| host.value.gpu.as_ref());
    let gpu = gpu.map(|gpu| gpu.device.get().as_str());
    for (at, device) in devices.iter().enumerate() {
        let path = device.as_str();
        if let Some(unprivileged) = node.value.unprivileged().filter(|_| is_device_folder(path)) {
            let message = format!("{path} is a folder, which an unprivileged container cannot use");
            let diagnostic = Diagnostic::new(Code::InvalidValue, device.span, message);
            let diagnostic = diagnostic.related(unprivileged, "unprivileged");
            diagnostics.push(diagnostic.help("name the device files in it that pods need"));
        } else if OTHER_FOLDERS.contains(&path) || path.rsplit('/').next().is_some_and(|name| name.starts_with("by-")) {
            let message = format!("{path} is a folder, not a device file");
            let diagnostic = Diagnostic::new(Code::InvalidValue, device.span, message);
            diagnostics.push(diagnostic.help("name the device file, such as `/dev/net/tun` or `/dev/ttyACM0`"));
        } else if is_block_device(path) && !path.starts_with("/dev/sr") {
            let message = format!("{path} is a block device: root on the node can read and write all of it");
            let diagnostic = Diagnostic::new(Code::BlockDevice, device.span, message);
            diagnostics.push(diagnostic.help("keep data on volumes; only pass a disk that nothing else uses"));
        }
        let implied = match path {
            KMSG if node.value.unprivileged().is_none() => Some(("every privileged container has it", None)),
            _ if gpu == Some(path) => node.value.gpu.on().map(|span| ("`gpu: true` passes it", Some(span))),
            _ => None,
        };
        check_repeated(device, &devices[..at], implied, diagnostics);
    }
}

/// Checks that a device is passed to the container only once. `implied` is why it is passed without `devices`, and
/// the place of the spec that does so.
fn check_repeated(
    device: &Spanned<DevicePath>,
    earlier: &[Spanned<DevicePath>],
    implied: Option<(&str, Option<Span>)>,
    diagnostics: &mut Diagnostics,
) {
    let first = earlier.iter().find(|earlier| earlier.value == device.value);
    let repeated = first.map(|first| ("it is listed twice", Some(first.span)));
    let Some((reason, span)) = implied.or(repeated) else { return };
    let message = format!("the device {} has no effect: {reason}", device.value);
    let mut diagnostic = Diagnostic::new(Code::FieldWithoutEffect, device.span, message);
    if let Some(span) = span {
        diagnostic = diagnostic.related(span, "passed by this");
    }
    diagnostics.push(diagnostic.help("remove it from `devices`"));
}

#[cfg(test)]
mod tests {
    use super::Refusal;

    #[test]
    fn refuses_the_labels_that_the_kubelet_refuses() {
        for key in [
            "node-role.kubernetes.io/worker",
            "kubernetes.io/role",
            "k8s.io/a",
            "app.k8s.io/a",
            "node-restriction.kubernetes.io/a",
            "topology.kubernetes.io/rack",
            "kubernetes.io/hostname",
            "homelab/gpu",
            "folder.homelab/media",
        ] {
            assert!(Refusal::of(key).is_some(), "{key}");
        }
        for key in [
            "rack",
            "example.com/role",
            "node.kubernetes.io/role",
            "a.node.kubernetes.io/role",
            "kubelet.kubernetes.io/a",
            "topology.kubernetes.io/zone",
            "mykubernetes.io/a",
            "homelab/disk",
        ] {
            assert!(Refusal::of(key).is_none(), "{key}");
        }
    }
}
