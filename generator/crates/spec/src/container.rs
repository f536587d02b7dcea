//! Containers of an app.

use crate::by_key::by_key;
use crate::choices::{DatabaseField, LinuxCapability};
use crate::common::{Image, Resources};
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Entry, Spanned};
use crate::types::{EnvName, MountPath, Name, OneOrMore, PortNumber, Schedule, SecretRef, UrlPath, Whole};
use diagnostic::Span;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A container that runs to its end before the app starts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Its name.
    pub name: Spanned<Name>,
    /// Its image. Default: the app's.
    pub image: Option<Image>,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A container with the
    /// app's image has those of the app too.
    #[serde(default)]
    pub env: Environment,
    /// Volumes of the app that it sees, and where.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// Processor and memory that it asks for and may use.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// What the container may do. Default: with the app's image what the app may, but never
    /// `privileged`; else as little as possible.
    pub security: Option<Security>,
}

/// A container that runs beside an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sidecar {
    /// Its image. Default: the app's.
    pub image: Option<Image>,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// A port that it serves.
    pub port: Option<Spanned<PortNumber>>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A container with the
    /// app's image has those of the app too.
    #[serde(default)]
    pub env: Environment,
    /// Volumes of the app that it sees, and where.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// How Kubernetes asks whether it is well. Default: whether its port takes connections.
    pub probe: Option<Probe>,
    /// Processor and memory that it asks for and may use.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// What the container may do. Default: with the app's image what the app may, but never
    /// `privileged`; else as little as possible.
    pub security: Option<Security>,
}

/// What an app runs at set times.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Job {
    /// When, as five fields of cron or a word such as `"@daily"`, in the lab's time zone.
    pub schedule: Spanned<Schedule>,
    /// Its image. Default: the app's.
    pub image: Option<Image>,
    /// The command, in place of the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// The arguments, in place of the image's.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables: text, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A container with the
    /// app's image has those of the app too.
    #[serde(default)]
    pub env: Environment,
    /// Volumes of the app that it sees, and where.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// Processor and memory that it asks for and may use.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// What the container may do. Default: with the app's image what the app may, but never
    /// `privileged`; else as little as possible.
    pub security: Option<Security>,
}

/// What all containers of an app are made from: its own, those that run before and beside it, those
/// of its jobs.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// What the container is called; the app's own has no name but the app's.
    pub name: Option<&'a Spanned<Name>>,
    /// Its image; without one, a container beside the app's own has the app's.
    pub image: Option<&'a Image>,
    /// The command, in place of the image's entry point.
    pub command: &'a [String],
    /// The arguments, in place of the image's.
    pub args: &'a [String],
    /// Environment variables.
    pub env: &'a Environment,
    /// Volumes that a container beside the app's own sees, and where.
    pub mounts: Option<&'a Entries<Spanned<MountPath>>>,
    /// Processor and memory.
    pub resources: Option<&'a Resources>,
    /// What it may do.
    pub security: Option<&'a Security>,
}

impl Step {
    /// What its container is made from.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            name: Some(&self.name),
            image: self.image.as_ref(),
            command: &self.command,
            args: &self.args,
            env: &self.env,
            mounts: Some(&self.mounts),
            resources: self.resources.as_ref(),
            security: self.security.as_ref(),
        }
    }
}

impl Entry<Sidecar> {
    /// What its container is made from.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            name: Some(&self.name),
            image: self.value.image.as_ref(),
            command: &self.value.command,
            args: &self.value.args,
            env: &self.value.env,
            mounts: Some(&self.value.mounts),
            resources: self.value.resources.as_ref(),
            security: self.value.security.as_ref(),
        }
    }
}

impl Entry<Job> {
    /// What its container is made from.
    pub fn parts(&self) -> Parts<'_> {
        Parts {
            name: Some(&self.name),
            image: self.value.image.as_ref(),
            command: &self.value.command,
            args: &self.value.args,
            env: &self.value.env,
            mounts: Some(&self.value.mounts),
            resources: self.value.resources.as_ref(),
            security: self.value.security.as_ref(),
        }
    }
}

/// Environment variables, by name.
pub type Environment = BTreeMap<EnvName, Spanned<EnvValue>>;

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvValue {
    /// Plain text, committed as it is.
    Text(String),
    /// Something that is known elsewhere.
    From(EnvSource),
}

/// Where the value of an environment variable comes from: one key, its kind.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnvSource {
    /// A key of a declared secret.
    Secret(Spanned<SecretRef>),
    /// A part of how the app's database is reached, or all of it as a URL.
    Database(Spanned<DatabaseField>),
}

impl EnvValue {
    /// Where it reads something out of the secret store, the password of a database included.
    pub fn secret_span(&self) -> Option<Span> {
        match self {
            Self::From(EnvSource::Secret(secret)) => Some(secret.span),
            Self::From(EnvSource::Database(field)) if field.is_secret() => Some(field.span),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for EnvValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnvVisitor;

        impl<'de> serde::de::Visitor<'de> for EnvVisitor {
            type Value = EnvValue;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("text, { secret: ENTRY/KEY } or { database: url }")
            }

            fn visit_str<E>(self, text: &str) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(text.to_owned()))
            }

            fn visit_bool<E>(self, value: bool) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<EnvValue, E> {
                Ok(EnvValue::Text(value.to_string()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<EnvValue, A::Error> {
                let source = EnvSource::deserialize(serde::de::value::MapAccessDeserializer::new(&mut map))?;
                match map.next_key::<serde::de::IgnoredAny>()? {
                    None => Ok(EnvValue::From(source)),
                    Some(_) => Err(serde::de::Error::custom("expected one key")),
                }
            }
        }

        deserializer.deserialize_any(EnvVisitor)
    }
}

impl JsonSchema for EnvValue {
    fn schema_name() -> Cow<'static, str> {
        "EnvValue".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "The value of an environment variable: text, or where it comes from.",
            "oneOf": [
                { "type": ["string", "integer", "boolean"] },
                generator.subschema_for::<EnvSource>(),
            ],
        })
    }
}

by_key! {
    /// How Kubernetes asks a container whether it is well: by an HTTP request (`path`), by a command
    /// (`command`), or by a connection to its port.
    Probe {
        /// By an HTTP request.
        Http(HttpProbe) = "path",
        /// By a command.
        Command(CommandProbe) = "command",
        /// By a connection.
        Tcp(TcpProbe) = "",
    }
}

impl Probe {
    /// How long the first start may take, in seconds.
    pub fn startup_seconds(&self) -> u32 {
        match self {
            Self::Http(probe) => &probe.startup_seconds,
            Self::Command(probe) => &probe.startup_seconds,
            Self::Tcp(probe) => &probe.startup_seconds,
        }
        .get()
        .get()
    }
}

/// A probe by an HTTP request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "probe with `path`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpProbe {
    /// The path of an HTTP request that succeeds while it is well.
    pub path: Spanned<UrlPath>,
    /// How long its first start may take, in seconds.
    #[serde(default)]
    pub startup_seconds: OrDefault<defaults::StartupSeconds>,
}

/// A probe by a command.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "probe with `command`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandProbe {
    /// A command in the container that succeeds while it is well.
    pub command: OneOrMore<Spanned<String>>,
    /// How long its first start may take, in seconds.
    #[serde(default)]
    pub startup_seconds: OrDefault<defaults::StartupSeconds>,
}

/// A probe by a connection to the port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "probe of a port")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TcpProbe {
    /// How long its first start may take, in seconds.
    #[serde(default)]
    pub startup_seconds: OrDefault<defaults::StartupSeconds>,
}

/// What a container may do.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Security {
    /// The user that it runs as. Default: the image's, which must not be root.
    pub user: Option<Spanned<Whole<u32, 1, 2_147_483_647>>>,
    /// The group that owns its volumes, and that it runs as unless it starts as root. Default: the
    /// image's.
    pub group: Option<Spanned<Whole<u32, 1, 2_147_483_647>>>,
    /// Whether it may start as root, for images that drop root themselves.
    #[serde(default)]
    pub root: OrDefault<defaults::Off>,
    /// Whether the root file system is read-only; `/tmp` then is a volume in memory.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
    /// Whether it may do everything that root may do on the node.
    #[serde(default)]
    pub privileged: OrDefault<defaults::Off>,
    /// Linux capabilities that it keeps. Default: none.
    #[serde(default)]
    pub capabilities: Vec<Spanned<LinuxCapability>>,
}
