//! Flux Kustomizations that a restore suspends, so that Flux does not interfere.

use super::kubectl;
use crate::{Command, Machine, Step};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The annotation of a Kustomization that a restore has suspended. Its value says for what.
const REASON: &str = "homelab/restores";

/// A Kustomization in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kustomization {
    /// Whether it is suspended.
    pub is_suspended: bool,
    /// For what a restore has suspended it.
    pub reason: Option<String>,
    /// The Kustomizations that it waits for.
    pub after: Vec<String>,
}

/// Reads Kustomizations from a list of objects.
pub(super) fn kustomizations(objects: &[Json]) -> BTreeMap<String, Kustomization> {
    let own = objects.iter().filter(|object| object["kind"] == "Kustomization");
    let read = |object: &Json| {
        let after = object["spec"]["dependsOn"].as_array().into_iter().flatten();
        let kustomization = Kustomization {
            is_suspended: object["spec"]["suspend"] == true,
            reason: object["metadata"]["annotations"][REASON].as_str().map(str::to_owned),
            after: after.filter_map(|other| other["name"].as_str()).map(str::to_owned).collect(),
        };
        Some((object["metadata"]["name"].as_str()?.to_owned(), kustomization))
    };
    own.filter_map(read).collect()
}

/// Suspends a Kustomization.
pub(super) fn suspend(server: &Machine, name: &str, reason: &str) -> Step {
    let patch = json!({ "metadata": { "annotations": { REASON: reason } }, "spec": { "suspend": true } });
    Step::new(format!("suspend the Kustomization {name}"), change(server, name, &patch))
}

/// Resumes a Kustomization: Flux applies it.
pub(super) fn resume(server: &Machine, name: &str) -> Step {
    let patch = json!({ "metadata": { "annotations": { REASON: null } }, "spec": { "suspend": false } });
    Step::new(format!("resume the Kustomization {name}"), change(server, name, &patch))
}

fn change(server: &Machine, name: &str, patch: &Json) -> Command {
    // Flux takes back what the field manager `kubectl` has set.
    let words = ["--namespace=flux-system", "patch", "kustomizations.kustomize.toolkit.fluxcd.io", name];
    let options = ["--type=merge", "--field-manager=homelab"];
    let patch = format!("--patch={patch}");
    kubectl(server, words.into_iter().chain(options).chain([patch.as_str()]))
}

/// Reads JSON documents that follow one another, and returns the objects in their lists. `None` if one is incomplete.
pub(super) fn objects(text: &str) -> Option<Vec<Json>> {
    let documents = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let mut found = Vec::new();
    for document in documents {
        match document.ok()? {
            Json::Object(mut list) => match list.get_mut("items").map(Json::take) {
                Some(Json::Array(items)) => found.extend(items),
                _ => found.push(Json::Object(list)),
            },
            other => found.push(other),
        }
    }
    Some(found)
}
