//! The Git server: its address, its published host keys, and where deploy keys are added.

use crate::{Command, Input};

/// The fingerprints that Git servers publish, with the pages that have them.
const PUBLISHED: [(&str, &str, [&str; 3]); 3] = [
    (
        "github.com",
        "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints",
        [
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU",
            "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM",
            "SHA256:uNiVztksCsDhcc0u9e8BujQXVUpKZIDTMczCvj3tD2s",
        ],
    ),
    (
        "gitlab.com",
        "https://docs.gitlab.com/user/gitlab_com/#ssh-host-keys-fingerprints",
        [
            "SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8",
            "SHA256:HbW3g8zUjNSksFbqTiUWPWg2Bq1x8xdGUrliXFzSnUw",
            "SHA256:ROQFvPThGrW4RuWLoL9tq9I9zJ42fK4XywyRtbOz/EQ",
        ],
    ),
    (
        "codeberg.org",
        "https://docs.codeberg.org/security/ssh-fingerprint/",
        [
            "SHA256:mIlxA9k46MmM6qdJOdMnAQpzGxF4WIVVL+fj+wZbw0g",
            "SHA256:T9FYDEHELhVkulEKKwge5aVhVTbqCW0MIRwAfpARs/E",
            "SHA256:6QQmYi4ppFS4/+zSZ5S4IU+4sa6rwvQ4PbhCtPEBekQ",
        ],
    ),
];

/// A repository on a Git server that is reached through SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The user of SSH.
    pub user: String,
    /// The host.
    pub host: String,
    /// The port, if it is not 22.
    pub port: Option<u16>,
    /// The path, with its first slash.
    pub path: String,
}

/// A host key of the server, with its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostKey {
    /// Its line for `known_hosts`.
    pub line: String,
    /// Its type, as `ssh-keygen` names it.
    pub kind: String,
    /// Its fingerprint: `SHA256:...`.
    pub fingerprint: String,
}

impl Repository {
    /// Parses a URL with the scheme `ssh`.
    pub fn parse(url: &str) -> Option<Self> {
        let (authority, path) = url.strip_prefix("ssh://")?.split_once('/')?;
        let (user, address) = authority.split_once('@')?;
        let (host, port) = match address.split_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok()?)),
            None => (address, None),
        };
        let port = port.filter(|port| *port != 22);
        Some(Self { user: user.to_owned(), host: host.to_owned(), port, path: format!("/{path}") })
    }

    /// The command that asks the server for its host keys.
    pub fn scan(&self) -> Command {
        let port = self.port.iter().flat_map(|port| ["-p".to_owned(), port.to_string()]);
        let words = ["ssh-keyscan", "-T", "10", "-t", "ed25519,ecdsa,rsa"].map(str::to_owned).into_iter();
        Command::here(words.chain(port).chain([self.host.clone()]))
    }

    /// The page on which deploy keys are added, if it is known.
    pub fn page(&self) -> Option<String> {
        let project = self.path.trim_end_matches('/').trim_end_matches(".git");
        let page = match self.host.as_str() {
            "github.com" | "codeberg.org" => "settings/keys",
            "gitlab.com" => "-/settings/repository#js-deploy-keys-settings",
            _ => return None,
        };
        Some(format!("https://{}{project}/{page}", self.host))
    }

    /// The fingerprints that the server publishes, with the page that has them, if they are known.
    pub fn published(&self) -> Option<(&'static str, &'static [&'static str])> {
        let known = PUBLISHED.iter().find(|(host, ..)| *host == self.host && self.port.is_none());
        known.map(|(_, page, fingerprints)| (*page, fingerprints.as_slice()))
    }

    /// The command for a node that logs in with a deploy key, as Git does to read or to push. A flush packet ends the
    /// conversation before anything is transferred: <https://git-scm.com/docs/gitprotocol-pack>.
    pub fn access(&self, key: &str, known_hosts: &str, writes: bool) -> String {
        let service = if writes { "git-receive-pack" } else { "git-upload-pack" };
        let port = self.port.map(|port| format!(" -p {port}")).unwrap_or_default();
        // The exit code of ssh would look as if this node were lost.
        format!(
            "printf 0000 | ssh -o BatchMode=yes -o ConnectTimeout=10 -o IdentitiesOnly=yes -o StrictHostKeyChecking=yes \
             -o UserKnownHostsFile={known_hosts} -i {key}{port} {}@{} {service} \"'{}'\" > /dev/null || exit 1",
            self.user, self.host, self.path
        )
    }
}

/// The lines of host keys in the output of `ssh-keyscan`.
pub fn lines(scanned: &str) -> Vec<&str> {
    scanned.lines().filter(|line| !line.starts_with('#') && line.split_whitespace().count() >= 3).collect()
}

/// The command that computes the fingerprints of host keys.
pub fn fingerprint(lines: &[&str]) -> Command {
    let text = lines.iter().map(|line| format!("{line}\n")).collect();
    Command::here(["ssh-keygen", "-l", "-E", "sha256", "-f", "-"]).reading(Input::Text(text))
}

/// Joins host keys with their fingerprints, as `ssh-keygen -l` prints them: `256 SHA256:... HOST (ED25519)`.
///
/// # Errors
/// If there is not one for each.
pub fn host_keys(lines: &[&str], fingerprints: &str) -> Result<Vec<HostKey>, String> {
    let keys: Option<Vec<_>> = lines
        .iter()
        .zip(fingerprints.lines())
        .map(|(line, printed)| {
            let fingerprint = printed.split_whitespace().nth(1).filter(|text| text.starts_with("SHA256:"))?;
            let kind = printed.rsplit(' ').next()?.trim_matches(['(', ')']);
            Some(HostKey { line: (*line).to_owned(), kind: kind.to_owned(), fingerprint: fingerprint.to_owned() })
        })
        .collect();
    let keys = keys.filter(|keys| keys.len() == lines.len() && fingerprints.lines().count() == lines.len());
    keys.ok_or_else(|| format!("`ssh-keygen -l` printed something unexpected: {fingerprints}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_url_of_a_repository() {
        let github = Repository::parse("ssh://git@github.com/example/homelab.git").expect("it is valid");
        assert_eq!(github.page().as_deref(), Some("https://github.com/example/homelab/settings/keys"));
        assert_eq!(github.scan().words().last().map(String::as_str), Some("github.com"));
        assert!(github.published().is_some_and(|(_, fingerprints)| fingerprints.len() == 3));
        let own = Repository::parse("ssh://forgejo@git.example.com:2222/home/lab").expect("it is valid");
        assert_eq!((own.port, own.path.as_str(), own.page(), own.published()), (Some(2222), "/home/lab", None, None));
        assert!(own.scan().to_string().ends_with(" -p 2222 git.example.com"));
        assert_eq!(Repository::parse("https://github.com/example/homelab"), None);
        assert_eq!(Repository::parse("ssh://git@github.com:22/a/b").and_then(|github| github.port), None);
        let other = Repository::parse("ssh://git@github.com:2222/a/b").expect("it is valid");
        assert_eq!(other.published(), None, "another port can be another server");
    }

    #[test]
    fn joins_host_keys_with_their_fingerprints() {
        let scanned = "# github.com:22 SSH-2.0-x\ngithub.com ssh-ed25519 AAAA\n\ngithub.com ssh-rsa AAAB\n";
        let lines = lines(scanned);
        assert_eq!(lines, ["github.com ssh-ed25519 AAAA", "github.com ssh-rsa AAAB"]);
        let printed = "256 SHA256:abc github.com (ED25519)\n3072 SHA256:def github.com (RSA)\n";
        let keys = host_keys(&lines, printed).expect("there is one for each");
        assert_eq!((keys[1].kind.as_str(), keys[1].fingerprint.as_str()), ("RSA", "SHA256:def"));
        assert!(host_keys(&lines, "256 SHA256:abc github.com (ED25519)\n").is_err());
    }
}
