//! Apps: what people use.

use crate::by_key::by_key;
use crate::choices::{AppBackup, Strategy};
use crate::common::{Image, Login, Patch, Resources};
use crate::container::{EnvValue, Environment, Job, Parts, Probe, Security, Sidecar, Step};
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Entry, Spanned};
use crate::types::{
    AddressBlock, ChartRepository, DatabaseRef, EnvName, HostName, Ipv4, LabelKey, LabelValue, MountPath, Name,
    OneOrMore, PortNumber, RepoPath, ShareRef, Size, Version,
};
use diagnostic::Span;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use yaml::Value;

by_key! {
    /// An app: a container, or a Helm chart, with what it needs around it.
    App {
        /// A Helm chart.
        Helm(HelmApp) = "helm",
        /// A container.
        Container(ContainerApp) = "image",
    }
}

/// Declares a getter for fields that apps of every kind have.
macro_rules! common_fields {
    ($($(#[$meta:meta])* $field:ident: $type:ty,)+) => {
        impl App {
            $(
                $(#[$meta])*
                pub fn $field(&self) -> &$type {
                    match self {
                        Self::Helm(app) => &app.$field,
                        Self::Container(app) => &app.$field,
                    }
                }
            )+
        }
    };
}

common_fields! {
    /// What it is for.
    description: Option<String>,
    /// The database that it uses.
    database: Option<Spanned<DatabaseRef>>,
    /// The environment variables of its own container, or of its chart's Secret.
    env: Environment,
    /// Whether it is backed up.
    backup: Option<Spanned<AppBackup>>,
    /// Who can reach it.
    expose: Option<Expose>,
    /// Other apps of the cluster that must be ready first.
    depends_on: [Spanned<Name>],
    /// Changes to its manifests.
    patches: [Patch],
    /// Files with further manifests.
    manifests: [Spanned<RepoPath>],
}

impl App {
    /// The app, if it is a container.
    pub fn container(&self) -> Option<&ContainerApp> {
        match self {
            Self::Container(app) => Some(app),
            Self::Helm(_) => None,
        }
    }

    /// The environment variables of all its containers, each with the name of the container beside
    /// the app's own.
    pub fn variables(&self) -> impl Iterator<Item = (Option<&Spanned<Name>>, &EnvName, &Spanned<EnvValue>)> {
        let own = self.env().iter().map(|(name, value)| (None, name, value));
        let beside = self.container().into_iter().flat_map(ContainerApp::helpers);
        own.chain(beside.flat_map(|helper| helper.env.iter().map(move |(name, value)| (helper.name, name, value))))
    }

    /// The places where the app reads something out of the secret store.
    pub fn secret_spans(&self) -> impl Iterator<Item = Span> {
        let login = self.expose().as_ref().and_then(|expose| expose.login.as_ref()).map(|login| login.username.span);
        self.variables().filter_map(|(.., value)| value.secret_span()).chain(login)
    }

    /// Whether it reads anything out of the secret store.
    pub fn has_secrets(&self) -> bool {
        self.secret_spans().next().is_some()
    }
}

impl ContainerApp {
    /// What its own container is made from.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            name: None,
            image: Some(&self.image),
            command: &self.command,
            args: &self.args,
            env: &self.env,
            mounts: None,
            resources: self.resources.as_ref(),
            security: self.security.as_ref(),
        }
    }

    /// All its containers: its own, those before and beside it, those of its jobs.
    pub fn containers(&self) -> impl Iterator<Item = Parts<'_>> {
        [self.parts()].into_iter().chain(self.helpers())
    }

    /// The containers before and beside its own, and those of its jobs.
    pub fn helpers(&self) -> impl Iterator<Item = Parts<'_>> {
        let init = self.init.iter().map(Step::parts);
        init.chain(self.sidecars.iter().map(Entry::<Sidecar>::parts)).chain(self.jobs.iter().map(Entry::<Job>::parts))
    }
}

/// An app that is a container, with what it needs around it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "container app")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContainerApp {
    /// What the app is for, for people.
    pub description: Option<String>,
    /// The image that it runs.
    pub image: Image,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// The port that it serves HTTP on.
    pub port: Option<Spanned<PortNumber>>,
    /// Its other ports, by name.
    #[serde(default)]
    pub ports: Entries<Port>,
    /// The PostgreSQL that keeps its data, of its own or of another cluster: it gets a role and a
    /// database there. The password is the key `database-password` of the secret entry with the
    /// app's name. `env` tells the app how to connect.
    pub database: Option<Spanned<DatabaseRef>>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`.
    #[serde(default)]
    pub env: Environment,
    /// Files that it reads, by name. A change restarts it.
    #[serde(default)]
    pub files: Entries<TextFile>,
    /// Volumes, by name.
    #[serde(default)]
    pub storage: Entries<Volume>,
    /// Whether its volumes and objects are backed up. An app with storage of its own should say so.
    pub backup: Option<Spanned<AppBackup>>,
    /// Who can reach it. Default: other pods of the cluster.
    pub expose: Option<Expose>,
    /// How Kubernetes asks whether it is well. Default: whether its port takes connections.
    pub probe: Option<Probe>,
    /// Processor and memory that it asks for and may use.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// Whether it uses the GPU of a node.
    #[serde(default)]
    pub gpu: OrDefault<defaults::Off>,
    /// What the container may do. Default: as little as possible.
    pub security: Option<Security>,
    /// Number of pods.
    #[serde(default)]
    pub replicas: OrDefault<defaults::Replicas>,
    /// How a new version takes the place of the old one. Default: `recreate` if it has a volume that
    /// only one node mounts, `rolling` otherwise.
    pub strategy: Option<Spanned<Strategy>>,
    /// Containers that run before it, one after the other.
    #[serde(default)]
    pub init: Vec<Step>,
    /// Containers that run beside it, by name. They share its network.
    #[serde(default)]
    pub sidecars: Entries<Sidecar>,
    /// What runs at set times, by name.
    #[serde(default)]
    pub jobs: Entries<Job>,
    /// What it may ask of Kubernetes. Default: nothing, it gets no token.
    pub service_account: Option<ServiceAccount>,
    /// Labels of the nodes that it may run on. Default: any node.
    #[serde(default)]
    pub nodes: BTreeMap<LabelKey, Spanned<LabelValue>>,
    /// Whether it shares the network of its node, for apps that look for devices on the LAN. The
    /// LAN then reaches its `port` and `ports` at the address of the node.
    #[serde(default)]
    pub host_network: OrDefault<defaults::Off>,
    /// Other apps of the cluster that must be ready first.
    #[serde(default)]
    pub depends_on: Vec<Spanned<Name>>,
    /// Changes to its manifests.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Files of this repository with further manifests for its namespace.
    #[serde(default)]
    pub manifests: Vec<Spanned<RepoPath>>,
}

/// An app that a Helm chart installs. Its Secret with the variables of `env` has the app's name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "Helm app", extend("x-remedy" = "set it in `helm.values`, as the chart names it"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HelmApp {
    /// What the app is for, for people.
    pub description: Option<String>,
    /// The Helm chart that installs it.
    pub helm: HelmChart,
    /// The PostgreSQL that keeps its data, of its own or of another cluster: it gets a role and a
    /// database there. The password is the key `database-password` of the secret entry with the
    /// app's name. `env` tells the app how to connect.
    pub database: Option<Spanned<DatabaseRef>>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`.
    #[serde(default)]
    pub env: Environment,
    /// Whether its volumes and objects are backed up. An app with storage of its own should say so.
    pub backup: Option<Spanned<AppBackup>>,
    /// Who can reach it. Default: other pods of the cluster.
    pub expose: Option<Expose>,
    /// Other apps of the cluster that must be ready first.
    #[serde(default)]
    pub depends_on: Vec<Spanned<Name>>,
    /// Changes to its manifests.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Files of this repository with further manifests for its namespace.
    #[serde(default)]
    pub manifests: Vec<Spanned<RepoPath>>,
}

/// A Helm chart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HelmChart {
    /// The chart's name.
    pub chart: Spanned<Name>,
    /// Where it is: `oci://REGISTRY/PATH` or `https://REPOSITORY`, without the chart's name.
    pub repository: Spanned<ChartRepository>,
    /// Its version.
    pub version: Spanned<Version>,
    /// Helm values.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// The Service that is exposed. Default: the app's name.
    pub service: Option<Spanned<Name>>,
    /// The port of that Service.
    #[serde(default)]
    pub service_port: OrDefault<defaults::HelmServicePort>,
    /// Which pods its namespace admits.
    #[serde(default)]
    pub pod_security: OrDefault<defaults::HelmPodSecurity>,
}

by_key! {
    /// A volume of an app: its own storage (`size`), a share of network storage (`nfs`), scratch space
    /// (`scratch`) or a device of the node (`device`).
    Volume {
        /// Storage of its own.
        Claim(ClaimVolume) = "size",
        /// A folder of network storage.
        Nfs(NfsVolume) = "nfs",
        /// Space that is gone with the pod.
        Scratch(ScratchVolume) = "scratch",
        /// A device file of the node.
        Device(DeviceVolume) = "device",
    }
}

impl Volume {
    /// Where the app's own container sees it.
    pub fn mount(&self) -> Option<&Spanned<MountPath>> {
        match self {
            Self::Claim(volume) => volume.mount.as_ref(),
            Self::Nfs(volume) => volume.mount.as_ref(),
            Self::Scratch(volume) => volume.mount.as_ref(),
            Self::Device(volume) => Some(volume.mount.as_ref().unwrap_or(&volume.device)),
        }
    }

    /// Whether containers only read it.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Claim(volume) => &volume.read_only,
            Self::Nfs(volume) => &volume.read_only,
            Self::Scratch(volume) => &volume.read_only,
            Self::Device(volume) => &volume.read_only,
        }
        .is_on()
    }

    /// The volume, if it is storage of the app's own.
    pub fn claim(&self) -> Option<&ClaimVolume> {
        match self {
            Self::Claim(volume) => Some(volume),
            Self::Nfs(_) | Self::Scratch(_) | Self::Device(_) => None,
        }
    }

    /// The device file, if it is one.
    pub fn device(&self) -> Option<&Spanned<MountPath>> {
        match self {
            Self::Device(volume) => Some(&volume.device),
            Self::Claim(_) | Self::Nfs(_) | Self::Scratch(_) => None,
        }
    }
}

/// Storage of the app's own.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `size`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClaimVolume {
    /// How large its own storage is.
    pub size: Spanned<Size>,
    /// Where the app's container sees it. Default for a device: where the node has it. A volume that only
    /// others mount needs none.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the container only reads it.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
    /// The storage class of its own storage. Default: the cluster's, which is `local-path` unless
    /// `platform.storage.default-class` says otherwise: a folder on the disk of the node where the
    /// app first runs; it ties the app to that node.
    pub class: Option<Spanned<Name>>,
    /// Whether pods on several nodes mount its own storage. Only classes on network storage can.
    #[serde(default)]
    pub shared: OrDefault<defaults::Off>,
}

/// A folder of network storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `nfs`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NfsVolume {
    /// A folder of network storage: `STORAGE/PATH` below the volume that it exports.
    pub nfs: Spanned<ShareRef>,
    /// Where the app's container sees it. Default for a device: where the node has it. A volume that only
    /// others mount needs none.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the container only reads it.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
}

/// Space that is gone with the pod.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `scratch`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScratchVolume {
    /// How much may be written to scratch space, which is gone with the pod.
    pub scratch: Spanned<Size>,
    /// Where the app's container sees it. Default for a device: where the node has it. A volume that only
    /// others mount needs none.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the container only reads it.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
}

/// A device file of the node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `device`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceVolume {
    /// A device file of the node, such as a USB stick. The node must have it among its `devices`.
    pub device: Spanned<MountPath>,
    /// Where the app's container sees it. Default for a device: where the node has it. A volume that only
    /// others mount needs none.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the container only reads it.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
}

/// A port beside the one for HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Port {
    /// Its number.
    pub port: Spanned<PortNumber>,
    /// Its protocol.
    #[serde(default)]
    pub protocol: OrDefault<defaults::PortProtocol>,
    /// The address of the cluster's `load-balancer` range at which the LAN reaches it.
    /// Default: none, only pods of the cluster do.
    pub lan: Option<Spanned<Ipv4>>,
}

/// A file that an app reads.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TextFile {
    /// Where the container sees it.
    pub path: Spanned<MountPath>,
    /// What stands in it. It is committed as it is: no secrets.
    pub text: String,
}

/// What an app may ask of Kubernetes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceAccount {
    /// What it may do.
    pub rules: OneOrMore<AccessRule>,
    /// Whether it may do so in all namespaces. Default: `false`, only in its own.
    #[serde(default)]
    pub cluster_wide: OrDefault<defaults::Off>,
}

/// Things that an app may do with objects of Kubernetes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessRule {
    /// The API groups of the objects. Default: the core group.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Their kinds, as the API spells them: `pods`, `ingresses`.
    pub resources: OneOrMore<String>,
    /// What it may do with them: `get`, `list`, `watch`…
    pub verbs: OneOrMore<String>,
}

/// Who can reach an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expose {
    /// Its host name: a label below the lab's domain, or a whole name inside that domain.
    pub host: Spanned<HostName>,
    /// Whether the Internet reaches it too: its name then stands in the public zone and points to
    /// the lab's entry. Default: `false`, reachable from the LAN only.
    #[serde(default)]
    pub public: OrDefault<defaults::Off>,
    /// A name and a password that everybody must give. Default: none, the app sees to that itself.
    pub login: Option<Login>,
    /// Networks and single addresses that may reach it; others are turned away. Default: all if it is
    /// public, otherwise the LAN and the pods of the lab.
    pub allow: Option<OneOrMore<Spanned<AddressBlock>>>,
}
