//! The alerting rules for Flux, the Kubernetes API, hosts, network storage and the ways into and out of the lab, and the
//! dashboards for devices.

use super::exporters::{proxmox, snmp};
use super::probes::SEEN_ADDRESS;
use crate::component::{AlertingRules, Context, Dashboard};
use crate::deadline;
use model::Template;
use serde_json::{Value, json};
use spec::platform::Monitoring;
use spec::{HostMetrics, Public, Role, Spec};

const FLUX: Template = Template { name: "monitoring/rules.yaml", source: include_str!("rules.yaml.j2") };
const KUBERNETES: Template =
    Template { name: "monitoring/kubernetes-rules.yaml", source: include_str!("kubernetes-rules.yaml.j2") };
const HOSTS: Template = Template { name: "monitoring/hosts-rules.yaml", source: include_str!("hosts-rules.yaml.j2") };
const NAS: Template = Template { name: "monitoring/nas-rules.yaml", source: include_str!("nas-rules.yaml.j2") };
const WAY_IN: Template =
    Template { name: "monitoring/way-in-rules.yaml", source: include_str!("way-in-rules.yaml.j2") };
const NODE_BACKUPS: Template =
    Template { name: "monitoring/node-backup-rules.yaml", source: include_str!("node-backup-rules.yaml.j2") };

const NODE_UPDATES: Template =
    Template { name: "monitoring/node-update-rules.yaml", source: include_str!("node-update-rules.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: &[Template] = &[FLUX, KUBERNETES, HOSTS, NAS, WAY_IN, NODE_BACKUPS, NODE_UPDATES];

/// Whether a host of the lab has a source of metrics.
fn any_host(spec: &Spec, has: impl Fn(&HostMetrics) -> bool) -> bool {
    spec.hosts.iter().filter_map(|host| host.value.metrics.as_ref()).any(has)
}

/// Whether hosts are read at all.
fn reads_hosts(spec: &Spec) -> bool {
    any_host(spec, |metrics| metrics.proxmox.is_some() || metrics.node.is_on() || metrics.smart.is_on())
}

/// Whether network storage is read.
fn reads_storage(spec: &Spec) -> bool {
    snmp(spec).next().is_some()
}

/// The dashboards for the devices that are read.
pub(super) fn dashboards(spec: &Spec) -> impl Iterator<Item = Dashboard> {
    let hosts = reads_hosts(spec).then_some(Dashboard { name: "hosts", json: include_str!("dashboards/hosts.json") });
    let nas = reads_storage(spec).then_some(Dashboard { name: "nas", json: include_str!("dashboards/nas.json") });
    hosts.into_iter().chain(nas)
}

/// The public host name or the public address of the lab, as the rules know it.
fn public(context: &Context<'_>) -> Option<Value> {
    Some(match context.spec.network.public.as_ref()? {
        Public::Host(host) => {
            let name = context.full_host(host);
            json!({ "instance": name, "name": name, "seen": SEEN_ADDRESS })
        }
        Public::Address(address) => json!({ "instance": address.value, "name": null }),
    })
}

/// The clusters whose servers are backed up, as the rules know them.
fn backed_up(peers: &[Context<'_>]) -> Vec<Value> {
    let cluster = |peer: &Context<'_>| {
        let backup = peer.cluster.k3s.as_ref()?.backup.as_ref()?;
        let servers = peer.cluster.nodes.iter().filter(|node| *node.value.role.get() == Role::Server);
        let servers: Vec<_> = servers.map(|node| node.name.as_str()).collect();
        Some(json!({ "name": peer.name.value, "deadline": deadline(backup.schedule()), "servers": servers }))
    };
    peers.iter().filter_map(cluster).collect()
}

/// The clusters whose nodes update themselves, as the rules know them.
fn updating(peers: &[Context<'_>]) -> Vec<Value> {
    let cluster = |peer: &Context<'_>| {
        let pull = &peer.cluster.updates.as_ref()?.pull;
        let hours = (pull.alert_days.get().get() * 24).max(deadline(pull.schedule.get()));
        let nodes: Vec<_> = peer.cluster.nodes.iter().map(|node| node.name.as_str()).collect();
        Some(json!({ "name": peer.name.value, "hours": hours, "nodes": nodes }))
    };
    peers.iter().filter_map(cluster).collect()
}

/// The rules of the cluster that stores the metrics, which is the first of `peers`.
pub(super) fn rules(peers: &[Context<'_>]) -> Vec<AlertingRules> {
    let rules = |name, template, variables| AlertingRules { name, template, variables };
    let mut all = vec![rules("flux", FLUX, json!({})), rules("kubernetes", KUBERNETES, json!({}))];
    let Some(context) = peers.first() else { return all };
    let spec = context.spec;
    if reads_hosts(spec) {
        let clusters = spec.clusters.iter().map(|cluster| {
            let mut nodes: Vec<_> = cluster.value.nodes.iter().map(|node| node.name.as_str()).collect();
            nodes.sort_unstable();
            json!({ "name": cluster.name.value, "nodes": nodes.join("|") })
        });
        let clusters: Vec<_> = clusters.collect();
        let variables = json!({
            "proxmox": proxmox(spec).next().is_some(),
            "node": any_host(spec, |metrics| metrics.node.is_on()),
            "smart": any_host(spec, |metrics| metrics.smart.is_on()),
            "clusters": clusters,
        });
        all.push(rules("hosts", HOSTS, variables));
    }
    if reads_storage(spec) {
        all.push(rules("nas", NAS, json!({})));
    }
    let clusters = backed_up(peers);
    if !clusters.is_empty() {
        all.push(rules("node-backups", NODE_BACKUPS, json!({ "clusters": clusters })));
    }
    let clusters = updating(peers);
    if !clusters.is_empty() {
        all.push(rules("node-updates", NODE_UPDATES, json!({ "clusters": clusters })));
    }
    let watch = context.get::<Monitoring>().is_some_and(|monitoring| monitoring.watch.iter().next().is_some());
    all.push(rules("way-in", WAY_IN, json!({ "watch": watch, "public": public(context) })));
    all
}
