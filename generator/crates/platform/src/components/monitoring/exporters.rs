//! Exporters for what runs no pods: hosts, network storage, and the ways into and out of the lab. They read devices
//! over the network, each with a credential that can only read.

use super::probes::{self, Exporter, PUBLIC_RESOLVERS};
use crate::component::Context;
use crate::network::{Closed, address, dns, internet, policy_manifest, prometheus};
use crate::{restarts, secrets_unit_for};
use diagnostic::Span;
use model::contract::RESTART_ANNOTATION;
use model::{ExternalSecret, Label, Manifest, Namespace, NetworkPolicy, Passage, Peer, PolicyPort, Template, Unit};
use serde::Serialize;
use serde_json::json;
use spec::platform::Monitoring;
use spec::types::{AddressBlock, Ipv4, SecretRef};
use spec::{Entry, Host, PodSecurity, Protocol, Snmp, Spanned, Spec, Storage};

const PVE_IMAGE: &str = "docker.io/prompve/prometheus-pve-exporter";
/// The default tag of the exporter for Proxmox VE.
const PVE_VERSION: &str = "3.10.2";
const SNMP_IMAGE: &str = "quay.io/prometheus/snmp-exporter";
/// The default tag of the exporter for SNMP.
const SNMP_VERSION: &str = "v0.30.1";
const BLACKBOX_IMAGE: &str = "quay.io/prometheus/blackbox-exporter";
/// The default tag of the exporter that probes.
const BLACKBOX_VERSION: &str = "v0.28.0";

const DEPLOYMENT: Template = Template { name: "monitoring/exporter.yaml", source: include_str!("exporter.yaml.j2") };
const SERVICE: Template =
    Template { name: "monitoring/exporter-service.yaml", source: include_str!("exporter-service.yaml.j2") };
const CONFIG: Template = Template { name: "monitoring/blackbox.yaml", source: include_str!("blackbox.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: &[Template] = &[DEPLOYMENT, SERVICE, CONFIG];

/// The namespace of the exporters.
const NAMESPACE: &str = "exporters";

/// The unit of the exporters.
const UNIT: &str = "exporters";

pub(super) const PVE: &str = "pve-exporter";
pub(super) const PVE_PORT: u16 = 9221;
pub(super) const SNMP: &str = "snmp-exporter";
pub(super) const SNMP_PORT: u16 = 9116;
/// The exporter that probes what the cluster reaches.
pub(super) const BLACKBOX: &str = "blackbox-exporter";
/// The exporter that resolves names as the rest of the world does.
pub(super) const BLACKBOX_PUBLIC: &str = "blackbox-exporter-public";
pub(super) const BLACKBOX_PORT: u16 = 9115;

/// The hosts with an API token of Proxmox VE, each with the key that holds it.
pub(super) fn proxmox(spec: &Spec) -> impl Iterator<Item = (&Entry<Host>, &Spanned<SecretRef>)> {
    spec.hosts.iter().filter_map(|host| Some((host, host.value.metrics.as_ref()?.proxmox.as_ref()?)))
}

/// The network storage with an account for SNMP.
pub(super) fn snmp(spec: &Spec) -> impl Iterator<Item = (&Entry<Storage>, &Snmp)> {
    spec.storage.iter().filter_map(|storage| Some((storage, storage.value.snmp()?)))
}

/// The modules of the SNMP exporter that a kind of storage answers.
pub(super) fn modules(storage: &Storage) -> &'static [&'static str] {
    match storage {
        Storage::Synology(_) => &["synology", "if_mib", "ucd_la_table", "ucd_memory"],
        Storage::Nfs(_) => &["if_mib", "ucd_la_table", "ucd_memory", "hrStorage"],
    }
}

/// The address by which Prometheus reaches an exporter.
pub(super) fn service(name: &str, port: u16) -> String {
    format!("{name}.{NAMESPACE}.svc:{port}")
}

/// The variables of the Deployment of an exporter.
#[derive(Serialize)]
struct Variables {
    name: &'static str,
    namespace: &'static str,
    image: String,
    arguments: Vec<&'static str>,
    port: u16,
    health: &'static str,
    user: u32,
    memory: Memory,
    /// Whether the Secret of its name has its configuration.
    secret: bool,
    /// The ConfigMap with its configuration, if no Secret has it.
    config: &'static str,
    /// Whether it writes temporary files.
    writes: bool,
    pings: bool,
    nameservers: &'static [&'static str],
    restarts: Option<&'static str>,
}

#[derive(Serialize)]
struct Memory {
    request: &'static str,
    limit: &'static str,
}

/// The user `nobody` of the images of the Prometheus project.
const NOBODY: u32 = 65534;

fn pve(context: &Context<'_>) -> Variables {
    Variables {
        name: PVE,
        namespace: NAMESPACE,
        image: format!("{PVE_IMAGE}:{PVE_VERSION}"),
        // A call that fails would fail the whole scrape, so only what is used is called.
        arguments: vec![
            "--config.file=/config/pve.yaml",
            "--web.listen-address=0.0.0.0:9221",
            "--no-collector.backup-info",
            "--no-collector.qdevice",
            "--no-collector.replication",
            "--no-collector.subscription",
        ],
        port: PVE_PORT,
        health: "/",
        user: 101,
        memory: Memory { request: "96Mi", limit: "192Mi" },
        secret: true,
        config: "",
        writes: true,
        pings: false,
        nameservers: &[],
        restarts: restarts(context).then_some(RESTART_ANNOTATION),
    }
}

fn snmp_exporter(context: &Context<'_>) -> Variables {
    Variables {
        name: SNMP,
        namespace: NAMESPACE,
        image: format!("{SNMP_IMAGE}:{SNMP_VERSION}"),
        arguments: vec!["--config.file=/etc/snmp_exporter/snmp.yml", "--config.file=/config/auths.yaml"],
        port: SNMP_PORT,
        health: "/-/healthy",
        user: NOBODY,
        memory: Memory { request: "96Mi", limit: "256Mi" },
        secret: true,
        config: "",
        writes: false,
        pings: false,
        nameservers: &[],
        restarts: restarts(context).then_some(RESTART_ANNOTATION),
    }
}

fn blackbox(name: &'static str, nameservers: &'static [&'static str]) -> Variables {
    Variables {
        name,
        namespace: NAMESPACE,
        image: format!("{BLACKBOX_IMAGE}:{BLACKBOX_VERSION}"),
        arguments: vec!["--config.file=/config/config.yaml", "--config.enable-auto-reload"],
        port: BLACKBOX_PORT,
        health: "/-/healthy",
        user: NOBODY,
        memory: Memory { request: "32Mi", limit: "96Mi" },
        secret: false,
        config: BLACKBOX,
        writes: false,
        pings: true,
        nameservers,
        restarts: None,
    }
}

/// The Secret with the tokens of the hosts, in the format of the exporter. Their certificates are from their own CA, so
/// they are not verified.
fn pve_secret(context: &Context<'_>) -> ExternalSecret {
    let (mut data, mut text) = (Vec::new(), String::new());
    for (host, token) in proxmox(context.spec) {
        let name = &host.name.value;
        data.push((name.to_string().into(), context.stored(token)));
        text.push_str(&format!(
            "{name}:\n  user: prometheus@pve\n  token_name: homelab\n  token_value: {{{{ index . \"{name}\" | toJson \
             }}}}\n  verify_ssl: false\n"
        ));
    }
    ExternalSecret { template: vec![("pve.yaml".into(), text)], ..ExternalSecret::new(PVE, data) }
}

/// The Secret with the SNMP accounts, in the format of the exporter.
fn snmp_secret(context: &Context<'_>) -> ExternalSecret {
    let (mut data, mut text) = (Vec::new(), "auths:\n".to_owned());
    for (storage, account) in snmp(context.spec) {
        let name = &storage.name.value;
        let keys = [
            ("username", &account.username),
            ("password", &account.password),
            ("priv_password", &account.privacy_password),
        ];
        text.push_str(&format!(
            "  {name}:\n    version: 3\n    security_level: authPriv\n    auth_protocol: SHA\n    priv_protocol: AES\n"
        ));
        for (field, secret) in keys {
            let key = format!("{name}-{}", field.replace('_', "-"));
            text.push_str(&format!("    {field}: {{{{ index . \"{key}\" | toJson }}}}\n"));
            data.push((key.into(), context.stored(secret)));
        }
    }
    ExternalSecret { template: vec![("auths.yaml".into(), text)], ..ExternalSecret::new(SNMP, data) }
}

/// The connections that the pods of an exporter open.
fn policy(name: &'static str, egress: Vec<Passage>) -> Manifest {
    let policy = NetworkPolicy {
        name: name.into(),
        namespace: NAMESPACE.into(),
        pods: vec![Label::new("app.kubernetes.io/name", name)],
        ingress: None,
        egress: Some(egress),
    };
    policy_manifest(policy, &NAMESPACE.into())
}

/// Connections to devices at one port.
fn devices(purpose: &str, addresses: impl Iterator<Item = Ipv4>, port: u16, protocol: Protocol) -> Vec<Passage> {
    let peers: Vec<_> = addresses.map(address).collect();
    vec![Passage::new(purpose, peers).at([PolicyPort::number(port, protocol)])]
}

/// What the exporter probes: pings have no port, so networks are allowed as a whole.
fn probed(context: &Context<'_>) -> Vec<Passage> {
    let lan = AddressBlock::from(context.spec.network.lan.cidr.value);
    let lan = Passage::new("the LAN, with the ingress of every cluster", [Peer::block(lan)]);
    let network = context.spec.network.lan.cidr.value;
    let storage = context.spec.storage.iter().map(|storage| storage.value.address().value);
    let storage: Vec<_> = storage.filter(|address| !network.contains(*address)).map(address).collect();
    let storage = (!storage.is_empty()).then(|| Passage::new("network storage outside of the LAN", storage));
    // Their own policies decide which of them it reaches.
    let pods = AddressBlock::from(*context.cluster.pods.get());
    let pods = Passage::new("pods of the cluster, where its addresses in the LAN lead to", [Peer::block(pods)]);
    [dns(), pods, lan].into_iter().chain(storage).chain([internet(context)]).collect()
}

/// The exporters of a cluster: those of the whole lab if it stores metrics, and the one that probes if anything is
/// probed.
fn exporters(monitoring: &Monitoring, context: &Context<'_>) -> Vec<(Variables, Vec<Passage>)> {
    let mut exporters = Vec::new();
    let stores = monitoring.ship_to.is_none();
    if stores && proxmox(context.spec).next().is_some() {
        let addresses = proxmox(context.spec).map(|(host, _)| host.value.address.value);
        exporters.push((pve(context), devices("the API of Proxmox VE", addresses, 8006, Protocol::Tcp)));
    }
    if stores && snmp(context.spec).next().is_some() {
        let addresses = snmp(context.spec).map(|(storage, _)| storage.value.address().value);
        exporters.push((snmp_exporter(context), devices("SNMP", addresses, 161, Protocol::Udp)));
    }
    if probes::is_probed(monitoring, context) {
        exporters.push((blackbox(BLACKBOX, &[]), probed(context)));
    }
    if stores && probes::public(context).iter().any(|scrape| scrape.exporter == Exporter::Public) {
        exporters.push((blackbox(BLACKBOX_PUBLIC, PUBLIC_RESOLVERS), vec![internet(context)]));
    }
    exporters
}

/// The unit with the exporters, and before it the one with their credentials, if they have any.
pub(super) fn units(monitoring: &Monitoring, context: &Context<'_>, span: Span) -> Vec<Unit> {
    let exporters = exporters(monitoring, context);
    if exporters.is_empty() {
        return Vec::new();
    }
    let mut unit = Unit::new(UNIT, "platform/exporters", Namespace::created(NAMESPACE, PodSecurity::Restricted));
    let mut secrets = Vec::new();
    for (variables, egress) in exporters {
        let name = variables.name;
        match name {
            PVE => secrets.push(pve_secret(context)),
            SNMP => secrets.push(snmp_secret(context)),
            BLACKBOX => unit.add(Manifest::new(
                "ConfigMap",
                name,
                format!("configmap-{name}.yaml"),
                CONFIG,
                json!({ "name": name, "namespace": NAMESPACE, "config": probes::configuration(monitoring, context) }),
            )),
            _ => {}
        }
        let service = json!({ "name": name, "namespace": NAMESPACE, "port": variables.port });
        unit.extend([
            Manifest::new("Deployment", name, format!("deployment-{name}.yaml"), DEPLOYMENT, variables),
            Manifest::new("Service", name, format!("service-{name}.yaml"), SERVICE, service),
            policy(name, egress),
        ]);
    }
    if secrets.is_empty() {
        return vec![unit];
    }
    let secrets = secrets_unit_for(&mut unit, PodSecurity::Restricted, secrets, span);
    vec![secrets, unit]
}

/// The namespace of the exporters: only Prometheus connects to them, since they probe whatever they are asked to.
pub(super) fn closed(monitoring: &Monitoring, context: &Context<'_>) -> Option<Closed> {
    let exporters = exporters(monitoring, context);
    let mut ports: Vec<_> = exporters.iter().map(|(variables, _)| variables.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let prometheus = prometheus(context).map(|passage| passage.at(ports.into_iter().map(PolicyPort::tcp)));
    (!exporters.is_empty()).then(|| Closed { egress: Some(Vec::new()), ..Closed::new(NAMESPACE, prometheus) })
}
