//! The secret store, and the secrets that the lab reads from it.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{MountPath, Name, OneOrMore, SecretKey};
use schemars::JsonSchema;
use serde::Deserialize;

/// The secret store, and the secrets that the lab reads from it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secrets {
    /// The secret store that all clusters read from. Its credential is not in Git but on the disk of
    /// each cluster's servers; `homelab secrets` lists the files.
    pub store: SecretStore,
    /// Secret entries, by name. Each entry is a folder of the store.
    #[serde(default)]
    pub entries: Entries<SecretEntry>,
}

/// A secret store: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretStore {
    /// Infisical Cloud, or a self-hosted Infisical.
    Infisical(Infisical),
}

/// An environment of an Infisical project.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Infisical {
    /// URL of Infisical, without `/api`.
    #[serde(default)]
    pub host: OrDefault<defaults::InfisicalHost>,
    /// Slug of the project, not its display name. "Copy Project Slug" in the project's settings copies
    /// it.
    pub project: Spanned<Name>,
    /// Slug of the environment, such as `prod`.
    pub environment: Spanned<Name>,
}

/// A secret entry: a folder of the secret store and its keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretEntry {
    /// Purpose of the entry, for display only.
    pub description: Option<String>,
    /// Path of the folder in the store. Default: `/` followed by the entry's name.
    pub path: Option<Spanned<MountPath>>,
    /// Names of the keys in the folder.
    pub keys: OneOrMore<Spanned<SecretKey>>,
}
