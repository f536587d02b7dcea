//! Creates files that the user owns from then on. Nothing that exists is changed.

use super::sync::{Error, Kind, failed, folder_of, kind_below};
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

/// Finds out which of some new files exist already: those are kept. Writes nothing.
///
/// # Errors
/// If the folder of a file is not one, or a path is not inside the root. Symbolic links are not followed.
pub fn existing<'a>(paths: impl IntoIterator<Item = &'a str>, root: &Path) -> Result<Vec<&'a str>, Error> {
    let mut found = Vec::new();
    for path in paths {
        check_folders(path, root)?;
        if fs::symlink_metadata(root.join(path)).is_ok() {
            found.push(path);
        }
    }
    Ok(found)
}

/// Creates a file and its folders. The file must not exist, not even as a broken symbolic link.
///
/// # Errors
/// Those of [`existing`], and if the file exists or cannot be written.
pub fn create(path: &str, text: &str, root: &Path) -> Result<(), Error> {
    check_folders(path, root)?;
    let folder = root.join(folder_of(path));
    fs::create_dir_all(&folder).map_err(failed(&folder))?;
    let full = root.join(path);
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&full);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            let reason = "this was created by something else in the meantime, so it is not overwritten; run it again";
            Error { path: full, reason: reason.to_owned() }
        }
        _ => failed(full)(error),
    })
}

/// Checks that a path has only names, and that its folders are real folders as far as they exist.
fn check_folders(path: &str, root: &Path) -> Result<(), Error> {
    let error = |path: &str, reason: &str| Err(Error { path: root.join(path), reason: reason.to_owned() });
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return error(path, "this path leaves the root");
    }
    for (at, _) in path.match_indices('/') {
        match kind_below(root, &path[..at])? {
            Some(Kind::Folder) => {}
            // What is below something that does not exist does not exist either.
            None => break,
            Some(Kind::Link) => {
                return error(&path[..at], "expected a folder, found a symbolic link, which is not followed");
            }
            Some(_) => return error(&path[..at], "expected a folder, found a file"),
        }
    }
    Ok(())
}
