//! Pictures of the lab: its architecture, the order of the units of each cluster, and each app.
//!
//! The committed pictures keep apart what changes of different apps touch: those of the architecture and of the order of
//! units do not contain apps. See invariant 8 in ARCHITECTURE.md.

mod app;
mod architecture;
mod labels;
mod units;

pub use app::app;
pub use architecture::architecture;
pub use labels::Labels;
pub(crate) use units::is_of_platform;
pub use units::{all_units, units};

use crate::{Owner, Page};
use model::{Bound, Cluster, Lab, Origin};
use picture::{Area, Look, Picture, Style, shorten};
use spec::types::Name;
use std::collections::BTreeMap;

/// The width of pictures: that of the text column where code hosts show a README.
const WIDTH: i32 = 800;
/// The distance between the edge of a picture and its content.
const MARGIN: i32 = 16;

/// The page of a picture. `name` is its path in `docs/lab`.
pub(crate) fn page(name: String, picture: &Picture, header: &str) -> Page {
    Page {
        path: format!("docs/lab/{name}"),
        text: picture.svg(header),
        owner: Owner::Document(name).into(),
        place: None,
        origin: None,
    }
}

/// All pictures that are generated, with their paths in `docs/lab`.
pub fn pictures(lab: &Lab) -> Vec<(String, Picture)> {
    let labels = Labels::of(lab.language);
    let mut pictures = vec![("architecture.svg".to_owned(), architecture(lab, labels, false))];
    for cluster in &lab.clusters {
        pictures.push((format!("clusters/{}.svg", cluster.name), units(cluster, number(lab, cluster), labels)));
        let units = units_by_name(cluster);
        for (_, interface) in cluster.interfaces.iter().filter(|(origin, _)| *origin == Origin::App) {
            let picture = app(lab, cluster, interface, unit_of(&units, interface), labels);
            pictures.push((format!("apps/{}/{}.svg", cluster.name, interface.name), picture));
        }
    }
    pictures
}

/// Starts a picture with its name, and a note below it. Returns where the content starts.
fn start(picture: &mut Picture, title: &str, note: &str) -> i32 {
    let wide = WIDTH - 2 * MARGIN;
    let mut y = MARGIN + 14;
    let mut line = |text: &str, style: Style, height: i32| {
        let shown = shorten(text, wide, style);
        let area = Area::new(MARGIN, y - 16, wide, 22);
        picture.add_text((MARGIN, y), style, &shown, Some(text), area);
        y += height;
    };
    line(title, Style::Heading, 20);
    if !note.is_empty() {
        line(note, Style::Small, 20);
    }
    y - 6
}

/// Ends a picture below its content.
fn finish(picture: &mut Picture, bottom: i32) {
    picture.height = bottom + MARGIN;
    // Its edge is inside.
    picture.add_box_behind(0, Area::new(0, 0, picture.width - 1, picture.height - 1), Look::Page);
}

/// The units of a cluster by their names.
pub type Units<'a> = BTreeMap<&'a str, &'a Bound>;

/// Returns the units of a cluster by their names.
pub fn units_by_name(cluster: &Cluster) -> Units<'_> {
    cluster.units.iter().map(|bound| (bound.unit.id.as_str(), bound)).collect()
}

/// The unit of an app.
pub fn unit_of<'a>(units: &Units<'a>, interface: &model::Interface) -> Option<&'a Bound> {
    let name = interface.object_name.as_ref().unwrap_or(&interface.name);
    units.get(name.as_str()).copied()
}

/// The position of a cluster in the lab, which chooses its colour.
pub(crate) fn number(lab: &Lab, cluster: &Cluster) -> usize {
    number_of(lab, &cluster.name).unwrap_or_default()
}

fn number_of(lab: &Lab, name: &Name) -> Option<usize> {
    lab.clusters.iter().position(|cluster| cluster.name == *name)
}

/// Joins texts that are not empty.
fn joined<T: AsRef<str>>(parts: impl IntoIterator<Item = T>) -> String {
    let mut out = String::new();
    for part in parts {
        let part = part.as_ref();
        if !part.is_empty() {
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(part);
        }
    }
    out
}
