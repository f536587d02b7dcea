//! A cluster: what its makers add to it, in order, and what its nodes become.

use crate::order::{bind, cycle};
use crate::{files, nodes, patches, repository};
use app::{AppMaker, Pins};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::{FLUX_NAMESPACE, GIVEN_NAMESPACES, SECRETS_ON_DISK};
use model::{Bound, Cluster, Contribution, DiskSecret, Files, FluxBootstrap, Maker, Namespace, Origin, Unit};
use platform::Context;
use spec::platform::{ImageAutomation, Ingress};
use spec::types::{RepoPath, Version};
use spec::{App, Entries, Entry, Given as _, Patch, Spanned, Spec};
use std::collections::BTreeMap;
use yaml::Value;

pub(crate) fn resolve(
    spec: &Spec,
    entry: &Entry<spec::Cluster>,
    files: &Files,
    pins: &Pins,
    faults: &mut Diagnostics,
) -> Cluster {
    let cluster = &entry.value;
    let context = platform::context(spec, entry);
    let (mut units, mut interfaces, mut updates) = (Vec::new(), Vec::new(), Vec::new());
    let mut add = |maker: &dyn Maker, faults: &mut Diagnostics| {
        let mut made = maker.make(faults);
        let extra = files::manifests(maker.manifests(), files, faults);
        if let Some(last) = made.units.last_mut() {
            last.extend(extra);
        }
        patches::bind(maker.patches(), &mut made.units, faults);
        let origin = maker.origin();
        // Manifests of the cluster are a unit only if there are any.
        let is_empty = |unit: &Unit| origin == Origin::Manifests && unit.manifests().is_empty();
        units.extend(made.units.into_iter().filter(|unit| !is_empty(unit)).map(|unit| (origin, unit)));
        interfaces.extend(made.interfaces.into_iter().map(|interface| (origin, interface)));
        updates.extend(made.update);
    };
    platform::makers(&context, faults).iter().for_each(|part| add(part, faults));
    add(&ClusterManifests(&cluster.manifests), faults);
    for entry in &cluster.apps {
        add(&AppMaker { context: &context, entry, pins }, faults);
    }
    let units = bind(units, &context, faults);
    check_unit_names(&units, &cluster.apps, faults);
    check_app_cycle(cluster, faults);
    let k3s = cluster.k3s.clone().unwrap_or_default();
    Cluster {
        name: entry.name.value.clone(),
        description: cluster.description.clone(),
        k3s_version: k3s.version.get().clone(),
        snapshotter: *k3s.snapshotter.get(),
        k3s_config: Value::of_entries(k3s.config),
        pods: *cluster.pods.get(),
        services: *cluster.services.get(),
        pool: cluster.load_balancer.given().copied(),
        ingress: context.get::<Ingress>().and_then(|ingress| platform::ingress_address(ingress, &context)),
        nodes: nodes::resolve(spec, cluster, files, faults),
        flux: flux(spec, &context),
        units,
        interfaces,
        updates,
        external: cluster.external.iter().map(|object| object.value.clone()).collect(),
    }
}

/// Manifests that belong to the cluster as a whole.
struct ClusterManifests<'a>(&'a [Spanned<RepoPath>]);

impl Maker for ClusterManifests<'_> {
    fn origin(&self) -> Origin {
        Origin::Manifests
    }

    fn make(&self, _: &mut Diagnostics) -> Contribution {
        let unit = Unit::new("manifests", "manifests", Namespace::existing("default"));
        Contribution { units: vec![unit], ..Contribution::default() }
    }

    fn manifests(&self) -> &[Spanned<RepoPath>] {
        self.0
    }

    fn patches(&self) -> &[Patch] {
        &[]
    }
}

/// The secrets that exist before the secret store does.
fn flux(spec: &Spec, context: &Context<'_>) -> FluxBootstrap {
    let given = context.cluster.flux.as_ref();
    let mut secrets = platform::disk_secrets(context);
    if repository(spec).needs_key {
        let file = |name: &'static str| (name.into(), format!("{SECRETS_ON_DISK}/flux-git/{name}"));
        secrets.push(DiskSecret {
            namespace: FLUX_NAMESPACE.into(),
            name: "flux-system".into(),
            keys: vec![file("identity"), file("identity.pub"), file("known_hosts")],
        });
    }
    FluxBootstrap {
        version: given
            .and_then(|flux| flux.version.as_ref())
            .map_or_else(|| Version::known(platform::FLUX_VERSION), |version| version.value.clone()),
        operator: given
            .and_then(|flux| flux.operator.as_ref())
            .map_or_else(|| Version::known(platform::FLUX_OPERATOR_VERSION), |version| version.value.clone()),
        image_automation: context.get::<ImageAutomation>().is_some(),
        secrets,
    }
}

/// Apps, their secrets and the platform share the names of Flux Kustomizations.
fn check_unit_names(units: &[Bound], apps: &Entries<App>, faults: &mut Diagnostics) {
    for app in apps {
        let name = app.name.as_str();
        let is_taken_by = |unit: &Unit| {
            let has_namespace = unit.namespace.create.is_some() && unit.namespace.name.as_str() == name;
            unit.id.as_str() == name || has_namespace
        };
        let by_platform = units.iter().any(|bound| bound.origin != Origin::App && is_taken_by(&bound.unit));
        let by_secrets =
            name.strip_suffix("-secrets").and_then(|other| apps.get(other)).filter(|other| other.value.has_secrets());
        let reserved = GIVEN_NAMESPACES.contains(&name);
        if by_platform || reserved {
            let message = format!("`{name}` is the name of a part of the platform or of its namespace");
            faults.push(Diagnostic::new(Code::NameTaken, app.name.span, message).help("give the app another name"));
        } else if let Some(other) = by_secrets {
            let message = format!("`{name}` is the name of the unit with the secrets of `{}`", other.name.value);
            faults.push(
                Diagnostic::new(Code::NameTaken, app.name.span, message)
                    .related(other.name.span, "this app")
                    .help("give the app another name"),
            );
        }
    }
}

fn check_app_cycle(cluster: &spec::Cluster, faults: &mut Diagnostics) {
    let names = |app: &App| app.depends_on().iter().map(|other| other.to_string()).collect();
    let graph: BTreeMap<String, Vec<String>> =
        cluster.apps.iter().map(|app| (app.name.to_string(), names(&app.value))).collect();
    let Some(cycle) = cycle(&graph) else { return };
    let edge = |from: &str, to: &str| {
        cluster.apps.get(from).and_then(|app| app.value.depends_on().iter().find(|other| other.as_str() == to))
    };
    let next = |at: usize| cycle[(at + 1) % cycle.len()].as_str();
    let spans: Vec<Span> =
        (0..cycle.len()).filter_map(|at| edge(&cycle[at], next(at))).map(|other| other.span).collect();
    let Some((first, rest)) = spans.split_first() else { return };
    let message = format!("apps wait for each other in a circle: {} -> {}", cycle.join(" -> "), cycle[0]);
    let fault = Diagnostic::new(Code::DependencyCycle, *first, message).help("remove one of these");
    faults.push(rest.iter().fold(fault, |fault, span| fault.related(*span, "and this")));
}
