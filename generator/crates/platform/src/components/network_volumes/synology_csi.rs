//! Synology CSI: volumes as shared folders of a DiskStation.
//!
//! NFS only: the kernel's iSCSI initiator does not support containers, so LXC nodes cannot use it, and SMB
//! volumes have no file owners.

use super::{Driver, Source};
use crate::component::Context;
use crate::{release, restart_with_secrets, secrets_unit_for};
use diagnostic::Span;
use model::{Capability, Chart, ExternalSecret, Namespace, Need, Template, Unit};
use serde_json::json;
use spec::platform::{Configured as _, NetworkVolumes};
use spec::types::Name;
use spec::{Dsm, PodSecurity};

const CHART: Chart =
    Chart::http("synology-csi", "https://christian-schlichtherle.github.io/synology-csi-chart", "0.11.1");
pub(super) const VALUES: Template =
    Template { name: "network-volumes/synology-csi-values.yaml", source: include_str!("synology-csi-values.yaml.j2") };

/// Sets resource requests and limits, for which the chart has no values.
pub(super) const POST_RENDER: Template = Template {
    name: "network-volumes/synology-csi-post-render.yaml",
    source: include_str!("synology-csi-post-render.yaml.j2"),
};

pub(super) const NAMESPACE: &str = "synology-csi";

/// The driver and its Secret, if some of the storage needs it.
pub(super) fn units(
    volumes: &NetworkVolumes,
    installed: &[Source<'_>],
    default: &Name,
    context: &Context<'_>,
    span: Span,
) -> Vec<Unit> {
    let mut classes = Vec::new();
    let mut provides = Vec::new();
    let mut accounts: Vec<(&Source<'_>, &Dsm)> = Vec::new();
    for source in installed {
        let Driver::Synology { dsm, location } = source.driver else { continue };
        accounts.push((source, dsm));
        for (name, reclaim) in source.classes().into_iter().zip(["Retain", "Delete"]) {
            classes.push(json!({
                // The chart adds its own name as a prefix.
                "key": name.as_str().trim_start_matches("synology-csi-"),
                "reclaim": reclaim,
                "address": source.address,
                "location": location,
                "is_default": name == *default,
            }));
            provides.push(Capability::StorageClass(name));
        }
    }
    if accounts.is_empty() {
        return Vec::new();
    }
    let mut unit = Unit::new("synology-csi", "platform/synology-csi", Namespace::existing(NAMESPACE));
    let mut release = release(volumes.options(), "synology-csi", CHART, VALUES, json!({ "classes": classes }));
    release.post_render = Some((POST_RENDER, json!({}).into()));
    unit.install(release);
    unit.provides = provides;
    unit.needs = vec![Need::before(Capability::SecretStore, span)];
    // The driver mounts on behalf of the node.
    restart_with_secrets(&mut unit, context);
    let secrets = secrets_unit_for(&mut unit, PodSecurity::Privileged, vec![secret(&accounts, context)], span);
    vec![secrets, unit]
}

/// The Secret with the DSM accounts, in the format of the driver.
fn secret(accounts: &[(&Source<'_>, &Dsm)], context: &Context<'_>) -> ExternalSecret {
    let mut data = Vec::new();
    let mut text = String::from("clients:\n");
    for (source, dsm) in accounts {
        let key = |field: &str| format!("{}-{field}", source.name);
        let port = dsm.port.get();
        data.push((key("username").into(), context.stored(&dsm.username)));
        data.push((key("password").into(), context.stored(&dsm.password)));
        text.push_str(&format!(
            "  - host: {}\n    port: {port}\n    https: true\n    username: {{{{ index . \"{}\" | toJson }}}}\n    \
             password: {{{{ index . \"{}\" | toJson }}}}\n",
            source.address,
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
