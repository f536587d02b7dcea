//! What a host's nodes ask of it: memory, threads, the GPU, container numbers.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::types::{Name, Size};
use spec::{Entry, Host, Node, NodeKind, Spec};
use std::collections::BTreeMap;

/// What Proxmox VE itself needs.
const RESERVED: u64 = 1 << 30;

pub(super) fn check(spec: &Spec, faults: &mut Diagnostics) {
    let nodes: Vec<&Entry<Node>> = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes).collect();
    check_vmids(&nodes, faults);
    check_privileges(spec, &nodes, faults);
    for host in &spec.hosts {
        let name: &Name = &host.name;
        let own: Vec<_> = nodes
            .iter()
            .copied()
            .filter(|node| node.value.host.value == *name && !node.value.host.span.faulty)
            .collect();
        check_memory(host, &own, faults);
        check_threads(host, &own, faults);
        check_gpu(host, &own, faults);
    }
}

fn check_vmids(nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let mut taken: BTreeMap<u32, &Entry<Node>> = BTreeMap::new();
    let highest = nodes.iter().map(|node| node.value.vmid.get()).max().unwrap_or(100);
    for node in nodes {
        let vmid = &node.value.vmid;
        if let Some(first) = taken.get(&vmid.get()) {
            let message =
                format!("the VMID {} is given to `{}` and to `{}`", vmid.value, first.name.value, node.name.value);
            let fault =
                Diagnostic::new(Code::VmidTaken, vmid.span, message).related(first.value.vmid.span, "first given here");
            faults.push(fault.help(format!("a free one is {}", highest.saturating_add(1))));
        } else {
            taken.insert(vmid.get(), node);
        }
    }
}

/// Warns of nodes whose pods cannot mount what the lab's storage exports.
fn check_privileges(spec: &Spec, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let Some(export) = spec.storage.iter().find_map(|storage| storage.value.nfs.as_ref()) else { return };
    for node in nodes {
        let privileged = match node.value.kind() {
            NodeKind::Lxc { privileged, .. } => privileged.spanned().filter(|privileged| !privileged.value),
        };
        if let Some(privileged) = privileged {
            let message = format!("pods on `{}` cannot mount NFS, for its container is unprivileged", node.name.value);
            let fault = Diagnostic::new(Code::UnprivilegedNfs, privileged.span, message);
            faults
                .push(fault.related(export.span, "exported by NFS").help("keep apps that need it on privileged nodes"));
        }
    }
}

fn check_memory(host: &Entry<Host>, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let memory = &host.value.memory;
    let used: u64 = nodes.iter().map(|node| node.value.memory.get().bytes()).fold(0, u64::saturating_add);
    if used.saturating_add(RESERVED) <= memory.bytes() || nodes.is_empty() {
        return;
    }
    let message = format!(
        "the nodes of `{}` take {}, but it has {} less 1GiB for Proxmox VE",
        host.name.value,
        Size::from_bytes(used),
        memory.value
    );
    let fault = Diagnostic::new(Code::HostMemoryExceeded, memory.span, message)
        .help(format!("keep their sum at or below {}", Size::from_bytes(memory.bytes().saturating_sub(RESERVED))));
    faults.push(with_shares(fault, nodes, |node| {
        node.memory.spanned().map(|memory| (memory.span, format!("{}", memory.value)))
    }));
}

fn check_threads(host: &Entry<Host>, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    let Some(threads) = &host.value.threads else { return };
    let used: u32 = nodes.iter().map(|node| node.value.cores.get().get()).sum();
    if used <= threads.get() {
        return;
    }
    let message = format!("the nodes of `{}` use {used} cores, but it has {} threads", host.name.value, threads.get());
    let fault = Diagnostic::new(Code::HostThreadsExceeded, threads.span, message)
        .help("they will take time from each other under load");
    faults.push(with_shares(fault, nodes, |node| {
        node.cores.spanned().map(|cores| (cores.span, cores.value.to_string()))
    }));
}

fn with_shares(
    mut fault: Diagnostic,
    nodes: &[&Entry<Node>],
    share: impl Fn(&Node) -> Option<(Span, String)>,
) -> Diagnostic {
    for node in nodes {
        let (span, amount) = share(&node.value).unwrap_or((node.name.span, "the default".to_owned()));
        fault = fault.related(span, format!("`{}` takes {amount}", node.name.value));
    }
    fault
}

fn check_gpu(host: &Entry<Host>, nodes: &[&Entry<Node>], faults: &mut Diagnostics) {
    if host.value.gpu.is_some() {
        return;
    }
    for node in nodes {
        if let Some(gpu) = node.value.gpu.on() {
            let message =
                format!("the node `{}` gets the GPU of `{}`, which has none", node.name.value, host.name.value);
            let fault = Diagnostic::new(Code::GpuMissing, gpu, message).related(host.name.span, "this host");
            faults.push(fault.help("add `gpu: intel` to the host, or remove `gpu` from the node"));
        }
    }
}
