//! `homelab restore`: brings back what was lost.

use super::super::args::{Format, Global};
use super::super::input::Input;
use super::super::{Outcome, Stop, build, output, print, report_warnings};
use super::Runner;
use clap::{Args, Subcommand, ValueHint};
use dialoguer::console::Term;
use model::contract::SECRETS_ON_DISK;
use model::{Cluster, Lab, Node, Origin, VolumePlace};
use operate::restore::{
    Client, ClusterState, Database, DatabaseState, LostNode, LostServer, Member, MountState, NodeState, Other, Plan,
    RestoredFrom, Secret, Volume, VolumeState, list_snapshots, look, look_at_cluster, look_at_database, look_at_mounts,
    look_at_volume, plan_database, plan_group, plan_node, plan_server, plan_storage, plan_volume, snapshots,
};
use operate::{Command, Machine, SecretString, runbook};
use serde_json::json;
use spec::{Role, Spec};
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
        #[arg(long, value_name = "TIME")]
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

/// The value of `--replace` names what is replaced.
fn check_replaced(replace: Option<&str>, name: &str) -> Result<(), Stop> {
    match replace {
        Some(other) if other != name => {
            Err(Stop::Usage(format!("`--replace {other}` is not `{name}`, which is restored")))
        }
        _ => Ok(()),
    }
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Stop {
    let near = diagnostic::did_you_mean(name, names);
    let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Stop::Usage(format!("there is no {what} `{name}`{hint}"))
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
            let plan = next(yes)?;
            self.report(&plan)?;
            let Some(phase) = plan.phases.first() else { return self.finish(&done) };
            if !yes {
                return self.show(&plan);
            }
            let titles: Vec<_> = phase.iter().map(|step| step.title.clone()).collect();
            self.runner.run(phase)?;
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

    fn plan_node(&self, cluster: &'a Cluster, node: &'a Node) -> Result<Plan, Stop> {
        let via = self.running_server(cluster, Some(node))?;
        let state = if via.is_some() { self.state(node)? } else { None };
        Ok(plan_node(&LostNode { cluster, node, state, via }))
    }

    fn plan_server(
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
    fn secrets(
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

    fn snapshots(&self, server: &Machine) -> Result<Vec<operate::restore::Snapshot>, Stop> {
        let text = self.runner.read(&list_snapshots(server))?;
        snapshots(&text).ok_or_else(|| incomplete(server))
    }

    /// Lists the snapshots in the repository, which all servers of a cluster share.
    fn list_snapshots(&self, cluster: &'a Cluster, node: &Node) -> Result<Outcome, Stop> {
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
            let line = |one: &operate::restore::Snapshot| {
                format!("{}  {}  {} ago\n", one.id, one.node, operate::time::age(state.now - one.at))
            };
            return print(&listed.iter().map(line).collect::<String>());
        }
        Err(Stop::Program(format!(
            "no server of {} answers, and only they read the repository: `homelab restore server {}` creates it again",
            cluster.name, node.name
        )))
    }

    /// The nodes of hosts, each with its own command.
    fn plan_hosts(&self, hosts: &[&model::Host], arguments: &SecretArguments) -> Result<Plan, Stop> {
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
                let joins = matches!(node.join, model::Join::Ask(_));
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

    fn plan_storage(&self, name: &str) -> Result<Plan, Stop> {
        let names = self.lab.storage.iter().map(|storage| storage.name.as_str());
        let Some(storage) = self.lab.storage.iter().find(|storage| storage.name.as_str() == name) else {
            return Err(unknown("storage", name, names));
        };
        let mut clients = Vec::new();
        for cluster in &self.lab.clusters {
            let apps = apps_on(cluster, name);
            if apps.is_empty() {
                continue;
            }
            let Some((server, _)) = self.running_server(cluster, None)? else {
                return Err(Stop::Program(format!("no server of {} serves its API", cluster.name)));
            };
            let text = self.runner.read(&Client::look(&server))?;
            let kustomizations = Client::parse(&text).ok_or_else(|| incomplete(&server))?;
            let mut nodes = Vec::new();
            for node in cluster.nodes.iter().filter(|node| node.mounts_nfs()) {
                let answer = self.runner.ask(&look_at_mounts(&machine(node), &storage.address.to_string()))?;
                let host = self.lab.hosts.iter().find(|host| host.name == node.host);
                if let Some(host) = host.filter(|_| answer.is_success()) {
                    let host = Machine { name: host.name.to_string(), address: host.address.to_string() };
                    nodes.push((node, host, MountState::parse(&answer.out)));
                }
            }
            clients.push(Client { server, apps, kustomizations, nodes });
        }
        Ok(plan_storage(name, &clients))
    }

    fn plan_database(&self, cluster: &'a Cluster, to: &str, replaces: bool) -> Result<Plan, Stop> {
        let Some(database) = self.database(cluster)? else {
            return Err(Stop::Usage(format!(
                "{} has no `platform.postgres.backup`, so its databases cannot be restored",
                cluster.name
            )));
        };
        let Some((server, _)) = self.running_server(cluster, None)? else {
            return Err(Stop::Program(format!(
                "no server of {} serves its API: restore it first, with `homelab restore server`",
                cluster.name
            )));
        };
        let text = self.runner.read(&look_at_database(&server))?;
        let state = DatabaseState::parse(&text).ok_or_else(|| incomplete(&server))?;
        Ok(plan_database(&server, &database, &state, to, replaces))
    }

    /// What the spec and Git say of the databases of a cluster.
    fn database(&self, cluster: &Cluster) -> Result<Option<Database>, Stop> {
        let Ok(parsed) = spec::parse(&self.input.bytes) else { return Ok(None) };
        let Some((incarnation, restore)) = incarnation(&parsed.spec, cluster.name.as_str()) else { return Ok(None) };
        let folder = format!("k8s/{}/platform/postgres", cluster.name);
        let git = |words: &[&str]| self.runner.ask(&Command::here(["git"].into_iter().chain(words.iter().copied())));
        let changes = git(&["status", "--porcelain", "--", &folder])?;
        let commit = git(&["rev-parse", "HEAD"])?;
        let is_committed = changes.is_success() && changes.out.trim().is_empty() && commit.is_success();
        let commit = is_committed.then(|| commit.out.trim().to_owned());
        Ok(Some(Database { cluster: cluster.name.to_string(), incarnation, restore, commit }))
    }

    fn volume(&self, app: &str) -> Result<(Machine, Volume), Stop> {
        let Some((cluster, app)) = app.split_once('/') else {
            return Err(Stop::Usage(format!("name the app with its cluster, as CLUSTER/{app}")));
        };
        let cluster = self.cluster(cluster)?;
        let mut apps = cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App).map(|(_, app)| app);
        let names = apps.clone().map(|app| app.name.as_str());
        let Some(found) = apps.find(|found| found.name.as_str() == app) else {
            return Err(unknown("app", app, names));
        };
        let object = found.object_name.as_ref().unwrap_or(&found.name).to_string();
        let flow = found.flow.iter().flat_map(|flow| &flow.volumes);
        let claims: Vec<_> =
            flow.filter(|volume| volume.backup).map(|volume| format!("{object}-{}", volume.name)).collect();
        if claims.is_empty() {
            return Err(Stop::Usage(format!("{}/{app} has no volumes that Velero backs up", cluster.name)));
        }
        let units =
            cluster.units.iter().filter(|bound| bound.origin == Origin::App && bound.unit.id.as_str() == object);
        let objects = units.flat_map(|bound| bound.unit.objects());
        let deployments = objects.filter(|object| object.kind.as_str() == "Deployment");
        let deployments = deployments.map(|object| object.name.to_string()).collect();
        let Some((server, _)) = self.running_server(cluster, None)? else {
            return Err(Stop::Program(format!("no server of {} serves its API", cluster.name)));
        };
        let volume = Volume { cluster: cluster.name.to_string(), app: app.to_owned(), object, claims, deployments };
        Ok((server, volume))
    }

    fn volume_state(&self, server: &Machine, volume: &Volume) -> Result<VolumeState, Stop> {
        let text = self.runner.read(&look_at_volume(server, volume))?;
        VolumeState::parse(&text, volume).ok_or_else(|| incomplete(server))
    }

    fn plan_volume(&self, server: &Machine, volume: &Volume, from: Option<&str>, replaces: bool) -> Result<Plan, Stop> {
        let state = self.volume_state(server, volume)?;
        Ok(plan_volume(server, volume, &state, from, replaces))
    }
}

fn incomplete(server: &Machine) -> Stop {
    Stop::Program(format!(
        "{} ({}) sent an answer that is incomplete; run the command again",
        server.name, server.address
    ))
}

/// The incarnation of the PostgreSQL cluster, and what it is restored from.
fn incarnation(spec: &Spec, cluster: &str) -> Option<(u32, Option<RestoredFrom>)> {
    let entry = spec.clusters.iter().find(|entry| entry.name.as_str() == cluster)?;
    let backup = entry.value.platform.postgres.as_ref()?.given_backup()?;
    let restore = backup
        .restore
        .as_ref()
        .map(|restore| (restore.from.get(), restore.to.as_ref().map(|time| time.value.to_string())));
    Some((backup.incarnation.get().get(), restore))
}

/// The names of the objects of a cluster's apps that mount network storage.
fn apps_on(cluster: &Cluster, storage: &str) -> Vec<String> {
    let apps = cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App).map(|(_, app)| app);
    let mounts = |place: &VolumePlace| match place {
        VolumePlace::Claim { storage: Some(name), .. } | VolumePlace::Share { storage: name, .. } => {
            name.as_str() == storage
        }
        VolumePlace::Claim { storage: None, .. }
        | VolumePlace::Folder(_)
        | VolumePlace::Scratch(_)
        | VolumePlace::Device(_) => false,
    };
    let clients =
        apps.filter(|app| app.flow.iter().flat_map(|flow| &flow.volumes).any(|volume| mounts(&volume.source)));
    clients.map(|app| app.object_name.as_ref().unwrap_or(&app.name).to_string()).collect()
}
