//! Namespaces have the labels by which others select them: those that the ingress controller watches, and those that may
//! read the secret store.

use crate::output::{Units, cases, chart, clusters};
use serde_json::Value as Json;
use std::collections::BTreeMap;

fn objects(units: &Units) -> impl Iterator<Item = &Json> {
    units.values().flat_map(|unit| &unit.objects)
}

/// Whether the ingress controller reads an object: an Ingress, or a chart that creates one.
fn is_routed(object: &Json) -> bool {
    let values = &object["spec"]["values"];
    let of_chart = !values["grafana"]["ingress"].is_null() || !values["ingress"].is_null();
    object["kind"] == "Ingress" || chart(object).is_some() && of_chart
}

/// The controller watches a namespace exactly if it has an Ingress, and may then read its Secrets. The access comes with
/// the label, in the same unit: otherwise the controller would wait for access to a namespace, and apply no changes of
/// others.
#[test]
fn the_ingress_controller_reads_secrets_only_where_it_has_an_ingress() {
    let mut seen = BTreeMap::from([(true, 0), (false, 0)]);
    for case in cases() {
        for (name, units) in clusters(case.tree()) {
            let charts: Vec<_> = objects(&units).filter_map(chart).collect();
            let is_limited = charts.contains(&"nginx-ingress");
            for unit in units.values() {
                for namespace in unit.objects.iter().filter(|object| object["kind"] == "Namespace") {
                    let home = &namespace["metadata"]["name"];
                    let place = format!("{home} in {name} of {}", case.name);
                    // A Policy of another namespace can name the Service of an identity provider.
                    let asks_here = |object: &Json| {
                        let service = object["spec"]["externalAuth"]["authServiceName"].as_str();
                        service.and_then(|service| service.split_once('/')).is_some_and(|(of, _)| home == of)
                    };
                    let has_route = objects(&units).any(|object| {
                        &object["metadata"]["namespace"] == home && is_routed(object) || asks_here(object)
                    });
                    // The controller's own namespace has the wildcard certificate.
                    let has_certificate = home == "ingress"
                        && objects(&units)
                            .any(|object| object["kind"] == "Certificate" && &object["metadata"]["namespace"] == home);
                    let label = &namespace["metadata"]["labels"]["homelab/ingress"];
                    assert_eq!(label == "true", has_route || has_certificate, "{place}");
                    let binds = |object: &&Json| {
                        object["kind"] == "RoleBinding"
                            && &object["metadata"]["namespace"] == home
                            && object["roleRef"]["name"] == "nginx-ingress-secrets"
                    };
                    assert_eq!(unit.objects.iter().filter(binds).count() == 1, has_route && is_limited, "{place}");
                    *seen.entry(has_route).or_default() += 1;
                }
            }
            let bindings = objects(&units).filter(|object| object["kind"] == "ClusterRoleBinding");
            for binding in bindings {
                assert_ne!(binding["roleRef"]["name"], "nginx-ingress-secrets", "{name} of {}", case.name);
            }
        }
    }
    assert!(seen.values().all(|count| *count > 10), "{seen:?}");
}

/// A pod that may create an ExternalSecret in some other namespace must not read the whole store with it.
#[test]
fn only_namespaces_with_external_secrets_can_read_the_store() {
    let mut seen = BTreeMap::from([(true, 0), (false, 0)]);
    for case in cases() {
        for (name, units) in clusters(case.tree()) {
            let store = objects(&units).find(|object| object["kind"] == "ClusterSecretStore");
            let Some(store) = store else { continue };
            let conditions = store["spec"]["conditions"].as_array().expect("it admits only some namespaces");
            let [condition] = &conditions[..] else { panic!("{conditions:?}") };
            let labels = condition["namespaceSelector"]["matchLabels"].as_object().expect("it selects by label");
            for namespace in objects(&units).filter(|object| object["kind"] == "Namespace") {
                let home = &namespace["metadata"]["name"];
                let reads = objects(&units)
                    .any(|object| object["kind"] == "ExternalSecret" && &object["metadata"]["namespace"] == home);
                let own = &namespace["metadata"]["labels"];
                let admitted = labels.iter().all(|(key, value)| &own[key] == value);
                assert_eq!(admitted, reads, "{home} in {name} of {}", case.name);
                *seen.entry(reads).or_default() += 1;
            }
        }
    }
    assert!(seen.values().all(|count| *count > 10), "{seen:?}");
}
