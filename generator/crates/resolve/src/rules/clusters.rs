//! The servers of a cluster, and its version of k3s.

use app::check_name;
use diagnostic::{Code, Diagnostic, Diagnostics};
use platform::Clusters;
use spec::types::Name;
use spec::{Cluster, Entry, Role};

/// The supported minor versions of k3s in nixpkgs: those of nixos-26.05 in July 2026, and 1.37 since September 2026.
/// The NixOS module reports a version that a lab's nixpkgs does not have.
const SUPPORTED: [&str; 3] = ["1.35", "1.36", "1.37"];

/// The minor versions in nixos-26.05 that have reached their end of life, with the date (November 2026).
const ENDED: [(&str, &str); 2] = [("1.33", "28 June 2026"), ("1.34", "27 October 2026")];

pub(super) fn check(contexts: &Clusters<'_>, diagnostics: &mut Diagnostics) {
    for (cluster, context) in contexts.spec().clusters.iter().zip(contexts.iter()) {
        check_servers(cluster, diagnostics);
        check_first_server(cluster, diagnostics);
        if is_known(cluster, diagnostics) {
            platform::check_support(&context, diagnostics);
        }
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
            .help("set `role: server` on one of its nodes")
            .of_absence();
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

/// Checks that the server that starts the cluster is one of its servers.
fn check_first_server(cluster: &Entry<Cluster>, diagnostics: &mut Diagnostics) {
    let (Some(first), nodes) = (&cluster.value.first_server, &cluster.value.nodes) else { return };
    let Some(node) = nodes.get(first.as_str()) else {
        check_name("node", first.as_str(), first.span, nodes, diagnostics);
        return;
    };
    if *node.value.role.get() == Role::Agent {
        let message = format!("`{}` cannot start the cluster, because it is an agent", first.value);
        let diagnostic = Diagnostic::new(Code::InvalidValue, first.span, message).related(node.name.span, "this node");
        diagnostics.push(diagnostic.help("name a node with `role: server`"));
    }
}

/// Whether the cluster's version of k3s is known. Reports an unknown one, and one past its end of life.
fn is_known(cluster: &Entry<Cluster>, diagnostics: &mut Diagnostics) -> bool {
    let Some(version) = cluster.value.k3s.as_ref().and_then(|k3s| k3s.version.spanned()) else { return true };
    if SUPPORTED.contains(&version.as_str()) {
        return true;
    }
    let supported = SUPPORTED.join(", ");
    if let Some((ended, date)) = ENDED.iter().find(|(ended, _)| *ended == version.as_str()) {
        let message = format!(
            "Kubernetes {ended} reached its end of life on {date}: k3s {ended} gets no more fixes, not even for security"
        );
        let help = format!(
            "upgrade, one minor version at a time; supported versions: {supported} \
             (see https://kubernetes.io/releases/patch-releases/)"
        );
        diagnostics.push(Diagnostic::new(Code::EndOfLife, version.span, message).help(help));
        return true;
    }
    let message = format!("nixpkgs does not package k3s {}", version.value);
    let help = format!("{} valid versions: {supported}", nearest(version.as_str()));
    diagnostics.push(Diagnostic::new(Code::K3sVersionUnknown, version.span, message).help(help));
    false
}

/// The version that was most likely meant: the same digits in another order, or the nearest.
fn nearest(version: &str) -> String {
    let digits = |version: &str| {
        let mut digits = version.as_bytes().to_vec();
        digits.sort_unstable();
        digits
    };
    if let Some(swapped) = SUPPORTED.into_iter().find(|known| digits(known) == digits(version)) {
        return format!("did you mean \"{swapped}\"?");
    }
    let minor = |version: &str| version.rsplit('.').next().and_then(|minor| minor.parse::<u32>().ok()).unwrap_or(0);
    let newest = SUPPORTED[SUPPORTED.len() - 1];
    let nearest = SUPPORTED.into_iter().min_by_key(|known| minor(known).abs_diff(minor(version))).unwrap_or(newest);
    match nearest == newest {
        true => format!("the newest is {newest};"),
        false => format!("the nearest is {nearest}, the newest {newest};"),
    }
}
