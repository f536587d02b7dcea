//! The nodes of a cluster.

use super::super::files::{self, Files};
use super::super::placement::candidates;
use super::super::{Join, Node, NodePorts, Role};
use super::defaults;
use crate::spec::{self, Entry, Given as _, Protocol, Spec};
use diagnostic::Diagnostics;

/// Where devices of the LAN announce themselves: SSDP and mDNS.
const DISCOVERY: [u16; 2] = [1900, 5353];

pub(super) fn resolve(spec: &Spec, cluster: &spec::Cluster, files: &Files, faults: &mut Diagnostics) -> Vec<Node> {
    let role = |node: &spec::Node| node.role.given().copied().unwrap_or(defaults::ROLE);
    let mut servers: Vec<_> = cluster.nodes.iter().filter(|node| role(&node.value) == Role::Server).collect();
    servers.sort_by_key(|node| node.value.vmid.get());
    let first = servers.first().map(|node| (node.name.as_str(), node.value.address.value));
    cluster
        .nodes
        .iter()
        .map(|entry| {
            let node = &entry.value;
            for module in &node.modules {
                files::nix_module(module, files, faults);
            }
            let host = spec.hosts.get(node.host.as_str());
            let join = match first {
                Some((name, _)) if name == entry.name.as_str() && servers.len() == 1 => Join::Alone,
                Some((name, _)) if name == entry.name.as_str() => Join::Start,
                Some((_, address)) => Join::Ask(address),
                None => Join::Alone,
            };
            Node {
                name: entry.name.to_string(),
                description: node.description.clone().unwrap_or_default(),
                host: node.host.to_string(),
                role: role(node),
                vmid: node.vmid.get(),
                address: node.address.value,
                cores: node.cores.given().map_or(defaults::CORES, |cores| cores.get()),
                memory: node.memory.given().copied().unwrap_or_else(defaults::memory),
                disk: node.disk.given().copied().unwrap_or_else(defaults::disk),
                disk_storage: node.disk_storage.given().map_or("local-lvm".to_owned(), ToString::to_string),
                bridge: node.bridge.given().map_or("vmbr0".to_owned(), ToString::to_string),
                gpu: node
                    .gpu
                    .as_ref()
                    .filter(|gpu| gpu.value)
                    .and_then(|_| host?.value.gpu.as_ref())
                    .map(|gpu| gpu.value),
                privileged: node.privileged.as_ref().is_none_or(|privileged| privileged.value),
                devices: node.devices.iter().map(|device| device.to_string()).collect(),
                labels: node.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
                modules: node.modules.iter().map(|module| module.to_string()).collect(),
                ports: ports(entry, cluster),
                join,
            }
        })
        .collect()
}

/// The ports that apps take of a node whose network they may come to share. Ports of containers
/// beside an app's own are for the app alone.
fn ports(node: &Entry<spec::Node>, cluster: &spec::Cluster) -> NodePorts {
    let mut ports = NodePorts::default();
    let on_node = cluster.apps.iter().map(|app| &app.value);
    for app in on_node.filter(|app| app.host_network.given().copied().unwrap_or(false)) {
        if !candidates(app, cluster).iter().any(|candidate| candidate.name.as_str() == node.name.as_str()) {
            continue;
        }
        ports.udp.extend(DISCOVERY);
        ports.tcp.extend(app.port.given().map(|port| port.get()));
        for port in app.ports.iter().map(|port| &port.value) {
            match port.protocol.given().copied().unwrap_or_default() {
                Protocol::Tcp => ports.tcp.insert(port.port.get()),
                Protocol::Udp => ports.udp.insert(port.port.get()),
            };
        }
    }
    ports
}
