//! Hosts, storage and nodes share the LAN's space of names.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::Spec;
use std::collections::BTreeMap;

pub(super) fn check(spec: &Spec, faults: &mut Diagnostics) {
    let hosts = spec.hosts.iter().map(|host| (&host.name, "host"));
    let storage = spec.storage.iter().map(|storage| (&storage.name, "network storage"));
    let nodes = spec.clusters.iter().flat_map(|cluster| cluster.value.nodes.iter().map(|node| (&node.name, "node")));
    let mut taken: BTreeMap<&str, (Span, &str)> = BTreeMap::new();
    for (name, what) in hosts.chain(storage).chain(nodes) {
        match taken.get(name.as_str()) {
            Some((first, other)) => {
                let message = format!("`{}` is the name of a {what} and of a {other}", name.value);
                let fault = Diagnostic::new(Code::NameTaken, name.span, message)
                    .related(*first, format!("a {other} has this name"));
                faults.push(fault.help("rename one of them; names are host names on the LAN"));
            }
            None => {
                taken.insert(name.as_str(), (name.span, what));
            }
        }
    }
}
