//! What Prometheus scrapes beside pods: devices, and targets that the blackbox exporter probes.

use super::exporters::{
    self, BLACKBOX, BLACKBOX_PORT, BLACKBOX_PUBLIC, PVE, PVE_PORT, SNMP, SNMP_PORT, modules, proxmox, snmp,
};
use super::objects::sources;
use crate::component::{Context, Probe, ProbeModule, ProbeTarget};
use crate::components::cert_manager::issuers;
use crate::exposure::ingress_address;
use model::{Label, Manifest, Template};
use serde::Serialize;
use serde_json::{Map, Value, json};
use spec::platform::{Ingress, Monitoring, Watch};
use spec::types::DomainName;
use spec::{CertificateIssuer, Public};

const SCRAPE: Template =
    Template { name: "monitoring/scrapeconfig.yaml", source: include_str!("scrapeconfig.yaml.j2") };
const NAMES: Template =
    Template { name: "monitoring/scrapeconfig-names.yaml", source: include_str!("scrapeconfig-names.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: &[Template] = &[SCRAPE, NAMES];

/// The resolvers of OpenDNS. They answer for [`SEEN_ADDRESS`] with the address that the question came from.
pub(super) const PUBLIC_RESOLVERS: &[&str] = &["208.67.222.222", "208.67.220.220"];
/// The name whose address is that from which the resolvers of OpenDNS are asked.
pub(super) const SEEN_ADDRESS: &str = "myip.opendns.com";
/// Addresses on the Internet that answer pings: the resolvers of Cloudflare and of Quad9.
const INTERNET: [&str; 2] = ["1.1.1.1", "9.9.9.9"];

/// The port of node_exporter on hosts.
const NODE_PORT: u16 = 9100;
/// The port of smartctl_exporter on hosts.
const SMART_PORT: u16 = 9633;

/// Which of the exporters probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exporter {
    /// The one that resolves names as pods do.
    Internal,
    /// The one that resolves names as the rest of the world does.
    Public,
}

/// A probe, as the cluster that stores the metrics scrapes it.
pub(super) struct Scrape {
    probe: Probe,
    pub(super) exporter: Exporter,
    /// The cluster of the targets, if they are part of one.
    cluster: Option<String>,
}

impl Scrape {
    fn of_lab(probe: Probe) -> Self {
        Self { probe, exporter: Exporter::Internal, cluster: None }
    }

    /// Its name, which no other probe of the lab has.
    fn name(&self) -> String {
        let own = &self.probe.name;
        self.cluster.as_ref().map_or_else(|| own.clone(), |cluster| format!("{cluster}-{own}"))
    }

    /// The module of the exporter, and its configuration if no other probe has the same.
    fn module(&self) -> (String, Option<Value>) {
        match &self.probe.module {
            ProbeModule::Icmp => ("icmp".to_owned(), None),
            ProbeModule::Http => ("http".to_owned(), None),
            ProbeModule::Tcp => ("tcp".to_owned(), None),
            ProbeModule::Dns { name, addresses } => {
                let quoted: Vec<_> = addresses.iter().map(|address| address.to_string().replace('.', "\\.")).collect();
                let answer = format!("\\sIN\\s+A\\s+({})$", quoted.join("|"));
                let dns = json!({
                    "preferred_ip_protocol": "ip4",
                    "ip_protocol_fallback": false,
                    "query_name": name,
                    "query_type": "A",
                    "validate_answer_rrs": { "fail_if_not_matches_regexp": [answer] },
                });
                (format!("dns-{}", self.name()), Some(json!({ "prober": "dns", "timeout": "10s", "dns": dns })))
            }
        }
    }
}

fn target(instance: &dyn ToString, address: &dyn ToString) -> ProbeTarget {
    ProbeTarget { instance: instance.to_string(), address: address.to_string() }
}

/// The probes of the lab as a whole.
fn of_lab(monitoring: &Monitoring, context: &Context<'_>) -> Vec<Scrape> {
    let probe = |name: &str, job, module, targets| Probe { name: name.to_owned(), job, module, targets };
    let gateway = context.spec.network.lan.gateway.value;
    let internet = INTERNET.map(|address| target(&address, &address)).to_vec();
    let mut probes = vec![
        Scrape::of_lab(probe("gateway", "gateway", ProbeModule::Icmp, vec![target(&gateway, &gateway)])),
        Scrape::of_lab(probe("internet", "internet", ProbeModule::Icmp, internet)),
    ];
    let (mut pings, mut urls) = (Vec::new(), Vec::new());
    for watch in &monitoring.watch {
        match &watch.value {
            Watch::Ping(address) => pings.push(target(&watch.name.value, &address.value)),
            Watch::Url(url) => urls.push(target(&watch.name.value, &url.value)),
        }
    }
    let watched = [("watch-ping", ProbeModule::Icmp, pings), ("watch-url", ProbeModule::Http, urls)];
    let watched = watched.into_iter().filter(|(.., targets)| !targets.is_empty());
    probes.extend(watched.map(|(name, module, targets)| Scrape::of_lab(probe(name, "watch", module, targets))));
    probes
}

/// The probe that compares the public address of the lab with the spec, or with the address of the public host name.
///
/// The exporter cannot compare two answers. For a static address, one answer must match it. For a name, the metric
/// `probe_ip_addr_hash` of the name and of [`SEEN_ADDRESS`] must be equal, both as public resolvers answer.
pub(super) fn public(context: &Context<'_>) -> Vec<Scrape> {
    let (name, job) = ("public-address".to_owned(), "public-address");
    match &context.spec.network.public {
        None => Vec::new(),
        Some(Public::Address(address)) => {
            let module = ProbeModule::Dns { name: DomainName::known(SEEN_ADDRESS), addresses: vec![address.value] };
            let targets = vec![target(&address.value, &PUBLIC_RESOLVERS[0])];
            vec![Scrape::of_lab(Probe { name, job, module, targets })]
        }
        Some(Public::Host(host)) => {
            let host = context.full_host(host).to_string();
            let targets = vec![target(&host, &host), target(&SEEN_ADDRESS, &SEEN_ADDRESS)];
            let probe = Probe { name, job, module: ProbeModule::Icmp, targets };
            vec![Scrape { exporter: Exporter::Public, ..Scrape::of_lab(probe) }]
        }
    }
}

/// All probes that a cluster scrapes, beside those of the host names of its own ingress.
fn scrapes(monitoring: &Monitoring, context: &Context<'_>) -> Vec<Scrape> {
    if monitoring.ship_to.is_some() {
        return Vec::new();
    }
    let mut scrapes = of_lab(monitoring, context);
    scrapes.extend(public(context));
    for peer in sources(context) {
        let probes = peer.components().flat_map(|component| component.probes(&peer));
        let cluster = || Some(peer.name.to_string());
        scrapes.extend(probes.map(|probe| Scrape { cluster: cluster(), ..Scrape::of_lab(probe) }));
    }
    scrapes
}

/// The address at which the host names of the cluster are probed, if it has an ingress.
fn names(context: &Context<'_>) -> Option<String> {
    ingress_address(context.get::<Ingress>()?, context).map(|address| address.to_string())
}

/// Whether anything is probed from the cluster.
pub(super) fn is_probed(monitoring: &Monitoring, context: &Context<'_>) -> bool {
    monitoring.ship_to.is_none() || names(context).is_some()
}

/// The statuses of an app that works: its page, a redirect to its login, or the refusal of a request without one.
const SERVED: [u16; 11] = [200, 204, 301, 302, 303, 307, 308, 401, 403, 404, 405];

/// The configuration of the exporter that probes, as YAML.
pub(super) fn configuration(monitoring: &Monitoring, context: &Context<'_>) -> String {
    let staging = issuers(context).is_some_and(|certificates| *certificates.issuer.get() == CertificateIssuer::Staging);
    let http = json!({ "preferred_ip_protocol": "ip4", "ip_protocol_fallback": false });
    let mut name = http.clone();
    name["follow_redirects"] = json!(false);
    name["valid_status_codes"] = json!(SERVED);
    if staging {
        // No program trusts certificates of the staging environment.
        name["tls_config"] = json!({ "insecure_skip_verify": true });
    }
    let ping = json!({ "preferred_ip_protocol": "ip4", "ip_protocol_fallback": false });
    let mut modules = Map::new();
    modules.insert("http".to_owned(), json!({ "prober": "http", "timeout": "10s", "http": http }));
    modules.insert("icmp".to_owned(), json!({ "prober": "icmp", "timeout": "5s", "icmp": ping }));
    modules.insert("name".to_owned(), json!({ "prober": "http", "timeout": "10s", "http": name }));
    modules.insert("tcp".to_owned(), json!({ "prober": "tcp", "timeout": "5s", "tcp": ping }));
    for (name, module) in scrapes(monitoring, context).iter().map(Scrape::module) {
        modules.extend(module.map(|module| (name, module)));
    }
    let configuration = serde_json::from_value(json!({ "modules": modules })).expect("JSON is YAML");
    yaml::document(&configuration)
}

/// The variables of a ScrapeConfig.
#[derive(Serialize)]
struct Variables {
    name: String,
    job: &'static str,
    path: Option<&'static str>,
    params: Option<Value>,
    targets: Vec<Target>,
    /// The exporter that the targets are a parameter of, if they are not scraped themselves.
    exporter: Option<String>,
}

#[derive(Serialize)]
struct Target {
    address: String,
    labels: Vec<Label>,
}

impl Target {
    fn new(instance: impl Into<String>, address: impl Into<String>) -> Self {
        Self { address: address.into(), labels: vec![Label::new("instance", instance)] }
    }

    fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.labels.push(Label::new(key, value));
        self
    }
}

fn manifest(variables: Variables) -> Manifest {
    let name = variables.name.clone();
    Manifest::new("ScrapeConfig", name.clone(), format!("scrapeconfig-{name}.yaml"), SCRAPE, variables)
}

/// The ScrapeConfigs for hosts and network storage.
fn devices(context: &Context<'_>) -> Vec<Variables> {
    let spec = context.spec;
    let mut all = Vec::new();
    let hosts = proxmox(spec).map(|(host, _)| {
        // The module has the token of the host.
        Target::new(host.name.as_str(), host.value.address.value.to_string()).with("__param_module", host.name.as_str())
    });
    all.push(Variables {
        name: "proxmox".to_owned(),
        job: "proxmox",
        path: Some("/pve"),
        params: Some(json!({ "cluster": ["1"], "node": ["1"] })),
        targets: hosts.collect(),
        exporter: Some(exporters::service(PVE, PVE_PORT)),
    });
    let metrics = || spec.hosts.iter().filter_map(|host| Some((host, host.value.metrics.as_ref()?)));
    let direct = |port: u16, is_on: &dyn Fn(&spec::HostMetrics) -> bool| {
        let hosts = metrics().filter(|(_, metrics)| is_on(metrics));
        hosts.map(|(host, _)| Target::new(host.name.as_str(), format!("{}:{port}", host.value.address.value))).collect()
    };
    let scraped = [
        ("host", direct(NODE_PORT, &|metrics| metrics.node.is_on())),
        ("smart", direct(SMART_PORT, &|metrics| metrics.smart.is_on())),
    ];
    all.extend(scraped.map(|(job, targets)| Variables {
        name: job.to_owned(),
        job,
        path: None,
        params: None,
        targets,
        exporter: None,
    }));
    all.extend(snmp(spec).map(|(storage, _)| Variables {
        name: format!("nas-{}", storage.name.value),
        job: "nas",
        path: Some("/snmp"),
        params: Some(json!({ "auth": [storage.name.value], "module": modules(&storage.value) })),
        targets: vec![Target::new(storage.name.as_str(), storage.value.address().value.to_string())],
        exporter: Some(exporters::service(SNMP, SNMP_PORT)),
    }));
    all.retain(|variables| !variables.targets.is_empty());
    all
}

/// The ScrapeConfigs of a cluster.
pub(super) fn manifests(monitoring: &Monitoring, context: &Context<'_>) -> Vec<Manifest> {
    let mut manifests: Vec<_> = names(context)
        .map(|address| {
            let exporter = exporters::service(BLACKBOX, BLACKBOX_PORT);
            let variables = json!({ "address": address, "exporter": exporter });
            Manifest::new("ScrapeConfig", "names", "scrapeconfig-names.yaml", NAMES, variables)
        })
        .into_iter()
        .collect();
    if monitoring.ship_to.is_none() {
        manifests.extend(devices(context).into_iter().map(manifest));
    }
    manifests.extend(scrapes(monitoring, context).into_iter().map(|scrape| {
        let exporter = match scrape.exporter {
            Exporter::Internal => BLACKBOX,
            Exporter::Public => BLACKBOX_PUBLIC,
        };
        let name = format!("probe-{}", scrape.name());
        let (module, _) = scrape.module();
        let targets = scrape.probe.targets.into_iter().map(|target| {
            let found = Target::new(target.instance, target.address);
            match &scrape.cluster {
                Some(cluster) => found.with("cluster", cluster),
                None => found,
            }
        });
        manifest(Variables {
            name,
            job: scrape.probe.job,
            path: Some("/probe"),
            params: Some(json!({ "module": [module] })),
            targets: targets.collect(),
            exporter: Some(exporters::service(exporter, BLACKBOX_PORT)),
        })
    }));
    manifests
}
