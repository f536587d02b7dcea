//! Where a spec refers to its own entries by name: what has to change with a name, or keeps an entry from being removed.
//!
//! The schema marks these fields, by `x-refers-to`, by `x-keys-refer-to`, or by the format of their texts.

use crate::schema::schema;
use crate::types::check_format;
use diagnostic::Span;
use serde_json::Value as Json;
use yaml::{Node, NodeKind};

/// A kind of entry that other parts of a spec refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// An app of the same cluster.
    App,
    /// A cluster.
    Cluster,
    /// A host.
    Host,
    /// A node of the same cluster.
    Node,
    /// A secret entry.
    Secret,
    /// Network storage.
    Storage,
}

/// A place of a spec that contains the name of another entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What it refers to.
    pub target: Target,
    /// The name.
    pub name: String,
    /// Its path: keys, and indices of list items.
    pub path: Vec<String>,
    /// Its location.
    pub span: Span,
    /// Whether it is the last key of the path, and not the value there.
    pub is_key: bool,
    /// What is before and after the name in its text.
    around: (String, String),
}

impl Reference {
    /// The cluster whose part of the spec contains it.
    pub fn cluster(&self) -> Option<&str> {
        match self.path.as_slice() {
            [clusters, cluster, ..] if clusters == "clusters" => Some(cluster),
            _ => None,
        }
    }

    /// Its text, if what it refers to had another name.
    pub fn with_name(&self, name: &str) -> String {
        format!("{}{name}{}", self.around.0, self.around.1)
    }
}

/// Returns all references of a spec, in the order of the text.
pub fn references(root: &Node) -> Vec<Reference> {
    let schema = schema();
    let mut walk = Walk { root: &schema, path: Vec::new(), found: Vec::new() };
    walk.value(root, &[&schema]);
    walk.found
}

struct Walk<'s> {
    root: &'s Json,
    path: Vec<String>,
    found: Vec<Reference>,
}

impl<'s> Walk<'s> {
    /// Visits a value. `fields` are the schemas of its field, one of which it has.
    fn value(&mut self, node: &Node, fields: &[&'s Json]) {
        let keyword = |keyword: &str| fields.iter().find_map(|field| field[keyword].as_str());
        let schemas: Vec<&'s Json> = fields.iter().flat_map(|field| expanded(self.root, field)).collect();
        match &node.kind {
            NodeKind::Scalar { text, .. } => self.scalar(text, node.span, keyword("x-refers-to"), &schemas),
            NodeKind::Sequence(items) => {
                let refers = keyword("x-refers-to");
                for (at, item) in items.iter().enumerate() {
                    self.path.push(at.to_string());
                    match (item.text(), refers) {
                        (Some(text), Some(_)) => self.scalar(text, item.span, refers, &[]),
                        _ => {
                            let of_items: Vec<_> = schemas.iter().map(|schema| &schema["items"]).collect();
                            self.value(item, &of_items);
                        }
                    }
                    self.path.pop();
                }
            }
            NodeKind::Mapping(entries) => {
                let of_keys = keyword("x-keys-refer-to").and_then(target);
                for (key, value) in entries {
                    let Some(name) = key.text() else { continue };
                    self.path.push(name.to_owned());
                    if let Some(target) = of_keys {
                        self.add(target, ("", name, ""), key.span, true);
                    }
                    let of_key: Vec<_> = schemas.iter().filter_map(|schema| field(schema, name)).collect();
                    self.value(value, &of_key);
                    self.path.pop();
                }
            }
        }
    }

    fn scalar(&mut self, text: &str, span: Span, refers: Option<&str>, schemas: &[&'s Json]) {
        if let Some(target) = refers.and_then(target) {
            return self.add(target, ("", text, ""), span, false);
        }
        if refers == Some("storage-class") {
            if let Some((before, name, after)) = storage_of_class(text) {
                self.add(Target::Storage, (before, name, after), span, false);
            }
            return;
        }
        // The label that the kubelet sets to the name of the node.
        if self.path.last().is_some_and(|key| key == "kubernetes.io/hostname") {
            return self.add(Target::Node, ("", text, ""), span, false);
        }
        let target_of = |format: &str| match format {
            "secret-ref" => Some(Target::Secret),
            "database-ref" => Some(Target::Cluster),
            "share-ref" => Some(Target::Storage),
            _ => None,
        };
        let formats = schemas.iter().filter_map(|schema| schema["format"].as_str());
        let found = formats.filter_map(|format| Some((format, target_of(format)?))).next();
        if let Some((format, target)) = found
            && check_format(format, text).is_some_and(|result| result.is_ok())
            && let Some(slash) = text.find('/')
        {
            self.add(target, ("", &text[..slash], &text[slash..]), span, false);
        }
    }

    fn add(&mut self, target: Target, (before, name, after): (&str, &str, &str), span: Span, is_key: bool) {
        let around = (before.to_owned(), after.to_owned());
        self.found.push(Reference { target, name: name.to_owned(), path: self.path.clone(), span, is_key, around });
    }
}

fn target(word: &str) -> Option<Target> {
    match word {
        "app" => Some(Target::App),
        "cluster" => Some(Target::Cluster),
        "host" => Some(Target::Host),
        "node" => Some(Target::Node),
        "storage" => Some(Target::Storage),
        _ => None,
    }
}

/// Splits the name of a storage class of network storage around the name of that storage.
fn storage_of_class(class: &str) -> Option<(&str, &str, &str)> {
    let before = ["synology-csi-nfs-", "nfs-"].into_iter().find(|before| class.starts_with(before))?;
    let after = ["-retain", "-delete"].into_iter().find(|after| class.ends_with(after))?;
    let name = class.get(before.len()..class.len() - after.len()).filter(|name| !name.is_empty())?;
    Some((before, name, after))
}

/// A schema and all its branches, with references followed.
fn expanded<'s>(root: &'s Json, schema: &'s Json) -> Vec<&'s Json> {
    if let Some(pointer) = schema["$ref"].as_str() {
        let target = root.pointer(pointer.trim_start_matches('#'));
        return target.map(|target| expanded(root, target)).unwrap_or_default();
    }
    let branches = ["oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
    [schema].into_iter().chain(branches.flat_map(|branch| expanded(root, branch))).collect()
}

/// The schema of a field of a mapping.
fn field<'s>(schema: &'s Json, name: &str) -> Option<&'s Json> {
    let of_any = || Some(&schema["additionalProperties"]).filter(|schema| schema.is_object());
    let of_pattern = || schema["patternProperties"].as_object()?.values().next();
    schema["properties"].get(name).or_else(of_any).or_else(of_pattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use yaml::{Limits, documents};

    #[test]
    fn finds_the_references_of_a_spec() {
        let text = "
hosts: { box: { metrics: { proxmox: pve/token } } }
secrets: { store: { sops: { clusters: { home: age1 } } } }
clusters:
  home:
    first-server: home-1
    nodes: { home-1: { host: box } }
    platform:
      storage: { default-storage: nas }
      monitoring: { ship-to: data, class: nfs-nas-retain }
      logging: { class: local-path }
    apps:
      shop:
        image: { repository: docker.io/example/shop }
        database: data/postgres
        depends-on: [login]
        network: { apps: [other] }
        nodes: { kubernetes.io/hostname: home-1 }
        env: { A: { secret: shop/key }, B: shop/key }
        files: { f: { secret: shop/file } }
        storage: { data: { size: 1GiB, class: synology-csi-nfs-my-nas-delete }, media: { nfs: nas/media } }
        expose: { host: shop, login: { by: login } }
        jobs: { tidy: { env: { C: { secret: shop/job } } } }
";
        let (nodes, errors) = documents(text, Limits::default());
        assert_eq!(errors, []);
        let found = references(&nodes[0]);
        let shown: Vec<_> = found
            .iter()
            .map(|reference| {
                let place = reference.path.last().expect("no reference is the root");
                let span = &text[reference.span.start as usize..reference.span.end as usize];
                assert_eq!(reference.with_name(&reference.name), span);
                format!("{:?} {} at {place}: {}", reference.target, reference.name, reference.with_name("x"))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Secret pve at proxmox: x/token",
                "Cluster home at home: x",
                "Node home-1 at first-server: x",
                "Host box at host: x",
                "Storage nas at default-storage: x",
                "Cluster data at ship-to: x",
                "Storage nas at class: nfs-x-retain",
                "Cluster data at database: x/postgres",
                "App login at 0: x",
                "App other at 0: x",
                "Node home-1 at kubernetes.io/hostname: x",
                "Secret shop at secret: x/key",
                "Secret shop at secret: x/file",
                "Storage my-nas at class: synology-csi-nfs-x-delete",
                "Storage nas at nfs: x/media",
                "App login at by: x",
                "Secret shop at secret: x/job",
            ]
        );
        assert_eq!(found.iter().filter(|reference| reference.cluster() == Some("home")).count(), 15);
    }
}
