//! Generates the configuration of a homelab from one typed spec file.
//!
//! Each stage is a crate, so the compiler ensures that a stage uses only earlier ones:
//!
//! ```text
//! text ──spec──► Spec ──resolve──► Lab ──render──► pages ──tree──► Tree ──tree::write──► disk
//! ```
//!
//! [`platform`] and [`app`] make the units that [`resolve`] puts in order. ARCHITECTURE.md in the
//! repository describes the rest.

pub use {
    amend, app, catalogue, diagnostic, edit, import, model, nix, operate, plan, platform, render, resolve, spec,
    starter, tree, yaml,
};

pub mod cli;

use diagnostic::{Code, Diagnostic, Diagnostics};
use model::{Files, Lab};
use render::Templates;
use spec::Spec;
use std::sync::LazyLock;
use tree::Tree;

/// The result of building a spec.
#[derive(Debug)]
pub struct Built {
    /// The lab that the spec describes.
    pub lab: Lab,
    /// The generated files, verified.
    pub tree: Tree,
    /// Warnings.
    pub diagnostics: Diagnostics,
}

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::compile(&[platform::templates(), app::templates()].concat()));

/// Compiles the templates. Can run while the spec is read, as it does not depend on the spec.
pub fn prepare() {
    LazyLock::force(&TEMPLATES);
}

/// Generates all files from a spec. Does no I/O: `files` returns the files that the spec refers to. `path` is that of
/// the spec from the top of the repository, for the first line of every file.
///
/// # Errors
/// Returns all diagnostics, from the syntax of the spec to references between generated files, or the error of
/// `files`.
pub fn build<E: From<Diagnostics>>(
    spec: &[u8],
    path: &str,
    files: impl FnOnce(&Spec) -> Result<Files, E>,
) -> Result<Built, E> {
    let parsed = spec::parse(spec)?;
    let files = files(&parsed.spec)?;
    let schema = render::schema_path(path, &parsed.comments);
    let resolved = resolve::resolve(parsed, &files);
    let mut diagnostics = resolved.diagnostics;
    let Some(lab) = resolved.lab else { return Err(diagnostics.into()) };
    let pages = render::pages(&lab, path, schema.as_deref(), &TEMPLATES)
        .map_err(|message| Diagnostics::from(Diagnostic::of_file(Code::Internal, message)))?;
    match tree::verify(&lab, pages) {
        Ok(tree) => Ok(Built { lab, tree, diagnostics }),
        Err(errors) => {
            diagnostics.append(errors);
            Err(diagnostics.into())
        }
    }
}
