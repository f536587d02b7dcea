//! The manifests as the tools of Kubernetes and Flux read them.

use crate::output::{Case, before, cases, clusters, documents};
use crate::support::{lab_of, temporary_folder, tool};
use homelab::model::Origin;
use homelab::tree::Tree;
use rayon::prelude::*;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// A folder that Kustomize builds: its `kustomization.yaml`, and the objects beside it.
struct Folder {
    /// From the folder of its cluster.
    path: String,
    kustomization: Json,
    objects: Vec<Json>,
}

/// The folders of a tree that Kustomize builds, by cluster.
fn folders(tree: &Tree) -> BTreeMap<&str, Vec<Folder>> {
    let mut clusters: BTreeMap<&str, Vec<Folder>> = BTreeMap::new();
    for file in tree.files() {
        let Some(path) = file.path.strip_suffix("/kustomization.yaml") else { continue };
        let place = path.strip_prefix("k8s/").and_then(|path| path.split_once('/'));
        let (cluster, below) = place.expect("each cluster has a folder");
        let beside = |other: &str| other.strip_prefix(path).is_some_and(|name| name.rfind('/') == Some(0));
        let objects = tree.files().iter().filter(|other| other.path != file.path && beside(&other.path));
        clusters.entry(cluster).or_default().push(Folder {
            path: below.to_owned(),
            kustomization: documents(&file.text).remove(0),
            objects: objects.flat_map(|file| documents(&file.text)).collect(),
        });
    }
    clusters
}

/// What identifies an object in Kubernetes.
fn identity(object: &Json) -> [&Json; 4] {
    let metadata = &object["metadata"];
    [&object["apiVersion"], &object["kind"], &metadata["namespace"], &metadata["name"]]
}

/// One run of Kustomize builds all folders of a cluster, each as a base.
#[test]
fn kustomize_builds_every_folder_and_patches_take_effect() {
    let Some(kubectl) = tool("kubectl") else { return };
    let patched: usize = cases().par_iter().map(|case| kustomize(&kubectl, case)).sum();
    assert!(patched > 1, "no case has patches");
}

/// Builds all folders of a case, and counts the patches that took effect.
fn kustomize(kubectl: &Path, case: &Case) -> usize {
    let tree = case.tree();
    let root = temporary_folder();
    for file in tree.files().iter().filter(|file| file.path.starts_with("k8s/")) {
        let path = root.path().join(&file.path);
        std::fs::create_dir_all(path.parent().expect("files are in folders")).expect("the folder is writable");
        std::fs::write(path, &file.text).expect("the folder is writable");
    }
    // Files that Kustomize reads where the user has them. Flux allows that, too.
    for path in sops_files(case) {
        let copy = root.path().join(&path);
        std::fs::create_dir_all(copy.parent().expect("files are in folders")).expect("the folder is writable");
        std::fs::copy(case.root.join(&path), copy).expect("the file exists");
    }
    let mut patched = 0;
    for (cluster, folders) in folders(tree) {
        let place = format!("{cluster} of {}", case.name);
        let all = root.path().join("k8s").join(cluster);
        let resources: String = folders.iter().map(|folder| format!("- {}\n", folder.path)).collect();
        std::fs::write(all.join("kustomization.yaml"), format!("resources:\n{resources}")).expect("it is writable");
        let output = Command::new(kubectl)
            .args(["kustomize", "--load-restrictor=LoadRestrictionsNone"])
            .arg(&all)
            .output()
            .expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && stderr.is_empty(), "{place}: {stderr}");
        let built = documents(&String::from_utf8(output.stdout).expect("it prints UTF-8"));
        let in_place: usize = folders.iter().map(|folder| in_place(&folder.kustomization).len()).sum();
        let own: usize = folders.iter().map(|folder| folder.objects.len()).sum();
        assert_eq!(built.len(), own + in_place, "objects of {place}");
        let built: BTreeMap<String, &Json> =
            built.iter().map(|object| (format!("{:?}", identity(object)), object)).collect();
        for folder in folders {
            let place = format!("{} in {place}", folder.path);
            let objects = folder.objects.iter().map(|object| {
                let id = format!("{:?}", identity(object));
                *built.get(&id).unwrap_or_else(|| panic!("{place} has no {id}"))
            });
            patched += check_patches(&folder.kustomization, &objects.collect::<Vec<_>>(), &place);
        }
    }
    patched
}

/// The files outside its folder that a kustomization.yaml lists.
fn in_place(kustomization: &Json) -> Vec<&str> {
    let listed = kustomization["resources"].as_array().into_iter().flatten().filter_map(Json::as_str);
    listed.filter(|file| file.starts_with("../")).collect()
}

/// The encrypted files that the units of a case apply, from the top of the repository.
fn sops_files(case: &Case) -> Vec<String> {
    let lists = case.tree().files().iter().filter(|file| file.path.ends_with("/kustomization.yaml"));
    let lists = lists.flat_map(|file| documents(&file.text));
    let paths = lists.flat_map(|list| in_place(&list).into_iter().map(str::to_owned).collect::<Vec<_>>());
    paths.map(|path| path.trim_start_matches("../").to_owned()).collect()
}

/// Checks that the objects that Kustomize builds have all fields of their patches, and counts the patches.
fn check_patches(kustomization: &Json, built: &[&Json], place: &str) -> usize {
    let patches = kustomization["patches"].as_array().map_or(&[][..], Vec::as_slice);
    for patch in patches {
        let mut merge = documents(patch["patch"].as_str().expect("patches are text")).remove(0);
        let fields = merge.as_object_mut().expect("a patch is a mapping");
        fields.remove("kind");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.remove("name");
        }
        let target = &patch["target"];
        let is_target = |object: &&&Json| {
            object["kind"] == target["kind"]
                && (target["name"].is_null() || object["metadata"]["name"] == target["name"])
        };
        let targets: Vec<_> = built.iter().filter(is_target).collect();
        assert!(!targets.is_empty(), "a patch of {place} has no target");
        for object in targets {
            assert!(holds(object, &merge), "{object} in {place} lacks the patch {merge}");
        }
    }
    patches.len()
}

/// Whether all of `part` is in `whole`. Lists may have more items, as Kubernetes merges them.
fn holds(whole: &Json, part: &Json) -> bool {
    match (whole, part) {
        (Json::Object(whole), Json::Object(part)) => part.iter().all(|(key, value)| match whole.get(key) {
            Some(other) => holds(other, value),
            None => value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty),
        }),
        (Json::Array(whole), Json::Array(part)) => part.iter().all(|item| whole.iter().any(|other| holds(other, item))),
        (whole, part) => whole == part,
    }
}

/// Collects the paths of nulls and empty mappings, except in Helm values: there, a null removes a default, and users may
/// write it.
fn find_empty(value: &Json, path: &str, found: &mut Vec<String>) {
    match value {
        Json::Null => found.push(path.to_owned()),
        // They have a meaning: an emptyDir with the defaults, a selector of all pods, and an issuer of self-signed
        // certificates.
        Json::Object(fields)
            if fields.is_empty()
                && [".emptyDir", ".podSelector", ".selfSigned"].iter().any(|end| path.ends_with(end)) => {}
        Json::Object(fields) if fields.is_empty() => found.push(path.to_owned()),
        Json::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| !(path == ".spec" && *key == "values")) {
                find_empty(value, &format!("{path}.{key}"), found);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| find_empty(item, &format!("{path}[]"), found)),
        _ => {}
    }
}

#[test]
fn no_manifest_has_nulls_or_empty_mappings() {
    for case in cases() {
        for file in case.tree().files() {
            let is_copy = file.path.rsplit('/').next().is_some_and(|name| name.starts_with("extra-"));
            if !file.path.ends_with(".yaml") || is_copy {
                continue;
            }
            for document in documents(&file.text) {
                let mut found = Vec::new();
                find_empty(&document, "", &mut found);
                assert!(found.is_empty(), "{} of {}: {found:?}", file.path, case.name);
            }
        }
    }
}

#[test]
fn flux_substitutes_no_variables() {
    let mut seen = 0;
    for case in cases() {
        let tree = case.tree();
        for file in tree.files().iter().filter(|file| file.path.starts_with("k8s/")) {
            let has_variable = documents(&file.text).iter().any(|document| document.to_string().contains("${"));
            if !has_variable {
                continue;
            }
            seen += 1;
            let folder = file.path.rsplit_once('/').expect("files are in folders").0;
            let kustomization = tree
                .get(&format!("{folder}/kustomization.yaml"))
                .unwrap_or_else(|| panic!("{} of {}", file.path, case.name));
            let annotations = &documents(&kustomization.text)[0]["commonAnnotations"];
            assert_eq!(
                annotations["kustomize.toolkit.fluxcd.io/substitute"], "disabled",
                "{} of {}",
                file.path, case.name
            );
        }
    }
    assert!(seen > 0, "no case has `${{`");
}

#[test]
fn namespaces_stores_and_issuers_exist_before_they_are_used() {
    for case in cases() {
        let lab = lab_of(&case.spec, &case.root);
        for (name, units) in clusters(case.tree()) {
            let cluster =
                lab.clusters.iter().find(|cluster| cluster.name.as_str() == name).expect("it is a cluster of the lab");
            for (unit, content) in &units {
                let earlier = before(&units, unit);
                let units_there = earlier.iter().copied().chain([unit.as_str()]);
                let objects: Vec<&Json> = units_there.flat_map(|unit| &units[unit].objects).collect();
                let is_there = |kind: &str, name: &Json| {
                    let given = ["default", "flux-system", "kube-system"];
                    name.is_null()
                        || kind == "Namespace" && given.iter().any(|given| name == given)
                        || objects.iter().any(|other| other["kind"] == kind && &other["metadata"]["name"] == name)
                        || cluster
                            .external
                            .iter()
                            .any(|object| object.kind.as_str() == kind && name == object.name.as_str())
                };
                for object in &content.objects {
                    let place = format!("{} of {unit} in {name}, {}", object["kind"], case.name);
                    let metadata = &object["metadata"];
                    assert!(is_there("Namespace", &metadata["namespace"]), "namespace: {place}");
                    let store = &object["spec"]["secretStoreRef"]["name"];
                    assert!(is_there("ClusterSecretStore", store), "store: {place}");
                    let issuer = &metadata["annotations"]["cert-manager.io/cluster-issuer"];
                    assert!(is_there("ClusterIssuer", issuer), "issuer: {place}");
                }
            }
        }
    }
}

#[test]
fn every_unit_is_pruned_and_retried_and_has_a_timeout() {
    for case in cases() {
        for (name, units) in clusters(case.tree()) {
            for (unit, content) in &units {
                let place = format!("{unit} in {name}, {}", case.name);
                let spec = &content.flux["spec"];
                assert_eq!(spec["prune"], true, "{place}");
                assert_eq!(spec["sourceRef"]["name"], "flux-system", "{place}");
                for field in ["interval", "retryInterval", "timeout"] {
                    assert!(spec[field].is_string(), "{field} of {place}");
                }
                assert_eq!(spec["postBuild"], Json::Null, "{place} substitutes variables");
                let listed = content.depends_on();
                assert!(listed.is_sorted(), "{listed:?} of {place}");
                let implied: Vec<_> = listed
                    .iter()
                    .filter(|one| listed.iter().any(|other| before(&units, other).contains(*one)))
                    .collect();
                assert!(
                    implied.is_empty() || !case.is_platform(unit, &name),
                    "{implied:?} of {place} are implied by others"
                );
            }
        }
    }
}

impl Case {
    /// Whether a unit belongs to the platform: its dependencies are only those that others do not imply.
    fn is_platform(&self, unit: &str, cluster: &str) -> bool {
        let lab = lab_of(&self.spec, &self.root);
        let mut clusters = lab.clusters.iter().filter(|other| other.name.as_str() == cluster);
        let units = &clusters.next().expect("it is a cluster of the lab").units;
        units.iter().any(|bound| bound.unit.id.as_str() == unit && bound.origin != Origin::App)
    }
}

/// What is installed changes only by a commit: charts have a tag and Flux a version, and the manifests of Flux are those
/// inside its operator. Charts that their projects sign are installed only with a signature by the project.
#[test]
fn nothing_that_is_installed_floats() {
    let mut signed = std::collections::BTreeSet::new();
    for case in cases() {
        for file in case.tree().files().iter().filter(|file| file.path.starts_with("k8s/")) {
            for document in documents(&file.text) {
                let (spec, place) = (&document["spec"], format!("{} of {}", file.path, case.name));
                match document["kind"].as_str() {
                    Some("OCIRepository") => {
                        assert!(spec["ref"]["tag"].is_string() && spec["ref"]["semver"].is_null(), "{place}");
                        if spec["verify"].is_object() {
                            let identity = &spec["verify"]["matchOIDCIdentity"][0];
                            let subject = identity["subject"].as_str().expect("it names the signer");
                            assert!(subject.starts_with('^') && subject.ends_with('$'), "{place}: {subject}");
                            assert!(identity["issuer"].is_string(), "{place}");
                            signed.insert(document["metadata"]["name"].as_str().expect("it has a name").to_owned());
                        }
                    }
                    Some("FluxInstance") => {
                        let distribution = &spec["distribution"];
                        assert!(distribution["artifact"].is_null(), "{place}");
                        let version = distribution["version"].as_str().expect("it has a version");
                        assert!(
                            version.split('.').filter(|part| part.parse::<u32>().is_ok()).count() == 3,
                            "{version}"
                        );
                    }
                    _ => {}
                }
            }
        }
    }
    assert_eq!(signed, ["cloudnative-pg", "external-secrets", "plugin-barman-cloud"].map(str::to_owned).into());
}

/// Volume claims outlive their apps. A namespace is deleted with its claims, so it is not pruned either.
#[test]
fn namespaces_and_volume_claims_are_never_pruned() {
    for case in cases() {
        for file in case.tree().files().iter().filter(|file| file.path.starts_with("k8s/")) {
            let is_copy =
                |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("extra-"));
            for document in documents(&file.text).iter().filter(|_| !is_copy(Path::new(&file.path))) {
                if document["kind"] == "Namespace" || document["kind"] == "PersistentVolumeClaim" {
                    let prune = &document["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/prune"];
                    assert_eq!(prune, "disabled", "{} of {}", file.path, case.name);
                }
            }
        }
    }
}
