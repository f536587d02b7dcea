//! The types of the spec and its parser: text in, typed [`Spec`] out, every problem reported.
//!
//! The doc comments of the types are the reference for users: they become the descriptions in the JSON
//! Schema and the output of `homelab explain`. This crate only reads the spec; it derives nothing from it.

mod app;
mod backup;
mod by_key;
mod by_kind;
mod check;
mod choices;
mod cluster;
mod common;
mod container;
pub mod defaults;
mod dns;
mod host;
mod lab;
mod links;
mod login;
mod network;
mod node;
mod or_default;
mod parse;
pub mod platform;
pub mod reference;
mod root;
mod schema;
mod secrets;
mod spanned;
mod storage;
pub mod types;
mod updates;

pub use app::*;
pub use backup::*;
pub use choices::*;
pub use cluster::*;
pub use common::*;
pub use container::*;
pub use dns::*;
pub use host::*;
pub use lab::*;
pub use links::{Reference, Target, references};
pub use login::*;
pub use network::*;
pub use node::*;
pub use or_default::{DefaultValue, OrDefault};
pub use parse::{Document, MAX_BYTES, Parsed, parse, parse_as};
pub use platform::Platform;
pub use root::Spec;
pub use schema::{Explained, Explanation, explain, schema, schema_of};
pub use secrets::*;
pub use spanned::{Entries, Entry, Given, Spanned};
pub use storage::*;
pub use updates::*;
