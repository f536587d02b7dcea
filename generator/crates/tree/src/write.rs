//! Writes the tree to the disk. Even if a run is interrupted, each file is either old or new.
//!
//! A file in an existing folder is written to a temporary file next to it and renamed. A new folder is
//! filled under a temporary name and renamed as a whole, so the first run for a lab renames a few folders
//! instead of all files.

use super::sync::{ChangeKind, Error, NewFolders, Plan, failed, folder_of};
use super::temporary::temporary;
use super::{File, OWNED};
use rayon::prelude::*;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Applies a plan below `root`: writes missing and different files, and removes stale files and the
/// folders that become empty.
///
/// # Errors
/// If a path cannot be written. Each file is then either old or new, and the next run continues.
pub fn write(plan: &Plan<'_>, root: &Path) -> Result<(), Error> {
    // Leftovers go first, because new temporary files may get the same names.
    for leftover in &plan.leftovers {
        let path = root.join(leftover);
        remove_leftover(&path).map_err(failed(&path))?;
        remove_empty_folders(&path, root);
    }
    let files = plan.changes.iter().filter_map(|change| match change.kind {
        ChangeKind::Missing(file) | ChangeKind::Differs(file) => Some(file),
        ChangeKind::Stale => None,
    });
    let files: Vec<&File> = files.collect();
    let staged = Staged::new(&plan.new_folders, root);
    files
        .par_chunk_by(|a, b| folder_of(&a.path) == folder_of(&b.path))
        .try_for_each(|files| write_folder(files, &staged, root))?;
    staged.commit()?;
    for change in plan.changes.iter().filter(|change| matches!(change.kind, ChangeKind::Stale)) {
        let path = root.join(&change.path);
        fs::remove_file(&path).map_err(failed(&path))?;
        remove_empty_folders(&path, root);
    }
    Ok(())
}

/// New folders, under temporary names until they are complete. Dropping this removes those that were not
/// renamed.
struct Staged<'a> {
    new: &'a NewFolders,
    /// The temporary and the final path of each folder.
    moves: Vec<(PathBuf, PathBuf)>,
}

impl<'a> Staged<'a> {
    fn new(new: &'a NewFolders, root: &Path) -> Self {
        let paths = new.iter().map(|folder| root.join(folder));
        Self { new, moves: paths.map(|path| (temporary(&path), path)).collect() }
    }

    /// The temporary path for a path, if it is inside a new folder.
    fn path(&self, path: &str) -> Option<PathBuf> {
        self.new.find(path).map(|(at, rest)| self.moves[at].0.join(rest))
    }

    /// Renames the folders to their final paths.
    fn commit(mut self) -> Result<(), Error> {
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
            // If this fails, the next run removes the leftover.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Writes the files of one folder, and creates the folder if necessary.
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

fn remove_leftover(path: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// Locks `root` until the result is dropped, so that only one run writes at a time. Waits for the lock.
/// Has no effect on file systems without locks.
///
/// # Errors
/// If the root cannot be opened.
pub fn lock(root: &Path) -> Result<fs::File, Error> {
    let folder = fs::File::open(root).map_err(failed(root))?;
    let _ = folder.lock();
    Ok(folder)
}

/// Writes a file that does not exist yet.
fn fill(path: &Path, file: &File) -> std::io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path)?.write_all(file.text.as_bytes())
}

/// Writes a temporary file and renames it, so that no reader sees a partial file.
fn replace(file: &File, root: &Path) -> Result<(), Error> {
    let path = root.join(&file.path);
    let temporary = temporary(&path);
    fill(&temporary, file).and_then(|()| fs::rename(&temporary, &path)).map_err(|error| {
        // If this fails, the next run removes the leftover.
        let _ = fs::remove_file(&temporary);
        failed(path)(error)
    })
}

/// Replaces the text of a file that is not generated, such as the spec, in one step. Follows symbolic links, and keeps the
/// permissions of the file.
///
/// # Errors
/// If it cannot be written, or its contents are not `before` any more.
pub fn replace_text(path: &Path, before: &[u8], text: &str) -> Result<(), Error> {
    let path = fs::canonicalize(path).map_err(failed(path))?;
    if fs::read(&path).map_err(failed(&path))? != before {
        let reason =
            "this file was changed by something else in the meantime; nothing was written, run the command again";
        return Err(Error { path, reason: reason.to_owned() });
    }
    let temporary = temporary(&path);
    let write = || {
        fs::OpenOptions::new().write(true).create_new(true).open(&temporary)?.write_all(text.as_bytes())?;
        fs::set_permissions(&temporary, fs::metadata(&path)?.permissions())?;
        fs::rename(&temporary, &path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        failed(&path)(error)
    })
}

/// Removes the parent folders of a path that are empty, up to a generated folder.
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
