//! Apps fit the nodes of their cluster: labels, devices, ports of the node, processor and memory.

use crate::lab::placement::{Wish, candidates, labels};
use crate::lab::resolve::{defaults, port_name};
use crate::platform::Context;
use crate::spec::types::{Quantity, Text as _};
use crate::spec::{App, Cluster, Entry, Given as _, Job, Node, Parts, Port, Protocol, Sidecar, Spec, Step, Strategy};
use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for cluster in &spec.clusters {
        for app in &cluster.value.apps {
            judge_labels(app, &cluster.value, faults);
            judge_devices(app, &cluster.value, faults);
            judge_ports(app, faults);
            judge_strategy(app, faults);
            judge_privilege(app, faults);
            if cluster.value.nodes.is_complete() {
                let nodes = candidates(&app.value, &cluster.value);
                judge_together(app, &cluster.value, faults);
                judge_copies(app, &Context::new(spec, cluster), &nodes, faults);
                judge_size(app, &nodes, faults);
            }
        }
        judge_node_ports(&cluster.value, faults);
        judge_sum(cluster, faults);
    }
}

/// Some node has all the labels.
fn judge_labels(app: &Entry<App>, cluster: &Cluster, faults: &mut Diagnostics) {
    let wanted: Vec<_> = app.value.nodes.iter().collect();
    if wanted.is_empty() || !cluster.nodes.is_complete() {
        return;
    }
    let nodes: Vec<_> = cluster.nodes.iter().map(labels).collect();
    let has = |labels: &[(String, String)], key: &str, value: &str| labels.iter().any(|(k, v)| k == key && v == value);
    for (key, value) in &wanted {
        if nodes.iter().any(|labels| has(labels, key.as_str(), value.as_str())) {
            continue;
        }
        let label = format!("{key}={}", value.value);
        let known: Vec<_> = nodes.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
        let help = did_you_mean(&label, known.iter().map(String::as_str))
            .map_or("give one of the cluster's nodes that label: `labels: { KEY: VALUE }`".to_owned(), |near| {
                format!("did you mean `{near}`?")
            });
        let message = format!("no node of the cluster has the label {label}");
        faults.push(Diagnostic::new(Code::UnknownReference, value.span, message).help(help));
        return;
    }
}

/// What some node each has, one node has together. What none has is told of on its own.
fn judge_together(app: &Entry<App>, cluster: &Cluster, faults: &mut Diagnostics) {
    let wishes = Wish::all(&app.value);
    let is_known = |wish: &Wish<'_>| cluster.nodes.iter().any(|node| wish.is_met_by(node));
    let Some((last, others)) = wishes.split_last() else { return };
    if !candidates(&app.value, cluster).is_empty() || !wishes.iter().all(is_known) {
        return;
    }
    let message = format!("no node of the cluster has {last} and all else that `{}` asks of its node", app.name.value);
    let fault = Diagnostic::new(Code::UnknownReference, last.span(), message);
    let fault = others.iter().fold(fault, |fault, other| fault.related(other.span(), other.to_string()));
    faults.push(fault.help("ask for what one node has, or give one node all of it"));
}

/// Each pod of an app with several finds its place: a GPU is shared by so many, and on a node one
/// pod takes its ports.
fn judge_copies(app: &Entry<App>, context: &Context<'_>, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let Some(replicas) = app.value.replicas.as_ref() else { return };
    let wanted = u64::from(replicas.get());
    let gpu = app.value.gpu.as_ref().filter(|gpu| gpu.value).zip(context.gpu());
    if let Some((gpu, plugin)) = gpu {
        let share = u64::from(plugin.share());
        if !nodes.is_empty() && wanted > share * nodes.len() as u64 {
            let message = format!("{wanted} pods want a GPU, and {share} share that of a node");
            let fault =
                Diagnostic::new(Code::RequestsExceedNodes, replicas.span, message).related(gpu.span, "asked for here");
            faults.push(fault.help("run fewer pods, or raise `platform.gpu.share`"));
        }
    }
    if let Some(host) = app.value.host_network.as_ref().filter(|host| host.value)
        && wanted > nodes.len() as u64
        && !nodes.is_empty()
        && !ports(&app.value).is_empty()
    {
        let message =
            format!("{wanted} pods take the same ports of their nodes, and {} of the nodes may run them", nodes.len());
        let fault =
            Diagnostic::new(Code::PortTaken, replicas.span, message).related(host.span, "the network of the node");
        faults.push(fault.help("run as many pods as nodes at most"));
    }
}

/// A pod that takes ports of its node stops before the next one starts.
fn judge_strategy(app: &Entry<App>, faults: &mut Diagnostics) {
    let host = app.value.host_network.as_ref().filter(|host| host.value);
    let rolling = app.value.strategy.as_ref().filter(|strategy| strategy.value == Strategy::Rolling);
    if let (Some(host), Some(rolling)) = (host, rolling)
        && !ports(&app.value).is_empty()
    {
        let message = "the new pod would wait for the ports that the old one holds on the node";
        let fault =
            Diagnostic::new(Code::PortTaken, rolling.span, message).related(host.span, "the network of the node");
        faults.push(fault.help("write `strategy: recreate`, which is the default here"));
    }
}

/// Container runtimes keep devices of the node from containers that are not privileged, whatever is
/// mounted.
fn judge_privilege(app: &Entry<App>, faults: &mut Diagnostics) {
    let is_privileged =
        |parts: &Parts<'_>| parts.security.and_then(|security| security.privileged.given().copied()).unwrap_or(false);
    for volume in &app.value.storage {
        let Some(device) = &volume.value.device else { continue };
        let name = volume.name.as_str();
        let mounts = |parts: &Parts<'_>| parts.mounts.is_none_or(|mounts| mounts.get(name).is_some());
        for parts in app.value.containers().filter(|parts| mounts(parts) && !is_privileged(parts)) {
            let span = parts.name.map_or(app.name.span, |name| name.span);
            let who = parts.name.map_or(&app.name.value, |name| &name.value);
            let message =
                format!("`{who}` gets the device {}, which only a privileged container may open", device.value);
            let fault =
                Diagnostic::new(Code::DeviceWithoutPrivilege, device.span, message).related(span, "this container");
            faults.push(fault.help("add `security: { privileged: true }` to it"));
        }
    }
}

/// Some node has the device.
fn judge_devices(app: &Entry<App>, cluster: &Cluster, faults: &mut Diagnostics) {
    let known: Vec<_> = cluster.nodes.iter().flat_map(|node| &node.value.devices).collect();
    for device in app.value.storage.iter().filter_map(|volume| volume.value.device.as_ref()) {
        if known.iter().any(|known| known.value == device.value) || !cluster.nodes.is_complete() {
            continue;
        }
        let message = format!("no node of the cluster has the device {}", device.value);
        let near = did_you_mean(device.as_str(), known.iter().map(|known| known.as_str()));
        let help = near.map_or(format!("give the node that has it `devices: [{}]`", device.value), |near| {
            format!("did you mean `{near}`?")
        });
        faults.push(Diagnostic::new(Code::UnknownReference, device.span, message).help(help));
    }
}

/// The ports of an app's pod, and where each is given. Containers of a pod share its network.
fn ports(app: &App) -> Vec<((u16, Protocol), Span)> {
    let protocol = |port: &Port| port.protocol.given().copied().unwrap_or_default();
    let http = app.port.iter().map(|port| ((port.get(), Protocol::Tcp), port.span));
    let others = app.ports.iter().map(|port| ((port.value.port.get(), protocol(&port.value)), port.value.port.span));
    let sidecars = app.sidecars.iter().filter_map(|sidecar| sidecar.value.port.as_ref());
    http.chain(others).chain(sidecars.map(|port| ((port.get(), Protocol::Tcp), port.span))).collect()
}

fn judge_ports(app: &Entry<App>, faults: &mut Diagnostics) {
    let app_value = &app.value;
    let mut taken: BTreeMap<(u16, bool), Span> = BTreeMap::new();
    for ((port, protocol), span) in ports(app_value) {
        if let Some(first) = taken.get(&(port, protocol == Protocol::Udp)) {
            let message = format!("the port {port} is used twice in the pod of `{}`", app.name.value);
            let fault = Diagnostic::new(Code::PortTaken, span, message).related(*first, "first here");
            faults.push(fault.help("name each port once; containers of a pod share its network"));
        } else {
            taken.insert((port, protocol == Protocol::Udp), span);
        }
    }
    if let Some(http) = app_value.ports.get("http").filter(|_| app_value.port.is_some()) {
        let fault = Diagnostic::new(Code::NameTaken, http.name.span, "`http` is the name of the app's `port`");
        faults.push(fault.help("rename the port"));
    }
    let is_web = |port: &&Entry<Port>| {
        port.value.port.get() == 80 && port.value.protocol.given().copied().unwrap_or_default() == Protocol::Tcp
    };
    let main = app_value.port.as_ref().filter(|port| port.get() != 80);
    if let (Some(main), Some(other)) = (main, app_value.ports.iter().find(is_web)) {
        let message =
            format!("the app's `port` is reached at port 80 of `{}` in the cluster, and so is this", app.name.value);
        let fault =
            Diagnostic::new(Code::PortTaken, other.value.port.span, message).related(main.span, "the app's port");
        faults.push(fault.help("make this the app's `port`, and the other one of `ports`"));
    }
    judge_port_names(app_value, faults);
}

/// Ports have names of their own that Kubernetes takes: with a letter, and no two dashes in a row. It
/// keeps 15 characters, so longer names are cut.
fn judge_port_names(app: &App, faults: &mut Diagnostics) {
    let sidecars = app.sidecars.iter().filter(|sidecar| sidecar.value.port.is_some()).map(|sidecar| &sidecar.name);
    let mut taken: BTreeMap<String, Span> = BTreeMap::new();
    for name in app.ports.iter().map(|port| &port.name).chain(sidecars) {
        let short = port_name(&name.value);
        if !short.contains(|c: char| c.is_ascii_lowercase()) || short.contains("--") {
            let message = format!("`{short}` is no name of a port: those have a letter, and no two dashes in a row");
            faults.push(Diagnostic::new(Code::InvalidValue, name.span, message).help("rename it"));
        } else if let Some(first) = taken.insert(short.clone(), name.span) {
            let message = format!("two ports would be called `{short}`, as names of ports are cut at 15 characters");
            let fault = Diagnostic::new(Code::NameTaken, name.span, message).related(first, "the other");
            faults.push(fault.help("rename one of them"));
        }
    }
}

/// Ports of a node that are taken already, and by what: those of Kubernetes ("Ports and Protocols" in
/// its reference), and of what the platform runs in the network of nodes.
const PORTS_OF_NODES: [(u16, Protocol, &str); 17] = [
    (22, Protocol::Tcp, "SSH"),
    (2379, Protocol::Tcp, "etcd"),
    (2380, Protocol::Tcp, "etcd"),
    (6443, Protocol::Tcp, "the Kubernetes API"),
    (6444, Protocol::Tcp, "k3s"),
    (7946, Protocol::Tcp, "MetalLB"),
    (7946, Protocol::Udp, "MetalLB"),
    (8472, Protocol::Udp, "the network of the pods"),
    (9100, Protocol::Tcp, "the exporter of node metrics"),
    (9120, Protocol::Tcp, "MetalLB"),
    (10248, Protocol::Tcp, "the kubelet"),
    (10249, Protocol::Tcp, "kube-proxy"),
    (10250, Protocol::Tcp, "the kubelet"),
    (10256, Protocol::Tcp, "kube-proxy"),
    (10257, Protocol::Tcp, "the controller manager"),
    (10258, Protocol::Tcp, "the cloud controller manager"),
    (10259, Protocol::Tcp, "the scheduler"),
];

/// An app that takes a port of the nodes that it may run on.
struct Taker<'a> {
    app: &'a str,
    span: Span,
    nodes: BTreeSet<&'a str>,
}

/// Apps that share the network of their nodes share its ports, with each other and with the node.
fn judge_node_ports(cluster: &Cluster, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, bool), Vec<Taker<'_>>> = BTreeMap::new();
    let on_node = cluster.apps.iter().filter(|app| app.value.host_network.as_ref().is_some_and(|host| host.value));
    for app in on_node {
        let nodes: BTreeSet<_> = candidates(&app.value, cluster).iter().map(|node| node.name.as_str()).collect();
        for ((port, protocol), span) in ports(&app.value) {
            if let Some((.., who)) = PORTS_OF_NODES.iter().find(|(own, kind, _)| (*own, *kind) == (port, protocol)) {
                let message = format!("the port {port} of every node is that of {who}");
                let fault = Diagnostic::new(Code::PortTaken, span, message);
                faults.push(fault.help("serve another port, or take `host-network` from the app"));
            }
            let takers = taken.entry((port, protocol == Protocol::Udp)).or_default();
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

/// What containers set aside together: thousandths of a core, and bytes.
fn requests<'a>(containers: impl Iterator<Item = Parts<'a>>) -> (u64, u64) {
    let of = |parts: Parts<'_>| {
        let amounts = parts.resources.cloned().unwrap_or_default().amounts(defaults::CONTAINER);
        let amount = |name: &str| {
            let found = amounts.requests.iter().find(|amount| amount.name == name);
            found.and_then(|amount| Quantity::parse(&amount.text).ok()).map_or(0, |quantity| quantity.thousandths())
        };
        (amount("cpu"), amount("memory") / 1000)
    };
    containers.map(of).fold((0, 0), |(cpu, memory), (more_cpu, more_memory)| {
        (cpu.saturating_add(more_cpu), memory.saturating_add(more_memory))
    })
}

/// What the pod that runs all the time has set aside.
fn running(app: &App) -> (u64, u64) {
    requests([app.parts()].into_iter().chain(app.sidecars.iter().map(Entry::<Sidecar>::parts)))
}

/// The cores, in thousandths, and the memory of a node.
fn room(node: &Node) -> (u64, u64) {
    let cores = node.cores.given().map_or(defaults::CORES, |cores| cores.get());
    (u64::from(cores) * 1000, node.memory.given().copied().unwrap_or_else(defaults::memory).bytes())
}

/// Each pod fits a node that it may run on. What runs before the app runs alone.
fn judge_size(app: &Entry<App>, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    if app.value.helm.is_some() || nodes.is_empty() {
        return;
    }
    let alone = app.value.init.iter().map(Step::parts).chain(app.value.jobs.iter().map(Entry::<Job>::parts));
    let alone = alone.map(|parts| (requests([parts].into_iter()), parts));
    for ((cpu, memory), parts) in [(running(&app.value), app.value.parts())].into_iter().chain(alone) {
        let fits = |node: &&Entry<Node>| {
            let (cores, bytes) = room(&node.value);
            cpu <= cores && memory <= bytes
        };
        if nodes.iter().any(fits) {
            continue;
        }
        let given = parts.resources.and_then(|resources| resources.requests.as_ref());
        let amount = given.and_then(|given| given.memory.as_ref().or(given.cpu.as_ref())).map(|amount| amount.span);
        let name = parts.name.map_or(app.name.span, |name| name.span);
        let who = parts.name.map_or(format!("a pod of `{}`", app.name.value), |name| format!("`{}`", name.value));
        let message = format!("no node that may run it has the processor and memory that {who} asks for");
        let fault = Diagnostic::new(Code::RequestsExceedNodes, amount.unwrap_or(name), message);
        let fault = nodes.iter().fold(fault, |fault, node| fault.related(node.name.span, "too small"));
        faults.push(fault.help("ask for less, or give a node more"));
    }
}

/// All apps together fit all nodes together.
fn judge_sum(cluster: &Entry<Cluster>, faults: &mut Diagnostics) {
    if !cluster.value.nodes.is_complete() {
        return;
    }
    let room = cluster.value.nodes.iter().map(|node| room(&node.value).1).fold(0, u64::saturating_add);
    let containers = cluster.value.apps.iter().filter(|app| app.value.helm.is_none());
    let asked = containers
        .map(|app| {
            let replicas = app.value.replicas.given().map_or(1, |count| count.get());
            running(&app.value).1.saturating_mul(u64::from(replicas))
        })
        .fold(0, u64::saturating_add);
    if asked > room && room > 0 {
        let show = |bytes: u64| format!("{} MiB", bytes >> 20);
        let message = format!(
            "the apps of `{}` ask for {} of memory, its nodes have {}",
            cluster.name.value,
            show(asked),
            show(room)
        );
        let fault = Diagnostic::new(Code::RequestsExceedCluster, cluster.name.span, message);
        faults.push(fault.help("let apps ask for less (`resources.requests`), or give the nodes more"));
    }
}
