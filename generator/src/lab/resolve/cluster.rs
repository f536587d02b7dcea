//! A cluster: its platform, the order of its units, and what its nodes and apps become.

use super::super::dependencies::{Order, Providers, Unmet, cycle};
use super::super::files::{self, Files};
use super::super::pins::Pins;
use super::super::unit::{Capability, Namespace, Unit};
use super::super::{App, Cluster, DiskSecret, FluxBootstrap, Snapshotter, rules};
use super::apps::Apps;
use super::{defaults, nodes, repository};
use crate::platform::{self, Context};
use crate::spec::types::{Ipv4Cidr, RepoPath, Text};
use crate::spec::{self, Entry, Given as _, Spanned, Spec};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use std::collections::{BTreeMap, BTreeSet};
use yaml::Value;

pub(super) fn resolve(
    spec: &Spec,
    entry: &Entry<spec::Cluster>,
    files: &Files,
    pins: &Pins,
    faults: &mut Diagnostics,
) -> Cluster {
    let name = entry.name.to_string();
    let cluster = &entry.value;
    let context = Context::new(spec, entry);
    let mut units = platform::units(&context, files, faults);
    units.extend(extra_unit(&cluster.manifests, files, faults));
    let mut providers = Providers::of(&units);
    for app in &cluster.apps {
        providers.add(Capability::App(app.name.to_string()), app.name.as_str());
        providers.add(Capability::Secrets(app.name.to_string()), &format!("{}-secrets", app.name.value));
    }
    let mut unmet = Unmet::default();
    for unit in &mut units {
        let (depends_on, missing) = providers.bind(&unit.name, &unit.needs);
        unmet.add(&unit.name, missing);
        unit.depends_on = depends_on;
    }
    let graph: BTreeMap<_, _> = units.iter().map(|unit| (unit.name.clone(), unit.depends_on.clone())).collect();
    let order = Order::of(&graph);
    for unit in &mut units {
        order.reduce(&mut unit.depends_on);
    }
    let resolver = Apps { cluster: entry, context: &context, providers: &providers, order: &order, files, pins };
    let mut apps: Vec<App> = cluster.apps.iter().map(|app| resolver.resolve(app, &mut unmet, faults)).collect();
    unmet.judge(&context, faults);
    judge_unit_names(&units, &cluster.apps, faults);
    judge_app_cycle(cluster, faults);
    mark_waited_for(&mut units, &mut apps);
    let k3s = cluster.k3s.clone().unwrap_or_default();
    Cluster {
        k3s_version: k3s.version.given().map_or(defaults::K3S_VERSION.to_owned(), ToString::to_string),
        snapshotter: k3s.snapshotter.given().copied().unwrap_or(Snapshotter::Overlayfs),
        k3s_config: Value::of_entries(k3s.config),
        pods: network(cluster.pods.as_ref(), rules::DEFAULT_PODS),
        services: network(cluster.services.as_ref(), rules::DEFAULT_SERVICES),
        description: cluster.description.clone(),
        pool: cluster.load_balancer.given().copied(),
        ingress: context.ingress().and_then(|ingress| ingress.address(&context)),
        nodes: nodes::resolve(spec, cluster, files, faults),
        flux: flux(spec, &context),
        interfaces: platform::interfaces(&context),
        units,
        apps,
        external: cluster.external.iter().map(|object| object.value.clone()).collect(),
        name,
    }
}

fn network(given: Option<&Spanned<Ipv4Cidr>>, default: &str) -> Ipv4Cidr {
    given.map_or_else(|| Ipv4Cidr::parse(default).expect("the defaults are networks"), |network| network.value)
}

/// Manifests that belong to the cluster as a whole are a unit of their own.
fn extra_unit(paths: &[Spanned<RepoPath>], files: &Files, faults: &mut Diagnostics) -> Option<Unit> {
    let manifests = files::manifests(paths, files, faults);
    if manifests.is_empty() {
        return None;
    }
    let mut unit = Unit::new("manifests", "manifests", Namespace::existing("default"));
    unit.manifests = manifests;
    Some(unit)
}

/// The secrets that exist before the secret store does.
fn flux(spec: &Spec, context: &Context<'_>) -> FluxBootstrap {
    let given = context.cluster.flux.as_ref();
    let mut secrets = platform::disk_secrets(context);
    if repository(spec).needs_key {
        let file = |name: &str| (name.to_owned(), format!("{}/flux-git/{name}", platform::SECRETS_ON_DISK));
        secrets.push(DiskSecret {
            namespace: "flux-system".to_owned(),
            name: "flux-system".to_owned(),
            keys: vec![file("identity"), file("identity.pub"), file("known_hosts")],
        });
    }
    FluxBootstrap {
        version: given
            .and_then(|flux| flux.version.as_ref())
            .map_or(platform::FLUX_VERSION.to_owned(), |version| version.to_string()),
        operator: given
            .and_then(|flux| flux.operator.as_ref())
            .map_or(platform::FLUX_OPERATOR_VERSION.to_owned(), |version| version.to_string()),
        image_automation: context.image_automation().is_some(),
        secrets,
    }
}

/// Apps, their secrets and the platform share the names of Flux Kustomizations.
fn judge_unit_names(units: &[Unit], apps: &spec::Entries<spec::App>, faults: &mut Diagnostics) {
    for app in apps {
        let name = app.name.as_str();
        let by_platform = units
            .iter()
            .any(|unit| unit.name == name || unit.namespace.create.is_some() && unit.namespace.name == name);
        let by_secrets =
            name.strip_suffix("-secrets").and_then(|other| apps.get(other)).filter(|other| other.value.has_secrets());
        let reserved = ["default", "flux-system", "kube-system", "kube-public", "kube-node-lease"].contains(&name);
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

fn judge_app_cycle(cluster: &spec::Cluster, faults: &mut Diagnostics) {
    let names = |app: &spec::App| app.depends_on.iter().map(|other| other.to_string()).collect();
    let graph: BTreeMap<String, Vec<String>> =
        cluster.apps.iter().map(|app| (app.name.to_string(), names(&app.value))).collect();
    let Some(cycle) = cycle(&graph) else { return };
    let edge = |from: &str, to: &str| {
        cluster.apps.get(from).and_then(|app| app.value.depends_on.iter().find(|other| other.as_str() == to))
    };
    let next = |at: usize| cycle[(at + 1) % cycle.len()].as_str();
    let spans: Vec<Span> =
        (0..cycle.len()).filter_map(|at| edge(&cycle[at], next(at))).map(|other| other.span).collect();
    let Some((first, rest)) = spans.split_first() else { return };
    let message = format!("apps wait for each other in a circle: {} -> {}", cycle.join(" -> "), cycle[0]);
    let fault = Diagnostic::new(Code::DependencyCycle, *first, message).help("remove one of these");
    faults.push(rest.iter().fold(fault, |fault, span| fault.related(*span, "and this")));
}

/// Flux waits for the objects of a unit only if some other unit depends on it.
fn mark_waited_for(units: &mut [Unit], apps: &mut [App]) {
    let needed: BTreeSet<String> = units
        .iter()
        .flat_map(|unit| &unit.depends_on)
        .chain(apps.iter().flat_map(|app| app.depends_on.iter().chain(&app.secrets_depend_on)))
        .cloned()
        .collect();
    for unit in units {
        unit.wait = needed.contains(&unit.name);
    }
    for app in apps {
        app.wait = needed.contains(&app.name);
    }
}
