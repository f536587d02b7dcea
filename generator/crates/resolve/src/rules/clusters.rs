//! What makes a cluster: servers, and a version of k3s.

use diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use spec::types::Name;
use spec::{Cluster, Entry, Role, Spec};

/// The minor versions that nixpkgs packages (nixos-26.05, July 2026).
const K3S_VERSIONS: [&str; 4] = ["1.33", "1.34", "1.35", "1.36"];

pub(super) fn check(spec: &Spec, faults: &mut Diagnostics) {
    for cluster in &spec.clusters {
        check_servers(cluster, faults);
        check_version(cluster, faults);
    }
}

fn check_servers(cluster: &Entry<Cluster>, faults: &mut Diagnostics) {
    let name: &Name = &cluster.name;
    let nodes = &cluster.value.nodes;
    let role = |node: &spec::Node| *node.role.get();
    let unreadable = nodes.iter().any(|node| node.value.role.span().is_some_and(|span| span.faulty));
    if unreadable || !nodes.is_complete() {
        return;
    }
    let servers: Vec<_> = nodes.iter().filter(|node| role(&node.value) == Role::Server).collect();
    if servers.is_empty() {
        let message = format!("the cluster `{name}` has no server");
        let mut fault = Diagnostic::new(Code::ClusterWithoutServer, cluster.name.span, message)
            .help("give one of its nodes `role: server`");
        for agent in nodes {
            fault = fault.related(agent.name.span, "an agent needs a server to join");
        }
        faults.push(fault);
    } else if servers.len() % 2 == 0 {
        let message = format!("the cluster `{name}` has {} servers; etcd needs an odd number", servers.len());
        let mut fault = Diagnostic::new(Code::EvenServers, cluster.name.span, message)
            .help("add a server, or make one of them `role: agent`");
        for server in servers {
            fault = fault.related(server.name.span, "a server");
        }
        faults.push(fault);
    }
}

fn check_version(cluster: &Entry<Cluster>, faults: &mut Diagnostics) {
    let Some(version) = cluster.value.k3s.as_ref().and_then(|k3s| k3s.version.spanned()) else { return };
    if K3S_VERSIONS.contains(&version.as_str()) {
        return;
    }
    let message = format!("k3s {} is not packaged by nixpkgs", version.value);
    let near =
        did_you_mean(version.as_str(), K3S_VERSIONS).map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
    let help = format!("{near}known are {}", K3S_VERSIONS.join(", "));
    faults.push(Diagnostic::new(Code::K3sVersionUnknown, version.span, message).help(help));
}
