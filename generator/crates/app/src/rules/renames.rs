//! Earlier names: an app or a volume that has one keeps it in the cluster, so nothing else may have it.

use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::types::Name;
use spec::{App, Cluster, Entries, Entry, Spanned, Volume};
use std::collections::BTreeMap;

/// Checks the earlier names of the apps of a cluster and of their volumes.
pub(super) fn check(cluster: &Cluster, diagnostics: &mut Diagnostics) {
    check_entries("app", &cluster.apps, App::earlier_name, diagnostics);
    for app in &cluster.apps {
        let Some(container) = app.value.container() else { continue };
        check_entries("volume", &container.storage, Volume::earlier_name, diagnostics);
    }
}

fn check_entries<T>(
    what: &str,
    entries: &Entries<T>,
    moved_from: fn(&T) -> Option<&Spanned<Name>>,
    diagnostics: &mut Diagnostics,
) {
    let own = entries.iter().filter(|entry| moved_from(&entry.value).is_none());
    let mut taken: BTreeMap<&str, &Entry<T>> = own.map(|entry| (entry.name.as_str(), entry)).collect();
    for entry in entries {
        let Some(earlier) = moved_from(&entry.value) else { continue };
        if earlier.value == entry.name.value {
            let message = format!("`moved-from` is the name that the {what} has now");
            let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, earlier.span, message);
            diagnostics.push(diagnostic.help("write its earlier name, or remove `moved-from`"));
        }
        if let Some(other) = taken.insert(earlier.as_str(), entry) {
            let (name, other_name) = (&entry.name.value, &other.name.value);
            let message = format!(
                "`{name}` and `{other_name}` would both have the name `{earlier}` in the cluster",
                earlier = earlier.value
            );
            let diagnostic = Diagnostic::new(Code::NameTaken, earlier.span, message)
                .related(other.name.span, format!("the other {what}"));
            diagnostics.push(diagnostic.help(format!(
                "rename `{other_name}`, or remove `moved-from` if `{name}` may start with new, empty objects"
            )));
        }
    }
}
