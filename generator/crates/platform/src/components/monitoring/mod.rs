//! kube-prometheus-stack: Prometheus, Alertmanager and Grafana.
//!
//! One cluster stores and shows the metrics; the others run Prometheus as an agent and ship to it, over TLS and
//! with a password.

mod exporters;
mod objects;
mod probes;
mod rules;

use crate::component::{
    AlertingRules, Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor, Probe, ProbeModule, ProbeTarget,
};
use crate::components::cert_manager::issuers;
use crate::exposure::{Reach, check_public, ingress_address, lan_policy};
use crate::network::{Closed, from_ingress};
use crate::shipping::{Ingestion, report_fields_without_effect, target};
use crate::{release, restart_with_secrets};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::FLUX_NAMESPACE;
use model::{Capability, Chart, Interface, Namespace, Need, ObjectId, PolicyPort, Template, Unit, Use};
use serde_json::json;
use spec::platform::{Alerts, ComponentId, Configured as _, Grafana, Ingress, Monitoring, Options};
use spec::types::{DomainName, Name, SecretRef, Size};
use spec::{Entry, Language, Login, Node, NodeKind, PodSecurity, Role, Spanned};

const CHART: Chart =
    Chart::oci("kube-prometheus-stack", "oci://ghcr.io/prometheus-community/charts/kube-prometheus-stack", "88.5.3");
const VALUES: Template = Template { name: "monitoring/values.yaml", source: include_str!("values.yaml.j2") };

/// A separate release for the custom resource definitions, which other units use before Prometheus runs.
const CRDS: Chart = Chart::oci(
    "prometheus-operator-crds",
    "oci://ghcr.io/prometheus-community/charts/prometheus-operator-crds",
    "31.0.1",
);
const CRDS_VALUES: Template =
    Template { name: "monitoring/crds-values.yaml", source: include_str!("crds-values.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, CRDS_VALUES, objects::DASHBOARD, objects::RECEIVER, objects::ROLE];

/// The templates of its modules.
pub(super) const OTHER_TEMPLATES: &[&[Template]] = &[exporters::TEMPLATES, probes::TEMPLATES, rules::TEMPLATES];

const NAMESPACE: &str = "monitoring";

/// The name of the release, and the prefix of the names of its Services.
const NAME: &str = "kube-prometheus-stack";

/// The first label of the host name that accepts metrics from other clusters.
const INGEST: &str = "metrics";

/// The clusters that ship their metrics to this one.
fn shippers<'a>(context: &Context<'a>) -> Vec<Context<'a>> {
    let here = context.name.as_str();
    let ships = |peer: &Context<'_>| {
        peer.get::<Monitoring>()
            .and_then(|monitoring| monitoring.ship_to.as_ref())
            .is_some_and(|to| to.as_str() == here)
    };
    context.clusters().filter(|peer| peer.name.as_str() != here && ships(peer)).collect()
}

/// The cluster that the metrics are shipped to, and the login that it requires.
fn target_of<'a>(
    monitoring: &Monitoring,
    context: &Context<'a>,
    diagnostics: &mut Diagnostics,
) -> Option<(Context<'a>, &'a Login)> {
    let ingestion = |peer: &Context<'a>| {
        let monitoring = peer.get::<Monitoring>().filter(|monitoring| monitoring.ship_to.is_none())?;
        Some(monitoring.ingest.as_ref().map_or(Ingestion::Closed, Ingestion::Open))
    };
    target(context, monitoring.ship_to.as_ref()?, ("metrics", ComponentId::Monitoring), ingestion, diagnostics)
}

/// Whether a node of the cluster is a container, which shares the kernel of its host.
fn has_containers(context: &Context<'_>) -> bool {
    context.cluster.nodes.iter().any(|node| match node.value.kind() {
        NodeKind::Vm { .. } => false,
        NodeKind::Lxc { .. } => true,
    })
}

/// Reports alerts without a receiver.
fn check_alerts(monitoring: &Monitoring, span: Span, diagnostics: &mut Diagnostics) {
    let has_receiver = monitoring.alerts.is_some() || monitoring.values.contains_key("alertmanager");
    if has_receiver {
        return;
    }
    let diagnostic = Diagnostic::new(Code::AlertsUnheard, span, "no receiver is configured for this cluster's alerts");
    diagnostics.push(diagnostic.help(
        "add `alerts: { to: { discord: ENTRY/KEY } }` (or `slack`, `telegram`, `webhook`), or `alerts: none` if \
         this is intended",
    ));
}

impl Component for Monitoring {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn uses(&self, _: &Context<'_>) -> Vec<Use> {
        self.ship_to.as_ref().map(|to| Use::Cluster(to.value.clone())).into_iter().collect()
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        check_fields_without_effect(self, diagnostics);
        let target = target_of(self, context, diagnostics);
        let mut crds = Unit::new(
            "prometheus-operator-crds",
            "platform/prometheus-operator-crds",
            // The node exporter reads files and processes of the node.
            Namespace::created(NAMESPACE, PodSecurity::Privileged),
        );
        let options = Options { version: self.crds_version.as_ref(), ..Options::NONE };
        crds.install(release(options, "prometheus-operator-crds", CRDS, CRDS_VALUES, json!({})));
        crds.provides = vec![Capability::Api("monitoring.coreos.com"), Capability::Namespace(NAMESPACE.into())];

        if self.ship_to.is_some() && target.is_none() {
            return vec![crds];
        }
        let mut stack = Unit::new(NAME, "platform/kube-prometheus-stack", Namespace::existing(NAMESPACE));
        let default_size = Size::from_bytes(if target.is_some() { 5 << 30 } else { 20 << 30 });
        let size = self.size.as_ref().map_or(default_size, |size| size.value);
        let shippers: Vec<_> = shippers(context).iter().map(|peer| peer.name.to_string()).collect();
        let values = json!({
            "name": NAME,
            "cluster": context.name.value,
            "class": self.class.get(),
            "size": size.quantity(),
            // Leaves room in the volume beside the retained data.
            "retention_size": format!("{}MB", size.mebibytes() / 10 * 9),
            "retention": self.retention.get(),
            "containers": has_containers(context),
            "backup": context.cluster.k3s.as_ref().is_some_and(|k3s| k3s.backup.is_some()),
            "ship_to": target.as_ref().map(|(peer, _)| format!("https://{}/api/v1/write", peer.service_host(INGEST))),
            "shipping_secret": objects::SHIPPING_SECRET,
            "shippers": shippers,
            "runbooks": objects::runbooks(context),
            "ingests": self.open_ingest().is_some(),
            "has_receiver": self.given_alerts().is_some(),
            "alerts_url": objects::alerts_url(self, context),
            "grafana": self.grafana.as_ref().filter(|_| target.is_none()).map(|grafana| objects::grafana(grafana, context)),
        });
        let mut release = release(self.options(), NAME, CHART, VALUES, values);
        release.exports = vec![ObjectId::new("Service", objects::PROMETHEUS)];
        stack.install(release);
        stack.needs = vec![
            Need::before(Capability::Api("monitoring.coreos.com"), span),
            Need::before(Capability::Namespace(NAMESPACE.into()), span),
        ];
        let mut units = vec![crds];
        let secrets = objects::secrets(self, context, target.as_ref().map(|(_, login)| *login));
        if !secrets.is_empty() {
            let mut secrets_unit = Unit::new(
                format!("{NAME}-secrets"),
                format!("platform/{NAME}-secrets"),
                Namespace::existing(NAMESPACE),
            );
            secrets_unit.read_secrets(secrets);
            secrets_unit.needs = vec![
                Need::before(Capability::SecretStore, span),
                Need::before(Capability::Namespace(NAMESPACE.into()), span),
            ];
            secrets_unit.provides = vec![Capability::Secrets(NAME.into())];
            stack.needs.push(Need::before(Capability::Secrets(NAME.into()), span));
            // The operator itself applies changed secrets of Prometheus and Alertmanager.
            if self.shown_grafana().is_some() {
                restart_with_secrets(&mut stack, context);
            }
            units.push(secrets_unit);
        }
        if target.is_some() {
            stack.needs.push(Need::before(Capability::LanNames, span));
        } else {
            expose(self, &mut stack, context, diagnostics);
            check_alerts(self, span, diagnostics);
        }
        units.push(stack);
        units.push(objects::monitors(self, context, span));
        units.extend(exporters::units(self, context, span));
        if target.is_none() {
            units.push(objects::alerting(self, context, span));
        }
        if self.grafana.is_some() && target.is_none() {
            units.push(objects::dashboards(context, span));
        }
        units
    }

    fn reach(&self) -> Option<Reach> {
        let of_grafana = |grafana: &Grafana| if grafana.public.is_on() { Reach::Public } else { Reach::Lan };
        self.shown_grafana().map(of_grafana).or_else(|| self.open_ingest().map(|_| Reach::Lan))
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<DomainName>> {
        let mut hosts = Vec::new();
        if let Some(grafana) = self.shown_grafana() {
            let owner = format!("Grafana in `{}`", context.name.value);
            hosts.push(Claim::new(context.full_host(&grafana.host), grafana.host.span, owner));
        }
        if let Some(ingest) = self.open_ingest() {
            let owner = format!("the metrics endpoint of `{}`", context.name.value);
            hosts.push(Claim::new(context.service_host(INGEST), ingest.username.span, owner));
        }
        hosts
    }

    fn interfaces(&self, context: &Context<'_>) -> Vec<Interface> {
        let interface = |grafana: &Grafana| Interface {
            name: Name::known("grafana"),
            object_name: None,
            description: Some(
                match context.spec.lab.language.get() {
                    Language::En => "Metrics of this cluster, and of the clusters that ship theirs to it",
                    Language::Es => "Métricas de este clúster y de los que le envían las suyas",
                }
                .to_owned(),
            ),
            exposure: Some(objects::grafana_exposure(grafana, context)),
            lan: Vec::new(),
            images: Vec::new(),
            chart: None,
            flow: None,
        };
        self.shown_grafana().map(interface).into_iter().collect()
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let address = context.get::<Ingress>().and_then(|ingress| ingress_address(ingress, context));
        let address = address.filter(|_| self.open_ingest().is_some());
        let endpoint = |address| Endpoint { host: context.service_host(INGEST), address };
        address.map(endpoint).into_iter().collect()
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let ports = [self.shown_grafana().map(|_| 3000), self.open_ingest().map(|_| 9090)];
        let served: Vec<_> = ports.into_iter().flatten().map(PolicyPort::tcp).collect();
        let from_ingress = from_ingress(context).filter(|_| !served.is_empty());
        let own = Closed::new(NAMESPACE, from_ingress.map(|passage| passage.at(served)));
        [own].into_iter().chain(exporters::closed(self, context)).collect()
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        let grafana = self.grafana.iter().flat_map(|grafana| [&grafana.username, &grafana.password]);
        let ingest = self.ingest.iter().flat_map(|login| [&login.username, &login.password]);
        let alerts = self.given_alerts().into_iter().flat_map(Alerts::keys).map(|(_, secret)| secret);
        grafana.chain(ingest).chain(alerts).collect()
    }

    fn classes(&self) -> Vec<ClassUse<'_>> {
        self.class.spanned().map(|class| ClassUse { class, not_on_nfs: Some("Prometheus") }).into_iter().collect()
    }

    /// The pods of Flux, which is not a component of the platform itself.
    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![
            Monitor {
                name: "flux-controllers",
                namespace: FLUX_NAMESPACE,
                labels: &[("app.kubernetes.io/part-of", "flux")],
                job: "app",
                port: "http-prom",
            },
            Monitor {
                name: "flux-operator",
                namespace: FLUX_NAMESPACE,
                labels: &[("app.kubernetes.io/name", "flux-operator")],
                job: "app.kubernetes.io/name",
                port: "http-metrics",
            },
        ]
    }

    /// The Kubernetes API of each server: a cluster that is down cannot report it itself.
    fn probes(&self, context: &Context<'_>) -> Vec<Probe> {
        let servers = context.cluster.nodes.iter().filter(|node| *node.value.role.get() == Role::Server);
        let target = |node: &Entry<Node>| ProbeTarget {
            instance: node.name.to_string(),
            address: format!("{}:6443", node.value.address.value),
        };
        let (name, job) = ("kubernetes".to_owned(), "kubernetes");
        vec![Probe { name, job, module: ProbeModule::Tcp, targets: servers.map(target).collect() }]
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[
            Dashboard { name: "flux", json: include_str!("dashboards/flux.json") },
            Dashboard { name: "lab", json: include_str!("dashboards/lab.json") },
            Dashboard { name: "nodes", json: include_str!("dashboards/nodes.json") },
            Dashboard { name: "way-in", json: include_str!("dashboards/way-in.json") },
        ]
    }

    fn alerting_rules(&self, peers: &[Context<'_>]) -> Vec<AlertingRules> {
        rules::rules(peers)
    }
}

/// Reports fields that have no effect because the metrics are shipped to another cluster.
fn check_fields_without_effect(monitoring: &Monitoring, diagnostics: &mut Diagnostics) {
    let Some(to) = &monitoring.ship_to else { return };
    let fields = [
        ("grafana", monitoring.grafana.as_ref().map(|grafana| grafana.host.span)),
        ("alerts", monitoring.alerts.as_ref().map(|alerts| alerts.span)),
        ("ingest", monitoring.ingest.as_ref().map(|login| login.username.span)),
        ("retention", monitoring.retention.span()),
        ("watch", monitoring.watch.iter().next().map(|watch| watch.name.span)),
    ];
    report_fields_without_effect(to, "metrics", fields, diagnostics);
}

/// Exposes Grafana and the endpoint for metrics from other clusters, with what their Ingresses need.
fn expose(monitoring: &Monitoring, stack: &mut Unit, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    if let Some(grafana) = &monitoring.grafana {
        stack.chart_is_routed = true;
        stack.add(objects::grafana_role());
        stack.add(objects::grafana_policy(context));
        stack.guards.extend(objects::grafana_guard(grafana, context));
        stack.needs.push(Need::before(Capability::Ingress, grafana.host.span));
        if issuers(context).is_some() {
            stack.needs.push(Need::before(Capability::Issuer, grafana.host.span));
        }
        if let Some(public) = grafana.public.on() {
            check_public(context, public, "Grafana", diagnostics);
        }
    }
    if monitoring.open_ingest().is_some() || monitoring.grafana.as_ref().is_some_and(|grafana| !grafana.public.is_on())
    {
        stack.extend(lan_policy(context, NAMESPACE));
    }
    if let Some(ingest) = monitoring.open_ingest() {
        objects::ingest().expose(context, ingest.username.span, stack);
        stack.needs.push(Need::before(Capability::Ingress, ingest.username.span));
        stack.needs.push(Need::before(Capability::Issuer, ingest.username.span));
    }
}
