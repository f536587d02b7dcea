//! Temporary copies of a repository, for programs that read folders.

use super::Stop;
use super::base::git;
use std::collections::BTreeSet;
use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use tree::{SyncError, Tree};

/// A folder that only this user can read. It is removed with all that is in it when this is dropped.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// Creates an empty folder.
    ///
    /// # Errors
    /// If it cannot be created.
    pub(super) fn new() -> Result<Self, SyncError> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = env::temp_dir();
        let parent = fs::canonicalize(&parent).map_err(failed(&parent))?;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("homelab-{}-{number}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Of an earlier process with the same number, which was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
    }

    /// Its path, without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing depends on it, and there is nobody to tell.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> SyncError {
    let path = path.to_owned();
    move |error| SyncError { path: path.clone(), reason: error.to_string() }
}

/// Copies the files of a commit, as Git would check them out. Uses an index of its own, so that the one of the repository
/// stays as it is.
///
/// # Errors
/// If Git fails.
pub(super) fn of_commit(root: &Path, commit: &str) -> Result<Temporary, Stop> {
    let failed =
        |reason: String| Stop::Program(format!("git cannot check out {commit} into a temporary folder{reason}"));
    let folder = Temporary::new()?;
    let index = Temporary::new()?;
    let printed = |arguments: &[&str]| {
        let printed = git(root, &[], arguments, &[]).map_err(failed)?;
        Ok::<_, Stop>(String::from_utf8_lossy(&printed).trim().to_owned())
    };
    // The root may be a folder of the repository.
    let tree = printed(&["rev-parse", "--verify", &format!("{commit}:./")])?;
    let repository = printed(&["rev-parse", "--absolute-git-dir"])?;
    let environment = [
        ("GIT_DIR", Path::new(&repository)),
        ("GIT_INDEX_FILE", &index.path().join("index")),
        ("GIT_WORK_TREE", folder.path()),
    ];
    for arguments in [&["read-tree", &tree][..], &["checkout-index", "--all"]] {
        git(folder.path(), &environment, arguments, &[]).map_err(failed)?;
    }
    Ok(folder)
}

/// Copies the files of a folder: in a Git repository those that Git tracks, and files of Nix that it does not ignore.
/// Others may be secrets, and Nix makes what it copies readable for everybody.
///
/// # Errors
/// If Git fails, or something cannot be read.
pub(super) fn of_folder(root: &Path) -> Result<Temporary, Stop> {
    // During a merge, Git lists a file several times.
    let paths: BTreeSet<String> = if root.ancestors().any(|folder| folder.join(".git").exists()) {
        let failed = |reason| Stop::Program(format!("git cannot list the files of {}{reason}", root.display()));
        let tracked = git(root, &[], &["ls-files", "-z", "--cached"], &[]).map_err(failed)?;
        let others = ["ls-files", "-z", "--others", "--exclude-standard", "--", "*.nix", "flake.lock"];
        let others = git(root, &[], &others, &[]).map_err(failed)?;
        let paths = tracked.split(|byte| *byte == 0).chain(others.split(|byte| *byte == 0));
        paths.filter(|path| !path.is_empty()).map(|path| String::from_utf8_lossy(path).into_owned()).collect()
    } else {
        let mut paths = BTreeSet::new();
        list(root, "", &mut paths)?;
        paths
    };
    let folder = Temporary::new()?;
    for path in &paths {
        copy(&root.join(path), &folder.path().join(path))?;
    }
    Ok(folder)
}

/// Lists all files below a folder. Symbolic links are not followed.
fn list(root: &Path, folder: &str, paths: &mut BTreeSet<String>) -> Result<(), SyncError> {
    let path = root.join(folder);
    for entry in fs::read_dir(&path).map_err(failed(&path))? {
        let entry = entry.map_err(failed(&path))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let below = if folder.is_empty() { name } else { format!("{folder}/{name}") };
        if entry.file_type().map_err(failed(&path))?.is_dir() {
            list(root, &below, paths)?;
        } else {
            paths.insert(below);
        }
    }
    Ok(())
}

/// Copies a file or a symbolic link. What Git lists but the disk does not have is skipped, and so are submodules.
fn copy(from: &Path, to: &Path) -> Result<(), SyncError> {
    let Ok(metadata) = fs::symlink_metadata(from) else { return Ok(()) };
    if !metadata.is_symlink() && !metadata.is_file() {
        return Ok(());
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(failed(parent))?;
    }
    if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(failed(from))?;
        return symlink(target, to).map_err(failed(to));
    }
    fs::copy(from, to).map(|_| ()).map_err(failed(from))
}

/// Replaces the generated files in the copy of a folder by those of a tree.
///
/// # Errors
/// Those of `homelab generate`, with the paths of the original.
pub(super) fn overlay(tree: &Tree, copy: &Temporary, root: &Path) -> Result<(), SyncError> {
    let written = tree::compare(tree, copy.path()).and_then(|plan| tree::write(&plan, copy.path()));
    written.map_err(|error| {
        let path = error.path.strip_prefix(copy.path()).map(|path| root.join(path)).unwrap_or(error.path.clone());
        SyncError { path, reason: error.reason }
    })
}
