//! The names of hosts, storage and nodes are unique: they are host names on the LAN, and not too long in its domain.

use super::exposure::MAX_HOST;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::Spec;
use std::collections::BTreeMap;

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    let hosts = spec.hosts.iter().map(|host| (&host.name, "host"));
    let storage = spec.storage.iter().map(|storage| (&storage.name, "storage"));
    let nodes = spec.clusters.iter().flat_map(|cluster| cluster.value.nodes.iter().map(|node| (&node.name, "node")));
    let mut taken: BTreeMap<&str, (Span, &str)> = BTreeMap::new();
    for (name, what) in hosts.chain(storage).chain(nodes) {
        match taken.get(name.as_str()) {
            Some((first, other)) => {
                let message = format!("the name `{}` of this {what} is already used by a {other}", name.value);
                let diagnostic =
                    Diagnostic::new(Code::NameTaken, name.span, message).related(*first, format!("this {other}"));
                diagnostics.push(diagnostic.help("rename one of them: both are host names on the LAN"));
            }
            None => {
                taken.insert(name.as_str(), (name.span, what));
            }
        }
    }
    check_lengths(spec, diagnostics);
}

/// Checks that the full host names of nodes are not too long: they are in the certificate of the Kubernetes API.
fn check_lengths(spec: &Spec, diagnostics: &mut Diagnostics) {
    let domain = &spec.lab.domain;
    for node in spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes) {
        let length = format!("{}.{}", node.name.value, domain.value).len();
        if length > MAX_HOST && !domain.span.faulty {
            let message = format!(
                "the host name of the node `{}` has {length} characters, but the limit of DNS is {MAX_HOST}",
                node.name.value
            );
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, node.name.span, message).related(domain.span, "the domain");
            diagnostics.push(diagnostic.help("use a shorter name, or a shorter domain"));
        }
    }
}
