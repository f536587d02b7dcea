//! Units: what one Flux Kustomization applies.

use crate::capability::{Capability, Need};
use crate::exposure::Guarded;
use crate::health::{self, HealthExpression};
use crate::names::{Folder, NamespaceName, ObjectKind, ObjectName, StoreFolder, UnitId};
use crate::object::{Content, Manifest, ObjectId, Release};
use crate::secret::ExternalSecret;
use diagnostic::Span;
use spec::PodSecurity;
use spec::platform::ComponentId;
use std::collections::BTreeMap;
use yaml::Value;

/// What one Flux Kustomization applies.
#[derive(Debug)]
pub struct Unit {
    /// The name of the Kustomization.
    pub id: UnitId,
    /// The folder of its manifests.
    pub folder: Folder,
    /// The default namespace of its objects.
    pub namespace: Namespace,
    /// Other namespaces that it creates.
    pub other_namespaces: Vec<Namespace>,
    /// Its files, ordered by what they contain.
    manifests: Vec<Manifest>,
    /// Whether Flux applies every file of its folder, which then has no `kustomization.yaml`: no list exists that the
    /// changes of different apps would both touch. Kustomize cannot patch its objects.
    pub is_unlisted: bool,
    /// Patches that Kustomize applies to its objects.
    pub patches: Vec<Patch>,
    /// The capabilities that it needs.
    pub needs: Vec<Need>,
    /// The capabilities that the cluster has once it is applied.
    pub provides: Vec<Capability>,
    /// The file of the user with an encrypted Secret that it applies, if any.
    pub encrypted: Option<Encrypted>,
    /// The annotations that keep other networks and users out. Patches and Helm values must not remove them.
    pub guards: Vec<Guarded>,
    /// Whether the ingress controller reads objects that its chart creates, or its Service because of an object
    /// elsewhere. For what is among its manifests, see [`Unit::is_routed`].
    pub chart_is_routed: bool,
}

/// The kinds of objects that an ingress controller reads.
const ROUTES: [&str; 4] = ["Ingress", "VirtualServer", "VirtualServerRoute", "TransportServer"];

impl Unit {
    /// Creates a unit without manifests.
    pub fn new(id: impl Into<UnitId>, folder: impl Into<Folder>, namespace: Namespace) -> Self {
        Self {
            id: id.into(),
            folder: folder.into(),
            namespace,
            other_namespaces: Vec::new(),
            manifests: Vec::new(),
            is_unlisted: false,
            patches: Vec::new(),
            needs: Vec::new(),
            provides: Vec::new(),
            encrypted: None,
            guards: Vec::new(),
            chart_is_routed: false,
        }
    }

    /// Returns its files: ExternalSecrets, a release, other objects, and files of the user, in this order.
    pub fn manifests(&self) -> &[Manifest] {
        &self.manifests
    }

    /// Adds a file after those with the same sort of content.
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

    /// Adds ExternalSecrets.
    pub fn read_secrets(&mut self, secrets: impl IntoIterator<Item = ExternalSecret>) {
        self.extend(secrets.into_iter().map(|secret| Manifest {
            file: format!("externalsecret-{}.yaml", secret.name).into(),
            objects: vec![ObjectId::new("ExternalSecret", &secret.name)],
            containers: None,
            place: None,
            content: Content::Secret(Box::new(secret)),
        }));
    }

    /// Returns the namespaces that it creates, each with the level of the Pod Security Standards that it enforces.
    pub fn namespaces(&self) -> impl Iterator<Item = (&Namespace, PodSecurity)> {
        let all = [&self.namespace].into_iter().chain(&self.other_namespaces);
        all.filter_map(|namespace| Some((namespace, namespace.create?)))
    }

    /// Returns the namespaces that it creates.
    pub fn namespaces_mut(&mut self) -> impl Iterator<Item = &mut Namespace> {
        let all = [&mut self.namespace].into_iter().chain(&mut self.other_namespaces);
        all.filter(|namespace| namespace.create.is_some())
    }

    /// Returns every object that the unit creates.
    pub fn objects(&self) -> impl Iterator<Item = ObjectId> {
        let namespaces = self.namespaces().map(|(namespace, _)| ObjectId::new("Namespace", namespace.name.to_string()));
        namespaces.chain(self.manifests.iter().flat_map(|manifest| manifest.objects.iter().cloned()))
    }

    /// Whether it has objects that the ingress controller reads, and the Secrets that these name.
    pub fn is_routed(&self) -> bool {
        self.chart_is_routed || self.has_kind(|kind| ROUTES.contains(&kind))
    }

    /// Whether it has objects that read the secret store.
    pub fn reads_store(&self) -> bool {
        self.has_kind(|kind| kind == "ExternalSecret")
    }

    /// Whether one of its files has an object of such a kind.
    fn has_kind(&self, is_such: impl Fn(&str) -> bool) -> bool {
        self.manifests.iter().flat_map(|manifest| &manifest.objects).any(|object| is_such(object.kind.as_str()))
    }

    /// Frees the memory that its lists reserve for more. A large lab has thousands of units.
    pub fn shrink(&mut self) {
        self.manifests.shrink_to_fit();
        self.needs.shrink_to_fit();
        self.guards.shrink_to_fit();
    }

    /// Returns its Helm release, if it has one.
    pub fn release(&self) -> Option<&Release> {
        self.manifests.iter().find_map(|manifest| match &manifest.content {
            Content::Release(release) => Some(&**release),
            _ => None,
        })
    }

    /// How Flux determines that its objects are ready, for kinds that it cannot judge by itself.
    pub fn health(&self) -> Vec<HealthExpression> {
        health::expressions(&self.manifests)
    }

    /// Returns the Helm values of the user for its release, if it has one.
    pub fn overrides(&mut self) -> Option<&mut Value> {
        self.manifests.iter_mut().find_map(|manifest| match &mut manifest.content {
            Content::Release(release) => Some(&mut release.overrides),
            _ => None,
        })
    }

    /// Makes the workloads of its Helm release restart when a Secret that they read changes.
    pub fn restart_with_secrets(&mut self) {
        for manifest in &mut self.manifests {
            if let Content::Release(release) = &mut manifest.content {
                release.restarts = true;
            }
        }
    }

    /// Returns its ExternalSecrets.
    pub fn secrets(&self) -> impl Iterator<Item = &ExternalSecret> {
        self.manifests.iter().filter_map(|manifest| match &manifest.content {
            Content::Secret(secret) => Some(&**secret),
            _ => None,
        })
    }
}

/// The maker of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A component of the platform.
    Component(ComponentId),
    /// An app.
    App,
    /// Manifests that belong to the cluster as a whole.
    Manifests,
}

/// A unit with its dependencies in its cluster.
#[derive(Debug)]
pub struct Bound {
    /// The unit.
    pub unit: Unit,
    /// Its maker.
    pub origin: Origin,
    /// The place of the spec that describes its maker.
    pub place: Span,
    /// The units that it depends on.
    pub depends_on: Vec<UnitId>,
    /// Whether Flux waits until its objects are ready, which it does if another unit depends on it.
    pub wait: bool,
}

/// A file of the user that is encrypted by SOPS. Kustomize reads it where it is, and Flux decrypts it.
#[derive(Debug, Clone)]
pub struct Encrypted {
    /// The file.
    pub file: StoreFolder,
    /// The Secret of Flux with the key.
    pub key: ObjectName,
}

/// The namespace of a unit.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Its name.
    pub name: NamespaceName,
    /// The level of the Pod Security Standards that it enforces, if the unit creates it.
    pub create: Option<PodSecurity>,
    /// Labels by which other objects select it, if the unit creates it.
    pub labels: BTreeMap<String, String>,
}

impl Namespace {
    /// A namespace that the unit creates.
    pub fn created(name: impl Into<NamespaceName>, pods: PodSecurity) -> Self {
        Self { name: name.into(), create: Some(pods), labels: BTreeMap::new() }
    }

    /// A namespace that exists, or that another unit creates.
    pub fn existing(name: impl Into<NamespaceName>) -> Self {
        Self { name: name.into(), create: None, labels: BTreeMap::new() }
    }

    /// Adds a label.
    pub fn label(&mut self, (key, value): (impl Into<String>, impl Into<String>)) {
        self.labels.insert(key.into(), value.into());
    }
}

/// A patch that Kustomize applies.
#[derive(Debug, Clone)]
pub struct Patch {
    /// The kind of its targets.
    pub kind: ObjectKind,
    /// The name of its target; without it, all objects of the kind are targets.
    pub name: Option<ObjectName>,
    /// The fields that are merged into the targets.
    pub merge: Value,
}

impl Patch {
    /// Whether an object is a target.
    pub fn fits(&self, object: &ObjectId) -> bool {
        self.kind == object.kind && self.name.as_ref().is_none_or(|name| *name == object.name)
    }
}
