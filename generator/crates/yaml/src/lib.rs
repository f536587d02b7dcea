//! YAML: a parser that keeps the location of every value, and the printer of all generated YAML.

mod comments;
mod print;
mod read;
mod value;

pub use comments::comments;
pub use print::{block, document, scalar};
pub use read::{Error, ErrorKind, Limits, documents};
pub use value::{Node, NodeKind, Scalar, Value};
