//! An agent, or one of several servers.

use super::{ClusterState, NodeState, Plan, forget_password, kubectl, provision, wait_for_node};
use crate::{Command, Machine, Step};
use model::contract::{AGENT_TOKEN, SECRETS_ON_DISK, SERVER_TOKEN};
use model::{Cluster, Join, Node};
use spec::Role;

/// A node whose cluster still works.
#[derive(Debug)]
pub struct LostNode<'a> {
    /// Its cluster.
    pub cluster: &'a Cluster,
    /// The node, as the spec describes it.
    pub node: &'a Node,
    /// Its state, if it answers.
    pub state: Option<NodeState>,
    /// Another server, whose API answers, and what its cluster says.
    pub via: Option<(Machine, ClusterState)>,
}

/// What is left to do for a node.
pub fn plan_node(lost: &LostNode<'_>) -> Plan {
    let mut plan = Plan::default();
    let (name, cluster) = (lost.node.name.as_str(), lost.cluster.name.as_str());
    let Some((server, seen)) = &lost.via else {
        plan.problems.push(match lost.node.role {
            Role::Server => format!(
                "no other server of {cluster} serves its API, so its datastore must be restored: run `homelab restore \
                 server {name}`"
            ),
            Role::Agent => {
                format!("no server of {cluster} serves its API: restore one first, with `homelab restore server`")
            }
        });
        return plan;
    };
    let registered = seen.nodes.get(name);
    let is_ready = registered.is_some_and(|node| node.is_ready);
    if is_ready && lost.state.is_none() {
        plan.problems.push(format!(
            "ssh cannot reach {name} ({}), but {cluster} reports it as ready, so it is not lost. If it was lost less than a \
             minute ago, run the command again",
            lost.node.address
        ));
    }
    // The cluster does not know the password of a node that was created again.
    let is_rebuilt = registered.is_some_and(|known| lost.state.as_ref().is_none_or(|state| state.is_newer_than(known)));
    if is_ready && !is_rebuilt {
        return plan.checked();
    }
    if lost.node.role == Role::Server && !matches!(lost.node.join, Join::Ask(_)) {
        plan.problems.push(format!(
            "{name} is the server that starts {cluster}, and would start an empty cluster: set `first-server` of {cluster} to \
             another server in the spec, run `homelab generate`, commit, and update the other servers"
        ));
    }
    if let Some(claims) = seen.local_claims.get(name).filter(|_| lost.state.is_none()) {
        let claims = claims.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        plan.notes.push(format!(
            "lost with {name}: the files of the claims {claims}. `homelab restore volume` restores those that Velero backs up"
        ));
    }

    let mut steps = Vec::new();
    if is_rebuilt || lost.state.is_none() {
        let delete = kubectl(server, ["delete", "node", name, "--ignore-not-found", "--timeout=60s"]);
        let what = match lost.node.role {
            Role::Server => "its Node and etcd member",
            Role::Agent => "its Node",
        };
        steps.push(Step::new(format!("remove the old {name} from {cluster}: {what}"), delete));
        steps.push(forget_password(server, name));
    }
    if lost.state.is_none() {
        steps.push(provision(name));
    }
    steps.extend(secrets(lost, server));
    let machine = machine(lost.node);
    if is_rebuilt && lost.state.is_some() {
        let restart = Command::on(&machine, ["systemctl", "restart", "k3s"]);
        steps.push(Step::new(format!("let {name} join {cluster} again"), restart));
    }
    steps.push(wait_for_node(server, name));
    plan.push(steps);
    plan.checked()
}

/// Copies the secrets that a node has in common with a server of its cluster, if it lacks them.
fn secrets(lost: &LostNode<'_>, server: &Machine) -> Option<Step> {
    let node = machine(lost.node);
    let lacks = |file: &str| lost.state.as_ref().is_none_or(|state| !state.has(file));
    let (title, from, to) = match lost.node.role {
        Role::Server if lacks(SERVER_TOKEN) || lost.cluster.has_agents() && lacks(AGENT_TOKEN) => (
            format!("copy the secrets of {} to {}", server.name, node.name),
            format!("tar --create --directory={SECRETS_ON_DISK} ."),
            format!("tar --extract --directory={SECRETS_ON_DISK}"),
        ),
        Role::Agent if lacks(AGENT_TOKEN) => (
            format!("copy the token of agents from {} to {}", server.name, node.name),
            format!("cat {SECRETS_ON_DISK}/{AGENT_TOKEN}"),
            format!("cat > {SECRETS_ON_DISK}/{AGENT_TOKEN}"),
        ),
        Role::Server | Role::Agent => return None,
    };
    Some(Step::new(title, between(server, &from, &node, &to)))
}

/// A command on a machine that reads what a command on another one prints. It crosses this machine, but neither its disk
/// nor an argument. The second one starts when the first one has ended.
pub(super) fn between(from: &Machine, reads: &str, to: &Machine, writes: &str) -> Command {
    // Neither text has anything that a shell would expand.
    let (from, to) = (from.destination(), to.destination());
    let read = format!("data=$(ssh {from} \"set -o pipefail; {reads} | base64\")");
    let write = format!("printf %s \"$data\" | ssh {to} \"umask 077; base64 --decode | {writes}\"");
    Command::here(["bash", "-o", "pipefail", "-c", &format!("{read} && {write}")])
}

/// A node as a machine.
pub(super) fn machine(node: &Node) -> Machine {
    Machine { name: node.name.to_string(), address: node.address.to_string() }
}
