//! A pod as its templates read it.

use model::{Amount, DataKey, PartName, PortName};
use serde::{Serialize, Serializer};
use spec::types::{EnvName, LabelKey, LabelValue, MountPath, UrlPath};
use spec::{LinuxCapability, Protocol};

/// A pod.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pod {
    /// The ServiceAccount whose token it gets.
    pub(crate) service_account: Option<String>,
    /// Its volumes that are backed up.
    pub(crate) backup: Vec<PartName>,
    /// Whether it shares the network of its node.
    pub(crate) host_network: bool,
    /// Labels of the nodes that it may run on.
    pub(crate) node_selector: Vec<(LabelKey, LabelValue)>,
    /// Whether it may start as root.
    pub(crate) root: bool,
    /// The user that it runs as.
    pub(crate) user: Option<u32>,
    /// The group that it runs as.
    pub(crate) group: Option<u32>,
    /// Further groups.
    pub(crate) supplemental_groups: Vec<u32>,
    /// Containers that run first.
    pub(crate) init: Vec<Container>,
    /// Containers that run.
    pub(crate) containers: Vec<Container>,
    /// Its volumes.
    pub(crate) volumes: Vec<PodVolume>,
    /// Whether its containers are done at some point, and run again if they fail.
    pub(crate) ends: bool,
}

/// A container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Container {
    /// Its name.
    pub(crate) name: PartName,
    /// Its image with tag, and digest if one is given.
    pub(crate) image: String,
    /// The ImagePolicy that moves it.
    pub(crate) policy: Option<String>,
    /// In place of the image's entry point.
    pub(crate) command: Vec<String>,
    /// In place of the image's arguments.
    pub(crate) args: Vec<String>,
    /// Its environment, by name.
    pub(crate) env: Vec<Env>,
    /// Its ports.
    pub(crate) ports: Vec<ServicePort>,
    /// How Kubernetes probes it.
    pub(crate) probes: Vec<Probe>,
    /// CPU and memory that it requests.
    pub(crate) requests: Vec<Amount>,
    /// CPU and memory that it may use.
    pub(crate) limits: Vec<Amount>,
    /// Whether its root file system is read-only.
    pub(crate) read_only: bool,
    /// Whether it may do everything that root may do.
    pub(crate) privileged: bool,
    /// Whether it may start as root, if that differs from its pod.
    pub(crate) root: Option<bool>,
    /// The user that it runs as, if that differs from its pod.
    pub(crate) user: Option<u32>,
    /// The group that it runs as, if that differs from its pod.
    pub(crate) group: Option<u32>,
    /// Linux capabilities that it keeps.
    pub(crate) capabilities: Vec<LinuxCapability>,
    /// The pod's volumes that it mounts.
    pub(crate) mounts: Vec<Mount>,
}

/// A port of a container and of its Service.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ServicePort {
    /// Its name; also that of the container's port.
    pub(crate) name: PortName,
    /// Its number in the pod.
    pub(crate) port: u16,
    /// Its number at the Service.
    pub(crate) served: u16,
    /// Its protocol.
    #[serde(serialize_with = "as_kubernetes")]
    pub(crate) protocol: Protocol,
}

impl ServicePort {
    /// A port for TCP.
    pub(crate) fn tcp(name: impl Into<PortName>, port: u16, served: u16) -> Self {
        Self { name: name.into(), port, served, protocol: Protocol::Tcp }
    }
}

/// A protocol as Kubernetes writes it.
fn as_kubernetes<S: Serializer>(protocol: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    })
}

/// A probe of a container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Probe {
    /// The field of the container.
    pub(crate) field: &'static str,
    /// How the container is asked.
    pub(crate) check: Check,
    /// How often, in seconds.
    pub(crate) period_seconds: u32,
    /// How long an answer may take, in seconds.
    pub(crate) timeout_seconds: Option<u32>,
    /// How many failures in a row count.
    pub(crate) failure_threshold: Option<u32>,
}

/// How a container is asked whether it is well.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// By a command.
    Command(Vec<String>),
    /// By an HTTP request.
    Http {
        /// The path.
        path: UrlPath,
        /// The port.
        port: PortName,
    },
    /// By a connection to this port.
    Tcp(PortName),
}

/// How often the startup probe asks, in seconds.
const STARTUP_PERIOD: u32 = 5;

impl Probe {
    /// The probes of a container whose first start may take so many seconds.
    pub(crate) fn all(check: &Check, startup_seconds: u32) -> Vec<Self> {
        let startup = Self {
            field: "startupProbe",
            check: check.clone(),
            period_seconds: STARTUP_PERIOD,
            timeout_seconds: None,
            failure_threshold: Some(startup_seconds.div_ceil(STARTUP_PERIOD)),
        };
        let readiness = Self {
            field: "readinessProbe",
            check: check.clone(),
            period_seconds: 10,
            timeout_seconds: Some(5),
            failure_threshold: None,
        };
        let liveness = Self {
            field: "livenessProbe",
            check: check.clone(),
            period_seconds: 30,
            timeout_seconds: Some(5),
            failure_threshold: Some(5),
        };
        vec![startup, readiness, liveness]
    }
}

/// What a container sees of a volume.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mount {
    /// The volume.
    pub(crate) volume: PartName,
    /// Where.
    pub(crate) path: MountPath,
    /// The part of the volume, if not all of it.
    pub(crate) part: Option<String>,
    /// Whether it only reads it.
    pub(crate) read_only: bool,
}

/// A volume of a pod.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PodVolume {
    /// Its name.
    pub(crate) name: PartName,
    /// What it is.
    pub(crate) source: VolumeSource,
}

/// What a volume is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VolumeSource {
    /// Storage of the app's own.
    Claim(String),
    /// A folder of network storage.
    Nfs {
        /// The address of the storage.
        server: String,
        /// The folder.
        path: String,
        /// Whether it is only read.
        read_only: bool,
    },
    /// Space that is gone with the pod, of this size.
    Scratch(String),
    /// Space in memory that is gone with the pod.
    Memory(bool),
    /// A device file of the node.
    Device(MountPath),
    /// The ConfigMap of this name.
    Files(String),
}

/// Storage of an app's own.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Claim {
    /// The name of the volume within the app.
    pub(crate) volume: PartName,
    /// The name of the claim.
    pub(crate) name: String,
    /// Its size, as Kubernetes writes it.
    pub(crate) size: String,
    /// Its storage class.
    pub(crate) class: spec::types::Name,
    /// Whether several nodes mount it.
    pub(crate) shared: bool,
}

/// An environment variable.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Env {
    /// Its name.
    pub(crate) name: EnvName,
    /// What it holds.
    pub(crate) value: EnvText,
}

/// What an environment variable holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnvText {
    /// This text.
    Text(String),
    /// This key of the app's Secret.
    Key(DataKey),
}
