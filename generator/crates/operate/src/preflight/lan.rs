//! Checks of the LAN, as the machine that runs `homelab` sees it.

use super::facts::Facts;
use super::finding::{Check, Finding, Findings};
use super::{System, host};
use crate::Command;
use model::{Lab, Node};
use spec::types::Ipv4;
use std::collections::{BTreeMap, BTreeSet};

/// The TCP port of NFS 4.
const NFS: u16 = 2049;

/// An address that the spec gives to a node or to a load balancer.
#[derive(Debug)]
pub struct Planned<'a> {
    /// The address.
    pub address: Ipv4,
    /// What it is for.
    pub what: String,
    /// The nodes of which one has it.
    nodes: Vec<&'a Node>,
    /// The field of the spec that sets it.
    field: String,
}

/// A TCP port of network storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The name of the storage.
    pub storage: String,
    /// Its address.
    pub address: Ipv4,
    /// The port.
    pub port: u16,
    /// What listens there.
    pub service: &'static str,
}

/// What the LAN answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// The addresses that answered to ping. `None`: there is no program `ping`.
    pub pings: Option<BTreeSet<Ipv4>>,
    /// The output of the command that lists neighbours. `None`: there is no such program.
    pub neighbours: Option<String>,
    /// Whether a port is open, in the order of [`ports`]. `None`: there is no program `nc`.
    pub ports: Vec<Option<bool>>,
    /// What each host that could be asked reported, by its name.
    pub hosts: BTreeMap<String, Facts>,
}

impl Answers {
    /// Whether this machine is in the LAN, as far as it reaches the router.
    pub fn is_inside(&self, lab: &Lab) -> bool {
        self.has(lab.lan.gateway, &self.neighbours())
    }

    fn neighbours(&self) -> BTreeMap<Ipv4, String> {
        self.neighbours.as_deref().map(seen).unwrap_or_default()
    }

    /// Whether an address has answered.
    fn has(&self, address: Ipv4, neighbours: &BTreeMap<Ipv4, String>) -> bool {
        self.pings.iter().any(|pings| pings.contains(&address)) || neighbours.contains_key(&address)
    }
}

/// Whether a node exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Existence {
    Exists,
    Absent,
    Unknown,
}

/// The addresses of nodes and load balancers.
pub fn planned(lab: &Lab) -> Vec<Planned<'_>> {
    let mut all: BTreeMap<Ipv4, Planned<'_>> = BTreeMap::new();
    for cluster in &lab.clusters {
        for node in &cluster.nodes {
            let field = format!("clusters.{}.nodes.{}.address", cluster.name, node.name);
            let what = format!("the node {}", node.name);
            all.insert(node.address, Planned { address: node.address, what, nodes: vec![node], field });
        }
        let nodes = || cluster.nodes.iter().collect();
        for part in &cluster.parts {
            for &address in &part.addresses {
                let what = format!("{} of {}", part.component.field(), cluster.name);
                let field = format!("clusters.{}.load-balancer", cluster.name);
                all.entry(address).or_insert_with(|| Planned { address, what, nodes: nodes(), field });
            }
        }
        for address in cluster.interfaces.iter().flat_map(|(_, one)| &one.lan).filter_map(|port| port.address) {
            let what = format!("a service of {}", cluster.name);
            let field = format!("clusters.{}.load-balancer", cluster.name);
            all.entry(address).or_insert_with(|| Planned { address, what, nodes: nodes(), field });
        }
    }
    all.into_values().collect()
}

/// The ports of network storage that nodes use.
pub fn ports(lab: &Lab) -> Vec<Port> {
    let mut all = Vec::new();
    for storage in &lab.storage {
        let mut add = |port, service| {
            all.push(Port { storage: storage.name.to_string(), address: storage.address, port, service });
        };
        if storage.nfs.is_some() || storage.volumes.is_some() {
            add(NFS, "NFS");
        }
        if let Some(port) = storage.dsm {
            add(port, "DSM");
        }
    }
    all
}

/// The command that lists the machines which the kernel has seen in the LAN.
pub fn neighbours(system: System) -> Command {
    match system {
        System::Linux => Command::here(["ip", "-4", "neigh", "show"]),
        System::Mac => Command::here(["arp", "-an"]),
    }
}

/// Checks the LAN.
pub fn check(lab: &Lab, answers: &Answers) -> Vec<Finding> {
    let mut found = Findings::of("LAN");
    let neighbours = answers.neighbours.as_deref().map(seen).unwrap_or_default();
    let answering =
        |address: &Ipv4| answers.pings.iter().any(|pings| pings.contains(address)) || neighbours.contains_key(address);
    let can_ask = answers.pings.is_some() || answers.neighbours.is_some();
    let gateway = lab.lan.gateway;
    let is_inside = answering(&gateway);
    if !can_ask {
        found.skipped_with(Check::Gateway, "there is no program `ping`", "install it: the package is iputils");
    } else if is_inside {
        found.ok(Check::Gateway, format!("{gateway} answers"));
    } else {
        found.warning(
            Check::Gateway,
            format!("the router {gateway} does not answer"),
            "connect this machine to the LAN, or correct `network.lan.gateway`",
        );
    }
    let known = Known { answers, neighbours: &neighbours, is_inside: can_ask && is_inside };
    addresses(&mut found, lab, &known, &answering);
    storage(&mut found, lab, answers, is_inside);
    found.into_list()
}

struct Known<'a> {
    answers: &'a Answers,
    neighbours: &'a BTreeMap<Ipv4, String>,
    is_inside: bool,
}

fn addresses(found: &mut Findings, lab: &Lab, known: &Known<'_>, answering: &dyn Fn(&Ipv4) -> bool) {
    let (mut free, mut ours) = (0, 0);
    for planned in planned(lab) {
        let address = planned.address;
        let existence = existence(&planned.nodes, known.answers);
        if !answering(&address) {
            free += 1;
            continue;
        }
        let mac = known.neighbours.get(&address).map(|mac| format!(" (MAC address {mac})")).unwrap_or_default();
        match existence {
            Existence::Exists => ours += 1,
            Existence::Absent => found.error(
                Check::Addresses,
                format!(
                    "{address} of {} answers{mac}, although no node with it exists: another machine has it",
                    planned.what
                ),
                format!("change the address of that machine, or `{}` in the spec", planned.field),
            ),
            Existence::Unknown => found.skipped(
                Check::Addresses,
                format!(
                    "{address} answers{mac}; whether that is {} is unknown: its host could not be asked",
                    planned.what
                ),
            ),
        }
    }
    if !known.is_inside {
        return found.skipped(
            Check::Addresses,
            "this machine does not reach the router: an address without an answer may be taken all the same",
        );
    }
    if !found.has_problem(Check::Addresses) {
        found.ok(Check::Addresses, format!("{free} addresses of the spec do not answer, {ours} are those of nodes"));
    }
}

/// Whether any of some nodes exists.
fn existence(nodes: &[&Node], answers: &Answers) -> Existence {
    let of = |node: &Node| match answers.hosts.get(node.host.as_str()) {
        Some(facts) if host::guest(facts, node).is_some() => Existence::Exists,
        Some(facts) if facts.guests.is_some() => Existence::Absent,
        _ => Existence::Unknown,
    };
    let all: Vec<_> = nodes.iter().map(|node| of(node)).collect();
    match () {
        () if all.contains(&Existence::Exists) => Existence::Exists,
        () if all.contains(&Existence::Unknown) => Existence::Unknown,
        () => Existence::Absent,
    }
}

fn storage(found: &mut Findings, lab: &Lab, answers: &Answers, is_inside: bool) {
    for (port, open) in ports(lab).into_iter().zip(&answers.ports) {
        let Port { storage, address, port, service } = port;
        match open {
            Some(true) => found.ok(Check::Nas, format!("{service} of {storage} answers at {address}:{port}")),
            Some(false) if !is_inside => {
                found.skipped(
                    Check::Nas,
                    format!("{service} of {storage}: this machine does not reach the router of the LAN"),
                );
            }
            Some(false) => found.error(
                Check::Nas,
                format!("{service} of {storage} does not answer at {address}:{port}"),
                match service {
                    "NFS" => "start the storage, enable NFS 4.1 on it, and let this machine and the nodes in",
                    _ => "start the storage, or correct `dsm.port` in the spec",
                },
            ),
            None => found.skipped_with(
                Check::Nas,
                format!("{service} of {storage}: there is no program `nc`"),
                "install it: the package is netcat-openbsd or libressl.nc",
            ),
        }
    }
}

/// The addresses that the kernel has an answer of, with their MAC addresses: lines of `ip neigh` (ip-neighbour(8)) or of
/// `arp -an` on macOS.
fn seen(text: &str) -> BTreeMap<Ipv4, String> {
    text.lines().filter_map(neighbour).collect()
}

fn neighbour(line: &str) -> Option<(Ipv4, String)> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        // 192.168.10.20 dev eth0 lladdr 00:11:32:aa:bb:cc REACHABLE
        [address, "dev", ..] if line.contains(" REACHABLE") || line.contains(" PERMANENT") => {
            let at = words.iter().position(|word| *word == "lladdr")?;
            Some((address.parse().ok()?, (*words.get(at + 1)?).to_owned()))
        }
        // ? (192.168.10.1) at 0:11:32:aa:bb:cc on en0 ifscope [ethernet]
        [_, address, "at", mac, "on", ..] if mac.contains(':') => {
            let address = address.strip_prefix('(')?.strip_suffix(')')?;
            Some((address.parse().ok()?, mac.to_owned()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_neighbours_of_linux_and_macos() {
        let text = "192.168.10.20 dev eth0 lladdr 00:11:32:aa:bb:cc REACHABLE\n\
            192.168.10.21 dev eth0 lladdr 00:11:32:aa:bb:cd STALE\n\
            192.168.10.22 dev eth0 FAILED\n\
            ? (192.168.10.1) at 0:11:32:a:b:c on en0 ifscope [ethernet]\n\
            ? (192.168.10.2) at (incomplete) on en0 ifscope [ethernet]\n";
        let seen: Vec<_> = seen(text).into_iter().map(|(address, mac)| format!("{address} {mac}")).collect();
        assert_eq!(seen, ["192.168.10.1 0:11:32:a:b:c", "192.168.10.20 00:11:32:aa:bb:cc"]);
    }
}
