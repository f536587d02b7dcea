//! The bootstrap of Flux: manifests that the servers of a cluster apply on their first boot.

use crate::engine::{Engine, FLUX_INSTANCE, FLUX_OPERATOR};
use crate::{Owner, Page};
use minijinja::context;
use model::contract::SIGNERS;
use model::{Cluster, Lab};

/// The names of the manifests, as the configuration of nodes refers to them.
pub(crate) const MANIFESTS: [&str; 2] = ["flux-instance", "flux-operator"];

/// The files of a cluster's bootstrap.
pub(crate) fn bootstrap(lab: &Lab, cluster: &Cluster, engine: &Engine<'_>) -> Result<Vec<Page>, String> {
    let operator = engine.page(FLUX_OPERATOR, context! { version => cluster.flux.operator.as_str() })?;
    let instance = engine.page(
        FLUX_INSTANCE,
        context! {
            version => cluster.flux.version.as_str(),
            url => lab.repository.url.as_str(),
            ref => format!("refs/heads/{}", lab.repository.branch),
            image_automation => cluster.flux.image_automation,
            path => format!("k8s/{}/flux", cluster.name),
            signers => cluster.flux.verifies_commits.then_some(SIGNERS),
            pull_secret => lab.repository.needs_key.then_some("flux-system"),
        },
    )?;
    let page = |name: &str, text| Page {
        path: format!("k8s/{}/bootstrap/{name}.yaml", cluster.name),
        text,
        owner: Owner::Bootstrap(cluster.name.clone()).into(),
        place: None,
        origin: None,
    };
    Ok(vec![page(MANIFESTS[0], instance), page(MANIFESTS[1], operator)])
}
