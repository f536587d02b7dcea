//! The differences between the disk and the spec: a diff, and the nodes, units and pages it affects.

use render::Owner;
use similar::TextDiff;
use spec::types::{Name, Text as _};
use std::collections::BTreeSet;
use std::path::Path;
use tree::{Change, ChangeKind, Plan, SyncError, Tree, contents};

/// The difference between the disk and the spec.
pub(super) struct Drift {
    /// A unified diff from the disk to the spec.
    pub(super) diff: String,
    /// The affected pages of the documentation.
    pub(super) documents: BTreeSet<String>,
    /// The affected nodes.
    pub(super) nodes: BTreeSet<String>,
    /// The affected units, as `CLUSTER/UNIT`.
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
            let (old_name, new_name) = diff_names(change);
            let diff = TextDiff::from_lines(old.as_str(), new);
            drift.diff.push_str(&diff.unified_diff().header(&old_name, &new_name).to_string());
            drift.add(owner(tree, change));
        }
        Ok(drift)
    }

    fn add(&mut self, owner: Option<Owner>) {
        match owner {
            Some(Owner::Document(page)) => drop(self.documents.insert(page)),
            Some(Owner::Pins) => drop(self.documents.insert(model::contract::PINS.to_owned())),
            Some(Owner::Schema) => drop(self.documents.insert("schema of the spec".to_owned())),
            Some(Owner::Node(node)) => drop(self.nodes.insert(node.to_string())),
            Some(Owner::Bootstrap(cluster)) => drop(self.units.insert(format!("{cluster}/bootstrap"))),
            Some(Owner::Unit { cluster, unit }) => drop(self.units.insert(format!("{cluster}/{unit}"))),
            None => {}
        }
    }
}

/// The file names in the header of a diff.
fn diff_names(change: &Change<'_>) -> (String, String) {
    let (old, new) = (format!("a/{}", change.path), format!("b/{}", change.path));
    match change.kind {
        ChangeKind::Missing(_) => ("/dev/null".to_owned(), new),
        ChangeKind::Differs(_) => (old, new),
        ChangeKind::Stale => (old, "/dev/null".to_owned()),
    }
}

/// The owner of a changed file. That of a stale file follows from its folder.
fn owner(tree: &Tree, change: &Change<'_>) -> Option<Owner> {
    if let ChangeKind::Missing(file) | ChangeKind::Differs(file) = change.kind {
        return Some(Owner::clone(&file.owner));
    }
    let owner_in_same_folder = |path: &str| {
        let folder = path.rsplit_once('/')?.0;
        tree.files()
            .iter()
            .find(|file| file.path.rsplit_once('/').is_some_and(|(other, _)| other == folder))
            .map(|file| Owner::clone(&file.owner))
    };
    let parts: Vec<_> = change.path.split('/').collect();
    // What stands there was made from names, so that its parts are names again.
    let name = |text: &str| Name::parse(text).ok();
    let unit = |cluster: &str, unit: String| Some(Owner::Unit { cluster: name(cluster)?, unit: unit.into() });
    match parts[..] {
        ["docs", "lab", .., page] => Some(Owner::Document(page.trim_end_matches(".md").to_owned())),
        ["nix", "nodes", node, ..] => name(node).map(Owner::Node),
        ["k8s", cluster, "flux", file] => unit(cluster, file.trim_end_matches(".yaml").to_owned()),
        ["k8s", cluster, "secrets", app, _] => unit(cluster, format!("{app}-secrets")),
        ["k8s", cluster, _, folder, _] => {
            owner_in_same_folder(&change.path).or_else(|| unit(cluster, folder.to_owned()))
        }
        _ => owner_in_same_folder(&change.path),
    }
}
