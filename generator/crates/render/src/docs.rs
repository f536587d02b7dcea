//! Documentation of the lab: a page for the lab, and for each host, cluster and user interface.
//!
//! There is no table of all apps, because changes of different apps would touch the same lines. See invariant 8
//! in ARCHITECTURE.md.

use crate::engine::{DOCS_APP, DOCS_CLUSTER, DOCS_HOST, DOCS_LAB, DOCS_RUNBOOKS, Engine};
use crate::pictures::{self, Labels};
use crate::texts::Texts;
use crate::{Owner, Page};
use minijinja::context;
use model::{Bound, Cluster, Exposure, Gpu, Host, Interface, Lab, LanPort, Node, NodeKind, Origin, Tls};
use spec::types::{HostPath, Name};
use spec::{GpuDriver, Language, Protocol, Role};

/// The page of the lab.
pub(crate) fn lab(lab: &Lab, engine: &Engine<'_>) -> Result<Page, String> {
    let texts = Texts::of(lab.language);
    let storage = lab.storage.iter().map(|item| {
        context! {
            name => item.name.as_str(),
            model => item.model.as_deref().unwrap_or_default(),
            address => item.address.to_string(),
            nfs => [&item.nfs, &item.volumes].into_iter().flatten().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }
    });
    let trusted = lab.lan.trusted.iter().map(|network| {
        context! {
            name => network.name.as_str(),
            cidr => network.cidr.to_string(),
            open => network.open.iter().map(|opening| texts.opening(*opening)).collect::<Vec<_>>().join(", "),
        }
    });
    let interfaces = || lab.clusters.iter().flat_map(|cluster| cluster.interfaces.iter().map(|(origin, _)| origin));
    let context = context! {
        t => engine.texts(),
        name => lab.name.as_str(),
        domain => lab.domain.as_str(),
        timezone => lab.timezone.as_str(),
        repository => lab.repository.url.as_str(),
        repository_branch => texts.branch.of(lab.repository.branch.as_str()),
        lan => lab.lan.cidr.to_string(),
        gateway => lab.lan.gateway.to_string(),
        dhcp => lab.lan.dhcp.map(|range| range.to_string()),
        dns_servers_for => texts.dns_servers.of(lab.domain.as_str()),
        dns_servers => lab.lan.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        trusted => trusted.collect::<Vec<_>>(),
        hosts => lab.hosts.iter().map(|host| host.name.to_string()).collect::<Vec<_>>(),
        clusters => lab.clusters.iter().map(|cluster| cluster.name.to_string()).collect::<Vec<_>>(),
        storage => storage.collect::<Vec<_>>(),
        has_alerts => has_alerts(lab),
        has_apps => interfaces().any(|origin| *origin == Origin::App),
        has_platform => interfaces().any(|origin| *origin != Origin::App),
    };
    Ok(page("README".to_owned(), engine.page(DOCS_LAB, context)?))
}

/// The picture of the architecture.
pub(crate) fn architecture(lab: &Lab, engine: &Engine<'_>) -> Page {
    pictures::page(
        "architecture.svg".to_owned(),
        &pictures::architecture(lab, Labels::of(lab.language), false),
        engine.header(),
    )
}

/// The picture of the order of a cluster's units.
pub(crate) fn order(lab: &Lab, cluster: &Cluster, engine: &Engine<'_>) -> Page {
    let picture = pictures::units(cluster, pictures::number(lab, cluster), Labels::of(lab.language));
    pictures::page(format!("clusters/{}.svg", cluster.name), &picture, engine.header())
}

/// The page with what to do about each alert, if a cluster has alerting rules: their alerts link to it.
pub(crate) fn runbooks(lab: &Lab, engine: &Engine<'_>) -> Result<Option<Page>, String> {
    if !has_alerts(lab) {
        return Ok(None);
    }
    let text = engine.page(DOCS_RUNBOOKS, context! {})?;
    Ok(Some(page("runbooks".to_owned(), text)))
}

/// Whether a cluster has alerting rules.
fn has_alerts(lab: &Lab) -> bool {
    let mut units = lab.clusters.iter().flat_map(|cluster| &cluster.units);
    units.any(|bound| bound.unit.objects().any(|object| object.kind.as_str() == "PrometheusRule"))
}

/// The page of a user interface: that of an app, or of a component of the platform.
///
/// That of an app has a picture of it.
pub(crate) fn interface(
    lab: &Lab,
    cluster: &Cluster,
    (origin, interface, unit): (Origin, &Interface, Option<&Bound>),
    engine: &Engine<'_>,
) -> Result<Vec<Page>, String> {
    let name = &cluster.name;
    let picture =
        (origin == Origin::App).then(|| pictures::app(lab, cluster, interface, unit, Labels::of(lab.language)));
    // An app may have the name of a component.
    let folder = if origin == Origin::App { "apps" } else { "platform" };
    let exposure = interface.exposure.as_ref();
    let texts = Texts::of(lab.language);
    let context = context! {
        t => engine.texts(),
        name => interface.name.as_str(),
        object_name => interface.object_name.as_ref().map(Name::as_str),
        description => interface.description.as_deref(),
        cluster => name.as_str(),
        picture => picture.is_some().then(|| texts.flow.of(interface.name.as_str())),
        reach => match exposure {
            Some(exposure) if exposure.public => texts.internet,
            None if interface.lan.is_empty() => texts.of_cluster,
            _ => texts.of_lan,
        },
        hosts => exposure.into_iter().flat_map(Exposure::hosts).map(ToString::to_string).collect::<Vec<_>>(),
        lan => interface.lan.iter().map(|port| lan_port(port, texts)).collect::<Vec<_>>(),
        scheme => if exposure.is_some_and(|exposure| exposure.tls != Tls::None) { "https" } else { "http" },
        // Without the tag: Flux updates tags only beside its markers.
        images => interface.images.iter().map(ToString::to_string).collect::<Vec<_>>(),
        chart => interface.chart.as_deref(),
    };
    let path = format!("{folder}/{name}/{}", interface.name);
    let picture = picture.map(|picture| pictures::page(format!("{path}.svg"), &picture, engine.header()));
    Ok([page(path, engine.page(DOCS_APP, context)?)].into_iter().chain(picture).collect())
}

/// The page of a host.
pub(crate) fn host(lab: &Lab, host: &Host, engine: &Engine<'_>) -> Result<Page, String> {
    let texts = Texts::of(lab.language);
    let nodes: Vec<&Node> =
        lab.clusters.iter().flat_map(|cluster| &cluster.nodes).filter(|node| node.host == host.name).collect();
    let rows = nodes.iter().map(|node| {
        context! {
            name => node.name.as_str(),
            vmid => node.vmid,
            address => node.address.to_string(),
            cores => node.cores,
            memory => node.memory.to_string(),
            disk => node.disk.to_string(),
            container => match node.kind {
                NodeKind::Lxc { privileged, reason, .. } => {
                    let kind = if privileged { texts.privileged } else { texts.unprivileged };
                    format!("{kind}: {}", texts.reason(reason))
                }
                NodeKind::Vm { .. } => texts.vm.to_owned(),
            },
        }
    });
    let cores: u32 = nodes.iter().map(|node| node.cores).sum();
    let context = context! {
        t => engine.texts(),
        name => host.name.as_str(),
        model => host.model.as_deref(),
        cpu => host.cpu.as_deref(),
        threads => host.threads,
        allocated_threads => texts.allocated_threads.of(&cores.to_string()),
        memory => host.memory.to_string(),
        allocated_memory => texts.allocated_memory.of(&host.memory_of(&nodes).to_string()),
        address => host.address.to_string(),
        gpu => host.gpu.as_ref().map(|gpu| gpu_text(gpu, nodes.iter().any(|node| is_vm(node) && node.gpu.is_some()), texts)),
        folders => host.folders.iter().map(|(name, path)| folder(name, path, &nodes)).collect::<Vec<_>>(),
        nodes => rows.collect::<Vec<_>>(),
        kind => if nodes.iter().any(|node| is_vm(node)) { texts.kind } else { texts.container },
    };
    Ok(page(format!("hosts/{}", host.name), engine.page(DOCS_HOST, context)?))
}

/// A folder of a host, and the nodes that mount it.
fn folder(name: &Name, path: &HostPath, nodes: &[&Node]) -> minijinja::Value {
    let mounts = |node: &&&Node| node.folders().iter().any(|folder| folder.name == *name);
    let nodes: Vec<_> = nodes.iter().filter(mounts).map(|node| node.name.as_str()).collect();
    context! { name => name.as_str(), path => path.as_str(), nodes => nodes.join(", ") }
}

/// The page of a cluster.
pub(crate) fn cluster(language: Language, cluster: &Cluster, engine: &Engine<'_>) -> Result<Page, String> {
    let texts = Texts::of(language);
    let nodes = cluster.nodes.iter().map(|node| {
        context! {
            name => node.name.as_str(),
            role => match node.role { Role::Server => texts.server, Role::Agent => texts.agent },
            host => node.host.as_str(),
            address => node.address.to_string(),
            gpu => if node.gpu.is_some() { "Intel" } else { "" },
        }
    });
    // Only units of the platform, so that this page does not change with apps, their databases and secrets.
    let units = cluster.units.iter().filter(|bound| pictures::is_of_platform(bound)).map(|bound| {
        let (unit, release) = (&bound.unit, bound.unit.release());
        context! {
            name => unit.id.as_str(),
            namespace => unit.namespace.name.as_str(),
            chart => release.map_or("", |release| release.chart.name.as_ref()),
            version => release.map_or("", |release| release.version.as_str()),
            depends_on => bound.depends_on.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        }
    });
    let context = context! {
        t => engine.texts(),
        name => cluster.name.as_str(),
        description => cluster.description.as_deref(),
        k3s_version => cluster.k3s_version.as_str(),
        flux_version => cluster.flux.version.as_str(),
        pods => cluster.pods.to_string(),
        services => cluster.services.to_string(),
        pool => cluster.pool.map(|pool| pool.to_string()),
        ingress => cluster.ingress.map(|address| address.to_string()),
        nodes => nodes.collect::<Vec<_>>(),
        units => units.collect::<Vec<_>>(),
    };
    Ok(page(format!("clusters/{}", cluster.name), engine.page(DOCS_CLUSTER, context)?))
}

fn is_vm(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Vm { .. })
}

/// A GPU with its driver, and its device file or, if it is passed to a VM, its PCI address.
fn gpu_text(gpu: &Gpu, is_passed: bool, texts: &Texts) -> String {
    let driver = match gpu.driver {
        GpuDriver::I915 => "i915",
        GpuDriver::Xe => "xe",
    };
    let place = if is_passed { gpu.pci.as_str() } else { gpu.device.as_str() };
    format!("Intel, {} {driver}, {place}", texts.driver)
}

/// A port that the LAN reaches.
pub(crate) fn lan_port(port: &LanPort, texts: &Texts) -> String {
    let protocol = match port.protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    };
    match port.address {
        Some(address) => format!("{address}:{} ({protocol})", port.port),
        None => format!("{} ({protocol})", texts.port_of_node.of(&port.port.to_string())),
    }
}

fn page(name: String, text: String) -> Page {
    Page { path: format!("docs/lab/{name}.md"), text, owner: Owner::Document(name).into(), place: None, origin: None }
}
