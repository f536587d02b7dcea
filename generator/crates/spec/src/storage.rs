//! Network storage.

use crate::choices::StorageKind;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Ipv4, MountPath, SecretRef};
use schemars::JsonSchema;
use serde::Deserialize;

/// Network storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Storage {
    /// What it is.
    pub kind: Spanned<StorageKind>,
    /// Its make and model, for people.
    pub model: Option<String>,
    /// Its address on the LAN.
    pub address: Spanned<Ipv4>,
    /// The volume whose shared folders are exported by NFS.
    pub nfs: Option<Spanned<MountPath>>,
    /// The account that makes shared folders for volumes: with it, clusters get storage classes.
    pub dsm: Option<Dsm>,
}

/// An account of Synology's DSM, in its group `administrators`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dsm {
    /// The HTTPS port of DSM.
    #[serde(default)]
    pub port: OrDefault<defaults::DsmPort>,
    /// The key with the account's name.
    pub username: Spanned<SecretRef>,
    /// The key with the account's password.
    pub password: Spanned<SecretRef>,
}
