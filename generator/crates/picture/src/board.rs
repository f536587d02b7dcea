//! Boxes in rows, and arrows around them.
//!
//! Arrows leave and enter boxes at the top or the bottom and run in the gutters between rows. Each has a track of its
//! own there. One that passes other rows does so beside them, at the left or the right edge.

use crate::area::Area;
use crate::panel::{Arranged, Panel};
use crate::picture::Picture;
use crate::style::{Look, Style};
use crate::text::{shorten, width};
use std::cmp::Ordering;

/// A box of a board, by its row and its position there.
pub type Cell = (usize, usize);

/// An arrow between two boxes.
#[derive(Debug, Clone)]
pub struct Link {
    /// The box where it starts.
    pub from: Cell,
    /// The box where it ends.
    pub to: Cell,
    /// What it stands for.
    pub label: String,
    /// How it looks.
    pub look: Look,
}

/// Boxes of the same height, in columns of the same width.
#[derive(Debug)]
pub struct Row {
    /// The number of columns.
    pub columns: usize,
    /// The boxes, at most one for each column.
    pub panels: Vec<Panel>,
}

impl Row {
    /// Puts boxes into rows of at most `most`, which have as many columns as the first one.
    pub fn of(panels: Vec<Panel>, most: usize) -> Vec<Self> {
        let rows = panels.len().div_ceil(most).max(1);
        let columns = panels.len().div_ceil(rows).max(1);
        let mut rest = panels.into_iter().peekable();
        let mut out = Vec::new();
        while rest.peek().is_some() {
            out.push(Self { columns, panels: rest.by_ref().take(columns).collect() });
        }
        out
    }
}

/// Boxes in rows, and arrows between them.
#[derive(Debug, Default)]
pub struct Board {
    /// The rows.
    pub rows: Vec<Row>,
    /// The arrows.
    pub links: Vec<Link>,
    /// Arrows from an area above. Where they start in their links has no meaning.
    pub entries: Vec<Link>,
    /// The bottom of that area.
    pub above: i32,
}

/// The distance between two boxes of a row.
const COLUMN_GAP: i32 = 20;
/// The height of a gutter without arrows.
const GUTTER: i32 = 20;
/// The distance between two tracks: there is a label above each.
const TRACK: i32 = 18;
/// The distance between two arrows beside the rows.
const LANE: i32 = 12;
/// How far the ends of an arrow may be apart that becomes straight.
const STRAIGHT: i32 = 40;
/// The distance between an arrow and a label beside it.
const BESIDE: i32 = 7;
/// The smallest width of a shortened label.
const LEAST_LABEL: i32 = 40;
/// The shortest part of an arrow that enters a box.
const STUB: i32 = 14;

/// A side of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Top,
    Bottom,
}

/// The way of an arrow.
struct Route<'a> {
    link: &'a Link,
    /// Whether it starts above the board.
    is_entry: bool,
    /// The gutters that it runs in, with the side of the boxes there; gutter 0 is above the first row.
    first: usize,
    last: usize,
    from_side: Side,
    to_side: Side,
    /// Whether it passes other rows at the left edge, and its lane there.
    lane: Option<(bool, usize)>,
    /// Where it leaves and enters its boxes.
    start: i32,
    end: i32,
}

impl Board {
    /// Adds it to a picture. Returns the height.
    pub fn draw(&self, picture: &mut Picture, (x, y): (i32, i32), wide: i32) -> i32 {
        let mut routes = self.routes();
        let lanes =
            |is_left: bool| routes.iter().filter(|route| route.lane.is_some_and(|lane| lane.0 == is_left)).count();
        let space = |count: usize| if count == 0 { 0 } else { LANE * count as i32 + 4 };
        let (left, right) = (space(lanes(true)), space(lanes(false)));
        let columns: Vec<Vec<(i32, i32)>> =
            self.rows.iter().map(|row| columns(x + left, wide - left - right, row)).collect();
        self.place_ends(&mut routes, &columns, (x, wide));
        straighten(&mut routes, &columns);
        let lane_at = |(is_left, lane): (bool, usize)| {
            let offset = LANE * (lane as i32) + LANE / 2;
            if is_left { x + left - 4 - offset } else { x + wide - right + 4 + offset }
        };
        // What runs in each gutter: the route, whether it is its second part there, and from where to where.
        let mut runs: Vec<Vec<Run>> = (0..=self.rows.len()).map(|_| Vec::new()).collect();
        for (at, route) in routes.iter().enumerate() {
            let beside = route.lane.map(lane_at);
            let labelled = width(&route.link.label, Style::Small);
            // What runs straight down needs no track.
            if beside.is_none() && route.start == route.end && labelled == 0 {
                continue;
            }
            runs[route.first].push(Run::new(at, false, route.start, beside.unwrap_or(route.end), labelled));
            if let Some(beside) = beside {
                runs[route.last].push(Run::new(at, true, beside, route.end, 0));
            }
        }
        let stubs: Vec<Vec<i32>> = (0..runs.len()).map(|gutter| stubs(gutter, &routes, lane_at)).collect();
        let tracks: Vec<usize> =
            runs.iter_mut().zip(&stubs).map(|(runs, stubs)| assign_tracks(runs, stubs, (x, wide))).collect();
        let mut top = y;
        let mut tops = Vec::new();
        let mut areas: Vec<Vec<Area>> = Vec::new();
        for (gutter, count) in tracks.iter().enumerate() {
            tops.push(top);
            let is_outer = gutter == 0 || gutter == self.rows.len();
            top += match *count as i32 {
                0 if is_outer && stubs[gutter].is_empty() => 0,
                0 => GUTTER,
                count => TRACK * count + 2 * STUB - 6,
            };
            let Some((row, columns)) = self.rows.get(gutter).zip(columns.get(gutter)) else { continue };
            let row: Vec<_> = row.panels.iter().zip(columns).map(|(panel, (_, wide))| panel.arrange(*wide)).collect();
            let height = row.iter().map(|panel| panel.height).max().unwrap_or_default();
            let row = row.into_iter().zip(columns);
            let draw = |(panel, (x, _)): (Arranged, &(i32, i32))| panel.with_height(height).draw(picture, *x, top);
            areas.push(row.map(draw).collect());
            top += height;
        }
        let track_at = |gutter: usize, track: usize| tops[gutter] + STUB + TRACK * track as i32 + TRACK / 2 - 3;
        for (at, route) in routes.iter().enumerate() {
            let find = |gutter: usize, is_second: bool| {
                runs[gutter].iter().find(|run| run.route == at && run.is_second == is_second)
            };
            let start = match route.is_entry {
                true => self.above,
                false => edge(&areas, route.link.from, route.from_side),
            };
            let mut points = vec![(route.start, start)];
            let first = find(route.first, false);
            if let Some(run) = first.filter(|_| route.start != route.end || route.lane.is_some()) {
                let line = track_at(route.first, run.track);
                let lane = route.lane.map(lane_at).zip(find(route.last, true));
                points.push((route.start, line));
                if let Some((lane, second)) = lane {
                    let second = track_at(route.last, second.track);
                    points.extend([(lane, line), (lane, second), (route.end, second)]);
                } else {
                    points.push((route.end, line));
                }
            }
            points.push((route.end, edge(&areas, route.link.to, route.to_side)));
            picture.add_arrow(points, route.link.look);
            if let Some((run, label)) = first.and_then(|run| Some((run, run.label?))) {
                let line = track_at(route.first, run.track);
                // Beside an arrow that runs straight down, in the middle of its way.
                let line = if route.start == route.end && route.lane.is_none() { line + 6 } else { line };
                let area = Area::new(label, line - 15, run.labelled, 15);
                let shown = shorten(&route.link.label, run.labelled, Style::Small);
                picture.add_text((label, line - 4), Style::Small, &shown, Some(&route.link.label), area);
            }
        }
        top - y
    }

    fn routes(&self) -> Vec<Route<'_>> {
        let mut lanes = [0, 0];
        let entries = self.entries.iter().map(|link| (true, link));
        let mut routes: Vec<Route<'_>> = Vec::new();
        for (is_entry, link) in entries.chain(self.links.iter().map(|link| (false, link))) {
            let (from, to) = (link.from.0, link.to.0);
            let (first, last, from_side, to_side) = match from.cmp(&to) {
                _ if is_entry => (0, to, Side::Bottom, Side::Top),
                Ordering::Equal => (from + 1, from + 1, Side::Bottom, Side::Bottom),
                Ordering::Less => (from + 1, to, Side::Bottom, Side::Top),
                Ordering::Greater => (from, to + 1, Side::Top, Side::Bottom),
            };
            let lane = (first != last).then(|| {
                let part = |(row, at): Cell| (2 * at + 1) as f64 / (2 * self.rows[row].columns) as f64;
                let from = if is_entry { link.to } else { link.from };
                let is_left = part(from) + part(link.to) < 1.0;
                let lane = &mut lanes[usize::from(is_left)];
                *lane += 1;
                (is_left, *lane - 1)
            });
            routes.push(Route { link, is_entry, first, last, from_side, to_side, lane, start: 0, end: 0 });
        }
        routes
    }

    /// Spreads the ends of arrows over the sides of their boxes, in the order of their other ends.
    fn place_ends(&self, routes: &mut [Route<'_>], columns: &[Vec<(i32, i32)>], (x, wide): (i32, i32)) {
        let centre = |(row, at): Cell| columns[row][at].0 + columns[row][at].1 / 2;
        let beside = |route: &Route<'_>| route.lane.map(|(is_left, _)| if is_left { x } else { x + wide });
        for (row, places) in columns.iter().enumerate() {
            for (at, (left, wide)) in places.iter().enumerate() {
                for side in [Side::Top, Side::Bottom] {
                    let mut ends: Vec<(i32, usize, bool)> = Vec::new();
                    for (number, route) in routes.iter().enumerate() {
                        let (from, to) = (route.link.from, route.link.to);
                        if !route.is_entry && from == (row, at) && route.from_side == side {
                            ends.push((beside(route).unwrap_or_else(|| centre(to)), number, true));
                        }
                        if to == (row, at) && route.to_side == side {
                            let other = if route.is_entry { centre(to) } else { centre(from) };
                            ends.push((beside(route).unwrap_or(other), number, false));
                        }
                    }
                    ends.sort_unstable();
                    let count = ends.len() as i32 + 1;
                    for (place, (_, number, is_start)) in (1..).zip(ends) {
                        let x = left + wide * place / count;
                        let route = &mut routes[number];
                        *(if is_start { &mut route.start } else { &mut route.end }) = x;
                    }
                }
            }
        }
        for route in routes.iter_mut().filter(|route| route.is_entry) {
            // Those that pass rows start beside them.
            route.start = match route.lane {
                Some((true, lane)) => x + LANE * lane as i32 + 2 * LANE,
                Some((false, lane)) => x + wide - LANE * lane as i32 - 2 * LANE,
                None => route.end,
            };
        }
    }
}

/// Makes arrows straight whose ends nearly meet, if no other arrow ends there.
fn straighten(routes: &mut [Route<'_>], columns: &[Vec<(i32, i32)>]) {
    for at in 0..routes.len() {
        let route = &routes[at];
        let (start, end, to) = (route.start, route.end, route.link.to);
        if route.lane.is_some() || start == end || (start - end).abs() > STRAIGHT {
            continue;
        }
        let (left, wide) = columns[to.0][to.1];
        let is_taken = routes.iter().enumerate().any(|(other, route)| {
            let near = |x: i32| (x - start).abs() < 2 * BESIDE;
            other != at && (route.link.to == to && near(route.end) || route.link.from == to && near(route.start))
        });
        if (left + BESIDE..left + wide - BESIDE).contains(&start) && !is_taken {
            routes[at].end = start;
        }
    }
}

/// A horizontal part of an arrow.
struct Run {
    route: usize,
    is_second: bool,
    left: i32,
    right: i32,
    /// The width of its label.
    labelled: i32,
    track: usize,
    /// Where its label starts, if it has one.
    label: Option<i32>,
}

impl Run {
    fn new(route: usize, is_second: bool, from: i32, to: i32, labelled: i32) -> Self {
        Self { route, is_second, left: from.min(to), right: from.max(to), labelled, track: 0, label: None }
    }
}

/// The columns of a row: where each starts, and its width.
fn columns(x: i32, wide: i32, row: &Row) -> Vec<(i32, i32)> {
    let count = (row.columns as i32).max(1);
    let each = (wide - COLUMN_GAP * (count - 1)) / count;
    (0..count).take(row.panels.len()).map(|at| (x + at * (each + COLUMN_GAP), each)).collect()
}

/// Where arrows run down or up in a gutter.
fn stubs(gutter: usize, routes: &[Route<'_>], lane_at: impl Fn((bool, usize)) -> i32) -> Vec<i32> {
    let starts = routes.iter().filter(|route| route.first == gutter).map(|route| route.start);
    let ends = routes.iter().filter(|route| route.last == gutter).map(|route| route.end);
    let passes = |route: &&Route<'_>| (route.first.min(route.last)..=route.first.max(route.last)).contains(&gutter);
    let lanes = routes.iter().filter(passes).filter_map(|route| route.lane).map(lane_at);
    starts.chain(ends).chain(lanes).collect()
}

/// Gives each part of an arrow the first track where it meets no other, and its label a place that no arrow crosses.
/// Returns the number of tracks.
fn assign_tracks(runs: &mut [Run], stubs: &[i32], (x, wide): (i32, i32)) -> usize {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(|at| (runs[*at].right - runs[*at].left, runs[*at].left));
    let mut taken: Vec<Vec<(i32, i32)>> = Vec::new();
    for at in order {
        let run = &mut runs[at];
        if run.labelled > 0 {
            let (start, fits) = label_at(run, stubs, (x, wide));
            // The boxes say where their data goes, so that a label without room can be left out.
            let fits = if fits < run.labelled.min(LEAST_LABEL) { 0 } else { fits };
            (run.label, run.labelled) = ((fits > 0).then_some(start), fits);
        }
        let label = run.label.map(|label| (label, label + run.labelled));
        let (left, right) = label.map_or((run.left, run.right), |(from, to)| (run.left.min(from), run.right.max(to)));
        let is_free = |parts: &Vec<(i32, i32)>| parts.iter().all(|(from, to)| right + 8 < *from || *to + 8 < left);
        let track = taken.iter().position(is_free).unwrap_or(taken.len());
        if track == taken.len() {
            taken.push(Vec::new());
        }
        taken[track].push((left, right));
        run.track = track;
    }
    taken.len()
}

/// Where the label of a part of an arrow starts, and how wide it can be: in the middle of the widest piece that no arrow
/// crosses, if it fits there, and else beside the arrow.
fn label_at(run: &Run, stubs: &[i32], (x, wide): (i32, i32)) -> (i32, i32) {
    let mut cuts: Vec<i32> = stubs.iter().copied().filter(|stub| run.left < *stub && *stub < run.right).collect();
    cuts.extend([run.left, run.right]);
    cuts.sort_unstable();
    let pieces = cuts.windows(2).map(|piece| (piece[1] - piece[0], piece[0]));
    let (length, start) = pieces.max_by_key(|(length, start)| (*length, -start)).unwrap_or((0, run.left));
    if length >= run.labelled + 2 * BESIDE {
        return (start + (length - run.labelled) / 2, run.labelled);
    }
    let next = stubs.iter().copied().filter(|stub| *stub > run.right).min().unwrap_or(x + wide);
    let previous = stubs.iter().copied().filter(|stub| *stub < run.left).max().unwrap_or(x);
    // The label of the next arrow needs some room too.
    let (after, before) = (next - run.right - 2 * BESIDE, run.left - previous - 2 * BESIDE);
    if after >= run.labelled || after >= before {
        (run.right + BESIDE, run.labelled.min(after.max(0)))
    } else {
        let labelled = run.labelled.min(before.max(0));
        (run.left - BESIDE - labelled, labelled)
    }
}

/// The side of a box.
fn edge(areas: &[Vec<Area>], (row, at): Cell, side: Side) -> i32 {
    let area = areas[row][at];
    match side {
        Side::Top => area.y,
        Side::Bottom => area.bottom(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Board, Link, Row};
    use crate::{Line, Look, Panel, Picture};

    /// Every arrow between the boxes of some boards.
    #[test]
    fn arrows_avoid_boxes_and_texts() {
        for rows in [&[1, 1][..], &[2, 3], &[2, 2, 1], &[3, 3, 2], &[1, 2, 3, 1]] {
            let panel = || Panel::new(Look::Plain, [Line::title("a box"), Line::small("with text")]);
            let row = |columns| Row { columns, panels: (0..columns).map(|_| panel()).collect() };
            let cells: Vec<_> =
                rows.iter().enumerate().flat_map(|(row, count)| (0..*count).map(move |at| (row, at))).collect();
            for from in &cells {
                for to in cells.iter().filter(|to| *to != from) {
                    let link = |from, to, label: &str| Link { from, to, label: label.to_owned(), look: Look::Hue(0) };
                    let board = Board {
                        rows: rows.iter().map(|count| row(*count)).collect(),
                        links: vec![link(*from, *to, "metrics, logs"), link(*to, *from, "volumes")],
                        entries: vec![link((0, 0), *to, "TCP 80, 443")],
                        above: 10,
                    };
                    let mut picture = Picture::new("", "", "en", 800);
                    picture.height = board.draw(&mut picture, (20, 20), 760) + 40;
                    assert_eq!(picture.problems(), [""; 0], "{rows:?} {from:?} {to:?}");
                }
            }
        }
    }
}
