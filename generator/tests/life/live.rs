//! Objects as a cluster of the reference lab has them: those that its files describe, with the status that their
//! controllers write.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The time on the machines of the tests.
pub(crate) const NOW: i64 = 1_785_571_200; // 2026-08-01T08:00:00Z

/// When everything became ready.
const READY: &str = "2026-08-01T07:00:00Z";

/// The commit that Flux has applied.
const REVISION: &str = "refs/heads/main@sha1:0123456789abcdef0123456789abcdef01234567";

/// The commit in [`REVISION`].
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The kinds that `homelab status` reads, with their plurals, their groups, and whether they are in a namespace.
const KINDS: [(&str, &str, bool); 22] = [
    ("Node", "nodes", false),
    ("Pod", "pods", true),
    ("Service", "services", true),
    ("DaemonSet", "daemonsets.apps", true),
    ("Deployment", "deployments.apps", true),
    ("StatefulSet", "statefulsets.apps", true),
    ("FluxInstance", "fluxinstances.fluxcd.controlplane.io", true),
    ("ResourceSet", "resourcesets.fluxcd.controlplane.io", true),
    ("GitRepository", "gitrepositories.source.toolkit.fluxcd.io", true),
    ("HelmChart", "helmcharts.source.toolkit.fluxcd.io", true),
    ("HelmRepository", "helmrepositories.source.toolkit.fluxcd.io", true),
    ("OCIRepository", "ocirepositories.source.toolkit.fluxcd.io", true),
    ("Kustomization", "kustomizations.kustomize.toolkit.fluxcd.io", true),
    ("HelmRelease", "helmreleases.helm.toolkit.fluxcd.io", true),
    ("ImageUpdateAutomation", "imageupdateautomations.image.toolkit.fluxcd.io", true),
    ("ClusterSecretStore", "clustersecretstores.external-secrets.io", false),
    ("ExternalSecret", "externalsecrets.external-secrets.io", true),
    ("Certificate", "certificates.cert-manager.io", true),
    ("ClusterIssuer", "clusterissuers.cert-manager.io", false),
    ("BackupStorageLocation", "backupstoragelocations.velero.io", true),
    ("Cluster", "clusters.postgresql.cnpg.io", true),
    ("Event", "events", true),
];

/// Kind, namespace and name.
type Id = (String, String, String);

/// The objects of a cluster.
#[derive(Clone)]
pub(crate) struct Live(BTreeMap<Id, Value>);

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn id(object: &Value) -> Id {
    let part = |path| text(object, path).to_owned();
    (part("/kind"), part("/metadata/namespace"), part("/metadata/name"))
}

/// The documents of a file.
fn documents(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("it is committed");
    let documents = serde_yaml::Deserializer::from_str(&text);
    documents.filter_map(|document| serde::Deserialize::deserialize(document).ok()).collect()
}

/// The files of a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("it is committed").map(|entry| entry.expect("it can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    files
}

/// A condition `Ready`.
fn condition(status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": "Ready", "status": status, "reason": reason, "message": message, "lastTransitionTime": READY })
}

/// The status of an object that is ready.
fn ready(object: &Value) -> Value {
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    match text(object, "/kind") {
        "Service" => json!({ "loadBalancer": { "ingress": [{ "ip": "192.168.10.60" }] } }),
        "Deployment" => json!({ "observedGeneration": 1, "availableReplicas": replicas, "updatedReplicas": replicas }),
        "StatefulSet" => json!({ "observedGeneration": 1, "readyReplicas": replicas, "updatedReplicas": replicas }),
        "DaemonSet" => json!({ "observedGeneration": 1, "numberReady": 1, "desiredNumberScheduled": 1 }),
        "Kustomization" => json!({
            "conditions": [condition("True", "ReconciliationSucceeded", &format!("Applied revision: {REVISION}"))],
            "lastAppliedRevision": REVISION, "lastAttemptedRevision": REVISION, "observedGeneration": 1,
        }),
        "GitRepository" => json!({
            "conditions": [condition("True", "Succeeded", "stored artifact for revision")],
            "artifact": { "revision": REVISION }, "observedGeneration": 1,
        }),
        _ => json!({ "conditions": [condition("True", "Succeeded", "it is ready")], "observedGeneration": 1 }),
    }
}

impl Live {
    /// The cluster `gordito` without Flux.
    pub(crate) fn without_flux(lab: &Path) -> Self {
        let mut live = Self(BTreeMap::new());
        for name in ["gordito-cp", "gordito-worker"] {
            assert!(lab.join("nix/nodes").join(name).exists(), "the lab has the node {name}");
            live.add(json!({
                "apiVersion": "v1", "kind": "Node", "metadata": { "name": name },
                "status": { "conditions": [condition("True", "KubeletReady", "kubelet is posting ready status")],
                            "nodeInfo": { "kubeletVersion": "v1.35.6+k3s1" } },
            }));
        }
        live
    }

    /// The cluster `gordito` with everything ready.
    pub(crate) fn ready(lab: &Path) -> Self {
        let mut live = Self::without_flux(lab);
        let cluster = lab.join("k8s/gordito");
        let mut add = |mut object: Value, unit: &str, namespace: &str| {
            let Some((_, _, is_namespaced)) = KINDS.iter().find(|(kind, ..)| *kind == text(&object, "/kind")) else {
                return;
            };
            object["metadata"]["creationTimestamp"] = json!(READY);
            object["metadata"]["generation"] = json!(1);
            if *is_namespaced && object["metadata"].get("namespace").is_none() {
                object["metadata"]["namespace"] = json!(namespace);
            }
            if !unit.is_empty() {
                object["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = json!(unit);
                object["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/namespace"] = json!("flux-system");
            }
            object["status"] = ready(&object);
            live.add(object);
        };
        for object in documents(&cluster.join("bootstrap/flux-instance.yaml")) {
            add(object, "", "flux-system");
        }
        let sync = json!({ "name": "flux-system", "namespace": "flux-system" });
        for (group, kind) in [("source", "GitRepository"), ("kustomize", "Kustomization")] {
            let api_version = format!("{group}.toolkit.fluxcd.io/v1");
            add(
                json!({ "apiVersion": api_version, "kind": kind, "metadata": sync, "spec": { "interval": "5m" } }),
                "",
                "",
            );
        }
        for unit in files(&cluster.join("flux")).iter().flat_map(|file| documents(file)) {
            let name = text(&unit, "/metadata/name").to_owned();
            let folder = lab.join(text(&unit, "/spec/path"));
            add(unit, "flux-system", "flux-system");
            let settings = folder.join("kustomization.yaml");
            let namespace =
                if settings.exists() { text(&documents(&settings)[0], "/namespace").to_owned() } else { String::new() };
            for object in files(&folder).iter().flat_map(|file| documents(file)) {
                // Its own settings, which are no object.
                if text(&object, "/apiVersion") != "kustomize.config.k8s.io/v1beta1" {
                    add(object, &name, &namespace);
                }
            }
        }
        live
    }

    /// The objects with another commit that Flux has applied.
    pub(crate) fn with_commit(&self, commit: &str) -> Self {
        let replaced = |object: &Value| object.to_string().replace(COMMIT, commit).parse().expect("it is JSON");
        Self(self.0.iter().map(|(id, object)| (id.clone(), replaced(object))).collect())
    }

    /// Adds an object, or replaces it.
    pub(crate) fn add(&mut self, object: Value) {
        self.0.insert(id(&object), object);
    }

    /// Merges fields into the object with their kind, namespace and name, which is added if it does not exist.
    pub(crate) fn merge(&mut self, fields: &Value) {
        merge(self.0.entry(id(fields)).or_insert(Value::Null), fields);
    }

    /// Removes objects of a kind; all of them if no names are given.
    pub(crate) fn remove(&mut self, kind: &str, names: &[&str]) {
        self.0.retain(|(other, _, name), _| other != kind || !names.is_empty() && !names.contains(&name.as_str()));
    }

    /// Makes Kustomizations fail their health checks, as Flux does, and all that depend on them wait.
    pub(crate) fn fail(&mut self, units: &[&str], reason: &str, message: &str) {
        for unit in units {
            self.set_ready(unit, &condition("False", reason, message));
        }
        let mut unready: Vec<String> = units.iter().map(|unit| (*unit).to_owned()).collect();
        loop {
            let waiting: Vec<_> = self
                .0
                .values()
                .filter(|object| text(object, "/kind") == "Kustomization")
                .filter(|object| !unready.contains(&text(object, "/metadata/name").to_owned()))
                .filter_map(|object| {
                    let depends_on = object.pointer("/spec/dependsOn").and_then(Value::as_array)?;
                    let first = depends_on
                        .iter()
                        .map(|other| text(other, "/name"))
                        .find(|name| unready.contains(&(*name).to_owned()))?;
                    Some((text(object, "/metadata/name").to_owned(), first.to_owned()))
                })
                .collect();
            if waiting.is_empty() {
                return;
            }
            for (unit, dependency) in waiting {
                let message = format!("dependency 'flux-system/{dependency}' is not ready");
                self.set_ready(&unit, &condition("False", "DependencyNotReady", &message));
                unready.push(unit);
            }
        }
    }

    fn set_ready(&mut self, unit: &str, condition: &Value) {
        let id = ("Kustomization".to_owned(), "flux-system".to_owned(), unit.to_owned());
        let object = self.0.get_mut(&id).unwrap_or_else(|| panic!("there is no unit {unit}"));
        object["status"]["conditions"] = json!([condition]);
    }

    /// The objects, and the warnings among the events.
    pub(crate) fn lists(&self) -> (Vec<Value>, Vec<Value>) {
        self.0.values().cloned().partition(|object| text(object, "/kind") != "Event")
    }

    /// Writes the objects to the folder of a scripted API.
    pub(crate) fn write(&self, folder: &Path) {
        for ((kind, namespace, name), object) in &self.0 {
            let Some((_, plural, _)) = KINDS.iter().find(|(known, ..)| known == kind) else {
                panic!("unknown kind {kind}")
            };
            let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}_") };
            let folder = folder.join(plural);
            fs::create_dir_all(&folder).expect("the folder is writable");
            fs::write(folder.join(format!("{prefix}{name}.json")), object.to_string()).expect("the folder is writable");
        }
        fs::create_dir_all(folder).expect("the folder is writable");
    }
}

/// Merges mappings; anything else is replaced.
fn merge(target: &mut Value, fields: &Value) {
    match (target, fields) {
        (Value::Object(target), Value::Object(fields)) => {
            for (key, value) in fields {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (target, fields) => *target = fields.clone(),
    }
}
