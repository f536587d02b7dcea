//! The generated files: verified before anything is written, then compared with the disk.

mod create;
mod facts;
mod sync;
mod temporary;
mod verify;
mod write;

pub use create::{create, existing};
pub use sync::{Change, ChangeKind, Error as SyncError, Listing, Plan, compare, compare_listed, contents, list};
pub use verify::verify;
pub use write::{lock, replace_text, write};

use diagnostic::Span;
use model::contract::PINS;
use rayon::prelude::*;
use render::{Owner, Page};
use std::sync::Arc;

/// The generated folders, relative to the root of the repository.
pub const OWNED: [&str; 3] = ["docs/lab", "k8s", "nix/nodes"];

/// The generated files outside those folders. The schema of the spec, which is beside the spec, is another one.
pub const OWNED_FILES: [&str; 1] = [PINS];

/// Whether the path of a file or folder is a generated one, or inside of one.
fn is_owned(path: &str) -> bool {
    let is_inside = |top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    OWNED.iter().chain(&OWNED_FILES).any(|top| is_inside(top))
}

/// All files that the spec generates, verified and sorted by path.
#[derive(Debug)]
pub struct Tree {
    files: Vec<File>,
}

/// A generated file.
#[derive(Debug)]
pub struct File {
    /// Its path, relative to the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What it belongs to.
    pub owner: Arc<Owner>,
    /// The place of the spec that it comes from, if it is smaller than the whole spec.
    pub place: Option<Span>,
}

impl File {
    fn of(page: Page) -> Self {
        Self { path: page.path, text: page.text, owner: page.owner, place: page.place }
    }
}

impl Tree {
    /// Sorts pages. Only [`verify()`] calls it, so that every tree is verified.
    fn new(pages: Vec<Page>) -> Self {
        let mut files: Vec<_> = pages.into_iter().map(File::of).collect();
        files.par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// The files, sorted by path.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The files that something reads but an editor: all except the schema of the spec.
    pub fn deployed(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| *file.owner != Owner::Schema)
    }

    /// The file with this path, if there is one.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|at| &self.files[at])
    }
}
