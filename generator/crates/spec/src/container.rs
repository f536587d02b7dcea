//! Containers of an app.

use crate::app::Port;
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

/// An init container, which must finish before the app starts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Name of the container.
    pub name: Spanned<Name>,
    /// Container image. Default: the image of the app.
    pub image: Option<Image>,
    /// Command that overrides the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Arguments that override those of the image.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables, by name: a string, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A
    /// container with the app's image also has the variables of the app.
    #[serde(default)]
    pub env: Environment,
    /// Mount paths of the app's volumes and files in this container, by the name of the volume or file.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// CPU and memory requests and limits.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// Security context of the container. Default: that of the app, except `privileged`, if the container
    /// has the app's image; a non-root user without Linux capabilities otherwise.
    pub security: Option<Spanned<Security>>,
}

/// A sidecar: a container that runs in the pod of an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sidecar {
    /// Container image. Default: the image of the app.
    pub image: Option<Image>,
    /// Command that overrides the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Arguments that override those of the image.
    #[serde(default)]
    pub args: Vec<String>,
    /// When the sidecar starts. What it starts before waits until its startup probe has succeeded, and stops
    /// before it: a native sidecar of Kubernetes (an init container with `restartPolicy: Always`).
    #[serde(default)]
    pub start: OrDefault<defaults::StartOfSidecar>,
    /// TCP port of the sidecar. Only the app's own pod uses it.
    pub port: Option<Spanned<PortNumber>>,
    /// Ports of the sidecar that other pods or the LAN reach, by name. They are ports of the app's Service.
    #[serde(default)]
    pub ports: Entries<Port>,
    /// Environment variables, by name: a string, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A
    /// container with the app's image also has the variables of the app.
    #[serde(default)]
    pub env: Environment,
    /// Mount paths of the app's volumes and files in this container, by the name of the volume or file.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// Health check for the startup, readiness and liveness probes. Default: a TCP connection to the
    /// port.
    pub probe: Option<Probe>,
    /// CPU and memory requests and limits.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// Security context of the container. Default: that of the app, except `privileged`, if the container
    /// has the app's image; a non-root user without Linux capabilities otherwise.
    pub security: Option<Spanned<Security>>,
}

/// A scheduled job (CronJob) of an app.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Job {
    /// Cron schedule in the lab's time zone: five fields, or a macro such as `"@daily"`.
    pub schedule: Spanned<Schedule>,
    /// Container image. Default: the image of the app.
    pub image: Option<Image>,
    /// Command that overrides the image's entry point.
    #[serde(default)]
    pub command: Vec<String>,
    /// Arguments that override those of the image.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables, by name: a string, `{ secret: ENTRY/KEY }`, or `{ database: url }`. A
    /// container with the app's image also has the variables of the app.
    #[serde(default)]
    pub env: Environment,
    /// Mount paths of the app's volumes and files in this container, by the name of the volume or file.
    #[serde(default)]
    pub mounts: Entries<Spanned<MountPath>>,
    /// CPU and memory requests and limits.
    #[schemars(extend("default" = defaults::CONTAINER.as_resources()))]
    pub resources: Option<Resources>,
    /// Security context of the container. Default: that of the app, except `privileged`, if the container
    /// has the app's image; a non-root user without Linux capabilities otherwise.
    pub security: Option<Spanned<Security>>,
}

/// The fields that all containers of an app have: the main container, init containers, sidecars and
/// jobs.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The name of the container; `None` for the main container, which has the app's name.
    pub name: Option<&'a Spanned<Name>>,
    /// The image; `None` for a container that runs the app's image.
    pub image: Option<&'a Image>,
    /// The command that overrides the image's entry point.
    pub command: &'a [String],
    /// The arguments that override those of the image.
    pub args: &'a [String],
    /// Environment variables.
    pub env: &'a Environment,
    /// Mount paths of the app's volumes; `None` for the main container, whose volumes set them.
    pub mounts: Option<&'a Entries<Spanned<MountPath>>>,
    /// CPU and memory requests and limits.
    pub resources: Option<&'a Resources>,
    /// The security context.
    pub security: Option<&'a Spanned<Security>>,
}

impl<'a> From<&'a Step> for Parts<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            name: Some(&step.name),
            image: step.image.as_ref(),
            command: &step.command,
            args: &step.args,
            env: &step.env,
            mounts: Some(&step.mounts),
            resources: step.resources.as_ref(),
            security: step.security.as_ref(),
        }
    }
}

impl<'a> From<&'a Entry<Sidecar>> for Parts<'a> {
    fn from(sidecar: &'a Entry<Sidecar>) -> Self {
        Self {
            name: Some(&sidecar.name),
            image: sidecar.value.image.as_ref(),
            command: &sidecar.value.command,
            args: &sidecar.value.args,
            env: &sidecar.value.env,
            mounts: Some(&sidecar.value.mounts),
            resources: sidecar.value.resources.as_ref(),
            security: sidecar.value.security.as_ref(),
        }
    }
}

impl<'a> From<&'a Entry<Job>> for Parts<'a> {
    fn from(job: &'a Entry<Job>) -> Self {
        Self {
            name: Some(&job.name),
            image: job.value.image.as_ref(),
            command: &job.value.command,
            args: &job.value.args,
            env: &job.value.env,
            mounts: Some(&job.value.mounts),
            resources: job.value.resources.as_ref(),
            security: job.value.security.as_ref(),
        }
    }
}

/// Environment variables, by name.
pub type Environment = BTreeMap<EnvName, Spanned<EnvValue>>;

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq)]
pub enum EnvValue {
    /// A string, committed to Git in plain text.
    Text(String),
    /// A value from another source.
    From(EnvSource),
}

/// The source of the value of an environment variable: a mapping with one key.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnvSource {
    /// Key of a secret entry: `ENTRY/KEY`.
    Secret(Spanned<SecretRef>),
    /// Part of the connection to the app's `database`, or the whole connection as a URL.
    Database(Spanned<DatabaseField>),
}

impl EnvValue {
    /// The span of its reference to the secret store, including the password of a database.
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
                formatter.write_str("a string, { secret: ENTRY/KEY } or { database: url }")
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
            "description": "The value of an environment variable: a string, or a source of the value.",
            "oneOf": [
                { "type": ["string", "integer", "boolean"] },
                generator.subschema_for::<EnvSource>(),
            ],
        })
    }
}

by_key! {
    /// A health check: an HTTP request (`path`), a command (`command`), or a TCP connection to the port
    /// if neither is set.
    Probe {
        /// An HTTP request.
        Http(HttpProbe) = "path",
        /// A command.
        Command(CommandProbe) = "command",
        /// A TCP connection.
        Tcp(TcpProbe) = "",
    }
}

impl Probe {
    /// Time limit for the container's start, in seconds.
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

/// A health check by an HTTP request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "probe with `path`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpProbe {
    /// Path of the HTTP request. The container is healthy while the request succeeds.
    pub path: Spanned<UrlPath>,
    /// Time limit for the container's start, in seconds.
    #[serde(default)]
    pub startup_seconds: OrDefault<defaults::StartupSeconds>,
}

/// A health check by a command.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "probe with `command`")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandProbe {
    /// Command that runs in the container. The container is healthy while the command succeeds.
    pub command: OneOrMore<Spanned<String>>,
    /// Time limit for the container's start, in seconds.
    #[serde(default)]
    pub startup_seconds: OrDefault<defaults::StartupSeconds>,
}

/// A health check by a TCP connection to the port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "TCP probe")]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TcpProbe {
    /// Time limit for the container's start, in seconds.
    #[serde(default)]
    pub startup_seconds: OrDefault<defaults::StartupSeconds>,
}

/// Security context of a container.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Security {
    /// ID of the user that the container runs as. Default: the user of the image, which must not be root.
    #[schemars(extend("x-remedy" = "to start as root, set `root: true` instead"))]
    pub user: Option<Spanned<Whole<u32, 1, 2_147_483_647>>>,
    /// ID of the group that owns the volumes, and that the container runs as unless it starts as root.
    /// Default: the group of the image.
    #[schemars(extend("x-remedy" = "for the group of root, set `root: true` and remove `group`"))]
    pub group: Option<Spanned<Whole<u32, 1, 2_147_483_647>>>,
    /// Whether the container can start as root, for images that drop root themselves.
    #[serde(default)]
    pub root: OrDefault<defaults::Off>,
    /// Whether the root file system is read-only. `/tmp` is then a volume in memory.
    #[serde(default)]
    pub read_only: OrDefault<defaults::Off>,
    /// Whether the container is privileged: it can do everything that root can do on the node.
    #[serde(default)]
    pub privileged: OrDefault<defaults::Off>,
    /// Linux capabilities that the container keeps. Default: none; all are dropped.
    #[serde(default)]
    pub capabilities: Vec<Spanned<LinuxCapability>>,
}
