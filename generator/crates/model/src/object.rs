//! The manifests of a unit, and what they are rendered from.

use crate::names::{ChartVersion, FileName, ObjectKind, ObjectName, PartName};
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
    /// Returns the ID of the object with this kind and name.
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
    /// The containers of the pods that its object makes, if they are known.
    pub containers: Option<PodContainers>,
    /// The place of the spec that describes its object, if it is a smaller one than that of its maker.
    pub place: Option<Span>,
    /// What it is rendered from.
    pub content: Content,
}

/// The names of the containers of a pod.
#[derive(Debug, Clone, Default)]
pub struct PodContainers {
    /// The init containers.
    pub init: Vec<PartName>,
    /// The containers that run beside each other.
    pub main: Vec<PartName>,
}

impl Manifest {
    /// Creates a file with one object, rendered from a template.
    pub fn new(
        kind: impl Into<ObjectKind>,
        name: impl Into<ObjectName>,
        file: impl Into<FileName>,
        template: Template,
        context: impl Into<Context>,
    ) -> Self {
        let content = Content::Template { template, context: context.into() };
        Self { file: file.into(), objects: vec![ObjectId::new(kind, name)], containers: None, place: None, content }
    }

    /// Adds the place of the spec that describes its object.
    pub fn with_place(mut self, place: Option<Span>) -> Self {
        self.place = place;
        self
    }

    /// Adds the names of the containers of its pods.
    pub fn with_containers(mut self, containers: PodContainers) -> Self {
        self.containers = Some(containers);
        self
    }
}

/// What a file is rendered from. The files of a unit are in the order of the variants.
#[derive(Debug, Clone)]
pub enum Content {
    /// An ExternalSecret.
    Secret(Box<ExternalSecret>),
    /// The Flux source of a chart.
    Source(Box<Source>),
    /// A Helm release.
    Release(Box<Release>),
    /// A template and its variables.
    Template {
        /// The template.
        template: Template,
        /// Its variables.
        context: Context,
    },
    /// A file of the user.
    Copy(Box<Copied>),
}

impl Content {
    /// The position among the files of a unit.
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

/// A template, and its name in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its path: the folder of its component, or `app`, and its file name.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// The variables of a template: any value that serializes to a mapping.
#[derive(Clone)]
pub struct Context(Arc<dyn erased_serde::Serialize + Send + Sync>);

impl Context {
    /// Creates the variables that a value serializes to.
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

/// The variables of a template, serializable for the template engine.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a>(pub &'a Context);

impl Serialize for Variables<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        erased_serde::serialize(&*self.0.0, serializer)
    }
}

/// A file of the user that is copied to the output.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Its path in the repository.
    pub path: RepoPath,
    /// The place of the spec that refers to it.
    pub span: Span,
    /// Its text.
    pub text: String,
    /// The API versions of its objects, in their order.
    pub api_versions: Vec<String>,
}

/// A Helm chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Its name in its repository, and the name of the Flux source.
    pub name: Cow<'static, str>,
    /// Where it is published.
    pub source: ChartSource,
    /// The version that the generator was tested with.
    pub version: Cow<'static, str>,
    /// Whether its values schema refers to files on the Internet, so that Helm must not validate against it.
    pub schema_is_remote: bool,
    /// The repository on GitHub, as `OWNER/NAME`, whose workflows sign it with Sigstore, if they do.
    pub signer: Option<&'static str>,
}

impl Chart {
    /// A chart in an OCI registry, at this `oci://` address.
    pub const fn oci(name: &'static str, url: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source: ChartSource::Oci(Cow::Borrowed(url)),
            version: Cow::Borrowed(version),
            schema_is_remote: false,
            signer: None,
        }
    }

    /// A chart in an HTTP chart repository.
    pub const fn http(name: &'static str, url: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source: ChartSource::Http(Cow::Borrowed(url)),
            version: Cow::Borrowed(version),
            schema_is_remote: false,
            signer: None,
        }
    }

    /// Makes Flux install it only with a signature from a workflow of this repository on GitHub.
    pub const fn signed_by(mut self, repository: &'static str) -> Self {
        self.signer = Some(repository);
        self
    }

    /// Marks the values schema as one that Helm must not validate against.
    pub const fn with_remote_schema(mut self) -> Self {
        self.schema_is_remote = true;
        self
    }
}

/// Where a chart is published.
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

    /// The file name of the Flux source.
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
    pub version: ChartVersion,
}

/// A Helm release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its name, which the names of its Services contain.
    pub name: ObjectName,
    /// Its chart.
    pub chart: Chart,
    /// The chart's version.
    pub version: ChartVersion,
    /// The values of the generator: their template, and its variables.
    pub values: Option<(Template, Context)>,
    /// The values of the user, which override those of the generator.
    pub overrides: Value,
    /// Patches of the rendered chart, for what its values cannot configure: their template, and its variables.
    pub post_render: Option<(Template, Context)>,
    /// Whether its workloads restart when a Secret that they read changes.
    pub restarts: bool,
    /// Objects of the chart that others refer to, in the unit's namespace.
    pub exports: Vec<ObjectId>,
}

impl Release {
    /// Returns the files of the release: the source of its chart, and the HelmRelease.
    pub(crate) fn manifests(self) -> [Manifest; 2] {
        let source = &self.chart.source;
        [
            Manifest {
                file: source.file().into(),
                objects: vec![ObjectId::new(source.kind(), self.chart.name.to_string())],
                containers: None,
                place: None,
                content: Content::Source(Box::new(Source { chart: self.chart.clone(), version: self.version.clone() })),
            },
            Manifest {
                file: "helmrelease.yaml".into(),
                objects: vec![ObjectId::new("HelmRelease", &self.name)],
                containers: None,
                place: None,
                content: Content::Release(Box::new(self)),
            },
        ]
    }
}
