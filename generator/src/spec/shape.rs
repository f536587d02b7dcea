//! What a spec file may say. The doc comments are the reference that users read: they become the
//! descriptions of the JSON Schema and what `homelab explain` prints.
//!
//! Nothing is derived or defaulted here; an absent field is `None`. [`crate::lab`] decides.

use super::spanned::{Entries, Entry, Spanned};
use super::types::{
    AddressBlock, AddressRange, Branch, ChartRepository, DatabaseRef, Digest, DomainName, Email, EnvName,
    Host as HostName, HttpUrl, ImageRepository, ImageTag, Ipv4, Ipv4Cidr, Kind, LabelKey, LabelValue, MinorVersion,
    MountPath, Name, ObjectRef, OneOrMore, PortNumber, Quantity, RepoPath, RepositoryUrl, Schedule, SecretKey,
    SecretRef, ShareRef, Size, SshKey, TimeZone, UrlPath, Version, Whole, ZoneId,
};
use crate::platform::Platform;
use diagnostic::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use yaml::Value;

/// A homelab: its machines, its network, its clusters and what runs on them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Spec {
    /// The version of this format. The only one so far is `1`.
    pub version: Spanned<Whole<u32, 1, 1>>,
    /// What holds for the whole lab.
    pub lab: Lab,
    /// The network that all machines share.
    pub network: Network,
    /// The machines that run Proxmox VE, by name.
    pub hosts: Entries<Machine>,
    /// Network storage, by name.
    #[serde(default)]
    pub storage: Entries<Storage>,
    /// Where secrets come from, and which ones the lab needs. No secret ever stands in this file.
    pub secrets: Option<Secrets>,
    /// The provider of the lab's public DNS zone. Certificates are proved through it.
    pub dns: Option<Dns>,
    /// The k3s clusters, by name.
    pub clusters: Entries<Cluster>,
}

/// What holds for the whole lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lab {
    /// The lab's name, for people.
    pub name: Spanned<Name>,
    /// The DNS domain that the lab's host names lie in.
    pub domain: Spanned<DomainName>,
    /// The time zone of all nodes. Default: `UTC`.
    pub timezone: Option<Spanned<TimeZone>>,
    /// The Git repository that holds this file and everything generated from it. Flux and the
    /// nodes take their state from there. An `https://` repository is read without credentials;
    /// for an `ssh://` one each cluster's server keeps a deploy key on its disk.
    pub repository: Spanned<RepositoryUrl>,
    /// The branch that clusters follow. Default: `main`.
    pub branch: Option<Spanned<Branch>>,
    /// Who runs the lab.
    pub admin: Admin,
}

/// Who runs the lab.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// Where Let's Encrypt sends its warnings.
    pub email: Spanned<Email>,
    /// Public SSH keys that may log in to every node as root.
    pub ssh_keys: OneOrMore<Spanned<SshKey>>,
}

/// The network that all machines share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    /// The local network.
    pub lan: Lan,
    /// Where the Internet finds the lab. The router must forward the TCP ports 80 and 443 from
    /// there to the ingress address of the cluster with the public apps.
    pub public: Option<Public>,
}

/// Where the Internet finds the lab: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Public {
    /// The lab's entry name, for a public address that changes: a label below the lab's domain, or
    /// a whole name inside it. Dynamic DNS keeps the address of this name; the public names of apps
    /// point to it.
    Host(Spanned<HostName>),
    /// A public address that does not change. The public names of apps point to it.
    Address(Spanned<Ipv4>),
}

/// The local network.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Lan {
    /// The network and the length of its prefix.
    pub cidr: Spanned<Ipv4Cidr>,
    /// The router's address.
    pub gateway: Spanned<Ipv4>,
    /// Name servers for the nodes. Default: the gateway.
    #[serde(default)]
    pub dns: Vec<Spanned<Ipv4>>,
    /// The range that the router hands out by DHCP; fixed addresses stay out of it.
    pub dhcp: Option<Spanned<AddressRange>>,
}

/// A machine that runs Proxmox VE.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    /// The machine's make and model, for people.
    pub model: Option<String>,
    /// The processor, for people.
    pub cpu: Option<String>,
    /// How many threads the processor has. Its nodes should not use more cores than that.
    pub threads: Option<Spanned<Whole<u32, 1, 1024>>>,
    /// How much memory it has. Its nodes must fit into it, less 1GiB for Proxmox VE.
    pub memory: Spanned<Size>,
    /// Its address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Its graphics processor, if its nodes may use it.
    pub gpu: Option<Spanned<Gpu>>,
}

/// A graphics processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gpu {
    /// Integrated Intel graphics, shared as `/dev/dri/renderD128`.
    Intel,
}

/// Network storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Storage {
    /// What it is.
    pub kind: Spanned<StorageKind>,
    /// Its make and model, for people.
    pub model: Option<String>,
    /// Its address on the LAN.
    pub address: Spanned<Ipv4>,
    /// The volume whose shared folders are exported by NFS.
    pub nfs: Option<Spanned<MountPath>>,
    /// The account that makes shared folders for volumes: with it, clusters get storage classes.
    pub dsm: Option<Dsm>,
}

/// An account of Synology's DSM, in its group `administrators`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dsm {
    /// The HTTPS port of DSM. Default: `5001`.
    pub port: Option<Spanned<PortNumber>>,
    /// The key with the account's name.
    pub username: Spanned<SecretRef>,
    /// The key with the account's password.
    pub password: Spanned<SecretRef>,
}

/// The kinds of network storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// A Synology DiskStation.
    Synology,
}

/// Where secrets come from, and which ones the lab needs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secrets {
    /// The secret store. Its own credential reaches a cluster from the disk of the cluster's
    /// server, outside Git: `homelab secrets` tells the files.
    pub store: SecretStore,
    /// The secrets that the lab needs, by name. Each is a folder of the store.
    #[serde(default)]
    pub entries: Entries<SecretEntry>,
}

/// A secret store: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretStore {
    /// Infisical, in its cloud or self-hosted.
    Infisical(Infisical),
}

/// A project of Infisical.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Infisical {
    /// Its address, without `/api`. Default: `https://app.infisical.com`.
    pub host: Option<Spanned<HttpUrl>>,
    /// The project's slug ("Copy Project Slug" in its settings), which is not its display name.
    pub project: Spanned<Name>,
    /// The environment's slug.
    pub environment: Spanned<Name>,
}

/// A secret that the lab needs: a folder of the store with some keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretEntry {
    /// What it is for, for people.
    pub description: Option<String>,
    /// The folder in the store. Default: `/` and the entry's name.
    pub path: Option<Spanned<MountPath>>,
    /// The keys in that folder.
    pub keys: OneOrMore<Spanned<SecretKey>>,
}

/// A DNS provider: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dns {
    /// Cloudflare.
    Cloudflare(Cloudflare),
    /// Route 53 of AWS.
    Route53(Route53),
}

/// An account of Cloudflare.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cloudflare {
    /// An API token with the permissions Zone:Read and DNS:Edit.
    pub api_token: Spanned<SecretRef>,
    /// The zone's number, as the overview of the zone shows it. Dynamic DNS needs it.
    pub zone_id: Option<Spanned<ZoneId>>,
}

/// An account of AWS that may change a zone of Route 53.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route53 {
    /// The hosted zone's number.
    pub zone_id: Spanned<ZoneId>,
    /// The region. Default: `us-east-1`.
    pub region: Option<Spanned<Name>>,
    /// The key with the access key's number.
    pub access_key_id: Spanned<SecretRef>,
    /// The key with the secret access key.
    pub secret_access_key: Spanned<SecretRef>,
}

/// A k3s cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    /// What the cluster is for, for people.
    pub description: Option<String>,
    /// How k3s runs.
    pub k3s: Option<K3s>,
    /// How Flux keeps it in step with the repository.
    pub flux: Option<Flux>,
    /// The network of its pods. Default: `10.42.0.0/16`.
    pub pods: Option<Spanned<Ipv4Cidr>>,
    /// The network of its services. Default: `10.43.0.0/16`.
    pub services: Option<Spanned<Ipv4Cidr>>,
    /// LAN addresses that its load-balanced services may take.
    pub load_balancer: Option<Spanned<AddressRange>>,
    /// Its nodes, by name. A node's name is its host name, unique over the lab.
    pub nodes: Entries<Node>,
    /// What the cluster offers to its apps.
    #[serde(default)]
    pub platform: Platform,
    /// What runs on it, by name. An app's name is that of its namespace.
    #[serde(default)]
    pub apps: Entries<App>,
    /// Files of this repository with further Kubernetes manifests, applied as they are.
    #[serde(default)]
    pub manifests: Vec<Spanned<RepoPath>>,
    /// Objects that something other than this spec puts into the cluster, so that references to
    /// them are no fault.
    #[serde(default)]
    pub external: Vec<Spanned<ObjectRef>>,
}

/// How k3s runs.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct K3s {
    /// The minor version of Kubernetes; nixpkgs decides on the patch. Default: `"1.35"`.
    pub version: Option<Spanned<MinorVersion>>,
    /// How containerd stores images. `overlayfs` fits LVM-thin and ZFS from OpenZFS 2.2 on.
    /// Default: `overlayfs`.
    pub snapshotter: Option<Spanned<Snapshotter>>,
    /// Keys of the k3s config file, laid over the generated ones on every node.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
}

/// How Flux keeps a cluster in step with the repository.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flux {
    /// The version of Flux. Default: the one this generator was checked with.
    pub version: Option<Spanned<Version>>,
    /// The chart version of Flux Operator, which installs Flux.
    pub operator: Option<Spanned<Version>>,
}

/// How containerd stores images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshotter {
    /// The kernel's overlay file system.
    Overlayfs,
    /// An overlay file system in user space.
    FuseOverlayfs,
    /// Full copies: slow, but it works everywhere.
    Native,
}

/// A node: a NixOS container (LXC) on one of the hosts that runs k3s.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Node {
    /// What the node is for, for people; shown at login.
    pub description: Option<String>,
    /// The host it stands on.
    pub host: Spanned<Name>,
    /// A `server` runs the control plane and pods, an `agent` runs pods. Default: `server`.
    pub role: Option<Spanned<Role>>,
    /// The container's number on Proxmox VE.
    pub vmid: Spanned<Whole<u32, 100, 999_999_999>>,
    /// Its address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Processor cores. Default: `2`.
    pub cores: Option<Spanned<Whole<u32, 1, 1024>>>,
    /// Memory. Default: `4GiB`.
    pub memory: Option<Spanned<Size>>,
    /// The size of its disk. Default: `32GiB`.
    pub disk: Option<Spanned<Size>>,
    /// The storage of Proxmox VE that holds its disk. Default: `local-lvm`.
    pub disk_storage: Option<Spanned<Name>>,
    /// The network bridge of Proxmox VE that it is attached to. Default: `vmbr0`.
    pub bridge: Option<Spanned<Name>>,
    /// Whether it gets the GPU of its host. Default: `false`.
    pub gpu: Option<Spanned<bool>>,
    /// Device files of the host that the container gets, such as `/dev/ttyACM0`.
    #[serde(default)]
    pub devices: Vec<Spanned<MountPath>>,
    /// Whether the container is privileged. The kernel lets only privileged containers mount
    /// NFS. Default: `true`.
    pub privileged: Option<Spanned<bool>>,
    /// Kubernetes labels.
    #[serde(default)]
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Files of this repository with further NixOS modules for this node.
    #[serde(default)]
    pub modules: Vec<Spanned<RepoPath>>,
}

/// What a node does in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the control plane, and pods.
    Server,
    /// Runs pods.
    Agent,
}

/// An app: a container, or a Helm chart, with what it needs around it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct App {
    /// What the app is for, for people.
    pub description: Option<String>,
    /// The image that it runs. An app has either this or `helm`.
    pub image: Option<Image>,
    /// The Helm chart that installs it, in place of an image.
    pub helm: Option<HelmApp>,
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
    pub env: BTreeMap<EnvName, EnvValue>,
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
    pub resources: Option<Resources>,
    /// Whether it uses the GPU of a node. Default: `false`.
    pub gpu: Option<Spanned<bool>>,
    /// What the container may do. Default: as little as possible.
    pub security: Option<Security>,
    /// Number of pods. Default: `1`.
    pub replicas: Option<Spanned<Whole<u32, 0, 100>>>,
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
    /// LAN then reaches its `port` and `ports` at the address of the node. Default: `false`.
    pub host_network: Option<Spanned<bool>>,
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

/// Whether an app is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppBackup {
    /// Not, on purpose.
    None,
    /// Its volumes of a `size` are, by `platform.backups` of the cluster. Objects are in Git.
    Volumes,
}

impl AppBackup {
    /// The label of pods whose volumes are backed up.
    pub const LABEL: &str = "homelab/backup";
}

/// A Helm chart as an app. Its Secret with the variables of `env` has the app's name.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HelmApp {
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
    /// The port of that Service. Default: `80`.
    pub service_port: Option<Spanned<PortNumber>>,
    /// Which pods its namespace admits. Default: `baseline`.
    pub pod_security: Option<Spanned<PodSecurity>>,
}

/// A level of the Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodSecurity {
    /// Hardened.
    Restricted,
    /// No known way to a privileged state.
    Baseline,
    /// Everything is allowed.
    Privileged,
}

/// A port beside the one for HTTP.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Port {
    /// Its number.
    pub port: Spanned<PortNumber>,
    /// Its protocol. Default: `tcp`.
    pub protocol: Option<Spanned<Protocol>>,
    /// The address of the cluster's `load-balancer` range at which the LAN reaches it.
    /// Default: none, only pods of the cluster do.
    pub lan: Option<Spanned<Ipv4>>,
}

/// A protocol above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
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

/// How a new version takes the place of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The old pod stops before the new one starts.
    Recreate,
    /// The new pod is ready before the old one stops.
    Rolling,
}

/// A container that runs to its end before the app starts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Its name.
    pub name: Spanned<Name>,
    /// Its image. Default: the app's.
    pub image: Option<Image>,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A container with the
    /// app's image has those of the app too.
    #[serde(default)]
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Volumes of the app that it sees, and where.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// Processor and memory that it asks for and may use.
    pub resources: Option<Resources>,
    /// What the container may do. Default: with the app's image what the app may, but never
    /// `privileged`; else as little as possible.
    pub security: Option<Security>,
}

/// A container that runs beside an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sidecar {
    /// Its image. Default: the app's.
    pub image: Option<Image>,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// A port that it serves.
    pub port: Option<Spanned<PortNumber>>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A container with the
    /// app's image has those of the app too.
    #[serde(default)]
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Volumes of the app that it sees, and where.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// How Kubernetes asks whether it is well. Default: whether its port takes connections.
    pub probe: Option<Probe>,
    /// Processor and memory that it asks for and may use.
    pub resources: Option<Resources>,
    /// What the container may do. Default: with the app's image what the app may, but never
    /// `privileged`; else as little as possible.
    pub security: Option<Security>,
}

/// How something is backed up: `none`, or as its fields say.
#[derive(Debug, Clone, PartialEq)]
pub enum OrNone<T> {
    /// Not at all, on purpose.
    None,
    /// As this says.
    Some(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrNone<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrNoneVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for OrNoneVisitor<T> {
            type Value = OrNone<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("`none` or a mapping")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OrNone<T>, E> {
                if text == "none" { Ok(OrNone::None) } else { Err(E::custom("expected `none` or a mapping")) }
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<OrNone<T>, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(OrNone::Some)
            }
        }

        deserializer.deserialize_any(OrNoneVisitor(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OrNone<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNone", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "`none`, on purpose, or how it is done.",
            "oneOf": [
                { "const": "none", "description": "Not at all, on purpose." },
                generator.subschema_for::<T>(),
            ],
        })
    }
}

/// A bucket of S3-compatible storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bucket {
    /// The address of the storage.
    pub endpoint: Spanned<HttpUrl>,
    /// The bucket's name.
    pub bucket: Spanned<Name>,
    /// The key with the access key's number.
    pub access_key_id: Spanned<SecretRef>,
    /// The key with the secret access key.
    pub secret_access_key: Spanned<SecretRef>,
}

/// What an app runs at set times.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Job {
    /// When, as five fields of cron or a word such as `"@daily"`, in the lab's time zone.
    pub schedule: Spanned<Schedule>,
    /// Its image. Default: the app's.
    pub image: Option<Image>,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A container with the
    /// app's image has those of the app too.
    #[serde(default)]
    pub env: BTreeMap<EnvName, EnvValue>,
    /// Volumes of the app that it sees, and where.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// Processor and memory that it asks for and may use.
    pub resources: Option<Resources>,
    /// What the container may do. Default: with the app's image what the app may, but never
    /// `privileged`; else as little as possible.
    pub security: Option<Security>,
}

/// What all containers of an app are made from: its own, those that run before and beside it, those
/// of its jobs.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// What the container is called; the app's own has no name but the app's.
    pub name: Option<&'a Spanned<Name>>,
    /// Its image; without one, a container beside the app's own has the app's.
    pub image: Option<&'a Image>,
    /// The command, in place of the image's entry point.
    pub command: &'a [String],
    /// The arguments, in place of the image's.
    pub args: &'a [String],
    /// Environment variables.
    pub env: &'a BTreeMap<EnvName, EnvValue>,
    /// Volumes that a container beside the app's own sees, and where.
    pub mounts: Option<&'a Entries<Spanned<MountPath>>>,
    /// Processor and memory.
    pub resources: Option<&'a Resources>,
    /// What it may do.
    pub security: Option<&'a Security>,
}

/// The parts of an app, a step, a sidecar or a job: their fields have the same names.
macro_rules! parts {
    ($of:expr, $name:expr, $mounts:expr) => {
        Parts {
            name: $name,
            image: $of.image.as_ref(),
            command: &$of.command,
            args: &$of.args,
            env: &$of.env,
            mounts: $mounts,
            resources: $of.resources.as_ref(),
            security: $of.security.as_ref(),
        }
    };
}

impl Step {
    /// What its container is made from.
    pub fn parts(&self) -> Parts<'_> {
        parts!(self, Some(&self.name), Some(&self.mounts))
    }
}

impl Entry<Sidecar> {
    /// What its container is made from.
    pub fn parts(&self) -> Parts<'_> {
        parts!(self.value, Some(&self.name), Some(&self.value.mounts))
    }
}

impl Entry<Job> {
    /// What its container is made from.
    pub fn parts(&self) -> Parts<'_> {
        parts!(self.value, Some(&self.name), Some(&self.value.mounts))
    }
}

/// What an app may ask of Kubernetes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServiceAccount {
    /// What it may do.
    pub rules: OneOrMore<AccessRule>,
    /// Whether it may do so in all namespaces. Default: `false`, only in its own.
    pub cluster_wide: Option<Spanned<bool>>,
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

/// A container image, pinned.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Image {
    /// Registry, path and name.
    pub repository: Spanned<ImageRepository>,
    /// The tag of one release; quote it.
    pub tag: Spanned<ImageTag>,
    /// The digest that the tag must stand for.
    pub digest: Option<Spanned<Digest>>,
    /// Which newer tags Flux moves an app's own image to, by commits. `tag` is where it starts;
    /// `spec/images.yaml` keeps where it is. Default: none.
    pub update: Option<Spanned<Update>>,
}

/// Which newer tags an image is moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// From 1.46.2 to 1.46.3, not to 1.47.0.
    Patch,
    /// From 1.46.2 to 1.47.0, not to 2.0.0.
    Minor,
    /// To whatever is newer.
    Major,
    /// To another image behind the same tag.
    Digest,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvValue {
    /// Plain text, committed as it is.
    Text(String),
    /// Something that is known elsewhere.
    From(EnvSource),
}

/// Where the value of an environment variable comes from: one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnvSource {
    /// A key of a declared secret.
    Secret(Spanned<SecretRef>),
    /// A part of how the app's database is reached, or all of it as a URL.
    Database(Spanned<DatabaseField>),
}

/// A part of how a database is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseField {
    /// The host name.
    Host,
    /// The port.
    Port,
    /// The name of the database.
    Name,
    /// The role that owns it.
    User,
    /// The role's password.
    Password,
    /// How the connection is encrypted, as libpq's `sslmode` says it.
    TlsMode,
    /// All of it: `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=MODE`.
    Url,
}

impl DatabaseField {
    /// Whether it holds the password.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::Url)
    }
}

impl EnvValue {
    /// Where it reads something out of the secret store, the password of a database included.
    pub fn secret_span(&self) -> Option<Span> {
        match self {
            Self::From(EnvSource::Secret(secret)) => Some(secret.span),
            Self::From(EnvSource::Database(field)) if field.is_secret() => Some(field.span),
            _ => None,
        }
    }
}

impl App {
    /// What its own container is made from.
    pub fn parts(&self) -> Parts<'_> {
        parts!(self, None, None)
    }

    /// All its containers: its own, those before and beside it, those of its jobs.
    pub fn containers(&self) -> impl Iterator<Item = Parts<'_>> {
        self.pod_containers().chain(self.jobs.iter().map(Entry::<Job>::parts))
    }

    /// The containers of the pod that runs all the time: its own, and those before and beside it.
    pub fn pod_containers(&self) -> impl Iterator<Item = Parts<'_>> {
        let init = self.init.iter().map(Step::parts);
        [self.parts()].into_iter().chain(init).chain(self.sidecars.iter().map(Entry::<Sidecar>::parts))
    }

    /// Where the app reads something out of the secret store.
    pub fn secret_spans(&self) -> impl Iterator<Item = Span> {
        let login = self.expose.as_ref().and_then(|expose| expose.login.as_ref()).map(|login| login.username.span);
        let variables = self.containers().flat_map(|parts| parts.env.values()).filter_map(EnvValue::secret_span);
        variables.chain(login)
    }

    /// Whether it reads anything out of the secret store.
    pub fn has_secrets(&self) -> bool {
        self.secret_spans().next().is_some()
    }

    /// All its images, and where each stands.
    pub fn images(&self) -> impl Iterator<Item = &Image> {
        let init = self.init.iter().filter_map(|step| step.image.as_ref());
        let sidecars = self.sidecars.iter().filter_map(|sidecar| sidecar.value.image.as_ref());
        let jobs = self.jobs.iter().filter_map(|job| job.value.image.as_ref());
        self.image.iter().chain(init).chain(sidecars).chain(jobs)
    }
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvVisitor;

        impl<'de> serde::de::Visitor<'de> for EnvVisitor {
            type Value = EnvValue;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("text, { secret: ENTRY/KEY } or { database: url }")
            }

            fn visit_str<E>(self, text: &str) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(value.to_string()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<EnvValue, A::Error> {
                let source = EnvSource::deserialize(serde::de::value::MapAccessDeserializer::new(&mut map))?;
                match map.next_key::<serde::de::IgnoredAny>()? {
                    None => Ok(EnvValue::From(source)),
                    Some(_) => Err(serde::de::Error::custom("expected one key")),
                }
            }
        }

        deserializer.deserialize_any(EnvVisitor)
    }
}

impl JsonSchema for EnvValue {
    fn schema_name() -> Cow<'static, str> {
        "EnvValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "The value of an environment variable: text, or where it comes from.",
            "oneOf": [
                { "type": ["string", "integer", "boolean"] },
                generator.subschema_for::<EnvSource>(),
            ],
        })
    }
}

impl std::fmt::Display for Image {
    /// As a container runtime takes it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.repository.value, self.tag.value)?;
        match &self.digest {
            Some(digest) => write!(formatter, "@{}", digest.value),
            None => Ok(()),
        }
    }
}

/// A volume of an app: its own storage (`size`), a share of network storage (`nfs`), scratch space
/// (`scratch`) or a device of the node (`device`).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Volume {
    /// How large its own storage is.
    pub size: Option<Spanned<Size>>,
    /// A folder of network storage: `STORAGE/PATH` below the volume that it exports.
    pub nfs: Option<Spanned<ShareRef>>,
    /// How much may be written to scratch space, which is gone with the pod.
    pub scratch: Option<Spanned<Size>>,
    /// A device file of the node, such as a USB stick. The node must have it among its `devices`.
    pub device: Option<Spanned<MountPath>>,
    /// Where the app's container sees it. Default for a device: where the node has it. A volume that
    /// only others mount needs none.
    pub mount: Option<Spanned<MountPath>>,
    /// Whether the container only reads it. Default: `false`.
    pub read_only: Option<Spanned<bool>>,
    /// The storage class of its own storage. Default: the cluster's, which is `local-path` unless
    /// `platform.storage.default-class` says otherwise: a folder on the disk of the node where the
    /// app first runs; it ties the app to that node.
    pub class: Option<Spanned<Name>>,
    /// Whether pods on several nodes mount its own storage. Only classes on network storage can.
    /// Default: `false`.
    pub shared: Option<Spanned<bool>>,
}

/// Who can reach an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expose {
    /// Its host name: a label below the lab's domain, or a whole name inside that domain.
    pub host: Spanned<HostName>,
    /// Whether the Internet reaches it too: its name then stands in the public zone and points to
    /// the lab's entry. Default: `false`, reachable from the LAN only.
    pub public: Option<Spanned<bool>>,
    /// A name and a password that everybody must give. Default: none, the app sees to that itself.
    pub login: Option<Login>,
    /// Networks and single addresses that may reach it; others are turned away. Default: all if it is
    /// public, otherwise the LAN and the pods of the lab.
    pub allow: Option<OneOrMore<Spanned<AddressBlock>>>,
}

/// A name and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Login {
    /// The key with the name.
    pub username: Spanned<SecretRef>,
    /// The key with the password.
    pub password: Spanned<SecretRef>,
}

/// How Kubernetes asks an app whether it is well. Without a path and a command it tries the port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Probe {
    /// The path of an HTTP request that succeeds while it is.
    pub path: Option<Spanned<UrlPath>>,
    /// A command in the container that succeeds while it is.
    #[serde(default)]
    pub command: Vec<Spanned<String>>,
    /// How long its first start may take, in seconds. Default: `300`.
    pub startup_seconds: Option<Spanned<Whole<u32, 10, 86_400>>>,
}

/// Processor and memory of a container.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resources {
    /// What is set aside for it. Default: `cpu: 50m`, `memory: 128Mi`.
    pub requests: Option<Amounts>,
    /// What it may use at most. Default: `memory: 512Mi`.
    pub limits: Option<Amounts>,
}

/// Amounts of processor time and memory.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Amounts {
    /// Processor time, in cores.
    pub cpu: Option<Spanned<Quantity>>,
    /// Memory, in bytes.
    pub memory: Option<Spanned<Quantity>>,
}

/// What a container may do.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Security {
    /// The user that it runs as. Default: the image's, which must not be root.
    pub user: Option<Spanned<Whole<u32, 1, 2_147_483_647>>>,
    /// The group that owns its volumes, and that it runs as unless it starts as root. Default: the
    /// image's.
    pub group: Option<Spanned<Whole<u32, 1, 2_147_483_647>>>,
    /// Whether it may start as root, for images that drop root themselves. Default: `false`.
    pub root: Option<Spanned<bool>>,
    /// Whether the root file system is read-only; `/tmp` then is a volume in memory.
    /// Default: `false`.
    pub read_only: Option<Spanned<bool>>,
    /// Whether it may do everything that root may do on the node. Default: `false`.
    pub privileged: Option<Spanned<bool>>,
    /// Linux capabilities that it keeps. Default: none.
    #[serde(default)]
    pub capabilities: Vec<Spanned<Capability>>,
}

/// The Linux capabilities that an app may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Capability {
    /// Change the owner of files.
    Chown,
    /// Read and write files regardless of their permissions.
    DacOverride,
    /// Act as the owner of any file.
    Fowner,
    /// Keep set-user-ID bits when a file changes.
    Fsetid,
    /// Signal any process.
    Kill,
    /// Change the network of its pod: routes, interfaces, packet filters. Its namespace admits all pods.
    NetAdmin,
    /// Bind ports below 1024.
    NetBindService,
    /// Send raw packets, such as those of `ping`. Its namespace admits all pods.
    NetRaw,
    /// Change the group of a process.
    Setgid,
    /// Change the user of a process.
    Setuid,
}

/// A change to generated manifests, applied by Kustomize.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patch {
    /// Which objects of the unit are changed.
    pub target: PatchTarget,
    /// What is laid over them: a strategic merge patch.
    pub merge: BTreeMap<String, Value>,
}

/// Which objects a patch changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatchTarget {
    /// Their kind, such as `Deployment`.
    pub kind: Spanned<Kind>,
    /// Their name. Default: all of that kind.
    pub name: Option<Spanned<Name>>,
}
