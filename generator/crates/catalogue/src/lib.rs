//! The catalogue: widely used apps as data. An entry has the fields of the app for a spec, what it needs elsewhere in the
//! spec, what to do after its first start, and the source of each fact.
//!
//! The data is in `apps/NAME.yaml`, and is part of the program. [`Choices`] says what a spec offers to an app, and
//! [`Entry::fields`] returns its fields as YAML.

mod choices;
mod entry;
mod fields;
mod list;

pub use choices::{Choices, Need};
pub use entry::{Category, Entry, Evidence, Fact, Key};

use std::sync::LazyLock;

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let read = |(name, text): &(&'static str, &'static str)| {
        Entry::read(name, text).unwrap_or_else(|problem| panic!("a test reads all entries: {name}: {problem}"))
    };
    list::FILES.iter().map(read).collect()
});

/// All entries, in the order of their names.
pub fn all() -> &'static [Entry] {
    &ENTRIES
}

/// Returns the entry with this name.
pub fn find(name: &str) -> Option<&'static Entry> {
    all().iter().find(|entry| entry.name == name)
}

/// Returns the name of the entry that is most similar to a misspelled one.
pub fn did_you_mean(name: &str) -> Option<&'static str> {
    let title = |entry: &Entry| entry.title.eq_ignore_ascii_case(name);
    let near = || diagnostic::did_you_mean(name, all().iter().map(|entry| entry.name));
    all().iter().find(|entry| title(entry)).map(|entry| entry.name).or_else(near)
}

/// Returns the entries with a word in their name, title, description or category, whatever its case.
pub fn search(word: &str) -> Vec<&'static Entry> {
    let word = word.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&word);
    let of_entry =
        |entry: &&Entry| [entry.name, &entry.title, &entry.description, entry.category.title()].into_iter().any(has);
    all().iter().filter(of_entry).collect()
}

#[cfg(test)]
mod tests;
