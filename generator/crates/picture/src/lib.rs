//! Diagrams as SVG: boxes with text, and arrows between them.
//!
//! A [`Picture`] is a list of shapes with integer coordinates. [`Panel`]s are boxes that size themselves by their text,
//! [`Board`] arranges them in rows and routes arrows around them, and [`Layers`] draws a graph by its order. The same
//! input gives the same text, and no text that a picture shows can change the structure around it.
//!
//! The pictures need neither scripts nor fonts of their own, so widths of texts are estimates: an upper bound for the
//! fonts that browsers choose. A text that does not fit is wrapped, then shortened, and its full form is its tooltip.

mod area;
mod board;
mod layers;
mod panel;
mod picture;
mod style;
mod svg;
mod text;

pub use area::Area;
pub use board::{Board, Cell, Link, Row};
pub use layers::{Layers, Step};
pub use panel::{Line, Panel};
pub use picture::Picture;
pub use style::{HUES, Look, Style};
pub use text::{shorten, width, wrap};
