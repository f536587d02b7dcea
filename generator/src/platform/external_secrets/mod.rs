//! External Secrets: makes Secrets from what the store holds, so that none stands in Git.

use super::{Component, Context, Monitor, Options, Rules, SECRETS_ON_DISK, component_options, need};
use crate::lab::{Capability, Chart, DiskSecret, Namespace, Object, PodSecurity, Template, Unit};
use crate::spec::SecretStore;
use diagnostic::{Diagnostics, Span};
use minijinja::context;

const CHART: Chart = Chart::oci("external-secrets", "oci://ghcr.io/external-secrets/charts/external-secrets", "2.9.0");
const VALUES: Template = Template { name: "external-secrets/values.yaml", source: include_str!("values.yaml.j2") };
const STORE: Template =
    Template { name: "external-secrets/clustersecretstore.yaml", source: include_str!("clustersecretstore.yaml.j2") };

const RULES: Template = Template { name: "external-secrets/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, STORE, RULES];

const NAMESPACE: &str = "external-secrets";

/// The name of the ClusterSecretStore.
pub(crate) const STORE_NAME: &str = "infisical";

/// The store's own credential, which a server makes from its disk.
pub(super) fn disk_secret() -> DiskSecret {
    let file = |key: &str, name: &str| (key.to_owned(), format!("{SECRETS_ON_DISK}/infisical/{name}"));
    DiskSecret {
        namespace: NAMESPACE.to_owned(),
        name: "infisical-universal-auth".to_owned(),
        keys: vec![file("clientId", "client-id"), file("clientSecret", "client-secret")],
    }
}

component_options! {
    /// Secrets from the store.
    ExternalSecrets {}
}

impl Component for ExternalSecrets {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = context.spec.secrets.is_some();
        (!is_given).then_some("give the lab a secret store: `secrets: { store: { infisical: … } }`")
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(SecretStore::Infisical(store)) = context.spec.secrets.as_ref().map(|secrets| &secrets.store) else {
            return Vec::new();
        };
        let mut operator = Unit::new(
            "external-secrets",
            "platform/external-secrets",
            Namespace::made(NAMESPACE, PodSecurity::Restricted),
        );
        operator.release = Some(self.common().release("external-secrets", CHART, VALUES, context! {}));
        operator.provides = vec![Capability::Api("external-secrets.io"), Capability::Namespace(NAMESPACE.to_owned())];

        let mut config =
            Unit::new("external-secrets-store", "platform/external-secrets-store", Namespace::existing(NAMESPACE));
        let secret = disk_secret();
        config.objects = vec![Object {
            kind: "ClusterSecretStore",
            name: STORE_NAME.to_owned(),
            file: "clustersecretstore.yaml".to_owned(),
            template: STORE,
            context: context! {
                name => STORE_NAME,
                host => store.host.as_ref().map_or("https://app.infisical.com", |host| host.as_str()),
                project => store.project.as_str(),
                environment => store.environment.as_str(),
                secret => secret.name,
                namespace => secret.namespace,
            },
        }];
        config.needs = vec![need(Capability::Api("external-secrets.io"), span)];
        config.provides = vec![Capability::SecretStore];
        vec![operator, config]
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

    fn rules(&self) -> &'static [Rules] {
        &[Rules { name: "external-secrets", template: RULES }]
    }
}
