//! Prints pictures as SVG.

use crate::picture::{Arrow, Picture, Shape};
use crate::style::{Look, Style};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The fonts: that of the system, then the common ones.
const FONTS: &str = "system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif";

impl Picture {
    /// Prints it. `header` is the text of the comment in the first line.
    pub fn svg(&self, header: &str) -> String {
        // Writing to a string cannot fail.
        let mut out = String::with_capacity(1500 + 70 * (self.boxes.len() + self.texts.len()));
        // A comment cannot contain two hyphens in a row, nor end in one.
        let header: String = escaped(header).replace("--", "- -").replace("--", "- -");
        let (width, height) = (self.width, self.height);
        let _ = writeln!(out, "<!-- {header} -->");
        let _ = writeln!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" lang=\"{}\">",
            self.language
        );
        let _ = writeln!(out, "<title>{}</title>", escaped(&self.title));
        let _ = writeln!(out, "<desc>{}</desc>", escaped(&self.description));
        self.print_style(&mut out);
        // Edges of one pixel are sharp if they are in the middle of pixels.
        out.push_str("<g transform=\"translate(.5 .5)\">\n");
        for (area, look) in &self.boxes {
            let _ = writeln!(
                out,
                "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
                look.class(),
                area.x,
                area.y,
                area.width,
                area.height,
                radius(*look),
            );
        }
        self.print_arrows(&mut out);
        for text in &self.texts {
            let class = match (text.style.class(), text.is_end) {
                (Some(class), false) => format!(" class=\"{class}\""),
                (Some(class), true) => format!(" class=\"{class} e\""),
                (None, true) => " class=\"e\"".to_owned(),
                (None, false) => String::new(),
            };
            let whole = text.whole.as_deref().filter(|whole| *whole != text.text);
            let whole = whole.map(|whole| format!("<title>{}</title>", escaped(whole))).unwrap_or_default();
            let _ =
                writeln!(out, "<text{class} x=\"{}\" y=\"{}\">{whole}{}</text>", text.x, text.y, escaped(&text.text));
        }
        out.push_str("</g>\n</svg>\n");
        out
    }

    /// Prints the rules of what the picture has: in light, then what differs in dark.
    fn print_style(&self, out: &mut String) {
        let boxes: BTreeSet<_> = self.boxes.iter().map(|(_, look)| *look).collect();
        let arrows: BTreeSet<_> = self.arrows.iter().map(|arrow| arrow.look).collect();
        let texts: BTreeSet<_> =
            self.texts.iter().map(|text| text.style).filter(|style| *style != Style::Body).collect();
        let _ = writeln!(out, "<style>\ntext{{font:12px {FONTS}}}");
        for style in &texts {
            let weight = if style.is_bold() { ";font-weight:600" } else { "" };
            let _ = writeln!(out, ".{}{{font-size:{}px{weight}}}", style.class().unwrap_or_default(), style.size());
        }
        if self.texts.iter().any(|text| text.is_end) {
            out.push_str(".e{text-anchor:end}\n");
        }
        if boxes.contains(&Look::Group) {
            out.push_str(".g{stroke-dasharray:5 3}\n");
        }
        if !arrows.is_empty() {
            out.push_str("path{fill:none;stroke-width:1.5}\n");
        }
        let colours = |out: &mut String, theme: usize| {
            let (light, dark) = Style::Body.colours();
            let _ = writeln!(out, "text{{fill:{}}}", [light, dark][theme]);
            if texts.contains(&Style::Small) {
                let (light, dark) = Style::Small.colours();
                let _ = writeln!(out, ".s{{fill:{}}}", [light, dark][theme]);
            }
            for look in &boxes {
                let colours = look.colours()[theme];
                let _ = writeln!(out, ".{}{{fill:{};stroke:{}}}", look.class(), colours.fill, colours.edge);
            }
            for look in &arrows {
                let edge = look.colours()[theme].edge;
                let _ = writeln!(out, ".{}{{stroke:{edge}}}", arrow_class(*look));
            }
        };
        colours(out, 0);
        out.push_str("@media(prefers-color-scheme:dark){\n");
        colours(out, 1);
        out.push_str("}\n</style>\n");
    }

    /// Prints the lines of each look as one path.
    fn print_arrows(&self, out: &mut String) {
        let looks: BTreeSet<_> = self.arrows.iter().map(|arrow| arrow.look).collect();
        for look in looks {
            let mut path = String::new();
            for arrow in self.arrows.iter().filter(|arrow| arrow.look == look) {
                print_line(&mut path, arrow);
                path.push_str(head(arrow));
            }
            let _ = writeln!(out, "<path class=\"{}\" d=\"{path}\"/>", arrow_class(look));
        }
    }
}

/// The class of lines: that of boxes has an area too.
fn arrow_class(look: Look) -> String {
    format!("x{}", look.class())
}

const fn radius(look: Look) -> i32 {
    match look {
        Look::Page | Look::Region => 8,
        Look::Plain | Look::Group | Look::Hue(_) | Look::Inner(_) => 5,
    }
}

fn print_line(out: &mut String, arrow: &Arrow) {
    let Some(((x, y), rest)) = arrow.points.split_first() else { return };
    let _ = write!(out, "M{x} {y}");
    let (mut x, mut y) = (*x, *y);
    for (next_x, next_y) in rest.iter().copied() {
        match arrow.shape {
            Shape::Curve | Shape::PointedCurve if y != next_y => {
                let half = (x + next_x) / 2;
                let _ = write!(out, "C{half} {y} {half} {next_y} {next_x} {next_y}");
            }
            _ if y == next_y => {
                let _ = write!(out, "H{next_x}");
            }
            _ if x == next_x => {
                let _ = write!(out, "V{next_y}");
            }
            _ => {
                let _ = write!(out, "L{next_x} {next_y}");
            }
        }
        (x, y) = (next_x, next_y);
    }
}

/// The head at the end of a line, in the direction of its last part.
fn head(arrow: &Arrow) -> &'static str {
    let [.., (from_x, from_y), (x, y)] = arrow.points[..] else { return "" };
    match (arrow.shape, (x - from_x).signum(), (y - from_y).signum()) {
        (Shape::Plain | Shape::Curve, ..) => "",
        (Shape::PointedCurve, ..) | (Shape::Pointed, 1, _) => "m-6-4l6 4-6 4",
        (Shape::Pointed, -1, _) => "m6-4l-6 4 6 4",
        (Shape::Pointed, _, -1) => "m-4 6l4-6 4 6",
        (Shape::Pointed, ..) => "m-4-6l4 6 4-6",
    }
}

/// Escapes a text for the content of an element or the value of an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in crate::text::clean(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use crate::{Area, Look, Picture, Style};

    #[test]
    fn no_text_changes_the_structure_around_it() {
        for text in ["</text><script>", "a & b", "\"]]>", "--><b>", "&#0;\u{0}\u{FFFF}\u{8}", "{}*{fill:red}", "-"] {
            let mut picture = Picture::new(text, text, "en", 100);
            picture.height = 100;
            picture.add_text((1, 20), Style::Body, text, Some("whole <"), Area::new(0, 0, 100, 100));
            picture.add_box(Area::new(0, 0, 9, 9), Look::Hue(8));
            picture.add_arrow(vec![(0, 0), (5, 0), (5, 9)], Look::Group);
            let svg = picture.svg(&format!("made of {text}"));
            let document = roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{error}: {svg}"));
            let names: Vec<_> = document.descendants().filter(roxmltree::Node::is_element).collect();
            let names: Vec<_> = names.iter().map(|node| node.tag_name().name()).collect();
            let expected = ["svg", "title", "desc", "style", "g", "rect", "path", "text", "title"];
            assert_eq!(names, expected, "{svg}");
            assert!(svg.starts_with("<!-- made of "), "{svg}");
        }
    }
}
