//! The components of the platform, a folder each, which turn their options into units: charts and
//! their versions, manifests, and the capabilities that each unit needs and provides.
//!
//! The order in which units are applied follows from these capabilities. Components never name each
//! other; [`Context`] shows them the components of their own cluster and of the others.

mod component;
mod components;
mod dns_provider;
mod exposure;
mod forward_auth;
mod ingress_controller;
mod lan_names;
mod network;
mod secret_provider;
mod shipping;
mod support;
mod usage;

pub use component::{Claim, ClassUse, Clusters, Component, Context, Endpoint, Part, Probe, ProbeModule, ProbeTarget};
pub use components::cert_manager::issuers;
pub use components::cloudnative_pg::{
    Access as DatabaseAccess, NAME as DATABASE_NAME, access, database_objects, database_of, password,
};
pub use components::ingress::secrets_binding;
pub use components::network_volumes::{classes as storage_classes, default_class, has_nfs_driver, is_nfs, storage_of};
pub use components::{clusters, secrets, templates};
pub use dns_provider::{refuses_alias_of_zone, secrets as dns_secrets};
pub use exposure::{
    INGRESS_NAMESPACE, Reach, allow_only, check_public, exposure, ingress_address, limit_body, limit_rate, passwords,
    require_password, stream, use_https,
};
pub use forward_auth::{IdentityProvider, can_sign_in, require_sign_in, signs_in_at_own_host};
pub use lan_names::{of_ports as name_of_ports, servers as dns_servers};
pub use network::{
    address, database, dns, from_ingress, internet, kubernetes_api, nodes, policy_manifest, prometheus, scraping,
    to_ingress,
};
pub use secret_provider::sops::{
    Commands as SopsCommands, ENCRYPTED as SOPS_ENCRYPTED, ENTRIES as SECRETS_NAMESPACE, file_of as secret_file,
};
pub use support::check_support;
pub use usage::{has_public_component, mounts_nfs};

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{
    Capability, Chart, Context as Variables, DiskSecret, ExternalSecret, Namespace, Need, Release, Store, Template,
    Unit,
};
use spec::platform::{ExternalSecrets, Options, Restarts};
use spec::types::{HttpUrl, Ipv4, Name, Schedule};
use spec::{App, Entry, PodSecurity, Protocol, SecretStore};
use std::collections::BTreeMap;
use yaml::Value;

/// The version of Flux. `tests/bench` runs controllers of this minor version.
pub const FLUX_VERSION: &str = "2.9.6";

/// The chart version of Flux Operator.
pub const FLUX_OPERATOR_VERSION: &str = "0.60.0";

/// The help for a cluster without a load-balancer pool.
const POOL_REMEDY: &str = "add `load-balancer: FIRST-LAST` to the cluster, a range of free LAN addresses";

/// The help for a lab without a DNS provider.
pub const DNS_REMEDY: &str = "add a DNS provider to the lab: `dns: { cloudflare: { api-token: ENTRY/KEY } }`";

/// The label of the place where the spec disables a component that something else needs.
pub const DISABLED_HERE: &str = "disabled here";
/// The help for a disabled component that something else needs.
pub const ENABLE_REMEDY: &str = "remove `enabled: false`, or the setting that needs the component";

const MONITOR: Template = Template { name: "platform/podmonitor.yaml", source: include_str!("podmonitor.yaml.j2") };

/// The tag of an image that is deployed without a chart: the version in the spec, or the default.
fn tag(options: Options<'_>, default: &str) -> String {
    options.version.map_or(default.to_owned(), |version| version.to_string())
}

/// A release of a chart, with the version and the Helm values of the spec.
fn release(
    options: Options<'_>,
    name: &'static str,
    chart: Chart,
    values: Template,
    variables: impl Into<Variables>,
) -> Release {
    Release {
        name: name.into(),
        version: options.version.map_or(chart.version.to_string(), |version| version.to_string()).into(),
        chart,
        values: Some((values, variables.into())),
        overrides: Value::of_entries(options.values.clone()),
        post_render: None,
        restarts: false,
        exports: Vec::new(),
    }
}

/// The hours after which a backup on a schedule is overdue: the longest time between two runs, and six hours for the
/// backup itself.
fn deadline(schedule: &Schedule) -> u32 {
    schedule.longest_gap().div_ceil(60) + 6
}

/// Whether the cluster restarts what reads a secret whose value has changed.
pub fn restarts(context: &Context<'_>) -> bool {
    context.get::<Restarts>().is_some()
}

/// Makes the pods of a unit's chart restart when a secret changes that they read only at their start.
fn restart_with_secrets(unit: &mut Unit, context: &Context<'_>) {
    if restarts(context) {
        unit.restart_with_secrets();
    }
}

/// Makes the unit that is applied before another, and creates its namespace and the Secrets that it mounts.
fn secrets_unit_for(unit: &mut Unit, pods: PodSecurity, secrets: Vec<ExternalSecret>, span: Span) -> Unit {
    let mut secrets_unit = Unit::new(
        format!("{}-secrets", unit.id),
        format!("{}-secrets", unit.folder),
        Namespace::created(&unit.namespace.name, pods),
    );
    secrets_unit.read_secrets(secrets);
    secrets_unit.needs = vec![Need::before(Capability::SecretStore, span)];
    secrets_unit.provides =
        vec![Capability::Namespace(unit.namespace.name.clone()), Capability::Secrets(unit.id.clone())];
    unit.namespace = Namespace::existing(&unit.namespace.name);
    unit.needs.push(Need::before(Capability::Secrets(unit.id.clone()), span));
    secrets_unit
}

/// The active components of a cluster, as makers of units. Reports enabled components that lack settings, and
/// addresses that are outside the load-balancer pool or assigned twice.
pub fn makers<'a>(context: &Context<'a>, diagnostics: &mut Diagnostics) -> Vec<Part<'a>> {
    check_addresses(context, diagnostics);
    context.parts().inspect(|part| part.check(diagnostics)).filter(Part::is_active).collect()
}

/// Reports addresses of components and apps that are outside the load-balancer pool or assigned twice.
fn check_addresses(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    check_shared_ports(context, diagnostics);
    let Some(pool) = &context.cluster.load_balancer else { return };
    let mut assigned: BTreeMap<Ipv4, Claim<Ipv4>> = BTreeMap::new();
    for claim in address_claims(context) {
        if !pool.contains(claim.value) {
            let message = format!(
                "the address {} of {} is outside the cluster's load-balancer pool {}",
                claim.value, claim.owner, pool.value
            );
            let diagnostic =
                Diagnostic::new(Code::AddressOutsidePool, claim.span, message).related(pool.span, "the pool");
            diagnostics.push(diagnostic.help("choose an address in the pool, or extend the pool"));
        } else if let Some(first) = assigned.get(&claim.value) {
            if claim.is_shared && first.is_shared {
                continue;
            }
            let message = format!("{} is assigned to both {} and {}", claim.value, first.owner, claim.owner);
            let diagnostic =
                Diagnostic::new(Code::AddressTaken, claim.span, message).related(first.span, "first assigned here");
            diagnostics.push(diagnostic.help(
                "choose a different address: `address: …` of a component, or `lan: …` of a port of an app; apps can \
                 share one if each sets `shared: true` beside `lan`",
            ));
        } else {
            assigned.insert(claim.value, claim);
        }
    }
}

/// The active components of a cluster, as pictures show them.
pub fn parts(context: &Context<'_>) -> Vec<model::Part> {
    let part = |part: Part<'_>| {
        let addresses = part.component.addresses(context).into_iter().map(|claim| claim.value).collect();
        let is_configured = context.cluster.platform.span(part.id).is_some();
        model::Part { component: part.id, is_configured, addresses, uses: part.component.uses(context) }
    };
    context.parts().filter(Part::is_active).map(part).collect()
}

/// A bucket, as pictures show it.
fn bucket(bucket: &spec::Bucket) -> model::Use {
    bucket_use(&bucket.endpoint, &bucket.bucket.value)
}

/// A bucket behind an S3 endpoint, as pictures show it.
pub fn bucket_use(endpoint: &HttpUrl, bucket: &Name) -> model::Use {
    let url = endpoint.as_str();
    let server = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    model::Use::Bucket { server: server.to_owned(), bucket: bucket.clone() }
}

/// The name of the lab's DNS provider, if it has one.
pub fn dns_provider_name(spec: &spec::Spec) -> Option<&'static str> {
    dns_provider::provider(spec).map(|provider| provider.name)
}

/// The load-balancer addresses of components and apps.
pub fn address_claims(context: &Context<'_>) -> Vec<Claim<Ipv4>> {
    let of_components = context.components().flat_map(|component| component.addresses(context));
    of_components.chain(app_addresses(context)).collect()
}

/// The load-balancer addresses of a component, if it is active.
pub fn addresses_of(id: spec::platform::ComponentId, context: &Context<'_>) -> Vec<Ipv4> {
    let part = context.part(id);
    let claims = if part.is_active() { part.component.addresses(context) } else { Vec::new() };
    claims.into_iter().map(|claim| claim.value).collect()
}

/// Reports ports that two apps use at the address that they share.
fn check_shared_ports(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<(Ipv4, u16, Protocol), (&str, Span)> = BTreeMap::new();
    let containers = context.cluster.apps.iter().filter_map(|app| Some((app.name.as_str(), app.value.container()?)));
    for (name, app) in containers.filter(|(_, app)| app.shares_address()) {
        for port in app.other_ports().map(|port| &port.value) {
            let Some(lan) = &port.lan else { continue };
            let number = port.number_on_lan();
            let key = (lan.value, number.get(), *port.protocol.get());
            let (first, span) = *taken.entry(key).or_insert((name, number.span));
            if first != name {
                let message = format!("`{first}` and `{name}` both use port {} of {}", number.value, lan.value);
                let diagnostic = Diagnostic::new(Code::PortTaken, number.span, message).related(span, "the other app");
                diagnostics.push(diagnostic.help("use another `lan-port`, or another `lan` address"));
            }
        }
    }
}

/// The load-balancer addresses of apps. All ports of an app share one address.
fn app_addresses(context: &Context<'_>) -> Vec<Claim<Ipv4>> {
    let claim = |app: &Entry<App>| {
        let container = app.value.container()?;
        let address = container.other_ports().find_map(|port| port.value.lan.as_ref())?;
        let claim = Claim::new(address.value, address.span, format!("`{}`", app.name.value));
        Some(Claim { is_shared: container.shares_address(), ..claim })
    };
    context.cluster.apps.iter().filter_map(claim).collect()
}

/// The name of the ClusterSecretStore, if the lab has a secret store.
pub fn store_name(context: &Context<'_>) -> Option<&'static str> {
    context.store().map(|store| secret_provider::provider(store).name())
}

/// The units with the values of the secret entries that other units of a cluster read, if its store has such units. Makes
/// the readers wait for them.
pub fn secret_entries<'a>(context: &Context<'_>, readers: impl Iterator<Item = &'a mut Unit>) -> Vec<Unit> {
    let store = context.get::<ExternalSecrets>().and(context.store());
    store.map(|store| secret_provider::entries(store, readers, context.name.span)).unwrap_or_default()
}

/// The Secrets that a server creates from files on its disk, for the platform of its cluster.
pub fn disk_secrets(context: &Context<'_>) -> Vec<DiskSecret> {
    let store = context.get::<ExternalSecrets>().and(context.store());
    store.map(|store| secret_provider::provider(store).credential()).into_iter().flatten().collect()
}

/// The secret store of a cluster, if it reads one.
pub fn store(context: &Context<'_>) -> Option<Store> {
    let store = context.get::<ExternalSecrets>().and(context.store());
    store.map(|store| secret_provider::store(store, &context.name.value))
}

/// Why the store of a cluster cannot have an entry at a path, and what to write instead.
pub fn rejects_path(store: &SecretStore, path: &str) -> Option<&'static str> {
    secret_provider::provider(store).rejects(path)
}
