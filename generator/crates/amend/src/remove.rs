//! Removes entries that nothing refers to.

use crate::add::COMMIT;
use crate::names::{check_known, cluster_with, entry, line};
use crate::{Amended, Kind, Refusal, Source, refuse};
use diagnostic::count;
use spec::{Reference, Spec, Target, references};

/// Removes an entry.
///
/// # Errors
/// If there is none, or something still refers to it.
pub fn remove(source: Source<'_>, kind: Kind, cluster: Option<&str>, name: &str) -> Result<Amended, Refusal> {
    let cluster = cluster_with(source, kind, name, cluster)?;
    let place = kind.place(cluster);
    check_known(source, kind, &place, name)?;
    let path: Vec<&str> = place.iter().copied().chain([name]).collect();
    let all = references(source.root);
    let is_inside =
        |reference: &&Reference| reference.path.iter().map(String::as_str).take(path.len()).eq(path.iter().copied());
    let (inside, others): (Vec<_>, Vec<_>) = all.iter().partition(is_inside);
    let mut uses: Vec<_> = to(kind, cluster, name, others.iter().copied())
        .map(|reference| format!("line {}: {}", line(source, reference.span.start), reference.path.join(".")))
        .collect();
    if kind == Kind::Secret {
        uses.extend(databases_of(source, name).map(|app| app.shown));
    }
    if !uses.is_empty() {
        let (number, them) = (count(uses.len(), "reference"), if uses.len() == 1 { "it" } else { "them" });
        let (what, uses) = (kind.noun(), uses.join("\n  "));
        return refuse(format!("the {what} `{name}` has {number}; remove or change {them} first:\n  {uses}"));
    }
    let mut amended = Amended::of(source);
    amended.text = edit::remove(source.text, &path)?;
    amended.changes.push(format!("{} `{name}`", kind.noun()));
    let starts = |place: &[&str]| place.iter().take(path.len()).eq(path.iter());
    let is_unused = |entry: &&str| {
        let names = |reference: &&Reference| reference.target == Target::Secret && reference.name == *entry;
        let (gone, left): (Vec<_>, Vec<_>) =
            databases_of(source, entry).partition(|app| starts(&["clusters", app.cluster, "apps", app.name]));
        let was_used = inside.iter().any(names) || !gone.is_empty();
        was_used && left.is_empty() && !others.iter().any(names)
    };
    for unused in secret_entries(source.spec).filter(is_unused) {
        amended.notes.push(format!("nothing uses the secret entry `{unused}` now: `homelab remove secret {unused}`"));
    }
    amended.steps.push(COMMIT.to_owned());
    amended.steps.extend(remains(kind, name));
    Ok(amended)
}

/// What a removed entry leaves behind.
fn remains(kind: Kind, name: &str) -> Option<String> {
    match kind {
        Kind::App => Some("Its namespace, volumes and database stay until you delete them: docs/data.md".to_owned()),
        Kind::Node => Some(format!("Remove `{name}` from its cluster and delete its container or VM: docs/nodes.md")),
        Kind::Cluster => Some("Delete the containers and VMs of its nodes: docs/nodes.md".to_owned()),
        Kind::Secret => Some("Delete its values from the secret store".to_owned()),
        Kind::Host | Kind::Storage => None,
    }
}

/// The references to an entry.
pub(crate) fn to<'r>(
    kind: Kind,
    cluster: &'r str,
    name: &'r str,
    references: impl Iterator<Item = &'r Reference>,
) -> impl Iterator<Item = &'r Reference> {
    let is_local = matches!(kind, Kind::App | Kind::Node);
    references.filter(move |reference| {
        reference.target == kind.target()
            && reference.name == name
            && (!is_local || reference.cluster() == Some(cluster))
    })
}

/// An app whose database has its password in a secret entry.
pub(crate) struct WithDatabase<'a> {
    cluster: &'a str,
    name: &'a str,
    /// Its line, and what it reads.
    pub(crate) shown: String,
}

/// The apps with a database whose password is in a secret entry.
pub(crate) fn databases_of<'a>(source: Source<'a>, secret: &'a str) -> impl Iterator<Item = WithDatabase<'a>> {
    source.spec.clusters.iter().filter_map(move |cluster| {
        let app = cluster.value.apps.by_object_name(secret).filter(|app| app.value.database().is_some())?;
        let (cluster, name) = (cluster.name.as_str(), app.name.as_str());
        let (key, _) = entry(source, &Kind::App.place(cluster), name)?;
        let line = line(source, key.span.start);
        Some(WithDatabase {
            cluster,
            name,
            shown: format!("line {line}: the app `{name}`, for the password of its database"),
        })
    })
}

fn secret_entries(spec: &Spec) -> impl Iterator<Item = &str> {
    spec.secrets.iter().flat_map(|secrets| secrets.entries.names())
}
