//! How the state of a cluster is read.

use super::service::Service;
use crate::{Command, Machine, Script};
use model::{Cluster, Node};
use serde_json::Value;
use spec::Role;

/// What is read, as the arguments of `kubectl get`. Kinds of custom resources have a group with a dot.
pub const KINDS: [&str; 22] = [
    "nodes",
    "pods",
    "services",
    "daemonsets.apps",
    "deployments.apps",
    "statefulsets.apps",
    "fluxinstances.fluxcd.controlplane.io",
    "resourcesets.fluxcd.controlplane.io",
    "gitrepositories.source.toolkit.fluxcd.io",
    "helmcharts.source.toolkit.fluxcd.io",
    "helmrepositories.source.toolkit.fluxcd.io",
    "ocirepositories.source.toolkit.fluxcd.io",
    "kustomizations.kustomize.toolkit.fluxcd.io",
    "helmreleases.helm.toolkit.fluxcd.io",
    "imageupdateautomations.image.toolkit.fluxcd.io",
    "clustersecretstores.external-secrets.io",
    "externalsecrets.external-secrets.io",
    "certificates.cert-manager.io",
    "clusterissuers.cert-manager.io",
    "backupstoragelocations.velero.io",
    "clusters.postgresql.cnpg.io",
    "databases.postgresql.cnpg.io",
];

/// How a cluster is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Through SSH, with `k3s kubectl` on the first of its servers that answers. The servers are in the order in which they
    /// are asked, the one that starts the cluster first.
    Servers(Vec<Machine>),
    /// With the `kubectl` of this machine.
    Kubectl {
        /// The kubeconfig file, if not the user's.
        kubeconfig: Option<String>,
        /// The context in it, if not the current one.
        context: Option<String>,
    },
}

/// A node as a machine.
pub fn machine(node: &Node) -> Machine {
    Machine { name: node.name.to_string(), address: node.address.to_string() }
}

impl Access {
    /// Access to a cluster through SSH.
    pub fn servers(cluster: &Cluster) -> Self {
        let (first, others): (Vec<_>, Vec<_>) = cluster
            .nodes
            .iter()
            .filter(|node| node.role == Role::Server)
            .partition(|node| !matches!(node.join, model::Join::Ask(_)));
        Self::Servers(first.into_iter().chain(others).map(machine).collect())
    }
}

/// The command that shows the state of a server and of its cluster. [`Reading::parse`] reads its output.
pub fn read_cluster(server: &Machine) -> Command {
    Command::script(server, Script::ShowCluster, KINDS).connecting_within(10)
}

/// The command that shows the state of k3s on a node. [`Service::parse`] reads its output.
pub fn read_node(node: &Machine) -> Command {
    Command::script(node, Script::ShowCluster, [""; 0]).connecting_within(10)
}

/// The command that lists the kinds of custom resources of a cluster, with the `kubectl` of this machine. [`known_kinds`]
/// reads its output.
pub fn list_kinds(kubeconfig: Option<&str>, context: Option<&str>) -> Command {
    let arguments = ["get", "customresourcedefinitions", "--output", "name", "--request-timeout", "15s"];
    kubectl(kubeconfig, context, &arguments)
}

/// The command that reads objects of some kinds, with the `kubectl` of this machine. [`objects`] reads its output.
pub fn read_objects(kubeconfig: Option<&str>, context: Option<&str>, kinds: &[&str]) -> Command {
    let kinds = kinds.join(",");
    let arguments = ["get", &kinds, "--all-namespaces", "--output", "json", "--request-timeout", "60s"];
    kubectl(kubeconfig, context, &arguments)
}

/// The command that reads warnings, with the `kubectl` of this machine. [`objects`] reads its output.
pub fn read_warnings(kubeconfig: Option<&str>, context: Option<&str>) -> Command {
    let which = ["--all-namespaces", "--field-selector", "type=Warning"];
    let how = ["--output", "json", "--request-timeout", "60s"];
    kubectl(kubeconfig, context, &[&["get", "events"], which.as_slice(), &how].concat())
}

fn kubectl(kubeconfig: Option<&str>, context: Option<&str>, arguments: &[&str]) -> Command {
    let kubeconfig = kubeconfig.map(|file| ["--kubeconfig", file]);
    let context = context.map(|context| ["--context", context]);
    let options = kubeconfig.into_iter().chain(context).flatten();
    Command::here(["kubectl"].into_iter().chain(options).chain(arguments.iter().copied()))
}

/// The kinds of [`KINDS`] that a cluster has, from the names of its custom resource definitions.
pub fn known_kinds(names: &str) -> Vec<&'static str> {
    let names: Vec<_> = names.lines().filter_map(|line| line.trim().split_once('/')).map(|(_, name)| name).collect();
    KINDS.into_iter().filter(|kind| kind.matches('.').count() < 2 || names.contains(kind)).collect()
}

/// The objects in a list of kubectl.
///
/// # Errors
/// If the text is not JSON.
pub fn objects(text: &str) -> Result<Vec<Value>, String> {
    let mut list: Value =
        serde_json::from_str(text).map_err(|error| format!("kubectl printed something unexpected: {error}"))?;
    match list.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) => Ok(items),
        _ => Ok(vec![list]),
    }
}

/// What a server shows of itself and of its cluster.
#[derive(Debug)]
pub struct Reading {
    /// The time, as seconds since 1970.
    pub now: i64,
    /// The state of k3s on the server, if it was asked.
    pub service: Option<Service>,
    /// The objects of the cluster; or why the API does not show them.
    pub objects: Result<Vec<Value>, String>,
    /// Its events of the type `Warning`. Some controllers say only there why something fails.
    pub warnings: Vec<Value>,
}

impl Reading {
    /// Reads the output of [`read_cluster`].
    ///
    /// # Errors
    /// If it is not such an output.
    pub fn parse(output: &str) -> Result<Self, String> {
        let parts = Parts(output);
        let now = parts.get("time").and_then(|text| text.trim().parse().ok());
        let now = now.ok_or_else(|| "show-cluster printed something unexpected".to_owned())?;
        let objects = match (parts.get("objects"), parts.get("silent")) {
            (Some(text), _) if !text.trim().is_empty() => self::objects(text),
            (_, Some(message)) => Err(message.trim().to_owned()),
            _ => Err("`k3s kubectl get` failed".to_owned()),
        };
        let warnings = parts.get("events").and_then(|text| self::objects(text).ok()).unwrap_or_default();
        Ok(Self { now, service: Some(Service::of(&parts)), objects, warnings })
    }
}

/// The parts of the output of the script `show-cluster`.
pub(super) struct Parts<'a>(pub(super) &'a str);

impl<'a> Parts<'a> {
    /// The text of a part.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let header = format!("@@ {name}\n");
        let start = match self.0.starts_with(&header) {
            true => header.len(),
            false => self.0.find(&format!("\n{header}"))? + 1 + header.len(),
        };
        let rest = &self.0[start..];
        let end = if rest.starts_with("@@ ") { Some(0) } else { rest.find("\n@@ ").map(|end| end + 1) };
        Some(end.map_or(rest, |end| &rest[..end]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_output_of_the_script() {
        let output = "@@ time\n1785568089\n@@ k3s\nactive\n@@ k3s log\n@@ secrets\nsuccess\n@@ secrets log\n@@ objects\n\
                      {\"kind\":\"List\",\"items\":[{\"kind\":\"Node\"}]}\n";
        let reading = Reading::parse(output).expect("it is complete");
        assert_eq!(reading.now, 1_785_568_089);
        assert_eq!(reading.objects.map(|objects| objects.len()), Ok(1));
        assert_eq!(reading.service.map(|service| service.state).as_deref(), Some("active"));
    }

    #[test]
    fn reports_an_api_that_does_not_answer() {
        let silent = "@@ time\n1\n@@ k3s\nactivating\n@@ k3s log\na\n@@ secrets\nsuccess\n@@ secrets log\n@@ silent\n\
                      The connection to the server 127.0.0.1:6443 was refused\n";
        let reading = Reading::parse(silent).expect("it is complete");
        assert_eq!(reading.objects, Err("The connection to the server 127.0.0.1:6443 was refused".to_owned()));
        assert!(Reading::parse("hello").is_err());
    }

    #[test]
    fn leaves_out_kinds_that_the_cluster_does_not_know() {
        let names = "customresourcedefinition.apiextensions.k8s.io/fluxinstances.fluxcd.controlplane.io\n";
        let kinds = known_kinds(names);
        assert_eq!(kinds.len(), 7);
        assert!(kinds.contains(&"deployments.apps") && kinds.contains(&"fluxinstances.fluxcd.controlplane.io"));
    }

    #[test]
    fn uses_the_kubeconfig_that_is_named() {
        let command = read_objects(Some("/tmp/a b"), Some("home"), &["nodes", "pods"]);
        let expected = "kubectl --kubeconfig '/tmp/a b' --context home get 'nodes,pods' --all-namespaces --output json --request-timeout 60s";
        assert_eq!(command.to_string(), expected);
    }
}
