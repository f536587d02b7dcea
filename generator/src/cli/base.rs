//! The files to compare with: those of a commit, or of a folder.

use super::Stop;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use tree::{OWNED, OWNED_FILES, SyncError};

/// The generated files of an earlier version.
pub(super) struct Base {
    /// Its name in messages.
    pub(super) name: String,
    /// The texts by path.
    pub(super) files: BTreeMap<String, String>,
}

impl Base {
    /// Reads the generated files of a commit.
    ///
    /// # Errors
    /// If Git is missing, or the commit does not exist.
    pub(super) fn of_commit(root: &Path, revision: &str) -> Result<Self, Stop> {
        let commit = git(root, &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")], &[])
            .map_err(|reason| no_commit(root, revision, &reason))?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let failed = |reason| Stop::Usage(format!("cannot read {revision}: {reason}"));
        let mut list = vec!["ls-tree", "-r", "-z", "--name-only", &commit, "--"];
        list.extend(OWNED.iter().chain(&OWNED_FILES));
        let listed = git(root, &list, &[]).map_err(failed)?;
        let paths: Vec<_> = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
        let paths: Vec<_> = paths.into_iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        let request: String = paths.iter().map(|path| format!("{commit}:./{path}\n")).collect();
        let contents = git(root, &["cat-file", "--batch"], request.as_bytes()).map_err(failed)?;
        let files =
            objects(&contents, &paths).ok_or_else(|| failed("git cat-file printed something unexpected".to_owned()))?;
        Ok(Self { name: format!("{revision} ({})", &commit[..commit.len().min(9)]), files })
    }

    /// Reads the generated files of another copy of the repository.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn of_folder(folder: &Path) -> Result<Self, Stop> {
        let mut files = BTreeMap::new();
        for owned in OWNED {
            read(folder, owned, &mut files)?;
        }
        for owned in OWNED_FILES {
            if let Ok(text) = tree::contents(folder, owned) {
                files.insert(owned.to_owned(), text);
            }
        }
        if files.is_empty() {
            let message = format!("{} has no generated files; --base-dir is the top of a repository", folder.display());
            return Err(Stop::Usage(message));
        }
        Ok(Self { name: folder.display().to_string(), files })
    }
}

/// Reads all files below a folder. Symbolic links are not followed.
fn read(root: &Path, path: &str, files: &mut BTreeMap<String, String>) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop::Io(SyncError { path: root.join(path), reason: error.to_string() });
    let Ok(entries) = fs::read_dir(root.join(path)) else { return Ok(()) };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let below = format!("{path}/{name}");
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            read(root, &below, files)?;
        } else if kind.is_file() {
            let bytes = fs::read(root.join(&below)).map_err(failed)?;
            files.insert(below, String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    Ok(())
}

fn no_commit(root: &Path, revision: &str, reason: &str) -> Stop {
    let inside = git(root, &["rev-parse", "--is-inside-work-tree"], &[]).is_ok();
    Stop::Usage(if !inside {
        format!("{} is not in a Git repository{reason}; name another copy with --base-dir DIR", root.display())
    } else if revision == "HEAD" {
        "nothing is committed yet; there is nothing to compare with".to_owned()
    } else {
        format!("there is no commit `{revision}`; list commits with `git log --oneline`")
    })
}

/// Runs Git and returns what it prints. The error is what it says.
fn git(root: &Path, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, String> {
    let child = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| format!(" (cannot run git: {error})"))?;
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Written beside reading, so that neither pipe fills up.
        scope.spawn(move || stdin.take().map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!(" ({error})"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(if message.is_empty() { String::new() } else { format!(" ({message})") })
}

/// The contents that `git cat-file --batch` prints, in the order of the paths.
fn objects(mut printed: &[u8], paths: &[String]) -> Option<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for path in paths {
        let end = printed.iter().position(|byte| *byte == b'\n')?;
        let header = std::str::from_utf8(&printed[..end]).ok()?;
        let size: usize = header.rsplit(' ').next()?.parse().ok()?;
        let content = printed.get(end + 1..end + 1 + size)?;
        files.insert(path.clone(), String::from_utf8_lossy(content).into_owned());
        printed = printed.get(end + 1 + size + 1..)?;
    }
    Some(files)
}
