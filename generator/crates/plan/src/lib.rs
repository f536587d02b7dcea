//! What a change of the generated files does to the objects in a cluster. A pure function of two sets of files.

mod certificates;
mod changes;
mod clusters;
mod dangers;
mod diff;
mod knowledge;
mod nodes;
mod object;
mod outside;
mod patches;
mod print;
mod systems;

pub use certificates::Certificate;
pub use changes::{Action, ObjectChange};
pub use clusters::ClusterChange;
pub use dangers::{Danger, Severity};
pub use diff::FieldChange;
pub use knowledge::Outcome;
pub use nodes::{Class, NodeChange};
pub use outside::{Moved, Outside};
pub use print::{human, json, markdown, schema};
pub use systems::{Evaluated, System, Systems};

use object::Key;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A file that differs between two versions of the generated files.
#[derive(Debug, Clone, Copy)]
pub struct FileChange<'a> {
    /// Its path from the root of the repository.
    pub path: &'a str,
    /// Its text before the change, if it existed.
    pub before: Option<&'a str>,
    /// Its text after the change, if it still exists.
    pub after: Option<&'a str>,
}

/// Two versions of the generated files: their texts by their paths from the root of the repository.
#[derive(Debug, Default)]
pub struct Versions<'a> {
    /// What the nodes and clusters have.
    pub before: BTreeMap<&'a str, &'a str>,
    /// What they will have.
    pub after: BTreeMap<&'a str, &'a str>,
}

impl<'a> Versions<'a> {
    /// The files that differ, sorted by path.
    pub fn changes(&self) -> Vec<FileChange<'a>> {
        let paths: BTreeSet<&'a str> = self.before.keys().chain(self.after.keys()).copied().collect();
        let change =
            |path| FileChange { path, before: self.before.get(path).copied(), after: self.after.get(path).copied() };
        paths.into_iter().map(change).filter(|change| change.before != change.after).collect()
    }
}

/// What a change does to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    /// It is new.
    Add,
    /// Its text changes.
    Change,
    /// It disappears.
    Remove,
}

impl FileAction {
    fn of(change: &FileChange<'_>) -> Self {
        match (change.before, change.after) {
            (None, _) => Self::Add,
            (Some(_), Some(_)) => Self::Change,
            (Some(_), None) => Self::Remove,
        }
    }
}

/// What a change of the generated files does.
#[derive(Debug)]
pub struct Plan {
    /// The files that differ, sorted by path.
    pub files: Vec<(String, FileAction)>,
    /// What deserves a second look, the worst first.
    pub dangers: Vec<Danger>,
    /// Clusters that appear, disappear or change their name.
    pub clusters: Vec<ClusterChange>,
    /// What happens to the objects of the other clusters, by cluster and unit.
    pub objects: Vec<ObjectChange>,
    /// What happens to the nodes, in the order in which to apply it.
    pub nodes: Vec<NodeChange>,
    /// What it means outside the clusters.
    pub outside: Outside,
}

impl Plan {
    /// Compares two versions of the generated files.
    pub fn of(versions: &Versions<'_>) -> Self {
        Self::with_systems(versions, &Systems::default())
    }

    /// Compares two versions of the generated files, and the systems that Nix evaluates from them.
    pub fn with_systems(versions: &Versions<'_>, systems: &Systems) -> Self {
        let files = versions.changes().iter().map(|file| (file.path.to_owned(), FileAction::of(file))).collect();
        let clusters = clusters::of(versions);
        let has_new_name = clusters.iter().any(|change| change.before.is_some() && change.after.is_some());
        let paths = versions.before.keys().filter(|_| has_new_name);
        let names: Vec<_> = paths.map(|path| clusters::renamed(path, &clusters)).collect();
        let renamed = has_new_name.then(|| {
            let before = versions.before.iter().zip(&names);
            let before = before.map(|((path, text), name)| (name.as_deref().unwrap_or(path), *text)).collect();
            Versions { before, after: versions.after.clone() }
        });
        let versions = renamed.as_ref().unwrap_or(versions);
        let (of_one, of_both): (Vec<_>, Vec<_>) =
            versions.changes().into_iter().partition(|file| clusters::is_of_one_version(file.path, &clusters));
        let objects = changes::of_files(&of_both, &versions.after);
        // Outside, it matters what a cluster has that appears or disappears.
        let of_one = changes::of_files(&of_one, &versions.after);
        let everywhere: Vec<_> = objects.iter().chain(&of_one).collect();
        let nodes = nodes::of_files(&of_both, versions, systems);
        Self {
            files,
            dangers: dangers::of(&clusters, &objects, &nodes),
            outside: outside::of(versions, &everywhere),
            clusters,
            objects,
            nodes,
        }
    }

    /// Whether data is at risk, or the change is refused or stops something. Other dangers only deserve a look.
    pub fn is_dangerous(&self) -> bool {
        self.dangers.iter().any(|danger| danger.severity != Severity::Caution)
    }

    /// Whether nothing changes in a cluster or on a node.
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.objects.is_empty() && self.nodes.is_empty()
    }
}

/// A change of an object's field that does not have the intended effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The object.
    pub object: ObjectPath,
    /// The path of the file that has it after the change.
    pub file: String,
    /// What becomes of the change.
    pub outcome: Outcome,
    /// The dotted path of the field.
    pub field: String,
    /// How its value changes.
    pub change: String,
    /// Why the change does not have the intended effect.
    pub reason: &'static str,
    /// What to do instead.
    pub remedy: &'static str,
}

/// An object of a cluster, as `CLUSTER/KIND/NAMESPACE/NAME`; cluster-scoped objects have no namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(String);

impl ObjectPath {
    fn new(cluster: &str, key: &Key) -> Self {
        let parts = [cluster, &key.kind, &key.namespace, &key.name];
        Self(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is worth knowing before files are written.
#[derive(Debug, Default)]
pub struct Review {
    /// Changes that do not have the intended effect, by object: those that the API refuses, and those that it accepts
    /// without an effect. Objects that are created or pruned are none.
    pub effects: Vec<Effect>,
    /// The number of dangers in the plan of this change, cautions aside.
    pub dangers: usize,
}

impl Review {
    /// Reviews changes of files. `after` are all files after the change.
    pub fn of<'a>(files: &[FileChange<'a>], after: BTreeMap<&'a str, &'a str>) -> Self {
        if files.iter().all(|file| file.before.is_none()) {
            return Self::default();
        }
        let objects = changes::of_files(files, &after);
        let nodes = nodes::of_files(files, &Versions { before: BTreeMap::new(), after }, &Systems::default());
        let dangers = dangers::of(&[], &objects, &nodes);
        let effects = objects.into_iter().flat_map(|change| change.effects);
        Self {
            effects: effects.filter(|effect| effect.outcome != Outcome::Surprise).collect(),
            dangers: dangers.iter().filter(|danger| danger.severity != Severity::Caution).count(),
        }
    }
}

/// The cluster whose manifests a file has.
fn cluster_of(path: &str) -> Option<&str> {
    if !path.ends_with(".yaml") {
        return None;
    }
    path.strip_prefix("k8s/")?.split_once('/').map(|(cluster, _)| cluster)
}

#[cfg(test)]
mod tests;
