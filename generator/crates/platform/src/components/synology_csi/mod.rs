//! Synology CSI: volumes as shared folders of a DiskStation.
//!
//! NFS only: the kernel's iSCSI initiator does not support containers, so LXC nodes cannot use it, and SMB
//! volumes have no file owners.

use crate::component::{Component, Context};
use crate::network::Closed;
use crate::{release, restart_with_secrets, secrets_unit_for, usage};
use diagnostic::{Diagnostics, Span};
use model::contract::LOCAL_CLASS;
use model::{Capability, Chart, ExternalSecret, Namespace, Need, Template, Unit};
use serde_json::json;
use spec::platform::{Configured as _, NetworkVolumes};
use spec::types::{MountPath, Name};
use spec::{DefaultClass, Dsm, Entry, PodSecurity, Spec, Storage, StorageKind};

const CHART: Chart =
    Chart::http("synology-csi", "https://christian-schlichtherle.github.io/synology-csi-chart", "0.11.1");
const VALUES: Template = Template { name: "synology-csi/values.yaml", source: include_str!("values.yaml.j2") };

/// Sets resource requests and limits, for which the chart has no values.
const POST_RENDER: Template =
    Template { name: "synology-csi/post-render.yaml", source: include_str!("post-render.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, POST_RENDER];

const NAMESPACE: &str = "synology-csi";

/// The entries of `storage` with a DSM account and an NFS volume, which holds their shared folders.
fn accounts(spec: &Spec) -> impl Iterator<Item = (&Entry<Storage>, &Dsm, &MountPath)> {
    spec.storage.iter().filter_map(|storage| match storage.value.kind.value {
        StorageKind::Synology => Some((storage, storage.value.dsm.as_ref()?, &storage.value.nfs.as_ref()?.value)),
    })
}

/// The storage classes of a cluster: `local-path` of k3s, and those of network storage.
pub fn classes(context: &Context<'_>) -> Vec<Name> {
    let storages = context.get::<NetworkVolumes>().into_iter().flat_map(|_| accounts(context.spec));
    [local_class()].into_iter().chain(storages.flat_map(|(storage, ..)| class_names(storage))).collect()
}

/// Whether volumes of a class are NFS shares of network storage.
pub fn is_nfs(class: &Name, context: &Context<'_>) -> bool {
    accounts(context.spec).any(|(storage, ..)| class_names(storage).contains(class))
}

fn local_class() -> Name {
    Name::known(LOCAL_CLASS)
}

fn class_names(storage: &Entry<Storage>) -> [Name; 2] {
    let name = &storage.name.value;
    ["retain", "delete"].map(|reclaim| name.between("synology-csi-nfs-", &format!("-{reclaim}")))
}

/// The storage class of volumes that set none.
pub fn default_class(context: &Context<'_>) -> Name {
    context.get::<NetworkVolumes>().map_or_else(local_class, |volumes| chosen_class(volumes, context))
}

fn chosen_class(volumes: &NetworkVolumes, context: &Context<'_>) -> Name {
    let first = accounts(context.spec).next().map(|(storage, ..)| class_names(storage));
    match (volumes.default_class.get(), first) {
        (DefaultClass::NfsRetain, Some([retain, _])) => retain,
        (DefaultClass::NfsDelete, Some([_, delete])) => delete,
        (DefaultClass::LocalPath | DefaultClass::NfsRetain | DefaultClass::NfsDelete, _) => local_class(),
    }
}

impl Component for NetworkVolumes {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = accounts(context.spec).next().is_some();
        (!is_configured).then_some(
            "add `nfs: VOLUME` and `dsm: { username: ENTRY/KEY, password: ENTRY/KEY }` to an entry of `storage`",
        )
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::has_network_volumes(context)
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let default = chosen_class(self, context);
        let classes: Vec<_> = accounts(context.spec)
            .flat_map(|(storage, _, location)| {
                let address = storage.value.address.to_string();
                let default = default.clone();
                class_names(storage).into_iter().zip(["Retain", "Delete"]).map(move |(name, reclaim)| {
                    json!({
                        // The chart adds its own name as a prefix.
                        "key": name.as_str().trim_start_matches("synology-csi-"),
                        "reclaim": reclaim,
                        "address": address.as_str(),
                        "location": location,
                        "is_default": name == default,
                    })
                })
            })
            .collect();
        let mut unit = Unit::new("synology-csi", "platform/synology-csi", Namespace::existing(NAMESPACE));
        let mut release = release(self.options(), "synology-csi", CHART, VALUES, json!({ "classes": classes }));
        release.post_render = Some((POST_RENDER, json!({}).into()));
        unit.install(release);
        unit.provides = accounts(context.spec)
            .flat_map(|(storage, ..)| class_names(storage))
            .map(Capability::StorageClass)
            .collect();
        unit.needs = vec![Need::before(Capability::SecretStore, span)];
        // The driver mounts on behalf of the node.
        restart_with_secrets(&mut unit, context);
        let secrets = secrets_unit_for(&mut unit, PodSecurity::Privileged, vec![secret(context)], span);
        vec![secrets, unit]
    }
    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        vec![Closed::new(NAMESPACE, [])]
    }
}

/// The Secret with the DSM accounts, in the format of the driver.
fn secret(context: &Context<'_>) -> ExternalSecret {
    let mut data = Vec::new();
    let mut text = String::from("clients:\n");
    for (storage, dsm, _) in accounts(context.spec) {
        let key = |field: &str| format!("{}-{field}", storage.name.value);
        let port = dsm.port.get();
        data.push((key("username").into(), context.stored(&dsm.username)));
        data.push((key("password").into(), context.stored(&dsm.password)));
        text.push_str(&format!(
            "  - host: {}\n    port: {port}\n    https: true\n    username: {{{{ index . \"{}\" | toJson }}}}\n    \
             password: {{{{ index . \"{}\" | toJson }}}}\n",
            storage.value.address.value,
            key("username"),
            key("password"),
        ));
    }
    ExternalSecret {
        name: "synology-csi-client-info".into(),
        kind: None,
        labels: &[],
        data,
        template: vec![("client-info.yaml".into(), text)],
    }
}
