//! The platform: a folder per component, each saying what it makes of its options: its chart and
//! version, its units, what it needs and what it provides.
//!
//! The order in which units are applied follows from what they need and provide. Components never
//! name each other; [`Context`] tells them what their cluster and the others have.

mod cert_manager;
mod cloudnative_pg;
mod component;
mod ddns_updater;
mod dns_provider;
mod exposure;
mod external_dns;
mod external_secrets;
mod image_automation;
mod ingress;
mod ingress_controller;
mod intel_gpu;
mod lan_names;
mod logging;
mod metallb;
mod monitoring;
mod secret_provider;
mod shipping;
mod synology_csi;
mod table;
mod velero;

pub use cloudnative_pg::{Access as DatabaseAccess, NAME as DATABASE_NAME, PASSWORD_KEY, access, password};
pub use component::{Claim, ClassUse, Component, Context, Endpoint, Part};
pub use dns_provider::secrets as dns_secrets;
pub use exposure::{Reach, allow_only, ask_for_password, check_public, exposure, ingress_address, passwords};
pub use synology_csi::{classes as storage_classes, default_class, is_nfs};
pub use table::{context, secrets, templates};

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{
    Capability, Chart, Context as Variables, DiskSecret, ExternalSecret, Namespace, Need, Release, Template, Unit,
};
use spec::platform::{ExternalSecrets, Options};
use spec::types::Ipv4;
use spec::{App, Entry, PodSecurity};
use std::collections::BTreeMap;
use yaml::Value;

/// The version of Flux that the manifests were checked with.
pub const FLUX_VERSION: &str = "2.9.4";

/// The chart version of Flux Operator.
pub const FLUX_OPERATOR_VERSION: &str = "0.58.1";

/// The help for a cluster without a load-balancer pool.
const POOL_REMEDY: &str = "add `load-balancer: FIRST-LAST` to the cluster, a range of free LAN addresses";

/// The help for a lab without a DNS provider.
const DNS_REMEDY: &str = "add a DNS provider to the lab: `dns: { cloudflare: { api-token: ENTRY/KEY } }`";

/// The label at the place that disables a component which something else needs.
pub const SWITCHED_OFF: &str = "disabled here";
/// The help for that.
pub const SWITCH_ON: &str = "remove `enabled: false`, or the setting that needs the component";

const MONITOR: Template = Template { name: "platform/podmonitor.yaml", source: include_str!("podmonitor.yaml.j2") };

/// The version of an image without a chart.
fn tag(options: Options<'_>, default: &str) -> String {
    options.version.map_or(default.to_owned(), |version| version.to_string())
}

/// A release of a chart, in the version and with the values of the spec.
fn release(
    options: Options<'_>,
    name: &'static str,
    chart: Chart,
    values: Template,
    variables: impl Into<Variables>,
) -> Release {
    Release {
        name: name.into(),
        version: options.version.map_or(chart.version.to_string(), |version| version.to_string()),
        chart,
        values: Some((values, variables.into())),
        overrides: Value::of_entries(options.values.clone()),
        post_render: None,
        exports: Vec::new(),
    }
}

/// A unit before another, that creates its namespace and the Secrets that it mounts.
fn secrets_before(unit: &mut Unit, pods: PodSecurity, secrets: Vec<ExternalSecret>, span: Span) -> Unit {
    let mut before = Unit::new(
        format!("{}-secrets", unit.id),
        format!("{}-secrets", unit.folder),
        Namespace::created(&unit.namespace.name, pods),
    );
    before.read_secrets(secrets);
    before.needs = vec![Need::before(Capability::SecretStore, span)];
    before.provides = vec![Capability::Namespace(unit.namespace.name.clone()), Capability::Secrets(unit.id.clone())];
    unit.namespace = Namespace::existing(&unit.namespace.name);
    unit.needs.push(Need::before(Capability::Secrets(unit.id.clone()), span));
    before
}

/// The components that the cluster has, as makers of units. Reports those that are requested and lack
/// something, and addresses that clash.
pub fn makers<'a>(context: &Context<'a>, faults: &mut Diagnostics) -> Vec<Part<'a>> {
    check_addresses(context, faults);
    context.parts().inspect(|part| part.check(faults)).filter(Part::is_on).collect()
}

/// Addresses that components take lie in the cluster's range, and belong to one of them.
fn check_addresses(context: &Context<'_>, faults: &mut Diagnostics) {
    let Some(range) = &context.cluster.load_balancer else { return };
    let mut taken: BTreeMap<Ipv4, Claim<Ipv4>> = BTreeMap::new();
    let of_components = context.components().flat_map(|component| component.addresses(context));
    for claim in of_components.chain(app_addresses(context)) {
        if !range.contains(claim.value) {
            let message = format!(
                "the address {} of {} is outside the cluster's load-balancer pool {}",
                claim.value, claim.owner, range.value
            );
            let fault = Diagnostic::new(Code::AddressOutsidePool, claim.span, message).related(range.span, "the pool");
            faults.push(fault.help("choose an address in the pool, or extend the pool"));
        } else if let Some(first) = taken.get(&claim.value) {
            let message = format!("{} is assigned to both {} and {}", claim.value, first.owner, claim.owner);
            let fault =
                Diagnostic::new(Code::AddressTaken, claim.span, message).related(first.span, "first assigned here");
            faults.push(
                fault.help("choose a different address: `address: …` of a component, or `lan: …` of a port of an app"),
            );
        } else {
            taken.insert(claim.value, claim);
        }
    }
}

/// The addresses that apps take: one each, for all their ports.
fn app_addresses(context: &Context<'_>) -> Vec<Claim<Ipv4>> {
    let claim = |app: &Entry<App>| {
        let address = app.value.container()?.ports.iter().find_map(|port| port.value.lan.as_ref())?;
        Some(Claim { value: address.value, span: address.span, owner: format!("`{}`", app.name.value) })
    };
    context.cluster.apps.iter().filter_map(claim).collect()
}

/// The secrets that a cluster's platform takes from the disk of its server.
pub fn disk_secrets(context: &Context<'_>) -> Vec<DiskSecret> {
    let store = context.get::<ExternalSecrets>().and(context.spec.secrets.as_ref()).map(|secrets| &secrets.store);
    store.map(|store| secret_provider::provider(store).credential).into_iter().collect()
}
