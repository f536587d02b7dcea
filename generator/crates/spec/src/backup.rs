//! Backups of the state of servers.

use crate::by_key::by_key;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{HttpUrl, Name, Schedule, ShareRef};
use schemars::JsonSchema;
use serde::Deserialize;

by_key! {
    /// Backups of the servers of a cluster by restic, in a bucket (`s3`) or in a folder of network storage (`nfs`): the
    /// datastore of Kubernetes, with the token, certificates and secrets on the disk that a server needs. The password
    /// that encrypts them is on the disks of the servers.
    ServerBackup {
        /// In a bucket.
        S3(S3Backup) = "s3",
        /// In a folder of network storage.
        Nfs(NfsBackup) = "nfs",
    }
}

/// Backups in a bucket.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "backup with `s3`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct S3Backup {
    /// Bucket that stores the backups, in a folder with the cluster's name. Its access key is on the disks of the
    /// servers.
    pub s3: BackupBucket,
    /// Cron schedule of the backups, in UTC.
    #[serde(default)]
    pub schedule: OrDefault<defaults::ServerBackupSchedule>,
    /// Retention of the backups, in days.
    #[serde(default)]
    pub days: OrDefault<defaults::BackupDays>,
}

/// Backups in a folder of network storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "backup with `nfs`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NfsBackup {
    /// Folder of network storage, as `STORAGE/PATH` relative to the exported volume, that stores the backups, in a
    /// folder with the cluster's name. The servers must be privileged.
    pub nfs: Spanned<ShareRef>,
    /// Cron schedule of the backups, in UTC.
    #[serde(default)]
    pub schedule: OrDefault<defaults::ServerBackupSchedule>,
    /// Retention of the backups, in days.
    #[serde(default)]
    pub days: OrDefault<defaults::BackupDays>,
}

/// A bucket in S3-compatible object storage, whose access key is on the disks of servers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BackupBucket {
    /// URL of the S3 endpoint.
    pub endpoint: Spanned<HttpUrl>,
    /// Name of the bucket.
    pub bucket: Spanned<Name>,
}

impl ServerBackup {
    /// The schedule, in UTC.
    pub fn schedule(&self) -> &Schedule {
        match self {
            Self::S3(backup) => backup.schedule.get(),
            Self::Nfs(backup) => backup.schedule.get(),
        }
    }

    /// The retention, in days.
    pub fn days(&self) -> u32 {
        match self {
            Self::S3(backup) => backup.days.get().get(),
            Self::Nfs(backup) => backup.days.get().get(),
        }
    }

    /// The folder of network storage that stores the backups, if they are in one.
    pub fn nfs(&self) -> Option<&Spanned<ShareRef>> {
        match self {
            Self::S3(_) => None,
            Self::Nfs(backup) => Some(&backup.nfs),
        }
    }
}
