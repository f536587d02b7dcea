//! Pages in two languages have the same parts: a change of one must reach the other.

use super::{blocks, report};
use crate::support::repository;
use regex::Regex;
use std::fs;

/// Pages, and their Spanish versions.
const PAGES: [(&str, &str); 2] = [("README.md", "README.es.md"), ("docs/start.md", "docs/es/start.md")];

/// What the versions of a page must have in common.
#[derive(Debug, PartialEq, Eq)]
struct Parts {
    /// The level of each heading, in order.
    headings: Vec<usize>,
    /// The number of columns of each row of a table, in order.
    rows: Vec<usize>,
    /// The fenced blocks, without comments, explanations and layout.
    blocks: Vec<String>,
    /// The numbers in the text, sorted.
    numbers: Vec<String>,
}

impl Parts {
    fn of(page: &str) -> Self {
        let text = fs::read_to_string(repository().join(page)).expect("it is committed");
        let prose: Vec<_> = blocks::prose(&text).map(|(_, line)| line).collect();
        let level = |line: &&str| line.chars().take_while(|c| *c == '#').count();
        let number = Regex::new(r"[0-9]+").expect("it is valid");
        let mut numbers: Vec<_> =
            prose.iter().flat_map(|line| number.find_iter(line)).map(|found| found.as_str().to_owned()).collect();
        numbers.sort();
        Self {
            headings: prose.iter().map(level).filter(|level| *level > 0).collect(),
            rows: prose.iter().filter(|line| line.starts_with('|')).map(|line| line.matches(" |").count()).collect(),
            blocks: blocks::of(&text).iter().map(essence).collect(),
            numbers,
        }
    }
}

/// What a block shows, without what is for people.
fn essence(block: &blocks::Block) -> String {
    let lines = block.text.lines().map(|line| match (block.language(), block.kind().as_slice()) {
        ("text", ["files"]) => line.split("  ").next().unwrap_or_default(),
        ("sh", _) => line.split(" # ").next().unwrap_or_default().trim_end(),
        _ => line,
    });
    format!("{}\n{}", block.info.join(" "), lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn both_languages_have_the_same_parts() {
    let mut wrong = Vec::new();
    for (english, spanish) in PAGES {
        let (one, other) = (Parts::of(english), Parts::of(spanish));
        let mut differ = |what: &str, one: String, other: String| {
            if one != other {
                wrong.push(format!("{spanish} differs from {english} in its {what}:\n{one}\n{other}\n"));
            }
        };
        differ("headings", format!("{:?}", one.headings), format!("{:?}", other.headings));
        differ("tables", format!("{:?}", one.rows), format!("{:?}", other.rows));
        differ("blocks", one.blocks.join("\n---\n"), other.blocks.join("\n---\n"));
        differ("numbers", one.numbers.join(" "), other.numbers.join(" "));
        assert!(one.blocks.len() > 3, "{english} has only {} blocks", one.blocks.len());
    }
    report(&wrong);
}
