//! What the service accounts of all pods may do in the Kubernetes API, over all rendered charts.

use crate::charts::{ALL, All, Cluster, selects, text};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// A right by which a pod takes over other pods, or the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    /// Reads the Secrets of these namespaces.
    Secrets,
    /// Creates pods, or runs commands in them.
    Pods,
    /// Grants rights, or acts as another account.
    Roles,
}

/// Where an account has a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// In all namespaces.
    Cluster,
    /// In single namespaces.
    Namespaces,
}

use Right::{Pods, Roles, Secrets};
use Scope::{Cluster as Everywhere, Namespaces};

/// An account with such rights: its namespace and name, its rights, and the reason.
type Known = (&'static str, &'static str, &'static [(Right, Scope)], &'static str);

/// The accounts with such rights.
const ACCOUNTS: &[Known] = &[
    (
        "cert-manager",
        "cert-manager",
        &[(Secrets, Everywhere), (Pods, Everywhere)],
        "Writes certificates to Secrets of any namespace, and starts pods that answer HTTP challenges.",
    ),
    (
        "cert-manager",
        "cert-manager-cainjector",
        &[(Secrets, Everywhere)],
        "Copies CA certificates from Secrets to webhooks.",
    ),
    (
        "cnpg-system",
        "cloudnative-pg",
        &[(Secrets, Everywhere), (Pods, Everywhere), (Roles, Everywhere)],
        "Starts PostgreSQL in any namespace, with its passwords and an account for each database cluster.",
    ),
    (
        "cnpg-system",
        "plugin-barman-cloud",
        &[(Secrets, Everywhere), (Roles, Everywhere)],
        "Lets the account of each database cluster read the credential of its bucket.",
    ),
    (
        "external-secrets",
        "external-secrets",
        &[(Secrets, Everywhere), (Roles, Everywhere)],
        "Writes Secrets in any namespace, and requests tokens of accounts for stores that use them.",
    ),
    (
        "external-secrets",
        "external-secrets-cert-controller",
        &[(Secrets, Everywhere)],
        "Writes the certificate of its webhook.",
    ),
    (
        "external-secrets",
        "secrets-reader",
        &[(Secrets, Namespaces)],
        "Reads the decrypted values of entries, with SOPS. External Secrets requests its tokens; no pod runs as it.",
    ),
    (
        "ingress",
        "ingress-nginx",
        &[(Secrets, Everywhere), (Secrets, Namespaces)],
        "Reads certificates. Unlike the default controller, it cannot be limited to several namespaces.",
    ),
    (
        "ingress",
        "ingress-nginx-admission",
        &[(Secrets, Namespaces)],
        "Writes the certificate of the webhook, in its own namespace.",
    ),
    (
        "ingress",
        "nginx-ingress",
        &[(Secrets, Namespaces)],
        "Reads certificates and passwords in namespaces with an Ingress.",
    ),
    (
        "metallb-system",
        "metallb-controller",
        &[(Secrets, Namespaces)],
        "Writes the password of the speakers, in its own namespace.",
    ),
    (
        "metallb-system",
        "metallb-speaker",
        &[(Secrets, Namespaces)],
        "Reads the password of the speakers, in its own namespace.",
    ),
    (
        "monitoring",
        "kube-prometheus-stack-operator",
        &[(Secrets, Everywhere), (Pods, Everywhere)],
        "Starts Prometheus and Alertmanager in any namespace, with their configuration in Secrets.",
    ),
    (
        "reloader",
        "reloader-reloader",
        &[(Secrets, Everywhere), (Pods, Everywhere)],
        "Watches Secrets, and restarts the workloads that read a changed one.",
    ),
    (
        "synology-csi",
        "synology-csi-controller",
        &[(Secrets, Everywhere)],
        "Reads the Secrets that storage classes name.",
    ),
    ("synology-csi", "synology-csi-node", &[(Secrets, Everywhere)], "Reads the Secrets that storage classes name."),
    (
        "velero",
        "velero-server",
        &[
            (Secrets, Everywhere),
            (Secrets, Namespaces),
            (Pods, Everywhere),
            (Pods, Namespaces),
            (Roles, Everywhere),
            (Roles, Namespaces),
        ],
        "Restores objects of any kind: it is an administrator of the cluster.",
    ),
];

/// The resources of a right, with the verbs that give it.
const RIGHTS: [(Right, &[&str], &[&str]); 4] = [
    (Secrets, &["secrets"], &["get", "list", "watch"]),
    (
        Pods,
        &[
            "pods",
            "deployments",
            "daemonsets",
            "statefulsets",
            "replicasets",
            "replicationcontrollers",
            "jobs",
            "cronjobs",
            "pods/exec",
            "pods/attach",
            "pods/ephemeralcontainers",
        ],
        &["create", "update", "patch"],
    ),
    (
        Roles,
        &["roles", "clusterroles", "rolebindings", "clusterrolebindings", "serviceaccounts/token"],
        &["create", "update", "patch", "bind", "escalate"],
    ),
    (Roles, &["users", "groups", "serviceaccounts"], &["impersonate"]),
];

/// A service account: its namespace and name.
type Account = (String, String);

/// The rights that a rule of a role gives.
fn rights(rule: &Json) -> BTreeSet<Right> {
    let list =
        |field: &str| -> Vec<&str> { rule[field].as_array().into_iter().flatten().filter_map(Json::as_str).collect() };
    let (resources, verbs) = (list("resources"), list("verbs"));
    // `*` also means all resources of a group, which may be one of a webhook.
    let is_built_in = |group: &&str| !group.contains('.') || group.ends_with(".k8s.io");
    if !list("apiGroups").iter().any(is_built_in) {
        return BTreeSet::new();
    }
    // A rule for named objects lets a pod read these, and create none.
    let is_named = !list("resourceNames").is_empty();
    let has =
        |granted: &[&str], wanted: &[&str]| granted.contains(&"*") || granted.iter().any(|one| wanted.contains(one));
    // Changing the metadata of pods, as operators do, does not change what they run.
    let only_marks_pods =
        |right| right == Pods && resources.iter().all(|resource| *resource == "pods") && !has(&verbs, &["create"]);
    RIGHTS
        .iter()
        .filter(|(right, wanted, with)| {
            has(&resources, wanted) && has(&verbs, with) && !is_named && !only_marks_pods(*right)
        })
        .map(|(right, ..)| *right)
        .collect()
}

/// The accounts of a cluster with such rights.
fn powerful(all: &All, cluster: &Cluster) -> BTreeMap<Account, BTreeSet<(Right, Scope)>> {
    let of_kind = |kind: &'static str| all.objects(cluster).filter(move |(_, object)| object["kind"] == kind);
    let mut found: BTreeMap<Account, BTreeSet<(Right, Scope)>> = BTreeMap::new();
    for (kind, scope) in [("ClusterRoleBinding", Everywhere), ("RoleBinding", Namespaces)] {
        for (home, binding) in of_kind(kind) {
            let name = text(binding, &["roleRef", "name"]);
            let role_kind = text(binding, &["roleRef", "kind"]);
            let role = all.objects(cluster).find(|(place, object)| {
                object["kind"] == role_kind
                    && object["metadata"]["name"] == name
                    && (role_kind == "ClusterRole" || *place == home)
            });
            let granted = match role {
                Some((_, role)) => role["rules"].as_array().into_iter().flatten().flat_map(rights).collect(),
                None if name == "cluster-admin" => BTreeSet::from([Secrets, Pods, Roles]),
                // They are part of Kubernetes, and check tokens.
                None if ["system:auth-delegator", "extension-apiserver-authentication-reader"].contains(&name) => {
                    BTreeSet::new()
                }
                None => panic!("{}: no {role_kind} {name}", cluster.place),
            };
            for subject in binding["subjects"].as_array().into_iter().flatten() {
                let place = subject["namespace"].as_str().unwrap_or(home);
                let account = (place.to_owned(), text(subject, &["name"]).to_owned());
                found.entry(account).or_default().extend(granted.iter().map(|right| (*right, scope)));
            }
        }
    }
    found.retain(|_, rights| !rights.is_empty());
    found
}

/// The labels and accounts of all pods of a cluster. Those of an operator follow from its custom resources.
fn pods<'a>(all: &'a All, cluster: &'a Cluster) -> Vec<(&'a str, Json, Account)> {
    let pod = |home: &'a str, labels: &Json, spec: &Json| {
        let account = spec["serviceAccountName"].as_str().unwrap_or("default");
        (home, labels.clone(), (home.to_owned(), account.to_owned()))
    };
    all.objects(cluster)
        .filter_map(|(home, object)| match text(object, &["kind"]) {
            "Deployment" | "StatefulSet" | "DaemonSet" => {
                let template = &object["spec"]["template"];
                Some(pod(home, &template["metadata"]["labels"], &template["spec"]))
            }
            kind @ ("Prometheus" | "PrometheusAgent") => {
                let name = if kind == "Prometheus" { "prometheus" } else { "prometheus-agent" };
                let labels = serde_json::json!({
                    "app.kubernetes.io/name": name,
                    "operator.prometheus.io/name": object["metadata"]["name"],
                });
                Some(pod(home, &labels, &object["spec"]))
            }
            _ => None,
        })
        .collect()
}

/// The accounts of the pods behind all Ingresses of a cluster.
fn reached(all: &All, cluster: &Cluster) -> BTreeSet<Account> {
    let of_kind = |kind: &'static str| all.objects(cluster).filter(move |(_, object)| object["kind"] == kind);
    let pods = pods(all, cluster);
    let mut found = BTreeSet::new();
    for (home, ingress) in of_kind("Ingress") {
        let rules = ingress["spec"]["rules"].as_array().into_iter().flatten();
        for path in rules.flat_map(|rule| rule["http"]["paths"].as_array()).flatten() {
            let name = &path["backend"]["service"]["name"];
            // The Services of apps' charts are not available.
            for (_, service) in
                of_kind("Service").filter(|(place, other)| *place == home && other["metadata"]["name"] == *name)
            {
                let behind: Vec<_> = pods
                    .iter()
                    .filter(|(place, labels, _)| *place == home && selects(&service["spec"]["selector"], labels))
                    .collect();
                assert!(!behind.is_empty(), "{}: no pod behind {name}", cluster.place);
                found.extend(behind.into_iter().map(|(.., account)| account.clone()));
            }
        }
    }
    found
}

/// A flaw in a service that the Internet or the LAN reaches must not be one of the whole cluster.
#[test]
fn pods_behind_the_ingress_read_no_secrets_and_create_no_pods() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let powerful = powerful(all, cluster);
        let reached = reached(all, cluster);
        for account in &reached {
            assert_eq!(powerful.get(account), None, "{account:?} in {}", cluster.place);
        }
        seen.extend(reached);
    }
    for name in ["kube-prometheus-stack-grafana", "kube-prometheus-stack-prometheus", "loki", "jellyfin"] {
        assert!(seen.iter().any(|(_, account)| account == name || account == "default"), "{name}: {seen:?}");
    }
}

/// Each account with such rights is in the table, with the reason, and no right of the table is unused.
#[test]
fn accounts_with_power_over_the_cluster_are_known() {
    let Some(all) = &*ALL else { return };
    let mut found: BTreeMap<Account, BTreeSet<(Right, Scope)>> = BTreeMap::new();
    for cluster in &all.clusters {
        for (account, rights) in powerful(all, cluster) {
            found.entry(account).or_default().extend(rights);
        }
    }
    let known = ACCOUNTS.iter().map(|(namespace, name, rights, _)| {
        (((*namespace).to_owned(), (*name).to_owned()), rights.iter().copied().collect())
    });
    assert_eq!(found, known.collect());
    assert!(ACCOUNTS.iter().all(|(.., reason)| reason.ends_with('.')));
}
