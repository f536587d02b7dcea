//! Infisical: a folder of a project for each entry.

use super::{NAMESPACE, Provider, on_disk};
use model::{DiskSecret, RemoteRef, StoreFolder};
use serde_json::{Value, json};
use spec::Infisical;
use spec::types::{Name, SecretKey};

/// The Secret with the credential: a machine identity that logs in with Universal Auth.
const SECRET: &str = "infisical-universal-auth";

impl Provider for Infisical {
    fn name(&self) -> &'static str {
        "infisical"
    }

    fn title(&self) -> String {
        format!("Infisical, project {}, environment {}", self.project.value, self.environment.value)
    }

    fn configuration(&self, _: &Name) -> Value {
        let key = |key: &'static str| json!({ "name": SECRET, "namespace": NAMESPACE, "key": key });
        json!({
            "infisical": {
                "hostAPI": self.host.get(),
                "auth": {
                    "universalAuthCredentials": {
                        "clientId": key("clientId"),
                        "clientSecret": key("clientSecret"),
                    },
                },
                "secretsScope": {
                    "projectSlug": self.project.value,
                    "environmentSlug": self.environment.value,
                    "secretsPath": "/",
                },
            },
        })
    }

    fn credential(&self) -> Option<DiskSecret> {
        Some(DiskSecret {
            namespace: NAMESPACE.into(),
            name: SECRET.into(),
            keys: vec![on_disk("clientId", "infisical/client-id"), on_disk("clientSecret", "infisical/client-secret")],
            opens: "reads the folders that the machine identity may read",
        })
    }

    fn identity(&self) -> &'static str {
        "Folders that the machine identity of each cluster reads, and no others"
    }

    fn folder(&self, path: &str) -> StoreFolder {
        path.to_owned().into()
    }

    fn reference(&self, _: &Name, folder: &StoreFolder, key: &SecretKey) -> RemoteRef {
        RemoteRef { key: format!("{folder}/{key}").into(), property: None }
    }
}
