//! 1Password: an item of a vault for each entry.

use super::{NAMESPACE, Provider, on_disk};
use model::{DiskSecret, RemoteRef, StoreFolder};
use serde_json::{Value, json};
use spec::OnePassword;
use spec::types::{Name, SecretKey};

/// The Secret with the credential, the token of a service account, and the key in it.
const SECRET: &str = "onepassword-service-account";
const TOKEN: &str = "token";

impl Provider for OnePassword {
    fn name(&self) -> &'static str {
        "onepassword"
    }

    fn title(&self) -> String {
        format!("1Password, vault {}", self.vault.value)
    }

    fn configuration(&self, _: &Name) -> Value {
        json!({
            "onepasswordSDK": {
                "vault": self.vault.value,
                "auth": { "serviceAccountSecretRef": { "name": SECRET, "namespace": NAMESPACE, "key": TOKEN } },
                // 1Password limits how often a service account reads.
                "cache": { "ttl": "30m", "maxSize": 200 },
            },
        })
    }

    fn credential(&self) -> Option<DiskSecret> {
        Some(DiskSecret {
            namespace: NAMESPACE.into(),
            name: SECRET.into(),
            keys: vec![on_disk(TOKEN, "onepassword/token")],
            opens: "reads every item of the vault",
        })
    }

    fn identity(&self) -> &'static str {
        "Items that each cluster reads; its service account needs no access to other vaults"
    }

    fn folder(&self, path: &str) -> StoreFolder {
        path.trim_start_matches('/').to_owned().into()
    }

    fn reference(&self, _: &Name, folder: &StoreFolder, key: &SecretKey) -> RemoteRef {
        RemoteRef { key: format!("{folder}/{key}").into(), property: None }
    }

    fn rejects(&self, path: &str) -> Option<&'static str> {
        path[1..].contains('/').then_some("an item of 1Password is in no folder: write `/ITEM`")
    }
}
