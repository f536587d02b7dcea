//! Renames entries, with all references to them.

use crate::add::COMMIT;
use crate::names::{check_known, check_new, cluster_with, entry};
use crate::remove::{databases_of, to};
use crate::{Amended, Kind, Refusal, Source, refuse};
use diagnostic::count;
use edit::EditError;
use spec::references;

/// Renames an entry. An app keeps its name in the cluster (`moved-from`), and a secret entry its path in the store
/// (`path`).
///
/// # Errors
/// If there is no such entry, or the new name is taken.
pub fn rename(source: Source<'_>, kind: Kind, cluster: Option<&str>, old: &str, new: &str) -> Result<Amended, Refusal> {
    let cluster = cluster_with(source, kind, old, cluster)?;
    let place = kind.place(cluster);
    check_known(source, kind, &place, old)?;
    match kind {
        Kind::Node => {
            source.spec.clusters.names().try_for_each(|other| check_new(source, kind, &kind.place(other), new))?;
        }
        _ => check_new(source, kind, &place, new)?,
    }
    if let Some(app) = databases_of(source, old).find(|_| kind == Kind::Secret) {
        return refuse(format!("the secret entry `{old}` cannot be renamed: {}", app.shown));
    }
    let all = references(source.root);
    let found: Vec<_> = to(kind, cluster, old, all.iter()).collect();
    let mut text = source.text.to_owned();
    for reference in found.iter().filter(|reference| !reference.is_key) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        text = edit::set(&text, &path, &yaml::scalar(&reference.with_name(new)))?;
    }
    for reference in found.iter().filter(|reference| reference.is_key) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        text = edit::rename_key(&text, &path, &reference.with_name(new))?;
    }
    let path: Vec<&str> = place.iter().copied().chain([old]).collect();
    text = keep(source, kind, &text, &path, (old, new))?;
    let mut amended = Amended::of(source);
    amended.text = edit::rename_key(&text, &path, new)?;
    amended.changes.push(format!("{} `{old}`, now `{new}`", kind.noun()));
    if !found.is_empty() {
        amended.changes.push(format!("{} to it", count(found.len(), "reference")));
    }
    if kind == Kind::Host {
        let note = format!(
            "the plan is that of a move to another machine; if `{new}` is the machine that was `{old}`, its nodes stay"
        );
        amended.notes.push(note);
    }
    amended.steps.push(COMMIT.to_owned());
    Ok(amended)
}

/// Adds the field with which an entry keeps its objects or values under its earlier name.
fn keep(source: Source<'_>, kind: Kind, text: &str, path: &[&str], names: (&str, &str)) -> Result<String, EditError> {
    let (old, new) = names;
    let (field, earlier, current) = match kind {
        Kind::App => ("moved-from", old.to_owned(), new.to_owned()),
        Kind::Secret => ("path", format!("/{old}"), format!("/{new}")),
        _ => return Ok(text.to_owned()),
    };
    let of_field: Vec<&str> = path.iter().copied().chain([field]).collect();
    let (above, name) = (&path[..path.len() - 1], path[path.len() - 1]);
    let given = entry(source, above, name).and_then(|(_, value)| value.text_of(field));
    match given {
        // It has its first name again.
        Some(given) if given == current => edit::remove(text, &of_field),
        Some(_) => Ok(text.to_owned()),
        // It comes first, after the description.
        None => {
            let fields = entry(source, above, name).map_or(&[][..], |(_, value)| value.entries());
            let next = fields.iter().filter_map(|(key, _)| key.text()).find(|key| *key != "description");
            edit::insert_before(text, path, next.as_slice(), field, &yaml::scalar(&earlier))
        }
    }
}

/// Renames a cluster in the text of the pins, the tags that image automation has set.
///
/// # Errors
/// If the text cannot be edited.
pub fn pins(text: &str, old: &str, new: &str) -> Result<String, EditError> {
    let (documents, _) = yaml::documents(text, yaml::Limits::default());
    let images = documents.first().and_then(|root| root.get("images")).map_or(&[][..], yaml::Node::entries);
    images.iter().filter_map(|(key, _)| key.text()).try_fold(text.to_owned(), |text, key| {
        match key.strip_prefix(old).filter(|rest| rest.starts_with('/')) {
            Some(rest) => edit::rename_key(&text, &["images", key], &format!("{new}{rest}")),
            None => Ok(text),
        }
    })
}
