//! The order of units, checked from the generated text alone: what a unit uses comes from a unit before it.

use crate::output::{Case, INGRESS_CONTROLLERS, Unit, Units, before, cases, chart, clusters, documents, walk};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The chart that defines the custom resources of each API group.
const DEFINED_BY: [(&str, &str); 7] = [
    ("cert-manager.io", "cert-manager"),
    ("barmancloud.cnpg.io", "plugin-barman-cloud"),
    ("external-secrets.io", "external-secrets"),
    ("k8s.nginx.org", "nginx-ingress"),
    ("metallb.io", "metallb"),
    ("monitoring.coreos.com", "prometheus-operator-crds"),
    ("postgresql.cnpg.io", "cloudnative-pg"),
];

/// API groups that a cluster serves from the start: Kubernetes' own, those of k3s, and those of Flux.
fn is_given(group: &str) -> bool {
    !group.contains('.')
        || group.ends_with(".k8s.io") && !["snapshot.storage.k8s.io", "gateway.networking.k8s.io"].contains(&group)
        || group.ends_with(".cattle.io")
        || group.ends_with(".toolkit.fluxcd.io")
        || group == "fluxcd.controlplane.io"
}

fn text<'a>(object: &'a Json, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

fn name(object: &Json) -> &str {
    text(&object["metadata"], "name")
}

/// Calls a check for every object of every lab, with the units of its cluster, its unit, the object, and its location
/// for messages.
fn each_object(mut check: impl FnMut(&Units, &str, &Json, &str)) {
    for case in cases() {
        for (cluster, units) in clusters(case.tree()) {
            for (unit, content) in &units {
                for object in &content.objects {
                    let place = format!("{} {} of {unit} in {cluster}, {}", object["kind"], name(object), case.name);
                    check(&units, unit, object, &place);
                }
            }
        }
    }
}

/// Whether one of the units before another has an object of some kind.
fn comes_after(units: &Units, unit: &str, is_it: impl Fn(&Json) -> bool) -> bool {
    before(units, unit).iter().any(|other| units[*other].objects.iter().any(&is_it))
}

/// The release is in an earlier unit, never in the same one.
#[test]
fn every_custom_resource_comes_after_the_release_that_defines_it() {
    let mut seen = BTreeSet::new();
    each_object(|units, unit, object, place| {
        let group = text(object, "apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
        if is_given(group) {
            return;
        }
        let known = DEFINED_BY.iter().find(|(defined, _)| *defined == group);
        let (group, release) = known.unwrap_or_else(|| panic!("{place}: which chart defines {group}?"));
        seen.insert(*group);
        assert!(comes_after(units, unit, |other| chart(other) == Some(release)), "{place}: {release} is not before it");
        assert!(
            !units[unit].objects.iter().any(|other| chart(other) == Some(release)),
            "{place}: in the unit of {release}"
        );
    });
    assert_eq!(seen, DEFINED_BY.map(|(group, _)| group).into(), "groups that no case uses");
}

/// The length of the longest chain of dependencies that ends in each unit, itself included. Units in a cycle are
/// missing.
fn depths(units: &Units) -> BTreeMap<&str, usize> {
    let mut depths = BTreeMap::new();
    loop {
        let settled: Vec<_> = units
            .iter()
            .filter(|(name, _)| !depths.contains_key(name.as_str()))
            .filter_map(|(name, unit)| {
                let others = unit.depends_on();
                let others: Option<Vec<usize>> = others.iter().map(|other| depths.get(other).copied()).collect();
                Some((name.as_str(), 1 + others?.into_iter().max().unwrap_or(0)))
            })
            .collect();
        if settled.is_empty() {
            return depths;
        }
        depths.extend(settled);
    }
}

/// Chains have at most five units. An app whose database is in its own cluster is the sixth: before it come MetalLB and
/// its addresses, the database server, the password, and the role with its database.
#[test]
fn no_unit_waits_for_itself_and_chains_are_short() {
    for case in cases() {
        for (cluster, units) in clusters(case.tree()) {
            let depths = depths(&units);
            let stuck: Vec<_> = units.keys().filter(|unit| !depths.contains_key(unit.as_str())).collect();
            assert!(stuck.is_empty(), "{stuck:?} depend on each other in {cluster}, {}", case.name);
            let (unit, longest) = depths.iter().max_by_key(|(_, depth)| **depth).expect("clusters have units");
            let is_database = |unit: &str| unit.starts_with("database-");
            let needs_one = |unit: &Unit| unit.depends_on().iter().any(|other| is_database(other));
            let has_database = units.iter().any(|(name, unit)| !is_database(name) && needs_one(unit));
            let most = if has_database { 6 } else { 5 };
            assert!(*longest <= most, "{unit} in {cluster}, {}, is the last of {longest}", case.name);
        }
    }
}

#[test]
fn flux_waits_exactly_where_something_depends_on_it() {
    for case in cases() {
        for (cluster, units) in clusters(case.tree()) {
            let needed: BTreeSet<_> = units.values().flat_map(Unit::depends_on).collect();
            for (unit, content) in &units {
                let waits = content.flux["spec"]["wait"] == true;
                assert_eq!(waits, needed.contains(unit.as_str()), "{unit} in {cluster}, {}", case.name);
            }
        }
    }
}

/// Kinds that Flux judges correctly by itself. For those of Kubernetes, see `legacyTypes` in `pkg/kstatus/status/core.go`
/// of fluxcd/cli-utils. Those of Flux are created with `status.observedGeneration: -1`, the default in their definitions,
/// which counts as in progress.
const JUDGED_BY_FLUX: [&str; 18] = [
    "batch/CronJob",
    "batch/Job",
    "apps/DaemonSet",
    "apps/Deployment",
    "apps/StatefulSet",
    "helm.toolkit.fluxcd.io/HelmRelease",
    "image.toolkit.fluxcd.io/ImagePolicy",
    "image.toolkit.fluxcd.io/ImageRepository",
    "image.toolkit.fluxcd.io/ImageUpdateAutomation",
    "kustomize.toolkit.fluxcd.io/Kustomization",
    "source.toolkit.fluxcd.io/GitRepository",
    "source.toolkit.fluxcd.io/HelmRepository",
    "source.toolkit.fluxcd.io/OCIRepository",
    "/ConfigMap",
    "/PersistentVolumeClaim",
    "/Pod",
    "/Secret",
    "/Service",
];

/// Kinds that are ready once they exist: their definitions have no status, or one that says nothing about readiness, such
/// as the free addresses of a pool, or the backups in an ObjectStore.
const READY_AT_ONCE: [&str; 14] = [
    "/Namespace",
    "/ServiceAccount",
    "barmancloud.cnpg.io/ObjectStore",
    "metallb.io/BGPPeer",
    "metallb.io/IPAddressPool",
    "metallb.io/L2Advertisement",
    "networking.k8s.io/Ingress",
    "networking.k8s.io/NetworkPolicy",
    "postgresql.cnpg.io/ScheduledBackup",
    "rbac.authorization.k8s.io/ClusterRole",
    "rbac.authorization.k8s.io/ClusterRoleBinding",
    "rbac.authorization.k8s.io/Role",
    "rbac.authorization.k8s.io/RoleBinding",
    "storage.k8s.io/StorageClass",
];

/// Otherwise a unit would be ready before its objects are, as one without a status counts as ready.
#[test]
fn flux_waits_for_the_status_of_every_object() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        for (cluster, units) in clusters(case.tree()) {
            for (unit, content) in units.iter().filter(|(_, content)| content.flux["spec"]["wait"] == true) {
                let list = content.flux["spec"]["healthCheckExprs"].as_array().into_iter().flatten();
                let of = |object: &Json| {
                    let group = text(object, "apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
                    format!("{group}/{}", text(object, "kind"))
                };
                let checked: Vec<String> = list.map(of).collect();
                let kinds: BTreeSet<String> = content.objects.iter().map(of).collect();
                for kind in &kinds {
                    let is_known = [&JUDGED_BY_FLUX[..], &READY_AT_ONCE[..]].concat().contains(&kind.as_str());
                    assert!(
                        is_known != checked.contains(kind),
                        "{kind} in {unit} of {cluster}, {}: an operator writes its status, or it is in a list here",
                        case.name
                    );
                }
                assert!(checked.iter().all(|kind| kinds.contains(kind)), "{unit} of {cluster}, {}", case.name);
                seen.extend(checked);
            }
        }
    }
    let expected = ["ClusterIssuer", "ClusterSecretStore", "Cluster", "ExternalSecret", "Policy"];
    for kind in expected {
        assert!(seen.iter().any(|seen| seen.ends_with(&format!("/{kind}"))), "{kind}: {seen:?}");
    }
}

#[test]
fn every_external_secret_comes_after_its_store() {
    let mut seen = 0;
    each_object(|units, unit, object, place| {
        if object["kind"] != "ExternalSecret" {
            return;
        }
        seen += 1;
        let store = &object["spec"]["secretStoreRef"];
        let is_it = |other: &Json| other["kind"] == store["kind"] && other["metadata"]["name"] == store["name"];
        assert!(store["kind"] == "ClusterSecretStore" && comes_after(units, unit, is_it), "{place}");
    });
    assert!(seen > 10, "only {seen} cases");
}

/// This includes Ingresses that a chart renders.
#[test]
fn every_ingress_comes_after_the_controller_that_serves_it() {
    let mut seen = BTreeSet::new();
    each_object(|units, unit, object, place| {
        let mut has_ingress = object["kind"] == "Ingress";
        walk(&object["spec"]["values"], &mut Vec::new(), &mut |path, value| {
            has_ingress |= path.last() == Some(&"ingress") && value["enabled"] == true;
        });
        if has_ingress {
            seen.insert(text(object, "kind").to_owned());
            let is_it = |other: &Json| chart(other).is_some_and(|chart| INGRESS_CONTROLLERS.contains(&chart));
            assert!(comes_after(units, unit, is_it), "{place}");
        }
    });
    assert_eq!(seen.len(), 2, "{seen:?}");
}

/// Without the pool, a Service gets no address.
#[test]
fn every_service_with_an_address_comes_after_the_pool() {
    let mut seen = BTreeSet::new();
    each_object(|units, unit, object, place| {
        let mut has_address = false;
        walk(object, &mut Vec::new(), &mut |path, _| has_address |= path.last() == Some(&"metallb.io/loadBalancerIPs"));
        if has_address {
            seen.insert(text(object, "kind").to_owned());
            assert!(comes_after(units, unit, |other| other["kind"] == "IPAddressPool"), "{place}");
        }
    });
    assert_eq!(seen.len(), 3, "{seen:?}");
}

/// Namespace and name.
type Key = (String, String);

/// The Secret that is created from an object.
fn created(object: &Json) -> Option<Key> {
    let secret = match text(object, "kind") {
        "ExternalSecret" => object["spec"]["target"]["name"].as_str().unwrap_or(name(object)),
        "Certificate" => text(&object["spec"], "secretName"),
        _ => return None,
    };
    Some((text(&object["metadata"], "namespace").to_owned(), secret.to_owned()))
}

/// The Secrets that an object requires, each with the field that names it.
fn required(object: &Json) -> Vec<(String, Key)> {
    let kind = text(object, "kind");
    if ["ExternalSecret", "Certificate"].contains(&kind) {
        return Vec::new();
    }
    let home = if kind == "ClusterIssuer" { "cert-manager" } else { text(&object["metadata"], "namespace") };
    let mut required = Vec::new();
    // Secrets that cert-manager creates for the certificate that the same object requests.
    let mut requests_certificate = false;
    walk(object, &mut Vec::new(), &mut |path, _| {
        requests_certificate |= path.last() == Some(&"cert-manager.io/cluster-issuer");
    });
    walk(object, &mut Vec::new(), &mut |path, value| {
        let word = path.last().copied().unwrap_or_default();
        let is_of_map = word == "configMapKeyRef" || value["type"] == "ConfigMap";
        // cert-manager creates the key of an account itself.
        let is_created =
            word == "privateKeySecretRef" || requests_certificate && path.ends_with(&["tls", "secretName"]);
        if is_of_map || is_created || value["optional"] == true {
            return;
        }
        let by_name = match word {
            "secretRef" | "imagePullSecrets" | "clientInfoSecret" | "passwordSecret" => true,
            _ => word.ends_with("SecretRef") || value["key"].is_string(),
        };
        let by_text = match word {
            "secretName" | "existingSecret" | "default-ssl-certificate" => true,
            "nginx.org/basic-auth-secret" | "nginx.ingress.kubernetes.io/auth-secret" => true,
            _ => path.ends_with(&["wildcardTLS", "secret"]),
        };
        let secret = match value {
            Json::Object(_) if by_name => value["name"].as_str(),
            Json::String(text) if by_text => Some(text.as_str()),
            _ => None,
        };
        if let Some(secret) = secret {
            let stated = value["namespace"].as_str().unwrap_or(home);
            let (namespace, secret) = secret.split_once('/').unwrap_or((stated, secret));
            required.push((word.to_owned(), (namespace.to_owned(), secret.to_owned())));
        }
    });
    required
}

/// The Secrets that the servers of a cluster create from files on their disks, by their Nix modules.
fn on_disk(case: &Case, cluster: &str) -> BTreeSet<Key> {
    let tree = case.tree();
    let bootstrap = format!("/k8s/{cluster}/bootstrap/");
    let nodes =
        tree.files().iter().filter(|file| file.path.ends_with("/default.nix") && file.text.contains(&bootstrap));
    let quoted = |line: &str, field: &str| {
        let value = line.trim().strip_prefix(field)?.strip_prefix(" = \"")?.strip_suffix("\";")?;
        Some(value.to_owned())
    };
    let mut secrets = BTreeSet::new();
    for node in nodes {
        let lines: Vec<_> = node.text.lines().collect();
        secrets.extend(
            lines.windows(2).filter_map(|pair| Some((quoted(pair[0], "namespace")?, quoted(pair[1], "name")?))),
        );
    }
    secrets
}

/// The Secrets that the spec of a cluster lists as external.
fn external(case: &Case, cluster: &str) -> BTreeSet<Key> {
    let spec = documents(&case.spec).remove(0);
    let list = spec["clusters"][cluster]["external"].as_array().cloned().unwrap_or_default();
    let key = |object: &Json| {
        let (namespace, name) = object.as_str()?.strip_prefix("Secret/")?.split_once('/')?;
        Some((namespace.to_owned(), name.to_owned()))
    };
    list.iter().filter_map(key).collect()
}

/// Two exceptions, where another unit would make the longest chain longer: a ClusterIssuer is in the unit of the Secret
/// with its API token, which cert-manager reads only for a DNS challenge, and retries. A release can be in the unit of a
/// Certificate: cert-manager, which is there before, creates its Secret within seconds, and the pods of the release wait for it.
#[test]
fn every_secret_is_created_before_it_is_used() {
    let mut words = BTreeSet::new();
    for case in cases() {
        for (cluster, units) in clusters(case.tree()) {
            let given: BTreeSet<Key> = on_disk(case, &cluster).union(&external(case, &cluster)).cloned().collect();
            for (unit, content) in &units {
                let created_by = |unit: &str| units[unit].objects.iter().filter_map(created).collect::<BTreeSet<Key>>();
                let earlier: BTreeSet<Key> = before(&units, unit).into_iter().flat_map(created_by).collect();
                let certificates = content.objects.iter().filter(|object| object["kind"] == "Certificate");
                let certified: BTreeSet<Key> = certificates.filter_map(created).collect();
                for object in &content.objects {
                    for (word, key) in required(object) {
                        let is_there = earlier.contains(&key)
                            || given.contains(&key)
                            || object["kind"] == "ClusterIssuer" && created_by(unit).contains(&key)
                            || object["kind"] == "HelmRelease" && certified.contains(&key);
                        let place =
                            format!("{} {} of {unit} in {cluster}, {}", object["kind"], name(object), case.name);
                        assert!(
                            is_there,
                            "{place}: no unit before it creates the Secret {key:?} that its {word} names"
                        );
                        words.insert(word);
                    }
                }
            }
        }
    }
    for word in [
        "apiTokenSecretRef",
        "clientId",
        "clientInfoSecret",
        "existingSecret",
        "password",
        "passwordSecret",
        "secretKeyRef",
        "secretName",
        "secret",
        "nginx.org/basic-auth-secret",
    ] {
        assert!(words.contains(word), "no case has a `{word}`: {words:?}");
    }
}
