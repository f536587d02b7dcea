//! Apps: what people use.

use crate::by_key::by_key;
use crate::choices::{AppBackup, Protocol, Strategy};
use crate::common::{Image, Patch, Resources};
use crate::container::{EnvValue, Environment, Job, Parts, Probe, Security, Sidecar, Step};
use crate::defaults;
use crate::login::{AppLogin, ForwardAuth};
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Entry, Spanned};
use crate::types::{
    AddressBlock, ChartRepository, DatabaseRef, EnvName, ExtensionName, HostName, Ipv4, LabelKey, LabelValue,
    LanTarget, MountPath, Name, OneOrMore, PortNumber, RepoPath, SecretRef, ShareRef, Size, SqlName, Version, Whole,
};
use diagnostic::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use yaml::Value;

by_key! {
    /// An app: a container (`image`), a Helm chart (`helm`), or only scheduled jobs (`jobs`), with its storage,
    /// secrets, and exposure.
    App {
        /// A Helm chart.
        Helm(HelmApp) = "helm",
        /// A container.
        Container(ContainerApp) = "image",
        /// Scheduled jobs without a container that keeps running.
        Jobs(JobsApp) = "jobs",
    }
}

/// Declares a getter for each field that all kinds of apps have.
macro_rules! common_fields {
    ($($(#[$meta:meta])* $field:ident: $type:ty,)+) => {
        impl App {
            $(
                $(#[$meta])*
                pub fn $field(&self) -> &$type {
                    match self {
                        Self::Helm(app) => &app.$field,
                        Self::Container(app) => &app.$field,
                        Self::Jobs(app) => &app.0.$field,
                    }
                }
            )+
        }
    };
}

common_fields! {
    /// Its purpose.
    description: Option<String>,
    /// Its earlier name, which its objects keep.
    moved_from: Option<Spanned<Name>>,
    /// The PostgreSQL with its database.
    database: Option<Spanned<DatabaseRef>>,
    /// The name of its database.
    database_name: Option<Spanned<SqlName>>,
    /// The name of the role that owns its database.
    database_role: Option<Spanned<SqlName>>,
    /// The extensions of its database.
    database_extensions: [Spanned<ExtensionName>],
    /// The environment variables of the app's main container, or the keys of a Helm app's Secret.
    env: Environment,
    /// How it is backed up.
    backup: Option<Spanned<AppBackup>>,
    /// How it is exposed outside the cluster.
    expose: Option<Expose>,
    /// What it can reach.
    network: Option<Spanned<AppNetwork>>,
    /// The apps that must be ready before it is applied.
    depends_on: [Spanned<Name>],
    /// Patches for its generated manifests.
    patches: [Patch],
    /// Files with additional manifests.
    manifests: [Spanned<RepoPath>],
}

impl App {
    /// The earlier name that its objects keep, if it was renamed.
    pub fn earlier_name(&self) -> Option<&Spanned<Name>> {
        self.moved_from().as_ref()
    }

    /// The app, unless it is a Helm chart. An app that has only jobs is one without a main container.
    pub fn container(&self) -> Option<&ContainerApp> {
        match self {
            Self::Container(app) => Some(app),
            Self::Jobs(app) => Some(&app.0),
            Self::Helm(_) => None,
        }
    }

    /// The environment variables of all its containers, each with the name of the container unless it is
    /// the main one.
    pub fn variables(&self) -> impl Iterator<Item = (Option<&Spanned<Name>>, &EnvName, &Spanned<EnvValue>)> {
        let own = self.env().iter().map(|(name, value)| (None, name, value));
        let helpers = self.container().into_iter().flat_map(ContainerApp::helpers);
        own.chain(helpers.flat_map(|helper| helper.env.iter().map(move |(name, value)| (helper.name, name, value))))
    }

    /// The secrets that are mounted as files, each with the name of the file.
    pub fn secret_files(&self) -> impl Iterator<Item = (&Spanned<Name>, &Spanned<SecretRef>)> {
        let files = self.container().into_iter().flat_map(|container| &container.files);
        files.filter_map(|file| Some((&file.name, file.value.secret()?)))
    }

    /// The spans of all references to the secret store.
    pub fn secret_spans(&self) -> impl Iterator<Item = Span> {
        let login = self.login().and_then(|login| Some(login.password()?.username.span));
        let files = self.secret_files().map(|(_, secret)| secret.span);
        self.variables().filter_map(|(.., value)| value.secret_span()).chain(files).chain(login)
    }

    /// What the ingress requires of its users.
    pub fn login(&self) -> Option<&AppLogin> {
        self.expose().as_ref()?.login.as_ref()
    }

    /// How it signs users in for other apps, if it does.
    pub fn forward_auth(&self) -> Option<&Spanned<ForwardAuth>> {
        match self {
            Self::Helm(app) => app.forward_auth.as_ref(),
            Self::Container(app) => app.forward_auth.as_ref(),
            Self::Jobs(_) => None,
        }
    }

    /// Whether it reads from the secret store.
    pub fn has_secrets(&self) -> bool {
        self.secret_spans().next().is_some()
    }
}

impl Entry<App> {
    /// The name of its objects in the cluster, of its namespace, and of its database unless the spec sets one: the
    /// first name that the app had.
    pub fn object_name(&self) -> &Name {
        &self.named().value
    }

    /// The name of its objects, at its place in the spec.
    pub fn named(&self) -> &Spanned<Name> {
        self.value.earlier_name().unwrap_or(&self.name)
    }
}

impl Entries<App> {
    /// Returns the app whose objects have this name.
    pub fn by_object_name(&self, name: &str) -> Option<&Entry<App>> {
        let has_name = |app: &&Entry<App>| app.object_name().as_str() == name;
        self.get(name).filter(has_name).or_else(|| self.iter().find(has_name))
    }
}

impl Volume {
    /// The earlier name that its claim keeps, if it was renamed.
    pub fn earlier_name(&self) -> Option<&Spanned<Name>> {
        self.claim()?.moved_from.as_ref()
    }
}

impl Entry<Volume> {
    /// The name that its claim contains: the first name that the volume had.
    pub fn claim_name(&self) -> &Spanned<Name> {
        self.value.earlier_name().unwrap_or(&self.name)
    }
}

impl ContainerApp {
    /// The definition of its main container, if it has one.
    pub fn parts(&self) -> Option<Parts<'_>> {
        Some(Parts {
            name: None,
            image: Some(self.image.as_ref()?),
            command: &self.command,
            args: &self.args,
            env: &self.env,
            mounts: None,
            resources: self.resources.as_ref(),
            security: self.security.as_ref(),
        })
    }

    /// All its containers: the main container, init containers, sidecars and jobs.
    pub fn containers(&self) -> impl Iterator<Item = Parts<'_>> {
        self.parts().into_iter().chain(self.helpers())
    }

    /// Its images, each with the name of its container; `None` for the main container. Containers that run the
    /// app's image are not listed.
    pub fn images(&self) -> impl Iterator<Item = (Option<&Spanned<Name>>, &Image)> {
        let helpers = self.helpers().filter_map(|helper| Some((helper.name, helper.image?)));
        self.image.iter().map(|image| (None, image)).chain(helpers)
    }

    /// The mount path of a volume in its main container. A device without a `mount` is there, unless only other
    /// containers can open it: those that are privileged.
    pub fn mount<'a>(&self, volume: &'a Entry<Volume>) -> Option<&'a Spanned<MountPath>> {
        let own = self.security.as_ref();
        let is_privileged = own.is_some_and(|security| security.privileged.is_on());
        let mounts = |parts: Parts<'_>| parts.mounts.is_some_and(|mounts| mounts.get(volume.name.as_str()).is_some());
        let is_left_out = match &volume.value {
            Volume::Device(device) => device.mount.is_none() && !is_privileged && self.helpers().any(mounts),
            Volume::Claim(_) | Volume::Nfs(_) | Volume::Folder(_) | Volume::Scratch(_) => false,
        };
        volume.value.mount().filter(|_| !is_left_out && self.image.is_some())
    }

    /// Whether one of its ports is also its main port: the LAN reaches it by HTTP and directly.
    pub fn is_main_port(&self, port: &Port) -> bool {
        let is_same = self.port.as_ref().is_some_and(|main| main.value == port.port.value);
        is_same && *port.protocol.get() == Protocol::Tcp && port.lan.is_some()
    }

    /// Whether its LAN address is shared with other apps.
    pub fn shares_address(&self) -> bool {
        self.other_ports().any(|port| port.value.lan.is_some() && port.value.shared.is_on())
    }

    /// Its ports other than the one for HTTP, and those of its sidecars.
    pub fn other_ports(&self) -> impl Iterator<Item = &Entry<Port>> {
        self.ports.iter().chain(self.sidecars.iter().flat_map(|sidecar| &sidecar.value.ports))
    }

    /// Its init containers, sidecars and jobs.
    pub fn helpers(&self) -> impl Iterator<Item = Parts<'_>> {
        let init = self.init.iter().map(Parts::from);
        init.chain(self.sidecars.iter().map(Parts::from)).chain(self.jobs.iter().map(Parts::from))
    }
}

/// An app that runs a container image.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(title = "container app")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContainerApp {
    /// Purpose of the app, for display only.
    pub description: Option<String>,
    /// Earlier name of the app. In the cluster, the app keeps that name, with its namespace, volumes, database and
    /// password: Kubernetes cannot rename objects. Set it when you rename the app, and keep it. Without it, the app
    /// gets new, empty volumes. Default: the app has the same name in the cluster.
    pub moved_from: Option<Spanned<Name>>,
    /// Container image of the app.
    #[serde(deserialize_with = "required")]
    #[schemars(with = "Image")]
    pub image: Option<Image>,
    /// Command that overrides the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Arguments that override those of the image.
    #[serde(default)]
    pub args: Vec<String>,
    /// TCP port on which the app serves HTTP.
    pub port: Option<Spanned<PortNumber>>,
    /// Whether the app serves HTTPS on that port instead. The ingress, the HTTP probes and Prometheus then use
    /// HTTPS, and do not verify the certificate of the app.
    #[serde(default)]
    pub https: OrDefault<defaults::Off>,
    /// Other ports, by name.
    #[serde(default)]
    pub ports: Entries<Port>,
    /// PostgreSQL cluster that stores the app's data: `CLUSTER/postgres`, of any cluster in the lab. A
    /// role and a database with the app's name are created there. The password is the key
    /// `database-password` of the secret entry with the app's name. `env` passes the connection to the
    /// app.
    pub database: Option<Spanned<DatabaseRef>>,
    /// Name of the app's database. Default: the name of the app, with `_` for `-`.
    pub database_name: Option<Spanned<SqlName>>,
    /// Name of the role that owns the app's database. Default: the name of the database.
    pub database_role: Option<Spanned<SqlName>>,
    /// Extensions of PostgreSQL that are created in the app's database. The image of PostgreSQL must contain
    /// them. An extension that is removed from the list stays in the database.
    #[serde(default)]
    pub database_extensions: Vec<Spanned<ExtensionName>>,
    /// Environment variables, by name: a string, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A Helm
    /// app accepts only secret values, and stores them in a Secret with the app's name.
    #[serde(default)]
    pub env: Environment,
    /// Files that are mounted into containers, by name: texts, files of this repository, or secrets. A change
    /// restarts the app.
    #[serde(default)]
    pub files: Entries<AppFile>,
    /// Volumes, by name.
    #[serde(default)]
    pub storage: Entries<Volume>,
    /// How the app's volumes are backed up. If an app with its own volumes does not set it, validation
    /// reports a warning.
    pub backup: Option<Spanned<AppBackup>>,
    /// How the app is exposed outside the cluster. Default: only apps that name it can reach it.
    pub expose: Option<Expose>,
    /// How the app signs users in for other apps of its cluster (forward auth). An app that sets `login: { by: APP }` in
    /// its `expose` requires it. Default: it does not.
    pub forward_auth: Option<Spanned<ForwardAuth>>,
    /// What the app can reach. Default: the Internet, its database, the apps in `depends-on`, and the apps
    /// whose address, such as `db.db.svc`, is in its `env`, `args`, `files` or `helm.values`; nothing in the
    /// LAN.
    pub network: Option<Spanned<AppNetwork>>,
    /// Health check for the startup, readiness and liveness probes. Default: a TCP connection to the
    /// port.
    pub probe: Option<Probe>,
    /// Metrics of the app, which `platform.monitoring` collects. Default: none are collected.
    pub metrics: Option<Spanned<Metrics>>,
    /// CPU and memory requests and limits.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// Whether the app uses the GPU of a node. It requests one of the GPU's shares.
    #[serde(default)]
    pub gpu: OrDefault<defaults::Off>,
    /// Security context of the container. Default: a non-root user without Linux capabilities.
    pub security: Option<Spanned<Security>>,
    /// Number of replicas (pods).
    #[serde(default)]
    pub replicas: OrDefault<defaults::Replicas>,
    /// How an update replaces pods. Default: `recreate` if the app has a volume that only one node can
    /// mount, or writes to a folder of a host, `rolling` otherwise.
    pub strategy: Option<Spanned<Strategy>>,
    /// Time in seconds that the app's containers get to stop before they are killed
    /// (`terminationGracePeriodSeconds`). Default: 30, the default of Kubernetes.
    pub stop_seconds: Option<Spanned<Whole<u32, 1, 3600>>>,
    /// Init containers, which run one after the other before the app starts.
    #[serde(default)]
    pub init: Vec<Step>,
    /// Sidecar containers, by name. They run in the app's pod and share its network.
    #[serde(default)]
    pub sidecars: Entries<Sidecar>,
    /// Scheduled jobs (CronJobs), by name. In an app without an `image`, each sets its own.
    #[serde(default)]
    pub jobs: Entries<Job>,
    /// RBAC permissions of the app in the Kubernetes API. Default: none, and the pod gets no token.
    pub service_account: Option<ServiceAccount>,
    /// Labels of the nodes that the app can run on (node selector). Default: any node.
    #[serde(default)]
    pub nodes: BTreeMap<LabelKey, Spanned<LabelValue>>,
    /// Whether the pod uses the network of its node (`hostNetwork`), for apps that discover devices on
    /// the LAN. The LAN then reaches `port` and `ports` at the address of the node.
    #[serde(default)]
    pub host_network: OrDefault<defaults::Off>,
    /// Apps of the same cluster that must be ready before this one is applied.
    #[serde(default)]
    #[schemars(extend("x-refers-to" = "app"))]
    pub depends_on: Vec<Spanned<Name>>,
    /// Kustomize patches for the generated manifests.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Files of this repository with additional manifests for the app's namespace.
    #[serde(default)]
    pub manifests: Vec<Spanned<RepoPath>>,
}

/// Reads a field that an app needs, and that an app of another kind does not have.
fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Reads the jobs of an app that has only jobs. Without a value, the field does not say that it is one.
fn jobs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Entries<Job>, D::Error> {
    Option::deserialize(deserializer)?.ok_or_else(|| D::Error::custom("expected a mapping from names"))
}

/// An app that has only jobs: a container app without a main container.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "JobsFields")]
pub struct JobsApp(pub ContainerApp);

impl JsonSchema for JobsApp {
    fn schema_name() -> Cow<'static, str> {
        "JobsApp".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        JobsFields::json_schema(generator)
    }
}

/// An app that has only scheduled jobs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "jobs-only app", extend("x-remedy" = "set it in each job, or add the `image` of a container that keeps running"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct JobsFields {
    /// Purpose of the app, for display only.
    description: Option<String>,
    /// Earlier name of the app. In the cluster, the app keeps that name, with its namespace, volumes, database and
    /// password: Kubernetes cannot rename objects. Set it when you rename the app, and keep it. Without it, the app
    /// gets new, empty volumes. Default: the app has the same name in the cluster.
    moved_from: Option<Spanned<Name>>,
    /// Scheduled jobs (CronJobs), by name. In an app without an `image`, each sets its own.
    #[serde(deserialize_with = "jobs")]
    #[schemars(extend("type" = "object"))]
    jobs: Entries<Job>,
    /// PostgreSQL cluster that stores the app's data: `CLUSTER/postgres`, of any cluster in the lab. A
    /// role and a database with the app's name are created there. The password is the key
    /// `database-password` of the secret entry with the app's name. `env` passes the connection to the
    /// app.
    database: Option<Spanned<DatabaseRef>>,
    /// Name of the app's database. Default: the name of the app, with `_` for `-`.
    database_name: Option<Spanned<SqlName>>,
    /// Name of the role that owns the app's database. Default: the name of the database.
    database_role: Option<Spanned<SqlName>>,
    /// Extensions of PostgreSQL that are created in the app's database. The image of PostgreSQL must contain
    /// them. An extension that is removed from the list stays in the database.
    #[serde(default)]
    database_extensions: Vec<Spanned<ExtensionName>>,
    /// Files that are mounted into containers, by name: texts, files of this repository, or secrets. A change
    /// restarts the app.
    #[serde(default)]
    files: Entries<AppFile>,
    /// Volumes, by name.
    #[serde(default)]
    storage: Entries<Volume>,
    /// How the app's volumes are backed up. If an app with its own volumes does not set it, validation
    /// reports a warning.
    backup: Option<Spanned<AppBackup>>,
    /// What the app can reach. Default: the Internet, its database, the apps in `depends-on`, and the apps
    /// whose address, such as `db.db.svc`, is in its `env`, `args`, `files` or `helm.values`; nothing in the
    /// LAN.
    network: Option<Spanned<AppNetwork>>,
    /// Labels of the nodes that the app can run on (node selector). Default: any node.
    #[serde(default)]
    nodes: BTreeMap<LabelKey, Spanned<LabelValue>>,
    /// Apps of the same cluster that must be ready before this one is applied.
    #[serde(default)]
    #[schemars(extend("x-refers-to" = "app"))]
    depends_on: Vec<Spanned<Name>>,
    /// Kustomize patches for the generated manifests.
    #[serde(default)]
    patches: Vec<Patch>,
    /// Files of this repository with additional manifests for the app's namespace.
    #[serde(default)]
    manifests: Vec<Spanned<RepoPath>>,
}

impl From<JobsFields> for JobsApp {
    fn from(fields: JobsFields) -> Self {
        Self(ContainerApp {
            description: fields.description,
            moved_from: fields.moved_from,
            jobs: fields.jobs,
            database: fields.database,
            database_name: fields.database_name,
            database_role: fields.database_role,
            database_extensions: fields.database_extensions,
            files: fields.files,
            storage: fields.storage,
            backup: fields.backup,
            network: fields.network,
            nodes: fields.nodes,
            depends_on: fields.depends_on,
            patches: fields.patches,
            manifests: fields.manifests,
            ..ContainerApp::default()
        })
    }
}

/// An app that is installed by a Helm chart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "Helm app", extend("x-remedy" = "set the chart's equivalent in `helm.values`"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HelmApp {
    /// Purpose of the app, for display only.
    pub description: Option<String>,
    /// Earlier name of the app. In the cluster, the app keeps that name, with its namespace, volumes, database and
    /// password: Kubernetes cannot rename objects. Set it when you rename the app, and keep it. Without it, the app
    /// gets new, empty volumes. Default: the app has the same name in the cluster.
    pub moved_from: Option<Spanned<Name>>,
    /// Helm chart of the app.
    pub helm: HelmChart,
    /// PostgreSQL cluster that stores the app's data: `CLUSTER/postgres`, of any cluster in the lab. A
    /// role and a database with the app's name are created there. The password is the key
    /// `database-password` of the secret entry with the app's name. `env` passes the connection to the
    /// app.
    pub database: Option<Spanned<DatabaseRef>>,
    /// Name of the app's database. Default: the name of the app, with `_` for `-`.
    pub database_name: Option<Spanned<SqlName>>,
    /// Name of the role that owns the app's database. Default: the name of the database.
    pub database_role: Option<Spanned<SqlName>>,
    /// Extensions of PostgreSQL that are created in the app's database. The image of PostgreSQL must contain
    /// them. An extension that is removed from the list stays in the database.
    #[serde(default)]
    pub database_extensions: Vec<Spanned<ExtensionName>>,
    /// Environment variables, by name: a string, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A Helm
    /// app accepts only secret values, and stores them in a Secret with the app's name.
    #[serde(default)]
    pub env: Environment,
    /// How the app's volumes are backed up. If an app with its own volumes does not set it, validation
    /// reports a warning.
    pub backup: Option<Spanned<AppBackup>>,
    /// How the app is exposed outside the cluster. Default: only apps that name it can reach it.
    pub expose: Option<Expose>,
    /// How the app signs users in for other apps of its cluster (forward auth). An app that sets `login: { by: APP }` in
    /// its `expose` requires it. Default: it does not.
    pub forward_auth: Option<Spanned<ForwardAuth>>,
    /// What the app can reach. Default: the Internet, its database, the apps in `depends-on`, and the apps
    /// whose address, such as `db.db.svc`, is in its `env`, `args`, `files` or `helm.values`; nothing in the
    /// LAN.
    pub network: Option<Spanned<AppNetwork>>,
    /// Apps of the same cluster that must be ready before this one is applied.
    #[serde(default)]
    #[schemars(extend("x-refers-to" = "app"))]
    pub depends_on: Vec<Spanned<Name>>,
    /// Kustomize patches for the generated manifests.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Files of this repository with additional manifests for the app's namespace.
    #[serde(default)]
    pub manifests: Vec<Spanned<RepoPath>>,
}

/// A Helm chart.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HelmChart {
    /// Name of the chart.
    pub chart: Spanned<Name>,
    /// Repository of the chart, without the chart's name: `oci://REGISTRY/PATH` or `https://HOST/PATH`.
    pub repository: Spanned<ChartRepository>,
    /// Version of the chart.
    pub version: Spanned<Version>,
    /// Helm values for the chart.
    #[serde(default)]
    pub values: BTreeMap<String, Value>,
    /// Name of the chart's Service that `expose` exposes. Default: the app's name.
    pub service: Option<Spanned<Name>>,
    /// Port of that Service.
    #[serde(default)]
    pub service_port: OrDefault<defaults::HelmServicePort>,
    /// Whether that port serves HTTPS. The ingress then uses HTTPS, and does not verify the certificate.
    #[serde(default)]
    pub service_https: OrDefault<defaults::Off>,
    /// Pod Security Standard that the namespace enforces.
    #[serde(default)]
    pub pod_security: OrDefault<defaults::HelmPodSecurity>,
}

by_key! {
    /// A volume of an app: its own storage (`size`), a folder of network storage (`nfs`), a folder of a host
    /// (`folder`), scratch space (`scratch`) or a device file of the node (`device`).
    Volume {
        /// The app's own storage.
        Claim(ClaimVolume) = "size",
        /// A folder of network storage.
        Nfs(NfsVolume) = "nfs",
        /// A folder of a host.
        Folder(FolderVolume) = "folder",
        /// Scratch space.
        Scratch(ScratchVolume) = "scratch",
        /// A device file of the node.
        Device(DeviceVolume) = "device",
    }
}

impl Volume {
    /// Its mount path in the app's main container.
    pub fn mount(&self) -> Option<&Spanned<MountPath>> {
        match self {
            Self::Claim(volume) => volume.mount.as_ref(),
            Self::Nfs(volume) => volume.mount.as_ref(),
            Self::Folder(volume) => volume.mount.as_ref(),
            Self::Scratch(volume) => volume.mount.as_ref(),
            Self::Device(volume) => Some(volume.mount.as_ref().unwrap_or(&volume.device)),
        }
    }

    /// Whether it is mounted read-only.
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::Claim(volume) => &volume.read_only,
            Self::Nfs(volume) => &volume.read_only,
            Self::Folder(volume) => &volume.read_only,
            Self::Scratch(volume) => &volume.read_only,
            Self::Device(volume) => &volume.read_only,
        }
        .is_on()
    }

    /// The volume, if it is the app's own storage.
    pub fn claim(&self) -> Option<&ClaimVolume> {
        match self {
            Self::Claim(volume) => Some(volume),
            Self::Nfs(_) | Self::Folder(_) | Self::Scratch(_) | Self::Device(_) => None,
        }
    }

    /// The device file, if it is a device volume.
    pub fn device(&self) -> Option<&Spanned<MountPath>> {
        match self {
            Self::Device(volume) => Some(&volume.device),
            Self::Claim(_) | Self::Nfs(_) | Self::Folder(_) | Self::Scratch(_) => None,
        }
    }

    /// The volume, if it is a folder of a host.
    pub fn folder(&self) -> Option<&FolderVolume> {
        match self {
            Self::Folder(volume) => Some(volume),
            Self::Claim(_) | Self::Nfs(_) | Self::Scratch(_) | Self::Device(_) => None,
        }
    }
}

/// The app's own storage: a persistent volume claim.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `size`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClaimVolume {
    /// Size of the volume claim.
    pub size: Spanned<Size>,
    /// Mount path in the app's container. Leave it out if only other containers mount the volume. A
    /// device is mounted at its path on the node by default.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the volume is mounted read-only.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
    /// Storage class of the volume claim. Default: the default class of the cluster, set by
    /// `platform.storage.default-class`. The class `local-path` is a folder on the disk of the node where
    /// the app first runs, and binds the app to that node.
    #[schemars(extend("x-refers-to" = "storage-class"))]
    pub class: Option<Spanned<Name>>,
    /// Whether pods on several nodes can mount the volume (`ReadWriteMany`). Only storage classes on
    /// network storage support this.
    #[serde(default)]
    pub shared: OrDefault<defaults::Off>,
    /// Whether `backup: volumes` of the app includes the volume.
    #[serde(default)]
    pub backup: OrDefault<defaults::On>,
    /// Earlier name of the volume. Its claim keeps that name, and so its data. Set it when you rename the volume,
    /// and keep it. Default: the claim has the name of the volume.
    pub moved_from: Option<Spanned<Name>>,
}

/// A folder of network storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `nfs`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NfsVolume {
    /// Folder of network storage, as `STORAGE/PATH` relative to the exported volume.
    pub nfs: Spanned<ShareRef>,
    /// Mount path in the app's container. Leave it out if only other containers mount the volume. A
    /// device is mounted at its path on the node by default.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the volume is mounted read-only.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
}

/// A folder of a host.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `folder`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FolderVolume {
    /// Name of a folder of a host, which is in `folders` of the host and of a node. The app runs only on nodes with
    /// the folder. Nothing ever deletes files in it, and backups do not include it.
    pub folder: Spanned<Name>,
    /// Mount path in the app's container. Leave it out if only other containers mount the volume. A
    /// device is mounted at its path on the node by default.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the volume is mounted read-only.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
    /// Whether the folders of this name on several hosts have the same files, for example because each host mounts
    /// them from network storage. Otherwise, the app must run on the nodes of one host.
    #[serde(default)]
    pub same_files: OrDefault<defaults::Off>,
}

/// Scratch space (`emptyDir`), deleted with the pod.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `scratch`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ScratchVolume {
    /// Size limit of the scratch space, which is deleted with the pod.
    pub scratch: Spanned<Size>,
    /// Where the scratch space is: `disk` or `memory`.
    #[serde(default)]
    pub medium: OrDefault<defaults::ScratchMedium>,
    /// Mount path in the app's container. Leave it out if only other containers mount the volume. A
    /// device is mounted at its path on the node by default.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the volume is mounted read-only.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
}

/// A device file of the node.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "volume with `device`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceVolume {
    /// Device file of the node, such as `/dev/ttyACM0`. It must be in the node's `devices`.
    pub device: Spanned<MountPath>,
    /// Mount path in the app's container. Leave it out if only other containers mount the volume. A
    /// device is mounted at its path on the node by default.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the volume is mounted read-only.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
}

/// A port other than the one for HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Port {
    /// Port number in the container. With `lan`, it can be that of the app's main `port`.
    pub port: Spanned<PortNumber>,
    /// Transport protocol.
    #[serde(default)]
    pub protocol: OrDefault<defaults::PortProtocol>,
    /// Address from the cluster's `load-balancer` pool that exposes the port to the LAN.
    /// Default: none; only pods of the cluster can reach the port.
    pub lan: Option<Spanned<Ipv4>>,
    /// Port number at the `lan` address. Default: that of the port.
    pub lan_port: Option<Spanned<PortNumber>>,
    /// Whether other apps can use the same `lan` address, for other ports. The app then sees the address of
    /// a node instead of that of its client.
    #[serde(default)]
    pub shared: OrDefault<defaults::Off>,
}

impl Expose {
    /// Its host names: the main one, then the others.
    pub fn hosts(&self) -> impl Iterator<Item = &Spanned<HostName>> {
        [&self.host].into_iter().chain(&self.aliases)
    }
}

impl Port {
    /// Its number at the address on the LAN.
    pub fn number_on_lan(&self) -> &Spanned<PortNumber> {
        self.lan_port.as_ref().unwrap_or(&self.port)
    }
}

by_key! {
    /// A file that is mounted into containers of an app: a file of this repository (`from`), a secret
    /// (`secret`), or a text (`text`).
    AppFile {
        /// A file of this repository.
        Copy(CopiedFile) = "from",
        /// A secret.
        Secret(SecretFile) = "secret",
        /// A text.
        Text(TextFile) = "text",
    }
}

impl AppFile {
    /// Its mount path in the app's main container.
    pub fn path(&self) -> Option<&Spanned<MountPath>> {
        match self {
            Self::Copy(file) => file.path.as_ref(),
            Self::Secret(file) => file.path.as_ref(),
            Self::Text(file) => file.path.as_ref(),
        }
    }

    /// The file of this repository with its content, if it is one.
    pub fn source(&self) -> Option<&Spanned<RepoPath>> {
        match self {
            Self::Copy(file) => Some(&file.from),
            Self::Secret(_) | Self::Text(_) => None,
        }
    }

    /// The key of the secret store with its content, if it is a secret.
    pub fn secret(&self) -> Option<&Spanned<SecretRef>> {
        match self {
            Self::Secret(file) => Some(&file.secret),
            Self::Copy(_) | Self::Text(_) => None,
        }
    }
}

/// A file of this repository that is mounted into containers of an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "file with `from`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CopiedFile {
    /// Mount path of the file in the app's container. Leave it out if only other containers mount the file.
    pub path: Option<Spanned<MountPath>>,
    /// Path of a text file in this repository.
    pub from: Spanned<RepoPath>,
}

/// A secret that is mounted as a file into containers of an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "file with `secret`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretFile {
    /// Mount path of the file in the app's container. Leave it out if only other containers mount the file.
    pub path: Option<Spanned<MountPath>>,
    /// Key of a secret entry with the content of the file: `ENTRY/KEY`.
    pub secret: Spanned<SecretRef>,
}

/// A text that is mounted as a file into containers of an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "file with `text`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TextFile {
    /// Mount path of the file in the app's container. Leave it out if only other containers mount the file.
    pub path: Option<Spanned<MountPath>>,
    /// Content of the file. It is committed to Git in plain text, so it must not contain secrets.
    pub text: String,
}

/// Metrics of an app in the format of Prometheus.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Metrics {
    /// Path of the metrics.
    #[serde(default)]
    pub path: OrDefault<defaults::MetricsPath>,
    /// Name of the port that serves the metrics: one of `ports`, or a sidecar with a `port`. Default: the app's
    /// main port.
    pub port: Option<Spanned<Name>>,
}

/// RBAC permissions of an app in the Kubernetes API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceAccount {
    /// RBAC rules that grant permissions.
    pub rules: OneOrMore<AccessRule>,
    /// Whether the rules apply to all namespaces (ClusterRole) instead of only the app's own (Role).
    #[serde(default)]
    pub cluster_wide: OrDefault<defaults::Off>,
}

/// An RBAC rule.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessRule {
    /// API groups of the resources, such as `apps`. Default: the core group.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Resources in lowercase plural, such as `pods` or `ingresses`.
    pub resources: OneOrMore<String>,
    /// Allowed verbs, such as `get`, `list` or `watch`.
    pub verbs: OneOrMore<String>,
}

/// What an app can reach. Answers to connections that others open are always possible. A NetworkPolicy closes
/// all other connections of its pods, except those of pods that share the network of their node.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AppNetwork {
    /// Whether the app can reach the Internet, and the ingress of its cluster: names of public apps often
    /// resolve to the ingress.
    #[serde(default)]
    pub internet: OrDefault<defaults::On>,
    /// Addresses and networks of the LAN, or other private networks, that the app can reach, such as cameras
    /// or a NAS: `192.168.10.50`, `192.168.10.50:554` or `192.168.10.0/24`. Volumes with `nfs` need none.
    #[serde(default)]
    pub lan: Vec<Spanned<LanTarget>>,
    /// Apps of the same cluster that the app can reach, besides those in `depends-on`.
    #[serde(default)]
    #[schemars(extend("x-refers-to" = "app"))]
    pub apps: Vec<Spanned<Name>>,
}

/// How an app is exposed outside the cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expose {
    /// Host name of the app: a label below the lab's domain, the domain itself, or a full name below it.
    pub host: Spanned<HostName>,
    /// Other host names of the app, of the same form.
    #[serde(default)]
    pub aliases: Vec<Spanned<HostName>>,
    /// Whether the app is exposed to the Internet, not only to the LAN. A public host name is in the
    /// public DNS zone and points to `network.public`, or to the tunnel of the cluster.
    #[serde(default)]
    pub public: OrDefault<defaults::Off>,
    /// What the ingress requires of users: a user name and password (HTTP basic authentication), or that another app
    /// has signed them in. Default: nothing; the app authenticates its users.
    pub login: Option<AppLogin>,
    /// Networks and addresses that the ingress admits. Default: all if the app is `public`, otherwise the
    /// LAN, the networks in `network.trusted` that open `apps`, and the pods of the lab, but not those of a cluster with a
    /// tunnel.
    pub allow: Option<OneOrMore<Spanned<AddressBlock>>>,
    /// Largest body of a request, such as an uploaded file. The ingress rejects a larger one, and stores each
    /// body until it is complete, in the space of `platform.ingress.buffer`.
    #[serde(default)]
    pub body: OrDefault<defaults::RequestBody>,
    /// Requests per second that the ingress accepts from each client address, such as 20; five times as many
    /// at once. It answers others with status 429. A page can take dozens of requests. Default: no limit.
    pub rate: Option<Spanned<Whole<u32, 1, 10_000>>>,
    /// Whether the app streams, such as video, logs, or events that must arrive at once. The ingress then
    /// passes on each part of a response as it comes, without buffering.
    #[serde(default)]
    pub stream: OrDefault<defaults::Off>,
}
