//! kube-prometheus-stack: Prometheus, Alertmanager and Grafana.
//!
//! One cluster keeps the metrics and shows them; the others run Prometheus as an agent and ship to
//! it, over TLS and with a password.

mod objects;

use super::shipping::{Keeper, judge_fields, target};
use super::{
    Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor, Options, Rules, component_options, judge_public,
    lan_policy, need,
};
use crate::lab::{Capability, Chart, Interface, Namespace, PodSecurity, Template, Unit};
use crate::spec::types::{Duration, Host, Name, SecretRef, Size, Version};
use crate::spec::{Given as _, Login, OrNone, Spanned};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use minijinja::context;
use schemars::JsonSchema;
use serde::Deserialize;

const CHART: Chart =
    Chart::oci("kube-prometheus-stack", "oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack", "88.5.3");
const VALUES: Template = Template { name: "monitoring/values.yaml", source: include_str!("values.yaml.j2") };

/// The custom resources come first and by themselves: other units use them before Prometheus runs.
const CRDS: Chart = Chart::oci(
    "prometheus-operator-crds",
    "oci://ghcr.io/prometheus-community/charts/prometheus-operator-crds",
    "31.0.1",
);
const CRDS_VALUES: Template =
    Template { name: "monitoring/crds-values.yaml", source: include_str!("crds-values.yaml.j2") };

const RULES: Template = Template { name: "monitoring/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, CRDS_VALUES, objects::DASHBOARD, objects::RECEIVER, RULES];

const NAMESPACE: &str = "monitoring";

/// The release, and what the names of its services start with.
const NAME: &str = "kube-prometheus-stack";

/// The service that other clusters ship their metrics to.
const INGEST: &str = "metrics";

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
        /// How long metrics are kept. Default: `15d`.
        retention: Option<Spanned<Duration>>,
        /// The size of the volume for metrics. Default: `20GiB`; `5GiB` where they are shipped.
        size: Option<Spanned<Size>>,
        /// The storage class of its volumes. Default: `local-path`; Prometheus does not work on NFS.
        class: Option<Spanned<Name>>,
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
    pub host: Spanned<Host>,
    /// Whether the Internet reaches it too. Default: `false`.
    pub public: Option<Spanned<bool>>,
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

impl Alerts {
    /// What Alertmanager reads of the store, by the keys of its Secret.
    fn keys(&self) -> impl Iterator<Item = (&'static str, &Spanned<SecretRef>)> {
        let receiver = match &self.to {
            Receiver::Discord(url) | Receiver::Slack(url) | Receiver::Webhook(url) => ("url", url),
            Receiver::Telegram(chat) => ("bot-token", &chat.bot_token),
        };
        [receiver].into_iter().chain(self.heartbeat.as_ref().map(|heartbeat| ("heartbeat", heartbeat)))
    }

    /// The receiver's kind, as the template tells them apart.
    fn kind(&self) -> &'static str {
        match &self.to {
            Receiver::Discord(_) => "discord",
            Receiver::Slack(_) => "slack",
            Receiver::Telegram(_) => "telegram",
            Receiver::Webhook(_) => "webhook",
        }
    }
}

impl Grafana {
    fn is_public(&self) -> bool {
        self.public.as_ref().is_some_and(|public| public.value)
    }
}

impl Monitoring {
    /// The clusters that ship to this one.
    fn shippers<'a>(context: &Context<'a>) -> Vec<Context<'a>> {
        let here = context.name.as_str();
        let ships = |peer: &Context<'_>| {
            peer.monitoring().and_then(|monitoring| monitoring.ship_to.as_ref()).is_some_and(|to| to.as_str() == here)
        };
        context.clusters().filter(|peer| peer.name.as_str() != here && ships(peer)).collect()
    }

    /// Where the cluster's metrics are shipped to, and what must be presented there.
    fn target<'a>(&self, context: &Context<'a>, faults: &mut Diagnostics) -> Option<(Context<'a>, &'a Login)> {
        let keeper = |peer: &Context<'a>| {
            let monitoring = peer.monitoring().filter(|monitoring| monitoring.ship_to.is_none())?;
            Some(monitoring.ingest.as_ref().map_or(Keeper::Own, Keeper::Others))
        };
        target(context, self.ship_to.as_ref()?, ("metrics", "monitoring"), keeper, faults)
    }

    /// Where alerts go, if anywhere.
    fn alerts(&self) -> Option<&Alerts> {
        match &self.alerts.as_ref()?.value {
            OrNone::Some(alerts) => Some(alerts),
            OrNone::None => None,
        }
    }

    /// Alerts that nobody hears of are no alerts.
    fn judge_alerts(&self, span: Span, faults: &mut Diagnostics) {
        let is_told = self.alerts.is_some() || self.values.contains_key("alertmanager");
        if is_told {
            return;
        }
        let fault = Diagnostic::new(Code::AlertsUnheard, span, "alerts of this cluster are told to nobody");
        faults.push(fault.help(
            "add `alerts: { to: { discord: ENTRY/KEY } }` (or `slack`, `telegram`, `webhook`), or `alerts: none` if \
             that is meant",
        ));
    }

    /// The host name of its Grafana, if it has one.
    pub(super) fn shown(&self) -> Option<&Spanned<Host>> {
        self.grafana.as_ref().filter(|_| self.ship_to.is_none()).map(|grafana| &grafana.host)
    }

    /// Whether the cluster keeps metrics for others.
    fn ingests(&self) -> bool {
        self.ship_to.is_none() && self.ingest.is_some()
    }
}

impl Component for Monitoring {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_opt_in(&self) -> bool {
        true
    }

    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        self.judge_fields(faults);
        let target = self.target(context, faults);
        let mut crds = Unit::new(
            "prometheus-operator-crds",
            "platform/prometheus-operator-crds",
            // The node exporter reads the node's own files and processes.
            Namespace::made(NAMESPACE, PodSecurity::Privileged),
        );
        let options = Options { version: self.crds_version.as_ref(), ..Options::NONE };
        crds.release = Some(options.release("prometheus-operator-crds", CRDS, CRDS_VALUES, context! {}));
        crds.provides = vec![Capability::Api("monitoring.coreos.com"), Capability::Namespace(NAMESPACE.to_owned())];

        if self.ship_to.is_some() && target.is_none() {
            return vec![crds];
        }
        let mut stack = Unit::new(NAME, "platform/kube-prometheus-stack", Namespace::existing(NAMESPACE));
        let class = self.class.as_ref().map_or(super::LOCAL_CLASS, |class| class.as_str());
        let default_size = Size::from_bytes(if target.is_some() { 5 << 30 } else { 20 << 30 });
        let size = self.size.given().copied().unwrap_or(default_size);
        let shippers: Vec<_> = Self::shippers(context).iter().map(|peer| peer.name.to_string()).collect();
        let values = context! {
            name => NAME,
            cluster => context.name.as_str(),
            class,
            size => size.quantity(),
            // Prometheus needs room beside what it keeps.
            keep_size => format!("{}MB", size.mebibytes() / 10 * 9),
            retention => self.retention.as_ref().map_or("15d", |retention| retention.as_str()),
            ship_to => target.as_ref().map(|(peer, _)| format!("https://{}/api/v1/write", peer.service_host(INGEST))),
            shipping_secret => objects::SHIPPING_SECRET,
            shippers,
            ingests => self.ingests(),
            has_receiver => self.alerts().is_some(),
            grafana => self.grafana.as_ref().filter(|_| target.is_none()).map(|grafana| objects::grafana(grafana, context)),
        };
        let mut release = self.common().release(NAME, CHART, VALUES, values);
        release.brings = vec![("Service", format!("{NAME}-prometheus"))];
        stack.release = Some(release);
        stack.needs = vec![
            need(Capability::Api("monitoring.coreos.com"), span),
            need(Capability::Namespace(NAMESPACE.to_owned()), span),
        ];
        let mut units = vec![crds];
        let secrets = objects::secrets(self, context, target.as_ref().map(|(_, login)| *login));
        if !secrets.is_empty() {
            let mut before = Unit::new(
                format!("{NAME}-secrets"),
                format!("platform/{NAME}-secrets"),
                Namespace::existing(NAMESPACE),
            );
            before.secrets = secrets;
            before.needs =
                vec![need(Capability::SecretStore, span), need(Capability::Namespace(NAMESPACE.to_owned()), span)];
            before.provides = vec![Capability::Secrets(NAME.to_owned())];
            stack.needs.push(need(Capability::Secrets(NAME.to_owned()), span));
            units.push(before);
        }
        if target.is_some() {
            stack.needs.push(need(Capability::LanNames, span));
        } else {
            self.expose(&mut stack, context, faults);
            self.judge_alerts(span, faults);
        }
        units.push(stack);
        units.push(objects::monitors(context, span));
        if target.is_none() {
            units.push(objects::alerting(self, context, span));
        }
        if self.grafana.is_some() && target.is_none() {
            units.push(objects::dashboards(context, span));
        }
        units
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<String>> {
        let mut hosts = Vec::new();
        if let Some(grafana) = self.grafana.as_ref().filter(|_| self.ship_to.is_none()) {
            let owner = format!("Grafana of `{}`", context.name.value);
            hosts.push(Claim { value: context.full_host(&grafana.host), span: grafana.host.span, owner });
        }
        if let Some(ingest) = self.ingest.as_ref().filter(|_| self.ingests()) {
            let owner = format!("the metrics that `{}` keeps for others", context.name.value);
            hosts.push(Claim { value: context.service_host(INGEST), span: ingest.username.span, owner });
        }
        hosts
    }

    fn interfaces(&self, context: &Context<'_>) -> Vec<Interface> {
        let grafana = self.grafana.iter().filter(|_| self.ship_to.is_none());
        let interface = |grafana: &Grafana| Interface {
            name: "grafana",
            description: "Metrics of all clusters that ship here",
            exposure: objects::grafana_exposure(grafana, context),
        };
        grafana.map(interface).collect()
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let address = context.ingress().and_then(|ingress| ingress.address(context)).filter(|_| self.ingests());
        let endpoint = |address| Endpoint { host: context.service_host(INGEST), address };
        address.map(endpoint).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        let grafana = self.grafana.iter().flat_map(|grafana| [&grafana.username, &grafana.password]);
        let ingest = self.ingest.iter().flat_map(|login| [&login.username, &login.password]);
        let alerts = self.alerts().into_iter().flat_map(Alerts::keys).map(|(_, secret)| secret);
        grafana.chain(ingest).chain(alerts).collect()
    }

    fn classes(&self) -> Vec<ClassUse<'_>> {
        self.class.iter().map(|class| ClassUse { class, not_on_nfs: Some("Prometheus") }).collect()
    }

    /// Flux belongs to no component of the platform, so what it tells is read here.
    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![
            Monitor {
                name: "flux-controllers",
                namespace: "flux-system",
                labels: &[("app.kubernetes.io/part-of", "flux")],
                job: "app",
                port: "http-prom",
            },
            Monitor {
                name: "flux-operator",
                namespace: "flux-system",
                labels: &[("app.kubernetes.io/name", "flux-operator")],
                job: "app.kubernetes.io/name",
                port: "http-metrics",
            },
        ]
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[
            Dashboard { name: "flux", json: include_str!("dashboards/flux.json") },
            Dashboard { name: "nodes", json: include_str!("dashboards/nodes.json") },
        ]
    }

    fn rules(&self) -> &'static [Rules] {
        &[Rules { name: "flux", template: RULES }]
    }
}

impl Monitoring {
    fn judge_fields(&self, faults: &mut Diagnostics) {
        let Some(to) = &self.ship_to else { return };
        let fields = [
            ("grafana", self.grafana.as_ref().map(|grafana| grafana.host.span)),
            ("alerts", self.alerts.as_ref().map(|alerts| alerts.span)),
            ("ingest", self.ingest.as_ref().map(|login| login.username.span)),
            ("retention", self.retention.as_ref().map(|retention| retention.span)),
        ];
        judge_fields(to, "metrics", fields, faults);
    }

    /// What is reached from outside the cluster, and what that takes.
    fn expose(&self, stack: &mut Unit, context: &Context<'_>, faults: &mut Diagnostics) {
        if let Some(grafana) = &self.grafana {
            stack.needs.push(need(Capability::Ingress, grafana.host.span));
            if context.certificates().is_some() {
                stack.needs.push(need(Capability::Issuer, grafana.host.span));
            }
            if let Some(public) = grafana.public.as_ref().filter(|public| public.value) {
                judge_public(context, public.span, "Grafana", faults);
            }
        }
        if self.ingests() || self.grafana.as_ref().is_some_and(|grafana| !grafana.is_public()) {
            stack.objects.extend(lan_policy(context, NAMESPACE));
        }
        if let Some(ingest) = self.ingest.as_ref().filter(|_| self.ingests()) {
            stack.objects.push(objects::ingest(context));
            stack.needs.push(need(Capability::Ingress, ingest.username.span));
            stack.needs.push(need(Capability::Issuer, ingest.username.span));
        }
    }
}
