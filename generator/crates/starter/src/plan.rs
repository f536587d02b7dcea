//! Where everything of the new lab is: addresses, and the hosts of nodes.

use crate::addresses::Free;
use crate::answers::{Answers, ClusterAnswer, HostAnswer};
use crate::spec_file::{GATEWAY, LAN};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::Given as _;
use spec::types::{AddressRange, Ipv4, Ipv4Cidr, Size};
use yaml::Node;

const HOST: &str = "box";
const MEMORY: u64 = 16 << 30;

/// The offsets of addresses in the LAN from which free ones are searched.
pub(crate) const HOSTS_FROM: u32 = 11;
pub(crate) const NAS_FROM: u32 = 20;
pub(crate) const NODES_FROM: u32 = 41;
const POOLS_FROM: u32 = 240;
const POOL: u32 = 10;

/// A host of the new lab.
pub(crate) struct Host<'a> {
    pub(crate) name: String,
    /// Its name in the answers.
    pub(crate) key: Option<&'a Node>,
    /// Its value in the answers.
    pub(crate) value: Option<&'a Node>,
    pub(crate) address: Ipv4,
    pub(crate) memory: Size,
    pub(crate) has_gpu: bool,
}

/// Addresses and hosts, which later parts refer to.
pub(crate) struct Plan<'a> {
    free: Free,
    pub(crate) lan: Ipv4Cidr,
    lan_span: Option<Span>,
    pub(crate) hosts: Vec<Host<'a>>,
    pub(crate) nas: Option<Ipv4>,
}

impl<'a> Plan<'a> {
    pub(crate) fn of(answers: &'a Answers) -> Result<Self, Diagnostics> {
        let given = &answers.given;
        let lan = given.lan.as_ref().map_or_else(|| known::<Ipv4Cidr>(LAN), |lan| lan.cidr.value);
        let lan_span = given.lan.as_ref().map(|lan| lan.cidr.span);
        let gateway = given.lan.as_ref().map_or_else(|| known::<Ipv4>(GATEWAY), |lan| lan.gateway.value);
        let dhcp = given.lan.as_ref().and_then(|lan| lan.dhcp.given().copied());
        let mut free = Free::new(lan, dhcp, [gateway]);
        given.lan.iter().flat_map(|lan| &lan.dns).for_each(|server| free.take(server.value));
        // What is given comes first, so that no proposal takes its address.
        let named = given.hosts.iter().filter_map(|host| host.value.address.given());
        let nas = given.nas.as_ref().and_then(|nas| nas.address.given());
        named.chain(nas).for_each(|address| free.take(*address));
        given
            .clusters
            .iter()
            .filter_map(|cluster| cluster.value.load_balancer.given())
            .for_each(|range| free.take_range(*range));
        let mut plan = Self { free, lan, lan_span, hosts: Vec::new(), nas: None };
        let entries = answers.node(&["hosts"]).map_or(&[][..], Node::entries);
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            let host = given.hosts.get(name).map(|entry| &entry.value);
            let host = plan.host(name, Some((key, value)), host)?;
            plan.hosts.push(host);
        }
        if plan.hosts.is_empty() {
            let host = plan.host(HOST, None, None)?;
            plan.hosts.push(host);
        }
        if let Some(nas) = &given.nas {
            plan.nas = Some(match nas.address.given() {
                Some(address) => *address,
                None => plan.address(NAS_FROM)?,
            });
        }
        Ok(plan)
    }

    fn host(
        &mut self,
        name: &str,
        nodes: Option<(&'a Node, &'a Node)>,
        given: Option<&HostAnswer>,
    ) -> Result<Host<'a>, Diagnostics> {
        let address = match given.and_then(|host| host.address.given()) {
            Some(address) => *address,
            None => self.address(HOSTS_FROM)?,
        };
        let memory = given.and_then(|host| host.memory.given().copied()).unwrap_or(Size::from_bytes(MEMORY));
        let has_gpu = given.is_some_and(|host| host.gpu.is_some());
        let (key, value) = nodes.unzip();
        Ok(Host { name: name.to_owned(), key, value, address, memory, has_gpu })
    }

    /// The next free address.
    pub(crate) fn address(&mut self, from: u32) -> Result<Ipv4, Diagnostics> {
        self.free.next(from).ok_or_else(|| self.is_full("address is"))
    }

    /// The next free load-balancer pool: ten addresses, in a small LAN fewer.
    pub(crate) fn pool(&mut self, cluster: u32) -> Result<AddressRange, Diagnostics> {
        let from = POOLS_FROM.saturating_sub(cluster * POOL);
        let lengths = [POOL, 5, 2, 1];
        let found = lengths.into_iter().find_map(|length| self.free.next_range(from, length));
        found.ok_or_else(|| self.is_full("addresses are"))
    }

    fn is_full(&self, what: &str) -> Diagnostics {
        let message = format!("no {what} free in {} outside of the DHCP range", self.lan);
        let diagnostic = match self.lan_span {
            Some(span) => Diagnostic::new(Code::InvalidValue, span, message),
            None => Diagnostic::of_file(Code::InvalidValue, message),
        };
        diagnostic
            .help("make the DHCP range of the router smaller: nodes and load balancers need static addresses")
            .into()
    }
}

pub(crate) fn known<T: spec::types::Text>(text: &str) -> T {
    T::parse(text).unwrap_or_else(|reason| panic!("{text}: {reason}"))
}

pub(crate) fn node_count(cluster: Option<&ClusterAnswer>) -> u32 {
    cluster.and_then(|cluster| cluster.nodes.given()).map_or(1, |nodes| nodes.get())
}

/// The hosts of the nodes of each cluster: each cluster starts at another host, and goes round.
pub(crate) fn placed(counts: &[u32], hosts: usize) -> Vec<Vec<usize>> {
    let place = |(at, count): (usize, &u32)| (0..*count as usize).map(|node| (at + node) % hosts).collect();
    counts.iter().enumerate().map(place).collect()
}

/// The memory of a node: half of its host's, shared with the other nodes there, in whole units of 256MiB.
pub(crate) fn memory(host: Size, nodes: u64) -> Size {
    const STEP: u64 = 256 << 20;
    let share = host.bytes() / 2 / nodes.max(1);
    Size::from_bytes((share / STEP).max(4) * STEP)
}
