//! The options of the platform: a file for each component, and the table of all components.
//!
//! The crate `platform` implements the components. Its table only compiles if it names every component
//! of this one.

mod backups;
mod certificates;
mod dns;
mod dynamic_dns;
mod gpu;
mod image_automation;
mod ingress;
mod lan_dns;
mod load_balancer;
mod logging;
mod monitoring;
mod names;
mod postgres;
mod restarts;
mod secrets;
mod storage;
mod tunnel;

pub use backups::*;
pub use certificates::*;
pub use dns::*;
pub use dynamic_dns::*;
pub use gpu::*;
pub use image_automation::*;
pub use ingress::*;
pub use lan_dns::*;
pub use load_balancer::*;
pub use logging::*;
pub use monitoring::*;
pub use names::*;
pub use postgres::*;
pub use restarts::*;
pub use secrets::*;
pub use storage::*;
pub use tunnel::*;

use crate::common::Patch;
use crate::spanned::Spanned;
use crate::types::{RepoPath, Version};
use diagnostic::Span;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use yaml::Value;

/// Declares the options of a component: its own, and those that all components have. `plain` marks a
/// component without a chart, `bare` one without either chart or image.
macro_rules! component_options {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $crate::platform::component_options! { @write
            $(#[$meta])* $name {
                $($(#[$field_meta])* $field: $type,)*
                /// Version of the component's Helm chart. Default: the version that this generator was tested
                /// with.
                version: Option<$crate::Spanned<$crate::types::Version>>,
                /// Helm values, merged over the generated ones. A `null` removes a default of the chart.
                #[serde(default)]
                values: std::collections::BTreeMap<String, yaml::Value>,
            }
            [version] [values]
        }
    };
    (plain $(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $crate::platform::component_options! { @write
            $(#[$meta])* $name {
                $($(#[$field_meta])* $field: $type,)*
                /// Tag of the component's image. Default: the version that this generator was tested with.
                version: Option<$crate::Spanned<$crate::types::Version>>,
            }
            [version] []
        }
    };
    (bare $(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $crate::platform::component_options! { @write
            $(#[$meta])* $name { $($(#[$field_meta])* $field: $type,)* } [] []
        }
    };
    (@write $(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }
        [$($version:ident)?] [$($values:ident)?]
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name {
            /// Whether the component is installed. Default: `true` if the settings that it requires are set, and
            /// something in the cluster may use it.
            pub enabled: Option<$crate::Spanned<bool>>,
            $($(#[$field_meta])* pub $field: $type,)*
            /// Kustomize patches for the component's generated manifests.
            #[serde(default)]
            pub patches: Vec<$crate::Patch>,
            /// Files of this repository with additional manifests for the component.
            #[serde(default)]
            pub manifests: Vec<$crate::Spanned<$crate::types::RepoPath>>,
        }

        impl $crate::platform::Configured for $name {
            fn options(&self) -> $crate::platform::Options<'_> {
                let options = $crate::platform::Options {
                    enabled: self.enabled.as_ref(),
                    patches: &self.patches,
                    manifests: &self.manifests,
                    ..$crate::platform::Options::NONE
                };
                $(let options = $crate::platform::Options { $version: self.$version.as_ref(), ..options };)?
                $(let options = $crate::platform::Options { $values: &self.$values, ..options };)?
                options
            }
        }
    };
}
use component_options;

/// The options that every component has.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Whether it is enabled or disabled explicitly.
    pub enabled: Option<&'a Spanned<bool>>,
    /// The version of its chart or image.
    pub version: Option<&'a Spanned<Version>>,
    /// Helm values.
    pub values: &'a BTreeMap<String, Value>,
    /// Patches for its manifests.
    pub patches: &'a [Patch],
    /// Files with additional manifests.
    pub manifests: &'a [Spanned<RepoPath>],
}

/// The Helm values of a component without a chart.
static NO_VALUES: BTreeMap<String, Value> = BTreeMap::new();

impl Options<'_> {
    /// No options.
    pub const NONE: Self = Self { enabled: None, version: None, values: &NO_VALUES, patches: &[], manifests: &[] };
}

/// A type with the options that every component has.
pub trait Configured {
    /// The common options.
    fn options(&self) -> Options<'_>;
}

/// The options of one component.
pub trait ComponentOptions: 'static {
    /// The component.
    const ID: ComponentId;

    /// Its options in the mapping `platform`, or the defaults if the spec does not configure it.
    fn of(platform: &Platform) -> &Self;
}

/// Declares, from one table, the mapping `platform` of a cluster and the names of the components.
macro_rules! components {
    ($($(#[$meta:meta])* $field:ident: $component:ident,)+) => {
        /// The components of a cluster's platform. Most are enabled by default if the spec contains the
        /// settings that they require, and something in the cluster may use them. A component that is listed
        /// here, even with `{}`, is enabled whether it is used or not.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Platform {
            $($(#[$meta])* pub $field: Option<Spanned<$component>>,)+
        }

        /// A component of the platform.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ComponentId {
            $($(#[$meta])* $component,)+
        }

        impl ComponentId {
            /// All components, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$component),+];

            /// Its field in the mapping `platform`.
            pub fn field(self) -> String {
                match self { $(Self::$component => stringify!($field)),+ }.replace('_', "-")
            }
        }

        /// The options of components that the spec does not configure.
        static DEFAULTS: LazyLock<AllDefaults> = LazyLock::new(AllDefaults::default);

        #[derive(Default)]
        struct AllDefaults {
            $($field: $component,)+
        }

        $(
            impl ComponentOptions for $component {
                const ID: ComponentId = ComponentId::$component;

                fn of(platform: &Platform) -> &Self {
                    platform.$field()
                }
            }
        )+

        impl Platform {
            $(
                /// The options of the component, or the defaults if the spec does not configure it.
                pub fn $field(&self) -> &$component {
                    self.$field.as_ref().map_or(&DEFAULTS.$field, |component| &component.value)
                }
            )+

            /// The span of a component's options, if the spec configures it.
            pub fn span(&self, component: ComponentId) -> Option<Span> {
                match component { $(ComponentId::$component => self.$field.as_ref().map(|given| given.span)),+ }
            }

            /// The common options of a component.
            pub fn options(&self, component: ComponentId) -> Options<'_> {
                match component { $(ComponentId::$component => self.$field().options()),+ }
            }
        }
    };
}

components! {
    /// LAN addresses for Services (MetalLB). Enabled by default if the cluster has a `load-balancer` pool, and
    /// a Service may need an address of it.
    load_balancer: LoadBalancer,
    /// HTTP access to apps from the LAN (ingress controller). Enabled by default if the cluster has a
    /// `load-balancer` pool, and an app or component that is exposed.
    ingress: Ingress,
    /// TLS certificates from Let's Encrypt (cert-manager). Enabled by default if the lab has a `dns`
    /// provider, and the cluster has an app or component that is exposed, or backups of PostgreSQL; without
    /// one too if the cluster reads its secrets from Bitwarden. For backups or Bitwarden alone, it has no
    /// issuers, which need access to the DNS zone.
    certificates: Certificates,
    /// Secrets from the secret store (External Secrets). Enabled by default if the lab has `secrets`, and
    /// something in the cluster may read one.
    secrets: ExternalSecrets,
    /// DNS records of public apps in the public zone (ExternalDNS). Enabled by default if the lab has a
    /// `dns` provider and `network.public`, or the cluster a tunnel, and the cluster has a public app or component.
    dns: PublicDns,
    /// Dynamic DNS for the public host name of the lab (DDNS-Updater). Disabled unless the cluster
    /// configures it. Configure it in one cluster of the lab.
    dynamic_dns: DynamicDns,
    /// Public names of the cluster without a port of the router, for labs behind CGNAT: a Cloudflare Tunnel
    /// (cloudflared). The public names of the cluster then point to the tunnel, and not to `network.public`.
    /// Disabled unless the cluster configures it.
    tunnel: Tunnel,
    /// Volumes on network storage (Synology CSI, csi-driver-nfs). Enabled by default if any `storage` has a `dsm`
    /// account or `volumes`, and a volume of the cluster has its class.
    storage: NetworkVolumes,
    /// PostgreSQL (CloudNativePG), with one PostgreSQL cluster called `postgres`. Disabled unless the
    /// cluster configures it.
    postgres: Postgres,
    /// Metrics and alerts (Prometheus, Alertmanager and Grafana, from kube-prometheus-stack). Disabled
    /// unless the cluster configures it.
    monitoring: Monitoring,
    /// Logs of pods, nodes and Kubernetes (Loki, and a collector on every node). Disabled unless the
    /// cluster configures it.
    logging: Logging,
    /// GPUs as a resource that pods can request (Intel's device plugin). Enabled by default if a node of
    /// the cluster has a GPU, and an app requests one.
    gpu: GpuPlugin,
    /// Backups of the volumes of apps with `backup: volumes` (Velero). Disabled unless the cluster
    /// configures it.
    backups: Backups,
    /// Image updates that Flux commits to the repository (Flux image automation). Enabled by default if
    /// the image of an app has `update` and the lab's repository is an `ssh://` URL.
    image_automation: ImageAutomation,
    /// A DNS server for the LAN, with the names of all clusters, nodes, hosts and storage of the lab (CoreDNS).
    /// Disabled unless the cluster configures it. Configure it in every cluster: each answers for all.
    lan_dns: LanDns,
    /// DNS names of the lab for the pods of this cluster (k3s' CoreDNS): those of services in other clusters,
    /// and all others if a cluster has `lan-dns`. Enabled by default if there are any.
    names: LanNames,
    /// Restarts of apps and components whose secrets change: Reloader. Enabled by default if the lab has
    /// `secrets`, and something in the cluster may read one.
    restarts: Restarts,
}
