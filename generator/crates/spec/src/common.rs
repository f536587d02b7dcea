//! Shapes that several parts of a spec share.

use crate::choices::Update;
use crate::spanned::Spanned;
use crate::types::{Digest, HttpUrl, ImageRepository, ImageTag, Kind, Name, Quantity, SecretRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use yaml::Value;

/// How something is backed up: `none`, or as its fields say.
#[derive(Debug, Clone, PartialEq)]
pub enum OrNone<T> {
    /// Not at all, on purpose.
    None,
    /// As this says.
    Some(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrNone<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OrNoneVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for OrNoneVisitor<T> {
            type Value = OrNone<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("`none` or a mapping")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OrNone<T>, E> {
                if text == "none" { Ok(OrNone::None) } else { Err(E::custom("expected `none` or a mapping")) }
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<OrNone<T>, A::Error> {
                T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(OrNone::Some)
            }
        }

        deserializer.deserialize_any(OrNoneVisitor(std::marker::PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for OrNone<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNone", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "`none`, on purpose, or how it is done.",
            "oneOf": [
                { "const": "none", "description": "Not at all, on purpose." },
                generator.subschema_for::<T>(),
            ],
        })
    }
}

/// A bucket of S3-compatible storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bucket {
    /// The address of the storage.
    pub endpoint: Spanned<HttpUrl>,
    /// The bucket's name.
    pub bucket: Spanned<Name>,
    /// The key with the access key's number.
    pub access_key_id: Spanned<SecretRef>,
    /// The key with the secret access key.
    pub secret_access_key: Spanned<SecretRef>,
}

/// A container image, pinned.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Image {
    /// Registry, path and name.
    pub repository: Spanned<ImageRepository>,
    /// The tag of one release; quote it.
    pub tag: Spanned<ImageTag>,
    /// The digest that the tag must stand for.
    pub digest: Option<Spanned<Digest>>,
    /// Which newer tags Flux moves an app's own image to, by commits. `tag` is where it starts;
    /// `spec/images.yaml` keeps where it is. Default: none.
    pub update: Option<Spanned<Update>>,
}

impl std::fmt::Display for Image {
    /// As a container runtime takes it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.repository.value, self.tag.value)?;
        match &self.digest {
            Some(digest) => write!(formatter, "@{}", digest.value),
            None => Ok(()),
        }
    }
}

/// A name and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Login {
    /// The key with the name.
    pub username: Spanned<SecretRef>,
    /// The key with the password.
    pub password: Spanned<SecretRef>,
}

/// Processor and memory of a container.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resources {
    /// What is set aside for it.
    pub requests: Option<Amounts>,
    /// What it may use at most.
    pub limits: Option<Amounts>,
}

/// Amounts of processor time and memory.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Amounts {
    /// Processor time, in cores.
    pub cpu: Option<Spanned<Quantity>>,
    /// Memory, in bytes.
    pub memory: Option<Spanned<Quantity>>,
}

/// A change to generated manifests, applied by Kustomize.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patch {
    /// Which objects of the unit are changed.
    pub target: PatchTarget,
    /// What is laid over them: a strategic merge patch.
    pub merge: BTreeMap<String, Value>,
}

/// Which objects a patch changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatchTarget {
    /// Their kind, such as `Deployment`.
    pub kind: Spanned<Kind>,
    /// Their name. Default: all of that kind.
    pub name: Option<Spanned<Name>>,
}

impl<T> OrNone<T> {
    /// The value, unless it is `none`.
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None => None,
        }
    }
}
