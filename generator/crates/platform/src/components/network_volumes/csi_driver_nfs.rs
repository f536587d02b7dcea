//! csi-driver-nfs: volumes as folders in an export of an NFS server.
//!
//! Its pods share the network of their node, because a mount does not outlive the network that it was made in. The ports
//! on which they serve health checks are on the loopback interface; they serve no metrics. Snapshots are off: they need
//! a controller, which nothing else uses.

use super::{Driver, Source};
use crate::component::Context;
use crate::release;
use model::contract::HOSTNAME_LABEL;
use model::{Capability, Chart, Manifest, Namespace, ObjectId, Template, Unit};
use serde_json::json;
use spec::PodSecurity;
use spec::platform::{NetworkVolumes, Options};
use spec::types::Name;

const CHART: Chart = Chart::http("csi-driver-nfs", "https://kubernetes-csi.github.io/csi-driver-nfs", "4.13.4");
pub(super) const VALUES: Template = Template {
    name: "network-volumes/csi-driver-nfs-values.yaml",
    source: include_str!("csi-driver-nfs-values.yaml.j2"),
};

/// Sets the security context of helpers, for which the chart has no values.
pub(super) const POST_RENDER: Template = Template {
    name: "network-volumes/csi-driver-nfs-post-render.yaml",
    source: include_str!("csi-driver-nfs-post-render.yaml.j2"),
};
pub(super) const STORAGE_CLASS: Template =
    Template { name: "network-volumes/storageclass.yaml", source: include_str!("storageclass.yaml.j2") };
pub(super) const CLUSTER_ROLE: Template =
    Template { name: "network-volumes/clusterrole.yaml", source: include_str!("clusterrole.yaml.j2") };
pub(super) const ROLE: Template = Template { name: "network-volumes/role.yaml", source: include_str!("role.yaml.j2") };

pub(super) const NAMESPACE: &str = "csi-driver-nfs";

/// The name of the release, and of the roles that replace those of the chart.
const NAME: &str = "csi-driver-nfs";

/// The driver with its storage classes, if some of the storage needs it.
pub(super) fn unit(
    volumes: &NetworkVolumes,
    installed: &[Source<'_>],
    default: &Name,
    context: &Context<'_>,
) -> Option<Unit> {
    let mut classes = Vec::new();
    for source in installed {
        let Driver::Nfs { share } = source.driver else { continue };
        let [retain, delete] = source.classes();
        // A claim of this name finds its folder again, also in a cluster that was created again.
        let kept = format!("{}/${{pvc.metadata.namespace}}/${{pvc.metadata.name}}", context.name.value);
        let unique = format!("{kept}-${{pv.metadata.name}}");
        for (name, reclaim, folder) in [(retain, "Retain", kept), (delete, "Delete", unique)] {
            let variables = json!({
                "name": name,
                "is_default": name == *default,
                "address": source.address,
                "share": share,
                "folder": folder,
                "reclaim": reclaim,
                "on_delete": reclaim.to_lowercase(),
            });
            classes.push((name, variables));
        }
    }
    if classes.is_empty() {
        return None;
    }
    // Neither the controller nor the driver of a node works where the kernel refuses NFS.
    let nodes = &context.cluster.nodes;
    let unfit: Vec<_> = nodes.iter().filter(|node| node.value.unprivileged().is_some()).collect();
    let unfit: Vec<_> = unfit.iter().map(|node| node.name.as_str()).collect();
    let mut unit = Unit::new(NAME, "platform/csi-driver-nfs", Namespace::created(NAMESPACE, PodSecurity::Privileged));
    let options = Options { version: volumes.nfs_version.as_ref(), values: &volumes.nfs_values, ..Options::NONE };
    let values = json!({ "hostname_label": HOSTNAME_LABEL, "unfit": unfit });
    let mut release = release(options, NAME, CHART, VALUES, values);
    release.post_render = Some((POST_RENDER, json!({}).into()));
    unit.install(release);
    let roles = json!({ "name": NAME, "namespace": NAMESPACE });
    let with_binding = |kind: &'static str, binding: &'static str, file: &'static str, template| {
        let mut manifest = Manifest::new(kind, NAME, file, template, roles.clone());
        manifest.objects.push(ObjectId::new(binding, NAME));
        manifest
    };
    unit.add(with_binding("ClusterRole", "ClusterRoleBinding", "clusterrole.yaml", CLUSTER_ROLE));
    unit.add(with_binding("Role", "RoleBinding", "role.yaml", ROLE));
    for (name, variables) in classes {
        let file = format!("storageclass-{name}.yaml");
        unit.add(Manifest::new("StorageClass", name.to_string(), file, STORAGE_CLASS, variables));
        unit.provides.push(Capability::StorageClass(name));
    }
    Some(unit)
}
