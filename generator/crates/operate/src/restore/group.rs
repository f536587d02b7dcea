//! All nodes of a host, or of the lab.

use super::Plan;
use crate::{Command, Step};
use model::Node;
use spec::Role;

/// A node that may be lost.
#[derive(Debug)]
pub struct Member<'a> {
    /// The node.
    pub node: &'a Node,
    /// Whether it answers, and k3s runs.
    pub is_alive: bool,
    /// Whether another server of its cluster serves the API, or will when it is its turn.
    pub has_server: bool,
}

/// What is left to do for nodes. Each is restored by its own command, in the order in which a host starts them:
/// clusters with databases for others, then others; servers, then agents.
pub fn plan_group(members: &[Member<'_>], arguments: &[String]) -> Plan {
    let mut plan = Plan::default();
    let mut lost: Vec<_> = members.iter().filter(|member| !member.is_alive).collect();
    lost.sort_by_key(|member| (member.node.role == Role::Agent, member.node.start_order, member.node.vmid));
    for Member { node, has_server, .. } in lost {
        let name = node.name.as_str();
        let loss = if node.role == Role::Server && !has_server { "server" } else { "node" };
        let mut words: Vec<_> = ["homelab", "restore", loss, name, "--yes"].map(str::to_owned).to_vec();
        if loss == "server" {
            words.extend_from_slice(arguments);
        }
        plan.push(vec![
            Step::new(
                format!(
                    "restore the {} {name}",
                    match node.role {
                        Role::Server => "server",
                        Role::Agent => "agent",
                    }
                ),
                Command::here(words),
            )
            .long(),
        ]);
    }
    plan
}
