//! Holds a tree that the types refuse against the spec's JSON Schema, and names every fault.
//!
//! Types and schema are of one mind, which a test holds (see [`super::parse()`]). A checked tree always has the right shape: what was wrong has been replaced by a stand-in whose
//! place is marked as faulty (see [`Span::faulty`]), so that the later stages can go on and find
//! what else is wrong. The schema is compiled first; the checker knows the part of JSON Schema that
//! our shapes use, and panics on the rest, which a test would show.

use super::types::check_format;
use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use yaml::{Node, NodeKind, Scalar};

/// A compiled schema.
pub(super) struct Checker {
    shapes: Vec<Shape>,
    by_name: BTreeMap<String, usize>,
}

/// What one place of the tree may hold. Numbers are indices into [`Checker::shapes`].
enum Shape {
    Any,
    Fields {
        fields: Vec<Field>,
    },
    Names {
        key_format: Option<String>,
        value: usize,
    },
    List {
        items: usize,
        least: u64,
    },
    Text {
        format: Option<String>,
        expected: &'static str,
        example: String,
        /// Whether a number will do, taken as its digits.
        numbers: bool,
    },
    Integer {
        least: i64,
        most: i64,
    },
    Bool,
    /// One of some words.
    Word {
        words: Vec<String>,
    },
    /// A mapping with exactly one key, which says what its value is.
    Tagged {
        tags: Vec<(String, usize)>,
    },
    /// A word, or a mapping.
    WordOr {
        word: String,
        mapping: usize,
    },
    /// Text, a whole number or a boolean; or a mapping.
    ScalarOr {
        mapping: usize,
    },
    /// A mapping of one of several kinds, told apart by the keys that are there.
    ByKey {
        kinds: Vec<Kind>,
    },
    /// The shape, or nothing.
    Optional(usize),
    /// A reference that is being compiled.
    Pending,
}

struct Field {
    name: String,
    shape: usize,
    required: bool,
    about: String,
}

/// A kind of a mapping.
struct Kind {
    /// What it is called.
    title: String,
    /// The keys that make a mapping one of this kind.
    keys: Vec<String>,
    shape: usize,
    /// What to do about a field that only other kinds have.
    remedy: Option<String>,
}

impl Kind {
    fn is_made_by(&self, entries: &[(Node, Node)]) -> bool {
        entries.iter().any(|(key, value)| self.is_key(key) && !value.is_null())
    }

    fn is_key(&self, key: &Node) -> bool {
        self.keys.iter().any(|name| key.text() == Some(name))
    }
}

impl Checker {
    pub(super) fn new(schema: &Json) -> Self {
        let mut checker = Self { shapes: vec![Shape::Pending], by_name: BTreeMap::new() };
        let shape = checker.compile(schema, schema);
        checker.shapes[0] = Shape::Optional(shape);
        checker
    }

    /// Checks and mends a whole spec.
    pub(super) fn check(&self, root: &mut Node, faults: &mut Diagnostics) {
        let Shape::Optional(shape) = self.shapes[0] else {
            unreachable!("the root is wrapped when the schema is compiled")
        };
        self.visit(shape, root, Span::new(0, 0), faults);
    }

    fn add(&mut self, shape: Shape) -> usize {
        self.shapes.push(shape);
        self.shapes.len() - 1
    }

    fn compile(&mut self, root: &Json, schema: &Json) -> usize {
        if let Some(pointer) = schema["$ref"].as_str() {
            if let Some(known) = self.by_name.get(pointer) {
                return *known;
            }
            let slot = self.add(Shape::Pending);
            self.by_name.insert(pointer.to_owned(), slot);
            let target = root.pointer(pointer.trim_start_matches('#')).expect("schemars defines what it refers to");
            let compiled = self.compile(root, target);
            self.shapes.swap(slot, compiled);
            return slot;
        }
        if schema.as_bool() == Some(true) {
            return self.add(Shape::Any);
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            assert!(branches.len() == 2 && branches[1]["type"] == "null", "anyOf stands only for Option: {schema}");
            let inner = self.compile(root, &branches[0]);
            return self.add(Shape::Optional(inner));
        }
        if let Some(branches) = schema["oneOf"].as_array() {
            return self.compile_choice(root, branches);
        }
        let (name, optional) = match &schema["type"] {
            Json::String(name) => (name.as_str(), false),
            Json::Array(names) => (names[0].as_str().expect("types are words"), names.len() == 2 && names[1] == "null"),
            _ => panic!("the checker does not know {schema}"),
        };
        let shape = self.compile_type(root, schema, name);
        let index = self.add(shape);
        if optional { self.add(Shape::Optional(index)) } else { index }
    }

    fn compile_type(&mut self, root: &Json, schema: &Json, name: &str) -> Shape {
        match name {
            "object" => self.compile_object(root, schema),
            "array" => Shape::List {
                items: self.compile(root, &schema["items"]),
                least: schema["minItems"].as_u64().unwrap_or(0),
            },
            "string" if schema["enum"].is_array() => {
                let words = schema["enum"].as_array().into_iter().flatten();
                Shape::Word { words: words.filter_map(|word| word.as_str().map(str::to_owned)).collect() }
            }
            "string" if schema["const"].is_string() => {
                Shape::Word { words: vec![schema["const"].as_str().unwrap_or_default().to_owned()] }
            }
            "string" => {
                let format = schema["format"].as_str().map(str::to_owned);
                assert!(format.is_some() || schema["pattern"].is_null(), "a pattern needs a type of its own: {schema}");
                let expected = format.as_deref().map_or("text", |format| {
                    check_format(format, "\0")
                        .expect("every format has a checker")
                        .err()
                        .map_or("text", |(expected, _)| expected)
                });
                let example = schema["examples"][0].as_str().unwrap_or("example").to_owned();
                let numbers = schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "number"));
                Shape::Text { format, expected, example, numbers }
            }
            "integer" => Shape::Integer {
                least: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                most: schema["maximum"].as_i64().unwrap_or(i64::MAX),
            },
            "boolean" => Shape::Bool,
            _ => panic!("the checker does not know the type {name}"),
        }
    }

    fn compile_object(&mut self, root: &Json, schema: &Json) -> Shape {
        if let Some(patterns) = schema["patternProperties"].as_object() {
            let (pattern, value) = patterns.iter().next().expect("patternProperties has a pattern");
            let key_format =
                super::types::format_of_pattern(pattern).expect("patterns of keys belong to a type").to_owned();
            let value = self.compile(root, value);
            return Shape::Names { key_format: Some(key_format), value };
        }
        let Some(properties) = schema["properties"].as_object() else {
            let key_format = schema["propertyNames"]["format"].as_str().map(str::to_owned);
            return Shape::Names { key_format, value: self.compile(root, &schema["additionalProperties"]) };
        };
        assert!(schema["additionalProperties"] == false, "every shape denies unknown fields: {schema}");
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let fields = properties
            .iter()
            .map(|(name, field)| Field {
                name: name.clone(),
                shape: self.compile(root, field),
                required: required.contains(&name.as_str()),
                about: field["description"]
                    .as_str()
                    .unwrap_or_default()
                    .split("\n\n")
                    .next()
                    .unwrap_or_default()
                    .replace('\n', " "),
            })
            .collect();
        Shape::Fields { fields }
    }

    fn compile_choice(&mut self, root: &Json, branches: &[Json]) -> usize {
        let shape = if branches.iter().all(|branch| branch["const"].is_string() || branch["enum"].is_array()) {
            let words = branches.iter().flat_map(|branch| match &branch["enum"] {
                Json::Array(words) => words.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                _ => vec![branch["const"].as_str().unwrap_or_default().to_owned()],
            });
            Shape::Word { words: words.collect() }
        } else if branches.iter().all(|branch| branch["properties"].as_object().is_some_and(|fields| fields.len() == 1))
        {
            let tags = branches.iter().flat_map(|branch| branch["properties"].as_object().into_iter().flatten());
            Shape::Tagged { tags: tags.map(|(name, value)| (name.clone(), self.compile(root, value))).collect() }
        } else if branches.iter().all(|branch| branch["$ref"].is_string()) {
            let kinds = branches.iter().map(|branch| {
                let pointer = branch["$ref"].as_str().unwrap_or_default();
                let target = root.pointer(pointer.trim_start_matches('#')).expect("schemars defines what it refers to");
                let keys = target["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
                Kind {
                    title: target["title"].as_str().expect("kinds have a title").to_owned(),
                    keys: keys.map(str::to_owned).collect(),
                    shape: self.compile(root, branch),
                    remedy: target["x-remedy"].as_str().map(str::to_owned),
                }
            });
            Shape::ByKey { kinds: kinds.collect() }
        } else if branches.len() == 2 && branches[0]["const"].is_string() {
            let word = branches[0]["const"].as_str().unwrap_or_default().to_owned();
            Shape::WordOr { word, mapping: self.compile(root, &branches[1]) }
        } else {
            assert!(
                branches.len() == 2 && branches[0]["type"].is_array(),
                "the checker does not know this choice: {branches:?}"
            );
            Shape::ScalarOr { mapping: self.compile(root, &branches[1]) }
        };
        self.add(shape)
    }

    /// Checks a node and mends it. `owner` is the key that holds it, for what is missing inside.
    fn visit(&self, shape: usize, node: &mut Node, owner: Span, faults: &mut Diagnostics) {
        match &self.shapes[shape] {
            Shape::Any => {}
            Shape::Optional(inner) => {
                if !node.is_null() {
                    self.visit(*inner, node, owner, faults);
                }
            }
            Shape::Fields { fields } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_fields(fields, entries, owner, faults),
                _ => self.wrong_type(shape, node, "a mapping", faults),
            },
            Shape::ByKey { kinds } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_kinds(kinds, entries, owner, faults),
                _ => self.wrong_type(shape, node, "a mapping", faults),
            },
            Shape::Names { key_format, value } => match &mut node.kind {
                NodeKind::Mapping(entries) => {
                    for (key, item) in entries.iter_mut() {
                        let place = key.span;
                        if let Some(format) = key_format {
                            check_text(format, key, "unreadable", faults);
                        }
                        self.visit(*value, item, place, faults);
                        key.span.faulty |= item.span.faulty;
                    }
                }
                _ => self.wrong_type(shape, node, "a mapping", faults),
            },
            Shape::List { items, least } => self.visit_list(shape, *items, *least, node, owner, faults),
            Shape::Text { format, expected, example, numbers } => match (node.scalar(), format) {
                (Some(Scalar::Str(_)), Some(format)) => check_text(format, node, example, faults),
                (Some(Scalar::Int(_) | Scalar::Float(_)), Some(format)) if *numbers => {
                    check_text(format, node, example, faults);
                }
                (Some(Scalar::Str(_)), None) => {}
                _ => self.wrong_type(shape, node, expected, faults),
            },
            Shape::Integer { least, most } => match node.scalar() {
                Some(Scalar::Int(number)) if (*least..=*most).contains(&number) => {}
                Some(Scalar::Int(number)) => {
                    let fault = Diagnostic::new(Code::InvalidValue, node.span, format!("{number} is out of range"));
                    self.replace(shape, node, fault.help(number_help(*least, *most)), faults);
                }
                _ => self.wrong_type(shape, node, "a whole number", faults),
            },
            Shape::Bool => {
                if !matches!(node.scalar(), Some(Scalar::Bool(_))) {
                    self.wrong_type(shape, node, "`true` or `false`", faults);
                }
            }
            Shape::Word { words } => self.visit_word(shape, words, node, faults),
            Shape::Tagged { tags } => self.visit_tagged(shape, tags, node, faults),
            Shape::WordOr { word, mapping } => match node.scalar() {
                None if matches!(node.kind, NodeKind::Mapping(_)) => self.visit(*mapping, node, owner, faults),
                Some(Scalar::Str(text)) if text == word => {}
                Some(Scalar::Str(_)) => self.visit_word(shape, std::slice::from_ref(word), node, faults),
                _ => self.wrong_type(shape, node, &format!("`{word}` or a mapping"), faults),
            },
            Shape::ScalarOr { mapping } => match node.scalar() {
                None if matches!(node.kind, NodeKind::Mapping(_)) => self.visit(*mapping, node, owner, faults),
                Some(Scalar::Str(_) | Scalar::Int(_) | Scalar::Bool(_)) => {}
                _ => self.wrong_type(shape, node, "text in quotes, a whole number, a boolean or a mapping", faults),
            },
            Shape::Pending => unreachable!("references are resolved when the schema is compiled"),
        }
    }

    /// The fields of a kind, seen through references.
    fn fields(&self, shape: usize) -> &[Field] {
        match &self.shapes[shape] {
            Shape::Fields { fields } => fields,
            _ => unreachable!("kinds are mappings with fields"),
        }
    }

    /// Decides on the kind, and takes away what only other kinds have.
    fn visit_kinds(&self, kinds: &[Kind], entries: &mut Vec<(Node, Node)>, owner: Span, faults: &mut Diagnostics) {
        let last = kinds.last().expect("there are kinds");
        let chosen = kinds.iter().find(|kind| kind.is_made_by(entries));
        if chosen.is_none() && !last.keys.is_empty() {
            let about = |kind: &Kind, key: &String| {
                let field = self.fields(kind.shape).iter().find(|field| field.name == *key);
                format!("`{key}: …`: {}", field.map_or("", |field| &field.about))
            };
            let names: Vec<_> = kinds.iter().flat_map(|kind| &kind.keys).map(|key| format!("`{key}`")).collect();
            let about: Vec<_> = kinds.iter().flat_map(|kind| kind.keys.iter().map(|key| about(kind, key))).collect();
            let message = format!("one of the fields {} is missing", names.join(", "));
            faults
                .push(Diagnostic::new(Code::MissingField, owner, message).help(format!("add {}", about.join(" Or "))));
            let span = owner.as_faulty();
            for field in self.fields(last.shape).iter().filter(|field| last.keys.contains(&field.name)) {
                entries.retain(|(key, _)| key.text() != Some(&field.name));
                entries.push((text_node(&field.name, span), self.stand_in(field.shape, span)));
            }
        }
        let kind = chosen.unwrap_or(last);
        let own = self.fields(kind.shape);
        let place = entries.iter().map(|(key, _)| key).find(|key| kind.is_key(key)).map(|key| key.span);
        entries.retain(|(key, _)| {
            let name = key.text().unwrap_or_default();
            let is_own = own.iter().any(|field| field.name == name);
            let is_known = |kind: &Kind| self.fields(kind.shape).iter().any(|field| field.name == name);
            if is_own || !kinds.iter().any(is_known) {
                return true;
            }
            // Of a mapping without a kind, that is all there is to say.
            if chosen.is_some() || last.keys.is_empty() {
                let message = format!("`{name}` has no effect on a {}", kind.title);
                let fault = Diagnostic::new(Code::UnknownField, key.span, message);
                let fault =
                    place.into_iter().fold(fault, |fault, place| fault.related(place, format!("a {}", kind.title)));
                let remedy = kind.remedy.as_ref().map_or(String::new(), |remedy| format!(", or {remedy}"));
                faults.push(fault.help(format!("remove `{name}`{remedy}")));
            }
            false
        });
        self.visit_fields(own, entries, owner, faults);
    }

    fn visit_fields(&self, fields: &[Field], entries: &mut Vec<(Node, Node)>, owner: Span, faults: &mut Diagnostics) {
        entries.retain_mut(|(key, value)| {
            let name = key.text().unwrap_or_default();
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                faults.push(unknown_field(name, key.span, fields));
                return false;
            };
            self.visit(field.shape, value, key.span, faults);
            true
        });
        for field in fields.iter().filter(|field| field.required) {
            if entries.iter().any(|(key, _)| key.text() == Some(&field.name)) {
                continue;
            }
            let message = format!("the field `{}` is missing", field.name);
            faults.push(
                Diagnostic::new(Code::MissingField, owner, message)
                    .help(format!("add `{}: …`: {}", field.name, field.about)),
            );
            let span = owner.as_faulty();
            entries.push((text_node(&field.name, span), self.stand_in(field.shape, span)));
        }
    }

    fn visit_list(
        &self,
        shape: usize,
        items: usize,
        least: u64,
        node: &mut Node,
        owner: Span,
        faults: &mut Diagnostics,
    ) {
        let NodeKind::Sequence(nodes) = &mut node.kind else {
            return self.wrong_type(shape, node, "a list", faults);
        };
        for item in nodes.iter_mut() {
            self.visit(items, item, owner, faults);
        }
        if (nodes.len() as u64) < least {
            let fault =
                Diagnostic::new(Code::InvalidValue, node.span, format!("this list needs at least {least} item"));
            self.replace(shape, node, fault.help("add one, or remove the field if it is optional"), faults);
        }
    }

    fn visit_word(&self, shape: usize, words: &[String], node: &mut Node, faults: &mut Diagnostics) {
        let Some(Scalar::Str(text)) = node.scalar() else {
            return self.wrong_type(shape, node, &one_of(words), faults);
        };
        if words.iter().any(|word| word == text) {
            return;
        }
        let fault = Diagnostic::new(
            Code::UnknownValue,
            node.span,
            format!("`{}` is not one of the values that this field takes", shorten(text)),
        );
        let help = match did_you_mean(text, words.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes {}", one_of(words)),
        };
        self.replace(shape, node, fault.help(help), faults);
    }

    fn visit_tagged(&self, shape: usize, tags: &[(String, usize)], node: &mut Node, faults: &mut Diagnostics) {
        let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
        let NodeKind::Mapping(entries) = &mut node.kind else {
            return self.wrong_type(shape, node, &format!("a mapping with one key, {}", one_of(&names)), faults);
        };
        if entries.len() != 1 {
            let text = format!("this needs exactly one key, but has {}", entries.len());
            let fault =
                Diagnostic::new(Code::InvalidValue, node.span, text).help(format!("keep one of {}", one_of(&names)));
            return self.replace(shape, node, fault, faults);
        }
        let (key, value) = &mut entries[0];
        let name = key.text().unwrap_or_default().to_owned();
        if let Some((_, inner)) = tags.iter().find(|(tag, _)| *tag == name) {
            return self.visit(*inner, value, key.span, faults);
        }
        let fault = Diagnostic::new(
            Code::UnknownValue,
            key.span,
            format!("`{}` is not one of the kinds known here", shorten(&name)),
        );
        let help = match did_you_mean(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes {}", one_of(&names)),
        };
        self.replace(shape, node, fault.help(help), faults);
    }

    fn wrong_type(&self, shape: usize, node: &mut Node, expected: &str, faults: &mut Diagnostics) {
        let found = match (&node.kind, node.scalar()) {
            (NodeKind::Sequence(_), _) => "a list",
            (NodeKind::Mapping(_), _) => "a mapping",
            (_, Some(Scalar::Null)) => "nothing",
            (_, Some(Scalar::Bool(_))) => "a boolean",
            (_, Some(Scalar::Float(_))) if matches!(self.shapes[shape], Shape::Integer { .. }) => {
                &shorten(node.text().unwrap_or_default())
            }
            (_, Some(Scalar::Int(_) | Scalar::Float(_))) => "a number",
            _ => "text",
        };
        let help = self.type_help(shape, node);
        let fault =
            Diagnostic::new(Code::WrongType, node.span, format!("expected {expected}, found {found}")).help(help);
        self.replace(shape, node, fault, faults);
    }

    /// The way out of a wrong type, by what was probably meant.
    fn type_help(&self, shape: usize, node: &Node) -> String {
        let text = node.text().unwrap_or_default();
        match &self.shapes[shape] {
            Shape::Bool if matches!(text.to_lowercase().as_str(), "yes" | "y" | "on") => "write `true`".to_owned(),
            Shape::Bool if matches!(text.to_lowercase().as_str(), "no" | "n" | "off") => "write `false`".to_owned(),
            Shape::Bool => "write `true` or `false`, without quotes".to_owned(),
            Shape::Integer { .. } => "write digits only, without quotes".to_owned(),
            Shape::List { .. } => "put `- ` in front of each item, on lines of their own, or write `[a, b]`".to_owned(),
            Shape::Text { .. } | Shape::Word { .. } | Shape::ScalarOr { .. } if !text.is_empty() => {
                format!("if it is meant as text, quote it: \"{}\"", shorten(text))
            }
            Shape::Text { example, .. } => format!("write a value, such as `{example}`"),
            Shape::ScalarOr { .. } if node.is_null() => "write `\"\"` if it is meant to be empty".to_owned(),
            Shape::ScalarOr { mapping } => match &self.shapes[*mapping] {
                Shape::Tagged { tags } => {
                    let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
                    format!("write one value, or a mapping with one key, {}", one_of(&names))
                }
                _ => "write one value".to_owned(),
            },
            Shape::Word { words } => format!("write {}", one_of(words)),
            Shape::Fields { fields } => {
                let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                format!("write its fields on lines of their own, indented; known are {}", names.join(", "))
            }
            _ => "write `key: value` lines, indented".to_owned(),
        }
    }

    fn replace(&self, shape: usize, node: &mut Node, fault: Diagnostic, faults: &mut Diagnostics) {
        if !node.span.faulty {
            faults.push(fault);
        }
        *node = self.stand_in(shape, node.span.as_faulty());
    }

    /// The shape of a mapping from names, also of one that may be absent.
    fn names(&self, shape: usize) -> Option<usize> {
        match &self.shapes[shape] {
            Shape::Names { .. } => Some(shape),
            Shape::Optional(inner) => self.names(*inner),
            _ => None,
        }
    }

    /// A value of the right shape that means nothing.
    fn stand_in(&self, shape: usize, span: Span) -> Node {
        let scalar = |text: &str| Node { span, kind: NodeKind::Scalar { text: text.into(), plain: true } };
        match &self.shapes[shape] {
            Shape::Any | Shape::Optional(_) | Shape::Pending => scalar("null"),
            Shape::Fields { fields } => {
                let required = fields.iter().filter(|field| field.required || self.names(field.shape).is_some());
                let entries = required.map(|field| {
                    let shape = self.names(field.shape).unwrap_or(field.shape);
                    (text_node(&field.name, span), self.stand_in(shape, span))
                });
                Node { span, kind: NodeKind::Mapping(entries.collect()) }
            }
            // One entry, so that whoever looks at the names sees that they are not all known.
            Shape::Names { value, .. } => {
                let entry = (text_node("unreadable", span), self.stand_in(*value, span));
                Node { span, kind: NodeKind::Mapping(vec![entry]) }
            }
            Shape::List { items, least } => {
                let items = (0..*least).map(|_| self.stand_in(*items, span));
                Node { span, kind: NodeKind::Sequence(items.collect()) }
            }
            Shape::Text { example, .. } => text_node(example, span),
            Shape::Integer { least, .. } => scalar(&(*least).max(0).to_string()),
            Shape::Bool => scalar("false"),
            Shape::Word { words } => text_node(&words[0], span),
            Shape::Tagged { tags } => {
                let (name, inner) = &tags[0];
                Node { span, kind: NodeKind::Mapping(vec![(text_node(name, span), self.stand_in(*inner, span))]) }
            }
            Shape::ByKey { kinds } => self.stand_in(kinds.last().expect("there are kinds").shape, span),
            Shape::ScalarOr { .. } => text_node("", span),
            Shape::WordOr { word, .. } => text_node(word, span),
        }
    }
}

fn text_node(text: &str, span: Span) -> Node {
    Node { span, kind: NodeKind::Scalar { text: text.into(), plain: false } }
}

fn one_of(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// As much of a text as a message can take.
fn shorten(text: &str) -> String {
    const MOST: usize = 60;
    let mut shown: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

fn number_help(least: i64, most: i64) -> String {
    if least == most { format!("write {least}") } else { format!("write a number from {least} to {most}") }
}

fn unknown_field(name: &str, span: Span, fields: &[Field]) -> Diagnostic {
    let fault =
        Diagnostic::new(Code::UnknownField, span, format!("`{}` is not a field that is known here", shorten(name)));
    let names = fields.iter().map(|field| field.name.as_str());
    match did_you_mean(name, names.clone()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault.help(format!("known are {}", names.collect::<Vec<_>>().join(", "))),
    }
}

/// Judges a text by its format; an unreadable one is replaced by the example.
fn check_text(format: &str, node: &mut Node, example: &str, faults: &mut Diagnostics) {
    let text = node.text().unwrap_or_default();
    let Err((expected, reason)) = check_format(format, text).expect("every format has a checker") else { return };
    if !node.span.faulty {
        let what = expected.split(" such as ").next().unwrap_or(expected);
        let message = format!("`{}` is not {what}: {reason}", shorten(text));
        faults.push(Diagnostic::new(Code::InvalidValue, node.span, message).help(format!("expected {expected}")));
    }
    *node = text_node(example, node.span.as_faulty());
}
