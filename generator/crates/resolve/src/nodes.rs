//! The nodes of a cluster.

use crate::{files, privilege, resolve_gpu};
use app::candidates;
use diagnostic::{Code, Diagnostic, Diagnostics};
use model::{Files, Join, Node, NodeFolder, NodeInterface, NodeKind, NodePorts};
use platform::Context;
use spec::types::{AddressBlock, Name};
use spec::{ContainerApp, Entry, Opening, Protocol, Role};

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
    let nodes: Vec<_> = cluster
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
                vlan: node.vlan.as_ref().map(|tag| tag.get()),
                interfaces: node.interfaces.iter().map(interface).collect(),
                gpu: node.gpu.on().and_then(|_| host?.value.gpu.as_ref()).map(|gpu| resolve_gpu(&gpu.value)),
                kind: match node.kind() {
                    spec::NodeKind::Vm { usb } => NodeKind::Vm {
                        usb: usb.iter().map(|(device, id)| (device.clone(), id.value.clone())).collect(),
                    },
                    spec::NodeKind::Lxc { privileged, devices, folders } => {
                        let (privileged, reason) =
                            privilege::resolve(entry, privileged, devices, context, files, diagnostics);
                        NodeKind::Lxc {
                            privileged,
                            reason,
                            devices: devices.iter().map(|device| device.value.clone()).collect(),
                            folders: folders.iter().filter_map(|name| folder(name, entry, context)).collect(),
                        }
                    }
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
        .collect();
    check_owners(context, &nodes, diagnostics);
    nodes
}

fn interface(entry: &Entry<spec::NodeInterface>) -> NodeInterface {
    let interface = &entry.value;
    NodeInterface {
        name: entry.name.value.clone(),
        address: interface.address.value,
        bridge: interface.bridge.get().clone(),
        vlan: interface.vlan.as_ref().map(|tag| tag.get()),
        mtu: interface.mtu.as_ref().map(|mtu| mtu.get()),
    }
}

/// Checks that an app that writes to folders of hosts is the same user of the host on all nodes that may run it.
fn check_owners(context: &Context<'_>, nodes: &[Node], diagnostics: &mut Diagnostics) {
    let is_privileged = |name: &Name| match nodes.iter().find(|node| node.name == *name)?.kind {
        NodeKind::Lxc { privileged, .. } => Some(privileged),
        NodeKind::Vm { .. } => None,
    };
    for app in &context.cluster.apps {
        let Some(container) = app.value.container() else { continue };
        let mut folders = container.storage.iter().filter_map(|volume| volume.value.folder());
        let Some(written) = folders.find(|folder| !folder.read_only.is_on()) else { continue };
        let eligible = candidates(container, context.cluster);
        let of_kind = |kind: bool| eligible.iter().find(|node| is_privileged(&node.name.value) == Some(kind));
        let (Some(privileged), Some(unprivileged)) = (of_kind(true), of_kind(false)) else { continue };
        let message =
            format!("`{}` would write to `{}` as different users of the host", app.name.value, written.folder.value);
        let diagnostic = Diagnostic::new(Code::FoldersDiffer, written.folder.span, message);
        let diagnostic = diagnostic.related(privileged.name.span, "its container is privileged");
        let diagnostic = diagnostic.related(unprivileged.name.span, "its container is unprivileged");
        diagnostics.push(diagnostic.help("choose nodes of one kind with `nodes`, or set `privileged` of the nodes"));
    }
}

/// A folder of the host of a node, with what the apps that may run there do with it. None if the host does not have it,
/// which is reported elsewhere.
fn folder(name: &spec::Spanned<Name>, node: &Entry<spec::Node>, context: &Context<'_>) -> Option<NodeFolder> {
    let host = context.spec.hosts.get(node.value.host.as_str())?;
    let path = host.value.folders.get(name.as_str())?.value.value.clone();
    let is_candidate = |app: &ContainerApp| candidates(app, context.cluster).iter().any(|of| of.name == node.name);
    let apps = context.cluster.apps.iter().filter_map(|app| app.value.container());
    let users: Vec<(&ContainerApp, bool)> = apps
        .filter(|app| is_candidate(app))
        .flat_map(|app| {
            let volumes = app.storage.iter().filter_map(|volume| volume.value.folder());
            volumes.filter(|volume| volume.folder.value == name.value).map(move |of| (app, of.read_only.is_on()))
        })
        .collect();
    let security = |app: &ContainerApp| {
        let security = app.security.as_ref()?;
        security.user.as_ref().map(|user| user.get()).or_else(|| security.root.is_on().then_some(0))
    };
    Some(NodeFolder {
        name: name.value.clone(),
        path,
        // Charts and manifests can mount a folder that no app uses.
        is_read_only: !users.is_empty() && users.iter().all(|(_, read_only)| *read_only),
        writers: users.iter().filter(|(_, read_only)| !read_only).filter_map(|(app, _)| security(app)).collect(),
    })
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
