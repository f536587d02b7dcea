//! `homelab status`: the state of clusters.

use super::super::args::{Format, Global};
use super::super::{Outcome, Stop, build_alone, output};
use super::watch::{End, Watch, look};
use super::{Runner, guest_kind, unknown};
use crate::Built;
use clap::{Args, ValueHint};
use model::{Cluster, Lab, Node};
use operate::Machine;
use operate::cluster::{Access, Verdict, View};
use operate::container::Definition;
use operate::drift::{self, ContainerState, ContainerView, Guests};
use std::path::PathBuf;
use std::time::Duration;

/// The version of the JSON output. It grows when a field changes its meaning or goes.
const VERSION: u32 = 1;

pub(in super::super) const EXAMPLES: &str = "Examples:
  homelab status                                 All clusters, through SSH
  homelab status gordito -v                      With every node and unit
  homelab status gordito --watch --timeout 30    Until it is ready, at most 30 minutes
  homelab status gordito --kubeconfig ~/.kube/gordito
  homelab status --format json | jq '.clusters[].causes'";

#[derive(Debug, Args)]
pub(in super::super) struct StatusArguments {
    /// Name of the cluster; all clusters if omitted
    cluster: Option<String>,
    /// Use `kubectl` on this machine with this file, instead of SSH to the servers
    #[arg(long, value_name = "FILE", requires = "cluster", value_hint = ValueHint::FilePath)]
    kubeconfig: Option<PathBuf>,
    /// Use `kubectl` on this machine with this context of the kubeconfig
    #[arg(long, value_name = "NAME", requires = "cluster")]
    context: Option<String>,
    /// Report what changes until the cluster is ready
    #[arg(long, requires = "cluster")]
    watch: bool,
    /// Minutes after which --watch gives up
    #[arg(long, value_name = "MINUTES", default_value_t = 60, requires = "watch")]
    timeout: u64,
    /// Seconds between looks of --watch
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "watch")]
    interval: u64,
}

/// Shows the state of clusters.
pub(in super::super) fn run(arguments: &StatusArguments, global: &Global) -> Result<Outcome, Stop> {
    let built = build_alone(global)?;
    let lab = &built.lab;
    let clusters = chosen(lab, arguments.cluster.as_deref())?;
    let runner = Runner::new(&global.root, global);
    let mut views = Vec::new();
    for cluster in &clusters {
        let access = access(arguments, cluster);
        views.push(if arguments.watch {
            let pause = Duration::from_secs(arguments.interval);
            let limit = Duration::from_secs(arguments.timeout.saturating_mul(60));
            let watch = Watch { runner: &runner, lab, cluster, access: &access, pause, limit };
            match watch.run()? {
                End::Ready(view) | End::Stuck(view) | End::Late(Some(view)) => view,
                End::Late(None) => View::unreachable(cluster, "it did not answer"),
            }
        } else {
            runner.message(&format!("asking {} ...\n", cluster.name));
            match look(&runner, lab, cluster, &access) {
                Ok(view) => view,
                Err(Stop::Program(reason)) => View::unreachable(cluster, &reason),
                Err(stop) => return Err(stop),
            }
        });
    }
    // Whoever uses kubectl may have no access to the hosts.
    let is_remote = arguments.kubeconfig.is_none() && arguments.context.is_none();
    let containers = if is_remote { containers(&runner, &built, &clusters)? } else { Vec::new() };
    output::result(&print(lab, &views, &containers, global))?;
    Ok(outcome(&views, &containers))
}

/// Compares the containers and virtual machines of some clusters with their definitions: one connection to each host.
fn containers(runner: &Runner, built: &Built, clusters: &[&Cluster]) -> Result<Vec<ContainerView>, Stop> {
    let mut views = Vec::new();
    for host in &built.lab.hosts {
        let nodes = clusters.iter().flat_map(|cluster| &cluster.nodes).filter(|node| node.host == host.name);
        let nodes: Vec<_> = nodes.filter_map(|node| Some((node, definition(built, node)?))).collect();
        if nodes.is_empty() {
            continue;
        }
        let guests: Vec<_> = nodes.iter().map(|(_, definition)| (definition.kind, definition.vmid)).collect();
        let machine = Machine { name: host.name.to_string(), address: host.address.to_string() };
        let command = drift::read_guests(&machine, &guests);
        runner.message(&format!("asking {} ...\n", host.name));
        let answer = runner.ask(&command)?;
        let found = match answer.is_success() {
            true => Guests::parse(&answer.out, &guests),
            false => Err(answer.reason(&command).replace("\n  ", ": ")),
        };
        let found = found.as_ref().map_err(String::as_str);
        views.extend(
            nodes
                .iter()
                .map(|(node, definition)| drift::compare(node.name.as_str(), host.name.as_str(), definition, found)),
        );
    }
    views.sort_by(|one, other| one.node.cmp(&other.node));
    Ok(views)
}

/// The definition of a node's container or virtual machine.
fn definition(built: &Built, node: &Node) -> Option<Definition> {
    let kind = guest_kind(node);
    let file = built.tree.get(&format!("nix/nodes/{}/{}", node.name, kind.file()))?;
    Definition::parse(kind, &file.text).ok()
}

fn chosen<'a>(lab: &'a Lab, name: Option<&str>) -> Result<Vec<&'a Cluster>, Stop> {
    let Some(name) = name else { return Ok(lab.clusters.iter().collect()) };
    match lab.clusters.iter().find(|cluster| cluster.name.as_str() == name) {
        Some(cluster) => Ok(vec![cluster]),
        None => Err(unknown("cluster", name, lab.clusters.iter().map(|cluster| cluster.name.as_str()))),
    }
}

fn access(arguments: &StatusArguments, cluster: &Cluster) -> Access {
    if arguments.kubeconfig.is_none() && arguments.context.is_none() {
        return Access::servers(cluster);
    }
    let kubeconfig = arguments.kubeconfig.as_ref().map(|file| file.to_string_lossy().into_owned());
    Access::Kubectl { kubeconfig, context: arguments.context.clone() }
}

fn print(lab: &Lab, views: &[View], containers: &[ContainerView], global: &Global) -> String {
    match global.format {
        Format::Json => {
            let result = serde_json::json!({ "version": VERSION, "lab": lab.name.as_str(), "clusters": views, "containers": containers });
            format!("{result:#}\n")
        }
        _ => {
            let views = views.iter().map(|view| view.human(global.verbose));
            let containers = Some(drift::human(containers, global.verbose)).filter(|text| !text.is_empty());
            views.chain(containers).collect::<Vec<_>>().join("\n")
        }
    }
}

fn outcome(views: &[View], containers: &[ContainerView]) -> Outcome {
    let is_drift = |view: &ContainerView| !matches!(view.state, ContainerState::AsDefined | ContainerState::Unknown);
    let has = |verdict| views.iter().any(|view| view.verdict == verdict);
    if has(Verdict::Unreachable) {
        Outcome::Failed
    } else if has(Verdict::Failing) || has(Verdict::Progressing) || containers.iter().any(is_drift) {
        Outcome::Drift
    } else {
        Outcome::Done
    }
}
