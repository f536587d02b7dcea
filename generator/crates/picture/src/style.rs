//! How shapes look, in light and in dark.

/// How many colours there are for clusters. A lab with more clusters uses them again.
pub const HUES: usize = 6;

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Style {
    /// The name of a picture.
    Heading,
    /// The name of a box.
    Title,
    /// Plain text.
    Body,
    /// What explains a name.
    Small,
}

impl Style {
    /// The font size in pixels.
    pub const fn size(self) -> u32 {
        match self {
            Self::Heading => 16,
            Self::Title => 13,
            Self::Body => 12,
            Self::Small => 11,
        }
    }

    /// Whether it is bold.
    pub const fn is_bold(self) -> bool {
        matches!(self, Self::Heading | Self::Title)
    }

    /// The distance between the baselines of two lines.
    pub(crate) const fn line(self) -> i32 {
        match self {
            Self::Heading => 22,
            Self::Title => 17,
            Self::Body => 16,
            Self::Small => 15,
        }
    }

    /// The class of its elements; none for the default.
    pub(crate) const fn class(self) -> Option<&'static str> {
        match self {
            Self::Heading => Some("h"),
            Self::Title => Some("t"),
            Self::Body => None,
            Self::Small => Some("s"),
        }
    }

    /// Its colour in light and in dark.
    pub(crate) const fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Heading | Self::Title | Self::Body => ("#1f2328", "#e6edf3"),
            Self::Small => ("#4d5661", "#b1bac4"),
        }
    }
}

/// How a box or an arrow looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// The background of a picture.
    Page,
    /// A region, such as a network.
    Region,
    /// A machine or a service that belongs to no cluster.
    Plain,
    /// What stands for several things.
    Group,
    /// What belongs to a cluster, in the colour of this number.
    Hue(usize),
    /// The same, inside another box of this colour.
    Inner(usize),
}

/// The colours of a look: of its area and of its edge.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) fill: &'static str,
    pub(crate) edge: &'static str,
}

const fn colours(fill: &'static str, edge: &'static str) -> Colours {
    Colours { fill, edge }
}

/// The colours of clusters in light and dark: of a box, and of a box inside it.
const LIGHT: [(&str, &str, &str); HUES] = [
    ("#ddf0ff", "#f1f9ff", "#0969da"),
    ("#ffeeda", "#fff8ef", "#bc4c00"),
    ("#dcf7e1", "#f0fcf2", "#1a7f37"),
    ("#f3e8ff", "#faf5ff", "#8250df"),
    ("#ffe6f1", "#fff4f9", "#bf3989"),
    ("#d8f4f3", "#edfbfa", "#137780"),
];
const DARK: [(&str, &str, &str); HUES] = [
    ("#0c2a4d", "#0b1f38", "#4493f8"),
    ("#40240a", "#2c1a0a", "#e0823d"),
    ("#0f3320", "#0d2418", "#3fb950"),
    ("#2f1f52", "#21173a", "#ab7df8"),
    ("#451b37", "#301427", "#e275ad"),
    ("#0a3538", "#0a2629", "#39c5cf"),
];

impl Look {
    /// The class of its boxes.
    pub(crate) fn class(self) -> String {
        match self {
            Self::Page => "p".to_owned(),
            Self::Region => "r".to_owned(),
            Self::Plain => "n".to_owned(),
            Self::Group => "g".to_owned(),
            Self::Hue(number) => format!("c{}", number % HUES),
            Self::Inner(number) => format!("i{}", number % HUES),
        }
    }

    /// The colours in light and in dark.
    pub(crate) fn colours(self) -> [Colours; 2] {
        match self {
            Self::Page => [colours("#ffffff", "#d1d9e0"), colours("#0d1117", "#3d444d")],
            Self::Region => [colours("#f6f8fa", "#d1d9e0"), colours("#151b23", "#3d444d")],
            Self::Plain => [colours("#ffffff", "#818b98"), colours("#21262d", "#656c76")],
            Self::Group => [colours("#f6f8fa", "#59636e"), colours("#151b23", "#9198a1")],
            Self::Hue(number) => {
                [LIGHT, DARK].map(|theme| theme[number % HUES]).map(|(fill, _, edge)| colours(fill, edge))
            }
            Self::Inner(number) => {
                [LIGHT, DARK].map(|theme| theme[number % HUES]).map(|(_, fill, edge)| colours(fill, edge))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HUES, Look, Style};

    /// The relative luminance of a colour: <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>.
    fn luminance(colour: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("it is #rrggbb")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn looks() -> impl Iterator<Item = Look> {
        let hues = (0..HUES).flat_map(|number| [Look::Hue(number), Look::Inner(number)]);
        [Look::Page, Look::Region, Look::Plain, Look::Group].into_iter().chain(hues)
    }

    /// Level AA for text: <https://www.w3.org/TR/WCAG22/#contrast-minimum>.
    #[test]
    fn every_text_is_readable_on_every_box() {
        for look in looks() {
            for style in [Style::Heading, Style::Title, Style::Body, Style::Small] {
                let (light, dark) = style.colours();
                for (text, colours) in [light, dark].into_iter().zip(look.colours()) {
                    let found = contrast(text, colours.fill);
                    assert!(found >= 4.5, "{style:?} on {look:?}: {found:.2}");
                }
            }
        }
    }

    /// Level AA for graphics: <https://www.w3.org/TR/WCAG22/#non-text-contrast>.
    #[test]
    fn the_edges_of_what_matters_are_visible() {
        for look in looks().filter(|look| !matches!(look, Look::Page | Look::Region)) {
            for around in [Look::Page, Look::Region] {
                for (colours, around) in look.colours().into_iter().zip(around.colours()) {
                    let found = contrast(colours.edge, around.fill);
                    assert!(found >= 3.0, "{look:?} on {around:?}: {found:.2}");
                }
            }
        }
    }
}
