//! What nodes need of their host: memory, threads, a GPU, folders, and a VMID.

use diagnostic::{Code, Diagnostic, Diagnostics, Span, count, did_you_mean};
use spec::types::{Name, Size};
use spec::{Entry, Host, Node, NodeKind, Spec};
use std::collections::BTreeMap;

/// The memory that Proxmox VE itself needs, in bytes.
const RESERVED: u64 = 1 << 30;

/// The memory that the host needs for a VM besides that of the VM, in bytes: QEMU itself, and page tables. An estimate:
/// it grows with memory, cores and devices.
const VM_OVERHEAD: u64 = 256 << 20;

pub(super) fn check(spec: &Spec, diagnostics: &mut Diagnostics) {
    let nodes: Vec<&Entry<Node>> = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes).collect();
    check_vmids(&nodes, diagnostics);
    for host in &spec.hosts {
        let name: &Name = &host.name;
        let own: Vec<_> = nodes
            .iter()
            .copied()
            .filter(|node| node.value.host.value == *name && !node.value.host.span.faulty)
            .collect();
        check_memory(host, &own, diagnostics);
        check_threads(host, &own, diagnostics);
        check_gpu(host, &own, diagnostics);
        check_passed(host, &own, diagnostics);
        check_folders(host, &own, diagnostics);
    }
}

fn check_vmids(nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<u32, &Entry<Node>> = BTreeMap::new();
    let highest = nodes.iter().map(|node| node.value.vmid.get()).max().unwrap_or(100);
    for node in nodes {
        let vmid = &node.value.vmid;
        if let Some(first) = taken.get(&vmid.get()) {
            let message =
                format!("the VMID {} is assigned to both `{}` and `{}`", vmid.value, first.name.value, node.name.value);
            let diagnostic = Diagnostic::new(Code::VmidTaken, vmid.span, message)
                .related(first.value.vmid.span, "first assigned here");
            diagnostics.push(diagnostic.help(format!("use a free VMID, such as {}", highest.saturating_add(1))));
        } else {
            taken.insert(vmid.get(), node);
        }
    }
}

fn check_memory(host: &Entry<Host>, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let memory = &host.value.memory;
    let used: u64 = nodes.iter().map(|node| self::memory(&node.value)).fold(0, u64::saturating_add);
    if used.saturating_add(RESERVED) <= memory.bytes() || nodes.is_empty() {
        return;
    }
    let message = format!(
        "the nodes of `{}` use {} of memory, but the host has {}, of which Proxmox VE needs 1GiB",
        host.name.value,
        Size::from_bytes(used),
        memory.value
    );
    let of_qemu =
        used - nodes.iter().map(|node| node.value.memory.get().bytes()).fold(0, u64::saturating_add).min(used);
    let help = match memory.bytes().saturating_sub(RESERVED).saturating_sub(of_qemu) {
        0 => format!("set the memory of the host to {} or more", Size::from_bytes(used.saturating_add(RESERVED))),
        left => format!("reduce their total memory to {} or less", Size::from_bytes(left)),
    };
    let diagnostic = Diagnostic::new(Code::HostMemoryExceeded, memory.span, message).help(help);
    diagnostics.push(with_shares(diagnostic, nodes, |node| {
        let of_qemu = match node.kind() {
            NodeKind::Vm { .. } => format!(", and {} for QEMU", Size::from_bytes(VM_OVERHEAD)),
            NodeKind::Lxc { .. } => String::new(),
        };
        node.memory.spanned().map(|memory| (memory.span, format!("{}{of_qemu}", memory.value)))
    }));
}

/// The memory that a node needs of its host, in bytes.
fn memory(node: &Node) -> u64 {
    let memory = node.memory.get().bytes();
    match node.kind() {
        NodeKind::Vm { .. } => memory.saturating_add(VM_OVERHEAD),
        NodeKind::Lxc { .. } => memory,
    }
}

fn check_threads(host: &Entry<Host>, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let Some(threads) = &host.value.threads else { return };
    let used: u32 = nodes.iter().map(|node| node.value.cores.get().get()).sum();
    if used <= threads.get() {
        return;
    }
    let (used, threads_of_host) = (count(used, "core"), count(threads.get(), "thread"));
    let message = format!("the nodes of `{}` use {used}, but the host has {threads_of_host}", host.name.value);
    let diagnostic = Diagnostic::new(Code::HostThreadsExceeded, threads.span, message)
        .help("lower `cores` of the nodes, as they compete for CPU time under load");
    diagnostics.push(with_shares(diagnostic, nodes, |node| {
        node.cores.spanned().map(|cores| (cores.span, cores.value.to_string()))
    }));
}

fn with_shares(
    mut diagnostic: Diagnostic,
    nodes: &[&Entry<Node>],
    share: impl Fn(&Node) -> Option<(Span, String)>,
) -> Diagnostic {
    for node in nodes {
        let (span, amount) = share(&node.value).unwrap_or((node.name.span, "the default".to_owned()));
        diagnostic = diagnostic.related(span, format!("`{}` uses {amount}", node.name.value));
    }
    diagnostic
}

fn check_gpu(host: &Entry<Host>, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    if host.value.gpu.is_some() {
        return;
    }
    for node in nodes {
        if let Some(gpu) = node.value.gpu.on() {
            let message =
                format!("the node `{}` requests a GPU, but its host `{}` has none", node.name.value, host.name.value);
            let diagnostic = Diagnostic::new(Code::GpuMissing, gpu, message).related(host.name.span, "this host");
            diagnostics.push(diagnostic.help("add `gpu: intel` to the host, or remove `gpu` from the node"));
        }
    }
}

/// Checks that what is passed to a VM is not passed to another node: the GPU and USB devices.
fn check_passed(host: &Entry<Host>, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let is_vm = |node: &&&Entry<Node>| matches!(node.value.kind(), NodeKind::Vm { .. });
    let with_gpu: Vec<_> = nodes.iter().filter(|node| node.value.gpu.is_on()).collect();
    if let (Some(vm), Some(_)) = (with_gpu.iter().find(|node| is_vm(node)), host.value.gpu.as_ref()) {
        let others = with_gpu.iter().filter(|node| node.name.value != vm.name.value);
        for (other, gpu) in others.filter_map(|other| Some((other, other.value.gpu.on()?))) {
            let message = format!(
                "the GPU of `{}` is passed to the VM `{}`, so `{}` cannot have it",
                host.name.value, vm.name.value, other.name.value
            );
            let diagnostic = Diagnostic::new(Code::DeviceTaken, gpu, message);
            let diagnostic = diagnostic.related(vm.value.gpu.on().unwrap_or(vm.name.span), "passed to a VM");
            diagnostics.push(diagnostic.help(
                "let one VM have it, or only containers, which share it; parts of a GPU (SR-IOV) cannot be passed",
            ));
        }
    }
    let mut taken: BTreeMap<&str, (&Entry<Node>, Span)> = BTreeMap::new();
    for node in nodes {
        let NodeKind::Vm { usb } = node.value.kind() else { continue };
        for id in usb.values() {
            if let Some((first, span)) = taken.get(id.as_str()) {
                let message = format!("the USB device {} of `{}` is passed twice", id.value, host.name.value);
                let diagnostic = Diagnostic::new(Code::DeviceTaken, id.span, message);
                let diagnostic = diagnostic.related(*span, format!("passed to `{}`", first.name.value));
                diagnostics
                    .push(diagnostic.help("pass it to one VM; two devices with the same ID cannot be told apart"));
            } else {
                taken.insert(id.as_str(), (node, id.span));
            }
        }
    }
}

/// Checks that a host has the folders that its nodes mount, and that each node lists a folder once.
fn check_folders(host: &Entry<Host>, nodes: &[&Entry<Node>], diagnostics: &mut Diagnostics) {
    let known = &host.value.folders;
    for node in nodes {
        let NodeKind::Lxc { folders, .. } = node.value.kind() else { continue };
        for (at, folder) in folders.iter().enumerate() {
            if let Some(first) = folders[..at].iter().find(|first| first.value == folder.value) {
                let message = format!("the folder `{}` has no effect: it is listed twice", folder.value);
                let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, folder.span, message);
                diagnostics.push(diagnostic.related(first.span, "listed here").help("remove it from `folders`"));
            } else if known.get(folder.as_str()).is_none() && known.is_complete() {
                let message = format!("the host `{}` has no folder `{}`", host.name.value, folder.value);
                let diagnostic =
                    Diagnostic::new(Code::UnknownReference, folder.span, message).related(host.name.span, "this host");
                let help = match did_you_mean(folder.as_str(), known.names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("add `folders: {{ {}: PATH }}` to the host", folder.value),
                };
                diagnostics.push(diagnostic.help(help));
            }
        }
    }
}
