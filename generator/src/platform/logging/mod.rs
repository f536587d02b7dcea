//! Logs: Loki keeps them, a collector on every node brings them. A role with two collectors.
//!
//! One cluster keeps the logs and shows them; the others ship to it, over TLS and with a password.

use super::shipping::{Ingest, Keeper, judge_fields, target};
use super::{
    Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor, Options, component_options, lan_policy, need,
    passwords,
};
use crate::lab::{Capability, Chart, ExternalSecret, Namespace, Object, PodSecurity, Template, Unit};
use crate::spec::types::{Duration, Name, SecretRef, Size, Version};
use crate::spec::{Given as _, Login, Spanned};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use minijinja::context;
use schemars::JsonSchema;
use serde::Deserialize;

const LOKI: Chart = Chart::oci("loki", "oci://ghcr.io/grafana-community/helm-charts/loki", "18.11.0");
const LOKI_VALUES: Template =
    Template { name: "logging/loki-values.yaml", source: include_str!("loki-values.yaml.j2") };
const ALLOY: Chart = Chart::http("alloy", "https://grafana.github.io/helm-charts", "1.11.1");
const ALLOY_VALUES: Template =
    Template { name: "logging/alloy-values.yaml", source: include_str!("alloy-values.yaml.j2") };
/// The last release there will be.
const PROMTAIL: Chart = Chart::http("promtail", "https://grafana.github.io/helm-charts", "6.17.1");
const PROMTAIL_VALUES: Template =
    Template { name: "logging/promtail-values.yaml", source: include_str!("promtail-values.yaml.j2") };
const DATASOURCE: Template = Template { name: "logging/datasource.yaml", source: include_str!("datasource.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[LOKI_VALUES, ALLOY_VALUES, PROMTAIL_VALUES, DATASOURCE];

const NAMESPACE: &str = "logging";

/// The service that other clusters ship their logs to.
const SERVICE: &str = "logs";

/// What a cluster presents to ship its logs.
const SHIPPING_SECRET: &str = "logs-shipping";
/// What is asked of clusters that ship theirs here.
const INGEST_SECRET: &str = "logs-ingest";

/// Where logs are pushed, behind the host.
const PUSH: &str = "/loki/api/v1/push";

/// What brings the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// Grafana Alloy.
    #[default]
    Alloy,
    /// Promtail, which ended in March 2026.
    Promtail,
}

component_options! {
    /// Logs: kept here, or shipped to another cluster. `version` and `values` are those of Loki.
    Logging {
        /// Another cluster of the lab, which keeps and shows this cluster's logs. Default: none, the
        /// cluster keeps its own.
        ship_to: Option<Spanned<Name>>,
        /// What other clusters must present to ship their logs here.
        ingest: Option<Login>,
        /// What brings the logs. Default: `alloy`.
        collector: Option<Spanned<Collector>>,
        /// How long logs are kept: at least a day, in days, weeks or years. Default: `14d`.
        retention: Option<Spanned<Duration>>,
        /// The size of the volume for logs, which cannot grow. Default: `20GiB`.
        size: Option<Spanned<Size>>,
        /// The storage class of that volume. Default: `local-path`.
        class: Option<Spanned<Name>>,
        /// The chart version of the collector. Default: the one that this generator was checked with.
        collector_version: Option<Spanned<Version>>,
    }
}

impl Logging {
    /// Where the cluster's logs are shipped to, and what must be presented there.
    fn target<'a>(&self, context: &Context<'a>, faults: &mut Diagnostics) -> Option<(Context<'a>, &'a Login)> {
        let keeper = |peer: &Context<'a>| {
            let logging = peer.logging().filter(|logging| logging.ship_to.is_none())?;
            Some(logging.ingest.as_ref().map_or(Keeper::Own, Keeper::Others))
        };
        target(context, self.ship_to.as_ref()?, ("logs", "logging"), keeper, faults)
    }

    /// Whether the cluster keeps logs for others.
    fn ingests(&self) -> bool {
        self.ship_to.is_none() && self.ingest.is_some()
    }

    fn judge_fields(&self, faults: &mut Diagnostics) {
        let Some(to) = &self.ship_to else { return };
        let fields = [
            ("ingest", self.ingest.as_ref().map(|login| login.username.span)),
            ("retention", self.retention.as_ref().map(|retention| retention.span)),
            ("size", self.size.as_ref().map(|size| size.span)),
            ("class", self.class.as_ref().map(|class| class.span)),
            ("version", self.version.as_ref().map(|version| version.span)),
            ("values", (!self.values.is_empty()).then_some(to.span)),
        ];
        judge_fields(to, "logs", fields, faults);
    }

    /// Grafana reads the logs of its own cluster alone.
    fn judge_grafana(context: &Context<'_>, span: Span, faults: &mut Diagnostics) {
        let grafana =
            |peer: &Context<'_>| peer.monitoring().and_then(|monitoring| monitoring.shown()).map(|at| at.span);
        if grafana(context).is_some() {
            return;
        }
        let Some((peer, at)) = context.clusters().find_map(|peer| Some((peer, grafana(&peer)?))) else { return };
        let message = format!("no Grafana shows the logs that `{}` keeps", context.name.value);
        let fault = Diagnostic::new(Code::LogsUnseen, span, message).related(at, "it shows those of its own cluster");
        faults.push(fault.help(format!(
            "keep them where Grafana is: give `{}` `logging: {{ ingest: … }}`, and this cluster `logging: {{ ship-to: {0} }}`",
            peer.name.value
        )));
    }

    fn retention(&self, faults: &mut Diagnostics) -> &str {
        let Some(retention) = &self.retention else { return "14d" };
        if retention.as_str().ends_with(['s', 'm', 'h']) {
            let message = format!("logs cannot be kept for {}: Loki keeps them for whole days", retention.value);
            faults.push(Diagnostic::new(Code::InvalidValue, retention.span, message).help("write days, such as `14d`"));
        }
        retention.as_str()
    }

    /// The unit that keeps the logs, and the one before it with what is asked of others.
    fn loki(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        let mut unit = Unit::new("loki", "platform/loki", namespace());
        let values = context! {
            retention => self.retention(faults),
            class => self.class.as_ref().map_or(super::LOCAL_CLASS, |class| class.as_str()),
            size => self.size.given().copied().unwrap_or(Size::from_bytes(20 << 30)).quantity(),
        };
        let mut release = self.common().release("loki", LOKI, LOKI_VALUES, values);
        release.brings = vec![("Service", "loki".to_owned())];
        unit.release = Some(release);
        unit.objects = vec![Object {
            kind: "ConfigMap",
            name: "datasource-loki".to_owned(),
            file: "configmap.yaml".to_owned(),
            template: DATASOURCE,
            context: context! {},
        }];
        unit.provides = vec![Capability::Namespace(NAMESPACE.to_owned())];
        let Some(login) = self.ingest.as_ref().filter(|_| self.ingests()) else { return vec![unit] };
        let span_of_login = login.username.span;
        unit.objects.push(ingest(context));
        unit.objects.extend(lan_policy(context, NAMESPACE));
        unit.needs = vec![need(Capability::Ingress, span_of_login), need(Capability::Issuer, span_of_login)];
        unit.provides.clear();
        let secret = passwords(context, INGEST_SECRET, login);
        let before = super::secrets_before(&mut unit, PodSecurity::Privileged, vec![secret], span);
        vec![before, unit]
    }

    /// The unit with the collector. `ship` is what it presents to another cluster, and where.
    fn collector(
        &self,
        context: &Context<'_>,
        ship: Option<&(Context<'_>, &Login)>,
        span: Span,
        faults: &mut Diagnostics,
    ) -> Vec<Unit> {
        let collector = self.collector.given().copied().unwrap_or_default();
        let (name, chart, values) = match collector {
            Collector::Alloy => ("alloy", ALLOY, ALLOY_VALUES),
            Collector::Promtail => ("promtail", PROMTAIL, PROMTAIL_VALUES),
        };
        if let Some(chosen) = self.collector.as_ref().filter(|_| collector == Collector::Promtail) {
            let message = "Promtail ended in March 2026: it gets no fixes any more, not even for security";
            faults.push(Diagnostic::new(Code::EndOfLife, chosen.span, message).help("use `collector: alloy`"));
        }
        let options = Options { version: self.collector_version.as_ref(), ..Options::NONE };
        let url = ship.map_or(format!("http://loki.{NAMESPACE}.svc:3100{PUSH}"), |(peer, _)| {
            format!("https://{}{PUSH}", peer.service_host(SERVICE))
        });
        let values_context = context! {
            cluster => context.name.as_str(),
            url,
            secret => ship.map(|_| SHIPPING_SECRET),
        };
        let mut unit = Unit::new(name, format!("platform/{name}"), Namespace::existing(NAMESPACE));
        unit.release = Some(options.release(name, chart, values, values_context));
        let Some((_, login)) = ship else {
            unit.needs = vec![need(Capability::Namespace(NAMESPACE.to_owned()), span)];
            return vec![unit];
        };
        let data = [("username", &login.username), ("password", &login.password)];
        let data = data.map(|(key, secret)| (key.to_owned(), context.remote(secret)));
        let secret = ExternalSecret::new(SHIPPING_SECRET, data.to_vec());
        unit.needs = vec![need(Capability::LanNames, span)];
        let before = super::secrets_before(&mut unit, PodSecurity::Privileged, vec![secret], span);
        vec![before, unit]
    }
}

/// Collectors read the files of their node.
fn namespace() -> Namespace {
    Namespace::made(NAMESPACE, PodSecurity::Privileged)
}

/// The way in for other clusters' logs: one path of Loki.
fn ingest(context: &Context<'_>) -> Object {
    Ingest {
        name: INGEST_SECRET,
        namespace: NAMESPACE,
        label: SERVICE,
        service: "loki".to_owned(),
        port: 3100,
        path: PUSH,
    }
    .object(context)
}

impl Component for Logging {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_opt_in(&self) -> bool {
        true
    }

    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        self.judge_fields(faults);
        if self.ship_to.is_none() {
            Self::judge_grafana(context, span, faults);
            let mut units = self.loki(context, span, faults);
            units.extend(self.collector(context, None, span, faults));
            return units;
        }
        let target = self.target(context, faults);
        target.as_ref().map(|_| self.collector(context, target.as_ref(), span, faults)).unwrap_or_default()
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<String>> {
        let claim = |login: &Login| Claim {
            value: context.service_host(SERVICE),
            span: login.username.span,
            owner: format!("the logs that `{}` keeps for others", context.name.value),
        };
        self.ingest.iter().filter(|_| self.ingests()).map(claim).collect()
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let address = context.ingress().and_then(|ingress| ingress.address(context)).filter(|_| self.ingests());
        address.map(|address| Endpoint { host: context.service_host(SERVICE), address }).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        self.ingest.iter().flat_map(|login| [&login.username, &login.password]).collect()
    }

    fn classes(&self) -> Vec<ClassUse<'_>> {
        self.class.iter().map(|class| ClassUse { class, not_on_nfs: None }).collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        let job = "app.kubernetes.io/name";
        let mut monitors = Vec::new();
        if self.ship_to.is_none() {
            let labels = &[("app.kubernetes.io/name", "loki"), ("app.kubernetes.io/component", "single-binary")];
            monitors.push(Monitor { name: "loki", namespace: NAMESPACE, labels, job, port: "http-metrics" });
        }
        let (name, labels): (_, &[_]) = match self.collector.given().copied().unwrap_or_default() {
            Collector::Alloy => ("alloy", &[("app.kubernetes.io/name", "alloy")]),
            Collector::Promtail => ("promtail", &[("app.kubernetes.io/name", "promtail")]),
        };
        monitors.push(Monitor { name, namespace: NAMESPACE, labels, job, port: "http-metrics" });
        monitors
    }

    fn own_dashboards(&self) -> &'static [Dashboard] {
        // The logs that a cluster ships are shown by the one that keeps them.
        if self.ship_to.is_some() { &[] } else { &[Dashboard { name: "logs", json: include_str!("dashboard.json") }] }
    }
}
