//! The servers of a cluster, and its version of k3s.

use diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use spec::types::Name;
use spec::{Cluster, Entry, Role, Spec};

/// The minor versions of k3s in nixpkgs (nixos-26.05, July 2026).
const K3S_VERSIONS: [&str; 4] = ["1.33", "1.34", "1.35", "1.36"];

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    for cluster in &spec.clusters {
        check_servers(cluster, diagnostics);
        check_version(cluster, diagnostics);
    }
}

fn check_servers(cluster: &Entry<Cluster>, diagnostics: &mut Diagnostics) {
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
        let mut diagnostic = Diagnostic::new(Code::ClusterWithoutServer, cluster.name.span, message)
            .help("set `role: server` on one of its nodes");
        for agent in nodes {
            diagnostic = diagnostic.related(agent.name.span, "this agent needs a server to join");
        }
        diagnostics.push(diagnostic);
    } else if servers.len() % 2 == 0 {
        let message = format!("the cluster `{name}` has {} servers, but etcd needs an odd number", servers.len());
        let mut diagnostic = Diagnostic::new(Code::EvenServers, cluster.name.span, message)
            .help("add a server, or set `role: agent` on one of them");
        for server in servers {
            diagnostic = diagnostic.related(server.name.span, "a server");
        }
        diagnostics.push(diagnostic);
    }
}

fn check_version(cluster: &Entry<Cluster>, diagnostics: &mut Diagnostics) {
    let Some(version) = cluster.value.k3s.as_ref().and_then(|k3s| k3s.version.spanned()) else { return };
    if K3S_VERSIONS.contains(&version.as_str()) {
        return;
    }
    let message = format!("nixpkgs does not package k3s {}", version.value);
    let near =
        did_you_mean(version.as_str(), K3S_VERSIONS).map_or(String::new(), |near| format!("did you mean \"{near}\"? "));
    let help = format!("{near}valid versions: {}", K3S_VERSIONS.join(", "));
    diagnostics.push(Diagnostic::new(Code::K3sVersionUnknown, version.span, message).help(help));
}
