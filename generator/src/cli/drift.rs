//! What differs between the disk and the spec, as people want to see it: a diff, and whose it is.

use crate::render::Owner;
use crate::tree::{Change, ChangeKind, Plan, SyncError, Tree, contents};
use similar::TextDiff;
use std::collections::BTreeSet;
use std::path::Path;

/// The difference between disk and spec.
pub(super) struct Drift {
    /// A unified diff from the disk to the spec.
    pub(super) diff: String,
    /// The pages of documentation that it touches.
    pub(super) documents: BTreeSet<String>,
    /// The nodes that it touches.
    pub(super) nodes: BTreeSet<String>,
    /// The units that it touches, as `CLUSTER/UNIT`.
    pub(super) units: BTreeSet<String>,
}

impl Drift {
    pub(super) fn of(tree: &Tree, plan: &Plan<'_>, root: &Path) -> Result<Self, SyncError> {
        let mut drift =
            Self { diff: String::new(), documents: BTreeSet::new(), nodes: BTreeSet::new(), units: BTreeSet::new() };
        for change in &plan.changes {
            let (old, new) = match change.kind {
                ChangeKind::Missing(file) => (String::new(), file.text.as_str()),
                ChangeKind::Differs(file) => (contents(root, &change.path)?, file.text.as_str()),
                ChangeKind::Stale => (contents(root, &change.path)?, ""),
            };
            let names = names(change);
            let diff = TextDiff::from_lines(old.as_str(), new);
            drift.diff.push_str(&diff.unified_diff().header(&names.0, &names.1).to_string());
            drift.add(owner(tree, change));
        }
        Ok(drift)
    }

    fn add(&mut self, owner: Option<Owner>) {
        match owner {
            Some(Owner::Document(page)) => drop(self.documents.insert(page)),
            Some(Owner::Pins) => drop(self.documents.insert(crate::lab::PINS.to_owned())),
            Some(Owner::Node(node)) => drop(self.nodes.insert(node)),
            Some(Owner::Bootstrap(cluster)) => drop(self.units.insert(format!("{cluster}/bootstrap"))),
            Some(Owner::Unit { cluster, unit }) => drop(self.units.insert(format!("{cluster}/{unit}"))),
            None => {}
        }
    }
}

fn names(change: &Change<'_>) -> (String, String) {
    let (old, new) = (format!("a/{}", change.path), format!("b/{}", change.path));
    match change.kind {
        ChangeKind::Missing(_) => ("/dev/null".to_owned(), new),
        ChangeKind::Differs(_) => (old, new),
        ChangeKind::Stale => (old, "/dev/null".to_owned()),
    }
}

/// Whose a changed file is; of a stale one, by the folder where it stands.
fn owner(tree: &Tree, change: &Change<'_>) -> Option<Owner> {
    if let ChangeKind::Missing(file) | ChangeKind::Differs(file) = change.kind {
        return Some(file.owner.clone());
    }
    let beside = |path: &str| {
        let folder = path.rsplit_once('/')?.0;
        tree.files()
            .iter()
            .find(|file| file.path.rsplit_once('/').is_some_and(|(other, _)| other == folder))
            .map(|file| file.owner.clone())
    };
    let parts: Vec<_> = change.path.split('/').collect();
    match parts[..] {
        ["docs", "lab", .., page] => Some(Owner::Document(page.trim_end_matches(".md").to_owned())),
        ["nix", "nodes", node, ..] => Some(Owner::Node(node.to_owned())),
        ["k8s", cluster, "flux", file] => {
            Some(Owner::Unit { cluster: cluster.to_owned(), unit: file.trim_end_matches(".yaml").to_owned() })
        }
        ["k8s", cluster, "secrets", app, _] => {
            Some(Owner::Unit { cluster: cluster.to_owned(), unit: format!("{app}-secrets") })
        }
        ["k8s", cluster, _, unit, _] => {
            beside(&change.path).or_else(|| Some(Owner::Unit { cluster: cluster.to_owned(), unit: unit.to_owned() }))
        }
        _ => beside(&change.path),
    }
}
