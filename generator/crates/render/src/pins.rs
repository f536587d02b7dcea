//! The pins file, with the tag of each image that Flux updates.

use crate::engine::{Engine, IMAGES};
use crate::{Owner, Page};
use minijinja::context;
use minijinja::value::Serde;
use model::contract::PINS;
use model::{ImageUpdate, Lab};

pub(crate) fn pages(lab: &Lab, engine: &Engine<'_>) -> Result<Vec<Page>, String> {
    let images: Vec<&ImageUpdate> = lab.clusters.iter().flat_map(|cluster| &cluster.updates).collect();
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let text = engine.page(IMAGES, context! { images => Serde(images) })?;
    Ok(vec![Page { path: PINS.to_owned(), text, owner: Owner::Pins.into(), place: None, origin: None }])
}
