//! The secret store, and the secrets that the lab needs.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{MountPath, Name, OneOrMore, SecretKey};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where secrets come from, and which ones the lab needs.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secrets {
    /// The secret store. Its own credential reaches a cluster from the disk of the cluster's
    /// server, outside Git: `homelab secrets` tells the files.
    pub store: SecretStore,
    /// The secrets that the lab needs, by name. Each is a folder of the store.
    #[serde(default)]
    pub entries: Entries<SecretEntry>,
}

/// A secret store: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretStore {
    /// Infisical, in its cloud or self-hosted.
    Infisical(Infisical),
}

/// A project of Infisical.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Infisical {
    /// Its address, without `/api`.
    #[serde(default)]
    pub host: OrDefault<defaults::InfisicalHost>,
    /// The project's slug ("Copy Project Slug" in its settings), which is not its display name.
    pub project: Spanned<Name>,
    /// The environment's slug.
    pub environment: Spanned<Name>,
}

/// A secret that the lab needs: a folder of the store with some keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretEntry {
    /// What it is for, for people.
    pub description: Option<String>,
    /// The folder in the store. Default: `/` and the entry's name.
    pub path: Option<Spanned<MountPath>>,
    /// The keys in that folder.
    pub keys: OneOrMore<Spanned<SecretKey>>,
}
