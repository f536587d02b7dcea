//! Pictures as lists of shapes, and the checks of their layout.

use crate::area::Area;
use crate::style::{Look, Style};
use crate::text::{clean, width};

/// A picture.
#[derive(Debug)]
pub struct Picture {
    /// What it shows, as a title.
    pub(crate) title: String,
    /// What it shows, for those who cannot see it.
    pub(crate) description: String,
    /// The language of its texts, such as `en`.
    pub(crate) language: &'static str,
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
    pub(crate) boxes: Vec<(Area, Look)>,
    pub(crate) arrows: Vec<Arrow>,
    pub(crate) texts: Vec<Text>,
}

/// A line with an arrowhead at its end.
#[derive(Debug)]
pub(crate) struct Arrow {
    pub(crate) points: Vec<(i32, i32)>,
    pub(crate) look: Look,
    pub(crate) shape: Shape,
}

/// The shape of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Straight between its points, with an arrowhead.
    Pointed,
    /// Straight between its points, without an arrowhead.
    Plain,
    /// Curved between its points, which follow each other from left to right.
    Curve,
    /// The same, with an arrowhead.
    PointedCurve,
}

/// A line of text.
#[derive(Debug)]
pub(crate) struct Text {
    /// Where it starts, or where it ends.
    pub(crate) x: i32,
    /// Whether `x` is its end.
    pub(crate) is_end: bool,
    /// Its baseline.
    pub(crate) y: i32,
    pub(crate) style: Style,
    pub(crate) text: String,
    /// The whole text, if only a part is shown.
    pub(crate) whole: Option<String>,
    /// The box that it must fit into.
    pub(crate) inside: Area,
}

impl Text {
    /// The area of its glyphs.
    pub(crate) fn area(&self) -> Area {
        let size = self.style.size() as i32;
        let (ascent, descent) = (size * 19 / 20, size / 4);
        let wide = width(&self.text, self.style);
        let left = if self.is_end { self.x - wide } else { self.x };
        Area::new(left, self.y - ascent, wide, ascent + descent)
    }
}

impl Picture {
    /// Creates an empty picture.
    pub fn new(title: impl Into<String>, description: impl Into<String>, language: &'static str, width: i32) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            language,
            width,
            height: 0,
            boxes: Vec::new(),
            arrows: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Adds a box.
    pub fn add_box(&mut self, area: Area, look: Look) {
        self.boxes.push((area, look));
    }

    /// The number of its boxes.
    pub fn boxes(&self) -> usize {
        self.boxes.len()
    }

    /// Adds a box behind those that were added after the first `boxes`.
    pub fn add_box_behind(&mut self, boxes: usize, area: Area, look: Look) {
        self.boxes.insert(boxes, (area, look));
    }

    /// Adds a line of text that starts at a point of the baseline, and must fit into a box. `whole` is the text that it
    /// is a part of, if it is only a part.
    pub fn add_text(&mut self, (x, y): (i32, i32), style: Style, text: &str, whole: Option<&str>, inside: Area) {
        let whole = whole.map(|whole| clean(whole).into_owned());
        self.texts.push(Text { x, y, is_end: false, style, text: clean(text).into_owned(), whole, inside });
    }

    /// Adds a line of text that ends at a point of the baseline.
    pub(crate) fn add_text_before(&mut self, (x, y): (i32, i32), style: Style, text: &str, inside: Area) {
        self.texts.push(Text { x, y, is_end: true, style, text: clean(text).into_owned(), whole: None, inside });
    }

    /// Adds an arrow along some points.
    pub fn add_arrow(&mut self, points: Vec<(i32, i32)>, look: Look) {
        self.arrows.push(Arrow { points, look, shape: Shape::Pointed });
    }

    /// Adds a line along some points.
    pub fn add_line(&mut self, points: Vec<(i32, i32)>, look: Look) {
        self.arrows.push(Arrow { points, look, shape: Shape::Plain });
    }

    pub(crate) fn add_curve(&mut self, points: Vec<(i32, i32)>, look: Look, is_pointed: bool) {
        let shape = if is_pointed { Shape::PointedCurve } else { Shape::Curve };
        self.arrows.push(Arrow { points, look, shape });
    }

    /// Returns what is wrong with the layout: texts that overlap others, leave their boxes or are crossed by lines,
    /// boxes that overlap others in part, and lines through boxes where they neither start nor end.
    pub fn problems(&self) -> Vec<String> {
        let page = Area::new(0, 0, self.width, self.height);
        let mut problems = Vec::new();
        let areas: Vec<_> = self.texts.iter().map(|text| (text.area(), text)).collect();
        for (at, (area, text)) in areas.iter().enumerate() {
            if !text.inside.contains(area) || !page.contains(&text.inside) {
                problems.push(format!("`{}` leaves its box: {area:?} in {:?}", text.text, text.inside));
            }
            for (_, other) in areas[..at].iter().filter(|(other, _)| other.overlaps(area)) {
                problems.push(format!("`{}` overlaps `{}`", text.text, other.text));
            }
        }
        for (at, (area, look)) in self.boxes.iter().enumerate() {
            for (other, other_look) in &self.boxes[..at] {
                if other.overlaps(area) && !other.contains(area) && !area.contains(other) {
                    problems.push(format!("{look:?} {area:?} overlaps {other_look:?} {other:?}"));
                }
            }
        }
        for arrow in self.arrows.iter().filter(|arrow| matches!(arrow.shape, Shape::Pointed | Shape::Plain)) {
            for part in arrow.points.windows(2) {
                let [(x1, y1), (x2, y2)] = [part[0], part[1]];
                // One pixel wide, and without its ends, which touch boxes.
                let line = Area::new(x1.min(x2), y1.min(y2), (x1 - x2).abs().max(1), (y1 - y2).abs().max(1));
                for (_, text) in areas.iter().filter(|(area, _)| area.overlaps(&line)) {
                    problems.push(format!("a line crosses `{}`", text.text));
                }
                let solid = self.boxes.iter().filter(|(_, look)| !matches!(look, Look::Page | Look::Region));
                let ends = [arrow.points.first(), arrow.points.last()];
                let is_end = |area: &Area| {
                    ends.iter()
                        .flatten()
                        .any(|(x, y)| (area.x..=area.right()).contains(x) && (area.y..=area.bottom()).contains(y))
                };
                for (area, look) in solid.filter(|(area, _)| area.overlaps(&line) && !is_end(area)) {
                    problems.push(format!("a line crosses {look:?} {area:?}"));
                }
            }
        }
        problems
    }
}
