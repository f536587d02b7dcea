//! Patches: what they change must be there.

use super::super::unit::Patch;
use crate::spec::{self, Given as _};
use diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use yaml::Value;

/// Patches whose targets exist among the objects of some units, given as kinds and names.
pub(crate) fn bind(patches: &[spec::Patch], made: &[&[(String, String)]], faults: &mut Diagnostics) -> Vec<Patch> {
    let objects: Vec<_> = made.iter().flat_map(|objects| objects.iter()).collect();
    patches
        .iter()
        .filter_map(|patch| {
            let (kind, name) = (&patch.target.kind, &patch.target.name);
            let hit = |(other_kind, other_name): &(String, String)| {
                other_kind == kind.as_str() && name.as_ref().is_none_or(|name| name.as_str() == other_name)
            };
            if objects.iter().any(|object| hit(object)) {
                let merge = Value::of_entries(patch.merge.clone());
                return Some(Patch { kind: kind.to_string(), name: name.given().map(ToString::to_string), merge });
            }
            let wanted = name.as_ref().map_or(kind.to_string(), |name| format!("{} {}", kind.value, name.value));
            let known: Vec<_> = objects.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
            let help = match did_you_mean(&wanted, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", known.join(", ")),
            };
            let span = name.as_ref().map_or(kind.span, |name| name.span);
            faults.push(
                Diagnostic::new(Code::PatchTargetUnknown, span, format!("no object here is a {wanted}")).help(help),
            );
            None
        })
        .collect()
}
