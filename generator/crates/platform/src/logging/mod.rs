//! Logs: Loki keeps them, a collector on every node brings them. A role with two collectors.
//!
//! One cluster keeps the logs and shows them; the others ship to it, over TLS and with a password.

use crate::component::{Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor};
use crate::exposure::{ingress_address, lan_policy, passwords};
use crate::shipping::{Ingest, Ingestion, check_fields, target};
use crate::{release, secrets_before};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Capability, Chart, ExternalSecret, Manifest, Namespace, Need, ObjectId, Template, Unit};
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

/// Where the cluster's logs are shipped to, and what must be presented there.
fn target_of<'a>(
    logging: &Logging,
    context: &Context<'a>,
    faults: &mut Diagnostics,
) -> Option<(Context<'a>, &'a Login)> {
    let ingestion = |peer: &Context<'a>| {
        let logging = peer.get::<Logging>().filter(|logging| logging.ship_to.is_none())?;
        Some(logging.ingest.as_ref().map_or(Ingestion::Closed, Ingestion::Open))
    };
    target(context, logging.ship_to.as_ref()?, ("logs", ComponentId::Logging), ingestion, faults)
}

fn check_effect(logging: &Logging, faults: &mut Diagnostics) {
    let Some(to) = &logging.ship_to else { return };
    let fields = [
        ("ingest", logging.ingest.as_ref().map(|login| login.username.span)),
        ("retention", logging.retention.span()),
        ("size", logging.size.span()),
        ("class", logging.class.span()),
        ("version", logging.version.as_ref().map(|version| version.span)),
        ("values", (!logging.values.is_empty()).then_some(to.span)),
    ];
    check_fields(to, "logs", fields, faults);
}

/// Grafana reads the logs of its own cluster alone.
fn check_grafana(context: &Context<'_>, span: Span, faults: &mut Diagnostics) {
    let grafana =
        |peer: &Context<'_>| peer.get::<Monitoring>().and_then(Monitoring::shown_grafana).map(|at| at.host.span);
    if grafana(context).is_some() {
        return;
    }
    let Some((peer, at)) = context.clusters().find_map(|peer| Some((peer, grafana(&peer)?))) else { return };
    let message = format!("no Grafana shows the logs that are stored in `{}`", context.name.value);
    let fault =
        Diagnostic::new(Code::LogsUnseen, span, message).related(at, "it shows only the logs of its own cluster");
    faults.push(fault.help(format!(
        "ship the logs to the cluster with Grafana: add `logging: {{ ingest: {{ username: ENTRY/KEY, password: \
         ENTRY/KEY }} }}` to `platform` of `{0}`, and set `logging: {{ ship-to: {0} }}` here",
        peer.name.value
    )));
}

fn retention<'a>(logging: &'a Logging, faults: &mut Diagnostics) -> &'a Duration {
    if let Some(retention) = logging.retention.spanned()
        && retention.as_str().ends_with(['s', 'm', 'h'])
    {
        let message = format!("Loki retains logs for whole days, not for {}", retention.value);
        faults.push(
            Diagnostic::new(Code::InvalidValue, retention.span, message)
                .help("set a number of days, such as `retention: 14d`"),
        );
    }
    logging.retention.get()
}

/// The unit that keeps the logs, and the one before it with what is asked of others.
fn loki(logging: &Logging, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
    let mut unit = Unit::new("loki", "platform/loki", namespace());
    let values = json!({
        "retention": retention(logging, faults),
        "class": logging.class.get(),
        "size": logging.size.get().quantity(),
    });
    let mut release = release(logging.options(), "loki", LOKI, LOKI_VALUES, values);
    release.exports = vec![ObjectId::new("Service", "loki")];
    unit.install(release);
    unit.extend([Manifest::new("ConfigMap", "datasource-loki", "configmap.yaml", DATASOURCE, json!({}))]);
    unit.provides = vec![Capability::Namespace(NAMESPACE.into())];
    let Some(login) = logging.open_ingest() else { return vec![unit] };
    let span_of_login = login.username.span;
    unit.add(ingest(context));
    unit.extend(lan_policy(context, NAMESPACE));
    unit.needs =
        vec![Need::before(Capability::Ingress, span_of_login), Need::before(Capability::Issuer, span_of_login)];
    unit.provides.clear();
    let secret = passwords(context, INGEST_SECRET, login);
    let before = secrets_before(&mut unit, PodSecurity::Privileged, vec![secret], span);
    vec![before, unit]
}

/// The unit with the collector. `ship` is what it presents to another cluster, and where.
fn collector(
    logging: &Logging,
    context: &Context<'_>,
    ship: Option<&(Context<'_>, &Login)>,
    span: Span,
    faults: &mut Diagnostics,
) -> Vec<Unit> {
    let (name, chart, values) = match logging.collector.get() {
        Collector::Alloy => ("alloy", ALLOY, ALLOY_VALUES),
        Collector::Promtail => ("promtail", PROMTAIL, PROMTAIL_VALUES),
    };
    if let (Collector::Promtail, Some(span)) = (logging.collector.get(), logging.collector.span()) {
        let message = "Promtail reached its end of life in March 2026: it gets no more fixes, not even for security";
        faults.push(Diagnostic::new(Code::EndOfLife, span, message).help("use `collector: alloy`"));
    }
    let options = Options { version: logging.collector_version.as_ref(), ..Options::NONE };
    let url = ship.map_or(format!("http://loki.{NAMESPACE}.svc:3100{PUSH}"), |(peer, _)| {
        format!("https://{}{PUSH}", peer.service_host(SERVICE))
    });
    let values_context = json!({
        "cluster": context.name.value,
        "url": url,
        "secret": ship.map(|_| SHIPPING_SECRET),
    });
    let mut unit = Unit::new(name, format!("platform/{name}"), Namespace::existing(NAMESPACE));
    unit.install(release(options, name, chart, values, values_context));
    let Some((_, login)) = ship else {
        unit.needs = vec![Need::before(Capability::Namespace(NAMESPACE.into()), span)];
        return vec![unit];
    };
    let data = [("username", &login.username), ("password", &login.password)];
    let data = data.map(|(key, secret)| (key.into(), context.stored(secret)));
    let secret = ExternalSecret::new(SHIPPING_SECRET, data.to_vec());
    unit.needs = vec![Need::before(Capability::LanNames, span)];
    let before = secrets_before(&mut unit, PodSecurity::Privileged, vec![secret], span);
    vec![before, unit]
}

/// Collectors read the files of their node.
fn namespace() -> Namespace {
    Namespace::created(NAMESPACE, PodSecurity::Privileged)
}

/// The way in for other clusters' logs: one path of Loki.
fn ingest(context: &Context<'_>) -> Manifest {
    Ingest { name: INGEST_SECRET, namespace: NAMESPACE, label: SERVICE, service: "loki", port: 3100, path: PUSH }
        .manifest(context)
}

impl Component for Logging {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        check_effect(self, faults);
        if self.ship_to.is_none() {
            check_grafana(context, span, faults);
            let mut units = loki(self, context, span, faults);
            units.extend(collector(self, context, None, span, faults));
            return units;
        }
        let target = target_of(self, context, faults);
        target.as_ref().map(|_| collector(self, context, target.as_ref(), span, faults)).unwrap_or_default()
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<DomainName>> {
        let claim = |login: &Login| Claim {
            value: context.service_host(SERVICE),
            span: login.username.span,
            owner: format!("the logs endpoint of `{}`", context.name.value),
        };
        self.open_ingest().map(claim).into_iter().collect()
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let address = context.get::<Ingress>().and_then(|ingress| ingress_address(ingress, context));
        let address = address.filter(|_| self.open_ingest().is_some());
        address.map(|address| Endpoint { host: context.service_host(SERVICE), address }).into_iter().collect()
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
        // The logs that a cluster ships are shown by the one that keeps them.
        if self.ship_to.is_some() { &[] } else { &[Dashboard { name: "logs", json: include_str!("dashboard.json") }] }
    }
}
