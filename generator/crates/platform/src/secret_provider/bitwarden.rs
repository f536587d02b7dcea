//! Bitwarden Secrets Manager: a secret of a project for each key of an entry.
//!
//! External Secrets cannot talk to Bitwarden by itself. Its chart has a server for that, in the same namespace: each
//! request to it contains the credential, so it serves HTTPS only.

use super::{NAMESPACE, Provider, Server, on_disk};
use model::{DiskSecret, Manifest, RemoteRef, StoreFolder, Template};
use serde_json::{Value, json};
use spec::Bitwarden;
use spec::types::{Name, SecretKey};

const ISSUER: Template = Template { name: "secrets/issuer.yaml", source: include_str!("issuer.yaml.j2") };
const CERTIFICATE: Template =
    Template { name: "secrets/certificate.yaml", source: include_str!("certificate.yaml.j2") };

/// The templates of this store.
pub(super) const TEMPLATES: [Template; 2] = [ISSUER, CERTIFICATE];

/// The Secret with the credential, the access token of a machine account, and the key in it.
const SECRET: &str = "bitwarden-machine-account";
const TOKEN: &str = "token";

/// The name of the server, which the chart fixes, and its port.
const SERVER: &str = "bitwarden-sdk-server";
const PORT: u16 = 9998;

/// The Secret with the certificate of the server.
const TLS: &str = "bitwarden-sdk-server-tls";

/// The name of the server in the cluster.
fn host() -> String {
    format!("{SERVER}.{NAMESPACE}.svc.cluster.local")
}

impl Provider for Bitwarden {
    fn name(&self) -> &'static str {
        "bitwarden"
    }

    fn title(&self) -> String {
        format!("Bitwarden Secrets Manager, project {}", self.project.value)
    }

    fn configuration(&self, _: &Name) -> Value {
        let mut provider = json!({
            "organizationID": self.organization.value,
            "projectID": self.project.value,
            "bitwardenServerSDKURL": format!("https://{}:{PORT}", host()),
            "caProvider": { "type": "Secret", "name": TLS, "namespace": NAMESPACE, "key": "ca.crt" },
            "auth": { "secretRef": { "credentials": { "name": SECRET, "namespace": NAMESPACE, "key": TOKEN } } },
        });
        if let Some(server) = &self.server {
            provider["apiURL"] = json!(server.api.value);
            provider["identityURL"] = json!(server.identity.value);
        }
        json!({ "bitwardensecretsmanager": provider })
    }

    fn credential(&self) -> Option<DiskSecret> {
        Some(DiskSecret {
            namespace: NAMESPACE.into(),
            name: SECRET.into(),
            keys: vec![on_disk(TOKEN, "bitwarden/token")],
            opens: "reads every secret of the project",
        })
    }

    fn identity(&self) -> &'static str {
        "Entries that each cluster reads, as secrets `ENTRY/KEY`; its machine account needs no access to other projects"
    }

    fn folder(&self, path: &str) -> StoreFolder {
        path.trim_start_matches('/').to_owned().into()
    }

    fn reference(&self, _: &Name, folder: &StoreFolder, key: &SecretKey) -> RemoteRef {
        RemoteRef { key: format!("{folder}/{key}").into(), property: None }
    }

    fn server(&self) -> Option<Server> {
        let object = |kind, file, template| {
            let variables = json!({ "name": SERVER, "namespace": NAMESPACE, "secret": TLS, "host": host() });
            Manifest::new(kind, SERVER, file, template, variables)
        };
        Some(Server {
            secret: TLS,
            objects: vec![
                object("Issuer", "issuer.yaml", ISSUER),
                object("Certificate", "certificate.yaml", CERTIFICATE),
            ],
        })
    }
}
