//! The options of the component `platform.monitoring`.

use super::component_options;
use crate::common::{Login, OrNone};
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{HostName, HttpUrl, Ipv4, Name, SecretRef, Size, Version};
use schemars::JsonSchema;
use serde::Deserialize;

component_options! {
    /// Metrics, stored in this cluster or shipped to another one.
    Monitoring {
        /// Cluster of the lab that this cluster ships its metrics to. Default: none; the cluster stores its
        /// own metrics.
        #[schemars(extend("x-refers-to" = "cluster"))]
        ship_to: Option<Spanned<Name>>,
        /// Grafana, the web interface for metrics and logs.
        grafana: Option<Grafana>,
        /// Receiver of alerts, or `none`. If it is not set, alerts have no receiver, and validation reports
        /// a warning.
        alerts: Option<Spanned<OrNone<Alerts>>>,
        /// Credentials with which other clusters ship their metrics to this one. Without them, it accepts
        /// no metrics from other clusters.
        ingest: Option<Login>,
        /// Retention of metrics.
        #[serde(default)]
        retention: OrDefault<defaults::MetricsRetention>,
        /// Size of the volume for metrics. Default: `5GiB` if the cluster ships its metrics, `20GiB`
        /// otherwise.
        size: Option<Spanned<Size>>,
        /// Storage class of the volumes for metrics. Prometheus does not support NFS.
        #[serde(default)]
        #[schemars(extend("x-refers-to" = "storage-class"))]
        class: OrDefault<defaults::LocalPath>,
        /// Other devices and services that are probed every minute, by name: a router, a printer, a page on the
        /// Internet. The gateway, the Internet and the host names of this cluster are probed anyway.
        #[serde(default)]
        watch: Entries<Watch>,
        /// Chart version of the Prometheus Operator's custom resource definitions (CRDs). A newer `version`
        /// can require newer CRDs. Default: the version that this generator was tested with.
        crds_version: Option<Spanned<Version>>,
    }
}

/// Grafana, the web interface for metrics and logs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grafana {
    /// Host name of Grafana: a label below the lab's domain, or a full name inside it.
    pub host: Spanned<HostName>,
    /// Whether Grafana is exposed to the Internet, not only to the LAN.
    #[serde(default)]
    pub public: OrDefault<defaults::Off>,
    /// Key that holds the user name of the initial administrator.
    pub username: Spanned<SecretRef>,
    /// Key that holds the password of the initial administrator.
    pub password: Spanned<SecretRef>,
}

/// What is probed: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Watch {
    /// IPv4 address that must answer pings.
    Ping(Spanned<Ipv4>),
    /// URL that must answer with a status from 200 to 299 after redirects. A certificate must be valid.
    Url(Spanned<HttpUrl>),
}

/// Receiver of alerts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Alerts {
    /// Receiver that alerts are sent to.
    pub to: Receiver,
    /// Key that holds a URL that is called every five minutes as long as alerts can be sent (dead man's
    /// switch). A service outside the lab, such as Healthchecks, notifies you when the calls stop: no
    /// alert can report that alerting itself is down.
    pub heartbeat: Option<Spanned<SecretRef>>,
}

/// A receiver of alerts: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Receiver {
    /// Discord channel: the key that holds the URL of its webhook.
    Discord(Spanned<SecretRef>),
    /// Slack channel: the key that holds the URL of its incoming webhook.
    Slack(Spanned<SecretRef>),
    /// Telegram chat.
    Telegram(Telegram),
    /// Endpoint that accepts Alertmanager's webhook JSON: the key that holds its URL.
    Webhook(Spanned<SecretRef>),
}

/// A Telegram chat.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Telegram {
    /// Key that holds the token of the bot.
    pub bot_token: Spanned<SecretRef>,
    /// ID of the chat. The ID of a group is negative.
    pub chat_id: i64,
}

impl Monitoring {
    /// The receiver of alerts, if there is one.
    pub fn given_alerts(&self) -> Option<&Alerts> {
        self.alerts.as_ref()?.value.as_option()
    }

    /// Grafana, unless the cluster ships its metrics.
    pub fn shown_grafana(&self) -> Option<&Grafana> {
        self.grafana.as_ref().filter(|_| self.ship_to.is_none())
    }

    /// The credentials with which other clusters ship their metrics here, if the cluster stores metrics.
    pub fn open_ingest(&self) -> Option<&Login> {
        self.ingest.as_ref().filter(|_| self.ship_to.is_none())
    }
}

impl Alerts {
    /// The references to the secret store that Alertmanager needs, each with its key in the Secret.
    pub fn keys(&self) -> impl Iterator<Item = (&'static str, &Spanned<SecretRef>)> {
        let receiver = match &self.to {
            Receiver::Discord(url) | Receiver::Slack(url) | Receiver::Webhook(url) => ("url", url),
            Receiver::Telegram(chat) => ("bot-token", &chat.bot_token),
        };
        [receiver].into_iter().chain(self.heartbeat.as_ref().map(|heartbeat| ("heartbeat", heartbeat)))
    }
}
