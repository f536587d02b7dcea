//! Random edits of specs in all layouts: the result is the tree that was meant, as another parser reads it, and every
//! byte outside of the edit is kept.

use super::decorate::decorate;
use super::dice::Dice;
use super::edit::{EditError, append, insert, remove, rename_key, set};
use super::yaml::{Limits, Node, NodeKind, documents};
use serde_yaml::Value;
use std::collections::BTreeMap;

const EDITS_PER_TEXT: usize = 10;

/// New values, in the forms that commands write.
const BLOCKS: [&str; 8] = [
    "image:\n  repository: docker.io/example/app\n  tag: \"1.0\"\nport: 8080\n",
    "# A comment of the new value.\nenv:\n  TEXT: |\n    one\n\n      two\n  OTHER: \"yes\"\n",
    "{ size: 5GiB, mount: /data }\n",
    "plain text\n",
    "'it''s, [quoted] {x}'\n",
    "- one\n- { two: 2 }\n- three: |\n    text\n",
    "|\n  a literal\n  text\n",
    "12\n",
];

/// A collection of the text, with its path.
struct Found<'n> {
    path: Vec<String>,
    node: &'n Node,
    /// Where what an edit of it may change begins: after its key.
    start: usize,
}

fn collections<'n>(node: &'n Node, path: &[String], start: usize, found: &mut Vec<Found<'n>>) {
    let mut visit = |step: String, start: u32, node: &'n Node| {
        let path: Vec<_> = path.iter().cloned().chain([step]).collect();
        collections(node, &path, start as usize, found);
    };
    match &node.kind {
        NodeKind::Scalar { .. } => return,
        NodeKind::Sequence(items) => {
            items.iter().enumerate().for_each(|(at, item)| visit(at.to_string(), item.span.start, item));
        }
        NodeKind::Mapping(entries) => {
            for (key, value) in entries {
                visit(key.text().expect("keys are scalars").to_owned(), key.span.end, value);
            }
        }
    }
    found.push(Found { path: path.to_vec(), node, start });
}

/// The value at a path.
fn at<'v>(value: &'v mut Value, path: &[&str]) -> &'v mut Value {
    let Some((step, rest)) = path.split_first() else { return value };
    let below = match value {
        Value::Sequence(items) => &mut items[step.parse::<usize>().expect("an index")],
        Value::Mapping(entries) => {
            let key = entries.keys().find(|key| text_of(key) == *step).expect("the key exists").clone();
            entries.get_mut(&key).expect("the key exists")
        }
        other => panic!("{other:?} has no {step}"),
    };
    at(below, rest)
}

fn text_of(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        other => panic!("{other:?} is not a key of a spec"),
    }
}

fn read(text: &str) -> Value {
    // libyaml reads a second document after some byte order marks.
    serde_yaml::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

/// One edit.
struct Made {
    kind: &'static str,
    path: String,
    result: String,
    /// The tree that it should make.
    meant: Value,
    /// The bytes of the text that it may replace.
    region: (usize, usize),
    /// Whether it only adds: each byte of the region is kept too.
    adds: bool,
}

/// Makes an edit. `None` if its place has a layout that cannot be edited, and says so.
fn make(text: &str, found: &[Found<'_>], dice: &mut Dice) -> Option<Made> {
    let mut meant = read(text);
    let Found { path, node, start } = dice.pick(found);
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let block = *dice.pick(&BLOCKS);
    let value = read(block);
    let whole = (*start, extent_end(text, node));
    let is_empty = node.entries().is_empty() && node.items().is_empty();
    let (entries, items) = (node.entries(), node.items());
    let place = at(&mut meant, &path);
    let (kind, result): (&str, Result<String, EditError>) = match dice.below(6) {
        0 | 1 if matches!(node.kind, NodeKind::Mapping(_)) => {
            place.as_mapping_mut().expect("a mapping").insert("new-key".into(), value);
            ("insert", insert(text, &path, "new-key", block))
        }
        0 | 1 => {
            place.as_sequence_mut().expect("a list").push(value);
            ("append", append(text, &path, block))
        }
        2 if !is_empty => {
            let index = dice.below(entries.len().max(items.len()));
            let step = step(node, index);
            *at(place, &[&step]) = value;
            ("set", set(text, &[&path[..], &[&step]].concat(), block))
        }
        3 if !is_empty => {
            let index = dice.below(entries.len().max(items.len()));
            let step = step(node, index);
            match place {
                Value::Sequence(items) => drop(items.remove(index)),
                Value::Mapping(entries) => {
                    let key = entries.keys().nth(index).expect("the entry exists").clone();
                    entries.shift_remove(&key);
                }
                other => panic!("{other:?} has no entries"),
            }
            ("remove", remove(text, &[&path[..], &[&step]].concat()))
        }
        4 if !entries.is_empty() => {
            let index = dice.below(entries.len());
            let entries = place.as_mapping_mut().expect("a mapping");
            let renamed = entries.iter().enumerate().map(|(at, (key, value))| {
                (if at == index { Value::from("new-key") } else { key.clone() }, value.clone())
            });
            *entries = renamed.collect();
            ("rename", rename_key(text, &[&path[..], &[&step(node, index)]].concat(), "new-key"))
        }
        _ => {
            let mapping: serde_yaml::Mapping = [(Value::from("new-key"), value)].into_iter().collect();
            let top = meant.as_mapping_mut().expect("a spec is a mapping");
            top.insert("new-parent".into(), Value::Mapping(mapping));
            ("create", insert(text, &["new-parent"], "new-key", block))
        }
    };
    let (region, adds) = match kind {
        "create" => ((0, text.len()), true),
        "insert" | "append" => (whole, !is_empty),
        _ => (whole, false),
    };
    let path = path.join(".");
    match result {
        Ok(result) => Some(Made { kind, path, result, meant, region, adds }),
        Err(error) if error.message.contains("layout that cannot be edited") => None,
        Err(error) => panic!("{kind} at `{path}`: {error}\n{text}"),
    }
}

fn step(node: &Node, index: usize) -> String {
    match node.entries().get(index) {
        Some((key, _)) => key.text().expect("keys are scalars").to_owned(),
        None => index.to_string(),
    }
}

/// The end of what an edit of a collection may change: the end of the line of the next key, where the parser ends a block.
fn extent_end(text: &str, node: &Node) -> usize {
    let end = node.span.end as usize;
    text[end..].find('\n').map_or(text.len(), |newline| end + newline + 1)
}

/// Whether all bytes of `part` are in `whole`, in the same order.
fn is_subsequence(part: &str, whole: &str) -> bool {
    let mut rest = whole.bytes();
    part.bytes().all(|byte| rest.any(|other| other == byte))
}

/// Makes a number of edits of some specs, and returns how many of each kind it made.
pub(super) fn check(specs: &[&str], edits: usize) -> BTreeMap<&'static str, usize> {
    let (mut count, mut refused) = (0, 0);
    let mut by_kind = BTreeMap::new();
    for (seed, plain) in (0..).zip(specs.iter().cycle()) {
        if count >= edits {
            break;
        }
        let mut dice = Dice::new(seed + 1);
        let text = decorate(plain, &mut dice);
        assert_eq!(read(&text), read(plain), "the decorated text of seed {seed} is another one:\n{text}");
        let (documents, errors) = documents(&text, Limits::default());
        assert_eq!(errors, [], "seed {seed}:\n{text}");
        let mut found = Vec::new();
        collections(&documents[0], &[], 0, &mut found);
        for _ in 0..EDITS_PER_TEXT {
            count += 1;
            let Some(made) = make(&text, &found, &mut dice) else {
                refused += 1;
                continue;
            };
            made.check(&text, seed);
            *by_kind.entry(made.kind).or_default() += 1;
        }
    }
    // A comment that is indented deeper than the value above it would become part of a new block scalar there.
    assert!(refused <= edits / 50, "{refused} edits were refused");
    by_kind
}

impl Made {
    fn check(&self, text: &str, seed: u64) {
        let Self { kind, path, result, meant, region: (start, end), adds } = self;
        let shown = || format!("seed {seed}: {kind} at `{path}`\n--- before\n{text}\n--- after\n{result}");
        assert_eq!(read(result), *meant, "{}", shown());
        assert!(result.starts_with(&text[..*start]), "{}", shown());
        assert!(result.ends_with(&text[*end..]), "{}", shown());
        assert!(start + (text.len() - end) <= result.len(), "{}", shown());
        if *adds {
            assert!(is_subsequence(text, result), "{}", shown());
        }
    }
}
