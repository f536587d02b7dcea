//! The names of hosts, storage and nodes are unique: they are host names on the LAN.

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
}
