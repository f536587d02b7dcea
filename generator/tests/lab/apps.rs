//! Apps: their namespaces, nodes, and independence of each other.

use crate::edit::{Edited, Place};
use crate::output::{cases, documents};
use crate::support::{build, reference_spec, repository, shown, tree_of};
use homelab::diagnostic::Code;
use homelab::tree::Tree;
use serde_json::Value as Json;
use std::collections::BTreeMap;

fn text<'a>(tree: &'a Tree, path: &str) -> &'a str {
    &tree.get(path).unwrap_or_else(|| panic!("{path} is not generated")).text
}

/// Checks each link from the GPU of a host in the spec to the resource of a pod.
#[test]
fn passes_a_gpu_from_the_host_to_the_pod() {
    let tree = tree_of(&reference_spec());
    let links = [
        // The container gets the device, with the ID of the group that owns it on the node.
        ("nix/nodes/gordito-worker/container.conf", "/dev/dri/renderD128,gid=303,mode=0660"),
        ("nix/nodes/gordito-worker/default.nix", "gpu = \"intel\";"),
        // The node has a label for it, and the plugin selects nodes by that label.
        ("nix/nodes/gordito-worker/k3s.yaml", "- homelab/gpu=intel"),
        ("k8s/gordito/platform/intel-gpu/daemonset.yaml", "homelab/gpu: intel"),
        ("k8s/gordito/platform/intel-gpu/daemonset.yaml", "path: /dev/dri"),
        // The pod requests the resource that the plugin offers, and is in the group.
        ("k8s/gordito/apps/jellyfin/deployment.yaml", "gpu.intel.com/i915: \"1\""),
        ("k8s/gordito/apps/jellyfin/deployment.yaml", "supplementalGroups:\n          - 303"),
        ("k8s/gordito/flux/jellyfin.yaml", "- name: intel-gpu-plugin"),
    ];
    for (path, link) in links {
        assert!(text(&tree, path).contains(link), "{path} lacks {link}");
    }
    // A spec that breaks one of the links is rejected.
    let reference = Edited::reference();
    let broken = [
        (reference.clone().remove("hosts.elitedesk.gpu"), Code::GpuMissing),
        (reference.clone().remove("clusters.gordito.nodes.gordito-worker.gpu"), Code::NeedUnmet),
        (reference.add("clusters.gordito.platform.gpu", "{ enabled: false }"), Code::NeedUnmet),
    ];
    for (spec, code) in broken {
        let spec = spec.text();
        let built = build(&spec, &repository());
        let messages = shown(&built.diagnostics, &spec);
        let codes: Vec<_> = built.diagnostics.sorted().iter().map(|diagnostic| diagnostic.code).collect();
        assert!(built.tree.is_none(), "{messages}");
        assert_eq!(codes, [code], "{messages}");
    }
}

/// Of several nodes with one of its devices, an app runs on the one that has all of them.
#[test]
fn runs_an_app_on_the_node_that_has_all_its_devices() {
    let radio = r#"
        image: { repository: docker.io/example/radio, tag: "1.2.3" }
        storage: { one: { device: /dev/one }, two: { device: /dev/two } }
        security: { privileged: true }
    "#;
    let spec = Edited::reference()
        .add("clusters.gordito.nodes.gordito-cp.devices", "[/dev/one]")
        .add("clusters.gordito.nodes.gordito-worker.devices", "[/dev/one, /dev/two]")
        .add("clusters.gordito.apps.radio", radio);
    let tree = tree_of(&spec.text());
    let deployment = text(&tree, "k8s/gordito/apps/radio/deployment.yaml");
    assert!(deployment.contains("kubernetes.io/hostname: gordito-worker\n"), "{deployment}");
}

/// A new app adds only its own files and those of its database.
#[test]
fn a_new_app_changes_no_file_of_another() {
    let wiki = r#"
        image: { repository: docker.io/example/wiki, tag: "1.2.3" }
        port: 80
        database: data/postgres
        backup: volumes
        gpu: true
        env: { URL: { database: url } }
        storage: { data: { size: 1GiB, mount: /data } }
        expose: { host: wiki, public: true }
    "#;
    let with = Edited::reference()
        .add("secrets.entries.wiki", "{ keys: [database-password] }")
        .add("clusters.gordito.apps.wiki", wiki);
    let (before, after) = (tree_of(&reference_spec()), tree_of(&with.text()));
    // The changed spec has no comments, and so no schema.
    for file in before.deployed() {
        let other = after.get(&file.path).unwrap_or_else(|| panic!("{} is gone", file.path));
        assert_eq!(file.text, other.text, "{} has changed", file.path);
    }
    let new = after.files().iter().filter(|file| before.get(&file.path).is_none());
    for file in new {
        let own = [
            "docs/lab/apps/gordito/wiki.",
            "k8s/data/databases/database-wiki",
            "k8s/data/flux/database-wiki",
            "k8s/data/platform/lan-dns-names/app-gordito-wiki.yaml",
            "k8s/gordito/apps/wiki/",
            "k8s/gordito/flux/wiki",
            "k8s/gordito/platform/lan-dns-names/app-gordito-wiki.yaml",
            "k8s/gordito/secrets/wiki/",
        ];
        assert!(own.iter().any(|place| file.path.starts_with(place)), "{}", file.path);
    }
}

#[test]
fn the_apps_of_the_reference_lab_take_fewer_than_80_lines() {
    let spec = reference_spec();
    let lines = spec[Place::of(&spec, "clusters.gordito.apps").value].lines().count();
    assert!(lines < 80, "{lines} lines");
}

/// The pod of a workload.
pub(crate) fn pod(object: &Json) -> Option<&Json> {
    match object["kind"].as_str()? {
        "Deployment" | "DaemonSet" | "StatefulSet" => Some(&object["spec"]["template"]["spec"]),
        "CronJob" => Some(&object["spec"]["jobTemplate"]["spec"]["template"]["spec"]),
        _ => None,
    }
}

/// The level of the Pod Security Standards that a pod needs, as the standards define it: 0 for restricted, 1 for
/// baseline, 2 for privileged.
pub(crate) fn needed(pod: &Json) -> u8 {
    const BASELINE: [&str; 13] = [
        "AUDIT_WRITE",
        "CHOWN",
        "DAC_OVERRIDE",
        "FOWNER",
        "FSETID",
        "KILL",
        "MKNOD",
        "NET_BIND_SERVICE",
        "SETFCAP",
        "SETGID",
        "SETPCAP",
        "SETUID",
        "SYS_CHROOT",
    ];
    const RESTRICTED_VOLUMES: [&str; 8] =
        ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
    let list = |value: &Json| value.as_array().cloned().unwrap_or_default();
    let mut level = 0;
    let mut at_least = |required: u8, holds: bool| level = level.max(if holds { required } else { 0 });
    at_least(2, ["hostNetwork", "hostPID", "hostIPC"].iter().any(|field| pod[field] == true));
    for volume in list(&pod["volumes"]) {
        let kinds: Vec<_> = volume.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        at_least(2, kinds.iter().any(|kind| kind == "hostPath"));
        at_least(1, kinds.iter().any(|kind| kind != "name" && !RESTRICTED_VOLUMES.contains(&kind.as_str())));
    }
    let of_pod = &pod["securityContext"];
    for container in list(&pod["initContainers"]).iter().chain(&list(&pod["containers"])) {
        let own = &container["securityContext"];
        let pick = |field: &str| if own[field].is_null() { of_pod[field].clone() } else { own[field].clone() };
        let added: Vec<_> = list(&own["capabilities"]["add"]);
        at_least(2, own["privileged"] == true);
        at_least(2, added.iter().any(|name| !BASELINE.contains(&name.as_str().unwrap_or_default())));
        at_least(1, added.iter().any(|name| name != "NET_BIND_SERVICE"));
        at_least(1, !list(&own["capabilities"]["drop"]).contains(&"ALL".into()));
        at_least(1, own["allowPrivilegeEscalation"] != false);
        at_least(1, pick("runAsNonRoot") != true || pick("runAsUser") == 0);
        at_least(1, !["RuntimeDefault", "Localhost"].contains(&pick("seccompProfile")["type"].as_str().unwrap_or("")));
    }
    level
}

/// Each namespace enforces the strictest level that admits all its pods.
#[test]
fn each_namespace_enforces_the_level_that_its_pods_need() {
    let levels = ["restricted", "baseline", "privileged"];
    let mut seen = BTreeMap::new();
    for case in cases() {
        let tree = case.tree();
        let objects: Vec<(String, Json)> = tree
            .files()
            .iter()
            .filter(|file| {
                // Manifests of users are not checked.
                let is_of_user = file.path.contains("/extra-");
                file.path.starts_with("k8s/") && file.path.ends_with(".yaml") && !is_of_user
            })
            .flat_map(|file| {
                let cluster = file.path.split('/').nth(1).unwrap_or_default().to_owned();
                documents(&file.text).into_iter().map(move |object| (cluster.clone(), object))
            })
            .collect();
        let mut most: BTreeMap<(&str, &str), u8> = BTreeMap::new();
        for (cluster, object) in &objects {
            let Some(pod) = pod(object) else { continue };
            let namespace = object["metadata"]["namespace"].as_str().expect("workloads have a namespace");
            let entry = most.entry((cluster, namespace)).or_default();
            *entry = (*entry).max(needed(pod));
        }
        for (cluster, object) in objects.iter().filter(|(_, object)| object["kind"] == "Namespace") {
            let name = object["metadata"]["name"].as_str().expect("namespaces have names");
            let Some(needed) = most.get(&(cluster.as_str(), name)) else { continue };
            let admits = object["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str();
            let place = format!("{name} in {cluster} of {}", case.name);
            assert_eq!(admits, Some(levels[usize::from(*needed)]), "{place}");
            *seen.entry(*needed).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 3, "every level occurs: {seen:?}");
}
