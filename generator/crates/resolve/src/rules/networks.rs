//! The LAN, trusted networks, those of interfaces of nodes, and the cluster and service networks of all clusters, do not
//! overlap, and have a size that Kubernetes accepts.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::defaults::{PodNetwork, ServiceNetwork};
use spec::types::Ipv4Cidr;
use spec::{Cluster, DefaultValue as _, Entry, Spec};
use yaml::Value;

/// The shortest prefix of a trusted network: that of the largest private network, 10.0.0.0/8.
const SHORTEST_PREFIX: u8 = 8;

struct Network {
    cidr: Ipv4Cidr,
    span: Span,
    what: String,
}

/// The prefix length of the network that kube-controller-manager gives to each node by default.
const NODE_PREFIX: u8 = 24;

/// The prefix lengths of a service network that work: kube-apiserver refuses a larger network, and a smaller one lacks
/// the tenth address, which k3s gives to the DNS service of the cluster.
const SERVICE_PREFIXES: std::ops::RangeInclusive<u8> = 12..=28;

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    check_overlaps(spec, diagnostics);
    for cluster in &spec.clusters {
        check_pods(cluster, diagnostics);
        check_services(&cluster.value, diagnostics);
    }
}

/// Checks that the pod network has a part for each node.
fn check_pods(cluster: &Entry<Cluster>, diagnostics: &mut Diagnostics) {
    let (pods, nodes) = (&cluster.value.pods, &cluster.value.nodes);
    let (network, part) = (*pods.get(), node_prefix(&cluster.value));
    let parts = part.checked_sub(network.prefix()).map_or(0, |bits| 1_u64.checked_shl(bits.into()).unwrap_or(u64::MAX));
    let needed = nodes.iter().len() as u64;
    if parts >= needed || !nodes.is_complete() {
        return;
    }
    let span = pods.span().unwrap_or(cluster.name.span);
    let parts = match parts {
        0 => "no node".to_owned(),
        1 => "one node".to_owned(),
        _ => format!("{parts} nodes"),
    };
    let message = format!(
        "the pod network {network} of `{}` has room for {parts}, as each gets a /{part}, but the cluster has {needed}",
        cluster.name.value
    );
    let mut diagnostic = Diagnostic::new(Code::NetworkSize, span, message);
    for node in nodes {
        diagnostic = diagnostic.related(node.name.span, "needs a part of the network");
    }
    let bits = u8::try_from(needed.next_power_of_two().trailing_zeros()).unwrap_or(u8::MAX);
    diagnostics.push(match part.checked_sub(bits) {
        Some(prefix) => {
            diagnostic.help(format!("use a network of /{prefix} or larger, such as {}", PodNetwork::value()))
        }
        None => diagnostic,
    });
}

/// The prefix length of the network of each node: kube-controller-manager's default, or that of `k3s.config`.
fn node_prefix(cluster: &Cluster) -> u8 {
    let Some(k3s) = &cluster.k3s else { return NODE_PREFIX };
    let arguments = ["kube-controller-manager-arg", "kube-controller-manager-arg+"];
    let values = arguments.iter().filter_map(|key| k3s.config.get(*key)).flat_map(|value| match value {
        Value::Seq(items) => items.iter().collect(),
        one => vec![one],
    });
    let prefix = |argument: &Value| {
        let argument = argument.as_str()?.trim_start_matches('-').strip_prefix("node-cidr-mask-size")?;
        argument.strip_prefix("-ipv4").unwrap_or(argument).strip_prefix('=')?.parse().ok()
    };
    values.filter_map(prefix).next_back().unwrap_or(NODE_PREFIX)
}

/// Checks the size of the service network.
fn check_services(cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let Some(services) = cluster.services.spanned() else { return };
    if SERVICE_PREFIXES.contains(&services.prefix()) {
        return;
    }
    let reason = if services.prefix() < *SERVICE_PREFIXES.start() {
        "too large: kube-apiserver refuses more than a /12"
    } else {
        "too small: k3s gives its tenth address to the DNS service of the cluster"
    };
    let message = format!("the service network {} is {reason}", services.value);
    let diagnostic = Diagnostic::new(Code::NetworkSize, services.span, message);
    diagnostics.push(diagnostic.help(format!("use a network from /12 to /28, such as {}", ServiceNetwork::value())));
}

fn check_overlaps(spec: &Spec, diagnostics: &mut Diagnostics) {
    let lan = &spec.network.lan.cidr;
    let mut networks = vec![Network { cidr: lan.value, span: lan.span, what: "the LAN".to_owned() }];
    for cluster in &spec.clusters {
        let (pods, services) = (&cluster.value.pods, &cluster.value.services);
        for (kind, cidr, given) in
            [("cluster", *pods.get(), pods.span()), ("service", *services.get(), services.span())]
        {
            let what = format!("the {kind} network of `{}`", cluster.name.value);
            networks.push(match given {
                Some(span) => Network { cidr, span, what },
                None => Network { cidr, span: cluster.name.span, what: format!("{what} (default {cidr})") },
            });
        }
    }
    check_trusted(spec, &networks, diagnostics);
    check_interfaces(spec, &networks, diagnostics);
    let free = free_network(&networks);
    for (at, network) in networks.iter().enumerate() {
        for other in networks[..at].iter().filter(|other| other.cidr.overlaps(network.cidr)) {
            let message = format!("{} overlaps {}", network.what, other.what);
            let diagnostic = Diagnostic::new(Code::NetworksOverlap, network.span, message)
                .related(other.span, format!("{} is {}", other.what, other.cidr));
            diagnostics.push(match free {
                Some(free) => diagnostic.help(format!("use a free network, such as {free}")),
                None => diagnostic,
            });
        }
    }
}

/// Checks that trusted networks are outside the LAN, outside the networks of clusters, and not most of the Internet.
fn check_trusted(spec: &Spec, networks: &[Network], diagnostics: &mut Diagnostics) {
    let (lan, of_clusters) = networks.split_first().expect("the LAN comes first");
    for trusted in &spec.network.trusted {
        let cidr = &trusted.value.cidr;
        let name = &trusted.name.value;
        if cidr.prefix() < SHORTEST_PREFIX {
            let message = format!("`{name}` trusts {}, which contains most of the Internet", cidr.value);
            let help =
                "trust only networks of your own; for an app that everyone can reach, use `expose: { public: true }`";
            diagnostics.push(Diagnostic::new(Code::InvalidValue, cidr.span, message).help(help));
            continue;
        }
        if cidr.is_inside(lan.cidr) {
            let message = format!("{} is inside the LAN, which is trusted already", cidr.value);
            let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, cidr.span, message);
            diagnostics.push(diagnostic.related(lan.span, "the LAN").help(format!("remove `{name}`")));
        }
        for other in of_clusters.iter().filter(|other| cidr.overlaps(other.cidr)) {
            let message = format!("the trusted network `{name}` overlaps {}", other.what);
            let diagnostic = Diagnostic::new(Code::NetworksOverlap, cidr.span, message)
                .related(other.span, format!("{} is {}", other.what, other.cidr));
            let help = "nodes send replies to these addresses to pods: move the cluster to another network, or trust \
                        only the part of yours that is outside";
            diagnostics.push(diagnostic.help(help));
        }
    }
}

/// Checks that additional interfaces of nodes are outside the LAN and outside the networks of clusters. A trusted network
/// may be one of theirs.
fn check_interfaces(spec: &Spec, networks: &[Network], diagnostics: &mut Diagnostics) {
    let nodes = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
    for (node, interface) in nodes.flat_map(|node| node.value.interfaces.iter().map(move |of| (node, of))) {
        let address = &interface.value.address;
        for other in networks.iter().filter(|other| other.cidr.overlaps(address.network())) {
            let message = format!(
                "the network of the interface `{}` of `{}` overlaps {}",
                interface.name.value, node.name.value, other.what
            );
            let diagnostic = Diagnostic::new(Code::NetworksOverlap, address.span, message)
                .related(other.span, format!("{} is {}", other.what, other.cidr));
            diagnostics.push(diagnostic.help(
                "use another network: a node sends packets to each network through one interface; for a LAN that is a \
                 VLAN, set `vlan` of the node",
            ));
        }
    }
}

fn free_network(taken: &[Network]) -> Option<Ipv4Cidr> {
    let mut candidate = *PodNetwork::value();
    while taken.iter().any(|network| network.cidr.overlaps(candidate)) {
        candidate = candidate.next()?;
    }
    Some(candidate)
}
