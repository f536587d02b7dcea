//! Checks a spec that the types rejected against the JSON Schema, and reports every error.
//!
//! The types and the schema accept the same specs; a test in [`super::parse()`] verifies it. A checked tree
//! always has the right shape: each invalid value is replaced by a placeholder whose span is marked as
//! faulty (see [`Span::faulty`]), so that later stages can run and find more errors. The schema is compiled
//! first.

mod compile;
mod known;
mod misplaced;
mod spellings;
mod synonyms;

use super::types::check_format;
use diagnostic::{Code, Diagnostic, Diagnostics, Span, count, did_you_mean};
use known::Known;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
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
        refused: Refused,
    },
    /// A mapping with exactly one key, which decides the shape of its value.
    Tagged {
        tags: Vec<(String, usize)>,
    },
    /// A fixed string, or a mapping.
    ValueOr {
        value: String,
        mapping: usize,
        refused: Refused,
    },
    /// A string, an integer or a boolean; or a mapping.
    ScalarOr {
        mapping: usize,
    },
    /// A mapping of one of several kinds. The keys that are present decide which kind it is.
    ByKey {
        kinds: Vec<Kind>,
    },
    /// A mapping of one of several kinds. The value of a field decides which kind it is.
    ByKind {
        /// The field, which has the names of all kinds as its values.
        field: Field,
        /// Each with the name of the kind.
        kinds: Vec<(String, Kind)>,
    },
    /// The shape, or null.
    Optional(usize),
    /// A reference that is being compiled.
    Pending,
}

/// Values that people may expect to be valid, each with what to do instead.
type Refused = BTreeMap<String, String>;

struct Field {
    name: String,
    shape: usize,
    required: bool,
    /// What the value is the name of, such as `host`.
    refers_to: Option<String>,
    /// What to do instead of setting a number that is too low, or a text.
    remedy: Option<String>,
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

/// A mapping with fields: those that are not set, and the one whose value is being checked.
#[derive(Clone)]
struct Around<'a> {
    unset: Vec<&'a Field>,
    below: &'a str,
}

/// What was found, and where the checker is.
#[derive(Default)]
struct Report<'a> {
    diagnostics: Diagnostics,
    /// Missing fields: the names of which one is expected, and the diagnostic.
    missing: Vec<(Vec<String>, Diagnostic)>,
    /// Fields that are at the wrong place, and therefore not missing.
    misplaced: BTreeSet<String>,
    /// The mappings around the current value, from the outermost.
    around: Vec<Around<'a>>,
    /// The current field.
    field: Option<&'a Field>,
    /// What messages call the current value: a field, or the key of a mapping.
    name: String,
    known: Rc<Known>,
    /// For how many keys the right place was searched.
    searches: usize,
    /// Whether a value is only tried at a place.
    is_trial: bool,
}

impl Report<'_> {
    fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// What the current value is for, as the end of a message.
    fn of(&self) -> String {
        if self.name.is_empty() { String::new() } else { format!(" for {}", self.name) }
    }

    /// How many errors were found.
    fn errors(&self) -> usize {
        self.diagnostics.sorted().len() + self.missing.len()
    }

    /// What to do instead, as the end of a help.
    fn remedy(&self) -> String {
        let remedy = self.field.and_then(|field| field.remedy.as_ref());
        remedy.map_or(String::new(), |remedy| format!("; {remedy}"))
    }

    fn finish(mut self) -> Diagnostics {
        let is_missing = |names: &[String]| !names.iter().any(|name| self.misplaced.contains(name));
        let missing = self.missing.into_iter().filter(|(names, _)| is_missing(names));
        missing.for_each(|(_, diagnostic)| self.diagnostics.push(diagnostic));
        self.diagnostics
    }
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
    /// Checks a whole spec, and replaces invalid values. Returns whether every field is at its place: if not, rules
    /// would report as missing what is only somewhere else.
    pub(super) fn check(&self, root: &mut Node, diagnostics: &mut Diagnostics) -> bool {
        let Shape::Optional(shape) = self.shapes[0] else {
            unreachable!("the root is wrapped when the schema is compiled")
        };
        let mut report = Report { known: Rc::new(Known::of(root)), ..Report::default() };
        self.visit(shape, root, Span::new(0, 0), &mut report);
        let is_in_place = report.misplaced.is_empty();
        diagnostics.append(report.finish());
        is_in_place
    }

    /// Checks a node, and replaces it if it is invalid. `owner` is the key of the node: the span of errors about
    /// missing fields.
    fn visit<'a>(&'a self, shape: usize, node: &mut Node, owner: Span, report: &mut Report<'a>) {
        match &self.shapes[shape] {
            Shape::Any => {}
            Shape::Optional(inner) => {
                if !node.is_null() {
                    self.visit(*inner, node, owner, report);
                }
            }
            Shape::Fields { fields } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_fields(fields, entries, owner, report),
                _ => self.wrong_type(shape, node, "a mapping", report),
            },
            Shape::ByKey { kinds } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_kinds(kinds, entries, owner, report),
                _ => self.wrong_type(shape, node, "a mapping", report),
            },
            Shape::ByKind { field, kinds } => match &mut node.kind {
                NodeKind::Mapping(entries) => self.visit_by_kind(field, kinds, entries, owner, report),
                _ => self.wrong_type(shape, node, "a mapping", report),
            },
            Shape::Map { key_format, value } => match &mut node.kind {
                NodeKind::Mapping(entries) => {
                    let misplaced: Vec<_> =
                        entries.iter().map(|(key, item)| self.misplaced_entry(key, item, *value, report)).collect();
                    let is_empty = |item: &Node| item.is_null() && misplaced.iter().any(Option::is_some);
                    for ((key, item), misplaced) in entries.iter_mut().zip(&misplaced) {
                        let place = key.span;
                        // The fields of an empty entry are those at the wrong place.
                        if misplaced.is_some() || is_empty(item) {
                            misplaced.iter().for_each(|diagnostic| report.push(diagnostic.clone()));
                            key.span = place.as_faulty();
                            *item = self.placeholder(*value, key.span);
                            continue;
                        }
                        if let Some(format) = key_format {
                            check_text(format, key, placeholder_key(format), report);
                        }
                        let name = quoted(key.text().unwrap_or_default());
                        let outer = std::mem::replace(&mut report.name, name);
                        self.visit(*value, item, place, report);
                        report.name = outer;
                        key.span.faulty |= item.span.faulty;
                    }
                }
                _ => self.wrong_type(shape, node, "a mapping", report),
            },
            Shape::List { items, min } => self.visit_list(shape, *items, *min, node, owner, report),
            Shape::Text { format, expected, example, numbers } => match (node.scalar(), format) {
                (Some(Scalar::Str(_)), Some(format)) => check_text(format, node, example, report),
                (Some(Scalar::Int(_) | Scalar::Float(_)), Some(format)) if *numbers => {
                    check_text(format, node, example, report);
                }
                (Some(Scalar::Str(_)), None) => {}
                _ => self.wrong_type(shape, node, expected, report),
            },
            Shape::Integer { min, max } => match node.scalar() {
                Some(Scalar::Int(number)) if (*min..=*max).contains(&number) => {}
                Some(Scalar::Int(number)) => {
                    let diagnostic = Diagnostic::new(
                        Code::InvalidValue,
                        node.span,
                        format!("{number} is out of range{}", report.of()),
                    );
                    let remedy = if number < *min { report.remedy() } else { String::new() };
                    let help = number_help(*min, *max) + &remedy;
                    self.replace(shape, node, diagnostic.help(help), report);
                }
                _ => self.wrong_type(shape, node, "an integer", report),
            },
            Shape::Bool => {
                if !matches!(node.scalar(), Some(Scalar::Bool(_))) {
                    self.wrong_type(shape, node, "`true` or `false`", report);
                }
            }
            Shape::Choice { values, refused } => self.visit_choice(shape, (values, refused), node, report),
            Shape::Tagged { tags } => self.visit_tagged(shape, tags, node, report),
            Shape::ValueOr { value, refused, mapping } => match node.scalar() {
                None if matches!(node.kind, NodeKind::Mapping(_)) => self.visit(*mapping, node, owner, report),
                Some(Scalar::Str(text)) if text == value => {}
                Some(Scalar::Str(text)) => {
                    let is_near = did_you_mean(text, [value.as_str()]).is_some();
                    if is_near || refused.contains_key(&text.to_lowercase()) {
                        self.visit_choice(shape, (std::slice::from_ref(value), refused), node, report);
                    } else {
                        self.wrong_value(shape, node, report);
                    }
                }
                _ => self.wrong_type(shape, node, &format!("`{value}` or a mapping"), report),
            },
            Shape::ScalarOr { mapping } => match node.scalar() {
                None if matches!(node.kind, NodeKind::Mapping(_)) => self.visit(*mapping, node, owner, report),
                Some(Scalar::Str(_) | Scalar::Int(_) | Scalar::Bool(_)) => {}
                _ => self.wrong_type(shape, node, "a string, an integer, a boolean or a mapping", report),
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
    fn visit_kinds<'a>(
        &'a self,
        kinds: &'a [Kind],
        entries: &mut Vec<(Node, Node)>,
        owner: Span,
        report: &mut Report<'a>,
    ) {
        let last = kinds.last().expect("there are kinds");
        if !kinds.iter().any(|kind| kind.matches(entries)) {
            self.fix_key_of_kind(kinds, entries, report);
        }
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
            let help = about.collect::<Vec<_>>().join("; ");
            report.missing.push((names, diagnostic.help(help)));
            let span = owner.as_faulty();
            for field in self.fields(last.shape).iter().filter(|field| last.keys.contains(&field.name)) {
                entries.retain(|(key, _)| key.text() != Some(&field.name));
                entries.push((text_node(&field.name, span), self.placeholder(field.shape, span)));
            }
        }
        let kind = chosen.unwrap_or(last);
        let place = entries.iter().map(|(key, _)| key).find(|key| kind.is_key(key)).map(|key| key.span);
        // If the kind is unknown, the missing field is already reported.
        let is_certain = chosen.is_some() || last.keys.is_empty();
        let others: Vec<_> = kinds.iter().collect();
        self.remove_fields_of_others(kind, &others, entries, is_certain.then_some(place), report);
        self.visit_fields(self.fields(kind.shape), entries, owner, report);
    }

    /// Removes the fields that only other kinds have. `place` is where the kind is set, if it is certain: then they are
    /// reported.
    fn remove_fields_of_others(
        &self,
        kind: &Kind,
        kinds: &[&Kind],
        entries: &mut Vec<(Node, Node)>,
        place: Option<Option<Span>>,
        report: &mut Report<'_>,
    ) {
        entries.retain(|(key, _)| {
            let name = key.text().unwrap_or_default();
            let has_field = |kind: &Kind| self.fields(kind.shape).iter().any(|field| field.name == name);
            if has_field(kind) || !kinds.iter().any(|kind| has_field(kind)) {
                return true;
            }
            if let Some(place) = place {
                let message = format!("`{name}` has no effect on a {}", kind.title);
                let diagnostic = Diagnostic::new(Code::UnknownField, key.span, message);
                let diagnostic = place
                    .into_iter()
                    .fold(diagnostic, |diagnostic, place| diagnostic.related(place, format!("a {}", kind.title)));
                let remedy = kind.remedy.as_ref().map_or(String::new(), |remedy| format!(", or {remedy}"));
                report.push(diagnostic.help(format!("remove `{name}`{remedy}")));
            }
            false
        });
    }

    /// Determines the kind of a mapping by the value of a field, and removes the fields that only other kinds have.
    fn visit_by_kind<'a>(
        &'a self,
        field: &'a Field,
        kinds: &'a [(String, Kind)],
        entries: &mut Vec<(Node, Node)>,
        owner: Span,
        report: &mut Report<'a>,
    ) {
        let of_value = |value: &Node| match value.scalar() {
            Some(Scalar::Str(text)) => kinds.iter().find(|(name, _)| name == text),
            _ => None,
        };
        let is_field = |key: &Node| key.text() == Some(field.name.as_str());
        let given = entries.iter().find(|(key, _)| is_field(key));
        let chosen = given.and_then(|(_, value)| of_value(value));
        let place = given.map(|(_, value)| value.span);
        let (name, kind) = chosen.unwrap_or_else(|| {
            // The one that was most likely meant: that of a misspelled field, or the one with most of the fields.
            let is_known = |key: &Node| {
                let fields = kinds.iter().flat_map(|(_, kind)| self.fields(kind.shape));
                fields.into_iter().any(|field| key.text() == Some(field.name.as_str()))
            };
            let misspelled = entries.iter().filter(|(key, _)| !is_known(key)).find_map(|(_, value)| of_value(value));
            let fit = |(_, kind): &&(String, Kind)| {
                let own = self.fields(kind.shape);
                entries.iter().filter(|(key, _)| own.iter().any(|field| key.text() == Some(&field.name))).count()
            };
            misspelled.or_else(|| kinds.iter().max_by_key(fit)).expect("there are kinds")
        });
        if chosen.is_none()
            && let Some((key, value)) = entries.iter_mut().find(|(key, _)| is_field(key))
        {
            self.visit_field(field, value, key.span, report);
            *value = text_node(name, value.span.as_faulty());
        }
        let others: Vec<_> = kinds.iter().map(|(_, kind)| kind).collect();
        self.remove_fields_of_others(kind, &others, entries, chosen.map(|_| place), report);
        self.visit_fields(self.fields(kind.shape), entries, owner, report);
    }

    fn visit_fields<'a>(
        &'a self,
        fields: &'a [Field],
        entries: &mut Vec<(Node, Node)>,
        owner: Span,
        report: &mut Report<'a>,
    ) {
        let is_set = |field: &Field, entries: &[(Node, Node)]| {
            entries.iter().any(|(key, _)| key.text() == Some(field.name.as_str()))
        };
        let mut unset: Vec<_> = fields.iter().filter(|field| !is_set(field, entries)).collect();
        let mut moved = Vec::new();
        entries.retain_mut(|(key, value)| {
            let name = key.text().unwrap_or_default();
            if let Some(field) = fields.iter().find(|field| field.name == name) {
                if let Some(at) = self.meant_instead(field, value, &unset, report) {
                    let message = format!("the value does not fit `{name}`");
                    let diagnostic = Diagnostic::new(Code::UnknownField, key.span, message);
                    report.push(diagnostic.help(format!("did you mean `{}`?", unset[at].name)));
                    let span = key.span.as_faulty();
                    let given =
                        std::mem::replace(value, self.placeholder(self.map(field.shape).unwrap_or(field.shape), span));
                    moved.push((text_node(&unset.remove(at).name, key.span), given));
                    key.span = span;
                    return true;
                }
                report.around.push(Around { unset: unset.clone(), below: &field.name });
                self.visit_field(field, value, key.span, report);
                report.around.pop();
                return true;
            }
            let near = did_you_mean(name, unset.iter().map(|field| field.name.as_str()));
            let near = near.or_else(|| {
                let synonym = synonyms::field(name, &unset.iter().map(|field| field.name.as_str()))?;
                let field = unset.iter().find(|field| field.name == synonym)?;
                (self.errors(field.shape, value, report) == 0).then_some(synonym)
            });
            let Some(at) = near.and_then(|near| unset.iter().position(|field| field.name == near)) else {
                let place = self.place_of(key, value, fields, report);
                report.push(place.unwrap_or_else(|| unknown_field(name, key.span, fields)));
                return false;
            };
            // The field is misspelled, not missing.
            report.push(unknown_field(name, key.span, &[]).help(format!("did you mean `{}`?", unset[at].name)));
            self.use_as(unset.remove(at), key, value, report);
            true
        });
        entries.append(&mut moved);
        for field in fields.iter().filter(|field| field.required) {
            if is_set(field, entries) {
                continue;
            }
            let message = format!("missing field `{}`", field.name);
            let diagnostic = Diagnostic::new(Code::MissingField, owner, message)
                .help(format!("add `{}`: {}", field.name, field.about));
            report.missing.push((vec![field.name.clone()], diagnostic));
            let span = owner.as_faulty();
            entries.push((text_node(&field.name, span), self.placeholder(field.shape, span)));
        }
    }

    /// Checks the value of a field.
    fn visit_field<'a>(&'a self, field: &'a Field, value: &mut Node, owner: Span, report: &mut Report<'a>) {
        let outer = report.field.replace(field);
        let name = std::mem::replace(&mut report.name, quoted(&field.name));
        self.visit(field.shape, value, owner, report);
        report.name = name;
        report.field = outer;
    }

    /// The unset field that was meant instead of a field with a similar name: the value fits only the former.
    fn meant_instead<'a>(
        &'a self,
        field: &'a Field,
        value: &Node,
        unset: &[&'a Field],
        report: &Report<'a>,
    ) -> Option<usize> {
        let near = did_you_mean(&field.name, unset.iter().map(|field| field.name.as_str()))?;
        let at = unset.iter().position(|field| field.name == near)?;
        let fits = |field: &'a Field| !value.is_null() && self.errors(field.shape, value, report) == 0;
        let is_evidence = !self.is_free_text(unset[at].shape);
        (!report.is_trial && is_evidence && !fits(field) && fits(unset[at])).then_some(at)
    }

    /// Whether a shape accepts every text, so that a text that fits it does not show what was meant.
    fn is_free_text(&self, shape: usize) -> bool {
        match &self.shapes[shape] {
            Shape::Text { format, .. } => format.is_none(),
            Shape::Optional(inner) => self.is_free_text(*inner),
            _ => false,
        }
    }

    /// Uses the value of a misspelled field if it fits the field that was most likely meant, so that nothing that
    /// depends on the field is reported as missing.
    fn use_as<'a>(&'a self, field: &'a Field, key: &mut Node, value: &mut Node, report: &Report<'a>) {
        *key = text_node(&field.name, key.span);
        if report.is_trial || value.is_null() || self.errors(field.shape, value, report) > 0 {
            key.span.faulty = true;
            let mut shape = field.shape;
            while let Shape::Optional(inner) = &self.shapes[shape] {
                shape = *inner;
            }
            *value = self.placeholder(shape, key.span);
        }
    }

    /// If no key decides which kind a mapping is, but one is similar to such a key: reports it, and replaces it.
    fn fix_key_of_kind<'a>(&'a self, kinds: &'a [Kind], entries: &mut [(Node, Node)], report: &mut Report<'a>) {
        let fields = || kinds.iter().flat_map(|kind| self.fields(kind.shape).iter().map(move |field| (kind, field)));
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            if fields().any(|(_, field)| field.name == name) {
                continue;
            }
            let near = did_you_mean(name, fields().map(|(_, field)| field.name.as_str()));
            let meant =
                fields().find(|(kind, field)| kind.keys.contains(&field.name) && near == Some(field.name.as_str()));
            if let Some((_, field)) = meant {
                report.push(unknown_field(name, key.span, &[]).help(format!("did you mean `{}`?", field.name)));
                self.use_as(field, key, value, report);
                return;
            }
        }
    }

    fn visit_list<'a>(
        &'a self,
        shape: usize,
        items: usize,
        min: u64,
        node: &mut Node,
        owner: Span,
        report: &mut Report<'a>,
    ) {
        let NodeKind::Sequence(nodes) = &mut node.kind else {
            return self.wrong_type(shape, node, "a list", report);
        };
        let name = format!("an item of {}", report.name);
        let outer = std::mem::replace(&mut report.name, name);
        for item in nodes.iter_mut() {
            self.visit(items, item, owner, report);
        }
        report.name = outer;
        if (nodes.len() as u64) < min {
            let diagnostic = Diagnostic::new(
                Code::InvalidValue,
                node.span,
                format!("expected at least {}{}", count(min, "item"), report.of()),
            );
            self.replace(shape, node, diagnostic.help("add an item, or remove the field if it is optional"), report);
        }
    }

    fn visit_choice<'a>(
        &'a self,
        shape: usize,
        (values, refused): (&[String], &Refused),
        node: &mut Node,
        report: &mut Report<'a>,
    ) {
        let Some(Scalar::Str(text)) = node.scalar() else {
            return self.wrong_type(shape, node, &one_of(values), report);
        };
        if values.iter().any(|value| value == text) {
            return;
        }
        if let Some(instead) = refused.get(&text.to_lowercase()) {
            let diagnostic = Diagnostic::new(Code::UnknownValue, node.span, format!("`{text}` is not supported"));
            return self.replace(shape, node, diagnostic.help(instead.clone()), report);
        }
        let diagnostic =
            Diagnostic::new(Code::UnknownValue, node.span, format!("unknown value `{}`{}", shorten(text), report.of()));
        let near = |text| did_you_mean(text, values.iter().map(String::as_str));
        // `CAP_CHOWN`: with a prefix that the spec omits.
        let without_prefix = || text.split_once(['_', '-']).and_then(|(_, rest)| near(rest));
        let synonym = || synonyms::value(text, values.iter().map(String::as_str));
        let help = match near(text).or_else(without_prefix).or_else(synonym) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(values)),
        };
        self.replace(shape, node, diagnostic.help(help), report);
    }

    /// Reports a text where one text or a mapping is expected.
    fn wrong_value<'a>(&'a self, shape: usize, node: &mut Node, report: &mut Report<'a>) {
        let text = shorten(node.text().unwrap_or_default());
        let message = format!("unknown value `{text}`{}", report.of());
        let diagnostic = Diagnostic::new(Code::UnknownValue, node.span, message);
        let help = self.type_help(shape, node, report);
        self.replace(shape, node, diagnostic.help(help), report);
    }

    fn visit_tagged<'a>(&'a self, shape: usize, tags: &[(String, usize)], node: &mut Node, report: &mut Report<'a>) {
        let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
        let NodeKind::Mapping(entries) = &mut node.kind else {
            return self.wrong_type(shape, node, &format!("a mapping with one key ({})", one_of(&names)), report);
        };
        if entries.len() != 1 {
            let message = format!("expected exactly one key{}, found {}", report.of(), entries.len());
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, node.span, message).help(format!("expected {}", one_of(&names)));
            return self.replace(shape, node, diagnostic, report);
        }
        let (key, value) = &mut entries[0];
        let name = key.text().unwrap_or_default().to_owned();
        if let Some((_, inner)) = tags.iter().find(|(tag, _)| *tag == name) {
            return self.visit(*inner, value, key.span, report);
        }
        let diagnostic =
            Diagnostic::new(Code::UnknownValue, key.span, format!("unknown key `{}`{}", shorten(&name), report.of()));
        let help = match did_you_mean(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(&names)),
        };
        self.replace(shape, node, diagnostic.help(help), report);
    }

    fn wrong_type<'a>(&'a self, shape: usize, node: &mut Node, expected: &str, report: &mut Report<'a>) {
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
        let remedy = if matches!(self.shapes[shape], Shape::Integer { .. }) { report.remedy() } else { String::new() };
        let help = self.type_help(shape, node, report) + &remedy;
        let message = format!("expected {}{}, found {found}", without_example(expected), report.of());
        let diagnostic = Diagnostic::new(Code::WrongType, node.span, message).help(help);
        self.replace(shape, node, diagnostic, report);
    }

    /// How to fix a wrong type, guessing what was meant.
    fn type_help(&self, shape: usize, node: &Node, report: &Report<'_>) -> String {
        let text = node.text().unwrap_or_default();
        match &self.shapes[shape] {
            Shape::Bool if matches!(text.to_lowercase().as_str(), "yes" | "y" | "on") => "write `true`".to_owned(),
            Shape::Bool if matches!(text.to_lowercase().as_str(), "no" | "n" | "off") => "write `false`".to_owned(),
            Shape::Bool => "write `true` or `false`, without quotes".to_owned(),
            Shape::Integer { .. } if text.parse::<i64>().is_ok() => format!("remove the quotes: {text}"),
            Shape::Integer { .. } => "write an integer without quotes".to_owned(),
            Shape::List { .. } if !text.is_empty() && !node.is_null() && !text.contains([',', '\n']) => {
                format!("for one item, write `[{}]`", shorten(text))
            }
            Shape::List { .. } => "start each item on its own line with `- `, or write `[a, b]`".to_owned(),
            Shape::Text { format: Some(format), example, .. }
                if !node.is_null() && check_format(format, text).is_some_and(|result| result.is_err()) =>
            {
                match report.known.near(format, None, text) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write a value such as `{example}`"),
                }
            }
            Shape::ScalarOr { .. } if node.is_null() => "for an empty string, write `\"\"`".to_owned(),
            Shape::Text { .. } | Shape::Choice { .. } | Shape::ScalarOr { .. }
                if !text.is_empty() && !node.is_null() =>
            {
                format!("to make it a string, quote it: \"{}\"", shorten(text))
            }
            Shape::Text { example, .. } => format!("write a value such as `{example}`"),
            Shape::ScalarOr { mapping } => match &self.shapes[*mapping] {
                Shape::Tagged { tags } => {
                    let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
                    format!("write a single value, or a mapping with one key ({})", one_of(&names))
                }
                _ => "write a single value".to_owned(),
            },
            Shape::Choice { values, .. } => format!("expected {}", one_of(values)),
            Shape::Fields { fields } => {
                let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                match spellings::image(text).filter(|_| names.contains(&"repository") && names.contains(&"tag")) {
                    Some(image) => format!("write `{image}`"),
                    None => format!("expected a mapping with the fields {}", names.join(", ")),
                }
            }
            Shape::Tagged { tags } if tags.iter().any(|(name, _)| name == text) => {
                format!("write its settings below it, as in `{text}: {{ … }}`")
            }
            Shape::Tagged { tags } => {
                let names: Vec<_> = tags.iter().map(|(name, _)| name.clone()).collect();
                format!("write one key ({}) and its value", one_of(&names))
            }
            Shape::ValueOr { value, mapping, .. } => match &self.shapes[*mapping] {
                Shape::Fields { fields } => {
                    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
                    format!("write `{value}`, or a mapping with the fields {}", names.join(", "))
                }
                _ => format!("write `{value}`, or indented lines of `key: value`"),
            },
            Shape::ByKind { field, kinds } => {
                let names: Vec<_> = kinds.iter().map(|(name, _)| name.clone()).collect();
                format!("expected a mapping with `{}`: {}", field.name, one_of(&names))
            }
            Shape::ByKey { kinds } => {
                let names: Vec<_> = kinds.iter().flat_map(|kind| kind.keys.clone()).collect();
                match names.as_slice() {
                    [] => "write indented lines of `key: value`".to_owned(),
                    names => format!("expected a mapping with {}", one_of(names)),
                }
            }
            _ => "write indented lines of `key: value`".to_owned(),
        }
    }

    fn replace(&self, shape: usize, node: &mut Node, diagnostic: Diagnostic, report: &mut Report<'_>) {
        if !node.span.faulty {
            report.push(diagnostic);
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
            Shape::Map { key_format, value } => {
                let key = key_format.as_deref().map_or("unreadable", placeholder_key);
                let entry = (text_node(key, span), self.placeholder(*value, span));
                Node { span, kind: NodeKind::Mapping(vec![entry]) }
            }
            Shape::List { items, min } => {
                let items = (0..*min).map(|_| self.placeholder(*items, span));
                Node { span, kind: NodeKind::Sequence(items.collect()) }
            }
            Shape::Text { example, .. } => text_node(example, span),
            Shape::Integer { min, .. } => scalar(&(*min).max(0).to_string()),
            Shape::Bool => scalar("false"),
            Shape::Choice { values, .. } => text_node(&values[0], span),
            Shape::Tagged { tags } => {
                let (name, inner) = &tags[0];
                Node { span, kind: NodeKind::Mapping(vec![(text_node(name, span), self.placeholder(*inner, span))]) }
            }
            Shape::ByKey { kinds } => self.placeholder(kinds.last().expect("there are kinds").shape, span),
            Shape::ByKind { kinds, .. } => self.placeholder(kinds.last().expect("there are kinds").1.shape, span),
            Shape::ScalarOr { .. } => text_node("", span),
            Shape::ValueOr { value, .. } => text_node(value, span),
        }
    }
}

/// The key in place of one that cannot be read.
fn placeholder_key(format: &str) -> &'static str {
    let is_valid = |key: &&str| check_format(format, key).is_some_and(|result| result.is_ok());
    ["unreadable", "/dev/unreadable"].into_iter().find(is_valid).expect("keys are names or device files")
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

/// What a format expects, without the examples.
fn without_example(expected: &str) -> &str {
    let ends = [" such as ", " ("].into_iter().filter_map(|end| expected.find(end));
    ends.min().map_or(expected, |at| &expected[..at])
}

fn quoted(name: &str) -> String {
    format!("`{}`", shorten(name))
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
    match did_you_mean(name, names.clone()).or_else(|| synonyms::field(name, &names)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help(format!("valid fields: {}", names.collect::<Vec<_>>().join(", "))),
    }
}

/// Checks a text by its format, and replaces it by the example if it is invalid.
fn check_text(format: &str, node: &mut Node, example: &str, report: &mut Report<'_>) {
    let text = node.text().unwrap_or_default();
    let Err((expected, reason)) = check_format(format, text).expect("every format has a checker") else { return };
    if !node.span.faulty {
        let what = without_example(expected);
        let message = format!("`{}` is not {what}: {reason}", shorten(text));
        let help = match report.known.near(format, report.field.and_then(|field| field.refers_to.as_deref()), text) {
            // Without quotes, it would be a number.
            Some(near) if near.parse::<f64>().is_ok() => format!("did you mean `\"{near}\"`?"),
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {expected}"),
        };
        report.push(Diagnostic::new(Code::InvalidValue, node.span, message).help(help));
    }
    *node = text_node(example, node.span.as_faulty());
}
