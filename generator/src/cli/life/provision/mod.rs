//! `homelab provision`: creates the containers and virtual machines of nodes, and brings existing ones to their definitions.

mod args;
mod print;
mod read;

pub(in super::super) use args::ProvisionArguments;

use super::super::args::{Format, Global};
use super::super::{Outcome, Stop, build_alone, output, print as print_result};
use super::{Runner, guest_kind, unknown};
use crate::Built;
use operate::container::Definition;
use operate::provision::{Due, Node};
use operate::{Machine, Step};
use read::Readings;
use spec::Role;
use std::collections::BTreeSet;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

/// Prints or runs what is due for nodes.
pub(in super::super) fn run(arguments: &ProvisionArguments, global: &Global) -> Result<Outcome, Stop> {
    let built = build_alone(global)?;
    let root = std::path::absolute(&global.root).map_err(|error| Stop::Program(error.to_string()))?;
    let nodes = selected(&built, arguments)?;
    check_committed(&built, &nodes, &root)?;
    let runner = Runner::new(&root, global);
    let mut allowed = arguments.allowed();
    let readings = Readings::of(&built.lab, &nodes, arguments, &allowed, &runner)?;
    let mut due = readings.due(&nodes, &allowed);
    let refusals = readings.refusals(&nodes, &due);
    if !refusals.is_empty() {
        return Err(Stop::Program(format!("nothing was changed:\n  {}", refusals.join("\n  "))));
    }
    if arguments.yes && asks_to_restart(&due, global) {
        allowed.restart = true;
        due = readings.due(&nodes, &allowed);
    }
    let notes = readings.notes(&built.lab, &nodes, &due);
    let preparation = readings.preparation();
    let printed = print::Printed { nodes: &nodes, due: &due, preparation: &preparation, notes: &notes };
    if global.format != Format::Json && !global.quiet {
        output::message(&printed.summary());
    }
    let result = if arguments.yes { execute(&nodes, &due, &preparation, &runner) } else { Ok(()) };
    match global.format {
        Format::Json => print_result(&format!("{:#}\n", printed.json(arguments.yes, result.is_ok())))?,
        _ if !arguments.yes => print_result(&printed.runbook())?,
        _ => Outcome::Done,
    };
    result?;
    if global.format != Format::Json && !global.quiet {
        output::message(&printed.end(arguments.yes));
    }
    let is_withheld = due.iter().any(|due| !due.withheld.is_empty());
    Ok(if is_withheld { Outcome::Dangerous } else { Outcome::Done })
}

/// The nodes of the command line, in the order in which hosts start them.
fn selected(built: &Built, arguments: &ProvisionArguments) -> Result<Vec<Node>, Stop> {
    let lab = &built.lab;
    let known: Vec<_> = lab.clusters.iter().flat_map(|cluster| &cluster.nodes).map(|node| node.name.as_str()).collect();
    for name in arguments.names() {
        if !known.contains(&name) {
            return Err(unknown("node", name, known));
        }
    }
    if let Some(name) = arguments.others().into_iter().find(|name| !arguments.selects(name)) {
        return Err(Stop::Usage(format!("an option names {name}, which is not among the nodes to provision")));
    }
    let mut nodes = Vec::new();
    for cluster in &lab.clusters {
        let is_server = |node: &&model::Node| node.role == Role::Server;
        let servers: Vec<_> = cluster.nodes.iter().filter(is_server).map(machine).collect();
        for node in cluster.nodes.iter().filter(|node| arguments.selects(node.name.as_str())) {
            let kind = guest_kind(node);
            let path = format!("nix/nodes/{}/{}", node.name, kind.file());
            let file = built.tree.get(&path).ok_or_else(|| Stop::Program(format!("{path} is not generated")))?;
            let definition =
                Definition::parse(kind, &file.text).map_err(|error| Stop::Program(format!("{path}: {error}")))?;
            let host = lab.hosts.iter().find(|host| host.name == node.host);
            let host = host.map(|host| Machine { name: host.name.to_string(), address: host.address.to_string() });
            nodes.push((
                (node.start_order, node.vmid),
                Node {
                    machine: machine(node),
                    host: host.ok_or_else(|| Stop::Program(format!("there is no host {}", node.host)))?,
                    cluster: cluster.name.to_string(),
                    servers: servers.clone(),
                    is_server: node.role == Role::Server,
                    is_first: matches!(node.join, model::Join::Start),
                    has_peers: cluster.nodes.len() > 1,
                    has_backup: cluster.backup.is_some(),
                    definition,
                    path,
                },
            ));
        }
    }
    nodes.sort_by_key(|(order, _)| *order);
    let nodes: Vec<_> = nodes.into_iter().map(|(_, node)| node).collect();
    if arguments.has_own_image() && nodes.len() != 1 {
        return Err(Stop::Usage("--image and --template are the image of one node: name that node".to_owned()));
    }
    Ok(nodes)
}

fn machine(node: &model::Node) -> Machine {
    Machine { name: node.name.to_string(), address: node.address.to_string() }
}

/// Refuses to work with files that are not those of the spec: they become the image and the guest.
fn check_committed(built: &Built, nodes: &[Node], root: &Path) -> Result<(), Stop> {
    let folders: Vec<_> = nodes.iter().map(|node| format!("nix/nodes/{}/", node.machine.name)).collect();
    let files = built.tree.files().iter().filter(|file| folders.iter().any(|folder| file.path.starts_with(folder)));
    let differs = |path: &str, text: &str| std::fs::read_to_string(root.join(path)).is_ok_and(|disk| disk == text);
    let differing: Vec<_> =
        files.filter(|file| !differs(&file.path, &file.text)).map(|file| file.path.as_str()).collect();
    if differing.is_empty() {
        return Ok(());
    }
    let list = differing.join(", ");
    Err(Stop::Usage(format!("these files are not those of the spec: {list}; run `homelab generate`, and commit")))
}

/// Asks whether nodes may restart. Without a terminal, the answer is no.
fn asks_to_restart(due: &[Due], global: &Global) -> bool {
    let is_due = due.iter().any(|due| due.restart_is_due);
    if !is_due || global.format != Format::Human || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    for due in due.iter().filter(|due| due.restart_is_due) {
        output::message(&format!("{}\n", due.withheld.join("\n")));
    }
    output::message("Restart now? [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Runs the steps: first those of hosts, then those of each node. A node that fails does not stop those of other clusters.
fn execute(nodes: &[Node], due: &[Due], preparation: &[(Machine, Step)], runner: &Runner) -> Result<(), Stop> {
    let mut failed_hosts = BTreeSet::new();
    let mut failed_clusters = BTreeSet::new();
    let mut lines = Vec::new();
    let mut failures = Vec::new();
    let message = |stop: Stop| match stop {
        Stop::Program(message) => Ok(message),
        other => Err(other),
    };
    for (host, step) in preparation {
        match runner.run(std::slice::from_ref(step)).map_err(message) {
            Ok(()) => {}
            Err(message) => {
                failures.push(message?);
                lines.push(format!("{}: not prepared", host.name));
                failed_hosts.insert(&host.name);
            }
        }
    }
    for (node, due) in nodes.iter().zip(due) {
        let name = &node.machine.name;
        if due.steps.is_empty() {
            lines.push(format!("{name}: nothing to do"));
        } else if failed_hosts.contains(&node.host.name) {
            lines.push(format!("{name}: not begun, since {} is not prepared", node.host.name));
        } else if failed_clusters.contains(&node.cluster) {
            lines.push(format!("{name}: not begun, since another node of {} failed", node.cluster));
        } else {
            runner.message(&format!("{name}: {}\n", print::action(due.action, node.definition.kind)));
            match runner.run(&due.steps).map_err(message) {
                Ok(()) => lines.push(format!("{name}: done")),
                Err(message) => {
                    failures.push(message?);
                    lines.push(format!("{name}: failed"));
                    failed_clusters.insert(&node.cluster);
                }
            }
        }
    }
    if failures.is_empty() {
        return Ok(());
    }
    let lines = if lines.len() > 1 { format!("\n  {}", lines.join("\n  ")) } else { String::new() };
    Err(Stop::Program(failures.join("\n\n") + &lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use operate::provision::Action;
    use operate::{Command, GuestKind};

    #[test]
    fn a_failure_does_not_hide_what_was_done() {
        let global = Global {
            spec: "spec/homelab.yaml".into(),
            root: ".".into(),
            format: Format::Human,
            quiet: true,
            verbose: false,
        };
        let runner = Runner::new(Path::new("."), &global);
        let machine = |name: &str| Machine { name: name.to_owned(), address: "192.0.2.1".to_owned() };
        let node = |name: &str, cluster: &str| Node {
            machine: machine(name),
            host: machine("box"),
            cluster: cluster.to_owned(),
            servers: Vec::new(),
            is_server: false,
            is_first: false,
            has_peers: true,
            has_backup: false,
            definition: Definition::parse(GuestKind::Container, "# vmid: 1\n").expect("it is valid"),
            path: String::new(),
        };
        let due = |program: &str| {
            let steps = vec![Step::new(format!("run {program}"), Command::here([program]))];
            Due { steps, ..Due::new(Action::Create) }
        };
        let nodes = [node("one", "a"), node("two", "a"), node("three", "b")];
        let due = [due("false"), due("true"), due("true")];
        let Err(Stop::Program(message)) = execute(&nodes, &due, &[], &runner) else { panic!("a step fails") };
        assert!(message.contains("could not run false"), "{message}");
        let end = "\n  one: failed\n  two: not begun, since another node of a failed\n  three: done";
        assert!(message.ends_with(end), "{message}");
    }
}
