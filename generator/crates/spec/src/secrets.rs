//! The secret store, and the secrets that the lab reads from it.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{AgeKey, HttpUrl, MountPath, Name, OneOrMore, SecretKey, Uuid};
use schemars::JsonSchema;
use serde::Deserialize;

/// The secret store, and the secrets that the lab reads from it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secrets {
    /// The secret store that all clusters read from, except those with their own
    /// (`platform.secrets.store`). Its credential is not in Git but on the disk of each cluster's servers;
    /// `homelab secrets` lists the files.
    pub store: SecretStore,
    /// Secret entries, by name. Each entry is a folder of the store, or what corresponds to one there.
    #[serde(default)]
    pub entries: Entries<SecretEntry>,
}

/// A secret store: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SecretStore {
    /// Infisical Cloud, or a self-hosted Infisical.
    Infisical(Infisical),
    /// Encrypted files in this repository, by SOPS with age.
    Sops(Sops),
    /// A vault of 1Password, read by a service account.
    #[serde(rename = "1password")]
    OnePassword(OnePassword),
    /// Vault of HashiCorp, or OpenBao.
    Vault(Vault),
    /// A project of Bitwarden Secrets Manager, read by a machine account.
    Bitwarden(Bitwarden),
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

/// Encrypted files in this repository: `spec/secrets/ENTRY.yaml` for each entry. Flux decrypts them in the cluster.
/// `homelab secrets` prints the commands that create and change them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sops {
    /// Public age keys of those who edit the files, by name. Each can decrypt every file.
    pub people: Entries<Spanned<AgeKey>>,
    /// Public age keys of the clusters, by the name of the cluster. Each can decrypt the files of the entries
    /// that the cluster reads. The private key is on the disk of the cluster's servers.
    #[schemars(extend("x-keys-refer-to" = "cluster"))]
    pub clusters: Entries<Spanned<AgeKey>>,
}

/// A vault of 1Password. Each entry is an item, and each key a field of it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OnePassword {
    /// Name of the vault. Keep nothing else in it: the service account can read all of it.
    pub vault: Spanned<Name>,
}

/// A KV engine, version 2, of Vault or OpenBao. Each entry is a secret in it, and each key a field of that.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vault {
    /// URL of the server.
    pub server: Spanned<HttpUrl>,
    /// Path at which the engine is enabled.
    #[serde(default)]
    pub engine: OrDefault<defaults::VaultEngine>,
}

/// A project of Bitwarden Secrets Manager, which is another product than the password manager. Each key of an entry is a
/// secret of the project, with the name `ENTRY/KEY`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bitwarden {
    /// ID of the organization. It is in the address of its pages: `#/sm/ORGANIZATION/projects/PROJECT`.
    pub organization: Spanned<Uuid>,
    /// ID of the project. Keep nothing else in it: the machine account can read all of it.
    pub project: Spanned<Uuid>,
    /// Where Bitwarden is, if not at `bitwarden.com`: at `bitwarden.eu`, or on your own server.
    pub server: Option<BitwardenServer>,
}

/// A server of Bitwarden. Its certificate must be publicly trusted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BitwardenServer {
    /// URL of its API, such as `https://api.bitwarden.eu`, or `https://bitwarden.example.com/api`.
    pub api: Spanned<HttpUrl>,
    /// URL of its identity service, such as `https://identity.bitwarden.eu`, or
    /// `https://bitwarden.example.com/identity`.
    pub identity: Spanned<HttpUrl>,
}

/// A secret entry: a folder of the secret store and its keys.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretEntry {
    /// Purpose of the entry, for display only.
    pub description: Option<String>,
    /// Path of the folder in the store. With SOPS, that of the file below `spec/secrets`, without `.yaml`.
    /// Default: `/` followed by the entry's name.
    pub path: Option<Spanned<MountPath>>,
    /// Names of the keys in the folder.
    pub keys: OneOrMore<Spanned<SecretKey>>,
}
