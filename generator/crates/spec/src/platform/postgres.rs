//! The options of the component `platform.postgres`.

use super::component_options;
use crate::common::{Bucket, Image, OrNone, Resources};
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{AddressBlock, Ipv4, LibraryName, PointInTime, Version, Whole};
use schemars::JsonSchema;
use serde::Deserialize;

component_options! {
    /// PostgreSQL for the apps of all clusters, by CloudNativePG.
    Postgres {
        /// Number of PostgreSQL instances: one primary, and replicas of it.
        #[serde(default)]
        instances: OrDefault<defaults::PostgresInstances>,
        /// Size of the volume of each instance. A `local-path` volume cannot be expanded.
        #[serde(default)]
        size: OrDefault<defaults::PostgresSize>,
        /// Storage class of the volumes. PostgreSQL should not run on NFS.
        #[serde(default)]
        #[schemars(extend("x-refers-to" = "storage-class"))]
        class: OrDefault<defaults::LocalPath>,
        /// Container image of PostgreSQL. Default: the image that this generator was tested with.
        image: Option<Image>,
        /// Libraries that PostgreSQL loads when it starts (`shared_preload_libraries`), which some extensions
        /// require. The image must contain them.
        #[serde(default)]
        preload: Vec<Spanned<LibraryName>>,
        /// CPU and memory requests and limits of each instance.
        #[schemars(extend("default" = defaults::POSTGRES.as_resources()))]
        resources: Option<Resources>,
        /// Backups, or `none`. Base backups and the write-ahead log (WAL) allow point-in-time recovery.
        backup: Option<Spanned<OrNone<Backup>>>,
        /// LAN address of PostgreSQL, for the other clusters. Default: the second address of the cluster's
        /// `load-balancer` pool.
        address: Option<Spanned<Ipv4>>,
        /// Networks and addresses that can connect to the LAN address, besides the nodes of clusters with
        /// apps that have a database here. Connections from outside the cluster must use TLS.
        #[serde(default)]
        allow: Vec<Spanned<AddressBlock>>,
    }
}

/// Backups of a PostgreSQL cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backup {
    /// Bucket that stores the backups, in a folder with the cluster's name.
    pub s3: Bucket,
    /// Cron schedule of base backups, in UTC.
    #[serde(default)]
    pub schedule: OrDefault<defaults::PostgresBackupSchedule>,
    /// Retention of backups, in days, weeks or months.
    #[serde(default)]
    pub retention: OrDefault<defaults::PostgresBackupRetention>,
    /// Number of times that the PostgreSQL cluster has been created. Each incarnation writes to its own
    /// archive: CloudNativePG rejects a cluster that is restored into the archive it comes from.
    #[serde(default)]
    pub incarnation: OrDefault<defaults::PostgresIncarnation>,
    /// Older incarnation to restore from. Default: none; the cluster starts empty.
    pub restore: Option<Restore>,
    /// Chart version of the Barman Cloud plugin. Default: the version that this generator was tested
    /// with.
    pub plugin_version: Option<Spanned<Version>>,
}

/// The incarnation that a PostgreSQL cluster is restored from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restore {
    /// Incarnation whose archive the cluster is restored from.
    pub from: Spanned<Whole<u32, 1, 999>>,
    /// Point in time that all databases are restored to. It must be after the first base backup in the archive.
    /// Default: the end of the archive.
    pub to: Option<Spanned<PointInTime>>,
}

impl Postgres {
    /// The settings of backups, unless they are disabled.
    pub fn given_backup(&self) -> Option<&Backup> {
        self.backup.as_ref()?.value.as_option()
    }
}
