//! SOPS: an encrypted file of the repository for each entry.
//!
//! Flux decrypts each file to a Secret in a namespace of its own. External Secrets reads the keys from there, through its
//! provider for Kubernetes, so that ExternalSecrets and their templates are the same as with any other store.

mod commands;

pub use commands::{Commands, ENCRYPTED};

use super::{NAMESPACE, Provider, READER, account, path};
use diagnostic::Span;
use model::contract::FLUX_NAMESPACE;
use model::{
    Capability, DiskFile, DiskSecret, DiskValue, Encrypted, Manifest, Namespace, Need, RemoteRef, StoreFolder,
    StoreKey, Template, Unit,
};
use serde_json::{Value, json};
use spec::types::{AgeKey, Name, SecretKey};
use spec::{Entry, PodSecurity, SecretEntry, Sops, Spanned};

/// The namespace of the decrypted Secrets, each with the name of its entry.
pub const ENTRIES: &str = "secrets";

/// The Secret with the private key, and the name of the key in it, which must end in `.agekey`.
const KEY: (&str, &str) = ("sops-age", "age.agekey");

pub(super) const ROLE: Template = Template { name: "sops/role.yaml", source: include_str!("role.yaml.j2") };
pub(super) const BINDING: Template =
    Template { name: "sops/rolebinding.yaml", source: include_str!("rolebinding.yaml.j2") };

impl Provider for Sops {
    fn name(&self) -> &'static str {
        "sops"
    }

    fn title(&self) -> String {
        "encrypted files of this repository, by SOPS".to_owned()
    }

    fn configuration(&self, _: &Name) -> Value {
        json!({
            "kubernetes": {
                "remoteNamespace": ENTRIES,
                "server": {
                    "caProvider": {
                        "type": "ConfigMap",
                        "name": "kube-root-ca.crt",
                        "namespace": NAMESPACE,
                        "key": "ca.crt",
                    },
                },
                "auth": { "serviceAccount": { "name": READER, "namespace": NAMESPACE } },
            },
        })
    }

    fn credential(&self) -> Option<DiskSecret> {
        let (name, key) = KEY;
        Some(DiskSecret {
            namespace: FLUX_NAMESPACE.into(),
            name: name.into(),
            keys: vec![(key.into(), DiskFile::new("sops/age.agekey", DiskValue::AgeKey))],
            opens: "decrypts the files that are encrypted for the cluster",
        })
    }

    fn identity(&self) -> &'static str {
        "Files that each cluster can decrypt, and no others"
    }

    fn trust(&self, _: &Name) -> Vec<(String, String)> {
        let person = |person: &Entry<Spanned<AgeKey>>| {
            let name = &person.name.value;
            (format!("the private age key of {name}, on the machine of {name}"), "decrypts every file".to_owned())
        };
        self.people.iter().map(person).collect()
    }

    fn folder(&self, path: &str) -> StoreFolder {
        file(path).into()
    }

    fn reference(&self, entry: &Name, _: &StoreFolder, key: &SecretKey) -> RemoteRef {
        RemoteRef { key: entry.to_string().into(), property: Some(key.clone()) }
    }

    fn extend(&self, unit: &mut Unit) {
        unit.other_namespaces.push(Namespace::created(ENTRIES, PodSecurity::Restricted));
        let variables = || json!({ "name": READER, "namespace": NAMESPACE, "entries": ENTRIES });
        unit.add(account());
        for (kind, file, template) in [("Role", "role.yaml", ROLE), ("RoleBinding", "rolebinding.yaml", BINDING)] {
            unit.add(Manifest::new(kind, READER, file, template, variables()));
        }
        unit.provides.push(Capability::Namespace(ENTRIES.into()));
    }

    fn namespace(&self) -> Option<&'static str> {
        Some(ENTRIES)
    }

    fn entry(&self, key: &StoreKey, span: Span) -> Option<Unit> {
        let id = format!("sops-{}", key.entry);
        let mut unit = Unit::new(id, format!("sops/{}", key.entry), Namespace::existing(ENTRIES));
        unit.encrypted = Some(Encrypted { file: key.folder.clone(), key: KEY.0.into() });
        unit.needs = vec![Need::before(Capability::Namespace(ENTRIES.into()), span)];
        unit.provides = vec![Capability::SecretEntry(key.entry.clone())];
        Some(unit)
    }
}

/// The file of an entry, given its path. It is below `spec`, which the flake check of the generated files sees.
fn file(path: &str) -> String {
    format!("spec/secrets{path}.yaml")
}

/// The file of an entry.
pub fn file_of(entry: &Entry<SecretEntry>) -> String {
    file(&path(&entry.name.value, entry.value.path.as_ref()))
}
