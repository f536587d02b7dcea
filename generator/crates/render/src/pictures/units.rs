//! The order of units.

use super::labels::{Labels, fill};
use super::{MARGIN, WIDTH, finish, start};
use model::{Bound, Cluster, Lab, Origin};
use picture::{Area, Layers, Line, Look, Panel, Picture, Step, Style};
use spec::types::Name;
use std::collections::BTreeMap;

/// The picture of the platform of a cluster, with its apps as one box. It does not change with apps, their databases and
/// secrets. `number` chooses its colour.
pub fn units(cluster: &Cluster, number: usize, labels: &Labels) -> Picture {
    let title = fill(labels.order_of, &[&cluster.name]);
    let mut picture = Picture::new(&title, labels.order_description, labels.language, WIDTH);
    let y = start(&mut picture, &title, labels.order_note);
    let bounds: Vec<_> = cluster.units.iter().filter(|bound| is_of_platform(bound)).collect();
    let mut bottom = y + layers(&bounds, number).draw(&mut picture, (MARGIN, y), WIDTH - 2 * MARGIN);
    if cluster.apps() > 0 {
        let group = Panel::new(Look::Group, [Line::body(labels.each_app).aside(labels.each_app_note)]);
        bottom = group.draw(&mut picture, (MARGIN, bottom + MARGIN), WIDTH - 2 * MARGIN).bottom();
    }
    finish(&mut picture, bottom);
    picture
}

/// The picture of all units, or of those of one cluster, with those of apps.
pub fn all_units(lab: &Lab, only: Option<&Name>, labels: &Labels) -> Picture {
    let title = only.map_or(labels.order.to_owned(), |name| fill(labels.order_of, &[name]));
    let mut picture = Picture::new(&title, labels.order_description, labels.language, WIDE);
    let mut y = start(&mut picture, &title, labels.order_note);
    let clusters = lab.clusters.iter().enumerate().filter(|(_, cluster)| only.is_none_or(|only| *only == cluster.name));
    for (number, cluster) in clusters {
        if only.is_none() {
            let area = Area::new(MARGIN, y, WIDE - 2 * MARGIN, 24);
            picture.add_text((MARGIN, y + 14), Style::Title, cluster.name.as_str(), None, area);
            y += area.height;
        }
        let bounds: Vec<_> = cluster.units.iter().collect();
        y += layers(&bounds, number).draw(&mut picture, (MARGIN, y), WIDE - 2 * MARGIN) + BETWEEN;
    }
    finish(&mut picture, y - BETWEEN);
    picture
}

/// The width of a picture with the units of apps: names need more room, since there are more layers.
const WIDE: i32 = 1200;
/// The distance between two clusters.
const BETWEEN: i32 = 24;

/// Whether a unit belongs to the platform, and not to an app, to its database or to its secrets.
pub(crate) fn is_of_platform(bound: &Bound) -> bool {
    let is_of_apps = bound.unit.folder.as_str().starts_with("databases/") || bound.unit.encrypted.is_some();
    bound.origin != Origin::App && !is_of_apps
}

/// Units as steps, each after those that it waits for.
fn layers(bounds: &[&Bound], number: usize) -> Layers {
    let positions: BTreeMap<&str, usize> =
        bounds.iter().enumerate().map(|(at, bound)| (bound.unit.id.as_str(), at)).collect();
    let waits: Vec<Vec<usize>> = bounds
        .iter()
        .map(|bound| bound.depends_on.iter().filter_map(|other| positions.get(other.as_str()).copied()).collect())
        .collect();
    let order = order(&waits);
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, at)| places[*at] = place);
    let step = |at: &usize| Step {
        name: bounds[*at].unit.id.to_string(),
        look: if bounds[*at].origin == Origin::App { Look::Plain } else { Look::Hue(number) },
        after: waits[*at].iter().map(|other| places[*other]).collect(),
    };
    Layers { steps: order.iter().map(step).collect(), arrows: Look::Hue(number), loose_below: true }
}

/// The positions of units, each after those that it waits for. There are no cycles.
fn order(waits: &[Vec<usize>]) -> Vec<usize> {
    fn visit(at: usize, waits: &[Vec<usize>], is_done: &mut [bool], order: &mut Vec<usize>) {
        if !std::mem::replace(&mut is_done[at], true) {
            waits[at].iter().for_each(|other| visit(*other, waits, is_done, order));
            order.push(at);
        }
    }
    let (mut is_done, mut order) = (vec![false; waits.len()], Vec::with_capacity(waits.len()));
    (0..waits.len()).for_each(|at| visit(at, waits, &mut is_done, &mut order));
    order
}
