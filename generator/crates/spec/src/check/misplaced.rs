//! Fields at the wrong indentation: finds where a key belongs.

use super::{Around, Checker, Field, Report, Shape, shorten};
use diagnostic::{Code, Diagnostic, Span};
use std::rc::Rc;
use yaml::Node;

/// For how many keys the right place is searched, as the search takes time.
const MAX_SEARCHES: usize = 100;

/// How deep a field is searched.
const MAX_DEPTH: usize = 4;

impl Checker {
    /// For an entry of a mapping from names that is a field at the wrong indentation: the diagnostic.
    pub(super) fn misplaced_entry<'a>(
        &'a self,
        key: &Node,
        value: &Node,
        entry: usize,
        report: &mut Report<'a>,
    ) -> Option<Diagnostic> {
        let name = key.text().filter(|_| !report.is_trial && report.searches < MAX_SEARCHES)?;
        let inner = self.fields_of(entry).find(|field| field.name == name);
        let outer = outer(name, report);
        if inner.is_none() && outer.is_none() {
            return None;
        }
        report.searches += 1;
        let as_entry = self.errors(entry, value, report);
        let fits = |field: &Field| as_entry > 0 && self.errors(field.shape, value, report) < as_entry;
        let map = report.around.last()?.below;
        let help = if inner
            .is_some_and(|field| fits(field) || as_entry > 0 && self.has_child_of(field, entry, value, report))
        {
            format!("`{name}` is a field of the entries of `{map}`: indent it below the name of one")
        } else {
            let (field, around) = outer.filter(|(field, _)| fits(field))?;
            format!("`{}` belongs beside `{}`, not inside it: reduce its indentation", field.name, around.below)
        };
        report.misplaced.insert(name.to_owned());
        Some(wrong_indentation(name, key.span).help(help))
    }

    /// For an unknown field that exists elsewhere, where its value fits: the diagnostic.
    pub(super) fn place_of<'a>(
        &'a self,
        key: &Node,
        value: &Node,
        fields: &'a [Field],
        report: &mut Report<'a>,
    ) -> Option<Diagnostic> {
        let name = key.text().filter(|_| !report.is_trial && report.searches < MAX_SEARCHES)?;
        report.searches += 1;
        let fits = |shape: usize| !value.is_null() && self.errors(shape, value, report) == 0;
        let help = if let Some((_, around)) = outer(name, report).filter(|(field, _)| fits(field.shape)) {
            format!("`{name}` belongs beside `{}`, not inside it: reduce its indentation", around.below)
        } else if let Some(path) = self.path_to(name, fields, &fits).or_else(|| self.path_to(name, fields, &|_| true)) {
            format!("`{name}` is a field of `{path}`: move it there")
        } else if let [map] = &self.maps_of(value, fields, &fits)[..] {
            format!("`{name}` looks like an entry of `{map}`: indent it below `{map}`")
        } else {
            return None;
        };
        report.misplaced.insert(name.to_owned());
        Some(wrong_indentation(name, key.span).help(help))
    }

    /// Whether a value contains what belongs in a field, and not beside it.
    fn has_child_of<'a>(&'a self, field: &'a Field, entry: usize, value: &Node, report: &Report<'a>) -> bool {
        value.entries().iter().any(|(key, child)| {
            let is_in = |shape: usize| self.fields_of(shape).find(|field| key.text() == Some(&field.name));
            let shape = self.map_value(field.shape).or_else(|| is_in(field.shape).map(|field| field.shape));
            let fits = |shape: usize| !child.is_null() && self.errors(shape, child, report) == 0;
            is_in(entry).is_none() && shape.is_some_and(fits)
        })
    }

    /// The shortest path to a field with this name that a value fits, if there is only one.
    fn path_to(&self, name: &str, fields: &[Field], fits: &impl Fn(usize) -> bool) -> Option<String> {
        let has_name =
            |shape: &Shape| matches!(shape, Shape::Fields { fields } if fields.iter().any(|field| field.name == name));
        if !self.shapes.iter().any(has_name) {
            return None;
        }
        let mut open: Vec<(String, Vec<&Field>)> = vec![(String::new(), fields.iter().collect())];
        for _ in 0..MAX_DEPTH {
            let mut below: Vec<(String, Vec<&Field>)> = Vec::new();
            for (path, field) in open.iter().flat_map(|(path, fields)| fields.iter().map(move |field| (path, field))) {
                let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
                match self.map_value(field.shape) {
                    Some(entry) => below.push((format!("{path}.NAME"), self.fields_of(entry).collect())),
                    None => below.push((path, self.fields_of(field.shape).collect())),
                }
            }
            let is_home = |fields: &[&Field]| fields.iter().any(|field| field.name == name && fits(field.shape));
            let mut homes = below.iter().filter(|(_, fields)| is_home(fields)).map(|(path, _)| path);
            if let Some(home) = homes.next() {
                return homes.next().is_none().then(|| home.clone());
            }
            open = below;
        }
        None
    }

    /// The fields that are mappings from names, and that a value fits as an entry.
    fn maps_of<'a>(&self, value: &Node, fields: &'a [Field], fits: &impl Fn(usize) -> bool) -> Vec<&'a str> {
        if value.entries().is_empty() {
            return Vec::new();
        }
        let fits_in = |field: &&Field| {
            self.map_value(field.shape).is_some_and(|entry| self.fields_of(entry).next().is_some() && fits(entry))
        };
        fields.iter().filter(fits_in).map(|field| field.name.as_str()).collect()
    }

    /// How many errors a value has as that of a field of this shape.
    pub(super) fn errors<'a>(&'a self, shape: usize, value: &Node, report: &Report<'a>) -> usize {
        let mut trial = Report { known: Rc::clone(&report.known), is_trial: true, ..Report::default() };
        self.visit(shape, &mut value.clone(), Span::new(0, 0), &mut trial);
        trial.errors()
    }

    /// The shape of the entries of a mapping from names.
    fn map_value(&self, shape: usize) -> Option<usize> {
        match &self.shapes[shape] {
            Shape::Map { value, .. } => Some(*value),
            Shape::Optional(inner) => self.map_value(*inner),
            _ => None,
        }
    }

    /// The fields of a mapping, of any kind.
    fn fields_of(&self, shape: usize) -> Box<dyn Iterator<Item = &Field> + '_> {
        match &self.shapes[shape] {
            Shape::Fields { fields } => Box::new(fields.iter()),
            Shape::ByKey { kinds } => Box::new(kinds.iter().flat_map(|kind| self.fields_of(kind.shape))),
            Shape::ByKind { kinds, .. } => Box::new(kinds.iter().flat_map(|(_, kind)| self.fields_of(kind.shape))),
            Shape::Optional(inner) => self.fields_of(*inner),
            Shape::ValueOr { mapping, .. } => self.fields_of(*mapping),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// The field with this name of a mapping around the current one, where it is not set.
fn outer<'a>(name: &str, report: &Report<'a>) -> Option<(&'a Field, Around<'a>)> {
    report.around.iter().rev().find_map(|around| {
        let field = around.unset.iter().find(|field| field.name == name)?;
        Some((*field, around.clone()))
    })
}

fn wrong_indentation(name: &str, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnknownField, span, format!("`{}` is at the wrong place", shorten(name)))
}
