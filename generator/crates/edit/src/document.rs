//! The text to edit, with its tree: finds the place of an edit, and checks its result.

use super::EditError;
use diagnostic::Span;
use yaml::{ErrorKind, Limits, Node, NodeKind, Scalar};

/// A replacement: the first byte, one past the last byte, and the new text.
pub(super) type Edit = (usize, usize, String);

/// A text of one document.
pub(super) struct Document<'a> {
    pub(super) text: &'a str,
    /// The tree; null for a text without any value.
    pub(super) root: Node,
}

/// A value in the tree.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    pub(super) node: &'n Node,
    /// The collection that has it, and its index there; `None` for the root.
    pub(super) parent: Option<(&'n Node, usize)>,
    /// Whether that collection is in flow style, or inside of one that is.
    pub(super) in_flow: bool,
    /// How many columns that collection is indented below the one above it, if both are blocks.
    pub(super) step: Option<usize>,
}

impl<'a> Document<'a> {
    /// Parses a text.
    pub(super) fn read(text: &'a str) -> Result<Self, EditError> {
        let (mut documents, errors) = yaml::documents(text, Limits::default());
        if let Some(error) = errors.first() {
            return Err(error_at(text, error.span, reason(&error.kind)));
        }
        match (documents.pop(), documents.is_empty()) {
            (None, _) => {
                let kind = NodeKind::Scalar { text: Box::default(), plain: true };
                Ok(Self { text, root: Node { span: Span::new(text.len(), text.len()), kind } })
            }
            (Some(root), true) => Ok(Self { text, root }),
            (Some(second), false) => {
                Err(error_at(text, second.span, "a second document starts here; only one can be edited".to_owned()))
            }
        }
    }

    /// Follows a path as far as it leads. Returns the value there, and the keys that are missing below it.
    pub(super) fn follow<'p, 's>(&self, path: &'p [&'s str]) -> (Place<'_>, &'p [&'s str]) {
        let mut place = Place { node: &self.root, parent: None, in_flow: false, step: None };
        let mut column = None;
        for (depth, step) in path.iter().enumerate() {
            let node = place.node;
            let (index, child) = match &node.kind {
                NodeKind::Mapping(entries) => {
                    let Some(index) = entries.iter().position(|(key, _)| key.text() == Some(step)) else {
                        return (place, &path[depth..]);
                    };
                    (index, &entries[index].1)
                }
                NodeKind::Sequence(items) => {
                    let index = step.parse().unwrap_or(usize::MAX);
                    let Some(item) = items.get(index) else { return (place, &path[depth..]) };
                    (index, item)
                }
                NodeKind::Scalar { .. } => return (place, &path[depth..]),
            };
            let here = self.column(node.span.start as usize);
            let step = column.and_then(|above| here.checked_sub(above)).filter(|step| *step > 0);
            column = Some(here);
            place = Place {
                node: child,
                parent: Some((node, index)),
                in_flow: place.in_flow || self.is_flow(node),
                step: step.or(place.step),
            };
        }
        (place, &[])
    }

    /// Finds the value at a path, with the collection that has it and its index there.
    pub(super) fn find(&self, path: &[&str]) -> Result<(Place<'_>, &Node, usize), EditError> {
        let (place, missing) = self.follow(path);
        match (place.parent, missing) {
            (Some((parent, index)), []) => Ok((place, parent, index)),
            (_, []) => Err(self.error(place.node, "the path is empty".to_owned())),
            (_, [first, ..]) => {
                let found = &path[..path.len() - missing.len()];
                Err(self.error(place.node, format!("{} has no `{first}`", shown(found))))
            }
        }
    }

    /// The tree after a change of the value at a path.
    pub(super) fn changed(&self, path: &[&str], change: impl FnOnce(&mut NodeKind)) -> Node {
        fn at<'n>(node: &'n mut Node, path: &[&str]) -> Option<&'n mut Node> {
            let [step, path @ ..] = path else { return Some(node) };
            let below = match &mut node.kind {
                NodeKind::Mapping(entries) => {
                    entries.iter_mut().find(|(key, _)| key.text() == Some(step)).map(|(_, value)| value)
                }
                NodeKind::Sequence(items) => step.parse().ok().and_then(|index: usize| items.get_mut(index)),
                NodeKind::Scalar { .. } => None,
            };
            at(below?, path)
        }
        let mut root = self.root.clone();
        if let Some(node) = at(&mut root, path) {
            change(&mut node.kind);
        }
        root
    }

    /// An error about a value.
    pub(super) fn error(&self, node: &Node, message: String) -> EditError {
        error_at(self.text, node.span, message)
    }

    /// Whether a value is a mapping or list in flow style.
    pub(super) fn is_flow(&self, node: &Node) -> bool {
        node.is_flow(self.text)
    }

    /// How many columns a block below the collection of `place` is indented.
    pub(super) fn step(&self, place: Place<'_>) -> usize {
        place.step.unwrap_or_else(|| self.usual_step())
    }

    /// The column of a position, in characters.
    pub(super) fn column(&self, at: usize) -> usize {
        self.text[self.line_start(at)..at].chars().filter(|c| *c != '\u{feff}').count()
    }

    /// The start of the line that contains a position.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// The start of the next line, or the end of the text.
    pub(super) fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// The end of the line that contains a position, without its line break.
    pub(super) fn line_text_end(&self, at: usize) -> usize {
        let end = self.line_end(at);
        let line = &self.text[at..end];
        at + line.strip_suffix('\n').map_or(line, |line| line.strip_suffix('\r').unwrap_or(line)).len()
    }

    /// The line break of the text: that of its first line.
    pub(super) fn newline(&self) -> &'static str {
        let first = self.text.find('\n').is_some_and(|at| self.text[..at].ends_with('\r'));
        if first { "\r\n" } else { "\n" }
    }

    /// How many columns a mapping is indented in the one above it, if nothing closer shows that: the first in the text.
    fn usual_step(&self) -> usize {
        let column = |node: &Node| self.column(node.span.start as usize);
        let is_block = |node: &Node| !node.entries().is_empty() && !self.is_flow(node);
        let nested = self.root.entries().iter().find(|(_, value)| is_block(value));
        nested
            .and_then(|(_, value)| column(value).checked_sub(column(&self.root)))
            .filter(|step| *step > 0)
            .unwrap_or(2)
    }

    /// Whether the last value is a block scalar.
    fn ends_in_block_scalar(&self) -> bool {
        let mut last = &self.root;
        while let Some(below) = last.entries().last().map(|(_, value)| value).or(last.items().last()) {
            last = below;
        }
        self.block_header(last).is_some()
    }

    /// Replaces parts of the text, in order. Checks that the result is what was meant.
    pub(super) fn apply(&self, edits: &[Edit], meant: &Node) -> Result<String, EditError> {
        let mut result =
            String::with_capacity(self.text.len() + edits.iter().map(|(.., new)| new.len()).sum::<usize>());
        let mut at = 0;
        for (start, end, new) in edits {
            result.push_str(&self.text[at..*start]);
            match self.newline() {
                "\n" => result.push_str(new),
                newline => result.push_str(&new.replace('\n', newline)),
            }
            at = *end;
        }
        result.push_str(&self.text[at..]);
        let first = edits.first().map_or(0, |(start, ..)| *start);
        // Parsers do not agree on a block scalar at the end of a text without a newline.
        let is_at_end = edits.last().is_some_and(|(_, end, _)| *end == self.text.len()) && !result.ends_with('\n');
        if is_at_end && Document::read(&result).is_ok_and(|document| document.ends_in_block_scalar()) {
            result.push_str(self.newline());
        }
        match Document::read(&result) {
            Ok(document) if is_same(&document.root, meant) => Ok(result),
            _ => {
                let message = "this part of the file has a layout that cannot be edited automatically; edit it by hand";
                Err(error_at(self.text, Span::new(first, first), message.to_owned()))
            }
        }
    }
}

/// A path in messages.
pub(super) fn shown(path: &[&str]) -> String {
    if path.is_empty() { "the file".to_owned() } else { format!("`{}`", path.join(".")) }
}

/// What a value is, in messages.
pub(super) fn kind(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Mapping(_) => "a mapping",
        NodeKind::Sequence(_) => "a list",
        NodeKind::Scalar { .. } => "a single value",
    }
}

fn error_at(text: &str, span: Span, message: String) -> EditError {
    let start = (span.start as usize).min(text.len());
    let line = text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count() + 1;
    EditError { span: Some(span), line: Some(line), message }
}

/// Why a text cannot be edited.
pub(super) fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::Syntax(reason) => format!("not valid YAML: {reason}"),
        ErrorKind::TooDeep => "nested too deeply".to_owned(),
        ErrorKind::Alias => "anchors and aliases are not supported".to_owned(),
        ErrorKind::Tag => "tags are not supported".to_owned(),
        ErrorKind::DuplicateKey { key, .. } => format!("the key `{key}` occurs twice"),
        ErrorKind::ComplexKey => "a list or mapping cannot be a key".to_owned(),
    }
}

/// Whether two values are equal, apart from how they are written.
fn is_same(one: &Node, other: &Node) -> bool {
    match (&one.kind, &other.kind) {
        (NodeKind::Sequence(one), NodeKind::Sequence(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (NodeKind::Mapping(one), NodeKind::Mapping(other)) => {
            let same =
                |(one, other): (&(Node, Node), &(Node, Node))| is_same(&one.0, &other.0) && is_same(&one.1, &other.1);
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        _ => match (one.scalar(), other.scalar()) {
            (Some(Scalar::Float(_)), Some(Scalar::Float(_))) => one.text() == other.text(),
            (one, other) => one.is_some() && one == other,
        },
    }
}
