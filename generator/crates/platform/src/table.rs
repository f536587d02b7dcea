//! The table of components. It does not compile before it names all that the spec knows.

use crate::component::{Component, Context};
use crate::{
    MONITOR, cert_manager, cloudnative_pg, ddns_updater, exposure, external_dns, external_secrets, image_automation,
    ingress, intel_gpu, lan_names, logging, metallb, monitoring, shipping, synology_csi, velero,
};
use model::Template;
use spec::platform::{ComponentId, Platform};
use spec::types::SecretRef;
use spec::{Cluster, Entry, Spanned, Spec};

macro_rules! table {
    ($($id:ident = $field:ident in $module:ident,)+) => {
        /// A component, by its options.
        fn component(platform: &Platform, id: ComponentId) -> &dyn Component {
            match id {
                $(ComponentId::$id => platform.$field(),)+
            }
        }

        /// Every template of every component.
        pub fn templates() -> Vec<Template> {
            [&[MONITOR, shipping::INGRESS], exposure::TEMPLATES, $($module::TEMPLATES),+].concat()
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
    NetworkVolumes = storage in synology_csi,
    Postgres = postgres in cloudnative_pg,
    Monitoring = monitoring in monitoring,
    Logging = logging in logging,
    GpuPlugin = gpu in intel_gpu,
    Backups = backups in velero,
    ImageAutomation = image_automation in image_automation,
    LanNames = names in lan_names,
}

/// What the components and apps of a cluster see.
pub fn context<'a>(spec: &'a Spec, cluster: &'a Entry<Cluster>) -> Context<'a> {
    Context::new(spec, cluster, component)
}

/// The places where the components that a spec configures name a key of a secret.
pub fn secrets(platform: &Platform) -> impl Iterator<Item = &Spanned<SecretRef>> {
    let configured = ComponentId::ALL.iter().filter(|id| platform.span(**id).is_some());
    configured.flat_map(|id| component(platform, *id).secrets())
}
