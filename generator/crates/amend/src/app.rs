//! New apps: from the catalogue, or from an image.

use crate::add::{COMMIT, add_keys};
use crate::fields::{Fields, list};
use crate::names::{self, check_new, cluster};
use crate::{Amended, Kind, Refusal, Source, free, refuse};
use catalogue::{Choices, Entry, Need};
use spec::Spec;
use spec::types::AddressRange;

/// The fields of a new app.
#[derive(Debug, Clone, Default)]
pub struct AppFields {
    /// Its cluster. Default: the only one.
    pub cluster: Option<String>,
    /// The entry of the catalogue. Default: that with the name of the app.
    pub from: Option<String>,
    /// Its image, for an app that is not from the catalogue.
    pub image: Option<Image>,
    /// Its host name.
    pub host: Option<String>,
    /// Whether the Internet reaches it.
    pub public: bool,
    /// The storage class of its volumes.
    pub class: Option<String>,
    /// Where its database is.
    pub database: DatabaseChoice,
    /// A free load-balancer address, for an entry that needs one.
    pub address: Option<String>,
}

/// Where the database of a new app is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// For an entry of the catalogue that can use one: where the lab has a PostgreSQL. Otherwise, it has none.
    #[default]
    Usual,
    /// It has none.
    None,
    /// Where the lab has a PostgreSQL, or in its own cluster.
    Any,
    /// In this cluster.
    In(String),
}

/// What an app runs that is not from the catalogue.
#[derive(Debug, Clone, Default)]
pub struct Image {
    /// `REPOSITORY:TAG`.
    pub reference: String,
    /// The port on which it serves HTTP.
    pub port: Option<u16>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// The ID of the user that it runs as.
    pub user: Option<u32>,
    /// Its environment variables, by name.
    pub env: Vec<(String, String)>,
    /// The path of its health check.
    pub probe: Option<String>,
}

/// A volume of a new app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: String,
    /// Its mount path.
    pub mount: String,
}

/// Whether a new app needs a free load-balancer address.
pub fn needs_address(name: &str, fields: &AppFields) -> bool {
    let entry = catalogue::find(fields.from.as_deref().unwrap_or(name));
    fields.image.is_none() && entry.is_some_and(|entry| entry.needs.contains(&Need::Address) || entry.uses("address"))
}

/// Adds an app, and what it needs elsewhere in the spec.
///
/// # Errors
/// If the name is taken, the catalogue has no such entry, or the lab lacks something that cannot be added.
pub fn add_app(source: Source<'_>, name: &str, fields: &AppFields) -> Result<Amended, Refusal> {
    let cluster = cluster(source, fields.cluster.as_deref())?;
    let place = Kind::App.place(cluster);
    check_new(source, Kind::App, &place, name).map_err(|refusal| match refusal {
        Refusal::Usage(message) if catalogue::find(name).is_some() && names::entry(source, &place, name).is_some() => {
            let free = names::free_name(source, &place, name);
            Refusal::Usage(format!("{message}: `homelab add app {free} --from {name}`"))
        }
        other => other,
    })?;
    let mut amended = Amended::of(source);
    let mut choices = Choices::of(source.spec, cluster, name);
    choices.host.clone_from(&fields.host);
    choices.public = fields.public;
    choices.class.clone_from(&fields.class);
    choices.address.clone_from(&fields.address);
    let entry = match &fields.image {
        Some(_) => None,
        None => Some(entry(name, fields)?),
    };
    let pool = new_pool(source.spec, cluster, entry, fields);
    if let Some(pool) = pool.filter(|_| choices.address.is_none()) {
        choices.address = Some(pool.last().to_string());
    }
    let postgres = database(source.spec, cluster, entry, fields, &mut choices)?;
    let (block, keys) = match (&fields.image, entry) {
        (_, Some(entry)) => from_entry(entry, cluster, &choices, &mut amended)?,
        (Some(image), None) => (from_image(image, fields, &choices)?, database_key(&choices)),
        (None, None) => return refuse("name an image"),
    };
    let what = entry.map_or_else(String::new, |entry| format!(" ({})", entry.title));
    amended.insert(&place, name, &block, format!("app `{name}` of the cluster `{cluster}`{what}"))?;
    if let Some(pool) = pool {
        let change = format!("load-balancer pool of the cluster `{cluster}`: {pool}");
        amended.insert_before(&["clusters", cluster], &["nodes"], "load-balancer", &pool.to_string(), change)?;
        amended.notes.push(format!("the router must not lease {pool} by DHCP"));
    }
    if let Some(of_cluster) = postgres {
        let change = format!("`platform.postgres` of the cluster `{of_cluster}`, for its database");
        amended.insert_before(&["clusters", &of_cluster, "platform"], &["apps"], "postgres", "{}\n", change)?;
        amended.steps.push(format!(
            "Decide how the databases of `{of_cluster}` are backed up: `homelab explain postgres.backup`"
        ));
    }
    add_secrets(source.spec, name, entry, &keys, &mut amended)?;
    if fields.public {
        amended
            .steps
            .push("Check that the router forwards TCP ports 80 and 443 to the ingress: docs/lab/README.md".to_owned());
    }
    amended.steps.push(COMMIT.to_owned());
    amended.steps.extend(entry.into_iter().flat_map(|entry| entry.first_steps(&choices)));
    Ok(amended)
}

/// The entry of the catalogue for a new app.
fn entry(name: &str, fields: &AppFields) -> Result<&'static Entry, Refusal> {
    let wanted = fields.from.as_deref().unwrap_or(name);
    if let Some(entry) = catalogue::find(wanted) {
        return Ok(entry);
    }
    let other = "for another app, set --image REPOSITORY:TAG and --port NUMBER; `homelab apps` lists the catalogue";
    match catalogue::did_you_mean(wanted) {
        Some(near) => refuse(format!("the catalogue has no app `{wanted}`; did you mean `{near}`? ({other})")),
        None => refuse(format!("the catalogue has no app `{wanted}`; {other}")),
    }
}

/// A load-balancer pool for a cluster that has none, if the new app needs one.
fn new_pool(spec: &Spec, cluster: &str, entry: Option<&Entry>, fields: &AppFields) -> Option<AddressRange> {
    let has_pool = spec.clusters.get(cluster).is_some_and(|cluster| cluster.value.load_balancer.is_some());
    let is_exposed = fields.host.is_some() || entry.is_some_and(|entry| entry.uses("host") || entry.uses("address"));
    if has_pool || !is_exposed { None } else { free::pool(spec, None) }
}

/// Sets where the database is. Returns the cluster that needs a PostgreSQL for that, if it has none.
fn database(
    spec: &Spec,
    cluster: &str,
    entry: Option<&Entry>,
    fields: &AppFields,
    choices: &mut Choices,
) -> Result<Option<String>, Refusal> {
    let is_needed = entry.is_some_and(|entry| entry.needs.contains(&Need::Database));
    if let Some(entry) = entry.filter(|entry| fields.database != DatabaseChoice::Usual && !entry.uses("database")) {
        return refuse(format!("{} does not use a PostgreSQL; remove --database or --no-database", entry.title));
    }
    let (wanted, usual) = match &fields.database {
        DatabaseChoice::None if is_needed => return refuse("the app needs a database; remove --no-database"),
        DatabaseChoice::None => (None, None),
        DatabaseChoice::In(other) => (Some(names::cluster_named(spec, other)?), None),
        DatabaseChoice::Any => (Some(cluster), choices.database.clone()),
        DatabaseChoice::Usual if is_needed => (Some(cluster), choices.database.clone()),
        DatabaseChoice::Usual if entry.is_some() => (None, choices.database.clone()),
        DatabaseChoice::Usual => (None, None),
    };
    choices.database = usual.or_else(|| wanted.map(|cluster| format!("{cluster}/postgres")));
    let Some(place) = choices.database.as_deref().and_then(|reference| reference.split('/').next()) else {
        return Ok(None);
    };
    if spec.secrets.is_none() {
        return refuse(
            "the password of a database needs a secret store; set `secrets.store` (docs/secrets.md compares the stores)",
        );
    }
    let has_postgres = spec.clusters.get(place).is_some_and(|entry| entry.value.platform.postgres.is_some());
    Ok((!has_postgres).then(|| place.to_owned()))
}

/// The fields of an app of the catalogue, and the keys of its secret entry.
fn from_entry(
    entry: &Entry,
    cluster: &str,
    choices: &Choices,
    amended: &mut Amended,
) -> Result<(String, Vec<catalogue::Key>), Refusal> {
    let missing: Vec<_> =
        entry.missing(choices).into_iter().map(|need| format!("{}: {}", need.what(), need.fix())).collect();
    if !missing.is_empty() {
        return refuse(format!("{} needs what the lab does not have:\n  {}", entry.title, missing.join("\n  ")));
    }
    let apps = entry.missing_apps(choices);
    if !apps.is_empty() {
        let commands: Vec<_> = apps.iter().map(|app| format!("`homelab add app {app} --cluster {cluster}`")).collect();
        return refuse(format!("{} needs {}; run {} first", entry.title, apps.join(", "), commands.join(" and ")));
    }
    if entry.uses("gpu") && !choices.gpu {
        let note = "no node of the cluster has a GPU, so the app works without one; set `gpu` on a host and a node to change that";
        amended.notes.push(note.to_owned());
    }
    let description = Fields::default().text("description", Some(&entry.description)).into_text();
    Ok((description + &entry.fields(choices), entry.secrets(choices)))
}

/// The fields of an app that is not from the catalogue.
fn from_image(image: &Image, fields: &AppFields, choices: &Choices) -> Result<String, Refusal> {
    let name = image.reference.rfind('/').map_or(0, |slash| slash + 1);
    let Some(colon) = image.reference[name..].rfind(':').map(|colon| name + colon) else {
        let message = "the image has no tag; use that of one release: --image REPOSITORY:TAG";
        return refuse(message);
    };
    let (repository, tag) = (&image.reference[..colon], &image.reference[colon + 1..]);
    let source = Fields::default().text("repository", Some(repository)).text("tag", Some(tag));
    let env = image.env.iter().fold(Fields::default(), |env, (key, value)| env.text(key, Some(value)));
    let storage = image.volumes.iter().fold(Fields::default(), |storage, volume| {
        let class = fields.class.iter().map(|class| format!(", class: {}", yaml::scalar(class)));
        let (size, mount) = (yaml::scalar(&volume.size), yaml::scalar(&volume.mount));
        let value = format!("{{ size: {size}{}, mount: {mount} }}", class.collect::<String>());
        storage.raw(&volume.name, Some(value))
    });
    let backup = if choices.backups { "volumes" } else { "none" };
    let public = if fields.public { ", public: true" } else { "" };
    let expose = fields.host.as_ref().map(|host| format!("{{ host: {}{public} }}", yaml::scalar(host)));
    if fields.public && expose.is_none() {
        return refuse("a public app needs a host name; add --host NAME");
    }
    Ok(Fields::default()
        .block("image", &source)
        .raw("port", image.port)
        .text("database", choices.database.as_deref())
        .block("env", &env)
        .block("storage", &storage)
        .text("backup", (!image.volumes.is_empty()).then_some(backup))
        .raw("expose", expose)
        .raw("probe", image.probe.as_ref().map(|path| format!("{{ path: {} }}", yaml::scalar(path))))
        .raw("security", image.user.map(|user| format!("{{ user: {user}, group: {user} }}")))
        .into_text())
}

/// The key of the password of a database.
fn database_key(choices: &Choices) -> Vec<catalogue::Key> {
    let key = |_: &String| catalogue::Key {
        name: "database-password".to_owned(),
        description: "Password of its database".to_owned(),
        make: "openssl rand -hex 32".to_owned(),
    };
    choices.database.iter().map(key).collect()
}

/// Adds the secret entry of an app, or the keys that it lacks.
fn add_secrets(
    spec: &Spec,
    name: &str,
    entry: Option<&Entry>,
    keys: &[catalogue::Key],
    amended: &mut Amended,
) -> Result<(), Refusal> {
    let known = spec.secrets.as_ref().and_then(|secrets| secrets.entries.get(name));
    let is_new = |key: &&catalogue::Key| {
        known.is_none_or(|known| known.value.keys.iter().all(|other| other.as_str() != key.name))
    };
    let new: Vec<_> = keys.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let names = || new.iter().map(|key| key.name.as_str());
    if known.is_some() {
        add_keys(amended, name, names())?;
    } else {
        let title = entry.map_or(name, |entry| entry.title.as_str());
        let description = new.iter().map(|key| lowercase(&key.description)).collect::<Vec<_>>().join("; ");
        let block = Fields::default()
            .text("description", Some(&format!("{title}: {description}")))
            .raw("keys", Some(list(names())));
        let change = format!("secret entry `{name}`: {}", names().collect::<Vec<_>>().join(", "));
        amended.insert(&Kind::Secret.place(""), name, &block.into_text(), change)?;
    }
    amended.steps.push("Store the values of the new keys: `homelab secrets` lists where".to_owned());
    for key in new {
        amended.steps.push(format!("  {name}/{}: {} ({})", key.name, lowercase(&key.description), key.make));
    }
    Ok(())
}

/// A description as a part of a sentence: acronyms and names keep their capitals.
fn lowercase(text: &str) -> String {
    let mut rest = text.chars();
    match (rest.next(), rest.next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain([second]).chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}
