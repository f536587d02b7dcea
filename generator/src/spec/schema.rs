//! The spec's JSON Schema, made from the shapes and their doc comments, and its fields explained one
//! by one.

use super::shape::Spec;
use diagnostic::did_you_mean;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;
use std::fmt;

/// The schema as a JSON value.
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = false;
    let mut schema = settings.into_generator().into_root_schema_for::<Spec>().to_value();
    let title = Value::from("The spec of a homelab");
    schema["title"] = title;
    schema
}

/// What there is to say about a field.
#[derive(Debug, Serialize)]
pub struct Explanation {
    path: String,
    description: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    /// In words, as its description tells it.
    default: Option<String>,
    example: Option<String>,
    /// Words or keys of which it takes one; of a list or a mapping, what each item takes.
    choices: Vec<Choice>,
    /// The fields below it; of a list or a mapping, those of each item.
    fields: Vec<Field>,
    #[serde(skip)]
    below: Below,
}

#[derive(Debug, Serialize)]
struct Choice {
    value: String,
    description: String,
}

#[derive(Debug, Serialize)]
struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    description: String,
}

/// What the fields and choices of an explanation belong to.
#[derive(Debug, Clone, Copy)]
enum Below {
    Itself,
    Entry,
    Item,
}

/// Explains the field at a dotted path such as `clusters.gordito.nodes`. Names that the user chooses
/// may be any word. The empty path stands for the spec itself.
///
/// # Errors
/// If there is no such field, with the nearest one that there is.
pub fn explain(path: &str) -> Result<Explanation, String> {
    let root = schema();
    let mut here = Found { schema: &root, required: true };
    let mut walked: Vec<&str> = Vec::new();
    for step in path.split('.').filter(|_| !path.is_empty()) {
        let place = if walked.is_empty() { "the spec".to_owned() } else { format!("`{}`", walked.join(".")) };
        if step.is_empty() {
            return Err(format!("`{path}` has an empty step: name a field of {place} there, or leave out the dot"));
        }
        let object = resolve(&root, here.schema);
        here = child(&root, object, step).ok_or_else(|| {
            let known = keys(&root, object);
            let help = match did_you_mean(step, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has no fields".to_owned(),
                None => format!("it has {}", known.join(", ")),
            };
            format!("{place} has no field `{step}`; {help}")
        })?;
        walked.push(step);
    }
    Ok(describe(&root, path, &here))
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (each, of) = match self.below {
            Below::Itself => ("", ""),
            Below::Entry => ("each ", " of an entry"),
            Below::Item => ("each ", " of an item"),
        };
        writeln!(formatter, "{}", if self.path.is_empty() { "the spec" } else { &self.path })?;
        if !self.description.is_empty() {
            writeln!(formatter, "\n{}", self.description)?;
        }
        writeln!(formatter, "\ntype: {}", self.kind)?;
        if let Some(example) = &self.example {
            writeln!(formatter, "example: {example}")?;
        }
        if !self.choices.is_empty() {
            writeln!(formatter, "\n{each}one of:")?;
        }
        for choice in &self.choices {
            writeln!(formatter, "  {}: {}", choice.value, choice.description)?;
        }
        if !self.fields.is_empty() {
            writeln!(formatter, "\nfields{of}:")?;
        }
        for field in &self.fields {
            let mark = if field.required { " (required)" } else { "" };
            writeln!(formatter, "  {}{mark}: {}", field.name, field.description)?;
        }
        Ok(())
    }
}

/// A place in the schema, and whether the one above it must have it.
struct Found<'a> {
    schema: &'a Value,
    required: bool,
}

fn describe(root: &Value, path: &str, found: &Found<'_>) -> Explanation {
    let target = resolve(root, found.schema);
    let own = found.schema["description"].as_str();
    let of_type = target["description"].as_str().filter(|description| own != Some(*description));
    let paragraphs: Vec<_> = [own, of_type].into_iter().flatten().map(str::trim).collect();
    let (body, below) = match inner(target) {
        Some((inner, below)) => (resolve(root, inner), below),
        None => (target, Below::Itself),
    };
    let choices = choices(root, body);
    let fields = keys(root, body).into_iter().filter(|name| choices.iter().all(|choice| choice.value != **name));
    let fields = fields.filter_map(|name| {
        let field = child(root, body, name)?;
        Some(Field {
            name: name.to_owned(),
            kind: type_name(root, field.schema),
            required: field.required,
            description: first_sentence(root, field.schema),
        })
    });
    Explanation {
        path: path.to_owned(),
        kind: type_name(root, found.schema),
        required: found.required,
        default: own.and_then(default_of),
        example: target["examples"][0].as_str().map(str::to_owned),
        fields: fields.collect(),
        description: paragraphs.join("\n\n"),
        choices,
        below,
    }
}

fn first_sentence(root: &Value, field: &Value) -> String {
    let text =
        field["description"].as_str().or_else(|| resolve(root, field)["description"].as_str()).unwrap_or_default();
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].to_owned()
}

/// What a description says after `Default:`, up to the end of the sentence.
fn default_of(description: &str) -> Option<String> {
    let text = description.replace('\n', " ");
    let (_, rest) = text.split_once("Default: ")?;
    let mut in_code = false;
    let end = rest.char_indices().find(|(at, c)| {
        in_code ^= *c == '`';
        *c == '.' && !in_code && matches!(rest.as_bytes().get(at + 1), None | Some(b' '))
    });
    let sentence = &rest[..end.map_or(rest.len(), |(at, _)| at)];
    let code = sentence.strip_prefix('`').and_then(|code| code.strip_suffix('`')).filter(|code| !code.contains('`'));
    Some(code.unwrap_or(sentence).to_owned())
}

/// The words, and the keys of mappings with one key, of which a value takes one.
fn choices(root: &Value, schema: &Value) -> Vec<Choice> {
    let choice = |value: &Value, branch: &Value| {
        let description = branch["description"].as_str().unwrap_or_default().to_owned();
        value.as_str().map(|value| Choice { value: value.to_owned(), description })
    };
    let branches = schema["oneOf"].as_array().into_iter().flatten();
    branches
        .flat_map(|branch| {
            if !branch["$ref"].is_null() {
                return choices(root, resolve(root, branch));
            }
            let words = branch["enum"].as_array().into_iter().flatten();
            let named = [&branch["const"], &branch["required"][0]].into_iter().chain(words);
            named.filter_map(|value| choice(value, branch)).collect()
        })
        .collect()
}

/// The names of the fields that a value may have.
fn keys<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    if let Some(properties) = schema["properties"].as_object() {
        return properties.keys().map(String::as_str).collect();
    }
    let branches = schema["oneOf"].as_array().into_iter().flatten();
    branches.flat_map(|branch| keys(root, resolve(root, branch))).collect()
}

/// The schema of a field; in a mapping from names, that of any name; in a list, that of its items.
fn child<'a>(root: &'a Value, schema: &'a Value, step: &str) -> Option<Found<'a>> {
    if let Some(field) = schema["properties"].get(step) {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == step));
        return Some(Found { schema: field, required });
    }
    if let Some(branches) = schema["oneOf"].as_array() {
        return branches.iter().find_map(|branch| {
            let found = child(root, resolve(root, branch), step)?;
            // What stands in the choice itself is one kind of several.
            Some(Found { required: found.required && !branch["$ref"].is_null(), ..found })
        });
    }
    if is_any(schema) {
        return Some(Found { schema, required: false });
    }
    if schema["additionalProperties"] == true {
        return Some(Found { schema: &schema["additionalProperties"], required: false });
    }
    match inner(schema)? {
        (item, Below::Item) => {
            let is_index = step.parse::<usize>().is_ok();
            let found = child(root, resolve(root, item), step);
            found.or_else(|| is_index.then_some(Found { schema: item, required: false }))
        }
        (entry, _) => Some(Found { schema: entry, required: false }),
    }
}

/// What the entries of a mapping from names are, or the items of a list.
fn inner(schema: &Value) -> Option<(&Value, Below)> {
    if schema["additionalProperties"].is_object() {
        return Some((&schema["additionalProperties"], Below::Entry));
    }
    if let Some(patterns) = schema["patternProperties"].as_object() {
        return patterns.values().next().map(|entry| (entry, Below::Entry));
    }
    schema["items"].is_object().then(|| (&schema["items"], Below::Item))
}

/// Whether anything may stand here.
fn is_any(schema: &Value) -> bool {
    ["type", "$ref", "oneOf", "anyOf", "const", "enum"].iter().all(|key| schema[key].is_null())
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
    if let Some(branches) = target["oneOf"].as_array() {
        let is_word = |branch: &Value| branch["const"].is_string() || branch["enum"].is_array();
        if branches.iter().all(is_word) {
            return "choice".to_owned();
        }
        let mut names: Vec<_> = branches.iter().map(|branch| branch_name(root, branch)).collect();
        names.dedup();
        return names.join(" or ");
    }
    let of_inner = |what: &str, each: &str| match inner(target) {
        Some((inner, _)) => format!("{what} {each} {}", type_name(root, inner)),
        None => what.to_owned(),
    };
    let names: Vec<_> = match &target["type"] {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => vec!["any"],
    };
    match (names.join(" or ").as_str(), target["format"].as_str()) {
        ("object", _) if target["properties"].is_null() => of_inner("mapping from names", "to"),
        ("array", _) => of_inner("list", "of"),
        (name, Some(format)) if name.starts_with("string") => format!("{name} ({format})"),
        (name, _) => name.to_owned(),
    }
}

fn branch_name(root: &Value, branch: &Value) -> String {
    match &branch["const"] {
        Value::String(word) => format!("`{word}`"),
        _ if branch["properties"].is_object() => "object with one key".to_owned(),
        _ => type_name(root, branch),
    }
}

#[cfg(test)]
mod tests {
    use super::default_of;

    #[test]
    fn defaults_are_told_as_the_description_tells_them() {
        for (description, default) in [
            ("Memory. Default: `4GiB`.", Some("4GiB")),
            ("Its network. Default: `10.42.0.0/16`.", Some("10.42.0.0/16")),
            ("Which. Default: `https://a.example`. More\nof it.", Some("https://a.example")),
            ("Set aside. Default: `cpu: 50m`, `memory: 128Mi`.", Some("`cpu: 50m`, `memory: 128Mi`")),
            ("Servers.\nDefault: the\ngateway.", Some("the gateway")),
            ("Nothing.", None),
        ] {
            assert_eq!(default_of(description).as_deref(), default, "{description}");
        }
    }
}
