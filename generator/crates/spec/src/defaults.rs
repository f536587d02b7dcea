//! The defaults of fields. Each default is defined here and nowhere else: the JSON Schema, `homelab
//! explain` and the generator read it from here.

use crate::choices::{
    CertificateIssuer, Collector, DefaultClass, DnsPolicy, GpuDriver, GuestKind, IngressController, Language, Medium,
    Opening, OvhEndpoint, PodSecurity, Protocol, Role, SidecarStart, Snapshotter, TsigAlgorithm,
};
use crate::or_default::defaults;
use crate::types::{
    Branch, Duration, HttpUrl, Ipv4, Ipv4Cidr, MinorVersion, Name, NixosRelease, OneOrMore, PciAddress, PortNumber,
    RenderDevice, Retention, Schedule, Size, TimeZone, UrlPath, Whole,
};
use serde_json::{Value, json};

/// The default requests and limits of a container.
#[derive(Debug, Clone, Copy)]
pub struct DefaultAmounts {
    /// CPU request.
    pub cpu: &'static str,
    /// Memory request.
    pub memory: &'static str,
    /// Memory limit.
    pub most_memory: &'static str,
}

/// The default requests and limits of each container of an app.
pub const CONTAINER: DefaultAmounts = DefaultAmounts { cpu: "50m", memory: "128Mi", most_memory: "512Mi" };

/// The default requests and limits of each PostgreSQL instance.
pub const POSTGRES: DefaultAmounts = DefaultAmounts { cpu: "100m", memory: "512Mi", most_memory: "1Gi" };

impl DefaultAmounts {
    /// Returns the amounts as a value of the field `resources`.
    pub(crate) fn as_resources(&self) -> Value {
        json!({
            "requests": { "cpu": self.cpu, "memory": self.memory },
            "limits": { "memory": self.most_memory },
        })
    }
}

defaults! {
    /// A boolean that is `false` by default.
    Off: bool = "false";
    /// A boolean that is `true` by default.
    On: bool = "true";

    /// Time zone of nodes.
    Timezone: TimeZone = "UTC";
    /// Language of generated documentation.
    DocsLanguage: Language = "en";
    /// Branch that clusters and nodes follow.
    FollowedBranch: Branch = "main";
    /// HTTPS port of DSM.
    DsmPort: PortNumber = "5001";
    /// URL of Infisical Cloud.
    InfisicalHost: HttpUrl = "https://app.infisical.com";
    /// Path of the KV engine of Vault.
    VaultEngine: Name = "secret";
    /// AWS region of Route 53, a global service with its endpoint there.
    Route53Region: Name = "us-east-1";
    /// API of OVHcloud.
    EndpointOfOvh: OvhEndpoint = "ovh-eu";
    /// Port of a name server.
    DnsPort: PortNumber = "53";
    /// Algorithm of a TSIG key.
    AlgorithmOfTsig: TsigAlgorithm = "hmac-sha256";

    /// What a trusted network can reach.
    TrustedOpen: OneOrMore<Opening> = "[apps]";
    /// Kernel driver of a GPU.
    DriverOfGpu: GpuDriver = "i915";
    /// Device file of a GPU: that of a host's first GPU.
    DeviceOfGpu: RenderDevice = "/dev/dri/renderD128";
    /// PCI address of a GPU: that of the GPU of an Intel processor.
    PciOfGpu: PciAddress = "\"0000:00:02.0\"";
    /// DNS servers that answer what the lab does not know: Cloudflare and Quad9.
    DnsUpstream: OneOrMore<Ipv4> = "[1.1.1.1, 9.9.9.9]";
    /// Network of pods; the default of k3s.
    PodNetwork: Ipv4Cidr = "10.42.0.0/16";
    /// Network of Services; the default of k3s.
    ServiceNetwork: Ipv4Cidr = "10.43.0.0/16";
    /// Minor version of k3s.
    K3sVersion: MinorVersion = "\"1.35\"";
    /// Snapshotter of containerd.
    K3sSnapshotter: Snapshotter = "overlayfs";

    /// Kind of a node.
    NodeGuest: GuestKind = "container";
    /// Role of a node.
    NodeRole: Role = "server";
    /// CPU cores of a node.
    NodeCores: Whole<u32, 1, 1024> = "2";
    /// Memory of a node.
    NodeMemory: Size = "4GiB";
    /// Size of a node's root disk.
    NodeDisk: Size = "32GiB";
    /// Proxmox VE storage that holds the disks of nodes.
    NodeDiskStorage: Name = "local-lvm";
    /// Proxmox VE bridge that nodes are attached to.
    NodeBridge: Name = "vmbr0";
    /// Time that the pods of a node have to stop, in seconds.
    NodeShutdownSeconds: Whole<u32, 30, 3600> = "300";
    /// NixOS release that a node was installed with.
    NodeStateVersion: NixosRelease = "\"26.05\"";

    /// Port of the Service of a Helm app.
    HelmServicePort: PortNumber = "80";
    /// Pod Security Standard that the namespace of a Helm app enforces.
    HelmPodSecurity: PodSecurity = "baseline";
    /// Path of the metrics of an app.
    MetricsPath: UrlPath = "/metrics";
    /// Protocol of a port.
    PortProtocol: Protocol = "tcp";
    /// Number of replicas of an app.
    Replicas: Whole<u32, 0, 100> = "1";
    /// Where scratch space is.
    ScratchMedium: Medium = "disk";
    /// When a sidecar starts.
    StartOfSidecar: SidecarStart = "with-app";
    /// Time limit for the start of a container, in seconds.
    StartupSeconds: Whole<u32, 10, 86_400> = "300";

    /// Largest body of a request.
    RequestBody: Size = "1GiB";
    /// Space of the ingress controller for requests.
    RequestBuffer: Size = "4GiB";
    /// Ingress controller.
    Controller: IngressController = "nginx";
    /// Let's Encrypt environment.
    Issuer: CertificateIssuer = "production";
    /// What ExternalDNS can do with records.
    Policy: DnsPolicy = "sync";
    /// Storage class of volumes without a `class`.
    VolumeClass: DefaultClass = "local-path";
    /// Storage class of the platform's volumes.
    LocalPath: Name = "local-path";
    /// Number of instances of a PostgreSQL cluster.
    PostgresInstances: Whole<u32, 1, 9> = "1";
    /// Size of the volume of each instance.
    PostgresSize: Size = "20GiB";
    /// Schedule of base backups of PostgreSQL.
    PostgresBackupSchedule: Schedule = "0 2 * * *";
    /// Retention of backups of PostgreSQL.
    PostgresBackupRetention: Retention = "30d";
    /// Incarnation of a PostgreSQL cluster.
    PostgresIncarnation: Whole<u32, 1, 999> = "1";
    /// Retention of metrics.
    MetricsRetention: Duration = "15d";
    /// Log collector.
    LogCollector: Collector = "alloy";
    /// Retention of logs.
    LogRetention: Duration = "14d";
    /// Size of the volume for logs.
    LogSize: Size = "20GiB";
    /// Number of pods that can share a GPU.
    GpuShares: Whole<u32, 1, 64> = "4";
    /// Schedule of backups of servers.
    ServerBackupSchedule: Schedule = "0 1 * * *";
    /// Schedule of updates that nodes pull.
    PullSchedule: Schedule = "0 4 * * *";
    /// Number of days without an update after which an alert is sent.
    PullAlertDays: Whole<u32, 1, 365> = "7";
    /// Schedule of backups of volumes.
    BackupSchedule: Schedule = "0 3 * * *";
    /// Retention of backups of volumes, in days.
    BackupDays: Whole<u32, 1, 3650> = "30";
    /// Interval at which Flux looks for newer images.
    ImageInterval: Duration = "30m";
}
