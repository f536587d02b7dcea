//! Network storage for the NFS servers of the manifests.

use crate::names::{label, unused};
use std::collections::{BTreeMap, BTreeSet};

/// An NFS server with one exported folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Storage {
    /// Its name in the spec.
    pub(crate) name: String,
    /// Its name or address in the manifests.
    pub(crate) server: String,
    /// The folder whose subfolders are exported.
    pub(crate) export: String,
}

/// All network storage.
#[derive(Debug, Default)]
pub(crate) struct Storages(Vec<Storage>);

impl Storages {
    /// The storage for all folders that are mounted from servers.
    pub(crate) fn of<'a>(mounted: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut by_server: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
        for (server, path) in mounted {
            let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
            if parts.len() >= 2 && !server.is_empty() {
                by_server.entry(server).or_default().insert(parts);
            }
        }
        let mut storages: Vec<Storage> = Vec::new();
        for (server, paths) in by_server {
            let export = common_folder(&largest_group(paths));
            let name = unused(&name_of(server), |name| storages.iter().any(|other| other.name == name));
            storages.push(Storage { name, server: server.to_owned(), export: format!("/{}", export.join("/")) });
        }
        Self(storages)
    }

    /// The storage and the folder in it for a path of a server.
    pub(crate) fn find(&self, server: &str, path: &str) -> Option<(&Storage, String)> {
        let path = format!("/{}", path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"));
        self.0.iter().filter(|storage| storage.server == server).find_map(|storage| {
            let folder = path.strip_prefix(&storage.export)?.strip_prefix('/')?;
            Some((storage, folder.to_owned()))
        })
    }

    /// All storage.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Storage> {
        self.0.iter()
    }
}

/// The paths with the most common top folder: a storage has one exported folder.
fn largest_group(paths: BTreeSet<Vec<&str>>) -> BTreeSet<Vec<&str>> {
    let mut groups: BTreeMap<&str, BTreeSet<Vec<&str>>> = BTreeMap::new();
    for path in paths {
        groups.entry(path[0]).or_default().insert(path);
    }
    let largest = groups.into_iter().max_by_key(|(top, paths)| (paths.len(), std::cmp::Reverse(*top)));
    largest.map(|(_, paths)| paths).unwrap_or_default()
}

/// The deepest folder that contains all of these.
fn common_folder<'a>(paths: &BTreeSet<Vec<&'a str>>) -> Vec<&'a str> {
    let parents = paths.iter().map(|path| &path[..path.len() - 1]);
    let common = |one: &[&'a str], other: &[&'a str]| one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let mut folder: Option<Vec<&str>> = None;
    for parent in parents {
        folder = Some(match folder {
            Some(folder) => folder[..common(&folder, parent)].to_vec(),
            None => parent.to_vec(),
        });
    }
    folder.unwrap_or_default()
}

/// The name of a storage: the first label of its host name.
fn name_of(server: &str) -> String {
    let is_name =
        !server.contains("${") && !server.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b':');
    if is_name { label(server.split('.').next().unwrap_or_default(), 40, "nas") } else { "nas".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_export_of_all_folders() {
        let mounted = [
            ("nas.home", "/mnt/tank/media"),
            ("nas.home", "/mnt/tank/books/new"),
            ("10.0.0.5", "/a/b"),
            ("10.0.0.5", "/a/c"),
            ("10.0.0.5", "/d/e"),
            ("x", "/c"),
        ];
        let storages = Storages::of(mounted.into_iter());
        let all: Vec<_> = storages.iter().map(|storage| (storage.name.as_str(), storage.export.as_str())).collect();
        assert_eq!(all, [("nas", "/a"), ("nas-2", "/mnt/tank")]);
        let (storage, folder) = storages.find("nas.home", "/mnt/tank/books/new/").expect("it is below the export");
        assert_eq!((storage.name.as_str(), folder.as_str()), ("nas-2", "books/new"));
        assert!(storages.find("x", "/c").is_none());
        assert!(storages.find("10.0.0.5", "/d/e").is_none());
    }
}
