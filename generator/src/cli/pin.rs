//! Setting the tag of an image by hand.

use app::ImageId;
use diagnostic::did_you_mean;
use model::Files;
use spec::types::{ImageTag, Text as _};
use spec::{App, Entry, Image, Spec};

/// Sets the tag of an image in the pins file among `files`.
///
/// # Errors
/// If there is no such image, it has no `update`, or image automation could not have chosen the tag.
pub(super) fn set(spec: &Spec, files: &mut Files, wanted: &str, tag: &str) -> Result<(), String> {
    let Target { id, named, image } = find(spec, wanted)?;
    let tag = ImageTag::parse(tag).map_err(|reason| format!("`{tag}` is not a valid image tag: {reason}"))?;
    let name = named.key();
    let Some(image) = image.filter(|image| image.update.is_some()) else {
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
    app::with_pin(files, &id, &tag);
    Ok(())
}

/// An image that the command can name.
#[derive(Clone, Copy)]
struct Target<'a> {
    /// How the pins file names it.
    id: ImageId<'a>,
    /// How the spec names it.
    named: ImageId<'a>,
    /// The image; `None` for an app of a chart.
    image: Option<&'a Image>,
}

impl Target<'_> {
    /// Its name, if it is unique in the lab without its cluster.
    fn short_name(&self) -> String {
        let ImageId { app, container, .. } = self.named;
        container.map_or(app.to_string(), |container| format!("{app}/{container}"))
    }
}

/// The images of an app. A chart has one without a tag that could be set.
fn targets<'a>(cluster: &'a Entry<spec::Cluster>, entry: &'a Entry<App>) -> Vec<Target<'a>> {
    let target = |container: Option<&'a spec::Spanned<spec::types::Name>>, image| {
        let container = container.map(|container| &container.value);
        let named = ImageId { cluster: &cluster.name.value, app: &entry.name.value, container };
        Target { id: ImageId { app: entry.object_name(), ..named }, named, image }
    };
    match entry.value.container() {
        None => vec![target(None, None)],
        Some(app) => app.images().map(|(container, image)| target(container, Some(image))).collect(),
    }
}

/// Finds an image by `APP` or `APP/CONTAINER`, with or without `CLUSTER/` before it.
fn find<'a>(spec: &'a Spec, wanted: &str) -> Result<Target<'a>, String> {
    let all: Vec<_> = spec
        .clusters
        .iter()
        .flat_map(|cluster| cluster.value.apps.iter().flat_map(move |entry| targets(cluster, entry)))
        .collect();
    if let Some(exact) = all.iter().find(|target| target.named.key() == wanted) {
        return Ok(*exact);
    }
    let found: Vec<_> = all.iter().filter(|target| target.short_name() == wanted).collect();
    match found.as_slice() {
        [one] => Ok(**one),
        [] => {
            let known: Vec<_> = all.iter().flat_map(|target| [target.named.key(), target.short_name()]).collect();
            let near = did_you_mean(wanted, known.iter().map(String::as_str));
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let what = if wanted.contains('/') { "app or container" } else { "app" };
            Err(format!("there is no {what} `{wanted}`{near}"))
        }
        several => {
            let names: Vec<_> = several.iter().map(|target| target.named.key()).collect();
            Err(format!("several clusters have an app `{wanted}`: use {}", names.join(" or ")))
        }
    }
}
