//! The options of the component `platform.backups`.

use super::component_options;
use crate::common::Bucket;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::SecretRef;

component_options! {
    /// Backups of the volumes of apps, by Velero.
    Backups {
        /// Bucket that stores the backups, in a folder with the cluster's name.
        s3: Option<Bucket>,
        /// Key that holds the encryption password of the backup repository. Never change the password:
        /// existing backups cannot be decrypted with another one.
        repository_password: Option<Spanned<SecretRef>>,
        /// Cron schedule of the backups, in UTC.
        #[serde(default)]
        schedule: OrDefault<defaults::BackupSchedule>,
        /// Retention of the backups, in days.
        #[serde(default)]
        days: OrDefault<defaults::BackupDays>,
    }
}
