//! The datastore of a cluster.

use super::node::{between, machine};
use super::{ClusterState, NodeState, Plan, Snapshot, forget_password, kubectl, provision, wait_for_node, within};
use crate::{Command, Effect, Input, Machine, SecretString, Step, time};
use model::contract::{AGENT_TOKEN, SECRETS_ON_DISK, SERVER_TOKEN};
use model::{Cluster, Join, Node};
use spec::Role;

/// The age from which a snapshot may be one that somebody forgot to look at: two backups are missing.
const OLD: time::Seconds = 2 * 86_400 + 3600;

/// A server that gets the datastore of a snapshot.
#[derive(Debug)]
pub struct LostServer<'a> {
    /// Its cluster.
    pub cluster: &'a Cluster,
    /// The server.
    pub node: &'a Node,
    /// Its state, if it answers.
    pub state: Option<NodeState>,
    /// The snapshots in the repository; `None` if they could not be read.
    pub snapshots: Option<Vec<Snapshot>>,
    /// The snapshot to restore, if the user chose one: otherwise the last one of the server.
    pub snapshot: Option<&'a str>,
    /// Whether the datastore that the server has may be replaced.
    pub replaces: bool,
    /// The other nodes of the cluster, with their state if they answer.
    pub others: Vec<Other<'a>>,
    /// What the cluster says, if the server serves its API.
    pub seen: Option<ClusterState>,
    /// The secrets that the backup needs, as far as they are known.
    pub secrets: Vec<Secret>,
}

/// Another node of the cluster.
#[derive(Debug)]
pub struct Other<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its state, if it answers.
    pub state: Option<NodeState>,
}

/// A secret that the backup of a server needs.
#[derive(Debug)]
pub struct Secret {
    /// Its path from the folder of secrets.
    pub file: String,
    /// What it is.
    pub what: String,
    /// The value.
    pub value: SecretString,
}

/// What is left to do for a server.
pub fn plan_server(lost: &LostServer<'_>) -> Plan {
    let mut plan = Plan::default();
    if is_healthy(lost) {
        plan.push(afterwards(lost));
        return plan;
    }
    check(lost, &mut plan);
    if !plan.problems.is_empty() {
        return plan;
    }
    let (name, node) = (lost.node.name.as_str(), machine(lost.node));
    let state = lost.state.as_ref();
    let is_running = state.is_some_and(|state| state.has_api);

    let mut prepare = Vec::new();
    if state.is_none() {
        prepare.push(provision(name));
    }
    let is_restored = is_restored(lost);
    if !is_restored {
        for other in running_servers(lost) {
            let stop = Command::on(&machine(other), ["systemctl", "stop", "k3s"]);
            let title = format!("stop k3s on {}, which has the newer state", other.name);
            prepare.push(Step::new(title, stop).with_effect(Effect::Interrupts));
        }
        // Nothing else starts the server with an empty datastore, whatever secrets it gets.
        if state.is_none_or(|state| !state.awaits || !matches!(state.k3s.as_str(), "inactive" | "failed")) {
            // Without `--replace`, it refuses to stop a server with a datastore, should this one only seem to be lost.
            let replace = lost.replaces.then_some("--replace");
            let words = ["homelab-restore-server"].into_iter().chain(replace).chain(["--hold"]);
            let hold = Command::on(&node, words);
            let title = format!("stop k3s on {name} until it is restored");
            let effect = if is_running { Effect::Interrupts } else { Effect::Changes };
            prepare.push(Step::new(title, hold).with_effect(effect));
        }
        for file in missing(lost) {
            let path = format!("{SECRETS_ON_DISK}/{file}");
            let known = lost.secrets.iter().find(|secret| secret.file == file);
            let what = known.map_or_else(|| file.clone(), |secret| secret.what.clone());
            let value = known.map_or_else(|| SecretString::from(""), |secret| secret.value.clone());
            let title = format!("put {what} on {name}");
            let command = Command::shell(&node, &format!("umask 077; cat > {path}"));
            prepare.push(Step::new(title, command.reading(Input::Secret { what, value })));
        }
    }
    plan.push(prepare);

    let mut restore = Vec::new();
    if !is_restored {
        let chosen = lost.snapshot.unwrap_or("latest");
        note_losses(lost, &mut plan);
        let replaces = lost.replaces && state.is_some_and(|state| state.has_datastore);
        let words = ["homelab-restore-server"].into_iter().chain(replaces.then_some("--replace")).chain([chosen]);
        let title = format!("restore the snapshot `{chosen}` on {name}");
        let effect = if replaces { Effect::Interrupts } else { Effect::Changes };
        restore.push(Step::new(title, Command::on(&node, words)).with_effect(effect).long());
    }
    if state.is_none_or(|state| !is_restored || state.k3s != "active") {
        restore
            .push(Step::new(format!("start k3s on {name}"), Command::on(&node, ["systemctl", "start", "k3s"])).long());
    }
    let ready = kubectl(&node, ["get", "--raw", "/readyz"]);
    let wait = Step::new(format!("wait until {name} serves the API of {}", lost.cluster.name), ready);
    restore.push(wait.until(within(10)));
    plan.push(restore);
    plan.checked()
}

/// Reports why the server cannot be restored.
fn check(lost: &LostServer<'_>, plan: &mut Plan) {
    let (name, cluster) = (lost.node.name.as_str(), lost.cluster.name.as_str());
    if lost.node.role == Role::Agent {
        plan.problems.push(format!("{name} is an agent, which has no datastore: run `homelab restore node {name}`"));
        return;
    }
    if lost.cluster.backup.is_none() {
        plan.problems.push(format!(
            "{cluster} has no `k3s.backup`, so there is no snapshot. Set the cluster up again, as docs/bootstrap.md describes: \
             Git has all objects"
        ));
    }
    if let Join::Ask(first) = lost.node.join {
        plan.problems.push(format!(
            "{name} joins the server at {first}. Restore that one, or set `first-server` of {cluster} to {name} and run \
             `homelab generate`"
        ));
    }
    if !lost.replaces
        && let [running, ..] = running_servers(lost)[..]
    {
        plan.problems.push(format!(
            "{} serves the API of {cluster} and has its data: nothing must be restored. `homelab restore node {name}` lets \
             {name} join it; `--replace {name}` goes back to a snapshot",
            running.name
        ));
    }
    if let Some(state) = &lost.state {
        let is_stuck = state.has_datastore && !state.has_api && state.interrupted.is_none() && !state.awaits;
        if is_stuck && !lost.replaces && !is_restored(lost) {
            plan.problems.push(format!(
                "{name} has the datastore of a cluster, and k3s is {}. `journalctl -u k3s` on {name} shows why it does not \
                 serve the API. To replace its datastore by a snapshot, add `--replace {name} --snapshot ID`",
                state.k3s
            ));
        }
    }
    if let Some(snapshots) = lost.snapshots.as_ref().filter(|_| !is_restored(lost)) {
        let own = || snapshots.iter().filter(|snapshot| snapshot.node == name);
        match lost.snapshot {
            None | Some("latest") if own().next().is_none() => plan.problems.push(format!(
                "the repository has no snapshot of {name}.{}",
                listed(snapshots.iter())
                    .map_or(String::new(), |all| format!(" Choose another one with `--snapshot`: {all}"))
            )),
            Some(id) if id != "latest" && !snapshots.iter().any(|snapshot| id.starts_with(&snapshot.id)) => {
                let all = listed(snapshots.iter()).unwrap_or_else(|| "none".to_owned());
                plan.problems.push(format!("there is no snapshot {id}; snapshots: {all}"));
            }
            _ => {}
        }
    }
}

/// The newest snapshots, for a message.
fn listed<'a>(snapshots: impl DoubleEndedIterator<Item = &'a Snapshot>) -> Option<String> {
    let newest: Vec<_> = snapshots.rev().take(5).map(|one| format!("{} of {}", one.id, one.node)).collect();
    (!newest.is_empty()).then(|| newest.join(", "))
}

/// Notes what is lost by going back to the snapshot.
fn note_losses(lost: &LostServer<'_>, plan: &mut Plan) {
    let name = lost.node.name.as_str();
    let Some(snapshot) = chosen(lost) else {
        if lost.snapshots.is_none() {
            plan.notes.push(format!(
                "the age of the last snapshot of {name} is known once {name} can read the repository; before anything is \
                 restored, it is shown"
            ));
        }
        return;
    };
    let now = lost.state.as_ref().map_or(snapshot.at, |state| state.now);
    plan.notes.push(format!(
        "lost: what changed in {} during the {} since the snapshot {} and is not in Git",
        lost.cluster.name,
        time::age(now - snapshot.at),
        snapshot.id
    ));
}

/// The snapshot that is restored, if it is known.
fn chosen<'a>(lost: &'a LostServer<'_>) -> Option<&'a Snapshot> {
    let snapshots = lost.snapshots.as_ref()?;
    match lost.snapshot {
        None | Some("latest") => snapshots.iter().rfind(|snapshot| snapshot.node == lost.node.name.as_str()),
        Some(id) => snapshots.iter().find(|snapshot| id.starts_with(&snapshot.id)),
    }
}

impl LostServer<'_> {
    /// Why the user should look again before the snapshot is restored, if it is an old one that nobody chose.
    pub fn doubt(&self) -> Option<String> {
        let snapshot = chosen(self).filter(|_| self.snapshot.is_none() && !is_healthy(self) && !is_restored(self))?;
        let age = self.state.as_ref()?.now - snapshot.at;
        let (id, name) = (&snapshot.id, &self.node.name);
        (age > OLD).then(|| {
            format!(
                "the last snapshot of {name}, {id}, is {} old. To restore it, name it: `--snapshot {id}`",
                time::age(age)
            )
        })
    }

    /// The secrets that the server needs to read the repository, and does not have.
    pub fn missing_secrets(&self) -> Vec<String> {
        if is_healthy(self) || is_restored(self) { Vec::new() } else { missing(self) }
    }
}

/// Files that the backup needs, and the server lacks.
fn missing(lost: &LostServer<'_>) -> Vec<String> {
    let files = lost.cluster.backup.iter().flat_map(|backup| &backup.files);
    let names = files
        .map(|file| file.file.path.as_str().trim_start_matches(SECRETS_ON_DISK).trim_start_matches('/').to_owned());
    names.filter(|file| lost.state.as_ref().is_none_or(|state| !state.has(file))).collect()
}

/// Whether the server serves the API with the state that it should have.
fn is_healthy(lost: &LostServer<'_>) -> bool {
    let is_running = lost.state.as_ref().is_some_and(|state| state.has_api && state.k3s == "active");
    is_running && (!lost.replaces || is_restored(lost))
}

/// Whether the snapshot is restored, and k3s needs only to start.
fn is_restored(lost: &LostServer<'_>) -> bool {
    let Some(state) = &lost.state else { return false };
    let Some((_, restored)) = state.restored.as_ref().filter(|_| state.interrupted.is_none() && !state.awaits) else {
        return false;
    };
    state.has_datastore
        && match lost.snapshot {
            // Without `--replace`, the last restore was the one that is meant.
            None | Some("latest") => true,
            Some(id) => id.starts_with(restored.as_str()) || restored.starts_with(id),
        }
}

/// Other servers that serve the API.
fn running_servers<'a>(lost: &LostServer<'a>) -> Vec<&'a Node> {
    let servers = lost.others.iter().filter(|other| other.node.role == Role::Server);
    servers.filter(|other| other.state.as_ref().is_some_and(|state| state.has_api)).map(|other| other.node).collect()
}

/// What is left once the server serves the API: nodes that do not agree with the state that was restored.
fn afterwards(lost: &LostServer<'_>) -> Vec<Step> {
    let (node, mut steps) = (machine(lost.node), Vec::new());
    let Some(state) = &lost.state else { return steps };
    let Some((restored_at, _)) = &state.restored else { return steps };
    for Other { node: other, state: seen } in &lost.others {
        let Some(seen) = seen else { continue };
        let (name, target) = (other.name.as_str(), machine(other));
        let registered = lost.seen.as_ref().and_then(|cluster| cluster.nodes.get(name));
        if registered.is_some_and(|known| known.is_ready) {
            continue;
        }
        let mut due = Vec::new();
        let file = if other.role == Role::Server { SERVER_TOKEN } else { AGENT_TOKEN };
        if state.token(file).is_some() && seen.token(file) != state.token(file) {
            let path = format!("{SECRETS_ON_DISK}/{file}");
            let copy = between(&node, &format!("cat {path}"), &target, &format!("cat > {path}"));
            due.push(Step::new(format!("give {name} the token of the snapshot"), copy));
        }
        if other.role == Role::Server {
            due.push(join_again(&target, lost.cluster.name.as_str()));
        }
        if registered.is_some_and(|known| seen.is_newer_than(known)) {
            due.push(forget_password(&node, name));
        }
        if other.role == Role::Agent && !due.is_empty() {
            let restart = Command::on(&target, ["systemctl", "restart", "k3s"]);
            due.push(Step::new(format!("let {name} join {} again", lost.cluster.name), restart));
        }
        due.push(wait_for_node(&node, name));
        steps.extend(due);
    }
    let newest = lost.snapshots.iter().flatten().rfind(|snapshot| snapshot.node == lost.node.name.as_str());
    if lost.snapshots.is_some() && newest.is_none_or(|snapshot| snapshot.at < *restored_at) {
        let backup = Command::on(&node, ["systemctl", "start", "homelab-backup"]);
        steps.push(Step::new(format!("back up {}", lost.node.name), backup).long());
    }
    steps
}

/// Lets another server join with an empty datastore. Its old one stays beside it.
fn join_again(server: &Machine, cluster: &str) -> Step {
    let text = "systemctl stop k3s; old=/var/lib/rancher/k3s/db-$(date --utc +%Y%m%dT%H%M%SZ); \
                if [ -e /var/lib/rancher/k3s/server/db ]; then mv /var/lib/rancher/k3s/server/db \"$old\"; fi; \
                systemctl start k3s";
    let title = format!("let {} join {cluster} without its old datastore, which stays in db-TIME", server.name);
    Step::new(title, Command::shell(server, text)).with_effect(Effect::Interrupts)
}
