//! What a spec leaves open. Each default is said here and nowhere else: the JSON Schema, `homelab
//! explain` and the generator take it from here.

use crate::choices::{
    CertificateIssuer, Collector, DefaultClass, DnsPolicy, IngressController, PodSecurity, Protocol, Role, Snapshotter,
};
use crate::or_default::defaults;
use crate::types::{
    Branch, Duration, HttpUrl, Ipv4Cidr, MinorVersion, Name, PortNumber, Retention, Schedule, Size, TimeZone, Whole,
};
use serde_json::{Value, json};

/// What a container requests, and may use at most, where the spec says nothing.
#[derive(Debug, Clone, Copy)]
pub struct DefaultAmounts {
    /// Processor time that it requests.
    pub cpu: &'static str,
    /// Memory that it requests.
    pub memory: &'static str,
    /// The most memory that it may use.
    pub most_memory: &'static str,
}

/// What each container of an app requests and may use.
pub const CONTAINER: DefaultAmounts = DefaultAmounts { cpu: "50m", memory: "128Mi", most_memory: "512Mi" };

/// What each server of PostgreSQL requests and may use.
pub const POSTGRES: DefaultAmounts = DefaultAmounts { cpu: "100m", memory: "512Mi", most_memory: "1Gi" };

impl DefaultAmounts {
    /// As the field `resources` writes them.
    pub(crate) fn as_resources(&self) -> Value {
        json!({
            "requests": { "cpu": self.cpu, "memory": self.memory },
            "limits": { "memory": self.most_memory },
        })
    }
}

defaults! {
    /// A switch that is off.
    Off: bool = "false";
    /// A switch that is on.
    On: bool = "true";

    /// The time zone of nodes.
    Timezone: TimeZone = "UTC";
    /// The branch that clusters and nodes follow.
    FollowedBranch: Branch = "main";
    /// The HTTPS port of DSM.
    DsmPort: PortNumber = "5001";
    /// The address of Infisical's cloud.
    InfisicalHost: HttpUrl = "https://app.infisical.com";
    /// The region of Route 53, which has only one.
    Route53Region: Name = "us-east-1";

    /// The network of pods, as in k3s.
    PodNetwork: Ipv4Cidr = "10.42.0.0/16";
    /// The network of services, as in k3s.
    ServiceNetwork: Ipv4Cidr = "10.43.0.0/16";
    /// The minor version of k3s.
    K3sVersion: MinorVersion = "\"1.35\"";
    /// The snapshotter of containerd.
    K3sSnapshotter: Snapshotter = "overlayfs";

    /// What a node does.
    NodeRole: Role = "server";
    /// CPU cores of a node.
    NodeCores: Whole<u32, 1, 1024> = "2";
    /// Memory of a node.
    NodeMemory: Size = "4GiB";
    /// The size of a node's disk.
    NodeDisk: Size = "32GiB";
    /// The storage of Proxmox VE that holds the disks of nodes.
    NodeDiskStorage: Name = "local-lvm";
    /// The bridge of Proxmox VE that nodes are attached to.
    NodeBridge: Name = "vmbr0";

    /// The port of the Service of a Helm app.
    HelmServicePort: PortNumber = "80";
    /// The pods that the namespace of a Helm app admits.
    HelmPodSecurity: PodSecurity = "baseline";
    /// The protocol of a port.
    PortProtocol: Protocol = "tcp";
    /// Pods of an app.
    Replicas: Whole<u32, 0, 100> = "1";
    /// Seconds that the first start of a container may take.
    StartupSeconds: Whole<u32, 10, 86_400> = "300";

    /// The ingress controller.
    Controller: IngressController = "nginx";
    /// The environment of Let's Encrypt.
    Issuer: CertificateIssuer = "production";
    /// What ExternalDNS may do to records.
    Policy: DnsPolicy = "sync";
    /// The storage class of volumes that name none.
    VolumeClass: DefaultClass = "local-path";
    /// The storage class of the platform's own volumes.
    LocalPath: Name = "local-path";
    /// Servers of a PostgreSQL cluster.
    PostgresInstances: Whole<u32, 1, 9> = "1";
    /// The volume of each of them.
    PostgresSize: Size = "20GiB";
    /// When PostgreSQL is backed up.
    PostgresBackupSchedule: Schedule = "0 2 * * *";
    /// How long backups of PostgreSQL are kept.
    PostgresBackupRetention: Retention = "30d";
    /// How often a PostgreSQL cluster has been created.
    PostgresIncarnation: Whole<u32, 1, 999> = "1";
    /// How long metrics are kept.
    MetricsRetention: Duration = "15d";
    /// What collects logs.
    LogCollector: Collector = "alloy";
    /// How long logs are kept.
    LogRetention: Duration = "14d";
    /// The volume for logs.
    LogSize: Size = "20GiB";
    /// Pods that may share a GPU.
    GpuShares: Whole<u32, 1, 64> = "4";
    /// When volumes are backed up.
    BackupSchedule: Schedule = "0 3 * * *";
    /// Days for which backups of volumes are kept.
    BackupDays: Whole<u32, 1, 3650> = "30";
    /// How often Flux looks for newer images.
    ImageInterval: Duration = "30m";
}
