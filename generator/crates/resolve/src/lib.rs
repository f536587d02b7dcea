//! Resolves a spec to a [`Lab`]: checks the rules, binds references, and orders the units.
//!
//! Only [`resolve`] creates a [`Lab`], so every [`Lab`] is valid.

mod backup;
mod cluster;
mod files;
mod guards;
mod namespaces;
mod nodes;
mod order;
mod patches;
mod privilege;
mod rules;
mod sops;

pub use files::{committed, referenced};
pub use rules::is_credential;
pub use sops::paths as encrypted;

use app::Pins;
use diagnostic::{Diagnostics, Span};
use model::{Cluster, EncryptedFile, Files, Gpu, Host, Lab, Lan, Repository, Storage, Trusted};
use spec::types::Ipv4;
use spec::{Entry, Given as _, GpuVendor, Parsed, Spec};
use yaml::Node;

/// The result of resolving a spec.
#[derive(Debug)]
pub struct Resolved {
    /// The lab, unless there are errors.
    pub lab: Option<Lab>,
    /// All diagnostics, including those of parsing.
    pub diagnostics: Diagnostics,
}

/// Resolves a spec, with the files that it refers to.
pub fn resolve(parsed: Parsed, files: &Files) -> Resolved {
    let Parsed { spec, root, comments, mut diagnostics } = parsed;
    let contexts = platform::clusters(&spec);
    rules::check(&contexts, &root, &comments, &mut diagnostics);
    let (hides_capabilities, faulty) = (hides_capabilities(&root), faulty_parts(&root));
    // A large lab reuses the memory.
    drop((root, comments));
    let pins = Pins::read(files, &mut diagnostics);
    let clusters: Vec<_> =
        contexts.iter().map(|context| cluster::resolve(&context, files, &pins, &mut diagnostics)).collect();
    let encrypted = sops::check(&contexts, &clusters, files, &mut diagnostics);
    if hides_capabilities {
        diagnostics.forget_absences();
    }
    if diagnostics.has_errors() {
        diagnostics.forget_warnings(|span| faulty.iter().any(|part| part.start <= span.start && span.end <= part.end));
        return Resolved { lab: None, diagnostics };
    }
    let dns_servers = contexts.iter().next().map(|context| platform::dns_servers(&context)).unwrap_or_default();
    Resolved { lab: Some(resolve_lab(&spec, clusters, dns_servers, encrypted)), diagnostics }
}

/// Whether a part of a node could not be parsed.
fn is_faulty(node: &Node) -> bool {
    node.span.faulty
        || node.entries().iter().any(|(key, value)| key.span.faulty || is_faulty(value))
        || node.items().iter().any(is_faulty)
}

/// The apps and components that could not be parsed as a whole. A warning about one of them may be wrong.
fn faulty_parts(root: &Node) -> Vec<Span> {
    fn end(node: &Node) -> u32 {
        let entries = node.entries().iter().map(|(_, value)| end(value));
        entries.chain(node.items().iter().map(end)).fold(node.span.end, u32::max)
    }
    let clusters = root.get("clusters").map_or(&[][..], Node::entries).iter().map(|(_, cluster)| cluster);
    let parts = clusters.flat_map(|cluster| ["apps", "platform"].into_iter().filter_map(|part| cluster.get(part)));
    let entries = parts.flat_map(Node::entries).filter(|(_, part)| is_faulty(part));
    entries.map(|(key, part)| Span { end: end(part), ..key.span }).collect()
}

/// Whether a part of the spec that decides what a cluster has could not be parsed. Then rules would report things
/// as absent that the user did write.
fn hides_capabilities(root: &Node) -> bool {
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

fn resolve_lab(spec: &Spec, clusters: Vec<Cluster>, dns_servers: Vec<Ipv4>, encrypted: Vec<EncryptedFile>) -> Lab {
    let lan = &spec.network.lan;
    let dns: Vec<_> = lan.dns.iter().map(|server| server.value).collect();
    Lab {
        name: spec.lab.name.value.clone(),
        domain: spec.lab.domain.value.clone(),
        language: *spec.lab.language.get(),
        timezone: spec.lab.timezone.get().clone(),
        repository: repository(spec),
        ssh_keys: spec.lab.admin.ssh_keys.iter().map(|key| key.value.clone()).collect(),
        lan: Lan {
            cidr: lan.cidr.value,
            gateway: lan.gateway.value,
            dhcp: lan.dhcp.given().copied(),
            servers: dns_servers,
            trusted: spec.network.trusted.iter().map(resolve_trusted).collect(),
            dns: if dns.is_empty() { vec![lan.gateway.value] } else { dns },
        },
        dns: platform::dns_provider_name(spec),
        public: spec.network.public.as_ref().map(|public| match public {
            spec::Public::Host(host) => host.value.inside(&spec.lab.domain.value).to_string(),
            spec::Public::Address(address) => address.value.to_string(),
        }),
        hosts: spec.hosts.iter().map(resolve_host).collect(),
        storage: spec.storage.iter().map(resolve_storage).collect(),
        clusters,
        encrypted,
    }
}

fn resolve_trusted(entry: &Entry<spec::Trusted>) -> Trusted {
    let open = entry.value.open.get().to_vec();
    Trusted { name: entry.name.value.clone(), cidr: entry.value.cidr.value, open }
}

fn resolve_host(entry: &Entry<spec::Host>) -> Host {
    let host = &entry.value;
    Host {
        name: entry.name.value.clone(),
        model: host.model.clone(),
        cpu: host.cpu.clone(),
        threads: host.threads.given().map(|count| count.get()),
        memory: host.memory.value,
        address: host.address.value,
        gpu: host.gpu.as_ref().map(|gpu| resolve_gpu(&gpu.value)),
        folders: host.folders.iter().map(|folder| (folder.name.value.clone(), folder.value.value.clone())).collect(),
    }
}

/// The GPU of a host.
fn resolve_gpu(gpu: &spec::Gpu) -> Gpu {
    match gpu.vendor {
        GpuVendor::Intel => {
            Gpu { driver: *gpu.driver.get(), device: gpu.device.get().clone(), pci: gpu.pci.get().clone() }
        }
    }
}

fn resolve_storage(entry: &Entry<spec::Storage>) -> Storage {
    Storage {
        name: entry.name.value.clone(),
        model: entry.value.model().cloned(),
        address: entry.value.address().value,
        nfs: entry.value.export().map(|export| export.value.clone()),
        volumes: match &entry.value {
            spec::Storage::Synology(_) => None,
            spec::Storage::Nfs(server) => server.volumes.as_ref().map(|share| share.value.clone()),
        },
        dsm: entry.value.dsm().map(|dsm| dsm.port.get().get()),
    }
}

fn repository(spec: &Spec) -> Repository {
    let url = spec.lab.repository.value.clone();
    Repository { needs_key: url.as_str().starts_with("ssh://"), url, branch: spec.lab.branch.get().clone() }
}
