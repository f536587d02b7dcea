//! Setting the tag of an image by hand.

use diagnostic::did_you_mean;
use model::Files;
use spec::types::{ImageTag, Text as _};
use spec::{App, Entry, Spec};

/// Puts a tag into the pins file, as it was read.
///
/// # Errors
/// If the app is not one whose image is moved, or automation could not have chosen the tag.
pub(super) fn set(spec: &Spec, files: &mut Files, wanted: &str, tag: &str) -> Result<(), String> {
    let (cluster, entry) = find(spec, wanted)?;
    let tag = ImageTag::parse(tag).map_err(|reason| format!("`{tag}` is not a tag: {reason}"))?;
    let name = format!("{cluster}/{}", entry.name.value);
    let Some(image) = entry.value.container().map(|app| &app.image).filter(|image| image.update.is_some()) else {
        return Err(format!("the image of `{name}` has no `update`: its tag stands in the spec, and is changed there"));
    };
    if app::is_floating(tag.as_str()) {
        return Err(format!(
            "`{tag}` moves from release to release, and a pin names one; say the tag of that release: automation moves \
             `{name}` on from there"
        ));
    }
    if !app::may_be(image, &tag) {
        return Err(format!(
            "`{name}` starts at {}, and its `update` does not lead from there to {tag}; to go there, change `tag` in the \
             spec",
            image.tag.value
        ));
    }
    app::with_pin(files, &name, &tag);
    Ok(())
}

fn find<'a>(spec: &'a Spec, app: &str) -> Result<(&'a str, &'a Entry<App>), String> {
    let all = || {
        spec.clusters
            .iter()
            .flat_map(|cluster| cluster.value.apps.iter().map(move |entry| (cluster.name.as_str(), entry)))
    };
    let full = |(cluster, entry): &(&str, &Entry<App>)| format!("{cluster}/{}", entry.name.value);
    let found: Vec<_> = all().filter(|item| item.1.name.as_str() == app || full(item) == app).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let names: Vec<_> = all().map(|item| full(&item)).collect();
            let plain: Vec<_> = all().map(|(_, entry)| entry.name.as_str()).collect();
            let known = names.iter().map(String::as_str).chain(plain);
            let near = did_you_mean(app, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            Err(format!("there is no app `{app}`{near}"))
        }
        several => {
            let names: Vec<_> = several.iter().map(full).collect();
            Err(format!("several clusters have an app `{app}`: say {}", names.join(" or ")))
        }
    }
}
