//! Patches: each must match an object, keep its identity, and change containers that exist.

use crate::guards;
use diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use model::{Manifest, ObjectId, PartName, Patch, PodContainers, Unit};
use yaml::Value;

/// Adds each patch to the units of a maker that create its targets.
pub(crate) fn bind(patches: &[spec::Patch], units: &mut [Unit], diagnostics: &mut Diagnostics) {
    if patches.is_empty() {
        return;
    }
    let of_unit = |unit: &Unit| if unit.is_unlisted { Vec::new() } else { unit.objects().collect() };
    let objects: Vec<Vec<ObjectId>> = units.iter().map(of_unit).collect();
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
        for unit in units.iter().filter(|unit| !unit.is_unlisted) {
            check_identity(given, &patch, unit, diagnostics);
            check_selector(given, &patch, unit, diagnostics);
            let manifests = unit.manifests().iter().filter(|manifest| manifest.objects.iter().any(|id| patch.fits(id)));
            manifests.for_each(|manifest| check_containers(given, &patch, manifest, diagnostics));
        }
        for (unit, _) in units.iter_mut().zip(&objects).filter(|(_, objects)| hits(objects)) {
            let patch = guards::keep_in_patch(patch.clone(), &unit.guards, given.target.kind.span, diagnostics);
            unit.patches.push(patch);
        }
    }
}

/// Checks that a patch does not change the kind, name or namespace of its target. Kustomize refuses the first two, and
/// the third would move the object.
fn check_identity(given: &spec::Patch, patch: &Patch, unit: &Unit, diagnostics: &mut Diagnostics) {
    let metadata = patch.merge.get("metadata");
    let of_metadata = |field: &str| metadata.and_then(|metadata| metadata.get(field));
    for object in unit.objects().filter(|object| patch.fits(object)) {
        let fields = [
            ("kind", patch.merge.get("kind"), object.kind.as_str()),
            ("metadata.name", of_metadata("name"), object.name.as_str()),
            ("metadata.namespace", of_metadata("namespace"), unit.namespace.name.as_str()),
        ];
        for (field, value, own) in fields {
            if value.is_none_or(|value| value.as_str() == Some(own)) {
                continue;
            }
            let span = given.target.name.as_ref().map_or(given.target.kind.span, |name| name.span);
            let message = format!("the patch changes `{field}` of {object}, which identifies the object");
            let diagnostic = Diagnostic::new(Code::InvalidValue, span, message);
            diagnostics.push(diagnostic.help(format!("remove `{field}` from `merge`: `target` selects the object")));
        }
    }
}

/// The kinds whose selector the API server never changes, and the label that it selects the pods by.
const SELECTING: [&str; 3] = ["DaemonSet", "Deployment", "StatefulSet"];
const SELECTED: &str = "app.kubernetes.io/name";

/// Checks that a patch keeps the selector of a workload, and the label of its pods that it selects.
fn check_selector(given: &spec::Patch, patch: &Patch, unit: &Unit, diagnostics: &mut Diagnostics) {
    let at = |path: &[&str]| path.iter().try_fold(&patch.merge, |value, key| value.get(key));
    let label = at(&["spec", "template", "metadata", "labels", SELECTED]);
    let manifests = unit.manifests().iter().filter(|manifest| manifest.containers.is_some());
    let workloads = manifests.flat_map(|manifest| &manifest.objects);
    for object in workloads.filter(|object| patch.fits(object) && SELECTING.contains(&object.kind.as_str())) {
        let span = given.target.name.as_ref().map_or(given.target.kind.span, |name| name.span);
        let (what, reason, help) = if at(&["spec", "selector"]).is_some() {
            let help = "remove `spec.selector` from `merge`; to label the pods, use `spec.template.metadata.labels`";
            ("`spec.selector`", "which the API server never changes once the object exists", help)
        } else if label.is_some_and(|value| value.as_str() != Some(object.name.as_str())) {
            let help = "use another label: the selectors of the app and its Service need this one";
            ("the label `app.kubernetes.io/name` of the pods", "by which the object finds its pods", help)
        } else {
            continue;
        };
        let message = format!("the patch changes {what} of {object}, {reason}");
        diagnostics.push(Diagnostic::new(Code::InvalidValue, span, message).help(help));
    }
}

/// The fields of workloads that lead to their pods.
const PODS: [&[&str]; 2] = [&["spec", "template", "spec"], &["spec", "jobTemplate", "spec", "template", "spec"]];

/// Checks that the containers that a patch changes exist. A new one has an image.
fn check_containers(given: &spec::Patch, patch: &Patch, manifest: &Manifest, diagnostics: &mut Diagnostics) {
    let Some(known) = &manifest.containers else { return };
    let pods = PODS.iter().filter_map(|path| path.iter().try_fold(&patch.merge, |value, key| value.get(key)));
    for pod in pods {
        for (field, names) in [("containers", &known.main), ("initContainers", &known.init)] {
            let Some(Value::Seq(items)) = pod.get(field) else { continue };
            for item in items {
                let name = item.get("name").and_then(Value::as_str);
                let exists = name.is_some_and(|name| names.iter().any(|known| known.as_str() == name));
                if !exists && (name.is_none() || item.get("image").is_none()) {
                    diagnostics.push(unknown_container(given, (field, name), names, known, manifest));
                }
            }
        }
    }
}

fn unknown_container(
    given: &spec::Patch,
    (field, name): (&str, Option<&str>),
    names: &[PartName],
    known: &PodContainers,
    manifest: &Manifest,
) -> Diagnostic {
    let object = manifest.objects.first().map(ToString::to_string).unwrap_or_default();
    let span = given.target.name.as_ref().map_or(given.target.kind.span, |name| name.span);
    let list = || match names {
        [] => "it has none".to_owned(),
        names => format!("available: {}", names.iter().map(PartName::as_str).collect::<Vec<_>>().join(", ")),
    };
    let Some(name) = name else {
        let message = format!("an item of `{field}` in the patch of {object} has no `name`");
        return Diagnostic::new(Code::PatchTargetUnknown, span, message)
            .help(format!("add the `name` of the container; {}", list()));
    };
    let is_other =
        |(other, names): &(&str, &Vec<PartName>)| *other != field && names.iter().any(|known| known.as_str() == name);
    let other = [("containers", &known.main), ("initContainers", &known.init)].into_iter().find(is_other);
    let help = match (other, did_you_mean(name, names.iter().map(PartName::as_str))) {
        (Some((other, _)), _) => format!("it is in `{other}`"),
        (None, Some(near)) => format!("did you mean `{near}`?"),
        (None, None) => format!("{}; to add a container, set its `image`", list()),
    };
    let message = format!("{object} has no container `{name}` in `{field}`");
    Diagnostic::new(Code::PatchTargetUnknown, span, message).help(help)
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
