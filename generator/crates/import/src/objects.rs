//! The Kubernetes objects of a repository.

use crate::files::{Place, Remark};
use crate::read::line_of;
use std::cell::RefCell;
use std::collections::BTreeSet;
use yaml::Node;

/// A Kubernetes object, as Flux would apply it.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// Its kind.
    pub(crate) kind: String,
    /// Its API group, without the version.
    pub(crate) group: String,
    /// Its namespace, if it is known.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its manifest, with variables replaced.
    pub(crate) node: Node,
    /// Where it is.
    pub(crate) at: Place,
    /// The folder whose Kustomization contains it.
    pub(crate) folder: String,
    /// Whether its values are encrypted by SOPS.
    pub(crate) encrypted: bool,
    /// Patches and other transformations that are not applied to it.
    pub(crate) remarks: Vec<Remark>,
}

impl Object {
    /// Reads an object. `None` if the document is not one.
    pub(crate) fn of(node: &Node, path: &str) -> Option<Self> {
        let (kind, version) = (node.text_of("kind")?, node.text_of("apiVersion")?);
        let metadata = node.get("metadata");
        let text = |key| metadata.and_then(|metadata| metadata.text_of(key)).unwrap_or_default().to_owned();
        Some(Self {
            kind: kind.to_owned(),
            group: version.split_once('/').map_or("", |(group, _)| group).to_owned(),
            namespace: text("namespace"),
            name: text("name"),
            at: Place { path: path.to_owned(), line: line_of(node.get("kind").unwrap_or(node)) },
            folder: crate::files::folder_of(path).to_owned(),
            encrypted: node.get("sops").is_some_and(|sops| !sops.entries().is_empty()),
            remarks: Vec::new(),
            node: node.clone(),
        })
    }

    /// Whether it is a Kustomization of Flux.
    pub(crate) fn is_flux_kustomization(&self) -> bool {
        self.kind == "Kustomization" && self.group == "kustomize.toolkit.fluxcd.io"
    }

    /// The value at a path of keys.
    pub(crate) fn get(&self, keys: &[&str]) -> Option<&Node> {
        self.node.at(keys)
    }

    /// The text at a path of keys.
    pub(crate) fn text(&self, keys: &[&str]) -> Option<&str> {
        self.get(keys).and_then(Node::text)
    }

    /// The place of a part of it.
    pub(crate) fn place(&self, node: &Node) -> Place {
        Place { path: self.at.path.clone(), line: line_of(node).max(1) }
    }
}

/// All objects, in the order in which Flux reaches them.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    all: Vec<Object>,
    /// The positions of those that some workload uses.
    used: RefCell<BTreeSet<usize>>,
}

impl Objects {
    pub(crate) fn new(all: Vec<Object>) -> Self {
        Self { all, used: RefCell::default() }
    }

    /// All objects.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Object> {
        self.all.iter()
    }

    /// Finds an object by its kind and name: in a namespace, or the only one in any.
    pub(crate) fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<&Object> {
        let mut named = self.all.iter().enumerate().filter(|(_, object)| object.kind == kind && object.name == name);
        let found = named.clone().find(|(_, object)| object.namespace == namespace).or_else(|| {
            let first = named.next()?;
            let same_place = named.all(|(_, other)| other.at == first.1.at);
            (same_place || namespace.is_empty()).then_some(first)
        });
        found.map(|(at, object)| self.mark(at, object))
    }

    /// The objects of a kind for which a test holds. The caller marks those that it uses.
    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = (usize, &Object)> {
        self.all.iter().enumerate().filter(move |(_, object)| object.kind == kind)
    }

    /// Marks an object as used.
    pub(crate) fn mark<'a>(&self, at: usize, object: &'a Object) -> &'a Object {
        self.used.borrow_mut().insert(at);
        object
    }

    /// The objects that no workload uses.
    pub(crate) fn unused(&self) -> impl Iterator<Item = &Object> {
        let used = self.used.borrow();
        let unused: Vec<_> = self.all.iter().enumerate().filter(|(at, _)| !used.contains(at)).collect();
        unused.into_iter().map(|(_, object)| object)
    }
}
