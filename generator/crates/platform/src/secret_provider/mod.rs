//! The kinds of secret stores, a module each, with all that depends on the choice.

mod infisical;

use model::contract::SECRETS_ON_DISK;
use model::{DataKey, DiskPath, DiskSecret, RemoteRef, StoreFolder, StoreKey};
use serde_json::Value;
use spec::types::{MountPath, Name, SecretKey};
use spec::{SecretStore, Spanned};

/// The namespace of External Secrets, which contains the credential for the store itself.
pub(crate) const NAMESPACE: &str = "external-secrets";

/// A secret store, as External Secrets is configured for it.
pub(crate) trait Provider {
    /// The name of its ClusterSecretStore.
    fn name(&self) -> &'static str;

    /// The field `spec.provider` of its ClusterSecretStore.
    fn configuration(&self) -> Value;

    /// The credential for the store itself, which a server creates from files on its disk.
    fn credential(&self) -> DiskSecret;

    /// The folder of an entry, given its path.
    fn folder(&self, path: &str) -> StoreFolder;

    /// How an ExternalSecret refers to a key in a folder.
    fn reference(&self, folder: &StoreFolder, key: &SecretKey) -> RemoteRef;
}

/// Returns the provider of a store.
pub(crate) fn provider(store: &SecretStore) -> &dyn Provider {
    match store {
        SecretStore::Infisical(store) => store,
    }
}

/// A key of a Secret that is created from a file in the folder for secrets on the disk of a server.
fn on_disk(key: &'static str, file: &str) -> (DataKey, DiskPath) {
    (key.into(), format!("{SECRETS_ON_DISK}/{file}").into())
}

/// The key of an entry. A lab without a store is reported elsewhere.
pub(crate) fn key(
    store: Option<&SecretStore>,
    entry: &Name,
    path: Option<&Spanned<MountPath>>,
    key: &SecretKey,
) -> StoreKey {
    let path = path.map_or_else(|| format!("/{entry}"), |path| path.value.to_string());
    let (store, folder, reference) = match store.map(provider) {
        Some(provider) => {
            let folder = provider.folder(&path);
            let reference = provider.reference(&folder, key);
            (provider.name(), folder, reference)
        }
        None => ("none", path.clone().into(), RemoteRef { key: path.into(), property: None }),
    };
    StoreKey { store: store.into(), folder, key: key.clone(), reference, rights: None }
}
