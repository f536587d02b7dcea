//! The finished output: proven consistent before the disk is touched, then laid beside it.

mod facts;
mod sync;
mod verify;
mod write;

pub use sync::{Change, ChangeKind, Error as SyncError, Listing, Plan, compare, compare_listed, contents, list};
pub use verify::verify;
pub use write::{lock, write};

use model::contract::PINS;
use rayon::prelude::*;
use render::{Owner, Page};

/// The folders, from the top of the repository, that belong to the generator.
pub const OWNED: [&str; 3] = ["docs/lab", "k8s", "nix/nodes"];

/// The files beside those folders that the generator keeps.
pub const OWNED_FILES: [&str; 1] = [PINS];

/// Every file that the spec asks for, verified and in the order of the paths.
#[derive(Debug)]
pub struct Tree {
    files: Vec<File>,
}

/// A file of the tree.
#[derive(Debug)]
pub struct File {
    /// Its path from the top of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Whose it is.
    pub owner: Owner,
}

impl Tree {
    /// Puts pages in order. Only [`verify`] calls it, so that a tree is always a verified one.
    fn new(pages: Vec<Page>) -> Self {
        let mut files: Vec<_> =
            pages.into_iter().map(|page| File { path: page.path, text: page.text, owner: page.owner }).collect();
        files.par_sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }

    /// The files, in the order of their paths.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The file at a path.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok().map(|at| &self.files[at])
    }
}
