//! k3s clusters.

use crate::app::App;
use crate::backup::ServerBackup;
use crate::defaults;
use crate::node::Node;
use crate::or_default::OrDefault;
use crate::platform::Platform;
use crate::spanned::{Entries, Spanned};
use crate::types::{AddressRange, Name, ObjectRef, RepoPath, Version};
use crate::updates::Updates;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use yaml::Value;

/// A k3s cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cluster {
    /// Purpose of the cluster, for display only.
    pub description: Option<String>,
    /// Version and configuration of k3s.
    pub k3s: Option<K3s>,
    /// Flux: versions, and which commits it applies.
    pub flux: Option<Flux>,
    /// Cluster network: the IPv4 network of the pods.
    #[serde(default)]
    pub pods: OrDefault<defaults::PodNetwork>,
    /// Service network: the IPv4 network of the Services.
    #[serde(default)]
    pub services: OrDefault<defaults::ServiceNetwork>,
    /// Load-balancer pool: the LAN addresses for Services of type `LoadBalancer`.
    pub load_balancer: Option<Spanned<AddressRange>>,
    /// Nodes of the cluster, by name. The name of a node is its host name, and unique in the lab.
    pub nodes: Entries<Node>,
    /// Server that starts the cluster, and that the other nodes join through. Default: the server with the
    /// lowest VMID.
    #[schemars(extend("x-refers-to" = "node"))]
    pub first_server: Option<Spanned<Name>>,
    /// How nodes get new systems. Default: by `homelab deploy`.
    pub updates: Option<Updates>,
    /// Components of the platform, such as ingress, certificates and monitoring.
    #[serde(default)]
    pub platform: Platform,
    /// Apps that run on the cluster, by name. The namespace of an app has the app's name.
    #[serde(default)]
    pub apps: Entries<App>,
    /// Files of this repository with additional Kubernetes manifests, applied unchanged.
    #[serde(default)]
    pub manifests: Vec<Spanned<RepoPath>>,
    /// Kubernetes objects that are created outside of this spec. References to them are valid.
    #[serde(default)]
    pub external: Vec<Spanned<ObjectRef>>,
}

/// Version and configuration of k3s.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct K3s {
    /// Minor version of Kubernetes. nixpkgs determines the patch version.
    #[serde(default)]
    pub version: OrDefault<defaults::K3sVersion>,
    /// Snapshotter that containerd uses for the file systems of containers. `overlayfs` works on
    /// LVM-thin, and on ZFS from OpenZFS 2.2 on.
    #[serde(default)]
    pub snapshotter: OrDefault<defaults::K3sSnapshotter>,
    /// Keys of the k3s configuration file, merged over the generated ones on every node.
    #[serde(default)]
    pub config: BTreeMap<String, Value>,
    /// Backups of the servers, without which a lost server takes the cluster with it. Default: none.
    pub backup: Option<ServerBackup>,
}

/// Versions of Flux and Flux Operator.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Flux {
    /// Version of Flux. Default: the version that this generator was tested with.
    pub version: Option<Spanned<Version>>,
    /// Chart version of Flux Operator, which installs Flux. Default: the version that this generator was
    /// tested with.
    pub operator: Option<Spanned<Version>>,
    /// Whether Flux applies only commits that are signed with one of the PGP keys in `flux-verify/keys.asc` on
    /// the disks of servers. The Git server signs the commit of a merged pull request with its own key.
    #[serde(default)]
    pub verify_commits: OrDefault<defaults::Off>,
}
