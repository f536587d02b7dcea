//! References to secrets, databases, shares and objects, by name.

use super::name::words;
use super::{Kind, Name, SecretKey, Text, rules};
use std::fmt;

/// A reference to a key of a secret entry: `ENTRY/KEY`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef {
    /// The name of the entry under `secrets.entries`.
    pub entry: Name,
    /// One of its keys.
    pub key: SecretKey,
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
        Ok(Self {
            entry: Name::parse(rules::part(entry, "entry before '/'")?)?,
            key: SecretKey::parse(rules::part(key, "key after '/'")?)?,
        })
    }
}

/// A reference to the PostgreSQL of a cluster: `CLUSTER/postgres`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseRef {
    /// The cluster.
    pub cluster: Name,
    /// The name of its PostgreSQL cluster.
    pub database: Name,
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
        Ok(Self {
            cluster: Name::parse(rules::part(cluster, "cluster before '/'")?)?,
            database: Name::parse(rules::part(database, "database after '/'")?)?,
        })
    }
}

words! {
    /// A relative path of a folder.
    FolderPath {
        format: "folder-path", expected: "a relative path such as media/films",
        pattern: "^[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*(/[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)*$", example: "media",
        check: |text| text.split('/').try_for_each(folder_name)
    }
    /// The name of a database or role in PostgreSQL that needs no quotes in SQL.
    SqlName {
        format: "sql-name", expected: "a PostgreSQL name such as paperless_ngx",
        pattern: "^[a-z]([a-z0-9_]{0,61}[a-z0-9])?$", example: "example",
        check: |text| {
            rules::length(text, 63)?;
            rules::only(text, "only lowercase letters, digits and '_' are allowed", |byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
            })?;
            if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Err("it does not start with a letter".to_owned());
            }
            if text.ends_with('_') { Err("it ends with '_'".to_owned()) } else { Ok(()) }
        }
    }
    /// The name of an extension of PostgreSQL.
    ExtensionName {
        format: "extension-name", expected: "the name of a PostgreSQL extension such as pg_trgm",
        pattern: "^[a-z]([a-z0-9_-]{0,61}[a-z0-9])?$", example: "pg_trgm",
        check: |text| {
            rules::length(text, 63)?;
            rules::only(text, "only lowercase letters, digits, '_' and '-' are allowed", |byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
            })?;
            if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Err("it does not start with a letter".to_owned());
            }
            if text.ends_with(['_', '-']) { Err("it ends with '_' or '-'".to_owned()) } else { Ok(()) }
        }
    }
    /// The name of a library that PostgreSQL loads.
    LibraryName {
        format: "library-name", expected: "the name of a library such as vchord.so",
        pattern: "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$", example: "vchord.so",
        check: |text| {
            rules::length(text, 63)?;
            rules::only(text, "only letters, digits, '_', '-' and '.' are allowed", |byte| {
                byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)
            })?;
            if text.starts_with(['-', '.']) { Err("it starts with '-' or '.'".to_owned()) } else { Ok(()) }
        }
    }
    /// The name of a Kubernetes object: an RFC 1123 subdomain.
    SubdomainName {
        format: "object-name", expected: "an RFC 1123 subdomain (lowercase letters, digits, '-' and '.')",
        pattern: r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$", example: "token",
        check: |text| rules::dotted(rules::part(text, "name")?)?.try_for_each(rules::label)
    }
}

fn folder_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("it ends with '/' or contains '//'".to_owned());
    }
    rules::length(text, 255)?;
    rules::only(text, "only letters, digits and '._@+-' are allowed in a folder name", |byte| {
        byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte)
    })?;
    if text.starts_with('.') { Err("a folder name starts with '.'".to_owned()) } else { Ok(()) }
}

/// A reference to a folder of network storage: `STORAGE/PATH`, relative to the exported volume.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShareRef {
    /// The name of the storage.
    pub storage: Name,
    /// The folder, relative to the exported volume.
    pub path: FolderPath,
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
        if text.starts_with('/') {
            return Err("it starts with '/' instead of the name of the storage".to_owned());
        }
        let (storage, path) = text.split_once('/').ok_or("it has no '/' between storage and path")?;
        Ok(Self { storage: Name::parse(storage)?, path: FolderPath::parse(path)? })
    }
}

/// A reference to a Kubernetes object: `KIND/NAMESPACE/NAME`, or `KIND/NAME` for a cluster-scoped kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectRef {
    /// The kind, such as `Secret`.
    pub kind: Kind,
    /// The namespace; none for a cluster-scoped kind.
    pub namespace: Option<Name>,
    /// The name.
    pub name: SubdomainName,
}

impl Text for ObjectRef {
    const FORMAT: &'static str = "object-ref";
    const EXPECTED: &'static str =
        "an object reference (KIND/NAMESPACE/NAME or KIND/NAME) such as Secret/media/token or Namespace/media";
    const PATTERN: &'static str = r"^[A-Z][A-Za-z0-9]*(/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$";
    const EXAMPLE: &'static str = "Secret/example/token";

    fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once('/').ok_or("it has no '/' between kind and name")?;
        let kind = Kind::parse(kind).map_err(|_| "it does not start with a kind such as Secret".to_owned())?;
        let (namespace, name) = match rest.split_once('/') {
            Some((namespace, name)) => {
                (Some(Name::parse(rules::part(namespace, "namespace between the slashes")?)?), name)
            }
            None => (None, rest),
        };
        Ok(Self { kind, namespace, name: SubdomainName::parse(name)? })
    }
}
