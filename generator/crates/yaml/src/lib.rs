//! YAML: a reader that keeps where every value stood, and the one printer of our manifests.

mod ascii;
mod print;
mod read;
mod value;

pub use print::{block, document, scalar};
pub use read::{Fault, FaultKind, Limits, documents};
pub use value::{Node, NodeKind, Scalar, Value};
