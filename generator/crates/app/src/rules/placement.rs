//! Apps fit the nodes of their cluster: labels, devices, processor and memory.

use crate::placement::{Constraint, candidates, devices, labels};
use diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use model::WithDefaults as _;
use platform::Context;
use spec::defaults::CONTAINER;
use spec::platform::GpuPlugin;
use spec::{App, Cluster, ContainerApp, Entry, Job, Node, Parts, Sidecar, Step};

pub(super) fn check(app: &Entry<App>, context: &Context<'_>, faults: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    let cluster = context.cluster;
    check_labels(container, cluster, faults);
    check_devices(container, cluster, faults);
    check_privilege(app, container, faults);
    if cluster.nodes.is_complete() {
        let nodes = candidates(container, cluster);
        check_together(app, container, cluster, faults);
        check_shares(container, context, &nodes, faults);
        check_size(app, container, &nodes, faults);
    }
}

/// Some node has all the labels.
fn check_labels(app: &ContainerApp, cluster: &Cluster, faults: &mut Diagnostics) {
    let wanted: Vec<_> = app.nodes.iter().collect();
    if wanted.is_empty() || !cluster.nodes.is_complete() {
        return;
    }
    let nodes: Vec<_> = cluster.nodes.iter().map(labels).collect();
    for (key, value) in &wanted {
        if nodes.iter().any(|labels| labels.contains(&(key.as_str(), value.as_str()))) {
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
fn check_together(app: &Entry<App>, container: &ContainerApp, cluster: &Cluster, faults: &mut Diagnostics) {
    let constraints = Constraint::all(container);
    let is_known = |constraint: &Constraint<'_>| cluster.nodes.iter().any(|node| constraint.is_met_by(node));
    let Some((last, others)) = constraints.split_last() else { return };
    if !candidates(container, cluster).is_empty() || !constraints.iter().all(is_known) {
        return;
    }
    let message = format!("no node of the cluster has {last} and all else that `{}` asks of its node", app.name.value);
    let fault = Diagnostic::new(Code::UnknownReference, last.span(), message);
    let fault = others.iter().fold(fault, |fault, other| fault.related(other.span(), other.to_string()));
    faults.push(fault.help("ask for what one node has, or give one node all of it"));
}

/// So many pods share a GPU.
fn check_shares(app: &ContainerApp, context: &Context<'_>, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let (Some(replicas), Some(gpu)) = (app.replicas.spanned(), app.gpu.on()) else { return };
    let Some(plugin) = context.get::<GpuPlugin>() else { return };
    let (wanted, share) = (u64::from(replicas.get()), u64::from(plugin.share.get().get()));
    if !nodes.is_empty() && wanted > share * nodes.len() as u64 {
        let message = format!("{wanted} pods want a GPU, and {share} share that of a node");
        let fault = Diagnostic::new(Code::RequestsExceedNodes, replicas.span, message).related(gpu, "asked for here");
        faults.push(fault.help("run fewer pods, or raise `platform.gpu.share`"));
    }
}

/// Container runtimes keep devices of the node from containers that are not privileged, whatever is
/// mounted.
fn check_privilege(app: &Entry<App>, container: &ContainerApp, faults: &mut Diagnostics) {
    let is_privileged = |parts: &Parts<'_>| parts.security.is_some_and(|security| security.privileged.is_on());
    for volume in &container.storage {
        let Some(device) = volume.value.device() else { continue };
        let name = volume.name.as_str();
        let mounts = |parts: &Parts<'_>| parts.mounts.is_none_or(|mounts| mounts.get(name).is_some());
        for parts in container.containers().filter(|parts| mounts(parts) && !is_privileged(parts)) {
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
fn check_devices(app: &ContainerApp, cluster: &Cluster, faults: &mut Diagnostics) {
    let known: Vec<_> = cluster.nodes.iter().flat_map(|node| devices(&node.value)).collect();
    for device in app.storage.iter().filter_map(|volume| volume.value.device()) {
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

/// What containers set aside together: thousandths of a core, and bytes.
fn requests<'a>(containers: impl Iterator<Item = Parts<'a>>) -> (u64, u64) {
    let of = |parts: Parts<'_>| {
        let amounts = parts.resources.cloned().unwrap_or_default().amounts(&CONTAINER);
        let amount = |name: &str| {
            let found = amounts.requests.iter().find(|amount| amount.name == name);
            found.map_or(0, |amount| amount.quantity.thousandths())
        };
        (amount("cpu"), amount("memory") / 1000)
    };
    containers.map(of).fold((0, 0), |(cpu, memory), (more_cpu, more_memory)| {
        (cpu.saturating_add(more_cpu), memory.saturating_add(more_memory))
    })
}

/// What the pod that runs all the time has set aside.
fn running(app: &ContainerApp) -> (u64, u64) {
    requests([app.parts()].into_iter().chain(app.sidecars.iter().map(Entry::<Sidecar>::parts)))
}

/// The cores, in thousandths, and the memory of a node.
fn room(node: &Node) -> (u64, u64) {
    (u64::from(node.cores.get().get()) * 1000, node.memory.get().bytes())
}

/// Each pod fits a node that it may run on. What runs before the app runs alone.
fn check_size(app: &Entry<App>, container: &ContainerApp, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    if nodes.is_empty() {
        return;
    }
    let alone = container.init.iter().map(Step::parts).chain(container.jobs.iter().map(Entry::<Job>::parts));
    let alone = alone.map(|parts| (requests([parts].into_iter()), parts));
    for ((cpu, memory), parts) in [(running(container), container.parts())].into_iter().chain(alone) {
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
pub(super) fn check_sum(cluster: &Entry<Cluster>, faults: &mut Diagnostics) {
    if !cluster.value.nodes.is_complete() {
        return;
    }
    let room = cluster.value.nodes.iter().map(|node| room(&node.value).1).fold(0, u64::saturating_add);
    let containers = cluster.value.apps.iter().filter_map(|app| app.value.container());
    let asked = containers
        .map(|app| {
            let replicas = app.replicas.get().get();
            running(app).1.saturating_mul(u64::from(replicas))
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
