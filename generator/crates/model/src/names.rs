//! The names of what a lab consists of. Each kind of name is a type of its own, so that none can stand
//! in for another.

use serde::Serialize;
use spec::types::{EnvName, Name};
use std::borrow::Cow;
use std::fmt;

/// Declares types of names. Their texts are made by this project or come from a checked type.
macro_rules! names {
    ($($(#[$meta:meta])* $name:ident)+) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
            #[serde(transparent)]
            pub struct $name(Cow<'static, str>);

            impl $name {
                /// The text.
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
    /// The name of a unit, which is that of its Flux Kustomization; unique in a cluster.
    UnitId
    /// The folder of a unit's manifests, below that of the cluster.
    Folder
    /// The name of a file in a unit's folder.
    FileName
    /// A namespace.
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
}

impl From<&EnvName> for DataKey {
    fn from(name: &EnvName) -> Self {
        name.to_string().into()
    }
}
