//! Typos: the first thing that the user reads must be the word that was meant.
//!
//! Typos are made in the names of fields, in values that are chosen from a set, and in references of the two specs of
//! the repository. What a place holds is decided by the JSON Schema, so new fields are covered by themselves. The
//! typos are random, but the same in each run.

use crate::support::{build, everything_spec, reference_spec, repository, shown};
use homelab::diagnostic::{self, Source};
use homelab::spec;
use homelab::yaml::{Limits, Node, documents};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rayon::prelude::*;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::ops::Range;

/// How many typos are tried.
const TYPOS: usize = 600;

/// The share of typos for which the first help must suggest the right word, in percent.
const RIGHT: usize = 97;

/// The formats of references, and of values from a fixed list.
const REFERENCES: [&str; 4] = ["database-ref", "secret-ref", "share-ref", "time-zone"];

/// A word of a spec that the generator knows.
struct Word {
    text: String,
    range: Range<usize>,
}

/// Finds the words of a spec.
struct Words<'a> {
    schema: &'a Json,
    found: Vec<Word>,
}

impl Words<'_> {
    fn add(&mut self, node: &Node) {
        let text = node.text().unwrap_or_default().to_owned();
        self.found.push(Word { text, range: node.span.start as usize..node.span.end as usize });
    }

    fn target<'a>(&'a self, schema: &'a Json) -> &'a Json {
        match schema["$ref"].as_str() {
            Some(pointer) => self.schema.pointer(pointer.trim_start_matches('#')).expect("it is defined"),
            None => schema,
        }
    }

    fn visit(&mut self, node: &Node, schema: &Json) {
        let schema = &self.target(schema).clone();
        let branches = ["anyOf", "oneOf"].iter().flat_map(|name| schema[*name].as_array().into_iter().flatten());
        for branch in branches {
            self.visit(node, branch);
        }
        for (key, value) in node.entries() {
            let name = key.text().unwrap_or_default();
            if let Some(field) = schema["properties"].get(name) {
                self.add(key);
                self.visit_field(value, field);
            } else if let Some(pattern) = schema["patternProperties"].as_object() {
                pattern.values().for_each(|entry| self.visit(value, entry));
            } else if schema["additionalProperties"].is_object() {
                self.visit(value, &schema["additionalProperties"]);
            }
        }
        for item in node.items() {
            self.visit(item, &schema["items"]);
        }
        let is_choice = |word: &Json| word.as_str().is_some() && word.as_str() == node.text();
        let choices = [&schema["const"]].into_iter().chain(schema["enum"].as_array().into_iter().flatten());
        let is_reference = REFERENCES.iter().any(|format| schema["format"] == *format) && node.text().is_some();
        if choices.into_iter().any(is_choice) || is_reference {
            self.add(node);
        }
    }

    /// The value of a field, which may be the name of an entry.
    fn visit_field(&mut self, value: &Node, field: &Json) {
        if field["x-refers-to"].is_string() {
            let items = [value].into_iter().filter(|value| value.text().is_some()).chain(value.items());
            items.for_each(|item| self.add(item));
        } else {
            self.visit(value, field);
        }
    }

    /// The words of a spec.
    fn of(text: &str) -> Vec<Word> {
        let schema = spec::schema();
        let mut words = Words { schema: &schema, found: Vec::new() };
        words.visit(&documents(text, Limits::default()).0[0], &schema);
        let mut found = words.found;
        // A field of several kinds is found once for each.
        found.sort_by_key(|word| word.range.start);
        found.dedup_by_key(|word| word.range.start);
        found
    }
}

/// A way to misspell a word.
#[derive(Debug, Clone, Copy)]
enum Typo {
    Drop,
    Double,
    Swap,
    Neighbor,
    Case,
    Separator,
    Plural,
    Prefix,
}

const KINDS: [Typo; 8] =
    [Typo::Drop, Typo::Double, Typo::Swap, Typo::Neighbor, Typo::Case, Typo::Separator, Typo::Plural, Typo::Prefix];

/// The rows of a keyboard.
const KEYBOARD: [&str; 4] = ["1234567890-=", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// A key next to a key, in its row.
fn neighbor(key: char, right: bool) -> Option<char> {
    let lower = key.to_ascii_lowercase();
    let row = KEYBOARD.iter().find(|row| row.contains(lower))?;
    let at = row.find(lower)?;
    let other = if right { row[at + 1..].chars().next() } else { row[..at].chars().next_back() };
    other.map(|other| if key.is_ascii_uppercase() { other.to_ascii_uppercase() } else { other })
}

impl Typo {
    /// Misspells a word, at a place that `random` decides. `None` if the word has no such place.
    fn of(self, word: &str, random: usize) -> Option<String> {
        let chars: Vec<char> = word.chars().collect();
        let at = random % chars.len();
        let text = |chars: &[char]| chars.iter().collect::<String>();
        let misspelt = match self {
            Self::Drop => text(&[&chars[..at], &chars[at + 1..]].concat()),
            Self::Double => text(&[&chars[..=at], &chars[at..]].concat()),
            Self::Swap => {
                let at = random % (chars.len() - 1).max(1);
                let second = *chars.get(at + 1)?;
                text(&[&chars[..at], &[second, chars[at]], &chars[at + 2..]].concat())
            }
            Self::Neighbor => {
                let other = neighbor(chars[at], (random / chars.len()).is_multiple_of(2))?;
                text(&[&chars[..at], &[other], &chars[at + 1..]].concat())
            }
            Self::Case => {
                let other =
                    |c: char| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
                match random % 3 {
                    0 => chars.iter().copied().map(other).collect(),
                    1 => text(&[&[other(chars[0])], &chars[1..]].concat()),
                    _ => text(&[&chars[..at], &[other(chars[at])], &chars[at + 1..]].concat()),
                }
            }
            Self::Separator => match random % 3 {
                0 if word.contains('-') => word.replace('-', "_"),
                1 if word.contains('-') => word.replace('-', ""),
                // As in most other specs: `readOnly`.
                2 if word.contains('-') => {
                    let mut parts = word.split('-');
                    let first = parts.next().unwrap_or_default().to_owned();
                    let capital = |part: &str| part[..1].to_ascii_uppercase() + &part[1..];
                    first + &parts.map(capital).collect::<String>()
                }
                _ => word.replace('_', "-"),
            },
            Self::Plural => word.strip_suffix('s').map_or_else(|| format!("{word}s"), str::to_owned),
            Self::Prefix => word.split_once(['-', '/'])?.1.to_owned(),
        };
        // A word of one letter is another word, not a typo.
        (misspelt != word && misspelt.len() > 1).then_some(misspelt)
    }
}

/// The result of one typo.
struct Outcome {
    is_right: bool,
    is_alone: bool,
    shown: String,
}

/// Misspells a word of a spec. `None` if the result is valid too.
fn outcome(spec: &str, word: &Word, typo: Typo, misspelt: &str) -> Option<Outcome> {
    // A misspelt `no` or `1` must stay text.
    let quote = if misspelt.contains(['=', '[', ']', ';']) { "\"" } else { "" };
    let text = format!("{}{quote}{misspelt}{quote}{}", &spec[..word.range.start], &spec[word.range.end..]);
    let built = build(&text, &repository());
    if built.tree.is_some() {
        return None;
    }
    let reports = diagnostic::json(&built.diagnostics, Source { name: "spec", text: &text });
    let reports: Vec<_> = reports.as_array().into_iter().flatten().filter(|one| one["severity"] == "error").collect();
    let line = text[..word.range.start].matches('\n').count() + 1;
    let first = reports.first().expect("an invalid spec has an error");
    let help = first["help"].as_str().unwrap_or_default();
    // The part of a reference that is wrong, or all of it.
    let parts = [word.text.as_str()].into_iter().chain(word.text.split('/'));
    let is_right = first["line"].as_u64() == Some(line as u64)
        && parts.into_iter().any(|part| help.starts_with(&format!("did you mean `{part}`?")));
    let shown = format!("{typo:?} of `{}`: `{misspelt}`\n{}", word.text, shown(&built.diagnostics, &text));
    Some(Outcome { is_right, is_alone: reports.len() == 1, shown })
}

/// Random typos in the specs of the repository, all different.
fn typos(specs: &[String]) -> Vec<(&str, Word, Typo, String)> {
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut next = || random.next_u32() as usize;
    let mut typos = Vec::new();
    let mut seen = BTreeSet::new();
    let words: Vec<_> = specs.iter().map(|spec| Words::of(spec)).collect();
    while typos.len() < TYPOS * 5 / 4 {
        let at = next() % specs.len();
        let word = &words[at][next() % words[at].len()];
        let kind = KINDS[next() % KINDS.len()];
        let Some(misspelt) = kind.of(&word.text, next()) else { continue };
        // Several references may end with the same key: none of them is more likely.
        let ends = |other: &Word| other.text != word.text && other.text.ends_with(&format!("/{misspelt}"));
        if words[at].iter().any(ends) {
            continue;
        }
        if seen.insert((at, word.range.start, misspelt.clone())) {
            let word = Word { text: word.text.clone(), range: word.range.clone() };
            typos.push((specs[at].as_str(), word, kind, misspelt));
        }
    }
    typos
}

#[test]
fn suggests_the_right_word_first_for_97_percent_of_typos() {
    let specs = [everything_spec(), reference_spec()];
    let typos = typos(&specs);
    let outcomes: Vec<_> =
        typos.par_iter().map(|(spec, word, typo, misspelt)| outcome(spec, word, *typo, misspelt)).collect();
    let outcomes: Vec<_> = outcomes.into_iter().flatten().take(TYPOS).collect();
    assert_eq!(outcomes.len(), TYPOS, "more typos are needed");
    let wrong: Vec<_> = outcomes.iter().filter(|one| !one.is_right).map(|one| one.shown.as_str()).collect();
    let right = TYPOS - wrong.len();
    let alone = outcomes.iter().filter(|one| one.is_alone).count();
    assert!(right * 100 >= TYPOS * RIGHT, "{right} of {TYPOS} are right, {alone} alone\n{}", wrong.join("\n"));
    assert!(alone * 100 >= TYPOS * RIGHT, "{right} of {TYPOS} are right, {alone} alone\n");
}
