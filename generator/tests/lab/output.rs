//! Generated files as Kubernetes and Flux read them: objects and units.

use crate::support::{Built, build, everything_spec, reference_spec, repository, shown};
use homelab::tree::Tree;
use serde::Deserialize as _;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{LazyLock, OnceLock};

/// A valid lab: its spec, and the root that the files it names are read from.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) spec: String,
    pub(crate) root: PathBuf,
    /// The path of the spec, relative to the root.
    pub(crate) path: &'static str,
    built: OnceLock<Built>,
}

impl Case {
    pub(crate) fn new(name: &str, spec: String, root: PathBuf, path: &'static str) -> Self {
        Self { name: name.to_owned(), spec, root, path, built: OnceLock::new() }
    }

    /// The whole tree that is generated from the spec.
    pub(crate) fn tree(&self) -> &Tree {
        self.built().tree.as_ref().unwrap_or_else(|| panic!("{} is not valid:\n{}", self.name, self.warnings()))
    }

    /// The warnings about the spec as the user reads them. Empty if there are none.
    pub(crate) fn warnings(&self) -> String {
        shown(&self.built().diagnostics, &self.spec)
    }

    /// The result of building the spec, once for all tests.
    fn built(&self) -> &Built {
        self.built.get_or_init(|| build(&self.spec, &self.root))
    }
}

/// All cases of `tests/valid`, the lab with everything, the reference lab, and a lab with all apps of the catalogue, whose
/// spec is in no file.
pub(crate) fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
        let top = repository().join("tests/valid");
        let mut roots: Vec<_> =
            top.read_dir().expect("there are cases").map(|entry| entry.expect("it can be listed").path()).collect();
        roots.retain(|root| root.join("spec.yaml").exists());
        roots.sort();
        let case = |root: PathBuf| {
            let name = root.file_name().expect("cases have names").to_string_lossy().into_owned();
            let spec = std::fs::read_to_string(root.join("spec.yaml")).expect("each case has a spec");
            Case::new(&name, spec, root, "spec.yaml")
        };
        let everything = Case::new("everything", everything_spec(), repository(), "tests/everything.yaml");
        let reference = Case::new("the reference lab", reference_spec(), repository(), "spec/homelab.yaml");
        let catalogue = Case::new("the catalogue", crate::catalogue::lab_with_all(), repository(), "catalogue.yaml");
        roots.into_iter().map(case).chain([everything, reference, catalogue]).collect()
    });
    &CASES
}

/// The charts of ingress controllers.
pub(crate) const INGRESS_CONTROLLERS: [&str; 2] = ["ingress-nginx", "nginx-ingress"];

/// The documents of a YAML text as libyaml reads them.
pub(crate) fn documents(text: &str) -> Vec<Json> {
    let all = serde_yaml::Deserializer::from_str(text);
    let one = |document| serde_yaml::Value::deserialize(document).expect("it is YAML");
    all.map(|document| serde_json::to_value(one(document)).expect("keys are text"))
        .filter(|document| !document.is_null())
        .collect()
}

/// A unit: its Flux Kustomization, and the objects in the folder that it applies.
pub(crate) struct Unit {
    pub(crate) flux: Json,
    pub(crate) objects: Vec<Json>,
}

impl Unit {
    /// The units that it depends on directly.
    pub(crate) fn depends_on(&self) -> Vec<&str> {
        let list = self.flux["spec"]["dependsOn"].as_array();
        list.into_iter().flatten().map(|unit| unit["name"].as_str().expect("units have names")).collect()
    }
}

/// The units of a cluster by name.
pub(crate) type Units = BTreeMap<String, Unit>;

/// The units of each cluster of a tree, read from its files.
pub(crate) fn clusters(tree: &Tree) -> BTreeMap<String, Units> {
    let mut clusters: BTreeMap<String, Units> = BTreeMap::new();
    for file in tree.files() {
        let parts: Vec<_> = file.path.split('/').collect();
        let ["k8s", cluster, "flux", _] = parts[..] else { continue };
        let flux = documents(&file.text).remove(0);
        let folder =
            flux["spec"]["path"].as_str().expect("units have a path").trim_start_matches("./").to_owned() + "/";
        let inside = tree
            .files()
            .iter()
            .filter(|other| other.path.strip_prefix(&folder).is_some_and(|name| !name.contains('/')));
        let objects = inside
            .filter(|file| !file.path.ends_with("/kustomization.yaml"))
            .flat_map(|file| documents(&file.text))
            .collect();
        let name = flux["metadata"]["name"].as_str().expect("units have names").to_owned();
        clusters.entry(cluster.to_owned()).or_default().insert(name, Unit { flux, objects });
    }
    clusters
}

/// All units that one depends on, directly or not.
pub(crate) fn before<'a>(units: &'a Units, name: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = units[name].depends_on();
    while let Some(next) = open.pop() {
        if found.insert(next) {
            open.extend(units[next].depends_on());
        }
    }
    found
}

/// The chart of a HelmRelease, and `None` for any other object.
pub(crate) fn chart(object: &Json) -> Option<&str> {
    if object["kind"] != "HelmRelease" {
        return None;
    }
    let spec = &object["spec"];
    spec["chartRef"]["name"].as_str().or_else(|| spec["chart"]["spec"]["chart"].as_str())
}

/// Every value of a document, with the keys that lead to it. Items of a list have the list's keys.
pub(crate) fn walk<'a>(value: &'a Json, path: &mut Vec<&'a str>, visit: &mut dyn FnMut(&[&'a str], &'a Json)) {
    visit(path, value);
    match value {
        Json::Object(fields) => {
            for (key, value) in fields {
                path.push(key);
                walk(value, path, visit);
                path.pop();
            }
        }
        Json::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
        _ => {}
    }
}
