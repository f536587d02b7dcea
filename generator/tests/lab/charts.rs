//! Renders every chart with the generated values: Helm accepts them without messages, and the rendered objects are
//! those that the rest of the output refers to.
//!
//! Needs `helm` and `kubectl` on PATH, and in `HOMELAB_CHARTS` a folder with the unpacked charts, each in a folder with its name.

use crate::apps;
use crate::output::{cases, chart, documents, walk};
use crate::support::{temporary_folder, tool};
use homelab::model::contract::{CSI_NFS_PORTS, NODE_PORTS, RESTART_ANNOTATION};
use homelab::spec::Protocol;
use rayon::prelude::*;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The version of Kubernetes that the charts are rendered for.
const KUBERNETES: &str = "1.35.0";

/// A release as rendered by Helm.
pub(crate) struct Rendered {
    /// The objects with the patches of the release, as Flux applies them.
    objects: Vec<Json>,
    /// The objects without them.
    unpatched: Vec<Json>,
    /// The messages that Helm printed to stderr.
    messages: String,
    /// The custom resource definitions that belong to the release, unlike those in the folder `crds` of a chart.
    definitions: Vec<Json>,
}

/// A cluster of a lab: the objects that are generated for it, and its releases whose charts are available.
pub(crate) struct Cluster {
    pub(crate) place: String,
    pub(crate) objects: Vec<Json>,
    /// Each with its text, which is its key in [`All::rendered`].
    releases: Vec<(Json, String)>,
}

/// All clusters of all cases, and each release as rendered by Helm, by its text: equal releases are rendered once.
pub(crate) struct All {
    pub(crate) clusters: Vec<Cluster>,
    rendered: BTreeMap<String, Rendered>,
}

/// Rendered once for all tests. `None` if Helm, kubectl or the charts are missing.
pub(crate) static ALL: LazyLock<Option<All>> = LazyLock::new(|| {
    let (helm, kubectl) = (tool("helm")?, tool("kubectl")?);
    let charts = std::env::var_os("HOMELAB_CHARTS").map(PathBuf::from);
    let Some(charts) = charts.filter(|charts| charts.is_dir()) else {
        eprintln!("skipped: HOMELAB_CHARTS is not set to a folder with charts");
        return None;
    };
    let mut clusters: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for case in cases() {
        for file in case.tree().files() {
            if let Some((cluster, _)) = file.path.strip_prefix("k8s/").and_then(|path| path.split_once('/')) {
                clusters.entry(format!("{cluster} of {}", case.name)).or_default().extend(documents(&file.text));
            }
        }
    }
    let clusters: Vec<_> = clusters
        .into_iter()
        .map(|(place, objects)| {
            // Charts of apps are not downloaded.
            let is_available = |chart: &str| charts.join(chart).is_dir();
            for chart in objects.iter().filter_map(chart).filter(|chart| !is_available(chart)) {
                eprintln!("skipped: chart {chart} in {place} is not available");
            }
            let releases = objects.iter().filter(|object| chart(object).is_some_and(is_available));
            let releases = releases.map(|release| (release.clone(), release.to_string())).collect();
            Cluster { place, releases, objects }
        })
        .collect();
    let distinct: BTreeMap<&String, &Json> =
        clusters.iter().flat_map(|cluster| cluster.releases.iter().map(|(release, text)| (text, release))).collect();
    let rendered = distinct
        .into_par_iter()
        .map(|(text, release)| (text.clone(), render(&helm, &kubectl, &charts, release)))
        .collect();
    Some(All { clusters, rendered })
});

/// The text at a path in an object; empty if there is none.
pub(crate) fn text<'a>(object: &'a Json, path: &[&str]) -> &'a str {
    path.iter().fold(object, |object, key| &object[key]).as_str().unwrap_or_default()
}

fn render(helm: &Path, kubectl: &Path, charts: &Path, release: &Json) -> Rendered {
    let (unpatched, messages) = template(helm, charts, release, &["--include-crds"]);
    let is_definition = |object: &Json| object["kind"] == "CustomResourceDefinition";
    let mut definitions = Vec::new();
    if unpatched.iter().any(is_definition) {
        definitions = template(helm, charts, release, &[]).0;
        definitions.retain(is_definition);
    }
    Rendered { objects: patched(kubectl, release, &unpatched), unpatched, messages, definitions }
}

/// The objects with the patches of their release. Definitions are not patched: they are large, and only their
/// annotations would change.
fn patched(kubectl: &Path, release: &Json, objects: &[Json]) -> Vec<Json> {
    let renderers = release["spec"]["postRenderers"].as_array().into_iter().flatten();
    let patches: Vec<&Json> =
        renderers.flat_map(|renderer| renderer["kustomize"]["patches"].as_array()).flatten().collect();
    let is_definition = |object: &&Json| object["kind"] == "CustomResourceDefinition";
    let (definitions, others): (Vec<&Json>, Vec<&Json>) = objects.iter().partition(is_definition);
    if patches.is_empty() || others.is_empty() {
        return objects.to_vec();
    }
    let folder = temporary_folder();
    let write = |file: &str, text: String| std::fs::write(folder.path().join(file), text).expect("it is writable");
    // JSON is YAML.
    write("objects.yaml", others.iter().map(|object| format!("---\n{object}\n")).collect());
    let kustomization = json!({ "resources": ["objects.yaml"], "patches": patches });
    write("kustomization.yaml", kustomization.to_string());
    let output = Command::new(kubectl).arg("kustomize").arg(folder.path()).output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", chart(release).expect("it is a release"));
    let built = documents(&String::from_utf8(output.stdout).expect("it prints UTF-8"));
    definitions.into_iter().cloned().chain(built).collect()
}

/// The objects and the messages of `helm template`.
fn template(helm: &Path, charts: &Path, release: &Json, arguments: &[&str]) -> (Vec<Json>, String) {
    let spec = &release["spec"];
    let name = chart(release).expect("it is a release");
    let mut command = Command::new(helm);
    command.args(["template", text(spec, &["releaseName"])]).arg(charts.join(name));
    command.args(["--namespace", text(release, &["metadata", "namespace"]), "--kube-version", KUBERNETES]);
    command.args(["--values", "-"]).args(arguments);
    if spec["install"]["disableSchemaValidation"] == true {
        command.arg("--skip-schema-validation");
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("helm starts");
    // JSON is YAML.
    let values = if spec["values"].is_null() { "{}".to_owned() } else { spec["values"].to_string() };
    child.stdin.take().expect("it is piped").write_all(values.as_bytes()).expect("helm reads its values");
    let output = child.wait_with_output().expect("helm ends");
    let mut messages = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() && messages.is_empty() {
        messages = output.status.to_string();
    }
    (documents(&String::from_utf8(output.stdout).expect("it prints UTF-8")), messages)
}

impl All {
    /// Every object that the charts of a cluster render, with its namespace.
    pub(crate) fn of_charts<'a>(&'a self, cluster: &'a Cluster) -> impl Iterator<Item = (&'a str, &'a Json)> {
        cluster.releases.iter().flat_map(|(release, key)| {
            let home = text(release, &["metadata", "namespace"]);
            self.rendered[key].objects.iter().map(move |object| (namespace(object, home), object))
        })
    }

    /// Every object of a cluster, generated or rendered, with its namespace.
    pub(crate) fn objects<'a>(&'a self, cluster: &'a Cluster) -> impl Iterator<Item = (&'a str, &'a Json)> {
        self.of_charts(cluster).chain(cluster.objects.iter().map(|object| (namespace(object, ""), object)))
    }
}

pub(crate) fn namespace<'a>(object: &'a Json, home: &'a str) -> &'a str {
    object["metadata"]["namespace"].as_str().unwrap_or(home)
}

/// Whether a selector matches labels.
pub(crate) fn selects(selector: &Json, labels: &Json) -> bool {
    selector.as_object().is_some_and(|selector| selector.iter().all(|(key, value)| &labels[key] == value))
}

#[test]
fn helm_renders_every_release_without_messages() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        for (release, key) in &cluster.releases {
            let rendered = &all.rendered[key];
            let name = chart(release).expect("it is a release");
            // Promtail has reached its end of life; the generator warns about that.
            let is_deprecated = name == "promtail" && rendered.messages.contains("this chart is deprecated");
            assert!(
                rendered.messages.is_empty() || is_deprecated,
                "{name} in {}: {}",
                cluster.place,
                rendered.messages
            );
            assert!(!rendered.objects.is_empty(), "{name} in {} renders no objects", cluster.place);
            seen.insert(name);
        }
    }
    assert!(seen.len() > 9, "{seen:?}");
}

/// Otherwise these tests would test other versions than the generated ones.
#[test]
fn charts_have_the_pinned_versions() {
    if ALL.is_none() {
        return;
    }
    let charts = PathBuf::from(std::env::var_os("HOMELAB_CHARTS").expect("it is set"));
    let is_whole = |name: &str| ["everything", "the reference lab"].contains(&name) || name.starts_with("dns-");
    for case in cases().iter().filter(|case| is_whole(&case.name)) {
        let objects: Vec<Json> = case
            .tree()
            .files()
            .iter()
            .filter(|file| file.path.starts_with("k8s/"))
            .flat_map(|file| documents(&file.text))
            .collect();
        for release in &objects {
            let Some(name) = chart(release) else { continue };
            let source =
                objects.iter().find(|object| object["kind"] == "OCIRepository" && object["metadata"]["name"] == name);
            let pinned = source.map_or(text(release, &["spec", "chart", "spec", "version"]), |source| {
                text(source, &["spec", "ref", "tag"])
            });
            let Ok(metadata) = std::fs::read_to_string(charts.join(name).join("Chart.yaml")) else { continue };
            assert_eq!(text(&documents(&metadata)[0], &["version"]), pinned, "{name}");
        }
    }
}

/// Except for the APIs of Kubernetes, k3s and Flux.
#[test]
fn charts_define_every_custom_resource_that_is_used() {
    let Some(all) = &*ALL else { return };
    for cluster in &all.clusters {
        let defined: BTreeSet<(&str, &str)> = all
            .of_charts(cluster)
            .filter(|(_, object)| object["kind"] == "CustomResourceDefinition")
            .map(|(_, object)| (text(object, &["spec", "group"]), text(object, &["spec", "names", "kind"])))
            .collect();
        for object in &cluster.objects {
            let group = text(object, &["apiVersion"]).rsplit_once('/').map_or("", |(group, _)| group);
            let is_built_in = !group.contains('.')
                || ["k8s.io", "cattle.io", "fluxcd.io", "controlplane.io"].iter().any(|suffix| group.ends_with(suffix));
            let kind = text(object, &["kind"]);
            assert!(is_built_in || defined.contains(&(group, kind)), "{group} {kind} in {}", cluster.place);
        }
    }
}

/// By labels, and with a named port. Pods that operators create, such as those of PostgreSQL and Flux, are in no
/// chart.
#[test]
fn every_monitor_and_service_selects_pods_of_a_chart() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let pods: Vec<(&str, &Json, BTreeSet<&str>)> = all
            .objects(cluster)
            .filter(|(_, object)| ["DaemonSet", "Deployment", "StatefulSet"].contains(&text(object, &["kind"])))
            .map(|(namespace, object)| {
                let template = &object["spec"]["template"];
                // Sidecars that start before the app are init containers.
                let containers = ["initContainers", "containers"].map(|field| template["spec"][field].as_array());
                let containers = containers.into_iter().flatten().flatten();
                let ports = containers.flat_map(|container| container["ports"].as_array()).flatten();
                (namespace, &template["metadata"]["labels"], ports.map(|port| text(port, &["name"])).collect())
            })
            .collect();
        for monitor in cluster.objects.iter().filter(|object| object["kind"] == "PodMonitor") {
            let spec = &monitor["spec"];
            // Without a selector, it is for its own namespace.
            let selected = spec["namespaceSelector"]["matchNames"][0].as_str();
            let namespace = selected.unwrap_or_else(|| text(monitor, &["metadata", "namespace"]));
            if ["databases", "flux-system"].contains(&namespace) {
                continue;
            }
            let name = text(monitor, &["metadata", "name"]);
            for endpoint in spec["podMetricsEndpoints"].as_array().expect("it has endpoints") {
                let port = text(endpoint, &["port"]);
                let is_it = |(home, labels, ports): &(&str, &Json, BTreeSet<&str>)| {
                    *home == namespace && selects(&spec["selector"]["matchLabels"], labels) && ports.contains(port)
                };
                assert!(pods.iter().any(is_it), "{name} in {} selects no pod with the port {port}", cluster.place);
            }
            seen.insert(name);
        }
        for service in cluster.objects.iter().filter(|object| object["kind"] == "Service") {
            let home = text(service, &["metadata", "namespace"]);
            let selected: Vec<_> = pods
                .iter()
                .filter(|(namespace, labels, _)| *namespace == home && selects(&service["spec"]["selector"], labels))
                .collect();
            assert!(
                !selected.is_empty(),
                "{} in {} selects no pod",
                text(service, &["metadata", "name"]),
                cluster.place
            );
            for port in service["spec"]["ports"].as_array().expect("services have ports") {
                if let Some(target) = port["targetPort"].as_str() {
                    assert!(
                        selected.iter().any(|(_, _, ports)| ports.contains(target)),
                        "{target} of {service} in {}",
                        cluster.place
                    );
                }
            }
        }
    }
    assert!(seen.len() > 4, "{seen:?}");
}

/// The generator rejects apps on the host network that use such a port.
#[test]
fn ports_on_the_host_network_are_known_to_the_generator() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for object in all.rendered.values().flat_map(|rendered| &rendered.objects) {
        let pod = &object["spec"]["template"]["spec"];
        let containers = pod["containers"].as_array().into_iter().flatten();
        for port in containers.flat_map(|container| container["ports"].as_array()).flatten() {
            if pod["hostNetwork"] != true && port["hostPort"].is_null() {
                continue;
            }
            let protocol = if port["protocol"] == "UDP" { Protocol::Udp } else { Protocol::Tcp };
            let number = port["hostPort"].as_u64().or(port["containerPort"].as_u64()).expect("ports have numbers");
            let known = || NODE_PORTS.iter().chain(&CSI_NFS_PORTS);
            assert!(
                known().any(|(known, kind, _)| u64::from(*known) == number && *kind == protocol),
                "{protocol:?} port {number} of {} is missing in NODE_PORTS",
                text(object, &["metadata", "name"]),
            );
            seen.insert(number);
        }
    }
    assert!(seen.is_superset(&[7946, 9100, 9120, 19809].into()), "{seen:?}");
}

/// The Service has that name and port, and the IngressClass exists.
#[test]
fn every_ingress_has_a_service_and_a_class() {
    let Some(all) = &*ALL else { return };
    let mut seen = 0;
    for cluster in &all.clusters {
        let of_kind = |kind: &'static str| all.objects(cluster).filter(move |(_, object)| object["kind"] == kind);
        let homes: BTreeSet<&str> =
            cluster.releases.iter().map(|(release, _)| text(release, &["metadata", "namespace"])).collect();
        let is_missing = |object: &&Json| chart(object).is_some() && !homes.contains(namespace(object, ""));
        let missing: BTreeSet<&str> =
            cluster.objects.iter().filter(is_missing).map(|object| namespace(object, "")).collect();
        for (home, ingress) in of_kind("Ingress").filter(|(home, _)| !missing.contains(home)) {
            let class = &ingress["spec"]["ingressClassName"];
            let place = format!("{} in {}", text(ingress, &["metadata", "name"]), cluster.place);
            assert!(
                of_kind("IngressClass").any(|(_, other)| &other["metadata"]["name"] == class),
                "{place}: no class {class}"
            );
            let paths = ingress["spec"]["rules"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|rule| rule["http"]["paths"].as_array())
                .flatten();
            for path in paths {
                let backend = &path["backend"]["service"];
                let service = of_kind("Service")
                    .find(|(namespace, other)| *namespace == home && other["metadata"]["name"] == backend["name"]);
                let (_, service) = service.unwrap_or_else(|| panic!("{place}: no service {backend}"));
                let has_port = service["spec"]["ports"].as_array().into_iter().flatten().any(|port| {
                    let expected = &backend["port"];
                    port["port"] == expected["number"]
                        || !expected["name"].is_null() && port["name"] == expected["name"]
                });
                assert!(has_port, "{place}: no port {backend}");
                // This controller supports websockets only for Services in the annotation.
                let named = text(ingress, &["metadata", "annotations", "nginx.org/websocket-services"]);
                assert!(named.is_empty() || backend["name"] == named, "{place}: {named}");
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "only {seen}");
}

#[test]
fn every_claim_has_a_storage_class() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let classes: BTreeSet<_> = all
            .objects(cluster)
            .filter(|(_, object)| object["kind"] == "StorageClass")
            .map(|(_, object)| text(object, &["metadata", "name"]))
            .collect();
        for (home, claim) in all.objects(cluster).filter(|(_, object)| object["kind"] == "PersistentVolumeClaim") {
            let class = text(claim, &["spec", "storageClassName"]);
            // A folder of a host: the claim and its volume name each other.
            if claim["spec"]["storageClassName"] == "" {
                let name = text(claim, &["metadata", "name"]);
                let is_volume = |object: &Json| {
                    object["kind"] == "PersistentVolume" && object["metadata"]["name"] == claim["spec"]["volumeName"]
                };
                let volume = cluster.objects.iter().find(|object| is_volume(object)).expect("the volume exists");
                let owner = [&["spec", "claimRef", "namespace"], &["spec", "claimRef", "name"]];
                assert_eq!(owner.map(|path| text(volume, path)), [home, name], "{}", cluster.place);
                seen.insert("");
                continue;
            }
            assert!(
                class == "local-path" || classes.contains(class),
                "{class} in {}, which has {classes:?}",
                cluster.place
            );
            seen.insert(class);
        }
    }
    assert!(seen.is_superset(&["", "local-path", "nfs-tank-retain"].into()), "{seen:?}");
}

/// The target of each patch is rendered, and the patch names exactly its containers.
#[test]
fn post_render_patches_match_the_rendered_objects() {
    let Some(all) = &*ALL else { return };
    let mut seen = 0;
    for cluster in &all.clusters {
        for (release, key) in &cluster.releases {
            let renderers = release["spec"]["postRenderers"].as_array().into_iter().flatten();
            for patch in renderers.flat_map(|renderer| renderer["kustomize"]["patches"].as_array()).flatten() {
                let target = &patch["target"];
                if target["name"].is_null() {
                    continue;
                }
                let objects = &all.rendered[key].unpatched;
                let object = objects
                    .iter()
                    .find(|object| object["kind"] == target["kind"] && object["metadata"]["name"] == target["name"]);
                let object = object.unwrap_or_else(|| panic!("{target} in {}", cluster.place));
                let names = |object: &Json| -> BTreeSet<String> {
                    let containers = object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
                    containers.map(|container| text(container, &["name"]).to_owned()).collect()
                };
                let merge = documents(text(patch, &["patch"])).remove(0);
                assert_eq!(names(&merge), names(object), "{target} in {}", cluster.place);
                seen += 1;
            }
        }
    }
    assert!(seen > 0, "no release has post-render patches");
}

/// Without this annotation, Helm deletes a definition with its release, and Kubernetes deletes all objects of the kind:
/// for ExternalSecrets, that includes the Secrets.
#[test]
fn definitions_remain_when_their_release_is_removed() {
    const POLICY: (&str, &str) = ("helm.sh/resource-policy", "keep");
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        for (release, key) in &cluster.releases {
            let renderers = release["spec"]["postRenderers"].as_array().into_iter().flatten();
            let patches = renderers.flat_map(|renderer| renderer["kustomize"]["patches"].as_array()).flatten();
            let adds_policy = |patch: &Json| {
                let target = &patch["target"];
                target["kind"] == "CustomResourceDefinition"
                    && target["name"].is_null()
                    && documents(text(patch, &["patch"]))[0]["metadata"]["annotations"][POLICY.0] == POLICY.1
            };
            let is_patched = patches.into_iter().any(adds_policy);
            for definition in &all.rendered[key].definitions {
                let is_kept = is_patched || definition["metadata"]["annotations"][POLICY.0] == POLICY.1;
                assert!(is_kept, "{} in {}", text(definition, &["metadata", "name"]), cluster.place);
                seen.insert(chart(release).expect("it is a release"));
            }
        }
    }
    let expected = ["cert-manager", "cloudnative-pg", "external-secrets", "metallb", "plugin-barman-cloud"];
    assert!(seen.is_superset(&expected.into()), "{seen:?}");
}

/// A patch of a release that deletes an object takes effect. Otherwise an account would keep the rights of the chart.
#[test]
fn post_render_patches_delete_objects() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        for (release, key) in &cluster.releases {
            let has = |objects: &[Json], other: &Json| {
                let is_it = |object: &&Json| {
                    object["kind"] == other["kind"] && object["metadata"]["name"] == other["metadata"]["name"]
                };
                objects.iter().any(|object| is_it(&object))
            };
            let rendered = &all.rendered[key];
            for object in rendered.unpatched.iter().filter(|object| !has(&rendered.objects, object)) {
                seen.insert(format!("{} of {}", text(object, &["kind"]), chart(release).expect("it is a release")));
            }
        }
    }
    let expected = ["ClusterRole", "ClusterRoleBinding"].map(|kind| format!("{kind} of cert-manager-webhook-hetzner"));
    assert!(seen.is_superset(&expected.into()), "{seen:?}");
}

/// The pods of charts, too: the API would refuse others.
#[test]
fn pods_of_charts_meet_the_standard_of_their_namespace() {
    let Some(all) = &*ALL else { return };
    let levels = ["restricted", "baseline", "privileged"];
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let enforced: BTreeMap<&str, &str> = cluster
            .objects
            .iter()
            .filter(|object| object["kind"] == "Namespace")
            .map(|object| {
                let level = ["metadata", "labels", "pod-security.kubernetes.io/enforce"];
                (text(object, &["metadata", "name"]), text(object, &level))
            })
            .collect();
        for (home, object) in all.of_charts(cluster) {
            let Some(pod) = apps::pod(object) else { continue };
            let Some(level) = levels.iter().position(|level| enforced.get(home) == Some(level)) else { continue };
            let name = text(object, &["metadata", "name"]);
            assert!(usize::from(apps::needed(pod)) <= level, "{name} in {home} of {}", cluster.place);
            seen.insert(name);
        }
    }
    assert!(seen.is_superset(&["cert-manager", "cert-manager-webhook-hetzner", "external-dns"].into()), "{seen:?}");
}

/// The names of the Secrets that a pod reads.
fn secrets_of(pod: &Json) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    walk(pod, &mut Vec::new(), &mut |path, value| {
        if path.ends_with(&["secretKeyRef", "name"])
            || path.ends_with(&["secretRef", "name"])
            || path.ends_with(&["secret", "secretName"])
        {
            names.extend(value.as_str());
        }
    });
    names
}

/// A pod gets a new value of a Secret only when it starts.
#[test]
fn workloads_restart_when_a_secret_of_the_store_changes() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let has_reloader = cluster.releases.iter().any(|(release, _)| chart(release) == Some("reloader"));
        let stored: BTreeSet<(&str, &str)> = cluster
            .objects
            .iter()
            .filter(|object| object["kind"] == "ExternalSecret")
            .map(|object| (namespace(object, ""), text(object, &["spec", "target", "name"])))
            .collect();
        let reads_stored = |home: &str, workload: &Json| {
            let pod = &workload["spec"]["template"]["spec"];
            secrets_of(pod).into_iter().any(|secret| stored.contains(&(home, secret)))
        };
        let of_charts = cluster.releases.iter().map(|(release, key)| {
            let home = text(release, &["metadata", "namespace"]);
            let reads = all.rendered[key].objects.iter().any(|object| reads_stored(namespace(object, home), object));
            (release, reads, release["spec"]["postRenderers"].to_string().contains(RESTART_ANNOTATION))
        });
        let workloads = ["Deployment", "StatefulSet", "DaemonSet"];
        let generated = cluster.objects.iter().filter(|object| workloads.contains(&text(object, &["kind"])));
        let generated = generated.map(|object| {
            let restarts = object["metadata"]["annotations"][RESTART_ANNOTATION] == "true";
            (object, reads_stored(namespace(object, ""), object), restarts)
        });
        for (object, reads, restarts) in of_charts.chain(generated) {
            let name = text(object, &["metadata", "name"]);
            // A chart of an app is not available, so it is annotated if the app has secrets.
            assert!(restarts == (reads && has_reloader), "{name} in {}: {restarts}", cluster.place);
            if restarts {
                seen.insert(name);
            }
        }
    }
    assert!(seen.len() > 6, "{seen:?}");
}

/// An alert about a schedule that does not exist would fire, or never fire.
#[test]
fn alerts_name_schedules_that_exist() {
    let Some(all) = &*ALL else { return };
    let mut seen = 0;
    for cluster in &all.clusters {
        let schedules: BTreeSet<&str> = all
            .of_charts(cluster)
            .filter(|(_, object)| object["kind"] == "Schedule")
            .map(|(_, object)| text(object, &["metadata", "name"]))
            .collect();
        for rules in cluster.objects.iter().filter(|object| object["kind"] == "PrometheusRule") {
            walk(rules, &mut Vec::new(), &mut |path, value| {
                let expression = value.as_str().filter(|_| path.last() == Some(&"expr")).unwrap_or_default();
                let Some((_, name)) = expression.split_once("schedule=\"") else { return };
                let name = name.split('"').next().expect("it is quoted");
                assert!(schedules.contains(name), "{name} in {}, which has {schedules:?}", cluster.place);
                seen += 1;
            });
        }
    }
    assert!(seen > 0, "no alert is about a schedule");
}

/// A default password of a chart would be public, and a generated one would change at each rendering.
#[test]
fn no_chart_renders_a_secret_with_a_credential() {
    let Some(all) = &*ALL else { return };
    let mut found = BTreeSet::new();
    for cluster in &all.clusters {
        for (_, secret) in all.of_charts(cluster).filter(|(_, object)| object["kind"] == "Secret") {
            let fields = ["data", "stringData"].map(|field| secret[field].as_object()).into_iter().flatten().flatten();
            found.extend(fields.map(|(key, _)| format!("{}: {key}", text(secret, &["metadata", "name"]))));
        }
    }
    // Neither contains credentials: the default routes of Alertmanager, and the configuration of Promtail,
    // which reads passwords from files.
    let known = ["alertmanager-kube-prometheus-stack-alertmanager: alertmanager.yaml", "promtail: promtail.yaml"];
    assert_eq!(found, known.map(str::to_owned).into());
}
