//! `homelab deploy`: brings nodes to their systems, one after the other.

use super::super::args::{Format, Global};
use super::super::input::Input;
use super::super::{Outcome, Stop, build, print, report_warnings};
use super::{Runner, unknown};
use clap::{Args, ValueEnum};
use model::{Join, Lab};
use operate::update::{self, Desired, Options, State, Target, Update};
use operate::{Command, Machine, Step, runbook};
use serde::Serialize;
use spec::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The help after the options.
pub(in super::super) const EXAMPLES: &str = "Examples:
  homelab deploy                          Show what would be done to all nodes
  homelab deploy --yes                    Do it
  homelab deploy gordito-worker --yes     Update one node
  homelab deploy --build-on node --yes    Build on the nodes, for example from macOS
  homelab deploy --rollback gordito-worker --yes
  homelab deploy > runbook.sh; sh -e runbook.sh";

/// Where systems are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in super::super) enum Builder {
    /// On this machine
    Here,
    /// On the node, which needs about 1 GiB of free memory; this machine evaluates the system
    Node,
}

/// The arguments of `homelab deploy`.
#[derive(Debug, Args)]
pub(in super::super) struct Deploying {
    /// Nodes to update; all if omitted
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// Run the commands instead of printing them
    #[arg(long)]
    yes: bool,
    /// Where the systems are built
    #[arg(long, value_enum, value_name = "WHERE", default_value_t = Builder::Here)]
    build_on: Builder,
    /// Drain and restart nodes whose kernel changes
    ///
    /// Only virtual machines have a kernel of their own: that of a container is its host's.
    #[arg(long)]
    reboot: bool,
    /// Return this node to the system of its previous generation
    #[arg(long, value_name = "NODE", conflicts_with_all = ["nodes", "build_on", "reboot"])]
    rollback: Option<String>,
    /// Time after which a node goes back to its previous system unless it is found healthy
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u32).range(3..=86_400))]
    rollback_after: u32,
}

/// A node in the JSON output.
#[derive(Serialize)]
struct Shown<'a> {
    node: &'a str,
    cluster: &'a str,
    system: &'a str,
    #[serde(rename = "goes-back")]
    goes_back: bool,
    notes: &'a [String],
    steps: Vec<ShownStep<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Ended>,
}

/// A step in the JSON output.
#[derive(Serialize)]
struct ShownStep<'a> {
    title: &'a str,
    command: String,
}

/// How the update of a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Ended {
    /// It had its system already.
    Unchanged,
    /// It has its system, and is healthy.
    Updated,
    /// It has its system, and is healthy, but is not restarted, or still drained.
    NotRestarted,
    /// Nothing was changed on it.
    NotTouched,
    /// It is back at the system from before.
    WentBack,
    /// It runs the new system, which is not kept yet.
    NotKept,
    /// It does not answer.
    Silent,
}

/// Runs the command.
pub(in super::super) fn run(arguments: &Deploying, global: &Global) -> Result<Outcome, Stop> {
    let input = Input::read(global)?;
    let root = input.root.clone();
    let (built, input) = build(input, None)?;
    report_warnings(&built.diagnostics, &input, global);
    check_generated(&built.tree, &root)?;
    let runner = Runner::new(&root, global);
    let targets = targets(&built.lab);
    let wanted = wanted(arguments, &targets)?;
    let states = read(&runner, &targets, &wanted)?;
    let desired = match &arguments.rollback {
        Some(name) => previous(name, &states)?,
        None => {
            check_commit(&runner, built.lab.repository.branch.as_str());
            evaluate(&runner, &wanted)?
        }
    };
    let updates = plan(arguments, &wanted, states, &desired)?;
    for update in &updates {
        report(&runner, update);
    }
    let steps: Vec<Step> = updates.iter().flat_map(Update::steps).cloned().collect();
    if steps.is_empty() {
        runner.message("all nodes have their systems: nothing to do\n");
    }
    if !arguments.yes {
        if global.format == Format::Json {
            return print(&json(&updates, &[]));
        }
        if !steps.is_empty() {
            print(&runbook(&steps))?;
            runner.message("nothing was changed: add --yes to run these commands, or run them with `sh -e`\n");
        }
        return Ok(Outcome::Done);
    }
    let (results, stopped) = deploy(&runner, &updates, arguments.rollback_after);
    if global.format == Format::Json {
        print(&json(&updates, &results))?;
    }
    stopped.map_or(Ok(Outcome::Done), Err)
}

fn json(updates: &[Update], results: &[Ended]) -> String {
    let shown = |(index, update): (usize, &'_ Update)| {
        let steps = update.steps().map(|step| (step.title.clone(), step.command.to_string())).collect::<Vec<_>>();
        serde_json::json!(Shown {
            node: update.target.name(),
            cluster: &update.target.cluster,
            system: &update.system,
            goes_back: update.goes_back,
            notes: &update.notes,
            steps: steps.iter().map(|(title, command)| ShownStep { title, command: command.clone() }).collect(),
            result: results.get(index).copied(),
        })
    };
    let nodes: Vec<_> = updates.iter().enumerate().map(shown).collect();
    format!("{:#}\n", serde_json::json!({ "nodes": nodes }))
}

/// Stops if the generated files of nodes are not those of the spec: Nix would build something else.
fn check_generated(tree: &tree::Tree, root: &Path) -> Result<(), Stop> {
    let plan = tree::compare(tree, root)?;
    let is_of_node = |path: &str| path.starts_with("nix/nodes/") || path.contains("/bootstrap/");
    let changed: Vec<_> =
        plan.changes.iter().map(|change| change.path.as_str()).filter(|path| is_of_node(path)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let list: String = changed.iter().map(|path| format!("\n  {path}")).collect();
    Err(Stop::Usage(format!("generated files differ from the spec: run `homelab generate` first{list}")))
}

/// All nodes of the lab, by name.
fn targets(lab: &Lab) -> BTreeMap<String, Target> {
    let mut targets = BTreeMap::new();
    for cluster in &lab.clusters {
        let machine = |node: &model::Node| Machine { name: node.name.to_string(), address: node.address.to_string() };
        for node in &cluster.nodes {
            let mut servers = cluster.nodes.iter().filter(|other| other.role == Role::Server);
            let drained_by = servers.clone().find(|other| other.name != node.name).or_else(|| servers.next());
            let target = Target {
                machine: machine(node),
                cluster: cluster.name.to_string(),
                is_server: node.role == Role::Server,
                is_first: !matches!(node.join, Join::Ask(_)),
                drained_by: drained_by.map(machine).filter(|_| cluster.nodes.len() > 1),
            };
            targets.insert(node.name.to_string(), target);
        }
    }
    targets
}

/// The nodes to update.
fn wanted(arguments: &Deploying, targets: &BTreeMap<String, Target>) -> Result<Vec<Target>, Stop> {
    let named: BTreeSet<&String> = arguments.nodes.iter().chain(&arguments.rollback).collect();
    if named.is_empty() {
        return Ok(targets.values().cloned().collect());
    }
    let find = |name: &String| {
        targets.get(name).cloned().ok_or_else(|| unknown("node", name, targets.keys().map(String::as_str)))
    };
    named.into_iter().map(find).collect()
}

/// Reads the state of the nodes, and of a server of each of their clusters. Reports all that do not answer.
fn read(
    runner: &Runner,
    targets: &BTreeMap<String, Target>,
    wanted: &[Target],
) -> Result<BTreeMap<String, (Target, State)>, Stop> {
    let mut nodes: Vec<&Target> = wanted.iter().collect();
    let clusters: BTreeSet<&str> = wanted.iter().map(|target| target.cluster.as_str()).collect();
    for cluster in clusters {
        let is_server = |target: &&&Target| target.is_server && target.cluster == cluster;
        if !nodes.iter().any(|target| is_server(&target)) {
            nodes.extend(targets.values().find(|target| is_server(&target)));
        }
    }
    runner.message(&format!("reading the state of {} ...\n", diagnostic::count(nodes.len(), "node")));
    let mut states = BTreeMap::new();
    let mut failures = String::new();
    for target in nodes {
        match state(runner, target) {
            Ok(state) => drop(states.insert(target.name().to_owned(), (target.clone(), state))),
            Err(reason) => {
                let _ = write!(failures, "\n  {}: {reason}", target.name());
            }
        }
    }
    if failures.is_empty() {
        return Ok(states);
    }
    Err(Stop::Program(format!(
        "nothing was changed, because the state of some nodes could not be read:{failures}\nname the nodes to update \
         without these: `homelab deploy NODE`"
    )))
}

/// The state of a node, or why it could not be read.
fn state(runner: &Runner, target: &Target) -> Result<State, String> {
    match runner.read(&target.read()) {
        Ok(text) => State::parse(&text),
        Err(Stop::Program(reason)) => Err(reason),
        Err(_) => Err("it could not be read".to_owned()),
    }
}

/// Warns if nodes and clusters would not run the same commit.
fn check_commit(runner: &Runner, branch: &str) {
    let git = |words: &[&str]| {
        let command = Command::here(["git"].iter().chain(words).copied());
        runner.ask(&command).ok().filter(super::Answer::is_success).map(|answer| answer.out.trim().to_owned())
    };
    let Some(changed) = git(&["status", "--porcelain", "--untracked-files=no"]) else { return };
    if !changed.is_empty() {
        runner.message("warning: nodes get changes that are not committed; Flux applies only what is pushed\n");
    }
    let untracked = git(&["ls-files", "--others", "--exclude-standard", "--", "flake.nix", "nix", "k8s", "spec"]);
    if let Some(first) = untracked.as_deref().and_then(|files| files.lines().next()) {
        runner.message(&format!("warning: Nix does not see untracked files, such as {first}: run `git add`\n"));
    }
    let upstream = format!("origin/{branch}");
    let range = format!("{upstream}..HEAD");
    if let Some(count) = git(&["rev-list", "--count", &range]).filter(|count| count != "0") {
        let commits = if count == "1" { "a commit is" } else { "commits are" };
        let text =
            format!("warning: {commits} not on {upstream}, which Flux applies: push when the nodes are updated\n");
        runner.message(&text);
    }
}

/// Evaluates the systems of nodes.
fn evaluate(runner: &Runner, wanted: &[Target]) -> Result<BTreeMap<String, Desired>, Stop> {
    runner.message("evaluating the systems of the nodes ...\n");
    let expression = update::expression(wanted.iter().map(Target::name));
    let features = ["nix", "--extra-experimental-features", "nix-command flakes"];
    let words = ["eval", "--json", ".#nixosConfigurations", "--apply", &expression];
    let text = runner.read(&Command::here(features.into_iter().chain(words)))?;
    let desired = update::desired(&text)
        .map_err(|reason| Stop::Program(format!("`nix eval` printed something unexpected: {reason}")))?;
    let missing: Vec<_> = wanted.iter().map(Target::name).filter(|name| !desired.contains_key(*name)).collect();
    if missing.is_empty() {
        return Ok(desired);
    }
    Err(Stop::Program(format!("nixosConfigurations of the flake has no {}", missing.join(", "))))
}

/// The system of a node's previous generation.
fn previous(name: &str, states: &BTreeMap<String, (Target, State)>) -> Result<BTreeMap<String, Desired>, Stop> {
    let state = states.get(name).map(|(_, state)| state);
    let Some((system, k3s)) = state.and_then(|state| state.previous.clone()) else {
        return Err(Stop::Program(format!("{name} has no previous generation to go back to")));
    };
    let unit = state.map(|state| state.unit.clone()).unwrap_or_default();
    let k3s = k3s.trim_start_matches('v').to_owned();
    Ok(BTreeMap::from([(name.to_owned(), Desired { system, k3s, unit, links: Vec::new() })]))
}

/// What is to be done to each node, in order.
fn plan(
    arguments: &Deploying,
    wanted: &[Target],
    mut states: BTreeMap<String, (Target, State)>,
    desired: &BTreeMap<String, Desired>,
) -> Result<Vec<Update>, Stop> {
    let mut nodes: Vec<_> = wanted.iter().filter_map(|target| states.get(target.name()).cloned()).collect();
    update::sort(&mut nodes);
    let of = |target: &Target| desired.get(target.name()).cloned();
    let pairs: Vec<_> = nodes.iter().filter_map(|(target, _)| Some((target.clone(), of(target)?))).collect();
    let problems = update::problems(&pairs, &states);
    if !problems.is_empty() {
        return Err(Stop::Usage(format!("nothing was changed:\n  {}", problems.join("\n  "))));
    }
    let options = Options {
        builds_on_node: arguments.build_on == Builder::Node,
        restarts: arguments.reboot,
        rollback_after: arguments.rollback_after,
    };
    let seen = states.values().flat_map(|(_, state)| &state.nodes);
    let cordoned: BTreeSet<String> = seen.filter(|seen| seen.is_cordoned).map(|seen| seen.name.clone()).collect();
    let of_node = |(target, desired): (Target, Desired)| {
        let (_, state) = states.remove(target.name())?;
        let is_cordoned = cordoned.contains(target.name());
        Some(update::update(target, state, &desired, options, is_cordoned))
    };
    Ok(pairs.into_iter().filter_map(of_node).collect())
}

/// Says what the update of a node means.
fn report(runner: &Runner, update: &Update) {
    let (name, state) = (update.target.name(), &update.state);
    let what = if update.steps().next().is_none() {
        "has its system"
    } else if state.current == update.system {
        "runs its system, which is not kept yet"
    } else {
        "gets another system"
    };
    runner.message(&format!("{name}: {what}\n"));
    for note in &update.notes {
        runner.message(&format!("  {note}\n"));
    }
}

/// Updates nodes until one fails. Returns how each ended, and the error.
fn deploy(runner: &Runner, updates: &[Update], rollback_after: u32) -> (Vec<Ended>, Option<Stop>) {
    let mut results = Vec::new();
    for update in updates {
        if update.steps().next().is_none() {
            results.push(Ended::Unchanged);
            continue;
        }
        match one(runner, update) {
            Ok(()) => results.push(Ended::Updated),
            Err(failure) => {
                let (ended, what) = give_up(runner, update, failure.was_activated, rollback_after);
                results.push(ended);
                if ended != Ended::Updated {
                    results.resize(updates.len(), Ended::NotTouched);
                    let stop = stopped(updates, &results, update, &failure.reason, &what);
                    return (results, Some(stop));
                }
            }
        }
        if let Err(stop) = runner.run(&update.restart) {
            let reason = failure(true, stop).reason;
            results.pop();
            results.push(Ended::NotRestarted);
            results.resize(updates.len(), Ended::NotTouched);
            let what = "it has its system, but its restart was interrupted";
            return (results.clone(), Some(stopped(updates, &results, update, &reason, what)));
        }
        runner.message(&format!("{}: updated\n", update.target.name()));
    }
    (results, None)
}

/// Why a node could not be updated.
struct Failure {
    /// Whether the system may have been activated.
    was_activated: bool,
    reason: String,
}

fn failure(was_activated: bool, stop: Stop) -> Failure {
    let reason = match stop {
        Stop::Program(reason) => reason,
        _ => "a command could not be run".to_owned(),
    };
    Failure { was_activated, reason }
}

/// Updates a node.
fn one(runner: &Runner, update: &Update) -> Result<(), Failure> {
    runner.run(&update.before).map_err(|stop| failure(false, stop))?;
    // A connection may be lost since the network of the node changes. The check shows what became of it.
    let activated = match &update.activate {
        Some(step) => runner.run(std::slice::from_ref(step)).map_err(|stop| failure(true, stop)),
        None => Ok(()),
    };
    if let Err(lost) = &activated {
        runner.message(&format!("{}\n", lost.reason));
    }
    match (runner.run(&update.after), activated) {
        (Ok(()), _) => Ok(()),
        (Err(stop), Ok(())) => Err(failure(true, stop)),
        (Err(_), Err(first)) => Err(first),
    }
}

/// Finds out what became of a node whose update failed, and returns it to the system from before.
fn give_up(runner: &Runner, update: &Update, was_activated: bool, rollback_after: u32) -> (Ended, String) {
    let (target, system, before) = (&update.target, update.system.as_str(), &update.state);
    let name = target.name();
    if !was_activated {
        return (Ended::NotTouched, "it runs the system from before".to_owned());
    }
    let limit = Duration::from_secs(u64::from(rollback_after)) * 3 / 2;
    let pause = Duration::from_secs(5).min(limit / 10);
    let start = Instant::now();
    let mut is_asked = false;
    runner.message(&format!("{name}: finding out what became of it ...\n"));
    loop {
        match state(runner, target) {
            // Only the answer was lost.
            Ok(state) if state.has(system) => return (Ended::Updated, String::new()),
            Ok(state) if before.current == system || state.boots == system => {
                return (Ended::NotKept, "it runs its system, but may boot the one before".to_owned());
            }
            Ok(state) if state.current == before.current && state.tries.is_none() => {
                let (ended, what) = match state.was_tried(system) {
                    true => (Ended::WentBack, "it went back to the system from before"),
                    false => (Ended::NotTouched, "it runs the system from before"),
                };
                let k3s = if state.k3s == before.k3s { String::new() } else { format!("; k3s is {}", state.k3s) };
                return (ended, format!("{what}{k3s}"));
            }
            Ok(_) if !update.goes_back => {
                let what = "it runs the new system, and does not go back over a minor version of k3s";
                return (Ended::NotKept, what.to_owned());
            }
            Ok(_) if !is_asked => {
                runner.message(&format!("{name}: going back to the system from before ...\n"));
                is_asked = runner.ask(&target.revert(system)).is_ok_and(|answer| answer.is_success());
            }
            _ => {}
        }
        if start.elapsed() + pause > limit {
            break;
        }
        std::thread::sleep(pause);
    }
    let how = if update.goes_back {
        format!("it goes back by itself within {rollback_after} s of the activation, or when it restarts")
    } else {
        "it does not go back over a minor version of k3s".to_owned()
    };
    (Ended::Silent, format!("it does not answer; {how}. Look at it from its host"))
}

/// The message of a run that stopped: what became of each node.
fn stopped(updates: &[Update], results: &[Ended], failed: &Update, reason: &str, what: &str) -> Stop {
    let name = failed.target.name();
    let is_restart = results.contains(&Ended::NotRestarted);
    let not_done = if is_restart { "could not be restarted" } else { "could not be updated" };
    let mut text = format!("{name}: {reason}\n\n{name} {not_done}: {what}");
    for (ended, title) in [
        (Ended::Updated, "updated, and healthy with their new systems"),
        (Ended::Unchanged, "had their systems already"),
        (Ended::NotTouched, "not touched"),
    ] {
        let of_node = |(update, other): (&Update, &Ended)| {
            let other_name = update.target.name();
            (*other == ended && other_name != name).then(|| other_name.to_owned())
        };
        let names: Vec<_> = updates.iter().zip(results).filter_map(of_node).collect();
        if !names.is_empty() {
            let _ = write!(text, "\n{title}: {}", names.join(", "));
        }
    }
    text += "\nfix the cause, and run the same command again: it goes on from the state that it finds";
    Stop::Program(text)
}
