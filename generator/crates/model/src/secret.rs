//! Secrets that come from the store.

use crate::names::{DataKey, ObjectName};
use spec::types::SecretKey;

/// A key of the secret store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoreKey {
    /// The ClusterSecretStore.
    pub store: ObjectName,
    /// The folder of the store, as people find it.
    pub folder: String,
    /// The key in that folder.
    pub key: SecretKey,
    /// How an ExternalSecret refers to it.
    pub reference: RemoteRef,
}

/// How an ExternalSecret refers to a key of the store, in the terms of its provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct RemoteRef {
    /// What the provider looks up.
    pub key: String,
    /// The part of it, where a provider keeps several values under one key.
    pub property: Option<String>,
}

/// A Secret that External Secrets makes from the store.
#[derive(Debug, Clone)]
pub struct ExternalSecret {
    /// Its name, and that of the Secret.
    pub name: ObjectName,
    /// The Secret's type, if it is not `Opaque`.
    pub kind: Option<&'static str>,
    /// Labels of the Secret.
    pub labels: &'static [(&'static str, &'static str)],
    /// Values by name, and the key of the store that holds each.
    pub data: Vec<(DataKey, StoreKey)>,
    /// Keys of the Secret, as Go templates over the values. Empty: each value is a key.
    pub template: Vec<(DataKey, String)>,
}

impl ExternalSecret {
    /// A Secret whose keys are values of the store.
    pub fn new(name: impl Into<ObjectName>, data: Vec<(DataKey, StoreKey)>) -> Self {
        Self { name: name.into(), kind: None, labels: &[], data, template: Vec::new() }
    }

    /// The ClusterSecretStore that it reads.
    pub fn store(&self) -> Option<&ObjectName> {
        self.data.first().map(|(_, key)| &key.store)
    }
}
