//! Which connections the NetworkPolicies of the output allow, as a small judge of policies sees them.
//!
//! The judge reads the generated manifests as Kubernetes documents them: a pod that no policy selects for a direction is
//! open in that direction; otherwise one rule of one policy must match. A connection needs both ends. Services do not
//! matter, because kube-proxy has replaced their addresses before.

use crate::charts::{self, ALL, All, text};
use crate::edit::Edited;
use crate::output::{Case, cases, documents, walk};
use crate::support::repository;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The objects of a cluster.
struct Cluster {
    place: String,
    objects: Vec<Json>,
}

fn clusters(case: &Case) -> BTreeMap<String, Cluster> {
    let mut clusters: BTreeMap<String, Cluster> = BTreeMap::new();
    for file in case.tree().files() {
        let Some((name, _)) = file.path.strip_prefix("k8s/").and_then(|path| path.split_once('/')) else { continue };
        let place = format!("{name} of {}", case.name);
        let cluster = clusters.entry(name.to_owned()).or_insert_with(|| Cluster { place, objects: Vec::new() });
        cluster.objects.extend(documents(&file.text));
    }
    clusters
}

/// An end of a connection.
#[derive(Debug, Clone)]
enum End {
    /// A pod, with its namespace and labels. It has an address of the cluster network.
    Pod(String, Json),
    /// An address outside the cluster, or of a node.
    Address(Ipv4Addr),
}

/// The address of every pod: one of the default cluster network.
const POD: Ipv4Addr = Ipv4Addr::new(10, 42, 3, 7);

/// A port of the end that accepts: its number, name and protocol.
type Port<'a> = (u16, &'a str, &'a str);

fn pod(namespace: &str, label: (&str, &str)) -> End {
    End::Pod(namespace.to_owned(), json!({ label.0: label.1 }))
}

/// An end as the tables write it: an address, an app, or a well-known pod.
fn end(text: &str) -> End {
    match text {
        "nginx" => pod("ingress", ("app.kubernetes.io/name", "nginx-ingress")),
        "grafana" => pod("monitoring", ("app.kubernetes.io/name", "grafana")),
        "prometheus" => pod("monitoring", ("operator.prometheus.io/name", "kube-prometheus-stack-prometheus")),
        "alertmanager" => pod("monitoring", ("app.kubernetes.io/name", "alertmanager")),
        "loki" => pod("logging", ("app.kubernetes.io/name", "loki")),
        "alloy" => pod("logging", ("app.kubernetes.io/name", "alloy")),
        "postgres" => pod("databases", ("cnpg.io/cluster", "postgres")),
        "operator" => pod("cnpg-system", ("app.kubernetes.io/name", "cloudnative-pg")),
        "dns" => pod("kube-system", ("k8s-app", "kube-dns")),
        _ => match text.parse() {
            Ok(address) => End::Address(address),
            Err(_) if text.contains("-exporter") => pod("exporters", ("app.kubernetes.io/name", text)),
            Err(_) => pod(text, ("app.kubernetes.io/name", text)),
        },
    }
}

/// Whether a label selector matches labels. The generator writes only `matchLabels`.
fn matches(selector: &Json, labels: &Json) -> bool {
    let fields = selector.as_object().expect("a selector is a mapping");
    assert!(fields.keys().all(|key| key == "matchLabels"), "{selector}");
    selector["matchLabels"].as_object().is_none_or(|wanted| wanted.iter().all(|(key, value)| &labels[key] == value))
}

fn contains(block: &str, address: Ipv4Addr) -> bool {
    let (network, prefix) = block.split_once('/').expect("it is a network");
    let prefix: u32 = prefix.parse().expect("it is a number");
    let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
    u32::from(address) & mask == u32::from(network.parse::<Ipv4Addr>().expect("it is an address")) & mask
}

impl Cluster {
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Json> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The labels of a namespace, with the one that Kubernetes sets.
    fn namespace(&self, name: &str) -> Json {
        let namespace = self.of_kind("Namespace").find(|namespace| namespace["metadata"]["name"] == name);
        let mut labels = namespace.map_or_else(|| json!({}), |namespace| namespace["metadata"]["labels"].clone());
        labels["kubernetes.io/metadata.name"] = json!(name);
        labels
    }

    /// The number of a port of an app, by its name in the containers; 0 if they are not those of an app.
    fn number(&self, home: &str, name: &str) -> u16 {
        let deployments = self.of_kind("Deployment").filter(|object| object["metadata"]["namespace"] == home);
        let pods = deployments.map(|deployment| &deployment["spec"]["template"]["spec"]);
        let containers = pods.flat_map(|pod| ["initContainers", "containers"].map(|field| pod[field].as_array()));
        let mut ports = containers.flatten().flatten().flat_map(|container| container["ports"].as_array()).flatten();
        let port = ports.find(|port| port["name"] == name).and_then(|port| port["containerPort"].as_u64());
        port.map_or(0, |port| u16::try_from(port).expect("it is a port"))
    }

    fn is_peer(&self, peer: &Json, home: &str, end: &End) -> bool {
        if let Some(block) = peer["ipBlock"].as_object() {
            let address = match end {
                End::Pod(..) => POD,
                End::Address(address) => *address,
            };
            let inside = |block: &Json| contains(block.as_str().expect("blocks are text"), address);
            return inside(&block["cidr"])
                && !block.get("except").and_then(Json::as_array).into_iter().flatten().any(inside);
        }
        let End::Pod(namespace, labels) = end else { return false };
        let in_namespace = match &peer["namespaceSelector"] {
            Json::Null => namespace == home,
            selector => matches(selector, &self.namespace(namespace)),
        };
        in_namespace && (peer["podSelector"].is_null() || matches(&peer["podSelector"], labels))
    }

    /// Whether the policies for one end allow a connection with the other.
    fn admits(&self, (kind, field, side): (&str, &str, &str), own: &End, other: &End, port: Port<'_>) -> bool {
        let End::Pod(home, labels) = own else { return true };
        let mut policies = self
            .of_kind("NetworkPolicy")
            .filter(|policy| {
                policy["metadata"]["namespace"] == *home && matches(&policy["spec"]["podSelector"], labels)
            })
            .filter(|policy| policy["spec"]["policyTypes"].as_array().expect("it has types").contains(&json!(kind)))
            .peekable();
        if policies.peek().is_none() {
            return true;
        }
        let mut rules = policies.flat_map(|policy| policy["spec"][field].as_array()).flatten();
        rules.any(|rule| {
            let peers = rule[side].as_array();
            let ports = rule["ports"].as_array();
            let is_port = |allowed: &Json| {
                (allowed["port"] == port.0 || allowed["port"] == port.1) && allowed["protocol"] == port.2
            };
            peers.is_none_or(|peers| peers.iter().any(|peer| self.is_peer(peer, home, other)))
                && ports.is_none_or(|ports| ports.iter().any(is_port))
        })
    }

    /// Whether a connection is possible.
    fn allows(&self, from: &End, to: &End, port: Port<'_>) -> bool {
        self.admits(("Egress", "egress", "to"), from, to, port)
            && self.admits(("Ingress", "ingress", "from"), to, from, port)
    }
}

/// Checks a table: from, to, port, and whether it is allowed.
fn check(case: &Case, cluster: &str, table: &[(&str, &str, Port<'_>, bool)]) {
    let clusters = clusters(case);
    let cluster = &clusters[cluster];
    for (from, to, port, allowed) in table {
        assert_eq!(
            cluster.allows(&end(from), &end(to), *port),
            *allowed,
            "{from} -> {to} at {port:?} in {}",
            cluster.place
        );
    }
}

fn case(name: &str) -> &'static Case {
    cases().iter().find(|case| case.name == name).expect("it is one of the cases")
}

const fn tcp(port: u16) -> Port<'static> {
    (port, "", "TCP")
}

const fn udp(port: u16) -> Port<'static> {
    (port, "", "UDP")
}

const fn named(name: &'static str) -> Port<'static> {
    (0, name, "TCP")
}

/// An address in the Internet.
const INTERNET: &str = "203.0.113.5";

#[test]
fn connections_of_the_reference_lab() {
    let lab = case("the reference lab");
    check(
        lab,
        "gordito",
        &[
            // What people use.
            (INTERNET, "nginx", tcp(443), true),
            ("192.168.10.50", "nginx", tcp(80), true),
            ("nginx", "jellyfin", tcp(8096), true),
            ("nginx", "linkding", tcp(9090), true),
            ("nginx", "memos", tcp(5230), true),
            ("nginx", "grafana", tcp(3000), true),
            ("nginx", "prometheus", tcp(9090), true),
            ("nginx", "loki", tcp(3100), true),
            // What apps need.
            ("linkding", "dns", udp(53), true),
            ("linkding", "192.168.10.241", tcp(5432), true),
            ("memos", "192.168.10.241", tcp(5432), true),
            ("jellyfin", INTERNET, tcp(443), true),
            ("linkding", "nginx", tcp(443), true),
            // What the platform needs.
            ("prometheus", "nginx", named("prometheus"), true),
            ("prometheus", "loki", named("http-metrics"), true),
            ("grafana", "prometheus", tcp(9090), true),
            ("grafana", "alertmanager", tcp(9093), true),
            ("grafana", "loki", tcp(3100), true),
            ("grafana", "192.168.10.42", tcp(6443), true),
            ("alloy", "loki", tcp(3100), true),
            ("prometheus", "192.168.10.43", tcp(10250), true),
            // A breach of one app stays one.
            ("jellyfin", "linkding", tcp(9090), false),
            ("jellyfin", "prometheus", tcp(9090), false),
            ("jellyfin", "alertmanager", tcp(9093), false),
            ("jellyfin", "grafana", tcp(3000), false),
            ("jellyfin", "loki", tcp(3100), false),
            ("jellyfin", "192.168.10.241", tcp(5432), false),
            ("jellyfin", "192.168.10.42", tcp(22), false),
            ("jellyfin", "192.168.10.42", tcp(6443), false),
            ("jellyfin", "192.168.10.42", tcp(10250), false),
            ("jellyfin", "192.168.10.11", tcp(8006), false),
            ("jellyfin", "192.168.10.20", tcp(5001), false),
            ("jellyfin", "192.168.10.20", tcp(2049), false),
            ("jellyfin", "192.168.10.1", tcp(80), false),
            ("jellyfin", "169.254.169.254", tcp(80), false),
            ("jellyfin", "100.64.0.9", tcp(80), false),
            ("linkding", "192.168.10.241", tcp(22), false),
            ("nginx", "linkding", tcp(9091), false),
            ("nginx", "alertmanager", tcp(9093), false),
            ("nginx", "192.168.10.42", tcp(22), false),
            ("nginx", "192.168.10.20", tcp(5001), false),
            ("nginx", INTERNET, tcp(443), false),
            ("nginx", "cert-manager", tcp(9402), false),
            ("nginx", "external-secrets", tcp(8080), false),
            ("grafana", "jellyfin", tcp(8096), false),
            ("grafana", "192.168.10.20", tcp(5001), false),
            ("grafana", "192.168.10.42", tcp(22), false),
            ("grafana", "cert-manager", named("http-metrics"), false),
            ("192.168.10.50", "jellyfin", tcp(8096), false),
            ("192.168.10.50", "prometheus", tcp(9090), false),
            ("192.168.10.50", "loki", tcp(3100), false),
            // What measures devices reaches them, and nobody else reaches it.
            ("prometheus", "192.168.10.11", tcp(9100), true),
            ("prometheus", "pve-exporter", tcp(9221), true),
            ("prometheus", "snmp-exporter", tcp(9116), true),
            ("prometheus", "blackbox-exporter", tcp(9115), true),
            ("pve-exporter", "192.168.10.11", tcp(8006), true),
            ("pve-exporter", "192.168.10.12", tcp(8006), true),
            ("pve-exporter", "192.168.10.11", tcp(22), false),
            ("pve-exporter", "192.168.10.20", tcp(5001), false),
            ("pve-exporter", INTERNET, tcp(443), false),
            ("snmp-exporter", "192.168.10.20", udp(161), true),
            ("snmp-exporter", "192.168.10.20", tcp(5001), false),
            ("snmp-exporter", INTERNET, udp(161), false),
            ("blackbox-exporter", "nginx", tcp(443), true),
            ("blackbox-exporter", "192.168.10.245", tcp(443), true),
            ("blackbox-exporter", INTERNET, tcp(443), true),
            ("blackbox-exporter", "dns", udp(53), true),
            ("blackbox-exporter", "lan-dns", udp(1053), true),
            ("blackbox-exporter", "linkding", tcp(9090), false),
            ("blackbox-exporter", "prometheus", tcp(9090), false),
            ("blackbox-exporter-public", "208.67.222.222", udp(53), true),
            ("blackbox-exporter-public", "192.168.10.1", tcp(80), false),
            ("grafana", "blackbox-exporter", tcp(9115), false),
            ("linkding", "blackbox-exporter", tcp(9115), false),
            ("nginx", "pve-exporter", tcp(9221), false),
            ("192.168.10.50", "blackbox-exporter", tcp(9115), false),
        ],
    );
    check(
        lab,
        "data",
        &[
            ("192.168.10.42", "postgres", tcp(5432), true),
            ("192.168.10.43", "postgres", tcp(5432), true),
            ("operator", "postgres", tcp(8000), true),
            ("prometheus", "postgres", named("metrics"), true),
            ("192.168.10.50", "postgres", tcp(5432), false),
            ("alloy", "postgres", tcp(5432), false),
            ("nginx", "postgres", tcp(5432), false),
        ],
    );
}

#[test]
fn connections_of_the_lab_with_everything() {
    let lab = case("everything");
    check(
        lab,
        "home",
        &[
            ("notes", "postgres", tcp(5432), true),
            ("nginx", "board", tcp(1234), true),
            ("board", "192.168.10.41", tcp(6443), true),
            ("board", INTERNET, tcp(443), true),
            ("prometheus", "board", tcp(1234), true),
            (INTERNET, "shelf", tcp(22000), true),
            ("nginx", "shelf", tcp(8080), true),
            ("shelf", "192.168.10.246", tcp(5432), false),
            ("shelf", "192.168.10.249", tcp(5432), true),
            ("board", "postgres", tcp(5432), false),
            ("nginx", "notes", tcp(8080), false),
            ("shelf", "notes", tcp(8080), false),
            ("notes", "shelf", tcp(8080), true),
            ("board", "notes", tcp(8080), true),
            ("board", "192.168.10.60", tcp(8080), true),
            ("notes", "192.168.10.61", tcp(80), true),
            ("notes", INTERNET, tcp(443), false),
            ("notes", "10.8.0.9", tcp(80), false),
            ("board", "192.168.10.20", tcp(2049), false),
            // The cluster network of the other cluster.
            ("notes", "10.52.0.9", tcp(80), false),
        ],
    );
    check(
        lab,
        "data",
        &[
            ("wiki", "192.168.10.241", tcp(5432), true),
            ("nginx", "wiki", tcp(80), true),
            ("192.168.10.41", "postgres", tcp(5432), true),
            ("192.168.10.70", "postgres", tcp(5432), true),
            ("192.168.10.71", "postgres", tcp(5432), false),
        ],
    );
}

#[test]
fn a_tunnel_reaches_the_ingress_and_the_edge_of_cloudflare_only() {
    check(
        case("tunnel"),
        "home",
        &[
            ("cloudflared", "nginx", tcp(443), true),
            ("cloudflared", "dns", udp(53), true),
            ("cloudflared", INTERNET, tcp(7844), true),
            ("cloudflared", INTERNET, udp(7844), true),
            ("prometheus", "cloudflared", named("metrics"), true),
            ("cloudflared", "nginx", tcp(80), false),
            ("cloudflared", INTERNET, tcp(443), false),
            ("cloudflared", "photos", tcp(8080), false),
            ("cloudflared", "grafana", tcp(3000), false),
            ("cloudflared", "prometheus", tcp(9090), false),
            ("cloudflared", "192.168.10.41", tcp(6443), false),
            ("cloudflared", "192.168.10.11", tcp(8006), false),
            ("photos", "cloudflared", tcp(2000), false),
            ("nginx", "cloudflared", tcp(2000), false),
            ("192.168.10.50", "cloudflared", tcp(2000), false),
        ],
    );
}

fn string(value: &Json) -> String {
    value.as_str().expect("it is text").to_owned()
}

/// The rules of the tunnel of a cluster.
fn tunnel_rules(cluster: &Cluster) -> Option<Vec<Json>> {
    let config = cluster.of_kind("ConfigMap").find(|map| map["metadata"]["name"] == "cloudflared")?;
    let config = documents(&string(&config["data"]["config.yaml"]));
    Some(config[0]["ingress"].as_array().expect("it has rules").clone())
}

/// A tunnel names the public hosts and no others, and what it sends is not admitted to others, whatever it names: its
/// pods have addresses of the cluster network.
#[test]
fn a_tunnel_opens_public_names_only() {
    let mut checked = 0;
    for case in cases() {
        for cluster in clusters(case).values() {
            let Some(mut rules) = tunnel_rules(cluster) else { continue };
            assert_eq!(rules.pop(), Some(json!({ "service": "http_status:404" })), "{}", cluster.place);
            let named: BTreeSet<_> = rules.iter().map(|rule| string(&rule["hostname"])).collect();
            let (mut public, mut others) = (BTreeSet::new(), BTreeSet::new());
            for ingress in cluster.of_kind("Ingress") {
                let is_public = ingress["metadata"]["labels"]["homelab/exposure"] == "public";
                let hosts = ingress["spec"]["rules"].as_array().expect("it has rules").iter();
                let hosts = hosts.map(|rule| string(&rule["host"]));
                (if is_public { &mut public } else { &mut others }).extend(hosts);
                let networks =
                    &ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/whitelist-source-range"];
                let networks = networks.as_str().unwrap_or_default().split(',').filter(|network| !network.is_empty());
                networks.for_each(|network| assert!(!contains(network, POD), "{network} in {}", cluster.place));
            }
            assert!(public.is_subset(&named) && others.is_disjoint(&named), "{named:?} in {}", cluster.place);
            assert!(rules.iter().all(|rule| rule["hostname"] == rule["originRequest"]["originServerName"]));
            for policy in cluster.of_kind("Policy") {
                for network in policy["spec"]["accessControl"]["allow"].as_array().into_iter().flatten() {
                    assert!(!contains(&string(network), POD), "{network} in {}", cluster.place);
                }
            }
            checked += 1;
        }
    }
    assert!(checked > 3, "only {checked} tunnels");
}

/// The network of an app, and what refers to other apps.
#[test]
fn an_app_reaches_what_its_spec_names() {
    let image = "image: { repository: docker.io/vikunja/vikunja, tag: \"1\" }";
    let spec = Edited::reference()
        .add("clusters.gordito.apps.broker", &format!("{{ {image}, ports: {{ mqtt: {{ port: 1883 }} }} }}"))
        .add(
            "clusters.gordito.apps.sensors",
            &format!(
                "{{ {image}, env: {{ SERVER: \"mqtt://broker.broker.svc:1883\" }}, network: {{ internet: false }} }}"
            ),
        )
        .add("clusters.gordito.apps.rules", &format!("{{ {image}, depends-on: [broker] }}"))
        .add(
            "clusters.gordito.apps.cameras",
            &format!(
                "{{ {image}, network: {{ lan: [\"192.168.10.50:554\", 192.168.20.0/24], apps: [broker, hub] }} }}"
            ),
        )
        .add(
            "clusters.gordito.apps.hub",
            &format!("{{ {image}, port: 8123, host-network: true, expose: {{ host: hub }} }}"),
        )
        .text();
    let lab = Case::new("apps that use others", spec, repository(), "spec/homelab.yaml");
    check(
        &lab,
        "gordito",
        &[
            ("sensors", "broker", tcp(1883), true),
            ("rules", "broker", tcp(1883), true),
            ("cameras", "broker", tcp(1883), true),
            ("sensors", "dns", udp(53), true),
            ("cameras", "192.168.10.50", tcp(554), true),
            ("cameras", "192.168.10.50", udp(554), true),
            ("cameras", "192.168.20.9", tcp(80), true),
            // Apps on the host network have the address of their node.
            ("cameras", "192.168.10.43", tcp(8123), true),
            ("nginx", "192.168.10.43", tcp(8123), true),
            ("rules", INTERNET, tcp(443), true),
            ("sensors", INTERNET, tcp(443), false),
            ("sensors", "nginx", tcp(443), false),
            ("sensors", "broker", tcp(22), false),
            ("cameras", "192.168.10.50", tcp(80), false),
            ("cameras", "192.168.10.51", tcp(554), false),
            ("cameras", "192.168.10.43", tcp(22), false),
            ("rules", "192.168.10.43", tcp(8123), false),
            ("nginx", "192.168.10.43", tcp(22), false),
            ("jellyfin", "broker", tcp(1883), false),
            ("broker", "sensors", tcp(80), false),
        ],
    );
}

/// Except those of Kubernetes and Flux, which has its own policies, and those of the user.
#[test]
fn every_namespace_accepts_only_named_connections() {
    let mut seen = BTreeSet::new();
    for case in cases() {
        for (name, cluster) in clusters(case) {
            let own = documents(&case.spec).remove(0);
            let of_manifests = own["clusters"][&name]["manifests"].is_array();
            for namespace in cluster.of_kind("Namespace") {
                let home = namespace["metadata"]["name"].as_str().expect("it has a name");
                if home == "flux-system" || of_manifests && namespace["metadata"]["labels"].is_null() {
                    continue;
                }
                let policies: Vec<_> = cluster
                    .of_kind("NetworkPolicy")
                    .filter(|policy| {
                        policy["metadata"]["namespace"] == home && policy["spec"]["podSelector"] == json!({})
                    })
                    .collect();
                let limits = |direction: &str| {
                    policies.iter().any(|policy| {
                        policy["spec"]["policyTypes"].as_array().expect("it has types").contains(&json!(direction))
                    })
                };
                assert!(limits("Ingress"), "{home} in {}", cluster.place);
                let apps = own["clusters"][&name]["apps"].as_object().into_iter().flatten();
                let mut names = apps.map(|(app, settings)| settings["moved-from"].as_str().unwrap_or(app));
                let is_app = names.any(|app| app == home);
                assert!(!is_app || limits("Egress"), "{home} in {}", cluster.place);
                seen.insert(home.to_owned());
            }
        }
    }
    assert!(seen.len() > 30, "{seen:?}");
}

/// Each connection that a spec or a generated object asks for.
#[test]
fn policies_allow_what_the_output_uses() {
    let mut seen = BTreeMap::new();
    for case in cases() {
        let spec = documents(&case.spec).remove(0);
        for (name, cluster) in clusters(case) {
            let mut require = |kind: &'static str, from: &End, to: &End, port: Port<'_>| {
                assert!(cluster.allows(from, to, port), "{kind}: {from:?} -> {to:?} at {port:?} in {}", cluster.place);
                *seen.entry(kind).or_insert(0) += 1;
            };
            let apps = &spec["clusters"][&name]["apps"];
            let object_name = |app: &str| apps[app]["moved-from"].as_str().unwrap_or(app).to_owned();
            for (app, settings) in apps.as_object().into_iter().flatten() {
                let app = &object_name(app);
                let is_on_host = |app: &Json| app["host-network"] == true;
                if is_on_host(settings) {
                    continue;
                }
                require("DNS", &end(app), &end("dns"), udp(53));
                let port = settings["port"].as_u64().and_then(|port| u16::try_from(port).ok());
                if let (Some(port), true) = (port, settings["expose"].is_object()) {
                    require("Ingress", &end("nginx"), &end(app), tcp(port));
                }
                for other in settings["depends-on"].as_array().into_iter().flatten() {
                    let other = other.as_str().expect("apps have names");
                    let target = &apps[other];
                    let ports = target["ports"].as_object().into_iter().flatten().map(|(_, port)| &port["port"]);
                    for port in ports.chain([&target["port"]]).filter_map(Json::as_u64) {
                        let port = tcp(u16::try_from(port).expect("it is a port"));
                        if !is_on_host(target) {
                            require("depends-on", &end(app), &end(&object_name(other)), port);
                        }
                    }
                }
                for port in settings["ports"].as_object().into_iter().flatten().map(|(_, port)| port) {
                    if port["lan"].is_string() {
                        let number =
                            u16::try_from(port["port"].as_u64().expect("it has a number")).expect("it is a port");
                        let protocol = if port["protocol"] == "udp" { udp(number) } else { tcp(number) };
                        require("LAN", &end("192.168.10.77"), &end(app), protocol);
                    }
                }
                if settings["database"].as_str().is_some_and(|database| database == format!("{name}/postgres")) {
                    require("database", &end(app), &end("postgres"), tcp(5432));
                }
                if settings["service-account"].is_object() {
                    let nodes = spec["clusters"][&name]["nodes"].as_object().expect("it has nodes");
                    let server = nodes.values().find(|node| node["role"] != "agent").expect("it has a server");
                    require("API", &end(app), &end(server["address"].as_str().expect("it has one")), tcp(6443));
                }
            }
            for monitor in cluster.of_kind("PodMonitor") {
                let selected = monitor["spec"]["namespaceSelector"]["matchNames"][0].as_str();
                let home = selected.or(monitor["metadata"]["namespace"].as_str()).expect("it has a namespace");
                let labels = &monitor["spec"]["selector"]["matchLabels"];
                // The user may write any other monitor.
                let endpoints = monitor["spec"]["podMetricsEndpoints"].as_array().into_iter().flatten();
                for port in endpoints.filter_map(|endpoint| endpoint["port"].as_str()) {
                    let kind = if selected.is_some() { "metrics" } else { "metrics of an app" };
                    let target = End::Pod(home.to_owned(), labels.clone());
                    require(kind, &end("prometheus"), &target, (cluster.number(home, port), port, "TCP"));
                }
            }
        }
    }
    for kind in ["API", "DNS", "Ingress", "LAN", "database", "depends-on", "metrics", "metrics of an app"] {
        assert!(seen.contains_key(kind), "{kind}: {seen:?}");
    }
}

/// The Service of PostgreSQL in the LAN and the policy of its pods admit the same networks, and without TLS only pods of
/// its own cluster connect.
#[test]
fn databases_admit_the_same_networks_at_the_service_and_at_the_pods() {
    let mut seen = 0;
    for case in cases() {
        let spec = documents(&case.spec).remove(0);
        for (name, cluster) in clusters(case) {
            for postgres in cluster.of_kind("Cluster") {
                let own = spec["clusters"][&name]["pods"].as_str().unwrap_or("10.42.0.0/16");
                let rules = &postgres["spec"]["postgresql"]["pg_hba"];
                let expected =
                    [format!("hostnossl all all {own} scram-sha-256"), "hostnossl all all all reject".to_owned()];
                assert_eq!(*rules, json!(expected), "{}", cluster.place);
                let services = postgres["spec"]["managed"]["services"]["additional"].as_array();
                for service in services.into_iter().flatten().map(|service| &service["serviceTemplate"]["spec"]) {
                    assert_eq!(service["externalTrafficPolicy"], "Local", "{}", cluster.place);
                    let ranges = service["loadBalancerSourceRanges"].as_array().expect("it admits only some networks");
                    for range in ranges.iter().map(|range| range.as_str().expect("networks are text")) {
                        let first =
                            range.split('/').next().and_then(|text| text.parse().ok()).expect("it has an address");
                        let is_own = range == own;
                        let allowed = cluster.allows(&End::Address(first), &end("postgres"), tcp(5432));
                        assert!(allowed != is_own, "{range} in {}", cluster.place);
                    }
                    seen += ranges.len();
                }
            }
        }
    }
    assert!(seen > 4, "{seen}");
}

/// The port of the pods behind a Service, with its number and name.
fn target<'a>(
    all: &'a All,
    cluster: &'a charts::Cluster,
    home: &str,
    name: &Json,
    port: &Json,
) -> (End, (u16, String)) {
    let of_kind = |kinds: &'static [&str]| {
        all.objects(cluster).filter(move |(_, object)| kinds.contains(&text(object, &["kind"])))
    };
    let (_, service) = of_kind(&["Service"])
        .find(|(place, service)| *place == home && service["metadata"]["name"] == *name)
        .unwrap_or_else(|| panic!("{}: no service {name} in {home}", cluster.place));
    let ports = service["spec"]["ports"].as_array().expect("it has ports");
    let served = ports.iter().find(|served| served["port"] == *port || served["name"] == *port).unwrap_or(&ports[0]);
    let target = if served["targetPort"].is_null() { &served["port"] } else { &served["targetPort"] };
    let (_, workload) = of_kind(&["Deployment", "StatefulSet"])
        .find(|(place, object)| {
            let labels = &object["spec"]["template"]["metadata"]["labels"];
            *place == home && charts::selects(&service["spec"]["selector"], labels)
        })
        .unwrap_or_else(|| panic!("{}: no pod behind {name}", cluster.place));
    let template = &workload["spec"]["template"];
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let all_ports: Vec<_> = containers.flat_map(|container| container["ports"].as_array()).flatten().collect();
    let found = all_ports.iter().find(|port| port["name"] == *target || port["containerPort"] == *target);
    let number = found.map_or(target, |port| &port["containerPort"]).as_u64();
    let number = number.unwrap_or_else(|| panic!("{}: {target} of {name}", cluster.place));
    let name = found.map_or("", |port| text(port, &["name"])).to_owned();
    let pod = End::Pod(home.to_owned(), template["metadata"]["labels"].clone());
    (pod, (u16::try_from(number).expect("it is a port"), name))
}

/// The Kubernetes API reaches every webhook from the nodes of the cluster, and the ingress controller every Service of a
/// chart. With failed webhooks, the API server would refuse all objects of a kind.
#[test]
fn policies_allow_webhooks_and_ingresses_of_charts() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let (name, case_name) = cluster.place.split_once(" of ").expect("it names both");
        let spec = documents(&case(case_name).spec).remove(0);
        let pods = spec["clusters"][name]["pods"].as_str().unwrap_or("10.42.0.0/16");
        let node: Ipv4Addr = pods.split('/').next().and_then(|text| text.parse().ok()).expect("it is a network");
        let judge = Cluster { place: cluster.place.clone(), objects: cluster.objects.clone() };
        for (_, object) in all.of_charts(cluster) {
            let webhooks = object["webhooks"].as_array().into_iter().flatten().map(|webhook| &webhook["clientConfig"]);
            let conversion = &object["spec"]["conversion"]["webhook"]["clientConfig"];
            // The API serves a group of such a Service.
            let group = if object["kind"] == "APIService" { &object["spec"] } else { &Json::Null };
            for service in webhooks
                .chain([conversion, group])
                .map(|config| &config["service"])
                .filter(|service| service.is_object())
            {
                let home = text(service, &["namespace"]);
                let port = if service["port"].is_null() { json!(443) } else { service["port"].clone() };
                let (pod, (number, port)) = target(all, cluster, home, &service["name"], &port);
                let port = (number, port.as_str(), "TCP");
                assert!(
                    judge.allows(&End::Address(node), &pod, port),
                    "webhook of {home} at {port:?} in {}",
                    cluster.place
                );
                let stranger = Ipv4Addr::new(192, 168, 10, 50);
                assert!(!judge.allows(&End::Address(stranger), &pod, port), "webhook of {home} in {}", cluster.place);
                seen.insert(home.to_owned());
            }
        }
        let controller =
            if all.of_charts(cluster).any(|(_, object)| object["metadata"]["name"] == "nginx-ingress-controller") {
                "nginx-ingress"
            } else {
                "ingress-nginx"
            };
        let controller = pod("ingress", ("app.kubernetes.io/name", controller));
        for (home, ingress) in all.of_charts(cluster).filter(|(_, object)| object["kind"] == "Ingress") {
            let backend = &ingress["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
            let port =
                if backend["port"]["number"].is_null() { &backend["port"]["name"] } else { &backend["port"]["number"] };
            let (pod, (number, port)) = target(all, cluster, home, &backend["name"], port);
            assert!(judge.allows(&controller, &pod, (number, &port, "TCP")), "{backend} in {}", cluster.place);
            seen.insert("an Ingress".to_owned());
        }
    }
    let expected = ["cert-manager", "cnpg-system", "external-secrets", "ingress", "metallb-system", "an Ingress"];
    assert!(seen.is_superset(&expected.map(str::to_owned).into()), "{seen:?}");
}

/// A policy that selects no pod of a chart by label protects nothing, or lets nobody in.
#[test]
fn policies_select_pods_that_exist() {
    let Some(all) = &*ALL else { return };
    let mut seen = BTreeSet::new();
    for cluster in &all.clusters {
        let pods: Vec<(&str, &Json)> = all
            .objects(cluster)
            .filter(|(_, object)| ["DaemonSet", "Deployment", "StatefulSet"].contains(&text(object, &["kind"])))
            .map(|(home, object)| (home, &object["spec"]["template"]["metadata"]["labels"]))
            .collect();
        for policy in cluster.objects.iter().filter(|object| object["kind"] == "NetworkPolicy") {
            walk(policy, &mut Vec::new(), &mut |path, value| {
                let own = path == ["spec"];
                let labels = &value["podSelector"]["matchLabels"];
                if !labels.is_object() {
                    return;
                }
                let home = if own {
                    text(policy, &["metadata", "namespace"])
                } else {
                    text(value, &["namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"])
                };
                // Operators create the pods of Prometheus and PostgreSQL, and k3s those of CoreDNS.
                let is_known = labels["operator.prometheus.io/name"] == "kube-prometheus-stack-prometheus"
                    || labels["cnpg.io/cluster"] == "postgres"
                    || labels["k8s-app"] == "kube-dns";
                let exists = pods.iter().any(|(place, pod)| *place == home && charts::selects(labels, pod));
                assert!(is_known || exists, "{labels} in {home} of {}", cluster.place);
                seen.insert(labels.to_string());
            });
        }
    }
    assert!(seen.len() > 3, "{seen:?}");
}
