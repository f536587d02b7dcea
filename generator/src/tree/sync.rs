//! The tree beside the disk: what differs, and how the disk becomes the tree.
//!
//! Nothing is written before everything has been looked at. Each file is replaced in one step, so
//! that it is old or new whenever a run is cut off. A file without our first line is never touched,
//! and no symbolic link is followed.

use super::{File, OWNED, Tree};
use crate::render::MARKER;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// What is to be done.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Files of ours that differ, in the order of their paths.
    pub changes: Vec<Change<'a>>,
    /// Number of files that are as they should be.
    pub unchanged: usize,
    /// Files in our folders that are not ours.
    pub foreign: Vec<String>,
    /// Files that a run which was cut off left behind.
    pub leftovers: Vec<String>,
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

fn failed(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |error| Error { path, reason: error.to_string() }
}

/// Compares a tree with the disk below `root`. Only reads.
///
/// # Errors
/// If something cannot be read, or something that is not ours stands where a file must go.
pub fn compare<'a>(tree: &'a Tree, root: &Path) -> Result<Plan<'a>, Error> {
    let (on_disk, folders) = rayon::join(|| list(root), || judge_folders(tree, root));
    let on_disk = on_disk?;
    folders?;
    let judged: Vec<Option<Change<'a>>> = tree
        .files()
        .par_iter()
        .with_min_len(64)
        .map(|file| judge(file, root, on_disk.get(&file.path).copied()))
        .collect::<Result<_, _>>()?;
    let unchanged = judged.iter().filter(|change| change.is_none()).count();
    let mut changes: Vec<_> = judged.into_iter().flatten().collect();
    let (mut foreign, mut leftovers) = (Vec::new(), Vec::new());
    for (path, is_file) in on_disk {
        if tree.get(&path).is_some() {
            continue;
        }
        if is_file && is_leftover(&path) {
            leftovers.push(path);
        } else if is_file && is_ours(&root.join(&path))? {
            changes.push(Change { path, kind: ChangeKind::Stale });
        } else {
            foreign.push(path);
        }
    }
    changes.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    foreign.sort_unstable();
    Ok(Plan { changes, unchanged, foreign, leftovers })
}

/// What stands in our folders: each path, and whether it is a plain file. Links are not followed.
fn list(root: &Path) -> Result<HashMap<String, bool>, Error> {
    let mut found = HashMap::new();
    for folder in OWNED {
        let top = root.join(folder);
        match fs::symlink_metadata(&top) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => continue,
            Err(error) => return Err(failed(top)(error)),
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => return Err(Error { path: top, reason: "a folder must be here".to_owned() }),
        }
        for entry in walkdir::WalkDir::new(&top).follow_links(false) {
            let entry = entry.map_err(|error| Error {
                path: error.path().unwrap_or(&top).to_owned(),
                reason: error.io_error().map_or_else(|| "it cannot be read".to_owned(), ToString::to_string),
            })?;
            if entry.file_type().is_dir() {
                continue;
            }
            let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
            found.insert(relative.to_string_lossy().into_owned(), entry.file_type().is_file());
        }
    }
    Ok(found)
}

/// Every folder on the way to a file is a real one, or free to be made.
fn judge_folders(tree: &Tree, root: &Path) -> Result<(), Error> {
    for folder in folders(tree.files().iter().map(|file| file.path.as_str())) {
        let path = root.join(folder);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                return Err(Error {
                    path,
                    reason: "a symbolic link stands where a folder must be; links are not followed".to_owned(),
                });
            }
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Error { path, reason: "a file stands where a folder must be".to_owned() });
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(failed(path)(error)),
        }
    }
    Ok(())
}

/// All folders on the way to some files, parents first.
fn folders<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut folders = BTreeSet::new();
    for path in paths {
        let mut rest = path;
        while let Some((folder, _)) = rest.rsplit_once('/') {
            if !folders.insert(folder) {
                break;
            }
            rest = folder;
        }
    }
    folders
}

/// How a file differs, given what stands in its place: nothing, a plain file, or something else.
fn judge<'a>(file: &'a File, root: &Path, on_disk: Option<bool>) -> Result<Option<Change<'a>>, Error> {
    let change = |kind| Some(Change { path: file.path.clone(), kind });
    let path = root.join(&file.path);
    let Some(is_file) = on_disk else {
        return match fs::symlink_metadata(&path) {
            Ok(_) => Err(Error { path, reason: "a folder stands where a file must be".to_owned() }),
            Err(_) => Ok(change(ChangeKind::Missing(file))),
        };
    };
    if !is_file {
        let reason = "a symbolic link or special file stands where a generated file must be; it is kept";
        return Err(Error { path, reason: reason.to_owned() });
    }
    let there = fs::read(&path).map_err(failed(&path))?;
    if there == file.text.as_bytes() {
        return Ok(None);
    }
    if !marks(&there) {
        let reason = "a file that the generator did not write stands where it must write one; it is kept. Move it away, then run again";
        return Err(Error { path, reason: reason.to_owned() });
    }
    Ok(change(ChangeKind::Differs(file)))
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

/// Makes the disk what the tree says: writes what is missing or differs, removes what is stale and
/// the folders that this leaves empty.
///
/// # Errors
/// At the first path that cannot be written. What was written before it is complete; the next run
/// goes on from there.
pub fn write(plan: &Plan<'_>, root: &Path) -> Result<(), Error> {
    // First, for the names of new temporary files may be those of old ones.
    for leftover in &plan.leftovers {
        let path = root.join(leftover);
        fs::remove_file(&path).map_err(failed(&path))?;
        remove_empty_folders(&path, root);
    }
    let wanted = plan.changes.iter().filter_map(|change| match change.kind {
        ChangeKind::Missing(file) | ChangeKind::Differs(file) => Some(file),
        ChangeKind::Stale => None,
    });
    let wanted: Vec<&File> = wanted.collect();
    for folder in folders(wanted.iter().map(|file| file.path.as_str())) {
        let path = root.join(folder);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(path)(error)),
            _ => {}
        }
    }
    wanted.par_iter().with_min_len(64).try_for_each(|file| replace(file, root))?;
    for change in plan.changes.iter().filter(|change| matches!(change.kind, ChangeKind::Stale)) {
        let path = root.join(&change.path);
        fs::remove_file(&path).map_err(failed(&path))?;
        remove_empty_folders(&path, root);
    }
    Ok(())
}

/// How the names of files that are being written start and end.
const TEMPORARY: &str = ".homelab-";
const TEMPORARY_END: &str = ".tmp";

fn is_leftover(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let numbers = name.strip_prefix(TEMPORARY).and_then(|rest| rest.strip_suffix(TEMPORARY_END));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers
        .and_then(|numbers| numbers.split_once('-'))
        .is_some_and(|(process, count)| is_number(process) && is_number(count))
}

/// Waits until no other run writes below `root`, and keeps others waiting until it is dropped.
/// File systems without locks go without.
///
/// # Errors
/// If the root cannot be opened.
pub fn lock(root: &Path) -> Result<fs::File, Error> {
    let folder = fs::File::open(root).map_err(failed(root))?;
    let _ = folder.lock();
    Ok(folder)
}

/// Writes a file beside its place and moves it there, so that no reader ever sees half of it.
fn replace(file: &File, root: &Path) -> Result<(), Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let path = root.join(&file.path);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_file_name(format!("{TEMPORARY}{}-{number}{TEMPORARY_END}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut out| out.write_all(file.text.as_bytes()))
        .and_then(|()| fs::rename(&temporary, &path));
    written.map_err(|error| {
        // Nothing more can be done about a leftover; the next run removes it.
        let _ = fs::remove_file(&temporary);
        failed(path)(error)
    })
}

fn remove_empty_folders(path: &Path, root: &Path) {
    let tops = OWNED.map(|folder| root.join(folder));
    let mut folder = path.parent();
    while let Some(here) = folder.filter(|here| !tops.iter().any(|top| top == here) && here.starts_with(root)) {
        if fs::remove_dir(here).is_err() {
            break;
        }
        folder = here.parent();
    }
}
