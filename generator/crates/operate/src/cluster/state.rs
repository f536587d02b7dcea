//! The state of a single object: whether it is ready, and if not, whether that passes by itself.

use super::object::{Condition, Object, shortened};
use serde::Serialize;

/// How urgent a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Urgency {
    /// It does not go away by itself.
    Stuck,
    /// It has failed, and is retried.
    Failing,
    /// It takes its time.
    Progressing,
    /// It is worth knowing, and keeps nothing from being ready.
    Note,
}

/// Why an object is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) urgency: Urgency,
    /// A word for programs, which may be empty.
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) since: Option<i64>,
}

impl Trouble {
    fn new(urgency: Urgency, reason: &str, message: &str, since: Option<i64>) -> Self {
        Self { urgency, reason: reason.to_owned(), message: shortened(message), since }
    }

    /// The trouble with the text of a warning, which can show that it does not go away by itself.
    pub(super) fn explained(self, warning: &str) -> Self {
        let message = shortened(&if self.message.is_empty() {
            warning.to_owned()
        } else {
            format!("{}: {warning}", self.message)
        });
        let urgency = match self.urgency {
            Urgency::Failing | Urgency::Stuck => urgency(lasts(warning)),
            other => other,
        };
        Self { urgency, message, ..self }
    }

    pub(super) fn progressing(message: &str, since: Option<i64>) -> Self {
        Self::new(Urgency::Progressing, "", message, since)
    }
}

/// Texts of errors that only a person can fix: wrong credentials, missing things, invalid manifests.
const LASTING: &[&str] = &[
    "401",
    "403",
    "404",
    "access denied",
    "accessdenied",
    "bad credentials",
    "couldn't find key",
    "couldn't find remote ref",
    "does not exist",
    "forbidden",
    "host key",
    "immutable",
    "invalid client",
    "invalid credential",
    "invalid value",
    "invalidaccesskeyid",
    "key mismatch",
    "key is unknown",
    "manifest unknown",
    "no secret",
    "no such key",
    "not authorized",
    "not found",
    "not permitted",
    "permission denied",
    "reference not found",
    "signaturedoesnotmatch",
    "unable to authenticate",
    "unauthenticated",
    "unauthorized",
    "unknown field",
    "unsupported value",
    "violates podsecurity",
];

/// Texts of errors that pass: something else is not there yet. They outweigh those above.
const PASSING: &[&str] = &[
    "429",
    "connection refused",
    "connection reset",
    "context deadline exceeded",
    "failed calling webhook",
    "i/o timeout",
    "no endpoints available",
    "no such host",
    "object has been modified",
    "server misbehaving",
    "temporary failure in name resolution",
    "the server is currently unable",
    "timed out",
    "timeout",
    "toomanyrequests",
];

/// Whether the text of an error describes something that does not go away by itself.
pub(super) fn lasts(message: &str) -> bool {
    let message = message.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| contains(&message, text));
    !has(PASSING) && has(LASTING)
}

/// Whether a message contains a text. A number must not be part of a longer one, or of a hash.
fn contains(message: &str, text: &str) -> bool {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    message.match_indices(text).any(|(start, _)| {
        let before = message[..start].chars().next_back();
        let after = message[start + text.len()..].chars().next();
        !is_number || ![before, after].iter().flatten().any(|character| character.is_alphanumeric())
    })
}

fn urgency(is_lasting: bool) -> Urgency {
    if is_lasting { Urgency::Stuck } else { Urgency::Failing }
}

/// Why an object is not ready, if it is not. Objects of kinds without a known status are always ready.
pub(super) fn trouble(object: Object<'_>, now: i64) -> Option<Trouble> {
    match object.kind() {
        "Deployment" | "StatefulSet" | "DaemonSet" => workload(object),
        "Pod" => pod(object, now),
        "Service" => load_balancer(object, now),
        "Database" => database(object),
        "BackupStorageLocation" => backup_location(object),
        "Certificate" => certificate(object),
        "Cluster" => postgres(object),
        "HelmRepository" if object.text(&["spec", "type"]) == "oci" => None,
        "FluxInstance"
        | "ResourceSet"
        | "GitRepository"
        | "HelmChart"
        | "HelmRepository"
        | "OCIRepository"
        | "Kustomization"
        | "HelmRelease"
        | "ImageUpdateAutomation"
        | "ClusterSecretStore"
        | "ExternalSecret"
        | "ClusterIssuer" => conditions(object),
        _ => None,
    }
}

/// Reasons that say that a controller works on an object.
const WORKING: [&str; 4] = ["Progressing", "ProgressingWithRetry", "DependencyNotReady", "Pending"];

/// Reasons of Flux that mean that a person has to change something.
const LASTING_REASONS: [&str; 6] =
    ["AuthenticationFailed", "AccessDenied", "BuildFailed", "InvalidCELExpression", "URLInvalid", "VerificationError"];

/// Objects with a condition `Ready`, as Flux' and others' controllers write it.
fn conditions(object: Object<'_>) -> Option<Trouble> {
    let Some(ready) = object.condition("Ready") else {
        return Some(Trouble::progressing("its controller has not reported on it yet", object.created()));
    };
    let is_suspended = object.at(&["spec", "suspend"]).as_bool().unwrap_or_default();
    if ready.status == "True" {
        let is_waiting = !object.is_seen() && !is_suspended;
        return is_waiting.then(|| Trouble::progressing("its controller has not seen its last change yet", None));
    }
    if is_suspended {
        return Some(Trouble::new(
            Urgency::Stuck,
            "Suspended",
            &format!("it is suspended, and was not ready before: {}", ready.message),
            ready.since,
        ));
    }
    if object.condition("Stalled").is_some_and(|stalled| stalled.status == "True") {
        return Some(Trouble::new(Urgency::Stuck, ready.reason, ready.message, ready.since));
    }
    if ready.status == "Unknown" || WORKING.contains(&ready.reason) {
        return Some(Trouble::progressing(ready.message, ready.since));
    }
    Some(failed(ready))
}

fn failed(condition: Condition<'_>) -> Trouble {
    let is_lasting = LASTING_REASONS.contains(&condition.reason) || lasts(condition.message);
    Trouble::new(urgency(is_lasting), condition.reason, condition.message, condition.since)
}

/// A certificate of cert-manager is not ready until it is issued. A failed request is retried after an hour, then less often.
fn certificate(object: Object<'_>) -> Option<Trouble> {
    let ready = object.condition("Ready");
    if ready.is_some_and(|ready| ready.status == "True") {
        return None;
    }
    match object.condition("Issuing") {
        Some(issuing) if issuing.status == "False" && issuing.reason == "Failed" => {
            Some(Trouble::new(urgency(lasts(issuing.message)), issuing.reason, issuing.message, issuing.since))
        }
        _ => Some(Trouble::progressing("it is being issued", ready.and_then(|ready| ready.since))),
    }
}

/// A PostgreSQL cluster of CloudNativePG is not ready while it is made.
fn postgres(object: Object<'_>) -> Option<Trouble> {
    if object.group() != "postgresql.cnpg.io" || object.condition("Ready").is_some_and(|ready| ready.status == "True") {
        return None;
    }
    let phase = [object.text(&["status", "phase"]), object.text(&["status", "phaseReason"])].join(" ");
    let phase = if phase.trim().is_empty() { "its operator has not seen it yet" } else { phase.trim() };
    Some(Trouble::progressing(phase, object.condition("Ready").and_then(|ready| ready.since).or(object.created())))
}

fn database(object: Object<'_>) -> Option<Trouble> {
    match object.at(&["status", "applied"]).as_bool() {
        Some(true) => None,
        Some(false) => {
            let message = object.text(&["status", "message"]);
            Some(Trouble::new(urgency(lasts(message)), "", message, object.created()))
        }
        None => Some(Trouble::progressing("its operator has not created it yet", object.created())),
    }
}

fn backup_location(object: Object<'_>) -> Option<Trouble> {
    match object.text(&["status", "phase"]) {
        "Available" => None,
        "Unavailable" => {
            let message = object.text(&["status", "message"]);
            Some(Trouble::new(urgency(lasts(message)), "Unavailable", message, None))
        }
        _ => Some(Trouble::progressing("Velero has not checked it yet", object.created())),
    }
}

/// How long a Service of the type LoadBalancer may be without an address before that is an error.
const ADDRESS_LIMIT: i64 = 180;

fn load_balancer(object: Object<'_>, now: i64) -> Option<Trouble> {
    if object.text(&["spec", "type"]) != "LoadBalancer"
        || object.list(&["status", "loadBalancer", "ingress"]).count() > 0
    {
        return None;
    }
    let is_late = object.created().is_some_and(|created| now - created > ADDRESS_LIMIT);
    let urgency = if is_late { Urgency::Failing } else { Urgency::Progressing };
    Some(Trouble::new(urgency, "", "it has no load-balancer address", object.created()))
}

fn workload(object: Object<'_>) -> Option<Trouble> {
    if let Some(failure) = object.condition("ReplicaFailure").filter(|failure| failure.status == "True") {
        return Some(failed(failure));
    }
    let status = |field: &str| object.number(&["status", field]);
    let (ready, wanted) = match object.kind() {
        "DaemonSet" => (status("numberReady"), status("desiredNumberScheduled")),
        kind => {
            let wanted = object.at(&["spec", "replicas"]).as_i64().unwrap_or(1);
            let ready = if kind == "Deployment" { status("availableReplicas") } else { status("readyReplicas") };
            (ready.min(status("updatedReplicas")), wanted)
        }
    };
    if !object.is_seen() || object.at(&["status", "observedGeneration"]).is_null() {
        return Some(Trouble::progressing("its pods are not created yet", object.created()));
    }
    if ready >= wanted {
        return None;
    }
    let message = format!("{ready} of {wanted} pods are ready");
    match object.condition("Progressing") {
        Some(progress) if progress.status == "False" => {
            Some(Trouble::new(Urgency::Failing, progress.reason, &message, progress.since))
        }
        progress => Some(Trouble::progressing(&message, progress.and_then(|progress| progress.since))),
    }
}

/// How long the containers of a pod may take to be created, and a pod to be scheduled, before that is an error.
const START_LIMIT: i64 = 300;

/// The number of restarts after which a container that crashes will not recover by itself.
const MOST_RESTARTS: i64 = 5;

fn pod(object: Object<'_>, now: i64) -> Option<Trouble> {
    let phase = object.text(&["status", "phase"]);
    if phase == "Succeeded" || object.condition("Ready").is_some_and(|ready| ready.status == "True") {
        return None;
    }
    let age = |since: Option<i64>| since.map_or(0, |since| now - since);
    if let Some(scheduled) = object.condition("PodScheduled").filter(|scheduled| scheduled.status == "False") {
        let is_late = age(scheduled.since) > START_LIMIT / 2;
        let urgency = if is_late { Urgency::Stuck } else { Urgency::Progressing };
        return Some(Trouble::new(urgency, scheduled.reason, scheduled.message, scheduled.since));
    }
    let containers = ["initContainerStatuses", "containerStatuses"];
    let containers: Vec<_> = containers.iter().flat_map(|list| object.list(&["status", list])).collect();
    let found = containers.iter().filter_map(|status| container(*status, object.created()));
    if let Some(trouble) = found.min_by_key(|trouble| trouble.urgency) {
        return Some(trouble);
    }
    let is_starting = containers.iter().any(|status| {
        matches!(status.text(&["state", "waiting", "reason"]), "ContainerCreating" | "PodInitializing" | "")
            && !status.at(&["state", "waiting"]).is_null()
    });
    let since = object.condition("PodScheduled").and_then(|scheduled| scheduled.since).or(object.created());
    let (what, urgency) = match (is_starting || containers.is_empty(), age(since) > START_LIMIT) {
        (true, true) => ("its containers are not created", Urgency::Failing),
        (true, false) => ("its containers are being created", Urgency::Progressing),
        (false, true) => ("it runs, but its health check does not succeed", Urgency::Failing),
        (false, false) => ("it starts", Urgency::Progressing),
    };
    Some(Trouble::new(urgency, "", what, since))
}

/// Why a container does not run, if it waits or has ended.
fn container(status: Object<'_>, since: Option<i64>) -> Option<Trouble> {
    let name = status.text(&["name"]);
    let restarts = status.number(&["restartCount"]);
    let (reason, message) =
        (status.text(&["state", "waiting", "reason"]), status.text(&["state", "waiting", "message"]));
    match reason {
        "ErrImagePull" | "ImagePullBackOff" => {
            let text = if message.is_empty() { status.text(&["image"]) } else { message };
            Some(Trouble::new(urgency(lasts(text)), reason, &format!("container {name}: {text}"), since))
        }
        "InvalidImageName" | "ErrImageNeverPull" | "CreateContainerConfigError" => {
            Some(Trouble::new(Urgency::Stuck, reason, &format!("container {name}: {message}"), since))
        }
        "CreateContainerError" | "RunContainerError" => {
            Some(Trouble::new(Urgency::Failing, reason, &format!("container {name}: {message}"), since))
        }
        "CrashLoopBackOff" => {
            let ended = |field: &str| status.text(&["lastState", "terminated", field]);
            let code = status.number(&["lastState", "terminated", "exitCode"]);
            let why = [ended("reason"), ended("message")].join(" ");
            let text = format!("container {name} has ended {restarts} times, last with exit code {code} {why}");
            Some(Trouble::new(urgency(restarts >= MOST_RESTARTS), reason, &text, since))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_785_571_200; // 2026-08-01T08:00:00Z

    fn ready(status: &str, reason: &str, message: &str) -> Value {
        json!([{ "type": "Ready", "status": status, "reason": reason, "message": message }])
    }

    /// The urgency and the message of an object with some fields.
    fn found(kind: &str, fields: &Value) -> Option<(Urgency, String)> {
        let mut value = fields.clone();
        value["kind"] = json!(kind);
        trouble(Object(&value), NOW).map(|trouble| (trouble.urgency, trouble.message))
    }

    #[test]
    fn tells_errors_that_last_from_those_that_pass() {
        for (message, expected) in [
            ("ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey]", true),
            ("ssh: handshake failed: knownhosts: key mismatch", true),
            ("couldn't find remote ref \"refs/heads/main\"", true),
            ("[status-code=401] [message=\"Invalid credentials\"]", true),
            ("Deployment.apps \"a\" is invalid: spec.selector: Invalid value: field is immutable", true),
            ("dial tcp: lookup github.com on 10.43.0.10:53: no such host", false),
            ("Get \"https://10.43.0.1:443/api\": dial tcp 10.43.0.1:443: connect: connection refused", false),
            ("failed calling webhook \"webhook.cert-manager.io\": service \"cert-manager-webhook\" not found", false),
            ("toomanyrequests: You have reached your pull rate limit", false),
            ("unexpected status from HEAD request to https://registry.example.com: 429 Too Many Requests", false),
            ("sha256:4010403a404 is stored", false),
            ("something else", false),
        ] {
            assert_eq!(lasts(message), expected, "{message}");
        }
    }

    #[test]
    fn reads_conditions() {
        let kustomization =
            |conditions: Value| found("Kustomization", &json!({ "status": { "conditions": conditions } }));
        assert_eq!(kustomization(ready("True", "ReconciliationSucceeded", "")), None);
        assert_eq!(kustomization(json!([])).map(|found| found.0), Some(Urgency::Progressing));
        for (reason, message, expected) in [
            ("Progressing", "Reconciliation in progress", Urgency::Progressing),
            ("DependencyNotReady", "dependency 'flux-system/a' is not ready", Urgency::Progressing),
            ("HealthCheckFailed", "timeout waiting for: [HelmRelease/a/a status: 'InProgress']", Urgency::Failing),
            (
                "ReconciliationFailed",
                "Service/a/a dry-run failed (Invalid): spec.clusterIP: Invalid value",
                Urgency::Stuck,
            ),
            ("BuildFailed", "accumulating resources: no such file", Urgency::Stuck),
        ] {
            assert_eq!(kustomization(ready("False", reason, message)), Some((expected, message.to_owned())));
        }
        let stalled = json!([{ "type": "Stalled", "status": "True" }, ready("False", "InstallFailed", "timed out")[0]]);
        assert_eq!(kustomization(stalled), Some((Urgency::Stuck, "timed out".to_owned())));
        let old = json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": 1, "conditions": ready("True", "", "") } });
        assert_eq!(found("HelmRelease", &old).map(|found| found.0), Some(Urgency::Progressing));
        assert_eq!(found("HelmRepository", &json!({ "spec": { "type": "oci" } })), None);
        assert_eq!(found("ConfigMap", &json!({})), None);
    }

    #[test]
    fn reads_the_states_of_operators() {
        let issuing = |status: &str, reason: &str| {
            let issuing =
                json!({ "type": "Issuing", "status": status, "reason": reason, "message": "order is invalid" });
            found(
                "Certificate",
                &json!({ "status": { "conditions": [ready("False", "DoesNotExist", "")[0], issuing] } }),
            )
        };
        assert_eq!(issuing("True", "DoesNotExist").map(|found| found.0), Some(Urgency::Progressing));
        assert_eq!(issuing("False", "Failed"), Some((Urgency::Failing, "order is invalid".to_owned())));
        let postgres = json!({ "apiVersion": "postgresql.cnpg.io/v1",
            "status": { "phase": "Setting up primary", "conditions": ready("False", "ClusterIsNotReady", "") } });
        assert_eq!(found("Cluster", &postgres), Some((Urgency::Progressing, "Setting up primary".to_owned())));
        assert_eq!(found("Database", &json!({ "status": { "applied": true } })), None);
        let refused = json!({ "status": { "applied": false, "message": "role \"a\" does not exist" } });
        assert_eq!(found("Database", &refused).map(|found| found.0), Some(Urgency::Stuck));
        let location = json!({ "status": { "phase": "Unavailable", "message": "InvalidAccessKeyId: no such key" } });
        assert_eq!(found("BackupStorageLocation", &location).map(|found| found.0), Some(Urgency::Stuck));
    }

    #[test]
    fn counts_the_pods_of_workloads() {
        let deployment = |status: Value| found("Deployment", &json!({ "spec": { "replicas": 2 }, "status": status }));
        assert_eq!(deployment(json!({ "observedGeneration": 1, "availableReplicas": 2, "updatedReplicas": 2 })), None);
        let old = deployment(json!({ "observedGeneration": 1, "availableReplicas": 2, "updatedReplicas": 1 }));
        assert_eq!(old, Some((Urgency::Progressing, "1 of 2 pods are ready".to_owned())));
        let refused = json!({ "observedGeneration": 1, "conditions": [{ "type": "ReplicaFailure", "status": "True",
            "reason": "FailedCreate", "message": "pods \"a\" is forbidden: violates PodSecurity \"restricted:latest\"" }] });
        assert_eq!(deployment(refused).map(|found| found.0), Some(Urgency::Stuck));
        let daemons = json!({ "status": { "observedGeneration": 1, "numberReady": 0, "desiredNumberScheduled": 0 } });
        assert_eq!(found("DaemonSet", &daemons), None);
    }

    #[test]
    fn reads_why_pods_do_not_run() {
        let container = |state: Value| {
            let scheduled =
                json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-08-01T07:58:00Z" });
            let mut status = json!({ "name": "main", "restartCount": 7, "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } } });
            status["state"] = state;
            let conditions = json!([scheduled, ready("False", "", "")[0]]);
            found(
                "Pod",
                &json!({ "status": { "phase": "Pending", "conditions": conditions, "containerStatuses": [status] } }),
            )
        };
        let waits =
            |reason: &str, message: &str| container(json!({ "waiting": { "reason": reason, "message": message } }));
        for (reason, message, expected) in [
            ("ImagePullBackOff", "not found", Urgency::Stuck),
            ("ImagePullBackOff", "toomanyrequests", Urgency::Failing),
            ("CreateContainerConfigError", "secret \"a\" not found", Urgency::Stuck),
            ("CrashLoopBackOff", "", Urgency::Stuck),
            ("ContainerCreating", "", Urgency::Progressing),
        ] {
            assert_eq!(waits(reason, message).map(|found| found.0), Some(expected), "{reason} {message}");
        }
        assert_eq!(
            waits("CrashLoopBackOff", ""),
            Some((Urgency::Stuck, "container main has ended 7 times, last with exit code 1 Error".to_owned()))
        );
        assert_eq!(container(json!({ "running": {} })), Some((Urgency::Progressing, "it starts".to_owned())));
        let unscheduled = json!({ "status": { "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/2 nodes are available: 2 Insufficient memory.",
            "lastTransitionTime": "2026-08-01T07:00:00Z" }] } });
        assert_eq!(found("Pod", &unscheduled).map(|found| found.0), Some(Urgency::Stuck));
        assert_eq!(found("Pod", &json!({ "status": { "phase": "Succeeded" } })), None);
    }
}
