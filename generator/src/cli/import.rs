//! Proposes entries of a spec for the manifests of another repository: reads its files, checks the proposed apps with the
//! pipeline, and prints the result.

use super::args::{Format, Global};
use super::{Outcome, Stop, output, print};
use diagnostic::{Diagnostics, Severity};
use import::{Content, Files, MAX_FILE, Options, Pipeline, Problem};
use model::Files as Referenced;
use spec::types::{Name, Text as _};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use tree::SyncError;

/// The most files of a repository.
const MAX_FILES: usize = 50_000;

/// The most bytes of all its files.
const MAX_BYTES: usize = 512 << 20;

/// The deepest folder.
const MAX_DEPTH: usize = 64;

/// Runs the command.
pub(super) fn run(
    path: &Path,
    cluster: String,
    set: &[String],
    write: Option<&Path>,
    global: &Global,
) -> Result<Outcome, Stop> {
    let cluster_name = Name::parse(&cluster);
    cluster_name.map_err(|reason| Stop::Usage(format!("`--cluster {cluster}` is not a name: {reason}")))?;
    let variables = set.iter().map(|text| variable(text)).collect::<Result<BTreeMap<_, _>, _>>()?;
    let files = read(path)?;
    let proposal = import::import(&files, &Options { cluster, variables }, &Checked);
    if let Some(file) = write {
        write_new(file, &proposal.spec)?;
    }
    match global.format {
        Format::Json => print(&format!("{:#}\n", import::json(&proposal))),
        _ => {
            if write.is_none() {
                print(&proposal.spec)?;
            }
            if !global.quiet {
                output::message(&format!("\n{}", import::human(&proposal, global.verbose)));
            }
            Ok(Outcome::Done)
        }
    }
}

fn variable(text: &str) -> Result<(String, String), Stop> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| Stop::Usage(format!("`--set {text}` is not NAME=VALUE")))?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The pipeline of this program.
struct Checked;

impl Pipeline for Checked {
    fn check(&self, spec: &str) -> Vec<Problem> {
        let built = crate::build(spec.as_bytes(), "spec", |_| Ok::<_, Diagnostics>(Referenced::default()));
        let diagnostics = match built {
            Ok(built) => built.diagnostics,
            Err(diagnostics) => diagnostics,
        };
        let line = |start: u32| spec.as_bytes().iter().take(start as usize).filter(|byte| **byte == b'\n').count() + 1;
        let problems = diagnostics.sorted().into_iter().map(|diagnostic| Problem {
            is_error: diagnostic.code.severity() == Severity::Error,
            code: diagnostic.code.text().to_owned(),
            line: diagnostic.span.map(|span| line(span.start)),
            message: diagnostic.message.clone(),
            help: diagnostic.help.clone(),
        });
        problems.collect()
    }

    fn is_credential(&self, key: Option<&str>, text: &str) -> bool {
        resolve::is_credential(key, text)
    }
}

fn failed(path: &Path, reason: &dyn ToString) -> Stop {
    Stop::Io(SyncError { path: path.to_owned(), reason: reason.to_string() })
}

/// Reads all files of a folder. Symbolic links are not followed, and `.git` is left out.
fn read(path: &Path) -> Result<Files, Stop> {
    let mut reader = Reader { root: path, files: Files::new(), bytes: 0 };
    if fs::metadata(path).map_err(|error| failed(path, &error))?.is_dir() {
        reader.folder(path, "", 0)?;
    } else {
        return Err(Stop::Usage(format!("{} is not a folder", path.display())));
    }
    Ok(reader.files)
}

struct Reader<'a> {
    root: &'a Path,
    files: Files,
    bytes: usize,
}

impl Reader<'_> {
    fn folder(&mut self, folder: &Path, name: &str, depth: usize) -> Result<(), Stop> {
        if depth > MAX_DEPTH {
            return Err(failed(folder, &"nested too deep"));
        }
        for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
            let entry = entry.map_err(|error| failed(folder, &error))?;
            let kind = entry.file_type().map_err(|error| failed(&entry.path(), &error))?;
            let file_name = entry.file_name();
            let file_name = file_name.to_string_lossy();
            let is_git = file_name == ".git";
            let name = if name.is_empty() { file_name.into_owned() } else { format!("{name}/{file_name}") };
            if kind.is_dir() {
                if !is_git {
                    self.folder(&entry.path(), &name, depth + 1)?;
                }
                continue;
            }
            let content = match kind.is_file() {
                true => self.file(&entry.path())?,
                false => Content::Unread("it is not a regular file".to_owned()),
            };
            self.files.insert(name, content);
            if self.files.len() > MAX_FILES || self.bytes > MAX_BYTES {
                let text = format!("has more than {MAX_FILES} files or {} MiB; name a folder in it", MAX_BYTES >> 20);
                return Err(Stop::Usage(format!("{} {text}", self.root.display())));
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<Content, Stop> {
        let length = fs::metadata(path).map_err(|error| failed(path, &error))?.len();
        if length > MAX_FILE as u64 {
            return Ok(Content::Unread(format!("it is larger than {} KiB", MAX_FILE >> 10)));
        }
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Content::Unread(error.to_string())),
        };
        self.bytes += bytes.len();
        Ok(Content::of_bytes(bytes))
    }
}

/// Writes a new file, and never over another one.
fn write_new(path: &Path, text: &str) -> Result<(), Stop> {
    let file = fs::OpenOptions::new().write(true).create_new(true).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Stop::Usage(format!("{} exists; name a new file", path.display())),
        _ => failed(path, &error),
    })
}
