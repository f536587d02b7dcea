//! What a cluster says of its nodes and of the volumes on their disks.

use crate::{Command, Machine};
use serde_json::Value;

/// The annotation of a node that this program cordoned, so that a later run makes it schedulable again.
pub(super) const MARK: &str = "homelab/restart";

/// The members of a cluster.
#[derive(Debug, Default)]
pub struct Members {
    nodes: Vec<Member>,
    volumes: Vec<Volume>,
}

/// A node, as its cluster knows it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) is_ready: bool,
    /// Whether pods are kept off it.
    pub(super) is_cordoned: bool,
    /// Whether this program cordoned it.
    pub(super) is_marked: bool,
    pub(super) is_server: bool,
}

/// A PersistentVolume that is on the disk of one node.
#[derive(Debug)]
struct Volume {
    node: String,
    /// The claim, as NAMESPACE/NAME, or the name of the volume.
    claim: String,
}

impl Members {
    /// The command that shows the members, on one of the servers.
    pub fn ask(server: &Machine) -> Command {
        let command = Command::on(server, ["k3s", "kubectl", "get", "nodes,persistentvolumes", "--output=json"]);
        command.connecting_within(10)
    }

    /// Parses what the command printed.
    ///
    /// # Errors
    /// If it is no list.
    pub fn parse(text: &str) -> Result<Self, String> {
        let list: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let items = list.get("items").and_then(Value::as_array).ok_or("expected a list")?;
        let kind = |item: &&Value, kind: &str| item.get("kind").and_then(Value::as_str) == Some(kind);
        let nodes = items.iter().filter(|item| kind(item, "Node")).filter_map(member).collect();
        let volumes = items.iter().filter(|item| kind(item, "PersistentVolume")).filter_map(volume).collect();
        Ok(Self { nodes, volumes })
    }

    pub(super) fn get(&self, node: &str) -> Option<&Member> {
        self.nodes.iter().find(|member| member.name == node)
    }

    /// The servers other than a node, and how many of them are ready.
    pub(super) fn other_servers(&self, node: &str) -> (usize, usize) {
        let others: Vec<_> = self.nodes.iter().filter(|member| member.is_server && member.name != node).collect();
        (others.len(), others.iter().filter(|member| member.is_ready).count())
    }

    /// The claims whose data is on the disk of a node.
    pub(super) fn claims_on(&self, node: &str) -> Vec<&str> {
        let mut claims: Vec<_> =
            self.volumes.iter().filter(|volume| volume.node == node).map(|volume| volume.claim.as_str()).collect();
        claims.sort_unstable();
        claims
    }
}

fn member(item: &Value) -> Option<Member> {
    let metadata = item.get("metadata")?;
    let conditions = item.pointer("/status/conditions").and_then(Value::as_array);
    let is_ready = |condition: &Value| {
        let field = |name: &str| condition.get(name).and_then(Value::as_str);
        (field("type"), field("status")) == (Some("Ready"), Some("True"))
    };
    let has = |map: &str, key: &str| metadata.get(map).is_some_and(|map| map.get(key).is_some());
    Some(Member {
        name: metadata.get("name")?.as_str()?.to_owned(),
        is_ready: conditions.is_some_and(|conditions| conditions.iter().any(is_ready)),
        is_cordoned: item.pointer("/spec/unschedulable").and_then(Value::as_bool).unwrap_or_default(),
        is_marked: has("annotations", MARK),
        is_server: has("labels", "node-role.kubernetes.io/control-plane"),
    })
}

/// A volume whose affinity names exactly one node: those of the local path provisioner.
fn volume(item: &Value) -> Option<Volume> {
    let terms = item.pointer("/spec/nodeAffinity/required/nodeSelectorTerms")?.as_array()?;
    let expressions = terms.iter().filter_map(|term| term.get("matchExpressions")?.as_array()).flatten();
    let mut nodes = expressions
        .filter(|expression| expression.get("key").and_then(Value::as_str) == Some("kubernetes.io/hostname"))
        .filter_map(|expression| expression.get("values")?.as_array())
        .flatten()
        .filter_map(Value::as_str);
    let (node, others) = (nodes.next()?, nodes.next());
    if others.is_some() {
        return None;
    }
    let claim = item.pointer("/spec/claimRef").and_then(|claim| {
        let field = |name: &str| claim.get(name).and_then(Value::as_str);
        Some(format!("{}/{}", field("namespace")?, field("name")?))
    });
    let name = item.pointer("/metadata/name").and_then(Value::as_str);
    Some(Volume { node: node.to_owned(), claim: claim.or_else(|| name.map(str::to_owned))? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_nodes_and_local_volumes() {
        let affinity = |node: &str| {
            json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                { "key": "kubernetes.io/hostname", "operator": "In", "values": [node] }] }] } })
        };
        let list = json!({ "kind": "List", "items": [
            { "kind": "Node", "metadata": { "name": "one", "labels": { "node-role.kubernetes.io/control-plane": "true" } },
              "status": { "conditions": [{ "type": "MemoryPressure", "status": "False" }, { "type": "Ready", "status": "True" }] } },
            { "kind": "Node", "metadata": { "name": "two", "annotations": { MARK: "now" } }, "spec": { "unschedulable": true } },
            { "kind": "PersistentVolume", "metadata": { "name": "pvc-1" }, "spec": {
                "claimRef": { "namespace": "memos", "name": "memos-data" }, "nodeAffinity": affinity("two") } },
            { "kind": "PersistentVolume", "metadata": { "name": "nfs" }, "spec": { "nfs": {} } },
        ] });
        let members = Members::parse(&list.to_string()).expect("it is valid");
        let two = members.get("two").expect("it is a member");
        assert!(two.is_marked && two.is_cordoned && !two.is_ready && !two.is_server);
        assert_eq!(members.other_servers("two"), (1, 1));
        assert_eq!(members.claims_on("two"), ["memos/memos-data"]);
        assert_eq!(members.claims_on("one"), [""; 0]);
        assert!(Members::parse("refused").is_err());
    }
}
