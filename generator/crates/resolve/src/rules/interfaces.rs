//! Network interfaces of nodes: their names, bridges and networks.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::types::{Ipv4, Ipv4Cidr, Name};
use spec::{Entry, Node, NodeInterface, Spanned, Spec};
use std::collections::BTreeMap;

/// The longest name of a network interface, and so of a bridge: `IFNAMSIZ` of Linux, less the zero at the end.
const LONGEST_NAME: usize = 15;

/// The number of interfaces besides that of the LAN: Proxmox VE has `net0` to `net31` (`MAX_NETS` in qemu-server).
const MOST_INTERFACES: usize = 31;

/// The names that nodes, k3s, and flannel use themselves.
const RESERVED: [&str; 5] = ["cni0", "flannel-v6", "flannel-wg", "lan0", "lo"];

/// The prefixes of the names that the kernel, the container runtime and the proxy of Services use.
const RESERVED_PREFIXES: [&str; 4] = ["br-", "eth", "kube-", "veth"];

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    let nodes: Vec<&Entry<Node>> = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes).collect();
    for node in &nodes {
        let bridges = node.value.interfaces.iter().filter_map(|interface| interface.value.bridge.spanned());
        for bridge in node.value.bridge.spanned().into_iter().chain(bridges) {
            check_bridge(bridge, diagnostics);
        }
        for interface in &node.value.interfaces {
            check_name(interface, diagnostics);
            check_address(interface, diagnostics);
        }
        check_number(node, diagnostics);
        check_distinct(node, diagnostics);
    }
    let all = nodes.iter().flat_map(|node| node.value.interfaces.iter().map(move |interface| (*node, interface)));
    let all: Vec<_> = all.collect();
    check_taken(spec, &all, diagnostics);
    check_networks(spec, &all, diagnostics);
    check_storage(spec, diagnostics);
}

fn check_bridge(bridge: &Spanned<Name>, diagnostics: &mut Diagnostics) {
    if bridge.as_str().len() > LONGEST_NAME {
        let message =
            format!("`{}` is no bridge: names of network interfaces have at most 15 characters", bridge.value);
        let help = "use the name of a bridge of the host, such as `vmbr0`";
        diagnostics.push(Diagnostic::new(Code::InvalidValue, bridge.span, message).help(help));
    }
}

fn check_name(interface: &Entry<NodeInterface>, diagnostics: &mut Diagnostics) {
    let name = interface.name.as_str();
    let is_reserved = RESERVED.contains(&name) || RESERVED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let help = "name it after its network, such as `storage`";
    if name.len() > LONGEST_NAME {
        let message = format!("`{name}` cannot be the name of a network interface: it has more than 15 characters");
        diagnostics.push(Diagnostic::new(Code::InvalidValue, interface.name.span, message).help(help));
    } else if is_reserved {
        let message = format!("`{name}` cannot be the name of an additional interface: nodes use it themselves");
        diagnostics.push(Diagnostic::new(Code::NameTaken, interface.name.span, message).help(help));
    }
}

/// Checks that the address is not the first or the last of its network.
fn check_address(interface: &Entry<NodeInterface>, diagnostics: &mut Diagnostics) {
    let given = &interface.value.address;
    let network = given.network();
    let reserved = if given.address() == network.first() {
        "the network address"
    } else if given.address() == network.last() {
        "the broadcast address"
    } else {
        return;
    };
    let message = format!("{} is {reserved} of {network}", given.address());
    diagnostics.push(Diagnostic::new(Code::AddressReserved, given.span, message).help("use an address between them"));
}

fn check_number(node: &Entry<Node>, diagnostics: &mut Diagnostics) {
    if let Some(first) = node.value.interfaces.iter().nth(MOST_INTERFACES) {
        let message =
            format!("`{}` has too many interfaces: Proxmox VE allows 31 besides that of the LAN", node.name.value);
        diagnostics.push(Diagnostic::new(Code::InvalidValue, first.name.span, message).help("remove some of them"));
    }
}

/// Checks that the interfaces of a node are in different networks: a node has one route to each.
fn check_distinct(node: &Entry<Node>, diagnostics: &mut Diagnostics) {
    let interfaces: Vec<_> = node.value.interfaces.iter().collect();
    for (at, interface) in interfaces.iter().enumerate() {
        let given = &interface.value.address;
        let earlier = interfaces[..at].iter().find(|other| other.value.address.network().overlaps(given.network()));
        if let Some(other) = earlier {
            let message = format!(
                "the interfaces `{}` and `{}` of `{}` are in the same network",
                other.name.value, interface.name.value, node.name.value
            );
            let diagnostic = Diagnostic::new(Code::NetworksOverlap, given.span, message);
            let diagnostic = diagnostic.related(other.value.address.span, "the other interface");
            diagnostics.push(diagnostic.help("use one interface for each network"));
        }
    }
}

/// Checks that each address is assigned once. Those in the LAN are an error anyway.
fn check_taken(spec: &Spec, all: &[(&Entry<Node>, &Entry<NodeInterface>)], diagnostics: &mut Diagnostics) {
    let storage = spec.storage.iter().map(|storage| {
        let address = storage.value.address();
        (address.value, (format!("the storage `{}`", storage.name.value), address.span))
    });
    let mut taken: BTreeMap<Ipv4, (String, Span)> = storage.collect();
    for (node, interface) in all {
        let given = &interface.value.address;
        let owner = format!("the interface `{}` of `{}`", interface.name.value, node.name.value);
        if let Some((first, span)) = taken.get(&given.address()) {
            let message = format!("{} is assigned to both {first} and {owner}", given.address());
            let diagnostic = Diagnostic::new(Code::AddressTaken, given.span, message);
            diagnostics.push(diagnostic.related(*span, "first assigned here").help("use a free address"));
        } else {
            taken.insert(given.address(), (owner, given.span));
        }
    }
}

/// Checks that interfaces of different nodes that are in the same network agree on its size and on that of packets.
fn check_networks(spec: &Spec, all: &[(&Entry<Node>, &Entry<NodeInterface>)], diagnostics: &mut Diagnostics) {
    let lan = spec.network.lan.cidr.value;
    let mut seen: BTreeMap<Ipv4Cidr, &Entry<NodeInterface>> = BTreeMap::new();
    for (node, interface) in all {
        let network = interface.value.address.network();
        if network.overlaps(lan) {
            continue;
        }
        let Some((other, first)) = seen.iter().find(|(other, _)| other.overlaps(network)) else {
            seen.insert(network, interface);
            continue;
        };
        let span = interface.value.address.span;
        if *other != network {
            let message = format!("the network {network} of `{}` overlaps {other}", node.name.value);
            let diagnostic = Diagnostic::new(Code::NetworksOverlap, span, message);
            let diagnostic = diagnostic.related(first.value.address.span, "the other network");
            diagnostics.push(diagnostic.help("use the same prefix length on all nodes, or another network"));
            continue;
        }
        let mtu = |entry: &Entry<NodeInterface>| entry.value.mtu.as_ref().map(|mtu| mtu.get());
        if mtu(interface) != mtu(first) {
            let place = |entry: &Entry<NodeInterface>| entry.value.mtu.as_ref().map_or(entry.name.span, |mtu| mtu.span);
            let message = format!("`mtu` of the network {network} is not the same on all nodes");
            let diagnostic = Diagnostic::new(Code::InvalidValue, place(interface), message);
            let diagnostic = diagnostic.related(place(first), "different here");
            diagnostics.push(diagnostic.help("set the same `mtu` on all nodes: larger packets would be lost"));
        }
    }
}

/// Warns about nodes that lack the interface by which others of their cluster reach network storage.
fn check_storage(spec: &Spec, diagnostics: &mut Diagnostics) {
    let lan = spec.network.lan.cidr.value;
    for storage in spec.storage.iter().filter(|storage| !lan.contains(storage.value.address().value)) {
        let address = storage.value.address();
        let interface_of = |node: &Entry<Node>| {
            let mut interfaces = node.value.interfaces.iter();
            interfaces.find(|of| of.value.address.network().contains(address.value)).map(|of| of.value.address.span)
        };
        for cluster in &spec.clusters {
            let nodes: Vec<_> = cluster.value.nodes.iter().collect();
            let Some(span) = nodes.iter().find_map(|node| interface_of(node)) else { continue };
            let mounts_nfs = |node: &&&Entry<Node>| node.value.unprivileged().is_none();
            for node in nodes.iter().filter(mounts_nfs).filter(|node| interface_of(node).is_none()) {
                let message = format!(
                    "`{}` has no interface in the network of the storage `{}`, {}",
                    node.name.value, storage.name.value, address.value
                );
                let diagnostic = Diagnostic::new(Code::StorageNetworkMissing, node.name.span, message);
                let diagnostic = diagnostic.related(span, "another node of the cluster has one");
                diagnostics.push(diagnostic.help("add it to `interfaces` of the node"));
            }
        }
    }
}
