//! The settings of each kind of secret store, in one place.

use model::contract::SECRETS_ON_DISK;
use model::{DataKey, DiskPath, DiskSecret, RemoteRef, StoreFolder, StoreKey};
use serde_json::{Value, json};
use spec::SecretStore;
use spec::types::SecretKey;

/// The namespace of External Secrets, which contains the credential for the store itself.
pub(crate) const NAMESPACE: &str = "external-secrets";

/// A kind of secret store, as External Secrets is configured for it.
pub(crate) struct Provider {
    /// The name of its ClusterSecretStore.
    pub(crate) store: &'static str,
    /// The credential for the store itself, which a server creates from files on its disk.
    pub(crate) credential: fn() -> DiskSecret,
    /// How an ExternalSecret refers to a key in a folder.
    reference: fn(&StoreFolder, &SecretKey) -> RemoteRef,
}

/// The Secret with the credential for Infisical: a machine identity that logs in with Universal Auth.
const INFISICAL_SECRET: &str = "infisical-universal-auth";

/// Returns the provider of a store.
pub(crate) fn provider(store: &SecretStore) -> Provider {
    match store {
        SecretStore::Infisical(_) => Provider {
            store: "infisical",
            credential: || DiskSecret {
                namespace: NAMESPACE.into(),
                name: INFISICAL_SECRET.into(),
                keys: vec![
                    on_disk("clientId", "infisical/client-id"),
                    on_disk("clientSecret", "infisical/client-secret"),
                ],
            },
            reference: |folder, key| RemoteRef { key: format!("{folder}/{key}").into(), property: None },
        },
    }
}

/// The field `spec.provider` of the ClusterSecretStore of a store.
pub(crate) fn configuration(store: &SecretStore) -> Value {
    match store {
        SecretStore::Infisical(store) => {
            let key = |key: &'static str| json!({ "name": INFISICAL_SECRET, "namespace": NAMESPACE, "key": key });
            json!({
                "infisical": {
                    "hostAPI": store.host.get(),
                    "auth": {
                        "universalAuthCredentials": {
                            "clientId": key("clientId"),
                            "clientSecret": key("clientSecret"),
                        },
                    },
                    "secretsScope": {
                        "projectSlug": store.project.value,
                        "environmentSlug": store.environment.value,
                        "secretsPath": "/",
                    },
                },
            })
        }
    }
}

fn on_disk(key: &'static str, file: &str) -> (DataKey, DiskPath) {
    (key.into(), format!("{SECRETS_ON_DISK}/{file}").into())
}

/// The key in a folder of a store. A lab without a store is reported elsewhere.
pub(crate) fn key(store: Option<&SecretStore>, folder: StoreFolder, key: SecretKey) -> StoreKey {
    let provider = store.map(provider);
    let reference =
        provider.as_ref().map_or(RemoteRef { key: folder.to_string().into(), property: None }, |provider| {
            (provider.reference)(&folder, &key)
        });
    StoreKey { store: provider.map_or("none", |provider| provider.store).into(), folder, key, reference, rights: None }
}
