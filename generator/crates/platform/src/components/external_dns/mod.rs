//! ExternalDNS: DNS records for public apps in the public zone.

use crate::component::{Component, Context, Monitor};
use crate::dns_provider::{Records, provider};
use crate::network::Closed;
use crate::{release, restart_with_secrets, secrets_unit_for, usage};
use diagnostic::{Diagnostics, Span};
use model::{Capability, Chart, Namespace, Need, Template, Unit};
use serde_json::{Value, json};
use spec::platform::{Configured as _, PublicDns, Tunnel};
use spec::{PodSecurity, Public};

/// The chart.
pub(super) const CHART: Chart =
    Chart::http("external-dns", "https://kubernetes-sigs.github.io/external-dns/", "1.21.1");
/// Its Helm values.
pub(super) const VALUES: Template =
    Template { name: "external-dns/values.yaml", source: include_str!("values.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES];

const NAMESPACE: &str = "external-dns";

/// Returns the variables of the values that depend on how records are created, with the credentials in this Secret.
pub(super) fn values(records: &Records, secret: &str) -> Value {
    let (provider, environment, arguments, folder, sidecar) = match records {
        Records::BuiltIn { provider, environment, arguments, folder } => {
            (*provider, environment.as_slice(), Some(arguments), *folder, None)
        }
        Records::Sidecar(sidecar) => ("webhook", &[][..], None, None, Some(sidecar)),
    };
    json!({
        "provider": provider,
        "env": environment,
        "arguments": arguments,
        "folder": folder,
        "secret": secret,
        "sidecar": sidecar,
    })
}

/// The variables of both mappings.
pub(super) fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

impl Component for PublicDns {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let has_target = context.spec.network.public.is_some() || context.get::<Tunnel>().is_some();
        match &context.spec.dns {
            Some(_) if has_target => None,
            Some(_) => Some("add to the lab a public host name, `network: { public: { host: home } }`"),
            None => Some(
                "add to the lab a DNS provider, `dns: { cloudflare: { api-token: ENTRY/KEY } }`, and a public host name, \
                 `network: { public: { host: home } }`",
            ),
        }
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::is_public(context)
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(provider) = provider(context.spec) else { return Vec::new() };
        // The target is a host name, or a fixed address.
        let has_address =
            matches!(context.spec.network.public, Some(Public::Address(_))) && context.get::<Tunnel>().is_none();
        let record_type = if has_address { "A" } else { "CNAME" };
        let (policy, owner) = (self.policy.get(), Some(&context.name.value));
        let records = values(&provider.records, provider.secret_name());
        let of_lab = json!({
            "source": "ingress",
            "policy": policy,
            "record_type": record_type,
            "owner": owner,
            "domain": context.domain(),
        });
        let values = merged(records, of_lab);
        let mut unit = Unit::new("external-dns", "platform/external-dns", Namespace::existing(NAMESPACE));
        unit.install(release(self.options(), "external-dns", CHART, VALUES, values));
        // ExternalDNS reads the addresses that the ingress controller writes into each Ingress.
        unit.needs = vec![Need::before(Capability::Ingress, span)];
        unit.provides = vec![Capability::PublicDns];
        restart_with_secrets(&mut unit, context);
        let secrets = secrets_unit_for(&mut unit, PodSecurity::Restricted, vec![provider.secret(context)], span);
        vec![secrets, unit]
    }

    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        vec![Closed::new(NAMESPACE, [])]
    }

    fn monitors(&self, context: &Context<'_>) -> Vec<Monitor> {
        let monitor = |name, port| Monitor {
            name,
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/name", "external-dns")],
            job: "app.kubernetes.io/name",
            port,
        };
        // A port that also changes the zone, without a password, is for no other pod.
        let has_metrics = provider(context.spec).is_some_and(|provider| match provider.records {
            Records::BuiltIn { .. } => false,
            Records::Sidecar(sidecar) => sidecar.is_split,
        });
        let sidecar = has_metrics.then(|| monitor("external-dns-webhook", "http-webhook"));
        [monitor("external-dns", "http")].into_iter().chain(sidecar).collect()
    }
}
