//! The files to compare with: those of a commit, or of a folder.

use super::Stop;
use rayon::prelude::*;
use sha1_smol::Sha1;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tree::{OWNED, OWNED_FILES, SyncError, Tree};

/// The generated files of an earlier version.
pub(super) struct Base {
    /// Its name in messages.
    pub(super) name: String,
    /// Where it is.
    pub(super) origin: Origin,
    files: Files,
}

/// Where an earlier version is.
pub(super) enum Origin {
    /// A commit, by its ID.
    Commit(String),
    /// The top of another copy of the repository.
    Folder(PathBuf),
}

enum Files {
    /// The IDs of the files in Git, by path.
    InGit(BTreeMap<String, String>),
    /// The texts, by path.
    Read(BTreeMap<String, String>),
}

impl Base {
    /// Lists the generated files of a commit.
    ///
    /// # Errors
    /// If Git is missing, or the commit does not exist.
    pub(super) fn of_commit(root: &Path, revision: &str) -> Result<Self, Stop> {
        let commit = git(root, &[], &["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")], &[])
            .map_err(|reason| no_commit(root, revision, &reason))?;
        let commit = String::from_utf8_lossy(&commit).trim().to_owned();
        let mut list = vec!["ls-tree", "-r", "-z", &commit, "--"];
        list.extend(OWNED.iter().chain(&OWNED_FILES));
        let listed = git(root, &[], &list, &[]).map_err(|reason| unreadable(revision, &reason))?;
        let listed = String::from_utf8_lossy(&listed);
        let ids = listed.split('\0').filter_map(|entry| {
            // `MODE TYPE ID\tPATH`
            let (about, path) = entry.split_once('\t')?;
            Some((path.to_owned(), about.rsplit(' ').next()?.to_owned()))
        });
        let name = format!("{revision} ({})", &commit[..commit.len().min(9)]);
        Ok(Self { name, files: Files::InGit(ids.collect()), origin: Origin::Commit(commit) })
    }

    /// The texts of the files, by path. Those that `tree` has too are not read from Git.
    ///
    /// # Errors
    /// If Git cannot read them.
    pub(super) fn texts<'a>(&'a self, root: &Path, tree: &'a Tree) -> Result<BTreeMap<&'a str, Cow<'a, str>>, Stop> {
        let ids = match &self.files {
            Files::Read(texts) => {
                return Ok(texts.iter().map(|(path, text)| (path.as_str(), Cow::Borrowed(text.as_str()))).collect());
            }
            Files::InGit(ids) => ids,
        };
        let same = |(path, id): (&'a String, &'a String)| {
            let text = tree.get(path).map(|file| file.text.as_str()).filter(|text| blob_id(text) == *id);
            (path.as_str(), id.as_str(), text)
        };
        let found: Vec<_> = ids.par_iter().map(same).collect();
        let (known, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(.., text)| text.is_some());
        let request: String = others.iter().flat_map(|(_, id, _)| [id, "\n"]).collect();
        let failed = |reason: String| unreadable(&self.name, &reason);
        let contents = git(root, &[], &["cat-file", "--batch"], request.as_bytes()).map_err(failed)?;
        let paths = others.into_iter().map(|(path, ..)| path);
        let read = objects(&contents, paths)
            .ok_or_else(|| failed(": git cat-file printed something unexpected".to_owned()))?
            .into_iter()
            .map(|(path, text)| (path, Cow::Owned(text)));
        Ok(known.into_iter().filter_map(|(path, _, text)| Some((path, Cow::Borrowed(text?)))).chain(read).collect())
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
        let origin = Origin::Folder(fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned()));
        Ok(Self { name: folder.display().to_string(), origin, files: Files::Read(files) })
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
    let inside = git(root, &[], &["rev-parse", "--is-inside-work-tree"], &[]).is_ok();
    Stop::Usage(if !inside {
        format!("{} is not in a Git repository{reason}; name another copy with --base-dir DIR", root.display())
    } else if revision == "HEAD" {
        "nothing is committed yet; there is nothing to compare with".to_owned()
    } else {
        format!("there is no commit `{revision}`; list commits with `git log --oneline`")
    })
}

/// Runs Git in a folder, with variables added to its environment, and returns what it prints. The error is what it says.
pub(super) fn git(
    root: &Path,
    environment: &[(&str, &Path)],
    arguments: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, String> {
    let child = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .envs(environment.iter().copied())
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

/// The ID that Git gives to a file with this text, in a repository that uses SHA-1. In one that uses SHA-256, no ID is
/// the same, and all files are read.
fn blob_id(text: &str) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", text.len()).as_bytes());
    hash.update(text.as_bytes());
    hash.digest().to_string()
}

/// The contents that `git cat-file --batch` prints, in the order of the paths.
fn objects<'a>(mut printed: &[u8], paths: impl Iterator<Item = &'a str>) -> Option<Vec<(&'a str, String)>> {
    let mut files = Vec::new();
    for path in paths {
        let end = printed.iter().position(|byte| *byte == b'\n')?;
        let header = std::str::from_utf8(&printed[..end]).ok()?;
        let size: usize = header.rsplit(' ').next()?.parse().ok()?;
        let content = printed.get(end + 1..end + 1 + size)?;
        files.push((path, String::from_utf8_lossy(content).into_owned()));
        printed = printed.get(end + 1 + size + 1..)?;
    }
    Some(files)
}

fn unreadable(revision: &str, reason: &str) -> Stop {
    Stop::Usage(format!("cannot read {revision}{reason}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn computes_the_ids_of_git() {
        // `git hash-object` of an empty file, and of one line.
        assert_eq!(super::blob_id(""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(super::blob_id("hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    }
}
