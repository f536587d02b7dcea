//! The apps of a cluster.

use super::super::app::{Amount, App, Env, SecretData, Volume};
use super::super::dependencies::{Order, Providers};
use super::super::files::{self, Files};
use super::super::rules;
use super::super::unit::{Capability, Need, PodSecurity};
use super::{defaults, patches};
use crate::diagnostic::{Diagnostics, Span};
use crate::platform::{self, Context};
use crate::spec::types::Quantity;
use crate::spec::{self, Entry, EnvValue, Given as _, Spec};

/// What resolving the apps of a cluster looks at.
pub(super) struct Apps<'a> {
    pub(super) spec: &'a Spec,
    pub(super) cluster: &'a Entry<spec::Cluster>,
    pub(super) context: &'a Context<'a>,
    pub(super) providers: &'a Providers,
    pub(super) order: &'a Order,
    pub(super) files: &'a Files,
}

impl Apps<'_> {
    pub(super) fn resolve(&self, entry: &Entry<spec::App>, faults: &mut Diagnostics) -> App {
        let app = &entry.value;
        let name = entry.name.to_string();
        let secrets = self.secrets(app);
        let host = app.expose.as_ref().map(|expose| rules::full_host(&expose.host, self.spec.lab.domain.as_str()));
        let tls = host.is_some() && self.providers.has(&Capability::Issuer);
        let manifests = files::manifests(&app.manifests, self.files, faults);
        let startup_seconds = app.probe.as_ref().and_then(|probe| probe.startup_seconds.given().copied());
        let resources = app.resources.clone().unwrap_or_default();
        let security = app.security.clone().unwrap_or_default();
        let root = security.root.given().copied().unwrap_or(false);
        let restricted = !root
            && security.capabilities.iter().all(|capability| capability.value == spec::Capability::NetBindService);
        let mut resolved = App {
            description: app.description.clone(),
            image: image(&app.image),
            command: app.command.clone(),
            args: app.args.clone(),
            port: app.port.given().copied(),
            env: app.env.iter().map(|(name, value)| env(name.as_str(), value)).collect(),
            volumes: app.storage.iter().map(|volume| resolve_volume(&name, volume)).collect(),
            health_path: app.probe.as_ref().map(|probe| probe.path.to_string()),
            startup_seconds: startup_seconds.unwrap_or(defaults::STARTUP_SECONDS),
            requests: amounts(&resources.requests.unwrap_or_default(), Some("50m"), Some("128Mi")),
            limits: amounts(&resources.limits.unwrap_or_default(), None, Some("512Mi")),
            user: security.user.given().copied(),
            group: security.group.given().copied(),
            root,
            read_only: security.read_only.given().copied().unwrap_or(false),
            capabilities: capabilities(&security),
            replicas: app.replicas.given().copied().unwrap_or(1),
            pod_security: if restricted { PodSecurity::Restricted } else { PodSecurity::Baseline },
            depends_on: self.depends_on(entry, tls, faults),
            secrets_depend_on: Vec::new(),
            wait: false,
            patches: Vec::new(),
            secrets,
            host,
            issuer: tls.then(|| platform::issuer_name(&self.cluster.value)),
            manifests,
            name,
        };
        if !resolved.secrets.is_empty() {
            let span = first_secret(app).unwrap_or(entry.name.span);
            let needs = [Need { capability: Capability::SecretStore, span }];
            resolved.secrets_depend_on =
                self.providers.bind(&resolved.secrets_unit(), self.cluster.name.as_str(), &needs, faults);
        }
        let made = resolved.made();
        resolved.patches = patches::bind(&app.patches, &[&made], faults);
        resolved
    }

    fn depends_on(&self, entry: &Entry<spec::App>, tls: bool, faults: &mut Diagnostics) -> Vec<String> {
        let app = &entry.value;
        let mut needs = Vec::new();
        if let Some(span) = first_secret(app) {
            needs.push(Need { capability: Capability::Secrets(entry.name.to_string()), span });
        }
        if let Some(expose) = &app.expose {
            needs.push(Need { capability: Capability::Ingress, span: expose.host.span });
            if tls {
                needs.push(Need { capability: Capability::Issuer, span: expose.host.span });
            }
        }
        let known = app.depends_on.iter().filter(|other| self.cluster.value.apps.get(other.as_str()).is_some());
        needs.extend(known.map(|other| Need { capability: Capability::App(other.to_string()), span: other.span }));
        let mut units = self.providers.bind(entry.name.as_str(), self.cluster.name.as_str(), &needs, faults);
        self.order.reduce(&mut units);
        units
    }

    fn secrets(&self, app: &spec::App) -> Vec<SecretData> {
        app.env
            .iter()
            .filter_map(|(name, value)| match value {
                EnvValue::Secret(secret) => {
                    Some(SecretData { key: name.to_string(), remote: self.context.remote(&secret.value) })
                }
                EnvValue::Text(_) => None,
            })
            .collect()
    }
}

fn first_secret(app: &spec::App) -> Option<Span> {
    app.env.values().find_map(|value| match value {
        EnvValue::Secret(secret) => Some(secret.span),
        EnvValue::Text(_) => None,
    })
}

fn image(image: &spec::Image) -> String {
    let digest = image.digest.as_ref().map_or(String::new(), |digest| format!("@{}", digest.value));
    format!("{}:{}{digest}", image.repository.value, image.tag.value)
}

fn env(name: &str, value: &EnvValue) -> Env {
    let text = match value {
        EnvValue::Text(text) => Some(text.clone()),
        EnvValue::Secret(_) => None,
    };
    Env { name: name.to_owned(), text }
}

fn resolve_volume(app: &str, volume: &Entry<spec::Volume>) -> Volume {
    Volume {
        name: volume.name.to_string(),
        claim: format!("{app}-{}", volume.name.value),
        size: volume.value.size.quantity(),
        mount: volume.value.mount.to_string(),
        class: volume.value.class.as_ref().map_or(defaults::STORAGE_CLASS.to_owned(), |class| class.to_string()),
    }
}

fn amounts(given: &spec::Amounts, cpu: Option<&str>, memory: Option<&str>) -> Vec<Amount> {
    let pick = |given: Option<&Quantity>, default: Option<&str>| {
        given.map(ToString::to_string).or_else(|| default.map(str::to_owned))
    };
    [("cpu", pick(given.cpu.given(), cpu)), ("memory", pick(given.memory.given(), memory))]
        .into_iter()
        .filter_map(|(name, amount)| Some(Amount { name, text: amount? }))
        .collect()
}

fn capabilities(security: &spec::Security) -> Vec<String> {
    let mut kept: Vec<_> = security.capabilities.iter().map(|capability| capability.value).collect();
    kept.sort_unstable();
    kept.dedup();
    let name = |capability| serde_json::to_value(capability).expect("capabilities are words");
    kept.into_iter().filter_map(|capability| name(capability).as_str().map(str::to_owned)).collect()
}
