//! NFS that Helm values and patches mount: in a cluster whose nodes are all unprivileged, no pod starts with it.

use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::Spec;
use yaml::{Node, Scalar};

pub(super) fn check(spec: &Spec, root: &Node, diagnostics: &mut Diagnostics) {
    for cluster in &spec.clusters {
        let nodes = &cluster.value.nodes;
        let unprivileged: Vec<_> = nodes.iter().filter_map(|node| node.value.unprivileged()).collect();
        if unprivileged.is_empty() || unprivileged.len() < nodes.iter().len() || !nodes.is_complete() {
            continue;
        }
        let found = root.get("clusters").and_then(|clusters| clusters.get(cluster.name.as_str()));
        let parts = ["apps", "platform"].into_iter().filter_map(|part| found?.get(part)).flat_map(Node::entries);
        for (name, part) in parts {
            let values = [part.at(&["helm", "values"]), part.get("values"), part.get("patches")];
            let Some(volume) = values.into_iter().flatten().find_map(nfs) else { continue };
            let message = format!(
                "`{}` mounts NFS, which no node of `{}` can: their containers are unprivileged",
                name.text().unwrap_or_default(),
                cluster.name.value
            );
            let diagnostic = Diagnostic::new(Code::NfsWithoutPrivilege, volume.span, message);
            let diagnostic = unprivileged
                .iter()
                .fold(diagnostic, |diagnostic, span| diagnostic.related(*span, "an unprivileged container"));
            diagnostics
                .push(diagnostic.help("make a node privileged or a VM, or use a volume with the class `local-path`"));
        }
    }
}

/// The server of the first NFS volume in a tree: `nfs: { server: …, path: … }`, as in Kubernetes, or
/// `{ type: nfs, server: … }`, as in charts.
fn nfs(node: &Node) -> Option<&Node> {
    let has = |node: &Node, field: &str| node.text_of(field).is_some_and(|text| !text.is_empty());
    let is_off = |node: &Node| matches!(node.get("enabled").and_then(Node::scalar), Some(Scalar::Bool(false)));
    if is_off(node) {
        return None;
    }
    let of_kubernetes = node.get("nfs").filter(|volume| !is_off(volume) && has(volume, "path"));
    let of_chart = Some(node).filter(|node| node.text_of("type") == Some("nfs"));
    let volume = of_kubernetes.or(of_chart).filter(|volume| has(volume, "server"));
    volume.and_then(|volume| volume.get("server")).or_else(|| {
        let values = node.entries().iter().map(|(_, value)| value);
        values.chain(node.items()).find_map(nfs)
    })
}
