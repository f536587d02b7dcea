//! A lab, its hosts and its clusters.

use crate::contract;
use crate::disk::{DiskFile, DiskSecret};
use crate::flow::Part;
use crate::flow::Use;
use crate::image::ImageUpdate;
use crate::maker::Interface;
use crate::unit::{Bound, Origin};
use spec::types::{
    AddressBlock, AddressRange, AgeKey, Branch, DevicePath, DomainName, HostPath, Ipv4, Ipv4Cidr, Ipv4Interface,
    LabelKey, LabelValue, MinorVersion, MountPath, Name, NixosRelease, ObjectRef, PciAddress, RenderDevice, RepoPath,
    RepositoryUrl, SecretKey, Size, SshKey, TimeZone, UsbId, Version,
};
use spec::{GpuDriver, Language, Opening, Role, Snapshotter};
use std::borrow::Cow;
use std::collections::BTreeSet;
use yaml::Value;

/// A homelab.
#[derive(Debug)]
pub struct Lab {
    /// Its name.
    pub name: Name,
    /// The domain of its host names.
    pub domain: DomainName,
    /// The language of its documentation.
    pub language: Language,
    /// The time zone of its nodes.
    pub timezone: TimeZone,
    /// The Git repository with the spec and the generated files.
    pub repository: Repository,
    /// The SSH keys that may log in to the nodes.
    pub ssh_keys: Vec<SshKey>,
    /// Its network.
    pub lan: Lan,
    /// The DNS provider of its public zone.
    pub dns: Option<&'static str>,
    /// Its host name or address on the Internet.
    pub public: Option<String>,
    /// Its hosts, by name.
    pub hosts: Vec<Host>,
    /// Network storage, by name.
    pub storage: Vec<Storage>,
    /// Its clusters, by name.
    pub clusters: Vec<Cluster>,
    /// The files of the user that SOPS encrypts and a cluster reads, by path.
    pub encrypted: Vec<EncryptedFile>,
}

/// The secret store of a cluster, as people know it.
#[derive(Debug)]
pub struct Store {
    /// What and where it is.
    pub title: String,
    /// What the list of what each cluster reads is for.
    pub identity: &'static str,
    /// What else is trusted, besides files on the disks of nodes: where it is, and what it opens.
    pub trust: Vec<(String, String)>,
}

/// A file of the user that SOPS encrypts: the values of a secret entry.
#[derive(Debug)]
pub struct EncryptedFile {
    /// Its path from the top of the repository.
    pub path: String,
    /// The entry.
    pub entry: Name,
    /// The keys that clusters read.
    pub keys: Vec<SecretKey>,
    /// The people and clusters that can decrypt it, with their public keys.
    pub recipients: Vec<(String, AgeKey)>,
}

/// The Git repository that clusters and nodes follow.
#[derive(Debug)]
pub struct Repository {
    /// Its URL.
    pub url: RepositoryUrl,
    /// The branch that clusters and nodes follow.
    pub branch: Branch,
    /// Whether reading it requires a deploy key.
    pub needs_key: bool,
}

/// A host: a machine that runs Proxmox VE.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub name: Name,
    /// Its make and model.
    pub model: Option<String>,
    /// The model of its processor.
    pub cpu: Option<String>,
    /// The number of threads of its processor.
    pub threads: Option<u32>,
    /// Its memory.
    pub memory: Size,
    /// Its address.
    pub address: Ipv4,
    /// Its GPU.
    pub gpu: Option<Gpu>,
    /// Its folders that nodes may mount, by name.
    pub folders: Vec<(Name, HostPath)>,
}

/// A GPU of Intel.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// The kernel driver of the host, or of the VM that has it.
    pub driver: GpuDriver,
    /// Its device file.
    pub device: RenderDevice,
    /// Its PCI address.
    pub pci: PciAddress,
}

impl Host {
    /// Returns the total memory of some of its nodes.
    pub fn memory_of(&self, nodes: &[&Node]) -> Size {
        Size::from_bytes(nodes.iter().map(|node| node.memory.bytes()).fold(0, u64::saturating_add))
    }
}

/// Network storage.
#[derive(Debug)]
pub struct Storage {
    /// Its name.
    pub name: Name,
    /// Its make and model.
    pub model: Option<String>,
    /// Its address.
    pub address: Ipv4,
    /// The path that it exports by NFS.
    pub nfs: Option<MountPath>,
    /// The path that it exports by NFS for volumes that a driver creates, if that is another one.
    pub volumes: Option<MountPath>,
    /// The HTTPS port of DSM, if a driver uses it.
    pub dsm: Option<u16>,
}

/// The local network.
#[derive(Debug)]
pub struct Lan {
    /// The network.
    pub cidr: Ipv4Cidr,
    /// The router.
    pub gateway: Ipv4,
    /// Name servers; at least one.
    pub dns: Vec<Ipv4>,
    /// The DHCP range of the router.
    pub dhcp: Option<AddressRange>,
    /// The lab's DNS servers for the LAN.
    pub servers: Vec<Ipv4>,
    /// Other networks that are trusted, by name.
    pub trusted: Vec<Trusted>,
}

/// A network other than the LAN that is trusted.
#[derive(Debug)]
pub struct Trusted {
    /// Its name.
    pub name: Name,
    /// The network.
    pub cidr: AddressBlock,
    /// What it can reach.
    pub open: Vec<Opening>,
}

/// A k3s cluster.
#[derive(Debug)]
pub struct Cluster {
    /// Its name.
    pub name: Name,
    /// What it is for.
    pub description: Option<String>,
    /// The minor version of Kubernetes.
    pub k3s_version: MinorVersion,
    /// The snapshotter of containerd.
    pub snapshotter: Snapshotter,
    /// Settings that are merged into every node's k3s config.
    pub k3s_config: Value,
    /// How its servers are backed up, if they are.
    pub backup: Option<ServerBackup>,
    /// How its nodes update themselves, if they do.
    pub pulls: Option<Pulls>,
    /// The cluster network, from which pods get their addresses.
    pub pods: Ipv4Cidr,
    /// The service network.
    pub services: Ipv4Cidr,
    /// The load-balancer pool: LAN addresses for its Services.
    pub pool: Option<AddressRange>,
    /// The LAN address of its ingress.
    pub ingress: Option<Ipv4>,
    /// Its nodes, by name.
    pub nodes: Vec<Node>,
    /// How Flux is installed.
    pub flux: FluxBootstrap,
    /// Its secret store, if it reads one.
    pub store: Option<Store>,
    /// The active components of its platform, in the order of their table.
    pub parts: Vec<Part>,
    /// Its units: those of the platform in a fixed order, then those of apps, by name.
    pub units: Vec<Bound>,
    /// What people use, with its maker: components of the platform, then apps.
    pub interfaces: Vec<(Origin, Interface)>,
    /// The images that Flux's image automation updates.
    pub updates: Vec<ImageUpdate>,
    /// Objects that exist in the cluster but are not generated.
    pub external: Vec<ObjectRef>,
}

/// How the nodes of a cluster update themselves.
#[derive(Debug)]
pub struct Pulls {
    /// When the first node is updated, in the calendar syntax of systemd.
    pub calendar: Vec<String>,
    /// Whether nodes restart when their kernel changes.
    pub restarts: bool,
    /// The files with the deploy key and the host keys of the Git server, if reading the repository requires them.
    pub deploy_key: Option<[DiskFile; 2]>,
    /// The file with the keys that sign commits, if signatures are checked.
    pub signers: Option<DiskFile>,
}

impl Pulls {
    /// The files on the disk of each node that the updates need.
    pub fn files(&self) -> impl Iterator<Item = &DiskFile> {
        self.deploy_key.iter().flatten().chain(&self.signers)
    }
}

/// How the servers of a cluster are backed up.
#[derive(Debug)]
pub struct ServerBackup {
    /// The restic repository: its URL, or its path in the folder that is mounted by NFS.
    pub repository: String,
    /// The bucket or the network storage with the repository.
    pub place: Use,
    /// The folder that is mounted by NFS, as `ADDRESS:PATH`.
    pub nfs: Option<String>,
    /// When it runs, in the calendar syntax of systemd.
    pub calendar: Vec<String>,
    /// The retention, in days.
    pub days: u32,
    /// Files on the disk of each server that the backup needs.
    pub files: Vec<BackupFile>,
}

/// A file on the disk of a server that its backup needs.
#[derive(Debug)]
pub struct BackupFile {
    /// Its path, and how its value is obtained.
    pub file: DiskFile,
    /// What it contains.
    pub contains: &'static str,
    /// How its content is created.
    pub create: &'static str,
    /// What it allows to those who have it.
    pub opens: &'static str,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its host name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// Its host.
    pub host: Name,
    /// Its role.
    pub role: Role,
    /// Its VMID on Proxmox VE.
    pub vmid: u32,
    /// Its address.
    pub address: Ipv4,
    /// The number of CPU cores.
    pub cores: u32,
    /// Its memory.
    pub memory: Size,
    /// The size of its disk.
    pub disk: Size,
    /// The storage that holds its disk.
    pub disk_storage: Name,
    /// The bridge of the host that it is attached to.
    pub bridge: Name,
    /// The VLAN tag of the LAN on the bridge, if it has one.
    pub vlan: Option<u32>,
    /// Its additional network interfaces, by name.
    pub interfaces: Vec<NodeInterface>,
    /// The host's GPU, if it is passed to the node.
    pub gpu: Option<Gpu>,
    /// Its kind, and what is specific to it.
    pub kind: NodeKind,
    /// Its position when the host starts its nodes.
    pub start_order: u32,
    /// The time that its pods have to stop, in seconds.
    pub shutdown_seconds: u32,
    /// The NixOS release that it was installed with.
    pub state_version: NixosRelease,
    /// Its Kubernetes labels.
    pub labels: Vec<(LabelKey, LabelValue)>,
    /// Additional NixOS modules, as paths from the top of the repository.
    pub modules: Vec<RepoPath>,
    /// Its ports that the LAN may reach, for apps on the host network.
    pub ports: NodePorts,
    /// The trusted networks that reach it, by what they reach. It lists only what the node has.
    pub trusted: Vec<(Opening, Vec<AddressBlock>)>,
    /// How it joins its cluster.
    pub join: Join,
}

/// An additional network interface of a node.
#[derive(Debug)]
pub struct NodeInterface {
    /// Its name in the node.
    pub name: Name,
    /// Its address.
    pub address: Ipv4Interface,
    /// The bridge of the host that it is attached to.
    pub bridge: Name,
    /// The VLAN tag of the network on the bridge, if it has one.
    pub vlan: Option<u32>,
    /// The maximum size of its packets, unless it is that of the bridge.
    pub mtu: Option<u32>,
}

/// The kind of a node.
#[derive(Debug)]
pub enum NodeKind {
    /// A virtual machine.
    Vm {
        /// USB devices of the host that are passed to it, with their device files in it.
        usb: Vec<(DevicePath, UsbId)>,
    },
    /// A container (LXC).
    Lxc {
        /// Whether it is privileged.
        privileged: bool,
        /// Why it is, or is not.
        reason: PrivilegeReason,
        /// Device files of the host that are passed to it.
        devices: Vec<DevicePath>,
        /// Folders of the host that are mounted into it.
        folders: Vec<NodeFolder>,
    },
}

/// Why a container is privileged, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivilegeReason {
    /// The spec sets it.
    Given,
    /// A folder of device files is passed to it.
    DeviceFolder,
    /// Its backups are in an NFS export.
    BackupNfs,
    /// Volumes of apps are NFS exports.
    AppNfs,
    /// A driver creates volumes that are mounted by NFS.
    VolumesNfs,
    /// Manifests or charts, whose volumes the spec does not show.
    UnknownNfs,
    /// The container exists and is privileged, though nothing needs that.
    Exists,
    /// Nothing needs it to be privileged.
    Unneeded,
}

impl PrivilegeReason {
    /// The reason, as generated files and diagnostics show it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Given => "the spec sets it",
            Self::DeviceFolder => "it has a folder of device files",
            Self::BackupNfs => "its backups are on network storage, which it mounts by NFS",
            Self::AppNfs => "its pods may mount NFS volumes",
            Self::VolumesNfs => "volumes of network storage may be mounted on it, by NFS",
            Self::UnknownNfs => "manifests or charts may mount NFS on it",
            Self::Exists => "it exists, though nothing needs it to be privileged",
            Self::Unneeded => "nothing needs it to be privileged",
        }
    }
}

/// A folder of a host that is mounted into a node.
#[derive(Debug)]
pub struct NodeFolder {
    /// Its name.
    pub name: Name,
    /// Its path on the host.
    pub path: HostPath,
    /// Whether no app writes to it.
    pub is_read_only: bool,
    /// The users that write to it, as far as the spec sets them.
    pub writers: BTreeSet<u32>,
}

impl Node {
    /// Whether its pods can mount NFS: the kernel allows that in VMs and privileged containers.
    pub fn mounts_nfs(&self) -> bool {
        match self.kind {
            NodeKind::Vm { .. } => true,
            NodeKind::Lxc { privileged, .. } => privileged,
        }
    }

    /// The folders of its host that are mounted into it.
    pub fn folders(&self) -> &[NodeFolder] {
        match &self.kind {
            NodeKind::Vm { .. } => &[],
            NodeKind::Lxc { folders, .. } => folders,
        }
    }

    /// The name of its interface on the LAN. That of a VM differs from the names that the kernel chooses, `eth0` and
    /// so on: udev could not rename an interface to the name of another one.
    pub fn lan_interface(&self) -> &'static str {
        match self.kind {
            NodeKind::Vm { .. } => contract::VM_LAN_INTERFACE,
            NodeKind::Lxc { .. } => contract::LAN_INTERFACE,
        }
    }

    /// Returns the labels that it registers with.
    pub fn registered_labels(&self) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
        let given = self.labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str()));
        let gpu = self.gpu.as_ref().map(|_| (contract::GPU_LABEL.0.into(), contract::GPU_LABEL.1));
        let folders = self.folders().iter();
        let folders = folders.map(|folder| (format!("{}{}", contract::FOLDER_LABEL, folder.name).into(), "true"));
        given.chain(gpu).chain(folders)
    }
}

/// Ports of a node that the LAN may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePorts {
    /// TCP ports.
    pub tcp: BTreeSet<u16>,
    /// UDP ports.
    pub udp: BTreeSet<u16>,
}

/// How a node joins its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// The only server: it stores the state in SQLite.
    Alone,
    /// The first of several servers: it starts etcd.
    Start,
    /// Any other node: it joins through the first server, at this address.
    Ask(Ipv4),
}

/// How Flux is installed in a cluster: by manifests that a server applies when it first boots.
#[derive(Debug)]
pub struct FluxBootstrap {
    /// The version of Flux.
    pub version: Version,
    /// The chart version of Flux Operator.
    pub operator: Version,
    /// Whether Flux runs its image automation controllers.
    pub image_automation: bool,
    /// Whether Flux applies only signed commits.
    pub verifies_commits: bool,
    /// Secrets that the servers create from files on their disks.
    pub secrets: Vec<DiskSecret>,
}

impl Lab {
    /// Whether some of its network storage exports NFS.
    pub fn has_nfs(&self) -> bool {
        self.storage.iter().any(|storage| storage.nfs.is_some() || storage.volumes.is_some())
    }
}

impl Cluster {
    /// Returns the number of its apps.
    pub fn apps(&self) -> usize {
        self.interfaces.iter().filter(|(origin, _)| *origin == Origin::App).count()
    }

    /// Whether it has nodes without the control plane.
    pub fn has_agents(&self) -> bool {
        self.nodes.iter().any(|node| node.role == Role::Agent)
    }

    /// Its nodes in the order in which they are updated: servers before agents, and the server that the others join last
    /// of them.
    pub fn in_order_of_updates(&self) -> Vec<&Node> {
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        let is_first = |node: &Node| !matches!(node.join, Join::Ask(_));
        nodes.sort_by_key(|node| (node.role != Role::Server, is_first(node), node.name.clone()));
        nodes
    }

    /// Returns the addresses of its servers.
    pub fn servers(&self) -> impl Iterator<Item = Ipv4> {
        self.nodes.iter().filter(|node| node.role == Role::Server).map(|node| node.address)
    }
}
