//! The lab as people read it: a page per host and per cluster.
//!
//! Apps have a page each. A table of all apps would have lines that everybody's changes touch; see
//! invariant 8 in ARCHITECTURE.md.

use super::engine::{DOCS_APP, DOCS_CLUSTER, DOCS_HOST, DOCS_LAB, Engine};
use super::{Owner, Page};
use crate::lab::{App, Cluster, Exposure, Gpu, Host, Lab, Node, Role, Tls, Workload};
use minijinja::context;

pub(super) fn lab(lab: &Lab, engine: &Engine) -> Result<Vec<Page>, String> {
    let storage = lab.storage.iter().map(|item| {
        context! {
            name => item.name.as_str(),
            model => item.model.as_deref().unwrap_or_default(),
            address => item.address.to_string(),
            nfs => item.nfs.as_deref().unwrap_or_default(),
        }
    });
    let context = context! {
        name => lab.name.as_str(),
        domain => lab.domain.as_str(),
        timezone => lab.timezone.as_str(),
        repository => lab.repository.url.as_str(),
        branch => lab.repository.branch.as_str(),
        lan => lab.lan.cidr.to_string(),
        gateway => lab.lan.gateway.to_string(),
        dhcp => lab.lan.dhcp.map(|range| range.to_string()),
        hosts => lab.hosts.iter().map(|host| host.name.clone()).collect::<Vec<_>>(),
        clusters => lab.clusters.iter().map(|cluster| cluster.name.clone()).collect::<Vec<_>>(),
        storage => storage.collect::<Vec<_>>(),
        has_apps => lab.clusters.iter().any(|cluster| !cluster.apps.is_empty() || !cluster.interfaces.is_empty()),
    };
    Ok(vec![page("README".to_owned(), engine.page(DOCS_LAB, context)?)])
}

/// What people use: an app, or a part of the platform.
struct Used<'a> {
    cluster: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    exposure: Option<&'a Exposure>,
    images: Vec<&'a str>,
    chart: Option<String>,
}

impl Used<'_> {
    fn page(&self, engine: &Engine) -> Result<Page, String> {
        let context = context! {
            name => self.name,
            description => self.description,
            cluster => self.cluster,
            reach => match self.exposure {
                None => "the cluster",
                Some(exposure) if exposure.public => "the Internet",
                Some(_) => "the LAN",
            },
            host => self.exposure.map(|exposure| exposure.host.as_str()),
            scheme => if self.exposure.is_some_and(|exposure| exposure.tls != Tls::None) { "https" } else { "http" },
            images => self.images.iter().map(|image| (*image).to_owned()).collect::<Vec<_>>(),
            chart => self.chart.as_deref(),
        };
        Ok(page(format!("apps/{}/{}", self.cluster, self.name), engine.page(DOCS_APP, context)?))
    }
}

/// An image without its tag and digest. A colon before the last slash is that of a port.
fn without_tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let name = image.rfind('/').map_or(0, |slash| slash + 1);
    image[name..].find(':').map_or(image, |colon| &image[..name + colon])
}

/// An app's page.
pub(super) fn app(cluster: &str, app: &App, engine: &Engine) -> Result<Page, String> {
    let (images, chart) = match &app.workload {
        Workload::Containers(containers) => {
            // Without the tag: automation moves tags only where its markers are.
            (containers.pod.containers.iter().map(|container| without_tag(&container.image)).collect(), None)
        }
        Workload::Chart { release, .. } => (Vec::new(), Some(format!("{} {}", release.chart.name, release.version))),
    };
    let (description, exposure) = (app.description.as_deref(), app.exposure.as_ref());
    Used { cluster, name: &app.name, description, exposure, images, chart }.page(engine)
}

pub(super) fn host(lab: &Lab, host: &Host, engine: &Engine) -> Result<Vec<Page>, String> {
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
        }
    });
    let context = context! {
        name => host.name.as_str(),
        model => host.model.as_deref(),
        cpu => host.cpu.as_deref(),
        threads => host.threads,
        cores => nodes.iter().map(|node| node.cores).sum::<u32>(),
        memory => host.memory.to_string(),
        taken => host.memory_of(&nodes).to_string(),
        address => host.address.to_string(),
        gpu => host.gpu.map(gpu),
        nodes => rows.collect::<Vec<_>>(),
    };
    Ok(vec![page(format!("hosts/{}", host.name), engine.page(DOCS_HOST, context)?)])
}

pub(super) fn cluster(cluster: &Cluster, engine: &Engine) -> Result<Vec<Page>, String> {
    let nodes = cluster.nodes.iter().map(|node| {
        context! {
            name => node.name.as_str(),
            role => match node.role { Role::Server => "server", Role::Agent => "agent" },
            host => node.host.as_str(),
            address => node.address.to_string(),
            gpu => node.gpu.map_or("", gpu),
        }
    });
    // The databases of apps are their business: this page does not change with them.
    let units = cluster.units.iter().filter(|unit| !unit.folder.starts_with("databases/")).map(|unit| {
        let release = unit.release.as_ref();
        context! {
            name => unit.name.as_str(),
            namespace => unit.namespace.name.as_str(),
            chart => release.map_or("", |release| release.chart.name.as_ref()),
            version => release.map_or("", |release| release.version.as_str()),
            depends_on => unit.depends_on.clone(),
        }
    });
    let context = context! {
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
    let mut pages = vec![page(format!("clusters/{}", cluster.name), engine.page(DOCS_CLUSTER, context)?)];
    for interface in &cluster.interfaces {
        let used = Used {
            cluster: &cluster.name,
            name: interface.name,
            description: Some(interface.description),
            exposure: Some(&interface.exposure),
            images: Vec::new(),
            chart: None,
        };
        pages.push(used.page(engine)?);
    }
    Ok(pages)
}

fn gpu(gpu: Gpu) -> &'static str {
    match gpu {
        Gpu::Intel => "Intel",
    }
}

fn page(name: String, text: String) -> Page {
    Page { path: format!("docs/lab/{name}.md"), text, owner: Owner::Document(name), origin: None }
}
