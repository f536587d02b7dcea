//! ExternalDNS: the names of public apps in the public zone.

use super::{Component, Context, Monitor, Options, component_options, dns_provider, need, secrets_before};
use crate::lab::{Capability, Chart, Namespace, PodSecurity, Template, Unit};
use crate::spec::{Public, Spanned};
use diagnostic::{Diagnostics, Span};
use minijinja::context;
use minijinja::value::Serde;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const CHART: Chart = Chart::http("external-dns", "https://kubernetes-sigs.github.io/external-dns/", "1.21.1");
const VALUES: Template = Template { name: "external-dns/values.yaml", source: include_str!("values.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES];

const NAMESPACE: &str = "external-dns";

/// What may be done to records in the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Policy {
    /// Records are made, changed and removed. Only those that the cluster itself has made: a TXT
    /// record beside each names its owner.
    #[default]
    Sync,
    /// Records are made and changed, never removed.
    UpsertOnly,
}

component_options! {
    /// Names of public apps in the public DNS zone.
    PublicDns {
        /// What may be done to records in the zone. Default: `sync`.
        policy: Option<Spanned<Policy>>,
    }
}

impl Component for PublicDns {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = context.spec.dns.is_some() && context.spec.network.public.is_some();
        (!is_given).then_some(
            "give the lab a DNS provider, `dns: { cloudflare: { api-token: ENTRY/KEY } }`, and an entry, \
             `network: { public: { host: home } }`",
        )
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(dns) = &context.spec.dns else { return Vec::new() };
        let secret = dns_provider::secret(context, dns);
        let values = context! {
            dns => Serde(dns_provider::facts(dns)),
            secret => secret.name.as_str(),
            policy => Serde(self.policy.as_ref().map(|policy| policy.value).unwrap_or_default()),
            // A name for the entry's name, an address for its fixed address.
            record_type => if matches!(context.spec.network.public, Some(Public::Address(_))) { "A" } else { "CNAME" },
            owner => context.name.as_str(),
            domain => context.spec.lab.domain.as_str(),
        };
        let mut unit = Unit::new("external-dns", "platform/external-dns", Namespace::existing(NAMESPACE));
        unit.release = Some(self.common().release("external-dns", CHART, VALUES, values));
        // Its source are the addresses that the controller writes into each Ingress.
        unit.needs = vec![need(Capability::Ingress, span)];
        unit.provides = vec![Capability::PublicDns];
        let before = secrets_before(&mut unit, PodSecurity::Restricted, vec![secret], span);
        vec![before, unit]
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![Monitor {
            name: "external-dns",
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/name", "external-dns")],
            job: "app.kubernetes.io/name",
            port: "http",
        }]
    }
}
