//! The platform: a folder per component, each saying all about it: its options in the spec, its
//! chart and version, its units, what it needs and what it provides.
//!
//! To add a component, write its folder and add one line to the list below. The order in which
//! units are applied follows from what they need and provide.

mod cert_manager;
mod external_secrets;
mod ingress;
mod metallb;

pub(crate) use cert_manager::issuer_name;
pub(crate) use external_secrets::STORE_NAME;
pub(crate) use ingress::CLASS as INGRESS_CLASS;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::lab::{Capability, DiskSecret, Files, Need, Release, Template, Unit};
use crate::spec::types::{RepoPath, SecretRef, Version};
use crate::spec::{Cluster, Entry, Patch, Spanned, Spec};
use crate::yaml::Value;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Where a server keeps the secrets that exist before the secret store does.
pub const SECRETS_ON_DISK: &str = "/var/lib/homelab/secrets";

/// The version of Flux that the manifests were checked with.
pub const FLUX_VERSION: &str = "2.9.4";

/// The chart version of Flux Operator.
pub const FLUX_OPERATOR_VERSION: &str = "0.58.1";

/// Writes the options of a component: those of its own, and those that all have.
macro_rules! component_options {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct $name {
            /// Whether the cluster has it. Default: yes, if the spec gives what it is configured from.
            pub enabled: Option<crate::spec::Spanned<bool>>,
            $($(#[$field_meta])* pub $field: $type,)*
            /// The version of its chart. Default: the one that this generator was checked with.
            pub version: Option<crate::spec::Spanned<crate::spec::types::Version>>,
            /// Helm values, laid over the generated ones. A null drops a default of the chart.
            #[serde(default)]
            pub values: std::collections::BTreeMap<String, crate::yaml::Value>,
            /// Changes to its manifests.
            #[serde(default)]
            pub patches: Vec<crate::spec::Patch>,
            /// Files of this repository with further manifests that belong to it.
            #[serde(default)]
            pub manifests: Vec<crate::spec::Spanned<crate::spec::types::RepoPath>>,
        }

        impl $name {
            pub(super) fn common(&self) -> crate::platform::Options<'_> {
                crate::platform::Options {
                    enabled: self.enabled.as_ref(),
                    version: self.version.as_ref(),
                    values: &self.values,
                    patches: &self.patches,
                    manifests: &self.manifests,
                }
            }
        }
    };
}
use component_options;

/// Writes the spec's `platform` mapping and the list of components from one table.
macro_rules! components {
    ($($(#[$meta:meta])* $field:ident: $component:ty,)+) => {
        /// What a cluster offers to its apps. Components that the spec gives what they need are on
        /// by default.
        #[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub struct Platform {
            $($(#[$meta])* pub $field: Option<Spanned<$component>>,)+
        }

        impl Platform {
            /// The components that the spec says something about.
            pub fn components(&self) -> Vec<&dyn Component> {
                let mut components: Vec<&dyn Component> = Vec::new();
                $(components.extend(self.$field.as_ref().map(|component| &component.value as &dyn Component));)+
                components
            }
        }

        /// All components of a cluster: those that the spec says something about, with the place,
        /// and the others with their defaults.
        fn with_each(context: &Context<'_>, mut visit: impl FnMut(&'static str, &dyn Component, Span)) {
            let platform = &context.cluster.platform;
            $(match &platform.$field {
                Some(component) => visit(stringify!($field), &component.value, component.span),
                None => visit(stringify!($field), &<$component>::default(), context.name.span),
            })+
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
}

/// Every template of every component.
pub fn templates() -> Vec<Template> {
    [metallb::TEMPLATES, ingress::TEMPLATES, cert_manager::TEMPLATES, external_secrets::TEMPLATES].concat()
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
            chart,
            version: self.version.map_or(chart.version.to_owned(), |version| version.to_string()),
            values,
            context,
            overrides: Value::of_entries(self.values.clone()),
        }
    }
}

/// A part of the platform.
pub trait Component {
    /// What the spec says about it.
    fn options(&self) -> Options<'_>;

    /// Whether the spec gives what it is configured from, so that it is on without being asked for.
    fn is_configured(&self, context: &Context<'_>) -> bool;

    /// What to write into the spec so that it is configured.
    fn remedy(&self) -> &'static str;

    /// Its units. Asked for only if it is configured.
    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit>;
}

/// What a component sees of the spec.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The whole spec.
    pub spec: &'a Spec,
    /// The cluster's name, and where it stands.
    pub name: &'a Spanned<crate::spec::types::Name>,
    /// The cluster.
    pub cluster: &'a Cluster,
}

impl<'a> Context<'a> {
    /// What the components of a cluster see.
    pub fn new(spec: &'a Spec, cluster: &'a Entry<Cluster>) -> Self {
        Self { spec, name: &cluster.name, cluster: &cluster.value }
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

/// The units of all components that are on.
pub fn units(context: &Context<'_>, files: &Files, faults: &mut Diagnostics) -> Vec<Unit> {
    let mut all = Vec::new();
    with_each(context, |name, component, span| {
        let options = component.options();
        let asked = options.enabled.map(|enabled| enabled.value);
        let configured = component.is_configured(context);
        if !asked.unwrap_or(configured) {
            return;
        }
        if !configured {
            let span = options.enabled.map_or(span, |enabled| enabled.span);
            let name = name.replace('_', "-");
            let message = format!("`platform.{name}` is enabled, but the spec does not say what it needs to know");
            faults.push(Diagnostic::new(Code::ComponentIncomplete, span, message).help(component.remedy()));
            return;
        }
        let mut units = component.units(context, span, faults);
        if let Some(last) = units.last_mut() {
            last.manifests = crate::lab::manifests(options.manifests, files, faults);
        }
        patch(&mut units, options.patches, faults);
        all.append(&mut units);
    });
    all
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

/// The secrets that a cluster's platform takes from the disk of its server.
pub fn disk_secrets(context: &Context<'_>) -> Vec<DiskSecret> {
    let options = context.cluster.platform.secrets.as_ref().map(|component| &component.value);
    let default = external_secrets::ExternalSecrets::default();
    let component = options.unwrap_or(&default);
    let on = component.common().enabled.is_none_or(|enabled| enabled.value) && component.is_configured(context);
    if on { vec![external_secrets::disk_secret()] } else { Vec::new() }
}
