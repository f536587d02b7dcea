//! The nodes of a cluster.

use crate::{files, privilege, resolve_gpu};
use app::candidates;
use diagnostic::{Code, Diagnostic, Diagnostics};
use model::{Files, Join, Node, NodeKind, NodePorts};
use platform::Context;
use spec::types::AddressBlock;
use spec::{Entry, Opening, Protocol, Role};

/// The UDP ports of service discovery on the LAN: SSDP and mDNS.
const DISCOVERY: [u16; 2] = [1900, 5353];

pub(crate) fn resolve(context: &Context<'_>, files: &Files, diagnostics: &mut Diagnostics) -> Vec<Node> {
    let (spec, cluster) = (context.spec, context.cluster);
    let servers: Vec<_> = servers(cluster).collect();
    let first = first_server(cluster);
    if let Some(first) = first.filter(|_| cluster.first_server.is_none()) {
        check_first(first, &servers, files, diagnostics);
    }
    let first = first.map(|node| (node.name.as_str(), node.value.address.value));
    cluster
        .nodes
        .iter()
        .map(|entry| {
            let node = &entry.value;
            for module in &node.modules {
                files::nix_module(module, files, diagnostics);
            }
            let host = spec.hosts.get(node.host.as_str());
            let join = match first {
                Some((name, _)) if name == entry.name.as_str() && servers.len() == 1 => Join::Alone,
                Some((name, _)) if name == entry.name.as_str() => Join::Start,
                Some((_, address)) => Join::Ask(address),
                None => Join::Alone,
            };
            let ports = ports(entry, cluster);
            let (privileged, reason) = privilege::resolve(entry, context, files, diagnostics);
            Node {
                name: entry.name.value.clone(),
                description: node.description.clone().unwrap_or_default(),
                host: node.host.value.clone(),
                role: *node.role.get(),
                vmid: node.vmid.get(),
                address: node.address.value,
                cores: node.cores.get().get(),
                memory: *node.memory.get(),
                disk: *node.disk.get(),
                disk_storage: node.disk_storage.get().clone(),
                bridge: node.bridge.get().clone(),
                gpu: node.gpu.on().and_then(|_| host?.value.gpu.as_ref()).map(|gpu| resolve_gpu(&gpu.value)),
                kind: match node.kind() {
                    spec::NodeKind::Lxc { devices, .. } => NodeKind::Lxc {
                        privileged,
                        reason,
                        devices: devices.iter().map(|device| device.value.clone()).collect(),
                    },
                },
                start_order: node
                    .start_order
                    .as_ref()
                    .map_or_else(|| start_order(*node.role.get()), |order| order.get()),
                shutdown_seconds: node.shutdown_seconds.get().get(),
                state_version: node.state_version.get().clone(),
                labels: node.labels.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect(),
                modules: node.modules.iter().map(|module| module.value.clone()).collect(),
                trusted: trusted(&spec.network, *node.role.get(), &ports),
                ports,
                join,
            }
        })
        .collect()
}

fn servers(cluster: &spec::Cluster) -> impl Iterator<Item = &Entry<spec::Node>> {
    cluster.nodes.iter().filter(|node| *node.value.role.get() == Role::Server)
}

/// The server that starts the cluster.
fn first_server(cluster: &spec::Cluster) -> Option<&Entry<spec::Node>> {
    let named = cluster.first_server.as_ref();
    let named = named.and_then(|name| servers(cluster).find(|node| node.name.value == name.value));
    named.or_else(|| servers(cluster).min_by_key(|node| node.value.vmid.get()))
}

/// Checks that the server that starts the cluster is the one that did, if it is still a server. The spec does not
/// tell; the generated k3s configuration of the node does.
fn check_first(
    first: &Entry<spec::Node>,
    servers: &[&Entry<spec::Node>],
    files: &Files,
    diagnostics: &mut Diagnostics,
) {
    let has_started = |node: &&&Entry<spec::Node>| {
        let config = files.get(&files::k3s_config(&node.name.value));
        let text = config.and_then(|file| std::str::from_utf8(file.as_ref().ok()?).ok());
        text.is_some_and(|text| !text.lines().any(|line| line.starts_with("server:")))
    };
    let Some(started) = servers.iter().find(has_started) else { return };
    if servers.iter().filter(has_started).any(|node| node.name.value == first.name.value) {
        return;
    }
    let (old, new) = (&started.name.value, &first.name.value);
    let message = format!("`{new}` would start the cluster that `{old}` has started");
    let diagnostic = Diagnostic::new(Code::FirstServerChanged, first.value.vmid.span, message);
    let diagnostic = diagnostic.related(started.value.vmid.span, format!("`{old}` has a higher VMID"));
    diagnostics.push(diagnostic.help(format!(
        "set `first-server: {old}` on the cluster; if `{old}` has never run, set `first-server: {new}`"
    )));
}

/// The position in which the host starts a node, unless the spec sets one: agents join servers.
fn start_order(role: Role) -> u32 {
    match role {
        Role::Server => 20,
        Role::Agent => 30,
    }
}

/// The trusted networks that reach a node.
fn trusted(network: &spec::Network, role: Role, ports: &NodePorts) -> Vec<(Opening, Vec<AddressBlock>)> {
    let has_ports = !(ports.tcp.is_empty() && ports.udp.is_empty());
    let openings =
        [(Opening::Apps, has_ports), (Opening::Kubernetes, role == Role::Server), (Opening::Ssh, true)].into_iter();
    let networks = openings.filter(|(_, exists)| *exists).map(|(what, _)| (what, network.trusted_for(what)));
    networks.filter(|(_, networks)| !networks.is_empty()).collect()
}

/// The ports that the LAN may reach on a node, for apps on the host network that may run there. The `port`
/// of a sidecar is internal to the app.
fn ports(node: &Entry<spec::Node>, cluster: &spec::Cluster) -> NodePorts {
    let mut ports = NodePorts::default();
    let containers = cluster.apps.iter().filter_map(|app| app.value.container());
    for app in containers.filter(|app| app.host_network.is_on()) {
        if !candidates(app, cluster).iter().any(|candidate| candidate.name.as_str() == node.name.as_str()) {
            continue;
        }
        ports.udp.extend(DISCOVERY);
        ports.tcp.extend(app.port.as_ref().map(|port| port.get()));
        for port in app.other_ports().map(|port| &port.value) {
            match port.protocol.get() {
                Protocol::Tcp => ports.tcp.insert(port.port.get()),
                Protocol::Udp => ports.udp.insert(port.port.get()),
            };
        }
    }
    ports
}
