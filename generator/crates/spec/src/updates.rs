//! How nodes get new systems.

use crate::defaults;
use crate::or_default::OrDefault;
use schemars::JsonSchema;
use serde::Deserialize;

/// How the nodes of a cluster get new systems, if not by `homelab deploy`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Updates {
    /// Nodes follow the branch of the lab: each builds its system from the newest commit, tries it, and goes back if it is
    /// not healthy with it. Everybody who can push to the branch is then root on the nodes.
    pub pull: Pull,
}

/// Updates that nodes pull.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pull {
    /// Cron schedule of the first node of the cluster, in the time zone of the lab. The others follow half an hour apart:
    /// servers, the first server last of them, then agents.
    #[serde(default)]
    pub schedule: OrDefault<defaults::PullSchedule>,
    /// Whether nodes restart when their kernel changes. A container uses the kernel of its host, and never restarts.
    #[serde(default)]
    pub reboot: OrDefault<defaults::Off>,
    /// Number of days without a successful update after which an alert is sent.
    #[serde(default)]
    pub alert_days: OrDefault<defaults::PullAlertDays>,
}
