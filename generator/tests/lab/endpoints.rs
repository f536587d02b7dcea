//! Services that one cluster offers and another uses: both ends agree on host name, address and credentials.

use crate::edit::Edited;
use crate::output::{Case, INGRESS_CONTROLLERS, cases, chart, documents, walk};
use crate::support::repository;
use homelab::tree::Tree;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The annotation with the address of a Service of type LoadBalancer.
const ADDRESS: &str = "metallb.io/loadBalancerIPs";

/// A lab with its objects, by cluster.
struct Lab<'a> {
    case: &'a Case,
    tree: &'a Tree,
    objects: BTreeMap<String, Vec<Json>>,
}

impl<'a> Lab<'a> {
    fn of(case: &'a Case) -> Self {
        let tree = case.tree();
        let mut objects: BTreeMap<String, Vec<Json>> = BTreeMap::new();
        for file in tree.files() {
            if let Some((cluster, _)) = file.path.strip_prefix("k8s/").and_then(|path| path.split_once('/')) {
                objects.entry(cluster.to_owned()).or_default().extend(documents(&file.text));
            }
        }
        Self { case, tree, objects }
    }

    fn of_kind(&self, cluster: &str, kind: &str) -> impl Iterator<Item = &Json> {
        self.objects[cluster].iter().filter(move |object| object["kind"] == kind)
    }

    /// The names that the CoreDNS of a cluster resolves for its pods, with their addresses.
    fn resolved(&self, cluster: &str) -> BTreeMap<String, String> {
        let mut resolved = BTreeMap::new();
        for map in self.of_kind(cluster, "ConfigMap").filter(|map| map["metadata"]["name"] == "coredns-custom") {
            assert_eq!(map["metadata"]["namespace"], "kube-system", "the CoreDNS of k3s mounts it");
            for (file, text) in map["data"].as_object().expect("it has zones") {
                let zone = file.strip_suffix(".server").expect("CoreDNS imports only these");
                let text = text.as_str().expect("zones are text");
                assert!(text.starts_with(&format!("{zone}:53 {{\n")), "{file}: {text}");
                let hosts: Vec<_> = text.lines().filter_map(host).collect();
                // The whole domain, which the DNS servers of the LAN answer.
                if hosts.is_empty() && text.contains("    forward . ") {
                    continue;
                }
                let [(address, name)] = hosts[..] else { panic!("{file}: {text}") };
                assert_eq!(zone, name, "the zone is for this name only");
                resolved.insert(name.to_owned(), address.to_owned());
            }
        }
        resolved
    }

    /// The names in the certificate of PostgreSQL, as other clusters reach it, with their addresses.
    fn databases(&self, cluster: &str) -> BTreeMap<String, String> {
        let mut served = BTreeMap::new();
        for postgres in self.of_kind(cluster, "Cluster") {
            let spec = &postgres["spec"];
            for service in spec["managed"]["services"]["additional"].as_array().into_iter().flatten() {
                let template = &service["serviceTemplate"];
                assert_eq!(template["spec"]["type"], "LoadBalancer");
                let address = template["metadata"]["annotations"][ADDRESS].as_str().expect("it has a fixed address");
                let names = spec["certificates"]["serverAltDNSNames"].as_array().expect("it has a certificate");
                served.extend(
                    names.iter().map(|name| (name.as_str().expect("names are text").to_owned(), address.to_owned())),
                );
            }
        }
        served
    }

    /// The hosts of the Ingresses that have a certificate, with the address of the controller.
    fn ingresses(&self, cluster: &str) -> BTreeMap<String, String> {
        let controllers = self
            .of_kind(cluster, "HelmRelease")
            .filter(|release| chart(release).is_some_and(|chart| INGRESS_CONTROLLERS.contains(&chart)));
        let address = |release: &Json| {
            let service = &release["spec"]["values"]["controller"]["service"];
            service["annotations"][ADDRESS].as_str().map(str::to_owned)
        };
        let Some(address) = controllers.filter_map(address).next() else { return BTreeMap::new() };
        let with_certificate = self.of_kind(cluster, "Ingress").filter(|ingress| {
            let hosts: Vec<_> =
                ingress["spec"]["rules"].as_array().into_iter().flatten().map(|rule| &rule["host"]).collect();
            let tls: Vec<_> = ingress["spec"]["tls"]
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|tls| tls["hosts"].as_array())
                .flatten()
                .collect();
            hosts == tls
        });
        let hosts = with_certificate.flat_map(|ingress| ingress["spec"]["rules"].as_array()).flatten();
        hosts.map(|rule| (rule["host"].as_str().expect("hosts are text").to_owned(), address.clone())).collect()
    }

    /// The hosts that receive metrics and logs from other clusters.
    fn ingests(&self, cluster: &str) -> Vec<String> {
        ["/api/v1/write", "/loki/api/v1/push"].iter().filter_map(|path| self.ingest(cluster, path)).collect()
    }

    /// The host that receives requests of other clusters at a path.
    fn ingest(&self, cluster: &str, expected: &str) -> Option<String> {
        let is_it = |ingress: &&Json| {
            let mut is_it = false;
            walk(ingress, &mut Vec::new(), &mut |path, value| {
                is_it |= path.last() == Some(&"path") && value == expected;
            });
            is_it
        };
        let ingress = self.of_kind(cluster, "Ingress").find(is_it)?;
        Some(ingress["spec"]["rules"][0]["host"].as_str().expect("it has a host").to_owned())
    }

    /// The keys of the secret store that a Secret is created from, as `ENTRY/KEY`. The clusters may have different stores.
    fn keys(&self, cluster: &str, namespace: &str, secret: &str) -> BTreeSet<String> {
        let mut keys = BTreeSet::new();
        for object in self.of_kind(cluster, "ExternalSecret") {
            let is_it = object["spec"]["target"]["name"] == secret && object["metadata"]["namespace"] == namespace;
            for item in object["spec"]["data"].as_array().into_iter().flatten().filter(|_| is_it) {
                let parts = ["key", "property"].into_iter().filter_map(|part| item["remoteRef"][part].as_str());
                keys.insert(parts.collect::<Vec<_>>().join("/").trim_start_matches('/').to_owned());
            }
        }
        keys
    }

    /// Whether the spec disables the component that resolves names of other clusters.
    fn disables_names(&self, cluster: &str) -> bool {
        let spec: Json = serde_yaml::from_str(&self.case.spec).expect("specs are YAML");
        spec["clusters"][cluster]["platform"]["names"]["enabled"] == false
    }

    /// The text of all files of an app and its Secrets.
    fn app(&self, cluster: &str, app: &str) -> String {
        let folders = ["apps", "secrets"].map(|kind| format!("k8s/{cluster}/{kind}/{app}/"));
        let files = self.tree.files().iter().filter(|file| folders.iter().any(|folder| file.path.starts_with(folder)));
        files.map(|file| file.text.as_str()).collect()
    }
}

/// A line of a hosts file.
fn host(line: &str) -> Option<(&str, &str)> {
    let (address, name) = line.trim().split_once(' ')?;
    address.parse::<Ipv4Addr>().ok().map(|_| (address, name))
}

fn labs<'a>() -> impl Iterator<Item = Lab<'a>> {
    cases().iter().map(Lab::of)
}

/// For each pair of clusters, in both directions.
#[test]
fn a_cluster_resolves_exactly_the_names_that_the_others_serve() {
    let mut seen = 0;
    for lab in labs() {
        for consumer in lab.objects.keys() {
            if lab.disables_names(consumer) {
                assert!(lab.resolved(consumer).is_empty(), "{consumer} of {}", lab.case.name);
                continue;
            }
            let mut served = BTreeMap::new();
            for server in lab.objects.keys().filter(|server| *server != consumer) {
                served.extend(lab.databases(server));
                let ingresses = lab.ingresses(server);
                served.extend(lab.ingests(server).into_iter().map(|host| {
                    let address = ingresses.get(&host).unwrap_or_else(|| panic!("{host} has no certificate"));
                    (host, address.clone())
                }));
            }
            assert_eq!(lab.resolved(consumer), served, "{consumer} of {}", lab.case.name);
            seen += served.len();
        }
    }
    assert!(seen > 4, "only {seen} names are resolved in all cases");
}

/// On the host name in the environment of the app, the name of the role, and the key with the password.
#[test]
fn an_app_and_its_database_agree() {
    let mut seen = BTreeSet::new();
    for lab in labs() {
        let spec = documents(&lab.case.spec).remove(0);
        let hosts: BTreeSet<String> =
            lab.objects.keys().flat_map(|cluster| lab.databases(cluster).into_keys()).collect();
        for cluster in lab.objects.keys() {
            for (app, settings) in spec["clusters"][cluster]["apps"].as_object().into_iter().flatten() {
                let Some((server, postgres)) = settings["database"].as_str().and_then(|text| text.split_once('/'))
                else {
                    continue;
                };
                let place = format!("{app} in {cluster}, {}", lab.case.name);
                let app = settings["moved-from"].as_str().unwrap_or(app);
                let text = lab.app(cluster, app);
                let inside = format!("{postgres}-rw.databases.svc.cluster.local");
                let mentioned: BTreeSet<_> =
                    hosts.iter().chain([&inside]).filter(|host| text.contains(host.as_str())).cloned().collect();
                if server == cluster {
                    assert_eq!(mentioned, [inside].into(), "{place}");
                } else {
                    let resolved = lab.resolved(cluster);
                    let served = lab.databases(server);
                    assert_eq!(mentioned, served.keys().cloned().collect(), "{place}");
                    assert!(
                        served.iter().all(|(host, address)| resolved.get(host) == Some(address)),
                        "{place}: {resolved:?}"
                    );
                }
                let named = |field: &str| settings[field].as_str().map(|name| name.replace('_', "-"));
                let name = named("database-name").unwrap_or(app.to_owned());
                let user = named("database-role").unwrap_or(name.clone());
                let role = lab.of_kind(server, "DatabaseRole").find(|role| role["metadata"]["name"] == user.as_str());
                let role = role.unwrap_or_else(|| panic!("{place} has no role"));
                let database =
                    lab.of_kind(server, "Database").find(|database| database["metadata"]["name"] == name.as_str());
                assert_eq!(database.expect("it has a database")["spec"]["owner"], role["spec"]["name"], "{place}");
                let user = role["spec"]["name"].as_str().expect("roles have names");
                let has_user = [format!("value: {user}\n"), format!("postgres://{user}:")];
                assert!(has_user.iter().any(|words| text.contains(words)) || !text.contains("DB_USER"), "{place}");
                let password = role["spec"]["passwordSecret"]["name"].as_str().expect("roles have a password");
                let theirs = lab.keys(server, "databases", password);
                let ours = lab.keys(cluster, app, app);
                assert!(theirs.len() == 1 && theirs.is_subset(&ours), "{place}: {theirs:?} and {ours:?}");
                seen.insert(server == cluster);
            }
        }
    }
    assert_eq!(seen.len(), 2, "databases of the same and of another cluster");
}

/// On the URL, the address that it resolves to, and the keys with user name and password.
#[test]
fn sender_and_receiver_of_metrics_agree() {
    let mut seen = 0;
    for lab in labs() {
        for cluster in lab.objects.keys() {
            for release in lab.of_kind(cluster, "HelmRelease") {
                let writes = &release["spec"]["values"]["prometheus"]["prometheusSpec"]["remoteWrite"];
                for write in writes.as_array().into_iter().flatten() {
                    let place = format!("{cluster} of {}", lab.case.name);
                    let url = write["url"].as_str().expect("it writes somewhere");
                    let host = url
                        .strip_prefix("https://")
                        .and_then(|rest| rest.strip_suffix("/api/v1/write"))
                        .expect("Prometheus' own path");
                    let receiver = lab
                        .objects
                        .keys()
                        .find(|receiver| lab.ingest(receiver, "/api/v1/write").as_deref() == Some(host));
                    let receiver = receiver.unwrap_or_else(|| panic!("{place}: no cluster receives metrics at {host}"));
                    assert_ne!(receiver, cluster, "{place}");
                    assert_eq!(lab.resolved(cluster).get(host), lab.ingresses(receiver).get(host), "{place}");
                    assert!(lab.resolved(cluster).contains_key(host), "{place}");
                    let secret = write["basicAuth"]["password"]["name"].as_str().expect("it presents a password");
                    let ours = lab.keys(cluster, "monitoring", secret);
                    assert!(
                        ours.len() == 2 && ours == lab.keys(receiver, "monitoring", "metrics-ingest"),
                        "{place}: {ours:?}"
                    );
                    // The receiver has an alert for missing metrics of this cluster.
                    let releases: Vec<_> = lab.of_kind(receiver, "HelmRelease").map(Json::to_string).collect();
                    let alert = format!("absent(up{{cluster=\\\"{cluster}\\\"}})");
                    assert!(releases.iter().any(|release| release.contains(&alert)), "{place}: no alert in {receiver}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 1, "only {seen} clusters ship");
}

/// The same for logs.
#[test]
fn sender_and_receiver_of_logs_agree() {
    let mut seen = 0;
    for lab in labs() {
        for cluster in lab.objects.keys() {
            let releases = lab.of_kind(cluster, "HelmRelease").map(Json::to_string);
            for release in releases.filter(|release| release.contains("logs-shipping")) {
                let place = format!("{cluster} of {}", lab.case.name);
                let (before, _) = release.split_once("/loki/api/v1/push").expect("it pushes somewhere");
                let (_, host) = before.rsplit_once("https://").expect("over TLS");
                let receiver = lab
                    .objects
                    .keys()
                    .find(|receiver| lab.ingest(receiver, "/loki/api/v1/push").as_deref() == Some(host));
                let receiver = receiver.unwrap_or_else(|| panic!("{place}: no cluster receives logs at {host}"));
                assert_ne!(receiver, cluster, "{place}");
                assert!(lab.resolved(cluster).contains_key(host), "{place}");
                assert_eq!(lab.resolved(cluster).get(host), lab.ingresses(receiver).get(host), "{place}");
                let ours = lab.keys(cluster, "logging", "logs-shipping");
                assert!(ours.len() == 2 && ours == lab.keys(receiver, "logging", "logs-ingest"), "{place}: {ours:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 1, "only {seen} clusters ship");
}

/// The networks that an Ingress admits, if it rejects others.
fn allowed(lab: &Lab<'_>, cluster: &str, namespace: &Json, annotations: &Json) -> Option<Vec<String>> {
    if let Some(list) = annotations["nginx.ingress.kubernetes.io/whitelist-source-range"].as_str() {
        return Some(list.split(',').map(str::to_owned).collect());
    }
    let names: Vec<_> =
        annotations["nginx.org/policies"].as_str().into_iter().flat_map(|list| list.split(',')).collect();
    // Policies of the user come after it.
    let is_it = |policy: &&Json| {
        policy["metadata"]["namespace"] == *namespace
            && names.first().is_some_and(|name| policy["metadata"]["name"] == *name)
    };
    let policy = lab.of_kind(cluster, "Policy").find(is_it);
    assert!(names.is_empty() || policy.is_some(), "{namespace} of {cluster} has no policy {names:?}");
    let policy = &policy?["spec"];
    if policy["externalAuth"].is_object() {
        // It admits users from all networks: one of networks would come first.
        return None;
    }
    let networks = policy["accessControl"]["allow"].as_array().expect("it admits some networks");
    Some(networks.iter().map(|network| network.as_str().expect("networks are text").to_owned()).collect())
}

/// Routers forward to the address of the ingress controller, so a host name that is in no public zone does not protect
/// an app.
#[test]
fn ingresses_that_are_not_public_admit_only_networks_of_the_lab() {
    let mut seen = BTreeMap::new();
    let on_lan = Edited::everything().remove("clusters.home.platform.monitoring.grafana.public");
    let other = on_lan.clone().add("clusters.home.platform.ingress.implementation", "ingress-nginx");
    let variants = [("Grafana on the LAN", on_lan), ("the other ingress controller", other)]
        .map(|(name, spec)| Case::new(name, spec.text(), repository(), "tests/everything.yaml"));
    for lab in labs().chain(variants.iter().map(Lab::of)) {
        let spec = documents(&lab.case.spec).remove(0);
        let pods = |cluster: &Json| cluster["pods"].as_str().unwrap_or("10.42.0.0/16").to_owned();
        let lan = spec["network"]["lan"]["cidr"].as_str().expect("there is a LAN").to_owned();
        let trusted = spec["network"]["trusted"].as_object().into_iter().flat_map(|networks| networks.values());
        let reaches_apps =
            |network: &&Json| network["open"].as_array().is_none_or(|open| open.contains(&json!("apps")));
        let trusted: Vec<_> = trusted.filter(reaches_apps).map(|network| network["cidr"].clone()).collect();
        for cluster in lab.objects.keys() {
            // Pods of other clusters come from the LAN, with the addresses of their nodes.
            let mut own = BTreeSet::from([lan.clone()]);
            // The Internet reaches the ingress by a pod of a tunnel.
            if spec["clusters"][cluster]["platform"]["tunnel"].is_null() {
                own.insert(pods(&spec["clusters"][cluster]));
            }
            own.extend(trusted.iter().filter_map(Json::as_str).map(str::to_owned));
            let ingresses = lab.of_kind(cluster, "Ingress").map(|ingress| (ingress, &ingress["metadata"]));
            let grafanas = lab.of_kind(cluster, "HelmRelease").filter_map(|release| {
                let ingress = &release["spec"]["values"]["grafana"]["ingress"];
                ingress.is_object().then_some((release, ingress))
            });
            for (object, ingress) in ingresses.chain(grafanas) {
                let name = object["metadata"]["name"].as_str().expect("objects have names");
                let place = format!("{name} in {cluster} of {}", lab.case.name);
                let is_public = ingress["labels"]["homelab/exposure"] == "public";
                let allow = &spec["clusters"][cluster]["apps"][name]["expose"]["allow"];
                let allow =
                    allow.as_array().map(|networks| networks.iter().filter_map(Json::as_str).map(str::to_owned));
                let allowed = allowed(&lab, cluster, &object["metadata"]["namespace"], &ingress["annotations"]);
                let allowed = allowed.map(BTreeSet::from_iter);
                let expected = allow.map(BTreeSet::from_iter).or_else(|| (!is_public).then(|| own.clone()));
                assert_eq!(allowed, expected, "{place}");
                let kind =
                    if ingress["annotations"]["nginx.org/policies"].is_string() { "policy" } else { "annotation" };
                *seen.entry((kind, is_public, name == "kube-prometheus-stack")).or_insert(0) += 1;
            }
        }
    }
    assert!(seen.contains_key(&("policy", false, false)) && seen.contains_key(&("policy", false, true)), "{seen:?}");
    assert!(seen.contains_key(&("annotation", false, false)), "{seen:?}");
}

/// A collector rejects a staging certificate, and reports that in its own log only.
#[test]
fn hosts_that_receive_metrics_and_logs_have_trusted_certificates() {
    let certificates = "clusters.home.platform.certificates";
    let spec = Edited::everything()
        .remove(&format!("{certificates}.wildcard"))
        .add(&format!("{certificates}.issuer"), "staging");
    let case = Case::new("staging", spec.text(), repository(), "tests/everything.yaml");
    let lab = Lab::of(&case);
    let issuers: BTreeMap<_, _> = lab
        .of_kind("home", "Ingress")
        .map(|ingress| {
            let name = ingress["metadata"]["name"].as_str().expect("it has a name");
            (name, ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"].as_str())
        })
        .collect();
    assert_eq!(issuers["shelf"], Some("letsencrypt-staging"));
    assert_eq!((issuers["metrics-ingest"], issuers["logs-ingest"]), (Some("letsencrypt"), Some("letsencrypt")));
}

/// Without its data source, the dashboard shows only an error.
#[test]
fn only_clusters_with_grafana_and_loki_have_the_logs_dashboard() {
    let mut seen = BTreeSet::new();
    let path = repository().join("tests/invalid/logs-unseen.yaml");
    let spec = std::fs::read_to_string(path).expect("the case exists");
    let warned = Case::new("logs-unseen", spec, repository(), "tests/invalid/logs-unseen.yaml");
    for lab in labs().chain([Lab::of(&warned)]) {
        for cluster in lab.objects.keys() {
            let has = |name: &str| lab.of_kind(cluster, "ConfigMap").any(|map| map["metadata"]["name"] == name);
            let shows = has("dashboard-nodes");
            assert_eq!(has("dashboard-logs"), shows && has("datasource-loki"), "{cluster} of {}", lab.case.name);
            seen.insert((shows, has("datasource-loki")));
        }
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// Pools assign no address to a Service that requests none.
#[test]
fn every_load_balancer_requests_its_address() {
    let mut seen = 0;
    for lab in labs() {
        for (cluster, objects) in &lab.objects {
            for pool in lab.of_kind(cluster, "IPAddressPool") {
                assert_eq!(pool["spec"]["autoAssign"], false, "{cluster} of {}", lab.case.name);
            }
            for object in objects {
                walk(object, &mut Vec::new(), &mut |path, value| {
                    // A Service of a manifest, and one in the values of a chart.
                    let annotations = if value["spec"]["type"] == "LoadBalancer" {
                        &value["metadata"]["annotations"]
                    } else if value["type"] == "LoadBalancer" && path.last() != Some(&"spec") {
                        &value["annotations"]
                    } else {
                        return;
                    };
                    assert!(annotations[ADDRESS].is_string(), "{cluster} of {}: {path:?}", lab.case.name);
                    seen += 1;
                });
            }
        }
    }
    assert!(seen > 3, "only {seen} services have an address");
}
