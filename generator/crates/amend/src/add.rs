//! New hosts, nodes, clusters, secret entries and storage.

use crate::fields::{Fields, list};
use crate::names::{check_known, check_new, cluster, near};
use crate::{Amended, Kind, Refusal, Source, free, refuse};
use spec::types::Ipv4;
use spec::{DefaultValue as _, Spec, defaults};

/// The fields of a new host.
#[derive(Debug, Clone, Default)]
pub struct HostFields {
    /// Its memory.
    pub memory: String,
    /// Its address. Default: the next free one.
    pub address: Option<String>,
    /// Make and model.
    pub model: Option<String>,
    /// CPU model.
    pub cpu: Option<String>,
    /// Number of CPU threads.
    pub threads: Option<u32>,
    /// Vendor of its GPU.
    pub gpu: Option<String>,
}

/// The fields of a new node.
#[derive(Debug, Clone, Default)]
pub struct NodeFields {
    /// Its cluster. Default: the only one.
    pub cluster: Option<String>,
    /// Its host. Default: the one with the most free memory.
    pub host: Option<String>,
    /// Its kind. Default: `container`.
    pub kind: Option<String>,
    /// Its role. Default: `agent`, as the cluster has a server.
    pub role: Option<String>,
    /// Its address. Default: the next free one.
    pub address: Option<String>,
    /// Its VMID. Default: the next free one.
    pub vmid: Option<u32>,
    /// Number of CPU cores.
    pub cores: Option<u32>,
    /// Memory.
    pub memory: Option<String>,
    /// Size of the root disk.
    pub disk: Option<String>,
    /// Whether it can use the GPU of its host.
    pub gpu: bool,
}

/// The fields of a new cluster.
#[derive(Debug, Clone, Default)]
pub struct ClusterFields {
    /// Its purpose.
    pub description: Option<String>,
    /// Its load-balancer pool. Default: the next free one.
    pub load_balancer: Option<String>,
    /// The network of its pods. Default: the next free one.
    pub pods: Option<String>,
    /// The network of its Services. Default: the next free one.
    pub services: Option<String>,
    /// The name of its first node. Default: that of the cluster with `-cp`.
    pub node: Option<String>,
    /// The fields of its first node, a server.
    pub first: NodeFields,
}

/// The fields of a new secret entry.
#[derive(Debug, Clone, Default)]
pub struct SecretFields {
    /// Its keys.
    pub keys: Vec<String>,
    /// Its purpose.
    pub description: Option<String>,
    /// Its path in the store.
    pub path: Option<String>,
}

/// The fields of new network storage.
#[derive(Debug, Clone, Default)]
pub struct StorageFields {
    /// `synology` or `nfs`.
    pub kind: String,
    /// Its address. Default: the next free one.
    pub address: Option<String>,
    /// Make and model.
    pub model: Option<String>,
    /// The folder whose subfolders it exports.
    pub nfs: Option<String>,
    /// The export for volumes.
    pub volumes: Option<String>,
}

/// The step that ends every change.
pub(crate) const COMMIT: &str = "Commit the spec and the generated files";

/// Adds a host.
///
/// # Errors
/// If the name is taken, or nothing is free.
pub fn add_host(source: Source<'_>, name: &str, fields: &HostFields) -> Result<Amended, Refusal> {
    check_new(source, Kind::Host, &["hosts"], name)?;
    let others = source.spec.hosts.iter().map(|host| host.value.address.value);
    let address = address_or_free(source.spec, fields.address.as_deref(), others)?;
    let block = Fields::default()
        .text("model", fields.model.as_deref())
        .text("cpu", fields.cpu.as_deref())
        .raw("threads", fields.threads)
        .text("memory", Some(&fields.memory))
        .text("address", Some(&address))
        .text("gpu", fields.gpu.as_deref());
    let mut amended = Amended::of(source);
    amended.insert(&["hosts"], name, &block.into_text(), format!("host `{name}`: {address}"))?;
    if fields.address.is_none() {
        amended.notes.push(format!("{address} is a proposal; if the host has another address, set it with --address"));
    }
    amended.steps.push(format!("Add a node on it: `homelab add node NAME --host {name}`"));
    amended.steps.push(COMMIT.to_owned());
    Ok(amended)
}

/// Adds a node to a cluster.
///
/// # Errors
/// If the name is taken, a name that it refers to is unknown, or nothing is free.
pub fn add_node(source: Source<'_>, name: &str, fields: &NodeFields) -> Result<Amended, Refusal> {
    let cluster = cluster(source, fields.cluster.as_deref())?;
    for other in source.spec.clusters.names() {
        check_new(source, Kind::Node, &Kind::Node.place(other), name)?;
    }
    let node = Node::propose(source, fields, "agent")?;
    let mut amended = Amended::of(source);
    let place = Kind::Node.place(cluster);
    let change = format!("node `{name}` of the cluster `{cluster}`: {}", node.shown);
    amended.steps.extend([node.step(name), COMMIT.to_owned()]);
    amended.insert(&place, name, &node.fields.into_text(), change)?;
    Ok(amended)
}

/// Adds a cluster with its first node.
///
/// # Errors
/// If a name is taken or unknown, or nothing is free.
pub fn add_cluster(source: Source<'_>, name: &str, fields: &ClusterFields) -> Result<Amended, Refusal> {
    check_new(source, Kind::Cluster, &["clusters"], name)?;
    let node_name = fields.node.clone().unwrap_or_else(|| format!("{name}-cp"));
    for other in source.spec.clusters.names() {
        check_new(source, Kind::Node, &Kind::Node.place(other), &node_name)?;
    }
    let node = Node::propose(source, &fields.first, "server")?;
    let networks = free::networks(source.spec);
    let networks = networks.map(|(pods, services)| (pods.to_string(), services.to_string())).unzip();
    let (pods, services) = (fields.pods.clone().or(networks.0), fields.services.clone().or(networks.1));
    let (Some(pods), Some(services)) = (pods, services) else {
        return refuse("no network is free for the cluster; set --pods and --services");
    };
    let address: Option<Ipv4> = spec::types::Text::parse(&node.address).ok();
    let free = || free::pool(source.spec, address).map(|pool| pool.to_string());
    let Some(pool) = fields.load_balancer.clone().or_else(free) else {
        return refuse("the LAN has no free range for a load-balancer pool; set --load-balancer FIRST-LAST");
    };
    let differs = |value: &str, default: String| (value != default).then(|| value.to_owned());
    let change = format!("cluster `{name}`: pods {pods}, Services {services}, load balancer {pool}");
    let first = format!("node `{node_name}` of the cluster `{name}`: {}", node.shown);
    let step = node.step(&node_name);
    let nodes = Fields::default().block(&node_name, &node.fields);
    let block = Fields::default()
        .text("description", fields.description.as_deref())
        .text("pods", differs(&pods, defaults::PodNetwork::value().to_string()).as_deref())
        .text("services", differs(&services, defaults::ServiceNetwork::value().to_string()).as_deref())
        .raw("load-balancer", Some(range(&pool)))
        .block("nodes", &nodes);
    let mut amended = Amended::of(source);
    amended.insert(&["clusters"], name, &block.into_text(), change)?;
    amended.changes.push(first);
    amended.notes.push(format!("the router must not lease {pool} by DHCP"));
    amended.steps.push(step);
    amended.steps.push("Put the files that `homelab secrets` lists on its disk".to_owned());
    amended.steps.push(format!("Add an app: `homelab add app NAME --cluster {name}`"));
    amended.steps.push(COMMIT.to_owned());
    Ok(amended)
}

/// Adds a secret entry, or keys to one that exists.
///
/// # Errors
/// If the entry has all of the keys, or the text cannot be edited.
pub fn add_secret(source: Source<'_>, name: &str, fields: &SecretFields) -> Result<Amended, Refusal> {
    let place = Kind::Secret.place("");
    let mut amended = Amended::of(source);
    if source.spec.secrets.is_none() {
        return refuse("the lab has no secret store; set `secrets.store` first (docs/secrets.md compares the stores)");
    }
    if let Some(entry) = source.spec.secrets.as_ref().and_then(|secrets| secrets.entries.get(name)) {
        let has = |key: &&String| entry.value.keys.iter().all(|other| other.as_str() != key.as_str());
        let new: Vec<&String> = fields.keys.iter().filter(has).collect();
        if new.is_empty() || fields.description.is_some() || fields.path.is_some() {
            return check_new(source, Kind::Secret, &place, name).map(|()| amended);
        }
        add_keys(&mut amended, name, new.iter().map(|key| key.as_str()))?;
    } else {
        check_new(source, Kind::Secret, &place, name)?;
        let block = Fields::default()
            .text("description", fields.description.as_deref())
            .text("path", fields.path.as_deref())
            .raw("keys", Some(list(fields.keys.iter().map(String::as_str))));
        amended.insert(
            &place,
            name,
            &block.into_text(),
            format!("secret entry `{name}`: {}", fields.keys.join(", ")),
        )?;
    }
    amended.steps.push("Store the values: `homelab secrets` lists where".to_owned());
    amended.steps.push(COMMIT.to_owned());
    Ok(amended)
}

/// Adds keys to a secret entry that exists.
pub(crate) fn add_keys<'a>(
    amended: &mut Amended,
    entry: &str,
    keys: impl Iterator<Item = &'a str>,
) -> Result<(), Refusal> {
    for key in keys {
        amended.text = edit::append(&amended.text, &["secrets", "entries", entry, "keys"], &yaml::scalar(key))?;
        amended.changes.push(format!("key `{key}` of the secret entry `{entry}`"));
    }
    Ok(())
}

/// Adds network storage.
///
/// # Errors
/// If the name is taken, or nothing is free.
pub fn add_storage(source: Source<'_>, name: &str, fields: &StorageFields) -> Result<Amended, Refusal> {
    check_new(source, Kind::Storage, &["storage"], name)?;
    let others = source.spec.storage.iter().map(|storage| storage.value.address().value);
    let address = address_or_free(source.spec, fields.address.as_deref(), others)?;
    let block = Fields::default()
        .text("kind", Some(&fields.kind))
        .text("model", fields.model.as_deref())
        .text("address", Some(&address))
        .text("nfs", fields.nfs.as_deref())
        .text("volumes", fields.volumes.as_deref());
    let mut amended = Amended::of(source);
    let change = format!("storage `{name}` ({}): {address}", fields.kind);
    amended.insert_before(&["storage"], &["secrets", "dns", "clusters"], name, &block.into_text(), change)?;
    if fields.address.is_none() {
        amended
            .notes
            .push(format!("{address} is a proposal; if the server has another address, set it with --address"));
    }
    amended.steps.push("Export its folders to the nodes: docs/data.md".to_owned());
    amended.steps.push(COMMIT.to_owned());
    Ok(amended)
}

/// A range of addresses as people write it: without quotes, although it could be a number in some parsers.
fn range(text: &str) -> String {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || ".-".contains(c));
    if is_plain { text.to_owned() } else { yaml::scalar(text) }
}

/// A node that a command proposes.
struct Node {
    fields: Fields,
    host: String,
    address: String,
    vmid: u32,
    kind: String,
    shown: String,
}

impl Node {
    /// Completes the fields of a node.
    fn propose(source: Source<'_>, fields: &NodeFields, role: &str) -> Result<Self, Refusal> {
        let spec = source.spec;
        let host = match &fields.host {
            Some(host) => host.clone(),
            None => roomiest_host(spec)?,
        };
        check_known(source, Kind::Host, &["hosts"], &host)?;
        let others = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
        let address = address_or_free(spec, fields.address.as_deref(), others.map(|node| node.value.address.value))?;
        let vmid = fields.vmid.unwrap_or_else(|| free::vmid(spec));
        let role = fields.role.as_deref().unwrap_or(role);
        let shown = format!("{role} on `{host}`, VMID {vmid}, {address}");
        let kind = fields.kind.clone().unwrap_or_else(|| "container".to_owned());
        let fields = Fields::default()
            .text("host", Some(&host))
            .text("kind", Some(kind.as_str()).filter(|kind| *kind != "container"))
            .text("role", Some(role))
            .raw("vmid", Some(vmid))
            .text("address", Some(&address))
            .raw("cores", fields.cores)
            .text("memory", fields.memory.as_deref())
            .text("disk", fields.disk.as_deref())
            .on("gpu", fields.gpu);
        Ok(Self { fields, host, address, vmid, kind, shown })
    }

    /// How to create it.
    fn step(&self, name: &str) -> String {
        let Self { host, vmid, .. } = self;
        let what = if self.kind == "vm" { "VM" } else { "container" };
        format!("Check that no guest of `{host}` has the VMID {vmid}, and create the {what} of `{name}`: docs/nodes.md")
    }
}

/// The host whose nodes leave the most memory.
fn roomiest_host(spec: &Spec) -> Result<String, Refusal> {
    let left = |host: &&spec::Entry<spec::Host>| {
        let nodes = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
        let on_host = nodes.filter(|node| node.value.host.value == host.name.value);
        let used: u64 = on_host.map(|node| node.value.memory.get().bytes()).sum();
        host.value.memory.bytes().saturating_sub(used)
    };
    // The first of equal hosts.
    let hosts: Vec<_> = spec.hosts.iter().collect();
    match hosts.iter().rev().max_by_key(|host| left(host)) {
        Some(host) => Ok(host.name.to_string()),
        None => refuse(format!("the spec has no host{}", near("", &[]))),
    }
}

fn address_or_free(spec: &Spec, given: Option<&str>, others: impl Iterator<Item = Ipv4>) -> Result<String, Refusal> {
    match given.map(str::to_owned).or_else(|| free::address(spec, others).map(|address| address.to_string())) {
        Some(address) => Ok(address),
        None => refuse("the LAN has no free address; set one with --address"),
    }
}
