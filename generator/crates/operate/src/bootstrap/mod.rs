//! What a cluster needs on the disks of its nodes before it can read its secret store, and the steps that put it there.
//!
//! [`secrets`] lists the files, [`State`] is what a node has of them, [`check`](check::check) says whether a value can be
//! right, and [`steps`](steps::steps) is what is left to do.

pub mod check;
pub mod git;
mod state;
mod steps;

pub use state::{Access, Found, Key, Kind, State};
pub use steps::{Given, Keep, Origin, Request, notes, problems, renewed, required, steps};

use crate::{Command, Machine, Script};
use model::contract::{SECRETS_ON_DISK, SERVER_TOKEN};
use model::{Cluster, DiskReader, DiskValue, Join};
use spec::Role;

/// The prefix of variables with secrets.
pub const VARIABLE: &str = "HOMELAB_SECRET_";

/// A node of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// How it is reached.
    pub machine: Machine,
    /// Its role.
    pub role: Role,
}

/// The nodes of a cluster: its first server, its other servers, its agents.
pub fn members(cluster: &Cluster) -> Vec<Member> {
    let mut nodes: Vec<_> = cluster.nodes.iter().collect();
    nodes.sort_by_key(|node| match (node.role, node.join) {
        (Role::Server, Join::Alone | Join::Start) => 0,
        (Role::Server, Join::Ask(_)) => 1,
        (Role::Agent, _) => 2,
    });
    let member = |node: &model::Node| Member {
        machine: Machine { name: node.name.to_string(), address: node.address.to_string() },
        role: node.role,
    };
    nodes.into_iter().map(member).collect()
}

/// A secret on the disks of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// The path of its file, from the folder of secrets.
    pub path: String,
    /// How its value is obtained.
    pub value: DiskValue,
    /// Whether agents have it too.
    pub is_on_agents: bool,
    /// What it is, in words.
    pub what: String,
    /// Whether a copy must be outside of the lab.
    pub is_kept: bool,
}

impl Secret {
    /// Whether nodes of a role have it.
    pub fn is_on(&self, role: Role) -> bool {
        role == Role::Server || self.is_on_agents
    }

    /// The path of its file on a node.
    pub fn file(&self) -> String {
        format!("{SECRETS_ON_DISK}/{}", self.path)
    }

    /// The variable of the environment with its value.
    pub fn variable(&self) -> String {
        variable(&self.path)
    }

    /// Whether everybody may know its value.
    pub fn is_public(&self) -> bool {
        matches!(self.value, DiskValue::PublicKey | DiskValue::HostKeys | DiskValue::SigningKeys)
    }
}

/// The variable of the environment with the value of a secret, given the path of its file from the folder of secrets.
pub fn variable(path: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    VARIABLE.chars().chain(path.chars().map(upper)).collect()
}

/// The path of a file from the folder of secrets.
pub fn relative(path: &str) -> &str {
    path.strip_prefix(SECRETS_ON_DISK).map_or(path, |path| path.trim_start_matches('/'))
}

/// The secrets on the disks of the nodes of a cluster, each once.
pub fn secrets(cluster: &Cluster) -> Vec<Secret> {
    let mut secrets: Vec<Secret> = Vec::new();
    for node in &cluster.nodes {
        let is_agent = node.role == Role::Agent;
        for (file, reader) in cluster.files_on(node) {
            let path = relative(file.path.as_str()).to_owned();
            if let Some(known) = secrets.iter_mut().find(|secret| secret.path == path) {
                known.is_on_agents |= is_agent;
                continue;
            }
            let (what, is_kept) = match reader {
                DiskReader::Joining(Role::Server) => {
                    (format!("the token that servers of {} join with", cluster.name), path == SERVER_TOKEN)
                }
                DiskReader::Joining(Role::Agent) => {
                    (format!("the token that agents of {} join with", cluster.name), false)
                }
                DiskReader::Secret(secret, key) => {
                    (format!("{key} of the Secret {}/{}", secret.namespace, secret.name), false)
                }
                DiskReader::Backup(backup) => (backup.contains.to_owned(), true),
                DiskReader::Updates => (format!("what nodes of {} pull their updates with", cluster.name), false),
            };
            secrets.push(Secret { path, value: file.value, is_on_agents: is_agent, what, is_kept });
        }
    }
    secrets
}

/// The command that shows what a node has. The salt makes digests of values useless outside of one run.
pub fn list(member: &Member, secrets: &[Secret], salt: &str) -> Command {
    let paths = secrets.iter().filter(|secret| secret.is_on(member.role) || secret.path == SERVER_TOKEN);
    let arguments = [salt.to_owned()].into_iter().chain(paths.map(|secret| secret.path.clone()));
    Command::script(&member.machine, Script::ListSecrets, arguments)
}
