//! The names of the lab in its LAN: what answers under them, and where.
//!
//! Each name belongs to an app, to the platform of a cluster, or to the machines of the lab. Names of apps come first: a
//! machine whose name an app or a component uses has no name in DNS.

use crate::component::{Context, Endpoint};
use crate::exposure;
use diagnostic::Span;
use model::ObjectName;
use spec::platform::{ComponentId, LanDns};
use spec::types::{DomainName, Ipv4, Name};
use spec::{App, Entry};
use std::collections::BTreeSet;

/// The names that belong to one owner.
#[derive(Debug)]
pub(crate) struct Owned {
    /// The name of the object that holds them: those of different owners differ.
    pub(crate) object: ObjectName,
    /// The place of the spec that describes the owner.
    pub(crate) span: Span,
    /// The names, sorted.
    pub(crate) names: Vec<Endpoint>,
}

impl Owned {
    fn new(object: String, span: Span, mut names: Vec<Endpoint>) -> Self {
        names.sort_by(|one, other| one.host.cmp(&other.host));
        Self { object: object.into(), span, names }
    }
}

/// Returns all names of the lab inside its domain, by owner. Owners without a name are left out.
pub(crate) fn of_lab(context: &Context<'_>) -> Vec<Owned> {
    let clusters = || context.clusters();
    let mut owned: Vec<Owned> = clusters().flat_map(|cluster| of_apps(&cluster)).collect();
    owned.extend(clusters().map(|cluster| of_platform(&cluster)));
    let taken: BTreeSet<DomainName> =
        owned.iter().flat_map(|owner| &owner.names).map(|endpoint| endpoint.host.clone()).collect();
    let mut machines = vec![of_hosts(context), of_storage(context)];
    machines.extend(clusters().map(|cluster| of_nodes(&cluster)));
    for mut owner in machines {
        owner.names.retain(|endpoint| !taken.contains(&endpoint.host));
        owned.push(owner);
    }
    let domain = context.domain();
    for owner in &mut owned {
        owner.names.retain(|endpoint| endpoint.host == *domain || endpoint.host.labels_below(domain).is_some());
    }
    owned.retain(|owner| !owner.names.is_empty());
    owned
}

/// The LAN addresses of the lab's DNS servers, in the order of their clusters.
pub fn servers(context: &Context<'_>) -> Vec<Ipv4> {
    let address = |cluster: Context<'_>| server(cluster.get::<LanDns>()?, &cluster);
    context.clusters().filter_map(address).collect()
}

/// The LAN address of the DNS server of a cluster, if it has one, and load-balancer addresses.
pub(crate) fn server(options: &LanDns, context: &Context<'_>) -> Option<Ipv4> {
    if options.writes_to.is_some() {
        return None;
    }
    options.address.as_ref().map(|address| address.value).or_else(|| context.pool_address(2))
}

/// The name of an app's ports in the LAN: `APP.CLUSTER.DOMAIN`, as those of components. `None` if it has none.
pub fn of_ports(context: &Context<'_>, app: &Entry<App>) -> Option<Endpoint> {
    let address = app.value.container()?.other_ports().find_map(|port| port.value.lan.as_ref())?;
    Some(Endpoint { host: context.service_host(app.name.as_str()), address: address.value })
}

fn of_apps(context: &Context<'_>) -> Vec<Owned> {
    let ingress = exposure::address(context);
    let of_app = |app: &Entry<App>| {
        let mut names: Vec<_> = of_ports(context, app).into_iter().collect();
        if let (Some(expose), Some(address)) = (app.value.expose(), ingress) {
            names.extend(expose.hosts().map(|host| Endpoint { host: context.full_host(host), address }));
        }
        Owned::new(format!("app-{}-{}", context.name.value, app.name.value), app.name.span, names)
    };
    context.cluster.apps.iter().map(of_app).collect()
}

fn of_platform(context: &Context<'_>) -> Owned {
    let names = context.components().flat_map(|component| component.lan_names(context)).collect();
    Owned::new(format!("platform-{}", context.name.value), context.name.span, names)
}

fn of_nodes(context: &Context<'_>) -> Owned {
    let nodes = context.cluster.nodes.iter().map(|node| machine(context, &node.name.value, node.value.address.value));
    Owned::new(format!("nodes-{}", context.name.value), context.name.span, nodes.collect())
}

fn of_hosts(context: &Context<'_>) -> Owned {
    let hosts = &context.spec.hosts;
    let names = hosts.iter().map(|host| machine(context, &host.name.value, host.value.address.value));
    Owned::new("hosts".to_owned(), place(context), names.collect())
}

fn of_storage(context: &Context<'_>) -> Owned {
    // The LAN does not reach what is in the network of an interface of nodes.
    let lan = context.spec.network.lan.cidr.value;
    let storage = context.spec.storage.iter().filter(|storage| lan.contains(storage.value.address().value));
    let names = storage.map(|storage| machine(context, &storage.name.value, storage.value.address().value));
    Owned::new("storage".to_owned(), place(context), names.collect())
}

fn place(context: &Context<'_>) -> Span {
    context.cluster.platform.span(ComponentId::LanDns).unwrap_or(context.name.span)
}

/// The name of a machine: that of its entry in the spec, below the domain.
fn machine(context: &Context<'_>, name: &Name, address: Ipv4) -> Endpoint {
    Endpoint { host: context.domain().below(name.as_str()), address }
}
