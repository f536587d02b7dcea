//! What stands beside the release: Secrets, the way in for other clusters, monitors, dashboards.

use super::{Grafana, INGEST as INGEST_SERVICE, Monitoring, NAME, NAMESPACE, Receiver};
use crate::lab::{Capability, Exposure, ExternalSecret, Namespace, Object, Template, Tls, Unit};
use crate::platform::shipping::Ingest;
use crate::platform::{Component, Context, MONITOR, Reach, exposure, need, passwords};
use crate::spec::Login;
use crate::spec::types::SecretRef;
use diagnostic::Span;
use minijinja::context;

pub(super) const DASHBOARD: Template =
    Template { name: "monitoring/dashboard.yaml", source: include_str!("dashboard.yaml.j2") };

pub(super) const RECEIVER: Template =
    Template { name: "monitoring/alertmanagerconfig.yaml", source: include_str!("alertmanagerconfig.yaml.j2") };

/// What a cluster presents to ship its metrics.
pub(super) const SHIPPING_SECRET: &str = "metrics-shipping";
/// What is asked of clusters that ship theirs here.
const INGEST_SECRET: &str = "metrics-ingest";
/// What Alertmanager needs to tell people.
const ALERTS_SECRET: &str = "alerts";
const ADMIN_SECRET: &str = "grafana-admin";

/// How Grafana is reached.
pub(super) fn grafana_exposure(grafana: &Grafana, context: &Context<'_>) -> Exposure {
    let reach = if grafana.is_public() { Reach::Public } else { Reach::Lan };
    exposure(context, context.full_host(&grafana.host), reach, &format!("{NAME}-grafana"))
}

/// What the values say of Grafana.
pub(super) fn grafana(grafana: &Grafana, context: &Context<'_>) -> minijinja::Value {
    let exposure = grafana_exposure(grafana, context);
    context! {
        host => exposure.host.as_str(),
        public => exposure.public,
        has_tls => exposure.tls != Tls::None,
        tls_secret => matches!(exposure.tls, Tls::Own(_)).then_some("grafana-tls"),
        annotations => pairs(&exposure.annotations),
        class => crate::platform::INGRESS_CLASS,
        secret => ADMIN_SECRET,
    }
}

fn pairs(annotations: &[(String, String)]) -> Vec<minijinja::Value> {
    annotations.iter().map(|(key, value)| context! { key => key.as_str(), value => value.as_str() }).collect()
}

/// The Secrets that the release mounts.
pub(super) fn secrets(monitoring: &Monitoring, context: &Context<'_>, ship: Option<&Login>) -> Vec<ExternalSecret> {
    let data =
        |pairs: [(&str, &SecretRef); 2]| pairs.map(|(key, secret)| (key.to_owned(), context.remote(secret))).to_vec();
    let login = |login: &Login| data([("username", &login.username), ("password", &login.password)]);
    if let Some(ship) = ship {
        return vec![ExternalSecret::new(SHIPPING_SECRET, login(ship))];
    }
    let mut secrets = Vec::new();
    if let Some(grafana) = &monitoring.grafana {
        let keys = [("admin-user", &grafana.username.value), ("admin-password", &grafana.password.value)];
        secrets.push(ExternalSecret::new(ADMIN_SECRET, data(keys)));
    }
    if let Some(alerts) = monitoring.alerts() {
        let keys = alerts.keys().map(|(key, secret)| (key.to_owned(), context.remote(secret)));
        secrets.push(ExternalSecret::new(ALERTS_SECRET, keys.collect()));
    }
    if let Some(ingest) = monitoring.ingest.as_ref().filter(|_| monitoring.ingests()) {
        secrets.push(passwords(context, INGEST_SECRET, ingest));
    }
    secrets
}

/// The way in for other clusters' metrics: one path of Prometheus.
pub(super) fn ingest(context: &Context<'_>) -> Object {
    Ingest {
        name: INGEST_SECRET,
        namespace: NAMESPACE,
        label: INGEST_SERVICE,
        service: format!("{NAME}-prometheus"),
        port: 9090,
        path: "/api/v1/write",
    }
    .object(context)
}

/// What Prometheus reads of all components of the cluster.
pub(super) fn monitors(context: &Context<'_>, span: Span) -> Unit {
    let mut unit = Unit::new("monitors", "platform/monitors", Namespace::existing(NAMESPACE));
    let monitors = context.components().flat_map(|component| component.monitors(context));
    unit.objects = monitors
        .map(|monitor| {
            let labels = monitor.labels.iter().map(|(key, value)| context! { key => *key, value => *value });
            Object {
                kind: "PodMonitor",
                name: monitor.name.to_owned(),
                file: format!("podmonitor-{}.yaml", monitor.name),
                template: MONITOR,
                context: context! {
                    name => monitor.name,
                    namespace => monitor.namespace,
                    labels => labels.collect::<Vec<_>>(),
                    job => monitor.job,
                    port => monitor.port,
                },
            }
        })
        .collect();
    unit.needs = vec![need(Capability::Api("monitoring.coreos.com"), span)];
    unit
}

/// The clusters whose metrics are here: this one, and those that ship theirs.
fn watched<'a>(context: &Context<'a>) -> impl Iterator<Item = Context<'a>> {
    [*context].into_iter().chain(Monitoring::shippers(context))
}

/// What is reason for an alert, by the rules of all components of those clusters, and who is told.
pub(super) fn alerting(monitoring: &Monitoring, context: &Context<'_>, span: Span) -> Unit {
    let mut unit = Unit::new("alerting", "platform/alerting", Namespace::existing(NAMESPACE));
    if let Some(alerts) = monitoring.alerts() {
        let name = "homelab";
        unit.objects.push(Object {
            kind: "AlertmanagerConfig",
            name: name.to_owned(),
            file: "alertmanagerconfig.yaml".to_owned(),
            template: RECEIVER,
            context: context! {
                name,
                kind => alerts.kind(),
                secret => ALERTS_SECRET,
                chat => if let Receiver::Telegram(chat) = &alerts.to { Some(chat.chat_id) } else { None },
                heartbeat => alerts.heartbeat.is_some(),
            },
        });
        unit.needs.push(need(Capability::Secrets(NAME.to_owned()), span));
    }
    for rules in watched(context).flat_map(|peer| peer.components().flat_map(Component::rules).collect::<Vec<_>>()) {
        if unit.objects.iter().all(|object| object.name != rules.name) {
            unit.objects.push(Object {
                kind: "PrometheusRule",
                name: rules.name.to_owned(),
                file: format!("prometheusrule-{}.yaml", rules.name),
                template: rules.template,
                context: context! {},
            });
        }
    }
    unit.needs.push(need(Capability::Api("monitoring.coreos.com"), span));
    unit.needs.push(need(Capability::Namespace(NAMESPACE.to_owned()), span));
    unit
}

/// What Grafana shows: the dashboards of all components of the clusters whose metrics are here.
pub(super) fn dashboards(context: &Context<'_>, span: Span) -> Unit {
    let mut unit = Unit::new("dashboards", "platform/dashboards", Namespace::existing(NAMESPACE));
    let of_metrics =
        watched(context).flat_map(|peer| peer.components().flat_map(Component::dashboards).collect::<Vec<_>>());
    let own = context.components().flat_map(Component::own_dashboards);
    for dashboard in of_metrics.chain(own) {
        let name = format!("dashboard-{}", dashboard.name);
        if unit.objects.iter().any(|object| object.name == name) {
            continue;
        }
        unit.objects.push(Object {
            kind: "ConfigMap",
            file: format!("configmap-{}.yaml", dashboard.name),
            template: DASHBOARD,
            context: context! {
                name => name.as_str(),
                key => format!("{}.json", dashboard.name),
                json => dashboard.json,
            },
            name,
        });
    }
    unit.needs = vec![need(Capability::Namespace(NAMESPACE.to_owned()), span)];
    unit
}
