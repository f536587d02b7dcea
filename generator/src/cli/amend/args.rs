//! The arguments of the commands that change the spec.

use amend::{AppFields, ClusterFields, DatabaseChoice, HostFields, Image, Kind, NodeFields, SecretFields};
use amend::{StorageFields, Volume};
use clap::{Args, Subcommand, ValueEnum};

const ADD_EXAMPLES: &str = "Examples:
  homelab add app linkding --public
  homelab add app marks --from linkding --host marks
  homelab add app whoami --image docker.io/traefik/whoami:v1.11.0 --port 80 --user 65534 --host whoami
  homelab add node worker-2 --host elitedesk --memory 8GiB
  homelab add host nuc --memory 32GiB --address 192.168.10.13
  homelab add secret mail --key username --key password";

const RENAME_EXAMPLES: &str = "Examples:
  homelab rename app linkding bookmarks
  homelab rename host lenovo neo --dry-run";

const REMOVE_EXAMPLES: &str = "Examples:
  homelab remove app memos
  homelab remove secret memos";

/// What happens with the result.
#[derive(Debug, Args)]
pub(in super::super) struct Writing {
    /// Write nothing; print the diff of the spec
    #[arg(long, global = true, display_order = 100)]
    pub(super) dry_run: bool,
    /// Change only the spec, not the generated files
    #[arg(long, global = true, display_order = 101)]
    pub(super) no_generate: bool,
}

#[derive(Debug, Args)]
#[command(after_help = ADD_EXAMPLES)]
pub(in super::super) struct Adding {
    #[command(subcommand)]
    pub(super) what: Added,
    #[command(flatten)]
    pub(super) writing: Writing,
}

#[derive(Debug, Args)]
#[command(after_help = RENAME_EXAMPLES)]
pub(in super::super) struct Renaming {
    /// Kind of the entry
    #[arg(value_enum)]
    pub(super) kind: What,
    /// Its name
    pub(super) old: String,
    /// Its new name
    pub(super) new: String,
    #[command(flatten)]
    pub(super) changing: Changing,
}

#[derive(Debug, Args)]
#[command(after_help = REMOVE_EXAMPLES)]
pub(in super::super) struct Removing {
    /// Kind of the entry
    #[arg(value_enum)]
    pub(super) kind: What,
    /// Its name
    pub(super) name: String,
    #[command(flatten)]
    pub(super) changing: Changing,
}

#[derive(Debug, Args)]
pub(in super::super) struct Changing {
    /// Cluster of the app or node, if several have one of this name
    #[arg(long)]
    pub(super) cluster: Option<String>,
    /// Make the change although its plan has dangers
    #[arg(short, long)]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) writing: Writing,
}

/// A kind of entry.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(in super::super) enum What {
    /// An app of a cluster
    App,
    /// A node of a cluster
    Node,
    /// A host
    Host,
    /// A cluster
    Cluster,
    /// A secret entry
    Secret,
    /// Network storage
    Storage,
}

impl From<What> for Kind {
    fn from(what: What) -> Self {
        match what {
            What::App => Self::App,
            What::Node => Self::Node,
            What::Host => Self::Host,
            What::Cluster => Self::Cluster,
            What::Secret => Self::Secret,
            What::Storage => Self::Storage,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(in super::super) enum Added {
    /// Add an app, from the catalogue or from an image
    ///
    /// Adds the entry of the catalogue with this name, or that of --from, with its secret entry; `homelab apps` lists the
    /// catalogue. The app uses the database, storage and GPU that the lab has. Any other app needs --image.
    App(App),
    /// Add a node to a cluster
    Node(Node),
    /// Add a host
    Host(Host),
    /// Add a cluster with its first node
    Cluster(Cluster),
    /// Add a secret entry, or keys to one that exists
    Secret(Secret),
    /// Add network storage
    Storage(Storage),
}

#[derive(Debug, Args)]
pub(in super::super) struct App {
    /// Name of the app
    pub(super) name: String,
    /// Cluster of the app, if the lab has several
    #[arg(long)]
    cluster: Option<String>,
    /// Entry of the catalogue, if it has another name than the app
    #[arg(long, value_name = "ENTRY", conflicts_with = "image")]
    from: Option<String>,
    /// Host name: a label below the domain of the lab, or a full name
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// Expose the app to the Internet
    #[arg(long)]
    public: bool,
    /// Storage class of its volumes
    #[arg(long)]
    class: Option<String>,
    /// Give it a database, in this cluster or where the lab has a PostgreSQL
    #[arg(long, value_name = "CLUSTER", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    database: Option<String>,
    /// Give it no database, although it can use one
    #[arg(long, conflicts_with = "database")]
    no_database: bool,
    /// Load-balancer address for ports that the LAN reaches directly
    #[arg(long)]
    address: Option<String>,
    /// Container image of an app that is not from the catalogue
    #[arg(long, value_name = "REPOSITORY:TAG")]
    image: Option<String>,
    /// Port on which it serves HTTP
    #[arg(long, requires = "image")]
    port: Option<u16>,
    /// Volume; can be repeated
    #[arg(long, value_name = "NAME=SIZE:MOUNT", value_parser = volume, requires = "image")]
    volume: Vec<Volume>,
    /// ID of the user and group that it runs as
    #[arg(long, value_name = "ID", requires = "image")]
    user: Option<u32>,
    /// Environment variable; can be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "image")]
    env: Vec<(String, String)>,
    /// Path of its health check
    #[arg(long, value_name = "PATH", requires = "image")]
    probe: Option<String>,
}

impl App {
    pub(super) fn fields(&self) -> AppFields {
        let image = self.image.as_ref().map(|reference| Image {
            reference: reference.clone(),
            port: self.port,
            volumes: self.volume.clone(),
            user: self.user,
            env: self.env.clone(),
            probe: self.probe.clone(),
        });
        let database = match self.database.as_deref() {
            None if self.no_database => DatabaseChoice::None,
            None => DatabaseChoice::Usual,
            Some("") => DatabaseChoice::Any,
            Some(cluster) => DatabaseChoice::In(cluster.to_owned()),
        };
        AppFields {
            cluster: self.cluster.clone(),
            from: self.from.clone(),
            image,
            host: self.host.clone(),
            public: self.public,
            class: self.class.clone(),
            database,
            address: self.address.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct NodeFlags {
    /// Host that it runs on; by default the one whose nodes leave the most memory
    #[arg(long)]
    host: Option<String>,
    /// Address; by default the next free one
    #[arg(long)]
    address: Option<String>,
    /// VMID on Proxmox VE; by default the next free one
    #[arg(long)]
    vmid: Option<u32>,
    /// Kind of the node: `container` (LXC), the default, or `vm`, a virtual machine
    #[arg(long, value_parser = ["container", "vm"])]
    kind: Option<String>,
    /// Number of CPU cores
    #[arg(long)]
    cores: Option<u32>,
    /// Memory, such as 8GiB
    #[arg(long)]
    memory: Option<String>,
    /// Size of the root disk, such as 64GiB
    #[arg(long)]
    disk: Option<String>,
    /// Pass the GPU of its host to it
    #[arg(long)]
    gpu: bool,
}

impl NodeFlags {
    fn fields(&self, cluster: Option<&String>, role: Option<&String>) -> NodeFields {
        NodeFields {
            cluster: cluster.cloned(),
            host: self.host.clone(),
            kind: self.kind.clone(),
            role: role.cloned(),
            address: self.address.clone(),
            vmid: self.vmid,
            cores: self.cores,
            memory: self.memory.clone(),
            disk: self.disk.clone(),
            gpu: self.gpu,
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Node {
    /// Name of the node, which is its host name
    pub(super) name: String,
    /// Cluster of the node, if the lab has several
    #[arg(long)]
    cluster: Option<String>,
    /// Role in the cluster: server or agent
    #[arg(long, default_value = "agent", value_parser = ["server", "agent"])]
    role: String,
    #[command(flatten)]
    flags: NodeFlags,
}

impl Node {
    pub(super) fn fields(&self) -> NodeFields {
        self.flags.fields(self.cluster.as_ref(), Some(&self.role))
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Host {
    /// Name of the host
    pub(super) name: String,
    /// Memory, such as 32GiB
    #[arg(long)]
    memory: String,
    /// Address; by default the next free one
    #[arg(long)]
    address: Option<String>,
    /// Make and model
    #[arg(long)]
    model: Option<String>,
    /// CPU model
    #[arg(long)]
    cpu: Option<String>,
    /// Number of CPU threads
    #[arg(long)]
    threads: Option<u32>,
    /// GPU that its nodes can use, such as intel
    #[arg(long, value_name = "VENDOR")]
    gpu: Option<String>,
}

impl Host {
    pub(super) fn fields(&self) -> HostFields {
        HostFields {
            memory: self.memory.clone(),
            address: self.address.clone(),
            model: self.model.clone(),
            cpu: self.cpu.clone(),
            threads: self.threads,
            gpu: self.gpu.clone(),
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Cluster {
    /// Name of the cluster
    pub(super) name: String,
    /// Purpose of the cluster
    #[arg(long)]
    description: Option<String>,
    /// Load-balancer pool; by default the next free one
    #[arg(long, value_name = "FIRST-LAST")]
    load_balancer: Option<String>,
    /// Network of its pods; by default the next free one
    #[arg(long, value_name = "NETWORK")]
    pods: Option<String>,
    /// Network of its Services; by default the next free one
    #[arg(long, value_name = "NETWORK")]
    services: Option<String>,
    /// Name of its first node, a server; by default that of the cluster with -cp
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    #[command(flatten)]
    flags: NodeFlags,
}

impl Cluster {
    pub(super) fn fields(&self) -> ClusterFields {
        ClusterFields {
            description: self.description.clone(),
            load_balancer: self.load_balancer.clone(),
            pods: self.pods.clone(),
            services: self.services.clone(),
            node: self.node.clone(),
            first: self.flags.fields(None, None),
        }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Secret {
    /// Name of the entry
    pub(super) name: String,
    /// Key; can be repeated
    #[arg(long = "key", value_name = "KEY", required = true)]
    keys: Vec<String>,
    /// Purpose of the entry
    #[arg(long)]
    description: Option<String>,
    /// Path in the secret store; by default the name of the entry
    #[arg(long)]
    path: Option<String>,
}

impl Secret {
    pub(super) fn fields(&self) -> SecretFields {
        SecretFields { keys: self.keys.clone(), description: self.description.clone(), path: self.path.clone() }
    }
}

#[derive(Debug, Args)]
pub(in super::super) struct Storage {
    /// Name of the storage
    pub(super) name: String,
    /// Kind of the server
    #[arg(long, value_parser = ["nfs", "synology"])]
    kind: String,
    /// Address; by default the next free one
    #[arg(long)]
    address: Option<String>,
    /// Make and model
    #[arg(long)]
    model: Option<String>,
    /// Folder whose subfolders are exported over NFS, such as /volume1
    #[arg(long, value_name = "FOLDER")]
    nfs: Option<String>,
    /// Export in which volumes are created (nfs)
    #[arg(long, value_name = "FOLDER")]
    volumes: Option<String>,
}

impl Storage {
    pub(super) fn fields(&self) -> StorageFields {
        StorageFields {
            kind: self.kind.clone(),
            address: self.address.clone(),
            model: self.model.clone(),
            nfs: self.nfs.clone(),
            volumes: self.volumes.clone(),
        }
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

fn volume(text: &str) -> Result<Volume, String> {
    let parts = text.split_once('=').and_then(|(name, rest)| Some((name, rest.split_once(':')?)));
    match parts {
        Some((name, (size, mount))) if !name.is_empty() && !size.is_empty() && !mount.is_empty() => {
            Ok(Volume { name: name.to_owned(), size: size.to_owned(), mount: mount.to_owned() })
        }
        _ => Err("expected NAME=SIZE:MOUNT, such as data=5GiB:/data".to_owned()),
    }
}
