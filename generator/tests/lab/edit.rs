//! Edits of specs by path, so that tests do not depend on the layout of a spec. Paths are those of `homelab explain`:
//! keys separated by dots.

use crate::support::{everything_spec, reference_spec};
use homelab::yaml::{Limits, Node, documents};
use serde_yaml::{Mapping, Value};
use std::ops::Range;

/// A spec that is edited as a tree. Its text has neither the comments nor the layout of the original.
#[derive(Clone)]
pub(crate) struct Edited(Value);

impl Edited {
    /// Reads a spec.
    pub(crate) fn of(text: &str) -> Self {
        Self(serde_yaml::from_str(text).expect("the spec is YAML"))
    }

    /// The spec of the reference lab.
    pub(crate) fn reference() -> Self {
        Self::of(&reference_spec())
    }

    /// The spec that configures every component.
    pub(crate) fn everything() -> Self {
        Self::of(&everything_spec())
    }

    /// Adds a field to an existing mapping, which must not have it yet.
    #[track_caller]
    pub(crate) fn add(mut self, path: &str, value: &str) -> Self {
        let (mapping, key) = self.parent(path);
        assert!(mapping.insert(key.into(), parsed(path, value)).is_none(), "the spec already has `{path}`");
        self
    }

    /// Replaces the value of an existing field.
    #[track_caller]
    pub(crate) fn set(mut self, path: &str, value: &str) -> Self {
        let (mapping, key) = self.parent(path);
        assert!(mapping.insert(key.into(), parsed(path, value)).is_some(), "the spec has no `{path}`");
        self
    }

    /// Removes an existing field.
    #[track_caller]
    pub(crate) fn remove(mut self, path: &str) -> Self {
        let (mapping, key) = self.parent(path);
        assert!(mapping.remove(key).is_some(), "the spec has no `{path}`");
        self
    }

    /// Changes the key of an existing field to one that is unused.
    #[track_caller]
    pub(crate) fn rename(mut self, path: &str, new: &str) -> Self {
        let (mapping, key) = self.parent(path);
        let value = mapping.remove(key).unwrap_or_else(|| panic!("the spec has no `{path}`"));
        assert!(mapping.insert(new.into(), value).is_none(), "the spec already has `{new}` beside `{path}`");
        self
    }

    /// Makes a change that is written as data: mappings `set`, `add` and `rename`, and a list `remove`, all with the
    /// paths of fields.
    pub(crate) fn with(mut self, change: &Value) -> Self {
        let text = |value: &Value| serde_yaml::to_string(value).expect("it is YAML");
        let path = |value: &Value| value.as_str().expect("it is a text").to_owned();
        let fields = |key: &str| change.get(key).and_then(Value::as_mapping).cloned().unwrap_or_default();
        for (field, value) in fields("set") {
            self = self.set(&path(&field), &text(&value));
        }
        for (field, value) in fields("add") {
            self = self.add(&path(&field), &text(&value));
        }
        for field in change.get("remove").and_then(Value::as_sequence).into_iter().flatten() {
            self = self.remove(&path(field));
        }
        for (field, name) in fields("rename") {
            self = self.rename(&path(&field), &path(&name));
        }
        self
    }

    /// The spec as text.
    pub(crate) fn text(&self) -> String {
        serde_yaml::to_string(&self.0).expect("what was read can be written")
    }

    /// The mapping of a field, which need not exist, and the field's key.
    #[track_caller]
    fn parent<'a>(&mut self, path: &'a str) -> (&mut Mapping, &'a str) {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        (self.mapping(parent), key)
    }

    #[track_caller]
    fn mapping(&mut self, path: &str) -> &mut Mapping {
        let keys = path.split('.').filter(|key| !key.is_empty());
        let mut value = Some(&mut self.0);
        for key in keys {
            value = value.and_then(|value| value.get_mut(key));
        }
        value.and_then(Value::as_mapping_mut).unwrap_or_else(|| panic!("the spec has no mapping `{path}`"))
    }
}

#[track_caller]
fn parsed(path: &str, value: &str) -> Value {
    serde_yaml::from_str(value).unwrap_or_else(|error| panic!("the value for `{path}` is not YAML: {error}"))
}

/// The location of a field in the text of a spec, for tests that depend on lines, columns or characters.
pub(crate) struct Place {
    pub(crate) key: Range<usize>,
    pub(crate) value: Range<usize>,
}

impl Place {
    /// Finds a field by its path.
    #[track_caller]
    pub(crate) fn of(text: &str, path: &str) -> Self {
        let (documents, _) = documents(text, Limits::default());
        let mut field: Option<(&Node, &Node)> = None;
        for key in path.split('.') {
            let mapping = field.map_or(&documents[0], |(_, value)| value);
            let mut entries = mapping.entries().iter();
            let (key, value) = entries
                .find(|(other, _)| other.text() == Some(key))
                .unwrap_or_else(|| panic!("the spec has no `{path}`"));
            field = Some((key, value));
        }
        let (key, value) = field.expect("a path has a key");
        // The span of a block ends where the next field starts.
        let span = |node: &Node| {
            let (start, end) = (node.span.start as usize, node.span.end as usize);
            start..start + text[start..end].trim_end().len()
        };
        Self { key: span(key), value: span(value) }
    }

    /// Both key and value.
    pub(crate) fn field(&self) -> Range<usize> {
        self.key.start..self.value.end
    }

    /// All lines that the field is on, with their line breaks.
    pub(crate) fn lines(&self, text: &str) -> Range<usize> {
        let start = text[..self.key.start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[self.value.end..].find('\n').map_or(text.len(), |at| self.value.end + at + 1);
        start..end
    }

    /// The line that the field is on, from 1.
    pub(crate) fn line(&self, text: &str) -> usize {
        text[..self.key.start].matches('\n').count() + 1
    }

    /// The column that the field starts in, from 1.
    pub(crate) fn column(&self, text: &str) -> usize {
        self.key.start - self.lines(text).start + 1
    }
}

/// Replaces the value of a field, and nothing else.
#[track_caller]
pub(crate) fn with_value(text: &str, path: &str, value: &str) -> String {
    with_range(text, Place::of(text, path).value, value)
}

/// Replaces a whole field, and nothing else.
#[track_caller]
pub(crate) fn with_field(text: &str, path: &str, field: &str) -> String {
    with_range(text, Place::of(text, path).field(), field)
}

/// Replaces a range of a text.
pub(crate) fn with_range(text: &str, range: Range<usize>, instead: &str) -> String {
    format!("{}{instead}{}", &text[..range.start], &text[range.end..])
}
