//! Network storage.

use crate::by_kind::by_kind;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Ipv4, MountPath, SecretRef};
use schemars::JsonSchema;
use serde::Deserialize;

by_kind! {
    /// Network storage.
    Storage, "Kind of network storage, which decides the other fields." {
        /// A Synology DiskStation. Synology CSI creates its shared folders for volumes.
        Synology(SynologyStorage) = "synology",
        /// Any other NFS server, such as TrueNAS. csi-driver-nfs creates folders for volumes in one of its exports.
        Nfs(NfsStorage) = "nfs",
    }
}

impl Storage {
    /// Make and model.
    pub fn model(&self) -> Option<&String> {
        match self {
            Self::Synology(storage) => storage.model.as_ref(),
            Self::Nfs(storage) => storage.model.as_ref(),
        }
    }

    /// Its address.
    pub fn address(&self) -> &Spanned<Ipv4> {
        match self {
            Self::Synology(storage) => &storage.address,
            Self::Nfs(storage) => &storage.address,
        }
    }

    /// The exported folder that shares are relative to.
    pub fn export(&self) -> Option<&Spanned<MountPath>> {
        match self {
            Self::Synology(storage) => storage.nfs.as_ref(),
            Self::Nfs(storage) => storage.nfs.as_ref(),
        }
    }

    /// Its DSM account.
    pub fn dsm(&self) -> Option<&Dsm> {
        match self {
            Self::Synology(storage) => storage.dsm.as_ref(),
            Self::Nfs(_) => None,
        }
    }

    /// Its account for SNMP.
    pub fn snmp(&self) -> Option<&Snmp> {
        match self {
            Self::Synology(storage) => storage.snmp.as_ref(),
            Self::Nfs(storage) => storage.snmp.as_ref(),
        }
    }

    /// Whether nodes may mount something of it by NFS.
    pub fn has_nfs(&self) -> bool {
        match self {
            Self::Synology(storage) => storage.nfs.is_some(),
            Self::Nfs(storage) => storage.nfs.is_some() || storage.volumes.is_some(),
        }
    }
}

/// A Synology DiskStation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "storage with `kind: synology`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SynologyStorage {
    /// Kind of network storage, which decides the other fields.
    pub kind: SynologyKind,
    /// Make and model, for display only.
    pub model: Option<String>,
    /// IPv4 address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Folder whose subfolders are exported over NFS, for volumes with `nfs`: a volume of a DiskStation, such as
    /// `/volume1`, or any folder of another server, such as `/mnt/tank`.
    pub nfs: Option<Spanned<MountPath>>,
    /// DSM account that creates shared folders for volumes. The storage classes of `platform.storage`
    /// require it.
    pub dsm: Option<Dsm>,
    /// SNMPv3 account that reads its state: load, network and space, of a DiskStation also volumes, disks and the UPS.
    /// The clusters that store metrics use it.
    pub snmp: Option<Snmp>,
}

/// An SNMPv3 account with authentication by SHA and encryption by AES.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Snmp {
    /// Key that holds the user name.
    pub username: Spanned<SecretRef>,
    /// Key that holds the password of the authentication.
    pub password: Spanned<SecretRef>,
    /// Key that holds the password of the encryption.
    pub privacy_password: Spanned<SecretRef>,
}

/// The kind of a [`SynologyStorage`].
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SynologyKind {
    /// A Synology DiskStation.
    Synology,
}

/// An NFS server.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "storage with `kind: nfs`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NfsStorage {
    /// Kind of network storage, which decides the other fields.
    pub kind: NfsKind,
    /// Make and model, for display only.
    pub model: Option<String>,
    /// IPv4 address on the LAN.
    pub address: Spanned<Ipv4>,
    /// Folder whose subfolders are exported over NFS, for volumes with `nfs`: a volume of a DiskStation, such as
    /// `/volume1`, or any folder of another server, such as `/mnt/tank`.
    pub nfs: Option<Spanned<MountPath>>,
    /// Exported folder in which csi-driver-nfs creates a folder for each volume, such as `/mnt/tank/volumes`. The
    /// storage classes of `platform.storage` require it. Every node that may mount NFS needs write access to it.
    pub volumes: Option<Spanned<MountPath>>,
    /// SNMPv3 account that reads its state: load, network and space, of a DiskStation also volumes, disks and the UPS.
    /// The clusters that store metrics use it.
    pub snmp: Option<Snmp>,
}

/// The kind of an [`NfsStorage`].
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NfsKind {
    /// Any NFS server, such as TrueNAS.
    Nfs,
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
