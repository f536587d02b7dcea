//! Graphs by their order: what comes first is at the left, and an arrow leads from a step to those that wait for it.

use crate::area::Area;
use crate::panel::{Arranged, Line, Panel};
use crate::picture::Picture;
use crate::style::{Look, Style};

/// A step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name.
    pub name: String,
    /// How it looks.
    pub look: Look,
    /// The steps that it waits for, by their positions, which are before its own.
    pub after: Vec<usize>,
}

/// Steps in layers.
#[derive(Debug)]
pub struct Layers {
    /// The steps. Each waits only for others before it.
    pub steps: Vec<Step>,
    /// How their arrows look.
    pub arrows: Look,
    /// Whether steps that wait for nothing and that nothing waits for are listed below the others.
    pub loose_below: bool,
}

/// The smallest distance between two boxes of a layer, and between an arrow and what is beside it.
const GAP: i32 = 8;
/// The space that an arrow needs that passes a layer.
const LANE: i32 = 4;
/// The distance between two layers, and the smallest one.
const BETWEEN: i32 = 52;
const LEAST_BETWEEN: i32 = 34;
/// The smallest width of a box, unless there are too many layers.
const NARROWEST: i32 = 132;
/// The largest width of a box.
const WIDEST: i32 = 190;
/// How often the order of each layer is improved.
const SWEEPS: usize = 12;

/// A step in its layer, or the place where arrows of a step pass a layer.
struct Spot {
    /// The step, and whether only its arrows are here.
    step: usize,
    passes: bool,
    height: i32,
    /// Spots of the layer before, and of the layer after.
    before: Vec<usize>,
    after: Vec<usize>,
    /// The middle.
    y: f64,
}

impl Layers {
    /// Adds it to a picture. Returns the height.
    pub fn draw(&self, picture: &mut Picture, (x, y): (i32, i32), wide: i32) -> i32 {
        let waited: Vec<bool> = self.waited_for();
        let is_loose = |at: usize| self.loose_below && self.steps[at].after.is_empty() && !waited[at];
        let (loose, tied): (Vec<usize>, Vec<usize>) = (0..self.steps.len()).partition(|at| is_loose(*at));
        let depth = self.depths();
        let count = tied.iter().map(|at| depth[*at] + 1).max().unwrap_or_default();
        let (each, between) = match count as i32 {
            0 | 1 => (WIDEST, BETWEEN),
            count => {
                let wide_with = |between: i32| (wide - between * (count - 1)) / count;
                let each = wide_with(BETWEEN).max(wide_with(LEAST_BETWEEN).min(NARROWEST)).min(WIDEST);
                (each, ((wide - each * count) / (count - 1)).min(2 * BETWEEN))
            }
        };
        let panels: Vec<Arranged> = self.steps.iter().map(|step| panel(step).arrange(each)).collect();
        let mut layers = self.spots(&tied, &depth, count, &panels);
        order(&mut layers);
        place(&mut layers);
        let top = layers.iter().flatten().map(|spot| spot.y - f64::from(spot.height) / 2.0).fold(f64::MAX, f64::min);
        let left = |layer: usize| x + layer as i32 * (each + between);
        let mut bottom = y;
        let at = |spot: &Spot| y + (spot.y - top).round() as i32;
        for (layer, spots) in layers.iter().enumerate() {
            for spot in spots.iter().filter(|spot| !spot.passes) {
                let panel = &panels[spot.step];
                let area: Area = panel.draw(picture, left(layer), at(spot) - panel.height / 2);
                bottom = bottom.max(area.bottom());
            }
        }
        self.draw_arrows(picture, &layers, &left, each, &at);
        if loose.is_empty() {
            return bottom - y;
        }
        let mut bottom = if tied.is_empty() { y } else { bottom + 2 * GAP };
        let columns = ((wide + GAP) / (each.max(150) + GAP)).max(1);
        let each = (wide - GAP * (columns - 1)) / columns;
        for row in loose.chunks(columns as usize) {
            let row: Vec<_> = row.iter().map(|at| panel(&self.steps[*at]).arrange(each)).collect();
            let height = row.iter().map(|panel| panel.height).max().unwrap_or_default();
            for (place, panel) in (0..).zip(row) {
                panel.with_height(height).draw(picture, x + place * (each + GAP), bottom);
            }
            bottom += height + GAP;
        }
        bottom - GAP - y
    }

    fn waited_for(&self) -> Vec<bool> {
        let mut waited = vec![false; self.steps.len()];
        self.steps.iter().flat_map(|step| &step.after).for_each(|at| waited[*at] = true);
        waited
    }

    /// The layer of each step: the first one after all that it waits for.
    fn depths(&self) -> Vec<usize> {
        let mut depth: Vec<usize> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            depth.push(step.after.iter().map(|at| depth[*at] + 1).max().unwrap_or_default());
        }
        depth
    }

    /// The steps of each layer, and the places where arrows pass. All arrows of a step share them.
    fn spots(&self, tied: &[usize], depth: &[usize], count: usize, panels: &[Arranged]) -> Vec<Vec<Spot>> {
        let mut layers: Vec<Vec<Spot>> = (0..count).map(|_| Vec::new()).collect();
        // The spots of each step: its own, then those where its arrows pass the layers after it.
        let mut chains: Vec<Vec<usize>> = vec![Vec::new(); self.steps.len()];
        for at in tied.iter().copied() {
            chains[at].push(layers[depth[at]].len());
            layers[depth[at]].push(Spot {
                step: at,
                passes: false,
                height: panels[at].height,
                before: Vec::new(),
                after: Vec::new(),
                y: 0.0,
            });
        }
        for at in tied.iter().copied() {
            for other in self.steps[at].after.iter().copied() {
                for layer in depth[other] + chains[other].len()..depth[at] {
                    let previous = chains[other][layer - depth[other] - 1];
                    let here = layers[layer].len();
                    chains[other].push(here);
                    layers[layer - 1][previous].after.push(here);
                    layers[layer].push(Spot {
                        step: other,
                        passes: true,
                        height: LANE,
                        before: vec![previous],
                        after: Vec::new(),
                        y: 0.0,
                    });
                }
                let previous = chains[other][depth[at] - depth[other] - 1];
                let here = chains[at][0];
                layers[depth[at] - 1][previous].after.push(here);
                layers[depth[at]][here].before.push(previous);
            }
        }
        layers
    }

    fn draw_arrows(
        &self,
        picture: &mut Picture,
        layers: &[Vec<Spot>],
        left: &dyn Fn(usize) -> i32,
        each: i32,
        at: &dyn Fn(&Spot) -> i32,
    ) {
        for (layer, spots) in layers.iter().enumerate() {
            for spot in spots {
                if spot.passes {
                    picture.add_curve(
                        vec![(left(layer), at(spot)), (left(layer) + each, at(spot))],
                        self.arrows,
                        false,
                    );
                }
                for next in spot.after.iter().map(|next| &layers[layer + 1][*next]) {
                    let points = vec![(left(layer) + each, at(spot)), (left(layer + 1), at(next))];
                    picture.add_curve(points, self.arrows, !next.passes);
                }
            }
        }
    }
}

fn panel(step: &Step) -> Panel {
    Panel::new(step.look, [Line::new(&step.name, Style::Body, 3)])
}

/// Orders each layer so that few arrows cross: by the average position of what is connected in the layer before, then in
/// the layer after, several times.
fn order(layers: &mut [Vec<Spot>]) {
    let mut positions: Vec<Vec<usize>> = layers.iter().map(|layer| (0..layer.len()).collect()).collect();
    let mut best = (crossings(layers, &positions), positions.clone());
    for sweep in 0..SWEEPS {
        let is_forward = sweep % 2 == 0;
        let all: Vec<usize> =
            if is_forward { (1..layers.len()).collect() } else { (0..layers.len()).rev().skip(1).collect() };
        for layer in all {
            let near = if is_forward { &positions[layer - 1] } else { &positions[layer + 1] };
            let mut order: Vec<usize> = (0..layers[layer].len()).collect();
            let key = |at: usize| {
                let spot = &layers[layer][at];
                let connected = if is_forward { &spot.before } else { &spot.after };
                if connected.is_empty() {
                    return positions[layer][at] as f64 * near.len() as f64 / layers[layer].len() as f64;
                }
                connected.iter().map(|other| near[*other] as f64 + 0.5).sum::<f64>() / connected.len() as f64
            };
            let keys: Vec<f64> = (0..layers[layer].len()).map(key).collect();
            order.sort_by(|one, other| {
                keys[*one].total_cmp(&keys[*other]).then(positions[layer][*one].cmp(&positions[layer][*other]))
            });
            for (place, at) in order.into_iter().enumerate() {
                positions[layer][at] = place;
            }
        }
        let found = crossings(layers, &positions);
        if found < best.0 {
            best = (found, positions.clone());
        }
    }
    apply(layers, &best.1);
}

/// The number of crossings of arrows between layers.
fn crossings(layers: &[Vec<Spot>], positions: &[Vec<usize>]) -> usize {
    let mut count = 0;
    for (layer, spots) in layers.iter().enumerate().skip(1) {
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for (at, spot) in spots.iter().enumerate() {
            edges.extend(spot.before.iter().map(|other| (positions[layer - 1][*other], positions[layer][at])));
        }
        edges.sort_unstable();
        // Counts, for each arrow, those before it that end below it.
        let mut ends = vec![0_usize; spots.len() + 1];
        for (seen, (_, end)) in edges.into_iter().enumerate() {
            let mut at = end + 1;
            let mut above = 0;
            while at > 0 {
                above += ends[at];
                at -= at & at.wrapping_neg();
            }
            count += seen - above;
            let mut at = end + 1;
            while at < ends.len() {
                ends[at] += 1;
                at += at & at.wrapping_neg();
            }
        }
    }
    count
}

/// Puts the spots of each layer into the order of their positions.
fn apply(layers: &mut [Vec<Spot>], positions: &[Vec<usize>]) {
    for (layer, spots) in layers.iter_mut().enumerate() {
        let mut sorted: Vec<(usize, Spot)> = std::mem::take(spots)
            .into_iter()
            .enumerate()
            .map(|(at, mut spot)| {
                spot.before.iter_mut().for_each(|other| *other = positions[layer - 1][*other]);
                spot.after.iter_mut().for_each(|other| *other = positions[layer + 1][*other]);
                (positions[layer][at], spot)
            })
            .collect();
        sorted.sort_by_key(|(at, _)| *at);
        *spots = sorted.into_iter().map(|(_, spot)| spot).collect();
    }
}

/// Places the spots: each as near as possible to the middle of what it is connected to, in the order of its layer.
fn place(layers: &mut [Vec<Spot>]) {
    for spots in layers.iter_mut() {
        let mut y = 0.0;
        for spot in spots {
            spot.y = y + f64::from(spot.height) / 2.0;
            y += f64::from(spot.height + GAP);
        }
    }
    for sweep in 0..2 * SWEEPS {
        let is_forward = sweep % 2 == 0;
        let all: Vec<usize> = if is_forward { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for layer in all {
            let wanted: Vec<(f64, f64)> = layers[layer].iter().map(|spot| wanted(layers, layer, spot)).collect();
            settle(&mut layers[layer], &wanted);
        }
    }
}

/// Where a spot should be, and how much that matters.
fn wanted(layers: &[Vec<Spot>], layer: usize, spot: &Spot) -> (f64, f64) {
    let before = spot.before.iter().map(|at| &layers[layer - 1][*at]);
    let after = spot.after.iter().map(|at| &layers[layer + 1][*at]);
    // Arrows that pass should be straight.
    let weight = |other: &Spot| if spot.passes || other.passes { 3.0 } else { 1.0 };
    let (mut sum, mut total) = (0.0, 0.0);
    for other in before.chain(after) {
        sum += other.y * weight(other);
        total += weight(other);
    }
    if total == 0.0 { (spot.y, 0.05) } else { (sum / total, total) }
}

/// Moves the spots of a layer to where they should be, as far as their distances allow: neighbours that would overlap
/// form a block, which is where its members should be on average.
fn settle(spots: &mut [Spot], wanted: &[(f64, f64)]) {
    struct Block {
        first: usize,
        weight: f64,
        sum: f64,
    }
    let gap = |at: usize| {
        let half = |spot: &Spot| f64::from(spot.height) / 2.0;
        half(&spots[at - 1]) + f64::from(GAP) + half(&spots[at])
    };
    // The distance of each spot from the first one of the layer, if all were one block.
    let mut offsets = vec![0.0; spots.len()];
    for at in 1..spots.len() {
        offsets[at] = offsets[at - 1] + gap(at);
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (at, (y, weight)) in wanted.iter().enumerate() {
        let mut block = Block { first: at, weight: *weight, sum: (y - offsets[at]) * weight };
        while let Some(last) = blocks.last() {
            if last.sum / last.weight <= block.sum / block.weight {
                break;
            }
            block = Block { first: last.first, weight: last.weight + block.weight, sum: last.sum + block.sum };
            blocks.pop();
        }
        blocks.push(block);
    }
    let ends: Vec<usize> = blocks.iter().skip(1).map(|block| block.first).chain([spots.len()]).collect();
    for (block, end) in blocks.iter().zip(ends) {
        let start = block.sum / block.weight;
        for at in block.first..end {
            spots[at].y = start + offsets[at];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Layers, Step};
    use crate::{Look, Picture};

    fn steps(after: &[&[usize]]) -> Vec<Step> {
        let step = |(at, after): (usize, &&[usize])| Step {
            name: format!("step-{at}"),
            look: Look::Plain,
            after: after.to_vec(),
        };
        after.iter().enumerate().map(step).collect()
    }

    #[test]
    fn boxes_of_any_graph_do_not_overlap() {
        for after in [
            &[&[][..]][..],
            &[&[], &[], &[]],
            &[&[], &[0], &[1], &[0, 2], &[0]],
            &[&[], &[], &[0], &[0, 1], &[2, 3], &[0], &[4], &[1, 6], &[0, 1, 7]],
        ] {
            for loose_below in [false, true] {
                let layers = Layers { steps: steps(after), arrows: Look::Plain, loose_below };
                let mut picture = Picture::new("", "", "en", 800);
                picture.height = layers.draw(&mut picture, (20, 20), 760) + 40;
                assert_eq!(picture.problems(), [""; 0], "{after:?}");
            }
        }
    }

    #[test]
    fn a_chain_is_straight() {
        let layers = Layers { steps: steps(&[&[], &[0], &[1]]), arrows: Look::Plain, loose_below: false };
        let mut picture = Picture::new("", "", "en", 800);
        picture.height = layers.draw(&mut picture, (0, 0), 800);
        let tops: Vec<_> = picture.boxes.iter().map(|(area, _)| area.y).collect();
        assert_eq!(tops, [0, 0, 0]);
    }
}
