//! Setting the image tag of an app by hand.

use diagnostic::did_you_mean;
use model::Files;
use spec::types::{ImageTag, Text as _};
use spec::{App, Entry, Spec};

/// Sets the tag of an app in the pins file among `files`.
///
/// # Errors
/// If there is no such app, its image has no `update`, or image automation could not have chosen the tag.
pub(super) fn set(spec: &Spec, files: &mut Files, wanted: &str, tag: &str) -> Result<(), String> {
    let (cluster, entry) = find(spec, wanted)?;
    let tag = ImageTag::parse(tag).map_err(|reason| format!("`{tag}` is not a valid image tag: {reason}"))?;
    let name = format!("{cluster}/{}", entry.name.value);
    let Some(image) = entry.value.container().map(|app| &app.image).filter(|image| image.update.is_some()) else {
        return Err(format!("the image of `{name}` has no `update`; change its `tag` in the spec instead"));
    };
    if app::is_floating(tag.as_str()) {
        return Err(format!(
            "`{tag}` is a floating tag; use the tag of one release, from which image automation updates `{name}`"
        ));
    }
    if !app::may_be(image, &tag) {
        return Err(format!(
            "`{name}` starts at {}, from where its `update` does not allow {tag}; to use that tag, set it in the spec",
            image.tag.value
        ));
    }
    app::with_pin(files, &name, &tag);
    Ok(())
}

/// Finds an app by `APP` or `CLUSTER/APP`.
fn find<'a>(spec: &'a Spec, app: &str) -> Result<(&'a str, &'a Entry<App>), String> {
    let all = || {
        spec.clusters
            .iter()
            .flat_map(|cluster| cluster.value.apps.iter().map(move |entry| (cluster.name.as_str(), entry)))
    };
    let full_name = |(cluster, entry): &(&str, &Entry<App>)| format!("{cluster}/{}", entry.name.value);
    let found: Vec<_> = all().filter(|item| item.1.name.as_str() == app || full_name(item) == app).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let names: Vec<_> = all().map(|item| full_name(&item)).collect();
            let short: Vec<_> = all().map(|(_, entry)| entry.name.as_str()).collect();
            let known = names.iter().map(String::as_str).chain(short);
            let near = did_you_mean(app, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            Err(format!("there is no app `{app}`{near}"))
        }
        several => {
            let names: Vec<_> = several.iter().map(full_name).collect();
            Err(format!("several clusters have an app `{app}`: use {}", names.join(" or ")))
        }
    }
}
