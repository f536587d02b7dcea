//! The SSH host keys that this machine knows.

use crate::{Command, Machine};

/// What this machine knows of the host key of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostKey {
    /// It knows none.
    Unknown,
    /// It knows the one that the node has.
    Known,
    /// It knows one, but the node has another one, or is created again, or does not run.
    Other,
}

/// The file with the host keys that SSH knows.
pub(super) const KNOWN_HOSTS: &str = "~/.ssh/known_hosts";

impl HostKey {
    /// The command that prints what this machine knows.
    pub fn find(node: &Machine) -> Command {
        Command::here(["sh", "-c", &format!("ssh-keygen -F {} -f {KNOWN_HOSTS}", node.address)])
    }

    /// Compares what the command printed with the key of the node, if that is known.
    pub(super) fn of(output: &str, key: Option<&str>) -> Self {
        let known = output.lines().filter(|line| !line.starts_with('#'));
        let known = known.filter_map(|line| line.split_once(' ').map(|(_, key)| key.trim()));
        let known: Vec<_> = known.filter(|known| known.starts_with("ssh-ed25519 ")).collect();
        // A comment after the key has no meaning.
        let parts = |key: &str| key.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
        match key {
            _ if known.is_empty() => Self::Unknown,
            Some(key) if known.iter().any(|known| parts(known) == parts(key)) => Self::Known,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_the_keys() {
        let output = "# Host 192.168.10.42 found: line 3 \n|1|aGFzaA=|aGFzaA= ssh-ed25519 AAAAC3 old\n";
        for (known, key, expected) in [
            ("", None, HostKey::Unknown),
            ("192.168.10.42 ssh-rsa AAAAB3\n", Some("ssh-ed25519 AAAAC3"), HostKey::Unknown),
            (output, Some("ssh-ed25519 AAAAC3 root@one"), HostKey::Known),
            (output, Some("ssh-ed25519 AAAAD4 root@one"), HostKey::Other),
            (output, None, HostKey::Other),
        ] {
            assert_eq!(HostKey::of(known, key), expected, "{known} {key:?}");
        }
    }
}
