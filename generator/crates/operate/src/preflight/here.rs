//! Checks of the machine that runs `homelab`: Nix, and the Git repository.

use super::finding::{Check, Finding, Findings};
use super::versions::compare;
use crate::Command;
use model::Lab;

/// The oldest version of Nix that builds the nodes.
const OLDEST_NIX: &str = "2.18";

/// The system of the nodes.
const SYSTEM: &str = "x86_64-linux";

/// What a program printed, with whether it succeeded. `None`: it does not exist.
pub type Printed = Option<(String, bool)>;

/// What this machine answered.
#[derive(Debug, Default)]
pub struct Here {
    /// The number of files of nodes and clusters that differ from the spec. `None`: they cannot be compared.
    pub differing: Option<usize>,
    /// The output of [`Here::version`].
    pub version: Printed,
    /// The output of [`Here::flakes`].
    pub flakes: Printed,
    /// The output of [`Here::settings`].
    pub settings: Printed,
    /// The content of the file that the setting `builders` names, if it names one.
    pub builders: Printed,
    /// The output of [`Here::remotes`].
    pub remotes: Printed,
    /// The output of [`Here::changes`].
    pub changes: Printed,
    /// The output of [`Here::unpushed`].
    pub unpushed: Printed,
}

impl Here {
    /// The version of Nix.
    pub fn version() -> Command {
        Command::here(["nix", "--version"])
    }

    /// Whether flakes are enabled: prints `true`.
    pub fn flakes() -> Command {
        Command::here(["nix", "eval", "--expr", "builtins ? getFlake"])
    }

    /// The settings of Nix. The command has had this name since 2.4; newer versions know it too.
    pub fn settings() -> Command {
        Command::here(["nix", "show-config"])
    }

    /// The remotes of the repository.
    pub fn remotes() -> Command {
        Command::here(["git", "remote", "--verbose"])
    }

    /// The files that are not committed.
    pub fn changes() -> Command {
        Command::here(["git", "status", "--porcelain"])
    }

    /// The number of commits that the branch of the lab lacks at the remote with its URL, as of the last fetch or push.
    pub fn unpushed(&self, lab: &Lab) -> Option<Command> {
        let range = format!("refs/remotes/{}/{}..HEAD", self.remote(lab)?, lab.repository.branch);
        Some(Command::here(["git", "rev-list", "--count", &range]))
    }

    /// The command that prints the file with remote builders, if the settings name one.
    pub fn builders(&self) -> Option<Command> {
        let file = self.setting("builders")?.strip_prefix('@')?;
        Some(Command::here(["cat", file]))
    }

    fn setting(&self, name: &str) -> Option<&str> {
        let (text, _) = self.settings.as_ref()?;
        text.lines()
            .filter_map(|line| line.split_once(" = "))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    }

    /// The name of the remote that has the URL of the lab's repository.
    fn remote(&self, lab: &Lab) -> Option<&str> {
        let wanted = place(lab.repository.url.as_str());
        let (text, _) = self.remotes.as_ref()?;
        text.lines().find_map(|line| {
            let (name, rest) = line.split_once('\t')?;
            (place(rest.split(' ').next()?) == wanted).then_some(name)
        })
    }
}

/// The host and the path of a repository's URL: `ssh://git@example.com/a/b.git`, `git@example.com:a/b` and
/// `https://example.com/a/b` lead to the same.
fn place(url: &str) -> String {
    let (is_url, rest) = url.split_once("://").map_or((false, url), |(_, rest)| (true, rest));
    let rest = rest.split_once('@').map_or(rest, |(user, rest)| if user.contains('/') { url } else { rest });
    let rest = rest.trim_end_matches('/').trim_end_matches(".git");
    let rest = if is_url { rest.to_owned() } else { rest.replacen(':', "/", 1) };
    rest.to_ascii_lowercase()
}

/// Checks this machine.
pub fn check(lab: &Lab, here: &Here) -> Vec<Finding> {
    let mut found = Findings::of("this machine");
    nix(&mut found, here);
    match here.differing {
        None => found.skipped(Check::Generated, "the generated files cannot be read"),
        Some(0) => found.ok(Check::Generated, "the files of nodes and clusters are those of the spec"),
        Some(number) => found.error(
            Check::Generated,
            format!("files of nodes and clusters differ from the spec ({})", diagnostic::count(number, "file")),
            "homelab generate",
        ),
    }
    git(&mut found, lab, here);
    found.into_list()
}

fn nix(found: &mut Findings, here: &Here) {
    let Some((text, _)) = &here.version else {
        let remedy = "install Nix, which builds the nodes: https://nixos.org/download";
        found.error(Check::Nix, "there is no program `nix`", remedy);
        return found.skipped(Check::Builder, "there is no program `nix`");
    };
    // nix (Nix) 2.28.3
    let version = text.split_whitespace().next_back().unwrap_or_default();
    if compare(version, OLDEST_NIX).is_lt() {
        let remedy = "update it: https://nix.dev/manual/nix/latest/installation/upgrading";
        found.error(Check::Nix, format!("Nix {version} is older than {OLDEST_NIX}"), remedy);
    }
    let has_flakes = here.flakes.as_ref().is_some_and(|(text, _)| text.trim() == "true");
    if !has_flakes {
        found.error(
            Check::Nix,
            "flakes are not enabled",
            "mkdir -p ~/.config/nix && echo 'experimental-features = nix-command flakes' >> ~/.config/nix/nix.conf",
        );
    }
    if !found.has_problem(Check::Nix) {
        found.ok(Check::Nix, format!("Nix {version}, with flakes"));
    }
    builder(found, here);
}

fn builder(found: &mut Findings, here: &Here) {
    let Some(system) = here.setting("system") else {
        return found.skipped(Check::Builder, "the settings of Nix could not be read");
    };
    let has = |text: Option<&str>| text.is_some_and(|text| text.contains(SYSTEM));
    if system == SYSTEM || has(here.setting("extra-platforms")) {
        return found.ok(Check::Builder, format!("builds {SYSTEM} itself"));
    }
    let file = here.builders.as_ref().map(|(text, _)| text.as_str());
    if has(here.setting("builders")) || has(file) {
        return found.ok(Check::Builder, format!("{system}, with a remote builder for {SYSTEM}"));
    }
    found.error(
        Check::Builder,
        format!("{system} cannot build the nodes, which are {SYSTEM}"),
        "add a remote builder; on macOS: https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder",
    );
}

fn git(found: &mut Findings, lab: &Lab, here: &Here) {
    let url = lab.repository.url.as_str();
    match &here.remotes {
        None => {
            found.error(Check::Repository, "there is no program `git`", "install it");
            return found.skipped(Check::Branch, "there is no program `git`");
        }
        Some((_, false)) => {
            let remedy = format!("git init && git add --all && git commit && git remote add origin {url}");
            found.error(Check::Repository, "this folder is not a Git repository", remedy);
            return found.skipped(Check::Branch, "this folder is not a Git repository");
        }
        Some((_, true)) => {}
    }
    let Some(remote) = here.remote(lab) else {
        let remedy = format!("git remote add origin {url}, or correct `lab.repository`");
        found.error(Check::Repository, format!("no remote leads to {url}, which clusters and nodes follow"), remedy);
        return found.skipped(Check::Branch, "no remote leads to the repository of the lab");
    };
    found.ok(Check::Repository, format!("the remote {remote} is {url}"));
    let branch = &lab.repository.branch;
    let push = format!("git push {remote} HEAD:{branch}");
    let changed = here.changes.as_ref().map_or(0, |(text, _)| text.lines().count());
    match &here.unpushed {
        Some((text, true)) if text.trim() == "0" && changed == 0 => {
            found.ok(Check::Branch, format!("{remote}/{branch} has all commits"));
        }
        Some((text, true)) if text.trim() == "0" => found.warning(
            Check::Branch,
            format!(
                "changes are not committed ({}): clusters and nodes do not see them",
                diagnostic::count(changed, "file")
            ),
            format!("git add --all && git commit && {push}"),
        ),
        Some((text, true)) => found.warning(
            Check::Branch,
            format!("{remote}/{branch} lacks {} commits of HEAD: clusters do not see them", text.trim()),
            push,
        ),
        Some((_, false)) => found.error(Check::Branch, format!("{branch} was never pushed to {remote}"), push),
        None => found.skipped(Check::Branch, "there is no program `git`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_the_same_repository_by_other_urls() {
        let same = [
            "ssh://git@github.com/example/homelab",
            "ssh://git@github.com/example/homelab.git",
            "git@github.com:example/homelab.git",
            "https://github.com/Example/homelab/",
            "https://user@github.com/example/homelab",
        ];
        for url in same {
            assert_eq!(place(url), "github.com/example/homelab", "{url}");
        }
        assert_ne!(place("git@github.com:example/other"), "github.com/example/homelab");
    }
}
