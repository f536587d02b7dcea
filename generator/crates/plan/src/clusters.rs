//! Clusters that appear, disappear or change their name.

use crate::{Versions, cluster_of};
use std::collections::{BTreeMap, BTreeSet};

/// A cluster that appears, disappears or changes its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClusterChange {
    /// Its name before the change; none if it is new.
    pub before: Option<String>,
    /// Its name after the change; none if it is removed.
    pub after: Option<String>,
}

fn clusters<'a>(files: &BTreeMap<&'a str, &str>) -> BTreeSet<&'a str> {
    files.keys().filter_map(|path| cluster_of(path)).collect()
}

/// Finds the clusters that only one version has. A cluster with a new name has the same nodes.
pub(crate) fn of(versions: &Versions<'_>) -> Vec<ClusterChange> {
    let (before, after) = (clusters(&versions.before), clusters(&versions.after));
    let mut changes = Vec::new();
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for old in before.difference(&after).copied() {
        let new =
            after.difference(&before).copied().find(|new| !named.contains(new) && has_node_of(versions, old, new));
        named.extend(new);
        changes.push(ClusterChange { before: Some(old.to_owned()), after: new.map(str::to_owned) });
    }
    let new = after.difference(&before).filter(|new| !named.contains(**new));
    changes.extend(new.map(|new| ClusterChange { before: None, after: Some((*new).to_owned()) }));
    changes
}

/// Whether a server of a cluster is one of another cluster after the change. Servers name the folder of their cluster,
/// from which they install Flux.
fn has_node_of(versions: &Versions<'_>, old: &str, new: &str) -> bool {
    let is_of = |text: &str, cluster: &str| text.contains(&format!("/k8s/{cluster}/bootstrap/"));
    let nodes = versions.before.iter().filter(|(path, text)| path.starts_with("nix/nodes/") && is_of(text, old));
    nodes.filter_map(|(path, _)| versions.after.get(path)).any(|text| is_of(text, new))
}

/// The path of a file after clusters have changed their names.
pub(crate) fn renamed(path: &str, changes: &[ClusterChange]) -> Option<String> {
    let (old, rest) = path.strip_prefix("k8s/")?.split_once('/')?;
    let new = changes.iter().find(|change| change.before.as_deref() == Some(old))?.after.as_ref()?;
    Some(format!("k8s/{new}/{rest}"))
}

/// Whether a file belongs to a cluster that only one version has. What happens to its objects is not up to Flux.
pub(crate) fn is_of_one_version(path: &str, changes: &[ClusterChange]) -> bool {
    let is_only = |change: &ClusterChange| change.before.is_none() || change.after.is_none();
    let name = |change: &ClusterChange| change.after.clone().or_else(|| change.before.clone());
    cluster_of(path)
        .is_some_and(|of| changes.iter().any(|change| is_only(change) && name(change).as_deref() == Some(of)))
}
