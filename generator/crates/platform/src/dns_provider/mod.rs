//! What depends on the DNS provider: a file for each. cert-manager, ExternalDNS and DDNS-Updater all change the same
//! zone, which is the lab's domain.

mod cloudflare;
mod desec;
mod digitalocean;
mod google;
mod hetzner;
mod ovh;
mod rfc2136;
mod route53;

use crate::component::Context;
use diagnostic::Span;
use model::{Chart, ExternalSecret, StoreKey};
use serde::Serialize;
use serde_json::{Value, json};
use spec::types::{DomainName, SecretRef};
use spec::{Dns, Spanned, Spec};

/// A DNS provider, as each of these programs is configured for it.
pub(crate) struct Provider<'a> {
    /// Its name, for messages.
    pub(crate) name: &'static str,
    /// The credentials of the account.
    credentials: Credentials<'a>,
    /// The credentials of cert-manager, if they have fewer rights. The Secret has the same name.
    solver_keys: Option<Vec<Key<'a>>>,
    /// Whether a CNAME record can have the name of the zone itself.
    alias_of_zone: bool,
    /// How cert-manager solves DNS-01 challenges.
    pub(crate) solver: Solver,
    /// How ExternalDNS creates records.
    pub(crate) records: Records,
    /// How DDNS-Updater updates a record; `None` if it does not support the provider.
    pub(crate) updater: Option<Updater>,
}

/// The credentials of an account.
struct Credentials<'a> {
    /// The name of the Secret.
    secret: &'static str,
    /// The keys of the Secret.
    keys: Vec<Key<'a>>,
}

/// A key of a Secret.
struct Key<'a> {
    name: &'static str,
    /// The reference to its value.
    value: &'a Spanned<SecretRef>,
    /// What the value is and may do, for people who create it.
    rights: &'static str,
}

/// How cert-manager solves DNS-01 challenges.
pub(crate) enum Solver {
    /// By itself: the field `dns01` of a solver of an issuer.
    BuiltIn(Value),
    /// Through a webhook.
    Webhook(Box<Webhook>),
}

/// A webhook that solves challenges for cert-manager, as an API group of the Kubernetes API.
pub(crate) struct Webhook {
    /// Its chart. The release has the name of the chart, and so has its Deployment.
    pub(crate) chart: Chart,
    /// Its Helm values, besides those that are the same for all webhooks.
    pub(crate) values: Value,
    /// The API group.
    pub(crate) group: &'static str,
    /// Its name in the group.
    pub(crate) solver: &'static str,
    /// Its settings.
    pub(crate) config: Value,
    /// The ClusterRole of the chart, and its binding, by which it would read all Secrets, if there is one.
    pub(crate) reader: Option<&'static str>,
    /// Whether the chart lets its pod run as root and listen on port 443.
    pub(crate) is_root: bool,
    /// Its metrics, if it has any.
    pub(crate) metrics: Option<Metrics>,
}

/// Metrics of pods.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metrics {
    /// The labels of the pods.
    pub(crate) labels: &'static [(&'static str, &'static str)],
    /// The name of the port.
    pub(crate) port: &'static str,
}

/// How ExternalDNS creates records.
pub(crate) enum Records {
    /// By itself.
    BuiltIn {
        /// The provider's name in ExternalDNS.
        provider: &'static str,
        /// The environment variables of ExternalDNS.
        environment: Vec<Value>,
        /// Its arguments for the provider, by name.
        arguments: Value,
        /// The folder where it reads the Secret, if it does not read it from environment variables.
        folder: Option<&'static str>,
    },
    /// Through a webhook in its pod.
    Sidecar(Sidecar),
}

/// A container beside ExternalDNS that changes the zone for it. ExternalDNS connects to its port 8888.
#[derive(Serialize)]
pub(crate) struct Sidecar {
    /// The repository of its image.
    pub(crate) image: &'static str,
    /// The tag of its image.
    pub(crate) tag: &'static str,
    /// The ID of the user that it runs as.
    pub(crate) user: u32,
    /// Its environment variables.
    pub(crate) environment: Vec<Value>,
    /// The paths of its liveness and its readiness probe.
    pub(crate) probes: [&'static str; 2],
    /// Whether it serves probes and metrics on port 8080, and ExternalDNS on the loopback interface. Otherwise it serves
    /// all of them on port 8888.
    pub(crate) is_split: bool,
}

/// How DDNS-Updater updates a record.
pub(crate) struct Updater {
    /// Its settings for the provider; `None` if the spec lacks the zone ID, which they require. `@KEY@` is a
    /// placeholder for a key of the Secret, and `@json KEY@` for one that contains JSON.
    settings: Option<Value>,
    /// Whether the zone has to be the domain of the settings. Otherwise it is found by other settings, or by the host name.
    is_per_zone: bool,
}

/// Returns the provider of the lab's zone.
pub(crate) fn provider(spec: &Spec) -> Option<Provider<'_>> {
    Some(match spec.dns.as_ref()? {
        Dns::Cloudflare(account) => cloudflare::provider(account),
        Dns::Desec(account) => desec::provider(account, &spec.lab.domain),
        Dns::DigitalOcean(account) => digitalocean::provider(account, &spec.lab.domain),
        Dns::Google(account) => google::provider(account),
        Dns::Hetzner(account) => hetzner::provider(account, &spec.lab.domain),
        Dns::Ovh(account) => ovh::provider(account),
        Dns::Route53(account) => route53::provider(account),
        Dns::Rfc2136(account) => rfc2136::provider(account, &spec.lab.domain),
    })
}

/// The references to the secrets of the account.
pub fn secrets(spec: &Spec) -> Vec<&Spanned<SecretRef>> {
    let Some(provider) = provider(spec) else { return Vec::new() };
    let keys = provider.credentials.keys.into_iter().chain(provider.solver_keys.into_iter().flatten());
    keys.map(|key| key.value).collect()
}

/// The name of the lab's DNS provider and its place in the spec, if DDNS-Updater does not support it.
pub(crate) fn without_updater(spec: &Spec) -> Option<(&'static str, Span)> {
    let provider = provider(spec).filter(|provider| provider.updater.is_none())?;
    Some((provider.name, provider.credentials.keys[0].value.span))
}

/// The name of the provider, if a CNAME record cannot have the name of the zone itself.
pub fn refuses_alias_of_zone(spec: &Spec) -> Option<&'static str> {
    provider(spec).filter(|provider| !provider.alias_of_zone).map(|provider| provider.name)
}

/// An environment variable.
fn variable(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// The requests and limits of a webhook.
fn resources() -> Value {
    json!({ "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "memory": "128Mi" } })
}

impl Credentials<'_> {
    /// An environment variable with the value of a key.
    fn variable(&self, name: &str, key: &str) -> Value {
        json!({ "name": name, "valueFrom": { "secretKeyRef": self.key(key) } })
    }

    /// A reference to a key.
    fn key(&self, key: &str) -> Value {
        json!({ "name": self.secret, "key": key })
    }
}

impl Solver {
    /// The field `dns01` of a solver of an issuer.
    pub(crate) fn dns01(&self) -> Value {
        match self {
            Self::BuiltIn(dns01) => dns01.clone(),
            Self::Webhook(webhook) => json!({
                "webhook": {
                    "groupName": webhook.group,
                    "solverName": webhook.solver,
                    "config": webhook.config,
                },
            }),
        }
    }

    /// The webhook that it needs.
    pub(crate) fn webhook(&self) -> Option<&Webhook> {
        match self {
            Self::BuiltIn(_) => None,
            Self::Webhook(webhook) => Some(webhook),
        }
    }
}

impl Updater {
    /// Whether the account has all that it requires.
    pub(crate) fn is_complete(&self) -> bool {
        self.settings.is_some()
    }
}

impl Provider<'_> {
    /// The name of the Secret with the credentials of the account.
    pub(crate) fn secret_name(&self) -> &'static str {
        self.credentials.secret
    }

    /// The Secret with the credentials of the account.
    pub(crate) fn secret(&self, context: &Context<'_>) -> ExternalSecret {
        self.secret_with(&self.credentials.keys, context)
    }

    /// The Secret with the credentials of cert-manager.
    pub(crate) fn solver_secret(&self, context: &Context<'_>) -> ExternalSecret {
        self.secret_with(self.solver_keys.as_ref().unwrap_or(&self.credentials.keys), context)
    }

    fn secret_with(&self, keys: &[Key<'_>], context: &Context<'_>) -> ExternalSecret {
        let data = keys.iter().map(|key| {
            let stored = StoreKey { rights: Some(key.rights), ..context.stored(key.value) };
            (key.name.into(), stored)
        });
        ExternalSecret::new(self.credentials.secret, data.collect())
    }

    /// The configuration of DDNS-Updater, as an External Secrets template over the keys of the account.
    pub(crate) fn updater_config(&self, zone: &DomainName, host: &DomainName) -> Option<String> {
        let updater = self.updater.as_ref()?;
        let own = updater.settings.as_ref()?.as_object().expect("settings are a mapping");
        let mut setting = json!({ "provider": own["provider"], "domain": host, "ip_version": "ipv4", "ttl": 300 });
        if updater.is_per_zone {
            // Without an owner it would take the part of the name that was registered, such as example.com, for the zone.
            setting["domain"] = json!(zone);
            setting["owner"] = json!(host.labels_below(zone).unwrap_or("@"));
        }
        // The placeholders become template expressions that quote the values from the store.
        for (name, value) in own {
            setting[name] = value.clone();
        }
        let mut text = format!("{:#}", json!({ "settings": [setting] }));
        for Key { name: key, .. } in &self.credentials.keys {
            for (mark, filter) in [("", "trim"), ("json ", "fromJson")] {
                let value = format!("{{{{ index . \"{key}\" | {filter} | toJson }}}}");
                text = text.replace(&format!("\"@{mark}{key}@\""), &value);
            }
        }
        Some(text)
    }
}
