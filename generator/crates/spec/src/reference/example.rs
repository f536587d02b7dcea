//! Examples: parts of the example lab, with the keys above them.

use super::shapes::{Shape, Shapes};
use crate::schema::{child, inner, keys, resolve};
use serde_json::Value as Schema;
use yaml::Value;

/// The longest example, in lines.
const MAX_LINES: usize = 30;

/// The part of the example lab that has the shape, with the most fields. If it is long, fields that have sections are left
/// out.
pub(super) fn of(root: &Schema, shapes: &Shapes<'_>, labs: &[Value], shape: &Shape<'_>) -> Option<Example> {
    let mut found = Vec::new();
    for path in &shape.paths {
        let steps: Vec<_> = path.split('.').collect();
        let fitting = |value: &Value| {
            let is_short = yaml::document(value).lines().count() + steps.len() <= MAX_LINES;
            let part = || if is_short { value.clone() } else { own_fields(root, shapes, shape.schema, value) };
            fits(root, shape.schema, value).then(part)
        };
        labs.iter().for_each(|lab| examples(lab, &steps, &fitting, &mut found));
    }
    found.retain(|example| !example.fields.is_empty() && example.text().lines().count() <= MAX_LINES);
    // The first of those with the most fields.
    let most = found.iter().map(|example| example.fields.len()).max()?;
    found.into_iter().find(|example| example.fields.len() == most)
}

/// An example of a shape.
pub(super) struct Example {
    /// The example, with the keys above it.
    value: Value,
    /// The fields of the shape in it.
    pub(super) fields: Vec<String>,
}

impl Example {
    /// The example as YAML.
    pub(super) fn text(&self) -> String {
        yaml::document(&self.value)
    }
}

/// Appends the examples at a path.
fn examples(node: &Value, steps: &[&str], of_shape: &dyn Fn(&Value) -> Option<Value>, found: &mut Vec<Example>) {
    let mut inside = |node: &Value, steps: &[&str], wrap: &dyn Fn(Value) -> Value| {
        let start = found.len();
        examples(node, steps, of_shape, found);
        for example in &mut found[start..] {
            example.value = wrap(std::mem::take(&mut example.value));
        }
    };
    match (node, steps) {
        (Value::Seq(items), _) => items.iter().for_each(|item| inside(item, steps, &|value| Value::Seq(vec![value]))),
        (_, []) => {
            if let Some(Value::Map(entries)) = of_shape(node) {
                let fields = entries.iter().map(|(key, _)| key.clone()).collect();
                found.push(Example { value: Value::Map(entries), fields });
            }
        }
        (Value::Map(entries), [step, rest @ ..]) => {
            for (key, value) in entries.iter().filter(|(key, _)| *step == "NAME" || key == step) {
                inside(value, rest, &|value| Value::Map(vec![(key.clone(), value)]));
            }
        }
        _ => {}
    }
}

/// Whether a mapping has the required fields of a shape, and no others.
fn fits(root: &Schema, schema: &Schema, value: &Value) -> bool {
    let Value::Map(entries) = value else { return false };
    let known = keys(root, schema);
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Schema::as_str);
    // A null removes a field of the first lab.
    entries.iter().all(|(key, value)| known.contains(&key.as_str()) && *value != Value::Null)
        && required.into_iter().all(|key| value.get(key).is_some())
}

/// The fields of a mapping that have no section.
fn own_fields(root: &Schema, shapes: &Shapes<'_>, schema: &Schema, value: &Value) -> Value {
    let Value::Map(entries) = value else { return value.clone() };
    let has_section = |key: &str| {
        let Some(found) = child(root, schema, key) else { return false };
        let target = resolve(root, found.schema);
        let inside = inner(target).map(|(inside, _)| inside);
        let is_named = inside.is_some() && target["type"] != "array";
        let of = inside.unwrap_or(found.schema);
        let is_shape = |of| shapes.find(of).is_some_and(|shape| !shape.is_value);
        is_shape(of) || is_named && resolve(root, of)["oneOf"].is_array()
    };
    let own = entries.iter().filter(|(key, _)| !has_section(key));
    let own: Vec<_> = own.cloned().collect();
    let is_one_key = schema["oneOf"].is_array();
    Value::Map(if is_one_key { entries.clone() } else { own })
}
