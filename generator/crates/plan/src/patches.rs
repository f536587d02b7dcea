//! Patches of Kustomize, applied to the objects of a unit: what a cluster gets is the patched object.

use crate::object::Key;
use yaml::{Limits, Node, NodeKind};

/// A strategic merge patch of a unit.
pub(crate) struct Patch {
    kind: String,
    /// The name of the object; none for all objects of the kind.
    name: Option<String>,
    merge: Node,
}

/// The patches of a `kustomization.yaml`.
pub(crate) fn of_kustomization(text: &str) -> Vec<Patch> {
    let (documents, _) = yaml::documents(text, Limits::default());
    let patches = documents.first().and_then(|document| document.get("patches"));
    patches.map_or(&[][..], Node::items).iter().filter_map(Patch::of).collect()
}

impl Patch {
    fn of(patch: &Node) -> Option<Self> {
        let target = patch.get("target")?;
        let (mut documents, _) = yaml::documents(patch.text_of("patch")?, Limits::default());
        Some(Self {
            kind: target.text_of("kind")?.to_owned(),
            name: target.text_of("name").map(str::to_owned),
            merge: documents.drain(..).next()?,
        })
    }

    fn fits(&self, key: &Key) -> bool {
        self.kind == key.kind && self.name.as_ref().is_none_or(|name| *name == key.name)
    }
}

/// Applies the patches that fit an object.
pub(crate) fn apply(patches: &[Patch], key: &Key, object: &mut Node) {
    for patch in patches.iter().filter(|patch| patch.fits(key)) {
        for (name, value) in patch.merge.entries() {
            // The kind and the name in a patch identify its target.
            match name.text() {
                Some("apiVersion" | "kind") => {}
                Some("metadata") => merge_field(object, name, &without(value, "name")),
                _ => merge_field(object, name, value),
            }
        }
    }
}

fn without(mapping: &Node, field: &str) -> Node {
    let mut mapping = mapping.clone();
    if let NodeKind::Mapping(entries) = &mut mapping.kind {
        entries.retain(|(key, _)| key.text() != Some(field));
    }
    mapping
}

/// Merges a value into a field of a mapping. `null` removes the field.
fn merge_field(mapping: &mut Node, name: &Node, value: &Node) {
    let NodeKind::Mapping(entries) = &mut mapping.kind else { return };
    let at = entries.iter().position(|(key, _)| key.text() == name.text());
    match at {
        Some(at) if value.is_null() => drop(entries.remove(at)),
        Some(at) => merge(&mut entries[at].1, value),
        None if value.is_null() => {}
        None => entries.push((name.clone(), value.clone())),
    }
}

/// Merges a patch into a value: mappings by key, lists of named items by name. Everything else is replaced.
fn merge(value: &mut Node, patch: &Node) {
    let is_named = |items: &[Node]| !items.is_empty() && items.iter().all(|item| item.text_of("name").is_some());
    match (&mut value.kind, &patch.kind) {
        (NodeKind::Mapping(_), NodeKind::Mapping(fields)) => {
            fields.iter().for_each(|(name, field)| merge_field(value, name, field));
        }
        (NodeKind::Sequence(items), NodeKind::Sequence(patched)) if is_named(items) && is_named(patched) => {
            for item in patched {
                match items.iter_mut().find(|other| other.text_of("name") == item.text_of("name")) {
                    Some(other) => merge(other, item),
                    None => items.push(item.clone()),
                }
            }
        }
        _ => value.kind = patch.kind.clone(),
    }
}
