//! Patches: each must match an object.

use crate::guards;
use diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use model::{ObjectId, Patch, Unit};
use yaml::Value;

/// Adds each patch to the units of a maker that create its targets.
pub(crate) fn bind(patches: &[spec::Patch], units: &mut [Unit], diagnostics: &mut Diagnostics) {
    if patches.is_empty() {
        return;
    }
    let objects: Vec<Vec<ObjectId>> = units.iter().map(|unit| unit.objects().collect()).collect();
    for given in patches {
        let patch = Patch {
            kind: given.target.kind.to_string().into(),
            name: given.target.name.as_ref().map(|name| (&name.value).into()),
            merge: Value::of_entries(given.merge.clone()),
        };
        let hits = |objects: &[ObjectId]| objects.iter().any(|object| patch.fits(object));
        if !objects.iter().any(|objects| hits(objects)) {
            diagnostics.push(unknown_target(given, objects.iter().flatten()));
        }
        for (unit, _) in units.iter_mut().zip(&objects).filter(|(_, objects)| hits(objects)) {
            let patch = guards::keep_in_patch(patch.clone(), &unit.guards, given.target.kind.span, diagnostics);
            unit.patches.push(patch);
        }
    }
}

fn unknown_target<'a>(patch: &spec::Patch, objects: impl Iterator<Item = &'a ObjectId>) -> Diagnostic {
    let (kind, name) = (&patch.target.kind, &patch.target.name);
    let target = name.as_ref().map_or(kind.to_string(), |name| format!("{} {}", kind.value, name.value));
    let known: Vec<_> = objects.map(ToString::to_string).collect();
    let help = match did_you_mean(&target, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("available objects: {}", known.join(", ")),
    };
    let span = name.as_ref().map_or(kind.span, |name| name.span);
    Diagnostic::new(Code::PatchTargetUnknown, span, format!("no object matches the patch target {target}")).help(help)
}
