//! Secrets from the secret store.

use crate::names::{DataKey, ObjectName, RemoteKey, StoreFolder};
use spec::types::{Name, SecretKey};

/// A key of the secret store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreKey {
    /// The ClusterSecretStore.
    pub store: ObjectName,
    /// The entry of the spec.
    pub entry: Name,
    /// The folder of the store.
    pub folder: StoreFolder,
    /// The key in that folder.
    pub key: SecretKey,
    /// How an ExternalSecret refers to it.
    pub reference: RemoteRef,
    /// What its value is and may do, for people who create it.
    pub rights: Option<&'static str>,
}

/// How an ExternalSecret refers to a key of the store, in the terms of its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RemoteRef {
    /// The key that the provider looks up.
    pub key: RemoteKey,
    /// The property of the key, for providers that store several values under one key.
    pub property: Option<SecretKey>,
}

/// A Secret that External Secrets creates from keys of the store.
#[derive(Debug, Clone)]
pub struct ExternalSecret {
    /// The name of both the ExternalSecret and the Secret.
    pub name: ObjectName,
    /// The Secret's type, if it is not `Opaque`.
    pub kind: Option<&'static str>,
    /// Labels of the Secret.
    pub labels: &'static [(&'static str, &'static str)],
    /// The names of values, and the key of the store that contains each.
    pub data: Vec<(DataKey, StoreKey)>,
    /// The keys of the Secret, as Go templates over the values. If empty, each value is a key.
    pub template: Vec<(DataKey, String)>,
}

impl ExternalSecret {
    /// Creates a Secret whose keys are values of the store.
    pub fn new(name: impl Into<ObjectName>, data: Vec<(DataKey, StoreKey)>) -> Self {
        Self { name: name.into(), kind: None, labels: &[], data, template: Vec::new() }
    }

    /// Returns the ClusterSecretStore that it reads.
    pub fn store(&self) -> Option<&ObjectName> {
        self.data.first().map(|(_, key)| &key.store)
    }
}
