//! All nodes of hosts.

use super::super::super::Stop;
use super::{Restore, SecretArguments};
use model::{Host, Join, Node};
use operate::restore::{Member, NodeState, Plan, plan_group};
use operate::{Command, Machine};
use spec::Role;

impl Restore<'_> {
    /// The nodes of hosts, each with its own command.
    pub(super) fn plan_hosts(&self, hosts: &[&Host], arguments: &SecretArguments) -> Result<Plan, Stop> {
        let mut problems = Vec::new();
        for host in hosts {
            let machine = Machine { name: host.name.to_string(), address: host.address.to_string() };
            let answer = self.runner.ask(&Command::on(&machine, ["pveversion"]).connecting_within(10))?;
            if !answer.is_success() {
                problems.push(format!(
                    "{} ({}) does not run Proxmox VE, or ssh cannot log in as root: install it, and add your SSH key",
                    host.name, host.address
                ));
            }
        }
        if !problems.is_empty() {
            return Ok(Plan { problems, ..Plan::default() });
        }
        let is_on = |node: &Node| hosts.iter().any(|host| host.name == node.host);
        let mut members = Vec::new();
        for cluster in self.lab.clusters.iter().filter(|cluster| cluster.nodes.iter().any(is_on)) {
            let mut states = Vec::new();
            for node in &cluster.nodes {
                states.push((node, self.state(node)?));
            }
            let serves = |(node, state): &&(&Node, Option<NodeState>)| {
                node.role == Role::Server && state.as_ref().is_some_and(|state| state.has_api)
            };
            let servers: Vec<_> = states.iter().filter(serves).map(|(node, _)| node.name.clone()).collect();
            // If no server is left, the one that starts the cluster is restored from its backup, and the others join it.
            for (node, state) in states.iter().filter(|(node, _)| is_on(node)) {
                let is_alive = state.as_ref().is_some_and(|state| state.k3s == "active" && !state.awaits);
                let joins = matches!(node.join, Join::Ask(_));
                members.push(Member { node, is_alive, has_server: !servers.is_empty() || joins });
            }
        }
        let mut words = Vec::new();
        if let Some(folder) = &arguments.secrets_dir {
            let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
            words = vec!["--secrets-dir".to_owned(), folder.display().to_string()];
        }
        Ok(plan_group(&members, &words))
    }
}
