//! Answers from flags and questions, before they are checked as a whole.

use crate::providers::{Kind, complete};
use std::collections::BTreeSet;
use yaml::Value;

/// Answers that are collected one by one.
#[derive(Debug, Clone)]
pub struct Draft {
    root: Value,
    /// The paths of values that are examples.
    pub(crate) examples: BTreeSet<String>,
}

impl Default for Draft {
    fn default() -> Self {
        Self { root: Value::map(), examples: BTreeSet::new() }
    }
}

impl Draft {
    /// Sets the value at a path, and creates the mappings around it.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        set(&mut self.root, path, value.into());
    }

    /// Sets a value that the user must replace.
    pub(crate) fn set_example(&mut self, path: &[&str], value: &str) {
        self.examples.insert(path.join("."));
        self.set(path, value);
    }

    /// The value at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.root, |value, key| value.get(key))
    }

    /// The text at a path.
    pub(crate) fn text_of(&self, path: &[&str]) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }

    /// The names below a path.
    pub(crate) fn names(&self, path: &[&str]) -> Vec<String> {
        match self.get(path) {
            Some(Value::Map(entries)) => entries.iter().map(|(name, _)| name.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Fills in the required fields of the DNS provider and the secret store.
    pub fn complete(&mut self) {
        [Kind::Dns, Kind::SecretStore].into_iter().for_each(|kind| complete(kind, self));
    }

    /// The draft as the text of an answers file.
    pub fn text(&self) -> String {
        yaml::document(&self.root)
    }
}

fn set(root: &mut Value, path: &[&str], value: Value) {
    let Some((key, rest)) = path.split_first() else {
        *root = value;
        return;
    };
    if !matches!(root, Value::Map(_)) {
        *root = Value::map();
    }
    let Value::Map(entries) = root else { return };
    let at = entries.iter().position(|(name, _)| name == key).unwrap_or_else(|| {
        entries.push(((*key).to_owned(), Value::Null));
        entries.len() - 1
    });
    set(&mut entries[at].1, rest, value);
}
