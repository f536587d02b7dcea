//! The nodes of a cluster.

use super::object::{Object, shortened};
use super::service::{Service, Services};
use model::{Cluster, Node};
use serde::Serialize;
use serde_json::Value;
use spec::Role;
use std::collections::BTreeMap;

/// A node as its cluster sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NodeView {
    /// Its name.
    pub name: String,
    /// Its role in the spec: `server` or `agent`. None if the spec does not have it.
    pub role: Option<&'static str>,
    /// Its address in the spec.
    pub address: Option<String>,
    /// Its state.
    pub state: NodeState,
    /// Why it is in that state, if it is not ready; and what to do, if that is known.
    pub message: Option<String>,
    /// What to do.
    pub remedy: Option<String>,
    /// The version of k3s that it runs.
    pub version: Option<String>,
    /// Whether its k3s is of another minor version than the spec.
    pub has_other_version: bool,
    /// Whether pods are kept off it (`kubectl cordon`).
    pub is_cordoned: bool,
}

/// The state of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NodeState {
    /// It runs pods.
    Ready,
    /// It is part of the cluster, but does not run pods, or lacks memory or disk.
    NotReady,
    /// It is not part of the cluster.
    Missing,
    /// It is part of the cluster, but not of the spec.
    NotInSpec,
}

impl NodeState {
    /// The state in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Missing => "missing",
            Self::NotInSpec => "not in the spec",
        }
    }
}

/// Conditions of a node that must be false.
const PRESSURES: [&str; 3] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

/// Whether a node is part of its cluster and runs pods, from the output of `kubectl get node NAME --output=json`.
///
/// # Errors
/// The reason, if it is not ready, or if the text is no such output.
pub fn node_is_ready(text: &str) -> Result<(), String> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| format!("kubectl printed something unexpected: {error}"))?;
    problem(Object(&value)).map_or(Ok(()), Err)
}

/// Why a node does not run pods, if it does not.
fn problem(node: Object<'_>) -> Option<String> {
    let Some(ready) = node.condition("Ready") else { return Some("it has not reported its state yet".to_owned()) };
    if ready.status != "True" {
        return Some(shortened(&format!("{}: {}", ready.reason, ready.message)));
    }
    let pressure =
        PRESSURES.iter().filter_map(|kind| node.condition(kind)).find(|condition| condition.status == "True");
    pressure.map(|pressure| shortened(&format!("{}: {}", pressure.reason, pressure.message)))
}

/// All nodes: those of the spec, then others. `services` is the state of k3s on those that were asked.
pub(super) fn nodes(cluster: &Cluster, objects: &[Value], services: &Services) -> Vec<NodeView> {
    let live: BTreeMap<_, _> =
        objects.iter().map(Object).filter(|object| object.kind() == "Node").map(|node| (node.name(), node)).collect();
    let minor = cluster.k3s_version.to_string();
    let known = cluster.nodes.iter().map(|node| {
        let found = live.get(node.name.as_str()).copied();
        view(node, found, services.get(node.name.as_str()), &minor)
    });
    let is_known = |name: &str| cluster.nodes.iter().any(|node| node.name.as_str() == name);
    let others = live.values().filter(|node| !is_known(node.name())).map(|node| NodeView {
        name: node.name().to_owned(),
        role: None,
        address: None,
        state: NodeState::NotInSpec,
        message: problem(*node),
        remedy: Some(format!("if it is gone for good: `kubectl delete node {}`", node.name())),
        version: version(*node),
        has_other_version: false,
        is_cordoned: is_cordoned(*node),
    });
    known.chain(others).collect()
}

fn view(node: &Node, live: Option<Object<'_>>, service: Option<&Result<Service, String>>, minor: &str) -> NodeView {
    let answer = service.and_then(|service| service.as_ref().ok());
    let stopped = answer.filter(|service| !service.is_active());
    let why = answer.and_then(Service::problem);
    let unreachable = service.and_then(|service| service.as_ref().err());
    let (state, message) = match live {
        Some(live) => match problem(live) {
            None => (NodeState::Ready, None),
            Some(message) => (NodeState::NotReady, Some(message)),
        },
        None => (NodeState::Missing, Some("it has not joined the cluster".to_owned())),
    };
    let (message, remedy) = match (state, why, stopped) {
        (NodeState::Ready, ..) => (message, None),
        (_, Some((text, remedy)), _) => (Some(text), remedy.map(str::to_owned)),
        (_, None, Some(service)) => (Some(format!("its k3s service is {}", service.state)), None),
        _ if unreachable.is_some() => (unreachable.cloned(), None),
        _ => (message, None),
    };
    let version = live.and_then(version);
    NodeView {
        name: node.name.to_string(),
        role: Some(match node.role {
            Role::Server => "server",
            Role::Agent => "agent",
        }),
        address: Some(node.address.to_string()),
        state,
        message,
        remedy,
        has_other_version: version.as_deref().is_some_and(|version| !is_of_minor(version, minor)),
        version,
        is_cordoned: live.is_some_and(is_cordoned),
    }
}

/// Whether `v1.35.6+k3s1` is of the minor version `1.35`.
fn is_of_minor(version: &str, minor: &str) -> bool {
    version.trim_start_matches('v').strip_prefix(minor).is_some_and(|rest| rest.starts_with('.'))
}

fn version(node: Object<'_>) -> Option<String> {
    let version = node.text(&["status", "nodeInfo", "kubeletVersion"]);
    (!version.is_empty()).then(|| version.to_owned())
}

fn is_cordoned(node: Object<'_>) -> bool {
    node.at(&["spec", "unschedulable"]).as_bool().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(conditions: &Value) -> String {
        serde_json::json!({ "kind": "Node", "metadata": { "name": "a" }, "status": { "conditions": conditions } })
            .to_string()
    }

    #[test]
    fn tells_ready_nodes_from_others() {
        let ready = serde_json::json!([{ "type": "Ready", "status": "True" }]);
        assert_eq!(node_is_ready(&node(&ready)), Ok(()));
        let gone = serde_json::json!([{ "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
            "message": "Kubelet stopped posting node status." }]);
        assert_eq!(
            node_is_ready(&node(&gone)),
            Err("NodeStatusUnknown: Kubelet stopped posting node status.".to_owned())
        );
        let full = serde_json::json!([{ "type": "Ready", "status": "True" },
            { "type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure", "message": "no room" }]);
        assert_eq!(node_is_ready(&node(&full)), Err("KubeletHasDiskPressure: no room".to_owned()));
        assert!(node_is_ready(&node(&serde_json::json!([]))).is_err());
        assert!(node_is_ready("No resources found").is_err());
    }

    #[test]
    fn compares_minor_versions() {
        assert!(is_of_minor("v1.35.6+k3s1", "1.35"));
        assert!(!is_of_minor("v1.35.6+k3s1", "1.3"));
    }
}
