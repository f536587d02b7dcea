//! The fields of a new entry, as YAML.

use std::fmt::{Display, Write as _};

/// A block mapping.
#[derive(Default)]
pub(crate) struct Fields(String);

impl Fields {
    /// Adds a text, if it is set.
    pub(crate) fn text(self, key: &str, value: Option<&str>) -> Self {
        let value = value.map(yaml::scalar);
        self.raw(key, value)
    }

    /// Adds a value that is valid YAML, if it is set.
    pub(crate) fn raw(mut self, key: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            writeln!(self.0, "{key}: {value}").expect("writing to a string cannot fail");
        }
        self
    }

    /// Adds `true`, if the value is.
    pub(crate) fn on(self, key: &str, value: bool) -> Self {
        self.raw(key, value.then_some(true))
    }

    /// Adds lists and mappings of other fields, unless they are empty.
    pub(crate) fn block(mut self, key: &str, block: &Self) -> Self {
        if !block.0.is_empty() {
            writeln!(self.0, "{}:", yaml::scalar(key)).expect("writing to a string cannot fail");
            for line in block.0.lines() {
                writeln!(self.0, "  {line}").expect("writing to a string cannot fail");
            }
        }
        self
    }

    /// The text, which ends in a newline.
    pub(crate) fn into_text(self) -> String {
        if self.0.is_empty() { "{}\n".to_owned() } else { self.0 }
    }
}

/// Formats a list on one line.
pub(crate) fn list<'a>(items: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", items.into_iter().map(yaml::scalar).collect::<Vec<_>>().join(", "))
}
