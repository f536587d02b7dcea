//! One typed spec file says what a homelab is; this library writes all that follows from it.
//!
//! Each floor is a crate, and the compiler holds that a floor uses only those below it:
//!
//! ```text
//! text ──spec──► Spec ──resolve──► Lab ──render──► pages ──tree──► Tree ──tree::write──► disk
//! ```
//!
//! [`platform`] and [`app`] make the units that [`resolve`] puts in order. ARCHITECTURE.md in the
//! repository tells the rest.

pub use {app, diagnostic, model, nix, platform, render, resolve, spec, tree, yaml};

pub mod cli;

use diagnostic::{Code, Diagnostic, Diagnostics};
use model::{Files, Lab};
use render::Templates;
use spec::Spec;
use std::sync::LazyLock;
use tree::Tree;

/// What follows from a spec.
#[derive(Debug)]
pub struct Built {
    /// The lab that it describes.
    pub lab: Lab,
    /// Every file of it, verified.
    pub tree: Tree,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::compile(&[platform::templates(), app::templates()].concat()));

/// Does what every run needs, whatever the spec, so that it can be done while the spec is read.
pub fn prepare() {
    LazyLock::force(&TEMPLATES);
}

/// Takes a spec all the way to the files that follow from it. Reads and writes nothing: `files` gets
/// the files that the spec names, and `path` is that of the spec from the top of the repository, for
/// the first line of every file.
///
/// # Errors
/// Everything that is wrong, from the syntax of the spec to references between the files; or what
/// `files` returns.
pub fn build<E: From<Diagnostics>>(
    spec: &[u8],
    path: &str,
    files: impl FnOnce(&Spec) -> Result<Files, E>,
) -> Result<Built, E> {
    let parsed = spec::parse(spec)?;
    let files = files(&parsed.spec)?;
    let resolved = resolve::resolve(parsed, &files);
    let mut diagnostics = resolved.diagnostics;
    let Some(lab) = resolved.lab else { return Err(diagnostics.into()) };
    let pages = render::pages(&lab, path, &TEMPLATES)
        .map_err(|message| Diagnostics::from(Diagnostic::of_file(Code::Internal, message)))?;
    match tree::verify(&lab, pages) {
        Ok(tree) => Ok(Built { lab, tree, diagnostics }),
        Err(faults) => {
            diagnostics.append(faults);
            Err(diagnostics.into())
        }
    }
}
