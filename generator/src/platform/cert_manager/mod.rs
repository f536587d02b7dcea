//! cert-manager: certificates of Let's Encrypt, proved through the DNS provider.

use super::{Component, Context, Options, component_options, need};
use crate::diagnostic::{Diagnostics, Span};
use crate::lab::{
    Capability, Chart, ChartSource, ExternalSecret, HealthExpression, Namespace, Object, PodSecurity, Template, Unit,
};
use crate::spec::{Dns, Spanned};
use minijinja::context;
use schemars::JsonSchema;
use serde::Deserialize;

const CHART: Chart = Chart {
    name: "cert-manager",
    source: ChartSource::Oci("oci://quay.io/jetstack/charts/cert-manager"),
    version: "v1.21.1",
    schema_is_remote: false,
};
const VALUES: Template = Template { name: "cert-manager/values.yaml", source: include_str!("values.yaml.j2") };
const ISSUER: Template =
    Template { name: "cert-manager/clusterissuer.yaml", source: include_str!("clusterissuer.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, ISSUER];

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
            Self::Production => "letsencrypt",
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

component_options! {
    /// TLS certificates of Let's Encrypt.
    Certificates {
        /// The environment of Let's Encrypt that apps take their certificates from. Both exist as
        /// ClusterIssuers. Default: `production`.
        issuer: Option<Spanned<Issuer>>,
    }
}

/// The name of the ClusterIssuer that a cluster's apps use.
pub(crate) fn issuer_name(cluster: &crate::spec::Cluster) -> &'static str {
    let options = cluster.platform.certificates.as_ref();
    options.and_then(|options| options.issuer.as_ref()).map_or(Issuer::Production, |issuer| issuer.value).name()
}

impl Component for Certificates {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_configured(&self, context: &Context<'_>) -> bool {
        context.spec.dns.is_some()
    }

    fn remedy(&self) -> &'static str {
        "give the lab a DNS provider: `dns: { cloudflare: { api-token: ENTRY/KEY } }`"
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(Dns::Cloudflare(account)) = &context.spec.dns else { return Vec::new() };
        let mut operator =
            Unit::new("cert-manager", "platform/cert-manager", Namespace::made(NAMESPACE, PodSecurity::Restricted));
        operator.release = Some(self.common().release("cert-manager", CHART, VALUES, context! {}));
        operator.provides = vec![Capability::Api("cert-manager.io"), Capability::Namespace(NAMESPACE.to_owned())];

        let mut issuers =
            Unit::new("cert-manager-issuers", "platform/cert-manager-issuers", Namespace::existing(NAMESPACE));
        issuers.secrets = vec![ExternalSecret {
            name: "cloudflare-api-token".to_owned(),
            data: vec![("api-token".to_owned(), context.remote(&account.api_token.value))],
        }];
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
                },
            })
            .collect();
        issuers.needs = vec![need(Capability::Api("cert-manager.io"), span), need(Capability::SecretStore, span)];
        issuers.provides = vec![Capability::Issuer];
        issuers.health = vec![HealthExpression {
            api_version: "cert-manager.io/v1",
            kind: "ClusterIssuer",
            current: "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')",
            failed: "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'False')",
        }];
        vec![operator, issuers]
    }
}
