//! Synology CSI: volumes as shared folders of a DiskStation.
//!
//! Only NFS: the kernel's iSCSI initiator does not know containers, so that nodes in LXC cannot use
//! it, and SMB volumes have no owners.

use super::{Component, Context, Options, component_options, need, secrets_before};
use crate::lab::{Capability, Chart, ExternalSecret, Namespace, PodSecurity, Template, Unit};
use crate::spec::{Dsm, Entry, Given as _, Spanned, Spec, Storage};
use diagnostic::{Diagnostics, Span};
use minijinja::context;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const CHART: Chart =
    Chart::http("synology-csi", "https://christian-schlichtherle.github.io/synology-csi-chart", "0.11.1");
const VALUES: Template = Template { name: "synology-csi/values.yaml", source: include_str!("values.yaml.j2") };

/// The chart has no values for what its containers may use.
const POST_RENDER: Template =
    Template { name: "synology-csi/post-render.yaml", source: include_str!("post-render.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, POST_RENDER];

const NAMESPACE: &str = "synology-csi";

/// The class that k3s brings: folders on the disk of a node.
pub(crate) const DEFAULT_CLASS: &str = "local-path";

const DSM_PORT: u16 = 5001;

/// What happens to a shared folder when its claim is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DefaultClass {
    /// k3s' own class: folders on the disk of the node where an app first runs.
    LocalPath,
    /// A shared folder of the network storage that stays when its claim goes.
    NfsRetain,
    /// A shared folder of the network storage that goes with its claim.
    NfsDelete,
}

component_options! {
    /// Volumes on network storage.
    NetworkVolumes {
        /// The storage class of volumes that name none. Default: `local-path`.
        default_class: Option<Spanned<DefaultClass>>,
    }
}

/// The storages with an account, and the volume that their shared folders stand on.
fn accounts(spec: &Spec) -> impl Iterator<Item = (&Entry<Storage>, &Dsm, &str)> {
    spec.storage.iter().filter_map(|storage| {
        let location = storage.value.nfs.as_ref()?.as_str();
        Some((storage, storage.value.dsm.as_ref()?, location))
    })
}

/// The storage classes of a cluster, and the component that brings each: `None` for k3s itself.
pub(crate) fn classes(context: &Context<'_>) -> Vec<String> {
    let on_network = context.storage().map(|_| accounts(context.spec).flat_map(|(storage, ..)| class_names(storage)));
    [DEFAULT_CLASS.to_owned()].into_iter().chain(on_network.into_iter().flatten()).collect()
}

/// Whether volumes of a class are folders of network storage.
pub(crate) fn is_nfs(class: &str, context: &Context<'_>) -> bool {
    accounts(context.spec).any(|(storage, ..)| class_names(storage).iter().any(|name| name == class))
}

fn class_names(storage: &Entry<Storage>) -> [String; 2] {
    ["retain", "delete"].map(|reclaim| format!("synology-csi-nfs-{}-{reclaim}", storage.name.value))
}

impl NetworkVolumes {
    /// The class of volumes that name none.
    pub(crate) fn default_class(&self, context: &Context<'_>) -> String {
        let first = accounts(context.spec).next().map(|(storage, ..)| class_names(storage));
        match (self.default_class.given(), first) {
            (Some(DefaultClass::NfsRetain), Some([retain, _])) => retain,
            (Some(DefaultClass::NfsDelete), Some([_, delete])) => delete,
            _ => DEFAULT_CLASS.to_owned(),
        }
    }
}

impl Component for NetworkVolumes {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = accounts(context.spec).next().is_some();
        (!is_given).then_some(
            "give the storage `nfs: VOLUME` and an account, `dsm: { username: ENTRY/KEY, password: ENTRY/KEY }`",
        )
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let default = self.default_class(context);
        let classes: Vec<_> = accounts(context.spec)
            .flat_map(|(storage, _, location)| {
                let address = storage.value.address.to_string();
                let default = default.clone();
                class_names(storage).into_iter().zip(["Retain", "Delete"]).map(move |(name, reclaim)| {
                    context! {
                        // The chart puts its own name in front.
                        key => name.trim_start_matches("synology-csi-"),
                        reclaim,
                        address => address.as_str(),
                        location,
                        is_default => name == default,
                    }
                })
            })
            .collect();
        let mut unit = Unit::new("synology-csi", "platform/synology-csi", Namespace::existing(NAMESPACE));
        let mut release = self.common().release("synology-csi", CHART, VALUES, context! { classes });
        release.post_render = Some(POST_RENDER);
        unit.release = Some(release);
        unit.provides = accounts(context.spec)
            .flat_map(|(storage, ..)| class_names(storage))
            .map(Capability::StorageClass)
            .collect();
        unit.needs = vec![need(Capability::SecretStore, span)];
        // The driver mounts on behalf of the node.
        let before = secrets_before(&mut unit, PodSecurity::Privileged, vec![secret(context)], span);
        vec![before, unit]
    }
}

/// The accounts, as the driver reads them.
fn secret(context: &Context<'_>) -> ExternalSecret {
    let mut data = Vec::new();
    let mut text = String::from("clients:\n");
    for (storage, dsm, _) in accounts(context.spec) {
        let key = |field: &str| format!("{}-{field}", storage.name.value);
        let port = dsm.port.given().map_or(DSM_PORT, |port| port.get());
        data.push((key("username"), context.remote(&dsm.username)));
        data.push((key("password"), context.remote(&dsm.password)));
        text.push_str(&format!(
            "  - host: {}\n    port: {port}\n    https: true\n    username: {{{{ index . \"{}\" | toJson }}}}\n    \
             password: {{{{ index . \"{}\" | toJson }}}}\n",
            storage.value.address.value,
            key("username"),
            key("password"),
        ));
    }
    ExternalSecret {
        name: "synology-csi-client-info".to_owned(),
        kind: None,
        labels: &[],
        data,
        template: vec![("client-info.yaml".to_owned(), text)],
    }
}
