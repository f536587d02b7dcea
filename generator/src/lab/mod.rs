//! What is meant: the spec with defaults applied, references bound and every rule held.
//!
//! A [`Lab`] that exists is a valid one. Only [`resolve`] makes it.

mod app;
mod dependencies;
mod files;
mod pins;
mod placement;
mod resolve;
mod rules;
mod unit;

pub use crate::spec::{Gpu, Role, Snapshotter};
pub use app::{
    Access, Amount, Amounts, App, Claim, Container, Containers, DefaultAmounts, Env, EnvText, ImageUpdate, Job,
    LanService, Mount, Pod, PodVolume, Probe, SecretData, ServicePort, ServiceTarget, TextFile, VolumeSource, Workload,
};
pub(crate) use files::manifests;
pub use files::{File, Files, Problem, referenced};
pub use pins::{PINS, with_pin};
pub(crate) use resolve::bind_patches;
pub use resolve::{Resolved, may_be, resolve};
pub(crate) use rules::{DEFAULT_PODS, is_floating};
pub use unit::{
    AccessPolicy, Capability, Chart, ChartSource, Exposure, ExternalSecret, HealthExpression, Interface, Manifest,
    Namespace, Need, Object, Patch, PodSecurity, Release, Template, Tls, Unit,
};

use crate::spec::types::{AddressRange, Ipv4, Ipv4Cidr, ObjectRef, Size};
use std::collections::BTreeSet;
use yaml::Value;

/// The group `render` of NixOS, whose number is fixed there: it owns GPUs, on nodes and in pods.
pub const RENDER_GROUP: u32 = 303;

/// A homelab.
#[derive(Debug)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// The domain that its host names lie in.
    pub domain: String,
    /// The time zone of its nodes.
    pub timezone: String,
    /// Where its state is kept.
    pub repository: Repository,
    /// Who may log in to the nodes.
    pub ssh_keys: Vec<String>,
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
    pub url: String,
    /// The branch that is followed.
    pub branch: String,
    /// Whether reading it takes a deploy key.
    pub needs_key: bool,
}

/// A machine that runs Proxmox VE.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub name: String,
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
    pub name: String,
    /// Its make and model.
    pub model: Option<String>,
    /// Its address.
    pub address: Ipv4,
    /// The volume that it exports by NFS.
    pub nfs: Option<String>,
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
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The minor version of Kubernetes.
    pub k3s_version: String,
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
    /// The units of its platform, in the order in which they were declared.
    pub units: Vec<Unit>,
    /// Parts of its platform that people use.
    pub interfaces: Vec<Interface>,
    /// Its apps, by name.
    pub apps: Vec<App>,
    /// Objects that come from elsewhere.
    pub external: Vec<ObjectRef>,
}

/// A node.
#[derive(Debug)]
pub struct Node {
    /// Its host name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The machine it stands on.
    pub host: String,
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
    pub disk_storage: String,
    /// The bridge it is attached to.
    pub bridge: String,
    /// The GPU it is given.
    pub gpu: Option<Gpu>,
    /// Whether its container is privileged.
    pub privileged: bool,
    /// Device files of the host that it gets.
    pub devices: Vec<String>,
    /// Kubernetes labels.
    pub labels: Vec<(String, String)>,
    /// Further NixOS modules, as paths from the top of the repository.
    pub modules: Vec<String>,
    /// Its ports that the LAN reaches, for apps that share its network.
    pub ports: NodePorts,
    /// How it finds its cluster.
    pub join: Join,
}

impl Node {
    /// The labels that it registers with.
    pub fn registered_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let given = self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        given.chain(self.gpu.map(|Gpu::Intel| placement::GPU_LABEL))
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
    pub version: String,
    /// The chart version of Flux Operator.
    pub operator: String,
    /// Whether its image automation runs.
    pub image_automation: bool,
    /// Secrets that the servers make from files on their disks.
    pub secrets: Vec<DiskSecret>,
}

/// A Secret that a server makes from files on its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSecret {
    /// The namespace it is put into.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its keys, and the file that holds the value of each.
    pub keys: Vec<(String, String)>,
}

impl Lab {
    /// Whether some network storage exports NFS.
    pub fn has_nfs(&self) -> bool {
        self.storage.iter().any(|storage| storage.nfs.is_some())
    }
}

impl Cluster {
    /// The addresses of the servers.
    pub fn servers(&self) -> impl Iterator<Item = Ipv4> {
        self.nodes.iter().filter(|node| node.role == Role::Server).map(|node| node.address)
    }
}
