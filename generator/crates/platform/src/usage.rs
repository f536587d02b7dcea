//! What a cluster uses of its platform. A component that nothing uses is off by default, so that a cluster does not hold
//! its permissions and credentials, nor run its programs, for nothing.
//!
//! Charts, manifests and Helm values can create objects that the spec does not show. Where they may use a component, it
//! stays on.

use crate::component::Context;
use crate::components::network_volumes::{self, network_classes};
use crate::exposure::Reach;
use crate::secret_provider::provider;
use model::PrivilegeReason;
use spec::platform::{ComponentId, LanDns, NetworkVolumes, Postgres};
use spec::types::Name;
use spec::{App, Volume};
use yaml::Value;

/// Whether an app or a component is reached through an Ingress.
pub(crate) fn has_ingress(context: &Context<'_>) -> bool {
    context.cluster.apps.iter().any(|app| app.value.expose().is_some())
        || reached(context).next().is_some()
        // ExternalDNS reads the addresses of Ingresses.
        || context.configured().any(|part| {
            // A tunnel leads to it.
            [ComponentId::PublicDns, ComponentId::Tunnel].contains(&part.id) && part.is_enabled()
        })
        || has_charts(context)
        || has_manifests(context)
        || is_in_values(context, "ingress")
}

/// Whether an app or a component is public.
pub(crate) fn is_public(context: &Context<'_>) -> bool {
    let is_public = |app: &App| app.expose().as_ref().is_some_and(|expose| expose.public.is_on());
    context.cluster.apps.iter().any(|app| is_public(&app.value))
        || reached(context).any(|reach| reach == Reach::Public)
        || has_manifests(context)
        || is_in_values(context, "homelab/exposure")
}

/// Whether the backups of PostgreSQL, the secret store, or something that the spec does not show, use the API of
/// cert-manager.
pub(crate) fn has_internal_certificates(context: &Context<'_>) -> bool {
    context.get::<Postgres>().is_some_and(|postgres| postgres.given_backup().is_some())
        || has_store_server(context)
        || is_in_values(context, "cert-manager")
}

/// Whether External Secrets reads the store through a server, whose certificate is from cert-manager. It does not ask
/// whether External Secrets is active, which depends on cert-manager.
pub(crate) fn has_store_server(context: &Context<'_>) -> bool {
    context.store().is_some_and(|store| provider(store).server().is_some())
        && context.disabled_at(ComponentId::ExternalSecrets).is_none()
        && reads_other_secrets(context)
}

/// Whether a Service may have an address of the load-balancer pool.
pub(crate) fn has_load_balancers(context: &Context<'_>) -> bool {
    let on_lan = |app: &App| app.container().is_some_and(|app| app.other_ports().any(|port| port.value.lan.is_some()));
    context.get::<Postgres>().is_some()
        || context.get::<LanDns>().is_some_and(|dns| dns.writes_to.is_none())
        || context.part(ComponentId::Ingress).is_active()
        || context.cluster.apps.iter().any(|app| on_lan(&app.value))
        || has_charts(context)
        || has_manifests(context)
        || !context.cluster.external.is_empty()
        || is_in_values(context, "LoadBalancer")
}

/// Whether a volume may be on network storage. The class of volumes without one is `local-path`, unless the spec
/// configures the component.
pub(crate) fn has_network_volumes(context: &Context<'_>) -> bool {
    let is_network = |class: &str| class != model::contract::LOCAL_CLASS;
    let claims = |volume: &Volume| {
        volume.claim().and_then(|claim| claim.class.as_ref()).is_some_and(|class| is_network(class.as_str()))
    };
    let containers = || context.cluster.apps.iter().filter_map(|app| app.value.container());
    containers().any(|app| app.storage.iter().any(|volume| claims(&volume.value)))
        || context.configured().any(|part| part.component.classes().iter().any(|of| is_network(of.class.as_str())))
        || has_manifests(context)
        || is_in_values(context, "synology-csi")
        || network_classes(context.spec).iter().any(|class| is_in_values(context, class.as_str()))
}

/// Whether a volume may have one of these storage classes, besides those of volumes that name none.
pub(crate) fn has_volumes_of(classes: &[Name], context: &Context<'_>) -> bool {
    let is_one = |class: &Name| classes.contains(class);
    let mut volumes = context
        .cluster
        .apps
        .iter()
        .filter_map(|app| app.value.container())
        .flat_map(|app| app.storage.iter().filter_map(|volume| volume.value.claim()?.class.as_ref()));
    let mut of_components = context.configured().flat_map(|part| part.component.classes());
    volumes.any(|class| is_one(class))
        || of_components.any(|of| is_one(of.class))
        || has_manifests(context)
        || classes.iter().any(|class| is_in_values(context, class.as_str()))
}

/// Whether a pod may request a GPU.
pub(crate) fn has_gpus(context: &Context<'_>) -> bool {
    let containers = || context.cluster.apps.iter().filter_map(|app| app.value.container());
    containers().any(|app| app.gpu.is_on()) || has_manifests(context) || is_in_values(context, "gpu.intel.com")
}

/// Why any node of a cluster may mount NFS, besides the volumes of its apps: volumes that a driver creates, or what the
/// spec does not show.
pub fn mounts_nfs(context: &Context<'_>) -> Option<PrivilegeReason> {
    let has_nfs = || context.spec.storage.iter().any(|storage| storage.value.has_nfs());
    if context.get::<NetworkVolumes>().is_some() {
        Some(PrivilegeReason::VolumesNfs)
    } else if has_nfs() && (has_manifests(context) || is_in_values(context, "nfs")) {
        Some(PrivilegeReason::UnknownNfs)
    } else {
        None
    }
}

/// Whether a component of a cluster is public.
pub fn has_public_component(context: &Context<'_>) -> bool {
    reached(context).any(|reach| reach == Reach::Public)
}

/// Whether an app or a component may read a secret from the secret store. Of the components that are on without a
/// setting, those read one that use the DNS provider or network storage.
pub(crate) fn reads_secrets(context: &Context<'_>) -> bool {
    reads_other_secrets(context) || context.part(ComponentId::Certificates).is_active()
}

/// Whether something besides cert-manager may read a secret.
fn reads_other_secrets(context: &Context<'_>) -> bool {
    let reads = |app: &App| app.has_secrets() || app.database().is_some();
    context.cluster.apps.iter().any(|app| reads(&app.value))
        || context.configured().any(|part| part.is_enabled())
        || context.part(ComponentId::PublicDns).is_active()
        || network_volumes::reads_secrets(context)
        || has_charts(context)
        || has_manifests(context)
}

/// From where the components of a cluster are reached through an Ingress. `is_active` is called only for components
/// that may have one: for the others, it depends on the result.
fn reached(context: &Context<'_>) -> impl Iterator<Item = Reach> {
    context.parts().filter_map(|part| part.component.reach().filter(|_| part.is_active()))
}

/// Whether the spec names files with manifests for the cluster.
fn has_manifests(context: &Context<'_>) -> bool {
    !context.cluster.manifests.is_empty()
        || context.cluster.apps.iter().any(|app| !app.value.manifests().is_empty())
        || context.configured().any(|part| !part.options().manifests.is_empty())
}

fn has_charts(context: &Context<'_>) -> bool {
    context.cluster.apps.iter().any(|app| matches!(app.value, App::Helm(_)))
}

/// Whether a text is in a key or value of the Helm values of apps and components.
fn is_in_values(context: &Context<'_>, text: &str) -> bool {
    let of_apps = context.cluster.apps.iter().filter_map(|app| match &app.value {
        App::Helm(app) => Some(&app.helm.values),
        App::Container(_) | App::Jobs(_) => None,
    });
    let values = of_apps.chain(context.configured().map(|part| part.options().values));
    values.flatten().any(|(key, value)| key.contains(text) || mentions(value, text))
}

/// Whether a text is in a key or value.
fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::Map(entries) => entries.iter().any(|(key, value)| key.contains(text) || mentions(value, text)),
        Value::Seq(items) => items.iter().any(|item| mentions(item, text)),
        Value::Str(found) => found.contains(text),
        _ => false,
    }
}
