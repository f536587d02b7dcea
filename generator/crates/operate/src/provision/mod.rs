//! What brings the container or virtual machine of a node to its definition: it is created, changed, or created again.
//! Below, a guest is one of either kind.
//!
//! Each run decides from what it sees, and nothing is noted elsewhere. While a container is created again, files on its
//! host show how far that went: `NODE.saved` belongs to a container that may still exist, `NODE.kept` to one that is gone.

mod host;
mod image;
mod key;
mod members;
mod steps;
#[cfg(test)]
mod tests;

pub use host::{Host, check_prepared, is_prepared};
pub use image::{Image, store_hash};
pub use key::HostKey;
pub use members::Members;
pub use steps::{prepare, title_of_host};

use crate::container::{Applied, Definition, Difference, Live, differences};
use crate::{Command, GuestKind, Machine, Step};
use host::Found;
use std::collections::BTreeSet;
use steps::Steps;

/// A node that is provisioned.
#[derive(Debug)]
pub struct Node {
    /// The node.
    pub machine: Machine,
    /// Its host.
    pub host: Machine,
    /// Its cluster.
    pub cluster: String,
    /// The servers of its cluster.
    pub servers: Vec<Machine>,
    /// Whether it is one of them.
    pub is_server: bool,
    /// Whether it is the one of several servers that starts the cluster.
    pub is_first: bool,
    /// Whether its cluster has other nodes.
    pub has_peers: bool,
    /// Whether its cluster backs up its servers.
    pub has_backup: bool,
    /// Its definition.
    pub definition: Definition,
    /// The path of the definition, from the root of the repository.
    pub path: String,
}

impl Node {
    fn name(&self) -> &str {
        &self.machine.name
    }

    fn vmid(&self) -> u32 {
        self.definition.vmid
    }

    fn kind(&self) -> GuestKind {
        self.definition.kind
    }

    /// Whether it is the only server of its cluster.
    fn is_alone(&self) -> bool {
        self.is_server && self.servers.len() == 1
    }

    /// Whether a host has what was saved of its container, which may still exist.
    fn has_saved(&self, host: &Host) -> bool {
        self.kind().can_be_recreated() && host.has_file(&self.saved())
    }

    /// Whether a host has what was saved of its container, which is gone.
    fn has_kept(&self, host: &Host) -> bool {
        self.kind().can_be_recreated() && host.has_file(&self.kept())
    }

    fn saved(&self) -> String {
        format!("{}.saved", self.name())
    }

    fn kept(&self) -> String {
        format!("{}.kept", self.name())
    }
}

/// What is known of a node.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Its host.
    pub host: &'a Host,
    /// The image for a new guest, if it needs one.
    pub image: Option<&'a Image>,
    /// Whether the host has the image.
    pub has_image: bool,
    /// The members of its cluster, and the server that answered.
    pub members: Option<(&'a Members, &'a Machine)>,
    /// What this machine knows of its host key.
    pub key: HostKey,
    /// Whether it answers to SSH.
    pub answers: bool,
}

/// What the user allows.
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Nodes may restart.
    pub restart: bool,
    /// Nodes are not drained before they stop.
    pub no_drain: bool,
    /// Nodes whose guest may be destroyed and created again.
    pub recreate: BTreeSet<String>,
    /// Guests are created again even if nothing needs it.
    pub anew: bool,
    /// Nodes whose local volumes may be lost.
    pub lose_volumes: BTreeSet<String>,
    /// Only servers that may be created again without a backup.
    pub without_backup: BTreeSet<String>,
}

/// What is done with a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it is as its definition says.
    Nothing,
    /// Its guest is created.
    Create,
    /// Its guest is changed.
    Change,
    /// Its guest is destroyed and created again.
    Recreate,
}

/// What is due for a node.
#[derive(Debug)]
pub struct Due {
    /// What is done.
    pub action: Action,
    /// The steps.
    pub steps: Vec<Step>,
    /// How its guest differs from its definition.
    pub differences: Vec<Difference>,
    /// Why nothing can be done.
    pub refusals: Vec<String>,
    /// What is not done because it is not allowed, with the option that allows it.
    pub withheld: Vec<String>,
    /// Whether a restart is among them.
    pub restart_is_due: bool,
    /// Whether its guest begins without the secrets that the node needs.
    pub is_empty: bool,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

impl Due {
    /// Nothing yet.
    pub fn new(action: Action) -> Self {
        let (steps, differences) = (Vec::new(), Vec::new());
        let (refusals, withheld, notes) = (Vec::new(), Vec::new(), Vec::new());
        Self { action, steps, differences, refusals, withheld, restart_is_due: false, is_empty: false, notes }
    }

    fn refused(reason: String) -> Self {
        Self { refusals: vec![reason], ..Self::new(Action::Nothing) }
    }
}

/// Whether a node needs an image: its guest does not exist, or is created again.
pub fn needs_image(node: &Node, host: &Host, allowed: &Allowed) -> bool {
    match host.find(&node.definition) {
        Found::Nothing => true,
        Found::Half => allowed.recreate.contains(node.name()),
        Found::Ours(live) => is_recreated(node, host, live, allowed),
        Found::Other(_) => false,
    }
}

/// Whether the guest of a node runs.
pub fn is_running(node: &Node, host: &Host) -> bool {
    host.guest(&node.definition).is_some_and(|live| live.is_running)
}

/// The command that shows whether a host has an image; `None` if nothing is copied.
pub fn find_image(node: &Node, host: &Host, image: &Image) -> Option<Command> {
    image.find(node, &host.image_storage(node.kind()).ok()?)
}

/// The command that logs in to a node, and lists the secrets on its disk.
pub fn log_in(node: &Machine, folder: &str) -> Command {
    let text = format!("cd {folder} 2>/dev/null && find . -type f -size +0 || true");
    Command::shell(node, &text).connecting_within(10)
}

/// The paths of secrets that `log_in` printed.
pub fn secrets_on_disk(output: &str, folder: &str) -> BTreeSet<String> {
    output.lines().filter_map(|line| Some(format!("{folder}/{}", line.trim().strip_prefix("./")?))).collect()
}

/// What this machine knows of the host key of a node. `output` is that of [`HostKey::find`].
pub fn known_key(node: &Node, host: &Host, output: &str) -> HostKey {
    HostKey::of(output, host.key(node.vmid()))
}

/// Whether a guest is destroyed and created again.
fn is_recreated(node: &Node, host: &Host, live: &Live, allowed: &Allowed) -> bool {
    node.kind().can_be_recreated() && is_recreation_due(node, host, live, allowed)
}

/// Whether a guest is to be destroyed and created again, and that is allowed.
fn is_recreation_due(node: &Node, host: &Host, live: &Live, allowed: &Allowed) -> bool {
    let needs_it = allowed.anew
        || differences(&node.definition, live).iter().any(|difference| difference.applied == Applied::OnlyNew);
    // The file shows that this container is the new one.
    allowed.recreate.contains(node.name()) && needs_it && !node.has_kept(host)
}

/// Returns what is due for a node.
pub fn due(node: &Node, seen: &Seen<'_>, allowed: &Allowed) -> Due {
    let host = seen.host;
    let (name, vmid, on) = (node.name(), node.vmid(), &node.host.name);
    let (program, abbreviation) = (node.kind().program(), node.kind().abbreviation());
    if let [task, ..] = host.tasks(vmid) {
        return Due::refused(format!("Proxmox VE is busy with {vmid} (task `{task}`): wait until it is done"));
    }
    match host.find(&node.definition) {
        Found::Other(reason) => Due::refused(reason),
        Found::Nothing => create(node, seen, Steps::new(node)),
        Found::Half if allowed.recreate.contains(name) => {
            let mut steps = Steps::new(node);
            steps.destroy_half();
            Due { action: Action::Recreate, ..create(node, seen, steps) }
        }
        Found::Half => Due {
            withheld: vec![format!(
                "the creation of {vmid} on {on} was interrupted, and nothing of it can be used: `--recreate {name}` deletes \
                 what is left, and creates it again"
            )],
            ..Due::new(Action::Nothing)
        },
        Found::Ours(live) => match live.lock.as_deref() {
            Some("mounted") => Due::refused(format!(
                "the disk of {vmid} is mounted on {on}: run `pct unmount {vmid}` there if no program uses it"
            )),
            Some(lock) => Due::refused(format!(
                "{abbreviation} is locked ({lock}): an operation of Proxmox VE runs or was interrupted; if none runs, \
                 `{program} unlock {vmid}` on {on} removes the lock"
            )),
            None if is_recreated(node, host, live, allowed) => recreate(node, seen, live, allowed),
            None if is_recreation_due(node, host, live, allowed) => Due::refused(format!(
                "`--recreate` is for containers. To create the virtual machine again, {}",
                recreate_by_hand(node)
            )),
            None => change(node, seen, live, allowed),
        },
    }
}

/// How a virtual machine is created again.
fn recreate_by_hand(node: &Node) -> String {
    let (name, vmid, on) = (node.name(), node.vmid(), &node.host.name);
    format!(
        "back up what is on its disk, drain it, run `qm shutdown {vmid} && qm destroy {vmid}` on {on}, and then `homelab \
         provision {name}` (docs/nodes.md)"
    )
}

/// Creates a guest that does not exist. `steps` are those before that.
fn create(node: &Node, seen: &Seen<'_>, mut steps: Steps<'_>) -> Due {
    let mut due = Due::new(Action::Create);
    let host = seen.host;
    match node.definition.disk().map(|disk| host.check_space(node.kind(), &disk)) {
        None => due.refusals.push(format!("{}: expected {} to be STORAGE:SIZE", node.path, node.kind().root_disk())),
        Some(Err(reason)) => due.refusals.push(reason),
        Some(Ok(note)) => due.notes.extend(note),
    }
    let has_saved = node.has_saved(host);
    let has_kept = node.has_kept(host) || has_saved;
    let member = seen.members.and_then(|(members, api)| Some((members.get(node.name())?, api)));
    let leaves = member.filter(|_| !has_kept || node.is_server);
    if let Some((member, _)) = leaves.filter(|(member, _)| member.is_ready && !has_kept) {
        due.refusals.push(format!(
            "{} has no {kind} on {}, but its cluster reports it as ready: stop it where it runs. If you destroyed its {kind} \
             just now, wait a minute",
            member.name,
            node.host.name,
            kind = node.kind().text()
        ));
    }
    match (host.image_storage(node.kind()), seen.image) {
        (Ok(storage), Some(image)) => {
            if has_saved {
                steps.keep();
            }
            if let Some((_, api)) = leaves {
                steps.leave(api);
            }
            if !seen.has_image {
                steps.copy_image(image, &storage);
            }
            steps.create(&image.volume(node, &storage));
        }
        (Err(reason), _) => due.refusals.push(reason),
        (_, None) => due.refusals.push("there is no image".to_owned()),
    }
    if has_kept {
        steps.restore();
    }
    steps.start(!has_kept || seen.key == HostKey::Unknown, seen.key);
    if let Some((member, api)) = member.filter(|(member, _)| member.is_marked && has_kept) {
        steps.back_in_service(api, member.is_marked);
    }
    due.is_empty = !has_kept;
    due.steps = steps.done();
    due
}

/// Changes a guest that exists.
fn change(node: &Node, seen: &Seen<'_>, live: &Live, allowed: &Allowed) -> Due {
    let (name, host) = (node.name(), seen.host);
    let mut due = Due::new(Action::Change);
    due.differences = differences(&node.definition, live);
    let only_new: Vec<_> = due
        .differences
        .iter()
        .filter(|difference| difference.applied == Applied::OnlyNew)
        .map(ToString::to_string)
        .collect();
    if !only_new.is_empty() {
        let list = only_new.join(", ");
        let remedy =
            if node.kind().can_be_recreated() { format!("add `--recreate {name}`") } else { recreate_by_hand(node) };
        due.withheld.push(format!("changes that need a new {} ({list}): {remedy}", node.kind().text()));
    }
    if node.has_kept(host) && live.is_running {
        let vmid = node.vmid();
        return Due::refused(format!(
            "{}/{} on {} was not put into the container yet, but {vmid} runs: run `pct shutdown {vmid}` there",
            host::FOLDER,
            node.kept(),
            node.host.name
        ));
    }
    let member = seen.members.and_then(|(members, api)| Some((members.get(name)?, api)));
    let at_start: Vec<_> = due
        .differences
        .iter()
        .filter(|difference| difference.applied == Applied::AtStart)
        .map(ToString::to_string)
        .collect();
    let is_due = live.is_running && !at_start.is_empty();
    let can_drain = seen.members.is_some() || !node.has_peers || allowed.no_drain;
    let restarts = is_due && allowed.restart && can_drain;
    due.restart_is_due = is_due && !allowed.restart;
    if is_due && !restarts {
        let list = at_start.join(", ");
        let remedy = if allowed.restart {
            format!("no server of {} answers, so it cannot be drained: add `--no-drain`", node.cluster)
        } else {
            "add `--restart`".to_owned()
        };
        due.withheld.push(format!("changes that need a restart ({list}): {remedy}"));
    }
    let mut steps = Steps::new(node);
    steps.set(&due.differences);
    let has_raw = due.differences.iter().any(Difference::is_raw);
    let was_cordoned = member.is_some_and(|(member, _)| member.is_cordoned && !member.is_marked);
    let drains = member.filter(|_| node.has_peers && !allowed.no_drain);
    if restarts {
        if let Some((_, api)) = drains {
            steps.drain(api, was_cordoned);
        }
        steps.shut_down();
    }
    if has_raw && (restarts || !live.is_running) {
        steps.set_raw();
    }
    let starts = restarts || !live.is_running;
    if node.has_kept(host) {
        steps.restore();
    } else if node.has_saved(host) {
        steps.forget_saved();
    }
    if starts {
        let keeps_key = restarts || node.has_kept(host);
        steps.start(!keeps_key || seen.key != HostKey::Known, seen.key);
    } else if seen.key != HostKey::Known {
        steps.trust(seen.key);
        steps.wait_for_login();
    } else if !seen.answers {
        steps.wait_for_login();
    }
    let is_ours = member.is_some_and(|(member, _)| member.is_marked) || restarts && drains.is_some() && !was_cordoned;
    if let Some((_, api)) = member.filter(|_| is_ours || restarts) {
        steps.back_in_service(api, is_ours);
    }
    if (restarts || !is_due) && due.differences.iter().any(|difference| difference.applied != Applied::OnlyNew) {
        steps.check_pending();
    }
    due.steps = steps.done();
    if due.steps.is_empty() {
        due.action = Action::Nothing;
    }
    due
}

/// Destroys a container and creates it again.
fn recreate(node: &Node, seen: &Seen<'_>, live: &Live, allowed: &Allowed) -> Due {
    let (name, host) = (node.name(), seen.host);
    let mut due = Due::new(Action::Recreate);
    due.differences = differences(&node.definition, live);
    check_safety(node, seen, live, allowed, &mut due);
    match node.definition.disk().map(|disk| host.check_space(node.kind(), &disk)) {
        None => due.refusals.push(format!("{}: expected {} to be STORAGE:SIZE", node.path, node.kind().root_disk())),
        Some(Err(reason)) => due.refusals.push(reason),
        Some(Ok(note)) => due.notes.extend(note),
    }
    let mut steps = Steps::new(node);
    let (storage, image) = match (host.image_storage(node.kind()), seen.image) {
        (Ok(storage), Some(image)) => (storage, image),
        (Err(reason), _) => {
            due.refusals.push(reason);
            return due;
        }
        (_, None) => return due,
    };
    if !seen.has_image {
        steps.copy_image(image, &storage);
    }
    let member = seen.members.and_then(|(members, api)| Some((members.get(name)?, api)));
    let was_cordoned = member.is_some_and(|(member, _)| member.is_cordoned && !member.is_marked);
    if node.is_alone() && node.has_backup && live.is_running && seen.answers {
        steps.back_up();
    }
    if let Some((_, api)) = member.filter(|_| node.has_peers && !allowed.no_drain) {
        steps.drain(api, was_cordoned);
    }
    if live.is_running {
        steps.shut_down();
    }
    steps.save();
    // A member of etcd does not come back: the new container joins as another one.
    if let Some((_, api)) = member.filter(|_| node.is_server && !node.is_alone()) {
        steps.leave(api);
    }
    steps.destroy();
    steps.create(&image.volume(node, &storage));
    steps.restore();
    steps.start(seen.key != HostKey::Known, seen.key);
    if let Some((_, api)) = member {
        let leaves = node.is_server && !node.is_alone();
        steps.back_in_service(api, !leaves && node.has_peers && !allowed.no_drain && !was_cordoned);
    }
    // Nothing is destroyed until all of it is allowed.
    if due.withheld.is_empty() {
        due.steps = steps.done();
    } else {
        due.action = Action::Nothing;
    }
    due
}

/// Finds what would be lost if a node is created again.
fn check_safety(node: &Node, seen: &Seen<'_>, live: &Live, allowed: &Allowed, due: &mut Due) {
    let name = node.name();
    if live.options.get("protection").is_some_and(|value| value == "1") {
        let vmid = node.vmid();
        due.refusals
            .push(format!("{vmid} is protected: run `pct set {vmid} --protection 0` on {} first", node.host.name));
    }
    if node.is_first {
        due.refusals.push(format!(
            "{name} is the server that starts {}: a new one would begin another cluster. Set `first-server` to another server, \
             generate, and update all servers first (docs/nodes.md)",
            node.cluster
        ));
    } else if node.is_server && !node.is_alone() {
        match seen.members.map(|(members, _)| members.other_servers(name)) {
            Some((all, ready)) if all == ready && all > 0 => {}
            Some((all, ready)) => due.refusals.push(format!(
                "{ready} of the {all} other servers of {} are ready: without all of them, etcd loses its majority",
                node.cluster
            )),
            None => due.refusals.push(format!("no other server of {} answers", node.cluster)),
        }
    }
    if node.is_alone() && !allowed.without_backup.contains(name) {
        let backed_up = node.has_backup && live.is_running && seen.answers;
        if !backed_up {
            let reason = if node.has_backup {
                "it does not answer, so no backup can be made now"
            } else {
                "`k3s.backup` of its cluster is not set"
            };
            due.withheld.push(format!(
                "{name} is the only server of {}, and {reason}: its datastore moves to the new container without a copy \
                 elsewhere. `--without-backup {name}` accepts that",
                node.cluster
            ));
        }
    }
    if allowed.lose_volumes.contains(name) {
        return;
    }
    match seen.members.map(|(members, _)| members.claims_on(name)) {
        Some(claims) if claims.is_empty() => {}
        Some(claims) => due.withheld.push(format!(
            "the disk of {name} has the volumes of {}: back them up (docs/data.md), then `--lose-volumes {name}`",
            claims.join(", ")
        )),
        None => due.withheld.push(format!(
            "no server of {} answers, so the volumes on the disk of {name} are unknown: `--lose-volumes {name}` loses them",
            node.cluster
        )),
    }
}
