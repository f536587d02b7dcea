//! Addresses of hosts, storage, nodes and pools are unique, in the LAN, and outside the DHCP range. Network storage can also
//! be in the network of an additional interface of nodes.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::types::{AddressRange, Ipv4};
use spec::{Lan, Public, Spanned, Spec};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

struct Owner {
    address: Ipv4,
    span: Span,
    name: String,
}

struct Pool {
    range: AddressRange,
    span: Span,
    cluster: String,
}

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    let lan = &spec.network.lan;
    let owners = owners(spec);
    let pools = pools(spec);
    let free = first_free(lan, &owners, &pools);

    check_lan(lan, diagnostics);
    check_public(spec, diagnostics);
    check_owners(lan, &owners, free, diagnostics);
    check_pools(lan, &owners, &pools, diagnostics);
}

fn owners(spec: &Spec) -> Vec<Owner> {
    let owner = |address: &Spanned<Ipv4>, name: String| Owner { address: address.value, span: address.span, name };
    let hosts = spec.hosts.iter().map(|host| owner(&host.value.address, format!("the host `{}`", host.name.value)));
    let has_interface = |address: Ipv4| {
        let mut nodes = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
        nodes.any(|node| node.value.interfaces.iter().any(|of| of.value.address.network().contains(address)))
    };
    let storage = spec
        .storage
        .iter()
        .filter(|storage| !has_interface(storage.value.address().value))
        .map(|storage| owner(storage.value.address(), format!("the storage `{}`", storage.name.value)));
    let nodes = spec.clusters.iter().flat_map(|cluster| {
        cluster.value.nodes.iter().map(|node| owner(&node.value.address, format!("the node `{}`", node.name.value)))
    });
    hosts.chain(storage).chain(nodes).collect()
}

fn pools(spec: &Spec) -> Vec<Pool> {
    spec.clusters
        .iter()
        .filter_map(|cluster| {
            let range = cluster.value.load_balancer.as_ref()?;
            Some(Pool { range: range.value, span: range.span, cluster: cluster.name.to_string() })
        })
        .collect()
}

/// Returns the lowest unused address of the LAN.
fn first_free(lan: &Lan, owners: &[Owner], pools: &[Pool]) -> Option<Ipv4> {
    let mut taken: Vec<u32> = owners.iter().map(|owner| owner.address.number()).collect();
    taken.sort_unstable();
    let cidr = lan.cidr.value;
    (cidr.first().number() + 1..cidr.last().number()).map(Ipv4::from_number).find(|address| {
        *address != lan.gateway.value
            && !lan.dhcp.as_ref().is_some_and(|dhcp| dhcp.contains(*address))
            && !pools.iter().any(|pool| pool.range.contains(*address))
            && taken.binary_search(&address.number()).is_err()
    })
}

fn check_lan(lan: &Lan, diagnostics: &mut Diagnostics) {
    let cidr = &lan.cidr;
    let mut outside = |span: Span, what: String| {
        let diagnostic =
            Diagnostic::new(Code::AddressOutsideLan, span, format!("{what} is not in the LAN {}", cidr.value));
        diagnostics.push(diagnostic.related(cidr.span, "the LAN").help("correct one of them"));
    };
    let gateway = &lan.gateway;
    if !cidr.contains(gateway.value) || [cidr.first(), cidr.last()].contains(&gateway.value) {
        outside(gateway.span, format!("the gateway {}", gateway.value));
    }
    if let Some(dhcp) = &lan.dhcp
        && !(cidr.contains(dhcp.first()) && cidr.contains(dhcp.last()))
    {
        outside(dhcp.span, format!("the DHCP range {}", dhcp.value));
    }
}

/// Checks that the public address is neither private nor in the LAN.
fn check_public(spec: &Spec, diagnostics: &mut Diagnostics) {
    let Some(Public::Address(address)) = &spec.network.public else { return };
    let number = Ipv4Addr::from(address.number());
    let [first, second, ..] = number.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_special = number.is_loopback() || number.is_link_local() || number.is_unspecified() || number.is_multicast();
    let in_lan = spec.network.lan.cidr.contains(address.value);
    if number.is_private() || is_shared || is_special || in_lan {
        let message = format!("{} is not a public address", address.value);
        let help = "use the address that your provider assigns to the router; if it changes, set `public: { host: home }` \
                    and `platform.dynamic-dns` of a cluster";
        diagnostics.push(Diagnostic::new(Code::InvalidValue, address.span, message).help(help));
    }
}

fn check_owners(lan: &Lan, owners: &[Owner], free: Option<Ipv4>, diagnostics: &mut Diagnostics) {
    let cidr = &lan.cidr;
    let help = free.map_or_else(
        || "the LAN has no free address".to_owned(),
        |free| format!("the first free address of the LAN is {free}"),
    );
    let mut taken: BTreeMap<Ipv4, &Owner> = BTreeMap::new();
    for owner in owners {
        let address = owner.address;
        if !cidr.contains(address) {
            let message = format!("{address} of {} is not in the LAN {}", owner.name, cidr.value);
            diagnostics.push(
                Diagnostic::new(Code::AddressOutsideLan, owner.span, message)
                    .related(cidr.span, "the LAN")
                    .help(help.clone()),
            );
            continue;
        }
        if let Some((what, span)) = reserved(lan, address) {
            let message = format!("{address} of {} is {what}", owner.name);
            diagnostics.push(
                Diagnostic::new(Code::AddressReserved, owner.span, message)
                    .related(span, "set here")
                    .help(help.clone()),
            );
        }
        if let Some(dhcp) = lan.dhcp.as_ref().filter(|dhcp| dhcp.contains(address)) {
            let message = format!("{address} of {} is in the DHCP range", owner.name);
            diagnostics.push(
                Diagnostic::new(Code::AddressInDhcp, owner.span, message)
                    .related(dhcp.span, "the DHCP range")
                    .help(help.clone()),
            );
        }
        if let Some(first) = taken.get(&address) {
            let message = format!("{address} is assigned to both {} and {}", first.name, owner.name);
            diagnostics.push(
                Diagnostic::new(Code::AddressTaken, owner.span, message)
                    .related(first.span, "first assigned here")
                    .help(help.clone()),
            );
        } else {
            taken.insert(address, owner);
        }
    }
}

fn reserved(lan: &Lan, address: Ipv4) -> Option<(&'static str, Span)> {
    let cidr = &lan.cidr;
    if address == lan.gateway.value {
        Some(("the address of the gateway", lan.gateway.span))
    } else if address == cidr.first() {
        Some(("the network address", cidr.span))
    } else if address == cidr.last() {
        Some(("the broadcast address", cidr.span))
    } else {
        None
    }
}

fn check_pools(lan: &Lan, owners: &[Owner], pools: &[Pool], diagnostics: &mut Diagnostics) {
    let cidr = &lan.cidr;
    for (at, pool) in pools.iter().enumerate() {
        let range = pool.range;
        let what = format!("the load-balancer pool {range} of `{}`", pool.cluster);
        if !(cidr.contains(range.first()) && cidr.contains(range.last())) {
            let message = format!("{what} is not in the LAN {}", cidr.value);
            diagnostics.push(
                Diagnostic::new(Code::AddressOutsideLan, pool.span, message)
                    .related(cidr.span, "the LAN")
                    .help("use a free range of the LAN"),
            );
            continue;
        }
        for (reserved, name, span) in [
            (cidr.first(), "network", cidr.span),
            (cidr.last(), "broadcast", cidr.span),
            (lan.gateway.value, "gateway", lan.gateway.span),
        ] {
            if range.contains(reserved) {
                let message = format!("{what} contains the {name} address {reserved}");
                diagnostics.push(
                    Diagnostic::new(Code::AddressReserved, pool.span, message)
                        .related(span, "set here")
                        .help("shorten the range"),
                );
            }
        }
        if let Some(dhcp) = lan.dhcp.as_ref().filter(|dhcp| dhcp.overlaps(range)) {
            let message = format!("{what} overlaps the DHCP range");
            diagnostics.push(
                Diagnostic::new(Code::AddressInDhcp, pool.span, message)
                    .related(dhcp.span, "the DHCP range")
                    .help("shorten one of the ranges"),
            );
        }
        for other in &pools[..at] {
            if range.overlaps(other.range) {
                let message = format!("{what} overlaps the pool of `{}`", other.cluster);
                let diagnostic =
                    Diagnostic::new(Code::PoolsOverlap, pool.span, message).related(other.span, "the other pool");
                diagnostics.push(
                    diagnostic.help("use a separate range for each cluster: both would announce the same addresses"),
                );
            }
        }
        for owner in owners.iter().filter(|owner| range.contains(owner.address)) {
            let message =
                format!("{} of {} is in the load-balancer pool of `{}`", owner.address, owner.name, pool.cluster);
            let diagnostic = Diagnostic::new(Code::AddressTaken, owner.span, message).related(pool.span, "the pool");
            diagnostics.push(diagnostic.help("change the address, or shorten the pool"));
        }
    }
}
