//! The DNS server of the LAN: CoreDNS, with the names of all clusters of the lab. It asks public DNS servers for all
//! others.
//!
//! The names of each app are an object, in a folder without a list. Flux Operator collects these objects in one
//! ConfigMap, so changes of different apps touch no common file, and CoreDNS needs no access to the Kubernetes API.

mod writer;

use crate::component::{AlertingRules, Claim, Component, Context, Monitor, Probe, ProbeModule, ProbeTarget};
use crate::exposure::own_networks;
use crate::lan_names::{self, Owned, server};
use crate::network::{self, Closed};
use crate::{POOL_REMEDY, tag};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Capability, Manifest, Namespace, Need, Passage, Peer, PolicyPort, Template, Unit};
use serde_json::json;
use spec::platform::{Configured as _, LanDns};
use spec::types::{DomainName, Ipv4, SecretRef};
use spec::{PodSecurity, Spanned};
use std::collections::BTreeMap;

const IMAGE: &str = "docker.io/coredns/coredns";
/// The default tag of the image.
pub(super) const VERSION: &str = "1.14.7";

const COREFILE: Template = Template { name: "lan-dns/configmap.yaml", source: include_str!("configmap.yaml.j2") };
const DEPLOYMENT: Template = Template { name: "lan-dns/deployment.yaml", source: include_str!("deployment.yaml.j2") };
const SERVICE: Template = Template { name: "lan-dns/service.yaml", source: include_str!("service.yaml.j2") };
const NAMES: Template = Template { name: "lan-dns/names.yaml", source: include_str!("names.yaml.j2") };
const RESOURCE_SET: Template =
    Template { name: "lan-dns/resourceset.yaml", source: include_str!("resourceset.yaml.j2") };
const ENDPOINTS: Template = Template { name: "lan-dns/endpoints.yaml", source: include_str!("endpoints.yaml.j2") };
const RULES: Template = Template { name: "lan-dns/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[COREFILE, DEPLOYMENT, SERVICE, NAMES, RESOURCE_SET, ENDPOINTS, RULES];

const NAME: &str = "lan-dns";

/// The API group of the objects that ExternalDNS reads.
const RESOURCES: &str = "externaldns.k8s.io";

/// The port of the pods. Ports below 1024 need a Linux capability.
const PORT: u16 = 1053;

/// The address of an app at the domain itself, if there is one. In the file with the names, it would hide the mail
/// servers and all other records of the domain.
fn apex(owned: &[Owned], domain: &DomainName) -> Option<Ipv4> {
    owned.iter().flat_map(|owner| &owner.names).find(|name| name.host == *domain).map(|name| name.address)
}

/// The configuration of CoreDNS.
///
/// Names of the domain that are in no list are those of the public zone, so mail, certificate challenges and other
/// public names work as they do outside. There is no cache in that block: it would keep removed names. `loop` stops the
/// server at its start if the upstream servers ask it in turn.
fn corefile(domain: &DomainName, apex: Option<Ipv4>, upstream: &[Ipv4]) -> String {
    let upstream: Vec<_> = upstream.iter().map(Ipv4::to_string).collect();
    let upstream = upstream.join(" ");
    let apex = apex.map_or(String::new(), |address| {
        let pattern = format!("^{}[.]$", domain.as_str().replace('.', "[.]"));
        format!(
            "    template IN A {domain} {{
        match {pattern}
        answer \"{{{{ .Name }}}} 60 IN A {address}\"
        fallthrough
    }}
    template IN AAAA {domain} {{
        match {pattern}
        rcode NOERROR
        fallthrough
    }}
"
        )
    });
    format!(
        "# The lab's domain: the names of the lab, and those of the public zone.
{domain}:{PORT} {{
    errors
    prometheus :9153
    loop
{apex}    hosts /etc/names/names.hosts {domain} {{
        ttl 60
        no_reverse
        fallthrough
    }}
    forward . {upstream}
}}
# All other names.
.:{PORT} {{
    errors
    health :8080 {{
        lameduck 5s
    }}
    ready :8181
    prometheus :9153
    reload 30s
    loop
    # Makes Firefox ask this server, too, instead of one on the Internet.
    template ANY ANY use-application-dns.net {{
        rcode NXDOMAIN
    }}
    forward . {upstream}
    cache 300
}}
"
    )
}

/// Reports upstream servers that ask this one.
fn check_upstream(options: &LanDns, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) {
    let lan = &context.spec.network.lan;
    let own = lan_names::servers(context);
    let asks_back = |server: &Ipv4| {
        lan.gateway.value == *server || lan.dns.iter().any(|other| other.value == *server) || own.contains(server)
    };
    let span = options.upstream.spanned().map_or(span, |upstream| upstream.span);
    for upstream in options.upstream.get().iter().filter(|server| asks_back(server)) {
        let message = format!("the upstream {upstream} is a DNS server of the LAN, which asks this one in turn");
        let diagnostic = Diagnostic::new(Code::InvalidValue, span, message);
        diagnostics.push(diagnostic.help("set public DNS servers, such as `upstream: [1.1.1.1, 9.9.9.9]`"));
    }
}

/// Reports owners whose objects Flux Operator cannot tell apart: it replaces punctuation in their names by one character.
fn check_objects(owned: &[Owned], diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<String, &Owned> = BTreeMap::new();
    for owner in owned {
        let words = owner.object.as_str().split(['-', '.']).filter(|word| !word.is_empty());
        let key = words.collect::<Vec<_>>().join("_");
        if let Some(first) = taken.insert(key, owner) {
            let message = format!("the LAN names of both would be in one object, `{}`", owner.object);
            let diagnostic = Diagnostic::new(Code::NameTaken, owner.span, message).related(first.span, "the other one");
            diagnostics.push(diagnostic.help("rename one of the two apps, or one of their clusters"));
        }
    }
}

/// The unit with the names, and what collects them.
fn names(owned: Vec<Owned>, domain: &DomainName, namespace: Namespace, collector: Template) -> Unit {
    let mut unit = Unit::new("lan-dns-names", "platform/lan-dns-names", namespace);
    unit.is_unlisted = true;
    let of_owner = |owner: Owned| {
        let names = owner.names.iter().filter(|name| name.host != *domain);
        let names: Vec<_> = names.map(|name| json!({ "name": name.host, "address": name.address })).collect();
        (!names.is_empty()).then(|| {
            let variables = json!({ "name": owner.object, "namespace": NAME, "names": names });
            let file = format!("{}.yaml", owner.object);
            Manifest::new("ResourceSetInputProvider", owner.object, file, NAMES, variables)
        })
    };
    unit.extend(owned.into_iter().filter_map(of_owner));
    let variables = json!({ "name": NAME });
    unit.add(Manifest::new("ResourceSet", NAME, "resourceset.yaml", collector, variables));
    unit
}

impl Component for LanDns {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        if self.writes_to.is_some() {
            return None;
        }
        if context.cluster.load_balancer.is_none() {
            return Some(POOL_REMEDY);
        }
        server(self, context).is_none().then_some(
            "the cluster's `load-balancer` pool has no third address: extend it, or set `platform.lan-dns.address`",
        )
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        let owned = lan_names::of_lab(context);
        check_objects(&owned, diagnostics);
        let domain = context.domain();
        if let Some(server) = &self.writes_to {
            let mut names = names(owned, domain, Namespace::existing(NAME), ENDPOINTS);
            names.needs = vec![Need::before(Capability::Api(RESOURCES), span)];
            return writer::units(self, server, context, span, diagnostics).into_iter().chain([names]).collect();
        }
        let Some(address) = server(self, context) else { return Vec::new() };
        check_upstream(self, context, span, diagnostics);
        let corefile = json!({ "name": NAME, "corefile": corefile(domain, apex(&owned, domain), self.upstream.get()) });
        let mut unit = Unit::new(NAME, "platform/lan-dns", Namespace::existing(NAME));
        let image = format!("{IMAGE}:{}", tag(self.options(), VERSION));
        // A rolling update needs a second node to be of use to the LAN.
        let replicas = context.cluster.nodes.iter().count().min(2);
        let variables = json!({ "name": NAME, "image": image, "replicas": replicas, "port": PORT });
        let service = json!({ "name": NAME, "address": address, "networks": own_networks(context) });
        unit.extend([
            Manifest::new("ConfigMap", NAME, "configmap.yaml", COREFILE, corefile),
            Manifest::new("Deployment", NAME, "deployment.yaml", DEPLOYMENT, variables),
            Manifest::new("Service", NAME, "service.yaml", SERVICE, service),
        ]);
        unit.needs =
            vec![Need::before(Capability::Namespace(NAME.into()), span), Need::before(Capability::LoadBalancer, span)];
        let mut names = names(owned, domain, Namespace::created(NAME, PodSecurity::Restricted), RESOURCE_SET);
        names.provides = vec![Capability::Namespace(NAME.into())];
        vec![names, unit]
    }

    fn addresses(&self, context: &Context<'_>) -> Vec<Claim<Ipv4>> {
        let span = self.address.as_ref().map(|address| address.span);
        let span = span.or_else(|| context.cluster.load_balancer.as_ref().map(|range| range.span));
        let claim =
            |value| Claim::new(value, span.unwrap_or(context.name.span), "the DNS server of the LAN".to_owned());
        server(self, context).map(claim).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        self.writes_to.iter().flat_map(|server| server.value.secrets()).collect()
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        if self.writes_to.is_some() {
            return vec![Closed::new(NAME, [])];
        }
        let clients: Vec<_> = own_networks(context).into_iter().map(Peer::block).collect();
        let clients = Passage::new("the lab's own networks", clients).at(PolicyPort::both(PORT));
        let upstream: Vec<_> = self.upstream.get().iter().map(|server| network::address(*server)).collect();
        let upstream = Passage::new("DNS servers that answer for all other names", upstream).at(PolicyPort::both(53));
        vec![Closed { egress: Some(vec![upstream]), ..Closed::new(NAME, [clients]) }]
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        let labels: &[_] = match self.writes_to {
            Some(_) => &[("app.kubernetes.io/name", "external-dns")],
            None => &[("app.kubernetes.io/name", NAME)],
        };
        let monitor = |name, port| Monitor { name, namespace: NAME, labels, job: "app.kubernetes.io/name", port };
        match &self.writes_to {
            None => vec![monitor(NAME, "metrics")],
            Some(server) => {
                let sidecar = writer::has_sidecar(server).then(|| monitor("lan-dns-webhook", "http-webhook"));
                [monitor(NAME, "http")].into_iter().chain(sidecar).collect()
            }
        }
    }

    /// Whether the server answers in the LAN, with the address of a node: apps come and go.
    fn probes(&self, context: &Context<'_>) -> Vec<Probe> {
        let nodes = format!("nodes-{}", context.name.value);
        let owned = lan_names::of_lab(context).into_iter().find(|owner| owner.object.as_str() == nodes);
        let name = owned.and_then(|owner| owner.names.into_iter().next());
        let (Some(name), Some(address)) = (name, server(self, context)) else { return Vec::new() };
        let target = ProbeTarget { instance: address.to_string(), address: address.to_string() };
        let module = ProbeModule::Dns { name: name.host, addresses: vec![name.address] };
        vec![Probe { name: NAME.to_owned(), job: NAME, module, targets: vec![target] }]
    }

    fn alerting_rules(&self, _: &[Context<'_>]) -> Vec<AlertingRules> {
        if self.writes_to.is_some() {
            return Vec::new();
        }
        vec![AlertingRules { name: NAME, template: RULES, variables: json!({}) }]
    }
}
