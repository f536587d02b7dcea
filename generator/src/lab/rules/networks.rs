//! The LAN and the networks of pods and services are disjoint over all clusters.

use crate::spec::Spec;
use crate::spec::types::{Ipv4Cidr, Text};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// Where k3s puts pods by default.
pub(crate) const DEFAULT_PODS: &str = "10.42.0.0/16";
/// Where k3s puts services by default.
pub(crate) const DEFAULT_SERVICES: &str = "10.43.0.0/16";

struct Network {
    cidr: Ipv4Cidr,
    span: Span,
    what: String,
}

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    let lan = &spec.network.lan.cidr;
    let mut networks = vec![Network { cidr: lan.value, span: lan.span, what: "the LAN".to_owned() }];
    for cluster in &spec.clusters {
        let given =
            [("pod", &cluster.value.pods, DEFAULT_PODS), ("service", &cluster.value.services, DEFAULT_SERVICES)];
        for (kind, network, default) in given {
            let what = format!("the {kind} network of `{}`", cluster.name.value);
            networks.push(match network {
                Some(network) => Network { cidr: network.value, span: network.span, what },
                None => Network {
                    cidr: default_network(default),
                    span: cluster.name.span,
                    what: format!("{what} (by default {default})"),
                },
            });
        }
    }
    let free = free_network(&networks);
    for (at, network) in networks.iter().enumerate() {
        for other in networks[..at].iter().filter(|other| other.cidr.overlaps(network.cidr)) {
            let message = format!("{} overlaps {}", network.what, other.what);
            let fault = Diagnostic::new(Code::NetworksOverlap, network.span, message)
                .related(other.span, format!("{} is {}", other.what, other.cidr));
            faults.push(match free {
                Some(free) => fault.help(format!("a free network is {free}")),
                None => fault,
            });
        }
    }
}

fn default_network(text: &str) -> Ipv4Cidr {
    Ipv4Cidr::parse(text).expect("the defaults are networks")
}

fn free_network(taken: &[Network]) -> Option<Ipv4Cidr> {
    let mut candidate = default_network(DEFAULT_PODS);
    while taken.iter().any(|network| network.cidr.overlaps(candidate)) {
        candidate = candidate.next()?;
    }
    Some(candidate)
}
