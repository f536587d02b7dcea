//! Reading the state of hosts, nodes and clusters.

use super::super::super::Stop;
use super::super::{Runner, guest_kind};
use super::args::ProvisionArguments;
use super::machine;
use model::Lab;
use model::contract::SECRETS_ON_DISK;
use operate::provision::{self, Allowed, Due, Host, HostKey, Image, Members, Node, Seen};
use operate::{GuestKind, Machine, Step};
use sha1_smol::Sha1;
use spec::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

/// A host, as far as it could be read.
struct HostReading {
    machine: Machine,
    host: Result<Host, String>,
    /// Whether it is prepared for k3s; or why that cannot be.
    is_prepared: Result<bool, String>,
}

/// A node, as far as it could be read.
#[derive(Default)]
struct NodeReading {
    image: Option<Image>,
    has_image: bool,
    key: Option<HostKey>,
    /// The secrets on its disk, if it answers.
    secrets: Option<BTreeSet<String>>,
}

/// What is known of the machines.
pub(super) struct Readings {
    hosts: Vec<HostReading>,
    nodes: BTreeMap<String, NodeReading>,
    /// The members of clusters, by server that answered.
    clusters: BTreeMap<String, Vec<(Machine, Members)>>,
}

impl Readings {
    /// Asks the machines.
    pub(super) fn of(
        lab: &Lab,
        nodes: &[Node],
        arguments: &ProvisionArguments,
        allowed: &Allowed,
        runner: &Runner,
    ) -> Result<Self, Stop> {
        let mut readings = Self { hosts: Vec::new(), nodes: BTreeMap::new(), clusters: BTreeMap::new() };
        for node in nodes {
            if readings.hosts.iter().all(|reading| reading.machine != node.host) {
                runner.message(&format!("reading {} ...\n", node.host.name));
                readings.hosts.push(read_host(lab, &node.host, runner)?);
            }
        }
        // What is wrong with hosts is reported before Nix evaluates anything.
        if readings.hosts.iter().any(|reading| reading.host.is_err()) {
            return Ok(readings);
        }
        for node in nodes {
            let Some(host) = readings.host(node) else { continue };
            let reading = read_node(node, host, arguments, allowed, runner)?;
            readings.nodes.insert(node.machine.name.clone(), reading);
        }
        for cluster in &lab.clusters {
            let name = cluster.name.as_str();
            let is_asked = |node: &&Node| node.cluster == name;
            if nodes.iter().any(|node| is_asked(&node)) {
                let servers: Vec<_> =
                    cluster.nodes.iter().filter(|node| node.role == Role::Server).map(machine).collect();
                // A server that is not running yet does not answer.
                let is_off = |server: &Machine| {
                    let node = nodes.iter().find(|node| node.machine == *server);
                    node.is_some_and(|node| readings.host(node).is_some_and(|host| !provision::is_running(node, host)))
                };
                let servers: Vec<_> = servers.into_iter().filter(|server| !is_off(server)).collect();
                readings.clusters.insert(name.to_owned(), ask_servers(&servers, runner)?);
            }
        }
        Ok(readings)
    }

    fn host(&self, node: &Node) -> Option<&Host> {
        self.hosts.iter().find(|reading| reading.machine == node.host)?.host.as_ref().ok()
    }

    /// The members of a node's cluster, with a server that answered: if possible, another one than the node.
    fn members(&self, node: &Node) -> Option<(&Members, &Machine)> {
        let answered = self.clusters.get(&node.cluster)?;
        let other = answered.iter().find(|(server, _)| *server != node.machine);
        other.or_else(|| answered.first()).map(|(server, members)| (members, server))
    }

    /// What is due for each node. Nothing, if hosts could not be read.
    pub(super) fn due(&self, nodes: &[Node], allowed: &Allowed) -> Vec<Due> {
        let due = |node: &Node| {
            let (host, reading) = (self.host(node)?, self.nodes.get(&node.machine.name)?);
            let seen = Seen {
                host,
                image: reading.image.as_ref(),
                has_image: reading.has_image,
                members: self.members(node),
                key: reading.key.unwrap_or(HostKey::Unknown),
                answers: reading.secrets.is_some(),
            };
            Some(provision::due(node, &seen, allowed))
        };
        nodes.iter().filter_map(due).collect()
    }

    /// Why nothing can be done: everything that is wrong with hosts and nodes.
    pub(super) fn refusals(&self, nodes: &[Node], due: &[Due]) -> Vec<String> {
        let of_host = |reading: &HostReading| {
            let name = &reading.machine.name;
            let failures = [reading.host.as_ref().err(), reading.is_prepared.as_ref().err()];
            let failures: BTreeSet<_> = failures.into_iter().flatten().collect();
            failures.into_iter().map(|reason| format!("{name}: {reason}")).collect::<Vec<_>>()
        };
        let of_node = |(node, due): (&Node, &Due)| {
            due.refusals.iter().map(|reason| format!("{}: {reason}", node.machine.name)).collect::<Vec<_>>()
        };
        self.hosts.iter().flat_map(of_host).chain(nodes.iter().zip(due).flat_map(of_node)).collect()
    }

    /// The steps that prepare hosts.
    pub(super) fn preparation(&self) -> Vec<(Machine, Step)> {
        let unprepared = self.hosts.iter().filter(|reading| reading.is_prepared == Ok(false));
        unprepared.map(|reading| (reading.machine.clone(), provision::prepare(&reading.machine))).collect()
    }

    /// What else is worth knowing: notes, and secrets that are missing on nodes that answer.
    pub(super) fn notes(&self, lab: &Lab, nodes: &[Node], due: &[Due]) -> Vec<String> {
        let mut notes: Vec<String> = due.iter().flat_map(|due| due.notes.iter().cloned()).collect();
        for cluster in &lab.clusters {
            let is_new = |(node, due): &(&Node, &Due)| node.cluster == cluster.name.as_str() && due.is_empty;
            let new: Vec<_> = nodes.iter().zip(due).filter(is_new).map(|(node, _)| node).collect();
            if !new.is_empty() {
                let names: Vec<_> = new.iter().map(|node| node.machine.name.as_str()).collect();
                let restore = if new.iter().any(|node| node.is_server) {
                    "; if the cluster had data before, restore it first (docs/recovery.md)"
                } else {
                    ""
                };
                notes.push(format!(
                    "k3s on {} waits for the secrets on its disk: run `homelab bootstrap {}`{restore}",
                    names.join(", "),
                    cluster.name
                ));
            }
        }
        for node in nodes {
            let Some(secrets) = self.nodes.get(&node.machine.name).and_then(|reading| reading.secrets.as_ref()) else {
                continue;
            };
            let cluster = lab.clusters.iter().find(|cluster| cluster.name.as_str() == node.cluster);
            let found = cluster.and_then(|cluster| {
                let node = cluster.nodes.iter().find(|other| other.name.as_str() == node.machine.name)?;
                Some(cluster.files_on(node))
            });
            let needed: BTreeSet<_> = found.into_iter().flatten().map(|(file, _)| file.path.to_string()).collect();
            let folder = format!("{SECRETS_ON_DISK}/");
            let missing = needed.difference(secrets).map(|path| path.strip_prefix(&folder).unwrap_or(path));
            let missing: Vec<_> = missing.collect();
            if !missing.is_empty() {
                notes.push(format!(
                    "{SECRETS_ON_DISK} of {} lacks {}: run `homelab bootstrap {}`",
                    node.machine.name,
                    missing.join(", "),
                    node.cluster
                ));
            }
        }
        notes
    }
}

fn read_host(lab: &Lab, host: &Machine, runner: &Runner) -> Result<HostReading, Stop> {
    let nodes = lab.clusters.iter().flat_map(|cluster| &cluster.nodes);
    let nodes: Vec<_> = nodes.filter(|node| node.host.as_str() == host.name).collect();
    let vmids: Vec<_> = nodes.iter().map(|node| node.vmid).collect();
    let inspect = Host::inspect(host, &vmids);
    let answer = runner.ask(&inspect)?;
    if !answer.is_success() {
        let reason = answer.reason(&inspect);
        return Ok(HostReading { machine: host.clone(), host: Err(reason.clone()), is_prepared: Err(reason) });
    }
    let read =
        Host::parse(&answer.out).map_err(|error| format!("inspect-containers printed something unexpected: {error}"));
    // The kernel of a host is that of its containers.
    if nodes.iter().all(|node| guest_kind(node) == GuestKind::Vm) {
        return Ok(HostReading { machine: host.clone(), host: read, is_prepared: Ok(true) });
    }
    let check = provision::check_prepared(host);
    let answer = runner.ask(&check)?;
    let is_prepared = if answer.is_success() {
        Ok(provision::is_prepared(&answer.out))
    } else {
        Err(format!("it cannot be prepared: {}", answer.reason(&check)))
    };
    Ok(HostReading { machine: host.clone(), host: read, is_prepared })
}

fn read_node(
    node: &Node,
    host: &Host,
    arguments: &ProvisionArguments,
    allowed: &Allowed,
    runner: &Runner,
) -> Result<NodeReading, Stop> {
    let mut reading = NodeReading::default();
    let known = runner.ask(&HostKey::find(&node.machine))?.out;
    let key = provision::known_key(node, host, &known);
    reading.key = Some(key);
    // Without a known key, SSH would ask a question.
    if provision::is_running(node, host) && key == HostKey::Known {
        let answer = runner.ask(&provision::log_in(&node.machine, SECRETS_ON_DISK))?;
        reading.secrets = answer.is_success().then(|| provision::secrets_on_disk(&answer.out, SECRETS_ON_DISK));
    }
    if !provision::needs_image(node, host, allowed) {
        return Ok(reading);
    }
    let image = match (&arguments.image, &arguments.template) {
        (Some(file), _) => image_of(file)?,
        (None, Some(_)) if node.definition.kind == GuestKind::Vm => {
            return Err(Stop::Usage("--template is for containers; a virtual machine needs --image FILE".to_owned()));
        }
        (None, Some(volume)) if volume.contains(":vztmpl/") => Image::Template(volume.clone()),
        (None, Some(volume)) => {
            return Err(Stop::Usage(format!("expected --template to be STORAGE:vztmpl/NAME, found {volume}")));
        }
        (None, None) => {
            runner.message(&format!("evaluating the image of {} ...\n", node.machine.name));
            let path = runner.read(&Image::evaluate(node))?;
            Image::of_store(&path).map_err(Stop::Program)?
        }
    };
    if let Some(find) = provision::find_image(node, host, &image) {
        reading.has_image = runner.ask(&find)?.is_success();
    }
    reading.image = Some(image);
    Ok(reading)
}

/// An image in a file. Its name on the host comes from its content.
fn image_of(file: &Path) -> Result<Image, Stop> {
    let failed = |reason: String| Stop::Usage(format!("--image {}: {reason}", file.display()));
    let path = std::fs::canonicalize(file).map_err(|error| failed(error.to_string()))?;
    let path = path.to_str().ok_or_else(|| failed("its path is not UTF-8".to_owned()))?.to_owned();
    let hash = match provision::store_hash(&path) {
        Some(hash) => hash.to_owned(),
        None => digest(&path).map_err(|error| failed(error.to_string()))?,
    };
    Ok(Image::File { path, hash, is_built: false })
}

fn digest(path: &str) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha1::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.digest().to_string()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Asks servers until two of them answered.
fn ask_servers(servers: &[Machine], runner: &Runner) -> Result<Vec<(Machine, Members)>, Stop> {
    let mut answered = Vec::new();
    for server in servers {
        let answer = runner.ask(&Members::ask(server))?;
        if let Some(members) =
            Some(answer).filter(super::super::Answer::is_success).and_then(|answer| Members::parse(&answer.out).ok())
        {
            answered.push((server.clone(), members));
        }
        if answered.len() == 2 {
            break;
        }
    }
    Ok(answered)
}
