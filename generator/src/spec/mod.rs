//! What a user may write, and the reading of it: text in, typed [`Spec`] out, every fault named.

mod check;
mod parse;
mod schema;
mod shape;
mod spanned;
pub mod types;

pub use parse::{MAX_BYTES, Parsed, parse};
pub use schema::{Explanation, explain, schema};
pub use shape::*;
pub use spanned::{Entries, Entry, Given, Spanned};
