//! Fields with a fixed set of values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The language of generated documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English.
    En,
    /// Spanish.
    Es,
}

/// The vendor of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(extend("x-refused" = crate::host::refused_gpus()))]
pub enum GpuVendor {
    /// Intel.
    Intel,
}

/// The kernel driver of an Intel GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GpuDriver {
    /// The driver of GPUs before the Xe2 architecture.
    I915,
    /// The driver of GPUs of the Xe2 architecture, such as Lunar Lake and Battlemage, and of later ones.
    Xe,
}

/// What only the LAN and trusted networks can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// Apps that are not public: their names at the ingress, and the ports of apps with `host-network`.
    Apps,
    /// SSH on the nodes.
    Ssh,
    /// The Kubernetes API on the servers.
    Kubernetes,
}

/// The role of a node in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the control plane and pods.
    Server,
    /// Runs only pods.
    Agent,
}

/// The kind of a node on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuestKind {
    /// An LXC container: it shares the kernel of its host, and needs no memory of its own for one. It can share the GPU and
    /// mount folders of its host.
    Container,
    /// A virtual machine: it has its own kernel, so that root on the node is not close to root on the host.
    Vm,
}

/// A containerd snapshotter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Snapshotter {
    /// The kernel's overlay file system (OverlayFS).
    Overlayfs,
    /// An overlay file system in user space (FUSE).
    FuseOverlayfs,
    /// Full copies of all layers: slow, but works on every file system.
    Native,
}

/// A Pod Security Standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodSecurity {
    /// Requires hardened pods, such as those that run as non-root.
    Restricted,
    /// Prevents known privilege escalations.
    Baseline,
    /// Admits all pods.
    Privileged,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// The newer tags that an image is updated to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// Patch releases: from 1.46.2 to 1.46.3, but not to 1.47.0.
    Patch,
    /// Minor and patch releases: from 1.46.2 to 1.47.0, but not to 2.0.0. Before 1.0.0, only patch releases,
    /// because a minor release may then be incompatible: from 0.30.0 to 0.30.1, but not to 0.31.0.
    Minor,
    /// All newer releases: from 1.46.2 also to 2.0.0.
    Major,
    /// A new image that is published under the same tag.
    Digest,
}

/// How an app is backed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AppBackup {
    /// No backups, and no warning.
    None,
    /// The app's volumes with a `size` are backed up by the cluster's `platform.backups`. Kubernetes
    /// objects are not: they are in Git.
    Volumes,
}

/// How an update replaces pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The old pod stops before the new one starts.
    Recreate,
    /// The new pod is ready before the old one stops.
    Rolling,
}

/// When a sidecar starts, compared with the other containers of its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SidecarStart {
    /// After the init containers, at the same time as the app.
    WithApp,
    /// After the init containers, and before the app.
    BeforeApp,
    /// Before the init containers.
    BeforeInit,
}

/// A Linux capability that a container can keep, by its name in capabilities(7) without `CAP_`. With one
/// that the Pod Security Standard `baseline` does not allow, such as `NET_ADMIN`, the namespace enforces
/// only `privileged`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LinuxCapability {
    /// Configure the audit log of the kernel.
    AuditControl,
    /// Read the audit log of the kernel.
    AuditRead,
    /// Write to the audit log of the kernel.
    AuditWrite,
    /// Keep the system awake.
    BlockSuspend,
    /// Load BPF programs.
    Bpf,
    /// Checkpoint and restore processes.
    CheckpointRestore,
    /// Change the owner of files.
    Chown,
    /// Read and write files regardless of their permissions.
    DacOverride,
    /// Read files regardless of their permissions.
    DacReadSearch,
    /// Act as the owner of any file.
    Fowner,
    /// Keep set-user-ID and set-group-ID bits when a file is modified.
    Fsetid,
    /// Lock memory.
    IpcLock,
    /// Use System V IPC objects regardless of their permissions.
    IpcOwner,
    /// Send signals to any process.
    Kill,
    /// Set leases on files.
    Lease,
    /// Change the immutable and append-only flags of files.
    LinuxImmutable,
    /// Configure mandatory access control.
    MacAdmin,
    /// Ignore mandatory access control.
    MacOverride,
    /// Create device files.
    Mknod,
    /// Configure the pod's network: routes, interfaces, packet filters.
    NetAdmin,
    /// Bind ports below 1024.
    NetBindService,
    /// Send broadcasts and listen to multicasts.
    NetBroadcast,
    /// Send raw packets, as `ping` does.
    NetRaw,
    /// Monitor performance.
    Perfmon,
    /// Set the Linux capabilities of files.
    Setfcap,
    /// Change the groups of a process.
    Setgid,
    /// Change the Linux capabilities of processes.
    Setpcap,
    /// Change the user of a process.
    Setuid,
    /// Mount file systems, and much else.
    SysAdmin,
    /// Restart the system.
    SysBoot,
    /// Change the root directory of a process.
    SysChroot,
    /// Load kernel modules.
    SysModule,
    /// Raise the priority of processes.
    SysNice,
    /// Configure process accounting.
    SysPacct,
    /// Trace any process.
    SysPtrace,
    /// Use I/O ports.
    SysRawio,
    /// Exceed resource limits.
    SysResource,
    /// Set the clock.
    SysTime,
    /// Configure terminals.
    SysTtyConfig,
    /// Read the log of the kernel.
    Syslog,
    /// Set alarms that wake the system.
    WakeAlarm,
}

impl LinuxCapability {
    /// Returns the strictest Pod Security Standard that allows a container to keep it.
    pub fn pod_security(self) -> PodSecurity {
        match self {
            Self::NetBindService => PodSecurity::Restricted,
            Self::AuditWrite
            | Self::Chown
            | Self::DacOverride
            | Self::Fowner
            | Self::Fsetid
            | Self::Kill
            | Self::Mknod
            | Self::Setfcap
            | Self::Setgid
            | Self::Setpcap
            | Self::Setuid
            | Self::SysChroot => PodSecurity::Baseline,
            _ => PodSecurity::Privileged,
        }
    }
}

/// Where scratch space is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Medium {
    /// On the disk of the node.
    Disk,
    /// In memory (tmpfs). What is stored there counts toward the memory limits of the containers.
    Memory,
}

/// A part of the connection to a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseField {
    /// Host name.
    Host,
    /// Port.
    Port,
    /// Name of the database.
    Name,
    /// Role that owns the database.
    User,
    /// Password of the role.
    Password,
    /// TLS mode of the connection, as a value of libpq's `sslmode`.
    TlsMode,
    /// Connection URL: `postgres://USER:PASSWORD@HOST:PORT/NAME?sslmode=MODE`.
    Url,
}

impl DatabaseField {
    /// Whether its value contains the password.
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
    /// Certificates for testing: not trusted, but with much higher rate limits.
    Staging,
}

/// An ingress controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IngressController {
    /// NGINX Ingress Controller of F5.
    #[default]
    Nginx,
    /// The Kubernetes project's ingress-nginx, unmaintained since March 2026.
    IngressNginx,
}

/// What ExternalDNS can do with records in the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DnsPolicy {
    /// Create, update and delete records. Only the cluster's own records are changed: a TXT record for
    /// each one names its owner.
    #[default]
    Sync,
    /// Create and update records, but never delete them.
    UpsertOnly,
}

/// A storage class that can be the cluster's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultClass {
    /// The storage class of k3s: a folder on the disk of the node where the pod first runs.
    LocalPath,
    /// A folder on network storage, kept when its claim is deleted.
    NfsRetain,
    /// A folder on network storage, deleted with its claim.
    NfsDelete,
}

/// A log collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// Grafana Alloy.
    #[default]
    Alloy,
    /// Promtail, unmaintained since March 2026.
    Promtail,
}

/// The algorithm of a TSIG key (RFC 8945).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TsigAlgorithm {
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// An API of OVHcloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OvhEndpoint {
    /// The API of Europe.
    OvhEu,
    /// The API of Canada.
    OvhCa,
}
