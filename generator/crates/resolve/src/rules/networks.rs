//! The LAN, trusted networks, and the cluster and service networks of all clusters, do not overlap.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::defaults::PodNetwork;
use spec::types::Ipv4Cidr;
use spec::{DefaultValue as _, Spec};

/// The shortest prefix of a trusted network: that of the largest private network, 10.0.0.0/8.
const SHORTEST_PREFIX: u8 = 8;

struct Network {
    cidr: Ipv4Cidr,
    span: Span,
    what: String,
}

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
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

fn free_network(taken: &[Network]) -> Option<Ipv4Cidr> {
    let mut candidate = *PodNetwork::value();
    while taken.iter().any(|network| network.cidr.overlaps(candidate)) {
        candidate = candidate.next()?;
    }
    Some(candidate)
}
