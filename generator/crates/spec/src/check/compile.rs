//! Compiles a JSON Schema.
//!
//! Supports only the part of JSON Schema that our types use, and panics on the rest; a test would find that.

use super::{Checker, Field, Kind, Refused, Shape};
use crate::types::{check_format, format_of_pattern};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The keyword of a field whose value is the name of an entry.
const REFERS_TO: &str = "x-refers-to";

/// The keyword that says what to do instead of setting a field.
const REMEDY: &str = "x-remedy";

/// The keyword with values that people may expect, each with what to do instead.
const REFUSED: &str = "x-refused";

/// The values that a schema refuses with words of their own.
fn refused(schema: &Json) -> Refused {
    let entries = schema[REFUSED].as_object().into_iter().flatten();
    entries.filter_map(|(value, instead)| Some((value.clone(), instead.as_str()?.to_owned()))).collect()
}

impl Checker {
    pub(in super::super) fn new(schema: &Json) -> Self {
        let mut checker = Self { shapes: vec![Shape::Pending], by_name: BTreeMap::new() };
        let shape = checker.compile(schema, schema);
        checker.shapes[0] = Shape::Optional(shape);
        checker
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
        if let (Some(branches), Some(properties)) = (schema["oneOf"].as_array(), schema["properties"].as_object()) {
            let (name, field) = properties.iter().next().expect("one field decides the kind");
            return self.compile_kinds(root, branches, (name, field));
        }
        if let Some(branches) = schema["oneOf"].as_array() {
            return self.compile_choice(root, branches, refused(schema));
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
                let values = values.filter_map(|value| value.as_str().map(str::to_owned)).collect();
                Shape::Choice { values, refused: refused(schema) }
            }
            "string" if schema["const"].is_string() => {
                let values = vec![schema["const"].as_str().unwrap_or_default().to_owned()];
                Shape::Choice { values, refused: refused(schema) }
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
            let key_format = format_of_pattern(pattern).expect("patterns of keys belong to a type").to_owned();
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
            .map(|(name, field)| self.compile_field(root, (name, field), required.contains(&name.as_str())))
            .collect();
        Shape::Fields { fields }
    }

    fn compile_field(&mut self, root: &Json, (name, field): (&str, &Json), required: bool) -> Field {
        Field {
            name: name.to_owned(),
            shape: self.compile(root, field),
            required,
            remedy: field[REMEDY].as_str().map(str::to_owned),
            refers_to: field[REFERS_TO].as_str().map(str::to_owned),
            about: first_sentence(field["description"].as_str().unwrap_or_default()),
        }
    }

    /// A kind of a mapping, which a branch refers to.
    fn compile_kind(&mut self, root: &Json, branch: &Json) -> Kind {
        let target = target(root, branch);
        let keys = target["required"].as_array().into_iter().flatten().filter_map(Json::as_str);
        Kind {
            title: target["title"].as_str().expect("kinds have a title").to_owned(),
            keys: keys.map(str::to_owned).collect(),
            shape: self.compile(root, branch),
            remedy: target[REMEDY].as_str().map(str::to_owned),
        }
    }

    /// Kinds of a mapping that a field decides, whose values are in the order of the kinds.
    fn compile_kinds(&mut self, root: &Json, branches: &[Json], field: (&str, &Json)) -> usize {
        let names = field.1["oneOf"].as_array().into_iter().flatten().filter_map(|value| value["const"].as_str());
        let names: Vec<_> = names.map(str::to_owned).collect();
        assert!(names.len() == branches.len(), "every kind has a name: {names:?}");
        let kinds = names.into_iter().zip(branches).map(|(name, branch)| (name, self.compile_kind(root, branch)));
        let kinds = kinds.collect();
        let field = self.compile_field(root, field, true);
        self.add(Shape::ByKind { field, kinds })
    }

    fn compile_choice(&mut self, root: &Json, branches: &[Json], refused: Refused) -> usize {
        let shape = if branches.iter().all(|branch| branch["const"].is_string() || branch["enum"].is_array()) {
            let values = branches.iter().flat_map(|branch| match &branch["enum"] {
                Json::Array(values) => values.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                _ => vec![branch["const"].as_str().unwrap_or_default().to_owned()],
            });
            Shape::Choice { values: values.collect(), refused }
        } else if branches.iter().all(|branch| branch["properties"].as_object().is_some_and(|fields| fields.len() == 1))
        {
            let tags = branches.iter().flat_map(|branch| branch["properties"].as_object().into_iter().flatten());
            Shape::Tagged { tags: tags.map(|(name, value)| (name.clone(), self.compile(root, value))).collect() }
        } else if branches.iter().all(|branch| branch["$ref"].is_string()) {
            let kinds = branches.iter().map(|branch| self.compile_kind(root, branch));
            Shape::ByKey { kinds: kinds.collect() }
        } else if branches.len() == 2 && branches[0]["const"].is_string() {
            let value = branches[0]["const"].as_str().unwrap_or_default().to_owned();
            Shape::ValueOr { value, refused, mapping: self.compile(root, &branches[1]) }
        } else {
            assert!(
                branches.len() == 2 && branches[0]["type"].is_array(),
                "the checker does not know this choice: {branches:?}"
            );
            Shape::ScalarOr { mapping: self.compile(root, &branches[1]) }
        };
        self.add(shape)
    }
}

/// What a schema refers to.
fn target<'a>(root: &'a Json, schema: &Json) -> &'a Json {
    let pointer = schema["$ref"].as_str().unwrap_or_default();
    root.pointer(pointer.trim_start_matches('#')).expect("schemars defines what it refers to")
}

/// The first sentence of a description, without its period.
fn first_sentence(description: &str) -> String {
    let text = description.replace('\n', " ");
    text.split_once(". ").map_or(text.trim_end_matches('.'), |(sentence, _)| sentence).to_owned()
}
