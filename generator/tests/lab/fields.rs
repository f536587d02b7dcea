//! Every field of the spec has an effect: in some valid case, removing it changes the output or the diagnostics.

use crate::output::cases;
use crate::support::{Built, build, shown};
use homelab::spec;
use homelab::tree::Tree;
use rayon::prelude::*;
use serde_json::Value as Json;
use serde_yaml::Value as Yaml;
use std::collections::{BTreeMap, BTreeSet};

/// Fields that change nothing in a valid spec: a note for its readers, and a switch that must agree with the apps.
const WITHOUT_EFFECT: [&str; 2] = ["ImageAutomation.enabled", "SecretEntry.description"];

/// How many occurrences of a field are tried: one of them may have the default value.
const TRIES: usize = 8;

/// A step from a value to a part of it.
#[derive(Clone)]
enum Step {
    Key(String),
    Item(usize),
}

/// A schema, with the definitions that it refers to.
#[derive(Clone, Copy)]
struct Schema<'a> {
    definitions: &'a Json,
    schema: &'a Json,
    /// The innermost definition around it.
    name: &'a str,
}

impl<'a> Schema<'a> {
    fn with(self, schema: &'a Json) -> Self {
        Self { schema, ..self }
    }

    /// The schema itself and all schemas that it combines, with references resolved.
    fn parts(self) -> Vec<Self> {
        let words = ["anyOf", "oneOf", "allOf"];
        let combined = words.into_iter().filter_map(|word| self.schema[word].as_array()).flatten();
        let definition = self.schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
        let referenced = definition.map(|name| Self { schema: &self.definitions[name], name, ..self });
        let parts = combined.map(|schema| self.with(schema)).chain(referenced).flat_map(Self::parts);
        [self].into_iter().chain(parts).collect()
    }

    /// The fields of its mappings, as `DEFINITION.FIELD`, with their schemas.
    fn fields(self) -> Vec<(String, Self)> {
        let field = |part: Self, (name, schema)| (format!("{}.{name}", part.name), part.with(schema));
        let parts = self.parts().into_iter();
        let properties = parts.filter_map(|part| Some((part, part.schema["properties"].as_object()?)));
        properties.flat_map(|(part, properties)| properties.iter().map(move |entry| field(part, entry))).collect()
    }

    /// The schemas of values whose keys the user chooses, and of the items of lists.
    fn elements(self) -> Vec<Self> {
        let schemas = |part: Self| ["additionalProperties", "items"].map(|word| part.with(&part.schema[word]));
        self.parts().into_iter().flat_map(schemas).filter(|element| element.schema.is_object()).collect()
    }

    /// Adds the fields of this schema and of those below.
    fn collect(self, found: &mut BTreeSet<String>) {
        for (name, schema) in self.fields() {
            if found.insert(name) {
                schema.collect(found);
            }
        }
        self.elements().into_iter().for_each(|element| element.collect(found));
    }
}

/// Adds the places of all fields in a spec.
fn occurrences(value: &Yaml, schemas: &[Schema<'_>], at: &[Step], found: &mut Vec<(String, Vec<Step>)>) {
    let below = |step: Step| [at, &[step]].concat();
    let elements: Vec<_> = schemas.iter().flat_map(|schema| schema.elements()).collect();
    for (index, item) in value.as_sequence().into_iter().flatten().enumerate() {
        occurrences(item, &elements, &below(Step::Item(index)), found);
    }
    for (key, value) in value.as_mapping().into_iter().flatten() {
        let key = key.as_str().expect("keys of specs are strings");
        let at = below(Step::Key(key.to_owned()));
        let fields = schemas.iter().flat_map(|schema| schema.fields());
        let (names, below): (Vec<_>, Vec<_>) = fields.filter(|(name, _)| name.rsplit('.').next() == Some(key)).unzip();
        occurrences(value, if names.is_empty() { &elements } else { &below }, &at, found);
        found.extend(names.into_iter().map(|name| (name, at.clone())));
    }
}

/// The spec without one of its parts.
fn without(spec: &Yaml, at: &[Step]) -> String {
    let mut spec = spec.clone();
    let (last, parents) = at.split_last().expect("a field is below the top");
    let mut parent = &mut spec;
    for step in parents {
        parent = match step {
            Step::Key(key) => &mut parent[key.as_str()],
            Step::Item(index) => &mut parent[*index],
        };
    }
    if let Step::Key(key) = last {
        parent.as_mapping_mut().expect("a field is in a mapping").remove(key.as_str());
    }
    serde_yaml::to_string(&spec).expect("what was read can be written")
}

/// Everything that a user sees of a spec, except for the places in its text.
fn outcome(built: &Built) -> Vec<(&str, &str)> {
    let files = built.tree.iter().flat_map(Tree::files).map(|file| (file.path.as_str(), file.text.as_str()));
    let diagnostics = built.diagnostics.sorted().into_iter();
    files.chain(diagnostics.map(|diagnostic| (diagnostic.code.text(), diagnostic.message.as_str()))).collect()
}

#[test]
fn every_field_is_in_a_case_and_has_an_effect() {
    let schema = spec::schema();
    let schema = Schema { definitions: &schema["$defs"], schema: &schema, name: "Spec" };
    let mut known = BTreeSet::new();
    schema.collect(&mut known);
    let specs: Vec<(Yaml, String)> = cases()
        .iter()
        .map(|case| {
            let spec: Yaml = serde_yaml::from_str(&case.spec).expect("specs are YAML");
            // Written again like the changed ones, so that comments and layout do not differ.
            let text = serde_yaml::to_string(&spec).expect("what was read can be written");
            (spec, text)
        })
        .collect();
    let mut found: BTreeMap<String, Vec<(usize, Vec<Step>)>> = BTreeMap::new();
    for (index, (spec, _)) in specs.iter().enumerate() {
        let mut fields = Vec::new();
        occurrences(spec, &[schema], &[], &mut fields);
        for (name, place) in fields {
            found.entry(name).or_default().push((index, place));
        }
    }
    let whole: Vec<_> =
        specs.par_iter().zip(cases()).map(|((_, text), case)| (build(text, &case.root), text)).collect();
    for (built, text) in &whole {
        assert!(built.tree.is_some(), "{}", shown(&built.diagnostics, text));
    }
    let unseen: Vec<_> = known.iter().filter(|path| !found.contains_key(*path)).collect();
    assert!(unseen.is_empty(), "no valid case has these fields: {unseen:#?}");
    let useless: Vec<_> = found
        .par_iter()
        .filter(|(name, places)| {
            let has_effect = places.iter().take(TRIES).any(|(case, at)| {
                let changed = build(&without(&specs[*case].0, at), &cases()[*case].root);
                outcome(&changed) != outcome(&whole[*case].0)
            });
            has_effect == WITHOUT_EFFECT.contains(&name.as_str())
        })
        .map(|(path, _)| path)
        .collect();
    assert!(useless.is_empty(), "these fields have no effect, or an unexpected one: {useless:#?}");
}
