//! The options of the component `platform.monitoring`.

use super::component_options;
use crate::common::{Login, OrNone};
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::HostName;
use crate::types::{Name, SecretRef, Size, Version};
use schemars::JsonSchema;
use serde::Deserialize;

component_options! {
    /// Metrics: kept here, or shipped to another cluster.
    Monitoring {
        /// Another cluster of the lab, which keeps and shows this cluster's metrics. Default: none,
        /// the cluster keeps its own.
        ship_to: Option<Spanned<Name>>,
        /// The user interface.
        grafana: Option<Grafana>,
        /// Where alerts go: `none`, or who is told. Without it they are told to nobody, which is a
        /// warning.
        alerts: Option<Spanned<OrNone<Alerts>>>,
        /// What other clusters must present to ship their metrics here.
        ingest: Option<Login>,
        /// How long metrics are kept.
        #[serde(default)]
        retention: OrDefault<defaults::MetricsRetention>,
        /// The size of the volume for metrics. Default: `20GiB`; `5GiB` where they are shipped.
        size: Option<Spanned<Size>>,
        /// The storage class of its volumes. DEFSEMI Prometheus does not work on NFS.
        #[serde(default)]
        class: OrDefault<defaults::LocalPath>,
        /// The chart version of the custom resources. It belongs to `version`: a newer chart may need
        /// newer ones. Default: the one that this generator was checked with.
        crds_version: Option<Spanned<Version>>,
    }
}

/// Grafana.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grafana {
    /// Its host name: a label below the lab's domain, or a whole name inside that domain.
    pub host: Spanned<HostName>,
    /// Whether the Internet reaches it too.
    #[serde(default)]
    pub public: OrDefault<defaults::Off>,
    /// The key with the name of the first administrator.
    pub username: Spanned<SecretRef>,
    /// The key with the password of the first administrator.
    pub password: Spanned<SecretRef>,
}

/// Where alerts go.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Alerts {
    /// Who is told.
    pub to: Receiver,
    /// The key with a URL that is called every five minutes for as long as alerts can be sent. A service
    /// outside the lab, such as Healthchecks, tells when the calls end: no alert can say that there are
    /// none any more.
    pub heartbeat: Option<Spanned<SecretRef>>,
}

/// Who is told of alerts: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// A channel of Discord: the key with the URL of its webhook.
    Discord(Spanned<SecretRef>),
    /// A channel of Slack: the key with the URL of its incoming webhook.
    Slack(Spanned<SecretRef>),
    /// A chat of Telegram.
    Telegram(Telegram),
    /// Anything that takes Alertmanager's own JSON: the key with its URL.
    Webhook(Spanned<SecretRef>),
}

/// A chat of Telegram.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Telegram {
    /// The key with the bot's token.
    pub bot_token: Spanned<SecretRef>,
    /// The number of the chat; that of a group is negative.
    pub chat_id: i64,
}

impl Monitoring {
    /// Where alerts go, if anywhere.
    pub fn given_alerts(&self) -> Option<&Alerts> {
        self.alerts.as_ref()?.value.as_option()
    }

    /// Its Grafana, unless the cluster ships its metrics.
    pub fn shown_grafana(&self) -> Option<&Grafana> {
        self.grafana.as_ref().filter(|_| self.ship_to.is_none())
    }

    /// What other clusters must present to ship their metrics here, if the cluster takes them.
    pub fn open_ingest(&self) -> Option<&Login> {
        self.ingest.as_ref().filter(|_| self.ship_to.is_none())
    }
}

impl Alerts {
    /// What Alertmanager reads from the store, by the keys of its Secret.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &Spanned<SecretRef>)> {
        let receiver = match &self.to {
            Receiver::Discord(url) | Receiver::Slack(url) | Receiver::Webhook(url) => ("url", url),
            Receiver::Telegram(chat) => ("bot-token", &chat.bot_token),
        };
        [receiver].into_iter().chain(self.heartbeat.as_ref().map(|heartbeat| ("heartbeat", heartbeat)))
    }
}
