//! Apps fit the nodes of their cluster: labels, devices, ports of the node, processor and memory.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use crate::lab::resolve::{HOSTNAME, defaults};
use crate::spec::types::Quantity;
use crate::spec::{App, Cluster, Entry, Given as _, Node, Port, Protocol, Resources, Spec};
use std::collections::BTreeMap;

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for cluster in &spec.clusters {
        for app in &cluster.value.apps {
            judge_labels(app, &cluster.value, faults);
            judge_devices(app, &cluster.value, faults);
            judge_ports(app, faults);
            judge_size(app, &cluster.value, faults);
        }
        judge_node_ports(&cluster.value, faults);
        judge_sum(cluster, faults);
    }
}

/// The labels of a node: those that the spec gives it, and those that it has anyway.
fn labels(node: &Entry<Node>) -> Vec<(String, String)> {
    let given = node.value.labels.iter().map(|(key, value)| (key.to_string(), value.to_string()));
    let gpu = node.value.gpu.as_ref().filter(|gpu| gpu.value).map(|_| ("homelab/gpu".to_owned(), "intel".to_owned()));
    let own = [(HOSTNAME.to_owned(), node.name.to_string())];
    let all = [("kubernetes.io/arch", "amd64"), ("kubernetes.io/os", "linux")];
    given.chain(gpu).chain(own).chain(all.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
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
    let together =
        |labels: &Vec<(String, String)>| wanted.iter().all(|(key, value)| has(labels, key.as_str(), value.as_str()));
    if let Some((_, last)) = wanted.last().filter(|_| !nodes.iter().any(together)) {
        let message = "no node of the cluster has all these labels";
        faults.push(Diagnostic::new(Code::UnknownReference, last.span, message).help("ask for fewer, or label a node"));
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
    let http = app.port.iter().map(|port| ((port.value, Protocol::Tcp), port.span));
    let others = app.ports.iter().map(|port| ((port.value.port.value, protocol(&port.value)), port.value.port.span));
    let sidecars = app.sidecars.iter().filter_map(|sidecar| sidecar.value.port.as_ref());
    http.chain(others).chain(sidecars.map(|port| ((port.value, Protocol::Tcp), port.span))).collect()
}

fn judge_ports(app: &Entry<App>, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, bool), Span> = BTreeMap::new();
    for ((port, protocol), span) in ports(&app.value) {
        if let Some(first) = taken.get(&(port, protocol == Protocol::Udp)) {
            let message = format!("the port {port} is used twice in the pod of `{}`", app.name.value);
            let fault = Diagnostic::new(Code::PortTaken, span, message).related(*first, "first here");
            faults.push(fault.help("let one of the containers serve another port"));
        } else {
            taken.insert((port, protocol == Protocol::Udp), span);
        }
    }
    if let Some(http) = app.value.ports.get("http").filter(|_| app.value.port.is_some()) {
        let fault = Diagnostic::new(Code::NameTaken, http.name.span, "`http` is the name of the app's `port`");
        faults.push(fault.help("rename the port"));
    }
}

/// Apps that share the network of their nodes share its ports.
fn judge_node_ports(cluster: &Cluster, faults: &mut Diagnostics) {
    let mut taken: BTreeMap<(u16, bool), (Span, &str)> = BTreeMap::new();
    let on_node = cluster.apps.iter().filter(|app| app.value.host_network.as_ref().is_some_and(|host| host.value));
    for app in on_node {
        for ((port, protocol), span) in ports(&app.value) {
            let Some((first, other)) = taken.insert((port, protocol == Protocol::Udp), (span, app.name.as_str()))
            else {
                continue;
            };
            if other == app.name.as_str() {
                continue;
            }
            let message = format!("`{}` and `{other}` both take the port {port} of their node", app.name.value);
            let fault = Diagnostic::new(Code::PortTaken, span, message).related(first, "the other app");
            faults.push(fault.help("let one of them serve another port, or take `host-network` from it"));
        }
    }
}

/// What a pod of the app has set aside: thousandths of a core, and bytes.
fn requests(app: &App) -> (u64, u64) {
    let of = |resources: Option<&Resources>| {
        let given = resources.and_then(|resources| resources.requests.as_ref());
        let pick = |quantity: Option<&Quantity>, default: &str| {
            quantity.cloned().or_else(|| default.parse().ok()).map_or(0, |quantity| quantity.thousandths())
        };
        let cpu = pick(given.and_then(|given| given.cpu.given()), defaults::CPU);
        let memory = pick(given.and_then(|given| given.memory.given()), defaults::REQUESTED_MEMORY);
        (cpu, memory / 1000)
    };
    let sidecars = app.sidecars.iter().map(|sidecar| of(sidecar.value.resources.as_ref()));
    sidecars.fold(of(app.resources.as_ref()), |(cpu, memory), (more_cpu, more_memory)| {
        (cpu.saturating_add(more_cpu), memory.saturating_add(more_memory))
    })
}

/// The cores, in thousandths, and the memory of a node.
fn room(node: &Node) -> (u64, u64) {
    let cores = node.cores.given().copied().unwrap_or(defaults::CORES);
    (u64::from(cores) * 1000, node.memory.given().copied().unwrap_or_else(defaults::memory).bytes())
}

/// A pod fits the largest node.
fn judge_size(app: &Entry<App>, cluster: &Cluster, faults: &mut Diagnostics) {
    if app.value.helm.is_some() || !cluster.nodes.is_complete() {
        return;
    }
    let (cpu, memory) = requests(&app.value);
    let rooms: Vec<_> = cluster.nodes.iter().map(|node| room(&node.value)).collect();
    if rooms.is_empty() || rooms.iter().any(|(cores, bytes)| cpu <= *cores && memory <= *bytes) {
        return;
    }
    let given = app.value.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let span = given
        .and_then(|given| given.memory.as_ref().map(|memory| memory.span).or(given.cpu.as_ref().map(|cpu| cpu.span)))
        .unwrap_or(app.name.span);
    let message =
        format!("no node of the cluster has the processor and memory that a pod of `{}` asks for", app.name.value);
    let fault = cluster.nodes.iter().fold(Diagnostic::new(Code::RequestsExceedNodes, span, message), |fault, node| {
        fault.related(node.name.span, "too small")
    });
    faults.push(fault.help("ask for less, or give a node more"));
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
            let replicas = app.value.replicas.given().copied().unwrap_or(1);
            requests(&app.value).1.saturating_mul(u64::from(replicas))
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
