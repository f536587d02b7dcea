//! One node, or the datastore of a cluster.

use super::super::super::args::Format;
use super::super::super::{Outcome, Stop, output, print};
use super::{Restore, SecretArguments, incomplete, machine};
use dialoguer::console::Term;
use model::contract::SECRETS_ON_DISK;
use model::{Cluster, Node};
use operate::restore::{
    LostNode, LostServer, Other, Plan, Secret, Snapshot, list_snapshots, plan_node, plan_server, snapshots,
};
use operate::time::age;
use operate::{Machine, SecretString};
use serde_json::json;
use spec::Role;

impl<'a> Restore<'a> {
    pub(super) fn plan_node(&self, cluster: &'a Cluster, node: &'a Node) -> Result<Plan, Stop> {
        let via = self.running_server(cluster, Some(node))?;
        let state = if via.is_some() { self.state(node)? } else { None };
        Ok(plan_node(&LostNode { cluster, node, state, via }))
    }

    pub(super) fn plan_server(
        &self,
        cluster: &'a Cluster,
        node: &'a Node,
        (snapshot, replaces): (Option<&str>, bool),
        arguments: &SecretArguments,
        runs: bool,
    ) -> Result<Plan, Stop> {
        let state = self.state(node)?;
        let others = cluster.nodes.iter().filter(|other| other.name != node.name);
        let others = others.map(|other| Ok(Other { node: other, state: self.state(other)? }));
        let mut lost = LostServer {
            cluster,
            node,
            state,
            snapshots: None,
            snapshot,
            replaces,
            others: others.collect::<Result<_, Stop>>()?,
            seen: None,
            secrets: Vec::new(),
        };
        if node.role == Role::Agent || cluster.backup.is_none() {
            return Ok(plan_server(&lost));
        }
        let machine = machine(node);
        if let Some(state) = lost.state.as_ref().filter(|state| state.has_api) {
            lost.seen = Some(self.cluster_state(&machine)?);
            if state.restored.is_some() || replaces {
                lost.snapshots = Some(self.snapshots(&machine)?);
            }
        } else if lost.state.is_some() && lost.missing_secrets().is_empty() {
            lost.snapshots = Some(self.snapshots(&machine)?);
        }
        if let Some(doubt) = lost.doubt() {
            return Ok(Plan { problems: vec![doubt], ..Plan::default() });
        }
        let files = lost.missing_secrets();
        if !files.is_empty() && plan_server(&lost).problems.is_empty() {
            lost.secrets = self.secrets(cluster, &files, arguments, runs)?;
        }
        Ok(plan_server(&lost))
    }

    /// The secrets that a server needs for its backup: what they are, and if they are needed now, their values.
    pub(super) fn secrets(
        &self,
        cluster: &Cluster,
        files: &[String],
        arguments: &SecretArguments,
        runs: bool,
    ) -> Result<Vec<Secret>, Stop> {
        let terminal = Term::stderr();
        let known = cluster.backup.iter().flat_map(|backup| &backup.files);
        let mut secrets = Vec::new();
        for file in known {
            let path = file.file.path.as_str().trim_start_matches(SECRETS_ON_DISK).trim_start_matches('/');
            if !files.iter().any(|missing| missing == path) {
                continue;
            }
            let value = match &arguments.secrets_dir {
                _ if !runs => String::new(),
                Some(folder) => {
                    let of_cluster = folder.join(cluster.name.as_str()).join(path);
                    let path = if of_cluster.exists() { of_cluster } else { folder.join(path) };
                    let text = std::fs::read_to_string(&path);
                    text.map_err(|error| Stop::Usage(format!("cannot read {}: {error}", path.display())))?
                }
                None if terminal.is_term() => {
                    output::message(&format!("{} ({path}), which is not shown: ", file.contains));
                    terminal.read_secure_line().map_err(|error| Stop::Program(error.to_string()))?
                }
                None => {
                    return Err(Stop::Usage(format!(
                        "{} is needed to read the backups of {}: put it into a file `{}` of a folder, and add \
                         `--secrets-dir DIR`",
                        file.contains, cluster.name, path
                    )));
                }
            };
            if runs && value.trim().is_empty() {
                return Err(Stop::Usage(format!("{} is empty", file.contains)));
            }
            let value = SecretString::from(value.trim_end().to_owned() + "\n");
            secrets.push(Secret { file: path.to_owned(), what: file.contains.to_owned(), value });
        }
        Ok(secrets)
    }

    pub(super) fn snapshots(&self, server: &Machine) -> Result<Vec<Snapshot>, Stop> {
        let text = self.runner.read(&list_snapshots(server))?;
        snapshots(&text).ok_or_else(|| incomplete(server))
    }

    /// Lists the snapshots in the repository, which all servers of a cluster share.
    pub(super) fn list_snapshots(&self, cluster: &'a Cluster, node: &Node) -> Result<Outcome, Stop> {
        let servers = cluster.nodes.iter().filter(|other| other.role == Role::Server && other.name != node.name);
        for server in std::iter::once(node).chain(servers) {
            let Some(state) = self.state(server)? else { continue };
            let mut listed = self.snapshots(&machine(server))?;
            listed.reverse();
            if self.global.format == Format::Json {
                let list: Vec<_> = listed
                    .iter()
                    .map(|one| json!({ "id": one.id, "node": one.node, "age-seconds": state.now - one.at }))
                    .collect();
                return print(&format!("{:#}\n", json!(list)));
            }
            let line = |one: &Snapshot| format!("{}  {}  {} ago\n", one.id, one.node, age(state.now - one.at));
            return print(&listed.iter().map(line).collect::<String>());
        }
        Err(Stop::Program(format!(
            "no server of {} answers, and only they read the repository: `homelab restore server {}` creates it again",
            cluster.name, node.name
        )))
    }
}
