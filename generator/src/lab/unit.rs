//! A unit: what one Flux Kustomization applies, as data that the render stage turns into files.

pub use crate::spec::PodSecurity;
use diagnostic::Span;
use std::borrow::Cow;
use std::fmt;
use yaml::Value;

/// What one Flux Kustomization applies.
#[derive(Debug)]
pub struct Unit {
    /// The name of the Kustomization, unique in the cluster.
    pub name: String,
    /// The folder of its manifests, below that of the cluster.
    pub folder: String,
    /// The namespace that its objects go to by default.
    pub namespace: Namespace,
    /// The Helm release that it installs.
    pub release: Option<Release>,
    /// Its other objects.
    pub objects: Vec<Object>,
    /// Secrets that it takes from the store.
    pub secrets: Vec<ExternalSecret>,
    /// Further manifests, as the user wrote them.
    pub manifests: Vec<Manifest>,
    /// Changes that Kustomize makes to its objects.
    pub patches: Vec<Patch>,
    /// What must be there before it.
    pub needs: Vec<Need>,
    /// What is there after it.
    pub provides: Vec<Capability>,
    /// How to tell that its objects are ready, where Flux does not know by itself.
    pub health: Vec<HealthExpression>,
    /// The units that it waits for; worked out from needs and provisions.
    pub depends_on: Vec<String>,
    /// Whether Flux waits until its objects are ready: so if some unit depends on it.
    pub wait: bool,
}

impl Unit {
    /// A unit without content.
    pub fn new(name: impl Into<String>, folder: impl Into<String>, namespace: Namespace) -> Self {
        Self {
            name: name.into(),
            folder: folder.into(),
            namespace,
            release: None,
            objects: Vec::new(),
            secrets: Vec::new(),
            manifests: Vec::new(),
            patches: Vec::new(),
            needs: Vec::new(),
            provides: Vec::new(),
            health: Vec::new(),
            depends_on: Vec::new(),
            wait: false,
        }
    }

    /// Kind and name of every object that it makes.
    pub fn made(&self) -> Vec<(&str, &str)> {
        let mut made = Vec::new();
        if self.namespace.create.is_some() {
            made.push(("Namespace", self.namespace.name.as_str()));
        }
        if let Some(release) = &self.release {
            made.push((release.chart.source.kind(), release.chart.name.as_ref()));
            made.push(("HelmRelease", release.name.as_str()));
        }
        made.extend(self.objects.iter().map(|object| (object.kind, object.name.as_str())));
        made.extend(self.secrets.iter().map(|secret| ("ExternalSecret", secret.name.as_str())));
        made.extend(
            self.manifests
                .iter()
                .flat_map(|manifest| manifest.objects.iter().map(|(kind, name)| (kind.as_str(), name.as_str()))),
        );
        made
    }
}

/// The namespace of a unit.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// If the unit makes it: which pods it admits.
    pub create: Option<PodSecurity>,
}

impl Namespace {
    /// A namespace that the unit makes.
    pub fn made(name: impl Into<String>, pods: PodSecurity) -> Self {
        Self { name: name.into(), create: Some(pods) }
    }

    /// A namespace that another unit has made.
    pub fn existing(name: impl Into<String>) -> Self {
        Self { name: name.into(), create: None }
    }
}

impl PodSecurity {
    /// The level as it stands in labels.
    pub fn text(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// A template and the name it goes by in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// Its path below `generator/templates`, or the component's folder and file.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
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
    pub(crate) const fn oci(name: &'static str, url: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source: ChartSource::Oci(Cow::Borrowed(url)),
            version: Cow::Borrowed(version),
            schema_is_remote: false,
        }
    }

    /// A chart in an HTTP chart repository.
    pub(crate) const fn http(name: &'static str, url: &'static str, version: &'static str) -> Self {
        Self {
            name: Cow::Borrowed(name),
            source: ChartSource::Http(Cow::Borrowed(url)),
            version: Cow::Borrowed(version),
            schema_is_remote: false,
        }
    }
}

impl Chart {
    /// The same, with a values schema that Helm must not use.
    pub(crate) const fn with_remote_schema(mut self) -> Self {
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
}

/// A Helm release.
#[derive(Debug)]
pub struct Release {
    /// Its name; names of Services depend on it.
    pub name: String,
    /// Its chart.
    pub chart: Chart,
    /// The chart's version.
    pub version: String,
    /// Our values: their template, and what it is given.
    pub values: Option<(Template, minijinja::Value)>,
    /// What the user lays over them.
    pub overrides: Value,
    /// Changes to what the chart renders, where it has no values for them.
    pub post_render: Option<Template>,
    /// Objects of the chart that others refer to: kind and name, in the unit's namespace.
    pub brings: Vec<(&'static str, String)>,
}

/// An object made from a template.
#[derive(Debug)]
pub struct Object {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// The name of its file.
    pub file: String,
    /// Its template.
    pub template: Template,
    /// What the template is given.
    pub context: minijinja::Value,
}

/// A Secret that External Secrets makes from the store.
#[derive(Debug, Clone)]
pub struct ExternalSecret {
    /// Its name, and that of the Secret.
    pub name: String,
    /// The Secret's type, if it is not `Opaque`.
    pub kind: Option<&'static str>,
    /// Labels of the Secret.
    pub labels: &'static [(&'static str, &'static str)],
    /// Values by name, and where in the store each stands.
    pub data: Vec<(String, String)>,
    /// Keys of the Secret, as Go templates over the values. Empty: each value is a key.
    pub template: Vec<(String, String)>,
}

impl ExternalSecret {
    /// A Secret whose keys are values of the store.
    pub fn new(name: impl Into<String>, data: Vec<(String, String)>) -> Self {
        Self { name: name.into(), kind: None, labels: &[], data, template: Vec::new() }
    }
}

/// How something is reached by HTTP from outside its cluster.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The host name.
    pub host: String,
    /// Whether the Internet reaches it.
    pub public: bool,
    /// How its connections are encrypted.
    pub tls: Tls,
    /// What its Ingress says to the controller, to cert-manager and to ExternalDNS.
    pub annotations: Vec<(String, String)>,
    /// What lets only some networks through, where that is an object of its own.
    pub policy: Option<AccessPolicy>,
}

/// A Policy of the ingress that lets only some networks through.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    /// Its name.
    pub name: String,
    /// The networks.
    pub networks: Vec<String>,
}

/// A part of the platform that people use.
#[derive(Debug)]
pub struct Interface {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub description: &'static str,
    /// How it is reached.
    pub exposure: Exposure,
}

/// How connections to a host are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// By a certificate of its own, which this ClusterIssuer gives.
    Own(&'static str),
    /// By the wildcard certificate of the lab's domain.
    Wildcard,
}

/// A file of manifests that the user wrote.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its path in the repository.
    pub path: String,
    /// The name of its copy.
    pub file: String,
    /// Where the spec names it.
    pub span: Span,
    /// Its text.
    pub text: String,
    /// Kind and name of its objects.
    pub objects: Vec<(String, String)>,
}

/// A change that Kustomize makes.
#[derive(Debug, Clone)]
pub struct Patch {
    /// The kind of the objects that it changes.
    pub kind: String,
    /// Their name; all of the kind if there is none.
    pub name: Option<String>,
    /// What is laid over them.
    pub merge: Value,
}

/// A way to tell that objects of a kind are ready.
#[derive(Debug, Clone, Copy)]
pub struct HealthExpression {
    /// Group and version.
    pub api_version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// The CEL expression that is true once an object is ready.
    pub current: &'static str,
    /// The CEL expression that is true once it has failed, if that is ever final.
    pub failed: Option<&'static str>,
}

/// What a unit provides to others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// The custom resources of an API group.
    Api(&'static str),
    /// LAN addresses for services of type LoadBalancer.
    LoadBalancer,
    /// An ingress controller.
    Ingress,
    /// A ClusterIssuer of publicly trusted certificates.
    Issuer,
    /// The ClusterSecretStore.
    SecretStore,
    /// Records in the public DNS zone.
    PublicDns,
    /// A storage class.
    StorageClass(String),
    /// GPUs as a resource that pods ask for.
    Gpu,
    /// The names of what other clusters of the lab serve.
    LanNames,
    /// Flux's image automation.
    ImageAutomation,
    /// Backups of volumes.
    Backups,
    /// Databases.
    Postgres,
    /// The database of an app.
    Database(String),
    /// A namespace that another unit makes.
    Namespace(String),
    /// The secrets of a unit or an app.
    Secrets(String),
    /// An app of the cluster.
    App(String),
}

impl Capability {
    /// The component that provides it, by its field in the table of components.
    pub(crate) fn component(&self) -> Option<&'static str> {
        Some(match self {
            Self::LoadBalancer | Self::Api("metallb.io") => "load_balancer",
            Self::Ingress | Self::Api("k8s.nginx.org") => "ingress",
            Self::Issuer | Self::Api("cert-manager.io") => "certificates",
            Self::SecretStore | Self::Api("external-secrets.io") => "secrets",
            Self::Postgres | Self::Api("postgresql.cnpg.io") => "postgres",
            Self::Api("monitoring.coreos.com") => "monitoring",
            Self::PublicDns => "dns",
            Self::StorageClass(_) => "storage",
            Self::Gpu => "gpu",
            Self::ImageAutomation => "image_automation",
            Self::Backups => "backups",
            Self::LanNames => "names",
            Self::Database(_) | Self::Api(_) | Self::Namespace(_) | Self::Secrets(_) | Self::App(_) => return None,
        })
    }

    /// What to write into the spec so that the cluster has it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::LoadBalancer => {
                "give the cluster `load-balancer: FIRST-LAST`, and do not disable `platform.load-balancer`"
            }
            Self::Ingress => "give the cluster `load-balancer: FIRST-LAST`, and do not disable `platform.ingress`",
            Self::Issuer | Self::Api("cert-manager.io") => {
                "give the lab a `dns:` provider, and do not disable `platform.certificates` of the cluster"
            }
            Self::SecretStore | Self::Api("external-secrets.io") => {
                "give the lab a `secrets.store`, and do not disable `platform.secrets` of the cluster"
            }
            Self::Api("metallb.io") => "do not disable `platform.load-balancer` of the cluster",
            Self::Api("barmancloud.cnpg.io") => "give `platform.postgres` of the cluster a `backup`",
            Self::Api("monitoring.coreos.com") => "give the cluster `platform.monitoring`",
            Self::Postgres | Self::Api("postgresql.cnpg.io") => "give the cluster `platform.postgres`",
            Self::PublicDns => {
                "give the lab a `dns:` provider and `network.public`, and do not disable `platform.dns` of the cluster"
            }
            Self::StorageClass(_) => {
                "give the storage a `dsm` account, and do not disable `platform.storage` of the cluster"
            }
            Self::Gpu => {
                "give a node of the cluster `gpu: true`, on a host with a GPU, and do not disable `platform.gpu`"
            }
            Self::ImageAutomation => {
                "give the lab an `ssh://` repository, whose deploy key may write, and do not disable \
                 `platform.image-automation` of the cluster"
            }
            Self::Backups => "give the cluster `platform.backups`",
            Self::LanNames => "do not disable `platform.names` of the cluster",
            Self::Database(_) | Self::Api(_) | Self::Namespace(_) | Self::Secrets(_) | Self::App(_) => {
                "add what provides it to the same cluster"
            }
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(group) => write!(formatter, "the custom resources of {group}"),
            Self::LoadBalancer => formatter.write_str("a load balancer"),
            Self::Ingress => formatter.write_str("an ingress controller"),
            Self::Issuer => formatter.write_str("an issuer of certificates"),
            Self::SecretStore => formatter.write_str("the secret store"),
            Self::PublicDns => formatter.write_str("records in the public DNS zone"),
            Self::StorageClass(name) => write!(formatter, "the storage class {name}"),
            Self::Gpu => formatter.write_str("a GPU"),
            Self::ImageAutomation => formatter.write_str("Flux's image automation"),
            Self::Backups => formatter.write_str("backups of volumes"),
            Self::LanNames => formatter.write_str("the names of what other clusters serve"),
            Self::Postgres => formatter.write_str("PostgreSQL"),
            Self::Database(name) => write!(formatter, "the database of {name}"),
            Self::Namespace(name) => write!(formatter, "the namespace {name}"),
            Self::Secrets(name) => write!(formatter, "the secrets of {name}"),
            Self::App(name) => write!(formatter, "the app {name}"),
        }
    }
}

/// Something that a unit needs, and where in the spec that was said.
#[derive(Debug, Clone)]
pub struct Need {
    /// What.
    pub capability: Capability,
    /// Why: the place that asks for it.
    pub span: Span,
}
