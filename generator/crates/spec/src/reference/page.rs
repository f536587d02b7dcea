//! The pages as Markdown.

use super::example::{self, Example};
use super::shapes::{Shape, Shapes, is_long_choice};
use super::{EXAMPLE, MARKER, PARTS, Part, SHARED, VALUES};
use crate::schema::{branches, choices, default, in_yaml, inner, is_empty, resolve};
use serde_json::Value;
use std::fmt::Write as _;

/// How many paths of a shape are listed.
const MAX_PATHS: usize = 5;

pub(super) struct Writer<'a> {
    root: &'a Value,
    shapes: &'a Shapes<'a>,
    /// The example lab, and the choices that it makes otherwise.
    labs: Vec<yaml::Value>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(root: &'a Value, shapes: &'a Shapes<'a>) -> Self {
        let (documents, _) = yaml::documents(EXAMPLE, yaml::Limits::default());
        Self { root, shapes, labs: documents.iter().map(yaml::Node::to_value).collect() }
    }

    /// The first page.
    pub(super) fn index(&self) -> String {
        let mut text = format!(
            "{MARKER}\n\n# Spec reference\n\nEvery field of `spec/homelab.yaml`, from the same descriptions as the JSON Schema \
             and `homelab explain PATH`. A field is listed with its type, its range, and its default; a field without a \
             default is optional unless it is required. In paths, `NAME` is a name that you choose.\n\n"
        );
        let fields = self.root["properties"].as_object().into_iter().flatten();
        for (name, field) in fields {
            let entry = match PARTS.iter().find(|part| part.path == name) {
                Some(part) => format!("[`{name}`]({}.md)", part.name),
                None => format!("`{name}`"),
            };
            let required = if is_required(self.root, name) { " (required)" } else { "" };
            writeln!(text, "- {entry}{required}: {}", paragraphs(own_description(field, self.root), 2)).expect(MEMORY);
            if name == "clusters" {
                for part in PARTS.iter().filter(|part| part.path.starts_with("clusters.")) {
                    writeln!(text, "  - [`{}`]({}.md): {}", part.path, part.name, part.about).expect(MEMORY);
                }
            }
        }
        for part in PARTS.iter().filter(|part| part.path.is_empty()) {
            writeln!(text, "- [{}]({}.md): {}", part.title, part.name, part.about).expect(MEMORY);
        }
        text.push_str(
            "\nThe examples on these pages are parts of one lab, each with the keys above it. Next: [lab](lab.md), or [the \
             options of an app](../apps.md).\n",
        );
        text
    }

    /// The page of a part.
    pub(super) fn part(&self, part: &Part) -> String {
        let mut text = format!("{MARKER}\n\n# {}\n\n{}\n", part.title, part.about);
        let mut shapes: Vec<_> = self.shapes.on(part.name).collect();
        if [SHARED, VALUES].contains(&part.name) {
            shapes.sort_by_key(|shape| shape.heading().to_lowercase());
        }
        if part.path.contains('.') {
            let (base, name) = (part.path, part.name);
            write!(
                text,
                "\nHeadings on this page leave out `{base}.`; `homelab explain {name}` works with and without it.\n"
            )
            .expect(MEMORY);
        }
        for shape in shapes {
            match part.name {
                VALUES => self.value(&mut text, shape),
                _ => self.section(&mut text, shape),
            }
        }
        write!(text, "\nNext: {}\n", part.next).expect(MEMORY);
        text
    }

    /// The section of a value.
    fn value(&self, text: &mut String, value: &Shape<'_>) {
        let description = value.schema["description"].as_str().unwrap_or_default();
        let description = description.strip_prefix("Format: ").unwrap_or(description);
        write!(text, "\n## {}\n\n{}\n", value.heading(), super::names::capitalized(&paragraphs(description, 0)))
            .expect(MEMORY);
        if let Some(example) = value.schema["examples"][0].as_str() {
            write!(text, "\nExample: `{}`\n", in_yaml(&example.into())).expect(MEMORY);
        }
    }

    /// The section of a shape.
    fn section(&self, text: &mut String, shape: &Shape<'_>) {
        if !shape.is_part() {
            write!(text, "\n## {}\n", shape.heading()).expect(MEMORY);
            if let Some(description) = shape.schema["description"].as_str() {
                write!(text, "\n{}\n", paragraphs(description, 0)).expect(MEMORY);
            }
        }
        let shown: Vec<_> = shape.paths.iter().take(MAX_PATHS).map(|path| format!("`{path}`")).collect();
        let more = shape.paths.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        write!(text, "\nAt {}{more}.\n\n", shown.join(", ")).expect(MEMORY);
        let example = example::of(self.root, self.shapes, &self.labs, shape);
        if is_long_choice(shape.schema) {
            self.choices(text, shape.schema, "");
            return;
        }
        if let Some(example) = &example {
            write!(text, "```yaml spec\n{}```\n\n", example.text()).expect(MEMORY);
        }
        self.fields(text, shape, example.as_ref());
    }

    /// The fields of a shape, or the keys of which it has one.
    fn fields(&self, text: &mut String, shape: &Shape<'_>, example: Option<&Example>) {
        if shape.schema["oneOf"].is_array() {
            text.push_str("Exactly one of these keys:\n\n");
        }
        for (name, field) in shape.schema["properties"].as_object().into_iter().flatten() {
            let shown = example.is_some_and(|example| example.fields.contains(name));
            self.field(text, name, field, is_required(shape.schema, name), None, shown, shape.page);
        }
        for branch in branches(shape.schema) {
            for (name, field) in branch["properties"].as_object().into_iter().flatten() {
                let shown = example.is_some_and(|example| example.fields.contains(name));
                self.field(text, name, field, false, branch["description"].as_str(), shown, shape.page);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one call each for fields and for keys")]
    fn field(
        &self,
        text: &mut String,
        name: &str,
        field: &Value,
        required: bool,
        of_key: Option<&str>,
        shown: bool,
        page: &str,
    ) {
        let target = resolve(self.root, field);
        let mut about = vec![self.type_of(field, page)];
        if required {
            about.push("required".to_owned());
        }
        let value = &field["default"];
        if !value.is_null() && !is_empty(value) {
            about.push(format!("default `{}`", default(field).unwrap_or_default()));
        }
        let description = field["description"].as_str().or(of_key).or_else(|| target["description"].as_str());
        let description = without_default(description.unwrap_or_default(), value);
        let has_one = shown || description.contains("such as") || description.contains('`') || !value.is_null();
        let example = target["examples"][0].as_str().filter(|example| !has_one && *example != "example");
        let example = example.map_or_else(String::new, |example| format!(" Example: `{}`.", in_yaml(&example.into())));
        writeln!(text, "- `{name}` ({}): {}{example}", about.join(", "), paragraphs(description, 2)).expect(MEMORY);
        let of = inner(target).map_or(target, |(inner, _)| resolve(self.root, inner));
        if !is_long_choice(of) && self.shapes.find(inner(target).map_or(field, |(inner, _)| inner)).is_none() {
            self.choices(text, of, "  ");
        }
    }

    /// The values of a choice.
    fn choices(&self, text: &mut String, schema: &Value, indent: &str) {
        for branch in branches(schema).filter(|branch| branch["const"].is_string()) {
            for choice in choices(self.root, &serde_json::json!({ "oneOf": [branch] })) {
                writeln!(text, "{indent}- `{}`: {}", choice.value, choice.description).expect(MEMORY);
            }
        }
    }

    /// The type of a field, with links to the sections of shapes and values.
    fn type_of(&self, field: &Value, page: &str) -> String {
        if let Some(shape) = self.shapes.find(field) {
            return format!("[{}]({})", shape.label(), shape.link(page));
        }
        let target = resolve(self.root, field);
        if target["oneOf"].is_array() {
            return self.union_of(target, page);
        }
        if let Some((inside, _)) = inner(target) {
            let of = self.type_of(inside, page);
            return match (target["items"].is_object(), target["minItems"].as_u64()) {
                (true, Some(1)) => format!("list, not empty, of: {of}"),
                (true, Some(least)) => format!("list with at least {least}, of: {of}"),
                (true, None) => format!("list of: {of}"),
                (false, _) => format!("mapping from names to: {of}"),
            };
        }
        let names: Vec<_> = match &target["type"] {
            Value::String(name) => vec![name.as_str()],
            Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
            _ => vec!["any value"],
        };
        let name = names.join(" or ").replace("object", "mapping").replace("array", "list");
        match (target["minimum"].as_i64(), target["maximum"].as_i64()) {
            (Some(least), Some(most)) if least == most => format!("{name} {least}"),
            (Some(least), Some(most)) => format!("{name} from {least} to {most}"),
            (Some(least), None) => format!("{name}, at least {least}"),
            (None, Some(most)) => format!("{name}, at most {most}"),
            (None, None) => name,
        }
    }

    /// The type of a choice: its words are listed below the field.
    fn union_of(&self, union: &Value, page: &str) -> String {
        let words = branches(union).filter(|branch| !branch["const"].is_null()).count();
        let others: Vec<_> = branches(union)
            .filter(|branch| branch["const"].is_null())
            .map(|branch| self.type_of(branch, page))
            .collect();
        let word = match words {
            0 => None,
            1 => branches(union).find_map(|branch| Some(format!("`{}`", branch["const"].as_str()?))),
            _ => Some("choice".to_owned()),
        };
        word.into_iter().chain(others).collect::<Vec<_>>().join(" or ")
    }
}

/// Why writing to a string does not fail.
const MEMORY: &str = "writing to a string cannot fail";

fn is_required(schema: &Value, name: &str) -> bool {
    schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
}

fn own_description<'a>(field: &'a Value, root: &'a Value) -> &'a str {
    field["description"].as_str().or_else(|| resolve(root, field)["description"].as_str()).unwrap_or_default()
}

/// A description without the default that its end repeats.
fn without_default<'a>(description: &'a str, default: &Value) -> &'a str {
    if default.is_null() || is_empty(default) {
        return description;
    }
    let repeated = format!("Default: `{}`.", in_yaml(default));
    description.strip_suffix(&repeated).map_or(description, str::trim_end)
}

/// A description whose paragraphs are one line each, indented to follow a list item.
fn paragraphs(text: &str, indent: usize) -> String {
    let lines: Vec<_> = text.trim().split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
    lines.join(&format!("\n\n{}", " ".repeat(indent)))
}
