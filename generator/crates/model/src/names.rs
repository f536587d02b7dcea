//! The names of the parts of a lab. Each kind of name has its own type, so that one cannot be passed as another.

use serde::Serialize;
use spec::types::{EnvName, Name};
use std::borrow::Cow;
use std::fmt;

/// Declares types of names. Their texts are constants of the generator, or come from validated types.
macro_rules! names {
    ($($(#[$meta:meta])* $name:ident)+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
            #[serde(transparent)]
            pub struct $name(Cow<'static, str>);

            impl $name {
                /// Returns the text.
                pub fn as_str(&self) -> &str {
                    &self.0
                }
            }

            impl fmt::Display for $name {
                fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                    formatter.write_str(&self.0)
                }
            }

            impl From<&'static str> for $name {
                fn from(text: &'static str) -> Self {
                    Self(Cow::Borrowed(text))
                }
            }

            impl From<String> for $name {
                fn from(text: String) -> Self {
                    Self(Cow::Owned(text))
                }
            }

            impl From<&Name> for $name {
                fn from(name: &Name) -> Self {
                    Self(Cow::Owned(name.to_string()))
                }
            }

            impl From<&Self> for $name {
                fn from(name: &Self) -> Self {
                    name.clone()
                }
            }
        )+
    };
}

names! {
    /// The name of a unit and of its Flux Kustomization, unique in the cluster.
    UnitId
    /// The folder of a unit's manifests, relative to that of the cluster.
    Folder
    /// The name of a file in a unit's folder.
    FileName
    /// The name of a namespace.
    NamespaceName
    /// The kind of a Kubernetes object.
    ObjectKind
    /// The name of a Kubernetes object.
    ObjectName
    /// The name of a port of a container or Service: at most 15 characters.
    PortName
    /// The name of a container or of a volume in its pod.
    PartName
    /// A key of a Secret or a ConfigMap.
    DataKey
    /// A folder of the secret store, as its user interface shows it.
    StoreFolder
    /// What an ExternalSecret asks the secret store for, in the terms of its provider.
    RemoteKey
    /// The path of a file on a node.
    DiskPath
    /// The name of a PostgreSQL database and of the role that owns it, which needs no quotes in SQL.
    DatabaseName
    /// The version of a Helm chart.
    ChartVersion
    /// An image with its tag, and with its digest if there is one.
    ImageReference
    /// An image in the pins file: `CLUSTER/APP` or `CLUSTER/APP/CONTAINER`.
    ImageKey
    /// A path that a server exports by NFS.
    ExportPath
}

impl From<&EnvName> for DataKey {
    fn from(name: &EnvName) -> Self {
        name.to_string().into()
    }
}
