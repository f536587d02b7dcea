//! The pins file: a line for each image that automation moves.

use super::engine::{Engine, IMAGES};
use super::{Owner, Page};
use crate::lab::{ImageUpdate, Lab, PINS, Workload};
use minijinja::context;
use minijinja::value::Serde;

pub(super) fn pages(lab: &Lab, engine: &Engine) -> Result<Vec<Page>, String> {
    let apps = lab.clusters.iter().flat_map(|cluster| &cluster.apps);
    let images: Vec<&ImageUpdate> = apps
        .filter_map(|app| match &app.workload {
            Workload::Containers(containers) => containers.update.as_ref(),
            Workload::Chart { .. } => None,
        })
        .collect();
    if images.is_empty() {
        return Ok(Vec::new());
    }
    let text = engine.page(IMAGES, context! { images => Serde(images) })?;
    Ok(vec![Page { path: PINS.to_owned(), text, owner: Owner::Pins, origin: None }])
}
