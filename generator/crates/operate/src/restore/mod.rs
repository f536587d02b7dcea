//! What brings a part of a lab back after it was lost.
//!
//! Each module is about one loss. It gets the state of the machines and of the cluster as they are now, and returns what
//! is left to do; nothing else is remembered, so a second run goes on where the first one stopped.

mod database;
mod flux;
mod group;
mod node;
mod server;
mod state;
mod storage;
mod volume;

pub use database::{
    DATABASES, Database, DatabaseState, RestoredFrom, delete_database, look_at_database, plan_database,
    suspended_databases,
};
pub use flux::Kustomization;
pub use group::{Member, plan_group};
pub use node::{LostNode, plan_node};
pub use server::{LostServer, Other, Secret, plan_server};
pub use state::{ClusterState, NodeState, Registered, Snapshot, list_snapshots, look, look_at_cluster, snapshots};
pub use storage::{Client, MountState, look_at_mounts, plan_storage};
pub use volume::{Volume, VolumeState, look_at_volume, plan_volume};

use crate::{Command, Machine, Step, Wait};
use std::time::Duration;

/// What a restore does next.
#[derive(Debug, Default)]
pub struct Plan {
    /// What was found, and what cannot be brought back.
    pub notes: Vec<String>,
    /// Why nothing can be done now. Then there are no steps.
    pub problems: Vec<String>,
    /// What to do, in phases: after each one the state is read again, since it may show more.
    pub phases: Vec<Vec<Step>>,
}

impl Plan {
    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.problems.is_empty() && self.phases.is_empty()
    }

    /// All steps, as far as they are known.
    pub fn steps(&self) -> Vec<Step> {
        self.phases.iter().flatten().cloned().collect()
    }

    fn push(&mut self, steps: Vec<Step>) {
        if !steps.is_empty() {
            self.phases.push(steps);
        }
    }

    /// The plan, without steps if there are problems.
    fn checked(mut self) -> Self {
        if !self.problems.is_empty() {
            self.phases.clear();
        }
        self
    }
}

/// `kubectl` on a server, with its arguments.
fn kubectl<'a>(server: &Machine, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    Command::on(server, ["k3s", "kubectl"].into_iter().chain(arguments))
}

/// Waiting with a pause of five seconds.
fn within(minutes: u64) -> Wait {
    Wait { pause: Duration::from_secs(5), limit: Duration::from_secs(minutes * 60) }
}

/// Creates a node that does not answer, with the command for that.
fn provision(name: &str) -> Step {
    Step::new(format!("create {name} again"), Command::here(["homelab", "provision", name, "--yes"])).long()
}

/// Waits until a node is ready.
fn wait_for_node(server: &Machine, name: &str) -> Step {
    let node = format!("node/{name}");
    let command = kubectl(server, ["wait", "--for=condition=Ready", &node, "--timeout=5s"]);
    Step::new(format!("wait until {name} is ready"), command).until(within(15))
}

/// Deletes the password by which a cluster knows a node. A new one is stored when the node registers the next time.
fn forget_password(server: &Machine, name: &str) -> Step {
    // The names of k3s' Secrets are those of nodes in lower case.
    let secret = format!("{}.node-password.k3s", name.to_lowercase());
    let command = kubectl(server, ["--namespace=kube-system", "delete", "secret", &secret, "--ignore-not-found"]);
    Step::new(format!("delete the password by which the cluster knows the old {name}"), command)
}
