//! The nodes in Nix: every file parses, and every node evaluates without a warning.

use crate::output::cases;
use crate::support::{build, reference_spec, repository, shown, temporary_folder, tool};
use homelab::tree::Tree;
use serde_json::{Value as Json, json};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn every_nix_file_parses() {
    let mut seen = 0;
    for case in cases() {
        for file in case.tree().files().iter().filter(|file| file.path.ends_with(".nix")) {
            let parsed = rnix::Root::parse(&file.text);
            assert!(parsed.errors().is_empty(), "{} of {}: {:?}", file.path, case.name, parsed.errors());
            seen += 1;
        }
    }
    assert!(seen > 3);
}

/// The command that evaluates Nix, or `None` with the reason printed.
pub(crate) fn evaluator() -> Option<Command> {
    let program = tool("nix-instantiate")?;
    let has_nixpkgs = std::env::var("NIX_PATH").is_ok_and(|path| path.contains("nixpkgs="));
    if !has_nixpkgs {
        eprintln!("skipped: NIX_PATH does not name nixpkgs");
        return None;
    }
    let mut command = Command::new(program);
    command.args(["--eval", "--strict", "--json"]);
    Some(command)
}

fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.path().strip_prefix(from).expect("it is below"));
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).expect("the folder is writable");
        } else {
            fs::copy(entry.path(), target).expect("the folder is writable");
        }
    }
}

/// A repository with the handwritten modules of this one and the files of a tree.
pub(crate) fn checkout(tree: &Tree) -> tempfile::TempDir {
    let folder = temporary_folder();
    for part in ["nix/flake", "nix/modules", "tests/nix"] {
        copy(&repository().join(part), &folder.path().join(part));
    }
    write(tree, folder.path());
    folder
}

fn write(tree: &Tree, root: &Path) {
    for file in tree.files() {
        let path = root.join(&file.path);
        fs::create_dir_all(path.parent().expect("files are in folders")).expect("the folder is writable");
        fs::write(path, &file.text).expect("the folder is writable");
    }
}

/// What a command prints. It must print no warnings.
pub(crate) fn evaluate(command: Command) -> Json {
    let (found, warnings) = evaluate_with_warnings(command);
    assert_eq!(warnings, "");
    found
}

/// What a command prints, and its warnings.
pub(crate) fn evaluate_with_warnings(mut command: Command) -> (Json, String) {
    let output = command.output().expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let warnings = stderr.lines().filter(|line| line.contains("warning:")).collect::<Vec<_>>().join("\n");
    (serde_json::from_slice(&output.stdout).expect("it prints JSON"), warnings)
}

/// Evaluates all nodes of a repository. Checks that each has a system and an image, and neither warnings nor failed
/// assertions.
fn check_nodes(mut command: Command, root: &Path, expected: usize) -> Json {
    command.arg(root.join("tests/nix/evaluate.nix"));
    let evaluated = evaluate(command);
    let nodes = evaluated.as_object().expect("it prints a set of nodes");
    assert_eq!(nodes.len(), expected, "{:?}", nodes.keys());
    for (name, node) in nodes {
        assert_eq!(node["failedAssertions"], Json::Array(vec![]), "{name}");
        assert_eq!(node["warnings"], Json::Array(vec![]), "{name}");
        for output in ["toplevel", "image"] {
            assert!(
                node[output].as_str().is_some_and(|path| path.ends_with(".drv")),
                "{output} of {name}: {}",
                node[output]
            );
        }
        let stop = json!({ "before": ["k3s.service"], "restartIfChanged": false, "seconds": 330, "stopsBefore": true });
        assert_eq!(node["stopPods"], stop, "{name}");
        // Pods inherit the search domains of the file that the kubelet reads, and try them first.
        let servers = node["resolvConf"].as_str().expect("the file that k3s.yaml names is text").lines();
        assert!(servers.clone().count() > 0 && servers.clone().all(|line| line.starts_with("nameserver ")), "{node:#}");
        assert_eq!(node["searchDomains"], Json::Array(vec![]), "{name}");
        let open = node["openToAll"].as_object().expect("it is a set");
        assert!(open.values().all(|ports| *ports == json!([])), "{name}: {open:?}");
        // `lo` is trusted by NixOS itself: pods reach only what a rule allows.
        assert_eq!(node["trustedInterfaces"], json!(["lo"]), "{name}");
        check_own_chains(name, node);
        // The node exporter of every node reads the folder, and reports an error if it does not exist.
        assert_eq!(node["metrics"]["/var/lib/homelab/metrics"]["d"]["mode"], "0755", "{name}");
        // Containers have no udev, for which systemd-networkd waits if /sys is writable.
        let is_container = node["vm"] == Json::Null;
        assert_eq!(node["networkdSeesReadOnly"], if is_container { json!(["/sys"]) } else { json!([]) }, "{name}");
        assert_eq!(node["ofContainers"] == json!([]), !is_container, "{name}");
    }
    evaluated
}

/// Checks that the chains that NixOS does not know end in a drop, and that stopping the firewall removes them, also
/// before it is reloaded: otherwise, creating a chain would fail because it exists.
fn check_own_chains(name: &str, node: &Json) {
    let lines =
        |key: &str| node[key].as_array().expect("it is a list").iter().filter_map(Json::as_str).collect::<Vec<_>>();
    let (added, removed) = (lines("ownChains"), lines("removesChains"));
    let chains = [
        ("raw", "homelab-lan", "PREROUTING"),
        ("mangle", "homelab-pods", "INPUT"),
        ("mangle", "homelab-peers", "FORWARD"),
    ];
    for (table, chain, hook) in chains {
        let prefix = format!("iptables -w -t {table} -A {chain} ");
        let rules: Vec<_> = added.iter().filter_map(|line| line.strip_prefix(&prefix)).collect();
        assert!(rules.last().is_none_or(|rule| rule.ends_with("-j DROP")), "{name}: {rules:?}");
        let position = |line: String| added.iter().position(|found| found.starts_with(&line));
        let creates = position(format!("iptables -w -t {table} -N {chain}"));
        for undo in [format!("-D {hook}"), format!("-F {chain}"), format!("-X {chain}")] {
            let undo = format!("iptables -w -t {table} {undo}");
            assert!(removed.iter().any(|line| line.starts_with(&undo) && line.ends_with("|| true")), "{name}: {undo}");
            assert!(position(undo.clone()).is_some_and(|at| Some(at) < creates), "{name}: {undo}");
        }
        assert!(position(format!("iptables -w -t {table} -A {hook} ")) > creates, "{name}: {added:?}");
    }
}

/// The rules of a chain that NixOS does not know.
fn rules_of(node: &Json, chain: &str) -> Vec<String> {
    let lines = node["ownChains"].as_array().expect("it is a list").iter().filter_map(Json::as_str);
    lines.filter_map(|line| Some(line.split_once(&format!(" -A {chain} "))?.1.to_owned())).collect()
}

#[test]
fn the_nodes_of_the_reference_lab_evaluate() {
    let Some(command) = evaluator() else { return };
    let spec = reference_spec();
    let folder = checkout(&build(&spec, &repository()).tree.expect("the reference lab is valid"));
    let nodes = check_nodes(command, folder.path(), 3);
    let has = |node: &str, rule: &str| {
        let rule = Json::String(format!("iptables -A nixos-fw {rule} -j nixos-fw-accept"));
        nodes[node]["firewall"].as_array().is_some_and(|rules| rules.contains(&rule))
    };
    // What Prometheus scrapes on other nodes: the kubelet, MetalLB's speaker, the node exporter.
    for port in [10250, 9120, 9100] {
        assert!(has("gordito-worker", &format!("-p tcp -s 192.168.10.42 --dport {port}")), "{port}: {nodes:#}");
    }
    // The LAN does not reach pods and Services, and pods reach only these ports of nodes.
    let drops = ["-d 10.42.0.0/16 -j DROP", "-d 10.43.0.0/16 -j DROP"];
    assert_eq!(rules_of(&nodes["gordito-worker"], "homelab-lan"), drops);
    let replies = ["-m conntrack --ctstate ESTABLISHED,RELATED -j RETURN", "-p icmp -j RETURN"];
    let allow = |ports: &[u16]| {
        let ports = ports.iter().map(|port| format!("-p tcp --dport {port} -j RETURN"));
        replies.map(str::to_owned).into_iter().chain(ports).chain(["-j DROP".to_owned()]).collect::<Vec<_>>()
    };
    assert_eq!(rules_of(&nodes["gordito-cp"], "homelab-pods"), allow(&[6443, 10250, 9100, 9120]));
    assert_eq!(rules_of(&nodes["gordito-worker"], "homelab-pods"), allow(&[10250, 9100, 9120]));
    let closed = ["-p tcp --dport 22", "-p tcp --dport 2379:2380", "-p tcp --dport 7946"];
    let closed = closed.into_iter().chain(["-p udp --dport 7946", "-p udp --dport 8472"]);
    let closed: Vec<_> = closed.map(|ports| format!("-d 192.168.10.42 {ports} -j DROP")).collect();
    assert_eq!(rules_of(&nodes["gordito-worker"], "homelab-peers"), closed);
    assert_eq!(rules_of(&nodes["data-cp"], "homelab-peers"), Vec::<String>::new());
    for port in [10250, 9100, 9120] {
        assert!(has("gordito-worker", &format!("-p tcp -s 10.42.0.0/16 --dport {port}")), "{port}: {nodes:#}");
    }
    assert!(!has("gordito-worker", "-p tcp -s 10.42.0.0/16 --dport 22"), "{nodes:#}");
    // Both servers are backed up, by a unit whose environment has no secrets; agents are not.
    let backup = &nodes["gordito-cp"]["backup"];
    assert_eq!(backup["script"], json!(["open_repository", "create_repository", "back_up 30", "check_repository"]));
    assert_eq!(backup["environment"]["RESTIC_REPOSITORY"], "s3:https://s3.example.com/homelab-backups/k3s/gordito");
    assert_eq!(backup["environment"]["RESTIC_PASSWORD_FILE"], "/var/lib/homelab/secrets/backup/repository-password");
    assert_eq!(backup["calendar"], json!(["*-*-* 01:00:00 UTC"]));
    assert_eq!((&backup["waits"], &backup["mounts"]), (&json!([]), &json!([])));
    assert_eq!((&backup["CapabilityBoundingSet"], &backup["ProtectSystem"]), (&json!(""), &json!("strict")));
    assert_eq!(nodes["gordito-worker"]["backup"], Json::Null);
    // Folders for the files that docs/nodes.md tells people to copy to a server's disk.
    let folders =
        ["", "/secrets", "/secrets/backup", "/secrets/flux-git", "/secrets/flux-images", "/secrets/infisical"];
    let found = nodes["gordito-cp"]["folders"].as_object().expect("it is a set");
    assert_eq!(found.keys().collect::<Vec<_>>(), folders.map(|folder| format!("/var/lib/homelab{folder}")).each_ref());
    assert_eq!(found["/var/lib/homelab/secrets/flux-git"], "0700");
}

/// Evaluates a file of `tests/nix` in a checkout of the reference lab.
fn evaluate_with_reference_lab(file: &str) -> Option<Json> {
    let mut command = evaluator()?;
    let folder = checkout(&build(&reference_spec(), &repository()).tree.expect("the reference lab is valid"));
    command.arg(folder.path().join("tests/nix").join(file));
    Some(evaluate(command))
}

#[test]
fn mistakes_in_modules_end_the_evaluation() {
    let Some(refused) = evaluate_with_reference_lab("refused.nix") else { return };
    let messages = refused.as_object().expect("it prints a set").iter().map(|(name, messages)| {
        let messages = messages.as_array().expect("they are a list").iter().filter_map(Json::as_str);
        format!("{name}\n{}", messages.map(|message| format!("  {message}\n")).collect::<String>())
    });
    let messages = messages.collect::<String>();
    check_every_rule(&messages);
    insta::assert_snapshot!(messages);
}

/// Every rule of the modules is broken by some case, and its message names the option to change.
fn check_every_rule(messages: &str) {
    let rule = regex::Regex::new(r#"(?m)^ *(?:says|message) = "(.*)";$"#).expect("it is an expression");
    let value = regex::Regex::new(r"\\\$\\\{.*?(?:\\\})+").expect("it is an expression");
    let option =
        regex::Regex::new(r"\b(homelab|services|system|boot|users)(\.[A-Za-z0-9]+)+").expect("it is an expression");
    let mut rules = 0;
    for entry in walkdir::WalkDir::new(repository().join("nix/modules")) {
        let path = entry.expect("it can be listed").into_path();
        if path.extension().is_none_or(|extension| extension != "nix") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it is text");
        for found in rule.captures_iter(&text).filter(|found| &found[1] != "${node.hostName}: ${rule.says}") {
            let pattern = value.replace_all(&regex::escape(&found[1]), ".*").replace(r#"\\""#, "\"");
            let pattern = regex::Regex::new(&pattern).expect("the rest is escaped");
            let broken = messages.lines().find(|line| pattern.is_match(line));
            let Some(message) = broken else { panic!("no case of tests/nix/refused.nix breaks: {}", &found[1]) };
            assert!(option.is_match(message), "{message}");
            rules += 1;
        }
    }
    assert!(rules > 20, "only {rules} rules");
}

/// A version of k3s that nixpkgs lacks has no assertion: there is no package to evaluate.
#[test]
fn a_version_of_k3s_that_nixpkgs_lacks_names_its_option() {
    let Some(mut command) = evaluator() else { return };
    let folder = checkout(&build(&reference_spec(), &repository()).tree.expect("the reference lab is valid"));
    let node = folder.path().join("nix/nodes/data-cp");
    let module = "{ lib, ... }: { homelab.k3s.version = lib.mkForce \"1.2\"; }";
    let expression = format!(
        "(import <nixpkgs/nixos/lib/eval-config.nix> {{ system = null; modules = [ {node:?} ({module}) ]; \
         }}).config.services.k3s.package.name"
    );
    let output = command.args(["--expr", &expression]).output().expect("it starts");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "data-cp: homelab.k3s.version requires pkgs.k3s_1_2, which this nixpkgs does not have: choose";
    assert!(!output.status.success() && message.contains(expected), "{message}");
}

#[test]
fn modules_of_the_lab_override_every_policy() {
    let Some(overridden) = evaluate_with_reference_lab("overridden.nix") else { return };
    assert_eq!(overridden["failedAssertions"], json!([]));
    assert_eq!(overridden["kept"], json!([]));
    assert_eq!(overridden["gc"], json!(["monthly"]));
    // journald uses the last value.
    let journal = overridden["journal"].as_array().expect("it is a list");
    assert_eq!(journal.iter().rfind(|line| **line != ""), Some(&json!("SystemMaxUse=1G")));
}

/// Evaluates the nodes of a case of `tests/valid`.
fn nodes_of_case(name: &str, expected: usize) -> Option<Json> {
    let command = evaluator()?;
    let case = repository().join("tests/valid").join(name);
    let spec = fs::read_to_string(case.join("spec.yaml")).expect("the case exists");
    let built = build(&spec, &case);
    let folder = checkout(&built.tree.unwrap_or_else(|| panic!("{}", shown(&built.diagnostics, &spec))));
    Some(check_nodes(command, folder.path(), expected))
}

#[test]
fn nodes_are_in_the_networks_of_the_spec() {
    let Some(nodes) = nodes_of_case("networks-of-nodes", 2) else { return };
    // Interfaces of containers have the names of their definition, those of VMs are found by their addresses.
    let lines = |node: &str, unit: &str| {
        let lines = nodes[node]["networks"][unit].as_array().unwrap_or_else(|| panic!("{node}: {unit}: {nodes:#}"));
        lines.iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
    };
    for (node, lan, address) in [("home-1", "eth0", 41), ("home-2", "lan0", 42)] {
        let has = |unit: &str, line: &str| lines(node, &format!("10-{unit}.network")).iter().any(|found| found == line);
        assert!(has(lan, &format!("Address=192.168.10.{address}/24")) && has(lan, "Gateway=192.168.10.1"), "{node}");
        assert!(has("storage", &format!("Address=10.0.30.{address}/24")) && has("storage", "MTUBytes=9000"), "{node}");
        let routers = lines(node, "10-storage.network").into_iter().filter(|line| line.starts_with("Gateway=")).count();
        assert_eq!(routers, 0, "{node}");
        // A node is no router between its networks, and only answers on them.
        assert!(rules_of(&nodes[node], "homelab-lan").contains(&format!("-d 10.0.30.{address}/24 -j DROP")), "{node}");
        assert_eq!(rules_of(&nodes[node], "homelab-if-storage"), ["-m addrtype ! --dst-type LOCAL -j DROP"]);
    }
    let names = json!({ "10-lan0": "02:00:00:00:65:00", "10-storage": "02:00:00:00:65:01" });
    assert_eq!(nodes["home-2"]["vm"]["names"], names);
    // Nothing is open on them but SSH to the trusted network.
    let rules = nodes["home-1"]["firewall"].as_array().expect("it is a list").iter().filter_map(Json::as_str);
    let others: Vec<_> = rules.filter(|rule| rule.contains(" -s 10.0.")).collect();
    assert_eq!(others, ["iptables -A nixos-fw -p tcp -s 10.0.40.0/24 --dport 22 -j nixos-fw-accept"]);
}

#[test]
#[ignore = "evaluating three nodes takes a while; use `cargo test -- --include-ignored`"]
fn virtual_machines_evaluate_to_the_settings_of_the_spec() {
    let Some(nodes) = nodes_of_case("vm-nodes", 3) else { return };
    assert_eq!(nodes["home-3"]["vm"], Json::Null);
    let disks = json!({ "/": "/dev/disk/by-partlabel/nixos", "/boot": "/dev/disk/by-partlabel/ESP" });
    let firmware = |node: &str| nodes[node]["vm"]["firmware"].clone();
    for node in ["home-1", "home-2"] {
        let vm = &nodes[node]["vm"];
        assert_eq!((&vm["image"], &vm["disks"]), (&json!(format!("{node}.qcow2")), &disks), "{node}");
        for setting in ["grows", "agent", "modules"] {
            assert_eq!(vm[setting], true, "{node}: {setting}");
        }
        assert_eq!((&vm["console"], &vm["overcommit"]), (&json!("console=ttyS0,115200"), &json!(1)), "{node}");
    }
    assert_ne!(firmware("home-1"), firmware("home-2"));
}

/// Nodes with all settings that the reference lab does not use.
const SPECIAL: &str = r#"
version: 1
lab:
  name: special
  domain: example.com
  repository: ssh://git@github.com/example/homelab
  admin:
    email: admin@example.com
    ssh-keys:
      - ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC
      - "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOk5dsbCL90g5jUraF2qa+x6X+LMBzbTrs0OPpubuHUW o'brien \"at\" ${HOME} \\ ''home'' ñ"
network:
  lan: { cidr: 10.0.0.0/16, gateway: 10.0.0.1, dns: [10.0.0.2, 10.0.0.3] }
  trusted:
    admins: { cidr: 10.8.0.7/32, open: [apps, kubernetes, ssh] }
    vpn: { cidr: 10.8.0.0/24 }
hosts:
  box: { memory: 128GiB, address: 10.0.0.11, gpu: intel, folders: { media: /tank/media, "on": /tank/on-x } }
storage:
  nas: { kind: synology, address: 10.0.0.20, nfs: /volume1 }
secrets:
  store: { infisical: { project: lab, environment: prod } }
clusters:
  ha:
    pods: 10.42.0.0/16
    services: 10.43.0.0/16
    load-balancer: 10.0.1.1-10.0.1.9
    k3s:
      snapshotter: native
      backup: { nfs: nas/backups, schedule: "0 3 * * *" }
      config: { kubelet-arg+: [max-pods=50], etcd-snapshot-retention: 3, flannel-backend: wireguard-native }
    nodes:
      ha-1: { host: box, vmid: 101, address: 10.0.0.41, description: "${config.networking.hostName} \"quoted\" \\n ''two'' ñ\nsecond line # no comment" }
      ha-2: { host: box, vmid: 102, address: 10.0.0.42, description: "''${lib.version}''" }
      ha-3: { host: box, vmid: 103, address: 10.0.0.43, gpu: true, modules: [spec/extra-module.nix] }
      ha-4: { host: box, vmid: 104, address: 10.0.0.44, role: agent, labels: { rack: "1.10", example.com/on: "on" } }
    apps:
      house:
        image: { repository: ghcr.io/home-assistant/home-assistant, tag: "2026.11.2" }
        port: 8123
        ports: { coap: { port: 5683, protocol: udp } }
        host-network: true
        nodes: { rack: "1.10" }
  small:
    pods: 10.52.0.0/16
    services: 10.53.0.0/16
    k3s:
      snapshotter: fuse-overlayfs
      config: { flannel-backend: host-gw }
      backup: { s3: { endpoint: https://s3.example.com, bucket: lab }, schedule: "0 3 1 * 0" }
    nodes:
      "0": { host: box, vmid: 105, address: 10.0.0.51, privileged: false, cores: 1, memory: 1GiB, disk: 8GiB, folders: [media, "on"] }
      "on": { host: box, vmid: 106, address: 10.0.0.52, role: agent, privileged: false }
"#;

#[test]
#[ignore = "evaluating six nodes takes a while; use `cargo test -- --include-ignored`"]
fn nodes_of_every_kind_evaluate_to_the_settings_of_the_spec() {
    let Some(command) = evaluator() else { return };
    let spec = SPECIAL;
    let root = temporary_folder();
    fs::create_dir(root.path().join("spec")).expect("the folder is writable");
    let module = "{ lib, ... }:\n{\n  environment.etc.extra.text = \"here\";\n}\n";
    fs::write(root.path().join("spec/extra-module.nix"), module).expect("the folder is writable");
    let built = build(spec, root.path());
    let tree = built.tree.unwrap_or_else(|| panic!("{}", shown(&built.diagnostics, spec)));
    let folder = checkout(&tree);
    copy(&root.path().join("spec"), &folder.path().join("spec"));
    let nodes = check_nodes(command, folder.path(), 6);
    // The ports of the app on the host network are open on nodes where it may run, and nowhere else.
    let from = |network: &str, node: &str| {
        let rules = nodes[node]["firewall"].as_array().expect("it is a list").iter().filter_map(Json::as_str);
        let opened = rules.filter_map(|rule| rule.strip_prefix("iptables -A nixos-fw ")?.split_once(network));
        opened.map(|(_, rule)| rule.replace(" -j nixos-fw-accept", "")).collect::<Vec<_>>()
    };
    let discovery = "--sport 1900 --dport 32768:60999";
    let app = ["--dport 8123", "--dport 1900", "--dport 5353", "--dport 5683"];
    assert_eq!(from(" 10.0.0.44/16 ", "ha-4"), [&["--dport 22"], &app[..], &[discovery]].concat());
    assert_eq!(from(" 10.0.0.41/16 ", "ha-1"), ["--dport 6443", "--dport 22"]);
    // Nodes of other backends than VXLAN reach each other too.
    let peer = |node: &str, rule: &str| {
        let rules = nodes[node]["firewall"].as_array().expect("it is a list").iter().filter_map(Json::as_str);
        rules.filter(|found| found.contains(rule)).count()
    };
    assert_eq!((peer("ha-1", "-p udp -s 10.0.0.42 --dport 51820"), peer("0", "--dport 51820")), (1, 0));
    let host_gw = ["-s 10.52.0.0/16 -j RETURN", "-s 10.0.0.52 -j RETURN"];
    let drops = ["-d 10.52.0.0/16 -j DROP", "-d 10.53.0.0/16 -j DROP"];
    assert_eq!(rules_of(&nodes["0"], "homelab-lan"), [host_gw, drops].concat());
    // Servers are backed up one after another, to a repository that they mount.
    let backup = |node: &str| nodes[node]["backup"].clone();
    let waits: Vec<_> = ["ha-1", "ha-2", "ha-3"].iter().map(|node| backup(node)["waits"].clone()).collect();
    assert_eq!(waits, [json!([]), json!(["  sleep 600"]), json!(["  sleep 1200"])]);
    assert_eq!(backup("ha-1")["environment"]["RESTIC_REPOSITORY"], "/mnt/backup/k3s/ha");
    assert_eq!(backup("ha-1")["mounts"][0]["what"], "10.0.0.20:/volume1/backups");
    assert_eq!(backup("0")["calendar"], json!(["Sun *-*-* 03:00:00 UTC", "*-*-01 03:00:00 UTC"]));
    // Apps on the host network are for pods too.
    let of_app = ["-p tcp --dport 8123 -j RETURN", "-p udp --dport 1900 -j RETURN", "-p udp --dport 5353 -j RETURN"];
    let found = rules_of(&nodes["ha-4"], "homelab-pods");
    assert!(of_app.iter().all(|rule| found.iter().any(|found| found == rule)), "{found:?}");
    // Trusted networks reach what they open.
    assert_eq!(from(" 10.8.0.0/24 ", "ha-4"), app);
    assert_eq!(from(" 10.8.0.7/32 ", "ha-4"), [&["--dport 22"], &app[..]].concat());
    assert_eq!(from(" 10.8.0.0/24 ", "ha-1"), Vec::<String>::new());
    assert_eq!(from(" 10.8.0.7/32 ", "ha-1"), ["--dport 6443", "--dport 22"]);
    check_texts(folder.path(), spec);
}

/// Checks that free text evaluates to the text of the spec.
fn check_texts(root: &Path, spec: &str) {
    let spec: Json = serde_yaml::from_str(spec).expect("it is YAML");
    let expression = format!(
        r#"
        let
          lib = import <nixpkgs/lib>;
          node = name: (import <nixpkgs/nixos/lib/eval-config.nix> {{ system = null; modules = [ ({root:?} + "/nix/nodes/${{name}}") ]; }}).config;
        in
        {{
          descriptions = map (name: (node name).homelab.node.description) [ "ha-1" "ha-2" ];
          keys = (node "ha-1").users.users.root.openssh.authorizedKeys.keys;
          motd = (node "ha-1").users.motd;
          extra = (node "ha-3").environment.etc.extra.text;
          folders = map (name: lib.last (lib.splitString "\n" (lib.trim (node name).systemd.services.homelab-folders.script or ""))) [ "0" "on" ];
        }}"#
    );
    let mut command = evaluator().expect("the caller has checked that it exists");
    command.args(["--expr", &expression]);
    let found = evaluate(command);
    let node = |name: &str| &spec["clusters"]["ha"]["nodes"][name]["description"];
    assert_eq!(&found["descriptions"][0], node("ha-1"));
    assert_eq!(&found["descriptions"][1], node("ha-2"));
    assert_eq!(found["keys"], spec["lab"]["admin"]["ssh-keys"]);
    assert!(found["motd"].as_str().is_some_and(|text| text.starts_with(node("ha-1").as_str().expect("it is text"))));
    assert_eq!(found["extra"], "here");
    let call = "publish_folders /mnt/folders /run/homelab/folders media /tank/media on /tank/on-x";
    assert_eq!(found["folders"], json!([call, ""]));
}
