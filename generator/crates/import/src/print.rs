//! The proposed entries as YAML, with comments that say where each came from.

use crate::context::Needs;
use crate::files::Place;
use crate::piece::{Entry, Fields, Piece, print};
use crate::proposal::component_entry;
use crate::storages::Storages;
use std::collections::BTreeMap;

/// The parts of a proposal.
pub(crate) struct Parts<'a> {
    pub(crate) cluster: &'a str,
    pub(crate) apps: Vec<&'a Entry>,
    pub(crate) needs: Needs,
    pub(crate) storages: &'a Storages,
    pub(crate) domain: Option<&'a str>,
    pub(crate) timezone: Option<&'a str>,
    pub(crate) components: &'a BTreeMap<String, (Vec<Place>, Option<String>)>,
}

/// Prints the entries of a spec.
pub(crate) fn spec(parts: &Parts<'_>) -> String {
    let mut root = Fields::default();
    let lab = lab(parts, &mut root);
    root.add_some("lab", lab);
    let mut storage = Fields::default();
    for entry in parts.storages.iter().filter(|storage| parts.needs.storages.contains(&storage.name)) {
        let mut fields = Fields::default();
        fields.add("kind", Piece::text("nfs"));
        match entry.server.parse::<std::net::Ipv4Addr>() {
            Ok(address) => fields.add("address", Piece::text(address.to_string())),
            Err(_) => fields.comment(format!("set: `address`, the IPv4 address of {}", entry.server)),
        }
        fields.add("nfs", Piece::text(&entry.export));
        storage.add(entry.name.clone(), fields.done());
    }
    root.add_some("storage", storage.done());
    if !parts.needs.secrets.is_empty() {
        let mut secrets = Fields::default();
        secrets.comment("set: `store`, the secret store of the lab");
        let mut entries = Fields::default();
        for (name, keys) in &parts.needs.secrets {
            let mut fields = Fields::default();
            fields.add("keys", Piece::texts(&keys.keys().cloned().collect::<Vec<_>>()));
            let comments =
                keys.iter().flat_map(|(key, comments)| comments.iter().map(move |text| format!("{key}: {text}")));
            entries.add_below(name.clone(), fields.done(), comments.collect());
        }
        secrets.add("entries", entries.done());
        root.add("secrets", secrets.done());
    }
    let mut cluster = Fields::default();
    cluster_needs(&mut cluster, &parts.needs);
    let mut platform = platform(parts);
    let needed = [
        ("monitoring", parts.needs.monitoring, "for `metrics` of apps"),
        ("postgres", parts.needs.database, "for `database` of apps"),
    ];
    for (name, _, why) in
        needed.iter().filter(|(name, is_needed, _)| *is_needed && !parts.components.contains_key(*name))
    {
        platform.add_noted(*name, Piece::Map(Vec::new()), Some((*why).to_owned()));
    }
    if platform.0.iter().any(|entry| !entry.key.is_empty()) {
        cluster.add("platform", platform.done());
    } else if !platform.0.is_empty() {
        // A mapping with comments alone would be no value.
        cluster.comment("platform:");
        let comments = platform.0.iter().flat_map(|entry| &entry.above).flat_map(|text| text.lines());
        comments.for_each(|text| cluster.comment(format!("  {text}")));
    }
    cluster.add_some("apps", Piece::Map(parts.apps.iter().map(|app| (*app).clone()).collect()));
    if !cluster.0.is_empty() {
        let mut clusters = Fields::default();
        clusters.add(parts.cluster, cluster.done());
        root.add("clusters", clusters.done());
    }
    print(&root.done(), 0)
}

fn lab(parts: &Parts<'_>, root: &mut Fields) -> Piece {
    let mut lab = Fields::default();
    match parts.domain {
        Some(domain) if domain.contains("${") => root.comment(format!("set: `lab.domain`, the value of {domain}")),
        Some(domain) => lab.add("domain", Piece::text(domain)),
        None => {}
    }
    if let Some(timezone) = parts.timezone {
        lab.add("timezone", Piece::text(timezone));
    }
    lab.done()
}

/// Comments about what nodes and the load-balancer pool need.
fn cluster_needs(cluster: &mut Fields, needs: &Needs) {
    let list = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(", ");
    if !needs.addresses.is_empty() {
        let addresses = list(&mut needs.addresses.iter().map(ToString::to_string));
        cluster.comment(format!("set: `load-balancer`, a pool that contains {addresses}"));
    }
    if needs.gpu {
        cluster.comment("set: `gpu: true` on a node, and `gpu` on its host");
    }
    if !needs.devices.is_empty() {
        cluster.comment(format!("set: `devices` of a node: {}", list(&mut needs.devices.iter().cloned())));
    }
    if !needs.folders.is_empty() {
        let folders = list(&mut needs.folders.iter().map(|(name, path)| format!("{name}: {path}")));
        cluster.comment(format!("set: `folders` of a host ({folders}) and of a node"));
    }
}

fn platform(parts: &Parts<'_>) -> Fields {
    let mut platform = Fields::default();
    for (name, (places, missing)) in parts.components {
        let entry = component_entry(name, places);
        match missing {
            None => platform.0.push(entry),
            Some(text) => {
                let at = entry.beside.unwrap_or_default();
                platform.comment(format!("{name}: {{}} # {at}\nset: {}", text.replace('\n', " ")));
            }
        }
    }
    platform
}
