//! Checks a spec that the types rejected against the JSON Schema, and reports every error.
//!
//! The types and the schema accept the same specs; a test in [`super::parse()`] verifies it. A checked tree
//! always has the right shape: each invalid value is replaced by a placeholder whose span is marked as
//! faulty (see [`Span::faulty`]), so that later stages can run and find more errors. The schema is compiled
//! first. The checker supports only the part of JSON Schema that our types use, and panics on the rest; a
//! test would find that.

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

/// What a node of the tree can be. Numbers are indices into [`Checker::shapes`].
enum Shape {
    Any,
    Fields {
        fields: Vec<Field>,
    },
    Map {
        key_format: Option<String>,
        value: usize,
    },
    List {
        items: usize,
        min: u64,
    },
    Text {
        format: Option<String>,
        expected: &'static str,
        example: String,
        /// Whether a number is accepted, and read as its digits.
        numbers: bool,
    },
    Integer {
        min: i64,
        max: i64,
    },
    Bool,
    /// One of a fixed set of strings.
    Choice {
        values: Vec<String>,
    },
    /// A mapping with exactly one key, which decides the shape of its value.
    Tagged {
        tags: Vec<(String, usize)>,
    },
    /// A fixed string, or a mapping.
    ValueOr {
        value: String,
        mapping: usize,
    },
    /// A string, an integer or a boolean; or a mapping.
    ScalarOr {
        mapping: usize,
    },
    /// A mapping of one of several kinds. The keys that are present decide which kind it is.
    ByKey {
        kinds: Vec<Kind>,
    },
    /// The shape, or null.
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
    /// The name of the kind in messages.
    title: String,
    /// The keys that only this kind has: a mapping with one of them is of this kind.
    keys: Vec<String>,
    shape: usize,
    /// What to do instead of setting a field that only other kinds have.
    remedy: Option<String>,
}

impl Kind {
    fn matches(&self, entries: &[(Node, Node)]) -> bool {
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

    /// Checks a whole spec, and replaces invalid values.
    pub(super) fn check(&self, root: &mut Node, diagnostics: &mut Diagnostics) {
        let Shape::Optional(shape) = self.shapes[0] else {
            unreachable!("the root is wrapped when the schema is compiled")
        };
        self.visit(shape, root, Span::new(0, 0), diagnostics);
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
            assert!(branches.len() == 2 && branches[1]["type"] == "null", "anyOf is used only for Option: {schema}");
            let inner = self.compile(root, &branches[0]);
            return self.add(Shape::Optional(inner));
        }
        if let Some(branches) = schema["oneOf"].as_array() {
            return self.compile_choice(root, branches);
        }
        let (name, optional) = match &schema["type"] {
            Json::String(name) => (name.as_str(), false),
            Json::Array(names) => {
                (names[0].as_str().expect("types are strings"), names.len() == 2 && names[1] == "null")
            }
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
                min: schema["minItems"].as_u64().unwrap_or(0),
            },
            "string" if schema["enum"].is_array() => {
                let values = schema["enum"].as_array().into_iter().flatten();
                Shape::Choice { values: values.filter_map(|value| value.as_str().map(str::to_owned)).collect() }
            }
            "string" if schema["const"].is_string() => {
                Shape::Choice { values: vec![schema["const"].as_str().unwrap_or_default().to_owned()] }
            }
            "string" => {
                let format = schema["format"].as_str().map(str::to_owned);
                assert!(format.is_some() || schema["pattern"].is_null(), "a pattern needs its own type: {schema}");
                let expected = format.as_deref().map_or("a string", |format| {
                    check_format(format, "\0")
                        .expect("every format has a checker")
                        .err()
                        .map_or("a string", |(expected, _)| expected)
                });
                let example = schema["examples"][0].as_str().unwrap_or("example").to_owned();
                let numbers = schema["type"].as_array().is_some_and(|types| types.iter().any(|name| name == "number"));
                Shape::Text { format, expected, example, numbers }
            }
            "integer" => Shape::Integer {
                min: schema["minimum"].as_i64().unwrap_or(i64::MIN),
                max: schema["maximum"].as_i64().unwrap_or(i64::MAX),
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
            return Shape::Map { key_format: Some(key_format), value };
        }
        let Some(properties) = schema["properties"].as_object() else {
            let key_format = schema["propertyNames"]["format"].as_str().map(str::to_owned);
            return Shape::Map { key_format, value: self.compile(root, &schema["additionalProperties"]) };
        };
        assert!(schema["additionalProperties"] == false, "every shape denies unknown fields: {schema}");
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let fields = properties
            .iter()
            .map(|(name, field)| Field {
                name: name.clone(),
                shape: self.compile(root, field),
                required: required.contains(&name.as_str()),
                about: first_sentence(field["description"].as_str().unwrap_or_default()),
            })
            .collect();
        Shape::Fields { fields }
    }

    fn compile_choice(&mut self, root: &Json, branches: &[Json]) -> usize {
        let shape = if branches.iter().all(|branch| branch["const"].is_string() || branch["enum"].is_array()) {
            let values = branches.iter().flat_map(|branch| match &branch["enum"] {
                Json::Array(values) => values.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                _ => vec![branch["const"].as_str().unwrap_or_default().to_owned()],
            });
            Shape::Choice { values: values.collect() }
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
            let value = branches[0]["const"].as_str().unwrap_or_default().to_owned();
            Shape::ValueOr { value, mapping: self.compile(root, &branches[1]) }
        } else {
            assert!(
                branches.len() == 2 && branches[0]["type"].is_array(),
                "the checker does not know this choice: {branches:?}"
            );
            Shape::ScalarOr { mapping: self.compile(root, &branches[1]) }
        };
        self.add(shape)
    }

    /// Checks a node, and replaces it if it is invalid. `owner` is the key of the node: the span of errors about
    /// missing fields.
    fn visit(&self, shape: usize, node: &mut Node, owner: Span, diagnostics: &mut Diagnostics) {
        match &self.shapes[shape] {
            Shape::Any => {}
            Shape::Optional(inner) => {
                if !node.is_null() {
                    self.visit(*inner, node, owner, diagnostics);
                }
            }
            Shape::Fields { fields } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_fields(fields, entries, owner, diagnostics),
                _ => self.wrong_type(shape, node, "a mapping", diagnostics),
            },
            Shape::ByKey { kinds } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_kinds(kinds, entries, owner, diagnostics),
                _ => self.wrong_type(shape, node, "a mapping", diagnostics),
            },
            Shape::Map { key_format, value } => match &mut node.kind {
                NodeKind::Mapping(entries) => {
                    for (key, item) in entries.iter_mut() {
                        let place = key.span;
                        if let Some(format) = key_format {
                            check_text(format, key, "unreadable", diagnostics);
                        }
                        self.visit(*value, item, place, diagnostics);
                        key.span.faulty |= item.span.faulty;
                    }
                }
                _ => self.wrong_type(shape, node, "a mapping", diagnostics),
            },
            Shape::List { items, min } => self.visit_list(shape, *items, *min, node, owner, diagnostics),
            Shape::Text { format, expected, example, numbers } => match (node.scalar(), format) {
                (Some(Scalar::Str(_)), Some(format)) => check_text(format, node, example, diagnostics),
                (Some(Scalar::Int(_) | Scalar::Float(_)), Some(format)) if *numbers => {
                    check_text(format, node, example, diagnostics);
                }
                (Some(Scalar::Str(_)), None) => {}
                _ => self.wrong_type(shape, node, expected, diagnostics),
            },
            Shape::Integer { min, max } => match node.scalar() {
                Some(Scalar::Int(number)) if (*min..=*max).contains(&number) => {}
                Some(Scalar::Int(number)) => {
                    let diagnostic =
                        Diagnostic::new(Code::InvalidValue, node.span, format!("{number} is out of range"));
                    self.replace(shape, node, diagnostic.help(number_help(*min, *max)), diagnostics);
                }
                _ => self.wrong_type(shape, node, "an integer", diagnostics),
            },
            Shape::Bool => {
                if !matches!(node.scalar(), Some(Scalar::Bool(_))) {
                    self.wrong_type(shape, node, "`true` or `false`", diagnostics);
                }
            }
            Shape::Choice { values } => self.visit_choice(shape, values, node, diagnostics),
            Shape::Tagged { tags } => self.visit_tagged(shape, tags, node, diagnostics),
            Shape::ValueOr { value, mapping } => match node.scalar() {
                None if matches!(node.kind, NodeKind::Mapping(_)) => self.visit(*mapping, node, owner, diagnostics),
                Some(Scalar::Str(text)) if text == value => {}
                Some(Scalar::Str(_)) => self.visit_choice(shape, std::slice::from_ref(value), node, diagnostics),
                _ => self.wrong_type(shape, node, &format!("`{value}` or a mapping"), diagnostics),
            },
            Shape::ScalarOr { mapping } => match node.scalar() {
                None if matches!(node.kind, NodeKind::Mapping(_)) => self.visit(*mapping, node, owner, diagnostics),
                Some(Scalar::Str(_) | Scalar::Int(_) | Scalar::Bool(_)) => {}
                _ => self.wrong_type(shape, node, "a string, an integer, a boolean or a mapping", diagnostics),
            },
            Shape::Pending => unreachable!("references are resolved when the schema is compiled"),
        }
    }

    /// The fields of a kind.
    fn fields(&self, shape: usize) -> &[Field] {
        match &self.shapes[shape] {
            Shape::Fields { fields } => fields,
            _ => unreachable!("kinds are mappings with fields"),
        }
    }

    /// Determines the kind of a mapping, and removes the fields that only other kinds have.
    fn visit_kinds(&self, kinds: &[Kind], entries: &mut Vec<(Node, Node)>, owner: Span, diagnostics: &mut Diagnostics) {
        let last = kinds.last().expect("there are kinds");
        let chosen = kinds.iter().find(|kind| kind.matches(entries));
        if chosen.is_none() && !last.keys.is_empty() {
            let keys = || kinds.iter().flat_map(|kind| kind.keys.iter().map(move |key| (kind, key)));
            let names: Vec<_> = keys().map(|(_, key)| key.clone()).collect();
            let about = keys().map(|(kind, key)| {
                let field = self.fields(kind.shape).iter().find(|field| field.name == *key);
                format!("`{key}`: {}", field.map_or("", |field| &field.about))
            });
            let diagnostic =
                Diagnostic::new(Code::MissingField, owner, format!("missing field: expected {}", one_of(&names)));
            diagnostics.push(diagnostic.help(about.collect::<Vec<_>>().join("; ")));
            let span = owner.as_faulty();
            for field in self.fields(last.shape).iter().filter(|field| last.keys.contains(&field.name)) {
                entries.retain(|(key, _)| key.text() != Some(&field.name));
                entries.push((text_node(&field.name, span), self.placeholder(field.shape, span)));
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
            // If the kind is unknown, the missing field is already reported.
            if chosen.is_some() || last.keys.is_empty() {
                let message = format!("`{name}` has no effect on a {}", kind.title);
                let diagnostic = Diagnostic::new(Code::UnknownField, key.span, message);
                let diagnostic = place
                    .into_iter()
                    .fold(diagnostic, |diagnostic, place| diagnostic.related(place, format!("a {}", kind.title)));
                let remedy = kind.remedy.as_ref().map_or(String::new(), |remedy| format!(", or {remedy}"));
                diagnostics.push(diagnostic.help(format!("remove `{name}`{remedy}")));
            }
            false
        });
        self.visit_fields(own, entries, owner, diagnostics);
    }

    fn visit_fields(
        &self,
        fields: &[Field],
        entries: &mut Vec<(Node, Node)>,
        owner: Span,
        diagnostics: &mut Diagnostics,
    ) {
        entries.retain_mut(|(key, value)| {
            let name = key.text().unwrap_or_default();
            let Some(field) = fields.iter().find(|field| field.name == name) else {
                diagnostics.push(unknown_field(name, key.span, fields));
                return false;
            };
            self.visit(field.shape, value, key.span, diagnostics);
            true
        });
        for field in fields.iter().filter(|field| field.required) {
            if entries.iter().any(|(key, _)| key.text() == Some(&field.name)) {
                continue;
            }
            let message = format!("missing field `{}`", field.name);
            diagnostics.push(
                Diagnostic::new(Code::MissingField, owner, message)
                    .help(format!("add `{}`: {}", field.name, field.about)),
            );
            let span = owner.as_faulty();
            entries.push((text_node(&field.name, span), self.placeholder(field.shape, span)));
        }
    }

    fn visit_list(
        &self,
        shape: usize,
        items: usize,
        min: u64,
        node: &mut Node,
        owner: Span,
        diagnostics: &mut Diagnostics,
    ) {
        let NodeKind::Sequence(nodes) = &mut node.kind else {
            return self.wrong_type(shape, node, "a list", diagnostics);
        };
        for item in nodes.iter_mut() {
            self.visit(items, item, owner, diagnostics);
        }
        if (nodes.len() as u64) < min {
            let diagnostic = Diagnostic::new(Code::InvalidValue, node.span, format!("expected at least {min} item"));
            self.replace(
                shape,
                node,
                diagnostic.help("add an item, or remove the field if it is optional"),
                diagnostics,
            );
        }
    }

    fn visit_choice(&self, shape: usize, values: &[String], node: &mut Node, diagnostics: &mut Diagnostics) {
        let Some(Scalar::Str(text)) = node.scalar() else {
            return self.wrong_type(shape, node, &one_of(values), diagnostics);
        };
        if values.iter().any(|value| value == text) {
            return;
        }
        let diagnostic = Diagnostic::new(Code::UnknownValue, node.span, format!("unknown value `{}`", shorten(text)));
        let help = match did_you_mean(text, values.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(values)),
        };
        self.replace(shape, node, diagnostic.help(help), diagnostics);
    }

    fn visit_tagged(&self, shape: usize, tags: &[(String, usize)], node: &mut Node, diagnostics: &mut Diagnostics) {
        let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
        let NodeKind::Mapping(entries) = &mut node.kind else {
            return self.wrong_type(shape, node, &format!("a mapping with one key ({})", one_of(&names)), diagnostics);
        };
        if entries.len() != 1 {
            let message = format!("expected exactly one key, found {}", entries.len());
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, node.span, message).help(format!("expected {}", one_of(&names)));
            return self.replace(shape, node, diagnostic, diagnostics);
        }
        let (key, value) = &mut entries[0];
        let name = key.text().unwrap_or_default().to_owned();
        if let Some((_, inner)) = tags.iter().find(|(tag, _)| *tag == name) {
            return self.visit(*inner, value, key.span, diagnostics);
        }
        let diagnostic = Diagnostic::new(Code::UnknownValue, key.span, format!("unknown key `{}`", shorten(&name)));
        let help = match did_you_mean(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(&names)),
        };
        self.replace(shape, node, diagnostic.help(help), diagnostics);
    }

    fn wrong_type(&self, shape: usize, node: &mut Node, expected: &str, diagnostics: &mut Diagnostics) {
        let found = match (&node.kind, node.scalar()) {
            (NodeKind::Sequence(_), _) => "a list",
            (NodeKind::Mapping(_), _) => "a mapping",
            (_, Some(Scalar::Null)) => "no value",
            (_, Some(Scalar::Bool(_))) => "a boolean",
            (_, Some(Scalar::Float(_))) if matches!(self.shapes[shape], Shape::Integer { .. }) => {
                &shorten(node.text().unwrap_or_default())
            }
            (_, Some(Scalar::Int(_) | Scalar::Float(_))) => "a number",
            _ => "a string",
        };
        let help = self.type_help(shape, node);
        let diagnostic =
            Diagnostic::new(Code::WrongType, node.span, format!("expected {expected}, found {found}")).help(help);
        self.replace(shape, node, diagnostic, diagnostics);
    }

    /// How to fix a wrong type, guessing what was meant.
    fn type_help(&self, shape: usize, node: &Node) -> String {
        let text = node.text().unwrap_or_default();
        match &self.shapes[shape] {
            Shape::Bool if matches!(text.to_lowercase().as_str(), "yes" | "y" | "on") => "write `true`".to_owned(),
            Shape::Bool if matches!(text.to_lowercase().as_str(), "no" | "n" | "off") => "write `false`".to_owned(),
            Shape::Bool => "write `true` or `false`, without quotes".to_owned(),
            Shape::Integer { .. } => "write an integer without quotes".to_owned(),
            Shape::List { .. } => "start each item on its own line with `- `, or write `[a, b]`".to_owned(),
            Shape::Text { .. } | Shape::Choice { .. } | Shape::ScalarOr { .. } if !text.is_empty() => {
                format!("to make it a string, quote it: \"{}\"", shorten(text))
            }
            Shape::Text { example, .. } => format!("write a value such as `{example}`"),
            Shape::ScalarOr { .. } if node.is_null() => "for an empty string, write `\"\"`".to_owned(),
            Shape::ScalarOr { mapping } => match &self.shapes[*mapping] {
                Shape::Tagged { tags } => {
                    let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
                    format!("write a single value, or a mapping with one key ({})", one_of(&names))
                }
                _ => "write a single value".to_owned(),
            },
            Shape::Choice { values } => format!("expected {}", one_of(values)),
            Shape::Fields { fields } => {
                let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                format!("expected a mapping with the fields {}", names.join(", "))
            }
            _ => "write indented lines of `key: value`".to_owned(),
        }
    }

    fn replace(&self, shape: usize, node: &mut Node, diagnostic: Diagnostic, diagnostics: &mut Diagnostics) {
        if !node.span.faulty {
            diagnostics.push(diagnostic);
        }
        *node = self.placeholder(shape, node.span.as_faulty());
    }

    /// The shape of a mapping from names, also if it is optional.
    fn map(&self, shape: usize) -> Option<usize> {
        match &self.shapes[shape] {
            Shape::Map { .. } => Some(shape),
            Shape::Optional(inner) => self.map(*inner),
            _ => None,
        }
    }

    /// A placeholder value of a shape.
    fn placeholder(&self, shape: usize, span: Span) -> Node {
        let scalar = |text: &str| Node { span, kind: NodeKind::Scalar { text: text.into(), plain: true } };
        match &self.shapes[shape] {
            Shape::Any | Shape::Optional(_) | Shape::Pending => scalar("null"),
            Shape::Fields { fields } => {
                let required = fields.iter().filter(|field| field.required || self.map(field.shape).is_some());
                let entries = required.map(|field| {
                    let shape = self.map(field.shape).unwrap_or(field.shape);
                    (text_node(&field.name, span), self.placeholder(shape, span))
                });
                Node { span, kind: NodeKind::Mapping(entries.collect()) }
            }
            // One entry with a faulty name: it marks the mapping as incomplete.
            Shape::Map { value, .. } => {
                let entry = (text_node("unreadable", span), self.placeholder(*value, span));
                Node { span, kind: NodeKind::Mapping(vec![entry]) }
            }
            Shape::List { items, min } => {
                let items = (0..*min).map(|_| self.placeholder(*items, span));
                Node { span, kind: NodeKind::Sequence(items.collect()) }
            }
            Shape::Text { example, .. } => text_node(example, span),
            Shape::Integer { min, .. } => scalar(&(*min).max(0).to_string()),
            Shape::Bool => scalar("false"),
            Shape::Choice { values } => text_node(&values[0], span),
            Shape::Tagged { tags } => {
                let (name, inner) = &tags[0];
                Node { span, kind: NodeKind::Mapping(vec![(text_node(name, span), self.placeholder(*inner, span))]) }
            }
            Shape::ByKey { kinds } => self.placeholder(kinds.last().expect("there are kinds").shape, span),
            Shape::ScalarOr { .. } => text_node("", span),
            Shape::ValueOr { value, .. } => text_node(value, span),
        }
    }
}

fn text_node(text: &str, span: Span) -> Node {
    Node { span, kind: NodeKind::Scalar { text: text.into(), plain: false } }
}

fn one_of(values: &[String]) -> String {
    let quoted: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The first sentence of a description, without its period.
fn first_sentence(description: &str) -> String {
    let text = description.replace('\n', " ");
    text.split_once(". ").map_or(text.trim_end_matches('.'), |(sentence, _)| sentence).to_owned()
}

/// Escapes a text, and shortens it for a message.
fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut shown: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

fn number_help(min: i64, max: i64) -> String {
    if min == max { format!("expected {min}") } else { format!("expected an integer from {min} to {max}") }
}

fn unknown_field(name: &str, span: Span, fields: &[Field]) -> Diagnostic {
    let diagnostic = Diagnostic::new(Code::UnknownField, span, format!("unknown field `{}`", shorten(name)));
    let names = fields.iter().map(|field| field.name.as_str());
    match did_you_mean(name, names.clone()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("valid fields: {}", names.collect::<Vec<_>>().join(", "))),
    }
}

/// Checks a text by its format, and replaces it by the example if it is invalid.
fn check_text(format: &str, node: &mut Node, example: &str, diagnostics: &mut Diagnostics) {
    let text = node.text().unwrap_or_default();
    let Err((expected, reason)) = check_format(format, text).expect("every format has a checker") else { return };
    if !node.span.faulty {
        let what = [" such as ", " ("]
            .iter()
            .filter_map(|end| expected.find(end))
            .min()
            .map_or(expected, |at| &expected[..at]);
        let message = format!("`{}` is not {what}: {reason}", shorten(text));
        diagnostics.push(Diagnostic::new(Code::InvalidValue, node.span, message).help(format!("expected {expected}")));
    }
    *node = text_node(example, node.span.as_faulty());
}
