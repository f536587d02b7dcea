//! Reads YAML as Kubernetes tools do: with anchors, merge keys and tags. Whatever is wrong is a remark.
//!
//! The span of a node holds the number of its line: places of manifests are lines.

use diagnostic::Span;
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::BTreeMap;
use yaml::{Node, NodeKind};

/// The most values of a file. Aliases count each time, so that they cannot multiply without end.
const MAX_NODES: usize = 200_000;

/// The deepest nesting.
const MAX_DEPTH: usize = 64;

/// The documents of a file, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// The documents that could be read.
    pub(crate) documents: Vec<Node>,
    /// Lines, and what is wrong there.
    pub(crate) problems: Vec<(usize, String)>,
}

/// Reads all documents of a text. Stops at the first error of syntax.
pub(crate) fn read(text: &str) -> Read {
    let mut reader = Reader { lines: text.lines().count().max(1), ..Reader::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let more = match next {
            Ok((event, span)) => reader.handle(event, span.start.line()),
            Err(error) => {
                reader.problem(error.marker().line(), format!("not valid YAML: {}", error.info()));
                false
            }
        };
        if !more {
            break;
        }
    }
    reader.read
}

/// The line of a node in the text that it was read from.
pub(crate) fn line_of(node: &Node) -> usize {
    node.span.end as usize
}

/// A list or mapping whose end has not been reached.
struct Open {
    line: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<(Node, Node)>, key: Option<Node> },
}

#[derive(Default)]
struct Reader {
    /// The number of lines of the text.
    lines: usize,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    read: Read,
}

impl Reader {
    /// Handles an event. Returns false if reading must stop.
    fn handle(&mut self, event: Event<'_>, line: usize) -> bool {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = Node { span: span(line), kind: NodeKind::Scalar { text: text.into(), plain } };
                return self.add(node, anchor, 1);
            }
            Event::SequenceStart(anchor, _) => return self.open(line, anchor, Content::Sequence(Vec::new())),
            Event::MappingStart(anchor, _) => {
                return self.open(line, anchor, Content::Mapping { entries: Vec::new(), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.stack.pop() else { return true };
                let kind = match open.content {
                    Content::Sequence(items) => NodeKind::Sequence(items),
                    Content::Mapping { entries, .. } => NodeKind::Mapping(entries),
                };
                return self.add(Node { span: span(open.line), kind }, open.anchor, 1);
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    self.problem(line, "an alias refers to an anchor that does not exist".to_owned());
                    return false;
                };
                let size = size(&node);
                return self.add(node, 0, size);
            }
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        true
    }

    fn open(&mut self, line: usize, anchor: usize, content: Content) -> bool {
        if self.stack.len() == MAX_DEPTH {
            self.problem(line, format!("nested deeper than {MAX_DEPTH} levels"));
            return false;
        }
        self.stack.push(Open { line, anchor, content });
        true
    }

    fn add(&mut self, node: Node, anchor: usize, size: usize) -> bool {
        self.nodes += size;
        if self.nodes > MAX_NODES {
            self.problem(line_of(&node), format!("more than {MAX_NODES} values"));
            return false;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let mut problem = None;
        match self.stack.last_mut().map(|open| &mut open.content) {
            None => self.read.documents.push(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { key: slot @ None, .. }) => *slot = Some(node),
            Some(Content::Mapping { entries, key }) => {
                if let Some(key) = key.take() {
                    problem = insert(entries, key, node);
                }
            }
        }
        if let Some((line, text)) = problem {
            self.problem(line, text);
        }
        true
    }

    fn problem(&mut self, line: usize, text: String) {
        let line = line.clamp(1, self.lines);
        self.read.problems.push((line, text));
    }
}

/// Adds an entry to a mapping. Merges the mappings of the key `<<`, and keeps the first of two entries with a key.
fn insert(entries: &mut Vec<(Node, Node)>, key: Node, value: Node) -> Option<(usize, String)> {
    let Some(text) = key.text() else {
        return Some((line_of(&key), "a key is not a string; it is ignored".to_owned()));
    };
    if text == "<<" {
        let merged: Vec<_> = match &value.kind {
            NodeKind::Sequence(items) => items.iter().flat_map(Node::entries).cloned().collect(),
            _ => value.entries().to_vec(),
        };
        for (key, value) in merged {
            let known = entries.iter().any(|(other, _)| other.text() == key.text());
            if !known {
                entries.push((Node { span: key.span.as_faulty(), ..key }, value));
            }
        }
        return None;
    }
    match entries.iter().position(|(other, _)| other.text() == Some(text)) {
        // An entry of a merged mapping, which the mapping itself replaces.
        Some(at) if entries[at].0.span.faulty => entries[at] = (key, value),
        Some(_) => return Some((line_of(&key), format!("the key `{text}` occurs twice; the first one is used"))),
        None => entries.push((key, value)),
    }
    None
}

/// The span of a line: places are lines, so it holds the number of the line.
fn span(line: usize) -> Span {
    Span::new(line, line)
}

fn size(node: &Node) -> usize {
    let entries = node.entries().iter().map(|(key, value)| size(key) + size(value));
    1 + entries.chain(node.items().iter().map(size)).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_anchors_merge_keys_and_tags() {
        let read = read("a: &a { x: 1, y: 2 }\nb:\n  <<: *a\n  y: 3\nc: *a\nd: !!str 5\n");
        assert_eq!(read.problems, []);
        let root = &read.documents[0];
        assert_eq!(root.at(&["b", "x"]).and_then(Node::text), Some("1"));
        assert_eq!(root.at(&["b", "y"]).and_then(Node::text), Some("3"));
        assert_eq!(root.at(&["c", "y"]).and_then(Node::text), Some("2"));
        assert_eq!(line_of(root.at(&["b", "y"]).expect("it exists")), 4);
    }

    #[test]
    fn reports_what_is_wrong_with_its_line() {
        assert_eq!(read("a: 1\nb: [\n").problems.len(), 1);
        assert_eq!(read("a: 1\na: 2\n").problems, [(2, "the key `a` occurs twice; the first one is used".to_owned())]);
        assert_eq!(read(&"[".repeat(1000)).problems.len(), 1);
        let bomb = "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n\
                    c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n\
                    e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        assert_eq!(read(bomb).problems.len(), 1);
        assert_eq!(read("a: {{ b }}\n").documents.len() + read("a: {{ b }}\n").problems.len(), 2);
    }
}
