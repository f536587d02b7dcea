//! The files of a new lab: [`Answers`] in, texts of files out.
//!
//! Answers come from a file, from flags or from an [`interview`]. Only the answers file is text that a person wrote, so
//! the others are drafts ([`Draft`]) that become such a text: there is one way from answers to files. Whatever is not
//! answered gets a value that is valid; values that must be replaced are listed ([`Example`]).

mod addresses;
mod answers;
mod draft;
mod interview;
mod plan;
mod providers;
mod repository;
mod seen;
mod spec_file;
mod writer;

pub use answers::{Answers, template};
pub use draft::Draft;
pub use interview::{Asker, accept, interview};
pub use providers::{Kind, providers};
pub use repository::files;
pub use seen::{Lan as SeenLan, Seen, lan_of_routes, neighbours, public_key, repository_url};
pub use spec_file::{SPEC_NAME, SpecFile, spec_file};
pub use writer::Example;

/// How to install the nodes of a new lab.
pub const BOOTSTRAP: &str = "https://github.com/example/homelab/blob/main/docs/bootstrap.md";

/// A file of a new lab, which the user owns from then on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path, relative to the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}
