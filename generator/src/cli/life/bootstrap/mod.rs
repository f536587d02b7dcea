//! `homelab bootstrap`: the secrets on the disks of nodes, and the start of a cluster.

mod deploy_keys;
mod sources;

use super::super::args::{Format, Global};
use super::super::{Outcome, Stop, build_alone, print, prompt};
use super::{Runner, unknown, watch};
use clap::{Args, ValueHint};
use deploy_keys::DeployKeys;
use model::contract::SECRETS_ON_DISK;
use model::{Cluster, DiskValue};
use operate::bootstrap::git::Repository;
use operate::bootstrap::{self, Given, Keep, Member, Origin, Request, Secret, State};
use operate::{Command, SecretString, Step, Wait, runbook};
use serde_json::json;
use sources::Sources;
use spec::Role;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(in super::super) const EXAMPLES: &str = "Where values come from, in this order:
  --secrets-dir DIR      DIR/infisical/client-id, DIR/flux-git/identity, ...
  --secrets-from FILE    a mapping in YAML or JSON, `infisical/client-id: VALUE`; - for stdin
  the environment        HOMELAB_SECRET_INFISICAL_CLIENT_ID=VALUE, for infisical/client-id
  generated              tokens of k3s, deploy keys, the password of backups, on the first server
  the terminal           asks for what is left, without showing what you type
Never from arguments, which other processes can read. Files that exist on the nodes are kept.

Examples:
  homelab bootstrap gordito                      Print the commands that are due
  homelab bootstrap gordito --yes                Run them, and wait until the cluster is ready
  homelab bootstrap gordito --yes --keep ~/lab   Also copy what must be kept outside the lab
  pass lab/gordito | homelab bootstrap gordito --yes --secrets-from -
  homelab bootstrap gordito --yes --replace infisical/client-secret";

/// The arguments of `homelab bootstrap`.
#[derive(Debug, Args)]
pub(in super::super) struct BootstrapArguments {
    /// Name of the cluster
    pub(super) cluster: String,
    /// Run the commands, instead of printing them
    #[arg(long)]
    yes: bool,
    /// Folder with values, in files that are named as on the nodes
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    secrets_dir: Option<PathBuf>,
    /// File with a mapping from paths to values, in YAML or JSON; `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secrets_from: Option<PathBuf>,
    /// Replace this file on the nodes, although it exists. Can be repeated
    #[arg(long, value_name = "PATH")]
    replace: Vec<String>,
    /// Accept this host key of the Git server, which you have compared with what its operator publishes. Can be repeated
    #[arg(long, value_name = "SHA256:...")]
    host_key: Vec<String>,
    /// Leave out this node, which does not exist yet. Can be repeated
    #[arg(long, value_name = "NODE")]
    skip: Vec<String>,
    /// Copy what must be kept outside the lab to DIR/CLUSTER, which only you can read
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    keep: Option<PathBuf>,
    /// Do not wait until the cluster is ready
    #[arg(long)]
    no_wait: bool,
}

/// How long a cluster may take to become ready. The first start pulls all images.
const LIMIT: Duration = Duration::from_secs(45 * 60);

/// How long k3s may take to answer.
const API: Wait = Wait { pause: Duration::from_secs(5), limit: Duration::from_secs(600) };

/// Runs the command.
pub(in super::super) fn run(arguments: &BootstrapArguments, global: &Global) -> Result<Outcome, Stop> {
    let built = build_alone(global)?;
    let cluster = find(&built.lab.clusters, &arguments.cluster)?;
    let root = fs::canonicalize(&global.root).unwrap_or_else(|_| global.root.clone());
    check_generated(&built.tree, cluster, &root)?;
    let runner = Runner::new(&root, global);
    let members = members(cluster, &arguments.skip)?;
    let secrets = bootstrap::secrets(cluster);
    let mut sources = Sources::read(arguments, &secrets, &runner)?;
    let work = Work {
        arguments,
        global,
        cluster,
        repository: Repository::parse(built.lab.repository.url.as_str()),
        replace: arguments.replace.iter().cloned().collect(),
        keep: arguments.keep.as_deref().map(|folder| keep(folder, cluster, &secrets, &runner)).transpose()?,
        states: read(&runner, &members, &secrets)?,
        members,
        secrets,
        runner: &runner,
    };

    let can_ask = prompt::can_ask();
    let (missing, host_keys) = work.check(&mut sources, can_ask)?;
    if arguments.yes {
        sources.ask(&missing, &runner)?;
    } else {
        let placeholder =
            |secret: &Secret| (secret.path.clone(), Given { value: SecretString::default(), origin: Origin::Terminal });
        sources.given.extend(missing.iter().map(placeholder));
    }
    let request = work.request(&sources, host_keys.as_deref());
    let (steps, new) = (bootstrap::steps(&request), bootstrap::renewed(&request));
    let waits = !arguments.no_wait && arguments.skip.is_empty();
    let backups = if waits { work.backups() } else { Vec::new() };
    if !arguments.yes {
        return work.show(&steps, &backups, &missing, &new);
    }
    // What was generated before a failure is not generated again.
    let done = runner.run(&steps);
    work.remind(&new);
    done?;
    let keys = DeployKeys {
        repository: work.repository.as_ref(),
        members: &work.members,
        secrets: &work.secrets,
        runner: &runner,
    };
    let keys = keys.check(cluster.name.as_str(), can_ask)?;
    if waits {
        watch::until_ready(&runner, &built.lab, cluster, LIMIT)?;
        runner.run(&backups)?;
    }
    work.report(&steps, &backups, &keys)
}

/// What the command works on.
struct Work<'a> {
    arguments: &'a BootstrapArguments,
    global: &'a Global,
    cluster: &'a Cluster,
    members: Vec<Member>,
    states: Vec<State>,
    secrets: Vec<Secret>,
    repository: Option<Repository>,
    replace: BTreeSet<String>,
    keep: Option<Keep>,
    runner: &'a Runner,
}

impl Work<'_> {
    fn request<'a>(&'a self, sources: &'a Sources, host_keys: Option<&'a str>) -> Request<'a> {
        Request {
            cluster: self.cluster.name.as_str(),
            members: &self.members,
            states: &self.states,
            secrets: &self.secrets,
            given: &sources.given,
            host_keys,
            replace: &self.replace,
            keep: self.keep.as_ref(),
        }
    }

    /// Reports everything that is wrong at once. Returns the secrets whose values have to be asked for, and the host keys of the
    /// Git server, if nodes need them.
    fn check(&self, sources: &mut Sources, can_ask: bool) -> Result<(Vec<Secret>, Option<String>), Stop> {
        let mut problems = std::mem::take(&mut sources.problems);
        let request = self.request(sources, None);
        problems.extend(bootstrap::problems(&request));
        let required = bootstrap::required(&request).into_iter();
        let (unknown, missing): (Vec<_>, Vec<_>) =
            required.cloned().partition(|secret| secret.value == DiskValue::HostKeys);
        let mut host_keys = None;
        if let (false, Some(repository)) = (unknown.is_empty(), &self.repository) {
            match deploy_keys::host_keys(self.runner, repository, self.arguments)? {
                Ok(keys) => host_keys = Some(keys),
                Err(problem) => problems.push(problem),
            }
        }
        if self.arguments.yes && !can_ask && !missing.is_empty() {
            problems.push(nothing_can_ask(&missing));
        }
        if !problems.is_empty() {
            return Err(Stop::Usage(listed("cannot bootstrap the cluster; nothing has changed", &problems)));
        }
        let notes = sources.notes.iter().cloned().chain(bootstrap::notes(&request));
        notes.for_each(|note| self.runner.message(&format!("{note}\n")));
        self.note_kept(sources);
        Ok((missing, host_keys))
    }

    /// Says which given values have no effect, because their files exist.
    fn note_kept(&self, sources: &Sources) {
        let nodes = || self.members.iter().zip(&self.states);
        let has = |secret: &&Secret| {
            nodes().any(|(member, state)| secret.is_on(member.role) && state.file(&secret.path).is_some())
        };
        let is_given =
            |secret: &&Secret| sources.given.contains_key(&secret.path) && !self.replace.contains(&secret.path);
        let kept: Vec<_> =
            self.secrets.iter().filter(is_given).filter(has).map(|secret| secret.path.as_str()).collect();
        if !kept.is_empty() {
            let list = kept.join(", ");
            self.runner.message(&format!("kept, since they exist: {list}; `--replace PATH` writes the given value\n"));
        }
    }

    /// The steps that start the first backup of each server that has none, once k3s runs.
    fn backups(&self) -> Vec<Step> {
        if self.cluster.backup.is_none() {
            return Vec::new();
        }
        let servers = self.members.iter().zip(&self.states).filter(|(member, _)| member.role == Role::Server);
        let due = servers.filter(|(_, state)| !state.has_backup);
        due.flat_map(|(member, _)| {
            let (name, machine) = (&member.machine.name, &member.machine);
            let ready = Command::on(machine, ["k3s", "kubectl", "get", "--raw", "/readyz"]);
            let start = Command::on(machine, ["systemctl", "start", "homelab-backup"]);
            [
                Step::new(format!("wait until k3s answers on {name}"), ready).until(API),
                Step::new(format!("back up {name} for the first time"), start).long(),
            ]
        })
        .collect()
    }

    /// Prints what is due.
    fn show(&self, steps: &[Step], backups: &[Step], missing: &[Secret], new: &[&Secret]) -> Result<Outcome, Stop> {
        let name = &self.cluster.name;
        if self.global.format == Format::Json {
            let steps: Vec<_> = steps.iter().chain(backups).map(step).collect();
            let missing: Vec<_> = missing
                .iter()
                .map(|secret| json!({ "path": secret.path, "what": secret.what, "variable": secret.variable() }))
                .collect();
            return print(&format!("{:#}\n", json!({ "cluster": name.as_str(), "steps": steps, "asked": missing })));
        }
        if steps.is_empty() && backups.is_empty() {
            return print(&format!("the nodes of {name} have all their secrets; nothing is left to do\n"));
        }
        if !missing.is_empty() {
            let list: String = missing.iter().map(|secret| format!("  {}: {}\n", secret.path, secret.what)).collect();
            self.runner.message(&format!("values that `homelab bootstrap {name} --yes` asks for, or reads:\n{list}"));
        }
        let all: Vec<_> = steps.iter().chain(backups).cloned().collect();
        self.runner.message(&format!(
            "nothing has changed. To run these commands, add --yes: then `homelab` also waits until {name} is ready.\n\n"
        ));
        print(&(runbook(&all) + &self.unregistered(new)))
    }

    /// Comments of the runbook for new deploy keys, which only people can add to the repository.
    fn unregistered(&self, new: &[&Secret]) -> String {
        let mut text = String::new();
        for secret in new {
            let (DiskValue::DeployKey { writes }, Some(server)) = (secret.value, self.members.first()) else {
                continue;
            };
            let show = Command::on(&server.machine, ["cat".to_owned(), format!("{}.pub", secret.file())]);
            let rights = deploy_keys::rights(writes);
            let page = self.repository.as_ref().and_then(Repository::page);
            let page = page.unwrap_or_else(|| "in the settings of the repository".to_owned());
            text += &format!("\n# Add the deploy key {} {rights}: {page}\n# {show}\n", secret.path);
        }
        text
    }

    /// Says what must be kept outside the lab.
    fn remind(&self, new: &[&Secret]) {
        let new: Vec<_> = new.iter().filter(|secret| secret.is_kept).collect();
        let (false, None, Some(server)) = (new.is_empty(), &self.keep, self.members.first()) else { return };
        let show = |secret: &&&Secret| {
            format!("  {}    # {}\n", Command::on(&server.machine, ["cat".to_owned(), secret.file()]), secret.what)
        };
        self.runner.message(&format!(
            "keep copies of these outside the lab, such as in a password manager: without them, lost servers cannot be restored\n{}",
            new.iter().map(show).collect::<String>()
        ));
    }

    /// Reports what was done.
    fn report(&self, steps: &[Step], backups: &[Step], keys: &[deploy_keys::Checked]) -> Result<Outcome, Stop> {
        let name = &self.cluster.name;
        if self.global.format == Format::Json {
            let done: Vec<_> = steps.iter().chain(backups).map(step).collect();
            let keys: Vec<_> = keys.iter().map(deploy_keys::Checked::json).collect();
            return print(&format!("{:#}\n", json!({ "cluster": name.as_str(), "done": done, "deploy-keys": keys })));
        }
        let changed = steps.len() + backups.len();
        let what = if changed == 0 {
            format!("the nodes of {name} have all their secrets; nothing was left to do\n")
        } else {
            format!(
                "{name}: {} done on {}\n",
                diagnostic::count(changed, "step"),
                diagnostic::count(self.states.len(), "node")
            )
        };
        let waits = !self.arguments.no_wait && self.arguments.skip.is_empty();
        let next =
            if waits { String::new() } else { format!("`homelab status {name}` shows when the cluster is ready\n") };
        print(&(what + &next))
    }
}

fn step(step: &Step) -> serde_json::Value {
    json!({ "title": step.title, "command": step.command.to_string(), "effect": format!("{:?}", step.effect).to_lowercase() })
}

/// Finds a cluster by its name.
fn find<'a>(clusters: &'a [Cluster], name: &str) -> Result<&'a Cluster, Stop> {
    let names = || clusters.iter().map(|cluster| cluster.name.as_str());
    clusters.iter().find(|cluster| cluster.name.as_str() == name).ok_or_else(|| unknown("cluster", name, names()))
}

/// The nodes of the cluster without those that are left out.
fn members(cluster: &Cluster, skip: &[String]) -> Result<Vec<Member>, Stop> {
    let mut members = bootstrap::members(cluster);
    for name in skip {
        let before = members.len();
        members.retain(|member| member.machine.name != *name);
        if members.len() == before {
            return Err(Stop::Usage(format!("--skip {name}: {} has no such node", cluster.name)));
        }
    }
    let first = bootstrap::members(cluster).into_iter().next();
    if members.first() != first.as_ref() {
        return Err(Stop::Usage("--skip: the first server is needed, since the others join it".to_owned()));
    }
    Ok(members)
}

/// Checks that the nodes were built from this spec.
fn check_generated(tree: &tree::Tree, cluster: &Cluster, root: &Path) -> Result<(), Stop> {
    for node in &cluster.nodes {
        for file in ["default.nix", "k3s.yaml"] {
            let path = format!("nix/nodes/{}/{file}", node.name);
            let expected = tree.get(&path).map(|file| file.text.as_str());
            if fs::read_to_string(root.join(&path)).ok().as_deref() != expected {
                return Err(Stop::Usage(format!(
                    "{path} differs from the spec: run `homelab generate`, commit, and update the node"
                )));
            }
        }
    }
    Ok(())
}

/// Reads what the nodes have. Reports all that do not answer.
fn read(runner: &Runner, members: &[Member], secrets: &[Secret]) -> Result<Vec<State>, Stop> {
    let salt = salt()?;
    runner.message(&format!("reading the state of {} ...\n", diagnostic::count(members.len(), "node")));
    let mut states = Vec::new();
    let mut problems = Vec::new();
    for member in members {
        let command = bootstrap::list(member, secrets, &salt).connecting_within(10);
        match runner.read(&command) {
            Ok(text) => match State::parse(&text) {
                Ok(state) => states.push(state),
                Err(reason) => problems.push(format!("{}: {reason}", member.machine.name)),
            },
            Err(Stop::Program(reason)) => problems.push(format!("{}: {reason}", member.machine.name)),
            Err(stop) => return Err(stop),
        }
    }
    if problems.is_empty() {
        return Ok(states);
    }
    let hint = "create the nodes first, or leave out those that do not exist yet with --skip NODE";
    Err(Stop::Program(format!(
        "{}\n{hint}",
        listed("cannot read the state of the nodes; nothing has changed", &problems)
    )))
}

/// A random text that makes the digests of a run useless for anything else.
fn salt() -> Result<String, Stop> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Stop::Program(format!("cannot read /dev/urandom: {error}")))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Where copies are kept: a folder of the cluster in a folder outside of the repository.
fn keep(folder: &Path, cluster: &Cluster, secrets: &[Secret], runner: &Runner) -> Result<Keep, Stop> {
    let wrong = |reason: &str| Stop::Usage(format!("--keep {}: {reason}", folder.display()));
    let parent = folder.ancestors().skip(1).find(|parent| parent.exists() || parent.as_os_str().is_empty());
    let existing = if folder.exists() { Some(folder) } else { parent };
    let existing = existing.filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = fs::canonicalize(existing).map_err(|error| wrong(&error.to_string()))?;
    if let Some(problem) = sources::in_repository(&real, runner)? {
        return Err(wrong(&problem));
    }
    let rest = folder.strip_prefix(existing).unwrap_or(folder);
    let folder = if rest.as_os_str().is_empty() { real } else { real.join(rest) };
    let of_cluster = folder.join(cluster.name.as_str());
    let missing = [&folder, &of_cluster].into_iter().filter(|path| !path.exists());
    let missing = missing.map(|path| path.display().to_string()).collect();
    let existing = secrets.iter().filter(|secret| of_cluster.join(&secret.path).exists());
    let existing = existing.map(|secret| secret.path.clone()).collect();
    Ok(Keep { missing, folder: of_cluster.display().to_string(), existing })
}

/// The message for values that are missing when nothing can ask for them.
fn nothing_can_ask(missing: &[Secret]) -> String {
    let list: String = missing
        .iter()
        .map(|secret| format!("\n    {} ({}): ${}", secret.path, secret.what, secret.variable()))
        .collect();
    format!("these values are missing; give them with --secrets-dir, --secrets-from or the environment:{list}")
}

/// A title, and a list below it.
fn listed(title: &str, items: &[String]) -> String {
    let items: String = items.iter().map(|item| format!("\n  {item}")).collect();
    format!("{title}:{items}")
}

/// The path of a secret on a node, for messages.
fn on_disk(path: &str) -> String {
    format!("{SECRETS_ON_DISK}/{path}")
}
