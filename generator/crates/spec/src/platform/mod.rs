//! The options of the platform: a file per component, and the table of all of them.
//!
//! What a component does with its options is in the crate `platform`, whose table does not compile
//! before it names the components of this one.

mod backups;
mod certificates;
mod dns;
mod dynamic_dns;
mod gpu;
mod image_automation;
mod ingress;
mod load_balancer;
mod logging;
mod monitoring;
mod names;
mod postgres;
mod secrets;
mod storage;

pub use backups::*;
pub use certificates::*;
pub use dns::*;
pub use dynamic_dns::*;
pub use gpu::*;
pub use image_automation::*;
pub use ingress::*;
pub use load_balancer::*;
pub use logging::*;
pub use monitoring::*;
pub use names::*;
pub use postgres::*;
pub use secrets::*;
pub use storage::*;

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
/// component without a chart, `bare` one without an image too.
macro_rules! component_options {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $crate::platform::component_options! { @write
            $(#[$meta])* $name {
                $($(#[$field_meta])* $field: $type,)*
                /// The version of its chart. Default: the one that this generator was checked with.
                version: Option<$crate::Spanned<$crate::types::Version>>,
                /// Helm values, laid over the generated ones. A null drops a default of the chart.
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
                /// The version of its image. Default: the one that this generator was checked with.
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
            /// Whether the cluster has it. Default: yes, if the spec gives what it is configured from.
            pub enabled: Option<$crate::Spanned<bool>>,
            $($(#[$field_meta])* pub $field: $type,)*
            /// Changes to its manifests.
            #[serde(default)]
            pub patches: Vec<$crate::Patch>,
            /// Files of this repository with further manifests that belong to it.
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
    /// Whether it was switched on or off.
    pub enabled: Option<&'a Spanned<bool>>,
    /// The version of its chart or image.
    pub version: Option<&'a Spanned<Version>>,
    /// Helm values.
    pub values: &'a BTreeMap<String, Value>,
    /// Changes to its manifests.
    pub patches: &'a [Patch],
    /// Further manifests.
    pub manifests: &'a [Spanned<RepoPath>],
}

/// The Helm values of a component without a chart.
static NO_VALUES: BTreeMap<String, Value> = BTreeMap::new();

impl Options<'_> {
    /// No options at all.
    pub const NONE: Self = Self { enabled: None, version: None, values: &NO_VALUES, patches: &[], manifests: &[] };
}

/// What has the options that every component has.
pub trait Configured {
    /// Those options.
    fn options(&self) -> Options<'_>;
}

/// The options of one component.
pub trait ComponentOptions: 'static {
    /// The component.
    const ID: ComponentId;

    /// Its options in the mapping `platform`, as given or all left out.
    fn of(platform: &Platform) -> &Self;
}

/// Declares the mapping `platform` of a cluster and the names of the components from one table.
macro_rules! components {
    ($($(#[$meta:meta])* $field:ident: $component:ident,)+) => {
        /// What a cluster offers to its apps. Components that the spec gives what they need are on
        /// by default.
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

        /// The components as they are where the spec says nothing about them.
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
                /// The options of the component, as given or all left out.
                pub fn $field(&self) -> &$component {
                    self.$field.as_ref().map_or(&DEFAULTS.$field, |component| &component.value)
                }
            )+

            /// Where the spec configures a component.
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
    /// LAN addresses for services: MetalLB. On by default if the cluster has a `load-balancer` range.
    load_balancer: LoadBalancer,
    /// HTTP from the LAN to apps. On by default if the cluster has a `load-balancer` range.
    ingress: Ingress,
    /// TLS certificates of Let's Encrypt: cert-manager. On by default if the lab has a `dns` provider.
    certificates: Certificates,
    /// Secrets from the store: External Secrets. On by default if the lab has `secrets`.
    secrets: ExternalSecrets,
    /// Names of public apps in the public DNS zone: ExternalDNS. On by default if the lab has a
    /// `dns` provider and `network.public`.
    dns: PublicDns,
    /// The lab's entry name follows its public address: DDNS-Updater. Off unless the cluster asks
    /// for it; one cluster of the lab should.
    dynamic_dns: DynamicDns,
    /// Volumes on network storage: Synology CSI. On by default if some storage has a `dsm` account.
    storage: NetworkVolumes,
    /// PostgreSQL: CloudNativePG, and one database cluster called `postgres`. Off unless the cluster
    /// asks for it.
    postgres: Postgres,
    /// Metrics: Prometheus, Alertmanager and Grafana of kube-prometheus-stack. Off unless the
    /// cluster asks for it.
    monitoring: Monitoring,
    /// Logs of pods, nodes and Kubernetes: Loki and a collector on every node. Off unless the cluster
    /// asks for it.
    logging: Logging,
    /// GPUs as a resource that pods ask for: Intel's device plugin. On by default if one of the
    /// cluster's nodes has a GPU.
    gpu: GpuPlugin,
    /// Backups of the volumes of apps that say `backup: volumes`: Velero. Off unless the cluster asks
    /// for it.
    backups: Backups,
    /// Newer images by commits of Flux: its image automation. On by default if an app asks for them
    /// and the lab's repository can be written to.
    image_automation: ImageAutomation,
    /// Names of what other clusters of the lab serve, for the pods of this one: CoreDNS. On by
    /// default if there are any.
    names: LanNames,
}
