//! Random edits of a spec: the plan names exactly the files that `homelab generate` would write or remove, and exactly the
//! units and nodes that these files belong to.

use crate::output::cases;
use crate::support::{build, everything_spec, reference_spec, repository, temporary_folder};
use homelab::plan::{FileAction, Plan, Versions};
use homelab::render::Owner;
use homelab::tree::{self, ChangeKind, Tree};
use rayon::prelude::*;
use serde_yaml::{Mapping, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How many edits are tried at most. Many are not valid.
const TRIES: u64 = 4000;

/// Pseudorandom numbers (`SplitMix64`), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).expect("it is below a usize")
    }

    fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { Some(&items[self.below(items.len())]) }
    }
}

/// What the specs of all cases have: the values of each field, and the fields below each field.
#[derive(Default)]
struct Seen {
    values: BTreeMap<String, Vec<Value>>,
    fields: BTreeMap<String, Vec<(Value, Value)>>,
}

impl Seen {
    fn of_cases() -> Self {
        let mut seen = Self::default();
        for case in cases() {
            let spec: Value = serde_yaml::from_str(&case.spec).expect("specs are YAML");
            seen.add("", &spec);
        }
        seen
    }

    fn add(&mut self, parent: &str, value: &Value) {
        for (key, value) in value.as_mapping().into_iter().flatten() {
            let name = key.as_str().expect("keys of specs are strings");
            self.values.entry(name.to_owned()).or_default().push(value.clone());
            self.fields.entry(parent.to_owned()).or_default().push((key.clone(), value.clone()));
            self.add(name, value);
        }
        value.as_sequence().into_iter().flatten().for_each(|item| self.add(parent, item));
    }
}

/// The paths of all mappings, as keys.
fn mappings(value: &Value, at: &[String], found: &mut Vec<Vec<String>>) {
    let Some(mapping) = value.as_mapping() else { return };
    found.push(at.to_vec());
    for (key, value) in mapping {
        mappings(value, &[at, &[key.as_str().expect("keys of specs are strings").to_owned()]].concat(), found);
    }
}

fn mapping_at<'a>(mut value: &'a mut Value, path: &[String]) -> &'a mut Mapping {
    for key in path {
        value = &mut value[key.as_str()];
    }
    value.as_mapping_mut().expect("it is the path of a mapping")
}

/// A spec with one to three random changes.
fn edited(spec: &Value, seen: &Seen, seed: u64) -> Value {
    let mut random = Random(seed);
    let mut spec = spec.clone();
    for _ in 0..=random.below(3) {
        let mut paths = Vec::new();
        mappings(&spec, &[], &mut paths);
        let path = random.one_of(&paths).expect("a spec is a mapping").clone();
        let mapping = mapping_at(&mut spec, &path);
        let keys: Vec<Value> = mapping.keys().cloned().collect();
        let Some(key) = random.one_of(&keys).cloned() else { continue };
        let name = key.as_str().expect("keys of specs are strings").to_owned();
        match random.below(5) {
            0 => drop(mapping.remove(&key)),
            1 => {
                let value = seen.values.get(&name).and_then(|values| random.one_of(values)).cloned();
                value.map(|value| mapping.insert(key, value));
            }
            2 => {
                let parent = path.last().map_or("", String::as_str);
                let field = seen.fields.get(parent).and_then(|fields| random.one_of(fields)).cloned();
                field.map(|(key, value)| mapping.insert(key, value));
            }
            3 => {
                let value = mapping[&key].clone();
                mapping.insert(format!("{name}-2").into(), value);
            }
            _ => {
                let value = mapping.remove(&key).expect("it is one of its keys");
                mapping.insert(format!("{name}2").into(), value);
            }
        }
    }
    spec
}

fn texts(tree: &Tree) -> BTreeMap<&str, &str> {
    tree.deployed().map(|file| (file.path.as_str(), file.text.as_str())).collect()
}

/// The nodes whose system contains a manifest. One that is new or removed also changes the module that names it.
fn importing(path: &str, trees: [&Tree; 2]) -> Vec<String> {
    if trees.iter().any(|tree| tree.get(path).is_none()) {
        return Vec::new();
    }
    let modules = trees[1].files().iter().filter_map(|file| {
        let node = file.path.strip_prefix("nix/nodes/")?.strip_suffix("/default.nix")?;
        file.text.contains(&format!("/{path}")).then(|| node.to_owned())
    });
    modules.collect()
}

/// The units and nodes that some files belong to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Owners {
    units: BTreeSet<String>,
    nodes: BTreeSet<String>,
}

impl Owners {
    fn of_files<'a>(paths: impl Iterator<Item = &'a str>, trees: [&Tree; 2]) -> Self {
        let mut owners = Self::default();
        for path in paths {
            for file in trees.iter().filter_map(|tree| tree.get(path)) {
                match &*file.owner {
                    Owner::Unit { cluster, unit } => drop(owners.units.insert(format!("{cluster}/{unit}"))),
                    Owner::Bootstrap(cluster) => {
                        owners.units.insert(format!("{cluster}/bootstrap"));
                        owners.nodes.extend(importing(path, trees));
                    }
                    Owner::Node(node) => drop(owners.nodes.insert(node.to_string())),
                    Owner::Document(_) | Owner::Pins | Owner::Schema => {}
                }
            }
        }
        owners
    }

    /// Those that a plan names.
    fn of_plan(plan: &Plan, trees: [&Tree; 2]) -> Self {
        // The unit that the files of a folder belong to.
        let in_folder = |cluster: &str, folder: &str| {
            let start = format!("k8s/{cluster}/{folder}/");
            let files = trees.iter().flat_map(|tree| tree.files());
            let files =
                files.filter(|file| file.path.rsplit_once('/').is_some_and(|(of, _)| format!("{of}/") == start));
            files.map(|file| file.path.clone()).collect::<BTreeSet<_>>()
        };
        let mut units = BTreeSet::new();
        for change in &plan.objects {
            if change.unit == "flux" && change.kind == "Kustomization" {
                units.insert(format!("{}/{}", change.cluster, change.name));
                continue;
            }
            let files = in_folder(&change.cluster, &change.unit);
            units.extend(Self::of_files(files.iter().map(String::as_str), trees).units);
        }
        Self { units, nodes: plan.nodes.iter().map(|node| node.node.clone()).collect() }
    }
}

/// A text without the comment that says why a container is privileged, which has no effect.
fn without_reason(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with("# privileged: ")).collect()
}

/// Checks the plan of an edit. Returns false if the edit changes nothing or is not valid.
fn check(before: &Tree, spec: &Value, disk: &Path) -> Result<bool, String> {
    let text = serde_yaml::to_string(spec).expect("what was read can be written");
    let Some(after) = build(&text, &repository()).tree else { return Ok(false) };
    let plan = Plan::of(&Versions { before: texts(before), after: texts(&after) });
    let written = tree::compare(&after, disk).map_err(|error| error.reason)?;
    let expected: BTreeMap<String, FileAction> = written
        .changes
        .iter()
        .map(|change| {
            let action = match change.kind {
                ChangeKind::Missing(_) => FileAction::Add,
                ChangeKind::Differs(_) => FileAction::Change,
                ChangeKind::Stale => FileAction::Remove,
            };
            (change.path.clone(), action)
        })
        .collect();
    if expected.is_empty() {
        return Ok(false);
    }
    let planned: BTreeMap<_, _> = plan.files.iter().cloned().collect();
    if planned != expected {
        return Err(format!("files: planned {planned:?}, written {expected:?}"));
    }
    if !plan.clusters.is_empty() {
        // What happens to the objects of a cluster that appears, disappears or is renamed is one change.
        return Ok(true);
    }
    let trees = [before, &after];
    let matters = |path: &&str| {
        let [before, after] = trees.map(|tree| tree.get(path).map(|file| without_reason(&file.text)));
        before != after
    };
    let (planned, expected) =
        (Owners::of_plan(&plan, trees), Owners::of_files(expected.keys().map(String::as_str).filter(matters), trees));
    if planned == expected { Ok(true) } else { Err(format!("planned {planned:?}, written {expected:?}")) }
}

#[test]
fn plans_what_random_edits_write() {
    let seen = Seen::of_cases();
    // 300 valid edits in all. The second spec takes longer.
    for (name, text, edits) in [("the reference lab", reference_spec(), 240), ("everything", everything_spec(), 60)] {
        let spec: Value = serde_yaml::from_str(&text).expect("specs are YAML");
        let before = build(&text, &repository()).tree.expect("it is valid");
        let disk = temporary_folder();
        let nothing = tree::compare(&before, disk.path()).expect("the folder is empty");
        tree::write(&nothing, disk.path()).expect("the folder is writable");
        let mut checked = 0;
        let seeds: Vec<u64> = (0..TRIES).collect();
        for seeds in seeds.chunks(50) {
            let try_one = |seed: &u64| (*seed, check(&before, &edited(&spec, &seen, *seed), disk.path()));
            let results: Vec<_> = seeds.par_iter().map(try_one).collect();
            let wrong: Vec<_> = results.iter().filter(|(_, result)| result.is_err()).collect();
            assert!(wrong.is_empty(), "{name}: {wrong:#?}");
            checked += results.iter().filter(|(_, result)| *result == Ok(true)).count();
            if checked >= edits {
                break;
            }
        }
        assert!(checked >= edits, "{name}: only {checked} of {TRIES} edits are valid");
    }
}
