//! What a change of the generated files does to the objects in a cluster. A pure function of two sets of files.

mod knowledge;
mod object;

pub use knowledge::Outcome;

use object::{Key, objects};
use std::collections::BTreeMap;
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

/// Returns the changes that do not have the intended effect, in the order of the files: those that the API refuses,
/// and those that it accepts without consequences. Objects that are created or pruned are none.
///
/// Patches of Kustomize are not applied, so changes that they make are not seen.
pub fn effects(files: &[FileChange<'_>]) -> Vec<Effect> {
    let mut before: BTreeMap<(&str, Key), yaml::Node> = BTreeMap::new();
    for file in files {
        let (Some(cluster), Some(text)) = (cluster_of(file.path), file.before) else { continue };
        before.extend(objects(text).into_iter().map(|(key, object)| ((cluster, key), object)));
    }
    let mut effects = Vec::new();
    for file in files {
        let (Some(cluster), Some(text)) = (cluster_of(file.path), file.after) else { continue };
        for (key, after) in objects(text) {
            let id = (cluster, key);
            let Some(before) = before.get(&id) else { continue };
            let found = knowledge::check(&id.1, before, &after);
            effects.extend(found.into_iter().map(|found| Effect {
                object: ObjectPath::new(cluster, &id.1),
                file: file.path.to_owned(),
                outcome: found.fact.outcome,
                field: found.field,
                change: found.change,
                reason: found.fact.reason,
                remedy: found.fact.remedy,
            }));
        }
    }
    effects
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
