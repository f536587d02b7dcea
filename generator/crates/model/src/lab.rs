//! A lab and its machines.

use crate::contract;
use crate::image::ImageUpdate;
use crate::maker::Interface;
use crate::object::DiskSecret;
use crate::unit::{Bound, Origin};
use spec::types::{
    AddressRange, Branch, DomainName, Ipv4, Ipv4Cidr, LabelKey, LabelValue, MinorVersion, MountPath, Name, ObjectRef,
    RepoPath, RepositoryUrl, Size, SshKey, TimeZone, Version,
};
use spec::{Gpu, Role, Snapshotter};
use std::collections::BTreeSet;
use yaml::Value;

/// A homelab.
#[derive(Debug)]
pub struct Lab {
    /// Its name.
    pub name: Name,
    /// The domain that its host names lie in.
    pub domain: DomainName,
    /// The time zone of its nodes.
    pub timezone: TimeZone,
    /// Where its state is kept.
    pub repository: Repository,
    /// Who may log in to the nodes.
    pub ssh_keys: Vec<SshKey>,
    /// Its network.
    pub lan: Lan,
    /// The machines that run Proxmox VE, by name.
    pub hosts: Vec<Host>,
    /// Network storage, by name.
    pub storage: Vec<Storage>,
    /// Its clusters, by name.
    pub clusters: Vec<Cluster>,
}

/// The Git repository that clusters and nodes follow.
#[derive(Debug)]
pub struct Repository {
    /// Its address.
    pub url: RepositoryUrl,
    /// The branch that is followed.
    pub branch: Branch,
    /// Whether reading it takes a deploy key.
    pub needs_key: bool,
}

/// A machine that runs Proxmox VE.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub name: Name,
    /// Its make and model.
    pub model: Option<String>,
    /// Its processor.
    pub cpu: Option<String>,
    /// How many threads the processor has.
    pub threads: Option<u32>,
    /// Its memory.
    pub memory: Size,
    /// Its address.
    pub address: Ipv4,
    /// Its graphics processor.
    pub gpu: Option<Gpu>,
}

impl Host {
    /// The memory that some of its nodes take together.
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
    /// The volume that it exports by NFS.
    pub nfs: Option<MountPath>,
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
    /// What the router hands out.
    pub dhcp: Option<AddressRange>,
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
    /// How containerd stores images.
    pub snapshotter: Snapshotter,
    /// Keys laid over every node's k3s config.
    pub k3s_config: Value,
    /// The network of its pods.
    pub pods: Ipv4Cidr,
    /// The network of its services.
    pub services: Ipv4Cidr,
    /// LAN addresses for its services.
    pub pool: Option<AddressRange>,
    /// The LAN address of its ingress.
    pub ingress: Option<Ipv4>,
    /// Its nodes, by name.
    pub nodes: Vec<Node>,
    /// How Flux gets there.
    pub flux: FluxBootstrap,
    /// Its units: those of the platform in the order of the table, then those of apps, by name.
    pub units: Vec<Bound>,
    /// What people use, with what each comes from: parts of the platform, then apps.
    pub interfaces: Vec<(Origin, Interface)>,
    /// The images that Flux's image automation moves.
    pub updates: Vec<ImageUpdate>,
    /// Objects that come from elsewhere.
    pub external: Vec<ObjectRef>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its host name.
    pub name: Name,
    /// What it is for.
    pub description: String,
    /// The machine it stands on.
    pub host: Name,
    /// What it does.
    pub role: Role,
    /// Its container's number.
    pub vmid: u32,
    /// Its address.
    pub address: Ipv4,
    /// Processor cores.
    pub cores: u32,
    /// Memory.
    pub memory: Size,
    /// The size of its disk.
    pub disk: Size,
    /// The storage that holds its disk.
    pub disk_storage: Name,
    /// The bridge it is attached to.
    pub bridge: Name,
    /// The GPU it is given.
    pub gpu: Option<Gpu>,
    /// What it is on its host.
    pub kind: NodeKind,
    /// Kubernetes labels.
    pub labels: Vec<(LabelKey, LabelValue)>,
    /// Further NixOS modules, as paths from the top of the repository.
    pub modules: Vec<RepoPath>,
    /// Its ports that the LAN reaches, for apps that share its network.
    pub ports: NodePorts,
    /// How it finds its cluster.
    pub join: Join,
}

/// What a node is on its host.
#[derive(Debug)]
pub enum NodeKind {
    /// A container (LXC).
    Lxc {
        /// Whether it is privileged.
        privileged: bool,
        /// Device files of the host that it gets.
        devices: Vec<MountPath>,
    },
}

impl Node {
    /// Whether its pods can mount NFS: the kernel lets only privileged containers.
    pub fn mounts_nfs(&self) -> bool {
        match self.kind {
            NodeKind::Lxc { privileged, .. } => privileged,
        }
    }

    /// The labels that it registers with.
    pub fn registered_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        given.chain(self.gpu.map(|gpu| match gpu {
            Gpu::Intel => contract::GPU_LABEL,
        }))
    }
}

/// Ports of a node that the LAN reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodePorts {
    /// Those of TCP.
    pub tcp: BTreeSet<u16>,
    /// Those of UDP.
    pub udp: BTreeSet<u16>,
}

/// How a node finds its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// The only server: it keeps the state in SQLite.
    Alone,
    /// The first of several servers: it starts etcd.
    Start,
    /// Any other node: it asks the first server.
    Ask(Ipv4),
}

/// How Flux gets into a cluster: by the first-boot manifests of its servers.
#[derive(Debug)]
pub struct FluxBootstrap {
    /// The version of Flux.
    pub version: Version,
    /// The chart version of Flux Operator.
    pub operator: Version,
    /// Whether its image automation runs.
    pub image_automation: bool,
    /// Secrets that the servers make from files on their disks.
    pub secrets: Vec<DiskSecret>,
}

impl Lab {
    /// Whether some network storage exports NFS.
    pub fn has_nfs(&self) -> bool {
        self.storage.iter().any(|storage| storage.nfs.is_some())
    }
}

impl Cluster {
    /// How many apps it runs.
    pub fn apps(&self) -> usize {
        self.interfaces.iter().filter(|(origin, _)| *origin == Origin::App).count()
    }

    /// The addresses of the servers.
    pub fn servers(&self) -> impl Iterator<Item = Ipv4> {
        self.nodes.iter().filter(|node| node.role == Role::Server).map(|node| node.address)
    }
}
