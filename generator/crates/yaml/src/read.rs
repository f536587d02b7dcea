//! Text to [`Node`]s. Refuses what a strict reader should: aliases (and with them YAML bombs),
//! tags, duplicate keys, keys that are not scalars, and nesting without end.

use super::ascii::Ascii;
use super::{Node, NodeKind};
use compact_str::CompactString;
use diagnostic::Span;
use saphyr_parser::{Event, Input, Marker, Parser, ScalarStyle};
use std::cell::Cell;
use std::collections::BTreeMap;

/// How much a reader takes before it gives up.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64 }
    }
}

/// Why a text is not what this reader takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// Not YAML; the text says why.
    Syntax(String),
    /// Nested deeper than the limit.
    TooDeep,
    /// An anchor or an alias.
    Alias,
    /// A tag.
    Tag,
    /// A key that stood before in the same mapping, at this place.
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it stood first.
        first: Span,
    },
    /// A list or mapping used as a key.
    ComplexKey,
}

/// One thing a reader stumbled over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub span: Span,
    /// What.
    pub kind: FaultKind,
}

/// Reads all documents of a text. Faults that do not hide the rest (duplicate keys, tags,
/// aliases) are collected; a syntax error ends the reading.
pub fn documents(text: &str, limits: Limits) -> (Vec<Node>, Vec<Fault>) {
    let mut reader = Reader::new(text, limits);
    if text.is_ascii() {
        reader.read(Parser::new(Ascii::new(text)));
    } else {
        reader.read(Parser::new_from_str(text));
    }
    (reader.done, reader.faults)
}

/// A collection whose end has not been seen.
struct Open {
    span: Span,
    content: Content,
}

/// The keys of a large mapping, and where they stand.
type Seen = BTreeMap<CompactString, Span>;

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Node, Node)>, key: Option<Node>, seen: Option<Box<Seen>> },
}

struct Reader<'a> {
    places: Places<'a>,
    limits: Limits,
    faults: Vec<Fault>,
    stack: Vec<Open>,
    done: Vec<Node>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, limits: Limits) -> Self {
        Self { places: Places::new(text), limits, faults: Vec::new(), stack: Vec::new(), done: Vec::new() }
    }

    fn read(&mut self, mut parser: Parser<'_, impl Input>) {
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => {
                    let span = self.places.span(span);
                    if !self.take(event, span) {
                        break;
                    }
                }
                Err(error) => {
                    let at = self.places.offset(*error.marker());
                    // The parser has a limit of its own for brackets inside brackets.
                    let too_deep = error.info().contains("recursion limit");
                    let kind = if too_deep { FaultKind::TooDeep } else { FaultKind::Syntax(error.info().to_owned()) };
                    self.fault(Span::new(at, at), kind);
                    break;
                }
            }
        }
    }

    /// Takes one event; false ends the reading.
    fn take(&mut self, event: Event<'_>, span: Span) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.judge_decoration(anchor, tag.is_some(), span);
                let plain = style == ScalarStyle::Plain;
                let kind = NodeKind::Scalar { text: text.into(), plain };
                self.place(Node { span, kind });
            }
            Event::SequenceStart(anchor, tag) => {
                self.judge_decoration(anchor, tag.is_some(), span);
                return self.open(span, Content::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.judge_decoration(anchor, tag.is_some(), span);
                return self.open(span, Content::Mapping { entries: Vec::new(), key: None, seen: None });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(_) => {
                self.fault(span, FaultKind::Alias);
                self.place(Node { span: span.as_faulty(), kind: NodeKind::Scalar { text: "".into(), plain: true } });
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        true
    }

    fn judge_decoration(&mut self, anchor: usize, tagged: bool, span: Span) {
        if anchor != 0 {
            self.fault(span, FaultKind::Alias);
        }
        if tagged {
            self.fault(span, FaultKind::Tag);
        }
    }

    fn open(&mut self, span: Span, content: Content) -> bool {
        if self.stack.len() == self.limits.depth {
            self.fault(span, FaultKind::TooDeep);
            return false;
        }
        self.stack.push(Open { span, content });
        true
    }

    fn close(&mut self, end: Span) {
        let Some(open) = self.stack.pop() else { return };
        let kind = match open.content {
            Content::Sequence(items) => NodeKind::Sequence(items),
            Content::Mapping { entries, .. } => NodeKind::Mapping(entries),
        };
        let span = Span { end: end.end.max(open.span.end), ..open.span };
        self.place(Node { span, kind });
    }

    fn place(&mut self, node: Node) {
        match self.stack.last_mut().map(|open| &mut open.content) {
            None => self.done.push(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { key: slot @ None, .. }) => *slot = Some(node),
            Some(Content::Mapping { entries, key, seen }) => {
                let Some(key) = key.take() else { return };
                let fault = judge_key(&key, entries, seen);
                if fault.is_none() {
                    entries.push((key, node));
                }
                self.faults.extend(fault);
            }
        }
    }

    fn fault(&mut self, span: Span, kind: FaultKind) {
        self.faults.push(Fault { span, kind });
    }
}

/// Small mappings are searched, large ones indexed, so that neither is slow.
fn judge_key(key: &Node, entries: &[(Node, Node)], seen: &mut Option<Box<Seen>>) -> Option<Fault> {
    const SMALL: usize = 16;
    let Some(text) = key.text() else {
        return Some(Fault { span: key.span, kind: FaultKind::ComplexKey });
    };
    let first = if entries.len() < SMALL {
        entries.iter().find(|(other, _)| other.text() == Some(text)).map(|(other, _)| other.span)
    } else {
        let seen = seen.get_or_insert_with(|| {
            Box::new(entries.iter().filter_map(|(other, _)| Some((other.text()?.into(), other.span))).collect())
        });
        let first = seen.get(text).copied();
        seen.entry(text.into()).or_insert(key.span);
        first
    };
    first.map(|first| Fault { span: key.span, kind: FaultKind::DuplicateKey { key: text.to_owned(), first } })
}

/// Turns the parser's marks (which count characters) into byte offsets.
struct Places<'a> {
    text: &'a str,
    is_ascii: bool,
    /// A character and its byte offset: that of the last mark. The next mark is never far.
    last: Cell<(usize, usize)>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, is_ascii: text.is_ascii(), last: Cell::new((0, 0)) }
    }

    fn offset(&self, mark: Marker) -> usize {
        if self.is_ascii {
            return mark.index().min(self.text.len());
        }
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

    fn kinds(text: &str) -> Vec<FaultKind> {
        documents(text, Limits::default()).1.into_iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn places_are_byte_ranges_even_after_wide_characters() {
        let text = "ä: ö\nkey: value\n";
        let (nodes, faults) = documents(text, Limits::default());
        assert!(faults.is_empty());
        let value = nodes[0].get("key").expect("the key is there");
        assert_eq!(&text[value.span.start as usize..value.span.end as usize], "value");
    }

    #[test]
    fn what_a_strict_reader_refuses_is_named() {
        assert_eq!(kinds("a: &x 1\nb: *x\n"), [FaultKind::Alias, FaultKind::Alias]);
        assert_eq!(kinds("a: !!str 1\n"), [FaultKind::Tag]);
        assert_eq!(kinds("[a]: 1\n"), [FaultKind::ComplexKey]);
        assert!(matches!(kinds("a: 1\na: 2\n")[..], [FaultKind::DuplicateKey { .. }]));
        assert!(matches!(kinds("a:\n\t- 1\n")[..], [FaultKind::Syntax(_)]));
        assert_eq!(kinds(&"[".repeat(100_000)), [FaultKind::TooDeep]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(4000))]

        /// The input for ASCII changes nothing but the time it takes.
        #[test]
        fn ascii_is_read_as_any_text_is(
            text in "((- |a: |[|>][+-]?\n|---|\\.\\.\\.| #|( {2}){1,80})?[-a0:# \n\t\r\0'\"\\\\\\[\\]{},?|>&*!%@`.~]{0,20}){0,6}"
        ) {
            let mut other = Reader::new(&text, Limits::default());
            other.read(Parser::new_from_str(&text));
            proptest::prop_assert_eq!(documents(&text, Limits::default()), (other.done, other.faults));
        }
    }

    #[test]
    fn duplicates_are_found_in_large_mappings_too() {
        let mut text: String = (0..40).map(|n| format!("k{n}: {n}\n")).collect();
        text.push_str("k39: again\nk3: again\n");
        assert_eq!(kinds(&text).len(), 2);
    }
}
