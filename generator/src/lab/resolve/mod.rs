//! Spec to [`Lab`]: the one stage that applies defaults, binds references and judges.

mod apps;
mod cluster;
pub(super) mod defaults;
pub(super) mod images;
mod nodes;
mod patches;
mod pods;

pub use images::may_be;
pub(crate) use patches::bind as bind_patches;
pub(super) use pods::{HOSTNAME, port_name};

use super::files::Files;
use super::pins::Pins;
use super::{Cluster, Host, Lab, Lan, Repository, Storage, rules};
use crate::spec::{self, Entry, Given as _, Parsed, Spec};
use diagnostic::Diagnostics;
use yaml::Node;

/// What came of resolving a spec.
#[derive(Debug)]
pub struct Resolved {
    /// The lab, if there was no error.
    pub lab: Option<Lab>,
    /// Everything there is to say, from reading on.
    pub diagnostics: Diagnostics,
}

/// Resolves a spec, given the files that it names.
pub fn resolve(parsed: Parsed, files: &Files) -> Resolved {
    let Parsed { spec, root, faults: mut diagnostics } = parsed;
    rules::judge(&spec, &root, &mut diagnostics);
    let pins = Pins::read(files, &mut diagnostics);
    let clusters =
        spec.clusters.iter().map(|cluster| cluster::resolve(&spec, cluster, files, &pins, &mut diagnostics)).collect();
    if hides_something(&root) {
        diagnostics.forget_absences();
    }
    if diagnostics.has_errors() {
        return Resolved { lab: None, diagnostics };
    }
    Resolved { lab: Some(resolve_lab(&spec, clusters)), diagnostics }
}

/// Whether something could not be read in the parts of a spec where others look for what a cluster
/// has: stand-ins there would seem to be missing.
fn hides_something(root: &Node) -> bool {
    fn is_faulty(node: &Node) -> bool {
        node.span.faulty
            || node.entries().iter().any(|(key, value)| key.span.faulty || is_faulty(value))
            || node.items().iter().any(is_faulty)
    }
    let shared = ["dns", "lab", "network", "storage"].into_iter().filter_map(|part| root.get(part));
    let clusters = root.get("clusters").map_or(&[][..], Node::entries);
    let of_clusters = clusters.iter().any(|(name, cluster)| {
        let parts = ["platform", "load-balancer", "nodes"].into_iter().filter_map(|part| cluster.get(part));
        name.span.faulty || cluster.span.faulty || parts.into_iter().any(is_faulty)
    });
    of_clusters
        || root.get("clusters").is_some_and(|clusters| clusters.span.faulty)
        || shared.into_iter().any(is_faulty)
}

fn resolve_lab(spec: &Spec, clusters: Vec<Cluster>) -> Lab {
    let lan = &spec.network.lan;
    let dns: Vec<_> = lan.dns.iter().map(|server| server.value).collect();
    Lab {
        name: spec.lab.name.to_string(),
        domain: spec.lab.domain.to_string(),
        timezone: spec.lab.timezone.given().map_or("UTC".to_owned(), ToString::to_string),
        repository: repository(spec),
        ssh_keys: spec.lab.admin.ssh_keys.iter().map(|key| key.to_string()).collect(),
        lan: Lan {
            cidr: lan.cidr.value,
            gateway: lan.gateway.value,
            dhcp: lan.dhcp.given().copied(),
            dns: if dns.is_empty() { vec![lan.gateway.value] } else { dns },
        },
        hosts: spec.hosts.iter().map(resolve_host).collect(),
        storage: spec.storage.iter().map(resolve_storage).collect(),
        clusters,
    }
}

fn resolve_host(entry: &Entry<spec::Machine>) -> Host {
    let host = &entry.value;
    Host {
        name: entry.name.to_string(),
        model: host.model.clone(),
        cpu: host.cpu.clone(),
        threads: host.threads.given().map(|count| count.get()),
        memory: host.memory.value,
        address: host.address.value,
        gpu: host.gpu.given().copied(),
    }
}

fn resolve_storage(entry: &Entry<spec::Storage>) -> Storage {
    Storage {
        name: entry.name.to_string(),
        model: entry.value.model.clone(),
        address: entry.value.address.value,
        nfs: entry.value.nfs.given().map(ToString::to_string),
    }
}

fn repository(spec: &Spec) -> Repository {
    let url = spec.lab.repository.to_string();
    let branch = spec.lab.branch.given().map_or("main".to_owned(), ToString::to_string);
    Repository { needs_key: url.starts_with("ssh://"), url, branch }
}
