//! Secrets on the disks of nodes: what must exist before the secret store can be read.

use crate::contract::{AGENT_TOKEN, SECRETS_ON_DISK, SERVER_TOKEN};
use crate::lab::{BackupFile, Cluster, Node, Pulls};
use crate::names::{DataKey, DiskPath, NamespaceName, ObjectName};
use spec::Role;

/// How the value of a file on the disk of a node is obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskValue {
    /// A random text, which can be generated.
    Random,
    /// The private part of a deploy key, which can be generated.
    DeployKey {
        /// Whether it pushes to the repository.
        writes: bool,
    },
    /// The public part of the deploy key in the file `identity` beside it.
    PublicKey,
    /// The host keys of the Git server, in the format of `known_hosts`.
    HostKeys,
    /// The private age key of the cluster.
    AgeKey,
    /// The public OpenPGP keys of those who may sign commits.
    SigningKeys,
    /// A line of text that somebody else issued, such as a provider.
    Issued,
}

/// A file on the disk of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskFile {
    /// Its path.
    pub path: DiskPath,
    /// How its value is obtained.
    pub value: DiskValue,
}

impl DiskFile {
    /// A file in the folder of the secrets, given its path from there.
    pub fn new(path: &str, value: DiskValue) -> Self {
        Self { path: format!("{SECRETS_ON_DISK}/{path}").into(), value }
    }
}

/// A Secret that a server creates from files on its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSecret {
    /// Its namespace.
    pub namespace: NamespaceName,
    /// Its name.
    pub name: ObjectName,
    /// Its keys, each with the file that contains the value.
    pub keys: Vec<(DataKey, DiskFile)>,
    /// What it allows to those who have it.
    pub opens: &'static str,
}

/// What reads a file on the disk of a node.
#[derive(Debug, Clone, Copy)]
pub enum DiskReader<'a> {
    /// k3s: the token that nodes with this role join the cluster with.
    Joining(Role),
    /// A Secret, as the value of a key.
    Secret(&'a DiskSecret, &'a DataKey),
    /// The backup of a server.
    Backup(&'a BackupFile),
    /// The updates that the node pulls.
    Updates,
}

impl Cluster {
    /// The files that a node reads, by reader: tokens of k3s on each node, Secrets and backups on servers. A file with
    /// several readers is listed for each.
    pub fn files_on(&self, node: &Node) -> Vec<(DiskFile, DiskReader<'_>)> {
        let is_server = node.role == Role::Server;
        let token = |name: &str, role: Role| (DiskFile::new(name, DiskValue::Random), DiskReader::Joining(role));
        let mut files = Vec::new();
        if is_server {
            files.push(token(SERVER_TOKEN, Role::Server));
        }
        if self.has_agents() {
            files.push(token(AGENT_TOKEN, Role::Agent));
        }
        if is_server {
            let keys = self.flux.secrets.iter().flat_map(|secret| secret.keys.iter().map(move |key| (secret, key)));
            files.extend(keys.map(|(secret, (key, file))| (file.clone(), DiskReader::Secret(secret, key))));
            let backup = self.backup.iter().flat_map(|backup| &backup.files);
            files.extend(backup.map(|backup| (backup.file.clone(), DiskReader::Backup(backup))));
        }
        // Servers have some of them for Flux already.
        let known: Vec<_> = files.iter().map(|(file, _)| file.path.clone()).collect();
        let pulls = self.pulls.iter().flat_map(Pulls::files).filter(|file| !known.contains(&file.path));
        files.extend(pulls.map(|file| (file.clone(), DiskReader::Updates)));
        files
    }
}
