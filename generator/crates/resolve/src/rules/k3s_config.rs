//! Keys of `k3s.config` that would contradict the rest of a node's configuration.

use super::nodes::Refusal;
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::{Cluster, NodeKind, Spec};
use yaml::Node;

/// Keys that the generator sets for each node, each with the reason.
const OWNED: [(&str, &str); 9] = [
    ("cluster-cidr", "it follows from `pods` of the cluster"),
    ("cluster-init", "it follows from `first-server` of the cluster"),
    ("node-ip", "it follows from the `address` of each node"),
    ("node-label", "it follows from the `labels` of each node"),
    ("node-name", "it follows from the name of each node"),
    ("server", "it follows from `first-server` of the cluster"),
    ("service-cidr", "it follows from `services` of the cluster"),
    ("snapshotter", "it follows from `k3s.snapshotter`, which also selects the programs that it needs"),
    ("token-file", "the nodes check this file before they start k3s"),
];

pub(super) fn check(spec: &Spec, root: &Node, diagnostics: &mut Diagnostics) {
    for cluster in &spec.clusters {
        let found = root.get("clusters").and_then(|clusters| clusters.get(cluster.name.as_str()));
        let config = found.and_then(|cluster| cluster.get("k3s")?.get("config"));
        for (key, value) in config.map_or(&[][..], Node::entries) {
            let Some(name) = key.text() else { continue };
            check_key(name, key, &cluster.value, diagnostics);
            if name.trim_end_matches('+') == "node-label" {
                check_labels(value, diagnostics);
            }
        }
    }
}

fn check_key(name: &str, key: &Node, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let unprivileged = cluster.nodes.iter().find_map(|node| match node.value.kind() {
        NodeKind::Lxc { privileged, .. } => privileged.spanned().filter(|privileged| !privileged.value),
    });
    if let Some((_, reason)) = OWNED.iter().find(|(owned, _)| *owned == name) {
        let message = format!("`{name}` cannot be set in `k3s.config`: {reason}");
        let mut help = format!("remove `{name}`");
        if name == "node-label" {
            help.push_str(", or write `node-label+`, which adds labels to all nodes");
        }
        diagnostics.push(Diagnostic::new(Code::K3sConfigReserved, key.span, message).help(help));
    } else if let Some(unprivileged) = unprivileged.filter(|_| name == "kubelet-arg") {
        let message = "`kubelet-arg` would replace the feature gate that unprivileged nodes need";
        let diagnostic = Diagnostic::new(Code::K3sConfigReserved, key.span, message);
        diagnostics.push(
            diagnostic
                .related(unprivileged.span, "an unprivileged node")
                .help("write `kubelet-arg+`, which adds arguments"),
        );
    }
}

/// Checks labels that all nodes of a cluster get, as a list of `KEY=VALUE`.
fn check_labels(value: &Node, diagnostics: &mut Diagnostics) {
    for label in value.items() {
        let key = label.text().and_then(|text| text.split('=').next()).unwrap_or_default();
        if let Some(refusal) = Refusal::of(key) {
            let message = format!("nodes cannot have the label `{key}`: {refusal}");
            diagnostics.push(Diagnostic::new(Code::NodeLabelRefused, label.span, message).help(refusal.help()));
        }
    }
}
