//! Where values of secrets come from: a folder, a mapping, the environment, the terminal. Never the command line, which other
//! processes can read.

use super::super::super::Stop;
use super::super::super::prompt;
use super::super::Runner;
use super::BootstrapArguments;
use model::DiskValue;
use operate::bootstrap::check::check;
use operate::bootstrap::{Given, Origin, Secret};
use operate::{Command, Input, SecretString, Source};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use yaml::Limits;

/// The largest source. Keys have some kilobytes.
const MAX_BYTES: u64 = 1 << 20;

/// The values that are given, with what is wrong with them.
#[derive(Default)]
pub(super) struct Sources {
    /// The values, by path.
    pub(super) given: BTreeMap<String, Given>,
    /// What is wrong. No text contains a value.
    pub(super) problems: Vec<String>,
    /// What has no effect.
    pub(super) notes: Vec<String>,
}

impl Sources {
    /// Reads all sources. The first one that has a value wins: the folder, the mapping, the environment.
    ///
    /// # Errors
    /// If a program cannot be started.
    pub(super) fn read(arguments: &BootstrapArguments, secrets: &[Secret], runner: &Runner) -> Result<Self, Stop> {
        let mut sources = Self::default();
        if let Some(folder) = &arguments.secrets_dir {
            sources.folder(folder, secrets, runner)?;
        }
        if let Some(path) = &arguments.secrets_from {
            sources.mapping(path, secrets, runner)?;
        }
        for secret in given_by_people(secrets) {
            let name = secret.variable();
            let Some(value) = std::env::var_os(&name) else { continue };
            match value.into_string() {
                Ok(value) => {
                    let origin = Origin::Source(Source::Variable(name.clone()));
                    sources.add(secret, value, origin, &format!("${name}"), runner)?;
                }
                Err(_) => sources.problems.push(format!("${name}: it is not text in UTF-8")),
            }
        }
        Ok(sources)
    }

    /// Reads the files of a folder that have the paths of secrets.
    fn folder(&mut self, folder: &Path, secrets: &[Secret], runner: &Runner) -> Result<(), Stop> {
        let shown = folder.display();
        let real = match fs::canonicalize(folder) {
            Ok(real) if real.is_dir() => real,
            Ok(_) => {
                self.problems.push(format!("--secrets-dir {shown}: it is not a folder"));
                return Ok(());
            }
            Err(error) => {
                self.problems.push(format!("--secrets-dir {shown}: {error}"));
                return Ok(());
            }
        };
        if let Some(problem) = exposed(&real)? {
            self.problems.push(format!("--secrets-dir {shown}: {problem}"));
        }
        if let Some(problem) = in_repository(&real, runner)? {
            self.problems.push(format!("--secrets-dir {shown}: {problem}"));
        }
        for secret in given_by_people(secrets) {
            let path = real.join(&secret.path);
            if !path.exists() {
                continue;
            }
            let name = path.display().to_string();
            match limited(fs::File::open(&path)) {
                Ok(value) => {
                    let source = Source::File { path: name.clone(), ends_line: value.ends_with('\n') };
                    self.add(secret, value, Origin::Source(source), &name, runner)?;
                }
                Err(error) => self.problems.push(format!("{name}: {error}")),
            }
        }
        for path in files(&real, &real).unwrap_or_default() {
            if !secrets.iter().any(|secret| secret.path == path) {
                let near = diagnostic::did_you_mean(&path, secrets.iter().map(|secret| secret.path.as_str()));
                let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                self.notes.push(format!("{shown}/{path} is not used: no node of the cluster has this file{near}"));
            }
        }
        Ok(())
    }

    /// Reads a mapping from paths to values, in YAML or JSON, from a file or from standard input (`-`).
    fn mapping(&mut self, path: &Path, secrets: &[Secret], runner: &Runner) -> Result<(), Stop> {
        let is_input = path == Path::new("-");
        let name = if is_input { "standard input".to_owned() } else { path.display().to_string() };
        let text = if is_input {
            limited(Ok(io::stdin()))
        } else {
            let real = fs::canonicalize(path);
            if let Ok(real) = &real {
                let problems = [exposed(real)?, in_repository(real, runner)?];
                self.problems.extend(problems.into_iter().flatten().map(|problem| format!("{name}: {problem}")));
            }
            limited(real.and_then(fs::File::open))
        };
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                self.problems.push(format!("{name}: {error}"));
                return Ok(());
            }
        };
        let (documents, errors) = yaml::documents(&text, Limits::default());
        let mut problem = |problem: &str| self.problems.push(format!("{name}: {problem}"));
        // The message of the parser could quote a value.
        if let Some(error) = errors.first() {
            let line = text.get(..error.span.start as usize).unwrap_or_default().lines().count().max(1);
            problem(&format!("line {line} is not valid YAML or JSON"));
            return Ok(());
        }
        let [document] = &documents[..] else {
            problem("it is not one mapping from paths to values");
            return Ok(());
        };
        if document.entries().is_empty() {
            problem("it is not a mapping from paths to values, such as `infisical/client-id: VALUE`");
        }
        for (key, value) in document.entries() {
            let Some(key) = key.text() else {
                self.problems.push(format!("{name}: a key is not text"));
                continue;
            };
            let Some(secret) = given_by_people(secrets).find(|secret| secret.path == key) else {
                let near = diagnostic::did_you_mean(key, secrets.iter().map(|secret| secret.path.as_str()));
                let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                self.problems.push(format!("{name}: no node of the cluster has the file {key}{near}"));
                continue;
            };
            let Some(value) = value.text() else {
                self.problems.push(format!("{name}: the value of {key} is not text: put it in quotes"));
                continue;
            };
            let origin = Origin::Mapping(name.clone());
            self.add(secret, value.to_owned(), origin, &format!("{key} in {name}"), runner)?;
        }
        Ok(())
    }

    /// Adds a value, unless an earlier source has one.
    fn add(&mut self, secret: &Secret, value: String, origin: Origin, name: &str, runner: &Runner) -> Result<(), Stop> {
        if self.given.contains_key(&secret.path) {
            return Ok(());
        }
        match checked(secret, &SecretString::from(value), runner)? {
            Ok(value) => drop(self.given.insert(secret.path.clone(), Given { value, origin })),
            Err(reason) => self.problems.push(format!("{name}: {reason}")),
        }
        Ok(())
    }

    /// Asks on the terminal for values.
    ///
    /// # Errors
    /// If the terminal cannot be read.
    pub(super) fn ask(&mut self, missing: &[Secret], runner: &Runner) -> Result<(), Stop> {
        let failed = |error: io::Error| Stop::Program(format!("cannot read from the terminal: {error}"));
        for secret in missing {
            let question = format!("{} ({})", secret.path, secret.what);
            loop {
                let value = if secret.value == DiskValue::SigningKeys {
                    let path = prompt::line(&format!("{question}: path of the file")).map_err(failed)?;
                    match limited(fs::File::open(path.trim())) {
                        Ok(value) => SecretString::from(value),
                        Err(error) => {
                            runner.message(&format!("  {error}\n"));
                            continue;
                        }
                    }
                } else {
                    prompt::hidden(&question).map_err(failed)?
                };
                match checked(secret, &value, runner)? {
                    Ok(value) => {
                        self.given.insert(secret.path.clone(), Given { value, origin: Origin::Terminal });
                        break;
                    }
                    Err(reason) => runner.message(&format!("  {reason}\n")),
                }
            }
        }
        Ok(())
    }
}

/// The secrets whose values people can give. Public parts of keys follow from their private parts.
fn given_by_people(secrets: &[Secret]) -> impl Iterator<Item = &Secret> {
    secrets.iter().filter(|secret| secret.value != DiskValue::PublicKey)
}

/// Checks a value, and returns it as it is written to a file.
fn checked(secret: &Secret, value: &SecretString, runner: &Runner) -> Result<Result<SecretString, String>, Stop> {
    use operate::ExposeSecret as _;
    let value = match check(secret.value, value.expose_secret()) {
        Ok(value) => SecretString::from(value),
        Err(reason) => return Ok(Err(reason)),
    };
    if matches!(secret.value, DiskValue::DeployKey { .. }) {
        let input = Input::Secret { what: secret.path.clone(), value: value.clone() };
        let read = Command::here(["ssh-keygen", "-y", "-P", "", "-f", "/dev/stdin"]).reading(input);
        if !runner.ask(&read)?.is_success() {
            return Ok(Err(
                "`ssh-keygen -y` cannot read it: it is not a private SSH key, or has a passphrase".to_owned()
            ));
        }
    }
    Ok(Ok(value))
}

/// Reads a text of limited size.
fn limited(file: io::Result<impl io::Read>) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = file.and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {} MiB", MAX_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|_| "it is not text in UTF-8".to_owned())
}

/// Why other users of this machine could read a file or folder, if they can.
fn exposed(path: &Path) -> Result<Option<String>, Stop> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) => return Ok(Some(error.to_string())),
    };
    let wanted = if path.is_dir() { "700" } else { "600" };
    Ok((mode & 0o077 != 0)
        .then(|| format!("other users can read it (mode {:o}): run chmod {wanted} {}", mode & 0o7777, path.display())))
}

/// Why a file or folder could be committed, if it is in a Git repository.
pub(super) fn in_repository(path: &Path, runner: &Runner) -> Result<Option<String>, Stop> {
    if !path.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(None);
    }
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let (folder, shown) = (folder.display().to_string(), path.display().to_string());
    let git = |arguments: &[&str]| {
        runner.ask(&Command::here(["git", "-C", &folder].into_iter().chain(arguments.iter().copied())))
    };
    let is_ignored = git(&["check-ignore", "--quiet", "--", &shown])?.is_success();
    let tracked = git(&["ls-files", "--", &shown])?;
    if is_ignored && tracked.is_success() && tracked.out.is_empty() {
        return Ok(None);
    }
    Ok(Some("it is in a Git repository, which does not ignore it: use a folder outside".to_owned()))
}

/// The files below a folder, by their paths from its top, without hidden ones.
fn files(top: &Path, folder: &Path) -> io::Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            continue;
        }
        if path.is_dir() && !path.is_symlink() {
            paths.extend(files(top, &path)?);
        } else if let Ok(path) = path.strip_prefix(top) {
            paths.push(path.to_string_lossy().into_owned());
        }
    }
    paths.sort();
    Ok(paths)
}
