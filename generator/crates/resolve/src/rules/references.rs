//! References to other entries of the spec.

use app::{check_folder, check_name, unknown};
use diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use platform::{self, ClassUse, Clusters, Component, Context};
use spec::platform::Postgres;
use spec::types::{DatabaseRef, Name, SecretRef, TimeZone};
use spec::{App, AppLogin, Entry, EnvSource, EnvValue, Spanned, Spec};
use std::collections::BTreeSet;

pub(super) fn check(contexts: &Clusters<'_>, diagnostics: &mut Diagnostics) {
    let spec = contexts.spec();
    check_time_zone(spec, diagnostics);
    let declared = Secrets { entries: spec.secrets.as_ref() };
    if spec.secrets.is_none() {
        check_store(spec, diagnostics);
    }
    check_paths(contexts, diagnostics);
    for secret in secrets(spec) {
        declared.check(secret, secret.span).into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
    }
    for context in contexts.iter() {
        let cluster = context.cluster;
        for node in &cluster.nodes {
            let host = &node.value.host;
            check_name("host", host.as_str(), host.span, &spec.hosts, diagnostics);
        }
        if let Some(folder) = cluster.k3s.as_ref().and_then(|k3s| k3s.backup.as_ref()?.nfs()) {
            check_folder(folder, spec, diagnostics);
        }
        for named in context.components().flat_map(Component::classes) {
            check_storage_class(named.class, &context, diagnostics);
            check_nfs(named, &context, diagnostics);
        }
        for app in &cluster.apps {
            let used = app.value.network().iter().flat_map(|network| &network.value.apps);
            for other in app.value.depends_on().iter().chain(used) {
                check_name("app", other.as_str(), other.span, &cluster.apps, diagnostics);
            }
            let volumes = app.value.container().into_iter().flat_map(|container| &container.storage);
            for class in volumes.filter_map(|volume| volume.value.claim()?.class.as_ref()) {
                check_storage_class(class, &context, diagnostics);
            }
            check_database(app, &context, declared, diagnostics);
        }
    }
}

/// Checks that the lab's time zone exists. The nodes would use UTC instead, without a message.
fn check_time_zone(spec: &Spec, diagnostics: &mut Diagnostics) {
    let Some(zone) = spec.lab.timezone.spanned().filter(|zone| TimeZone::all().all(|name| name != zone.as_str()))
    else {
        return;
    };
    let message = format!("the IANA time zone database has no time zone `{}`", zone.value);
    let help = match did_you_mean(zone.as_str(), TimeZone::all()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "use one that `timedatectl list-timezones` lists, such as Europe/Madrid".to_owned(),
    };
    diagnostics.push(Diagnostic::new(Code::UnknownReference, zone.span, message).help(help));
}

/// Checks that each store can have the paths of all entries.
fn check_paths(contexts: &Clusters<'_>, diagnostics: &mut Diagnostics) {
    let entries = || contexts.spec().secrets.iter().flat_map(|secrets| &secrets.entries);
    let mut reported = BTreeSet::new();
    for store in contexts.iter().filter_map(|context| context.store()) {
        for path in entries().filter_map(|entry| entry.value.path.as_ref()).filter(|path| !path.span.faulty) {
            let Some(reason) = platform::rejects_path(store, path.as_str()) else { continue };
            if reported.insert(path.span.start) {
                let message = format!("the secret store of a cluster cannot have an entry at `{}`", path.value);
                diagnostics.push(Diagnostic::new(Code::InvalidValue, path.span, message).help(reason));
            }
        }
    }
}

/// Returns all references to secrets in the spec.
pub(super) fn secrets(spec: &Spec) -> Vec<&Spanned<SecretRef>> {
    let of_dns = platform::dns_secrets(spec);
    let accounts = spec.storage.iter().filter_map(|storage| storage.value.dsm());
    let of_storage = accounts.flat_map(|dsm| [&dsm.username, &dsm.password]);
    let accounts = spec.storage.iter().filter_map(|storage| storage.value.snmp());
    let of_snmp = accounts.flat_map(|snmp| [&snmp.username, &snmp.password, &snmp.privacy_password]);
    let of_hosts = spec.hosts.iter().filter_map(|host| host.value.metrics.as_ref()?.proxmox.as_ref());
    let clusters = spec.clusters.iter().map(|cluster| &cluster.value);
    let of_clusters = clusters.flat_map(|cluster| {
        let components = platform::secrets(&cluster.platform);
        let variables = cluster.apps.iter().flat_map(|app| app.value.variables()).map(|(.., value)| &value.value);
        let of_logins = cluster.apps.iter().filter_map(|app| app.value.login()).flat_map(AppLogin::secrets);
        let of_files = cluster.apps.iter().flat_map(|app| app.value.secret_files()).map(|(_, secret)| secret);
        components
            .chain(variables.filter_map(|value| match value {
                EnvValue::From(EnvSource::Secret(secret)) => Some(secret),
                _ => None,
            }))
            .chain(of_files)
            .chain(of_logins)
    });
    of_dns.into_iter().chain(of_storage).chain(of_snmp).chain(of_hosts).chain(of_clusters).collect()
}

/// Reports secrets in a lab without a secret store, all in one diagnostic, as one change fixes them.
fn check_store(spec: &Spec, diagnostics: &mut Diagnostics) {
    let apps = spec.clusters.iter().flat_map(|cluster| &cluster.value.apps);
    let of_databases = apps.filter_map(|app| {
        let is_known = |reference: &&Spanned<DatabaseRef>| reference.database.as_str() == platform::DATABASE_NAME;
        let reference = app.value.database().as_ref().filter(is_known).filter(|_| !app.name.span.faulty)?;
        Some((platform::password(app.object_name()).to_string(), reference.span))
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
    let diagnostic =
        Diagnostic::new(Code::UnknownReference, *span, format!("{subject}, but the lab has no secret store"));
    diagnostics
        .push(diagnostic.help("add `secrets.store`, and the entry and key of each secret under `secrets.entries`"));
}

/// Checks that a storage class exists in the cluster, or is declared under `external`.
fn check_storage_class(class: &Spanned<Name>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let declared = context.cluster.external.iter().filter(|object| object.kind.as_str() == "StorageClass");
    let known: Vec<_> = platform::storage_classes(context)
        .iter()
        .map(ToString::to_string)
        .chain(declared.map(|object| object.name.to_string()))
        .collect();
    if !known.iter().any(|name| name == class.as_str()) {
        let diagnostic = unknown("storage class", class.as_str(), class.span, known.iter().map(String::as_str));
        let help = diagnostic.help.clone().unwrap_or_default();
        let separator = if help.ends_with('?') { "" } else { ";" };
        diagnostics.push(diagnostic.of_absence().help(format!(
            "{help}{separator} if the class comes from elsewhere, declare it with `external: [StorageClass/{}]`",
            class.value
        )));
    }
}

/// Reports NFS where no node can mount it, and warns about it for files that may be damaged there, or be slow.
fn check_nfs(named: ClassUse<'_>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let class = named.class;
    let nodes = &context.cluster.nodes;
    let unprivileged: Vec<_> = nodes.iter().filter_map(|node| node.value.unprivileged()).collect();
    let is_complete = nodes.is_complete() && !unprivileged.is_empty();
    if is_complete && unprivileged.len() == nodes.iter().len() && platform::is_nfs(&class.value, context) {
        let message = format!("no node can mount volumes of the class `{}`, which is on NFS", class.value);
        let diagnostic = Diagnostic::new(Code::NfsWithoutPrivilege, class.span, message);
        let diagnostic = unprivileged
            .into_iter()
            .fold(diagnostic, |diagnostic, span| diagnostic.related(span, "an unprivileged container"));
        diagnostics.push(diagnostic.help("use the class `local-path`, or make a node privileged or a VM"));
        return;
    }
    let Some(owner) = named.not_on_nfs.filter(|_| platform::is_nfs(&class.value, context)) else { return };
    let message = format!("{owner} would store its files on NFS, which lacks the locking and syncing that it requires");
    let diagnostic = Diagnostic::new(Code::StorageUnsuited, class.span, message);
    diagnostics.push(diagnostic.help("use the storage class `local-path`, the disk of the node"));
}

/// Checks that the database of an app exists, that its password is declared, and that variables refer to a
/// database only if the app has one.
fn check_database(app: &Entry<App>, context: &Context<'_>, secrets: Secrets<'_>, diagnostics: &mut Diagnostics) {
    let Some(reference) = app.value.database() else {
        for (.., value) in app.value.variables() {
            if let EnvValue::From(EnvSource::Database(field)) = &value.value {
                let message = format!("this variable refers to a database, but `{}` has none", app.name.value);
                diagnostics.push(
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
        let diagnostic = unknown("database", &reference.to_string(), reference.span, known.iter().map(String::as_str));
        let help = diagnostic.help.clone().filter(|_| !known.is_empty()).map(|help| {
            let is_other = reference.database.as_str() != platform::DATABASE_NAME && help.starts_with("available");
            let only = format!("the only database of a cluster is `{}`, its PostgreSQL; ", platform::DATABASE_NAME);
            if is_other { only + &help } else { help }
        });
        let clusters: Vec<_> = context.clusters().map(|peer| peer.name.as_str()).collect();
        let exists = clusters.contains(&reference.cluster.as_str());
        let near = did_you_mean(reference.cluster.as_str(), clusters.iter().copied());
        let cluster = if exists { reference.cluster.as_str() } else { near.unwrap_or(context.name.as_str()) };
        let remedy = format!("add `platform: {{ postgres: {{}} }}` to the cluster `{cluster}`");
        let meant = format!("{cluster}/{}", platform::DATABASE_NAME);
        let remedy = if meant == reference.to_string() { remedy } else { format!("write `{meant}`, and {remedy}") };
        let clusters_are_known = context.spec.clusters.is_complete();
        if clusters_are_known {
            diagnostics.push(diagnostic.of_absence().help(help.unwrap_or(remedy)));
        }
        return;
    }
    if app.name.span.faulty {
        return;
    }
    // The reference to the password is derived, so it cannot be misspelled.
    let password = platform::password(app.object_name());
    if let Some(diagnostic) = secrets.check(&password, reference.span) {
        let (entry, key) = (&password.entry, &password.key);
        let declaration = format!("`secrets: {{ entries: {{ {entry}: {{ keys: [{key}] }} }} }}`");
        diagnostics.push(match app.value.earlier_name() {
            None => diagnostic.help(format!("declare the database's password: {declaration}")),
            Some(earlier) => diagnostic
                .related(earlier.span, "the app keeps this name, and with it the entry of its password")
                .help(format!("keep the entry, which the store still has: {declaration}")),
        });
    }
}

/// The declared secrets.
#[derive(Clone, Copy)]
struct Secrets<'a> {
    entries: Option<&'a spec::Secrets>,
}

impl Secrets<'_> {
    /// Returns the diagnostic about a secret that is not declared. `span` is the place that refers to it.
    fn check(self, secret: &SecretRef, span: Span) -> Option<Diagnostic> {
        // See `check_store` for a lab without a store.
        let secrets = self.entries?;
        let Some(entry) = secrets.entries.get(secret.entry.as_str()) else {
            let diagnostic = unknown("secret entry", secret.entry.as_str(), span, secrets.entries.names());
            return secrets.entries.is_complete().then(|| self.suggest(secret, diagnostic));
        };
        if entry.value.keys.iter().any(|key| key.value == secret.key || key.span.faulty) {
            return None;
        }
        let keys = entry.value.keys.iter().map(|key| key.as_str());
        let mut diagnostic = unknown("secret key", secret.key.as_str(), span, keys);
        diagnostic.message = format!("unknown secret key `{secret}`");
        Some(self.suggest(secret, diagnostic).related(entry.name.span, "this entry"))
    }

    /// Suggests a whole reference: of two similar entries, the one with the key is meant.
    fn suggest(self, secret: &SecretRef, diagnostic: Diagnostic) -> Diagnostic {
        let entries = self.entries.into_iter().flat_map(|secrets| &secrets.entries);
        let known: Vec<_> = entries
            .flat_map(|entry| entry.value.keys.iter().map(move |key| format!("{}/{}", entry.name.value, key.as_str())))
            .collect();
        match did_you_mean(&secret.to_string(), known.iter().map(String::as_str)) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic,
        }
    }
}
