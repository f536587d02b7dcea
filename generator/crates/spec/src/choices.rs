//! Words of which a field takes one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A graphics processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Gpu {
    /// Integrated Intel graphics, shared as `/dev/dri/renderD128`.
    Intel,
}

/// The kinds of network storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StorageKind {
    /// A Synology DiskStation.
    Synology,
}

/// What a node does in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the control plane, and pods.
    Server,
    /// Runs pods.
    Agent,
}

/// How containerd stores images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshotter {
    /// The kernel's overlay file system.
    Overlayfs,
    /// An overlay file system in user space.
    FuseOverlayfs,
    /// Full copies: slow, but it works everywhere.
    Native,
}

/// A level of the Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodSecurity {
    /// Hardened.
    Restricted,
    /// No known way to a privileged state.
    Baseline,
    /// Everything is allowed.
    Privileged,
}

/// A protocol above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// Which newer tags an image is moved to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// From 1.46.2 to 1.46.3, not to 1.47.0.
    Patch,
    /// From 1.46.2 to 1.47.0, not to 2.0.0.
    Minor,
    /// To whatever is newer.
    Major,
    /// To another image behind the same tag.
    Digest,
}

/// Whether an app is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppBackup {
    /// Not, on purpose.
    None,
    /// Its volumes of a `size` are, by `platform.backups` of the cluster. Objects are in Git.
    Volumes,
}

/// How a new version takes the place of the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The old pod stops before the new one starts.
    Recreate,
    /// The new pod is ready before the old one stops.
    Rolling,
}

/// The Linux capabilities that an app may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LinuxCapability {
    /// Change the owner of files.
    Chown,
    /// Read and write files regardless of their permissions.
    DacOverride,
    /// Act as the owner of any file.
    Fowner,
    /// Keep set-user-ID bits when a file changes.
    Fsetid,
    /// Signal any process.
    Kill,
    /// Change the network of its pod: routes, interfaces, packet filters. Its namespace admits all pods.
    NetAdmin,
    /// Bind ports below 1024.
    NetBindService,
    /// Send raw packets, such as those of `ping`. Its namespace admits all pods.
    NetRaw,
    /// Change the group of a process.
    Setgid,
    /// Change the user of a process.
    Setuid,
}

/// A part of how a database is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseField {
    /// The host name.
    Host,
    /// The port.
    Port,
    /// The name of the database.
    Name,
    /// The role that owns it.
    User,
    /// The role's password.
    Password,
    /// How the connection is encrypted, as libpq's `sslmode` says it.
    TlsMode,
    /// All of it: `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=MODE`.
    Url,
}

impl DatabaseField {
    /// Whether it holds the password.
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Password | Self::Url)
    }
}

/// An environment of Let's Encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateIssuer {
    /// Certificates that browsers trust.
    #[default]
    Production,
    /// Certificates to try with: not trusted, but hardly limited in number.
    Staging,
}

/// The implementations of the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IngressController {
    /// NGINX Ingress Controller by F5.
    #[default]
    Nginx,
    /// Ingress-nginx of the Kubernetes project, which ended in March 2026.
    IngressNginx,
}

/// What may be done to records in the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DnsPolicy {
    /// Records are made, changed and removed. Only those that the cluster itself has made: a TXT
    /// record beside each names its owner.
    #[default]
    Sync,
    /// Records are made and changed, never removed.
    UpsertOnly,
}

/// What happens to a shared folder when its claim is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultClass {
    /// k3s' own class: folders on the disk of the node where an app first runs.
    LocalPath,
    /// A shared folder of the network storage that stays when its claim goes.
    NfsRetain,
    /// A shared folder of the network storage that goes with its claim.
    NfsDelete,
}

/// What brings the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// Grafana Alloy.
    #[default]
    Alloy,
    /// Promtail, which ended in March 2026.
    Promtail,
}
