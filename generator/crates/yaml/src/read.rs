//! The parser: text to [`Node`]s. It rejects aliases (and with them YAML bombs), tags, duplicate keys,
//! keys that are not scalars, and nesting beyond a limit.

use super::{Node, NodeKind};
use diagnostic::Span;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle};
use std::cell::Cell;
use std::collections::BTreeMap;

/// The limits of the parser.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The deepest level of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64 }
    }
}

/// Why the parser rejects a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// Not valid YAML, with the reason.
    Syntax(String),
    /// Nested deeper than the limit.
    TooDeep,
    /// An anchor or an alias.
    Alias,
    /// A tag.
    Tag,
    /// A key that the same mapping already contains.
    DuplicateKey {
        /// The key.
        key: String,
        /// Where the key first occurs.
        first: Span,
    },
    /// A list or mapping used as a key.
    ComplexKey,
}

/// One thing that the parser could not accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The location.
    pub span: Span,
    /// The reason.
    pub kind: ErrorKind,
}

/// Parses all documents of a text. Collects every error after which parsing can continue (duplicate
/// keys, tags, aliases); stops at a syntax error or at nesting beyond the limit.
pub fn documents(text: &str, limits: Limits) -> (Vec<Node>, Vec<Error>) {
    let mut reader = Reader::new(text, limits);
    reader.read(text);
    (reader.documents, reader.errors)
}

/// A sequence or mapping whose end has not been reached.
struct Open {
    span: Span,
    content: Content,
}

/// The keys of a large mapping, and where each one occurs.
type KeyIndex = BTreeMap<String, Span>;

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Node, Node)>, key: Option<Node>, index: Option<Box<KeyIndex>> },
}

struct Reader<'a> {
    offsets: Offsets<'a>,
    limits: Limits,
    errors: Vec<Error>,
    stack: Vec<Open>,
    documents: Vec<Node>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, limits: Limits) -> Self {
        Self { offsets: Offsets::new(text), limits, errors: Vec::new(), stack: Vec::new(), documents: Vec::new() }
    }

    fn read(&mut self, text: &str) {
        let mut parser = Parser::new_from_str(text);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => {
                    let span = self.offsets.span(span);
                    if !self.handle(event, span) {
                        break;
                    }
                }
                Err(error) => {
                    let at = self.offsets.offset(*error.marker());
                    // The parser library has its own limit for nested brackets.
                    let too_deep = error.info().contains("recursion limit");
                    let kind = if too_deep { ErrorKind::TooDeep } else { ErrorKind::Syntax(error.info().to_owned()) };
                    self.error(Span::new(at, at), kind);
                    break;
                }
            }
        }
    }

    /// Handles one event. Returns false if parsing must stop.
    fn handle(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let span = match style {
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => self.without_gap(span),
                    ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => span,
                };
                self.check_anchor_and_tag(anchor, tag.is_some(), span);
                let plain = style == ScalarStyle::Plain;
                let kind = NodeKind::Scalar { text: text.into(), plain };
                self.add(Node { span, kind });
            }
            Event::SequenceStart(anchor, tag) => {
                self.check_anchor_and_tag(anchor, tag.is_some(), span);
                return self.open(span, Content::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.check_anchor_and_tag(anchor, tag.is_some(), span);
                return self.open(span, Content::Mapping { entries: Vec::new(), key: None, index: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(_) => {
                self.error(span, ErrorKind::Alias);
                self.add(Node { span: span.as_faulty(), kind: NodeKind::Scalar { text: Box::default(), plain: true } });
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        true
    }

    fn check_anchor_and_tag(&mut self, anchor: usize, tagged: bool, span: Span) {
        if anchor != 0 {
            self.error(span, ErrorKind::Alias);
        }
        if tagged {
            self.error(span, ErrorKind::Tag);
        }
    }

    fn open(&mut self, span: Span, content: Content) -> bool {
        if self.stack.len() == self.limits.depth {
            self.error(span, ErrorKind::TooDeep);
            return false;
        }
        self.stack.push(Open { span, content });
        true
    }

    /// The span of a quoted scalar. The parser library ends it at the next token, after spaces and comments.
    fn without_gap(&self, span: Span) -> Span {
        let text = &self.offsets.text[span.start as usize..span.end as usize];
        Span::new(span.start as usize, span.start as usize + quoted_length(text))
    }

    fn close(&mut self, end: Span) {
        let Some(open) = self.stack.pop() else { return };
        let kind = match open.content {
            Content::Sequence(items) => NodeKind::Sequence(items),
            Content::Mapping { entries, .. } => NodeKind::Mapping(entries),
        };
        let mut node = Node { span: Span { end: end.end.max(open.span.end), ..open.span }, kind };
        if node.is_flow(self.offsets.text) {
            node.span = Span::new(open.span.start as usize, self.after_bracket(end.start as usize));
        }
        self.add(node);
    }

    /// The end of the closing bracket at or after a position. The parser library ends a flow collection at its last comma,
    /// or at the next token.
    fn after_bracket(&self, from: usize) -> usize {
        let mut rest = &self.offsets.text[from..];
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            match rest.strip_prefix('#') {
                Some(comment) => rest = comment.find('\n').map_or("", |end| &comment[end..]),
                None => return self.offsets.text.len() - rest.len() + rest.chars().next().map_or(0, char::len_utf8),
            }
        }
    }

    fn add(&mut self, node: Node) {
        match self.stack.last_mut().map(|open| &mut open.content) {
            None => self.documents.push(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { key: slot @ None, .. }) => *slot = Some(node),
            Some(Content::Mapping { entries, key, index }) => {
                let Some(key) = key.take() else { return };
                let error = check_key(&key, entries, index);
                if error.is_none() {
                    entries.push((key, node));
                }
                self.errors.extend(error);
            }
        }
    }

    fn error(&mut self, span: Span, kind: ErrorKind) {
        self.errors.push(Error { span, kind });
    }
}

/// The length of the quoted scalar at the start of a text, in bytes.
fn quoted_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes.first();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == Some(&b'"') => at += 2,
            b'\'' if quote == Some(&b'\'') && bytes.get(at + 1) == Some(&b'\'') => at += 2,
            byte if Some(&byte) == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Returns an error if `key` is not a scalar or is already in `entries`. Searches small mappings and
/// indexes large ones, so that neither is slow.
fn check_key(key: &Node, entries: &[(Node, Node)], index: &mut Option<Box<KeyIndex>>) -> Option<Error> {
    const SMALL: usize = 16;
    let Some(text) = key.text() else {
        return Some(Error { span: key.span, kind: ErrorKind::ComplexKey });
    };
    let first = if entries.len() < SMALL {
        entries.iter().find(|(other, _)| other.text() == Some(text)).map(|(other, _)| other.span)
    } else {
        let index = index.get_or_insert_with(|| {
            Box::new(entries.iter().filter_map(|(other, _)| Some((other.text()?.into(), other.span))).collect())
        });
        let first = index.get(text).copied();
        index.entry(text.into()).or_insert(key.span);
        first
    };
    first.map(|first| Error { span: key.span, kind: ErrorKind::DuplicateKey { key: text.to_owned(), first } })
}

/// Converts the parser's marks, which count characters, to byte offsets.
struct Offsets<'a> {
    text: &'a str,
    /// The character index and byte offset of the last mark. The next mark is never far away.
    last: Cell<(usize, usize)>,
}

impl<'a> Offsets<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, last: Cell::new((0, 0)) }
    }

    fn offset(&self, mark: Marker) -> usize {
        let (character, byte) = self.last.get();
        let offset = if mark.index() >= character {
            let rest = &self.text[byte..];
            byte + rest.char_indices().nth(mark.index() - character).map_or(rest.len(), |(at, _)| at)
        } else {
            self.text[..byte].char_indices().rev().nth(character - mark.index() - 1).map_or(0, |(at, _)| at)
        };
        self.last.set((mark.index(), offset));
        offset
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        Span::new(self.offset(span.start), self.offset(span.end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<ErrorKind> {
        documents(text, Limits::default()).1.into_iter().map(|error| error.kind).collect()
    }

    #[test]
    fn spans_are_byte_ranges_even_after_multibyte_characters() {
        let text = "ä: ö\nkey: value\n";
        let (nodes, errors) = documents(text, Limits::default());
        assert!(errors.is_empty());
        let value = nodes[0].get("key").expect("the mapping has this key");
        assert_eq!(&text[value.span.start as usize..value.span.end as usize], "value");
    }

    #[test]
    fn spans_end_before_comments() {
        let text = "a: 'it''s' # '\nf: {\n  g: 1, # }\n}\nh:\n- [1]\n- 2\nb: \"x\\\"\" # \"\nc: {} # }\nd: [{ a: 'b' } ] # ]\n\"e\" : 1\n";
        let (nodes, errors) = documents(text, Limits::default());
        assert_eq!(errors, []);
        let of = |node: &Node| &text[node.span.start as usize..node.span.end as usize];
        let values: Vec<_> = nodes[0].entries().iter().map(|(_, value)| of(value)).collect();
        assert_eq!(values, ["'it''s'", "{\n  g: 1, # }\n}", "[1]\n- 2\n", "\"x\\\"\"", "{}", "[{ a: 'b' } ]", "1"]);
        assert_eq!(of(&nodes[0].entries()[6].0), "\"e\"");
    }

    #[test]
    fn reports_everything_that_it_rejects() {
        assert_eq!(kinds("a: &x 1\nb: *x\n"), [ErrorKind::Alias, ErrorKind::Alias]);
        assert_eq!(kinds("a: !!str 1\n"), [ErrorKind::Tag]);
        assert_eq!(kinds("[a]: 1\n"), [ErrorKind::ComplexKey]);
        assert!(matches!(kinds("a: 1\na: 2\n")[..], [ErrorKind::DuplicateKey { .. }]));
        assert!(matches!(kinds("a:\n\t- 1\n")[..], [ErrorKind::Syntax(_)]));
        assert_eq!(kinds(&"[".repeat(100_000)), [ErrorKind::TooDeep]);
    }

    #[test]
    fn finds_duplicate_keys_in_large_mappings() {
        let mut text: String = (0..40).map(|n| format!("k{n}: {n}\n")).collect();
        text.push_str("k39: again\nk3: again\n");
        assert_eq!(kinds(&text).len(), 2);
    }
}
