//! The state of k3s on a node: its service, and that of the Secrets from the disk.

use super::access::Parts;
use super::object::shortened;
use std::collections::BTreeMap;

/// The state of k3s on a node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// The state of the unit `k3s` in systemd: `active`, `activating`, `failed`, `inactive`, ….
    pub state: String,
    /// The last lines of its log. For a server whose k3s is active, they are not read.
    pub log: Vec<String>,
    /// The result of `homelab-bootstrap-secrets`: `success`, or how it failed.
    pub secrets: String,
    /// The last lines of its log, unless it succeeded.
    pub secrets_log: Vec<String>,
}

/// The state of k3s on nodes that were asked, by name; or why they did not answer.
pub type Services = BTreeMap<String, Result<Service, String>>;

/// What k3s says if it cannot start or join, with what to do. The first text that its log contains decides.
const KNOWN: &[(&str, &str)] = &[
    ("is missing or empty.", "`homelab bootstrap` puts the tokens onto the disks of nodes"),
    ("/dev/kmsg is missing.", "`homelab provision` brings the container to its definition"),
    ("The restore of this server was interrupted.", ""),
    ("This server has no data and is configured to start a cluster", ""),
    ("This server started its cluster and has its data", ""),
    (
        "Node password rejected",
        "the cluster remembers an earlier node of this name: run `kubectl delete node NAME`, or restore \
         /etc/rancher/node/password",
    ),
    (
        "bootstrap data already found and encrypted with different token",
        "the token on the disk is not the one that the cluster was started with: put that one back",
    ),
    ("duplicate node name found", "remove the old member first: run `kubectl delete node NAME`"),
    ("is out the range of cluster cidr", "the cluster network cannot change while the cluster has nodes"),
    ("token CA hash does not match", "the token on the disk belongs to another cluster: put the right one there"),
    ("not authorized", "the token on the disk is not the cluster's: put the right one there"),
];

impl Service {
    /// Reads the output of [`super::read_node`].
    ///
    /// # Errors
    /// If it is not such an output.
    pub fn parse(output: &str) -> Result<Self, String> {
        let parts = Parts(output);
        match parts.get("k3s") {
            Some(_) => Ok(Self::of(&parts)),
            None => Err("show-cluster printed something unexpected".to_owned()),
        }
    }

    pub(super) fn of(parts: &Parts<'_>) -> Self {
        let text = |name: &str| parts.get(name).unwrap_or_default().trim().to_owned();
        let lines = |name: &str| text(name).lines().map(str::to_owned).collect();
        Self { state: text("k3s"), log: lines("k3s log"), secrets: text("secrets"), secrets_log: lines("secrets log") }
    }

    /// Whether k3s runs.
    pub fn is_active(&self) -> bool {
        self.state == "active"
    }

    /// Why k3s does not run, or does not join, as its log says; with what to do, if that is known.
    pub(super) fn problem(&self) -> Option<(String, Option<&'static str>)> {
        let known = KNOWN.iter().find_map(|(text, remedy)| {
            let line = self.log.iter().rposition(|line| line.contains(text))?;
            Some((self.statement(line), (!remedy.is_empty()).then_some(*remedy)))
        });
        // While it runs, it also writes errors that pass.
        known.or_else(|| {
            if self.is_active() {
                return None;
            }
            let is_serious = |line: &&String| line.contains("level=fatal") || line.contains("level=error");
            let line = self.log.iter().rev().find(is_serious)?;
            Some((shortened(message_of(line)), None))
        })
    }

    /// A line of the log, with the next one if that belongs to it.
    fn statement(&self, line: usize) -> String {
        let next = self.log.get(line + 1).filter(|next| next.starts_with("Create it with "));
        let text = message_of(&self.log[line]);
        shortened(&next.map_or_else(|| text.to_owned(), |next| format!("{text} {next}")))
    }

    /// The files that the Secrets from the disk wait for, each with what belongs there.
    pub(super) fn missing_files(&self) -> Vec<&str> {
        if self.secrets == "success" {
            return Vec::new();
        }
        let start = self.secrets_log.iter().rposition(|line| line.starts_with("Starting "));
        let last = &self.secrets_log[start.unwrap_or_default()..];
        let path = |line: &str| {
            let (_, rest) = line.strip_prefix("homelab.bootstrap.secrets.")?.split_once(": ")?;
            rest.split_once(" is missing or empty.").map(|(path, _)| path.len())
        };
        let mut files: Vec<_> = last
            .iter()
            .filter_map(|line| {
                let length = path(line)?;
                let start = line.find(": ")? + 2;
                line.get(start..start + length)
            })
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

/// The message in a line of k3s: the text after `msg=`, without quotes, or the whole line.
fn message_of(line: &str) -> &str {
    let Some((_, message)) = line.split_once("msg=") else { return line };
    message.strip_prefix('"').and_then(|message| message.strip_suffix('"')).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn finds_the_cause_in_the_log() {
        let problem = |log: &str| Service { log: lines(log), ..Service::default() }.problem();
        let token = "Starting k3s service...\n/var/lib/homelab/secrets/k3s-token is missing or empty.\n\
                     Create it with the token that servers join the cluster with, readable only by root.\n\
                     k3s.service: Control process exited, code=exited, status=1/FAILURE";
        let (text, remedy) = problem(token).expect("it is known");
        assert_eq!(
            text,
            "/var/lib/homelab/secrets/k3s-token is missing or empty. Create it with the token that servers join \
             the cluster with, readable only by root."
        );
        assert!(remedy.is_some_and(|remedy| remedy.contains("homelab bootstrap")));
        let fatal = "time=\"2026-08-01T07:08:09Z\" level=fatal msg=\"starting kubernetes: preparing server: boom\"";
        assert_eq!(problem(fatal), Some(("starting kubernetes: preparing server: boom".to_owned(), None)));
        assert_eq!(problem("Started k3s service."), None);
        let active =
            |log: &str| Service { state: "active".to_owned(), log: lines(log), ..Service::default() }.problem();
        assert_eq!(active(fatal), None);
        let refused = "level=error msg=\"Node password rejected, duplicate hostname or contents of \
                       '/etc/rancher/node/password' may not match server node-passwd entry\"";
        assert!(active(refused).is_some_and(|(_, remedy)| remedy.is_some_and(|remedy| remedy.contains("delete node"))));
    }

    #[test]
    fn lists_the_files_that_the_last_attempt_missed() {
        let line = |path: &str| {
            format!(
                "homelab.bootstrap.secrets.flux-system: {path} is missing or empty. Create it with the value of key 'a' of \
                 the Secret flux-system/flux-system, readable only by root."
            )
        };
        let log = format!("{}\nStarting Apply the Secrets...\n{}\n{}", line("/old"), line("/b"), line("/b"));
        let service = Service { secrets: "exit-code".to_owned(), secrets_log: lines(&log), ..Service::default() };
        assert_eq!(service.missing_files(), ["/b"]);
    }
}
