//! The spec of a new lab.

use crate::addresses::cluster_networks;
use crate::answers::{Answers, NasKind};
use crate::plan::{NODES_FROM, Plan, known, memory, node_count, placed};
use crate::providers::{Kind, providers};
use crate::writer::{Example, Origins, Writer};
use diagnostic::{Code, Diagnostic, Diagnostics};
use spec::Given as _;
use spec::types::{SecretRef, Text as _};
use std::collections::BTreeMap;
use yaml::Node;

/// The path of the spec.
pub const SPEC_NAME: &str = "spec/homelab.yaml";

/// What is used where an answer is missing.
pub(crate) const LAB: &str = "homelab";
pub(crate) const CLUSTER: &str = "home";
pub(crate) const GATEWAY: &str = "192.168.10.1";
pub(crate) const LAN: &str = "192.168.10.0/24";
const EXAMPLE_OF_DHCP: &str = "dhcp: 192.168.10.100-192.168.10.199";
const DOMAIN: &str = "example.com";
const EMAIL: &str = "admin@example.com";
const REPOSITORY: &str = "https://github.com/example/homelab";
const SSH_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB6oT0yIGvQW1iDHFH4mKeTrGVRfkhpQ8rSGeCqtSnsC";

/// The first VMID. Proxmox VE gives those from 100 on to the guests that it creates itself.
const FIRST_VMID: u64 = 200;

/// The spec of a new lab, and what to know about it.
#[derive(Debug)]
pub struct SpecFile {
    /// Its text.
    pub text: String,
    /// The values that the user must replace.
    pub examples: Vec<Example>,
    origins: Origins,
}

impl SpecFile {
    /// Diagnostics about this spec as diagnostics about the answers that it was made from; `None` if one of them is about
    /// something that was not answered.
    pub fn translate(&self, found: &Diagnostics) -> Option<Diagnostics> {
        let mut translated = Diagnostics::default();
        for diagnostic in found.sorted() {
            translated.push(self.origins.translate(diagnostic)?);
        }
        Some(translated)
    }
}

/// Writes the spec of a new lab. The pipeline checks it: answers may still contradict each other.
///
/// # Errors
/// If the LAN has too few free addresses.
pub fn spec_file(answers: &Answers) -> Result<SpecFile, Diagnostics> {
    let mut writer = Writer::default();
    let mut plan = Plan::of(answers)?;
    writer.line(0, "# yaml-language-server: $schema=homelab.schema.json");
    writer.line(0, "#");
    writer.comment(
        0,
        "The whole lab. To change something, edit this file, run `homelab generate`, and commit the result.",
    );
    writer.comment(
        0,
        "`homelab explain` describes every field, for example `homelab explain clusters.NAME.apps.NAME.expose`.",
    );
    writer.line(0, "version: 1");
    lab(&mut writer, answers);
    network(&mut writer, answers);
    hosts(&mut writer, answers, &plan);
    storage(&mut writer, answers, &plan);
    secrets(&mut writer, answers);
    dns(&mut writer, answers);
    clusters(&mut writer, answers, &mut plan)?;
    Ok(SpecFile { text: writer.text, examples: writer.examples, origins: writer.origins })
}

/// Writes a value of the answers, or an example.
fn given_or(writer: &mut Writer, answers: &Answers, indent: usize, key: &str, answer: &str, example: &str) {
    match answers.node(&[answer]) {
        Some(node) => writer.value(indent, key, node, answer, &answers.examples),
        None => writer.example(indent, key, example),
    }
}

fn lab(writer: &mut Writer, answers: &Answers) {
    writer.line(0, "");
    writer.line(0, "lab:");
    match answers.node(&["name"]) {
        Some(node) => writer.value(2, "name", node, "name", &answers.examples),
        None => writer.derived(2, "name", LAB),
    }
    writer.comment(2, "Apps get names below this domain. It must be yours if the lab has a DNS provider.");
    given_or(writer, answers, 2, "domain", "domain", DOMAIN);
    writer.comment(2, "Of the nodes, and of the schedules of jobs and backups.");
    match answers.node(&["timezone"]) {
        Some(node) => writer.value(2, "timezone", node, "timezone", &answers.examples),
        None => writer.derived(2, "timezone", "UTC"),
    }
    writer.comment(
        2,
        "This repository, as the nodes reach it. With https:// it is read without credentials, with ssh:// with a",
    );
    writer.comment(2, "deploy key (`homelab secrets` lists its file).");
    given_or(writer, answers, 2, "repository", "repository", REPOSITORY);
    writer.line(2, "admin:");
    writer.comment(4, "Let's Encrypt knows the lab by this address.");
    given_or(writer, answers, 4, "email", "email", EMAIL);
    writer.comment(4, "Public keys that can log in to every node as root.");
    match answers.node(&["ssh-keys"]) {
        Some(node) => writer.value(4, "ssh-keys", node, "ssh-keys", &answers.examples),
        None => {
            writer.line(4, "ssh-keys:");
            writer.example_line(6, &format!("- {SSH_KEY}"));
        }
    }
}

fn network(writer: &mut Writer, answers: &Answers) {
    writer.line(0, "");
    writer.line(0, "network:");
    writer.line(2, "lan:");
    let lan = answers.node(&["lan"]);
    match lan {
        Some(node) => {
            for (key, value) in node.entries() {
                let key = key.text().unwrap_or_default();
                writer.value(4, key, value, &format!("lan.{key}"), &answers.examples);
            }
        }
        None => {
            writer.example(4, "cidr", LAN);
            writer.example(4, "gateway", GATEWAY);
        }
    }
    if lan.and_then(|lan| lan.get("dhcp")).is_none() {
        writer.comment(4, "The DHCP range of the router. With it, addresses that devices may get are reported.");
        writer.comment(4, if lan.is_none() { EXAMPLE_OF_DHCP } else { "dhcp: FIRST-LAST" });
    }
}

fn hosts(writer: &mut Writer, answers: &Answers, plan: &Plan<'_>) {
    writer.line(0, "");
    writer.comment(0, "The machines that run Proxmox VE.");
    writer.line(0, "hosts:");
    for host in &plan.hosts {
        match host.key {
            Some(key) => writer.key(2, key),
            None => writer.line(2, &format!("{}:", yaml::scalar(&host.name))),
        }
        let field = |name: &str| host.value.and_then(|value| value.get(name)).filter(|node| !node.is_null());
        let path = |name: &str| format!("hosts.{}.{name}", host.name);
        if let Some(model) = field("model") {
            writer.value(4, "model", model, &path("model"), &answers.examples);
        }
        match field("address") {
            Some(node) => writer.value(4, "address", node, &path("address"), &answers.examples),
            None => writer.example(4, "address", &host.address.to_string()),
        }
        match field("memory") {
            Some(node) => writer.value(4, "memory", node, &path("memory"), &answers.examples),
            None => writer.example(4, "memory", &host.memory.to_string()),
        }
        if let Some(gpu) = field("gpu") {
            writer.value(4, "gpu", gpu, &path("gpu"), &answers.examples);
        }
    }
}

fn storage(writer: &mut Writer, answers: &Answers, plan: &Plan<'_>) {
    let (Some(given), Some(node), Some(address)) = (&answers.given.nas, answers.node(&["nas"]), plan.nas) else {
        return;
    };
    writer.line(0, "");
    writer.comment(0, "Network storage. Volumes of apps use it with `nfs: nas/FOLDER`.");
    writer.line(0, "storage:");
    writer.line(2, "nas:");
    let kind = match given.kind {
        NasKind::Synology => "synology",
        NasKind::Nfs => "nfs",
    };
    writer.derived(4, "kind", kind);
    let field = |name: &str| node.get(name).filter(|node| !node.is_null());
    if let Some(model) = field("model") {
        writer.value(4, "model", model, "nas.model", &answers.examples);
    }
    match field("address") {
        Some(node) => writer.value(4, "address", node, "nas.address", &answers.examples),
        None => writer.example(4, "address", &address.to_string()),
    }
    writer.comment(4, "The folder whose subfolders are exported.");
    match (field("nfs"), given.kind) {
        (Some(node), _) => writer.value(4, "nfs", node, "nas.nfs", &answers.examples),
        (None, NasKind::Synology) => writer.example(4, "nfs", "/volume1"),
        (None, NasKind::Nfs) => writer.example(4, "nfs", "/mnt/tank"),
    }
}

/// The references to secrets of the DNS provider, each with what its field says about it.
fn references(answers: &Answers) -> Vec<(SecretRef, String)> {
    let Some(entries) = answers.node(&["dns"]).map(Node::entries) else { return Vec::new() };
    let known = providers(Kind::Dns);
    let mut found = Vec::new();
    for (provider, fields) in entries {
        for (name, value) in fields.entries() {
            let about = known.iter().find(|known| provider.text() == Some(&known.name)).and_then(|provider| {
                provider.fields.iter().find(|field| name.text() == Some(&field.name)).map(|field| field.about.clone())
            });
            // Optional fields hold references too; no other value has a slash in it.
            if let Some(reference) = value.text().and_then(|text| SecretRef::parse(text).ok()) {
                found.push((reference, contents(&about.unwrap_or_default())));
            }
        }
    }
    found
}

/// What a key holds, from the description of the field that refers to it: `Key that holds a token` becomes `A token`.
fn contents(about: &str) -> String {
    let rest = about.strip_prefix("Key that holds ").unwrap_or(about);
    let mut chars = rest.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Whether the DNS provider has to wait: its secrets are in encrypted files, which only the user can create.
fn waits_for_files(answers: &Answers) -> bool {
    answers.node(&["secrets", "sops"]).is_some() && answers.node(&["dns"]).is_some()
}

fn secrets(writer: &mut Writer, answers: &Answers) {
    let Some(store) = answers.node(&["secrets"]) else { return };
    writer.line(0, "");
    writer.comment(0, "Where secrets are. This file contains none: it refers to them as ENTRY/KEY. `homelab secrets` lists what the store");
    writer.comment(0, "and the disks of the servers must contain.");
    writer.line(0, "secrets:");
    writer.value(2, "store", store, "secrets", &answers.examples);
    let references = references(answers);
    if references.is_empty() {
        return;
    }
    let mut entries: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (reference, about) in references {
        let keys = entries.entry(reference.entry.to_string()).or_default();
        let key = reference.key.to_string();
        if !keys.iter().any(|(other, _)| *other == key) {
            keys.push((key, about));
        }
    }
    let prefix = if waits_for_files(answers) { "# " } else { "" };
    if waits_for_files(answers) {
        writer.comment(2, "To use the DNS provider, remove the # before these lines and before `dns`. `homelab validate` then prints the");
        writer.comment(2, "command that creates the encrypted file of the entry.");
    }
    writer.line(2, &format!("{prefix}entries:"));
    for (entry, keys) in entries {
        writer.line(2, &format!("{prefix}  {}:", yaml::scalar(&entry)));
        writer.line(2, &format!("{prefix}    keys:"));
        for (key, about) in keys {
            if !about.is_empty() {
                writer.line(2, &format!("{prefix}      # {about}."));
            }
            writer.line(2, &format!("{prefix}      - {}", yaml::scalar(&key)));
        }
    }
}

fn dns(writer: &mut Writer, answers: &Answers) {
    let Some(node) = answers.node(&["dns"]) else { return };
    writer.line(0, "");
    writer.comment(0, "The DNS provider of the domain: certificates of Let's Encrypt, and the names of public apps.");
    if waits_for_files(answers) {
        let mut inactive = Writer::default();
        inactive.value(0, "dns", node, "dns", &answers.examples);
        inactive.text.lines().for_each(|line| writer.comment(0, line));
    } else {
        writer.value(0, "dns", node, "dns", &answers.examples);
    }
}

fn clusters(writer: &mut Writer, answers: &Answers, plan: &mut Plan<'_>) -> Result<(), Diagnostics> {
    let entries = answers.node(&["clusters"]).map_or(&[][..], Node::entries);
    let named = entries.iter().map(|(key, value)| {
        let name = key.text().unwrap_or_default();
        (name, Some((key, value)), answers.given.clusters.get(name).map(|entry| &entry.value))
    });
    let named: Vec<_> = if entries.is_empty() { vec![(CLUSTER, None, None)] } else { named.collect() };
    let counts: Vec<u32> = named.iter().map(|(_, _, cluster)| node_count(*cluster)).collect();
    // Pools first: nodes may be anywhere.
    let pools = named.iter().zip(0..).map(|((_, _, cluster), at)| {
        match cluster.and_then(|cluster| cluster.load_balancer.given()) {
            Some(pool) => Ok(*pool),
            None => plan.pool(at),
        }
    });
    let pools = pools.collect::<Result<Vec<_>, _>>()?;
    let placed = placed(&counts, plan.hosts.len());
    let mut networks = cluster_networks(plan.lan);
    let mut vmid = FIRST_VMID;
    writer.line(0, "");
    writer.line(0, "clusters:");
    for (at, (name, nodes, _)) in named.iter().enumerate() {
        match nodes {
            Some((key, _)) => writer.key(2, key),
            None => writer.line(2, &format!("{}:", yaml::scalar(name))),
        }
        let Some([pods, services]) = networks.next() else {
            return Err(Diagnostic::of_file(
                Code::InvalidValue,
                "there are more clusters than private networks for them",
            )
            .into());
        };
        // Those of the first cluster are the defaults.
        if at > 0 || pods != known("10.42.0.0/16") {
            writer.comment(4, "The networks of pods and of Services, which no other cluster has.");
            writer.derived(4, "pods", &pods.to_string());
            writer.derived(4, "services", &services.to_string());
        }
        writer.comment(4, "LAN addresses for Services. The router must not assign them by DHCP.");
        match nodes.and_then(|(_, value)| value.get("load-balancer")).filter(|node| !node.is_null()) {
            Some(node) => writer.value(4, "load-balancer", node, "", &answers.examples),
            None => writer.derived(4, "load-balancer", &pools[at].to_string()),
        }
        writer.line(4, "nodes:");
        let servers = if counts[at] >= 3 && plan.hosts.len() >= 3 { 3 } else { 1 };
        for (number, host) in placed[at].iter().enumerate() {
            let on_host = placed.iter().flatten().filter(|other| *other == host).count();
            let host = &plan.hosts[*host];
            let (host_name, has_gpu, memory) = (host.name.clone(), host.has_gpu, memory(host.memory, on_host as u64));
            writer.line(6, &format!("{}:", yaml::scalar(&format!("{name}-{}", number + 1))));
            writer.derived(8, "host", &host_name);
            if number >= servers {
                writer.derived(8, "role", "agent");
            }
            writer.number(8, "vmid", vmid);
            writer.derived(8, "address", &plan.address(NODES_FROM)?.to_string());
            writer.derived(8, "memory", &memory.to_string());
            if has_gpu {
                writer.line(8, "gpu: true");
            }
            vmid += 1;
        }
        app(writer, at.checked_sub(1).map(|_| *name));
    }
    Ok(())
}

/// The first app of a cluster. `suffix` makes its host name unique.
fn app(writer: &mut Writer, suffix: Option<&str>) {
    let host = suffix.map_or_else(|| "hello".to_owned(), |cluster| format!("hello-{cluster}"));
    writer.line(4, "apps:");
    writer.comment(
        6,
        "A first app, which shows the requests that it gets. Remove it when you have others: `homelab add app NAME`.",
    );
    writer.line(6, "hello:");
    writer.line(8, "image: { repository: docker.io/traefik/whoami, tag: v1.11.0 }");
    writer.comment(8, "A port above 1023, which every user may open.");
    writer.line(8, "port: 8080");
    writer.line(8, "env: { WHOAMI_PORT_NUMBER: \"8080\" }");
    writer.line(8, "probe: { path: /health }");
    writer.comment(8, "The image runs as root unless another user is set, and as root it is not started.");
    writer.line(8, "security: { user: 65534 }");
    writer.line(8, &format!("expose: {{ host: {host} }}"));
}
