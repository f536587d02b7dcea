//! Types that several parts of the spec use.

use crate::choices::Update;
use crate::spanned::Spanned;
use crate::types::{Digest, HttpUrl, ImageRepository, ImageTag, Kind, Name, Quantity, SecretRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use yaml::Value;

/// `none`, or the settings of something optional.
#[derive(Debug, Clone, PartialEq)]
pub enum OrNone<T> {
    /// Explicitly disabled: `none`.
    None,
    /// Enabled, with these settings.
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
            "description": "`none`, which disables it without a warning, or its settings.",
            "oneOf": [
                { "const": "none", "description": "Disabled, without a warning." },
                generator.subschema_for::<T>(),
            ],
        })
    }
}

/// A bucket in S3-compatible object storage.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bucket {
    /// URL of the S3 endpoint.
    pub endpoint: Spanned<HttpUrl>,
    /// Name of the bucket.
    pub bucket: Spanned<Name>,
    /// Key that holds the access key ID.
    pub access_key_id: Spanned<SecretRef>,
    /// Key that holds the secret access key.
    pub secret_access_key: Spanned<SecretRef>,
}

/// A container image, pinned to a tag.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Image {
    /// Image name with its registry, without a tag.
    pub repository: Spanned<ImageRepository>,
    /// Tag of a release, in quotes. Floating tags such as `latest` are rejected.
    pub tag: Spanned<ImageTag>,
    /// Digest that pins the image, in addition to the tag.
    pub digest: Option<Spanned<Digest>>,
    /// Newer tags that Flux updates the image of an app, init container, sidecar or job to, by commits to
    /// the repository. `tag` is the tag to start with; `spec/images.yaml` contains the current tag.
    /// Default: no updates.
    pub update: Option<Spanned<Update>>,
}

impl std::fmt::Display for Image {
    /// Formats the image as an OCI reference: `REPOSITORY:TAG@DIGEST`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.repository.value, self.tag.value)?;
        match &self.digest {
            Some(digest) => write!(formatter, "@{}", digest.value),
            None => Ok(()),
        }
    }
}

/// A user name and a password.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "login with a password")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Login {
    /// Key that holds the user name.
    pub username: Spanned<SecretRef>,
    /// Key that holds the password.
    pub password: Spanned<SecretRef>,
}

/// CPU and memory requests and limits of a container.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Resources {
    /// CPU and memory that the container requests.
    pub requests: Option<Amounts>,
    /// CPU and memory limits of the container.
    pub limits: Option<Amounts>,
}

/// Amounts of CPU and memory.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Amounts {
    /// CPU, in cores or millicores: `0.5` or `500m`.
    pub cpu: Option<Spanned<Quantity>>,
    /// Memory, in bytes or with a unit: `512Mi`.
    pub memory: Option<Spanned<Quantity>>,
}

/// A Kustomize patch for generated manifests.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Patch {
    /// Objects that the patch changes.
    pub target: PatchTarget,
    /// Strategic merge patch that is applied to the objects.
    pub merge: BTreeMap<String, Value>,
}

/// The objects that a patch changes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PatchTarget {
    /// Kind of the objects, such as `Deployment`.
    pub kind: Spanned<Kind>,
    /// Name of the object. Default: all objects of the kind.
    pub name: Option<Spanned<Name>>,
}

impl<T> OrNone<T> {
    /// The settings, unless it is `none`.
    pub fn as_option(&self) -> Option<&T> {
        match self {
            Self::Some(value) => Some(value),
            Self::None => None,
        }
    }
}
