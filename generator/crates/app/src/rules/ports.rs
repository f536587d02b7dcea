//! Ports of pods, and of the nodes whose network they share.

use crate::placement::candidates;
use crate::pods::port_name;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::PortName;
use model::contract::NODE_PORTS;
use spec::{App, Cluster, ContainerApp, Entry, Node, Port, Protocol, Strategy};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(app: &Entry<App>, cluster: &Cluster, faults: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    check_ports(app, container, faults);
    check_strategy(container, faults);
    if cluster.nodes.is_complete() {
        check_copies(container, &candidates(container, cluster), faults);
    }
}

/// On a node, one pod of an app takes its ports.
fn check_copies(app: &ContainerApp, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let (Some(replicas), Some(host)) = (app.replicas.spanned(), app.host_network.on()) else { return };
    let wanted = replicas.get();
    if wanted as usize > nodes.len() && !nodes.is_empty() && !ports(app).is_empty() {
        let message =
            format!("{wanted} pods take the same ports of their nodes, and {} of the nodes may run them", nodes.len());
        let fault = Diagnostic::new(Code::PortTaken, replicas.span, message).related(host, "the network of the node");
        faults.push(fault.help("run as many pods as nodes at most"));
    }
}

/// A pod that takes ports of its node stops before the next one starts.
fn check_strategy(app: &ContainerApp, faults: &mut Diagnostics) {
    let host = app.host_network.on();
    let rolling = app.strategy.as_ref().filter(|strategy| strategy.value == Strategy::Rolling);
    if let (Some(host), Some(rolling)) = (host, rolling)
        && !ports(app).is_empty()
    {
        let message = "the new pod would wait for the ports that the old one holds on the node";
        let fault = Diagnostic::new(Code::PortTaken, rolling.span, message).related(host, "the network of the node");
        faults.push(fault.help("write `strategy: recreate`, which is the default here"));
    }
}

/// The ports of an app's pod, and where each is given. Containers of a pod share its network.
fn ports(app: &ContainerApp) -> Vec<((u16, Protocol), Span)> {
    let http = app.port.iter().map(|port| ((port.get(), Protocol::Tcp), port.span));
    let others =
        app.ports.iter().map(|port| ((port.value.port.get(), *port.value.protocol.get()), port.value.port.span));
    let sidecars = app.sidecars.iter().filter_map(|sidecar| sidecar.value.port.as_ref());
    http.chain(others).chain(sidecars.map(|port| ((port.get(), Protocol::Tcp), port.span))).collect()
}

fn check_ports(app: &Entry<App>, container: &ContainerApp, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, Protocol), Span> = BTreeMap::new();
    for ((port, protocol), span) in ports(container) {
        if let Some(first) = taken.get(&(port, protocol)) {
            let message = format!("the port {port} is used twice in the pod of `{}`", app.name.value);
            let fault = Diagnostic::new(Code::PortTaken, span, message).related(*first, "first here");
            faults.push(fault.help("name each port once; containers of a pod share its network"));
        } else {
            taken.insert((port, protocol), span);
        }
    }
    if let Some(http) = container.ports.get("http").filter(|_| container.port.is_some()) {
        let fault = Diagnostic::new(Code::NameTaken, http.name.span, "`http` is the name of the app's `port`");
        faults.push(fault.help("rename the port"));
    }
    let is_web = |port: &&Entry<Port>| port.value.port.get() == 80 && *port.value.protocol.get() == Protocol::Tcp;
    let main = container.port.as_ref().filter(|port| port.get() != 80);
    if let (Some(main), Some(other)) = (main, container.ports.iter().find(is_web)) {
        let message =
            format!("the app's `port` is reached at port 80 of `{}` in the cluster, and so is this", app.name.value);
        let fault =
            Diagnostic::new(Code::PortTaken, other.value.port.span, message).related(main.span, "the app's port");
        faults.push(fault.help("make this the app's `port`, and the other one of `ports`"));
    }
    check_port_names(container, faults);
}

/// Ports have names of their own that Kubernetes takes: with a letter, and no two dashes in a row. It
/// keeps 15 characters, so longer names are cut.
fn check_port_names(app: &ContainerApp, faults: &mut Diagnostics) {
    let sidecars = app.sidecars.iter().filter(|sidecar| sidecar.value.port.is_some()).map(|sidecar| &sidecar.name);
    let mut taken: BTreeMap<PortName, Span> = BTreeMap::new();
    for name in app.ports.iter().map(|port| &port.name).chain(sidecars) {
        let port = port_name(&name.value);
        let short = port.as_str();
        if !short.contains(|c: char| c.is_ascii_lowercase()) || short.contains("--") {
            let message = format!("`{short}` is no name of a port: those have a letter, and no two dashes in a row");
            faults.push(Diagnostic::new(Code::InvalidValue, name.span, message).help("rename it"));
        } else if let Some(first) = taken.insert(port.clone(), name.span) {
            let message = format!("two ports would be called `{short}`, as names of ports are cut at 15 characters");
            let fault = Diagnostic::new(Code::NameTaken, name.span, message).related(first, "the other");
            faults.push(fault.help("rename one of them"));
        }
    }
}

/// An app that takes a port of the nodes that it may run on.
struct Taker<'a> {
    app: &'a str,
    span: Span,
    nodes: BTreeSet<&'a str>,
}

/// Apps that share the network of their nodes share its ports, with each other and with the node.
pub(super) fn check_node_ports(cluster: &Cluster, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, Protocol), Vec<Taker<'_>>> = BTreeMap::new();
    let containers = cluster.apps.iter().filter_map(|app| Some((app, app.value.container()?)));
    for (app, container) in containers.filter(|(_, container)| container.host_network.is_on()) {
        let nodes: BTreeSet<_> = candidates(container, cluster).iter().map(|node| node.name.as_str()).collect();
        for ((port, protocol), span) in ports(container) {
            if let Some((.., who)) = NODE_PORTS.iter().find(|(own, kind, _)| (*own, *kind) == (port, protocol)) {
                let message = format!("the port {port} of every node is that of {who}");
                let fault = Diagnostic::new(Code::PortTaken, span, message);
                faults.push(fault.help("serve another port, or take `host-network` from the app"));
            }
            let takers = taken.entry((port, protocol)).or_default();
            let other = takers.iter().find(|other| other.app != app.name.as_str() && !other.nodes.is_disjoint(&nodes));
            if let Some(other) = other {
                let message =
                    format!("`{}` and `{}` both take the port {port} of their node", app.name.value, other.app);
                let fault = Diagnostic::new(Code::PortTaken, span, message).related(other.span, "the other app");
                faults.push(fault.help("let one of them serve another port, or take `host-network` from it"));
            }
            takers.push(Taker { app: app.name.as_str(), span, nodes: nodes.clone() });
        }
    }
}
