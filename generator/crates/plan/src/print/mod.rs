//! The plan as text for people, as Markdown, and as JSON.

mod json;
mod markdown;
mod text;

pub use json::{json, schema};
pub use markdown::markdown;
pub use text::human;

use crate::{Action, ObjectChange, Plan};
use std::collections::BTreeMap;

/// The word for what happens to an object.
fn word(action: &Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Change => "change",
        Action::Refuse => "refused",
        Action::Reinstall => "reinstall",
        Action::Prune => "delete",
        Action::LeaveBehind => "leave behind",
    }
}

/// The objects of a cluster, by unit.
fn units(plan: &Plan) -> BTreeMap<(&str, &str), Vec<&ObjectChange>> {
    let mut units: BTreeMap<(&str, &str), Vec<&ObjectChange>> = BTreeMap::new();
    for change in &plan.objects {
        units.entry((&change.cluster, &change.unit)).or_default().push(change);
    }
    units
}

/// What happens in a unit, in a few words.
fn summary(changes: &[&ObjectChange]) -> String {
    let actions =
        [Action::Refuse, Action::Reinstall, Action::Change, Action::Create, Action::Prune, Action::LeaveBehind];
    let parts = actions.iter().filter_map(|action| {
        let of_action: Vec<_> = changes.iter().filter(|change| change.action == *action).collect();
        let names: Vec<_> = of_action.iter().take(2).map(|change| text::with_fields(change)).collect();
        let more = of_action.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| format!("{} {}{more}", word(action), names.join(", ")))
    });
    parts.collect::<Vec<_>>().join("; ")
}
