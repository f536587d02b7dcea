//! Text to [`Spec`]: reads YAML, checks its shape, and types it.

use super::check::Checker;
use super::root::Spec;
use super::schema::schema;
use super::spanned::{NodeDeserializer, ShapeError};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use serde::Deserialize;
use yaml::{self, Fault, FaultKind, Limits, Node, NodeKind};

/// The largest spec that is read, in bytes. A lab of 5000 apps needs about 2 MB.
pub const MAX_BYTES: u64 = 16 << 20;

/// A spec as far as it could be read.
#[derive(Debug)]
pub struct Parsed {
    /// The spec; where something was unreadable, with stand-ins in its place.
    pub spec: Spec,
    /// The tree it was read from, for rules that look at every value.
    pub root: Node,
    /// What was wrong.
    pub faults: Diagnostics,
}

/// Reads a spec.
///
/// # Errors
/// If the text cannot be taken for a spec at all; everything less is told by [`Parsed::faults`].
pub fn parse(bytes: &[u8]) -> Result<Parsed, Diagnostics> {
    let text = decode(bytes)?;
    let mut faults = Diagnostics::default();
    let mut root = read(text, &mut faults)?;
    judge_scalars(&root, &mut faults);
    // Only what the types refuse is held against the schema, which knows how to say why.
    if faults.is_empty()
        && let Ok(spec) = typed(&root)
    {
        return Ok(Parsed { spec, root, faults });
    }
    Checker::new(&schema()).check(&mut root, &mut faults);
    match typed(&root) {
        Ok(spec) if faults.has_errors() => Ok(Parsed { spec, root, faults }),
        Err(_) if faults.has_errors() => Err(faults),
        Ok(_) => Err(internal("the types refused the spec, but its schema takes it".to_owned())),
        Err(error) => Err(internal(format!("the spec passed its schema but could not be read: {error}"))),
    }
}

fn typed(root: &Node) -> Result<Spec, ShapeError> {
    Spec::deserialize(NodeDeserializer(root))
}

fn internal(message: String) -> Diagnostics {
    Diagnostic::of_file(Code::Internal, message).into()
}

fn decode(bytes: &[u8]) -> Result<&str, Diagnostics> {
    let refuse = |code, span: Option<usize>, message: String, help: &str| {
        let fault = match span {
            Some(at) => Diagnostic::new(code, Span::new(at, at), message),
            None => Diagnostic::of_file(code, message),
        };
        Err(fault.help(help).into())
    };
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("the spec has {} MiB; at most {} MiB are read", bytes.len() >> 20, MAX_BYTES >> 20);
        return refuse(Code::TooLarge, None, message, "check that this is the right file");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return refuse(
            Code::ByteOrderMark,
            None,
            "the spec starts with a byte order mark".into(),
            "save it as UTF-8 without BOM",
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            return refuse(
                Code::NotUtf8,
                None,
                format!("the spec is not UTF-8 text; the first wrong byte is in line {line}"),
                "save it as UTF-8",
            );
        }
    };
    if let Some(at) = text.find('\r') {
        let message = "this line ends in a carriage return".to_owned();
        return refuse(
            Code::CarriageReturn,
            Some(at),
            message,
            "save the file with LF line ends (`sed -i 's/\\r$//'`)",
        );
    }
    if let Some(at) = text.find('\0') {
        return refuse(Code::YamlSyntax, Some(at), "the spec contains a NUL character".into(), "remove it");
    }
    Ok(text)
}

fn read(text: &str, faults: &mut Diagnostics) -> Result<Node, Diagnostics> {
    let (mut documents, found) = yaml::documents(text, Limits::default());
    let fatal = found.iter().any(|fault| matches!(fault.kind, FaultKind::Syntax(_) | FaultKind::TooDeep));
    for fault in found {
        faults.push(explain(fault, text));
    }
    if fatal {
        return Err(std::mem::take(faults));
    }
    let (code, help) = (Code::NotOneMapping, "start with `version: 1`; see `homelab explain`");
    let fault = match (documents.pop(), documents.is_empty()) {
        (Some(root), true) if matches!(root.kind, NodeKind::Mapping(_)) => return Ok(root),
        (Some(root), true) => Diagnostic::new(code, root.span, "the spec is not a mapping at its top").help(help),
        (Some(second), false) => Diagnostic::new(code, second.span, "a second document starts here; the spec is one")
            .help("remove the line `---` before it"),
        (None, _) => Diagnostic::of_file(code, "the spec is empty").help(help),
    };
    faults.push(fault);
    Err(std::mem::take(faults))
}

/// Values that YAML allows but that tools on the way would drop or read differently.
fn judge_scalars(node: &Node, faults: &mut Diagnostics) {
    for (key, value) in node.entries() {
        judge_scalars(key, faults);
        judge_scalars(value, faults);
    }
    for item in node.items() {
        judge_scalars(item, faults);
    }
    let NodeKind::Scalar { text, plain } = &node.kind else { return };
    if let Some(c) = text.chars().find(|c| is_odd(*c)) {
        let message = format!("this text holds the control character {}", c.escape_unicode());
        let fault = Diagnostic::new(Code::ControlCharacter, node.span, message);
        faults.push(fault.help("remove it; only tabs and line breaks are text to every tool on the way"));
    }
    let digits = text.trim_start_matches(['+', '-']);
    if *plain && digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("`{text}` is octal to some readers of YAML and decimal to others");
        let fault = Diagnostic::new(Code::AmbiguousNumber, node.span, message);
        faults.push(
            fault.help(format!("quote it if it is text: \"{text}\"; write the number without leading zeros otherwise")),
        );
    }
}

/// Control characters, which values can hold by escapes.
fn is_odd(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r') || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn explain(fault: Fault, text: &str) -> Diagnostic {
    let at = fault.span;
    match fault.kind {
        FaultKind::Syntax(reason) => match tab_near(text, at) {
            Some(tab) => Diagnostic::new(Code::YamlSyntax, tab, "this line is indented with a tab")
                .help("YAML forbids tabs as indentation; use blanks"),
            None => Diagnostic::new(Code::YamlSyntax, at, format!("this is not YAML: {reason}")).help(
                "check the indentation, and quote text that contains ': ', ' #', or starts with one of [{*&!|>%@`",
            ),
        },
        FaultKind::TooDeep => {
            Diagnostic::new(Code::TooDeep, at, format!("more than {} levels of nesting", Limits::default().depth))
                .help("a spec needs about ten; look for brackets that are not closed")
        }
        FaultKind::Alias => {
            Diagnostic::new(Code::Alias, at, "anchors and aliases are not part of the spec").help("write the value out")
        }
        FaultKind::Tag => Diagnostic::new(Code::YamlTag, at, "tags are not part of the spec")
            .help("remove it; quote the value if it is text"),
        FaultKind::DuplicateKey { key, first } => {
            Diagnostic::new(Code::DuplicateKey, at, format!("the key `{key}` stands twice in the same mapping"))
                .related(first, "first here")
                .help("keep one of them")
        }
        FaultKind::ComplexKey => Diagnostic::new(Code::YamlSyntax, at, "a key must be a word, not a list or a mapping")
            .help("quote the key if it contains brackets"),
    }
}

/// A tab in the indentation of the line of a syntax error or of the next: most likely the cause.
fn tab_near(text: &str, at: Span) -> Option<Span> {
    let at = (at.start as usize).min(text.len());
    let mut start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    for line in text[start..].split_inclusive('\n').take(2) {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(Span::new(start + tab, start + tab + 1));
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{format_of_pattern, formats};
    use rayon::prelude::*;
    use serde_json::Value as Json;
    use std::collections::BTreeSet;

    /// A step to a value: the key of a mapping, or the first item of a list.
    #[derive(Clone, Debug, PartialEq)]
    enum Step {
        Key {
            name: String,
            /// The key that makes the mapping one of a kind that has the other key.
            beside: Option<String>,
        },
        Item,
    }

    impl Step {
        fn key(name: impl Into<String>) -> Self {
            Self::Key { name: name.into(), beside: None }
        }
    }

    /// The places that a schema knows. What it defines once is entered once.
    struct Places<'a> {
        root: &'a Json,
        way: Vec<Step>,
        entered: BTreeSet<&'a str>,
        found: Vec<Vec<Step>>,
    }

    impl<'a> Places<'a> {
        fn of(root: &'a Json) -> Vec<Vec<Step>> {
            let mut places = Self { root, way: Vec::new(), entered: BTreeSet::new(), found: Vec::new() };
            places.enter(root);
            places.found
        }

        fn step(&mut self, step: Step, schema: &'a Json) {
            self.way.push(step);
            self.found.push(self.way.clone());
            self.enter(schema);
            self.way.pop();
        }

        fn enter(&mut self, schema: &'a Json) {
            if let Some(pointer) = schema["$ref"].as_str() {
                if self.entered.insert(pointer) {
                    self.enter(self.root.pointer(pointer.trim_start_matches('#')).expect("it is defined"));
                }
                return;
            }
            let kind = schema["required"][0].as_str().filter(|_| schema["title"].is_string());
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let beside = kind.filter(|key| key != name).map(str::to_owned);
                self.step(Step::Key { name: name.clone(), beside }, field);
            }
            for (pattern, value) in schema["patternProperties"].as_object().into_iter().flatten() {
                self.step(Step::key(example(format_of_pattern(pattern))), value);
            }
            if schema["additionalProperties"].is_object() {
                self.step(
                    Step::key(example(schema["propertyNames"]["format"].as_str())),
                    &schema["additionalProperties"],
                );
            }
            if schema["items"].is_object() {
                self.step(Step::Item, &schema["items"]);
            }
            for branch in ["anyOf", "oneOf"].iter().flat_map(|name| schema[*name].as_array().into_iter().flatten()) {
                self.enter(branch);
            }
        }
    }

    /// A text that a format takes.
    fn example(format: Option<&str>) -> String {
        formats().find(|(name, _)| Some(*name) == format).map_or("key", |(_, example)| example).to_owned()
    }

    fn node(text: &str) -> Node {
        yaml::documents(text, Limits::default()).0.pop().expect("it is YAML")
    }

    fn key(name: &str) -> Node {
        Node { span: Span::new(0, 0), kind: NodeKind::Scalar { text: name.into(), plain: false } }
    }

    /// What was mended counts as written.
    fn forget_faults(node: &mut Node) {
        node.span.faulty = false;
        match &mut node.kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::Sequence(items) => items.iter_mut().for_each(forget_faults),
            NodeKind::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
                forget_faults(key);
                forget_faults(value);
            }),
        }
    }

    /// A tree with nothing but a way to a place.
    fn skeleton(way: &[Step]) -> Node {
        let kind = match way.split_first() {
            None => return node("text"),
            Some((Step::Item, rest)) => NodeKind::Sequence(vec![skeleton(rest)]),
            Some((Step::Key { name, beside }, rest)) => {
                let beside = beside.iter().map(|beside| (key(beside), node("text")));
                NodeKind::Mapping([(key(name), skeleton(rest))].into_iter().chain(beside).collect())
            }
        };
        Node { span: Span::new(0, 0), kind }
    }

    fn at<'a>(node: &'a mut Node, way: &[Step]) -> &'a mut Node {
        let Some((step, rest)) = way.split_first() else { return node };
        let inner = match (step, &mut node.kind) {
            (Step::Item, NodeKind::Sequence(items)) => &mut items[0],
            (Step::Key { name, .. }, NodeKind::Mapping(entries)) => {
                &mut entries.iter_mut().find(|(key, _)| key.text() == Some(name)).expect("it is there").1
            }
            _ => panic!("nothing has {step:?}"),
        };
        at(inner, rest)
    }

    /// All numbers that a schema names as bounds, and their neighbours.
    fn bounds(schema: &Json, found: &mut BTreeSet<i64>) {
        for bound in ["minimum", "maximum"].iter().filter_map(|name| schema[*name].as_i64()) {
            found.extend([bound - 1, bound, bound + 1]);
        }
        match schema {
            Json::Object(entries) => entries.values().for_each(|value| bounds(value, found)),
            Json::Array(items) => items.iter().for_each(|item| bounds(item, found)),
            _ => {}
        }
    }

    /// What is put in the place of everything.
    fn values(schema: &Json) -> Vec<Node> {
        const TEXTS: [&str; 20] = [
            "~",
            "true",
            "\"true\"",
            "text",
            "\"\"",
            "\"1\"",
            "1.5",
            "-0.5",
            "18446744073709551616",
            "[]",
            "[~]",
            "[[]]",
            "[a, 1, true, {}]",
            "{}",
            "{a: ~}",
            "{a: {}}",
            "{a: 1, b: 2}",
            "{a: [1], b: {c: d}}",
            "none",
            "{none: ~}",
        ];
        let mut numbers = BTreeSet::new();
        bounds(schema, &mut numbers);
        let texts = TEXTS.iter().map(|text| (*text).to_owned());
        let examples = formats().map(|(_, example)| format!("{example:?}"));
        texts.chain(numbers.iter().map(i64::to_string)).chain(examples).map(|text| node(&text)).collect()
    }

    /// Changes of a mapping: a key less, all keys but one less, another key, a key more; and every
    /// word as a mapping with that key.
    fn changes(kind: &NodeKind) -> Vec<NodeKind> {
        let entries = if let NodeKind::Mapping(entries) = kind { &entries[..] } else { &[] };
        let mut changes = Vec::new();
        for at in 0..entries.len() {
            let mut less = entries.to_vec();
            let one = less.remove(at);
            let other = (key("x-1"), one.1.clone());
            changes.extend([
                less.clone(),
                vec![one.clone()],
                [less.clone(), vec![other.clone()]].concat(),
                [less, vec![one, other]].concat(),
            ]);
        }
        if let NodeKind::Scalar { text, .. } = kind {
            changes.extend(["~", "{}", "text"].map(|value| vec![(key(text), node(value))]));
        }
        changes.into_iter().map(NodeKind::Mapping).collect()
    }

    /// At every place that the schema knows, whatever stands there, and whatever is added or left
    /// out: the types refuse what the schema refuses and nothing else, and take what was mended.
    #[test]
    fn the_types_take_exactly_what_the_schema_takes() {
        let schema = schema();
        let (checker, values, places) = (Checker::new(&schema), values(&schema), Places::of(&schema));
        assert!(places.len() > 300, "only {} places", places.len());
        let judge = |way: &Vec<Step>| {
            let mut root = skeleton(way);
            checker.check(&mut root, &mut Diagnostics::default());
            forget_faults(&mut root);
            let mut wrong = Vec::new();
            let mut replace = |way: &[Step], kind: NodeKind| {
                let here = std::mem::replace(&mut at(&mut root, way).kind, kind.clone());
                let types = typed(&root).map(drop);
                let (mut mended, mut faults) = (root.clone(), Diagnostics::default());
                checker.check(&mut mended, &mut faults);
                let mended = typed(&mended).map(drop);
                if types.is_ok() == faults.has_errors() || mended.is_err() {
                    wrong.push(format!("{way:?} {kind:?}: types {types:?}, schema {faults:?}, mended {mended:?}"));
                }
                at(&mut root, way).kind = here.clone();
                here
            };
            for value in &values {
                replace(way, value.kind.clone());
            }
            for length in 0..=way.len() {
                let above = &way[..length];
                let here = replace(above, NodeKind::Sequence(Vec::new()));
                changes(&here).into_iter().for_each(|kind| drop(replace(above, kind)));
            }
            wrong
        };
        let wrong: Vec<String> = places.par_iter().flat_map_iter(judge).collect();
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }
}
