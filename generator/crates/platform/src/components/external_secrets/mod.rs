//! External Secrets: creates Secrets from the secret store, so that none is in Git.

use crate::component::{AlertingRules, Component, Context, Monitor};
use crate::network::{Closed, webhooks};
use crate::secret_provider::{NAMESPACE, provider};
use crate::{release, restarts, usage};
use diagnostic::{Diagnostics, Span};
use model::contract::{RESTART_ANNOTATION, STORE_LABEL};
use model::{Capability, Chart, Manifest, Namespace, Need, Template, Unit};
use serde_json::json;
use spec::PodSecurity;
use spec::platform::{Configured as _, ExternalSecrets};

const CHART: Chart = Chart::oci("external-secrets", "oci://ghcr.io/external-secrets/charts/external-secrets", "2.9.0")
    .signed_by("external-secrets/external-secrets");
const VALUES: Template = Template { name: "external-secrets/values.yaml", source: include_str!("values.yaml.j2") };
const STORE: Template =
    Template { name: "external-secrets/clustersecretstore.yaml", source: include_str!("clustersecretstore.yaml.j2") };

const RULES: Template = Template { name: "external-secrets/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, STORE, RULES];

impl Component for ExternalSecrets {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = context.spec.secrets.is_some();
        (!is_configured).then_some(
            "add a secret store to the lab: `secrets: { store: { infisical: { project: …, environment: … } } }`",
        )
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::reads_secrets(context)
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(provider) = context.store().map(provider) else { return Vec::new() };
        let mut operator = Unit::new(
            "external-secrets",
            "platform/external-secrets",
            Namespace::created(NAMESPACE, PodSecurity::Restricted),
        );
        let server = provider.server();
        let values = server.as_ref().map(|server| {
            // Reloader restarts the server when its certificate is renewed.
            json!({ "secret": server.secret, "restarts": restarts(context).then_some(RESTART_ANNOTATION) })
        });
        operator.install(release(self.options(), "external-secrets", CHART, VALUES, json!({ "server": values })));
        if let Some(server) = server {
            // The pod of the server waits for the Secret with its certificate. A unit of its own would make each chain longer.
            operator.extend(server.objects);
            operator.needs.push(Need::before(Capability::Api("cert-manager.io"), span));
        }
        operator.provides = vec![Capability::Api("external-secrets.io"), Capability::Namespace(NAMESPACE.into())];

        let mut config =
            Unit::new("external-secrets-store", "platform/external-secrets-store", Namespace::existing(NAMESPACE));
        config.add(Manifest::new(
            "ClusterSecretStore",
            provider.name(),
            "clustersecretstore.yaml",
            STORE,
            json!({ "name": provider.name(), "label": STORE_LABEL, "provider": provider.configuration(&context.name.value) }),
        ));
        provider.extend(&mut config);
        config.needs = vec![Need::before(Capability::Api("external-secrets.io"), span)];
        config.provides.push(Capability::SecretStore);
        vec![operator, config]
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let entries = context.store().and_then(|store| provider(store).namespace());
        let entries = entries.map(|namespace| Closed::new(namespace, []));
        [Closed::new(NAMESPACE, [webhooks(context, [10250])])].into_iter().chain(entries).collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![Monitor {
            name: "external-secrets",
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/instance", "external-secrets")],
            job: "app.kubernetes.io/name",
            port: "metrics",
        }]
    }

    fn alerting_rules(&self, _: &[Context<'_>]) -> Vec<AlertingRules> {
        vec![AlertingRules { name: "external-secrets", template: RULES, variables: json!({}) }]
    }
}
