//! Logs: Loki stores them, and a collector on every node sends them. There are two collectors to choose from.
//!
//! One cluster stores and shows the logs; the others ship to it, over TLS and with a password.

use crate::component::{Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor};
use crate::exposure::{Reach, ingress_address, lan_policy, passwords};
use crate::network::{Closed, from_ingress};
use crate::shipping::{Ingest, Ingestion, report_fields_without_effect, target};
use crate::{release, restart_with_secrets, secrets_unit_for};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{
    Capability, Chart, ExternalSecret, Manifest, Namespace, Need, ObjectId, Passage, Peer, PolicyPort, Template, Unit,
    Use,
};
use serde_json::json;
use spec::platform::{ComponentId, Configured as _, Ingress, Logging, Monitoring, Options};
use spec::types::{DomainName, Duration, SecretRef};
use spec::{Collector, Login, PodSecurity, Spanned};

const LOKI: Chart = Chart::oci("loki", "oci://ghcr.io/grafana-community/helm-charts/loki", "18.11.0");
const LOKI_VALUES: Template =
    Template { name: "logging/loki-values.yaml", source: include_str!("loki-values.yaml.j2") };
const ALLOY: Chart = Chart::http("alloy", "https://grafana.github.io/helm-charts", "1.11.1");
const ALLOY_VALUES: Template =
    Template { name: "logging/alloy-values.yaml", source: include_str!("alloy-values.yaml.j2") };
/// The final release; Promtail has reached its end of life.
const PROMTAIL: Chart = Chart::http("promtail", "https://grafana.github.io/helm-charts", "6.17.1");
const PROMTAIL_VALUES: Template =
    Template { name: "logging/promtail-values.yaml", source: include_str!("promtail-values.yaml.j2") };
const DATASOURCE: Template = Template { name: "logging/datasource.yaml", source: include_str!("datasource.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[LOKI_VALUES, ALLOY_VALUES, PROMTAIL_VALUES, DATASOURCE];

const NAMESPACE: &str = "logging";

/// The first label of the host name that accepts logs from other clusters.
const SERVICE: &str = "logs";

/// The Secret with the login that a cluster presents when it ships its logs.
const SHIPPING_SECRET: &str = "logs-shipping";
/// The Secret with the login that clusters must present to ship their logs here, and the name of its Ingress.
const INGEST_SECRET: &str = "logs-ingest";

/// The port of Loki.
const PORT: u16 = 3100;

/// The URL path that logs are pushed to.
const PUSH: &str = "/loki/api/v1/push";

/// The cluster that the logs are shipped to, and the login that it requires.
fn target_of<'a>(
    logging: &Logging,
    context: &Context<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<(Context<'a>, &'a Login)> {
    let ingestion = |peer: &Context<'a>| {
        let logging = peer.get::<Logging>().filter(|logging| logging.ship_to.is_none())?;
        Some(logging.ingest.as_ref().map_or(Ingestion::Closed, Ingestion::Open))
    };
    target(context, logging.ship_to.as_ref()?, ("logs", ComponentId::Logging), ingestion, diagnostics)
}

/// Reports fields that have no effect because the logs are shipped to another cluster.
fn check_fields_without_effect(logging: &Logging, diagnostics: &mut Diagnostics) {
    let Some(to) = &logging.ship_to else { return };
    let fields = [
        ("ingest", logging.ingest.as_ref().map(|login| login.username.span)),
        ("retention", logging.retention.span()),
        ("size", logging.size.span()),
        ("class", logging.class.span()),
        ("version", logging.version.as_ref().map(|version| version.span)),
        ("values", (!logging.values.is_empty()).then_some(to.span)),
    ];
    report_fields_without_effect(to, "logs", fields, diagnostics);
}

/// Reports logs that no Grafana shows, although another cluster has a Grafana: it reads only the logs of its own.
fn check_grafana(context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) {
    let grafana =
        |peer: &Context<'_>| peer.get::<Monitoring>().and_then(Monitoring::shown_grafana).map(|at| at.host.span);
    if grafana(context).is_some() {
        return;
    }
    let Some((peer, at)) = context.clusters().find_map(|peer| Some((peer, grafana(&peer)?))) else { return };
    let message = format!("no Grafana shows the logs that are stored in `{}`", context.name.value);
    let diagnostic =
        Diagnostic::new(Code::LogsUnseen, span, message).related(at, "it shows only the logs of its own cluster");
    diagnostics.push(diagnostic.help(format!(
        "ship the logs to the cluster with Grafana: add `logging: {{ ingest: {{ username: ENTRY/KEY, password: \
         ENTRY/KEY }} }}` to `platform` of `{0}`, and set `logging: {{ ship-to: {0} }}` here",
        peer.name.value
    )));
}

/// The retention of logs. Reports one that is not a number of days.
fn retention<'a>(logging: &'a Logging, diagnostics: &mut Diagnostics) -> &'a Duration {
    if let Some(retention) = logging.retention.spanned()
        && retention.as_str().ends_with(['s', 'm', 'h'])
    {
        let message = format!("Loki retains logs for whole days, not for {}", retention.value);
        diagnostics.push(
            Diagnostic::new(Code::InvalidValue, retention.span, message)
                .help("set a number of days, such as `retention: 14d`"),
        );
    }
    logging.retention.get()
}

/// The unit with Loki, and before it the one with the login for other clusters, if Loki accepts their logs.
fn loki(logging: &Logging, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
    let mut unit = Unit::new("loki", "platform/loki", namespace());
    let values = json!({
        "retention": retention(logging, diagnostics),
        "class": logging.class.get(),
        "size": logging.size.get().quantity(),
    });
    let mut release = release(logging.options(), "loki", LOKI, LOKI_VALUES, values);
    release.exports = vec![ObjectId::new("Service", "loki")];
    unit.install(release);
    unit.extend([Manifest::new("ConfigMap", "datasource-loki", "configmap.yaml", DATASOURCE, json!({}))]);
    unit.provides = vec![Capability::Namespace(NAMESPACE.into())];
    let Some(login) = logging.open_ingest() else { return vec![unit] };
    let login_span = login.username.span;
    INGEST.expose(context, login_span, &mut unit);
    unit.extend(lan_policy(context, NAMESPACE));
    unit.needs = vec![Need::before(Capability::Ingress, login_span), Need::before(Capability::Issuer, login_span)];
    unit.provides.clear();
    let secret = passwords(context, INGEST_SECRET, login);
    let secrets = secrets_unit_for(&mut unit, PodSecurity::Privileged, vec![secret], span);
    vec![secrets, unit]
}

/// The unit with the collector, and before it the one with its login if it ships to another cluster. `ship` is that
/// cluster and the login that it requires.
fn collector(
    logging: &Logging,
    context: &Context<'_>,
    ship: Option<&(Context<'_>, &Login)>,
    span: Span,
    diagnostics: &mut Diagnostics,
) -> Vec<Unit> {
    let (name, chart, values) = match logging.collector.get() {
        Collector::Alloy => ("alloy", ALLOY, ALLOY_VALUES),
        Collector::Promtail => ("promtail", PROMTAIL, PROMTAIL_VALUES),
    };
    if let (Collector::Promtail, Some(span)) = (logging.collector.get(), logging.collector.span()) {
        let message = "Promtail reached its end of life in March 2026: it gets no more fixes, not even for security";
        diagnostics.push(Diagnostic::new(Code::EndOfLife, span, message).help("use `collector: alloy`"));
    }
    let options = Options { version: logging.collector_version.as_ref(), ..Options::NONE };
    let url = ship.map_or(format!("http://loki.{NAMESPACE}.svc:{PORT}{PUSH}"), |(peer, _)| {
        format!("https://{}{PUSH}", peer.service_host(SERVICE))
    });
    let variables = json!({
        "cluster": context.name.value,
        "url": url,
        "secret": ship.map(|_| SHIPPING_SECRET),
    });
    let mut unit = Unit::new(name, format!("platform/{name}"), Namespace::existing(NAMESPACE));
    unit.install(release(options, name, chart, values, variables));
    let Some((_, login)) = ship else {
        unit.needs = vec![Need::before(Capability::Namespace(NAMESPACE.into()), span)];
        return vec![unit];
    };
    let data = [("username", &login.username), ("password", &login.password)];
    let data = data.map(|(key, secret)| (key.into(), context.stored(secret)));
    let secret = ExternalSecret::new(SHIPPING_SECRET, data.to_vec());
    restart_with_secrets(&mut unit, context);
    unit.needs = vec![Need::before(Capability::LanNames, span)];
    let secrets = secrets_unit_for(&mut unit, PodSecurity::Privileged, vec![secret], span);
    vec![secrets, unit]
}

/// The namespace. Collectors read files of their node, which requires the Pod Security level `privileged`.
fn namespace() -> Namespace {
    Namespace::created(NAMESPACE, PodSecurity::Privileged)
}

/// The ingress endpoint for logs from other clusters: one path of Loki.
const INGEST: Ingest =
    Ingest { name: INGEST_SECRET, namespace: NAMESPACE, label: SERVICE, service: "loki", port: PORT, path: PUSH };

impl Component for Logging {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn uses(&self, _: &Context<'_>) -> Vec<Use> {
        self.ship_to.as_ref().map(|to| Use::Cluster(to.value.clone())).into_iter().collect()
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        check_fields_without_effect(self, diagnostics);
        if self.ship_to.is_none() {
            check_grafana(context, span, diagnostics);
            let mut units = loki(self, context, span, diagnostics);
            units.extend(collector(self, context, None, span, diagnostics));
            return units;
        }
        let target = target_of(self, context, diagnostics);
        target.as_ref().map(|_| collector(self, context, target.as_ref(), span, diagnostics)).unwrap_or_default()
    }

    fn reach(&self) -> Option<Reach> {
        self.open_ingest().map(|_| Reach::Lan)
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<DomainName>> {
        let owner = format!("the logs endpoint of `{}`", context.name.value);
        let claim = |login: &Login| Claim::new(context.service_host(SERVICE), login.username.span, owner);
        self.open_ingest().map(claim).into_iter().collect()
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let address = context.get::<Ingress>().and_then(|ingress| ingress_address(ingress, context));
        let address = address.filter(|_| self.open_ingest().is_some());
        address.map(|address| Endpoint { host: context.service_host(SERVICE), address }).into_iter().collect()
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let grafana = Peer::pods("monitoring", ("app.kubernetes.io/name", "grafana"));
        let readers = (self.ship_to.is_none() && context.get::<Monitoring>().is_some())
            .then(|| Passage::new("Grafana, which shows logs", [grafana]).at([PolicyPort::tcp(PORT)]));
        let senders =
            self.open_ingest().and_then(|_| from_ingress(context)).map(|passage| passage.at([PolicyPort::tcp(PORT)]));
        vec![Closed::new(NAMESPACE, readers.into_iter().chain(senders))]
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        self.ingest.iter().flat_map(|login| [&login.username, &login.password]).collect()
    }

    fn classes(&self) -> Vec<ClassUse<'_>> {
        self.class.spanned().map(|class| ClassUse { class, not_on_nfs: None }).into_iter().collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        let job = "app.kubernetes.io/name";
        let mut monitors = Vec::new();
        if self.ship_to.is_none() {
            let labels = &[("app.kubernetes.io/name", "loki"), ("app.kubernetes.io/component", "single-binary")];
            monitors.push(Monitor { name: "loki", namespace: NAMESPACE, labels, job, port: "http-metrics" });
        }
        let (name, labels): (_, &[_]) = match self.collector.get() {
            Collector::Alloy => ("alloy", &[("app.kubernetes.io/name", "alloy")]),
            Collector::Promtail => ("promtail", &[("app.kubernetes.io/name", "promtail")]),
        };
        monitors.push(Monitor { name, namespace: NAMESPACE, labels, job, port: "http-metrics" });
        monitors
    }

    fn own_dashboards(&self) -> &'static [Dashboard] {
        // Shipped logs are shown by the cluster that stores them.
        if self.ship_to.is_some() { &[] } else { &[Dashboard { name: "logs", json: include_str!("dashboard.json") }] }
    }
}
