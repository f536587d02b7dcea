//! The options of the component `platform.backups`.

use super::component_options;
use crate::common::Bucket;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::SecretRef;

component_options! {
    /// Backups of the volumes of apps.
    Backups {
        /// Where they are kept, below a folder with the cluster's name.
        s3: Option<Bucket>,
        /// The key with the password that the volumes' backups are encrypted with. It never changes:
        /// what was written with another can never be read again.
        repository_password: Option<Spanned<SecretRef>>,
        /// When, as five fields of cron in UTC.
        #[serde(default)]
        schedule: OrDefault<defaults::BackupSchedule>,
        /// How long they are kept, in days.
        #[serde(default)]
        days: OrDefault<defaults::BackupDays>,
    }
}
