//! Reading the spec and the files that it refers to.

use super::Stop;
use super::args::Global;
use diagnostic::{Code, Diagnostic};
use model::{File, Files, Problem};
use spec::{MAX_BYTES, Spec};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use tree::SyncError;

/// The spec as read from disk.
#[derive(Clone)]
pub(super) struct Input {
    /// The root of the repository.
    pub(super) root: PathBuf,
    /// The path of the spec for messages, relative to the working directory if the root is.
    pub(super) shown: String,
    /// The path of the spec from the root of the repository, for the first line of generated files.
    pub(super) in_repository: String,
    /// The content of the spec.
    pub(super) bytes: Vec<u8>,
}

impl Input {
    pub(super) fn read(global: &Global) -> Result<Self, Stop> {
        let failed = |path: &Path, reason: String| Stop::Io(SyncError { path: path.to_owned(), reason });
        let root = fs::canonicalize(&global.root).map_err(|error| failed(&global.root, error.to_string()))?;
        if !root.is_dir() {
            return Err(failed(&global.root, "the root is not a folder".to_owned()));
        }
        let path = root.join(&global.spec);
        let metadata = fs::metadata(&path).map_err(|error| failed(&path, spec_reason(&error)))?;
        if !metadata.is_file() {
            return Err(failed(&path, "not a regular file".to_owned()));
        }
        let file = fs::File::open(&path).map_err(|error| failed(&path, error.to_string()))?;
        // One byte more than allowed shows that the file is too large.
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(&path, error.to_string()))?;
        let input = Self { shown: display_path(global), in_repository: path_in_repository(&root, &path), root, bytes };
        if input.bytes.len() as u64 > MAX_BYTES {
            let message = format!("the spec is larger than {} MiB", MAX_BYTES >> 20);
            let diagnostics =
                Diagnostic::of_file(Code::TooLarge, message).help("check that this is the right file").into();
            return Err(Stop::Invalid { diagnostics, input: Some(Self { bytes: Vec::new(), ..input }) });
        }
        Ok(input)
    }

    /// The spec as text; empty if it is not valid UTF-8.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// Reads the files that the spec refers to. A file that cannot be read is a [`Problem`].
    pub(super) fn referenced(&self, spec: &Spec) -> Files {
        let paths = resolve::referenced(spec).into_iter();
        // The spec does not name these files, and they exist only after an earlier run.
        let committed = resolve::committed(spec).into_iter().filter(|path| self.root.join(path).exists());
        paths.chain(committed).map(|path| (path.clone(), self.referenced_file(&path))).collect()
    }

    fn referenced_file(&self, path: &str) -> File {
        let unreadable = |error: io::Error| Problem::Unreadable(error.to_string());
        let real = fs::canonicalize(self.root.join(path)).map_err(unreadable)?;
        if !real.starts_with(&self.root) {
            return Err(Problem::OutsideRoot);
        }
        if !fs::metadata(&real).map_err(unreadable)?.is_file() {
            return Err(Problem::Unreadable("not a regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(&real).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Problem::Unreadable(format!("larger than {} MiB", MAX_BYTES >> 20)));
        }
        Ok(bytes)
    }
}

fn spec_reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "no spec found; set --root to the root of the repository, and --spec to the path of the spec in it".to_owned()
    } else {
        error.to_string()
    }
}

/// The path of the spec from the working directory.
fn display_path(global: &Global) -> String {
    let path = if global.root == Path::new(".") { global.spec.clone() } else { global.root.join(&global.spec) };
    path.to_string_lossy().into_owned()
}

/// The path of the spec relative to the root, with forward slashes: the same on every machine and from
/// every working directory. `the spec` if it is outside the root or has unusual characters.
fn path_in_repository(root: &Path, path: &Path) -> String {
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
