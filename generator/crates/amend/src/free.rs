//! Addresses, networks and VMIDs that nothing in a spec uses.

use spec::defaults::{PodNetwork, ServiceNetwork};
use spec::types::{AddressRange, Ipv4, Ipv4Cidr, Text as _};
use spec::{DefaultValue as _, Spec};

/// The number of addresses of a new load-balancer pool, if no other cluster has one.
const POOL: u32 = 5;

/// The first VMID of Proxmox VE.
const FIRST_VMID: u32 = 100;

/// Whether nothing uses an address of the LAN, and it is no load-balancer address.
fn is_free(spec: &Spec, address: Ipv4) -> bool {
    let lan = &spec.network.lan;
    let clusters = || spec.clusters.iter().map(|cluster| &cluster.value);
    let nodes = clusters().flat_map(|cluster| &cluster.nodes).map(|node| node.value.address.value);
    let hosts = spec.hosts.iter().map(|host| host.value.address.value);
    let storage = spec.storage.iter().map(|storage| storage.value.address().value);
    let dns = lan.dns.iter().map(|server| server.value);
    let is_used = nodes.chain(hosts).chain(storage).chain(dns).chain([lan.gateway.value]).any(|used| used == address);
    let in_dhcp = lan.dhcp.as_ref().is_some_and(|dhcp| dhcp.contains(address));
    let in_pool = clusters().filter_map(|cluster| cluster.load_balancer.as_ref()).any(|pool| pool.contains(address));
    !is_used && !in_dhcp && !in_pool
}

/// The free addresses of the LAN, from the one after `after` to the end, and then from the start.
fn free(spec: &Spec, after: Option<Ipv4>) -> impl Iterator<Item = Ipv4> {
    let lan = spec.network.lan.cidr.value;
    let (first, last) = (lan.first().number() + 1, lan.last().number());
    let start = after.filter(|after| lan.contains(*after)).map_or(first, |after| after.number() + 1);
    (start..last).chain(first..start).map(Ipv4::from_number).filter(|address| is_free(spec, *address))
}

/// The next free address after the highest of those in `others`, which are of the same kind.
pub(crate) fn address(spec: &Spec, others: impl Iterator<Item = Ipv4>) -> Option<Ipv4> {
    free(spec, others.max()).next()
}

/// The next free VMID.
pub(crate) fn vmid(spec: &Spec) -> u32 {
    let nodes = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
    nodes.map(|node| node.value.vmid.get() + 1).max().unwrap_or(FIRST_VMID)
}

/// A free load-balancer pool: as many addresses as the largest pool has, after the last one, or as high as possible.
/// `also` is another address that is not free.
pub(crate) fn pool(spec: &Spec, also: Option<Ipv4>) -> Option<AddressRange> {
    let pools: Vec<AddressRange> =
        spec.clusters.iter().filter_map(|cluster| Some(cluster.value.load_balancer.as_ref()?.value)).collect();
    let size = pools.iter().map(|pool| pool.last().number() - pool.first().number() + 1).max().unwrap_or(POOL);
    let lan = spec.network.lan.cidr.value;
    let (first, last) = (lan.first().number() + 1, lan.last().number());
    let fits = |start: &u32| {
        let mut addresses = (*start..*start + size).map(Ipv4::from_number);
        *start >= first
            && start + size <= last
            && addresses.all(|address| Some(address) != also && is_free(spec, address))
    };
    let next = pools.iter().map(|pool| pool.last().number() + 1).max();
    let found = next.filter(fits).or_else(|| (first..last.saturating_sub(size) + 1).rev().find(fits))?;
    AddressRange::parse(&format!("{}-{}", Ipv4::from_number(found), Ipv4::from_number(found + size - 1))).ok()
}

/// Free networks for the pods and Services of a cluster.
pub(crate) fn networks(spec: &Spec) -> Option<(Ipv4Cidr, Ipv4Cidr)> {
    let clusters = spec.clusters.iter().map(|cluster| &cluster.value);
    let mut taken: Vec<Ipv4Cidr> =
        clusters.flat_map(|cluster| [*cluster.pods.get(), *cluster.services.get()]).collect();
    taken.push(spec.network.lan.cidr.value);
    let mut next = |from: Ipv4Cidr| {
        let is_taken = |network: Ipv4Cidr, taken: &[Ipv4Cidr]| {
            taken.iter().any(|other| other.overlaps(network))
                || spec.network.trusted.iter().any(|trusted| trusted.value.cidr.overlaps(network))
        };
        let mut network = from;
        while is_taken(network, &taken) {
            network = network.next()?;
        }
        taken.push(network);
        Some(network)
    };
    let pods = next(*PodNetwork::value())?;
    Some((pods, next(*ServiceNetwork::value())?))
}

/// The load-balancer addresses of a cluster, the last first: the platform uses the first ones.
pub fn pool_addresses(spec: &Spec, cluster: &str) -> Vec<String> {
    let pool = spec.clusters.get(cluster).and_then(|cluster| cluster.value.load_balancer.as_ref());
    let numbers = pool.into_iter().flat_map(|pool| (pool.first().number()..=pool.last().number()).rev());
    numbers.map(|number| Ipv4::from_number(number).to_string()).collect()
}
