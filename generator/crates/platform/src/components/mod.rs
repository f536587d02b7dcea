//! The components, a folder each, and the table of all of them. It only compiles if it names every
//! component that a spec can configure.

pub(crate) mod cert_manager;
pub(crate) mod cloudflared;
pub(crate) mod cloudnative_pg;
mod ddns_updater;
mod external_dns;
mod external_secrets;
mod image_automation;
pub(crate) mod ingress;
mod intel_gpu;
mod lan_dns;
mod lan_names;
mod logging;
mod metallb;
mod monitoring;
pub(crate) mod network_volumes;
mod reloader;
mod velero;

use crate::component::{Clusters, Component};
use crate::{MONITOR, exposure, network, secret_provider, shipping};
use model::Template;
use spec::platform::{ComponentId, Platform};
use spec::types::SecretRef;
use spec::{Spanned, Spec};

macro_rules! table {
    ($($id:ident = $field:ident in $module:ident,)+) => {
        /// The options of a component, as a trait object.
        fn component(platform: &Platform, id: ComponentId) -> &dyn Component {
            match id {
                $(ComponentId::$id => platform.$field(),)+
            }
        }

        /// The templates of all components.
        pub fn templates() -> Vec<Template> {
            let shared = [&[MONITOR, shipping::INGRESS], exposure::TEMPLATES, network::TEMPLATES, secret_provider::TEMPLATES];
            [&shared[..], &[$($module::TEMPLATES),+], monitoring::OTHER_TEMPLATES].concat().concat()
        }
    };
}

table! {
    LoadBalancer = load_balancer in metallb,
    Ingress = ingress in ingress,
    Certificates = certificates in cert_manager,
    ExternalSecrets = secrets in external_secrets,
    PublicDns = dns in external_dns,
    DynamicDns = dynamic_dns in ddns_updater,
    Tunnel = tunnel in cloudflared,
    NetworkVolumes = storage in network_volumes,
    Postgres = postgres in cloudnative_pg,
    Monitoring = monitoring in monitoring,
    Logging = logging in logging,
    GpuPlugin = gpu in intel_gpu,
    Backups = backups in velero,
    ImageAutomation = image_automation in image_automation,
    LanDns = lan_dns in lan_dns,
    LanNames = names in lan_names,
    Restarts = restarts in reloader,
}

/// The clusters of a spec, as their components and apps see them.
pub fn clusters(spec: &Spec) -> Clusters<'_> {
    Clusters::new(spec, component)
}

/// The references to secrets in the options of the components that the spec configures.
pub fn secrets(platform: &Platform) -> impl Iterator<Item = &Spanned<SecretRef>> {
    let configured = ComponentId::ALL.iter().filter(|id| platform.span(**id).is_some());
    configured.flat_map(|id| component(platform, *id).secrets())
}
