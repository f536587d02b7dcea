//! What the DNS servers of the LAN answer: CoreDNS with the generated configuration, asked by `dig`.

use crate::output::documents;
use crate::support::{build_go, reference_spec, repository, temporary_folder, tool, tree_of};
use homelab::tree::Tree;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// CoreDNS, built once from `tests/tools/coredns`. `None`, with the reason printed, if Go or the modules are not
/// available.
static COREDNS: LazyLock<Option<PathBuf>> = LazyLock::new(|| build_go("coredns"));

/// The public zone of the domain, as it is outside the lab.
const PUBLIC_ZONE: &str = r#"
$ORIGIN example.com.
$TTL 300
@    SOA ns.example.net. admin.example.com. 7 3600 600 86400 60
@    NS ns.example.net.
@    A 203.0.113.80
@    MX 10 mail.example.net.
@    TXT "v=spf1 -all"
@    CAA 0 issue "letsencrypt.org"
home    A 203.0.113.7
links   CNAME home
links   TXT "not for the LAN"
jellyfin CNAME home
www     A 203.0.113.81
_acme-challenge       TXT "proof of the domain"
_acme-challenge.links TXT "proof of links"
"#;

/// All other zones, of which the tests ask for one name.
const OTHER_ZONES: &str = "
$ORIGIN .
$TTL 300
@ SOA ns.example.net. admin.example.com. 7 3600 600 86400 60
@ NS ns.example.net.
registry.example.org A 198.51.100.9
";

/// The names of the reference lab, with the answer that each type of query gets in the LAN.
const REFERENCE: &[(&str, &str, &str)] = &[
    // Public apps: the ingress, not the public address.
    ("jellyfin.example.com", "A", "192.168.10.245"),
    ("JELLYFIN.Example.com", "A", "192.168.10.245"),
    ("links.example.com", "A", "192.168.10.245"),
    ("memos.example.com", "A", "192.168.10.245"),
    ("grafana.example.com", "A", "192.168.10.245"),
    // Services for other clusters.
    ("metrics.gordito.example.com", "A", "192.168.10.245"),
    ("logs.gordito.example.com", "A", "192.168.10.245"),
    ("postgres.data.example.com", "A", "192.168.10.241"),
    // Nodes, hosts and storage.
    ("data-cp.example.com", "A", "192.168.10.41"),
    ("gordito-cp.example.com", "A", "192.168.10.42"),
    ("gordito-worker.example.com", "A", "192.168.10.43"),
    ("lenovo.example.com", "A", "192.168.10.11"),
    ("elitedesk.example.com", "A", "192.168.10.12"),
    ("nas.example.com", "A", "192.168.10.20"),
    // No data of another type, so that clients use the address in the LAN.
    ("links.example.com", "AAAA", "NOERROR"),
    ("links.example.com", "TXT", "NOERROR"),
    ("links.example.com", "HTTPS", "NOERROR"),
    ("links.example.com", "CNAME", "NOERROR"),
    ("nas.example.com", "AAAA", "NOERROR"),
    // The public zone: the address of the lab, certificate challenges, mail, other public names.
    ("home.example.com", "A", "203.0.113.7"),
    ("_acme-challenge.example.com", "TXT", "\"proof of the domain\""),
    ("_acme-challenge.links.example.com", "TXT", "\"proof of links\""),
    ("example.com", "A", "203.0.113.80"),
    ("example.com", "MX", "10 mail.example.net."),
    ("example.com", "SOA", "ns.example.net. admin.example.com. 7 3600 600 86400 60"),
    ("example.com", "NS", "ns.example.net."),
    ("example.com", "CAA", "0 issue \"letsencrypt.org\""),
    ("www.example.com", "A", "203.0.113.81"),
    ("unknown.example.com", "A", "NXDOMAIN"),
    ("unknown.example.com", "AAAA", "NXDOMAIN"),
    // Other domains, and the name by which Firefox finds out that it must not bypass the server.
    ("registry.example.org", "A", "198.51.100.9"),
    ("unknown.example.org", "A", "NXDOMAIN"),
    ("use-application-dns.net", "A", "NXDOMAIN"),
];

/// The names of `tests/valid/lan-dns-of-four-clusters`.
const FOUR_CLUSTERS: &[(&str, &str, &str)] = &[
    ("tasks.example.com", "A", "192.168.10.0"),
    ("todo.example.com", "A", "192.168.10.0"),
    ("vikunja.example.com", "A", "192.168.10.0"),
    ("tasks.staging.example.com", "A", "192.168.10.32"),
    ("links.edge.example.com", "A", "192.168.10.64"),
    ("mosquitto.edge.example.com", "A", "192.168.10.70"),
    ("mosquitto.edge.example.com", "AAAA", "NOERROR"),
    ("postgres.data.example.com", "A", "192.168.10.49"),
    ("prod-2.example.com", "A", "192.168.1.2"),
    ("edge-1.example.com", "A", "192.168.1.31"),
    ("pi.example.com", "A", "192.168.0.12"),
    ("vault.example.com", "A", "192.168.0.21"),
    // The name of an app, which the storage has, too.
    ("nas.example.com", "A", "192.168.10.32"),
    // An app at the domain itself: its address, and everything else of the public zone.
    ("example.com", "A", "192.168.10.0"),
    ("example.com", "AAAA", "NOERROR"),
    ("example.com", "MX", "10 mail.example.net."),
    ("example.com", "TXT", "\"v=spf1 -all\""),
    ("_acme-challenge.example.com", "TXT", "\"proof of the domain\""),
    // Names above and below those of the lab.
    ("edge.example.com", "A", "NXDOMAIN"),
    ("below.tasks.example.com", "A", "NXDOMAIN"),
    ("www.example.com", "A", "203.0.113.81"),
    ("unknown.example.com", "A", "NXDOMAIN"),
    ("registry.example.org", "A", "198.51.100.9"),
];

/// A running DNS server.
struct Server {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().and_then(|()| self.process.wait()).expect("it can be ended");
    }
}

/// A port that no other server uses, below those that the system gives to clients: `dig` has one for each query.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let is_free =
        |port: &u16| UdpSocket::bind(("127.0.0.1", *port)).is_ok() && TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut ports = std::iter::repeat_with(|| {
        let number = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        u16::try_from(20_000 + number % 12_000).expect("it is below 32000")
    });
    ports.by_ref().take(12_000).find(is_free).expect("a port is free")
}

impl Server {
    /// Starts CoreDNS. In its configuration, `@PORT@` is the port and `@FOLDER@` the folder of the files.
    fn start(coredns: &Path, corefile: &str, files: &[(&str, &str)]) -> Self {
        let folder = temporary_folder();
        let port = free_port();
        let path = folder.path().to_str().expect("the path is text");
        for (name, text) in files {
            fs::write(folder.path().join(name), text).expect("the folder is writable");
        }
        let text = corefile.replace("@PORT@", &port.to_string()).replace("@FOLDER@", path);
        fs::write(folder.path().join("Corefile"), &text).expect("the folder is writable");
        let log = fs::File::create(folder.path().join("log")).expect("the folder is writable");
        let mut command = Command::new(coredns);
        command.args(["-conf", &format!("{path}/Corefile")]).stderr(Stdio::null()).stdout(log);
        let mut server = Self { process: command.spawn().expect("CoreDNS starts"), port, _folder: folder };
        let end = Instant::now() + Duration::from_secs(30);
        while server.asked("version.bind", "SOA").is_none() {
            let log = || fs::read_to_string(server._folder.path().join("log")).unwrap_or_default();
            assert!(server.process.try_wait().expect("it can be asked").is_none(), "{text}\n{}", log());
            assert!(Instant::now() < end, "it does not answer: {text}\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// What `dig` prints: the addresses or texts, or else the status. `None` if there is no answer.
    fn asked(&self, name: &str, kind: &str) -> Option<String> {
        let mut dig = Command::new("dig");
        dig.args(["@127.0.0.1", "-p", &self.port.to_string(), "+tries=1", "+time=5", "+noall", "+comments", "+answer"]);
        let output = dig.args([name, kind]).output().expect("dig starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = text.lines().find_map(|line| line.split_once("status: ")?.1.split(',').next())?.to_owned();
        let answers = text.lines().filter(|line| !line.starts_with(';') && !line.trim().is_empty());
        let values: Vec<_> =
            answers.map(|line| line.split_whitespace().skip(4).collect::<Vec<_>>().join(" ")).collect();
        Some(if values.is_empty() { status } else { values.join(" ") })
    }

    /// Asks for every name of a table, and compares the answers.
    fn check(&self, who: &str, table: &[(&str, &str, &str)]) {
        let wrong: Vec<_> = table
            .iter()
            .filter_map(|(name, kind, expected)| {
                let answer = self.asked(name, kind).unwrap_or_else(|| "no answer".to_owned());
                (answer != *expected).then(|| format!("{name} {kind}: {answer}, not {expected}"))
            })
            .collect();
        assert!(wrong.is_empty(), "{who}:\n{}", wrong.join("\n"));
    }
}

/// The public DNS servers.
fn public(coredns: &Path) -> Server {
    let corefile = "example.com:@PORT@ {\n    file @FOLDER@/zone\n}\n.:@PORT@ {\n    file @FOLDER@/others\n}\n";
    Server::start(coredns, corefile, &[("zone", PUBLIC_ZONE), ("others", OTHER_ZONES)])
}

/// The objects of a kind in a cluster.
fn objects(tree: &Tree, cluster: &str, kind: &str) -> Vec<Json> {
    let prefix = format!("k8s/{cluster}/");
    let files = tree.files().iter().filter(|file| file.path.starts_with(&prefix));
    files.flat_map(|file| documents(&file.text)).filter(|object| object["kind"] == kind).collect()
}

fn config_map(tree: &Tree, cluster: &str, name: &str) -> Json {
    let maps = objects(tree, cluster, "ConfigMap");
    maps.into_iter().find(|map| map["metadata"]["name"] == name).expect("the cluster has it")["data"].clone()
}

/// The file with the names, as Flux Operator collects it. The bench does that with the operator itself.
fn names_file(tree: &Tree, cluster: &str) -> String {
    let mut file = "# The names of the lab.\n".to_owned();
    for provider in objects(tree, cluster, "ResourceSetInputProvider") {
        for name in provider["spec"]["defaultValues"]["names"].as_array().expect("it has names") {
            let field = |field: &str| name[field].as_str().expect("it is text").to_owned();
            file.push_str(&format!("{} {}\n", field("address"), field("name")));
        }
    }
    file
}

/// The configuration with other upstream servers and ports, so that several servers run beside each other.
fn relocated(corefile: &str, upstream: u16) -> String {
    let lines = corefile.lines().map(|line| match line.trim().split_once(' ') {
        Some(("forward", _)) => format!("    forward . 127.0.0.1:{upstream}"),
        Some(("prometheus" | "ready", _)) => String::new(),
        Some(("health", _)) => format!("    health 127.0.0.1:{} {{", free_port()),
        _ => line.replace(":1053", ":@PORT@").replace("/etc/names", "@FOLDER@"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The DNS server of a cluster.
fn server(coredns: &Path, tree: &Tree, cluster: &str, upstream: &Server) -> Server {
    let data = config_map(tree, cluster, "lan-dns");
    let corefile = relocated(data["Corefile"].as_str().expect("it is text"), upstream.port);
    Server::start(coredns, &corefile, &[("names.hosts", &names_file(tree, cluster))])
}

fn programs() -> Option<&'static Path> {
    tool("dig")?;
    COREDNS.as_deref()
}

fn four_clusters() -> String {
    let path = repository().join("tests/valid/lan-dns-of-four-clusters/spec.yaml");
    fs::read_to_string(path).expect("it is a case")
}

#[test]
fn every_server_of_the_reference_lab_answers_for_both_clusters() {
    let Some(coredns) = programs() else { return };
    let tree = tree_of(&reference_spec());
    let public = public(coredns);
    for cluster in ["data", "gordito"] {
        server(coredns, &tree, cluster, &public).check(cluster, REFERENCE);
    }
}

#[test]
fn every_server_of_four_clusters_answers_for_all() {
    let Some(coredns) = programs() else { return };
    let tree = tree_of(&four_clusters());
    let public = public(coredns);
    for cluster in ["prod", "staging", "data", "edge"] {
        server(coredns, &tree, cluster, &public).check(cluster, FOUR_CLUSTERS);
    }
}

#[test]
fn names_of_the_lab_do_not_depend_on_the_internet() {
    let Some(coredns) = programs() else { return };
    let tree = tree_of(&reference_spec());
    let upstream = public(coredns);
    let server = server(coredns, &tree, "data", &upstream);
    drop(upstream);
    let is_of_lab = |row: &&(&str, &str, &str)| row.2.starts_with("192.168.") || row.2 == "NOERROR";
    let of_lab: Vec<_> = REFERENCE.iter().filter(is_of_lab).copied().collect();
    server.check("without upstream servers", &of_lab);
    let answer = server.asked("www.example.com", "A");
    assert!(answer.as_deref().is_none_or(|answer| answer == "SERVFAIL"), "{answer:?}");
}

#[test]
fn pods_resolve_the_names_of_the_lab_while_one_cluster_has_a_server() {
    let Some(coredns) = programs() else { return };
    let tree = tree_of(&reference_spec());
    let public = public(coredns);
    let servers = ["gordito", "data"].map(|cluster| server(coredns, &tree, cluster, &public));
    let addresses = ["192.168.10.249", "192.168.10.242"];
    // The zones that k3s' CoreDNS imports in gordito, with the addresses of the servers of this test.
    let data = config_map(&tree, "gordito", "coredns-custom");
    let mut corefile = String::new();
    for text in data.as_object().expect("it has zones").values() {
        corefile.push_str(&text.as_str().expect("zones are text").replace(":53 {", ":@PORT@ {"));
    }
    for (address, server) in addresses.iter().zip(&servers) {
        assert!(corefile.contains(address), "{corefile}");
        corefile = corefile.replace(address, &format!("127.0.0.1:{}", server.port));
    }
    let pods = Server::start(coredns, &corefile, &[]);
    let in_domain = |row: &&(&str, &str, &str)| row.0.to_lowercase().ends_with("example.com");
    let table: Vec<_> = REFERENCE.iter().filter(in_domain).copied().collect();
    pods.check("both servers", &table);
    let [own, other] = servers;
    drop(own);
    // Answers of before may still be in the cache of the pods.
    let fresh = Server::start(coredns, &corefile, &[]);
    fresh.check("only the server of data", &table);
    drop(other);
    // A name that has its own zone needs no server of the LAN.
    let alone = Server::start(coredns, &corefile, &[]);
    assert_eq!(alone.asked("postgres.data.example.com", "A").as_deref(), Some("192.168.10.241"));
    assert_eq!(alone.asked("jellyfin.example.com", "A").as_deref(), Some("SERVFAIL"));
}

#[test]
fn the_router_needs_no_setting_for_a_new_app() {
    let spec = reference_spec();
    let new = spec.replace("\n      jellyfin:\n", "\n      notes:\n        image: { repository: docker.io/vikunja/vikunja, tag: \"1.0.0\" }\n        port: 3456\n        expose: { host: notes }\n      jellyfin:\n");
    assert_ne!(spec, new);
    let [before, after] = [&spec, &new].map(|spec| tree_of(spec));
    let file_of = |tree: &Tree| -> BTreeSet<(String, String)> {
        let of_dns = tree.files().iter().filter(|file| file.path.contains("/lan-dns"));
        of_dns.map(|file| (file.path.clone(), file.text.clone())).collect()
    };
    let (before, after) = (file_of(&before), file_of(&after));
    let new: Vec<_> = after.difference(&before).map(|(path, _)| path.as_str()).collect();
    assert_eq!(before.difference(&after).count(), 0, "no file changes");
    let name = "platform/lan-dns-names/app-gordito-notes.yaml";
    assert_eq!(new, [format!("k8s/data/{name}"), format!("k8s/gordito/{name}")]);
}
