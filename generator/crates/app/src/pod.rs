//! The variables of the templates of pods.

use diagnostic::Span;
use model::{Amount, DataKey, ExportPath, ImageReference, ObjectName, PartName, PodContainers, PortName};
use serde::{Serialize, Serializer};
use spec::types::{EnvName, Ipv4, LabelKey, LabelValue, MountPath, Name, Quantity, UrlPath};
use spec::{LinuxCapability, Protocol};

/// A pod.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Pod {
    /// The ServiceAccount whose token it mounts.
    pub(crate) service_account: Option<ObjectName>,
    /// Its volumes that are backed up.
    pub(crate) backup: Vec<PartName>,
    /// The time in seconds that its containers get to stop, if it is not that of Kubernetes.
    pub(crate) stop_seconds: Option<u32>,
    /// Whether it shares the network of its node.
    pub(crate) host_network: bool,
    /// Labels of the nodes that it may run on.
    pub(crate) node_selector: Vec<(LabelKey, LabelValue)>,
    /// Whether its containers may run as root.
    pub(crate) root: bool,
    /// The user that it runs as.
    pub(crate) user: Option<u32>,
    /// The group that it runs as.
    pub(crate) group: Option<u32>,
    /// Supplemental groups.
    pub(crate) supplemental_groups: Vec<u32>,
    /// The app whose pods are spread over the nodes, if there are several.
    pub(crate) spread: Option<ObjectName>,
    /// Init containers, and sidecars that start before the app.
    pub(crate) init: Vec<Container>,
    /// Main container and the sidecars that start with it.
    pub(crate) containers: Vec<Container>,
    /// Its volumes.
    pub(crate) volumes: Vec<PodVolume>,
    /// Whether its containers terminate, and are restarted if they fail.
    pub(crate) ends: bool,
}

impl Pod {
    /// The names of its containers, for patches that change them.
    pub(crate) fn container_names(&self) -> PodContainers {
        let names = |containers: &[Container]| containers.iter().map(|container| container.name.clone()).collect();
        PodContainers { init: names(&self.init), main: names(&self.containers) }
    }
}

/// A container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Container {
    /// Its name.
    pub(crate) name: PartName,
    /// Its image.
    pub(crate) image: ImageReference,
    /// The ImagePolicy that updates it.
    pub(crate) policy: Option<ObjectName>,
    /// Whether it is an init container that keeps running: a native sidecar.
    pub(crate) restarts: bool,
    /// Replaces the image's entry point.
    pub(crate) command: Vec<String>,
    /// Replaces the image's arguments.
    pub(crate) args: Vec<String>,
    /// Its environment, by name.
    pub(crate) env: Vec<Env>,
    /// Its ports.
    pub(crate) ports: Vec<ServicePort>,
    /// How Kubernetes probes it.
    pub(crate) probes: Vec<Probe>,
    /// Requests of CPU and memory.
    pub(crate) requests: Vec<Amount>,
    /// Limits of CPU, memory and devices.
    pub(crate) limits: Vec<Amount>,
    /// Whether its root file system is read-only.
    pub(crate) read_only: bool,
    /// Whether it is privileged.
    pub(crate) privileged: bool,
    /// Whether it may run as root, if that differs from its pod.
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
    /// Its name; also that of the container's port, unless that is the main port.
    pub(crate) name: PortName,
    /// The port of the container, by name.
    pub(crate) target: PortName,
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
        let name = name.into();
        Self { name: name.clone(), target: name, port, served, protocol: Protocol::Tcp }
    }
}

/// Serializes a protocol as Kubernetes spells it.
fn as_kubernetes<S: Serializer>(protocol: &Protocol, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    })
}

/// A probe of a container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Probe {
    /// The field of the container, such as `readinessProbe`.
    pub(crate) field: &'static str,
    /// What it checks.
    pub(crate) check: Check,
    /// The interval, in seconds.
    pub(crate) period_seconds: u32,
    /// The timeout, in seconds.
    pub(crate) timeout_seconds: u32,
    /// The number of consecutive failures after which the probe fails.
    pub(crate) failure_threshold: Option<u32>,
}

/// The check of a probe.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    /// Runs a command in the container.
    Command(Vec<String>),
    /// Sends an HTTP request.
    Http {
        /// The path.
        path: UrlPath,
        /// The port.
        port: PortName,
        /// Whether by HTTPS. The kubelet does not verify the certificate.
        https: bool,
    },
    /// Opens a TCP connection to this port.
    Tcp(PortName),
}

/// The timeout of all probes, in seconds. That of Kubernetes, 1 second, is too short for an app that starts on a busy node.
const TIMEOUT: u32 = 5;

/// The interval of the startup probe, in seconds.
const STARTUP_PERIOD: u32 = 5;

impl Probe {
    /// Returns the probes of a container that may take `startup_seconds` to start.
    pub(crate) fn all(check: &Check, startup_seconds: u32) -> Vec<Self> {
        let startup = Self {
            field: "startupProbe",
            check: check.clone(),
            period_seconds: STARTUP_PERIOD,
            timeout_seconds: TIMEOUT,
            failure_threshold: Some(startup_seconds.div_ceil(STARTUP_PERIOD)),
        };
        let readiness = Self {
            field: "readinessProbe",
            check: check.clone(),
            period_seconds: 10,
            timeout_seconds: TIMEOUT,
            failure_threshold: None,
        };
        let liveness = Self {
            field: "livenessProbe",
            check: check.clone(),
            period_seconds: 30,
            timeout_seconds: TIMEOUT,
            failure_threshold: Some(5),
        };
        vec![startup, readiness, liveness]
    }
}

/// A volume mount of a container.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Mount {
    /// The volume.
    pub(crate) volume: PartName,
    /// The path in the container.
    pub(crate) path: MountPath,
    /// The file of the ConfigMap, if the volume is not mounted as a whole.
    pub(crate) part: Option<DataKey>,
    /// Whether the container can only read it.
    pub(crate) read_only: bool,
}

/// A volume of a pod.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PodVolume {
    /// Its name.
    pub(crate) name: PartName,
    /// Its source.
    pub(crate) source: VolumeSource,
}

/// The source of a volume.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VolumeSource {
    /// The PersistentVolumeClaim of this name.
    Claim(ObjectName),
    /// A folder of network storage, by NFS.
    Nfs {
        /// The address of the storage.
        server: Ipv4,
        /// The folder.
        path: ExportPath,
        /// Whether it is read-only.
        read_only: bool,
    },
    /// Scratch space, deleted with the pod.
    Scratch {
        /// Its size.
        size: Quantity,
        /// Whether it is in memory.
        in_memory: bool,
    },
    /// A folder of a host.
    Folder {
        /// Its claim.
        claim: ObjectName,
        /// Whether the kubelet mounts it read-only. Only then does it leave the group of its files as it is.
        read_only: bool,
    },
    /// Scratch space in memory, deleted with the pod.
    Memory(bool),
    /// A device file of the node, or a folder of them.
    Device {
        /// Its path.
        path: MountPath,
        /// What the kubelet must find there before it starts the pod.
        kind: &'static str,
    },
    /// The ConfigMap of this name.
    Files(ObjectName),
    /// The Secret of this name.
    Secret(ObjectName),
}

/// A folder of a host, as a volume of an app.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Folder {
    /// The name of its PersistentVolume, and of the claim.
    pub(crate) claim: ObjectName,
    /// Its path on nodes that may use it.
    pub(crate) path: ExportPath,
    /// The label of nodes that have it.
    pub(crate) label: String,
    /// The place of the volume in the spec.
    #[serde(skip)]
    pub(crate) place: Span,
}

/// A PersistentVolumeClaim of an app.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Claim {
    /// The name of the volume within the app.
    pub(crate) volume: PartName,
    /// The name of the claim.
    pub(crate) name: ObjectName,
    /// Its size.
    pub(crate) size: Quantity,
    /// Its storage class.
    pub(crate) class: Name,
    /// Whether several nodes can mount it.
    pub(crate) shared: bool,
    /// The place of the volume in the spec.
    #[serde(skip)]
    pub(crate) place: Span,
}

/// An environment variable.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Env {
    /// Its name.
    pub(crate) name: EnvName,
    /// Its value.
    pub(crate) value: EnvText,
}

/// The value of an environment variable.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EnvText {
    /// This text.
    Text(String),
    /// This key of the app's Secret.
    Key(DataKey),
}
