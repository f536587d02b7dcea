//! References to secrets, databases, shares and objects, by name.

use super::{Text, rules};
use std::fmt;

/// A reference to a key of a secret entry: `ENTRY/KEY`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    /// The name of the entry under `secrets.entries`.
    pub entry: String,
    /// One of its keys.
    pub key: String,
}

impl fmt::Display for SecretRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.entry, self.key)
    }
}

impl Text for SecretRef {
    const FORMAT: &'static str = "secret-ref";
    const EXPECTED: &'static str = "a secret reference (ENTRY/KEY) such as cloudflare/api-token";
    const PATTERN: &'static str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[A-Za-z0-9._-]+$";
    const EXAMPLE: &'static str = "example/key";

    fn parse(text: &str) -> Result<Self, String> {
        let (entry, key) = text.split_once('/').ok_or("it has no '/' between entry and key")?;
        rules::label(entry)?;
        rules::length(key, 253)?;
        rules::only(key, "only letters, digits, '.', '_' and '-' are allowed in a key", |byte| {
            byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
        })?;
        Ok(Self { entry: entry.to_owned(), key: key.to_owned() })
    }
}

/// A reference to the PostgreSQL of a cluster: `CLUSTER/postgres`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseRef {
    /// The cluster.
    pub cluster: String,
    /// The name of its PostgreSQL cluster.
    pub database: String,
}

impl fmt::Display for DatabaseRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.cluster, self.database)
    }
}

impl Text for DatabaseRef {
    const FORMAT: &'static str = "database-ref";
    const EXPECTED: &'static str = "a database reference (CLUSTER/postgres) such as data/postgres";
    const PATTERN: &'static str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
    const EXAMPLE: &'static str = "data/postgres";

    fn parse(text: &str) -> Result<Self, String> {
        let (cluster, database) = text.split_once('/').ok_or("it has no '/' between cluster and database")?;
        rules::label(cluster)?;
        rules::label(database)?;
        Ok(Self { cluster: cluster.to_owned(), database: database.to_owned() })
    }
}

/// A reference to a folder of network storage: `STORAGE/PATH`, relative to the exported volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareRef {
    /// The name of the storage.
    pub storage: String,
    /// The path of the folder, without a leading slash.
    pub path: String,
}

impl fmt::Display for ShareRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.storage, self.path)
    }
}

impl Text for ShareRef {
    const FORMAT: &'static str = "share-ref";
    const EXPECTED: &'static str = "a share reference (STORAGE/PATH) such as nas/media";
    const PATTERN: &'static str = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)+$";
    const EXAMPLE: &'static str = "nas/media";

    fn parse(text: &str) -> Result<Self, String> {
        let (storage, path) = text.split_once('/').ok_or("it has no '/' between storage and path")?;
        rules::label(storage)?;
        for part in path.split('/') {
            rules::length(part, 255)?;
            rules::only(part, "only letters, digits and '._@+-' are allowed in a folder name", |byte| {
                byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte)
            })?;
            if part.starts_with('.') {
                return Err("a folder name starts with '.'".to_owned());
            }
        }
        Ok(Self { storage: storage.to_owned(), path: path.to_owned() })
    }
}

/// A reference to a Kubernetes object: `KIND/NAMESPACE/NAME`, or `KIND/NAME` for a cluster-scoped kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// The kind, such as `Secret`.
    pub kind: String,
    /// The namespace; empty for a cluster-scoped kind.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl Text for ObjectRef {
    const FORMAT: &'static str = "object-ref";
    const EXPECTED: &'static str =
        "an object reference (KIND/NAMESPACE/NAME or KIND/NAME) such as Secret/media/token or Namespace/media";
    const PATTERN: &'static str = r"^[A-Z][A-Za-z0-9]*(/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$";
    const EXAMPLE: &'static str = "Secret/example/token";

    fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once('/').ok_or("it has no '/' between kind and name")?;
        if !kind.starts_with(|c: char| c.is_ascii_uppercase()) || !kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return Err("it does not start with a kind such as Secret".to_owned());
        }
        let (namespace, name) = rest.split_once('/').unwrap_or(("", rest));
        if rest.contains('/') {
            rules::label(namespace)?;
        }
        name.split('.').try_for_each(rules::label)?;
        Ok(Self { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() })
    }
}
