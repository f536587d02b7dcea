//! The JSON Schema of the spec, derived from the types and their doc comments, and explanations of its
//! fields.

use super::root::Spec;
use diagnostic::did_you_mean;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// Returns the JSON Schema of the spec.
pub fn schema() -> Value {
    let mut schema = schema_of::<Spec>();
    schema["title"] = Value::from("Spec of a homelab");
    schema
}

/// Returns the JSON Schema of a type.
pub fn schema_of<T: JsonSchema>() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = false;
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    describe_defaults(&mut schema);
    schema
}

/// Adds the default of each field to its description: not every editor shows `default`.
fn describe_defaults(schema: &mut Value) {
    match schema {
        Value::Object(entries) => {
            let default = entries.get("default").filter(|default| !is_empty(default));
            if let (Some(default), Some(description)) = (default, entries.get("description")) {
                let description = description.as_str().unwrap_or_default();
                let text = format!("{description} Default: `{}`.", in_yaml(default));
                entries.insert("description".to_owned(), text.into());
            }
            entries.values_mut().for_each(describe_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(describe_defaults),
        _ => {}
    }
}

/// Whether a value is an empty list or mapping, which is not worth mentioning as a default.
pub(crate) fn is_empty(value: &Value) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}

/// Formats a default as it is written in a spec.
pub(crate) fn in_yaml(value: &Value) -> String {
    match value {
        Value::String(text) => yaml::scalar(text),
        Value::Object(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}: {}", in_yaml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(in_yaml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The fields that match a path.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Explained {
    /// One field.
    Field(Box<Explanation>),
    /// Several fields, whose paths all end in the given path.
    Several {
        /// The fields, by path.
        matches: Vec<Field>,
    },
}

impl fmt::Display for Explained {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(explanation) => explanation.fmt(formatter),
            Self::Several { matches } => {
                writeln!(formatter, "Several fields match:\n")?;
                matches.iter().try_for_each(|field| writeln!(formatter, "{field}"))
            }
        }
    }
}

/// The explanation of a field.
#[derive(Debug, Serialize)]
pub struct Explanation {
    path: String,
    description: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    /// The default value, or the default as its description states it.
    default: Option<String>,
    example: Option<String>,
    /// The possible values or keys, exactly one of which is set; for a list or a mapping, those of each item.
    choices: Vec<Choice>,
    /// The fields below it; for a list or a mapping, those of each item.
    fields: Vec<Field>,
    #[serde(skip)]
    below: Below,
}

#[derive(Debug, Serialize)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) description: String,
    /// Whether it is the key of a mapping, and not a value.
    #[serde(skip)]
    is_key: bool,
}

/// A field in an overview.
#[derive(Debug, Serialize)]
pub struct Field {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    required: bool,
    default: Option<String>,
    /// The kinds of mappings that have it, if not all do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
    description: String,
}

/// The value that the fields and choices of an explanation belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Below {
    Itself,
    Entry,
    Item,
}

/// Explains the field at a dotted path such as `clusters.gordito.nodes`. User-defined names can be any
/// word. The empty path is the spec itself. The beginning of the path can be omitted: `expose` is the
/// same as `clusters.NAME.apps.NAME.expose`.
///
/// # Errors
/// If there is no such field. The error suggests the closest one.
pub fn explain(path: &str) -> Result<Explained, String> {
    let root = schema();
    let explained = |path: &str, found: &Found<'_>| Explained::Field(Box::new(describe(&root, path, found)));
    let error = match at(&root, path) {
        Ok(found) => return Ok(explained(path, &found)),
        Err(error) => error,
    };
    let mut matches = Vec::new();
    for path in ending_in(&root, path) {
        let found = at(&root, &path)?;
        matches.push((path, found));
    }
    match matches.as_slice() {
        [] => Err(near_field(&root, path).unwrap_or(error)),
        [(path, found)] => Ok(explained(path, found)),
        several => {
            let fields = several.iter().map(|(path, found)| field(&root, path, found, Vec::new())).collect();
            Ok(Explained::Several { matches: fields })
        }
    }
}

/// For a single word that is not the name of any field: the error that suggests the closest name.
fn near_field(root: &Value, word: &str) -> Option<String> {
    let paths = all_paths(root);
    let names = paths.iter().filter_map(|steps| steps.last().copied()).filter(|name| *name != ANY_NAME);
    let near = did_you_mean(word, names).filter(|_| !word.contains('.'))?;
    Some(format!("unknown field `{word}`; did you mean `{near}`?"))
}

fn field(root: &Value, name: &str, found: &Found<'_>, only: Vec<String>) -> Field {
    Field {
        name: name.to_owned(),
        kind: type_name(root, found.schema),
        required: found.required,
        default: default(found.schema),
        only,
        description: first_sentence(root, found),
    }
}

/// Returns the schema at a path.
fn at<'a>(root: &'a Value, path: &str) -> Result<Found<'a>, String> {
    let mut here = Found::new(root, true);
    let mut walked: Vec<&str> = Vec::new();
    for step in path.split('.').filter(|_| !path.is_empty()) {
        let place = if walked.is_empty() { "the spec".to_owned() } else { format!("`{}`", walked.join(".")) };
        if step.is_empty() {
            return Err(format!("`{path}` has an empty segment; insert a field of {place}, or remove the dot"));
        }
        let object = resolve(root, here.schema);
        here = child(root, object, step).ok_or_else(|| {
            let known = keys(root, object);
            let help = match did_you_mean(step, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has no fields".to_owned(),
                None => format!("valid fields: {}", known.join(", ")),
            };
            format!("{place} has no field `{step}`; {help}")
        })?;
        walked.push(step);
    }
    Ok(here)
}

/// The placeholder for user-defined names in the paths of fields.
const ANY_NAME: &str = "NAME";

/// The paths of all fields that end in a path.
fn ending_in(root: &Value, path: &str) -> Vec<String> {
    let wanted: Vec<_> = path.split('.').collect();
    if wanted.contains(&"") {
        return Vec::new();
    }
    let ends = |steps: &Vec<&str>| {
        let Some(last) = steps.len().checked_sub(wanted.len()).map(|start| &steps[start..]) else { return false };
        // A user-defined name matches any word, so at least one other step must be equal.
        let is_equal = last.iter().zip(&wanted).any(|(step, wanted)| step == wanted);
        is_equal && last.iter().zip(&wanted).all(|(step, wanted)| step == wanted || *step == ANY_NAME)
    };
    all_paths(root).iter().filter(|steps| ends(steps)).map(|steps| steps.join(".")).collect()
}

/// The paths of all fields, sorted.
fn all_paths(root: &Value) -> BTreeSet<Vec<&str>> {
    let mut found = BTreeSet::new();
    // The types are not recursive.
    let mut open = vec![(Vec::new(), root)];
    while let Some((mut steps, schema)) = open.pop() {
        let target = resolve(root, schema);
        found.insert(steps.clone());
        let target = match inner(target) {
            Some((entry, Below::Entry)) => {
                steps.push(ANY_NAME);
                found.insert(steps.clone());
                resolve(root, entry)
            }
            Some((item, _)) => resolve(root, item),
            None => target,
        };
        for key in keys(root, target) {
            if let Some(field) = child(root, target, key) {
                open.push(([&steps[..], &[key]].concat(), field.schema));
            }
        }
    }
    found
}

impl fmt::Display for Explanation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = match self.below {
            Below::Itself => "",
            Below::Entry => " of an entry",
            Below::Item => " of an item",
        };
        writeln!(formatter, "{}", if self.path.is_empty() { "the spec" } else { &self.path })?;
        if !self.description.is_empty() {
            writeln!(formatter, "\n{}", self.description)?;
        }
        writeln!(formatter, "\ntype: {}", self.kind)?;
        if let Some(example) = &self.example {
            writeln!(formatter, "example: {example}")?;
        }
        let (keys, values): (Vec<_>, Vec<_>) = self.choices.iter().partition(|choice| choice.is_key);
        for (what, choices) in [("possible values", values), ("possible keys", keys)] {
            if !choices.is_empty() {
                writeln!(formatter, "\n{what}{of}:")?;
            }
            for choice in choices {
                writeln!(formatter, "  {}: {}", choice.value, choice.description)?;
            }
        }
        if !self.fields.is_empty() {
            writeln!(formatter, "\nfields{of}:")?;
        }
        for field in self.fields.iter().filter(|field| field.only.is_empty()) {
            writeln!(formatter, "{field}")?;
        }
        // Fields are grouped by kind.
        let mut kinds: Vec<_> = self.fields.iter().map(|field| &field.only).filter(|only| !only.is_empty()).collect();
        kinds.sort();
        kinds.dedup();
        for kind in kinds {
            writeln!(formatter, "\nfields of a {}:", kind.join(" or a "))?;
            for field in self.fields.iter().filter(|field| field.only == *kind) {
                writeln!(formatter, "{field}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let default = self.default.as_ref().map(|default| format!(", default: {default}"));
        let about = if self.required { Some(", required".to_owned()) } else { default };
        write!(formatter, "  {} ({}{}): {}", self.name, self.kind, about.unwrap_or_default(), self.description)
    }
}

/// The schema of a field, and whether the field is required.
pub(crate) struct Found<'a> {
    pub(crate) schema: &'a Value,
    required: bool,
    /// The description of a possible key of a mapping with one key, which is not in the schema of its value.
    of_key: Option<&'a str>,
}

impl<'a> Found<'a> {
    fn new(schema: &'a Value, required: bool) -> Self {
        Self { schema, required, of_key: None }
    }

    /// The description of the field itself, not of its type.
    fn description(&self) -> Option<&'a str> {
        self.schema["description"].as_str().or(self.of_key)
    }
}

fn describe(root: &Value, path: &str, found: &Found<'_>) -> Explanation {
    let target = resolve(root, found.schema);
    let own = found.description();
    let of_type = target["description"].as_str().filter(|description| own != Some(*description));
    let paragraphs: Vec<_> = [own, of_type].into_iter().flatten().map(str::trim).collect();
    let (body, below) = match inner(target) {
        Some((inner, below)) => (resolve(root, inner), below),
        None => (target, Below::Itself),
    };
    let choices = choices(root, body);
    let fields = keys(root, body).into_iter().filter(|name| choices.iter().all(|choice| choice.value != **name));
    let fields =
        fields.filter_map(|name| Some(field(root, name, &child(root, body, name)?, kinds_with(root, body, name))));
    Explanation {
        path: path.to_owned(),
        kind: type_name(root, found.schema),
        required: found.required,
        default: default(found.schema),
        example: target["examples"][0].as_str().map(str::to_owned),
        fields: fields.collect(),
        description: paragraphs.join("\n\n"),
        choices,
        below,
    }
}

fn first_sentence(root: &Value, field: &Found<'_>) -> String {
    let text = field.description().or_else(|| resolve(root, field.schema)["description"].as_str()).unwrap_or_default();
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let end = paragraph.find(". ").map_or(paragraph.len(), |at| at + 1);
    paragraph[..end].to_owned()
}

/// The default of a field: its value, or the text after `Default:` in its description.
pub(crate) fn default(field: &Value) -> Option<String> {
    match &field["default"] {
        empty if is_empty(empty) => None,
        Value::Null => field["description"].as_str().and_then(default_of),
        default => Some(in_yaml(default)),
    }
}

/// The text after `Default:` in a description, up to the end of the sentence.
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

/// The possible values of a choice, or the possible keys of a mapping with one key.
pub(crate) fn choices(root: &Value, schema: &Value) -> Vec<Choice> {
    let choice = |value: &Value, branch: &Value, is_key: bool| {
        let description = branch["description"].as_str().unwrap_or_default().replace('\n', " ");
        value.as_str().map(|value| Choice { value: value.to_owned(), description, is_key })
    };
    branches(schema)
        .flat_map(|branch| {
            if !branch["$ref"].is_null() {
                return choices(root, resolve(root, branch));
            }
            let key = choice(&branch["required"][0], branch, true);
            let values = [&branch["const"]].into_iter().chain(branch["enum"].as_array().into_iter().flatten());
            key.into_iter().chain(values.filter_map(|value| choice(value, branch, false))).collect()
        })
        .collect()
}

/// The names of the fields that a value can have.
pub(crate) fn keys<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a str> {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut names: Vec<_> = properties.map(|(name, _)| name.as_str()).collect();
    for name in branches(schema).flat_map(|branch| keys(root, resolve(root, branch))) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

pub(crate) fn branches(schema: &Value) -> impl Iterator<Item = &Value> {
    schema["oneOf"].as_array().into_iter().flatten()
}

/// The titles of the kinds of a mapping that have a field; empty if all have it.
fn kinds_with(root: &Value, schema: &Value, name: &str) -> Vec<String> {
    let kinds: Vec<_> = branches(schema).map(|branch| resolve(root, branch)).collect();
    let with: Vec<_> = kinds.iter().filter(|kind| !kind["properties"][name].is_null()).collect();
    if with.len() == kinds.len() {
        return Vec::new();
    }
    with.into_iter().filter_map(|kind| kind["title"].as_str().map(str::to_owned)).collect()
}

/// The schema of a field; for a mapping from names, that of its values; for a list, that of its items.
pub(crate) fn child<'a>(root: &'a Value, schema: &'a Value, step: &str) -> Option<Found<'a>> {
    if let Some(field) = schema["properties"].get(step) {
        let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|name| name == step));
        return Some(Found::new(field, required));
    }
    if schema["oneOf"].is_array() {
        let is_required = |branch: &Value| {
            let found = child(root, resolve(root, branch), step);
            branch["$ref"].is_null() && found.is_none() || found.is_some_and(|found| found.required)
        };
        let (branch, found) =
            branches(schema).find_map(|branch| Some((branch, child(root, resolve(root, branch), step)?)))?;
        // Branches that are not references are keys of which exactly one is set.
        let required = !branch["$ref"].is_null() && branches(schema).all(is_required);
        let of_key = found.of_key.or_else(|| branch["description"].as_str());
        return Some(Found { required, of_key, ..found });
    }
    if is_any(schema) {
        return Some(Found::new(schema, false));
    }
    if schema["additionalProperties"] == true {
        return Some(Found::new(&schema["additionalProperties"], false));
    }
    match inner(schema)? {
        (item, Below::Item) => {
            let is_index = step.parse::<usize>().is_ok();
            let found = child(root, resolve(root, item), step);
            found.or_else(|| is_index.then_some(Found::new(item, false)))
        }
        (entry, _) => Some(Found::new(entry, false)),
    }
}

/// The schema of the values of a mapping from names, or of the items of a list.
pub(crate) fn inner(schema: &Value) -> Option<(&Value, Below)> {
    if schema["additionalProperties"].is_object() {
        return Some((&schema["additionalProperties"], Below::Entry));
    }
    if let Some(patterns) = schema["patternProperties"].as_object() {
        return patterns.values().next().map(|entry| (entry, Below::Entry));
    }
    schema["items"].is_object().then(|| (&schema["items"], Below::Item))
}

/// Whether any value is allowed.
fn is_any(schema: &Value) -> bool {
    ["type", "$ref", "oneOf", "anyOf", "const", "enum"].iter().all(|key| schema[key].is_null())
}

/// Follows references, and unwraps optional values.
pub(crate) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
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
    fn extracts_the_default_from_a_description() {
        for (description, default) in [
            ("Memory. Default: `4GiB`.", Some("4GiB")),
            ("Its network. Default: `10.42.0.0/16`.", Some("10.42.0.0/16")),
            ("Which. Default: `https://a.example`. More\nof it.", Some("https://a.example")),
            ("Requests. Default: `cpu: 50m`, `memory: 128Mi`.", Some("`cpu: 50m`, `memory: 128Mi`")),
            ("Servers.\nDefault: the\ngateway.", Some("the gateway")),
            ("Nothing.", None),
        ] {
            assert_eq!(default_of(description).as_deref(), default, "{description}");
        }
    }
}
