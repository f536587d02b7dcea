//! The platform: a folder per component, each saying all about it: its options in the spec, its
//! chart and version, its units, what it needs and what it provides.
//!
//! To add a component, write its folder and add one line to the list below. The order in which
//! units are applied follows from what they need and provide.

mod cert_manager;
mod cloudnative_pg;
mod ddns_updater;
mod dns_provider;
mod exposure;
mod external_dns;
mod external_secrets;
mod image_automation;
mod ingress;
mod intel_gpu;
mod lan_names;
mod logging;
mod metallb;
mod monitoring;
mod shipping;
mod synology_csi;
mod velero;

pub(crate) use cloudnative_pg::{Access as DatabaseAccess, NAME as DATABASE_NAME, PASSWORD_KEY, password};
pub(crate) use dns_provider::secrets as dns_secrets;
use exposure::lan_policy;
pub(crate) use exposure::{
    CLASS as INGRESS_CLASS, Reach, allow_only, ask_for_password, exposure, judge_public, passwords,
};
pub(crate) use external_secrets::STORE_NAME;
pub(crate) use synology_csi::{DEFAULT_CLASS as LOCAL_CLASS, classes as storage_classes, is_nfs};

use crate::lab::{
    Capability, DiskSecret, ExternalSecret, Files, Interface, Namespace, Need, PodSecurity, Release, Template, Unit,
};
use crate::spec::types::{Host, Ipv4, Name, RepoPath, SecretRef, Version};
use crate::spec::{Cluster, Entry, Patch, Spanned, Spec};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use yaml::Value;

/// Where a server keeps the secrets that exist before the secret store does.
pub const SECRETS_ON_DISK: &str = "/var/lib/homelab/secrets";

/// The version of Flux that the manifests were checked with.
pub const FLUX_VERSION: &str = "2.9.4";

/// The chart version of Flux Operator.
pub const FLUX_OPERATOR_VERSION: &str = "0.58.1";

/// What gives a cluster addresses on the LAN.
const POOL_REMEDY: &str = "give the cluster `load-balancer: FIRST-LAST`, a range of free LAN addresses";

/// Beside the place where a component is switched off that something else wants.
pub(crate) const SWITCHED_OFF: &str = "switched off here";
/// What to do about it.
pub(crate) const SWITCH_ON: &str = "remove `enabled: false` there, or what wants it here";

const MONITOR: Template = Template { name: "platform/podmonitor.yaml", source: include_str!("podmonitor.yaml.j2") };

/// Templates of more than one component.
const SHARED: &[Template] = &[MONITOR, shipping::INGRESS];

/// Writes the options of a component: those of its own, and those that all have. A component
/// without a chart is marked `plain`, one without an image too `bare`.
macro_rules! component_options {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $crate::platform::component_options! { @write
            $(#[$meta])* $name {
                $($(#[$field_meta])* $field: $type,)*
                /// The version of its chart. Default: the one that this generator was checked with.
                version: Option<$crate::spec::Spanned<$crate::spec::types::Version>>,
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
                version: Option<$crate::spec::Spanned<$crate::spec::types::Version>>,
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
            pub enabled: Option<$crate::spec::Spanned<bool>>,
            $($(#[$field_meta])* pub $field: $type,)*
            /// Changes to its manifests.
            #[serde(default)]
            pub patches: Vec<$crate::spec::Patch>,
            /// Files of this repository with further manifests that belong to it.
            #[serde(default)]
            pub manifests: Vec<$crate::spec::Spanned<$crate::spec::types::RepoPath>>,
        }

        impl $name {
            pub(super) fn common(&self) -> $crate::platform::Options<'_> {
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

/// The Helm values of a component without a chart.
static NO_VALUES: BTreeMap<String, Value> = BTreeMap::new();

/// Writes the spec's `platform` mapping and the list of components from one table.
macro_rules! components {
    ($($(#[$meta:meta])* $field:ident: $module:ident::$component:ident,)+) => {
        /// What a cluster offers to its apps. Components that the spec gives what they need are on
        /// by default.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Platform {
            $($(#[$meta])* pub $field: Option<Spanned<$module::$component>>,)+
        }

        impl Platform {
            /// The components that the spec says something about.
            pub fn components(&self) -> Vec<&dyn Component> {
                let mut components: Vec<&dyn Component> = Vec::new();
                $(components.extend(self.$field.as_ref().map(|component| &component.value as &dyn Component));)+
                components
            }
        }

        /// The components as they are where the spec says nothing about them.
        struct Defaults {
            $($field: $module::$component,)+
        }

        static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| Defaults { $($field: Default::default(),)+ });

        impl<'a> Context<'a> {
            /// All components of the cluster, in the order of the table.
            fn each(&self) -> Vec<Part<'a>> {
                let platform = &self.cluster.platform;
                vec![$(match &platform.$field {
                    Some(component) => Part { name: stringify!($field), component: &component.value, asked: Some(component.span) },
                    None => Part { name: stringify!($field), component: &DEFAULTS.$field, asked: None },
                }),+]
            }

            $(
                /// The component, if the cluster has it.
                #[allow(dead_code, reason = "not every component is looked at by others")]
                pub(crate) fn $field(&self) -> Option<&'a $module::$component> {
                    let (component, asked) = match &self.cluster.platform.$field {
                        Some(component) => (&component.value, Some(component.span)),
                        None => (&DEFAULTS.$field, None),
                    };
                    Part { name: stringify!($field), component, asked }.is_on(self).then_some(component)
                }
            )+
        }

        /// Every template of every component.
        pub fn templates() -> Vec<Template> {
            [SHARED, exposure::TEMPLATES, $($module::TEMPLATES),+].concat()
        }
    };
}

components! {
    /// LAN addresses for services: MetalLB. On by default if the cluster has a `load-balancer` range.
    load_balancer: metallb::LoadBalancer,
    /// HTTP from the LAN to apps. On by default if the cluster has a `load-balancer` range.
    ingress: ingress::Ingress,
    /// TLS certificates of Let's Encrypt: cert-manager. On by default if the lab has a `dns` provider.
    certificates: cert_manager::Certificates,
    /// Secrets from the store: External Secrets. On by default if the lab has `secrets`.
    secrets: external_secrets::ExternalSecrets,
    /// Names of public apps in the public DNS zone: ExternalDNS. On by default if the lab has a
    /// `dns` provider and `network.public`.
    dns: external_dns::PublicDns,
    /// The lab's entry name follows its public address: DDNS-Updater. Off unless the cluster asks
    /// for it; one cluster of the lab should.
    dynamic_dns: ddns_updater::DynamicDns,
    /// Volumes on network storage: Synology CSI. On by default if some storage has a `dsm` account.
    storage: synology_csi::NetworkVolumes,
    /// PostgreSQL: CloudNativePG, and one database cluster called `postgres`. Off unless the cluster
    /// asks for it.
    postgres: cloudnative_pg::Postgres,
    /// Metrics: Prometheus, Alertmanager and Grafana of kube-prometheus-stack. Off unless the
    /// cluster asks for it.
    monitoring: monitoring::Monitoring,
    /// Logs of pods, nodes and Kubernetes: Loki and a collector on every node. Off unless the cluster
    /// asks for it.
    logging: logging::Logging,
    /// GPUs as a resource that pods ask for: Intel's device plugin. On by default if one of the
    /// cluster's nodes has a GPU.
    gpu: intel_gpu::GpuPlugin,
    /// Backups of the volumes of apps that say `backup: volumes`: Velero. Off unless the cluster asks
    /// for it.
    backups: velero::Backups,
    /// Newer images by commits of Flux: its image automation. On by default if an app asks for them
    /// and the lab's repository can be written to.
    image_automation: image_automation::ImageAutomation,
    /// Names of what other clusters of the lab serve, for the pods of this one: CoreDNS. On by
    /// default if there are any.
    names: lan_names::LanNames,
}

/// The options that every component has.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Whether it was switched on or off.
    pub enabled: Option<&'a Spanned<bool>>,
    /// The version of its chart.
    pub version: Option<&'a Spanned<Version>>,
    /// Helm values.
    pub values: &'a BTreeMap<String, Value>,
    /// Changes to its manifests.
    pub patches: &'a [Patch],
    /// Further manifests.
    pub manifests: &'a [Spanned<RepoPath>],
}

impl Options<'_> {
    /// Nothing said.
    pub const NONE: Self = Self { enabled: None, version: None, values: &NO_VALUES, patches: &[], manifests: &[] };

    /// The version of an image without a chart.
    pub fn tag(&self, default: &str) -> String {
        self.version.map_or(default.to_owned(), |version| version.to_string())
    }

    /// The chart version, and the user's values as a tree.
    pub fn release(
        &self,
        name: &str,
        chart: crate::lab::Chart,
        values: Template,
        context: minijinja::Value,
    ) -> Release {
        Release {
            name: name.to_owned(),
            version: self.version.map_or(chart.version.to_string(), |version| version.to_string()),
            chart,
            values: Some((values, context)),
            overrides: Value::of_entries(self.values.clone()),
            post_render: None,
            brings: Vec::new(),
        }
    }
}

/// A part of the platform.
pub trait Component: Sync {
    /// What the spec says about it.
    fn options(&self) -> Options<'_>;

    /// What to write into the spec before a cluster can have it; nothing if all is there.
    fn missing(&self, _: &Context<'_>) -> Option<&'static str> {
        None
    }

    /// Whether it is off until the cluster says something about it.
    fn is_opt_in(&self) -> bool {
        false
    }

    /// Its units. Asked for only if nothing is [missing](Self::missing).
    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit>;

    /// The addresses that it takes of the cluster's load-balancer range.
    fn addresses(&self, _: &Context<'_>) -> Vec<Claim<Ipv4>> {
        Vec::new()
    }

    /// The host names that it serves.
    fn hosts(&self, _: &Context<'_>) -> Vec<Claim<String>> {
        Vec::new()
    }

    /// What people use of it.
    fn interfaces(&self, _: &Context<'_>) -> Vec<Interface> {
        Vec::new()
    }

    /// What it serves to the other clusters of the lab, which no public zone tells.
    fn endpoints(&self, _: &Context<'_>) -> Vec<Endpoint> {
        Vec::new()
    }

    /// The secrets of the store that it reads.
    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        Vec::new()
    }

    /// The storage classes that its options name.
    fn classes(&self) -> Vec<ClassUse<'_>> {
        Vec::new()
    }

    /// What Prometheus reads of it.
    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        Vec::new()
    }

    /// How Grafana shows its metrics, wherever they are kept.
    fn dashboards(&self) -> &'static [Dashboard] {
        &[]
    }

    /// When its metrics are reason for an alert, wherever they are kept: PrometheusRules.
    fn rules(&self) -> &'static [Rules] {
        &[]
    }

    /// How the Grafana of its own cluster shows what it keeps itself.
    fn own_dashboards(&self) -> &'static [Dashboard] {
        &[]
    }
}

/// Something that a component takes for itself, and where the spec says so.
#[derive(Debug, Clone)]
pub struct Claim<T> {
    /// What it takes.
    pub value: T,
    /// Where the spec says so, or speaks of the component.
    pub span: Span,
    /// Who takes it, for people.
    pub owner: String,
}

/// A storage class that a component names.
#[derive(Debug, Clone, Copy)]
pub struct ClassUse<'a> {
    /// Its name.
    pub class: &'a Spanned<Name>,
    /// Who keeps its files there, if NFS does not keep them well.
    pub not_on_nfs: Option<&'static str>,
}

/// A name inside the lab's domain that a LAN address stands behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The whole name.
    pub host: String,
    /// The address.
    pub address: Ipv4,
}

/// Pods that Prometheus reads.
#[derive(Debug, Clone, Copy)]
pub struct Monitor {
    /// Its name.
    pub name: &'static str,
    /// Their namespace.
    pub namespace: &'static str,
    /// Their labels.
    pub labels: &'static [(&'static str, &'static str)],
    /// The label whose value becomes the name of the job.
    pub job: &'static str,
    /// The name of their port.
    pub port: &'static str,
}

/// A dashboard of Grafana.
#[derive(Debug, Clone, Copy)]
pub struct Dashboard {
    /// Its name.
    pub name: &'static str,
    /// Its model, as Grafana exports it.
    pub json: &'static str,
}

/// Rules that say when metrics are reason for an alert.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// The name of the PrometheusRule.
    pub name: &'static str,
    /// All of it.
    pub template: Template,
}

/// A component of a cluster, and where the spec speaks of it.
struct Part<'a> {
    name: &'static str,
    component: &'a dyn Component,
    asked: Option<Span>,
}

impl Part<'_> {
    fn is_wanted(&self) -> bool {
        let default = self.asked.is_some() || !self.component.is_opt_in();
        self.component.options().enabled.map_or(default, |enabled| enabled.value)
    }

    fn is_on(&self, context: &Context<'_>) -> bool {
        self.is_wanted() && self.component.missing(context).is_none()
    }

    /// Whether the spec asks for it in so many words, so that its absence must be explained.
    fn is_demanded(&self) -> bool {
        let enabled = self.component.options().enabled;
        enabled.is_some_and(|enabled| enabled.value) || self.component.is_opt_in() && self.is_wanted()
    }
}

/// What a component sees of the spec.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The whole spec.
    pub spec: &'a Spec,
    /// The cluster's name, and where it stands.
    pub name: &'a Spanned<Name>,
    /// The cluster.
    pub cluster: &'a Cluster,
}

impl<'a> Context<'a> {
    /// What the components of a cluster see.
    pub fn new(spec: &'a Spec, cluster: &'a Entry<Cluster>) -> Self {
        Self { spec, name: &cluster.name, cluster: &cluster.value }
    }

    /// All clusters of the lab, this one included.
    pub fn clusters(&self) -> impl Iterator<Item = Context<'a>> {
        let spec = self.spec;
        spec.clusters.iter().map(move |cluster| Context::new(spec, cluster))
    }

    /// A cluster of the lab, by name.
    pub fn peer(&self, name: &str) -> Option<Context<'a>> {
        self.spec.clusters.get(name).map(|cluster| Context::new(self.spec, cluster))
    }

    /// The components that the cluster has.
    pub(crate) fn components(&self) -> impl Iterator<Item = &'a dyn Component> {
        self.each().into_iter().filter(|part| part.is_on(self)).map(|part| part.component)
    }

    /// Where a component is switched off, if that is why the cluster does not have it.
    pub(crate) fn switched_off(&self, component: &str) -> Option<Span> {
        let part = self.each().into_iter().find(|part| part.name == component)?;
        part.component.options().enabled.filter(|enabled| !enabled.value).map(|enabled| enabled.span)
    }

    /// Whether a component is asked for but lacks something, which is told where it is asked for.
    pub(crate) fn is_incomplete(&self, component: &str) -> bool {
        let part = self.each().into_iter().find(|part| part.name == component);
        part.is_some_and(|part| part.is_demanded() && part.component.missing(self).is_some())
    }

    /// What the cluster serves to the others. A component that serves nothing is not even asked
    /// whether it is on: whether names are told depends on what others serve.
    pub(crate) fn endpoints(&self) -> Vec<Endpoint> {
        let serving = |part: &Part<'_>| {
            let endpoints = part.component.endpoints(self);
            if endpoints.is_empty() || !part.is_on(self) { Vec::new() } else { endpoints }
        };
        self.each().iter().flat_map(serving).collect()
    }

    /// The lab's time zone.
    pub fn timezone(&self) -> &'a str {
        self.spec.lab.timezone.as_ref().map_or("UTC", |zone| zone.value.as_str())
    }

    /// A name inside the lab's domain.
    pub fn full_host(&self, host: &Host) -> String {
        host.inside(self.spec.lab.domain.as_str())
    }

    /// The name by which one of the cluster's services is known in the lab.
    pub fn service_host(&self, service: &str) -> String {
        format!("{service}.{}.{}", self.name.value, self.spec.lab.domain.value)
    }

    /// An address of the cluster's load-balancer range, counted from its first.
    pub fn pool_address(&self, index: u32) -> Option<Ipv4> {
        let range = self.cluster.load_balancer.as_ref()?;
        let address = Ipv4::from_number(range.first().number().saturating_add(index));
        range.contains(address).then_some(address)
    }

    /// Where in the store a secret's value stands.
    pub fn remote(&self, secret: &SecretRef) -> String {
        let entry = self.spec.secrets.as_ref().and_then(|secrets| secrets.entries.get(&secret.entry));
        let path = entry
            .and_then(|entry| entry.value.path.as_ref())
            .map_or(format!("/{}", secret.entry), |path| path.to_string());
        format!("{path}/{}", secret.key)
    }
}

/// A need of a component, told at the place where the spec speaks of it.
pub(crate) fn need(capability: Capability, span: Span) -> Need {
    Need { capability, span }
}

/// A unit before another, that makes its namespace and the Secrets that it mounts.
fn secrets_before(unit: &mut Unit, pods: PodSecurity, secrets: Vec<ExternalSecret>, span: Span) -> Unit {
    let mut before = Unit::new(
        format!("{}-secrets", unit.name),
        format!("{}-secrets", unit.folder),
        Namespace::made(&unit.namespace.name, pods),
    );
    before.secrets = secrets;
    before.needs = vec![need(Capability::SecretStore, span)];
    before.provides = vec![Capability::Namespace(unit.namespace.name.clone()), Capability::Secrets(unit.name.clone())];
    unit.namespace = Namespace::existing(&unit.namespace.name);
    unit.needs.push(need(Capability::Secrets(unit.name.clone()), span));
    before
}

/// The units of all components that are on.
pub fn units(context: &Context<'_>, files: &Files, faults: &mut Diagnostics) -> Vec<Unit> {
    let mut all = Vec::new();
    judge_addresses(context, faults);
    for part in context.each() {
        let options = part.component.options();
        let span = part.asked.unwrap_or(context.name.span);
        if !part.is_wanted() {
            continue;
        }
        if let Some(remedy) = part.component.missing(context) {
            if part.is_demanded() {
                let span = options.enabled.map_or(span, |enabled| enabled.span);
                let name = part.name.replace('_', "-");
                let message = format!("`platform.{name}` is enabled, but the spec does not say what it needs to know");
                faults.push(Diagnostic::new(Code::ComponentIncomplete, span, message).of_absence().help(remedy));
            }
            continue;
        }
        let mut units = part.component.units(context, span, faults);
        if let Some(last) = units.last_mut() {
            last.manifests = crate::lab::manifests(options.manifests, files, faults);
        }
        patch(&mut units, options.patches, faults);
        all.append(&mut units);
    }
    all
}

/// Addresses that components take lie in the cluster's range, and belong to one of them.
fn judge_addresses(context: &Context<'_>, faults: &mut Diagnostics) {
    let Some(range) = &context.cluster.load_balancer else { return };
    let mut taken: BTreeMap<Ipv4, Claim<Ipv4>> = BTreeMap::new();
    let of_components = context.components().flat_map(|component| component.addresses(context));
    for claim in of_components.chain(app_addresses(context)) {
        if !range.contains(claim.value) {
            let message = format!(
                "{} of {} is not one of the cluster's load-balancer addresses {}",
                claim.value, claim.owner, range.value
            );
            let fault = Diagnostic::new(Code::AddressOutsidePool, claim.span, message).related(range.span, "the range");
            faults.push(fault.help("choose an address of the range, or widen the range"));
        } else if let Some(first) = taken.get(&claim.value) {
            let message = format!("{} is the address of {} and of {}", claim.value, first.owner, claim.owner);
            let fault =
                Diagnostic::new(Code::AddressTaken, claim.span, message).related(first.span, "first given here");
            faults.push(fault.help("give each an `address` of its own"));
        } else {
            taken.insert(claim.value, claim);
        }
    }
}

/// The addresses that apps take: one each, for all their ports.
fn app_addresses(context: &Context<'_>) -> Vec<Claim<Ipv4>> {
    let claim = |app: &Entry<crate::spec::App>| {
        let address = app.value.ports.iter().find_map(|port| port.value.lan.as_ref())?;
        Some(Claim { value: address.value, span: address.span, owner: format!("`{}`", app.name.value) })
    };
    context.cluster.apps.iter().filter_map(claim).collect()
}

/// Gives each unit the patches whose targets it makes.
fn patch(units: &mut [Unit], patches: &[Patch], faults: &mut Diagnostics) {
    let owned = |unit: &Unit| {
        unit.made().into_iter().map(|(kind, name)| (kind.to_owned(), name.to_owned())).collect::<Vec<_>>()
    };
    let made: Vec<_> = units.iter().map(owned).collect();
    let all: Vec<_> = made.iter().map(Vec::as_slice).collect();
    for patch in crate::lab::bind_patches(patches, &all, faults) {
        for (unit, made) in units.iter_mut().zip(&made) {
            let hit = |(kind, name): &(String, String)| {
                *kind == patch.kind && patch.name.as_ref().is_none_or(|wanted| wanted == name)
            };
            if made.iter().any(hit) {
                unit.patches.push(patch.clone());
            }
        }
    }
}

/// The parts of a cluster's platform that people use.
pub fn interfaces(context: &Context<'_>) -> Vec<Interface> {
    context.components().flat_map(|component| component.interfaces(context)).collect()
}

/// The secrets that a cluster's platform takes from the disk of its server.
pub fn disk_secrets(context: &Context<'_>) -> Vec<DiskSecret> {
    context.secrets().map(|_| external_secrets::disk_secret()).into_iter().collect()
}
