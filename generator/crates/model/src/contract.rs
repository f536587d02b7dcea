//! Well-known names and ports that several parts of a lab, or the software that runs on it, agree on.

use spec::{GpuDriver, Protocol};

/// The ports that every node uses, each with its owner: those of Kubernetes ("Ports and Protocols" in its
/// reference), and of components that run on the host network.
pub const NODE_PORTS: [(u16, Protocol, &str); 17] = [
    (22, Protocol::Tcp, "SSH"),
    (2379, Protocol::Tcp, "etcd"),
    (2380, Protocol::Tcp, "etcd"),
    (6443, Protocol::Tcp, "the Kubernetes API"),
    (6444, Protocol::Tcp, "k3s"),
    (7946, Protocol::Tcp, "MetalLB"),
    (7946, Protocol::Udp, "MetalLB"),
    (8472, Protocol::Udp, "the cluster network"),
    (9100, Protocol::Tcp, "the node exporter"),
    (9120, Protocol::Tcp, "MetalLB"),
    (10248, Protocol::Tcp, "the kubelet"),
    (10249, Protocol::Tcp, "kube-proxy"),
    (10250, Protocol::Tcp, "the kubelet"),
    (10256, Protocol::Tcp, "kube-proxy"),
    (10257, Protocol::Tcp, "the controller manager"),
    (10258, Protocol::Tcp, "the cloud controller manager"),
    (10259, Protocol::Tcp, "the scheduler"),
];

/// The ports that csi-driver-nfs uses on the nodes of its cluster, for health checks.
pub const CSI_NFS_PORTS: [(u16, Protocol, &str); 3] = [
    (19809, Protocol::Tcp, "csi-driver-nfs"),
    (29652, Protocol::Tcp, "csi-driver-nfs"),
    (29653, Protocol::Tcp, "csi-driver-nfs"),
];

/// The ID of the group `render`, which is fixed in NixOS. The group owns GPUs on nodes and in pods.
pub const RENDER_GROUP: u32 = 303;

/// The interface of a container on the LAN.
pub const LAN_INTERFACE: &str = "eth0";

/// The interface of a VM on the LAN: see `nix/modules/vm.nix`.
pub const VM_LAN_INTERFACE: &str = "lan0";

/// The MAC address of a network interface of a VM, by which the system of the VM recognizes it: locally administered
/// (IEEE 802, bit 1 of the first octet), with the VMID, which is unique in the lab, and the number of the interface.
/// Proxmox VE would choose a random one, which an image could not know.
pub fn mac_address(vmid: u32, interface: u8) -> String {
    let [a, b, c, d] = vmid.to_be_bytes();
    format!("02:{a:02X}:{b:02X}:{c:02X}:{d:02X}:{interface:02X}")
}

/// The kernel log, which the kubelet of a privileged node reads.
pub const KMSG: &str = "/dev/kmsg";

/// The major number of the device files in a folder, if the path is such a folder. Proxmox VE passes single files to a
/// container; a folder is mounted. The numbers are those of `Documentation/admin-guide/devices.txt` of Linux.
pub fn device_folder(path: &str) -> Option<u32> {
    let is_bus = |number: &str| number.len() == 3 && number.bytes().all(|byte| byte.is_ascii_digit());
    match path {
        "/dev/dri" => Some(226),
        "/dev/dvb" => Some(212),
        "/dev/input" => Some(13),
        "/dev/snd" => Some(116),
        "/dev/bus/usb" => Some(189),
        _ => path.strip_prefix("/dev/bus/usb/").filter(|bus| is_bus(bus)).map(|_| 189),
    }
}

/// Whether a path is a folder of device files.
pub fn is_device_folder(path: &str) -> bool {
    device_folder(path).is_some()
}

/// Whether a path is that of a block device, by its name: a disk, a partition, or an optical drive.
pub fn is_block_device(path: &str) -> bool {
    let name = path.strip_prefix("/dev/").unwrap_or(path);
    let rest_of = |prefix: &str| name.strip_prefix(prefix);
    let is_numbered =
        |prefix: &&str| rest_of(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_lettered =
        |prefix: &&str| rest_of(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
    // `nvme0` is the character device of a controller, `nvme0n1` a disk of it.
    let is_nvme = rest_of("nvme").is_some_and(|rest| rest.contains('n'));
    let is_disk = ["disk/", "mapper/"].iter().any(|folder| name.starts_with(folder)) && name != "mapper/control";
    is_disk
        || is_nvme
        || ["dm-", "loop", "md", "mmcblk", "nbd", "ram", "sr", "zd", "zram"].iter().any(is_numbered)
        || ["sd", "vd", "xvd"].iter().any(is_lettered)
}

/// The label of nodes with a GPU. It names the vendor: a node keeps it when its host changes the driver.
pub const GPU_LABEL: (&str, &str) = ("homelab/gpu", "intel");

/// The prefix of the label of nodes with a folder of their host. The name of the folder follows.
pub const FOLDER_LABEL: &str = "folder.homelab/";

/// The folder of a node that the folders of its host are mounted in.
pub const FOLDERS: &str = "/mnt/folders";

/// The folder of a node with links to the folders of its host that pods may use: see `nix/modules/folders.sh`.
pub const READY_FOLDERS: &str = "/run/homelab/folders";

/// The file that shows that a folder of a host is the right one, and not the place where its disk should be mounted.
pub const FOLDER_MARK: &str = ".homelab";

/// The first ID on the host of the users of an unprivileged container: those of `/etc/subuid` of Proxmox VE.
pub const SHIFTED_IDS: u32 = 100_000;

/// The resource that a container requests to use a GPU. Intel's device plugin names it by the kernel driver.
pub const fn gpu_resource(driver: GpuDriver) -> &'static str {
    match driver {
        GpuDriver::I915 => "gpu.intel.com/i915",
        GpuDriver::Xe => "gpu.intel.com/xe",
    }
}

/// The label of pods whose volumes are backed up.
pub const BACKUP_LABEL: &str = "homelab/backup";

/// The label of namespaces with an Ingress. The ingress controller watches no others.
pub const INGRESS_LABEL: (&str, &str) = ("homelab/ingress", "true");

/// The label of namespaces whose pods use the PostgreSQL of their cluster. Its value is the name of the PostgreSQL
/// cluster.
pub const DATABASE_LABEL: &str = "homelab/database";

/// The prefix of the label of namespaces whose pods use an app. The name of the app follows.
pub const USES_LABEL: &str = "uses.homelab/";

/// The label of namespaces that may read the secret store. Its value is the name of the store.
pub const STORE_LABEL: &str = "homelab/secrets";

/// The label with the name of a node.
pub const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";

/// The folder on a server with the secrets that are needed before the secret store exists.
pub const SECRETS_ON_DISK: &str = "/var/lib/homelab/secrets";

/// The file with the token that servers join their cluster with, in [`SECRETS_ON_DISK`]. It grants full access to
/// the cluster.
pub const SERVER_TOKEN: &str = "k3s-token";

/// The file with the token that agents join their cluster with, in [`SECRETS_ON_DISK`].
pub const AGENT_TOKEN: &str = "k3s-agent-token";

/// The annotation of workloads that Reloader restarts when a Secret that they read changes.
pub const RESTART_ANNOTATION: &str = "secret.reloader.stakater.com/auto";

/// The annotation of workloads that Reloader restarts when a ConfigMap that they read changes.
pub const CONFIG_RESTART_ANNOTATION: &str = "configmap.reloader.stakater.com/auto";

/// The namespace of Flux.
pub const FLUX_NAMESPACE: &str = "flux-system";

/// The GitRepository through which image automation commits, and the Secret with its key, which can write. Everything
/// else reads the repository with the key in the Secret [`FLUX_NAMESPACE`].
pub const IMAGES_REPOSITORY: &str = "flux-images";

/// The Secret with the public keys of those who sign commits, and the folder of its file on the disk of a server.
pub const SIGNERS: &str = "flux-verify";

/// The IngressClass, which is the same for every ingress controller, so that apps do not depend on it.
pub const INGRESS_CLASS: &str = "nginx";

/// The storage class of k3s, whose volumes are folders on the disk of a node.
pub const LOCAL_CLASS: &str = "local-path";

/// The namespaces that every cluster has, including that of Flux.
pub const GIVEN_NAMESPACES: [&str; 5] = ["default", FLUX_NAMESPACE, "kube-node-lease", "kube-public", "kube-system"];

/// The pins file, with the tags that image automation updates.
pub const PINS: &str = "spec/images.yaml";

#[cfg(test)]
mod tests {
    use super::is_block_device;

    #[test]
    fn recognizes_block_devices_by_name() {
        for path in
            ["/dev/sda", "/dev/sdb1", "/dev/sr0", "/dev/nvme0n1", "/dev/disk/by-id/x", "/dev/mapper/data", "/dev/md0"]
        {
            assert!(is_block_device(path), "{path}");
        }
        for path in
            ["/dev/sg0", "/dev/nvme0", "/dev/ttyUSB0", "/dev/net/tun", "/dev/loop-control", "/dev/mapper/control"]
        {
            assert!(!is_block_device(path), "{path}");
        }
    }
}
