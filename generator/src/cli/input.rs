//! Reading the spec and the files that it names.

use super::Stop;
use super::args::Global;
use diagnostic::{Code, Diagnostic};
use model::contract::PINS;
use model::{File, Files, Problem};
use spec::{MAX_BYTES, Spec};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use tree::SyncError;

/// The spec as read from the disk.
pub(super) struct Input {
    /// The top of the repository.
    pub(super) root: PathBuf,
    /// The spec's path as the user would write it.
    pub(super) shown: String,
    /// The spec's path from the top of the repository, for the first line of generated files.
    pub(super) in_repository: String,
    /// The spec.
    pub(super) bytes: Vec<u8>,
}

impl Input {
    pub(super) fn read(global: &Global) -> Result<Self, Stop> {
        let failed = |path: &Path, reason: String| Stop::Disk(SyncError { path: path.to_owned(), reason });
        let root = fs::canonicalize(&global.root).map_err(|error| failed(&global.root, error.to_string()))?;
        if !root.is_dir() {
            return Err(failed(&global.root, "the root is not a folder".to_owned()));
        }
        let path = root.join(&global.spec);
        let metadata = fs::metadata(&path).map_err(|error| failed(&path, spec_reason(&error)))?;
        if !metadata.is_file() {
            return Err(failed(&path, "it is not a file".to_owned()));
        }
        let file = fs::File::open(&path).map_err(|error| failed(&path, error.to_string()))?;
        // One byte more than is allowed tells that there are too many.
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(&path, error.to_string()))?;
        let input = Self { shown: shown(global), in_repository: in_repository(&root, &path), root, bytes };
        if input.bytes.len() as u64 > MAX_BYTES {
            let message = format!("the spec is larger than {} MiB", MAX_BYTES >> 20);
            let diagnostics =
                Diagnostic::of_file(Code::TooLarge, message).help("check that this is the right file").into();
            return Err(Stop::Faults { diagnostics, input: Some(Self { bytes: Vec::new(), ..input }) });
        }
        Ok(input)
    }

    /// The spec as text; empty if it is none.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// The files that the spec names, as far as they can be read.
    pub(super) fn referenced(&self, spec: &Spec) -> Files {
        let named = resolve::referenced(spec).into_iter().map(|path| path.to_string());
        // Nobody names the pins file: it is there if image automation has anything to move.
        let pins = Some(PINS.to_owned()).filter(|path| self.root.join(path).exists());
        named.chain(pins).map(|path| (path.clone(), self.referenced_file(&path))).collect()
    }

    fn referenced_file(&self, path: &str) -> File {
        let unreadable = |error: io::Error| Problem::Unreadable(error.to_string());
        let real = fs::canonicalize(self.root.join(path)).map_err(unreadable)?;
        if !real.starts_with(&self.root) {
            return Err(Problem::OutsideRoot);
        }
        if !fs::metadata(&real).map_err(unreadable)?.is_file() {
            return Err(Problem::Unreadable("it is not a file".to_owned()));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&real).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Problem::Unreadable(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
        }
        Ok(bytes)
    }
}

fn spec_reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "there is no spec here; --root names the top of the repository, --spec a file in it".to_owned()
    } else {
        error.to_string()
    }
}

/// The path as one would open it from here.
fn shown(global: &Global) -> String {
    let path = if global.root == Path::new(".") { global.spec.clone() } else { global.root.join(&global.spec) };
    path.to_string_lossy().into_owned()
}

/// The same on every machine and from every folder: relative to the root, with plain slashes.
fn in_repository(root: &Path, path: &Path) -> String {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Ok(relative) = real.strip_prefix(root) else { return "the spec".to_owned() };
    let parts: Vec<_> = relative
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    let path = parts.join("/");
    let is_plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+/-".contains(&byte));
    if path.is_empty() || !is_plain { "the spec".to_owned() } else { path }
}
