//! What a component of the platform is, and what it sees of the spec.

use crate::secret_provider;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Contribution, Interface, Maker, Origin, StoreKey, Template, Unit};
use spec::platform::{ComponentId, ComponentOptions, Configured, Options, Platform};
use spec::types::{DomainName, HostName, Ipv4, Name, RepoPath, SecretKey, SecretRef, TimeZone};
use spec::{Cluster, Entry, Patch, Spanned, Spec};

/// A part of the platform. It is implemented for the component's options.
pub trait Component: Configured + Sync {
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
    fn hosts(&self, _: &Context<'_>) -> Vec<Claim<DomainName>> {
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
    fn alerting_rules(&self) -> &'static [AlertingRules] {
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
    /// Where the spec says so, or configures the component.
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
    pub host: DomainName,
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

/// Alerting rules of Prometheus.
#[derive(Debug, Clone, Copy)]
pub struct AlertingRules {
    /// The name of the PrometheusRule.
    pub name: &'static str,
    /// All of it.
    pub template: Template,
}

/// A component of a cluster.
pub struct Part<'a> {
    pub(crate) id: ComponentId,
    pub(crate) component: &'a dyn Component,
    pub(crate) context: Context<'a>,
}

impl<'a> Part<'a> {
    fn options(&self) -> Options<'a> {
        self.context.cluster.platform.options(self.id)
    }

    fn is_wanted(&self) -> bool {
        let is_configured = self.context.cluster.platform.span(self.id).is_some();
        self.options().enabled.map_or(is_configured || !self.component.is_opt_in(), |enabled| enabled.value)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.is_wanted() && self.component.missing(&self.context).is_none()
    }

    /// Where the spec requests it explicitly, so that its absence must be reported.
    fn requested(&self) -> Option<Span> {
        let enabled = self.options().enabled;
        let is_explicit =
            enabled.is_some_and(|enabled| enabled.value) || self.component.is_opt_in() && self.is_wanted();
        is_explicit.then(|| enabled.map_or(self.span(), |enabled| enabled.span))
    }

    pub(crate) fn is_incomplete(&self) -> bool {
        self.requested().is_some() && self.component.missing(&self.context).is_some()
    }

    pub(crate) fn switched_off(&self) -> Option<Span> {
        self.options().enabled.filter(|enabled| !enabled.value).map(|enabled| enabled.span)
    }

    /// Where the spec configures it, or its cluster.
    fn span(&self) -> Span {
        self.context.cluster.platform.span(self.id).unwrap_or(self.context.name.span)
    }

    /// Reports a component that is requested but lacks something.
    pub(crate) fn check(&self, faults: &mut Diagnostics) {
        if let (Some(span), Some(remedy)) = (self.requested(), self.component.missing(&self.context)) {
            let message = format!("`platform.{}` is enabled, but required settings are missing", self.id.field());
            faults.push(Diagnostic::new(Code::ComponentIncomplete, span, message).of_absence().help(remedy));
        }
    }
}

impl Maker for Part<'_> {
    fn origin(&self) -> Origin {
        Origin::Component(self.id)
    }

    fn make(&self, faults: &mut Diagnostics) -> Contribution {
        Contribution {
            units: self.component.units(&self.context, self.span(), faults),
            interfaces: self.component.interfaces(&self.context),
            update: None,
        }
    }

    fn manifests(&self) -> &[Spanned<RepoPath>] {
        self.options().manifests
    }

    fn patches(&self) -> &[Patch] {
        self.options().patches
    }
}

/// What the components and apps of a cluster see of the spec.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The whole spec.
    pub spec: &'a Spec,
    /// The cluster's name, and where it stands.
    pub name: &'a Spanned<Name>,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// The table of components.
    table: Table,
}

/// Finds a component by its options.
pub(crate) type Table = fn(&Platform, ComponentId) -> &dyn Component;

impl<'a> Context<'a> {
    pub(crate) fn new(spec: &'a Spec, cluster: &'a Entry<Cluster>, table: Table) -> Self {
        Self { spec, name: &cluster.name, cluster: &cluster.value, table }
    }

    /// All clusters of the lab, this one included.
    pub fn clusters(&self) -> impl Iterator<Item = Context<'a>> {
        let (spec, table) = (self.spec, self.table);
        spec.clusters.iter().map(move |cluster| Context::new(spec, cluster, table))
    }

    /// A cluster of the lab, by name.
    pub fn peer(&self, name: &str) -> Option<Context<'a>> {
        self.spec.clusters.get(name).map(|cluster| Context::new(self.spec, cluster, self.table))
    }

    pub(crate) fn part(&self, id: ComponentId) -> Part<'a> {
        Part { id, component: (self.table)(&self.cluster.platform, id), context: *self }
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        let context = *self;
        ComponentId::ALL.iter().map(move |id| context.part(*id))
    }

    /// The components that the cluster has.
    pub fn components(&self) -> impl Iterator<Item = &'a dyn Component> {
        self.parts().filter(Part::is_on).map(|part| part.component)
    }

    /// The options of a component, if the cluster has it.
    pub fn get<C: ComponentOptions>(&self) -> Option<&'a C> {
        self.part(C::ID).is_on().then(|| C::of(&self.cluster.platform))
    }

    /// Where a component is switched off, if that is why the cluster does not have it.
    pub fn switched_off(&self, id: ComponentId) -> Option<Span> {
        self.part(id).switched_off()
    }

    /// Whether a component is requested but lacks something, which is reported where it is requested.
    pub fn is_incomplete(&self, id: ComponentId) -> bool {
        self.part(id).is_incomplete()
    }

    /// What the cluster serves to the others. A component that serves nothing is not even asked
    /// whether it is on: whether the cluster has names depends on what others serve.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let serving = |part: Part<'_>| {
            let endpoints = part.component.endpoints(self);
            if endpoints.is_empty() || !part.is_on() { Vec::new() } else { endpoints }
        };
        self.parts().flat_map(serving).collect()
    }

    /// The lab's domain.
    pub fn domain(&self) -> &'a DomainName {
        &self.spec.lab.domain.value
    }

    /// The lab's time zone.
    pub fn timezone(&self) -> &'a TimeZone {
        self.spec.lab.timezone.get()
    }

    /// A name inside the lab's domain.
    pub fn full_host(&self, host: &HostName) -> DomainName {
        host.inside(self.domain())
    }

    /// The name by which one of the cluster's services is known in the lab.
    pub fn service_host(&self, service: &str) -> DomainName {
        self.domain().below(&format!("{service}.{}", self.name.value))
    }

    /// An address of the cluster's load-balancer range, counted from its first.
    pub fn pool_address(&self, index: u32) -> Option<Ipv4> {
        let range = self.cluster.load_balancer.as_ref()?;
        let address = Ipv4::from_number(range.first().number().saturating_add(index));
        range.contains(address).then_some(address)
    }

    /// The key of the store that holds a secret's value.
    pub fn stored(&self, secret: &SecretRef) -> StoreKey {
        let secrets = self.spec.secrets.as_ref();
        let entry = secrets.and_then(|secrets| secrets.entries.get(&secret.entry));
        let folder = entry
            .and_then(|entry| entry.value.path.as_ref())
            .map_or(format!("/{}", secret.entry), |path| path.to_string());
        secret_provider::key(secrets.map(|secrets| &secrets.store), folder, SecretKey::of(secret))
    }
}
