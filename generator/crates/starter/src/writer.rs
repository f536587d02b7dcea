//! Writes YAML with comments, and remembers where each value comes from.

use diagnostic::{Diagnostic, Label, Span};
use spec::types::{AddressRange, Text as _};
use std::collections::BTreeSet;
use std::ops::Range;
use yaml::{Node, NodeKind, Scalar};

/// A value that the user must replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Its line in the spec.
    pub line: usize,
    /// The text of this line, without the comment.
    pub text: String,
}

const REPLACE: &str = " # Example: replace it.";

/// A text that is being written.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) text: String,
    pub(crate) origins: Origins,
    pub(crate) examples: Vec<Example>,
}

/// Which part of a text comes from which part of the answers.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<(Range<usize>, Span)>);

impl Origins {
    /// The place in the answers of a place in the text: that of the smallest part which contains it, or else of the
    /// largest part inside it.
    fn of(&self, span: Span) -> Option<Span> {
        let (start, end) = (span.start as usize, span.end as usize);
        let length = |range: &Range<usize>| range.len();
        let around = self.0.iter().filter(|(range, _)| range.start <= start && end <= range.end);
        let inside = self.0.iter().filter(|(range, _)| start <= range.start && range.end <= end);
        let found =
            around.min_by_key(|(range, _)| length(range)).or_else(|| inside.max_by_key(|(range, _)| length(range)));
        found.map(|(_, origin)| *origin)
    }

    /// A diagnostic about the text as one about the answers; `None` if what it is about is not in the answers.
    pub(crate) fn translate(&self, found: &Diagnostic) -> Option<Diagnostic> {
        let mut translated = found.clone();
        translated.span = Some(self.of(found.span?)?);
        let labels = found.related.iter().filter_map(|label| Some((self.of(label.span)?, &label.text)));
        let elsewhere = labels.filter(|(span, _)| Some(*span) != translated.span);
        translated.related = elsewhere.map(|(span, text)| Label { span, text: text.clone() }).collect();
        Some(translated)
    }
}

impl Writer {
    /// Writes a line as it is.
    pub(crate) fn line(&mut self, indent: usize, text: &str) {
        if !text.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', indent));
        }
        self.text.push_str(text);
        self.text.push('\n');
    }

    /// Writes a comment.
    pub(crate) fn comment(&mut self, indent: usize, text: &str) {
        self.line(indent, &format!("# {text}"));
    }

    /// Writes a value that was derived from others.
    pub(crate) fn derived(&mut self, indent: usize, key: &str, value: &str) {
        self.line(indent, &format!("{}: {}", yaml::scalar(key), scalar(value)));
    }

    /// Writes a number that was derived from other values.
    pub(crate) fn number(&mut self, indent: usize, key: &str, value: u64) {
        self.line(indent, &format!("{}: {value}", yaml::scalar(key)));
    }

    /// Writes a value that the user must replace.
    pub(crate) fn example(&mut self, indent: usize, key: &str, value: &str) {
        self.example_line(indent, &format!("{}: {}", yaml::scalar(key), scalar(value)));
    }

    /// Writes a line with a value that the user must replace.
    pub(crate) fn example_line(&mut self, indent: usize, text: &str) {
        let line = self.text.matches('\n').count() + 1;
        self.examples.push(Example { line, text: text.to_owned() });
        self.line(indent, &format!("{text}{REPLACE}"));
    }

    /// Writes the key of a mapping, which the answers have.
    pub(crate) fn key(&mut self, indent: usize, key: &Node) {
        let name = yaml::scalar(key.text().unwrap_or_default());
        self.text.extend(std::iter::repeat_n(' ', indent));
        let start = self.text.len();
        self.text.push_str(&name);
        self.origins.0.push((start..self.text.len(), key.span));
        self.text.push_str(":\n");
    }

    /// Writes a value of the answers: `answers` is its path there, and `examples` has the paths of examples.
    pub(crate) fn value(&mut self, indent: usize, key: &str, value: &Node, path: &str, examples: &BTreeSet<String>) {
        let key = yaml::scalar(key);
        let start = self.text.len() + indent;
        match &value.kind {
            NodeKind::Mapping(entries) if !entries.is_empty() => {
                self.line(indent, &format!("{key}:"));
                for (name, value) in entries {
                    let name = name.text().unwrap_or_default();
                    self.value(indent + 2, name, value, &format!("{path}.{name}"), examples);
                }
            }
            NodeKind::Sequence(items) if !items.is_empty() => {
                self.line(indent, &format!("{key}:"));
                for item in items {
                    let start = self.text.len() + indent + 2;
                    self.line(indent + 2, &format!("- {}", flow(item)));
                    self.origins.0.push((start..self.text.len() - 1, item.span));
                }
            }
            _ if examples.contains(path) => self.example_line(indent, &format!("{key}: {}", flow(value))),
            _ => self.line(indent, &format!("{key}: {}", flow(value))),
        }
        self.origins.0.push((start..self.text.len() - 1, value.span));
    }
}

/// A text as YAML. The printer quotes everything that looks like a number of YAML 1.1, but nothing reads a range of
/// addresses as one.
fn scalar(text: &str) -> String {
    if AddressRange::parse(text).is_ok() { text.to_owned() } else { yaml::scalar(text) }
}

/// A value on one line.
fn flow(node: &Node) -> String {
    match &node.kind {
        NodeKind::Scalar { text, plain } => match node.scalar() {
            Some(Scalar::Str(text)) => scalar(text),
            _ if *plain => text.to_string(),
            _ => yaml::scalar(text),
        },
        NodeKind::Sequence(items) => format!("[{}]", items.iter().map(quoted).collect::<Vec<_>>().join(", ")),
        NodeKind::Mapping(entries) if entries.is_empty() => "{}".to_owned(),
        NodeKind::Mapping(entries) => {
            let entries: Vec<_> =
                entries.iter().map(|(key, value)| format!("{}: {}", quoted(key), quoted(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A value inside of a flow collection, where more characters have a meaning.
fn quoted(node: &Node) -> String {
    let text = flow(node);
    let is_text = matches!(node.scalar(), Some(Scalar::Str(_)));
    if is_text && !text.starts_with('"') && text.contains([',', '[', ']', '{', '}']) {
        return serde_json::Value::from(text).to_string();
    }
    text
}
