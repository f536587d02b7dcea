//! Boxes that size themselves by their text and by the boxes inside them.

use crate::area::Area;
use crate::picture::Picture;
use crate::style::{Look, Style};
use crate::text::{shorten, width, wrap};

/// The distance between the edge of a box and its content.
const PAD: i32 = 10;
/// The distance between boxes in the same box.
pub(crate) const GAP: i32 = 8;

/// A text in a box.
#[derive(Debug, Clone)]
pub struct Line {
    text: String,
    style: Style,
    lines: usize,
    aside: Option<String>,
}

impl Line {
    /// A text that may be broken into some lines.
    pub fn new(text: impl Into<String>, style: Style, lines: usize) -> Self {
        Self { text: text.into(), style, lines, aside: None }
    }

    /// The name of a box.
    pub fn title(text: impl Into<String>) -> Self {
        Self::new(text, Style::Title, 2)
    }

    /// Plain text.
    pub fn body(text: impl Into<String>) -> Self {
        Self::new(text, Style::Body, 2)
    }

    /// Small text.
    pub fn small(text: impl Into<String>) -> Self {
        Self::new(text, Style::Small, 2)
    }

    /// Adds a small text at the right edge, or on a line of its own if it does not fit there.
    pub fn aside(mut self, text: impl Into<String>) -> Self {
        self.aside = Some(text.into()).filter(|text| !text.is_empty());
        self
    }
}

/// A box with lines of text, and other boxes in columns below them.
#[derive(Debug, Clone)]
pub struct Panel {
    look: Look,
    lines: Vec<Line>,
    children: Vec<Panel>,
    /// The smallest width of a column of children.
    column: i32,
}

impl Panel {
    /// A box with some lines of text.
    pub fn new(look: Look, lines: impl IntoIterator<Item = Line>) -> Self {
        Self { look, lines: lines.into_iter().collect(), children: Vec::new(), column: 1 }
    }

    /// Adds boxes inside it, in as many columns of at least this width as fit.
    pub fn with(mut self, children: Vec<Self>, column: i32) -> Self {
        (self.children, self.column) = (children, column);
        self
    }

    /// Arranges the content for a width.
    pub(crate) fn arrange(&self, width: i32) -> Arranged {
        let inner = width - 2 * PAD;
        let mut lines = Vec::new();
        let mut y = PAD - 2;
        for line in &self.lines {
            arrange_line(line, inner, &mut y, &mut lines);
        }
        let mut children = Vec::new();
        if !self.children.is_empty() {
            y += if lines.is_empty() { 2 } else { GAP - 2 };
            let most = ((inner + GAP) / (self.column + GAP)).max(1);
            // As many rows as needed, and no more columns than these rows need.
            let count = self.children.len() as i32;
            let rows = (count + most - 1) / most;
            let columns = (count + rows - 1) / rows;
            let each = (inner - GAP * (columns - 1)) / columns;
            for row in self.children.chunks(columns as usize) {
                let row: Vec<_> = row.iter().map(|child| child.arrange(each)).collect();
                let height = row.iter().map(|child| child.height).max().unwrap_or_default();
                let places = (0..).map(|at| PAD + at * (each + GAP));
                children.extend(places.zip(row).map(|(x, child)| (x, y, child.with_height(height))));
                y += height + GAP;
            }
            y -= GAP;
            y += 2;
        }
        Arranged { look: self.look, width, height: y + PAD - 2, lines, children }
    }

    /// Adds it to a picture at a point, with a width. Returns its area.
    pub fn draw(&self, picture: &mut Picture, (x, y): (i32, i32), width: i32) -> Area {
        self.arrange(width).draw(picture, x, y)
    }
}

/// A line of a box: where it starts or ends, and what it shows.
#[derive(Debug)]
struct Shown {
    x: i32,
    y: i32,
    is_end: bool,
    style: Style,
    text: String,
    whole: Option<String>,
}

fn arrange_line(line: &Line, inner: i32, y: &mut i32, lines: &mut Vec<Shown>) {
    let ascent = |style: Style| style.line() - style.line() / 4;
    let mut add = |x: i32, at: i32, style: Style, text: String, whole: &str| {
        let whole = (text != whole).then(|| whole.to_owned());
        lines.push(Shown { x, y: at, is_end: x > 0, style, text, whole });
    };
    let aside = line.aside.as_deref().map(|aside| (aside, width(aside, Style::Small)));
    let fits_beside = |wide: i32| width(&line.text, line.style) + GAP + wide <= inner;
    let beside = aside.filter(|(_, wide)| fits_beside(*wide));
    let parts = wrap(&line.text, inner, line.lines, line.style);
    let is_whole = parts.last().is_none_or(|last| line.text.trim_end().ends_with(last.as_str()));
    let baseline = *y + ascent(line.style);
    let last = parts.len();
    for (at, part) in parts.into_iter().enumerate() {
        // Only the line that is shortened has the whole text as its tooltip.
        let whole = if is_whole || at + 1 < last { part.clone() } else { line.text.clone() };
        add(0, *y + ascent(line.style), line.style, part, &whole);
        *y += line.style.line();
    }
    match (beside, aside) {
        (Some((text, _)), _) => add(inner, baseline, Style::Small, text.to_owned(), text),
        (None, Some((text, _))) => {
            for part in wrap(text, inner, 2, Style::Small) {
                add(
                    0,
                    *y + ascent(Style::Small),
                    Style::Small,
                    shorten(&part, inner, Style::Small).into_owned(),
                    &part,
                );
                *y += Style::Small.line();
            }
        }
        (None, None) => {}
    }
}

/// A box whose content has its place.
#[derive(Debug)]
pub(crate) struct Arranged {
    look: Look,
    pub(crate) width: i32,
    pub(crate) height: i32,
    lines: Vec<Shown>,
    children: Vec<(i32, i32, Arranged)>,
}

impl Arranged {
    /// Makes it higher, so that the boxes of a row end at the same height.
    pub(crate) fn with_height(self, height: i32) -> Self {
        Self { height, ..self }
    }

    /// Adds it to a picture. Returns its area.
    pub(crate) fn draw(&self, picture: &mut Picture, x: i32, y: i32) -> Area {
        let area = Area::new(x, y, self.width, self.height);
        picture.add_box(area, self.look);
        for line in &self.lines {
            let at = (x + PAD + line.x, y + line.y);
            if line.is_end {
                picture.add_text_before(at, line.style, &line.text, area);
            } else {
                picture.add_text(at, line.style, &line.text, line.whole.as_deref(), area);
            }
        }
        for (at_x, at_y, child) in &self.children {
            child.draw(picture, x + at_x, y + at_y);
        }
        area
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Panel};
    use crate::{Look, Picture, Style};

    #[test]
    fn texts_of_any_length_stay_in_their_boxes() {
        for text in
            ["", "a", "kube-prometheus-stack-secrets", &"long ".repeat(40), &"x".repeat(90), "名前の長い説明文です"]
        {
            for wide in [90, 150, 300] {
                let line = |style| Line::new(text, style, 2).aside(text);
                let child = Panel::new(Look::Plain, [line(Style::Title), line(Style::Small)]);
                let panel = Panel::new(Look::Region, [line(Style::Title)]).with(vec![child.clone(), child], 70);
                let mut picture = Picture::new("", "", "en", 400);
                picture.height = panel.draw(&mut picture, (10, 10), wide).bottom() + 10;
                assert_eq!(picture.problems(), [""; 0], "{text} in {wide}");
            }
        }
    }
}
