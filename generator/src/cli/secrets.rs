//! The secrets that a lab needs: where each one must be, and what reads it.

use super::args::Format;
use model::contract::{AGENT_TOKEN, FLUX_NAMESPACE, IMAGES_REPOSITORY, SECRETS_ON_DISK, SERVER_TOKEN};
use model::{Bound, Cluster, DiskReader, DiskValue, EncryptedFile, Lab, Origin, StoreKey};
use operate::bootstrap;
use platform::{SOPS_ENCRYPTED, SopsCommands};
use serde::Serialize;
use spec::Role;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The roles of nodes, as values of [`OnDisk::token`].
const SERVER: &str = "server";
const AGENT: &str = "agent";

/// The secrets of a lab.
#[derive(Serialize)]
pub(super) struct Secrets<'a> {
    store: Vec<InStore<'a>>,
    identities: Vec<Identity<'a>>,
    disk: Vec<OnDisk<'a>>,
    rights: BTreeSet<Rights<'a>>,
    /// What must be trusted before anything else is: each gives access to what it opens.
    seeds: Vec<Seed>,
    /// Files that SOPS encrypts.
    #[serde(skip_serializing_if = "Option::is_none")]
    sops: Option<Sops<'a>>,
}

/// What a value in the secret store is and may do.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Rights<'a> {
    path: &'a str,
    key: &'a str,
    rights: &'static str,
}

/// A key in the secret store.
#[derive(Serialize)]
struct InStore<'a> {
    store: &'a str,
    path: &'a str,
    key: &'a str,
    readers: Vec<Reader<'a>>,
}

/// What the machine identity of a cluster must be able to read, and nothing else.
#[derive(Serialize)]
struct Identity<'a> {
    store: &'a str,
    cluster: &'a str,
    folders: BTreeSet<&'a str>,
    #[serde(skip)]
    title: &'static str,
}

/// A credential, or a setting, that comes from outside the generated files.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Seed {
    place: String,
    opens: String,
}

/// The files that SOPS encrypts, and its configuration.
#[derive(Serialize)]
struct Sops<'a> {
    files: Vec<Encrypted<'a>>,
    /// The content of `.sops.yaml`.
    config: String,
}

/// A file that SOPS encrypts.
#[derive(Serialize)]
struct Encrypted<'a> {
    file: &'a str,
    /// The people and clusters that can decrypt it.
    recipients: Vec<&'a str>,
    /// The command that creates it, if it does not exist.
    create: Option<String>,
}

/// A unit or an app that reads a key of the store through a Secret.
#[derive(Serialize)]
struct Reader<'a> {
    cluster: &'a str,
    unit: &'a str,
    /// The name of the key in the Secret.
    #[serde(rename = "as")]
    key_in_secret: &'a str,
}

/// A file on the disk of a node.
#[derive(Serialize)]
struct OnDisk<'a> {
    cluster: &'a str,
    node: &'a str,
    path: String,
    /// The Secret that is created from the file; `None` for a token of k3s.
    secret: Option<FromDisk<'a>>,
    /// The role of the nodes that join the cluster with the token; `None` for a file that is not a token.
    token: Option<&'static str>,
    /// How the value is obtained, as a value of [`obtained`].
    obtained: &'static str,
    /// The variable of the environment that `homelab bootstrap` reads the value from.
    #[serde(skip_serializing_if = "Option::is_none")]
    variable: Option<String>,
    /// What the file contains, and how it is created, if backups of the server need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    backup: Option<ForBackup>,
    /// Whether it is there only for the updates that the node pulls.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    updates: bool,
}

/// What a file for backups of a server contains.
#[derive(Serialize)]
struct ForBackup {
    contains: &'static str,
    create: &'static str,
}

/// A key of a Secret that a server creates from a file.
#[derive(Serialize)]
struct FromDisk<'a> {
    namespace: &'a str,
    name: &'a str,
    key: &'a str,
}

impl<'a> Secrets<'a> {
    pub(super) fn of(lab: &'a Lab, is_missing: impl Fn(&str) -> bool) -> Self {
        let store = in_store(lab);
        let identities = identities(lab, &store);
        let disk = lab.clusters.iter().flat_map(on_disk).collect();
        Self { store, identities, disk, rights: rights(lab), seeds: seeds(lab), sops: sops(lab, is_missing) }
    }

    pub(super) fn print(&self, format: Format) -> String {
        match format {
            Format::Json => format!("{:#}\n", serde_json::json!(self)),
            _ => self.table(),
        }
    }

    /// Lists for each store, one for each node, one of the seeds, and the commands of SOPS.
    fn table(&self) -> String {
        let mut lists = Vec::new();
        for keys in self.store.chunk_by(|a, b| a.store == b.store) {
            let store = keys[0].store;
            lists.push((format!("In the secret store ({store})"), keys.iter().map(InStore::columns).collect()));
            let identities: Vec<_> = self.identities.iter().filter(|identity| identity.store == store).collect();
            let rows = identities.iter().map(|identity| identity.columns()).collect();
            lists.push((identities[0].title.to_owned(), rows));
        }
        for files in self.disk.chunk_by(|a, b| a.node == b.node) {
            lists.push((format!("On the disk of {}", files[0].node), files.iter().map(OnDisk::columns).collect()));
        }
        if !self.rights.is_empty() {
            let rows =
                self.rights.iter().map(|right| [right.path, right.key, right.rights].map(str::to_owned).to_vec());
            lists.push(("What credentials must be, with these rights and no others".to_owned(), rows.collect()));
        }
        let seeds = self.seeds.iter().map(|seed| vec![seed.place.clone(), seed.opens.clone()]).collect();
        lists.push(("Seeds of trust, and what each opens to those who have it".to_owned(), seeds));
        if let Some(sops) = &self.sops {
            lists.push(("Commands for the encrypted files".to_owned(), sops.columns()));
        }
        let texts: Vec<_> = lists.into_iter().map(|(title, rows)| list(&title, rows)).collect();
        let config = self.sops.iter().map(|sops| format!(".sops.yaml, for `sops updatekeys`:\n{}", sops.config));
        texts.into_iter().chain(config).collect::<Vec<_>>().join("\n")
    }
}

impl Sops<'_> {
    fn columns(&self) -> Vec<Vec<String>> {
        let row = |what: &str, command: String| vec![what.to_owned(), command];
        let missing = self.files.iter().filter_map(|file| Some((file.file, file.create.as_ref()?)));
        let mut rows: Vec<_> = missing.map(|(file, create)| row(&format!("create {file}"), create.clone())).collect();
        rows.push(row("edit values, or add keys", "sops edit FILE".to_owned()));
        rows.push(row(
            "set a random value",
            "openssl rand -hex 32 | sed 's/.*/\"&\"/' | sops set --value-stdin FILE '[\"stringData\"][\"KEY\"]'"
                .to_owned(),
        ));
        rows.push(row("encrypt with a new data key", "sops rotate --in-place FILE".to_owned()));
        rows.push(row(
            "follow a change of recipients",
            "homelab secrets --format json | jq -r .sops.config > .sops.yaml && sops updatekeys --yes FILE".to_owned(),
        ));
        rows
    }
}

impl InStore<'_> {
    fn columns(&self) -> Vec<String> {
        // A unit that reads the key under two names is listed once.
        let readers = self.readers.chunk_by(|a, b| (a.cluster, a.unit) == (b.cluster, b.unit));
        let readers: Vec<_> = readers.map(|same| format!("{}/{}", same[0].cluster, same[0].unit)).collect();
        vec![self.path.to_owned(), self.key.to_owned(), format!("read by {}", readers.join(", "))]
    }
}

impl Identity<'_> {
    fn columns(&self) -> Vec<String> {
        vec![self.cluster.to_owned(), self.folders.iter().copied().collect::<Vec<_>>().join(", ")]
    }
}

impl OnDisk<'_> {
    fn columns(&self) -> Vec<String> {
        if let Some(ForBackup { contains, create }) = &self.backup {
            return vec![self.path.clone(), format!("{contains}: {create}")];
        }
        if self.updates {
            let file = self.path.rsplit('/').next().unwrap_or_default();
            let what = match file {
                "identity" => {
                    "the deploy key that its updates are pulled with: that of the servers, without write access"
                }
                "known_hosts" => "the host keys of the Git server, as on the servers",
                _ => "the keys that sign the commits that it updates to, as on the servers",
            };
            return vec![self.path.clone(), what.to_owned()];
        }
        let description = match (&self.secret, self.token) {
            (Some(FromDisk { namespace, name, key }), _) => {
                let access = match (*namespace, *name, *key) {
                    (FLUX_NAMESPACE, IMAGES_REPOSITORY, "identity") => ": a deploy key with write access",
                    (FLUX_NAMESPACE, _, "identity") => ": a deploy key without write access",
                    _ => "",
                };
                format!("{key} of the Secret {namespace}/{name}{access}")
            }
            (None, Some(SERVER)) => {
                format!("the token that servers of {} join with; the same on all servers, on no agent", self.cluster)
            }
            (None, _) => format!("the token that agents of {} join with; the same on all nodes", self.cluster),
        };
        vec![self.path.clone(), description]
    }
}

fn rights(lab: &Lab) -> BTreeSet<Rights<'_>> {
    let units = lab.clusters.iter().flat_map(|cluster| &cluster.units);
    let keys = units.flat_map(|bound| bound.unit.secrets()).flat_map(|secret| &secret.data);
    keys.filter_map(|(_, stored)| {
        Some(Rights { path: stored.folder.as_str(), key: stored.key.as_str(), rights: stored.rights? })
    })
    .collect()
}

fn in_store(lab: &Lab) -> Vec<InStore<'_>> {
    let mut keys: BTreeMap<(&str, &str, &str), Vec<Reader<'_>>> = BTreeMap::new();
    for cluster in &lab.clusters {
        let Some(store) = &cluster.store else { continue };
        for Bound { unit, origin, .. } in &cluster.units {
            // An app is known by its own name, which is that of its namespace.
            let reader = if *origin == Origin::App { unit.namespace.name.as_str() } else { unit.id.as_str() };
            for (called, StoreKey { folder, key, .. }) in unit.secrets().flat_map(|secret| &secret.data) {
                let readers = keys.entry((store.title.as_str(), folder.as_str(), key.as_str())).or_default();
                readers.push(Reader { cluster: cluster.name.as_str(), unit: reader, key_in_secret: called.as_str() });
            }
        }
    }
    keys.into_iter()
        .map(|((store, path, key), mut readers)| {
            readers.sort_by_key(|reader| (reader.cluster, reader.unit, reader.key_in_secret));
            InStore { store, path, key, readers }
        })
        .collect()
}

fn identities<'a>(lab: &'a Lab, store: &[InStore<'a>]) -> Vec<Identity<'a>> {
    let mut folders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for key in store {
        for reader in &key.readers {
            folders.entry(reader.cluster).or_default().insert(key.path);
        }
    }
    let clusters = lab.clusters.iter().filter_map(|cluster| Some((cluster.name.as_str(), cluster.store.as_ref()?)));
    let clusters = clusters.filter_map(|(cluster, store)| Some((cluster, store, folders.get(cluster)?.clone())));
    clusters
        .map(|(cluster, store, folders)| Identity { store: &store.title, cluster, folders, title: store.identity })
        .collect()
}

/// What is trusted, from outside the generated files. Each once, although several nodes have it.
fn seeds(lab: &Lab) -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |place: String, opens: String| {
        let seed = Seed { place, opens };
        if !seeds.contains(&seed) {
            seeds.push(seed);
        }
    };
    for cluster in &lab.clusters {
        let name = &cluster.name;
        let of_servers = |file: &str| format!("{file} on the servers of {name}");
        add(of_servers(&format!("{SECRETS_ON_DISK}/{SERVER_TOKEN}")), format!("the whole cluster {name}"));
        if cluster.has_agents() {
            let file = format!("{SECRETS_ON_DISK}/{AGENT_TOKEN} on the nodes of {name}");
            add(file, format!("joins the cluster {name} as an agent, which sees the Secrets of its pods"));
        }
        for secret in &cluster.flux.secrets {
            // Public keys open nothing.
            let is_public = |value| matches!(value, DiskValue::PublicKey | DiskValue::HostKeys);
            for (_, file) in secret.keys.iter().filter(|(_, file)| !is_public(file.value)) {
                add(of_servers(file.path.as_str()), secret.opens.to_owned());
            }
        }
        let pulls = cluster.pulls.iter().filter(|_| cluster.has_agents());
        for signers in pulls.filter_map(|pulls| pulls.signers.as_ref()) {
            add(format!("{} on the agents of {name}", signers.path), "decides whose commits they update to".to_owned());
        }
        for file in cluster.backup.iter().flat_map(|backup| &backup.files) {
            add(of_servers(file.file.path.as_str()), file.opens.to_owned());
        }
        for (place, opens) in cluster.store.iter().flat_map(|store| &store.trust) {
            add(place.clone(), opens.clone());
        }
    }
    add("the private SSH keys of `lab.admin.ssh-keys`".to_owned(), "root on every node".to_owned());
    let branch = &lab.repository.branch;
    add(format!("the right to push to {branch}"), "every cluster, and every node that follows the branch".to_owned());
    seeds
}

/// The files that SOPS encrypts, with the commands that create them.
fn sops(lab: &Lab, is_missing: impl Fn(&str) -> bool) -> Option<Sops<'_>> {
    let files: Vec<_> = lab.encrypted.iter().map(|file| encrypted(file, is_missing(&file.path))).collect();
    let rules: Vec<_> = lab.encrypted.iter().map(rule).collect();
    let config = || format!("creation_rules:\n{}", rules.concat());
    (!files.is_empty()).then(|| Sops { config: config(), files })
}

fn encrypted(file: &EncryptedFile, is_missing: bool) -> Encrypted<'_> {
    let (keys, recipients): (Vec<_>, Vec<_>) =
        (file.keys.iter().collect(), file.recipients.iter().map(|(_, key)| key).collect());
    let create = SopsCommands { file: &file.path, entry: &file.entry }.create(&keys, &recipients);
    let recipients = file.recipients.iter().map(|(name, _)| name.as_str()).collect();
    Encrypted { file: &file.path, recipients, create: is_missing.then(|| create.trim_matches('`').to_owned()) }
}

/// The rule of a file in `.sops.yaml`. No two files share one, since each has its own recipients.
fn rule(file: &EncryptedFile) -> String {
    let keys: Vec<_> = file.recipients.iter().map(|(_, key)| key.as_str()).collect();
    let path = file.path.replace('.', "\\.").replace('+', "\\+");
    format!("  - path_regex: ^{path}$\n    encrypted_regex: {SOPS_ENCRYPTED}\n    age: {}\n", keys.join(","))
}

/// The files that the nodes of a cluster read.
fn on_disk(cluster: &Cluster) -> impl Iterator<Item = OnDisk<'_>> {
    let files = cluster.nodes.iter().flat_map(|node| cluster.files_on(node).into_iter().map(move |file| (node, file)));
    files.map(|(node, (file, reader))| OnDisk {
        cluster: cluster.name.as_str(),
        node: node.name.as_str(),
        path: file.path.to_string(),
        obtained: obtained(file.value),
        variable: (file.value != DiskValue::PublicKey)
            .then(|| bootstrap::variable(bootstrap::relative(file.path.as_str()))),
        secret: match reader {
            DiskReader::Secret(secret, key) => {
                Some(FromDisk { namespace: secret.namespace.as_str(), name: secret.name.as_str(), key: key.as_str() })
            }
            DiskReader::Joining(_) | DiskReader::Backup(_) | DiskReader::Updates => None,
        },
        token: match reader {
            DiskReader::Joining(Role::Server) => Some(SERVER),
            DiskReader::Joining(Role::Agent) => Some(AGENT),
            DiskReader::Secret(..) | DiskReader::Backup(_) | DiskReader::Updates => None,
        },
        backup: match reader {
            DiskReader::Backup(backup) => Some(ForBackup { contains: backup.contains, create: backup.create }),
            DiskReader::Joining(_) | DiskReader::Secret(..) | DiskReader::Updates => None,
        },
        updates: matches!(reader, DiskReader::Updates),
    })
}

/// How `homelab bootstrap` obtains a value that no source gives.
fn obtained(value: DiskValue) -> &'static str {
    match value {
        DiskValue::Random => "generated",
        DiskValue::DeployKey { .. } => "generated as a key pair",
        DiskValue::PublicKey => "derived from the private key",
        DiskValue::HostKeys => "fetched and confirmed",
        DiskValue::AgeKey | DiskValue::SigningKeys | DiskValue::Issued => "asked for",
    }
}

/// A title, and rows in aligned columns.
fn list(title: &str, rows: Vec<Vec<String>>) -> String {
    let mut widths = Vec::new();
    for row in &rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let mut text = format!("{title}:\n");
    for row in rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(text, "  {}", cells.join("  ").trim_end()).expect("writing to a string cannot fail");
    }
    text
}
