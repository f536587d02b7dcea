//! Parses text into a [`Spec`]: reads YAML, checks its shape, and converts it to types.

use super::check::Checker;
use super::root::Spec;
use super::schema::{schema, schema_of};
use super::spanned::{NodeDeserializer, ShapeError};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use yaml::{self, ErrorKind, Limits, Node, NodeKind};

/// The size limit of a spec, in bytes. The spec of a lab with 5000 apps has about 2 MB.
pub const MAX_BYTES: u64 = 16 << 20;

/// A spec, possibly with errors.
#[derive(Debug)]
pub struct Parsed {
    /// The spec, with placeholders for invalid values.
    pub spec: Spec,
    /// The tree that it was read from, for rules that check every value.
    pub root: Node,
    /// Its comments, without the `#`.
    pub comments: Vec<(Span, String)>,
    /// The diagnostics of the text and of its shape.
    pub diagnostics: Diagnostics,
}

/// Parses a spec.
///
/// # Errors
/// If the text is too broken for a [`Spec`] with placeholders, or a field is at the wrong place. Other errors are in [`Parsed::diagnostics`].
pub fn parse(bytes: &[u8]) -> Result<Parsed, Diagnostics> {
    let text = decode(bytes, &SPEC)?;
    let mut diagnostics = Diagnostics::default();
    let mut root = read(text, &SPEC, &mut diagnostics)?;
    check_scalars(&root, &mut diagnostics);
    let comments = yaml::comments(text, std::slice::from_ref(&root));
    let comments = comments.into_iter().map(|(span, comment)| (span, comment.to_owned())).collect();
    // The schema can explain errors, but checking is slower: only a spec that the types reject is checked.
    if diagnostics.is_empty()
        && let Ok(spec) = typed::<Spec>(&root)
    {
        return Ok(Parsed { spec, root, comments, diagnostics });
    }
    if !Checker::new(&schema()).check(&mut root, &mut diagnostics) {
        return Err(diagnostics);
    }
    match typed::<Spec>(&root) {
        Ok(spec) if diagnostics.has_errors() => Ok(Parsed { spec, root, comments, diagnostics }),
        Err(_) if diagnostics.has_errors() => Err(diagnostics),
        Ok(_) => Err(internal("the types rejected the spec, but the schema accepts it".to_owned())),
        Err(error) => Err(internal(format!("the schema accepts the spec, but the types rejected it: {error}"))),
    }
}

/// What a document is, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Document {
    /// What it is called, such as `the spec`.
    pub name: &'static str,
    /// How to start one.
    pub start: &'static str,
}

const SPEC: Document = Document { name: "the spec", start: "start with `version: 1`; see `homelab explain`" };

/// Parses another document than the spec by the same rules. Returns the value, and the tree that it was read from.
///
/// # Errors
/// All errors of the text and of its shape.
pub fn parse_as<T: DeserializeOwned + JsonSchema>(bytes: &[u8], what: &Document) -> Result<(T, Node), Diagnostics> {
    let text = decode(bytes, what)?;
    let mut diagnostics = Diagnostics::default();
    let mut root = read(text, what, &mut diagnostics)?;
    check_scalars(&root, &mut diagnostics);
    if diagnostics.is_empty()
        && let Ok(value) = typed(&root)
    {
        return Ok((value, root));
    }
    Checker::new(&schema_of::<T>()).check(&mut root, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Err(internal(format!("the types rejected {}, but the schema accepts it", what.name)))
}

fn typed<T: DeserializeOwned>(root: &Node) -> Result<T, ShapeError> {
    T::deserialize(NodeDeserializer(root))
}

fn internal(message: String) -> Diagnostics {
    Diagnostic::of_file(Code::Internal, message).into()
}

fn decode<'a>(bytes: &'a [u8], what: &Document) -> Result<&'a str, Diagnostics> {
    let name = what.name;
    let reject = |code, span: Option<usize>, message: String, help: &str| {
        let diagnostic = match span {
            Some(at) => Diagnostic::new(code, Span::new(at, at), message),
            None => Diagnostic::of_file(code, message),
        };
        Err(diagnostic.help(help).into())
    };
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("{name} is larger than {} MiB", MAX_BYTES >> 20);
        return reject(Code::TooLarge, None, message, "check that this is the right file");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return reject(
            Code::ByteOrderMark,
            None,
            format!("{name} starts with a byte order mark (BOM)"),
            "save it as UTF-8 without a BOM",
        );
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
            return reject(
                Code::NotUtf8,
                None,
                format!("{name} is not valid UTF-8; the first invalid byte is on line {line}"),
                "save it as UTF-8",
            );
        }
    };
    if let Some(at) = text.find('\r') {
        let message = "this line contains a carriage return (CR)".to_owned();
        return reject(
            Code::CarriageReturn,
            Some(at),
            message,
            "save the file with LF line endings (`sed -i 's/\\r$//'`)",
        );
    }
    if let Some(at) = text.find('\0') {
        return reject(Code::YamlSyntax, Some(at), format!("{name} contains a NUL character"), "remove it");
    }
    Ok(text)
}

fn read(text: &str, what: &Document, diagnostics: &mut Diagnostics) -> Result<Node, Diagnostics> {
    let (mut documents, found) = yaml::documents(text, Limits::default());
    let fatal = found.iter().any(|error| matches!(error.kind, ErrorKind::Syntax(_) | ErrorKind::TooDeep));
    for error in found {
        diagnostics.push(explain(error, text));
    }
    if fatal {
        return Err(std::mem::take(diagnostics));
    }
    let (code, help) = (Code::NotOneMapping, what.start);
    let name = what.name;
    let diagnostic = match (documents.pop(), documents.is_empty()) {
        (Some(root), true) if matches!(root.kind, NodeKind::Mapping(_)) => return Ok(root),
        (Some(root), true) => {
            Diagnostic::new(code, root.span, format!("{name} must be a mapping at the top level")).help(help)
        }
        (Some(second), false) => Diagnostic::new(
            code,
            second.span,
            format!("a second YAML document starts here; {name} is a single document"),
        )
        .help("remove the `---` line before it"),
        (None, _) => Diagnostic::of_file(code, format!("{name} is empty")).help(help),
    };
    diagnostics.push(diagnostic);
    Err(std::mem::take(diagnostics))
}

/// Reports scalars that YAML allows, but that other tools drop or read differently.
fn check_scalars(node: &Node, diagnostics: &mut Diagnostics) {
    for (key, value) in node.entries() {
        check_scalars(key, diagnostics);
        check_scalars(value, diagnostics);
    }
    for item in node.items() {
        check_scalars(item, diagnostics);
    }
    let NodeKind::Scalar { text, plain } = &node.kind else { return };
    if let Some(c) = text.chars().find(|c| is_control(*c)) {
        let message = format!("this string contains the control character {}", c.escape_unicode());
        let diagnostic = Diagnostic::new(Code::ControlCharacter, node.span, message);
        diagnostics
            .push(diagnostic.help("remove it; of the control characters, only tabs and line breaks are allowed"));
    }
    let digits = text.trim_start_matches(['+', '-']);
    if *plain && digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let message = format!("`{text}` is octal in some YAML parsers and decimal in others");
        let diagnostic = Diagnostic::new(Code::AmbiguousNumber, node.span, message);
        diagnostics.push(
            diagnostic
                .help(format!("if it is a string, quote it: \"{text}\"; if it is a number, remove the leading zeros")),
        );
    }
}

/// Whether it is a control character other than a tab or a line break, or one that changes the direction of text, so that
/// the spec would not look like what it means. Values can contain them as escapes.
fn is_control(c: char) -> bool {
    c.is_control() && !matches!(c, '\t' | '\n' | '\r')
        || diagnostic::is_bidi_control(c)
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

fn explain(error: yaml::Error, text: &str) -> Diagnostic {
    let at = error.span;
    match error.kind {
        ErrorKind::Syntax(reason) => match tab_near(text, at) {
            Some(tab) => Diagnostic::new(Code::YamlSyntax, tab, "this line is indented with a tab")
                .help("YAML does not allow tabs in indentation; use spaces"),
            None => Diagnostic::new(Code::YamlSyntax, at, format!("invalid YAML: {reason}")).help(
                "check the indentation, and quote strings that contain ': ' or ' #' or start with one of [{*&!|>%@`",
            ),
        },
        ErrorKind::TooDeep => {
            Diagnostic::new(Code::TooDeep, at, format!("more than {} levels of nesting", Limits::default().depth))
                .help("a spec needs about ten; look for an unclosed bracket")
        }
        ErrorKind::Alias => Diagnostic::new(Code::Alias, at, "anchors and aliases are not supported")
            .help("write out the value at each place"),
        ErrorKind::Tag => Diagnostic::new(Code::YamlTag, at, "YAML tags are not supported")
            .help("remove the tag; if the value is a string, quote it"),
        ErrorKind::DuplicateKey { key, first } => {
            Diagnostic::new(Code::DuplicateKey, at, format!("duplicate key `{key}`"))
                .related(first, "first defined here")
                .help("remove one of them")
        }
        ErrorKind::ComplexKey => {
            Diagnostic::new(Code::YamlSyntax, at, "a key must be a scalar, not a list or a mapping")
                .help("quote the key if it contains brackets")
        }
    }
}

/// Finds a tab in the indentation of the line of a syntax error, or of the next line: most likely the cause.
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

    /// A step of a path: the key of a mapping, or the first item of a list.
    #[derive(Clone, Debug, PartialEq)]
    enum Step {
        Key {
            name: String,
            /// The key that makes the mapping of a kind that has the key `name`, and its value.
            beside: Option<(String, String)>,
        },
        Item,
    }

    impl Step {
        fn key(name: impl Into<String>) -> Self {
            Self::Key { name: name.into(), beside: None }
        }
    }

    /// Collects the paths of all places that a schema describes. Each definition is entered only once.
    struct Places<'a> {
        root: &'a Json,
        path: Vec<Step>,
        entered: BTreeSet<&'a str>,
        found: Vec<Vec<Step>>,
    }

    impl<'a> Places<'a> {
        fn of(root: &'a Json) -> Vec<Vec<Step>> {
            let mut places = Self { root, path: Vec::new(), entered: BTreeSet::new(), found: Vec::new() };
            places.enter(root);
            places.found
        }

        fn step(&mut self, step: Step, schema: &'a Json) {
            self.path.push(step);
            self.found.push(self.path.clone());
            self.enter(schema);
            self.path.pop();
        }

        /// The value of the key of a kind: the name of the kind, or any text.
        fn value_of(&self, schema: &Json, key: &str) -> String {
            let field = &schema["properties"][key];
            let pointer = field["$ref"].as_str().map(|pointer| pointer.trim_start_matches('#'));
            let target = pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(field);
            target["oneOf"][0]["const"].as_str().unwrap_or("text").to_owned()
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
                let beside = kind.filter(|key| key != name).map(|key| (key.to_owned(), self.value_of(schema, key)));
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

    /// An example of a format.
    fn example(format: Option<&str>) -> String {
        formats().find(|(name, _)| Some(*name) == format).map_or("key", |(_, example)| example).to_owned()
    }

    fn node(text: &str) -> Node {
        yaml::documents(text, Limits::default()).0.pop().expect("it is YAML")
    }

    fn key(name: &str) -> Node {
        Node { span: Span::new(0, 0), kind: NodeKind::Scalar { text: name.into(), plain: false } }
    }

    /// Marks placeholders as valid.
    fn clear_faulty(node: &mut Node) {
        node.span.faulty = false;
        match &mut node.kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::Sequence(items) => items.iter_mut().for_each(clear_faulty),
            NodeKind::Mapping(entries) => entries.iter_mut().for_each(|(key, value)| {
                clear_faulty(key);
                clear_faulty(value);
            }),
        }
    }

    /// A tree that contains only the path to a place.
    fn skeleton(path: &[Step]) -> Node {
        let kind = match path.split_first() {
            None => return node("text"),
            Some((Step::Item, rest)) => NodeKind::Sequence(vec![skeleton(rest)]),
            Some((Step::Key { name, beside }, rest)) => {
                let beside = beside.iter().map(|(beside, value)| (key(beside), node(value)));
                NodeKind::Mapping([(key(name), skeleton(rest))].into_iter().chain(beside).collect())
            }
        };
        Node { span: Span::new(0, 0), kind }
    }

    fn at<'a>(node: &'a mut Node, path: &[Step]) -> &'a mut Node {
        let Some((step, rest)) = path.split_first() else { return node };
        let inner = match (step, &mut node.kind) {
            (Step::Item, NodeKind::Sequence(items)) => &mut items[0],
            (Step::Key { name, .. }, NodeKind::Mapping(entries)) => {
                &mut entries.iter_mut().find(|(key, _)| key.text() == Some(name)).expect("it is there").1
            }
            _ => panic!("nothing has {step:?}"),
        };
        at(inner, rest)
    }

    /// All bounds of integers in a schema, and their neighbors.
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

    /// The values that are tried at every place.
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

    /// Changes of a mapping: one key removed, all keys but one removed, a key replaced, a key added; and each
    /// scalar as a mapping with that key.
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

    /// At every place of the schema, with any value, and with any key added or removed: the types reject
    /// exactly what the schema rejects, and accept the checked tree with its placeholders.
    #[test]
    fn the_types_accept_exactly_what_the_schema_accepts() {
        let schema = schema();
        let (checker, values, places) = (Checker::new(&schema), values(&schema), Places::of(&schema));
        assert!(places.len() > 300, "only {} places", places.len());
        let check = |path: &Vec<Step>| {
            let mut root = skeleton(path);
            checker.check(&mut root, &mut Diagnostics::default());
            clear_faulty(&mut root);
            let mut wrong = Vec::new();
            let mut replace = |path: &[Step], kind: NodeKind| {
                let here = std::mem::replace(&mut at(&mut root, path).kind, kind.clone());
                let types = typed::<Spec>(&root).map(drop);
                let (mut checked, mut diagnostics) = (root.clone(), Diagnostics::default());
                checker.check(&mut checked, &mut diagnostics);
                let checked = typed::<Spec>(&checked).map(drop);
                if types.is_ok() == diagnostics.has_errors() || checked.is_err() {
                    wrong.push(format!(
                        "{path:?} {kind:?}: types {types:?}, schema {diagnostics:?}, checked {checked:?}"
                    ));
                }
                at(&mut root, path).kind = here.clone();
                here
            };
            for value in &values {
                replace(path, value.kind.clone());
            }
            for length in 0..=path.len() {
                let above = &path[..length];
                let here = replace(above, NodeKind::Sequence(Vec::new()));
                changes(&here).into_iter().for_each(|kind| drop(replace(above, kind)));
            }
            wrong
        };
        let wrong: Vec<String> = places.par_iter().flat_map_iter(check).collect();
        assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    }
}
