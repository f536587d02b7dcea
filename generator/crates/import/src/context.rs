//! What all apps of a proposal share.

use crate::names::Services;
use crate::objects::Objects;
use crate::storages::Storages;
use std::collections::{BTreeMap, BTreeSet};

/// A problem that the pipeline reports for a spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it is an error; otherwise it is a warning.
    pub is_error: bool,
    /// The code of the rule.
    pub code: String,
    /// The line of the spec, from 1; none if it is about the whole spec.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: Option<String>,
}

/// The pipeline of the generator, which decides what a valid spec is.
pub trait Pipeline {
    /// Checks a spec, and everything that it generates.
    fn check(&self, spec: &str) -> Vec<Problem>;

    /// Whether a value looks like a credential, below a key or by itself.
    fn is_credential(&self, key: Option<&str>, text: &str) -> bool;
}

/// What all apps of a proposal share.
pub(crate) struct Context<'a> {
    pub(crate) objects: &'a Objects,
    /// The name of the cluster in the spec.
    pub(crate) cluster: &'a str,
    /// Where Services of the manifests are in the lab.
    pub(crate) services: &'a Services,
    pub(crate) storages: &'a Storages,
    /// The domain of the lab; it may be a variable.
    pub(crate) domain: Option<&'a str>,
    /// The workload that each claim belongs to, by the namespace and name of the claim.
    pub(crate) claims: &'a BTreeMap<(String, String), String>,
    /// The time zone of most containers.
    pub(crate) timezone: Option<&'a str>,
    /// Addresses on the LAN that several Services have.
    pub(crate) shared_addresses: &'a BTreeSet<String>,
    pub(crate) pipeline: &'a dyn Pipeline,
}

/// What an app needs elsewhere in the spec.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// Keys of secret entries, each with comments.
    pub(crate) secrets: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Names of network storage.
    pub(crate) storages: BTreeSet<String>,
    /// Device files of a node.
    pub(crate) devices: BTreeSet<String>,
    /// Folders of a host, with their paths.
    pub(crate) folders: BTreeMap<String, String>,
    /// Whether a node has a GPU.
    pub(crate) gpu: bool,
    /// Whether the cluster runs PostgreSQL.
    pub(crate) database: bool,
    /// Whether the cluster collects metrics.
    pub(crate) monitoring: bool,
    /// Addresses of the load-balancer pool.
    pub(crate) addresses: BTreeSet<std::net::Ipv4Addr>,
}

impl Needs {
    /// Adds what another app needs.
    pub(crate) fn extend(&mut self, other: &Self) {
        for (entry, keys) in &other.secrets {
            let own = self.secrets.entry(entry.clone()).or_default();
            for (key, comments) in keys {
                own.entry(key.clone()).or_default().extend(comments.iter().cloned());
            }
        }
        self.storages.extend(other.storages.iter().cloned());
        self.devices.extend(other.devices.iter().cloned());
        self.folders.extend(other.folders.clone());
        self.gpu |= other.gpu;
        self.database |= other.database;
        self.monitoring |= other.monitoring;
        self.addresses.extend(&other.addresses);
    }

    /// Adds a key of a secret entry.
    pub(crate) fn secret(&mut self, key: &crate::secrets::Key) {
        let keys = self.secrets.entry(key.entry.clone()).or_default();
        let comments = keys.entry(key.key.clone()).or_default();
        comments.extend(key.remark.clone());
    }
}
