//! What a change means outside the clusters: names, zones, addresses, ports of the router, certificates and secrets.

use crate::certificates::{self, Certificate, ingresses};
use crate::changes::ObjectChange;
use crate::{Versions, cluster_of};
use std::collections::{BTreeMap, BTreeSet};
use yaml::{Limits, Node};

/// What a change means outside the clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// Host names.
    pub names: Vec<Moved>,
    /// DNS zones that move to another provider.
    pub zones: Vec<Moved>,
    /// Load-balancer addresses, by what they belong to.
    pub addresses: Vec<Moved>,
    /// Ports that the router forwards, each with where it forwards them.
    pub forwards: Vec<Moved>,
    /// Certificates that Let's Encrypt issues.
    pub certificates: Vec<Certificate>,
    /// Keys of the secret store that are read now, and were not before. They must exist before the push.
    pub new_secrets: Vec<String>,
    /// Keys of the secret store that nothing reads any more.
    pub unused_secrets: Vec<String>,
}

/// Something that appears, disappears or changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    /// What it is.
    pub what: String,
    /// Where it was; none if it is new.
    pub before: Option<String>,
    /// Where it is; none if it disappears.
    pub after: Option<String>,
}

impl Moved {
    /// Whether it neither appears nor disappears.
    fn is_elsewhere(&self) -> bool {
        self.before.is_some() && self.after.is_some()
    }
}

pub(crate) fn of(versions: &Versions<'_>, changes: &[&ObjectChange]) -> Outside {
    let (new_secrets, unused_secrets) = secrets(versions);
    Outside {
        names: moved(changes, hosts),
        zones: moved(changes, zones).into_iter().filter(Moved::is_elsewhere).collect(),
        addresses: moved(changes, addresses),
        forwards: forwards(versions),
        certificates: certificates::of(changes),
        new_secrets,
        unused_secrets,
    }
}

type Places = BTreeMap<String, String>;

/// Compares what changed objects have before and after.
fn moved(changes: &[&ObjectChange], of_object: fn(&Node, &ObjectChange, &mut Places)) -> Vec<Moved> {
    let (mut before, mut after) = (Places::new(), Places::new());
    for change in changes {
        for (object, places) in [(&change.before, &mut before), (&change.after, &mut after)] {
            if let Some(object) = object {
                of_object(object, change, places);
            }
        }
    }
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let moved = names.into_iter().map(|what| Moved {
        what: what.clone(),
        before: before.get(what).cloned(),
        after: after.get(what).cloned(),
    });
    moved.filter(|moved| moved.before != moved.after).collect()
}

/// The host names of an Ingress or of the Ingress in the values of a chart, with the cluster that serves them.
fn hosts(object: &Node, change: &ObjectChange, places: &mut Places) {
    let rules = if change.kind == "Ingress" { object.get("spec") } else { None };
    for rule in rules.and_then(|spec| spec.get("rules")).map_or(&[][..], Node::items) {
        if let Some(host) = rule.text_of("host") {
            places.insert(host.to_owned(), place(object, &change.cluster));
        }
    }
    if change.kind == "HelmRelease" {
        ingresses(object, &mut |ingress| {
            for host in ingress.get("hosts").map_or(&[][..], Node::items).iter().filter_map(Node::text) {
                places.insert(host.to_owned(), place(ingress, &change.cluster));
            }
        });
    }
}

/// The cluster that serves a name, and whether the public DNS has it.
fn place(object: &Node, cluster: &str) -> String {
    let annotations = object.at(&["metadata", "annotations"]).or_else(|| object.get("annotations"));
    let is_public = annotations.is_some_and(|all| all.get("external-dns.alpha.kubernetes.io/target").is_some());
    if is_public { format!("{cluster}, public") } else { cluster.to_owned() }
}

/// The DNS zones of an issuer, with the provider where it solves challenges.
fn zones(object: &Node, change: &ObjectChange, places: &mut Places) {
    let solvers = if change.kind == "ClusterIssuer" { object.at(&["spec", "acme", "solvers"]) } else { None };
    for solver in solvers.map_or(&[][..], Node::items) {
        let dns01 = solver.get("dns01").and_then(|dns01| dns01.entries().first());
        let provider = dns01.and_then(|(kind, settings)| settings.text_of("solverName").or_else(|| kind.text()));
        let names = solver.at(&["selector", "dnsZones"]).map_or(&[][..], Node::items);
        for zone in names.iter().filter_map(Node::text) {
            places.extend(provider.map(|provider| (zone.to_owned(), provider.to_owned())));
        }
    }
}

/// The load-balancer addresses that an object requests.
fn addresses(object: &Node, change: &ObjectChange, places: &mut Places) {
    if let Some(address) = requested(object) {
        places.insert(change.object.to_string(), address.to_owned());
    }
}

fn requested(node: &Node) -> Option<&str> {
    let own = node.text_of("metallb.io/loadBalancerIPs");
    let below = || node.entries().iter().map(|(_, value)| value).chain(node.items());
    own.or_else(|| below().find_map(requested))
}

/// The ports that the router forwards to the ingress of the cluster with public host names.
fn forwards(versions: &Versions<'_>) -> Vec<Moved> {
    let [before, after] = [&versions.before, &versions.after].map(public_ingress);
    let is_same = before == after;
    let moved = Moved { what: "TCP 80 and 443".to_owned(), before, after };
    if is_same { Vec::new() } else { vec![moved] }
}

/// The label of an Ingress that the Internet reaches.
const PUBLIC: &str = "homelab/exposure: public";

/// The address of the ingress of the cluster that has a public one, and the name of the cluster. Requests to a cluster
/// with a tunnel need no port of the router.
fn public_ingress(files: &BTreeMap<&str, &str>) -> Option<String> {
    let public = files.iter().filter(|(path, text)| cluster_of(path).is_some() && text.contains(PUBLIC));
    let has_tunnel =
        |cluster: &str| files.contains_key(format!("k8s/{cluster}/platform/cloudflared/deployment.yaml").as_str());
    let cluster = public.filter_map(|(path, _)| cluster_of(path)).find(|cluster| !has_tunnel(cluster))?;
    let release = files.get(format!("k8s/{cluster}/platform/ingress/helmrelease.yaml").as_str())?;
    let (documents, _) = yaml::documents(release, Limits::default());
    documents.iter().find_map(requested).map(|address| format!("{address}, the ingress of {cluster}"))
}

/// The keys of the secret store that only the new version reads, and those that only the old one reads. Most changes
/// change no ExternalSecret, and then none is parsed.
fn secrets(versions: &Versions<'_>) -> (Vec<String>, Vec<String>) {
    let is_secret = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with("externalsecret"));
    let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
    for file in versions.changes().into_iter().filter(|file| is_secret(file.path)) {
        file.before.into_iter().for_each(|text| keys(text, &mut before));
        file.after.into_iter().for_each(|text| keys(text, &mut after));
    }
    if before == after {
        return (Vec::new(), Vec::new());
    }
    let mut kept = BTreeSet::new();
    for (path, text) in versions.after.iter().filter(|(path, _)| is_secret(path)) {
        if versions.before.get(path) == Some(text) {
            keys(text, &mut kept);
        }
    }
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.iter().filter(|key| !other.contains(*key) && !kept.contains(*key)).cloned().collect()
    };
    (only(&after, &before), only(&before, &after))
}

/// Adds the keys of the secret store that the ExternalSecrets of a file read.
fn keys(text: &str, found: &mut BTreeSet<String>) {
    yaml::documents(text, Limits::default()).0.iter().for_each(|document| collect(document, found));
}

fn collect(node: &Node, keys: &mut BTreeSet<String>) {
    for (key, value) in node.entries() {
        if key.text() == Some("remoteRef") {
            let parts = [value.text_of("key"), value.text_of("property")];
            keys.insert(parts.into_iter().flatten().collect::<Vec<_>>().join(" "));
        } else {
            collect(value, keys);
        }
    }
    node.items().iter().for_each(|item| collect(item, keys));
}
