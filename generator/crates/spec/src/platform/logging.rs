//! The options of the component `platform.logging`.

use super::component_options;
use crate::common::Login;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Name, Version};

component_options! {
    /// Logs: kept here, or shipped to another cluster. `version` and `values` are those of Loki.
    Logging {
        /// Another cluster of the lab, which keeps and shows this cluster's logs. Default: none, the
        /// cluster keeps its own.
        ship_to: Option<Spanned<Name>>,
        /// What other clusters must present to ship their logs here.
        ingest: Option<Login>,
        /// What brings the logs.
        #[serde(default)]
        collector: OrDefault<defaults::LogCollector>,
        /// How long logs are kept: at least a day, in days, weeks or years.
        #[serde(default)]
        retention: OrDefault<defaults::LogRetention>,
        /// The size of the volume for logs, which cannot grow.
        #[serde(default)]
        size: OrDefault<defaults::LogSize>,
        /// The storage class of that volume.
        #[serde(default)]
        class: OrDefault<defaults::LocalPath>,
        /// The chart version of the collector. Default: the one that this generator was checked with.
        collector_version: Option<Spanned<Version>>,
    }
}

impl Logging {
    /// What other clusters must present to ship their logs here, if the cluster takes them.
    pub fn open_ingest(&self) -> Option<&Login> {
        self.ingest.as_ref().filter(|_| self.ship_to.is_none())
    }
}
