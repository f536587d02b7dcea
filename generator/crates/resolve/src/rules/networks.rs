//! The LAN, and the cluster and service networks of all clusters, do not overlap.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::defaults::PodNetwork;
use spec::types::Ipv4Cidr;
use spec::{DefaultValue as _, Spec};

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

fn free_network(taken: &[Network]) -> Option<Ipv4Cidr> {
    let mut candidate = *PodNetwork::value();
    while taken.iter().any(|network| network.cidr.overlaps(candidate)) {
        candidate = candidate.next()?;
    }
    Some(candidate)
}
