//! The secrets that a lab needs: where each one must be, and what reads it.

use super::args::Format;
use model::contract::{AGENT_TOKEN, FLUX_NAMESPACE, IMAGES_REPOSITORY, SECRETS_ON_DISK, SERVER_TOKEN};
use model::{Bound, Cluster, Lab, Origin, StoreKey};
use serde::Serialize;
use spec::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The roles of nodes, as values of [`OnDisk::token`].
const SERVER: &str = "server";
const AGENT: &str = "agent";

/// The secrets of a lab.
#[derive(Serialize)]
pub(super) struct Secrets<'a> {
    store: Vec<InStore<'a>>,
    identities: Vec<Identity<'a>>,
    disk: Vec<OnDisk<'a>>,
    rights: BTreeSet<Rights<'a>>,
}

/// What a value in the secret store is and may do.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Rights<'a> {
    path: &'a str,
    key: &'a str,
    rights: &'static str,
}

/// A key in the secret store.
#[derive(Serialize)]
struct InStore<'a> {
    path: &'a str,
    key: &'a str,
    readers: Vec<Reader<'a>>,
}

/// What the machine identity of a cluster must be able to read, and nothing else.
#[derive(Serialize)]
struct Identity<'a> {
    cluster: &'a str,
    folders: BTreeSet<&'a str>,
}

/// A unit or an app that reads a key of the store through a Secret.
#[derive(Serialize)]
struct Reader<'a> {
    cluster: &'a str,
    unit: &'a str,
    /// The name of the key in the Secret.
    #[serde(rename = "as")]
    key_in_secret: &'a str,
}

/// A file on the disk of a node.
#[derive(Serialize)]
struct OnDisk<'a> {
    cluster: &'a str,
    node: &'a str,
    path: String,
    /// The Secret that is created from the file; `None` for a token of k3s.
    secret: Option<FromDisk<'a>>,
    /// The role of the nodes that join the cluster with the token; `None` for a file that is not a token.
    token: Option<&'static str>,
}

/// A key of a Secret that a server creates from a file.
#[derive(Serialize)]
struct FromDisk<'a> {
    namespace: &'a str,
    name: &'a str,
    key: &'a str,
}

impl<'a> Secrets<'a> {
    pub(super) fn of(lab: &'a Lab) -> Self {
        let store = in_store(lab);
        let identities = identities(&store);
        Self { store, identities, disk: lab.clusters.iter().flat_map(on_disk).collect(), rights: rights(lab) }
    }

    pub(super) fn print(&self, format: Format) -> String {
        match format {
            Format::Json => format!("{:#}\n", serde_json::json!(self)),
            Format::Human | Format::Markdown => self.table(),
        }
    }

    /// A list for the store, one for the machine identities, and one for each node.
    fn table(&self) -> String {
        let mut lists = Vec::new();
        if !self.store.is_empty() {
            lists.push(("In the secret store".to_owned(), self.store.iter().map(InStore::columns).collect()));
        }
        if !self.identities.is_empty() {
            let rows = self.identities.iter().map(Identity::columns).collect();
            lists.push(("Folders that the machine identity of each cluster reads, and no others".to_owned(), rows));
        }
        for files in self.disk.chunk_by(|a, b| a.node == b.node) {
            lists.push((format!("On the disk of {}", files[0].node), files.iter().map(OnDisk::columns).collect()));
        }
        if !self.rights.is_empty() {
            let rows =
                self.rights.iter().map(|right| [right.path, right.key, right.rights].map(str::to_owned).to_vec());
            lists.push(("What credentials must be, with these rights and no others".to_owned(), rows.collect()));
        }
        let texts: Vec<_> = lists.into_iter().map(|(title, rows)| list(&title, rows)).collect();
        texts.join("\n")
    }
}

impl InStore<'_> {
    fn columns(&self) -> Vec<String> {
        // A unit that reads the key under two names is listed once.
        let readers = self.readers.chunk_by(|a, b| (a.cluster, a.unit) == (b.cluster, b.unit));
        let readers: Vec<_> = readers.map(|same| format!("{}/{}", same[0].cluster, same[0].unit)).collect();
        vec![self.path.to_owned(), self.key.to_owned(), format!("read by {}", readers.join(", "))]
    }
}

impl Identity<'_> {
    fn columns(&self) -> Vec<String> {
        vec![self.cluster.to_owned(), self.folders.iter().copied().collect::<Vec<_>>().join(", ")]
    }
}

impl OnDisk<'_> {
    fn columns(&self) -> Vec<String> {
        let description = match (&self.secret, self.token) {
            (Some(FromDisk { namespace, name, key }), _) => {
                let access = match (*namespace, *name, *key) {
                    (FLUX_NAMESPACE, IMAGES_REPOSITORY, "identity") => ": a deploy key with write access",
                    (FLUX_NAMESPACE, _, "identity") => ": a deploy key without write access",
                    _ => "",
                };
                format!("{key} of the Secret {namespace}/{name}{access}")
            }
            (None, Some(SERVER)) => {
                format!("the token that servers of {} join with; the same on all servers, on no agent", self.cluster)
            }
            (None, _) => format!("the token that agents of {} join with; the same on all nodes", self.cluster),
        };
        vec![self.path.clone(), description]
    }
}

fn rights(lab: &Lab) -> BTreeSet<Rights<'_>> {
    let units = lab.clusters.iter().flat_map(|cluster| &cluster.units);
    let keys = units.flat_map(|bound| bound.unit.secrets()).flat_map(|secret| &secret.data);
    keys.filter_map(|(_, stored)| {
        Some(Rights { path: stored.folder.as_str(), key: stored.key.as_str(), rights: stored.rights? })
    })
    .collect()
}

fn in_store(lab: &Lab) -> Vec<InStore<'_>> {
    let mut keys: BTreeMap<(&str, &str), Vec<Reader<'_>>> = BTreeMap::new();
    for cluster in &lab.clusters {
        for Bound { unit, origin, .. } in &cluster.units {
            // An app is known by its own name, which is that of its namespace.
            let reader = if *origin == Origin::App { unit.namespace.name.as_str() } else { unit.id.as_str() };
            for (called, StoreKey { folder, key, .. }) in unit.secrets().flat_map(|secret| &secret.data) {
                let readers = keys.entry((folder.as_str(), key.as_str())).or_default();
                readers.push(Reader { cluster: cluster.name.as_str(), unit: reader, key_in_secret: called.as_str() });
            }
        }
    }
    keys.into_iter()
        .map(|((path, key), mut readers)| {
            readers.sort_by_key(|reader| (reader.cluster, reader.unit, reader.key_in_secret));
            InStore { path, key, readers }
        })
        .collect()
}

fn identities<'a>(store: &[InStore<'a>]) -> Vec<Identity<'a>> {
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in store {
        for reader in &key.readers {
            folders.entry(reader.cluster).or_default().insert(key.path);
        }
    }
    folders.into_iter().map(|(cluster, folders)| Identity { cluster, folders }).collect()
}

/// The files that the nodes of a cluster read: tokens of k3s on each node, and the Secrets on servers.
fn on_disk(cluster: &Cluster) -> Vec<OnDisk<'_>> {
    let mut files = Vec::new();
    for node in &cluster.nodes {
        let mut add = |path, secret, token| {
            files.push(OnDisk { cluster: cluster.name.as_str(), node: node.name.as_str(), path, secret, token });
        };
        if node.role == Role::Server {
            add(format!("{SECRETS_ON_DISK}/{SERVER_TOKEN}"), None, Some(SERVER));
        }
        if cluster.has_agents() {
            add(format!("{SECRETS_ON_DISK}/{AGENT_TOKEN}"), None, Some(AGENT));
        }
        let secrets = cluster.flux.secrets.iter().filter(|_| node.role == Role::Server);
        for secret in secrets {
            for (key, file) in &secret.keys {
                add(
                    file.to_string(),
                    Some(FromDisk {
                        namespace: secret.namespace.as_str(),
                        name: secret.name.as_str(),
                        key: key.as_str(),
                    }),
                    None,
                );
            }
        }
    }
    files
}

/// A title, and rows in aligned columns.
fn list(title: &str, rows: Vec<Vec<String>>) -> String {
    let mut widths = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = format!("{title}:\n");
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "  {}", cells.join("  ").trim_end()).expect("writing to a string cannot fail");
    }
    text
}
