//! The spec's JSON Schema, made from the shapes and their doc comments.

use super::shape::Spec;
use crate::diagnostic::did_you_mean;
use schemars::generate::SchemaSettings;
use serde_json::Value;

/// The schema as a JSON value.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = false;
    let mut schema = settings.into_generator().into_root_schema_for::<Spec>().to_value();
    let title = Value::from("The spec of a homelab");
    schema["title"] = title;
    schema
}

/// What there is to say about the field at a dotted path such as `clusters.gordito.nodes`. Names
/// that the user chooses may be any word. The empty path stands for the spec itself.
///
/// # Errors
/// If there is no such field, with the nearest one that there is.
pub fn explain(path: &str) -> Result<String, String> {
    let root = schema();
    let mut here = &root;
    let mut field = &root;
    let mut walked = Vec::new();
    for step in path.split('.').filter(|step| !step.is_empty()) {
        let object = resolve(&root, here);
        field = child(&root, object, step).ok_or_else(|| {
            let known = fields(object);
            let place = if walked.is_empty() { "the spec".to_owned() } else { format!("`{}`", walked.join(".")) };
            let help = match did_you_mean(step, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has no fields".to_owned(),
                None => format!("it has {}", known.join(", ")),
            };
            format!("{place} has no field `{step}`; {help}")
        })?;
        here = field;
        walked.push(step);
    }
    Ok(describe(&root, path, field))
}

fn describe(root: &Value, path: &str, field: &Value) -> String {
    let target = resolve(root, field);
    let mut text = format!("{}\n", if path.is_empty() { "the spec" } else { path });
    let own = field["description"].as_str();
    let of_type = target["description"].as_str().filter(|description| own != Some(*description));
    for description in [own, of_type].into_iter().flatten() {
        text.push_str(&format!("\n{}\n", description.trim()));
    }
    text.push_str(&format!("\ntype: {}\n", type_name(root, field)));
    if let Some(example) = target["examples"].get(0).and_then(Value::as_str) {
        text.push_str(&format!("example: {example}\n"));
    }
    let choices = choices(target);
    if !choices.is_empty() {
        text.push_str("\none of:\n");
        for (name, description) in choices {
            text.push_str(&format!("  {name}: {description}\n"));
        }
    }
    let names = fields(target);
    if !names.is_empty() {
        text.push_str("\nfields:\n");
        let required: Vec<_> = target["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for name in names {
            let about = child(root, target, name).map_or(String::new(), |field| first_sentence(root, field));
            let mark = if required.contains(&name) { " (required)" } else { "" };
            text.push_str(&format!("  {name}{mark}: {about}\n"));
        }
    }
    text
}

fn first_sentence(root: &Value, field: &Value) -> String {
    let text =
        field["description"].as_str().or_else(|| resolve(root, field)["description"].as_str()).unwrap_or_default();
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].to_owned()
}

fn choices(schema: &Value) -> Vec<(&str, &str)> {
    let branches = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    branches
        .iter()
        .filter_map(|branch| {
            let name = branch["const"].as_str().or_else(|| branch["required"][0].as_str())?;
            Some((name, branch["description"].as_str().unwrap_or_default()))
        })
        .collect()
}

fn fields(schema: &Value) -> Vec<&str> {
    if let Some(properties) = schema["properties"].as_object() {
        return properties.keys().map(String::as_str).collect();
    }
    let branches = schema["oneOf"].as_array().map_or(&[][..], Vec::as_slice);
    branches.iter().filter(|branch| branch["properties"].is_object()).flat_map(|branch| fields(branch)).collect()
}

/// The schema of a field; in a mapping from names, that of any name; in a list, that of its items.
fn child<'a>(root: &'a Value, schema: &'a Value, step: &str) -> Option<&'a Value> {
    if let Some(field) = schema["properties"].get(step) {
        return Some(field);
    }
    if let Some(branches) = schema["oneOf"].as_array() {
        return branches.iter().find_map(|branch| branch["properties"].get(step));
    }
    if schema["additionalProperties"].is_object() {
        return Some(&schema["additionalProperties"]);
    }
    if let Some(patterns) = schema["patternProperties"].as_object() {
        return patterns.values().next();
    }
    match &schema["items"] {
        items @ Value::Object(_) => {
            let items = resolve(root, items);
            child(root, items, step).or_else(|| step.parse::<usize>().is_ok().then_some(items))
        }
        _ => None,
    }
}

/// Follows references and steps over "or nothing".
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
        return root.pointer(pointer).map_or(schema, |target| resolve(root, target));
    }
    match schema["anyOf"].as_array().map(Vec::as_slice) {
        Some([one, Value::Object(other)]) if other.get("type").is_some_and(|kind| kind == "null") => resolve(root, one),
        _ => schema,
    }
}

fn type_name(root: &Value, field: &Value) -> String {
    let target = resolve(root, field);
    let name = match &target["type"] {
        Value::String(name) => name.as_str(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("any"),
        _ if target["oneOf"].is_array() => "choice",
        _ => "any",
    };
    match (name, target["format"].as_str()) {
        ("string", Some(format)) => format!("string ({format})"),
        ("object", _) if target["properties"].is_null() => "mapping from names".to_owned(),
        ("array", _) => format!("list of {}", type_name(root, &target["items"])),
        (name, _) => name.to_owned(),
    }
}
