//! The apps of a cluster.

use super::super::app::{App, Env, SecretData, Volume};
use super::super::dependencies::{Order, Providers};
use super::super::files::{self, Files};
use super::super::unit::{Capability, Exposure, Need, PodSecurity, Tls};
use super::{defaults, patches};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::platform::{self, Access, Context, Reach};
use crate::spec::types::EnvName;
use crate::spec::{self, DatabaseField, Entry, EnvSource, EnvValue, Given as _};

/// What resolving the apps of a cluster looks at.
pub(super) struct Apps<'a> {
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
        let access = self.access(entry, faults);
        let secrets = self.secrets(app, access.as_ref());
        let exposure = app.expose.as_ref().map(|expose| self.exposure(entry, expose, faults));
        let manifests = files::manifests(&app.manifests, self.files, faults);
        let startup_seconds = app.probe.as_ref().and_then(|probe| probe.startup_seconds.given().copied());
        let amounts =
            app.resources.clone().unwrap_or_default().amounts([Some("50m"), Some("128Mi")], [None, Some("512Mi")]);
        let security = app.security.clone().unwrap_or_default();
        let root = security.root.given().copied().unwrap_or(false);
        let restricted = !root
            && security.capabilities.iter().all(|capability| capability.value == spec::Capability::NetBindService);
        let mut resolved = App {
            description: app.description.clone(),
            image: app.image.to_string(),
            command: app.command.clone(),
            args: app.args.clone(),
            port: app.port.given().copied(),
            env: app.env.iter().map(|(name, value)| env(name.as_str(), value, access.as_ref())).collect(),
            volumes: app.storage.iter().map(|volume| self.volume(&name, volume)).collect(),
            health_path: app.probe.as_ref().map(|probe| probe.path.to_string()),
            startup_seconds: startup_seconds.unwrap_or(defaults::STARTUP_SECONDS),
            requests: amounts.requests,
            limits: amounts.limits,
            user: security.user.given().copied(),
            group: security.group.given().copied(),
            root,
            read_only: security.read_only.given().copied().unwrap_or(false),
            capabilities: capabilities(&security),
            replicas: app.replicas.given().copied().unwrap_or(1),
            pod_security: if restricted { PodSecurity::Restricted } else { PodSecurity::Baseline },
            depends_on: self.depends_on(entry, exposure.as_ref(), access.is_some(), faults),
            secrets_depend_on: Vec::new(),
            wait: false,
            patches: Vec::new(),
            secrets,
            exposure,
            manifests,
            name,
        };
        if let Some(span) = app.secret_spans().next() {
            let needs = [Need { capability: Capability::SecretStore, span }];
            resolved.secrets_depend_on =
                self.providers.bind(&resolved.secrets_unit(), self.cluster.name.as_str(), &needs, faults);
        }
        let made = resolved.made();
        resolved.patches = patches::bind(&app.patches, &[&made], faults);
        resolved
    }

    fn exposure(&self, entry: &Entry<spec::App>, expose: &spec::Expose, faults: &mut Diagnostics) -> Exposure {
        let public = expose.public.as_ref().filter(|public| public.value);
        if let Some(public) = public {
            platform::judge_public(self.context, public.span, &format!("`{}`", entry.name.value), faults);
        }
        let reach = if public.is_some() { Reach::Public } else { Reach::Lan };
        platform::exposure(self.context, self.context.full_host(&expose.host), reach, entry.name.as_str())
    }

    /// How the app reaches its database.
    fn access(&self, entry: &Entry<spec::App>, faults: &mut Diagnostics) -> Option<Access> {
        let reference = entry.value.database.as_ref()?;
        let peer = self.context.peer(&reference.cluster)?;
        let access = peer.postgres()?.access(&peer, self.cluster.name.as_str(), entry.name.as_str());
        if access.is_none() {
            let message = format!("PostgreSQL of `{}` has no address that other clusters could reach", peer.name.value);
            let fault =
                Diagnostic::new(Code::NeedUnmet, reference.span, message).related(peer.name.span, "that cluster");
            faults.push(fault.of_absence().help("give that cluster a `load-balancer` range of at least two addresses"));
        }
        access
    }

    fn depends_on(
        &self,
        entry: &Entry<spec::App>,
        exposure: Option<&Exposure>,
        has_database: bool,
        faults: &mut Diagnostics,
    ) -> Vec<String> {
        let app = &entry.value;
        let mut needs = Vec::new();
        if let Some(span) = app.secret_spans().next() {
            needs.push(Need { capability: Capability::Secrets(entry.name.to_string()), span });
        }
        if let (Some(expose), Some(exposure)) = (&app.expose, exposure) {
            needs.push(Need { capability: Capability::Ingress, span: expose.host.span });
            if exposure.tls != Tls::None {
                needs.push(Need { capability: Capability::Issuer, span: expose.host.span });
            }
        }
        if let Some(reference) = app.database.as_ref().filter(|_| has_database) {
            let here = reference.cluster == self.cluster.name.as_str();
            // Nothing waits across clusters: the app asks again until its database is there.
            let capability = if here { Capability::Database(entry.name.to_string()) } else { Capability::LanNames };
            needs.push(Need { capability, span: reference.span });
        }
        for class in app.storage.iter().filter_map(|volume| volume.value.class.as_ref()) {
            let capability = Capability::StorageClass(class.to_string());
            if self.providers.has(&capability) {
                needs.push(Need { capability, span: class.span });
            }
        }
        let known = app.depends_on.iter().filter(|other| self.cluster.value.apps.get(other.as_str()).is_some());
        needs.extend(known.map(|other| Need { capability: Capability::App(other.to_string()), span: other.span }));
        let mut units = self.providers.bind(entry.name.as_str(), self.cluster.name.as_str(), &needs, faults);
        self.order.reduce(&mut units);
        units
    }

    fn secrets(&self, app: &spec::App, access: Option<&Access>) -> Vec<SecretData> {
        let secret = |name: &EnvName, value: &EnvValue| match value {
            EnvValue::From(EnvSource::Secret(secret)) => {
                Some(SecretData { key: name.to_string(), remote: self.context.remote(&secret.value), text: None })
            }
            EnvValue::From(EnvSource::Database(field)) if field.is_secret() => {
                let access = access?;
                Some(SecretData {
                    key: name.to_string(),
                    remote: self.context.remote(&access.password),
                    text: (field.value == DatabaseField::Url).then(|| access.url(name.as_str())),
                })
            }
            _ => None,
        };
        app.env.iter().filter_map(|(name, value)| secret(name, value)).collect()
    }

    fn volume(&self, app: &str, volume: &Entry<spec::Volume>) -> Volume {
        let default = || {
            let storage = self.context.storage();
            storage.map_or(platform::LOCAL_CLASS.to_owned(), |storage| storage.default_class(self.context))
        };
        Volume {
            name: volume.name.to_string(),
            claim: format!("{app}-{}", volume.name.value),
            size: volume.value.size.quantity(),
            mount: volume.value.mount.to_string(),
            class: volume.value.class.as_ref().map_or_else(default, |class| class.to_string()),
        }
    }
}

fn env(name: &str, value: &EnvValue, access: Option<&Access>) -> Env {
    let text = match value {
        EnvValue::Text(text) => Some(text.clone()),
        EnvValue::From(EnvSource::Database(field)) => access.and_then(|access| access.text(field.value)),
        EnvValue::From(EnvSource::Secret(_)) => None,
    };
    Env { name: name.to_owned(), text }
}

fn capabilities(security: &spec::Security) -> Vec<String> {
    let mut kept: Vec<_> = security.capabilities.iter().map(|capability| capability.value).collect();
    kept.sort_unstable();
    kept.dedup();
    let name = |capability| serde_json::to_value(capability).expect("capabilities are words");
    kept.into_iter().filter_map(|capability| name(capability).as_str().map(str::to_owned)).collect()
}
