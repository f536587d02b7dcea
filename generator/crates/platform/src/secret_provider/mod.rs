//! The kinds of secret stores, a module each, with all that depends on the choice.

mod bitwarden;
mod infisical;
mod onepassword;
pub(crate) mod sops;
mod vault;

use diagnostic::Span;
use model::{
    Capability, DataKey, DiskFile, DiskSecret, DiskValue, Manifest, Need, RemoteRef, Store, StoreFolder, StoreKey,
    Template, Unit,
};
use serde_json::{Value, json};
use spec::types::{MountPath, Name, SecretKey};
use spec::{SecretStore, Spanned};
use std::collections::BTreeMap;

/// The namespace of External Secrets, which contains the credential for the store itself.
pub(crate) const NAMESPACE: &str = "external-secrets";

/// A ServiceAccount, for stores that External Secrets logs in to with a token of Kubernetes.
const READER: &str = "secrets-reader";

const ACCOUNT: Template =
    Template { name: "secrets/serviceaccount.yaml", source: include_str!("serviceaccount.yaml.j2") };

/// The templates of all stores.
pub(crate) const TEMPLATES: &[Template] = &{
    let [issuer, certificate] = bitwarden::TEMPLATES;
    [ACCOUNT, sops::ROLE, sops::BINDING, issuer, certificate]
};

/// A secret store, as External Secrets is configured for it.
pub(crate) trait Provider {
    /// The name of its ClusterSecretStore.
    fn name(&self) -> &'static str;

    /// What and where it is, for people.
    fn title(&self) -> String;

    /// The field `spec.provider` of its ClusterSecretStore in a cluster.
    fn configuration(&self, cluster: &Name) -> Value;

    /// The credential for the store itself, which a server creates from files on its disk.
    fn credential(&self) -> Option<DiskSecret>;

    /// What the list of the folders that each cluster reads is for.
    fn identity(&self) -> &'static str;

    /// What else is trusted, besides files on the disks of nodes: where it is, and what it opens.
    fn trust(&self, _: &Name) -> Vec<(String, String)> {
        Vec::new()
    }

    /// The folder of an entry, given its path.
    fn folder(&self, path: &str) -> StoreFolder;

    /// How an ExternalSecret refers to a key of an entry, which is in a folder.
    fn reference(&self, entry: &Name, folder: &StoreFolder, key: &SecretKey) -> RemoteRef;

    /// Why the store cannot have an entry at a path, and what to write instead.
    fn rejects(&self, _: &str) -> Option<&'static str> {
        None
    }

    /// Adds what it requires to the unit of its ClusterSecretStore.
    fn extend(&self, _: &mut Unit) {}

    /// The server through which External Secrets reads it.
    fn server(&self) -> Option<Server> {
        None
    }

    /// The namespace that [`extend`](Self::extend) creates.
    fn namespace(&self) -> Option<&'static str> {
        None
    }

    /// The unit with the values of an entry, if they are objects of the cluster itself.
    fn entry(&self, _: &StoreKey, _: Span) -> Option<Unit> {
        None
    }
}

/// A server of the chart of External Secrets, through which it reads a store.
pub(crate) struct Server {
    /// The Secret with its certificate.
    pub(crate) secret: &'static str,
    /// What makes cert-manager issue the certificate.
    pub(crate) objects: Vec<Manifest>,
}

/// Returns the provider of a store.
pub(crate) fn provider(store: &SecretStore) -> &dyn Provider {
    match store {
        SecretStore::Infisical(store) => store,
        SecretStore::Sops(store) => store,
        SecretStore::OnePassword(store) => store,
        SecretStore::Vault(store) => store,
        SecretStore::Bitwarden(store) => store,
    }
}

/// The manifest of the ServiceAccount.
fn account() -> Manifest {
    let variables = json!({ "name": READER, "namespace": NAMESPACE });
    Manifest::new("ServiceAccount", READER, "serviceaccount.yaml", ACCOUNT, variables)
}

/// A key of a Secret that is created from a file in the folder for secrets on the disk of a server: what the store
/// issued.
fn on_disk(key: &'static str, file: &str) -> (DataKey, DiskFile) {
    (key.into(), DiskFile::new(file, DiskValue::Issued))
}

/// The path of an entry in its store.
fn path(entry: &Name, path: Option<&Spanned<MountPath>>) -> String {
    path.map_or_else(|| format!("/{entry}"), |path| path.value.to_string())
}

/// The key of an entry. A lab without a store is reported elsewhere.
pub(crate) fn key(
    store: Option<&SecretStore>,
    entry: &Name,
    path: Option<&Spanned<MountPath>>,
    key: &SecretKey,
) -> StoreKey {
    let path = self::path(entry, path);
    let (store, folder, reference) = match store.map(provider) {
        Some(provider) => {
            let folder = provider.folder(&path);
            let reference = provider.reference(entry, &folder, key);
            (provider.name(), folder, reference)
        }
        None => ("none", path.clone().into(), RemoteRef { key: path.into(), property: None }),
    };
    StoreKey { store: store.into(), entry: entry.clone(), folder, key: key.clone(), reference, rights: None }
}

/// Returns the store of a cluster, as people know it.
pub(crate) fn store(store: &SecretStore, cluster: &Name) -> Store {
    let provider = provider(store);
    Store { title: provider.title(), identity: provider.identity(), trust: provider.trust(cluster) }
}

/// Returns the units with the values of the entries that other units read, if the store has such units, and makes the
/// readers wait for them. `span` is the place of the spec for their needs.
pub(crate) fn entries<'a>(store: &SecretStore, readers: impl Iterator<Item = &'a mut Unit>, span: Span) -> Vec<Unit> {
    let provider = provider(store);
    let mut units = BTreeMap::new();
    for reader in readers {
        let mut entries: BTreeMap<Name, Unit> = BTreeMap::new();
        for (_, key) in reader.secrets().flat_map(|secret| &secret.data) {
            if !entries.contains_key(&key.entry)
                && let Some(unit) = provider.entry(key, span)
            {
                entries.insert(key.entry.clone(), unit);
            }
        }
        reader.needs.extend(entries.keys().map(|entry| Need::before(Capability::SecretEntry(entry.clone()), span)));
        units.extend(entries);
    }
    units.into_values().collect()
}
