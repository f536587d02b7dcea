//! cert-manager: certificates of Let's Encrypt, proved through the DNS provider.

use super::{Component, Context, Dashboard, Monitor, Options, Rules, component_options, dns_provider, need};
use crate::lab::{Capability, Chart, HealthExpression, Namespace, Object, PodSecurity, Template, Unit};
use crate::spec::{Given as _, Spanned};
use diagnostic::{Diagnostics, Span};
use minijinja::context;
use minijinja::value::Serde;
use schemars::JsonSchema;
use serde::Deserialize;

const CHART: Chart = Chart::oci("cert-manager", "oci://quay.io/jetstack/charts/cert-manager", "v1.21.1");
const VALUES: Template = Template { name: "cert-manager/values.yaml", source: include_str!("values.yaml.j2") };
const ISSUER: Template =
    Template { name: "cert-manager/clusterissuer.yaml", source: include_str!("clusterissuer.yaml.j2") };
const WILDCARD: Template =
    Template { name: "cert-manager/certificate.yaml", source: include_str!("certificate.yaml.j2") };

const RULES: Template = Template { name: "cert-manager/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, ISSUER, WILDCARD, RULES];

const NAMESPACE: &str = "cert-manager";

/// An environment of Let's Encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Issuer {
    /// Certificates that browsers trust.
    #[default]
    Production,
    /// Certificates to try with: not trusted, but hardly limited in number.
    Staging,
}

impl Issuer {
    /// The name of its ClusterIssuer.
    fn name(self) -> &'static str {
        match self {
            Self::Production => TRUSTED_ISSUER,
            Self::Staging => "letsencrypt-staging",
        }
    }

    fn server(self) -> &'static str {
        match self {
            Self::Production => "https://acme-v02.api.letsencrypt.org/directory",
            Self::Staging => "https://acme-staging-v02.api.letsencrypt.org/directory",
        }
    }
}

/// The ClusterIssuer of certificates that everybody trusts.
pub(super) const TRUSTED_ISSUER: &str = "letsencrypt";

component_options! {
    /// TLS certificates of Let's Encrypt.
    Certificates {
        /// The environment of Let's Encrypt that apps take their certificates from. Both exist as
        /// ClusterIssuers; what other clusters ship to always has a trusted one. Default: `production`.
        issuer: Option<Spanned<Issuer>>,
        /// Whether one certificate serves all labels below the lab's domain, in place of one per
        /// host name: the names of apps then stand in no public log of certificates.
        /// Default: `false`.
        wildcard: Option<Spanned<bool>>,
    }
}

/// Namespace and name of the Secret with the wildcard certificate.
const WILDCARD_SECRET: &str = "cert-manager/wildcard-tls";

impl Certificates {
    /// The ClusterIssuer that apps take their certificates from.
    pub(super) fn issuer_name(&self) -> &'static str {
        self.issuer.given().copied().unwrap_or_default().name()
    }

    /// Namespace and name of the Secret with the certificate for all labels below the lab's domain,
    /// if there is one.
    pub(super) fn wildcard_secret(&self) -> Option<&'static str> {
        self.wildcard.as_ref().is_some_and(|wildcard| wildcard.value).then_some(WILDCARD_SECRET)
    }
}

impl Component for Certificates {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = context.spec.dns.is_some();
        (!is_given).then_some("give the lab a DNS provider: `dns: { cloudflare: { api-token: ENTRY/KEY } }`")
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(dns) = &context.spec.dns else { return Vec::new() };
        let secret = dns_provider::secret(context, dns);
        let mut operator =
            Unit::new("cert-manager", "platform/cert-manager", Namespace::made(NAMESPACE, PodSecurity::Restricted));
        let mut release = self.common().release("cert-manager", CHART, VALUES, context! {});
        if !release.version.starts_with('v') {
            // The tags of this chart have it in front, though its versions are often told without.
            release.version.insert(0, 'v');
        }
        operator.release = Some(release);
        operator.provides = vec![Capability::Api("cert-manager.io"), Capability::Namespace(NAMESPACE.to_owned())];

        let mut issuers =
            Unit::new("cert-manager-issuers", "platform/cert-manager-issuers", Namespace::existing(NAMESPACE));
        issuers.objects = [Issuer::Production, Issuer::Staging]
            .into_iter()
            .map(|issuer| Object {
                kind: "ClusterIssuer",
                name: issuer.name().to_owned(),
                file: format!("clusterissuer-{}.yaml", issuer.name()),
                template: ISSUER,
                context: context! {
                    name => issuer.name(),
                    server => issuer.server(),
                    email => context.spec.lab.admin.email.as_str(),
                    zone => context.spec.lab.domain.as_str(),
                    dns => Serde(dns_provider::facts(dns)),
                    secret => secret.name.as_str(),
                },
            })
            .collect();
        if self.wildcard_secret().is_some() {
            issuers.objects.push(Object {
                kind: "Certificate",
                name: "wildcard".to_owned(),
                file: "certificate.yaml".to_owned(),
                template: WILDCARD,
                context: context! { issuer => self.issuer_name(), domain => context.spec.lab.domain.as_str() },
            });
        }
        issuers.secrets = vec![secret];
        issuers.needs = vec![need(Capability::Api("cert-manager.io"), span), need(Capability::SecretStore, span)];
        issuers.provides = vec![Capability::Issuer];
        issuers.health = vec![HealthExpression {
            api_version: "cert-manager.io/v1",
            kind: "ClusterIssuer",
            current: "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')",
            failed: Some(
                "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'False')",
            ),
        }];
        vec![operator, issuers]
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![Monitor {
            name: "cert-manager",
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/instance", "cert-manager")],
            job: "app.kubernetes.io/name",
            port: "http-metrics",
        }]
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[Dashboard { name: "cert-manager", json: include_str!("dashboard.json") }]
    }

    fn rules(&self) -> &'static [Rules] {
        &[Rules { name: "cert-manager", template: RULES }]
    }
}
