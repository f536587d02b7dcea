//! The options of the component `platform.logging`.

use super::component_options;
use crate::common::Login;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Name, Version};

component_options! {
    /// Logs, stored in this cluster or shipped to another one. `version` and `values` are those of Loki.
    Logging {
        /// Cluster of the lab that this cluster ships its logs to. Default: none; the cluster stores its
        /// own logs.
        #[schemars(extend("x-refers-to" = "cluster"))]
        ship_to: Option<Spanned<Name>>,
        /// Credentials with which other clusters ship their logs to this one. Without them, it accepts no
        /// logs from other clusters.
        ingest: Option<Login>,
        /// Log collector, which runs on every node.
        #[serde(default)]
        collector: OrDefault<defaults::LogCollector>,
        /// Retention of logs, in days, weeks or years: at least one day.
        #[serde(default)]
        retention: OrDefault<defaults::LogRetention>,
        /// Size of the volume for logs. It cannot be changed later.
        #[serde(default)]
        size: OrDefault<defaults::LogSize>,
        /// Storage class of the volume for logs.
        #[serde(default)]
        #[schemars(extend("x-refers-to" = "storage-class"))]
        class: OrDefault<defaults::LocalPath>,
        /// Chart version of the collector. Default: the version that this generator was tested with.
        collector_version: Option<Spanned<Version>>,
    }
}

impl Logging {
    /// The credentials with which other clusters ship their logs here, if the cluster stores logs.
    pub fn open_ingest(&self) -> Option<&Login> {
        self.ingest.as_ref().filter(|_| self.ship_to.is_none())
    }
}
