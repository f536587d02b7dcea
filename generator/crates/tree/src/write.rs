//! How the disk becomes the tree: each file is old or new whenever a run is cut off.
//!
//! A file that stands among others is written beside its place and moved there. A folder that is
//! not there yet is filled beside its place and moved as a whole: a lab's first run moves a few
//! folders instead of all its files.

use super::sync::{ChangeKind, Error, NewFolders, Plan, failed, folder_of};
use super::{File, OWNED};
use rayon::prelude::*;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes the disk what the tree says: writes what is missing or differs, removes what is stale and
/// the folders that this leaves empty.
///
/// # Errors
/// At the first path that cannot be written. Files are old or new; the next run goes on from there.
pub fn write(plan: &Plan<'_>, root: &Path) -> Result<(), Error> {
    // First, for the names of new temporary files may be those of old ones.
    for leftover in &plan.leftovers {
        let path = root.join(leftover);
        remove_leftover(&path).map_err(failed(&path))?;
        remove_empty_folders(&path, root);
    }
    let wanted = plan.changes.iter().filter_map(|change| match change.kind {
        ChangeKind::Missing(file) | ChangeKind::Differs(file) => Some(file),
        ChangeKind::Stale => None,
    });
    let wanted: Vec<&File> = wanted.collect();
    let staged = Staged::new(&plan.new_folders, root);
    wanted
        .par_chunk_by(|a, b| folder_of(&a.path) == folder_of(&b.path))
        .try_for_each(|files| write_folder(files, &staged, root))?;
    staged.put()?;
    for change in plan.changes.iter().filter(|change| matches!(change.kind, ChangeKind::Stale)) {
        let path = root.join(&change.path);
        fs::remove_file(&path).map_err(failed(&path))?;
        remove_empty_folders(&path, root);
    }
    Ok(())
}

/// New folders, beside their places until they are full. What is not put in its place goes away.
struct Staged<'a> {
    new: &'a NewFolders,
    /// The temporary path of each of them, and its place.
    moves: Vec<(PathBuf, PathBuf)>,
}

impl<'a> Staged<'a> {
    fn new(new: &'a NewFolders, root: &Path) -> Self {
        let places = new.iter().map(|folder| root.join(folder));
        Self { new, moves: places.map(|place| (temporary(&place), place)).collect() }
    }

    /// Where to write what belongs to a path, if that is inside of a new folder.
    fn path(&self, path: &str) -> Option<PathBuf> {
        self.new.find(path).map(|(at, rest)| self.moves[at].0.join(rest))
    }

    /// Puts the folders in their places.
    fn put(mut self) -> Result<(), Error> {
        while let Some((from, to)) = self.moves.last() {
            fs::rename(from, to).map_err(failed(to))?;
            self.moves.pop();
        }
        Ok(())
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        for (folder, _) in &self.moves {
            // Nothing more can be done about a leftover; the next run removes it.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Writes files of one folder, which is made if it is not there.
fn write_folder(files: &[&File], staged: &Staged<'_>, root: &Path) -> Result<(), Error> {
    let Some(first) = files.first() else { return Ok(()) };
    let folder = folder_of(&first.path);
    let staged = staged.path(&format!("{folder}/"));
    fs::create_dir_all(staged.as_deref().unwrap_or(&root.join(folder))).map_err(failed(root.join(folder)))?;
    files.iter().try_for_each(|file| match &staged {
        Some(staged) => fill(&staged.join(&file.path[folder.len() + 1..]), file).map_err(failed(root.join(&file.path))),
        None => replace(file, root),
    })
}

/// How the names of what is being written start and end.
const TEMPORARY: &str = ".homelab-";
const TEMPORARY_END: &str = ".tmp";

/// A name beside a place that nothing has yet.
fn temporary(place: &Path) -> PathBuf {
    static PROCESS: LazyLock<u32> = LazyLock::new(std::process::id);
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    place.with_file_name(format!("{TEMPORARY}{}-{number}{TEMPORARY_END}", *PROCESS))
}

/// Whether a path is one of those that [`temporary`] gives.
pub(super) fn is_leftover(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let numbers = name.strip_prefix(TEMPORARY).and_then(|rest| rest.strip_suffix(TEMPORARY_END));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numbers
        .and_then(|numbers| numbers.split_once('-'))
        .is_some_and(|(process, count)| is_number(process) && is_number(count))
}

fn remove_leftover(path: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
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

/// Writes a file where nothing is.
fn fill(path: &Path, file: &File) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(file.text.as_bytes())
}

/// Writes a file beside its place and moves it there, so that no reader ever sees half of it.
fn replace(file: &File, root: &Path) -> Result<(), Error> {
    let path = root.join(&file.path);
    let temporary = temporary(&path);
    fill(&temporary, file).and_then(|()| fs::rename(&temporary, &path)).map_err(|error| {
        // As above.
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
