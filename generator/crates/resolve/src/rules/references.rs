//! Names that stand for something else in the spec.

use app::{check_name, unknown};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use platform::{self, ClassUse, Component, Context};
use spec::platform::Postgres;
use spec::types::{Name, SecretRef};
use spec::{App, Entry, EnvSource, EnvValue, Spanned, Spec};
use std::collections::BTreeSet;

pub(super) fn check(spec: &Spec, faults: &mut Diagnostics) {
    let declared = Secrets { entries: spec.secrets.as_ref() };
    if spec.secrets.is_none() {
        check_store(spec, faults);
    }
    for secret in secrets(spec) {
        declared.check(secret, secret.span, faults);
    }
    for cluster in &spec.clusters {
        let context = platform::context(spec, cluster);
        for node in &cluster.value.nodes {
            let host = &node.value.host;
            check_name("host", host.as_str(), host.span, &spec.hosts, faults);
        }
        for named in context.components().flat_map(Component::classes) {
            check_storage_class(named.class, &context, faults);
            check_nfs(named, &context, faults);
        }
        for app in &cluster.value.apps {
            for other in app.value.depends_on() {
                check_name("app", other.as_str(), other.span, &cluster.value.apps, faults);
            }
            let volumes = app.value.container().into_iter().flat_map(|container| &container.storage);
            for class in volumes.filter_map(|volume| volume.value.claim()?.class.as_ref()) {
                check_storage_class(class, &context, faults);
            }
            check_database(app, &context, declared, faults);
        }
    }
}

/// Every place of the spec that names a key of a secret.
pub(super) fn secrets(spec: &Spec) -> Vec<&Spanned<SecretRef>> {
    let of_dns = spec.dns.iter().flat_map(platform::dns_secrets);
    let accounts = spec.storage.iter().filter_map(|storage| storage.value.dsm.as_ref());
    let of_storage = accounts.flat_map(|dsm| [&dsm.username, &dsm.password]);
    let clusters = spec.clusters.iter().map(|cluster| &cluster.value);
    let of_clusters = clusters.flat_map(|cluster| {
        let components = platform::secrets(&cluster.platform);
        let variables = cluster.apps.iter().flat_map(|app| app.value.variables()).map(|(.., value)| &value.value);
        let logins = cluster.apps.iter().filter_map(|app| app.value.expose().as_ref()?.login.as_ref());
        let of_logins = logins.flat_map(|login| [&login.username, &login.password]);
        components
            .chain(variables.filter_map(|value| match value {
                EnvValue::From(EnvSource::Secret(secret)) => Some(secret),
                _ => None,
            }))
            .chain(of_logins)
    });
    of_dns.chain(of_storage).chain(of_clusters).collect()
}

/// A lab without a store reads no secrets. One fault for all, as they have one remedy.
fn check_store(spec: &Spec, faults: &mut Diagnostics) {
    let apps = spec.clusters.iter().flat_map(|cluster| &cluster.value.apps);
    let of_databases = apps.filter_map(|app| {
        let reference = app.value.database().as_ref().filter(|_| !app.name.span.faulty)?;
        Some((platform::password(&app.name.value).to_string(), reference.span))
    });
    let named = secrets(spec).into_iter().map(|secret| (secret.to_string(), secret.span));
    let mut uses: Vec<_> = named.chain(of_databases).filter(|(_, span)| !span.faulty).collect();
    uses.sort_by_key(|(_, span)| span.start);
    let Some((first, span)) = uses.first() else { return };
    let others = uses.iter().map(|(secret, _)| secret).collect::<BTreeSet<_>>().len() - 1;
    let subject = match others {
        0 => format!("the secret `{first}` is used"),
        1 => format!("the secret `{first}` and another one are used"),
        _ => format!("the secret `{first}` and {others} others are used"),
    };
    let fault = Diagnostic::new(Code::UnknownReference, *span, format!("{subject}, but the lab has no secret store"));
    faults.push(fault.help("add `secrets.store`, and for each secret its entry and key under `secrets.entries`"));
}

/// A class of the cluster, or one that is declared as coming from elsewhere.
fn check_storage_class(class: &Spanned<Name>, context: &Context<'_>, faults: &mut Diagnostics) {
    let declared = context.cluster.external.iter().filter(|object| object.kind == "StorageClass");
    let known: Vec<_> = platform::storage_classes(context)
        .iter()
        .map(ToString::to_string)
        .chain(declared.map(|object| object.name.clone()))
        .collect();
    if !known.iter().any(|name| name == class.as_str()) {
        let fault = unknown("storage class", class.as_str(), class.span, known.iter().map(String::as_str));
        let help = fault.help.clone().unwrap_or_default();
        faults.push(
            fault
                .of_absence()
                .help(format!("{help}; declare one of your own with `external: [StorageClass/{}]`", class.value)),
        );
    }
}

/// Some files do not survive on NFS, or are slow there.
fn check_nfs(named: ClassUse<'_>, context: &Context<'_>, faults: &mut Diagnostics) {
    let class = named.class;
    let Some(owner) = named.not_on_nfs.filter(|_| platform::is_nfs(&class.value, context)) else { return };
    let message = format!("{owner} would keep its files on NFS, which does not lock and sync as it expects");
    let fault = Diagnostic::new(Code::StorageUnsuited, class.span, message);
    faults.push(fault.help("use `local-path`, the disk of the node"));
}

/// The database of an app is there, its password is declared, and what its environment says of it
/// can be known.
fn check_database(app: &Entry<App>, context: &Context<'_>, secrets: Secrets<'_>, faults: &mut Diagnostics) {
    let Some(reference) = app.value.database() else {
        for (.., value) in app.value.variables() {
            if let EnvValue::From(EnvSource::Database(field)) = &value.value {
                let message = format!("`{}` has no database that this could tell of", app.name.value);
                faults.push(
                    Diagnostic::new(Code::UnknownReference, field.span, message)
                        .help("add `database: CLUSTER/postgres` to the app"),
                );
            }
        }
        return;
    };
    let known: Vec<_> = context
        .clusters()
        .filter(|peer| peer.get::<Postgres>().is_some())
        .map(|peer| format!("{}/{}", peer.name.value, platform::DATABASE_NAME))
        .collect();
    if !known.contains(&reference.to_string()) {
        let fault = unknown("database", &reference.to_string(), reference.span, known.iter().map(String::as_str));
        let help = fault.help.clone().filter(|_| !known.is_empty());
        let remedy = format!("write `platform: {{ postgres: {{}} }}` for the cluster `{}`", reference.cluster);
        let clusters_are_known = context.spec.clusters.is_complete();
        if clusters_are_known {
            faults.push(fault.of_absence().help(help.unwrap_or(remedy)));
        }
        return;
    }
    if !app.name.span.faulty {
        secrets.check(&platform::password(&app.name.value), reference.span, faults);
    }
}

/// The declared secrets.
#[derive(Clone, Copy)]
struct Secrets<'a> {
    entries: Option<&'a spec::Secrets>,
}

impl Secrets<'_> {
    /// A secret that something reads is declared; `span` is the place that asks for it.
    fn check(self, secret: &SecretRef, span: Span, faults: &mut Diagnostics) {
        // See `check_store` for a lab without a store.
        let Some(secrets) = self.entries else { return };
        let Some(entry) = secrets.entries.get(&secret.entry) else {
            if secrets.entries.is_complete() {
                let fault = unknown("secret entry", &secret.entry, span, secrets.entries.names());
                faults.push(Self::with_remedy(fault, secret));
            }
            return;
        };
        let is_known = entry.value.keys.iter().any(|key| key.as_str() == secret.key || key.span.faulty);
        if !is_known {
            let keys = entry.value.keys.iter().map(|key| key.as_str());
            let fault = unknown(&format!("key in the secret entry `{}` called", secret.entry), &secret.key, span, keys);
            faults.push(Self::with_remedy(fault, secret).related(entry.name.span, "the entry"));
        }
    }

    /// What nobody wrote cannot be misspelt: the password of a database has a fixed place.
    fn with_remedy(fault: Diagnostic, secret: &SecretRef) -> Diagnostic {
        if secret.key != platform::PASSWORD_KEY {
            return fault;
        }
        fault.help(format!(
            "declare the database's password: `secrets: {{ entries: {{ {}: {{ keys: [{}] }} }} }}`",
            secret.entry, secret.key
        ))
    }
}
