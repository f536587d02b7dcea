//! What a unit's files hold.

use crate::names::{DataKey, FileName, NamespaceName, ObjectKind, ObjectName};
use crate::secret::ExternalSecret;
use diagnostic::Span;
use serde::Serialize;
use spec::types::RepoPath;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use yaml::Value;

/// A Kubernetes object of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectId {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: ObjectName,
}

impl ObjectId {
    /// The object with this kind and name.
    pub fn new(kind: impl Into<ObjectKind>, name: impl Into<ObjectName>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.name)
    }
}

/// A file of manifests in a unit's folder.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The name of the file.
    pub file: FileName,
    /// The objects in it.
    pub objects: Vec<ObjectId>,
    /// What it is made from.
    pub content: Content,
}

impl Manifest {
    /// A file with one object, made from a template.
    pub fn new(
        kind: impl Into<ObjectKind>,
        name: impl Into<ObjectName>,
        file: impl Into<FileName>,
        template: Template,
        context: impl Into<Context>,
    ) -> Self {
        let content = Content::Template { template, context: context.into() };
        Self { file: file.into(), objects: vec![ObjectId::new(kind, name)], content }
    }
}

/// What a file is made from. The order of the variants is that of the files in a unit.
#[derive(Debug, Clone)]
pub enum Content {
    /// A Secret from the store.
    Secret(ExternalSecret),
    /// The source of a chart.
    Source(Source),
    /// A Helm release.
    Release(Box<Release>),
    /// A template, and what it is given.
    Template {
        /// The template.
        template: Template,
        /// Its variables.
        context: Context,
    },
    /// A file of the user's.
    Copy(Copied),
}

impl Content {
    /// The place among the files of a unit, as a reader wants them.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Secret(_) => 0,
            Self::Source(_) => 1,
            Self::Release(_) => 2,
            Self::Template { .. } => 3,
            Self::Copy(_) => 4,
        }
    }
}

/// A template and the name it goes by in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its path: the folder of what it belongs to, and its file.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// The variables of a template: anything that can be serialized as a mapping.
#[derive(Clone)]
pub struct Context(Arc<dyn erased_serde::Serialize + Send + Sync>);

impl Context {
    /// The variables that a value serializes to.
    pub fn new(value: impl Serialize + Send + Sync + 'static) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: Serialize + Send + Sync + 'static> From<T> for Context {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Context")
    }
}

/// Variables for a template engine.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a>(pub &'a Context);

impl Serialize for Variables<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&*self.0.0, serializer)
    }
}

/// A file that the user wrote.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Its path in the repository.
    pub path: RepoPath,
    /// Where the spec names it.
    pub span: Span,
    /// Its text.
    pub text: String,
}

/// A Helm chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Its name in its repository; also that of the Flux source.
    pub name: Cow<'static, str>,
    /// Where it is.
    pub source: ChartSource,
    /// The version that this generator was checked with.
    pub version: Cow<'static, str>,
    /// Whether its values schema refers to files on the Internet, so that Helm must not use it.
    pub schema_is_remote: bool,
}

impl Chart {
    /// A chart in an OCI registry, at this `oci://` address.
    pub const fn oci(name: &'static str, url: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source: ChartSource::Oci(Cow::Borrowed(url)),
            version: Cow::Borrowed(version),
            schema_is_remote: false,
        }
    }

    /// A chart in an HTTP chart repository.
    pub const fn http(name: &'static str, url: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source: ChartSource::Http(Cow::Borrowed(url)),
            version: Cow::Borrowed(version),
            schema_is_remote: false,
        }
    }

    /// The same, with a values schema that Helm must not use.
    pub const fn with_remote_schema(mut self) -> Self {
        self.schema_is_remote = true;
        self
    }
}

/// Where a chart is found.
#[derive(Debug, Clone)]
pub enum ChartSource {
    /// In an OCI registry, at this `oci://` address.
    Oci(Cow<'static, str>),
    /// In an HTTP chart repository.
    Http(Cow<'static, str>),
}

impl ChartSource {
    /// The kind of the Flux source.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Oci(_) => "OCIRepository",
            Self::Http(_) => "HelmRepository",
        }
    }

    /// The name of its file.
    fn file(&self) -> &'static str {
        match self {
            Self::Oci(_) => "ocirepository.yaml",
            Self::Http(_) => "helmrepository.yaml",
        }
    }
}

/// The Flux source of a chart.
#[derive(Debug, Clone)]
pub struct Source {
    /// The chart.
    pub chart: Chart,
    /// The chart's version.
    pub version: String,
}

/// A Helm release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its name; names of Services depend on it.
    pub name: ObjectName,
    /// Its chart.
    pub chart: Chart,
    /// The chart's version.
    pub version: String,
    /// Our values: their template, and its variables.
    pub values: Option<(Template, Context)>,
    /// What the user lays over them.
    pub overrides: Value,
    /// Changes to what the chart renders, where it has no values for them.
    pub post_render: Option<Template>,
    /// Objects of the chart that others refer to, in the unit's namespace.
    pub exports: Vec<ObjectId>,
}

impl Release {
    /// The files of the release: the source of its chart, and itself.
    pub(crate) fn manifests(self) -> [Manifest; 2] {
        let source = &self.chart.source;
        [
            Manifest {
                file: source.file().into(),
                objects: vec![ObjectId::new(source.kind(), self.chart.name.to_string())],
                content: Content::Source(Source { chart: self.chart.clone(), version: self.version.clone() }),
            },
            Manifest {
                file: "helmrelease.yaml".into(),
                objects: vec![ObjectId::new("HelmRelease", &self.name)],
                content: Content::Release(Box::new(self)),
            },
        ]
    }
}

/// A Secret that a server makes from files on its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSecret {
    /// The namespace it is put into.
    pub namespace: NamespaceName,
    /// Its name.
    pub name: ObjectName,
    /// Its keys, and the file that holds the value of each.
    pub keys: Vec<(DataKey, String)>,
}
