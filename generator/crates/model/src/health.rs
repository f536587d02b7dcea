//! How Flux determines that objects are ready, for kinds that it cannot judge by itself.
//!
//! An object without a status counts as ready, and that is what a custom resource is until its operator has seen it.
//! Flux judges correctly only the kinds of Kubernetes with a status, and its own, which have a status from the start.

use crate::object::{Content, Manifest};

/// CEL expressions that determine whether objects of a kind are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct HealthExpression {
    /// The API version, with group.
    pub api_version: &'static str,
    /// The kind.
    pub kind: &'static str,
    /// Is true once an object is ready.
    pub current: &'static str,
    /// Is true once an object has failed for good, if it ever does.
    pub failed: Option<&'static str>,
}

impl HealthExpression {
    /// An expression without a state of failure: most operators retry until they succeed.
    const fn new(api_version: &'static str, kind: &'static str, current: &'static str) -> Self {
        Self { api_version, kind, current, failed: None }
    }

    /// Whether a file has an object of the kind.
    fn fits(&self, manifest: &Manifest) -> bool {
        let mut objects = manifest.objects.iter();
        match &manifest.content {
            // Other projects have the same kinds in other groups.
            Content::Copy(copied) => objects
                .zip(&copied.api_versions)
                .any(|(object, api_version)| object.kind.as_str() == self.kind && group(api_version) == self.group()),
            _ => objects.any(|object| object.kind.as_str() == self.kind),
        }
    }

    fn group(&self) -> &'static str {
        group(self.api_version)
    }
}

/// The group of an API version. Flux compares only the group, too.
fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

const READY: &str = "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'True')";
const AVAILABLE: &str =
    "has(status.conditions) && status.conditions.exists(e, e.type == 'Available' && e.status == 'True')";

/// The conditions of cert-manager name the generation of the object that they describe.
const READY_NOW: &str = "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'True' \
                         && (!has(e.observedGeneration) || e.observedGeneration == metadata.generation))";
const FAILED_NOW: &str = "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'False' \
                          && (!has(e.observedGeneration) || e.observedGeneration == metadata.generation))";

/// `syncedResourceVersion` is `GENERATION-HASH`: the Secret has what the ExternalSecret says now. With the policy
/// `CreatedOnce`, External Secrets never updates it.
const SYNCED: &str = "has(status.conditions) && status.conditions.exists(e, e.type == 'Ready' && e.status == 'True') \
                      && (has(spec.refreshPolicy) && spec.refreshPolicy == 'CreatedOnce' \
                      || has(status.syncedResourceVersion) \
                      && status.syncedResourceVersion.startsWith(string(metadata.generation) + '-'))";

const APPLIED: &str = "has(status.applied) && status.applied";
const VALID: &str = "has(status.state) && status.state in ['Valid', 'Warning']";

/// The kinds whose status an operator writes, sorted. Kinds that only configure something, such as ScheduledBackup,
/// IPAddressPool and ServiceMonitor, have no status that shows whether they are ready.
const EXPRESSIONS: &[HealthExpression] = &[
    HealthExpression::new("cert-manager.io/v1", "Certificate", READY_NOW),
    HealthExpression {
        failed: Some(FAILED_NOW),
        ..HealthExpression::new("cert-manager.io/v1", "ClusterIssuer", READY_NOW)
    },
    HealthExpression { failed: Some(FAILED_NOW), ..HealthExpression::new("cert-manager.io/v1", "Issuer", READY_NOW) },
    HealthExpression::new("external-secrets.io/v1", "ClusterExternalSecret", READY),
    HealthExpression::new("external-secrets.io/v1", "ClusterSecretStore", READY),
    HealthExpression::new("external-secrets.io/v1", "ExternalSecret", SYNCED),
    HealthExpression::new("external-secrets.io/v1", "SecretStore", READY),
    HealthExpression::new("external-secrets.io/v1alpha1", "ClusterPushSecret", READY),
    HealthExpression::new("external-secrets.io/v1alpha1", "PushSecret", READY),
    HealthExpression::new("fluxcd.controlplane.io/v1", "FluxInstance", READY),
    HealthExpression::new("fluxcd.controlplane.io/v1", "ResourceSet", READY),
    HealthExpression::new("fluxcd.controlplane.io/v1", "ResourceSetInputProvider", READY),
    HealthExpression::new("k8s.nginx.org/v1", "Policy", VALID),
    HealthExpression::new("k8s.nginx.org/v1", "TransportServer", VALID),
    HealthExpression::new("k8s.nginx.org/v1", "VirtualServer", VALID),
    HealthExpression::new("k8s.nginx.org/v1", "VirtualServerRoute", VALID),
    HealthExpression::new("monitoring.coreos.com/v1", "Alertmanager", AVAILABLE),
    HealthExpression::new("monitoring.coreos.com/v1", "Prometheus", AVAILABLE),
    HealthExpression::new("monitoring.coreos.com/v1", "ThanosRuler", AVAILABLE),
    HealthExpression::new("monitoring.coreos.com/v1alpha1", "PrometheusAgent", AVAILABLE),
    HealthExpression::new("postgresql.cnpg.io/v1", "Cluster", READY),
    HealthExpression::new("postgresql.cnpg.io/v1", "Database", APPLIED),
    HealthExpression::new("postgresql.cnpg.io/v1", "DatabaseRole", APPLIED),
    HealthExpression::new("postgresql.cnpg.io/v1", "Pooler", "has(status.phase) && status.phase == 'active'"),
    HealthExpression::new("postgresql.cnpg.io/v1", "Publication", APPLIED),
    HealthExpression::new("postgresql.cnpg.io/v1", "Subscription", APPLIED),
    HealthExpression::new("source.extensions.fluxcd.io/v1beta1", "ArtifactGenerator", READY),
    HealthExpression::new("source.toolkit.fluxcd.io/v1", "ExternalArtifact", READY),
    HealthExpression::new("velero.io/v1", "BackupStorageLocation", "has(status.phase) && status.phase == 'Available'"),
    HealthExpression::new("velero.io/v1", "Schedule", "has(status.phase) && status.phase == 'Enabled'"),
];

/// Returns the expressions for the kinds of objects in files.
pub(crate) fn expressions(manifests: &[Manifest]) -> Vec<HealthExpression> {
    let is_used = |expression: &&HealthExpression| manifests.iter().any(|manifest| expression.fits(manifest));
    EXPRESSIONS.iter().filter(is_used).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Copied, ObjectId};
    use diagnostic::Span;

    fn file(api_version: &str, kind: &'static str) -> Manifest {
        let copied = Copied {
            path: "spec/file.yaml".parse().expect("it is a path"),
            span: Span::default(),
            text: String::new(),
            api_versions: vec![api_version.to_owned()],
        };
        Manifest {
            file: "extra-file.yaml".into(),
            objects: vec![ObjectId::new(kind, "one")],
            containers: None,
            place: None,
            content: Content::Copy(Box::new(copied)),
        }
    }

    #[test]
    fn the_table_is_sorted_and_has_each_kind_once() {
        let kinds: Vec<_> = EXPRESSIONS.iter().map(|expression| (expression.api_version, expression.kind)).collect();
        assert!(kinds.is_sorted_by(|one, next| one < next), "{kinds:?}");
        // Objects of the generator are found by kind alone.
        let mut names: Vec<_> = EXPRESSIONS.iter().map(|expression| expression.kind).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    }

    #[test]
    fn files_of_the_user_match_by_group_and_kind() {
        let kinds = |manifest| -> Vec<_> { expressions(&[manifest]).iter().map(|found| found.kind).collect() };
        assert_eq!(kinds(file("cert-manager.io/v1alpha2", "Certificate")), ["Certificate"]);
        assert_eq!(kinds(file("cluster.x-k8s.io/v1beta1", "Cluster")), [""; 0]);
        assert_eq!(kinds(file("v1", "Secret")), [""; 0]);
    }
}
