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
    /// Kind of network storage.
    pub kind: Spanned<StorageKind>,
    /// Make and model, for display only.
    pub model: Option<String>,
    /// IPv4 address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Volume whose shared folders are exported over NFS, such as `/volume1`.
    pub nfs: Option<Spanned<MountPath>>,
    /// DSM account that creates shared folders for volumes. The storage classes of `platform.storage`
    /// require it.
    pub dsm: Option<Dsm>,
}

/// A Synology DSM account, which must be in the group `administrators`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dsm {
    /// HTTPS port of DSM.
    #[serde(default)]
    pub port: OrDefault<defaults::DsmPort>,
    /// Key that holds the user name.
    pub username: Spanned<SecretRef>,
    /// Key that holds the password.
    pub password: Spanned<SecretRef>,
}
