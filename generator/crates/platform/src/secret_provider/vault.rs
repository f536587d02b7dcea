//! Vault and OpenBao: a secret of a KV engine, version 2, for each entry.
//!
//! External Secrets logs in with a token that Kubernetes signs (auth method `jwt`). Vault checks it with the public key of
//! the cluster: there is no credential that could leak, and Vault needs no access to the Kubernetes API.

use super::{NAMESPACE, Provider, READER, account};
use model::{DiskSecret, RemoteRef, StoreFolder, Unit};
use serde_json::{Value, json};
use spec::Vault;
use spec::types::{Name, SecretKey};

/// The role of the auth method.
const ROLE: &str = "external-secrets";

impl Provider for Vault {
    fn name(&self) -> &'static str {
        "vault"
    }

    fn title(&self) -> String {
        format!("Vault, {}, engine {}", self.server.value, self.engine.get())
    }

    fn configuration(&self, cluster: &Name) -> Value {
        json!({
            "vault": {
                "server": self.server.value,
                "path": self.engine.get(),
                "version": "v2",
                "auth": {
                    "jwt": {
                        // Each cluster signs with its own key.
                        "path": cluster,
                        "role": ROLE,
                        "kubernetesServiceAccountToken": {
                            "serviceAccountRef": { "name": READER, "namespace": NAMESPACE },
                        },
                    },
                },
            },
        })
    }

    fn credential(&self) -> Option<DiskSecret> {
        None
    }

    fn identity(&self) -> &'static str {
        "Secrets that the policy of each cluster must let it read, and no others"
    }

    fn folder(&self, path: &str) -> StoreFolder {
        path.trim_start_matches('/').to_owned().into()
    }

    fn reference(&self, _: &Name, folder: &StoreFolder, key: &SecretKey) -> RemoteRef {
        RemoteRef { key: folder.to_string().into(), property: Some(key.clone()) }
    }

    fn extend(&self, unit: &mut Unit) {
        unit.add(account());
    }

    fn trust(&self, cluster: &Name) -> Vec<(String, String)> {
        vec![(
            format!("auth/{cluster} in Vault: the public key of the cluster, and the role {ROLE}"),
            format!("lets {cluster} read what the policies of the role allow"),
        )]
    }
}
