//! A new value, as the text that it becomes.

use super::EditError;
use super::document::reason;
use super::flow;
use yaml::{Limits, Node, NodeKind};

/// A new value: YAML text without outer indentation, and its tree.
pub(super) struct Piece {
    pub(super) node: Node,
    text: String,
}

impl Piece {
    /// Parses the text of a value.
    pub(super) fn read(block: &str) -> Result<Self, EditError> {
        let invalid = |message: String| EditError { span: None, line: None, message };
        if block.contains('\r') {
            return Err(invalid("the new value has carriage returns".to_owned()));
        }
        let (mut documents, errors) = yaml::documents(block, Limits::default());
        if let Some(error) = errors.first() {
            return Err(invalid(format!("the new value is {}", reason(&error.kind))));
        }
        match (documents.pop(), documents.is_empty()) {
            (Some(node), true) => Ok(Self { node, text: block.trim_end_matches('\n').to_owned() }),
            _ => Err(invalid("the new value must be one YAML document".to_owned())),
        }
    }

    /// A mapping with this value under a key.
    pub(super) fn under(self, key: &str, step: usize) -> Self {
        let text = self.entry(key, 0, step);
        let kind = NodeKind::Mapping(vec![(key_node(key), self.node)]);
        Self { node: Node { span: diagnostic::Span::default(), kind }, text }
    }

    /// A list with this value as its only item.
    pub(super) fn into_list(self) -> Self {
        let text = self.item(0);
        Self { node: Node { span: diagnostic::Span::default(), kind: NodeKind::Sequence(vec![self.node]) }, text }
    }

    /// Whether it is a block mapping or list, which begins on the line below its key.
    pub(super) fn is_block(&self) -> bool {
        match &self.node.kind {
            NodeKind::Scalar { .. } => false,
            NodeKind::Mapping(entries) => !entries.is_empty() && !self.starts_with_bracket(),
            NodeKind::Sequence(items) => !items.is_empty() && !self.starts_with_bracket(),
        }
    }

    fn starts_with_bracket(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim_start);
        let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
        first.is_some_and(|line| line.starts_with(['{', '[']))
    }

    /// Its lines, indented by some columns, without a newline at the end.
    pub(super) fn lines(&self, indent: usize) -> String {
        let lines: Vec<_> = self.text.split('\n').collect();
        lines.iter().map(|line| indented(line, indent)).collect::<Vec<_>>().join("\n")
    }

    /// Its text after `key: ` at a column: the first line as it is, the others indented.
    pub(super) fn inline(&self, indent: usize) -> String {
        self.lines(indent).trim_start().to_owned()
    }

    /// An entry with this value, whose key is at a column, without a newline at the end. The value is indented by `step`
    /// columns more.
    pub(super) fn entry(&self, key: &str, column: usize, step: usize) -> String {
        let pad = " ".repeat(column);
        let key = yaml::scalar(key);
        match () {
            () if self.is_block() => format!("{pad}{key}:\n{}", self.lines(column + step)),
            () if self.text.is_empty() => format!("{pad}{key}:"),
            () => format!("{pad}{key}: {}", self.inline(column)),
        }
    }

    /// An item with this value, whose dash is at a column, without a newline at the end.
    pub(super) fn item(&self, column: usize) -> String {
        let pad = " ".repeat(column);
        format!("{pad}- {}", self.inline(column + 2))
    }

    /// An entry with this value for a flow mapping.
    pub(super) fn flow_entry(&self, key: &str) -> String {
        format!("{}: {}", flow::string(key), self.flow())
    }

    /// Its text in a flow collection.
    pub(super) fn flow(&self) -> String {
        flow::value(&self.node)
    }
}

/// The key of an entry as a node.
pub(super) fn key_node(key: &str) -> Node {
    Node { span: diagnostic::Span::default(), kind: NodeKind::Scalar { text: key.into(), plain: false } }
}

fn indented(line: &str, indent: usize) -> String {
    if line.is_empty() { String::new() } else { " ".repeat(indent) + line }
}
