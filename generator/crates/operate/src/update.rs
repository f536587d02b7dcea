//! Updates of nodes: what their state and their new system mean, and the steps from one to the other.

use crate::{Command, Effect, Machine, Script, Step, Wait};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// The exit code of a check that will not succeed any more.
const HOPELESS: i32 = 3;

/// A node that can be updated.
#[derive(Debug, Clone)]
pub struct Target {
    /// How it is reached.
    pub machine: Machine,
    /// Its cluster.
    pub cluster: String,
    /// Whether it runs the control plane.
    pub is_server: bool,
    /// Whether the other nodes of its cluster join through it.
    pub is_first: bool,
    /// The server that can drain it; `None` if its pods have nowhere to go.
    pub drained_by: Option<Machine>,
}

impl Target {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.machine.name
    }

    /// A call of the script that runs on nodes.
    fn script<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        Command::script(&self.machine, Script::UpdateNode, arguments.into_iter().map(str::to_owned))
    }

    /// The command that prints the node's state.
    pub fn read(&self) -> Command {
        self.script(["state"]).connecting_within(10)
    }

    /// The command that returns the node from a system that is tried to the one before.
    pub fn revert(&self, system: &str) -> Command {
        self.script(["revert", system]).connecting_within(10)
    }
}

/// The system that a node should have, as Nix evaluates it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Desired {
    /// Its path in the Nix store.
    pub system: String,
    /// The version of k3s, such as `1.35.6+k3s1`.
    pub k3s: String,
    /// The digest of the unit of k3s.
    pub unit: String,
    /// The kernel, the initrd and the kernel's modules; nothing in a container.
    pub links: Vec<String>,
}

/// The expression that makes of all nodes of the flake what [`Desired`] has, for the named ones.
pub fn expression<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("\"{name}\" = null;")).collect();
    format!(
        r#"nodes: builtins.mapAttrs (_: {{ config, ... }}: {{
  system = config.system.build.toplevel.outPath;
  k3s = config.services.k3s.package.version;
  unit = builtins.hashString "sha256" (builtins.unsafeDiscardStringContext config.systemd.units."k3s.service".text);
  links = if config.boot.kernel.enable then [
    "${{config.boot.kernelPackages.kernel}}/${{config.system.boot.loader.kernelFile}}"
    "${{config.system.build.initialRamdisk}}/${{config.system.boot.loader.initrdFile}}"
    "${{config.system.modulesTree}}"
  ] else [ ];
}}) (builtins.intersectAttrs {{ {} }} nodes)"#,
        names.join(" ")
    )
}

/// Reads what Nix printed for [`expression`].
///
/// # Errors
/// If it is not what the expression makes.
pub fn desired(json: &str) -> Result<BTreeMap<String, Desired>, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

/// A node of Kubernetes, as a server sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its name.
    pub name: String,
    /// Whether it is ready.
    pub is_ready: bool,
    /// The version of its kubelet.
    pub version: String,
    /// Whether it is a server.
    pub is_server: bool,
    /// Whether it is cordoned: no new pods run on it.
    pub is_cordoned: bool,
}

/// The state of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The system that it runs.
    pub current: String,
    /// The system that it boots.
    pub boots: String,
    /// The state of the unit of k3s, such as `active`.
    pub k3s: String,
    /// The version of k3s, such as `v1.35.6+k3s1`.
    pub version: String,
    /// The digest of the unit of k3s.
    pub unit: String,
    /// What it only uses after a restart, of the system that it has booted; nothing in a container.
    pub links: Vec<String>,
    /// The system that is being tried.
    pub tries: Option<String>,
    /// Whether keeping a system was interrupted.
    pub is_unfinished: bool,
    /// Whether its state is backed up by its own unit.
    pub has_backup: bool,
    /// The system of the generation before, and its version of k3s.
    pub previous: Option<(String, String)>,
    /// The system that was tried last since the node has started.
    pub tried: Option<String>,
    /// The units that have failed.
    pub failed: Vec<String>,
    /// The nodes of its cluster, if it is a server whose API answers.
    pub nodes: Vec<Seen>,
}

impl State {
    /// Reads what the script printed.
    ///
    /// # Errors
    /// If it does not say which system the node runs.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut state = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            let mut words = value.split_whitespace().map(str::to_owned);
            let mut word = || words.next().unwrap_or_default();
            match key {
                "current" => state.current = word(),
                "boots" => state.boots = word(),
                "k3s" => state.k3s = word(),
                "k3s-version" => state.version = word(),
                "k3s-unit" => state.unit = word(),
                "restart-links" => state.links = words.collect(),
                "tries" => state.tries = Some(word()),
                "tried" => state.tried = Some(word()),
                "unfinished" => state.is_unfinished = true,
                "backup" => state.has_backup = true,
                "previous" => state.previous = Some((word(), word())).filter(|(system, _)| !system.is_empty()),
                "failed" => state.failed.push(word()),
                "node" => {
                    let (name, ready, version) = (word(), word(), word());
                    let rest: Vec<_> = words.collect();
                    let has = |text: &str| rest.iter().any(|word| word == text);
                    let (is_ready, is_server, is_cordoned) = (ready == "True", has("true"), has("cordoned=true"));
                    state.nodes.push(Seen { name, is_ready, version, is_server, is_cordoned });
                }
                _ => {}
            }
        }
        if !state.current.starts_with('/') {
            return Err(format!("it does not say which system it runs: {}", text.trim()));
        }
        Ok(state)
    }

    /// Whether it has tried a system since it has started.
    pub fn was_tried(&self, system: &str) -> bool {
        self.tried.as_deref() == Some(system)
    }

    /// Whether it runs and boots a system, and nothing is left to do.
    pub fn has(&self, system: &str) -> bool {
        self.current == system && self.boots == system && !self.is_unfinished && self.tries.is_none()
    }
}

/// A minor version of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Minor(u32, u32);

impl Minor {
    /// The minor version of a version such as `v1.35.6+k3s1`.
    pub fn of(version: &str) -> Option<Self> {
        let mut parts = version.trim_start_matches('v').split('.');
        let mut number = || parts.next()?.parse().ok();
        Some(Self(number()?, number()?))
    }
}

impl Display for Minor {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// How nodes are updated.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whether nodes build their systems.
    pub builds_on_node: bool,
    /// Whether nodes restart that need it.
    pub restarts: bool,
    /// The time after which a node goes back, in seconds.
    pub rollback_after: u32,
}

/// What is to be done to a node.
#[derive(Debug)]
pub struct Update {
    /// The node.
    pub target: Target,
    /// Its state before.
    pub state: State,
    /// The system that it should have.
    pub system: String,
    /// What the update means, in words.
    pub notes: Vec<String>,
    /// Whether it goes back by itself if the update fails.
    pub goes_back: bool,
    /// The steps until the system is being activated. If one fails, the node still runs the system from before.
    pub before: Vec<Step>,
    /// The step that activates the system.
    pub activate: Option<Step>,
    /// The steps that check the node, and keep the system.
    pub after: Vec<Step>,
    /// The steps that drain and restart the node, which has its system then.
    pub restart: Vec<Step>,
}

impl Update {
    /// All steps, in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.before.iter().chain(&self.activate).chain(&self.after).chain(&self.restart)
    }
}

/// Puts nodes in the order in which they are updated. In a cluster, servers come before agents, and the server that
/// others join through comes last of them; a node that is not ready comes before its equals, since its update may be
/// what makes it ready.
pub fn sort(nodes: &mut [(Target, State)]) {
    let not_ready: Vec<String> = nodes
        .iter()
        .flat_map(|(_, state)| &state.nodes)
        .filter(|seen| !seen.is_ready)
        .map(|seen| seen.name.clone())
        .collect();
    nodes.sort_by_key(|(target, state)| {
        let is_well = state.k3s == "active" && !not_ready.iter().any(|name| name == target.name());
        (target.cluster.clone(), !target.is_server, is_well, target.is_first, target.name().to_owned())
    });
}

/// Why nodes must not be updated, if something stands against it. `wanted` are the nodes to update, in order, and
/// `states` all that were read.
pub fn problems(wanted: &[(Target, Desired)], states: &BTreeMap<String, (Target, State)>) -> Vec<String> {
    let mut problems = Vec::new();
    for (target, desired) in wanted {
        let Some((_, state)) = states.get(target.name()) else { continue };
        if state.has(&desired.system) {
            continue;
        }
        let name = target.name();
        if let Some(tried) = state.tries.as_ref().filter(|tried| **tried != desired.system) {
            problems.push(format!(
                "{name}: another update is being tried ({tried}). If nobody keeps it, the node goes back by itself: run \
                 this command again then"
            ));
        }
        problems.extend(version_problem(target, state, desired, wanted, states));
        problems.extend(quorum_problem(target, state, wanted));
    }
    problems
}

/// Why a node must not change to its version of k3s.
fn version_problem(
    target: &Target,
    state: &State,
    desired: &Desired,
    wanted: &[(Target, Desired)],
    states: &BTreeMap<String, (Target, State)>,
) -> Option<String> {
    let name = target.name();
    let (old, new) = (Minor::of(&state.version)?, Minor::of(&desired.k3s)?);
    if target.is_server {
        if new < old {
            return Some(format!(
                "{name}: k3s {old} -> {new}: the datastore of a server cannot go back to an older minor version. \
                 Restore a backup instead: docs/recovery.md"
            ));
        }
        if new.0 != old.0 || new.1 > old.1 + 1 {
            return Some(format!(
                "{name}: k3s {old} -> {new}: update to each minor version between, one after the other"
            ));
        }
        return None;
    }
    // What the servers will have when it is the turn of the agent.
    let seen = states.values().filter(|(other, _)| other.cluster == target.cluster).flat_map(|(_, state)| &state.nodes);
    let servers = seen.filter(|seen| seen.is_server).filter_map(|seen| {
        let updated = wanted.iter().find(|(other, _)| other.name() == seen.name).map(|(_, desired)| &desired.k3s);
        Some((&seen.name, Minor::of(updated.unwrap_or(&seen.version))?))
    });
    let (server, oldest) = servers.min_by_key(|(_, minor)| *minor)?;
    (new > oldest).then(|| {
        format!("{name}: k3s {new} is newer than that of the server {server}, {oldest}: update the servers first")
    })
}

/// Why a server must not restart k3s: another one is down that this run does not update first.
fn quorum_problem(target: &Target, state: &State, wanted: &[(Target, Desired)]) -> Option<String> {
    if !target.is_server {
        return None;
    }
    let place = |name: &str| wanted.iter().position(|(other, _)| other.name() == name);
    let down = state.nodes.iter().find(|seen| {
        let comes_first = place(&seen.name).is_some_and(|other| Some(other) < place(target.name()));
        seen.is_server && !seen.is_ready && seen.name != target.name() && !comes_first
    })?;
    Some(format!(
        "{}: the server {} is not ready, and the cluster may stop without both. Repair it first, or name it too: it is \
         then updated first",
        target.name(),
        down.name
    ))
}

/// Computes what is to be done to a node.
///
/// `is_cordoned`: whether its cluster runs no new pods on it.
pub fn update(target: Target, state: State, desired: &Desired, options: Options, is_cordoned: bool) -> Update {
    let system = desired.system.as_str();
    let (old, new) = (Minor::of(&state.version), Minor::of(&desired.k3s));
    let changes_minor = old.is_some() && new.is_some() && old != new;
    let goes_back = !(target.is_server && changes_minor);
    let mut update = Update {
        system: system.to_owned(),
        notes: notes(&target, &state, desired, goes_back),
        goes_back,
        before: Vec::new(),
        activate: None,
        after: Vec::new(),
        restart: Vec::new(),
        target,
        state,
    };
    if !update.state.has(system) {
        if update.state.current != system {
            update.before = prepare(&update, options, old.filter(|_| !goes_back));
            update.activate = Some(activate(&update, options));
        }
        update.after = confirm(&update, options);
    }
    if needs_restart(&update.state, desired) && options.restarts {
        update.restart = restart(&update, options);
    } else if options.restarts && is_cordoned {
        // It has restarted in a run that was interrupted then.
        update.restart.extend(update.target.drained_by.as_ref().map(|server| uncordon(server, update.target.name())));
    }
    update
}

/// Whether the node runs another kernel than that of its system, or will.
fn needs_restart(state: &State, desired: &Desired) -> bool {
    !desired.links.is_empty() && state.links != desired.links
}

fn notes(target: &Target, state: &State, desired: &Desired, goes_back: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if !state.has(&desired.system) && state.current != desired.system {
        let (old, new) = (state.version.trim_start_matches('v'), desired.k3s.as_str());
        if old != new && !old.is_empty() {
            notes.push(format!("k3s {old} -> {new}: k3s restarts; pods keep running"));
        } else if state.unit != desired.unit {
            notes.push("k3s restarts; pods keep running".to_owned());
        }
        if !goes_back {
            notes.push(
                "no way back: an older k3s cannot use the datastore of a newer minor version, so this node does not \
                 go back by itself"
                    .to_owned(),
            );
        }
        if !state.failed.is_empty() {
            notes.push(format!("units that have failed before: {}", state.failed.join(", ")));
        }
    }
    if needs_restart(state, desired) {
        notes.push(format!("its kernel changes at the next restart: `homelab deploy {} --reboot`", target.name()));
    }
    notes
}

/// The steps before the system is activated.
fn prepare(update: &Update, options: Options, upgraded_from: Option<Minor>) -> Vec<Step> {
    let (target, system) = (&update.target, update.system.as_str());
    let name = target.name();
    let mut steps = Vec::new();
    let is_previous = update.state.previous.as_ref().is_some_and(|(previous, _)| previous == system);
    if !is_previous {
        let store = format!("ssh-ng://{}", target.machine.destination());
        let flake = format!(".#nixosConfigurations.{name}.config.system.build.toplevel");
        let features = ["nix", "--extra-experimental-features", "nix-command flakes"];
        if options.builds_on_node {
            let words = ["build", "--no-link", "--eval-store", "auto", "--store", &store, &flake];
            let command = Command::here(features.into_iter().chain(words));
            steps.push(Step::new(format!("build the system of {name} on it"), command).long());
        } else {
            let build = Command::here(features.into_iter().chain(["build", "--no-link", &flake]));
            steps.push(Step::new(format!("build the system of {name}"), build).long());
            let words = ["copy", "--substitute-on-destination", "--to", &store, system];
            let copy = Command::here(features.into_iter().chain(words));
            steps.push(Step::new(format!("copy the system to {name}"), copy).long());
        }
    }
    let dry =
        Command::on(&target.machine, [format!("{system}/bin/switch-to-configuration"), "dry-activate".to_owned()]);
    steps.push(Step::new(format!("show what the system changes on {name}"), dry).long());
    if let Some(minor) = upgraded_from {
        let title = format!("back up {name} before k3s leaves {minor}");
        steps.push(Step::new(title, target.script(["back-up", &minor.to_string()])).long());
    }
    steps
}

/// The step that activates the system.
fn activate(update: &Update, options: Options) -> Step {
    let seconds = if update.goes_back { options.rollback_after } else { 0 };
    let title = match seconds {
        0 => format!("activate the system on {}", update.target.name()),
        _ => format!("try the system on {}, which goes back after {seconds} s", update.target.name()),
    };
    Step::new(title, update.target.script(["try", &update.system, &seconds.to_string()]))
}

/// The time that checks of a node wait: they end before it goes back.
fn wait(options: Options) -> Wait {
    let limit = Duration::from_secs(u64::from(options.rollback_after)) * 9 / 10;
    Wait { pause: Duration::from_secs(5).min(limit / 20), limit }
}

/// The steps that check the node, and keep the system.
fn confirm(update: &Update, options: Options) -> Vec<Step> {
    let (target, system) = (&update.target, update.system.as_str());
    let check = target.script(["check", system]).connecting_within(10);
    let title = format!("check {} through a new connection", target.name());
    vec![
        Step::new(title, check).until_or(wait(options), HOPELESS),
        Step::new(format!("keep the system on {}", target.name()), target.script(["keep", system])),
    ]
}

/// The steps that restart the node.
fn restart(update: &Update, options: Options) -> Vec<Step> {
    let target = &update.target;
    let name = target.name();
    let drain = |server: &Machine| {
        let words = ["k3s", "kubectl", "drain", name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=10m"];
        Step::new(format!("drain {name}"), Command::on(server, words)).with_effect(Effect::Interrupts).long()
    };
    let mut steps: Vec<_> = target.drained_by.iter().map(drain).collect();
    steps.push(Step::new(format!("restart {name}"), target.script(["restart"])).with_effect(Effect::Interrupts));
    let booted = target.script(["booted", &update.system]).connecting_within(10);
    steps.push(Step::new(format!("wait until {name} has restarted"), booted).until_or(wait(options), HOPELESS));
    steps.extend(target.drained_by.iter().map(|server| uncordon(server, name)));
    steps
}

/// The step that lets pods run on a node after it was drained.
fn uncordon(server: &Machine, name: &str) -> Step {
    Step::new(format!("let pods run on {name} again"), Command::on(server, ["k3s", "kubectl", "uncordon", name]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook;

    const OLD: &str = "/nix/store/aaa-nixos-system-one-26.05";
    const NEW: &str = "/nix/store/bbb-nixos-system-one-26.05";

    fn target(name: &str, is_server: bool) -> Target {
        Target {
            machine: Machine { name: name.to_owned(), address: format!("{name}.example.com") },
            cluster: "home".to_owned(),
            is_server,
            is_first: name == "one",
            drained_by: None,
        }
    }

    fn desired(k3s: &str) -> Desired {
        Desired { system: NEW.to_owned(), k3s: k3s.to_owned(), unit: "u".to_owned(), links: Vec::new() }
    }

    fn state(nodes: &str) -> State {
        let text = format!(
            "current {OLD}\nboots {OLD}\nk3s active\nk3s-version v1.35.6+k3s1\nk3s-unit u\nrestart-links \nprevious \n{nodes}"
        );
        State::parse(&text).expect("it is complete")
    }

    const OPTIONS: Options = Options { builds_on_node: false, restarts: false, rollback_after: 600 };

    fn titles(update: &Update) -> Vec<&str> {
        update.steps().map(|step| step.title.as_str()).collect()
    }

    #[test]
    fn reads_the_state_of_a_node() {
        let text = format!(
            "current {OLD}\nboots {OLD}\nk3s active\nk3s-version v1.35.6+k3s1\nk3s-unit 12ab\nrestart-links /a /b /c \n\
             tries {NEW}\nunfinished {NEW}\nbackup homelab-backup\nprevious {NEW} v1.35.5+k3s1\nfailed a.service\n\
             node one True v1.35.6+k3s1 true\nnode two False v1.35.6+k3s1 \n"
        );
        let state = State::parse(&text).expect("it is complete");
        assert_eq!(state.links, ["/a", "/b", "/c"]);
        assert_eq!((state.tries.as_deref(), state.is_unfinished, state.has_backup), (Some(NEW), true, true));
        assert_eq!(state.previous, Some((NEW.to_owned(), "v1.35.5+k3s1".to_owned())));
        assert_eq!(state.failed, ["a.service"]);
        assert_eq!(
            state.nodes.iter().map(|seen| (seen.is_ready, seen.is_server)).collect::<Vec<_>>(),
            [(true, true), (false, false)]
        );
        assert!(State::parse("bash: command not found").is_err());
    }

    #[test]
    fn a_node_with_its_system_needs_nothing() {
        let mut state = state("");
        (state.current, state.boots) = (NEW.to_owned(), NEW.to_owned());
        assert_eq!(titles(&update(target("one", true), state, &desired("1.35.6+k3s1"), OPTIONS, false)), [""; 0]);
    }

    #[test]
    fn what_was_interrupted_goes_on_where_it_was() {
        let mut state = state("");
        state.current = NEW.to_owned();
        let rest = ["check one through a new connection", "keep the system on one"];
        assert_eq!(titles(&update(target("one", true), state.clone(), &desired("1.35.6+k3s1"), OPTIONS, false)), rest);
        (state.boots, state.is_unfinished) = (NEW.to_owned(), true);
        assert_eq!(titles(&update(target("one", true), state, &desired("1.35.6+k3s1"), OPTIONS, false)), rest);
    }

    #[test]
    fn prints_the_steps_of_a_node() {
        let update = update(target("one", true), state(""), &desired("1.35.6+k3s1"), OPTIONS, false);
        let steps: Vec<_> = update.steps().cloned().collect();
        let nix = "nix --extra-experimental-features 'nix-command flakes'";
        let ssh = "homelab script update-node | ssh";
        assert_eq!(
            runbook(&steps),
            format!(
                "# 1. build the system of one\n\
                 {nix} build --no-link '.#nixosConfigurations.one.config.system.build.toplevel'\n\n\
                 # 2. copy the system to one\n\
                 {nix} copy --substitute-on-destination --to ssh-ng://root@one.example.com {NEW}\n\n\
                 # 3. show what the system changes on one\n\
                 ssh root@one.example.com '{NEW}/bin/switch-to-configuration dry-activate'\n\n\
                 # 4. try the system on one, which goes back after 600 s\n\
                 {ssh} root@one.example.com 'bash -s -- try {NEW} 600'\n\n\
                 # 5. check one through a new connection\n\
                 until {ssh} -o 'ConnectTimeout=10' root@one.example.com 'bash -s -- check {NEW}'; \
                 do [ $? -ne 3 ] || exit 1; sleep 5; done\n\n\
                 # 6. keep the system on one\n\
                 {ssh} root@one.example.com 'bash -s -- keep {NEW}'\n"
            )
        );
    }

    #[test]
    fn a_server_is_backed_up_before_a_minor_upgrade_and_does_not_go_back() {
        let upgrade = update(target("one", true), state(""), &desired("1.36.1+k3s1"), OPTIONS, false);
        assert!(!upgrade.goes_back);
        assert_eq!(titles(&upgrade)[3..5], ["back up one before k3s leaves 1.35", "activate the system on one"]);
        let agent = update(target("two", false), state(""), &desired("1.36.1+k3s1"), OPTIONS, false);
        assert!(agent.goes_back && titles(&agent).len() == 6);
    }

    #[test]
    fn a_kernel_needs_a_restart_only_if_it_differs() {
        let mut wanted = desired("1.35.6+k3s1");
        wanted.links = vec!["/k".to_owned()];
        let mut node = target("one", false);
        node.drained_by = Some(target("server", true).machine);
        let restarts = Options { restarts: true, ..OPTIONS };
        let restarted = update(node.clone(), state("restart-links /old\n"), &wanted, restarts, false);
        let tail = ["drain one", "restart one", "wait until one has restarted", "let pods run on one again"];
        assert_eq!(titles(&restarted)[6..], tail);
        assert_eq!(update(node.clone(), state("restart-links /k\n"), &wanted, restarts, false).steps().count(), 6);
        // A run that was interrupted after the restart left it cordoned.
        let left = state(&format!("current {NEW}\nboots {NEW}\nrestart-links /k\n"));
        assert_eq!(titles(&update(node.clone(), left, &wanted, restarts, true)), ["let pods run on one again"]);
        let kept = update(node, state("restart-links /old\n"), &wanted, OPTIONS, false);
        assert!(kept.steps().count() == 6 && kept.notes[0].contains("--reboot"));
    }

    #[test]
    fn servers_come_first_and_the_one_that_others_join_last_of_them() {
        let nodes = "node three False v1.35.6+k3s1 true\n";
        let mut all: Vec<_> = [("one", true), ("two", true), ("three", true), ("agent", false)]
            .map(|(name, is_server)| (target(name, is_server), state(nodes)))
            .into();
        sort(&mut all);
        assert_eq!(all.iter().map(|(node, _)| node.name()).collect::<Vec<_>>(), ["three", "two", "one", "agent"]);
    }

    fn found(wanted: &[(&str, bool, &str)], nodes: &str) -> Vec<String> {
        let wanted: Vec<_> = wanted.iter().map(|(name, server, k3s)| (target(name, *server), desired(k3s))).collect();
        let states = wanted.iter().map(|(node, _)| (node.name().to_owned(), (node.clone(), state(nodes)))).collect();
        problems(&wanted, &states)
    }

    #[test]
    fn versions_follow_the_rules_of_kubernetes() {
        let nodes = "node one True v1.35.6+k3s1 true\nnode two True v1.35.6+k3s1 \n";
        assert!(found(&[("one", true, "1.34.9+k3s1")], nodes)[0].contains("cannot go back"));
        assert!(found(&[("one", true, "1.37.0+k3s1")], nodes)[0].contains("each minor version between"));
        assert!(found(&[("two", false, "1.36.1+k3s1")], nodes)[0].contains("update the servers first"));
        assert_eq!(found(&[("one", true, "1.36.1+k3s1"), ("two", false, "1.36.1+k3s1")], nodes), [""; 0]);
        assert_eq!(found(&[("two", false, "1.34.9+k3s1")], nodes), [""; 0]);
    }

    #[test]
    fn a_server_does_not_restart_while_another_is_down() {
        let nodes = "node one True v1.35.6+k3s1 true\nnode two False v1.35.6+k3s1 true\n";
        assert!(found(&[("one", true, "1.35.6+k3s1")], nodes)[0].contains("the server two is not ready"));
        assert_eq!(found(&[("two", true, "1.35.6+k3s1"), ("one", true, "1.35.6+k3s1")], nodes), [""; 0]);
    }
}
