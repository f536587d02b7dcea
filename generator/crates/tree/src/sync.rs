//! The tree beside the disk: what differs. Only reads; [`super::write()`] does the rest.
//!
//! Everything is looked at before anything is written. A file without our first line is never
//! touched, and no symbolic link is followed.

use super::write::is_leftover;
use super::{File, OWNED, OWNED_FILES, Tree};
use rayon::prelude::*;
use render::MARKER;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// What is to be done.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Files of ours that differ, in the order of their paths.
    pub changes: Vec<Change<'a>>,
    /// Number of files that are as they should be.
    pub unchanged: usize,
    /// Files in our folders that are not ours.
    pub foreign: Vec<String>,
    /// Files and folders that a run which was cut off left behind.
    pub leftovers: Vec<String>,
    /// Folders that are to be made.
    pub(super) new_folders: NewFolders,
}

/// The outermost folders inside ours that are not there: all that goes into them is new. Each ends
/// in `/`, so that in their order the one that holds a path is easy to find.
#[derive(Debug, Default)]
pub(super) struct NewFolders(Vec<String>);

impl NewFolders {
    /// What there is to know from the folders of all files and what stands on the disk.
    fn of(folders: &BTreeSet<&str>, listing: &Listing) -> Self {
        let is_there = |folder: &str| listing.kind(folder).is_some();
        let is_new = |folder: &&&str| {
            let above = folder_of(folder);
            !is_there(folder) && (OWNED.contains(&above) || is_there(above))
        };
        let mut new: Vec<_> = folders.iter().filter(is_new).map(|folder| format!("{folder}/")).collect();
        new.sort_unstable();
        Self(new)
    }

    /// Where the one that holds a path stands in the list, and the rest of the path.
    pub(super) fn find<'a>(&self, path: &'a str) -> Option<(usize, &'a str)> {
        let at = self.0.partition_point(|folder| folder.as_str() <= path).checked_sub(1)?;
        path.strip_prefix(&self.0[at]).map(|rest| (at, rest))
    }

    /// The paths, without the `/`.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|folder| folder.trim_end_matches('/'))
    }
}

/// A file that differs.
#[derive(Debug)]
pub struct Change<'a> {
    /// Its path from the top of the repository.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind<'a>,
}

/// How a file differs.
#[derive(Debug, Clone, Copy)]
pub enum ChangeKind<'a> {
    /// It is not there.
    Missing(&'a File),
    /// It says something else.
    Differs(&'a File),
    /// It is ours, but nothing asks for it any more.
    Stale,
}

/// Why the disk could not be read or written: the path, and the system's reason.
#[derive(Debug)]
pub struct Error {
    /// The path.
    pub path: PathBuf,
    /// What is wrong with it.
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

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Folder,
    Link,
    /// A socket, a device, a named pipe.
    Other,
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

/// What stands in our folders, themselves included, in the order of the paths.
#[derive(Debug)]
pub struct Listing(Vec<(String, Kind)>);

impl Listing {
    fn kind(&self, path: &str) -> Option<Kind> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(path)).ok().map(|at| self.0[at].1)
    }
}

/// Lists what stands in our folders below `root`. Links are not followed.
///
/// # Errors
/// If something cannot be read, or something else stands in the place of one of our folders.
pub fn list(root: &Path) -> Result<Listing, Error> {
    let mut found = Vec::new();
    for folder in OWNED {
        match kind_of_top(root, folder)? {
            None => {}
            Some(Kind::Folder) => found.push((folder.to_owned(), Kind::Folder)),
            Some(_) => return Err(Error { path: root.join(folder), reason: "a folder must be here".to_owned() }),
        }
    }
    // Level by level, so that the folders of a level can be read at once.
    let mut level = 0;
    while level < found.len() {
        // What a run which was cut off left in a folder goes with it.
        let folders = found[level..].par_iter().filter(|(path, kind)| *kind == Kind::Folder && !is_leftover(path));
        let inner: Vec<_> = folders.map(|(folder, _)| list_folder(root, folder)).collect::<Result<_, _>>()?;
        level = found.len();
        found.extend(inner.into_iter().flatten());
    }
    for file in OWNED_FILES {
        found.extend(kind_of_top(root, file)?.map(|kind| (file.to_owned(), kind)));
    }
    found.par_sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Listing(found))
}

/// What stands at the place of one of our folders; nothing if the way to it is no real folder.
fn kind_of_top(root: &Path, folder: &str) -> Result<Option<Kind>, Error> {
    if let Some((above, _)) = folder.rsplit_once('/')
        && kind_of_top(root, above)? != Some(Kind::Folder)
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
        Ok(([folder, "/", &entry.file_name().to_string_lossy()].concat(), Kind::of(entry.file_type()?)))
    };
    entries.map(entry).collect::<io::Result<_>>().map_err(failed(&path))
}

/// Compares a tree with the disk below `root`. Only reads.
///
/// # Errors
/// If something cannot be read, or something that is not ours stands where a file must go.
pub fn compare<'a>(tree: &'a Tree, root: &Path) -> Result<Plan<'a>, Error> {
    compare_listed(tree, list(root)?, root)
}

/// The same, with what [`list`] found below `root`.
///
/// # Errors
/// Those of [`compare`].
pub fn compare_listed<'a>(tree: &'a Tree, listing: Listing, root: &Path) -> Result<Plan<'a>, Error> {
    let folders = folders(tree.files().iter().map(|file| file.path.as_str()));
    judge_folders(&folders, &listing, root)?;
    let new_folders = NewFolders::of(&folders, &listing);
    // Both are in order, so that one walk over both finds what stands in the place of each file.
    let mut there = Vec::with_capacity(tree.files().len());
    let mut others = Vec::new();
    let mut listed = listing.0.into_iter().peekable();
    for file in tree.files() {
        while let Some(other) = listed.next_if(|(path, _)| *path < file.path) {
            others.push(other);
        }
        there.push(listed.next_if(|(path, _)| *path == file.path).map(|(_, kind)| kind));
    }
    others.extend(listed);
    let judged: Vec<Option<Change<'a>>> = (tree.files(), &there)
        .into_par_iter()
        .with_min_len(32)
        .map(|(file, there)| match new_folders.find(&file.path) {
            Some(_) => Ok(Some(Change { path: file.path.clone(), kind: ChangeKind::Missing(file) })),
            None => judge(file, root, *there),
        })
        .collect::<Result<_, _>>()?;
    let unchanged = judged.iter().filter(|change| change.is_none()).count();
    let mut changes: Vec<_> = judged.into_iter().flatten().collect();
    let (mut foreign, mut leftovers) = (Vec::new(), Vec::new());
    for (path, kind) in others {
        match kind {
            Kind::File | Kind::Folder if is_leftover(&path) => leftovers.push(path),
            Kind::Folder => {}
            Kind::File if is_ours(&root.join(&path))? => changes.push(Change { path, kind: ChangeKind::Stale }),
            _ => foreign.push(path),
        }
    }
    changes.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(Plan { changes, unchanged, foreign, leftovers, new_folders })
}

/// Every folder on the way to a file is a real one, or free to be made.
fn judge_folders(folders: &BTreeSet<&str>, listing: &Listing, root: &Path) -> Result<(), Error> {
    for folder in folders {
        // Those above ours have not been listed.
        let is_above = OWNED
            .iter()
            .chain(&OWNED_FILES)
            .any(|owned| owned.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        let kind = if is_above { kind_of_top(root, folder)? } else { listing.kind(folder) };
        let reason = match kind {
            None | Some(Kind::Folder) => continue,
            Some(Kind::Link) => "a symbolic link stands where a folder must be; links are not followed",
            Some(Kind::File | Kind::Other) => "a file stands where a folder must be",
        };
        return Err(Error { path: root.join(folder), reason: reason.to_owned() });
    }
    Ok(())
}

/// The folder that a path lies in; empty at the top.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// All folders on the way to some files, parents first.
fn folders<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut folders = BTreeSet::new();
    let mut last = "";
    for path in paths {
        let mut rest = path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            // Files of a folder mostly stand side by side.
            if folder == last || !folders.insert(folder) {
                break;
            }
            rest = folder;
        }
        last = folder_of(path);
    }
    folders
}

/// How a file differs, given what stands in its place.
fn judge<'a>(file: &'a File, root: &Path, there: Option<Kind>) -> Result<Option<Change<'a>>, Error> {
    let change = |kind| Ok(Some(Change { path: file.path.clone(), kind }));
    let path = root.join(&file.path);
    let reason = match there {
        None if fs::symlink_metadata(&path).is_err() => return change(ChangeKind::Missing(file)),
        None => "something came to stand where a file must be while the generator ran; run it again",
        Some(Kind::File) if says(&path, file.text.as_bytes())? => return Ok(None),
        Some(Kind::File) if is_ours(&path)? => return change(ChangeKind::Differs(file)),
        Some(Kind::File) => {
            "a file that the generator did not write stands where it must write one; it is kept. Move it away, then run again"
        }
        Some(Kind::Folder) => "a folder stands where a file must be",
        Some(Kind::Link | Kind::Other) => {
            "a symbolic link or special file stands where a generated file must be; it is kept"
        }
    };
    Err(Error { path, reason: reason.to_owned() })
}

/// Whether a file says exactly this. One of another length need not be read.
fn says(path: &Path, text: &[u8]) -> Result<bool, Error> {
    let read = || -> io::Result<bool> {
        let mut file = fs::File::open(path)?;
        if file.metadata()?.len() != text.len() as u64 {
            return Ok(false);
        }
        let mut there = vec![0; text.len()];
        file.read_exact(&mut there)?;
        Ok(there == text)
    };
    match read() {
        // It was cut off in this moment.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        result => result.map_err(failed(path)),
    }
}

/// Whether a file's first line is ours.
fn is_ours(path: &Path) -> Result<bool, Error> {
    let mut start = Vec::with_capacity(256);
    fs::File::open(path).and_then(|file| file.take(256).read_to_end(&mut start)).map_err(failed(path))?;
    Ok(marks(&start))
}

fn marks(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

/// The text of a file on disk, for showing what differs.
///
/// # Errors
/// If it cannot be read.
pub fn contents(root: &Path, path: &str) -> Result<String, Error> {
    let path = root.join(path);
    fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(failed(path))
}
