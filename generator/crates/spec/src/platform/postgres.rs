//! The options of the component `platform.postgres`.

use super::component_options;
use crate::common::{Bucket, Image, OrNone, Resources};
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Ipv4, Version, Whole};
use schemars::JsonSchema;
use serde::Deserialize;

component_options! {
    /// PostgreSQL for apps of the whole lab.
    Postgres {
        /// How many servers hold the data: one writes, the others follow it.
        #[serde(default)]
        instances: OrDefault<defaults::PostgresInstances>,
        /// The size of the volume of each. A `local-path` volume cannot grow.
        #[serde(default)]
        size: OrDefault<defaults::PostgresSize>,
        /// The storage class. DEFSEMI databases do not belong on NFS.
        #[serde(default)]
        class: OrDefault<defaults::LocalPath>,
        /// The image of PostgreSQL.
        image: Option<Image>,
        /// Processor and memory of each server.
        #[schemars(extend("default" = defaults::POSTGRES.as_resources()))]
    resources: Option<Resources>,
        /// How it is backed up: base backups and every change since, so that any moment can be
        /// restored. `none` if it is not, on purpose.
        backup: Option<Spanned<OrNone<Backup>>>,
        /// Its address on the LAN, for the other clusters. Default: the second of the cluster's
        /// `load-balancer` range.
        address: Option<Spanned<Ipv4>>,
    }
}

/// Backups of a database cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backup {
    /// Where they are kept, below a folder with the cluster's name.
    pub s3: Bucket,
    /// When a base backup is made, as five fields of cron in UTC.
    #[serde(default)]
    pub schedule: OrDefault<defaults::PostgresBackupSchedule>,
    /// How long they are kept, in days, weeks or months.
    #[serde(default)]
    pub retention: OrDefault<defaults::PostgresBackupRetention>,
    /// How many times the database cluster has been made anew. Each has an archive of its own: a
    /// cluster that is restored into the archive it comes from is refused.
    #[serde(default)]
    pub incarnation: OrDefault<defaults::PostgresIncarnation>,
    /// The older incarnation that this one starts from. Default: none, it starts empty.
    pub restore: Option<Restore>,
    /// The chart version of the plugin. Default: the one that this generator was checked with.
    pub plugin_version: Option<Spanned<Version>>,
}

/// Where a database cluster starts from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restore {
    /// The incarnation whose archive is read.
    pub from: Spanned<Whole<u32, 1, 999>>,
}

impl Postgres {
    /// How it is backed up, if it is.
    pub fn given_backup(&self) -> Option<&Backup> {
        self.backup.as_ref()?.value.as_option()
    }
}
