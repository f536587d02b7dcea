//! cloudflared: the connector of a Cloudflare Tunnel, by which the Internet reaches the public names of a cluster without
//! a port of the router.

use crate::component::{AlertingRules, Component, Context, Monitor};
use crate::components::cert_manager::issuers;
use crate::components::ingress;
use crate::network::{Closed, dns, internet, to_ingress};
use crate::{restarts, secrets_unit_for, tag};
use diagnostic::{Diagnostics, Span};
use model::contract::{CONFIG_RESTART_ANNOTATION as CONFIG_RESTART, RESTART_ANNOTATION};
use model::{Capability, ExternalSecret, Manifest, Namespace, Need, Passage, PolicyPort, Template, Unit};
use serde_json::json;
use spec::platform::{Configured as _, Tunnel};
use spec::types::{DomainName, SecretRef};
use spec::{CertificateIssuer, Dns, Expose, PodSecurity, Spanned};
use std::collections::BTreeSet;
use yaml::Value;

const IMAGE: &str = "docker.io/cloudflare/cloudflared";
/// The default tag of the image.
pub(super) const VERSION: &str = "2026.8.2";
const DEPLOYMENT: Template =
    Template { name: "cloudflared/deployment.yaml", source: include_str!("deployment.yaml.j2") };
const CONFIG: Template = Template { name: "cloudflared/configmap.yaml", source: include_str!("configmap.yaml.j2") };
const RULES: Template = Template { name: "cloudflared/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[DEPLOYMENT, CONFIG, RULES];

const NAME: &str = "cloudflared";

/// The port of its metrics and health checks.
const METRICS_PORT: u16 = 2000;

/// The port of Cloudflare's edge: QUIC, or HTTP/2 where UDP is blocked.
const EDGE_PORT: u16 = 7844;

/// The host name to which the public names of a cluster with a tunnel point.
pub(crate) fn target(context: &Context<'_>) -> Option<DomainName> {
    let id = context.get::<Tunnel>()?.id.as_ref()?;
    Some(DomainName::known(&format!("{}.cfargotunnel.com", id.value)))
}

/// The public host names of a cluster.
fn public_hosts(context: &Context<'_>) -> BTreeSet<DomainName> {
    let exposed = context.cluster.apps.iter().filter_map(|app| app.value.expose().as_ref());
    let public = exposed.filter(|expose| expose.public.is_on());
    let of_apps = public.flat_map(Expose::hosts).map(|host| context.full_host(host));
    let interfaces = context.components().flat_map(|component| component.interfaces(context));
    let exposures = interfaces.filter_map(|interface| interface.exposure).filter(|exposure| exposure.public);
    let of_components = exposures.flat_map(|exposure| exposure.hosts().cloned().collect::<Vec<_>>());
    of_apps.chain(of_components).collect()
}

/// The configuration of cloudflared. It lists exact names and ends with a rule that rejects all others: a wildcard would
/// let the Internet reach names that only the LAN should.
fn config(context: &Context<'_>, id: &str, service: &str) -> String {
    let map = |entries: Vec<(&str, Value)>| {
        Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    };
    let staging = issuers(context).is_some_and(|certificates| *certificates.issuer.get() == CertificateIssuer::Staging);
    let rules = public_hosts(context).into_iter().map(|host| {
        let mut origin = vec![("originServerName", Value::from(host.as_str()))];
        if staging {
            // No program trusts certificates from the staging environment.
            origin.push(("noTLSVerify", Value::Bool(true)));
        }
        map(vec![
            ("hostname", Value::from(host.as_str())),
            ("service", Value::from(format!("https://{service}").as_str())),
            ("originRequest", map(origin)),
        ])
    });
    let others = map(vec![("service", Value::from("http_status:404"))]);
    yaml::document(&map(vec![
        ("tunnel", Value::from(id)),
        ("credentials-file", Value::from("/etc/cloudflared/credentials/credentials.json")),
        ("metrics", Value::from(format!("0.0.0.0:{METRICS_PORT}").as_str())),
        ("ingress", Value::Seq(rules.chain([others]).collect())),
    ]))
}

impl Component for Tunnel {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let has_zone = matches!(context.spec.dns, Some(Dns::Cloudflare(_)));
        let is_configured =
            self.id.is_some() && self.credentials.is_some() && has_zone && context.spec.secrets.is_some();
        (!is_configured).then_some(
            "set `id` and `credentials` of the tunnel, and add to the lab the Cloudflare account with its zone, \
             `dns: { cloudflare: { api-token: ENTRY/KEY } }`",
        )
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let (Some(id), Some(credentials)) = (&self.id, &self.credentials) else { return Vec::new() };
        let mut unit = Unit::new(NAME, "platform/cloudflared", Namespace::existing(NAME));
        // Without an ingress controller, the need below is unmet, and nothing is generated.
        let config = config(context, id.as_str(), ingress::service(context).unwrap_or_default());
        let replicas = context.cluster.nodes.iter().count().min(2);
        let restarts = restarts(context);
        let variables = json!({
            "name": NAME,
            "image": format!("{IMAGE}:{}", tag(self.options(), VERSION)),
            "replicas": replicas,
            "restarts": restarts.then_some([RESTART_ANNOTATION, CONFIG_RESTART]),
            // Reloader restarts it too. A hash would be a line that two changes of public apps both touch.
            "hash": (!restarts).then(|| model::fingerprint([config.as_str()])),
            "config": config,
            "port": METRICS_PORT,
        });
        let manifest = |kind, file, template| Manifest::new(kind, NAME, file, template, variables.clone());
        unit.add(manifest("Deployment", "deployment.yaml", DEPLOYMENT));
        unit.add(manifest("ConfigMap", "configmap.yaml", CONFIG));
        unit.needs = vec![Need::present(Capability::Ingress, span)];
        let data = vec![("credentials.json".into(), context.stored(credentials))];
        let secret = ExternalSecret::new(NAME, data);
        let secrets = secrets_unit_for(&mut unit, PodSecurity::Restricted, vec![secret], span);
        vec![secrets, unit]
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        self.credentials.iter().collect()
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let purpose = "Cloudflare's edge".to_owned();
        let edge = Passage { purpose, ..internet(context) }.at(PolicyPort::both(EDGE_PORT));
        let ingress = to_ingress(context).map(|ingress| ingress.at([PolicyPort::tcp(443)]));
        let egress = [dns()].into_iter().chain(ingress).chain([edge]).collect();
        vec![Closed { egress: Some(egress), ..Closed::new(NAME, []) }]
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![Monitor {
            name: NAME,
            namespace: NAME,
            labels: &[("app.kubernetes.io/name", NAME)],
            job: "app.kubernetes.io/name",
            port: "metrics",
        }]
    }

    fn alerting_rules(&self, clusters: &[Context<'_>]) -> Vec<AlertingRules> {
        let clusters = clusters.iter().filter(|context| context.get::<Self>().is_some());
        let clusters: Vec<_> = clusters.map(|context| &context.name.value).collect();
        vec![AlertingRules { name: NAME, template: RULES, variables: json!({ "clusters": clusters }) }]
    }
}
