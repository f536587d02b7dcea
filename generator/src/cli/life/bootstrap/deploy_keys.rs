//! Deploy keys, and the host keys of the Git server.

use super::super::super::{Stop, prompt};
use super::super::Runner;
use super::{BootstrapArguments, on_disk};
use model::DiskValue;
use operate::Command;
use operate::bootstrap::git::{self, Repository};
use operate::bootstrap::{Member, Secret};
use serde_json::{Value, json};

/// The deploy keys of a cluster.
pub(super) struct DeployKeys<'a> {
    /// The repository.
    pub(super) repository: Option<&'a Repository>,
    /// The nodes: the first one has the keys.
    pub(super) members: &'a [Member],
    /// The secrets on the nodes.
    pub(super) secrets: &'a [Secret],
    /// What runs commands.
    pub(super) runner: &'a Runner,
}

/// A deploy key, after it was tried.
pub(super) struct Checked {
    path: String,
    public: String,
    writes: bool,
    page: Option<String>,
    works: bool,
}

impl Checked {
    /// The key as JSON.
    pub(super) fn json(&self) -> Value {
        json!({ "path": self.path, "public": self.public, "writes": self.writes, "page": self.page, "works": self.works })
    }
}

impl DeployKeys<'_> {
    /// Tries the keys from the first server. Shows those that do not work, and waits on a terminal until they were added.
    ///
    /// # Errors
    /// If a key cannot be read.
    pub(super) fn check(&self, cluster: &str, can_ask: bool) -> Result<Vec<Checked>, Stop> {
        let (Some(repository), Some(server)) = (self.repository, self.members.first()) else { return Ok(Vec::new()) };
        let mut checked = Vec::new();
        for secret in self.secrets {
            let DiskValue::DeployKey { writes } = secret.value else { continue };
            let public = Command::on(&server.machine, ["cat".to_owned(), format!("{}.pub", secret.file())]);
            let public = self.runner.read(&public)?.trim_end().to_owned();
            let text = repository.access(&secret.file(), &on_disk("flux-git/known_hosts"), writes);
            let access = Command::shell(&server.machine, &text);
            let mut works = self.runner.ask(&access)?.is_success();
            if !works {
                let rights = rights(writes);
                let page = repository.page().map(|page| format!(" at {page}")).unwrap_or_default();
                self.runner.message(&format!(
                    "{} of {cluster} cannot {} {} yet. Add it as a deploy key {rights}{page}:\n\n{public}\n\n",
                    secret.path,
                    if writes { "push to" } else { "read" },
                    repository.path.trim_start_matches('/'),
                ));
            }
            while !works && can_ask {
                let failed = |error: std::io::Error| Stop::Program(format!("cannot read from the terminal: {error}"));
                prompt::pause("Press Return when it is added").map_err(failed)?;
                let answer = self.runner.ask(&access)?;
                works = answer.is_success();
                if !works {
                    self.runner.message(&format!("it does not work yet: {}\n", answer.messages.trim()));
                    if prompt::confirm("Go on without it? Flux waits until it works").map_err(failed)? {
                        break;
                    }
                }
            }
            checked.push(Checked { path: secret.path.clone(), public, writes, page: repository.page(), works });
        }
        Ok(checked)
    }
}

/// The access that a deploy key needs, in words.
pub(super) fn rights(writes: bool) -> &'static str {
    if writes { "with write access" } else { "without write access" }
}

/// Asks the Git server for its host keys, and returns those that are right: published, named in an argument, or confirmed on the
/// terminal. The inner error is what is wrong.
///
/// # Errors
/// If a program fails.
pub(super) fn host_keys(
    runner: &Runner,
    repository: &Repository,
    arguments: &BootstrapArguments,
) -> Result<Result<String, String>, Stop> {
    let scanned = runner.ask(&repository.scan())?;
    let lines = git::lines(&scanned.out);
    if lines.is_empty() {
        let reason = scanned.messages.trim();
        return Ok(Err(format!(
            "{} does not show its host keys: {}; give flux-git/known_hosts yourself",
            repository.host,
            if reason.is_empty() { "no answer" } else { reason }
        )));
    }
    let keys = git::host_keys(&lines, &runner.read(&git::fingerprint(&lines))?).map_err(Stop::Program)?;
    let shown: String = keys.iter().map(|key| format!("\n    {} ({})", key.fingerprint, key.kind)).collect();
    let text = |keys: &mut dyn Iterator<Item = &git::HostKey>| -> String {
        keys.map(|key| format!("{}\n", key.line)).collect()
    };
    if let Some((page, published)) = repository.published() {
        if keys.iter().all(|key| published.contains(&key.fingerprint.as_str())) {
            return Ok(Ok(text(&mut keys.iter())));
        }
        return Ok(Err(format!(
            "{} shows other host keys than it publishes ({page}): somebody may be in between, or it has new keys. If \
             the page has them, give flux-git/known_hosts yourself{shown}",
            repository.host
        )));
    }
    let accepted = text(&mut keys.iter().filter(|key| arguments.host_key.contains(&key.fingerprint)));
    if !accepted.is_empty() {
        return Ok(Ok(accepted));
    }
    if arguments.yes && prompt::can_ask() {
        let question =
            format!("{} shows these host keys. Does its operator publish the same?{shown}\n", repository.host);
        let failed = |error: std::io::Error| Stop::Program(format!("cannot read from the terminal: {error}"));
        if prompt::confirm(&question).map_err(failed)? {
            return Ok(Ok(text(&mut keys.iter())));
        }
    } else if !arguments.yes {
        runner.message(&format!(
            "compare these host keys of {} with what its operator publishes:{shown}\n",
            repository.host
        ));
        return Ok(Ok(text(&mut keys.iter())));
    }
    Ok(Err(format!(
        "the host keys of {} must be confirmed: compare their fingerprints with what its operator publishes, and pass one with \
         --host-key{shown}",
        repository.host
    )))
}
