//! The shapes and values of the schema, with their paths and pages.

use super::{PARTS, SHARED, VALUES, names, part_of};
use crate::schema::{branches, inner, resolve};
use serde_json::Value;

/// A definition of the schema that has a section.
pub(super) struct Shape<'a> {
    /// Its name in the schema.
    pub(super) name: &'a str,
    pub(super) schema: &'a Value,
    /// The paths of fields with this shape, in the order of the spec.
    pub(super) paths: Vec<String>,
    pub(super) page: &'static str,
    pub(super) is_value: bool,
}

impl Shape<'_> {
    /// Whether it is what its page is about. It then has no heading.
    pub(super) fn is_part(&self) -> bool {
        PARTS.iter().any(|part| self.paths == [part.path])
    }

    /// The heading of its section.
    pub(super) fn heading(&self) -> String {
        match (self.schema["title"].as_str(), self.paths.as_slice()) {
            _ if self.is_value => names::capitalized(&names::of_format(self.schema)),
            (Some(title), _) => names::capitalized(title),
            (None, [path]) => format!("`{}`", names::below_part(path)),
            _ => names::capitalized(&names::of_shape(self.name)),
        }
    }

    /// What a field with this shape is called in its type.
    pub(super) fn label(&self) -> String {
        match self.schema["title"].as_str() {
            _ if self.is_value => names::of_format(self.schema),
            Some(title) => title.to_owned(),
            None => names::of_shape(self.name),
        }
    }

    /// The target of a link from a page.
    pub(super) fn link(&self, from: &str) -> String {
        if self.is_part() {
            return format!("{}.md", self.page);
        }
        let anchor = names::anchor(&self.heading());
        if from == self.page { format!("#{anchor}") } else { format!("{}.md#{anchor}", self.page) }
    }
}

/// All shapes and values, in the order of the spec.
pub(super) struct Shapes<'a> {
    root: &'a Value,
    all: Vec<Shape<'a>>,
}

impl<'a> Shapes<'a> {
    pub(super) fn of(root: &'a Value) -> Self {
        let mut shapes = Self { root, all: Vec::new() };
        // The types are not recursive.
        shapes.collect(root, "");
        for shape in &mut shapes.all {
            shape.page = if shape.is_value { VALUES } else { page_of(&shape.paths) };
        }
        shapes
    }

    /// The definition that a schema refers to, if it has a section.
    pub(super) fn find(&self, schema: &Value) -> Option<&Shape<'a>> {
        let name = referred(schema)?;
        self.all.iter().find(|shape| shape.name == name)
    }

    /// The shapes of a page.
    pub(super) fn on<'s>(&'s self, page: &'s str) -> impl Iterator<Item = &'s Shape<'a>> {
        self.all.iter().filter(move |shape| shape.page == page)
    }

    fn collect(&mut self, schema: &'a Value, path: &str) {
        let target = resolve(self.root, schema);
        if let Some(name) = referred(schema)
            && (has_section(target) || is_value(target))
        {
            match self.all.iter_mut().find(|shape| shape.name == name) {
                Some(shape) if shape.paths.iter().any(|known| known == path) => {}
                Some(shape) => shape.paths.push(path.to_owned()),
                None => {
                    let (paths, is_value) = (vec![path.to_owned()], is_value(target));
                    self.all.push(Shape { name, schema: target, paths, page: SHARED, is_value });
                }
            }
        }
        self.collect_below(target, path);
    }

    fn collect_below(&mut self, target: &'a Value, path: &str) {
        let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        for (name, field) in target["properties"].as_object().into_iter().flatten() {
            self.collect(field, &below(name));
        }
        let mut kinds: Vec<_> = branches(target).collect();
        // The kind with the most fields is the usual one.
        let fields = |kind: &Value| resolve(self.root, kind)["properties"].as_object().map_or(0, serde_json::Map::len);
        kinds.sort_by_key(|kind| std::cmp::Reverse(fields(kind)));
        for branch in kinds {
            match referred(branch) {
                Some(_) => self.collect(branch, path),
                None => self.collect_below(branch, path),
            }
        }
        if target["propertyNames"].is_object() || target["additionalProperties"].is_object() {
            if let Some((entry, _)) = inner(target) {
                self.collect(entry, &below("NAME"));
            }
        } else if let Some((item, _)) = inner(target) {
            let is_mapping = !target["patternProperties"].is_null();
            self.collect(item, &if is_mapping { below("NAME") } else { path.to_owned() });
        }
    }
}

/// The page of a shape with these paths. The platform and apps also contain what other parts describe.
fn page_of(paths: &[String]) -> &'static str {
    let mut pages: Vec<_> = paths.iter().map(|path| part_of(path)).collect();
    pages.sort_unstable();
    pages.dedup();
    if pages.len() > 1 {
        pages.retain(|page| !["platform", "apps"].contains(page));
    }
    match pages.as_slice() {
        [page] => page,
        _ => SHARED,
    }
}

/// The name of the definition that a schema refers to, directly or as an optional value.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    let direct = schema["$ref"].as_str().or_else(|| schema["anyOf"][0]["$ref"].as_str());
    direct.and_then(|pointer| pointer.strip_prefix("#/$defs/"))
}

/// Whether a schema is a mapping with fields of its own, or has many choices.
fn has_section(schema: &Value) -> bool {
    let is_one_key = branches(schema).any(|branch| branch["properties"].is_object());
    let has_fields = schema["properties"].is_object() && !schema["oneOf"].is_array();
    is_one_key || has_fields || is_long_choice(schema)
}

/// Whether a choice has too many values for the list of fields.
pub(super) fn is_long_choice(schema: &Value) -> bool {
    branches(schema).filter(|branch| !branch["const"].is_null()).count() > 8
}

/// Whether a schema is a text with a format.
fn is_value(schema: &Value) -> bool {
    schema["pattern"].is_string()
}
