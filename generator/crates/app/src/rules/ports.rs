//! Ports of pods, and of the nodes whose network they share.

use crate::placement::candidates;
use crate::pods::{metrics_port, port_name};
use crate::rules::known::unknown;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::PortName;
use model::contract::{CSI_NFS_PORTS, NODE_PORTS};
use platform::Context;
use spec::{App, Cluster, ContainerApp, Entry, Node, Port, Protocol, Strategy};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn check(app: &Entry<App>, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    check_ports(app, container, diagnostics);
    check_metrics(app, container, diagnostics);
    check_https(container, diagnostics);
    check_strategy(container, diagnostics);
    if cluster.nodes.is_complete() {
        check_replicas(container, &candidates(container, cluster), diagnostics);
    }
}

/// Checks that there are nodes for all pods on the host network: a port of a node serves one pod.
fn check_replicas(app: &ContainerApp, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let (Some(replicas), Some(host)) = (app.replicas.spanned(), app.host_network.on()) else { return };
    let (pods, most) = (replicas.get(), nodes.len());
    if pods as usize > most && most > 0 && !ports(app).is_empty() {
        let eligible =
            if most == 1 { "only one node is eligible".to_owned() } else { format!("only {most} nodes are eligible") };
        let message = format!("{pods} pods need the same host ports, but {eligible}");
        let diagnostic =
            Diagnostic::new(Code::PortTaken, replicas.span, message).related(host, "`host-network` is set here");
        diagnostics.push(diagnostic.help(format!("set `replicas` to at most {most}")));
    }
}

/// Checks that a pod on the host network stops before the next one starts: both need the same ports.
fn check_strategy(app: &ContainerApp, diagnostics: &mut Diagnostics) {
    let host = app.host_network.on();
    let rolling = app.strategy.as_ref().filter(|strategy| strategy.value == Strategy::Rolling);
    if let (Some(host), Some(rolling)) = (host, rolling)
        && !ports(app).is_empty()
    {
        let message =
            "`strategy: rolling` blocks on the host network: the old pod keeps its ports until the new one is ready";
        let diagnostic =
            Diagnostic::new(Code::PortTaken, rolling.span, message).related(host, "`host-network` is set here");
        diagnostics.push(diagnostic.help("use `strategy: recreate`, the default for `host-network`"));
    }
}

/// The ports of an app's pod, each with its place in the spec. Containers of a pod share its network.
fn ports(app: &ContainerApp) -> Vec<((u16, Protocol), Span)> {
    let http = app.port.iter().map(|port| ((port.get(), Protocol::Tcp), port.span));
    let others = app
        .other_ports()
        .filter(|port| !app.is_main_port(&port.value))
        .map(|port| ((port.value.port.get(), *port.value.protocol.get()), port.value.port.span));
    let sidecars = app.sidecars.iter().filter_map(|sidecar| sidecar.value.port.as_ref());
    http.chain(others).chain(sidecars.map(|port| ((port.get(), Protocol::Tcp), port.span))).collect()
}

fn check_ports(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, Protocol), Span> = BTreeMap::new();
    for ((port, protocol), span) in ports(container) {
        if let Some(first) = taken.get(&(port, protocol)) {
            let message = format!("port {port} is used twice in the pod of `{}`", app.name.value);
            let diagnostic = Diagnostic::new(Code::PortTaken, span, message).related(*first, "first used here");
            diagnostics.push(diagnostic.help("use each port once: the containers of a pod share its network"));
        } else {
            taken.insert((port, protocol), span);
        }
    }
    let http = container.other_ports().find(|port| port.name.as_str() == "http");
    if let Some(http) = http.filter(|_| container.port.is_some()) {
        let diagnostic = Diagnostic::new(Code::NameTaken, http.name.span, "`http` is reserved for the app's main port");
        diagnostics.push(diagnostic.help("rename the port"));
    }
    let is_web = |port: &&Entry<Port>| port.value.port.get() == 80 && *port.value.protocol.get() == Protocol::Tcp;
    let main = container.port.as_ref().filter(|port| port.get() != 80);
    if let (Some(main), Some(other)) = (main, container.other_ports().find(is_web)) {
        let message = format!("port 80 of the Service `{}` is reserved for the app's main port", app.name.value);
        let diagnostic =
            Diagnostic::new(Code::PortTaken, other.value.port.span, message).related(main.span, "the main port");
        diagnostics.push(diagnostic.help(format!("set `port: 80`, and list {} under `ports`", main.value)));
    }
    check_port_names(container, diagnostics);
    check_lan_ports(app, container, diagnostics);
}

/// Checks that the app has the port that serves its metrics.
fn check_metrics(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let Some(metrics) = &container.metrics else { return };
    if metrics_port(container, metrics).is_some() {
        return;
    }
    let Some(port) = &metrics.port else {
        let message = format!("`{}` has `metrics`, but no `port`", app.name.value);
        let diagnostic = Diagnostic::new(Code::MissingField, metrics.span, message);
        diagnostics.push(diagnostic.help("add `metrics: { port: NAME }`, the name of one of its `ports`"));
        return;
    };
    let is_tcp = |port: &&Entry<Port>| *port.value.protocol.get() == Protocol::Tcp;
    let sidecars = container.sidecars.iter().filter(|sidecar| sidecar.value.port.is_some());
    let names: Vec<_> = container.other_ports().filter(is_tcp).map(|port| &port.name).collect();
    let names = names.into_iter().chain(sidecars.map(|sidecar| &sidecar.name));
    if container.ports.is_complete() && container.sidecars.is_complete() {
        diagnostics.push(unknown("TCP port", port.as_str(), port.span, names.map(|name| name.as_str())));
    }
}

/// Checks that an app that serves HTTPS has a port.
fn check_https(container: &ContainerApp, diagnostics: &mut Diagnostics) {
    if let Some(https) = container.https.on().filter(|_| container.port.is_none()) {
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, https, "`https` has no effect without `port`");
        diagnostics.push(diagnostic.of_absence().help("add `port: NUMBER`, the port that serves HTTPS"));
    }
}

/// Checks the ports at the address of an app on the LAN.
fn check_lan_ports(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, Protocol), Span> = BTreeMap::new();
    for port in container.other_ports().map(|port| &port.value) {
        if port.lan.is_none() {
            let shared = port.shared.span().map(|span| ("shared", span));
            for (field, span) in port.lan_port.as_ref().map(|port| ("lan-port", port.span)).into_iter().chain(shared) {
                let diagnostic =
                    Diagnostic::new(Code::FieldWithoutEffect, span, format!("`{field}` has no effect without `lan`"));
                diagnostics.push(diagnostic.of_absence().help(format!("add `lan: ADDRESS`, or remove `{field}`")));
            }
            continue;
        }
        let number = port.number_on_lan();
        if let Some(first) = taken.insert((number.get(), *port.protocol.get()), number.span) {
            let message = format!("port {} is used twice at the LAN address of `{}`", number.value, app.name.value);
            let diagnostic = Diagnostic::new(Code::PortTaken, number.span, message).related(first, "first used here");
            diagnostics.push(diagnostic.help("use another `lan-port` for one of them"));
        }
    }
}

/// Checks that port names are valid in Kubernetes (a letter, no consecutive dashes) and differ after they are cut
/// to 15 characters.
fn check_port_names(app: &ContainerApp, diagnostics: &mut Diagnostics) {
    let sidecars = app.sidecars.iter().filter(|sidecar| sidecar.value.port.is_some()).map(|sidecar| &sidecar.name);
    let mut taken: BTreeMap<PortName, Span> = BTreeMap::new();
    for name in app.other_ports().map(|port| &port.name).chain(sidecars) {
        let port = port_name(&name.value);
        let short = port.as_str();
        if !short.contains(|c: char| c.is_ascii_lowercase()) || short.contains("--") {
            let message =
                format!("invalid port name `{short}`: expected at least one letter and no consecutive dashes");
            diagnostics.push(Diagnostic::new(Code::InvalidValue, name.span, message).help("use another name"));
        } else if let Some(first) = taken.insert(port.clone(), name.span) {
            let message = format!("two ports have the name `{short}`, as port names are cut to 15 characters");
            let diagnostic = Diagnostic::new(Code::NameTaken, name.span, message).related(first, "the other port");
            diagnostics.push(diagnostic.help("rename one of them"));
        }
    }
}

/// An app on the host network that uses a port of its nodes.
struct PortUser<'a> {
    app: &'a str,
    span: Span,
    nodes: BTreeSet<&'a str>,
}

/// Checks that apps on the host network use ports that neither the node nor another app uses.
pub(super) fn check_node_ports(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let cluster = context.cluster;
    let of_drivers = if platform::has_nfs_driver(context) { &CSI_NFS_PORTS[..] } else { &[] };
    let of_nodes = || NODE_PORTS.iter().chain(of_drivers);
    let mut taken: BTreeMap<(u16, Protocol), Vec<PortUser<'_>>> = BTreeMap::new();
    let containers = cluster.apps.iter().filter_map(|app| Some((app, app.value.container()?)));
    for (app, container) in containers.filter(|(_, container)| container.host_network.is_on()) {
        let nodes: BTreeSet<_> = candidates(container, cluster).iter().map(|node| node.name.as_str()).collect();
        for ((port, protocol), span) in ports(container) {
            if let Some((.., owner)) = of_nodes().find(|(own, kind, _)| (*own, *kind) == (port, protocol)) {
                let message = format!("port {port} of every node is used by {owner}");
                let diagnostic = Diagnostic::new(Code::PortTaken, span, message);
                diagnostics.push(diagnostic.help("use another port, or remove `host-network` from the app"));
            }
            let users = taken.entry((port, protocol)).or_default();
            let other = users.iter().find(|other| other.app != app.name.as_str() && !other.nodes.is_disjoint(&nodes));
            if let Some(other) = other {
                let message = format!("`{}` and `{}` both use port {port} of their node", app.name.value, other.app);
                let diagnostic = Diagnostic::new(Code::PortTaken, span, message).related(other.span, "the other app");
                diagnostics.push(diagnostic.help("use another port in one of them, or remove its `host-network`"));
            }
            users.push(PortUser { app: app.name.as_str(), span, nodes: nodes.clone() });
        }
    }
}
