//! Checks of a host.

use super::facts::{Facts, Guest, Storage};
use super::finding::{Check, Finding, Findings};
use super::versions::{Concerns, KNOWN_BAD};
use crate::{Command, Machine, Script};
use model::{Cluster, Host, Lab, Node, NodeKind};
use spec::{GpuDriver, Snapshotter};
use std::collections::{BTreeMap, BTreeSet};

/// The oldest major version of Proxmox VE that gets updates, and until when the one before did: `pve-faq.adoc` of
/// pve-docs.
const SUPPORTED: (u32, &str) = (9, "2026-08");

/// The difference between two clocks that is worth a warning, and the one that is an error, in seconds.
const CLOCK: (u64, u64) = (5, 60);

/// The memory that Proxmox VE needs itself: a rule of the spec.
const RESERVED: u64 = 1 << 30;

/// The smallest disk of a node: a rule of the spec.
const SMALLEST_DISK: u64 = 4 << 30;

/// When this machine asked a host, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// Before the connection was opened.
    pub before: u64,
    /// After it was closed.
    pub after: u64,
}

/// A node with its cluster.
type Placed<'a> = (&'a Cluster, &'a Node);

/// A host as a machine that is reached through SSH.
pub fn machine(host: &Host) -> Machine {
    Machine { name: host.name.to_string(), address: host.address.to_string() }
}

/// The command that asks a host for facts.
pub fn question(lab: &Lab, host: &Host) -> Command {
    let nodes = nodes(lab, host);
    let names = |names: Vec<&str>| names.join(",");
    let sysctls = super::sysctls().into_iter().map(|(name, _)| name).collect();
    let mut arguments = vec!["--modules".to_owned(), names(super::modules()), "--sysctls".to_owned(), names(sysctls)];
    arguments.extend(folders(&nodes).into_keys().flat_map(|path| ["--folder".to_owned(), path]));
    arguments.extend(devices(&nodes).into_keys().flat_map(|path| ["--device".to_owned(), path]));
    Command::script(&machine(host), Script::InspectHost, arguments).connecting_within(10)
}

/// What is wrong with a host that could not be asked.
pub fn unreachable(host: &Host, reason: &str) -> Vec<Finding> {
    let mut found = Findings::of(host.name.as_str());
    let remedy = format!(
        "start the host, and let your key log in: ssh-copy-id {destination}; then try: ssh {destination} true",
        destination = machine(host).destination()
    );
    found.error(Check::Ssh, format!("cannot be asked: {reason}"), remedy);
    found.into_list()
}

/// Checks a host.
pub fn check(lab: &Lab, host: &Host, facts: &Facts, asked: Asked) -> Vec<Finding> {
    let nodes = nodes(lab, host);
    let mut found = Findings::of(host.name.as_str());
    found.ok(Check::Ssh, format!("answers at {}", host.address));
    clock(&mut found, host, facts, asked);
    let Some(version) = facts.proxmox() else {
        let remedy = "install Proxmox VE, or correct `address` of the host in the spec";
        found.error(Check::Proxmox, "is not a Proxmox host: it has no program `pveversion`", remedy);
        return found.into_list();
    };
    proxmox(&mut found, version);
    packages(&mut found, host, facts, &nodes);
    if nodes.iter().any(|(_, node)| is_container(node)) {
        modules(&mut found, host, facts, &nodes);
        sysctls(&mut found, host, facts);
        kmsg(&mut found, facts);
        folder_marks(&mut found, host, facts, &nodes);
        device_files(&mut found, facts, &nodes);
    }
    gpu(&mut found, host, facts, &nodes);
    cpu(&mut found, host, facts, &nodes);
    memory(&mut found, host, facts, &nodes);
    storage(&mut found, host, facts, &nodes);
    templates(&mut found, host, facts, &nodes);
    for (_, node) in &nodes {
        bridge(&mut found, facts, node.name.as_str(), node.bridge.as_str(), node.vlan);
        for interface in &node.interfaces {
            bridge(&mut found, facts, node.name.as_str(), interface.bridge.as_str(), interface.vlan);
        }
    }
    vmids(&mut found, lab, facts, &nodes);
    swap(&mut found, facts);
    iommu(&mut found, facts, &nodes);
    found.into_list()
}

/// Whether a node is a container, which shares the kernel of its host.
fn is_container(node: &Node) -> bool {
    match node.kind {
        NodeKind::Vm { .. } => false,
        NodeKind::Lxc { .. } => true,
    }
}

/// The content type of storages that hold the disk of a node.
fn content(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Vm { .. } => "images",
        NodeKind::Lxc { .. } => "rootdir",
    }
}

/// The type that the API has for the guest that a node is.
fn kind(node: &Node) -> &'static str {
    match node.kind {
        NodeKind::Vm { .. } => "qemu",
        NodeKind::Lxc { .. } => "lxc",
    }
}

fn nodes<'a>(lab: &'a Lab, host: &Host) -> Vec<Placed<'a>> {
    let placed = lab.clusters.iter().flat_map(|cluster| cluster.nodes.iter().map(move |node| (cluster, node)));
    placed.filter(|(_, node)| node.host == host.name).collect()
}

/// The folders that nodes mount, with the nodes.
fn folders<'a>(nodes: &[Placed<'a>]) -> BTreeMap<String, Vec<&'a str>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (_, node) in nodes {
        for folder in node.folders() {
            all.entry(folder.path.to_string()).or_default().push(node.name.as_str());
        }
    }
    all
}

/// The device files that are passed to nodes, with the nodes.
fn devices<'a>(nodes: &[Placed<'a>]) -> BTreeMap<String, Vec<&'a str>> {
    let mut all: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for (_, node) in nodes {
        let devices = match &node.kind {
            NodeKind::Vm { .. } => &[][..],
            NodeKind::Lxc { devices, .. } => devices,
        };
        for device in devices {
            all.entry(device.to_string()).or_default().push(node.name.as_str());
        }
    }
    all
}

/// The guest that a node is, if it exists.
pub(super) fn guest<'a>(facts: &'a Facts, node: &Node) -> Option<&'a Guest> {
    let guests = facts.guests.iter().flatten();
    guests.into_iter().find(|guest| {
        guest.vmid == u64::from(node.vmid) && guest.kind == kind(node) && guest.name == node.name.as_str()
    })
}

/// A command for the shell of a host.
fn on(host: &Host, text: &str) -> String {
    Command::shell(&machine(host), text).to_string()
}

/// The command that prepares a host.
fn prepare(host: &Host) -> String {
    Command::script(&machine(host), Script::PrepareHost, Vec::<String>::new()).to_string()
}

/// The first number of a version.
fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// How to get the next major version of Proxmox VE.
fn upgrade(major: u32) -> String {
    format!("upgrade: https://pve.proxmox.com/wiki/Upgrade_from_{major}_to_{}", major + 1)
}

fn proxmox(found: &mut Findings, version: &str) {
    let (oldest, until) = SUPPORTED;
    match major(version) {
        Some(major) if major >= oldest => found.ok(Check::Proxmox, format!("Proxmox VE {version}")),
        Some(major) => found.warning(
            Check::Proxmox,
            format!("Proxmox VE {version} gets no more updates: support of version {} ended in {until}", oldest - 1),
            upgrade(major),
        ),
        None => found.skipped(Check::Proxmox, format!("the version {version} is unknown")),
    }
}

fn packages(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let on_zfs = |storage: &Storage| storage.kind == "zfspool";
    let zfs: BTreeSet<_> =
        facts.storages.iter().flatten().filter(|one| on_zfs(one)).map(|one| one.storage.as_str()).collect();
    let concerned = |concerns: Concerns| match concerns {
        Concerns::Containers => nodes.iter().any(|(_, node)| is_container(node)),
        Concerns::ContainersOnZfs => nodes.iter().any(|(cluster, node)| {
            is_container(node)
                && cluster.snapshotter == Snapshotter::Overlayfs
                && zfs.contains(node.disk_storage.as_str())
        }),
        Concerns::Gpu => nodes.iter().any(|(_, node)| node.gpu.is_some()),
    };
    for bad in KNOWN_BAD.iter().filter(|bad| concerned(bad.concerns)) {
        let (check, version) = match bad.package {
            "kernel" => (Check::Kernel, facts.get("kernel")),
            "zfs" => (Check::Packages, facts.get("zfs")),
            package => (Check::Packages, facts.of("package", package)),
        };
        let Some(version) = version else {
            found.skipped(check, format!("the version of {} is unknown", bad.package));
            continue;
        };
        if bad.contains(version) {
            let update = match (facts.proxmox().and_then(major), bad.package) {
                // Its repository has no newer versions.
                (Some(major), _) if major < SUPPORTED.0 => upgrade(major),
                (_, "kernel" | "zfs") => {
                    format!("{}; then reboot the host", on(host, "apt update && apt full-upgrade"))
                }
                (_, package) => on(host, &format!("apt update && apt install {package}")),
            };
            let detail = format!("{} {version}: {} (fixed in {}: {})", bad.package, bad.effect, bad.fixed, bad.source);
            found.problem(bad.breaks, check, detail, update);
        }
    }
    if !found.has_problem(Check::Packages) {
        let versions: Vec<_> = facts.all("package").map(|(name, version)| format!("{name} {version}")).collect();
        found.ok(Check::Packages, versions.join(", "));
    }
    if !found.has_problem(Check::Kernel) {
        found.ok(Check::Kernel, facts.get("kernel").unwrap_or("unknown"));
    }
}

fn modules(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let needs_nfs = nodes.iter().any(|(_, node)| node.mounts_nfs());
    let wanted: Vec<_> = super::modules().into_iter().filter(|name| needs_nfs || !name.starts_with("nfs")).collect();
    let with = |state: &str| -> Vec<&str> {
        let state_of = |name: &&&str| facts.of("module", name).unwrap_or("missing") == state;
        wanted.iter().filter(state_of).copied().collect()
    };
    let (missing, unloaded) = (with("missing"), with("loadable"));
    if !missing.is_empty() {
        let detail = format!("the running kernel does not have the modules {}", missing.join(", "));
        let kernel = on(host, "apt update && apt install proxmox-default-kernel");
        let remedy = format!("{kernel}; then reboot the host");
        found.error(Check::Modules, detail, remedy);
    }
    if !unloaded.is_empty() {
        let detail = format!("not loaded, and a container cannot load them: {}", unloaded.join(", "));
        found.error(Check::Modules, detail, prepare(host));
    }
    if missing.is_empty() && unloaded.is_empty() {
        found.ok(Check::Modules, format!("{} modules are loaded", wanted.len()));
    }
}

fn sysctls(found: &mut Findings, host: &Host, facts: &Facts) {
    let wanted = super::sysctls();
    let wrong: Vec<_> = wanted
        .iter()
        .map(|(name, value)| (name, value, facts.of("sysctl", name).unwrap_or("unknown")))
        .filter(|(_, value, actual)| *value != actual)
        .map(|(name, value, actual)| format!("{name} is {actual}, not {value}"))
        .collect();
    if wrong.is_empty() {
        found.ok(Check::Sysctls, format!("{} parameters have the values that the kubelet requires", wanted.len()));
    } else {
        found.error(Check::Sysctls, format!("the kubelet requires other values: {}", wrong.join(", ")), prepare(host));
    }
}

fn kmsg(found: &mut Findings, facts: &Facts) {
    match facts.of("device", "/dev/kmsg") {
        Some("character") => found.ok(Check::Kmsg, "/dev/kmsg exists"),
        _ => found.error(
            Check::Kmsg,
            "there is no /dev/kmsg, which the kubelet opens",
            "boot a kernel of Proxmox VE, on the machine itself and not in a container",
        ),
    }
}

fn folder_marks(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    for (path, users) in folders(nodes) {
        let users = users.join(", ");
        let mark = || on(host, &format!("touch {path}/.homelab"));
        match facts.of("folder", &path) {
            Some("marked") => found.ok(Check::Folders, format!("{path} has its mark")),
            Some("unmarked") => found.error(
                Check::Folders,
                format!("{path} has no file .homelab: pods on {users} wait, since its disk may not be mounted"),
                format!("mount its disk if it is not mounted, then: {}", mark()),
            ),
            Some("missing") => found.error(
                Check::Folders,
                format!("{path} does not exist; {users} cannot start without it"),
                format!("create it, mount its disk there, then: {}", mark()),
            ),
            _ => found.skipped(Check::Folders, format!("nothing is known of {path}")),
        }
    }
}

fn device_files(found: &mut Findings, facts: &Facts, nodes: &[Placed<'_>]) {
    for (path, users) in devices(nodes) {
        match facts.of("device", &path) {
            Some(kind @ ("character" | "block" | "folder")) => {
                found.ok(Check::Devices, format!("{path} exists ({kind})"));
            }
            Some("missing") => found.error(
                Check::Devices,
                format!("{path} does not exist, but is passed to {}", users.join(", ")),
                "plug the device in, or correct `devices` of the node in the spec",
            ),
            Some(_) => found.error(
                Check::Devices,
                format!("{path} is not a device file"),
                "correct `devices` of the node in the spec",
            ),
            None => found.skipped(Check::Devices, format!("nothing is known of {path}")),
        }
    }
}

fn gpu(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(gpu) = &host.gpu else { return };
    if let Some(node) = has_gpu_alone(nodes) {
        return found
            .skipped(Check::Gpu, format!("{} is passed to the VM {}, which has its driver", gpu.pci, node.name));
    }
    let is_used = nodes.iter().any(|(_, node)| node.gpu.is_some());
    let device = gpu.device.to_string();
    let (name, field) = (driver_name(gpu.driver), format!("hosts.{}.gpu", host.name));
    let others: Vec<_> = facts.all("gpu").map(|(path, _)| path).collect();
    let Some(actual) = facts.of("gpu", &device) else {
        let remedy = match others[..] {
            [] => format!("enable the GPU in the firmware of the host, or remove `{field}` from the spec"),
            _ => format!("set `{field}.device` to one of: {}", others.join(", ")),
        };
        return found.problem(is_used, Check::Gpu, format!("there is no {device}"), remedy);
    };
    match actual.split_once(' ') {
        Some((driver, group)) if driver == name => {
            found.ok(Check::Gpu, format!("{device} has the driver {driver} and the group {group} on the host"));
        }
        Some(("", _)) | None => found.problem(
            is_used,
            Check::Gpu,
            format!("{device} has no driver, but the spec says {name}"),
            on(host, &format!("modprobe {name}")),
        ),
        Some((driver, _)) => found.problem(
            is_used,
            Check::Gpu,
            format!("{device} has the driver {driver}, but the spec says {name}"),
            format!("set `{field}.driver: {driver}`"),
        ),
    }
}

/// The name of a driver in the kernel.
fn driver_name(driver: GpuDriver) -> &'static str {
    match driver {
        GpuDriver::I915 => "i915",
        GpuDriver::Xe => "xe",
    }
}

fn cpu(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(threads) = facts.number("threads") else {
        return found.skipped(Check::Cpu, "the number of CPU threads is unknown");
    };
    let cores: u64 = nodes.iter().map(|(_, node)| u64::from(node.cores)).sum();
    match host.threads.map(u64::from) {
        Some(given) if given != threads => found.warning(
            Check::Cpu,
            format!("the host has {threads} CPU threads, but the spec says {given}"),
            format!("set `hosts.{}.threads: {threads}`", host.name),
        ),
        None if cores > threads => found.warning(
            Check::Cpu,
            format!("the host has {threads} CPU threads, but its nodes have {cores} cores"),
            "reduce `cores` of its nodes, if they are busy at the same time",
        ),
        _ => found.ok(Check::Cpu, format!("{threads} threads, {cores} cores of nodes")),
    }
}

fn memory(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(total) = facts.bytes("memory") else {
        return found.skipped(Check::Memory, "the memory is unknown");
    };
    let planned: u64 = nodes.iter().map(|(_, node)| node.memory.bytes()).sum();
    let here = facts.get("node").unwrap_or_default();
    let is_ours = |guest: &Guest| nodes.iter().any(|(_, node)| u64::from(node.vmid) == guest.vmid);
    let others = facts.guests.iter().flatten();
    let others: Vec<_> =
        others.filter(|guest| guest.node == here && guest.status == "running" && !is_ours(guest)).collect();
    let used: u64 = others.iter().map(|guest| guest.maxmem).sum();
    let available = total.saturating_sub(RESERVED);
    if planned > available {
        return found.error(
            Check::Memory,
            format!("the nodes have {}, but the host has {}", gib(planned), gib(total)),
            format!("reduce `memory` of its nodes; set `hosts.{}.memory` to what the host has", host.name),
        );
    }
    // The kernel keeps some memory to itself, and GPUs take some.
    if total < host.memory.bytes() / 10 * 9 {
        found.warning(
            Check::Memory,
            format!("the host has {}, but the spec says {}", gib(total), host.memory),
            format!("correct `hosts.{}.memory`", host.name),
        );
    }
    if planned + used > available {
        let names: Vec<_> = others.iter().map(|guest| format!("{} ({})", guest.vmid, gib(guest.maxmem))).collect();
        found.warning(
            Check::Memory,
            format!(
                "the nodes have {}, and other guests that run have {}, but the host has {}",
                gib(planned),
                gib(used),
                gib(total)
            ),
            format!("stop other guests, or reduce their memory: {}", names.join(", ")),
        );
    }
    if !found.has_problem(Check::Memory) {
        let others = if used == 0 { String::new() } else { format!(", other guests that run {}", gib(used)) };
        found.ok(Check::Memory, format!("{}; nodes {}{others}", gib(total), gib(planned)));
    }
}

fn storage(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(storages) = &facts.storages else {
        return found.skipped(Check::Storage, "Proxmox VE did not list its storages");
    };
    let names: BTreeSet<_> = nodes.iter().map(|(_, node)| node.disk_storage.as_str()).collect();
    for name in names {
        let users: Vec<_> = nodes.iter().filter(|(_, node)| node.disk_storage.as_str() == name).collect();
        let types: BTreeSet<_> = users.iter().map(|(_, node)| content(node)).collect();
        let Some(storage) = storages.iter().find(|one| one.storage == name) else {
            let fitting = |one: &&Storage| types.iter().all(|content| one.holds(content));
            let fitting: Vec<_> = storages.iter().filter(fitting).map(|one| one.storage.as_str()).collect();
            let remedy = match fitting[..] {
                [] => format!(
                    "add it to Proxmox VE, with the content {}",
                    types.into_iter().collect::<Vec<_>>().join(",")
                ),
                _ => format!("set `disk-storage` of {} to one of: {}", list(&users), fitting.join(", ")),
            };
            found.error(Check::Storage, format!("there is no storage {name}"), remedy);
            continue;
        };
        let lacking: Vec<_> = types.iter().copied().filter(|content| !storage.holds(content)).collect();
        if !lacking.is_empty() {
            let contents = storage.content.split(',').filter(|one| !one.is_empty()).chain(lacking.iter().copied());
            let contents = contents.collect::<Vec<_>>().join(",");
            found.error(
                Check::Storage,
                format!("{name} does not have the content {}, which disks of nodes are", lacking.join(" and ")),
                on(host, &format!("pvesm set {name} --content {contents}")),
            );
        } else if !storage.enabled {
            found.error(
                Check::Storage,
                format!("{name} is disabled"),
                on(host, &format!("pvesm set {name} --disable 0")),
            );
        } else if !storage.active {
            let remedy = format!("find out why: {}", on(host, "pvesm status"));
            found.error(Check::Storage, format!("{name} is not accessible"), remedy);
        } else {
            space(found, facts, storage, &users);
        }
    }
}

/// Checks that a storage has space for the disks of nodes that do not exist yet.
fn space(found: &mut Findings, facts: &Facts, storage: &Storage, users: &[&Placed<'_>]) {
    let name = &storage.storage;
    let new: Vec<_> = users.iter().copied().filter(|(_, node)| guest(facts, node).is_none()).collect();
    let wanted: u64 = new.iter().map(|(_, node)| node.disk.bytes()).sum();
    let free = gib(storage.avail);
    let remedy = || format!("free space on {name}, or reduce `disk` of {}", list(&new));
    // lvcreate reserves the whole disk; the other types grow, so creating a disk that does not fit succeeds.
    let is_thick = storage.kind == "lvm";
    let least = if is_thick { wanted } else { new.len() as u64 * SMALLEST_DISK };
    if storage.avail < least {
        let needed = gib(least);
        found.error(Check::Storage, format!("{name} has {free} free, but new nodes need {needed}"), remedy());
    } else if storage.avail < wanted {
        let detail = format!(
            "{name} ({}) has {free} free, but new disks may grow to {}: writes fail when it is full",
            storage.kind,
            gib(wanted)
        );
        found.warning(Check::Storage, detail, remedy());
    } else {
        let new = if new.is_empty() { "no new disks".to_owned() } else { format!("new disks {}", gib(wanted)) };
        found.ok(Check::Storage, format!("{name} ({}) has {free} free; {new}", storage.kind));
    }
}

fn templates(found: &mut Findings, host: &Host, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(storages) = &facts.storages else { return };
    if !nodes.iter().any(|(_, node)| is_container(node) && guest(facts, node).is_none()) {
        return;
    }
    let holding = storages.iter().filter(|one| one.active && one.holds("vztmpl"));
    let names: Vec<_> = holding.map(|one| format!("{} has {} free", one.storage, gib(one.avail))).collect();
    if !names.is_empty() {
        return found.ok(Check::Templates, names.join(", "));
    }
    let local = storages.iter().find(|one| one.storage == "local");
    let contents = local.map_or("", |local| local.content.as_str());
    let contents = if contents.is_empty() { "vztmpl".to_owned() } else { format!("{contents},vztmpl") };
    found.error(
        Check::Templates,
        "no storage holds templates of containers (vztmpl)",
        on(host, &format!("pvesm set local --content {contents}")),
    );
}

/// Checks a bridge of a node, and that it can tag frames if the node is in a VLAN.
fn bridge(found: &mut Findings, facts: &Facts, node: &str, name: &str, vlan: Option<u32>) {
    match (facts.of("interface", name), vlan) {
        (Some("vlan-aware"), _) => found.ok(Check::Bridge, format!("{name} of {node} exists, and is VLAN-aware")),
        (Some("plain"), None) => found.ok(Check::Bridge, format!("{name} of {node} exists")),
        (Some("plain"), Some(vlan)) => found.warning(
            Check::Bridge,
            format!("{name} is not VLAN-aware: Proxmox VE adds a bridge for VLAN {vlan} of {node}"),
            format!("set `bridge-vlan-aware yes` for {name} in /etc/network/interfaces, then: ifreload -a"),
        ),
        (Some(_), _) => found.skipped(
            Check::Bridge,
            format!("{name} of {node} is no Linux bridge; an Open vSwitch bridge is not checked"),
        ),
        (None, _) => {
            let bridges = facts.all("interface").filter(|(_, kind)| *kind != "other").map(|(name, _)| name);
            let bridges = bridges.collect::<Vec<_>>().join(", ");
            let remedy = match bridges.is_empty() {
                true => format!("create the bridge {name} in Proxmox VE: node > System > Network"),
                false => format!("set `bridge` of the node to one of: {bridges}"),
            };
            found.error(Check::Bridge, format!("there is no bridge {name}, which {node} needs"), remedy);
        }
    }
}

fn vmids(found: &mut Findings, lab: &Lab, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(guests) = &facts.guests else {
        return found.skipped(Check::Vmid, "Proxmox VE did not list its containers and VMs");
    };
    let planned = lab.clusters.iter().flat_map(|cluster| &cluster.nodes).map(|node| u64::from(node.vmid));
    let taken: BTreeSet<u64> = guests.iter().map(|guest| guest.vmid).chain(planned).collect();
    let mut free = (100..).filter(|vmid| !taken.contains(vmid));
    let here = facts.get("node").unwrap_or_default();
    for (cluster, node) in nodes {
        let (vmid, name) = (node.vmid, node.name.as_str());
        match guests.iter().find(|guest| guest.vmid == u64::from(vmid)) {
            None => found.ok(Check::Vmid, format!("{vmid} is free for {name}")),
            Some(guest) if guest.kind == kind(node) && guest.name == name && guest.node == here => {
                found.ok(Check::Vmid, format!("{vmid} is {name} ({})", guest.status));
            }
            Some(guest) if guest.kind == kind(node) && guest.name == name => found.error(
                Check::Vmid,
                format!("{vmid} is {name}, but on the host {}", guest.node),
                format!("set `clusters.{}.nodes.{name}.host`, or migrate it: pct migrate {vmid} {here}", cluster.name),
            ),
            Some(guest) if guest.name.is_empty() => found.skipped(
                Check::Vmid,
                format!("{vmid} is on the host {}, which is offline; whether it is {name} is unknown", guest.node),
            ),
            Some(guest) => {
                let what = if guest.kind == "qemu" { "VM" } else { "container" };
                let free = free.next().unwrap_or_default();
                found.error(
                    Check::Vmid,
                    format!("{vmid} of {name} is taken by the {what} {} on {}", guest.name, guest.node),
                    format!("set `clusters.{}.nodes.{name}.vmid: {free}`, then: homelab generate", cluster.name),
                );
            }
        }
    }
}

fn swap(found: &mut Findings, facts: &Facts) {
    let Some(total) = facts.bytes("swap") else { return };
    if total == 0 {
        return found.ok(Check::Swap, "none");
    }
    let used = facts.bytes("swap-used").unwrap_or_default();
    if used > total / 2 {
        return found.warning(
            Check::Swap,
            format!("{} of {} is used: the memory of the host is short", gib(used), gib(total)),
            "reduce the memory of guests, or stop some",
        );
    }
    found.ok(Check::Swap, format!("{} of {} is used; nodes use none", gib(used), gib(total)));
}

/// The VM that the GPU is passed to.
fn has_gpu_alone<'a>(nodes: &[Placed<'a>]) -> Option<&'a Node> {
    nodes.iter().map(|(_, node)| *node).find(|node| !is_container(node) && node.gpu.is_some())
}

fn iommu(found: &mut Findings, facts: &Facts, nodes: &[Placed<'_>]) {
    let Some(groups) = facts.number("iommu") else { return };
    if let Some(node) = has_gpu_alone(nodes) {
        if groups == 0 {
            let detail = format!("off, but the VM {} needs it for the GPU", node.name);
            let remedy = "enable VT-d in the firmware of the host; kernels before 6.8 also need intel_iommu=on on their \
                          command line";
            found.error(Check::Iommu, detail, remedy);
        } else {
            found.ok(Check::Iommu, format!("on, {groups} groups, for the GPU of the VM {}", node.name));
        }
    } else {
        let state = if groups == 0 { "off".to_owned() } else { format!("on, {groups} groups") };
        found.ok(Check::Iommu, format!("{state}; containers do not need it"));
    }
}

fn clock(found: &mut Findings, host: &Host, facts: &Facts, asked: Asked) {
    let Some(time) = facts.number("time") else {
        return found.skipped(Check::Clock, "the time of the host is unknown");
    };
    let ahead = time.saturating_sub(asked.after);
    let behind = asked.before.saturating_sub(time);
    let off = ahead.max(behind);
    let synchronised = facts.get("time-synchronised") == Some("yes");
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    let remedy = match synchronised {
        true => "synchronise the clock of this machine: that of the host is".to_owned(),
        false => on(host, "apt install chrony && systemctl enable --now chrony"),
    };
    if off > CLOCK.0 {
        let is_far = off > CLOCK.1;
        let off = if off < 120 { format!("{off} s") } else { format!("about {} minutes", (off + 30) / 60) };
        let detail = format!("the clock is {off} {direction} that of this machine");
        return found.problem(is_far, Check::Clock, detail, remedy);
    }
    if !synchronised {
        return found.warning(Check::Clock, "the clock is not synchronised by NTP", remedy);
    }
    found.ok(Check::Clock, "synchronised, and agrees with this machine");
}

fn list(nodes: &[&Placed<'_>]) -> String {
    nodes.iter().map(|(_, node)| node.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// An amount in GiB, with one digit after the point.
fn gib(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) >> 30;
    match tenths % 10 {
        0 => format!("{}GiB", tenths / 10),
        digit => format!("{}.{digit}GiB", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::State;

    #[test]
    fn checks_bridges_for_nodes_in_a_vlan() {
        let facts =
            Facts::parse("format: 1\ninterface vmbr0: plain\ninterface vmbr1: vlan-aware\ninterface ovs0: other\n");
        let facts = facts.expect("it is valid");
        for (name, vlan, expected) in [
            ("vmbr0", None, State::Ok),
            ("vmbr0", Some(20), State::Warning),
            ("vmbr1", Some(20), State::Ok),
            ("ovs0", Some(20), State::Skipped),
            ("vmbr9", None, State::Error),
        ] {
            let mut found = Findings::of("pve");
            bridge(&mut found, &facts, "node-1", name, vlan);
            assert_eq!(found.into_list()[0].result, expected, "{name} {vlan:?}");
        }
    }

    #[test]
    fn prints_amounts_with_one_digit() {
        assert_eq!([0, 1 << 30, 1_500 << 20, 33_441_218_560].map(gib), ["0GiB", "1GiB", "1.4GiB", "31.1GiB"]);
    }
}
