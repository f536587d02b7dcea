//! `homelab restore`: brings back what was lost.

mod database;
mod hosts;
mod node;
mod storage;
mod volume;

use super::super::args::{Format, Global};
use super::super::input::Input;
use super::super::{Outcome, Stop, build, print, report_warnings};
use super::{Runner, unknown};
use clap::{Args, Subcommand, ValueHint};
use model::{Cluster, Lab, Node};
use operate::restore::{ClusterState, NodeState, Plan, look, look_at_cluster};
use operate::{Machine, runbook};
use serde_json::json;
use spec::Role;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

const EXAMPLES: &str = "What is lost, and what brings it back:
  an agent                     homelab restore node AGENT
  one of several servers       homelab restore node SERVER
  the only server              homelab restore server SERVER
  most servers of a cluster    homelab restore server FIRST, then node for each other one
  a host                       homelab restore host HOST
  the NAS                      homelab restore storage NAS
  data in a database           homelab restore database CLUSTER --to TIME
  files of an app              homelab restore volumes CLUSTER/APP
  everything                   homelab restore lab, then database and volumes

Examples:
  homelab restore node gordito-worker          Print what it would run
  homelab restore node gordito-worker --yes    Run it
  homelab restore server gordito-cp --list     List the snapshots
  homelab restore server gordito-cp --replace gordito-cp --snapshot 558a1eda
  homelab restore database data --to 2026-11-25T08:00:00Z

docs/recovery.md has the same steps by hand, and says what of them was rehearsed.";

/// What `homelab restore` is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in super::super) struct RestoreArguments {
    #[command(subcommand)]
    loss: Loss,
    /// Run the steps instead of printing them
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Loss {
    /// Recreate an agent, or one of several servers: its cluster works without it
    ///
    /// Removes the old node from its cluster, since k3s rejects a new one of the same name with another password, creates it
    /// again, and copies the secrets that it has in common with a server. Does nothing to a node that is ready.
    Node {
        /// Name of the node
        node: String,
    },
    /// Restore the datastore of a cluster from the backup of a server
    ///
    /// Creates the server again if it does not answer, keeps k3s from starting with an empty datastore, restores a snapshot with the
    /// token, certificates and secrets of that moment, and starts it. Then it looks for nodes that do not agree with that state:
    /// agents that were created again after the snapshot, or have another token, and other servers, which join without their data.
    ///
    /// Reading the repository needs its password and, in a bucket, the access key. If the server does not have them, they are
    /// read from the files in `--secrets-dir`, or asked for.
    Server {
        /// Name of the server
        node: String,
        /// ID of the snapshot to restore. Default: the last one of the server
        #[arg(long, value_name = "ID")]
        snapshot: Option<String>,
        /// Only list the snapshots
        #[arg(long, conflicts_with_all = ["snapshot", "replace"])]
        list: bool,
        /// Replace the datastore that this server has by an older one. Servers that run are stopped
        #[arg(long, value_name = "NODE", requires = "snapshot")]
        replace: Option<String>,
        #[command(flatten)]
        secrets: SecretArguments,
    },
    /// Restore all nodes of a host that do not answer
    ///
    /// Install Proxmox VE on it first. Each node is restored by the command for its loss, in the order in which hosts start them.
    Host {
        /// Name of the host
        host: String,
        #[command(flatten)]
        secrets: SecretArguments,
    },
    /// Stop the apps that mount network storage until it is back, then start them
    ///
    /// While it does not serve NFS, suspends the apps and stops their pods, which would hang. Once it does, restarts nodes whose
    /// mounts still hang, and resumes the apps. Files of the storage itself are not in any backup of this lab.
    Storage {
        /// Name of the storage
        storage: String,
    },
    /// Bring all databases of a cluster back to a point in time
    ///
    /// The new PostgreSQL cluster is an incarnation that starts from the archive of the one before (docs/data.md). The first run
    /// suspends what uses it, and shows the fields to change in the spec. Once they are pushed, the second one deletes the old
    /// PostgreSQL cluster with its volumes and lets Flux create the new one.
    Database {
        /// Name of the cluster with the PostgreSQL cluster
        cluster: String,
        /// The time, with its offset from UTC, such as 2026-11-25T08:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment)]
        to: String,
        /// Delete the PostgreSQL cluster of this cluster, with its volumes
        #[arg(long, value_name = "CLUSTER")]
        replace: Option<String>,
    },
    /// Restore the volumes of an app from a backup of Velero
    ///
    /// Restores all volumes of the app that Velero backs up. Velero restores only volumes that do not exist.
    Volumes {
        /// The app, as CLUSTER/APP
        app: String,
        /// Name of the backup. Default: the newest one that has files of the app
        #[arg(long, value_name = "BACKUP")]
        from: Option<String>,
        /// Only list the backups
        #[arg(long, conflicts_with_all = ["from", "replace"])]
        list: bool,
        /// Delete the volumes that the app has
        #[arg(long, value_name = "CLUSTER/APP")]
        replace: Option<String>,
    },
    /// Restore all nodes of the lab that do not answer
    ///
    /// Install Proxmox VE on all hosts, and set up the network storage first. Databases and volumes have their own commands.
    Lab {
        #[command(flatten)]
        secrets: SecretArguments,
    },
}

#[derive(Debug, Args)]
struct SecretArguments {
    /// Folder with the secrets of backups, in files that are named as on the servers, or in a folder for each cluster
    ///
    /// These are `backup/repository-password` and, for a bucket, `backup/access-key-id` and `backup/secret-access-key`.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    secrets_dir: Option<PathBuf>,
}

/// Runs `homelab restore`.
pub(in super::super) fn run(arguments: &RestoreArguments, global: &Global) -> Result<Outcome, Stop> {
    let (built, input) = build(Input::read(global)?, None)?;
    report_warnings(&built.diagnostics, &input, global);
    let restore = Restore {
        lab: &built.lab,
        input: &input,
        runner: Runner::new(&input.root, global),
        global,
        has_answered: RefCell::default(),
    };
    let yes = arguments.yes;
    match &arguments.loss {
        Loss::Node { node } => {
            let (cluster, node) = restore.node(node)?;
            restore.carry_out(yes, &|_| restore.plan_node(cluster, node))
        }
        Loss::Server { node, list: true, .. } => {
            let (cluster, node) = restore.node(node)?;
            restore.list_snapshots(cluster, node)
        }
        Loss::Server { node, snapshot, replace, secrets, .. } => {
            let (cluster, node) = restore.node(node)?;
            check_replaced(replace.as_deref(), node.name.as_str())?;
            let chosen = (snapshot.as_deref(), replace.is_some());
            restore.carry_out(yes, &|runs| restore.plan_server(cluster, node, chosen, secrets, runs))
        }
        Loss::Host { host, secrets } => {
            let hosts = restore.lab.hosts.iter();
            let names = || hosts.clone().map(|host| host.name.as_str());
            let Some(host) = hosts.clone().find(|found| found.name.as_str() == host) else {
                return Err(unknown("host", host, names()));
            };
            restore.carry_out(yes, &|_| restore.plan_hosts(&[host], secrets))
        }
        Loss::Lab { secrets } => {
            let hosts: Vec<_> = restore.lab.hosts.iter().collect();
            restore.carry_out(yes, &|_| restore.plan_hosts(&hosts, secrets))
        }
        Loss::Storage { storage } => restore.carry_out(yes, &|_| restore.plan_storage(storage)),
        Loss::Database { cluster, to, replace } => {
            check_replaced(replace.as_deref(), cluster)?;
            let cluster = restore.cluster(cluster)?;
            restore.carry_out(yes, &|_| restore.plan_database(cluster, to, replace.is_some()))
        }
        Loss::Volumes { app, from, list, replace } => {
            check_replaced(replace.as_deref(), app)?;
            let (server, volume) = restore.volume(app)?;
            if *list {
                return print(&restore.volume_state(&server, &volume)?.listed());
            }
            // Whether a restore is wanted does not show in the state: it has ended once its steps are done.
            let plan = restore.plan_volume(&server, &volume, from.as_deref(), replace.is_some())?;
            restore.carry_out_once(yes, &plan)
        }
    }
}

/// Adds what is done to the reason why a restore stopped.
fn after(done: &[String], stop: Stop) -> Stop {
    match stop {
        Stop::Program(reason) if !done.is_empty() => Stop::Program(format!(
            "{reason}\ndone before that:\n  {}\nnot done: what is left; run the same command again to see it",
            done.join("\n  ")
        )),
        stop => stop,
    }
}

/// The value of `--replace` names what is replaced.
fn check_replaced(replace: Option<&str>, name: &str) -> Result<(), Stop> {
    match replace {
        Some(other) if other != name => {
            Err(Stop::Usage(format!("`--replace {other}` is not `{name}`, which is restored")))
        }
        _ => Ok(()),
    }
}

/// Accepts a time with its offset from UTC.
fn moment(text: &str) -> Result<String, String> {
    let example = "expected a time with its offset from UTC, such as 2026-11-25T08:00:00Z";
    operate::time::seconds(text).map(|_| text.to_owned()).ok_or_else(|| example.to_owned())
}

fn machine(node: &Node) -> Machine {
    Machine { name: node.name.to_string(), address: node.address.to_string() }
}

/// A restore: the lab, and what reaches it.
struct Restore<'a> {
    lab: &'a Lab,
    input: &'a Input,
    runner: Runner,
    global: &'a Global,
    /// The nodes that have answered during this run.
    has_answered: RefCell<BTreeSet<String>>,
}

impl<'a> Restore<'a> {
    /// Runs the phases of a plan until nothing is left, or prints all that are known.
    fn carry_out(&self, yes: bool, next: &dyn Fn(bool) -> Result<Plan, Stop>) -> Result<Outcome, Stop> {
        let mut done = Vec::new();
        loop {
            let plan = next(yes).map_err(|stop| after(&done, stop))?;
            self.report(&plan)?;
            let Some(phase) = plan.phases.first() else { return self.finish(&done) };
            if !yes {
                return self.show(&plan);
            }
            let titles: Vec<_> = phase.iter().map(|step| step.title.clone()).collect();
            self.runner.run(phase).map_err(|stop| after(&done, stop))?;
            if done.ends_with(&titles) {
                return Err(Stop::Program(format!(
                    "these steps succeeded, but the state that they should change is the same:\n  {}",
                    titles.join("\n  ")
                )));
            }
            done.extend(titles);
        }
    }

    /// Runs all steps of a plan, or prints them.
    fn carry_out_once(&self, yes: bool, plan: &Plan) -> Result<Outcome, Stop> {
        self.report(plan)?;
        if !yes {
            return self.show(plan);
        }
        let steps = plan.steps();
        self.runner.run(&steps)?;
        self.finish(&steps.into_iter().map(|step| step.title).collect::<Vec<_>>())
    }

    /// Reports what a plan found. Stops if there are problems.
    fn report(&self, plan: &Plan) -> Result<(), Stop> {
        for note in &plan.notes {
            self.runner.message(&format!("note: {note}\n"));
        }
        if plan.problems.is_empty() { Ok(()) } else { Err(Stop::Program(plan.problems.join("\n"))) }
    }

    /// Prints the steps.
    fn show(&self, plan: &Plan) -> Result<Outcome, Stop> {
        let steps = plan.steps();
        if self.global.format == Format::Json {
            let list: Vec<_> = steps
                .iter()
                .map(|step| {
                    json!({
                        "title": step.title,
                        "command": step.command.to_string(),
                        "effect": format!("{:?}", step.effect).to_lowercase(),
                    })
                })
                .collect();
            return print(&format!("{:#}\n", json!({ "notes": plan.notes, "steps": list })));
        }
        print(&runbook(&steps))?;
        self.runner.message(
            "these steps are known now; later ones depend on what they find. Add --yes to run them all, or run these, and then \
             this command again\n",
        );
        Ok(Outcome::Done)
    }

    fn finish(&self, done: &[String]) -> Result<Outcome, Stop> {
        if self.global.format == Format::Json {
            return print(&format!("{:#}\n", json!({ "done": done, "steps": [] })));
        }
        self.runner.message(if done.is_empty() { "nothing is left to do\n" } else { "restored\n" });
        Ok(Outcome::Done)
    }

    fn cluster(&self, name: &str) -> Result<&'a Cluster, Stop> {
        let mut clusters = self.lab.clusters.iter();
        let names = clusters.clone().map(|cluster| cluster.name.as_str());
        clusters.find(|cluster| cluster.name.as_str() == name).ok_or_else(|| unknown("cluster", name, names))
    }

    fn node(&self, name: &str) -> Result<(&'a Cluster, &'a Node), Stop> {
        let clusters = self.lab.clusters.iter();
        let mut nodes = clusters.flat_map(|cluster| cluster.nodes.iter().map(move |node| (cluster, node)));
        let names = nodes.clone().map(|(_, node)| node.name.as_str());
        nodes.find(|(_, node)| node.name.as_str() == name).ok_or_else(|| unknown("node", name, names))
    }

    /// Reads the state of a node. `None` if it cannot be reached, twice: what is done to a node that is lost would interrupt one
    /// that is not.
    fn state(&self, node: &Node) -> Result<Option<NodeState>, Stop> {
        let mut has_answered = self.has_answered.borrow_mut();
        for _ in 0..2 {
            let answer = self.runner.ask(&look(&machine(node)))?;
            if answer.is_success() {
                has_answered.insert(node.name.to_string());
                return Ok(Some(NodeState::parse(&answer.out)));
            }
            if answer.code != Some(255) {
                return Err(self.unreadable(node, &answer.messages));
            }
        }
        if has_answered.contains(node.name.as_str()) {
            return Err(self.unreadable(node, "it has answered a moment ago. Run the command again"));
        }
        Ok(None)
    }

    fn unreadable(&self, node: &Node, messages: &str) -> Stop {
        Stop::Program(format!("cannot read the state of {} ({}): {}", node.name, node.address, messages.trim()))
    }

    /// A server of a cluster whose API answers, and what it says. Asks none of `except`.
    fn running_server(
        &self,
        cluster: &'a Cluster,
        except: Option<&Node>,
    ) -> Result<Option<(Machine, ClusterState)>, Stop> {
        let servers = cluster.nodes.iter().filter(|node| node.role == Role::Server);
        for server in servers.filter(|node| except.is_none_or(|other| other.name != node.name)) {
            if self.state(server)?.is_some_and(|state| state.has_api) {
                let server = machine(server);
                let seen = self.cluster_state(&server)?;
                return Ok(Some((server, seen)));
            }
        }
        Ok(None)
    }

    fn cluster_state(&self, server: &Machine) -> Result<ClusterState, Stop> {
        let text = self.runner.read(&look_at_cluster(server))?;
        ClusterState::parse(&text).ok_or_else(|| incomplete(server))
    }
}

fn incomplete(server: &Machine) -> Stop {
    Stop::Program(format!(
        "{} ({}) sent an answer that is incomplete; run the command again",
        server.name, server.address
    ))
}
