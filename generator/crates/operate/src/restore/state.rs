//! The state of nodes, and how it is read.

use crate::{Command, Machine, time};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// What a node is asked. Each line of the answer is a word and its value. Tokens are compared by their hashes, so that
/// none leaves its node.
const LOOK: &str = r#"data=/var/lib/rancher/k3s
echo "now $(date +%s)"
k3s=$(systemctl is-active k3s.service)
echo "k3s $k3s"
if [ -e $data/server/db/state.db ] || [ -d $data/server/db/etcd/member ]; then echo datastore; fi
if [ -e $data/restore/unfinished ]; then echo "interrupted $(cat $data/restore/unfinished)"; fi
if [ -e $data/restore-awaited ]; then echo awaits; fi
if [ -e $data/restored ]; then echo "restored $(stat --format=%Y $data/restored) $(cat $data/restored)"; fi
if [ -e /etc/rancher/node/password ]; then echo "password $(stat --format=%Y /etc/rancher/node/password)"; fi
if [ "$k3s" = active ] && [ -e $data/server ] && k3s kubectl get --raw /readyz >/dev/null 2>&1; then echo api; fi
if cd /var/lib/homelab/secrets 2>/dev/null; then
  find . -type f -size +0 | while read -r file; do
    case $file in
      ./k3s-*) echo "file $file $(tr -d '[:space:]' <"$file" | sha256sum | cut -c 1-64)" ;;
      *) echo "file $file" ;;
    esac
  done
fi
"#;

/// The command that reads the state of a node, and changes nothing.
pub fn look(machine: &Machine) -> Command {
    Command::shell(machine, LOOK).connecting_within(10)
}

/// The state of a node that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Its time.
    pub now: time::Seconds,
    /// The state of `k3s.service`, such as `active`.
    pub k3s: String,
    /// Whether it has the datastore of a cluster.
    pub has_datastore: bool,
    /// The snapshot whose restore was interrupted.
    pub interrupted: Option<String>,
    /// Whether k3s waits for a restore.
    pub awaits: bool,
    /// The last snapshot that was restored, and when.
    pub restored: Option<(time::Seconds, String)>,
    /// When the password was created that it identifies itself with.
    pub password: Option<time::Seconds>,
    /// Whether it serves the Kubernetes API.
    pub has_api: bool,
    /// The files in the folder of secrets. Tokens have a hash.
    pub files: BTreeMap<String, Option<String>>,
}

impl NodeState {
    /// Reads the answer to [`look`].
    pub fn parse(text: &str) -> Self {
        let mut state = Self::default();
        for line in text.lines() {
            let (word, value) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "now" => state.now = value.parse().unwrap_or_default(),
                "k3s" => value.clone_into(&mut state.k3s),
                "datastore" => state.has_datastore = true,
                "interrupted" => state.interrupted = Some(value.to_owned()),
                "awaits" => state.awaits = true,
                "restored" => {
                    let (at, snapshot) = value.split_once(' ').unwrap_or((value, ""));
                    state.restored = at.parse().ok().map(|at| (at, snapshot.to_owned()));
                }
                "password" => state.password = value.parse().ok(),
                "api" => state.has_api = true,
                "file" => {
                    let (name, hash) = value.split_once(' ').map_or((value, None), |(name, hash)| (name, Some(hash)));
                    let name = name.strip_prefix("./").unwrap_or(name).to_owned();
                    state.files.insert(name, hash.map(str::to_owned));
                }
                _ => {}
            }
        }
        state
    }

    /// Whether it has a secret.
    pub fn has(&self, file: &str) -> bool {
        self.files.contains_key(file)
    }

    /// The hash of a token.
    pub(super) fn token(&self, file: &str) -> Option<&str> {
        self.files.get(file)?.as_deref()
    }

    /// Whether its password was created after its Node object, so that the cluster knows another one and rejects it.
    pub(super) fn is_newer_than(&self, registered: &Registered) -> bool {
        self.password.is_none_or(|password| password > registered.created)
    }
}

/// A Node object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// When it was created.
    pub created: time::Seconds,
    /// Whether its kubelet reports that it is ready.
    pub is_ready: bool,
}

/// What a cluster says of its nodes.
#[derive(Debug, Clone, Default)]
pub struct ClusterState {
    /// Its Node objects, by name.
    pub nodes: BTreeMap<String, Registered>,
    /// The claims whose files are on the disk of a node, by that node, as `NAMESPACE/NAME`.
    pub local_claims: BTreeMap<String, BTreeSet<String>>,
}

/// The command that reads the state of a cluster from one of its servers.
pub fn look_at_cluster(server: &Machine) -> Command {
    Command::on(server, ["k3s", "kubectl", "get", "nodes,persistentvolumes", "--output=json"]).connecting_within(10)
}

impl ClusterState {
    /// Reads the answer to [`look_at_cluster`]. `None` if it is not JSON.
    pub fn parse(text: &str) -> Option<Self> {
        let list: Json = serde_json::from_str(text).ok()?;
        let mut state = Self::default();
        for object in list["items"].as_array()? {
            let name = object["metadata"]["name"].as_str()?.to_owned();
            if object["kind"] == "Node" {
                let created = object["metadata"]["creationTimestamp"].as_str().and_then(time::seconds)?;
                let conditions = object["status"]["conditions"].as_array().into_iter().flatten();
                let is_ready = conditions.filter(|one| one["type"] == "Ready").any(|one| one["status"] == "True");
                state.nodes.insert(name, Registered { created, is_ready });
            } else if let Some((node, claim)) = local_claim(object) {
                state.local_claims.entry(node).or_default().insert(claim);
            }
        }
        Some(state)
    }
}

/// The node that a volume is bound to, and its claim.
fn local_claim(volume: &Json) -> Option<(String, String)> {
    let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
    let expression = &terms[0]["matchExpressions"][0];
    let node = (expression["key"] == "kubernetes.io/hostname").then(|| expression["values"][0].as_str())??;
    let claim = &volume["spec"]["claimRef"];
    Some((node.to_owned(), format!("{}/{}", claim["namespace"].as_str()?, claim["name"].as_str()?)))
}

/// A snapshot in the repository of the backups of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its short ID.
    pub id: String,
    /// The server that it is of.
    pub node: String,
    /// When it was made.
    pub at: time::Seconds,
}

/// The command that lists the snapshots, on a server that can read the repository.
pub fn list_snapshots(server: &Machine) -> Command {
    Command::on(server, ["homelab-restore-server", "--json"])
}

/// Reads the output of [`list_snapshots`], which is that of `restic snapshots --json`. The newest one is the last.
/// `None` if it is something else.
pub fn snapshots(text: &str) -> Option<Vec<Snapshot>> {
    #[derive(Deserialize)]
    struct Listed {
        short_id: String,
        hostname: String,
        time: String,
    }
    let listed: Vec<Listed> = serde_json::from_str(text).ok()?;
    let read = |one: Listed| Some(Snapshot { id: one.short_id, node: one.hostname, at: time::seconds(&one.time)? });
    let mut snapshots: Vec<_> = listed.into_iter().map(read).collect::<Option<_>>()?;
    snapshots.sort_by_key(|snapshot| snapshot.at);
    Some(snapshots)
}
