//! The objects beside the release: Secrets, the ingress endpoint for other clusters, monitors, alerting rules and
//! dashboards.

use super::{INGEST as INGEST_SERVICE, NAME, NAMESPACE, probes, rules, shippers};
use crate::MONITOR;
use crate::component::{Component, Context};
use crate::exposure::{Reach, exposure, passwords};
use crate::network::{dns, internet, kubernetes_api, policy_manifest};
use crate::shipping::Ingest;
use diagnostic::Span;
use model::contract::INGRESS_CLASS;
use model::{
    Capability, Exposure, ExternalSecret, Guarded, Label, Manifest, Namespace, Need, NetworkPolicy, ObjectId, Passage,
    Peer, PolicyPort, Template, Tls, Unit,
};
use serde_json::{Value, json};
use spec::Login;
use spec::platform::{Alerts, Grafana, Logging, Monitoring, Receiver};
use spec::types::SecretRef;

pub(super) const DASHBOARD: Template =
    Template { name: "monitoring/dashboard.yaml", source: include_str!("dashboard.yaml.j2") };

pub(super) const ROLE: Template =
    Template { name: "monitoring/clusterrole.yaml", source: include_str!("clusterrole.yaml.j2") };

pub(super) const RECEIVER: Template =
    Template { name: "monitoring/alertmanagerconfig.yaml", source: include_str!("alertmanagerconfig.yaml.j2") };

/// The Service of Prometheus.
pub(super) const PROMETHEUS: &str = "kube-prometheus-stack-prometheus";
/// The Secret with the login that a cluster presents when it ships its metrics.
pub(super) const SHIPPING_SECRET: &str = "metrics-shipping";
/// The Secret with the login that clusters must present to ship their metrics here, and the name of its Ingress.
const INGEST_SECRET: &str = "metrics-ingest";
/// The Secret with the credentials of the alert receiver, and the URL of the heartbeat.
const ALERTS_SECRET: &str = "alerts";
const ADMIN_SECRET: &str = "grafana-admin";
/// The ClusterRole of Grafana. It has the name that the chart would give it: a binding cannot change its role.
const GRAFANA_ROLE: &str = "kube-prometheus-stack-grafana-clusterrole";

/// The exposure of Grafana.
pub(super) fn grafana_exposure(grafana: &Grafana, context: &Context<'_>) -> Exposure {
    let reach = if grafana.public.is_on() { Reach::Public } else { Reach::Lan };
    exposure(context, context.full_host(&grafana.host), Vec::new(), reach, &format!("{NAME}-grafana"))
}

/// The URL of the page of Grafana that lists alerting rules and their alerts. Links in messages lead there: neither
/// Prometheus nor Alertmanager is exposed. Alertmanager appends a fragment to it, which Grafana ignores.
pub(super) fn alerts_url(monitoring: &Monitoring, context: &Context<'_>) -> Option<String> {
    let exposure = grafana_exposure(monitoring.shown_grafana()?, context);
    Some(format!("{}/alerting/list", base_url(&exposure)))
}

fn base_url(exposure: &Exposure) -> String {
    let scheme = if exposure.tls == Tls::None { "http" } else { "https" };
    format!("{scheme}://{}", exposure.host)
}

/// The variables of the Helm values for Grafana.
pub(super) fn grafana(grafana: &Grafana, context: &Context<'_>) -> Value {
    let exposure = grafana_exposure(grafana, context);
    json!({
        "host": exposure.host,
        "public": exposure.public,
        "url": base_url(&exposure),
        "has_tls": exposure.tls != Tls::None,
        "tls_secret": matches!(exposure.tls, Tls::Own(_)).then_some("grafana-tls"),
        "annotations": exposure.annotations,
        "class": INGRESS_CLASS,
        "secret": ADMIN_SECRET,
        "role": GRAFANA_ROLE,
    })
}

/// The ClusterRole of Grafana, which can read no Secrets.
pub(super) fn grafana_role() -> Manifest {
    Manifest::new("ClusterRole", GRAFANA_ROLE, "clusterrole.yaml", ROLE, json!({ "name": GRAFANA_ROLE }))
}

/// The Secrets that the release mounts.
pub(super) fn secrets(monitoring: &Monitoring, context: &Context<'_>, ship: Option<&Login>) -> Vec<ExternalSecret> {
    let data = |pairs: [(&'static str, &SecretRef); 2]| {
        pairs.map(|(key, secret)| (key.into(), context.stored(secret))).to_vec()
    };
    let login = |login: &Login| data([("username", &login.username), ("password", &login.password)]);
    if let Some(ship) = ship {
        return vec![ExternalSecret::new(SHIPPING_SECRET, login(ship))];
    }
    let mut secrets = Vec::new();
    if let Some(grafana) = &monitoring.grafana {
        let keys = [("admin-user", &grafana.username.value), ("admin-password", &grafana.password.value)];
        secrets.push(ExternalSecret::new(ADMIN_SECRET, data(keys)));
    }
    if let Some(alerts) = monitoring.given_alerts() {
        let keys = alerts.keys().map(|(key, secret)| (key.into(), context.stored(secret)));
        secrets.push(ExternalSecret::new(ALERTS_SECRET, keys.collect()));
    }
    if let Some(ingest) = monitoring.open_ingest() {
        secrets.push(passwords(context, INGEST_SECRET, ingest));
    }
    secrets
}

/// The ingress endpoint for metrics from other clusters: one path of Prometheus.
pub(super) fn ingest() -> Ingest {
    Ingest {
        name: INGEST_SECRET,
        namespace: NAMESPACE,
        label: INGEST_SERVICE,
        service: PROMETHEUS,
        port: 9090,
        path: "/api/v1/write",
    }
}

/// The connections that Grafana opens. It can be public, so it reaches neither the LAN nor the apps.
pub(super) fn grafana_policy(context: &Context<'_>) -> Manifest {
    let here = Passage::new("Prometheus and Alertmanager", [Peer::SameNamespace]);
    let logs = context.get::<Logging>().filter(|logging| logging.ship_to.is_none());
    let logs = logs.map(|_| Passage::new("Loki", [Peer::namespace("logging")]).at([PolicyPort::tcp(3100)]));
    let others = [kubernetes_api(context), internet(context)];
    let policy = NetworkPolicy {
        name: "grafana".into(),
        namespace: NAMESPACE.into(),
        pods: vec![Label::new("app.kubernetes.io/name", "grafana")],
        ingress: None,
        egress: Some([dns(), here].into_iter().chain(logs).chain(others).collect()),
    };
    policy_manifest(policy, &NAMESPACE.into())
}

/// The guard in the Helm values of Grafana, unless it is public.
pub(super) fn grafana_guard(grafana: &Grafana, context: &Context<'_>) -> Option<Guarded> {
    Some(Guarded {
        object: ObjectId::new("HelmRelease", NAME),
        path: &["spec", "values", "grafana", "ingress", "annotations"],
        guard: grafana_exposure(grafana, context).guards.pop()?,
        span: grafana.host.span,
    })
}

/// The unit with the PodMonitors of all components of the cluster, and with the ScrapeConfigs for all else.
pub(super) fn monitors(monitoring: &Monitoring, context: &Context<'_>, span: Span) -> Unit {
    let mut unit = Unit::new("monitors", "platform/monitors", Namespace::existing(NAMESPACE));
    let monitors = context.components().flat_map(|component| component.monitors(context));
    unit.extend(monitors.map(|monitor| {
        let labels = monitor.labels.iter().map(|(key, value)| json!({ "key": *key, "value": *value }));
        Manifest::new(
            "PodMonitor",
            monitor.name,
            format!("podmonitor-{}.yaml", monitor.name),
            MONITOR,
            json!({
                "name": monitor.name,
                "namespace": monitor.namespace,
                "labels": labels.collect::<Vec<_>>(),
                "job": monitor.job,
                "port": monitor.port,
            }),
        )
    }));
    unit.extend(probes::manifests(monitoring, context));
    unit.needs = vec![Need::before(Capability::Api("monitoring.coreos.com"), span)];
    unit
}

/// Whether a unit has an object with this name.
fn has(unit: &Unit, name: &str) -> bool {
    unit.objects().any(|object| object.name.as_str() == name)
}

/// A receiver, as an AlertmanagerConfig describes it.
struct ReceiverConfig {
    name: &'static str,
    /// The field of the AlertmanagerConfig that lists receivers of this kind.
    field: &'static str,
    config: Value,
}

/// The text of messages, as a template of Alertmanager. Its default lists labels, and a link to Prometheus, whose name
/// only the cluster resolves.
const MESSAGE: &str = "{{ range .Alerts }}{{ if eq .Status \"resolved\" }}Resolved: {{ end }}\
                       {{ or .Annotations.summary .Labels.alertname }}\n\
                       {{ with .Annotations.description }}{{ . }}\n{{ end }}{{ end }}";

fn receiver(alerts: &Alerts, url: Option<&str>) -> ReceiverConfig {
    let message = format!("{MESSAGE}{}", url.unwrap_or_default());
    let key = |key: &str| json!({ "name": ALERTS_SECRET, "key": key });
    let (name, field, config) = match &alerts.to {
        Receiver::Discord(_) => {
            let config = json!({ "apiURL": key("url"), "message": message, "sendResolved": true });
            ("discord", "discordConfigs", config)
        }
        // The title is a link to the URL of Alertmanager.
        Receiver::Slack(_) => {
            let config = json!({ "apiURL": key("url"), "text": MESSAGE, "sendResolved": true });
            ("slack", "slackConfigs", config)
        }
        Receiver::Telegram(chat) => {
            let message = format!("{{{{ template \"__subject\" . }}}}\n{message}");
            let config = json!({
                "botToken": key("bot-token"),
                "chatID": chat.chat_id,
                "message": message,
                "sendResolved": true,
            });
            ("telegram", "telegramConfigs", config)
        }
        Receiver::Webhook(_) => (
            "webhook",
            "webhookConfigs",
            json!({
                "urlSecret": key("url"),
                "sendResolved": true ,
            }),
        ),
    };
    ReceiverConfig { name, field, config }
}

/// The URL of the page with the runbooks, up to the name of an alert in small letters: that is what the common forges
/// call its heading.
pub(super) fn runbooks(context: &Context<'_>) -> String {
    let (url, branch) = (context.spec.lab.repository.as_str(), context.spec.lab.branch.get());
    let (_, place) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    // The port of SSH is not that of the pages.
    let host = if url.starts_with("ssh://") { host.split(':').next().unwrap_or_default() } else { host };
    let path = path.trim_end_matches('/').trim_end_matches(".git");
    let file = if host.contains("gitlab") {
        "-/blob"
    } else if ["codeberg", "forgejo", "gitea"].iter().any(|forge| host.contains(forge)) {
        "src/branch"
    } else {
        "blob"
    };
    format!("https://{host}/{path}/{file}/{branch}/docs/lab/runbooks.md#")
}

/// The clusters whose metrics are stored here: this one, and those that ship theirs.
pub(super) fn sources<'a>(context: &Context<'a>) -> impl Iterator<Item = Context<'a>> {
    [*context].into_iter().chain(shippers(context))
}

/// The unit with the alerting rules for all components of these clusters, and with the receiver of alerts.
pub(super) fn alerting(monitoring: &Monitoring, context: &Context<'_>, span: Span) -> Unit {
    let mut unit = Unit::new("alerting", "platform/alerting", Namespace::existing(NAMESPACE));
    if let Some(alerts) = monitoring.given_alerts() {
        let url = alerts_url(monitoring, context);
        let (name, receiver) = ("homelab", receiver(alerts, url.as_deref()));
        unit.add(Manifest::new(
            "AlertmanagerConfig",
            name,
            "alertmanagerconfig.yaml",
            RECEIVER,
            json!({
                "name": name,
                "kind": receiver.name,
                "configs": receiver.field,
                "config": [receiver.config],
                "secret": ALERTS_SECRET,
                "heartbeat": alerts.heartbeat.is_some(),
            }),
        ));
        unit.needs.push(Need::before(Capability::Secrets(NAME.into()), span));
    }
    let peers: Vec<_> = sources(context).collect();
    // Sorted, so that it does not matter which cluster has a component.
    let of_components = peers.iter().flat_map(Context::components);
    let mut rules: Vec<_> = of_components.flat_map(|component| component.alerting_rules(&peers)).collect();
    rules.sort_by_key(|rules| rules.name);
    rules.dedup_by_key(|rules| rules.name);
    let runbooks = runbooks(context);
    unit.extend(rules.into_iter().map(|mut rules| {
        rules.variables["runbooks"] = json!(runbooks);
        let file = format!("prometheusrule-{}.yaml", rules.name);
        Manifest::new("PrometheusRule", rules.name, file, rules.template, rules.variables)
    }));
    unit.needs.push(Need::before(Capability::Api("monitoring.coreos.com"), span));
    unit.needs.push(Need::before(Capability::Namespace(NAMESPACE.into()), span));
    unit
}

/// The unit with the dashboards for all components of the clusters whose metrics are stored here.
pub(super) fn dashboards(context: &Context<'_>, span: Span) -> Unit {
    let mut unit = Unit::new("dashboards", "platform/dashboards", Namespace::existing(NAMESPACE));
    let metrics =
        sources(context).flat_map(|peer| peer.components().flat_map(Component::dashboards).collect::<Vec<_>>());
    let own = context.components().flat_map(Component::own_dashboards);
    // Sorted, so that it does not matter which cluster has a component.
    let mut dashboards: Vec<_> = metrics.chain(own).copied().chain(rules::dashboards(context.spec)).collect();
    dashboards.sort_by_key(|dashboard| dashboard.name);
    for dashboard in dashboards {
        let name = format!("dashboard-{}", dashboard.name);
        if has(&unit, &name) {
            continue;
        }
        unit.add(Manifest::new(
            "ConfigMap",
            name.clone(),
            format!("configmap-{}.yaml", dashboard.name),
            DASHBOARD,
            json!({ "name": name, "key": format!("{}.json", dashboard.name), "json": dashboard.json }),
        ));
    }
    unit.needs = vec![Need::before(Capability::Namespace(NAMESPACE.into()), span)];
    unit
}
