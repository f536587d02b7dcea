//! The kinds of entries, and their names in a spec.

use crate::{Refusal, Source, refuse};
use diagnostic::did_you_mean;
use spec::Target;
use spec::types::{Name, Text as _};
use yaml::Node;

/// A kind of entry that commands add, rename and remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An app of a cluster.
    App,
    /// A node of a cluster.
    Node,
    /// A host.
    Host,
    /// A cluster.
    Cluster,
    /// A secret entry.
    Secret,
    /// Network storage.
    Storage,
}

impl Kind {
    /// Its name in messages and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Node => "node",
            Self::Host => "host",
            Self::Cluster => "cluster",
            Self::Secret => "secret",
            Self::Storage => "storage",
        }
    }

    /// Its name with an article or more, for messages.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Secret => "secret entry",
            other => other.word(),
        }
    }

    pub(crate) fn target(self) -> Target {
        match self {
            Self::App => Target::App,
            Self::Node => Target::Node,
            Self::Host => Target::Host,
            Self::Cluster => Target::Cluster,
            Self::Secret => Target::Secret,
            Self::Storage => Target::Storage,
        }
    }

    /// The path of the mapping that has the entries.
    pub(crate) fn place(self, cluster: &str) -> Vec<&str> {
        match self {
            Self::App => vec!["clusters", cluster, "apps"],
            Self::Node => vec!["clusters", cluster, "nodes"],
            Self::Host => vec!["hosts"],
            Self::Cluster => vec!["clusters"],
            Self::Secret => vec!["secrets", "entries"],
            Self::Storage => vec!["storage"],
        }
    }
}

/// The line of a value.
pub(crate) fn line(source: Source<'_>, start: u32) -> usize {
    source.text.as_bytes()[..start as usize].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The key and value of an entry.
pub(crate) fn entry<'a>(source: Source<'a>, place: &[&str], name: &str) -> Option<&'a (Node, Node)> {
    source.root.at(place)?.entries().iter().find(|(key, _)| key.text() == Some(name))
}

/// Checks the name of a new entry: it is valid, and `place` has no such entry.
pub(crate) fn check_new(source: Source<'_>, kind: Kind, place: &[&str], name: &str) -> Result<(), Refusal> {
    if let Err(reason) = Name::parse(name) {
        return refuse(format!("`{name}` is not a valid name: {reason}"));
    }
    let Some((key, _)) = entry(source, place, name) else { return Ok(()) };
    let line = line(source, key.span.start);
    let free = free_name(source, place, name);
    refuse(format!(
        "the spec already has the {} `{name}` (line {line}); choose another name, such as `{free}`",
        kind.noun()
    ))
}

/// A name like another one that no entry has.
pub(crate) fn free_name(source: Source<'_>, place: &[&str], name: &str) -> String {
    let names = (2..).map(|number| format!("{name}-{number}"));
    names.into_iter().find(|free| entry(source, place, free).is_none()).unwrap_or_default()
}

/// Checks the name of an existing entry.
pub(crate) fn check_known(source: Source<'_>, kind: Kind, place: &[&str], name: &str) -> Result<(), Refusal> {
    if entry(source, place, name).is_some() {
        return Ok(());
    }
    let known: Vec<_> =
        source.root.at(place).map_or(&[][..], Node::entries).iter().filter_map(|(key, _)| key.text()).collect();
    refuse(format!("there is no {} `{name}`{}", kind.noun(), near(name, &known)))
}

/// The cluster of a command: the one that is named, or the only one.
pub(crate) fn cluster<'a>(source: Source<'a>, named: Option<&str>) -> Result<&'a str, Refusal> {
    let clusters: Vec<&str> = source.spec.clusters.names().collect();
    match (named, clusters.as_slice()) {
        (Some(named), _) => cluster_named(source.spec, named),
        (None, [one]) => Ok(one),
        (None, []) => refuse("the spec has no cluster; add one with `homelab add cluster NAME`"),
        (None, several) => {
            refuse(format!("the lab has several clusters; add --cluster {}", several.join(" or --cluster ")))
        }
    }
}

/// The cluster that has an app or a node: the one that is named, or the only one with an entry of this name.
pub(crate) fn cluster_with<'a>(
    source: Source<'a>,
    kind: Kind,
    name: &str,
    named: Option<&str>,
) -> Result<&'a str, Refusal> {
    if !matches!(kind, Kind::App | Kind::Node) {
        return Ok("");
    }
    if named.is_some() {
        return cluster(source, named);
    }
    let has = |cluster: &&str| entry(source, &kind.place(cluster), name).is_some();
    let with: Vec<&str> = source.spec.clusters.names().filter(has).collect();
    match with.as_slice() {
        [one] => Ok(one),
        [] => {
            let of_cluster = |cluster: &'a str| source.root.at(&kind.place(cluster)).map_or(&[][..], Node::entries);
            let known = source.spec.clusters.names().flat_map(of_cluster).filter_map(|(key, _)| key.text());
            refuse(format!("there is no {} `{name}`{}", kind.noun(), near(name, &known.collect::<Vec<_>>())))
        }
        several => {
            let flags = several.join(" or --cluster ");
            refuse(format!("several clusters have the {} `{name}`; add --cluster {flags}", kind.noun()))
        }
    }
}

/// What the help for an unknown name suggests.
pub(crate) fn near(name: &str, known: &[&str]) -> String {
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => "; there is none yet".to_owned(),
        None => format!("; available: {}", known.join(", ")),
    }
}

/// The cluster with a name.
pub(crate) fn cluster_named<'a>(spec: &'a spec::Spec, name: &str) -> Result<&'a str, Refusal> {
    let clusters: Vec<&str> = spec.clusters.names().collect();
    match clusters.iter().find(|cluster| **cluster == name) {
        Some(cluster) => Ok(cluster),
        None => refuse(format!("there is no cluster `{name}`{}", near(name, &clusters))),
    }
}
