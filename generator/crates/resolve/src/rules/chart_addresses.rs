//! Load-balancer addresses that Helm values and patches of apps and components request: they are in the pool, and belong to no one
//! else.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use platform::{Claim, Clusters};
use spec::platform::ComponentId;
use spec::types::{Ipv4, Text as _};
use std::collections::BTreeMap;
use yaml::Node;

/// The field of a Service with its address, as charts call it too.
const FIELD: &str = "loadBalancerIP";

/// The annotations of MetalLB with the addresses of a Service, separated by commas.
const ANNOTATIONS: [&str; 2] = ["metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs"];

/// The annotations of MetalLB that let Services share an address.
const SHARED: [&str; 2] = ["metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip"];

pub(super) fn check(contexts: &Clusters<'_>, root: &Node, diagnostics: &mut Diagnostics) {
    for context in contexts.iter() {
        let cluster = context.cluster;
        let Some(pool) = &cluster.load_balancer else { continue };
        let claims = platform::address_claims(&context);
        let mut taken: BTreeMap<Ipv4, Claim<Ipv4>> = claims.into_iter().map(|claim| (claim.value, claim)).collect();
        let found = root.get("clusters").and_then(|clusters| clusters.get(context.name.as_str()));
        let within = |keys: &[&str]| found.and_then(|cluster| cluster.at(keys));
        let mut users = Vec::new();
        for &id in ComponentId::ALL {
            let field = id.field();
            let own = platform::addresses_of(id, &context);
            if let Some(node) = within(&["platform", &field]) {
                let values = node.get("values").into_iter().chain(node.get("patches"));
                users.push((format!("a Service of `platform.{field}`"), Requests::of(values), own));
            }
        }
        for app in &cluster.apps {
            if let Some(node) = within(&["apps", app.name.as_str()]) {
                let values = node.at(&["helm", "values"]).into_iter().chain(node.get("patches"));
                users.push((format!("a Service of `{}`", app.name.value), Requests::of(values), Vec::new()));
            }
        }
        for (owner, requests, own) in users {
            for (address, span) in requests.addresses {
                if !pool.contains(address) {
                    let message = format!(
                        "the address {address} of {owner} is outside the cluster's load-balancer pool {}",
                        pool.value
                    );
                    let diagnostic =
                        Diagnostic::new(Code::AddressOutsidePool, span, message).related(pool.span, "the pool");
                    diagnostics.push(diagnostic.help("choose an address in the pool, or extend the pool"));
                    continue;
                }
                // A component may repeat the address that it has.
                if own.contains(&address) {
                    continue;
                }
                let Some(first) = taken.get(&address) else {
                    taken.insert(address, Claim::new(address, span, owner.clone()));
                    continue;
                };
                if requests.is_shared && first.owner == owner {
                    continue;
                }
                let message = format!("{address} is assigned to both {} and {owner}", first.owner);
                let diagnostic =
                    Diagnostic::new(Code::AddressTaken, span, message).related(first.span, "first assigned here");
                diagnostics.push(diagnostic.help(format!(
                    "choose a different address; Services of one chart share an address if they have the annotation `{}`",
                    SHARED[0]
                )));
            }
        }
    }
}

/// The addresses that the values of an app request.
#[derive(Default)]
struct Requests {
    addresses: Vec<(Ipv4, Span)>,
    is_shared: bool,
}

impl Requests {
    fn of<'a>(values: impl Iterator<Item = &'a Node>) -> Self {
        let mut requests = Self::default();
        values.for_each(|value| requests.add(value));
        requests
    }

    fn add(&mut self, node: &Node) {
        for (key, value) in node.entries() {
            match (key.text().unwrap_or_default(), value.text()) {
                (key, Some(text)) if key == FIELD || ANNOTATIONS.contains(&key) => {
                    let addresses = text.split(',').filter_map(|address| Ipv4::parse(address.trim_matches(' ')).ok());
                    self.addresses.extend(addresses.map(|address| (address, value.span)));
                }
                (key, _) if SHARED.contains(&key) => self.is_shared = true,
                _ => self.add(value),
            }
        }
        node.items().iter().for_each(|item| self.add(item));
    }
}
