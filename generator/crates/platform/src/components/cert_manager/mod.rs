//! cert-manager: certificates from Let's Encrypt, with DNS-01 challenges through the DNS provider.

mod webhook;

use crate::component::{AlertingRules, Component, Context, Dashboard, Monitor};
use crate::dns_provider::{Solver, Webhook, provider};
use crate::exposure::INGRESS_NAMESPACE;
use crate::network::{Closed, webhooks};
use crate::{release, usage};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::INGRESS_LABEL;
use model::{Capability, Chart, Manifest, Namespace, Need, Template, Unit};
use serde_json::json;
use spec::platform::{Certificates, ComponentId, Configured as _, Ingress};
use spec::{CertificateIssuer, PodSecurity};

pub(crate) const CHART: Chart = Chart::oci("cert-manager", "oci://quay.io/jetstack/charts/cert-manager", "v1.21.1");
const VALUES: Template = Template { name: "cert-manager/values.yaml", source: include_str!("values.yaml.j2") };
const ISSUER: Template =
    Template { name: "cert-manager/clusterissuer.yaml", source: include_str!("clusterissuer.yaml.j2") };
const WILDCARD: Template =
    Template { name: "cert-manager/certificate.yaml", source: include_str!("certificate.yaml.j2") };

const RULES: Template = Template { name: "cert-manager/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &{
    let [values, post_render, role, binding] = webhook::TEMPLATES;
    [VALUES, ISSUER, WILDCARD, RULES, values, post_render, role, binding]
};

const NAMESPACE: &str = "cert-manager";

/// The ClusterIssuer of publicly trusted certificates.
pub(crate) const TRUSTED_ISSUER: &str = "letsencrypt";

/// The name of the ClusterIssuer for an environment of Let's Encrypt.
pub(crate) fn issuer_name(issuer: CertificateIssuer) -> &'static str {
    match issuer {
        CertificateIssuer::Production => TRUSTED_ISSUER,
        CertificateIssuer::Staging => "letsencrypt-staging",
    }
}

fn server(issuer: CertificateIssuer) -> &'static str {
    match issuer {
        CertificateIssuer::Production => "https://acme-v02.api.letsencrypt.org/directory",
        CertificateIssuer::Staging => "https://acme-staging-v02.api.letsencrypt.org/directory",
    }
}

/// Namespace and name of the Secret with the wildcard certificate for the lab's domain, if it is enabled. It is in the
/// namespace of the ingress controller: that of cert-manager also has the credential of the DNS provider.
pub(crate) fn wildcard_secret(certificates: &Certificates) -> Option<String> {
    certificates.wildcard.is_on().then(|| format!("{INGRESS_NAMESPACE}/{WILDCARD_SECRET}"))
}

/// The name of the Secret with the wildcard certificate.
const WILDCARD_SECRET: &str = "wildcard-tls";

/// Whether the cluster has issuers. If only other components use cert-manager, it needs no access to the DNS zone.
fn has_issuers(context: &Context<'_>) -> bool {
    context.spec.dns.is_some()
        && (context.cluster.platform.span(ComponentId::Certificates).is_some() || usage::has_ingress(context))
}

/// The options of the issuers of publicly trusted certificates, if the lab can have them. Without a DNS provider,
/// cert-manager is there for the secret store.
pub fn issuers<'a>(context: &Context<'a>) -> Option<&'a Certificates> {
    context.spec.dns.as_ref().and_then(|_| context.get())
}

/// The webhook that solves the challenges of the issuers, if they need one.
fn solver_webhook(context: &Context<'_>) -> Option<Webhook> {
    match provider(context.spec)?.solver {
        Solver::Webhook(webhook) if has_issuers(context) => Some(*webhook),
        Solver::Webhook(_) | Solver::BuiltIn(_) => None,
    }
}

impl Component for Certificates {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = context.spec.dns.is_some() || usage::has_store_server(context);
        (!is_configured).then_some(crate::DNS_REMEDY)
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::has_ingress(context) || usage::has_internal_certificates(context)
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        if context.spec.dns.is_none() {
            for field in [self.issuer.span(), self.wildcard.span()].into_iter().flatten() {
                let message = "without a DNS provider, cert-manager issues no certificates for apps";
                let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, field, message).of_absence();
                diagnostics.push(diagnostic.help(crate::DNS_REMEDY));
            }
        }
        let mut operator =
            Unit::new("cert-manager", "platform/cert-manager", Namespace::created(NAMESPACE, PodSecurity::Restricted));
        let mut release = release(self.options(), "cert-manager", CHART, VALUES, json!({}));
        if !release.version.as_str().starts_with('v') {
            // The tags of this chart start with a `v`, but its versions are often written without.
            release.version = format!("v{}", release.version).into();
        }
        operator.install(release);
        operator.provides = vec![Capability::Api("cert-manager.io"), Capability::Namespace(NAMESPACE.into())];

        let Some(provider) = provider(context.spec).filter(|_| has_issuers(context)) else { return vec![operator] };
        let mut issuers =
            Unit::new("cert-manager-issuers", "platform/cert-manager-issuers", Namespace::existing(NAMESPACE));
        issuers.extend([CertificateIssuer::Production, CertificateIssuer::Staging].map(|issuer| {
            Manifest::new(
                "ClusterIssuer",
                issuer_name(issuer),
                format!("clusterissuer-{}.yaml", issuer_name(issuer)),
                ISSUER,
                json!({
                    "name": issuer_name(issuer),
                    "server": server(issuer),
                    "email": context.spec.lab.admin.email.value,
                    "zone": context.domain(),
                    "solver": provider.solver.dns01(),
                }),
            )
        }));
        if self.wildcard.is_on() && context.get::<Ingress>().is_some() {
            let mut namespace = Namespace::created(INGRESS_NAMESPACE, PodSecurity::Restricted);
            namespace.label(INGRESS_LABEL);
            issuers.other_namespaces.push(namespace);
            issuers.add(Manifest::new(
                "Certificate",
                "wildcard",
                "certificate.yaml",
                WILDCARD,
                json!({
                    "namespace": INGRESS_NAMESPACE,
                    "secret": WILDCARD_SECRET,
                    "issuer": issuer_name(*self.issuer.get()),
                    "domain": context.domain(),
                }),
            ));
        }
        issuers.read_secrets([provider.solver_secret(context)]);
        issuers.needs =
            vec![Need::before(Capability::Api("cert-manager.io"), span), Need::before(Capability::SecretStore, span)];
        issuers.provides = vec![Capability::Issuer];
        let webhook = provider.solver.webhook().map(|webhook| {
            issuers.needs.push(Need::before(Capability::Api(webhook.group), span));
            webhook::unit(&provider, webhook, span)
        });
        [operator].into_iter().chain(webhook).chain([issuers]).collect()
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let solver = solver_webhook(context).map(|_| webhook::PORT);
        vec![Closed::new(NAMESPACE, [webhooks(context, [10250].into_iter().chain(solver))])]
    }

    fn monitors(&self, context: &Context<'_>) -> Vec<Monitor> {
        let monitor = Monitor {
            name: "cert-manager",
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/instance", "cert-manager")],
            job: "app.kubernetes.io/name",
            port: "http-metrics",
        };
        let webhook = solver_webhook(context).and_then(|webhook| webhook::monitor(&webhook));
        [monitor].into_iter().chain(webhook).collect()
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[Dashboard { name: "cert-manager", json: include_str!("dashboard.json") }]
    }

    fn alerting_rules(&self, _: &[Context<'_>]) -> Vec<AlertingRules> {
        vec![AlertingRules { name: "cert-manager", template: RULES, variables: json!({}) }]
    }
}
