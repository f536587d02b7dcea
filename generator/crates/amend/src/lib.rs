//! Changes of a spec by commands: adds, renames and removes entries. Text in, text out; every byte outside of the change
//! is kept.
//!
//! What a new entry leaves out is proposed from the spec: the next free address, VMID, load-balancer pool and networks.
//! Whether the new text is a valid spec is for the caller to check.

mod add;
mod app;
mod fields;
mod free;
mod names;
mod remove;
mod rename;
#[cfg(test)]
mod tests;

pub use add::{ClusterFields, HostFields, NodeFields, SecretFields, StorageFields, add_cluster, add_host, add_node};
pub use add::{add_secret, add_storage};
pub use app::{AppFields, DatabaseChoice, Image, Volume, add_app, needs_address};
pub use free::pool_addresses;
pub use names::Kind;
pub use remove::remove;
pub use rename::{pins, rename};

use edit::EditError;
use spec::Spec;
use yaml::Node;

/// A spec, as text, tree and types.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its text.
    pub text: &'a str,
    /// The tree of the text.
    pub root: &'a Node,
    /// What it describes.
    pub spec: &'a Spec,
}

/// A changed spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    /// Its new text.
    pub text: String,
    /// What changed, each in a few words.
    pub changes: Vec<String>,
    /// What to know about the change.
    pub notes: Vec<String>,
    /// What remains to do, in order.
    pub steps: Vec<String>,
}

/// Why a spec is not changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The change is not possible, with what would be.
    Usage(String),
    /// The text has a layout that cannot be edited.
    Text(EditError),
}

impl From<EditError> for Refusal {
    fn from(error: EditError) -> Self {
        Self::Text(error)
    }
}

/// A change that is not possible.
fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Usage(message.into()))
}

impl Amended {
    /// A spec that has not changed yet.
    fn of(source: Source<'_>) -> Self {
        Self { text: source.text.to_owned(), changes: Vec::new(), notes: Vec::new(), steps: Vec::new() }
    }

    /// Adds an entry.
    fn insert(&mut self, path: &[&str], name: &str, block: &str, change: String) -> Result<(), Refusal> {
        self.insert_before(path, &[], name, block, change)
    }

    /// Adds an entry before others. If the mapping does not exist, adds it before them.
    fn insert_before(
        &mut self,
        path: &[&str],
        next: &[&str],
        name: &str,
        block: &str,
        change: String,
    ) -> Result<(), Refusal> {
        self.text = edit::insert_before(&self.text, path, next, name, block)?;
        self.changes.push(change);
        Ok(())
    }
}
