//! What happens to each object of a cluster.

use crate::diff::{self, FieldChange};
use crate::knowledge::{self, Outcome};
use crate::object::{Key, objects};
use crate::patches::{self, Patch};
use crate::{Effect, FileChange, ObjectPath, cluster_of};
use std::collections::{BTreeMap, BTreeSet};
use yaml::Node;

/// What happens to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// It is created.
    Create,
    /// Its fields change in place.
    Change,
    /// The cluster refuses the change, and Flux applies nothing of its unit.
    Refuse,
    /// It is a Helm release that Flux uninstalls and installs again.
    Reinstall,
    /// Flux deletes it.
    Prune,
    /// It stays in the cluster, but nothing manages it any more.
    LeaveBehind,
}

/// An object that changes.
#[derive(Debug, Clone)]
pub struct ObjectChange {
    /// Its cluster.
    pub cluster: String,
    /// The folder of its unit, below that of its cluster.
    pub unit: String,
    /// The folder of its unit before, if it moves to another one.
    pub moved_from: Option<String>,
    /// The object.
    pub object: ObjectPath,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty if it is cluster-scoped.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
    /// What is known about changes of these fields.
    pub effects: Vec<Effect>,
    pub(crate) before: Option<Node>,
    pub(crate) after: Option<Node>,
}

/// An object of a file.
struct Found<'a> {
    path: &'a str,
    node: Node,
}

type Objects<'a> = BTreeMap<(&'a str, Key), Found<'a>>;

/// Returns what happens to the objects in files that differ, by cluster and unit. `all` are all files after the change.
pub(crate) fn of_files<'a>(files: &[FileChange<'a>], all: &BTreeMap<&'a str, &'a str>) -> Vec<ObjectChange> {
    let (mut before, mut after) = (Objects::new(), Objects::new());
    let patched = PatchedUnits::of(files, all);
    for file in files.iter().chain(&patched.unchanged) {
        let Some(cluster) = cluster_of(file.path) else { continue };
        let [of_before, of_after] = patched.patches(file.path);
        for (text, patches, found) in [(file.before, of_before, &mut before), (file.after, of_after, &mut after)] {
            for (key, mut node) in text.map(objects).unwrap_or_default() {
                patches::apply(patches, &key, &mut node);
                found.insert((cluster, key), Found { path: file.path, node });
            }
        }
    }
    let mut changes: Vec<ObjectChange> = Vec::new();
    for ((cluster, key), new) in &after {
        let old = before.get(&(*cluster, key.clone()));
        changes.extend(change(cluster, key, old, Some(new)));
    }
    for ((cluster, key), old) in &before {
        if !after.contains_key(&(*cluster, key.clone())) {
            changes.extend(change(cluster, key, Some(old), None));
        }
    }
    changes.sort_by(|a, b| (&a.cluster, &a.unit, &a.object).cmp(&(&b.cluster, &b.unit, &b.object)));
    changes
}

/// The units with files that differ and with patches of Kustomize.
#[derive(Default)]
struct PatchedUnits<'a> {
    /// The patches before and after the change, by folder.
    patches: BTreeMap<&'a str, [Vec<Patch>; 2]>,
    /// The other files of these units: a patch changes their objects.
    unchanged: Vec<FileChange<'a>>,
}

impl<'a> PatchedUnits<'a> {
    fn of(files: &[FileChange<'a>], all: &BTreeMap<&'a str, &'a str>) -> Self {
        let mut units = Self::default();
        let differing: BTreeMap<&str, &FileChange<'_>> = files.iter().map(|file| (file.path, file)).collect();
        let folders: BTreeSet<&'a str> = files.iter().filter_map(|file| folder_of(file.path)).collect();
        for folder in folders {
            let path = format!("{folder}/kustomization.yaml");
            let same = all.get(path.as_str()).copied();
            let texts = differing.get(path.as_str()).map_or([same, same], |file| [file.before, file.after]);
            let patches = texts.map(|text| text.map(patches::of_kustomization).unwrap_or_default());
            if patches.iter().all(Vec::is_empty) {
                continue;
            }
            units.patches.insert(folder, patches);
            let inside = all.range(folder..).take_while(|(path, _)| path.starts_with(folder));
            let inside = inside.filter(|(path, _)| folder_of(path) == Some(folder) && !differing.contains_key(*path));
            units.unchanged.extend(inside.map(|(path, text)| FileChange {
                path,
                before: Some(text),
                after: Some(text),
            }));
        }
        units
    }

    /// The patches of the unit of a file, before and after the change.
    fn patches(&self, path: &str) -> [&[Patch]; 2] {
        let patches = folder_of(path).and_then(|folder| self.patches.get(folder));
        patches.map_or([&[], &[]], |[before, after]| [before, after])
    }
}

/// The folder of a file of a cluster.
fn folder_of(path: &str) -> Option<&str> {
    cluster_of(path)?;
    path.rsplit_once('/').map(|(folder, _)| folder)
}

fn change(cluster: &str, key: &Key, old: Option<&Found<'_>>, new: Option<&Found<'_>>) -> Option<ObjectChange> {
    let newest = new.or(old)?;
    let object = ObjectPath::new(cluster, key);
    let unit = unit_of(newest.path, cluster);
    let moved_from = old.map(|old| unit_of(old.path, cluster)).filter(|before| *before != unit);
    let mut change = ObjectChange {
        cluster: cluster.to_owned(),
        unit: unit.to_owned(),
        moved_from: moved_from.map(str::to_owned),
        kind: key.kind.clone(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        action: Action::Create,
        fields: Vec::new(),
        effects: Vec::new(),
        before: old.map(|old| old.node.clone()),
        after: new.map(|new| new.node.clone()),
        object,
    };
    match (old, new) {
        (Some(old), Some(new)) => {
            change.fields = diff::fields(&old.node, &new.node);
            if change.fields.is_empty() && change.moved_from.is_none() {
                return None;
            }
            change.effects = effects(&change.object, key, old, new);
            change.action = if change.effects.iter().any(|effect| effect.outcome == Outcome::Refused) {
                Action::Refuse
            } else if key.kind == "HelmRelease"
                && change.fields.iter().any(|change| REINSTALLED.contains(&change.field.as_str()))
            {
                Action::Reinstall
            } else {
                Action::Change
            };
        }
        (Some(old), None) => change.action = if is_kept(&old.node) { Action::LeaveBehind } else { Action::Prune },
        _ => {}
    }
    Some(change)
}

/// The fields of a HelmRelease whose change makes helm-controller uninstall the release first.
const REINSTALLED: [&str; 3] = ["spec.releaseName", "spec.storageNamespace", "spec.targetNamespace"];

fn effects(object: &ObjectPath, key: &Key, old: &Found<'_>, new: &Found<'_>) -> Vec<Effect> {
    let found = knowledge::check(key, &old.node, &new.node).into_iter();
    found.map(|found| found.effect(object.clone(), new.path)).collect()
}

/// Whether Flux leaves an object in the cluster when it is no longer in Git.
pub(crate) fn is_kept(object: &Node) -> bool {
    let annotation = object.at(&["metadata", "annotations", "kustomize.toolkit.fluxcd.io/prune"]);
    annotation.and_then(Node::text).is_some_and(|text| text.eq_ignore_ascii_case("disabled"))
}

/// The folder of the unit that a file belongs to, below that of its cluster.
pub(crate) fn unit_of<'a>(path: &'a str, cluster: &str) -> &'a str {
    let below = path.strip_prefix("k8s/").and_then(|path| path.strip_prefix(cluster)).unwrap_or(path);
    below.rsplit_once('/').map_or("", |(folder, _)| folder.trim_start_matches('/'))
}
