//! The files of a node: its NixOS module, its k3s configuration, and its container or VM on Proxmox VE.

use crate::engine::{CONTAINER, Engine, NODE_MODULE, VM};
use crate::{Owner, Page, flux};
use minijinja::context;
use minijinja::value::Serde;
use model::contract::{
    AGENT_TOKEN, FOLDER_MARK, FOLDERS, GPU_LABEL, KMSG, RENDER_GROUP, SECRETS_ON_DISK, SERVER_TOKEN, SHIFTED_IDS,
    device_folder, is_device_folder, mac_address,
};
use model::{Cluster, Join, Lab, Node, NodeFolder, NodeKind, NodePorts, Pulls};
use spec::types::{AddressBlock, DevicePath, UsbId};
use spec::{Opening, Role, Snapshotter};
use std::collections::BTreeSet;
use yaml::{self, Value};

/// The file with the name servers of pods, which `nix/modules/network.nix` creates.
const RESOLV_CONF: &str = "/etc/rancher/k3s/resolv.conf";

/// The number of processes and threads that a pod may have.
const POD_PIDS: u32 = 4096;

/// The time that a node needs to halt once its pods have stopped, in seconds.
const HALT_SECONDS: u32 = 60;

pub(crate) fn pages(lab: &Lab, cluster: &Cluster, node: &Node, engine: &Engine<'_>) -> Result<Vec<Page>, String> {
    let page = |file: &str, text| Page {
        path: format!("nix/nodes/{}/{file}", node.name),
        text,
        owner: Owner::Node(node.name.clone()).into(),
        place: None,
        origin: None,
    };
    let machine = match &node.kind {
        NodeKind::Lxc { privileged, reason, devices, .. } => {
            page("container.conf", container(lab, cluster, node, (*privileged, reason.text(), devices), engine)?)
        }
        NodeKind::Vm { usb } => page("vm.conf", vm(node, usb, engine)?),
    };
    Ok(vec![
        page("default.nix", module(lab, cluster, node, engine)?),
        page("k3s.yaml", engine.with_header(&yaml::document(&k3s(lab, cluster, node)))),
        machine,
    ])
}

fn module(lab: &Lab, cluster: &Cluster, node: &Node, engine: &Engine<'_>) -> Result<String, String> {
    // From nix/nodes/NODE to the root of the repository.
    let up = "../../..";
    let mut imports = vec!["../../modules".to_owned()];
    imports.extend(node.modules.iter().map(|module| format!("{up}/{module}")));
    let bootstrap = (node.role == Role::Server).then(|| {
        let manifest = |name: &str| context! { name => minijinja::Value::from_safe_string(name.to_owned()), path => format!("{up}/k8s/{}/bootstrap/{name}.yaml", cluster.name) };
        context! { manifests => flux::MANIFESTS.map(manifest), secrets => disk_secrets(cluster) }
    });
    engine.page(
        NODE_MODULE,
        context! {
            imports,
            domain => lab.domain.as_str(),
            timezone => lab.timezone.as_str(),
            prefix_length => lab.lan.cidr.prefix(),
            gateway => lab.lan.gateway.to_string(),
            nameservers => lab.lan.dns.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ssh_keys => Serde(&lab.ssh_keys),
            nfs => node.mounts_nfs() && lab.has_nfs(),
            k3s_version => cluster.k3s_version.as_str(),
            role => role(node),
            servers => cluster.servers().map(|address| address.to_string()).collect::<Vec<_>>(),
            peers => peers(cluster, node),
            pods => cluster.pods.to_string(),
            services => cluster.services.to_string(),
            snapshotter => snapshotter(cluster),
            agent_token => agent_token(cluster, node),
            bootstrap,
            backup => cluster.backup.as_ref().filter(|_| node.role == Role::Server).map(|backup| context! {
                repository => backup.repository.as_str(),
                nfs => backup.nfs.as_deref(),
                calendar => Serde(&backup.calendar),
                days => backup.days,
            }),
            updates => cluster.pulls.as_ref().map(|pulls| updates(lab, cluster, node, pulls)),
            node => context! {
                name => node.name.as_str(),
                description => node.description.as_str(),
                address => node.address.to_string(),
                kind => match node.kind { NodeKind::Vm { .. } => Some("vm"), NodeKind::Lxc { .. } => None },
                mac_address => match node.kind {
                    NodeKind::Vm { .. } => Some(mac_address(node.vmid, 0)),
                    NodeKind::Lxc { .. } => None,
                },
                interfaces => interfaces(node),
                privileged => match node.kind {
                    NodeKind::Vm { .. } => None,
                    NodeKind::Lxc { privileged, .. } => Some(privileged),
                },
                gpu => node.gpu.as_ref().map(|_| GPU_LABEL.1),
                folders => host_folders(node),
                ports => ports(&node.ports),
                trusted => trusted(&node.trusted),
                shutdown_seconds => node.shutdown_seconds,
                state_version => node.state_version.as_str(),
            },
        },
    )
}

/// The time between the updates of two nodes of a cluster, in minutes.
const BETWEEN_UPDATES: usize = 30;

/// The variables of the option `homelab.updates`.
fn updates(lab: &Lab, cluster: &Cluster, node: &Node, pulls: &Pulls) -> minijinja::Value {
    let place = cluster.in_order_of_updates().iter().position(|other| other.name == node.name).unwrap_or_default();
    context! {
        repository => lab.repository.url.as_str(),
        branch => lab.repository.branch.as_str(),
        calendar => Serde(&pulls.calendar),
        delay => place * BETWEEN_UPDATES,
        restarts => pulls.restarts,
        identity => pulls.deploy_key.as_ref().map(|[identity, _]| identity.path.as_str()),
        signers => pulls.signers.as_ref().map(|signers| signers.path.as_str()),
    }
}

/// The option `homelab.node.ports`, or `None` if the node opens no ports.
fn ports(ports: &NodePorts) -> Option<minijinja::Value> {
    let list = |ports: &BTreeSet<u16>| Value::Seq(ports.iter().map(|port| Value::Int(i64::from(*port))).collect());
    let options = [("tcp", &ports.tcp), ("udp", &ports.udp)].into_iter().filter(|(_, ports)| !ports.is_empty());
    let options: Vec<_> = options.map(|(protocol, ports)| (protocol.to_owned(), list(ports))).collect();
    (!options.is_empty()).then(|| Serde(Value::Map(options)).into())
}

/// The option `homelab.node.trusted`, or `None` if only the LAN reaches the node.
fn trusted(trusted: &[(Opening, Vec<AddressBlock>)]) -> Option<minijinja::Value> {
    let options = trusted.iter().map(|(what, networks)| {
        let networks = networks.iter().map(|network| Value::Str(network.to_string())).collect();
        (opening(*what).to_owned(), Value::Seq(networks))
    });
    (!trusted.is_empty()).then(|| Serde(Value::Map(options.collect())).into())
}

/// The option `homelab.node.folders`, or `None` if the node mounts none.
fn host_folders(node: &Node) -> Option<minijinja::Value> {
    let folder = |folder: &NodeFolder| (folder.name.to_string(), Value::Str(folder.path.to_string()));
    let folders: Vec<_> = node.folders().iter().map(folder).collect();
    (!folders.is_empty()).then(|| Serde(Value::Map(folders)).into())
}

/// The variables of a folder of the host in the definition of a container.
fn mounted_folder(folder: &NodeFolder, privileged: bool) -> minijinja::Value {
    let owner = |user: &u32| if privileged { *user } else { user + SHIFTED_IDS };
    context! {
        name => folder.name.as_str(),
        source => folder.path.as_str(),
        target => format!("{}/{}", FOLDERS.trim_start_matches('/'), folder.name),
        mark => FOLDER_MARK,
        options => if folder.is_read_only { "rbind,ro,optional,create=dir" } else { "rbind,optional,create=dir" },
        owners => folder.writers.iter().map(owner).collect::<Vec<_>>(),
    }
}

/// The option `homelab.node.interfaces`, or `None` if the node has only that of the LAN.
fn interfaces(node: &Node) -> Option<minijinja::Value> {
    let options = (1_u8..).zip(&node.interfaces).map(|(number, interface)| {
        let mut options = vec![
            ("address".to_owned(), Value::Str(interface.address.address().to_string())),
            ("prefixLength".to_owned(), Value::Int(interface.address.network().prefix().into())),
        ];
        options.extend(interface.mtu.map(|mtu| ("mtu".to_owned(), Value::Int(mtu.into()))));
        if let NodeKind::Vm { .. } = node.kind {
            options.push(("macAddress".to_owned(), Value::Str(mac_address(node.vmid, number))));
        }
        (interface.name.to_string(), Value::Map(options))
    });
    let options: Vec<_> = options.collect();
    (!options.is_empty()).then(|| Serde(Value::Map(options)).into())
}

/// Settings of a network interface that containers and VMs have in common: maximum size of packets, and VLAN tag.
fn network(mtu: Option<u32>, vlan: Option<u32>) -> String {
    let mtu = mtu.map(|mtu| format!(",mtu={mtu}"));
    let tag = vlan.map(|tag| format!(",tag={tag}"));
    mtu.into_iter().chain(tag).collect()
}

/// The network interfaces of a container: `net0` and so on.
fn container_interfaces(lab: &Lab, node: &Node) -> Vec<String> {
    let address = format!("ip={}/{},gw={}", node.address, lab.lan.cidr.prefix(), lab.lan.gateway);
    let (name, vlan) = (node.lan_interface(), network(None, node.vlan));
    let lan = format!("name={name},bridge={},{address}{vlan},type=veth", node.bridge);
    let others = node.interfaces.iter().map(|interface| {
        let (name, bridge, address) = (&interface.name, &interface.bridge, interface.address);
        format!("name={name},bridge={bridge},ip={address}{},type=veth", network(interface.mtu, interface.vlan))
    });
    [lan].into_iter().chain(others).collect()
}

/// The network interfaces of a VM: `net0` and so on.
fn vm_interfaces(node: &Node) -> Vec<String> {
    let of_lan = (&node.bridge, network(None, node.vlan));
    let others = node.interfaces.iter().map(|interface| (&interface.bridge, network(interface.mtu, interface.vlan)));
    let all = (0_u8..).zip([of_lan].into_iter().chain(others));
    all.map(|(number, (bridge, rest))| format!("virtio={},bridge={bridge}{rest}", mac_address(node.vmid, number)))
        .collect()
}

fn vm(node: &Node, usb: &[(DevicePath, UsbId)], engine: &Engine<'_>) -> Result<String, String> {
    engine.page(
        VM,
        context! {
            host => node.host.as_str(),
            vmid => node.vmid,
            name => node.name.as_str(),
            cores => node.cores,
            memory_mib => node.memory.mebibytes(),
            disk_storage => node.disk_storage.as_str(),
            disk_gib => node.disk.gibibytes(),
            pci => node.gpu.as_ref().map(|gpu| gpu.pci.as_str()),
            interfaces => vm_interfaces(node),
            usb => usb.iter().map(|(_, id)| id.to_string()).collect::<Vec<_>>(),
            start_order => node.start_order,
            down_seconds => node.shutdown_seconds + HALT_SECONDS,
        },
    )
}

fn opening(opening: Opening) -> &'static str {
    match opening {
        Opening::Apps => "apps",
        Opening::Kubernetes => "kubernetes",
        Opening::Ssh => "ssh",
    }
}

/// The option `homelab.bootstrap.secrets`.
fn disk_secrets(cluster: &Cluster) -> minijinja::Value {
    let text = |text: &str| Value::Str(text.to_owned());
    let secrets = cluster.flux.secrets.iter().map(|secret| {
        let keys = secret.keys.iter().map(|(key, file)| (key.to_string(), text(file.path.as_str()))).collect();
        let options = vec![
            ("namespace".to_owned(), text(secret.namespace.as_str())),
            ("name".to_owned(), text(secret.name.as_str())),
            ("keys".to_owned(), Value::Map(keys)),
        ];
        (secret.name.to_string(), Value::Map(options))
    });
    let secrets: Vec<_> = secrets.collect();
    Serde(Value::Map(secrets)).into()
}

fn peers(cluster: &Cluster, node: &Node) -> Vec<String> {
    cluster.nodes.iter().filter(|other| other.name != node.name).map(|other| other.address.to_string()).collect()
}

fn role(node: &Node) -> &'static str {
    match node.role {
        Role::Server => "server",
        Role::Agent => "agent",
    }
}

fn snapshotter(cluster: &Cluster) -> &'static str {
    match cluster.snapshotter {
        Snapshotter::Overlayfs => "overlayfs",
        Snapshotter::FuseOverlayfs => "fuse-overlayfs",
        Snapshotter::Native => "native",
    }
}

/// The file with the token of agents, for a server of a cluster that has agents. Without it, agents would join with the
/// token of servers, and anybody with that token is administrator of the cluster:
/// <https://docs.k3s.io/cli/token#token-types>.
fn agent_token(cluster: &Cluster, node: &Node) -> Option<String> {
    let applies = node.role == Role::Server && cluster.has_agents();
    applies.then(|| format!("{SECRETS_ON_DISK}/{AGENT_TOKEN}"))
}

/// The k3s configuration file. Its keys are command-line flags without the leading dashes.
fn k3s(lab: &Lab, cluster: &Cluster, node: &Node) -> Value {
    let mut entries: Vec<(String, Value)> = Vec::new();
    let mut set = |key: &str, value: Value| entries.push((key.to_owned(), value));
    let text = |text: &str| Value::Str(text.to_owned());
    set("node-name", text(node.name.as_str()));
    set("node-ip", Value::Str(node.address.to_string()));
    let file = |name: &str| format!("{SECRETS_ON_DISK}/{name}");
    match node.role {
        Role::Server => {
            set("token-file", Value::Str(file(SERVER_TOKEN)));
            if let Some(agents) = agent_token(cluster, node) {
                set("agent-token-file", Value::Str(agents));
            }
        }
        Role::Agent => set("token-file", Value::Str(file(AGENT_TOKEN))),
    }
    match node.join {
        Join::Alone => {}
        Join::Start => set("cluster-init", Value::Bool(true)),
        Join::Ask(server) => set("server", Value::Str(format!("https://{server}:6443"))),
    }
    if node.role == Role::Server {
        set("cluster-cidr", Value::Str(cluster.pods.to_string()));
        set("service-cidr", Value::Str(cluster.services.to_string()));
        set(
            "tls-san",
            Value::Seq(vec![Value::Str(node.address.to_string()), Value::Str(format!("{}.{}", node.name, lab.domain))]),
        );
        // The platform replaces them with MetalLB and its own ingress controller.
        set("disable", Value::Seq(vec![text("servicelb"), text("traefik")]));
        set("secrets-encryption", Value::Bool(true));
        set("write-kubeconfig-mode", text("0600"));
        // Tokens of service accounts expire after the hour that pods request, and not after a year:
        // <https://docs.k3s.io/security/hardening-guide#configuration-for-kubernetes-components>.
        set("kube-apiserver-arg", Value::Seq(vec![text("service-account-extend-token-expiration=false")]));
    }
    // The kubelet refuses to start instead of changing sysctls, which in a privileged container are those of the host:
    // <https://docs.k3s.io/security/hardening-guide#ensure-protect-kernel-defaults-is-set>. nix/proxmox/prepare-host, and
    // nix/modules/sysctl.nix in a VM, set the values that it wants.
    set("protect-kernel-defaults", Value::Bool(true));
    set("flannel-iface", text(node.lan_interface()));
    set("resolv-conf", text(RESOLV_CONF));
    set("snapshotter", text(snapshotter(cluster)));
    let labels: Vec<_> = node.registered_labels().map(|(key, value)| Value::Str(format!("{key}={value}"))).collect();
    if !labels.is_empty() {
        set("node-label", Value::Seq(labels));
    }
    let is_unprivileged = match node.kind {
        NodeKind::Lxc { privileged, .. } => !privileged,
        NodeKind::Vm { .. } => false,
    };
    let mut kubelet = Vec::new();
    if is_unprivileged {
        kubelet.push(text(IN_USER_NAMESPACE));
    }
    // One pod cannot use up the process IDs of the node: <https://kubernetes.io/docs/concepts/policy/pid-limiting/>.
    kubelet.push(Value::Str(format!("pod-max-pids={POD_PIDS}")));
    set("kubelet-arg", Value::Seq(kubelet));
    let mut config = Value::Map(entries);
    config.merge(&cluster.k3s_config);
    if is_unprivileged {
        keep_feature_gate(&mut config);
    }
    config
}

/// The character devices that a privileged container can use besides those of its lines `dev`, which Proxmox VE allows
/// itself: null, zero, full, random, urandom, kmsg, terminals, and tun and fuse for pods. Block devices are not among them.
const CHARACTER_DEVICES: [&str; 12] =
    ["1:3", "1:5", "1:7", "1:8", "1:9", "1:11", "5:0", "5:1", "5:2", "10:200", "10:229", "136:*"];

/// The argument without which the kubelet does not start in an unprivileged container.
const IN_USER_NAMESPACE: &str = "feature-gates=KubeletInUserNamespace=true";

/// Adds the feature gate to arguments of the kubelet in `k3s.config` that replace the generated ones.
fn keep_feature_gate(config: &mut Value) {
    let Value::Map(entries) = config else { return };
    if let Some((_, Value::Seq(arguments))) = entries.iter_mut().find(|(key, _)| key == "kubelet-arg")
        && !arguments.iter().any(|argument| argument.as_str() == Some(IN_USER_NAMESPACE))
    {
        arguments.insert(0, Value::Str(IN_USER_NAMESPACE.to_owned()));
    }
}

fn container(
    lab: &Lab,
    cluster: &Cluster,
    node: &Node,
    (privileged, reason, extra_devices): (bool, &str, &[DevicePath]),
    engine: &Engine<'_>,
) -> Result<String, String> {
    let mut devices = Vec::new();
    if privileged {
        // The kubelet reads the kernel log.
        devices.push(KMSG.to_owned());
    }
    devices.extend(node.gpu.iter().map(|gpu| format!("{},gid={RENDER_GROUP},mode=0660", gpu.device)));
    let (folders, files): (Vec<_>, Vec<_>) =
        extra_devices.iter().map(ToString::to_string).partition(|device| is_device_folder(device));
    devices.extend(files);
    let folders: Vec<_> = folders
        .into_iter()
        .map(|folder| {
            context! { target => folder.trim_start_matches('/'), major => device_folder(&folder), source => folder }
        })
        .collect();
    let mut features = Vec::new();
    if cluster.snapshotter == Snapshotter::FuseOverlayfs {
        features.push("fuse=1");
    }
    if !privileged {
        features.push("keyctl=1");
    }
    features.push("nesting=1");
    engine.page(
        CONTAINER,
        context! {
            host => node.host.as_str(),
            vmid => node.vmid,
            name => node.name.as_str(),
            cores => node.cores,
            memory_mib => node.memory.mebibytes(),
            disk_storage => node.disk_storage.as_str(),
            disk_gib => node.disk.gibibytes(),
            interfaces => container_interfaces(lab, node),
            start_order => node.start_order,
            down_seconds => node.shutdown_seconds + HALT_SECONDS,
            privileged,
            kind => if privileged { "privileged" } else { "unprivileged" },
            reason,
            allowed => CHARACTER_DEVICES,
            devices,
            folders,
            host_folders => node.folders().iter().map(|folder| mounted_folder(folder, privileged)).collect::<Vec<_>>(),
            features => features.join(","),
        },
    )
}
