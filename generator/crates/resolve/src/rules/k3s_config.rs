//! Keys of `k3s.config` that would contradict the rest of a node's configuration.

use super::nodes::Refusal;
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::{Cluster, Entry, Spec};
use yaml::Node;

/// Keys that the generator sets for each node, each with the reason.
const OWNED: [(&str, &str); 10] = [
    ("agent-token-file", "the nodes check this file before they start k3s"),
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
                check_labels(value, &cluster.value, diagnostics);
            }
        }
    }
}

fn check_key(name: &str, key: &Node, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let unprivileged = cluster.nodes.iter().find_map(|node| node.value.unprivileged());
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
            diagnostic.related(unprivileged, "an unprivileged node").help("write `kubelet-arg+`, which adds arguments"),
        );
    }
}

/// Checks labels that all nodes of a cluster get, as a list of `KEY=VALUE`.
fn check_labels(value: &Node, cluster: &Cluster, diagnostics: &mut Diagnostics) {
    let key_of = |label: &Node| label.text().and_then(|text| Some(text.split_once('=')?.0.to_owned()));
    for (at, label) in value.items().iter().enumerate() {
        let Some(key) = key_of(label) else { continue };
        let earlier = value.items()[..at].iter().find(|earlier| key_of(earlier).as_ref() == Some(&key));
        let of_node = |node: &Entry<spec::Node>| {
            let found = node.value.labels.iter().find(|(own, _)| own.as_str() == key);
            found.map(|(_, value)| value.span)
        };
        if let Some(refusal) = Refusal::of(&key) {
            let message = format!("nodes cannot have the label `{key}`: {refusal}");
            diagnostics.push(Diagnostic::new(Code::NodeLabelRefused, label.span, message).help(refusal.help()));
        } else if let Some(first) =
            earlier.map(|earlier| earlier.span).or_else(|| cluster.nodes.iter().find_map(of_node))
        {
            let message = format!("the label `{key}` is set twice");
            let diagnostic =
                Diagnostic::new(Code::NodeLabelRefused, label.span, message).related(first, "also set here");
            diagnostics.push(diagnostic.help("remove one of them: a node would get either value"));
        }
    }
}
