//! The trait that components of the platform implement, and the view of the spec that they get.

use crate::exposure::{self, Reach};
use crate::network::Closed;
use crate::secret_provider;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Contribution, Interface, Maker, Origin, StoreKey, Template, Unit, Use};
use serde_json::Value;
use spec::platform::{ComponentId, ComponentOptions, Configured, Options, Platform};
use spec::types::{DomainName, HostName, Ipv4, Name, RepoPath, SecretRef, TimeZone};
use spec::{Cluster, Entry, Patch, SecretStore, Spanned, Spec};
use std::sync::OnceLock;

/// A component of the platform. Implemented by the type of its options.
pub trait Component: Configured + Sync {
    /// How to complete the spec if settings are missing that the component requires; `None` if it is complete.
    fn missing(&self, _: &Context<'_>) -> Option<&'static str> {
        None
    }

    /// What it requires of a provider that the lab chose, if that provider does not have it. Without it, a setting is
    /// [missing](Self::missing).
    fn unsupported(&self, _: &Context<'_>) -> Option<Unsupported> {
        None
    }

    /// Whether it is disabled unless the spec configures it.
    fn is_opt_in(&self) -> bool {
        false
    }

    /// Whether something in the cluster uses it. If nothing does, it is disabled unless the spec configures it.
    fn is_used(&self, _: &Context<'_>) -> bool {
        true
    }

    /// From where it is reached through an Ingress, if at all.
    fn reach(&self) -> Option<Reach> {
        None
    }

    /// Its units. Called only if no setting is [missing](Self::missing).
    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit>;

    /// The addresses that it uses in the cluster's load-balancer pool.
    fn addresses(&self, _: &Context<'_>) -> Vec<Claim<Ipv4>> {
        Vec::new()
    }

    /// The host names that it serves.
    fn hosts(&self, _: &Context<'_>) -> Vec<Claim<DomainName>> {
        Vec::new()
    }

    /// What the LAN resolves these host names to. Those that are no [endpoint](Self::endpoints) lead to the ingress.
    fn lan_names(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let mut names = self.endpoints(context);
        if let Some(address) = exposure::address(context) {
            let mut hosts: Vec<_> = self.hosts(context).into_iter().map(|claim| claim.value).collect();
            hosts.retain(|host| names.iter().all(|endpoint| endpoint.host != *host));
            names.extend(hosts.into_iter().map(|host| Endpoint { host, address }));
        }
        names
    }

    /// The user interfaces that it serves.
    fn interfaces(&self, _: &Context<'_>) -> Vec<Interface> {
        Vec::new()
    }

    /// The services that it offers to other clusters of the lab. Their names are in no public zone.
    fn endpoints(&self, _: &Context<'_>) -> Vec<Endpoint> {
        Vec::new()
    }

    /// What it uses outside of its cluster.
    fn uses(&self, _: &Context<'_>) -> Vec<Use> {
        Vec::new()
    }

    /// The references to secrets in its options.
    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        Vec::new()
    }

    /// The storage classes in its options.
    fn classes(&self) -> Vec<ClassUse<'_>> {
        Vec::new()
    }

    /// Its namespaces, with the connections that their pods accept.
    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        Vec::new()
    }

    /// The pods whose metrics Prometheus scrapes.
    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        Vec::new()
    }

    /// What the cluster that stores its metrics probes every minute: whether it answers, how fast, and with what.
    fn probes(&self, _: &Context<'_>) -> Vec<Probe> {
        Vec::new()
    }

    /// The dashboards for its metrics, for the Grafana of the cluster that stores the metrics.
    fn dashboards(&self) -> &'static [Dashboard] {
        &[]
    }

    /// The alerting rules for its metrics, for the Prometheus that stores the metrics of these clusters.
    fn alerting_rules(&self, _: &[Context<'_>]) -> Vec<AlertingRules> {
        Vec::new()
    }

    /// The dashboards for data that it stores itself, for the Grafana of its own cluster.
    fn own_dashboards(&self) -> &'static [Dashboard] {
        &[]
    }
}

/// Why a component cannot work with a provider of the lab.
#[derive(Debug, Clone)]
pub struct Unsupported {
    /// What the provider lacks.
    pub reason: String,
    /// Where the spec chooses the provider, and what it is.
    pub choice: (Span, &'static str),
    /// How to change the spec.
    pub remedy: &'static str,
}

/// An address or a host name that a component or an app uses.
#[derive(Debug, Clone)]
pub struct Claim<T> {
    /// The address or host name.
    pub value: T,
    /// Where the spec sets it, or else where it configures the component.
    pub span: Span,
    /// What uses it, for messages.
    pub owner: String,
    /// Whether others that agree to share it may use it too.
    pub is_shared: bool,
}

impl<T> Claim<T> {
    /// A claim to exclusive use.
    pub fn new(value: T, span: Span, owner: String) -> Self {
        Self { value, span, owner, is_shared: false }
    }
}

/// A storage class in the options of a component.
#[derive(Debug, Clone, Copy)]
pub struct ClassUse<'a> {
    /// Its name.
    pub class: &'a Spanned<Name>,
    /// The program that would store its files there, if it does not support NFS.
    pub not_on_nfs: Option<&'static str>,
}

/// A name in the lab's domain that resolves to a LAN address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The fully qualified name.
    pub host: DomainName,
    /// The address.
    pub address: Ipv4,
}

/// A PodMonitor: pods whose metrics Prometheus scrapes.
#[derive(Debug, Clone, Copy)]
pub struct Monitor {
    /// Its name.
    pub name: &'static str,
    /// The namespace of the pods.
    pub namespace: &'static str,
    /// The labels of the pods.
    pub labels: &'static [(&'static str, &'static str)],
    /// The label whose value becomes the job of the metrics.
    pub job: &'static str,
    /// The name of the port that serves the metrics.
    pub port: &'static str,
}

/// Targets that the blackbox exporter probes in the same way. The metrics, such as `probe_success`, have the labels `job`
/// and `instance`, and `cluster` with the cluster of the component.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its name, which no other probe of the cluster has: a label of DNS.
    pub name: String,
    /// The job of the metrics. Several probes can have the same.
    pub job: &'static str,
    /// How the targets are probed.
    pub module: ProbeModule,
    /// The targets.
    pub targets: Vec<ProbeTarget>,
}

/// How targets are probed.
#[derive(Debug, Clone)]
pub enum ProbeModule {
    /// They must answer pings. Their addresses are names or IPv4 addresses.
    Icmp,
    /// They must answer a request, after redirects, with a status from 200 to 299. Their addresses are URLs.
    Http,
    /// They must accept a connection. Their addresses have a port.
    Tcp,
    /// They are DNS servers that must answer with these IPv4 addresses of a name, and no others.
    Dns {
        /// The name.
        name: DomainName,
        /// The addresses that are right, of which there must be at least one.
        addresses: Vec<Ipv4>,
    },
}

/// A target of a probe.
#[derive(Debug, Clone)]
pub struct ProbeTarget {
    /// The label `instance` of the metrics: what people call the target.
    pub instance: String,
    /// What is probed.
    pub address: String,
}

/// A Grafana dashboard.
#[derive(Debug, Clone, Copy)]
pub struct Dashboard {
    /// Its name.
    pub name: &'static str,
    /// Its JSON model, as exported by Grafana.
    pub json: &'static str,
}

/// A PrometheusRule with alerting rules.
#[derive(Debug, Clone)]
pub struct AlertingRules {
    /// The name of the PrometheusRule.
    pub name: &'static str,
    /// The template of the whole manifest. It also has the variable `runbooks`: each alert has the annotation
    /// `runbook_url` with `runbooks` and its name in small letters, which is a heading of `docs/lab/runbooks.md`.
    pub template: Template,
    /// Its variables, as a mapping.
    pub variables: Value,
}

/// A component of a cluster.
pub struct Part<'a> {
    pub(crate) id: ComponentId,
    pub(crate) component: &'a dyn Component,
    pub(crate) context: Context<'a>,
}

impl<'a> Part<'a> {
    pub(crate) fn options(&self) -> Options<'a> {
        self.context.cluster.platform.options(self.id)
    }

    pub(crate) fn is_enabled(&self) -> bool {
        let is_configured = self.context.cluster.platform.span(self.id).is_some();
        let by_default = || is_configured || !self.component.is_opt_in() && self.component.is_used(&self.context);
        self.options().enabled.map_or_else(by_default, |enabled| enabled.value)
    }

    /// Whether it is enabled and no required setting is missing.
    pub(crate) fn is_active(&self) -> bool {
        let is_active = || self.is_enabled() && self.component.missing(&self.context).is_none();
        *self.context.view.active[self.id as usize].get_or_init(is_active)
    }

    /// Where the spec enables it explicitly, which makes a missing setting an error.
    fn requested_at(&self) -> Option<Span> {
        let enabled = self.options().enabled;
        let is_explicit =
            enabled.is_some_and(|enabled| enabled.value) || self.component.is_opt_in() && self.is_enabled();
        is_explicit.then(|| enabled.map_or(self.span(), |enabled| enabled.span))
    }

    /// Whether it is enabled explicitly, but a required setting is missing.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.requested_at().is_some() && self.component.missing(&self.context).is_some()
    }

    /// Where the spec disables it.
    pub(crate) fn disabled_at(&self) -> Option<Span> {
        self.options().enabled.filter(|enabled| !enabled.value).map(|enabled| enabled.span)
    }

    /// Where the spec configures it, or else the name of its cluster.
    fn span(&self) -> Span {
        self.context.cluster.platform.span(self.id).unwrap_or(self.context.name.span)
    }

    /// Reports that it is enabled explicitly, but a required setting is missing.
    pub(crate) fn check(&self, diagnostics: &mut Diagnostics) {
        let Some(span) = self.requested_at() else { return };
        if let Some(Unsupported { reason, choice, remedy }) = self.component.unsupported(&self.context) {
            let message = format!("`platform.{}` is enabled, but {reason}", self.id.field());
            let diagnostic = Diagnostic::new(Code::ProviderUnsupported, span, message).related(choice.0, choice.1);
            diagnostics.push(diagnostic.help(remedy));
        } else if let Some(remedy) = self.component.missing(&self.context) {
            let message = format!("`platform.{}` is enabled, but required settings are missing", self.id.field());
            diagnostics.push(Diagnostic::new(Code::ComponentIncomplete, span, message).of_absence().help(remedy));
        }
    }
}

impl Maker for Part<'_> {
    fn origin(&self) -> Origin {
        Origin::Component(self.id)
    }

    fn place(&self) -> Span {
        self.span()
    }

    fn make(&self, diagnostics: &mut Diagnostics) -> Contribution {
        let mut units = self.component.units(&self.context, self.span(), diagnostics);
        let monitors = self.component.monitors(&self.context);
        for closed in self.component.closed(&self.context) {
            let creates = |unit: &Unit| unit.namespaces().any(|(own, _)| own.name.as_str() == closed.namespace);
            // Another component may create the namespace.
            let is_in = |unit: &Unit| unit.namespace.name.as_str() == closed.namespace;
            let unit = units.iter().position(creates).or_else(|| units.iter().position(is_in));
            if let Some(unit) = unit {
                let home = units[unit].namespace.name.clone();
                units[unit].add(closed.manifest(&self.context, &monitors, &home));
            }
        }
        Contribution { units, interfaces: self.component.interfaces(&self.context), updates: Vec::new() }
    }

    fn manifests(&self) -> &[Spanned<RepoPath>] {
        self.options().manifests
    }

    fn patches(&self) -> &[Patch] {
        self.options().patches
    }
}

/// The spec, as the components and apps of a cluster see it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The whole spec.
    pub spec: &'a Spec,
    /// The cluster's name, and its place in the spec.
    pub name: &'a Spanned<Name>,
    /// The cluster.
    pub cluster: &'a Cluster,
    clusters: &'a Clusters<'a>,
    view: &'a View<'a>,
}

/// The clusters of a spec, as their components and apps see them.
#[derive(Debug)]
pub struct Clusters<'a> {
    spec: &'a Spec,
    table: Table,
    views: Vec<View<'a>>,
}

/// Returns the options of a component.
pub(crate) type Table = fn(&Platform, ComponentId) -> &dyn Component;

/// A cluster, and which of its components are active: each is asked for many times, and depends on all apps.
#[derive(Debug)]
struct View<'a> {
    cluster: &'a Entry<Cluster>,
    active: [OnceLock<bool>; ComponentId::ALL.len()],
}

impl<'a> Clusters<'a> {
    pub(crate) fn new(spec: &'a Spec, table: Table) -> Self {
        let view = |cluster| View { cluster, active: Default::default() };
        Self { spec, table, views: spec.clusters.iter().map(view).collect() }
    }

    /// The whole spec.
    pub fn spec(&self) -> &'a Spec {
        self.spec
    }

    /// The clusters, in the order of the spec.
    pub fn iter(&self) -> impl Iterator<Item = Context<'_>> {
        self.views.iter().map(|view| self.context(view))
    }

    fn context<'b>(&'b self, view: &'b View<'b>) -> Context<'b> {
        let (name, cluster) = (&view.cluster.name, &view.cluster.value);
        Context { spec: self.spec, name, cluster, clusters: self, view }
    }
}

impl<'a> Context<'a> {
    /// All clusters of the lab, this one included.
    pub fn clusters(&self) -> impl Iterator<Item = Context<'a>> {
        self.clusters.iter()
    }

    /// A cluster of the lab, by name.
    pub fn peer(&self, name: &str) -> Option<Context<'a>> {
        self.clusters().find(|cluster| cluster.name.as_str() == name)
    }

    pub(crate) fn part(&self, id: ComponentId) -> Part<'a> {
        Part { id, component: (self.clusters.table)(&self.cluster.platform, id), context: *self }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        let context = *self;
        ComponentId::ALL.iter().map(move |id| context.part(*id))
    }

    /// The components that the spec configures.
    pub(crate) fn configured(&self) -> impl Iterator<Item = Part<'a>> {
        let platform = &self.cluster.platform;
        self.parts().filter(|part| platform.span(part.id).is_some())
    }

    /// The active components of the cluster.
    pub fn components(&self) -> impl Iterator<Item = &'a dyn Component> {
        self.parts().filter(Part::is_active).map(|part| part.component)
    }

    /// The options of a component, if it is active in the cluster.
    pub fn get<C: ComponentOptions>(&self) -> Option<&'a C> {
        self.part(C::ID).is_active().then(|| C::of(&self.cluster.platform))
    }

    /// Where the spec disables a component, if it does.
    pub fn disabled_at(&self, id: ComponentId) -> Option<Span> {
        self.part(id).disabled_at()
    }

    /// Whether a component is enabled explicitly, but lacks a required setting. That is reported once, where the
    /// component is enabled.
    pub fn is_incomplete(&self, id: ComponentId) -> bool {
        self.part(id).is_incomplete()
    }

    /// The services that the cluster offers to the others. `is_active` is called only for components with
    /// endpoints: for `names`, it depends on the endpoints of the other clusters.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let active = |part: Part<'_>| {
            let endpoints = part.component.endpoints(self);
            if endpoints.is_empty() || !part.is_active() { Vec::new() } else { endpoints }
        };
        self.parts().flat_map(active).collect()
    }

    /// The lab's domain.
    pub fn domain(&self) -> &'a DomainName {
        &self.spec.lab.domain.value
    }

    /// The lab's time zone.
    pub fn timezone(&self) -> &'a TimeZone {
        self.spec.lab.timezone.get()
    }

    /// The fully qualified name of a host in the lab's domain.
    pub fn full_host(&self, host: &HostName) -> DomainName {
        host.inside(self.domain())
    }

    /// The name of a service of the cluster for other clusters: `SERVICE.CLUSTER.DOMAIN`.
    pub fn service_host(&self, service: &str) -> DomainName {
        self.domain().below(&format!("{service}.{}", self.name.value))
    }

    /// The address at an index of the cluster's load-balancer pool, counted from 0.
    pub fn pool_address(&self, index: u32) -> Option<Ipv4> {
        let pool = self.cluster.load_balancer.as_ref()?;
        let address = Ipv4::from_number(pool.first().number().saturating_add(index));
        pool.contains(address).then_some(address)
    }

    /// The secret store of the cluster.
    pub fn store(&self) -> Option<&'a SecretStore> {
        let own = self.cluster.platform.secrets().store.as_ref();
        own.or_else(|| self.spec.secrets.as_ref().map(|secrets| &secrets.store))
    }

    /// The key of the store that holds a secret's value.
    pub fn stored(&self, secret: &SecretRef) -> StoreKey {
        let entry = self.spec.secrets.as_ref().and_then(|secrets| secrets.entries.get(secret.entry.as_str()));
        let path = entry.and_then(|entry| entry.value.path.as_ref());
        secret_provider::key(self.store(), &secret.entry, path, &secret.key)
    }
}
