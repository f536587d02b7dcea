//! Hosts: machines that run Proxmox VE.

use crate::choices::GpuVendor;
use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::{Entries, Spanned};
use crate::types::{HostPath, Ipv4, SecretRef, Size, Whole};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::ops::Deref;

/// A host: a machine that runs Proxmox VE.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Host {
    /// Make and model, for display only.
    pub model: Option<String>,
    /// CPU model, for display only.
    pub cpu: Option<String>,
    /// Number of CPU threads. If its nodes have more `cores` in total, validation reports a warning.
    pub threads: Option<Spanned<Whole<u32, 1, 1024>>>,
    /// Memory of the host. The total `memory` of its nodes must leave 1GiB for Proxmox VE.
    pub memory: Spanned<Size>,
    /// IPv4 address on the LAN.
    pub address: Spanned<Ipv4>,
    /// GPU that the nodes of this host can use: `intel`, or a mapping with its driver and device file.
    pub gpu: Option<Spanned<HostGpu>>,
    /// Folders of the host that its nodes may mount, by name: `folders` of a node lists them, and volumes with
    /// `folder` use them. Each must contain a file `.homelab`: pods wait until it exists, so that they never write
    /// to an empty folder whose disk is not mounted.
    #[serde(default)]
    pub folders: Entries<Spanned<HostPath>>,
    /// What the host reports of itself. The clusters that store metrics read it.
    pub metrics: Option<HostMetrics>,
}

/// What a host reports of itself.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HostMetrics {
    /// Key that holds the secret of the API token `prometheus@pve!homelab`, which has the role PVEAuditor:
    /// state, memory and storage of the host and its guests. Hosts of one Proxmox VE cluster share a token.
    pub proxmox: Option<Spanned<SecretRef>>,
    /// Whether node_exporter runs on the host, on port 9100: temperature, CPU, disks and network.
    #[serde(default)]
    pub node: OrDefault<defaults::Off>,
    /// Whether smartctl_exporter runs on the host, on port 9633: the health of the disks.
    #[serde(default)]
    pub smart: OrDefault<defaults::Off>,
}

/// The GPU of a host.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Gpu {
    /// Vendor of the GPU.
    pub vendor: GpuVendor,
    /// Kernel driver of the GPU on the host, or in the VM that has the GPU. On the host,
    /// `readlink /sys/class/drm/renderD128/device/driver` shows it.
    #[serde(default)]
    pub driver: OrDefault<defaults::DriverOfGpu>,
    /// Device file of the GPU on the host, which is passed to containers. `ls -l /dev/dri/by-path` shows it if the
    /// host has several.
    #[serde(default)]
    pub device: OrDefault<defaults::DeviceOfGpu>,
    /// PCI address of the GPU on the host, which is passed to a node with `kind: vm`. `lspci -D` on the host shows it.
    #[serde(default)]
    pub pci: OrDefault<defaults::PciOfGpu>,
}

/// A [`Gpu`], which a spec can also name by its vendor alone.
#[derive(Debug, Clone)]
pub struct HostGpu(Gpu);

impl Deref for HostGpu {
    type Target = Gpu;

    fn deref(&self) -> &Gpu {
        &self.0
    }
}

impl<'de> Deserialize<'de> for HostGpu {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct GpuVisitor;

        impl<'de> serde::de::Visitor<'de> for GpuVisitor {
            type Value = HostGpu;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("`intel` or a mapping")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<HostGpu, E> {
                if text != "intel" {
                    return Err(E::custom("expected `intel` or a mapping"));
                }
                let (driver, device, pci) = (OrDefault::default(), OrDefault::default(), OrDefault::default());
                Ok(HostGpu(Gpu { vendor: GpuVendor::Intel, driver, device, pci }))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<HostGpu, A::Error> {
                Gpu::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(HostGpu)
            }
        }

        deserializer.deserialize_any(GpuVisitor)
    }
}

impl JsonSchema for HostGpu {
    fn schema_name() -> Cow<'static, str> {
        "HostGpu".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "The vendor of a GPU with the default driver and device, or its settings.",
            "x-refused": refused_gpus(),
            "oneOf": [
                { "const": "intel", "description": "An Intel GPU with the driver i915, at `/dev/dri/renderD128`." },
                generator.subschema_for::<Gpu>(),
            ],
        })
    }
}

/// The vendors whose GPUs are not supported, with what to do instead.
pub(crate) fn refused_gpus() -> Value {
    json!({
        "amd": "AMD GPUs have no device plugin here: remove `gpu` from the host, pass the GPU with `devices: \
                [/dev/dri/renderD128]` of the node, and mount it in a privileged app with `storage: { gpu: { device: \
                /dev/dri/renderD128 } }`",
        "nvidia": "NVIDIA GPUs need NVIDIA's driver and container runtime in the node, which nothing here installs: \
                   remove `gpu` from the host, and run what needs the GPU outside of the lab's nodes",
    })
}
