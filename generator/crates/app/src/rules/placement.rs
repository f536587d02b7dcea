//! Apps fit the nodes of their cluster: labels, devices, GPUs, CPU and memory.

use crate::placement::{Constraint, candidates, devices, folders, gpu_driver, labels};
use diagnostic::{Code, Diagnostic, Diagnostics, Span, count, did_you_mean};
use model::{WithDefaults as _, contract};
use platform::Context;
use spec::defaults::{CONTAINER, DefaultAmounts, POSTGRES};
use spec::platform::{GpuPlugin, Postgres};
use spec::types::Name;
use spec::{App, Cluster, ContainerApp, Entry, Node, NodeKind, Parts, Resources, Sidecar, SidecarStart, Spanned};
use std::collections::BTreeMap;

pub(super) fn check(app: &Entry<App>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    let cluster = context.cluster;
    check_labels(container, cluster, diagnostics);
    check_devices(container, cluster, diagnostics);
    check_folders(container, context, diagnostics);
    check_privilege(app, container, diagnostics);
    if cluster.nodes.is_complete() {
        let nodes = candidates(container, cluster);
        check_together(app, container, cluster, diagnostics);
        check_shares(container, context, &nodes, diagnostics);
        check_drivers(app, container, context, &nodes, diagnostics);
        check_size(app, container, &nodes, diagnostics);
    }
}

/// Checks that some node has each label of the node selector.
fn check_labels(app: &ContainerApp, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let required: Vec<_> = app.nodes.iter().collect();
    if required.is_empty() || !cluster.nodes.is_complete() {
        return;
    }
    let nodes: Vec<_> = cluster.nodes.iter().map(labels).collect();
    for (key, value) in &required {
        if nodes.iter().any(|labels| labels.contains(&(key.as_str(), value.as_str()))) {
            continue;
        }
        let label = format!("{key}={}", value.value);
        let known: Vec<_> = nodes.iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
        let help = did_you_mean(&label, known.iter().map(String::as_str))
            .map_or("add the label to a node of the cluster: `labels: { KEY: VALUE }`".to_owned(), |near| {
                format!("did you mean `{near}`?")
            });
        let message = format!("no node of the cluster has the label `{label}`");
        diagnostics.push(Diagnostic::new(Code::UnknownReference, value.span, message).help(help));
        return;
    }
}

/// Checks that one node meets all constraints together. A constraint that no node meets is reported elsewhere.
fn check_together(app: &Entry<App>, container: &ContainerApp, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let constraints = Constraint::all(container);
    let is_known = |constraint: &Constraint<'_>| cluster.nodes.iter().any(|node| constraint.is_met_by(node));
    let Some((last, others)) = constraints.split_last() else { return };
    if !candidates(container, cluster).is_empty() || !constraints.iter().all(is_known) {
        return;
    }
    let list = constraints.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let message = format!("no node of the cluster meets all constraints of `{}`: {list}", app.name.value);
    let diagnostic = Diagnostic::new(Code::UnknownReference, last.span(), message);
    let diagnostic =
        others.iter().fold(diagnostic, |diagnostic, other| diagnostic.related(other.span(), other.to_string()));
    diagnostics.push(diagnostic.help("remove a constraint, or add what is missing to one node"));
}

/// Checks that the eligible nodes offer enough shares of a GPU.
fn check_shares(app: &ContainerApp, context: &Context<'_>, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let (Some(replicas), Some(gpu)) = (app.replicas.spanned(), app.gpu.on()) else { return };
    let Some(plugin) = context.get::<GpuPlugin>() else { return };
    let (pods, shares) = (u64::from(replicas.get()), u64::from(plugin.share.get().get()));
    if !nodes.is_empty() && pods > shares * nodes.len() as u64 {
        let shares = count(shares, "share");
        let message = format!("{pods} pods request a GPU, but each eligible node offers {shares}");
        let diagnostic =
            Diagnostic::new(Code::RequestsExceedNodes, replicas.span, message).related(gpu, "requested here");
        diagnostics.push(diagnostic.help("lower `replicas`, or raise `platform.gpu.share`"));
    }
}

/// Checks that the GPUs of the eligible nodes have the same driver: a pod requests the resource of one.
fn check_drivers(
    app: &Entry<App>,
    container: &ContainerApp,
    context: &Context<'_>,
    nodes: &[&Entry<Node>],
    diagnostics: &mut Diagnostics,
) {
    let Some(span) = container.gpu.on() else { return };
    let with_driver = nodes.iter().filter_map(|node| Some((node, gpu_driver(&node.value, context.spec)?)));
    let drivers: BTreeMap<_, _> = with_driver.map(|(node, driver)| (driver, node)).collect();
    if drivers.len() < 2 {
        return;
    }
    let message = format!("`{}` may run on nodes whose GPUs have different drivers", app.name.value);
    let mut diagnostic = Diagnostic::new(Code::GpuDriversDiffer, span, message);
    let mut names = Vec::new();
    for (driver, node) in drivers {
        diagnostic =
            diagnostic.related(node.name.span, format!("it would request {} here", contract::gpu_resource(driver)));
        names.push(node.name.as_str());
    }
    let help =
        format!("choose one of them, for example with `nodes: {{ {}: {} }}`", contract::HOSTNAME_LABEL, names[0]);
    diagnostics.push(diagnostic.help(help));
}

/// Checks that containers with devices are privileged: container runtimes deny others access to devices of the
/// node, even to those that they mount.
fn check_privilege(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let is_privileged = |parts: &Parts<'_>| parts.security.is_some_and(|security| security.privileged.is_on());
    for volume in &container.storage {
        let Some(device) = volume.value.device() else { continue };
        let name = volume.name.as_str();
        let is_in_main = container.mount(volume).is_some();
        let mounts = |parts: &Parts<'_>| parts.mounts.map_or(is_in_main, |mounts| mounts.get(name).is_some());
        for parts in container.containers().filter(|parts| mounts(parts) && !is_privileged(parts)) {
            let span = parts.name.map_or(app.name.span, |name| name.span);
            let container = parts.name.map_or(&app.name.value, |name| &name.value);
            let message =
                format!("`{container}` mounts the device {}, which only privileged containers can open", device.value);
            let diagnostic =
                Diagnostic::new(Code::DeviceWithoutPrivilege, device.span, message).related(span, "this container");
            diagnostics.push(diagnostic.help("add `security: { privileged: true }` to the container"));
        }
    }
}

/// Checks that some node has each device.
fn check_devices(app: &ContainerApp, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let known: Vec<_> = cluster.nodes.iter().flat_map(|node| devices(&node.value)).collect();
    for device in app.storage.iter().filter_map(|volume| volume.value.device()) {
        if known.iter().any(|known| known.as_str() == device.as_str()) || !cluster.nodes.is_complete() {
            continue;
        }
        let message = format!("no node of the cluster has the device {}", device.value);
        let near = did_you_mean(device.as_str(), known.iter().map(|known| known.as_str()));
        let has_containers = cluster.nodes.iter().any(|node| matches!(node.value.kind(), NodeKind::Lxc { .. }));
        let field = if has_containers {
            format!("devices: [{}]", device.value)
        } else {
            format!("usb: {{ {}: VENDOR:PRODUCT }}", device.value)
        };
        let help = near
            .map_or(format!("add `{field}` to the node that has the device"), |near| format!("did you mean `{near}`?"));
        diagnostics.push(Diagnostic::new(Code::UnknownReference, device.span, message).help(help));
    }
}

/// Checks that some node has each folder, and that the nodes that may run the app see the same files in it.
fn check_folders(app: &ContainerApp, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let nodes = &context.cluster.nodes;
    for volume in app.storage.iter().filter_map(|volume| volume.value.folder()) {
        let name = &volume.folder;
        let has_folder = |node: &&Entry<Node>| folders(&node.value).iter().any(|folder| folder.value == name.value);
        if nodes.is_complete() && !nodes.iter().any(|node| has_folder(&node)) {
            diagnostics.push(folder_missing(name, context));
            continue;
        }
        let eligible = candidates(app, context.cluster);
        // The first eligible node of each host.
        let hosts: BTreeMap<_, _> = eligible.iter().rev().map(|node| (node.value.host.as_str(), node)).collect();
        match (volume.same_files.on(), hosts.len()) {
            (None, 2..) => {
                let message = format!("`{}` may be different folders: the app may run on several hosts", name.value);
                let diagnostic = Diagnostic::new(Code::FoldersDiffer, name.span, message);
                let diagnostic = hosts.iter().fold(diagnostic, |diagnostic, (host, node)| {
                    diagnostic.related(node.name.span, format!("on the host `{host}`"))
                });
                diagnostics.push(diagnostic.help(
                    "choose one of them with `nodes`, or set `same-files: true` if the folders have the same files",
                ));
            }
            (Some(span), 1) if nodes.is_complete() => {
                let message = "`same-files` has no effect: the app runs on the nodes of one host";
                let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, span, message);
                diagnostics.push(diagnostic.help("remove it"));
            }
            _ => {}
        }
    }
}

/// The diagnostic about a folder that no node of the cluster has.
fn folder_missing(name: &Spanned<Name>, context: &Context<'_>) -> Diagnostic {
    let message = format!("no node of the cluster has the folder `{}`", name.value);
    let hosts = &context.spec.hosts;
    let with_folder: Vec<_> = hosts.iter().filter(|host| host.value.folders.get(name.as_str()).is_some()).collect();
    let node = with_folder
        .iter()
        .find_map(|host| context.cluster.nodes.iter().find(|node| is_container_of(&node.value, &host.name.value)));
    let known = hosts.iter().flat_map(|host| host.value.folders.names());
    let help = match (node, with_folder.first(), did_you_mean(name.as_str(), known)) {
        (Some(node), ..) => {
            format!("add `folders: [{}]` to a node of its host, such as `{}`", name.value, node.name.value)
        }
        (None, Some(host), _) => {
            format!("it is a folder of the host `{}`, on which the cluster has no container", host.name.value)
        }
        (None, None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None, None) => {
            format!("add `folders: {{ {0}: PATH }}` to a host, and `folders: [{0}]` to its nodes", name.value)
        }
    };
    let diagnostic = Diagnostic::new(Code::UnknownReference, name.span, message);
    let diagnostic = with_folder
        .into_iter()
        .fold(diagnostic, |diagnostic, host| diagnostic.related(host.name.span, "this host has the folder"));
    diagnostic.help(help)
}

/// Whether a node is a container on a host: VMs mount no folders.
fn is_container_of(node: &Node, host: &Name) -> bool {
    node.host.value == *host && matches!(node.kind(), NodeKind::Lxc { .. })
}

/// The requests of a container: CPU in thousandths of a core, and memory in bytes.
fn request(resources: Option<&Resources>, defaults: &DefaultAmounts) -> (u64, u64) {
    let amounts = resources.cloned().unwrap_or_default().amounts(defaults);
    let amount = |name: &str| {
        let found = amounts.requests.iter().find(|amount| amount.name == name);
        found.map_or(0, |amount| amount.quantity.thousandths())
    };
    (amount("cpu"), amount("memory") / 1000)
}

/// The sum of the requests of containers: CPU in thousandths of a core, and memory in bytes.
fn requests<'a>(containers: impl Iterator<Item = Parts<'a>>) -> (u64, u64) {
    containers
        .map(|parts| request(parts.resources, &CONTAINER))
        .fold((0, 0), |(cpu, memory), (more_cpu, more_memory)| {
            (cpu.saturating_add(more_cpu), memory.saturating_add(more_memory))
        })
}

/// The requests of the Deployment's pod.
fn pod_requests(app: &ContainerApp) -> (u64, u64) {
    requests(app.parts().into_iter().chain(app.sidecars.iter().map(Parts::from)))
}

/// The place of the request, or of the limit that it follows from.
fn span_of_amounts(resources: &Resources) -> Option<Span> {
    let both = [resources.requests.as_ref(), resources.limits.as_ref()];
    let amounts = both.into_iter().flatten().find_map(|given| given.memory.as_ref().or(given.cpu.as_ref()));
    amounts.map(|amount| amount.span)
}

/// The capacity of a node: CPU in thousandths of a core, and memory in bytes.
fn capacity(node: &Node) -> (u64, u64) {
    (u64::from(node.cores.get().get()) * 1000, node.memory.get().bytes())
}

/// Checks that each pod fits an eligible node. Init containers run beside the sidecars that start before them, and
/// jobs run alone.
fn check_size(app: &Entry<App>, container: &ContainerApp, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    if nodes.is_empty() {
        return;
    }
    let is_early = |sidecar: &&Entry<Sidecar>| *sidecar.value.start.get() == SidecarStart::BeforeInit;
    let early = || container.sidecars.iter().filter(is_early).map(Parts::from);
    let steps =
        container.init.iter().map(Parts::from).map(|parts| (requests([parts].into_iter().chain(early())), parts));
    let jobs = container.jobs.iter().map(Parts::from).map(|parts| (requests([parts].into_iter()), parts));
    let alone = steps.chain(jobs);
    let main = container.parts().map(|parts| (pod_requests(container), parts));
    for ((cpu, memory), parts) in main.into_iter().chain(alone) {
        let fits = |node: &&Entry<Node>| {
            let (cores, bytes) = capacity(&node.value);
            cpu <= cores && memory <= bytes
        };
        if nodes.iter().any(fits) {
            continue;
        }
        let amount = parts.resources.and_then(span_of_amounts);
        let name = parts.name.map_or(app.name.span, |name| name.span);
        let subject = parts.name.map_or(format!("a pod of `{}`", app.name.value), |name| format!("`{}`", name.value));
        let message = format!("no eligible node has the CPU and memory that {subject} requests");
        let diagnostic = Diagnostic::new(Code::RequestsExceedNodes, amount.unwrap_or(name), message);
        let diagnostic =
            nodes.iter().fold(diagnostic, |diagnostic, node| diagnostic.related(node.name.span, "too small"));
        diagnostics.push(diagnostic.help(
            "lower `resources.requests`, or the limit that it follows from, or raise `cores` or `memory` of a node",
        ));
    }
}

/// Checks that each instance of a database cluster fits a node.
pub(super) fn check_database(postgres: &Spanned<Postgres>, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let (cpu, memory) = request(postgres.resources.as_ref(), &POSTGRES);
    let fits = |node: &Entry<Node>| {
        let (cores, bytes) = capacity(&node.value);
        cpu <= cores && memory <= bytes
    };
    if !cluster.nodes.is_complete() || cluster.nodes.iter().len() == 0 || cluster.nodes.iter().any(fits) {
        return;
    }
    let amount = postgres.resources.as_ref().and_then(span_of_amounts);
    let message = "no node has the CPU and memory that PostgreSQL requests";
    let diagnostic = Diagnostic::new(Code::RequestsExceedNodes, amount.unwrap_or(postgres.span), message);
    let diagnostic =
        cluster.nodes.iter().fold(diagnostic, |diagnostic, node| diagnostic.related(node.name.span, "too small"));
    diagnostics.push(
        diagnostic.help(
            "lower `resources.requests`, or the limit that it follows from, or raise `cores` or `memory` of a node",
        ),
    );
}

/// Checks that the memory requests of all apps fit all nodes together.
pub(super) fn check_total_memory(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let cluster = context.cluster;
    if !cluster.nodes.is_complete() {
        return;
    }
    let total = cluster.nodes.iter().map(|node| capacity(&node.value).1).fold(0, u64::saturating_add);
    let containers = cluster.apps.iter().filter_map(|app| app.value.container());
    let requested = containers
        .map(|app| {
            let replicas = app.replicas.get().get();
            pod_requests(app).1.saturating_mul(u64::from(replicas))
        })
        .fold(0, u64::saturating_add);
    if requested > total && total > 0 {
        let show = |bytes: u64| format!("{} MiB", bytes >> 20);
        let message = format!(
            "the apps of `{}` request {} of memory, but its nodes have {}",
            context.name.value,
            show(requested),
            show(total)
        );
        let diagnostic = Diagnostic::new(Code::RequestsExceedCluster, context.name.span, message).of_absence();
        diagnostics.push(diagnostic.help("lower `resources.requests` of apps, or raise `memory` of nodes"));
    }
}
