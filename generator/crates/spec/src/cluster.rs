//! k3s clusters.

use crate::app::App;
use crate::defaults;
use crate::node::Node;
use crate::or_default::OrDefault;
use crate::platform::Platform;
use crate::spanned::{Entries, Spanned};
use crate::types::{AddressRange, ObjectRef, RepoPath, Version};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use yaml::Value;

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
    /// The network of its pods.
    #[serde(default)]
    pub pods: OrDefault<defaults::PodNetwork>,
    /// The network of its services.
    #[serde(default)]
    pub services: OrDefault<defaults::ServiceNetwork>,
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
    /// The minor version of Kubernetes; nixpkgs decides on the patch.
    #[serde(default)]
    pub version: OrDefault<defaults::K3sVersion>,
    /// How containerd stores images. `overlayfs` fits LVM-thin and ZFS from OpenZFS 2.2 on.
    #[serde(default)]
    pub snapshotter: OrDefault<defaults::K3sSnapshotter>,
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
