//! A unit: what one Flux Kustomization applies, as data that is rendered to files.

use crate::capability::{Capability, Need};
use crate::names::{Folder, NamespaceName, ObjectKind, ObjectName, UnitId};
use crate::object::{Content, Manifest, ObjectId, Release};
use crate::secret::ExternalSecret;
use spec::PodSecurity;
use spec::platform::ComponentId;
use yaml::Value;

/// What one Flux Kustomization applies.
#[derive(Debug)]
pub struct Unit {
    /// The name of the Kustomization.
    pub id: UnitId,
    /// The folder of its manifests.
    pub folder: Folder,
    /// The namespace that its objects go to by default.
    pub namespace: Namespace,
    /// Its files, in the order in which a reader wants them.
    manifests: Vec<Manifest>,
    /// Changes that Kustomize makes to its objects.
    pub patches: Vec<Patch>,
    /// What must be there before it.
    pub needs: Vec<Need>,
    /// What is there after it.
    pub provides: Vec<Capability>,
    /// How to tell that its objects are ready, where Flux does not know by itself.
    pub health: Vec<HealthExpression>,
}

impl Unit {
    /// A unit without content.
    pub fn new(id: impl Into<UnitId>, folder: impl Into<Folder>, namespace: Namespace) -> Self {
        Self {
            id: id.into(),
            folder: folder.into(),
            namespace,
            manifests: Vec::new(),
            patches: Vec::new(),
            needs: Vec::new(),
            provides: Vec::new(),
            health: Vec::new(),
        }
    }

    /// Its files: Secrets, then a release, then other objects, then those of the user.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Adds a file behind those of its sort.
    pub fn add(&mut self, manifest: Manifest) {
        let rank = manifest.content.rank();
        let at = self.manifests.partition_point(|other| other.content.rank() <= rank);
        self.manifests.insert(at, manifest);
    }

    /// Adds several files.
    pub fn extend(&mut self, manifests: impl IntoIterator<Item = Manifest>) {
        manifests.into_iter().for_each(|manifest| self.add(manifest));
    }

    /// Adds a Helm release.
    pub fn install(&mut self, release: Release) {
        self.extend(release.manifests());
    }

    /// Adds Secrets from the store.
    pub fn read_secrets(&mut self, secrets: impl IntoIterator<Item = ExternalSecret>) {
        self.extend(secrets.into_iter().map(|secret| Manifest {
            file: format!("externalsecret-{}.yaml", secret.name).into(),
            objects: vec![ObjectId::new("ExternalSecret", &secret.name)],
            content: Content::Secret(secret),
        }));
    }

    /// Every object that applying it creates.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> {
        let namespace = self.namespace.create.map(|_| ObjectId::new("Namespace", self.namespace.name.to_string()));
        namespace.into_iter().chain(self.manifests.iter().flat_map(|manifest| manifest.objects.iter().cloned()))
    }

    /// Its Helm release, if it has one.
    pub fn release(&self) -> Option<&Release> {
        self.manifests.iter().find_map(|manifest| match &manifest.content {
            Content::Release(release) => Some(&**release),
            _ => None,
        })
    }

    /// The Secrets that it reads from the store.
    pub fn secrets(&self) -> impl Iterator<Item = &ExternalSecret> {
        self.manifests.iter().filter_map(|manifest| match &manifest.content {
            Content::Secret(secret) => Some(secret),
            _ => None,
        })
    }
}

/// What a unit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A component of the platform.
    Component(ComponentId),
    /// An app.
    App,
    /// Manifests that belong to the cluster as a whole.
    Manifests,
}

/// A unit with its place in the order of its cluster.
#[derive(Debug)]
pub struct Bound {
    /// The unit.
    pub unit: Unit,
    /// What it comes from.
    pub origin: Origin,
    /// The units that it waits for.
    pub depends_on: Vec<UnitId>,
    /// Whether Flux waits until its objects are ready: so if some unit depends on it.
    pub wait: bool,
}

/// The namespace of a unit.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Its name.
    pub name: NamespaceName,
    /// If the unit creates it: which pods it admits.
    pub create: Option<PodSecurity>,
}

impl Namespace {
    /// A namespace that the unit creates.
    pub fn created(name: impl Into<NamespaceName>, pods: PodSecurity) -> Self {
        Self { name: name.into(), create: Some(pods) }
    }

    /// A namespace that another unit has created.
    pub fn existing(name: impl Into<NamespaceName>) -> Self {
        Self { name: name.into(), create: None }
    }
}

/// A change that Kustomize makes.
#[derive(Debug, Clone)]
pub struct Patch {
    /// The kind of the objects that it changes.
    pub kind: ObjectKind,
    /// Their name; all of the kind if there is none.
    pub name: Option<ObjectName>,
    /// What is laid over them.
    pub merge: Value,
}

impl Patch {
    /// Whether it changes an object.
    pub fn fits(&self, object: &ObjectId) -> bool {
        self.kind == object.kind && self.name.as_ref().is_none_or(|name| *name == object.name)
    }
}

/// A way to tell that objects of a kind are ready.
#[derive(Debug, Clone, Copy, serde::Serialize)]
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
