//! Compares the tree with the disk. Only reads; [`super::write()`] applies the result.
//!
//! Everything is compared before anything is written. A file whose first line does not mark it as
//! generated is never touched, and symbolic links are not followed.

use super::temporary::is_leftover;
use super::{File, OWNED, OWNED_FILES, Tree, is_owned};
use rayon::prelude::*;
use render::MARKER;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The changes that make the disk match the tree.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Generated files that differ, sorted by path.
    pub changes: Vec<Change<'a>>,
    /// The number of files that match.
    pub unchanged: usize,
    /// Files in the generated folders that were not generated.
    pub foreign: Vec<String>,
    /// Temporary files and folders of an interrupted run.
    pub leftovers: Vec<String>,
    /// Folders to create.
    pub(super) new_folders: NewFolders,
}

/// The outermost missing folders inside the generated folders: every file in them is new. Each ends with
/// `/`, so that a binary search finds the one that contains a path.
#[derive(Debug, Default)]
pub(super) struct NewFolders(Vec<String>);

impl NewFolders {
    /// Finds the new folders among `folders`, those of all files, by what is on the disk.
    fn of(folders: &BTreeSet<&str>, listing: &Listing) -> Self {
        let exists = |folder: &str| listing.kind(folder).is_some();
        let is_new = |folder: &&&str| {
            let above = folder_of(folder);
            !exists(folder) && (OWNED.contains(&above) || exists(above))
        };
        let mut new: Vec<_> = folders.iter().filter(is_new).map(|folder| format!("{folder}/")).collect();
        new.sort_unstable();
        Self(new)
    }

    /// The index of the folder that contains a path, and the path inside it.
    pub(super) fn find<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let at = self.0.partition_point(|folder| folder.as_str() <= path).checked_sub(1)?;
        path.strip_prefix(&self.0[at]).map(|rest| (at, rest))
    }

    /// The paths, without the trailing `/`.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|folder| folder.trim_end_matches('/'))
    }
}

/// A file that differs.
#[derive(Debug)]
pub struct Change<'a> {
    /// Its path, relative to the root of the repository.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind<'a>,
}

/// How a file differs.
#[derive(Debug, Clone, Copy)]
pub enum ChangeKind<'a> {
    /// It does not exist.
    Missing(&'a File),
    /// Its content differs.
    Differs(&'a File),
    /// It was generated, but the spec no longer needs it.
    Stale,
}

/// Why a path could not be read or written.
#[derive(Debug)]
pub struct Error {
    /// The path.
    pub path: PathBuf,
    /// The reason, such as the message of the operating system.
    pub reason: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.reason)
    }
}

impl std::error::Error for Error {}

pub(super) fn failed(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |error| Error { path, reason: error.to_string() }
}

/// The type of a path on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
    /// A socket, device or named pipe.
    Other,
    /// Anything whose name is not UTF-8, so that it was not generated. Its path is for messages only.
    Unnamed,
}

impl Kind {
    fn of(kind: fs::FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Folder
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

/// The contents of the generated folders, including these folders and the generated files outside them,
/// sorted by path.
#[derive(Debug)]
pub struct Listing(Vec<(String, Kind)>);

impl Listing {
    fn kind(&self, path: &str) -> Option<Kind> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(path)).ok().map(|at| self.0[at].1)
    }
}

/// Lists the contents of the generated folders below `root`. Does not follow symbolic links.
///
/// # Errors
/// If something cannot be read, or a generated folder is not a folder.
pub fn list(root: &Path) -> Result<Listing, Error> {
    let mut found = Vec::new();
    for folder in OWNED {
        match kind_below(root, folder)? {
            None => {}
            Some(Kind::Folder) => found.push((folder.to_owned(), Kind::Folder)),
            Some(_) => return Err(Error { path: root.join(folder), reason: "expected a folder".to_owned() }),
        }
    }
    // Level by level, so that the folders of a level can be read at once.
    let mut level = 0;
    while level < found.len() {
        // A leftover folder is removed as a whole, so its contents are not listed.
        let folders = found[level..].par_iter().filter(|(path, kind)| *kind == Kind::Folder && !is_leftover(path));
        let inner: Vec<_> = folders.map(|(folder, _)| list_folder(root, folder)).collect::<Result<_, _>>()?;
        level = found.len();
        found.extend(inner.into_iter().flatten());
    }
    for file in OWNED_FILES {
        found.extend(kind_below(root, file)?.map(|kind| (file.to_owned(), kind)));
    }
    found.par_sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Listing(found))
}

/// The type of a path. `None` if it does not exist, or if a parent is missing or not a real folder.
pub(super) fn kind_below(root: &Path, folder: &str) -> Result<Option<Kind>, Error> {
    if let Some((above, _)) = folder.rsplit_once('/')
        && kind_below(root, above)? != Some(Kind::Folder)
    {
        return Ok(None);
    }
    let path = root.join(folder);
    match fs::symlink_metadata(&path) {
        Ok(metadata) => Ok(Some(Kind::of(metadata.file_type()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed(path)(error)),
    }
}

fn list_folder(root: &Path, folder: &str) -> Result<Vec<(String, Kind)>, Error> {
    let path = root.join(folder);
    let entries = fs::read_dir(&path).map_err(failed(&path))?;
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let name = entry.file_name();
        Ok(match name.to_str() {
            Some(name) => ([folder, "/", name].concat(), Kind::of(entry.file_type()?)),
            None => ([folder, "/", &printable(&name)].concat(), Kind::Unnamed),
        })
    };
    entries.map(entry).collect::<io::Result<_>>().map_err(failed(&path))
}

/// A name that is not UTF-8, with its other bytes as `\\xNN`.
fn printable(name: &OsStr) -> String {
    let chunks = name.as_encoded_bytes().utf8_chunks();
    chunks.fold(String::new(), |text, chunk| text + chunk.valid() + &chunk.invalid().escape_ascii().to_string())
}

/// Compares a tree with the disk below `root`. Writes nothing.
///
/// # Errors
/// If something cannot be read, or the path of a generated file or folder is taken by something that was
/// not generated.
pub fn compare<'a>(tree: &'a Tree, root: &Path) -> Result<Plan<'a>, Error> {
    compare_listed(tree, list(root)?, root)
}

/// Compares a tree with the disk, as [`compare`] does, using the result of [`list`].
///
/// # Errors
/// Those of [`compare`].
pub fn compare_listed<'a>(tree: &'a Tree, listing: Listing, root: &Path) -> Result<Plan<'a>, Error> {
    let folders = folders(tree.files().iter().map(|file| file.path.as_str()));
    check_folders(&folders, &listing, root)?;
    let new_folders = NewFolders::of(&folders, &listing);
    // Both are sorted, so one pass over both finds the type of each file on the disk.
    let mut kinds = Vec::with_capacity(tree.files().len());
    let mut others = Vec::new();
    let mut listed = listing.0.into_iter().peekable();
    for file in tree.files() {
        while let Some(other) = listed.next_if(|(path, _)| *path < file.path) {
            others.push(other);
        }
        let found = listed.next_if(|(path, _)| *path == file.path).map(|(_, kind)| kind);
        kinds.push(if is_owned(&file.path) { found } else { kind_below(root, &file.path)? });
    }
    others.extend(listed);
    let compared: Vec<Option<Change<'a>>> = (tree.files(), &kinds)
        .into_par_iter()
        .with_min_len(32)
        .map(|(file, kind)| match new_folders.find(&file.path) {
            Some(_) => Ok(Some(Change { path: file.path.clone(), kind: ChangeKind::Missing(file) })),
            None => compare_file(file, root, *kind),
        })
        .collect::<Result<_, _>>()?;
    let unchanged = compared.iter().filter(|change| change.is_none()).count();
    let mut changes: Vec<_> = compared.into_iter().flatten().collect();
    let (mut foreign, mut leftovers) = (Vec::new(), Vec::new());
    for (path, kind) in others {
        match kind {
            Kind::File | Kind::Folder if is_leftover(&path) => leftovers.push(path),
            Kind::Folder => {}
            Kind::File if is_generated(&root.join(&path))? => changes.push(Change { path, kind: ChangeKind::Stale }),
            _ => foreign.push(path),
        }
    }
    changes.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(Plan { changes, unchanged, foreign, leftovers, new_folders })
}

/// Checks that every parent folder of a file is a real folder, or does not exist.
fn check_folders(folders: &BTreeSet<&str>, listing: &Listing, root: &Path) -> Result<(), Error> {
    for folder in folders {
        // The listing contains neither the parents of the generated folders nor the folder of the schema.
        let kind = if is_owned(folder) { listing.kind(folder) } else { kind_below(root, folder)? };
        let reason = match kind {
            None | Some(Kind::Folder) => continue,
            Some(Kind::Link) => "expected a folder, found a symbolic link, which is not followed",
            Some(Kind::File | Kind::Other | Kind::Unnamed) => "expected a folder, found a file",
        };
        return Err(Error { path: root.join(folder), reason: reason.to_owned() });
    }
    Ok(())
}

/// The parent folder of a path; empty at the root.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// All parent folders of some files, outer folders first.
fn folders<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut folders = BTreeSet::new();
    let mut last = "";
    for path in paths {
        let mut rest = path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            // Files of the same folder are mostly adjacent.
            if folder == last || !folders.insert(folder) {
                break;
            }
            rest = folder;
        }
        last = folder_of(path);
    }
    folders
}

/// Compares a file with the disk, where its path has the type `kind`. Returns `None` if they match.
fn compare_file<'a>(file: &'a File, root: &Path, kind: Option<Kind>) -> Result<Option<Change<'a>>, Error> {
    let change = |change| Ok(Some(Change { path: file.path.clone(), kind: change }));
    let path = root.join(&file.path);
    let reason = match kind {
        None if fs::symlink_metadata(&path).is_err() => return change(ChangeKind::Missing(file)),
        None => "this was created by something else while the generator ran; run it again",
        Some(Kind::File) if has_contents(&path, file.text.as_bytes())? => return Ok(None),
        Some(Kind::File) if is_generated(&path)? => return change(ChangeKind::Differs(file)),
        Some(Kind::File) => "this file was not generated, so it is not overwritten; move it away and run again",
        Some(Kind::Folder) => "expected a file, found a folder",
        Some(Kind::Link | Kind::Other | Kind::Unnamed) => {
            "expected a file, found a symbolic link or a special file, which is not overwritten"
        }
    };
    Err(Error { path, reason: reason.to_owned() })
}

/// Whether a file has exactly these contents. A file of a different length is not read.
fn has_contents(path: &Path, text: &[u8]) -> Result<bool, Error> {
    let read = || -> io::Result<bool> {
        let mut file = fs::File::open(path)?;
        if file.metadata()?.len() != text.len() as u64 {
            return Ok(false);
        }
        let mut contents = vec![0; text.len()];
        file.read_exact(&mut contents)?;
        Ok(contents == text)
    };
    match read() {
        // Something truncated the file in the meantime.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        result => result.map_err(failed(path)),
    }
}

/// Whether a file is marked as generated: by its first line or, if it is a schema, by its first field.
fn is_generated(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::with_capacity(256);
    fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut start)).map_err(failed(path))?;
    Ok(has_marker(&start))
}

/// How schemas started before they had a mark.
const UNMARKED_SCHEMA: &[u8] =
    b"{\n  \"type\": \"object\",\n  \"additionalProperties\": false,\n  \"properties\": {\n    \"version\": {\n";

fn has_marker(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let line = match first {
        b"{" => lines.next().filter(|line| line.starts_with(b"  \"$comment\":")).unwrap_or_default(),
        _ => first,
    };
    line.windows(MARKER.len()).any(|window| window == MARKER.as_bytes()) || bytes.starts_with(UNMARKED_SCHEMA)
}

/// Reads a file below `root`, to show how it differs. Replaces invalid UTF-8.
///
/// # Errors
/// If it cannot be read.
pub fn contents(root: &Path, path: &str) -> Result<String, Error> {
    let path = root.join(path);
    fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(failed(path))
}
