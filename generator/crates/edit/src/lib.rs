//! Edits of a YAML text in place: insert, replace, remove and rename entries. Every byte outside of the edit is kept:
//! comments, blank lines, quotes, the order of keys, line endings, and a byte order mark.
//!
//! An edit finds its place by the spans of the [`yaml`] parser. Afterwards the new text is parsed again and compared
//! with the tree that was meant. If they differ, the edit is an error, so no text is ever damaged.
//!
//! A path is a list of keys; an item of a list is named by its index. New values are YAML text with LF line endings and
//! without outer indentation: a block mapping, a list, or a value on one line.
//!
//! ```
//! # use homelab_edit as edit;
//! let text = "apps: # by name\n  memos: { port: 5230 }\n";
//! let text = edit::insert(text, &["apps"], "links", "port: 9090\n").expect("`apps` is a mapping");
//! assert_eq!(text, "apps: # by name\n  memos: { port: 5230 }\n  links:\n    port: 9090\n");
//! ```

mod document;
mod extent;
mod flow;
mod insert;
mod piece;
mod remove;
mod replace;
#[cfg(test)]
mod tests;

use diagnostic::Span;
use std::fmt;

/// Why an edit is not possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditError {
    /// The location in the text; `None` if the error is about the new value.
    pub span: Option<Span>,
    /// The line of the location, starting at 1.
    pub line: Option<usize>,
    /// What is wrong, in one sentence without a final period.
    pub message: String,
}

impl fmt::Display for EditError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "line {line}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl std::error::Error for EditError {}

/// Adds an entry to the mapping at `path`: where it belongs if the keys of a block mapping are sorted, otherwise after the
/// last entry. Creates the mapping and its parents if they are missing
/// or empty.
///
/// # Errors
/// If the mapping already has the key, `path` leads through something that is not a mapping, or the text or `block` is
/// not valid.
pub fn insert(text: &str, path: &[&str], key: &str, block: &str) -> Result<String, EditError> {
    insert::insert(text, path, key, block)
}

/// Adds an entry as [`insert`] does, but before the first of some other keys that the mapping has.
///
/// # Errors
/// Those of [`insert`].
pub fn insert_before(text: &str, path: &[&str], next: &[&str], key: &str, block: &str) -> Result<String, EditError> {
    insert::insert_before(text, path, next, key, block)
}

/// Adds an item at the end of the list at `path`. Creates the list and its parents if they are missing or empty.
///
/// # Errors
/// If the value at `path` is not a list, or the text or `block` is not valid.
pub fn append(text: &str, path: &[&str], block: &str) -> Result<String, EditError> {
    insert::append(text, path, block)
}

/// Replaces the value at `path`, or adds it if it is missing. Comments inside of the old value go with it.
///
/// # Errors
/// If `path` leads through something that is not a mapping, or the text or `block` is not valid.
pub fn set(text: &str, path: &[&str], block: &str) -> Result<String, EditError> {
    replace::set(text, path, block)
}

/// Removes the entry or the item at `path`, with the comment directly above it. A mapping or list that has no other
/// entries becomes `{}` or `[]`.
///
/// # Errors
/// If there is nothing at `path`, or the text is not valid.
pub fn remove(text: &str, path: &[&str]) -> Result<String, EditError> {
    remove::remove(text, path)
}

/// Renames the last key of `path`, at its place.
///
/// # Errors
/// If there is nothing at `path`, the mapping already has the new key, or the text is not valid.
pub fn rename_key(text: &str, path: &[&str], new: &str) -> Result<String, EditError> {
    replace::rename_key(text, path, new)
}
