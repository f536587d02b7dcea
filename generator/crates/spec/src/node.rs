//! Nodes of a cluster.

use crate::choices::GuestKind;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{DevicePath, Ipv4, Ipv4Interface, LabelKey, LabelValue, Name, RepoPath, UsbId, Whole};
use diagnostic::Span;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A node: an LXC container or a VM on a host, which runs NixOS and k3s.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    /// Purpose of the node, shown at login.
    pub description: Option<String>,
    /// Name of the host that the node runs on.
    #[schemars(extend("x-refers-to" = "host"))]
    pub host: Spanned<Name>,
    /// Kind of the node: a `container` (LXC) or a virtual machine (`vm`). Another kind is a new node, with a new disk.
    #[serde(default)]
    pub kind: OrDefault<defaults::NodeGuest>,
    /// Role in the cluster: a `server` runs the control plane and pods, an `agent` only pods.
    #[serde(default)]
    pub role: OrDefault<defaults::NodeRole>,
    /// VMID of the node on Proxmox VE. The server with the lowest VMID starts the cluster, unless
    /// `first-server` of the cluster names another one; the other servers join it.
    pub vmid: Spanned<Whole<u32, 100, 999_999_999>>,
    /// IPv4 address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Number of CPU cores.
    #[serde(default)]
    pub cores: OrDefault<defaults::NodeCores>,
    /// Memory of the node. An agent needs at least 512MiB, a server 1GiB.
    #[serde(default)]
    pub memory: OrDefault<defaults::NodeMemory>,
    /// Size of the root disk; at least 4GiB.
    #[serde(default)]
    pub disk: OrDefault<defaults::NodeDisk>,
    /// Proxmox VE storage that holds the root disk.
    #[serde(default)]
    pub disk_storage: OrDefault<defaults::NodeDiskStorage>,
    /// Proxmox VE network bridge that the node is attached to.
    #[serde(default)]
    pub bridge: OrDefault<defaults::NodeBridge>,
    /// VLAN tag of the LAN on the bridge, if the LAN is a VLAN there: the bridge must be VLAN-aware, or its port a trunk.
    pub vlan: Option<Spanned<Whole<u32, 1, 4094>>>,
    /// Additional network interfaces, by the name that they have in the node, such as `storage`. k3s and its pods are
    /// only reached through the LAN.
    #[serde(default)]
    pub interfaces: Entries<NodeInterface>,
    /// Whether the node has access to the GPU of its host. Containers share it with each other and with the host. A
    /// VM gets it alone, by PCI passthrough.
    #[serde(default)]
    pub gpu: OrDefault<defaults::Off>,
    /// USB devices of the host that are passed to a VM, by their device file in the VM: `/dev/ttyACM0: 1a86:55d4`.
    /// `lsusb` on the host shows their IDs. For containers, see `devices`.
    #[serde(default)]
    pub usb: BTreeMap<DevicePath, Spanned<UsbId>>,
    /// Device files of the host that are passed to a container, such as `/dev/ttyACM0`. A privileged
    /// container can also get a folder of device files, such as `/dev/bus/usb`. For VMs, see `usb`.
    #[serde(default)]
    pub devices: Vec<Spanned<DevicePath>>,
    /// Names of the `folders` of its host that a container mounts, for volumes with `folder`. Pods on a node can
    /// only mount these.
    #[serde(default)]
    pub folders: Vec<Spanned<Name>>,
    /// Whether the LXC container is privileged. Root in a privileged container can become root on its host, but
    /// only privileged containers can mount NFS volumes and use folders of device files. By default, a new
    /// container is privileged if its pods may need that; an existing one stays as it is. The generated
    /// `container.conf` shows the reason.
    pub privileged: Option<Spanned<bool>>,
    /// Position in which Proxmox VE starts the node when its host boots: those with lower numbers start
    /// first, and are shut down last. Default: `20` for servers, `30` for agents.
    pub start_order: Option<Spanned<Whole<u32, 1, 9999>>>,
    /// Time that pods have to stop when the node shuts down, in seconds. Databases stop after all other
    /// apps. When its host shuts down, Proxmox VE waits a minute longer before it kills the node.
    #[serde(default)]
    pub shutdown_seconds: OrDefault<defaults::NodeShutdownSeconds>,
    /// NixOS release that the node was installed with (`system.stateVersion`). It stays the same when the
    /// node is updated: services use it to decide which format their data on the disk has.
    #[serde(default)]
    pub state_version: OrDefault<defaults::NodeStateVersion>,
    /// Kubernetes labels of the node. The kubelet accepts only a few labels in the domains `kubernetes.io`
    /// and `k8s.io`.
    #[serde(default)]
    pub labels: BTreeMap<LabelKey, Spanned<LabelValue>>,
    /// Files of this repository with additional NixOS modules for this node.
    #[serde(default)]
    pub modules: Vec<Spanned<RepoPath>>,
}

/// An additional network interface of a node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeInterface {
    /// IPv4 address of the node in the network, with the length of the network's prefix. The network has no router:
    /// it connects machines such as nodes and network storage.
    pub address: Spanned<Ipv4Interface>,
    /// Proxmox VE network bridge that the interface is attached to.
    #[serde(default)]
    pub bridge: OrDefault<defaults::NodeBridge>,
    /// VLAN tag of the network on the bridge.
    pub vlan: Option<Spanned<Whole<u32, 1, 4094>>>,
    /// Maximum size of packets, such as 9000, which the bridge must allow. By default, that of the bridge.
    pub mtu: Option<Spanned<Whole<u32, 576, 9216>>>,
}

/// The kind of a node, with the settings that only nodes of this kind have.
#[derive(Debug, Clone, Copy)]
pub enum NodeKind<'a> {
    /// A virtual machine.
    Vm {
        /// USB devices of the host that are passed to the VM, by their device file in it.
        usb: &'a BTreeMap<DevicePath, Spanned<UsbId>>,
    },
    /// An LXC container.
    Lxc {
        /// Whether the container is privileged, if the spec says so.
        privileged: Option<&'a Spanned<bool>>,
        /// Device files of the host that are passed to the container.
        devices: &'a [Spanned<DevicePath>],
        /// Folders of the host that are mounted into the container.
        folders: &'a [Spanned<Name>],
    },
}

impl Node {
    /// The kind of the node on its host.
    pub fn kind(&self) -> NodeKind<'_> {
        match self.kind.get() {
            GuestKind::Vm => NodeKind::Vm { usb: &self.usb },
            GuestKind::Container => {
                NodeKind::Lxc { privileged: self.privileged.as_ref(), devices: &self.devices, folders: &self.folders }
            }
        }
    }

    /// The span that makes it an unprivileged container, if the spec does: the kernel lets its pods mount no NFS.
    pub fn unprivileged(&self) -> Option<Span> {
        match self.kind() {
            NodeKind::Vm { .. } => None,
            NodeKind::Lxc { privileged, .. } => privileged.filter(|given| !given.value).map(|given| given.span),
        }
    }
}
