//! How the parts of a lab are connected, as its pictures show them.

use crate::names::{DatabaseName, ExportPath, ObjectName};
use spec::Protocol;
use spec::platform::ComponentId;
use spec::types::{Ipv4, MountPath, Name, Schedule, Size};

/// An active component of a cluster.
#[derive(Debug)]
pub struct Part {
    /// The component.
    pub component: ComponentId,
    /// Whether the spec configures it. Otherwise it is active because something in the cluster, such as an app, uses it.
    pub is_configured: bool,
    /// Its load-balancer addresses.
    pub addresses: Vec<Ipv4>,
    /// What it uses outside of its cluster.
    pub uses: Vec<Use>,
}

/// What a component uses outside of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Another cluster, to which it ships its data.
    Cluster(Name),
    /// Network storage, on which it creates volumes of these storage classes.
    Storage {
        /// The storage.
        storage: Name,
        /// The storage classes.
        classes: Vec<Name>,
    },
    /// A bucket that it writes backups to.
    Bucket {
        /// The host name of the S3 endpoint, with its port if it has one.
        server: String,
        /// The bucket.
        bucket: Name,
    },
}

/// How requests reach an app, and what it uses.
#[derive(Debug, Default)]
pub struct Flow {
    /// The Service that requests go to.
    pub service: Option<Service>,
    /// The user that its pods run as, if the spec sets it: 0 is root.
    pub user: Option<u32>,
    /// The number of its pods.
    pub replicas: u32,
    /// Whether it uses a GPU.
    pub gpu: bool,
    /// Whether it shares the network of its node.
    pub host_network: bool,
    /// The nodes that may run it, if not all of its cluster may.
    pub nodes: Vec<Name>,
    /// Its jobs, with their schedules.
    pub jobs: Vec<(Name, Schedule)>,
    /// Its volumes.
    pub volumes: Vec<VolumeUse>,
    /// Its database.
    pub database: Option<DatabaseUse>,
    /// The secret entries that it reads.
    pub secrets: Vec<Name>,
    /// The app that signs its users in.
    pub login: Option<Name>,
}

/// The Service of an app.
#[derive(Debug)]
pub struct Service {
    /// Its name.
    pub name: ObjectName,
    /// Its ports: number, the number in the pod if it is known, and protocol.
    pub ports: Vec<(u16, Option<u16>, Protocol)>,
}

/// A volume of an app.
#[derive(Debug)]
pub struct VolumeUse {
    /// Its name.
    pub name: Name,
    /// Where its main container mounts it.
    pub mount: Option<MountPath>,
    /// Whether the app only reads it.
    pub read_only: bool,
    /// Whether it is backed up.
    pub backup: bool,
    /// What it is.
    pub source: VolumePlace,
}

/// Where the data of a volume is.
#[derive(Debug)]
pub enum VolumePlace {
    /// In a volume of a storage class.
    Claim {
        /// The size.
        size: Size,
        /// The storage class.
        class: Name,
        /// The network storage; without it, the disk of a node.
        storage: Option<Name>,
    },
    /// In a folder of network storage.
    Share {
        /// The storage.
        storage: Name,
        /// The path.
        path: ExportPath,
    },
    /// In a folder of a host.
    Folder(Name),
    /// On the disk of the node or in its memory, until the pod ends.
    Scratch(Size),
    /// A device file of the node.
    Device(MountPath),
}

/// The database of an app.
#[derive(Debug)]
pub struct DatabaseUse {
    /// The cluster whose PostgreSQL has it.
    pub cluster: Name,
    /// Its name.
    pub name: DatabaseName,
}
