//! README, ARCHITECTURE, CONTRIBUTING and `docs/`: the book is complete, links lead somewhere, and what the pages show is
//! real: fragments of specs are valid, commands run, other languages parse.

mod blocks;
mod book;
mod commands;
mod figures;
mod languages;
mod specs;
mod translations;

use crate::support::repository;
use blocks::Block;
use std::fs;
use std::path::PathBuf;

/// A page: its path in the repository, and its text.
struct Page {
    path: String,
    text: String,
}

impl Page {
    fn blocks(&self) -> Vec<Block> {
        blocks::of(&self.text)
    }

    /// The place of a block, for messages.
    fn place(&self, block: &Block) -> String {
        format!("{}:{}", self.path, block.line)
    }
}

/// The pages that people write, and the generated spec reference. Those of `docs/lab` describe one lab.
fn pages() -> Vec<Page> {
    let root = repository();
    let mut paths: Vec<PathBuf> =
        ["README.md", "README.es.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(PathBuf::from).to_vec();
    let files = walkdir::WalkDir::new(root.join("docs")).sort_by_file_name().into_iter();
    for entry in files.filter_entry(|entry| !entry.path().ends_with("docs/lab")) {
        let path = entry.expect("docs can be listed").into_path();
        if path.extension().is_some_and(|ending| ending == "md") {
            paths.push(path.strip_prefix(&root).expect("it is inside").to_owned());
        }
    }
    let read = |path: PathBuf| Page {
        text: fs::read_to_string(root.join(&path)).expect("pages are text"),
        path: path.to_string_lossy().into_owned(),
    };
    paths.into_iter().map(read).collect()
}

/// Fails with all messages, unless there are none.
fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
