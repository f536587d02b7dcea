//! Network storage, as its clients see it.

use super::Plan;
use super::flux::{Kustomization, kustomizations, objects, resume, suspend};
use super::kubectl;
use super::node::machine;
use crate::{Command, Effect, Machine, Step};
use model::{Node, NodeKind};
use std::collections::{BTreeMap, BTreeSet};

/// How a node sees network storage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountState {
    /// Whether the storage serves NFS.
    pub is_up: bool,
    /// Mounts of it that do not answer.
    pub hanging: Vec<String>,
}

/// The command that reads how a node sees the storage at an address. It does not hang if a mount does.
pub fn look_at_mounts(node: &Machine, address: &str) -> Command {
    let text = format!(
        "if timeout 5 bash -c '</dev/tcp/{address}/2049' 2>/dev/null; then echo up; fi\n\
         while read -r what where type _; do\n  \
         case \"$type $what\" in nfs*' {address}:'*) timeout 5 stat --file-system \"$where\" >/dev/null 2>&1 || echo \"hanging $where\" ;; esac\n\
         done </proc/mounts"
    );
    Command::shell(node, &text).connecting_within(10)
}

impl MountState {
    /// Reads the answer to [`look_at_mounts`].
    pub fn parse(text: &str) -> Self {
        let hanging = text.lines().filter_map(|line| line.strip_prefix("hanging ")).map(str::to_owned).collect();
        Self { is_up: text.lines().any(|line| line == "up"), hanging }
    }
}

/// A cluster whose apps mount the storage.
#[derive(Debug)]
pub struct Client<'a> {
    /// One of its servers, whose API answers.
    pub server: Machine,
    /// Its apps that mount the storage: the names of their objects.
    pub apps: Vec<String>,
    /// Its Kustomizations.
    pub kustomizations: BTreeMap<String, Kustomization>,
    /// Its namespaces with Deployments that run pods.
    pub running: BTreeSet<String>,
    /// Its nodes that answer, with the address of their host.
    pub nodes: Vec<(&'a Node, Machine, MountState)>,
}

impl Client<'_> {
    /// The command that lists the Kustomizations and Deployments of a cluster.
    pub fn look(server: &Machine) -> Command {
        let text = "k3s kubectl --namespace=flux-system get kustomizations.kustomize.toolkit.fluxcd.io --output=json && \
                    k3s kubectl get deployments --all-namespaces --output=json";
        Command::shell(server, text).connecting_within(10)
    }

    /// Reads the Kustomizations, and the namespaces with Deployments that run pods, from the answer to [`Client::look`].
    /// `None` if it is not JSON.
    pub fn parse(text: &str) -> Option<(BTreeMap<String, Kustomization>, BTreeSet<String>)> {
        let objects = objects(text)?;
        let deployments = objects.iter().filter(|object| object["kind"] == "Deployment");
        let running = deployments.filter(|one| one["spec"]["replicas"].as_u64() != Some(0));
        let namespaces = running.filter_map(|one| one["metadata"]["namespace"].as_str().map(str::to_owned));
        Some((kustomizations(&objects), namespaces.collect()))
    }
}

/// What is left to do for the clients of network storage: stop its apps while it is away, start them once it is back.
pub fn plan_storage(storage: &str, clients: &[Client<'_>]) -> Plan {
    let states = clients.iter().flat_map(|client| &client.nodes).map(|(_, _, state)| state.clone());
    plan_for(storage, clients, &states.collect::<Vec<_>>())
}

fn plan_for(storage: &str, clients: &[Client<'_>], states: &[MountState]) -> Plan {
    let mut plan = Plan::default();
    let reason = format!("storage {storage}");
    if states.is_empty() {
        plan.problems.push(format!("no node answers that mounts {storage}"));
        return plan;
    }
    let is_up = states.iter().any(|state| state.is_up);
    for client in clients {
        let own = |name: &&String| client.kustomizations.contains_key(*name);
        let is_ours = |name: &&String| client.kustomizations[*name].reason.as_ref() == Some(&reason);
        let mut steps = Vec::new();
        for app in client.apps.iter().filter(own) {
            let is_stopped = is_ours(&app);
            if is_up {
                steps.extend(is_stopped.then(|| resume(&client.server, app)));
                continue;
            }
            if !is_stopped {
                steps.push(suspend(&client.server, app, &reason));
            } else if !client.running.contains(app) {
                continue;
            }
            let namespace = format!("--namespace={app}");
            let scale = kubectl(&client.server, [&namespace, "scale", "deployments", "--all", "--replicas=0"]);
            steps.push(Step::new(format!("stop the pods of {app}"), scale).with_effect(Effect::Interrupts));
        }
        if is_up {
            let restarts = client.nodes.iter().filter(|(_, _, state)| !state.hanging.is_empty());
            let restarts: Vec<_> = restarts.map(|(node, host, state)| restart(node, host, state)).collect();
            plan.push(restarts);
        }
        plan.push(steps);
    }
    if !is_up {
        plan.notes.push(format!(
            "{storage} does not serve NFS: set it up again with the same address, folders and accounts (docs/recovery.md), and \
             run this command again"
        ));
    }
    plan.checked()
}

/// Restarts a node whose mounts hang.
fn restart(node: &Node, host: &Machine, state: &MountState) -> Step {
    let vmid = node.vmid.to_string();
    let words = match node.kind {
        NodeKind::Lxc { .. } => ["pct", "reboot", vmid.as_str()],
        NodeKind::Vm { .. } => ["qm", "reboot", vmid.as_str()],
    };
    let title = format!("restart {}, whose mounts hang: {}", machine(node).name, state.hanging.join(", "));
    Step::new(title, Command::on(host, words)).with_effect(Effect::Interrupts).long()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(text: &str, states: &[&str]) -> Plan {
        let server = Machine { name: "one".to_owned(), address: "192.168.10.42".to_owned() };
        let (kustomizations, running) = Client::parse(text).expect("it is JSON");
        let states = states.iter().map(|text| MountState::parse(text)).collect::<Vec<_>>();
        let client = Client {
            server,
            apps: vec!["films".to_owned(), "gone".to_owned()],
            kustomizations,
            running,
            nodes: Vec::new(),
        };
        plan_for("nas", &[client], &states)
    }

    const RUNNING: &str = r#"{"items": [{"kind": "Kustomization", "metadata": {"name": "films"}, "spec": {}}]}"#;
    const STOPPED: &str = r#"{"items": [{"kind": "Kustomization",
      "metadata": {"name": "films", "annotations": {"homelab/restores": "storage nas"}}, "spec": {"suspend": true}}]}"#;

    #[test]
    fn stops_apps_while_it_is_away_and_starts_them_afterwards() {
        let titles = |plan: Plan| plan.steps().into_iter().map(|step| step.title).collect::<Vec<_>>();
        let stop = ["suspend the Kustomization films", "stop the pods of films"];
        assert_eq!(titles(client(RUNNING, &["hanging /mnt\n"])), stop);
        assert!(client(STOPPED, &[""]).phases.is_empty());
        // A run that was interrupted has suspended it, but its pods run.
        let running =
            r#"{"items": [{"kind": "Deployment", "metadata": {"namespace": "films"}, "spec": {"replicas": 1}}]}"#;
        assert_eq!(titles(client(&format!("{STOPPED}{running}"), &[""])), ["stop the pods of films"]);
        assert_eq!(titles(client(STOPPED, &["up\n"])), ["resume the Kustomization films"]);
        assert!(client(RUNNING, &["up\n"]).is_done());
        assert!(client(RUNNING, &[]).problems[0].contains("no node answers"));
    }
}
