//! A cluster: the units of its makers, in order, and its nodes.

use crate::order::{bind, cycle};
use crate::{backup, files, guards, namespaces, nodes, patches, repository};
use app::{AppMaker, Pins};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::{FLUX_NAMESPACE, GIVEN_NAMESPACES, IMAGES_REPOSITORY, SIGNERS};
use model::{
    Bound, Cluster, Contribution, DiskFile, DiskSecret, DiskValue, Files, FluxBootstrap, Maker, Namespace, Origin,
    Pulls, Unit, UnitId,
};
use platform::Context;
use spec::platform::{ComponentId, ImageAutomation, Ingress, Postgres};
use spec::types::{RepoPath, Version};
use spec::{App, Entries, Entry, Given as _, Patch, Spanned};
use std::collections::{BTreeMap, BTreeSet};
use yaml::Value;

pub(crate) fn resolve(context: &Context<'_>, files: &Files, pins: &Pins, diagnostics: &mut Diagnostics) -> Cluster {
    let cluster = context.cluster;
    let (mut units, mut interfaces, mut updates) = (Vec::new(), Vec::new(), Vec::new());
    let mut add = |maker: &dyn Maker, diagnostics: &mut Diagnostics| {
        let mut contribution = maker.make(diagnostics);
        let extra = files::manifests(maker.manifests(), files, diagnostics);
        if let Some(last) = contribution.units.last_mut() {
            let monitors = ["PodMonitor", "Probe", "ServiceMonitor"];
            let is_monitor = |manifest: &model::Manifest| {
                manifest.objects.iter().any(|object| monitors.contains(&object.kind.as_str()))
            };
            if maker.origin() == Origin::App && extra.iter().any(is_monitor) {
                last.extend(platform::scraping(context, &last.namespace.name.clone()));
            }
            last.extend(extra);
        }
        contribution.units.iter_mut().for_each(|unit| guards::keep_in_values(unit, diagnostics));
        patches::bind(maker.patches(), &mut contribution.units, diagnostics);
        let (origin, place) = (maker.origin(), maker.place());
        // Manifests of the cluster are a unit only if there are any.
        let is_empty = |unit: &Unit| origin == Origin::Manifests && unit.manifests().is_empty();
        contribution.units.iter_mut().for_each(Unit::shrink);
        units.extend(contribution.units.into_iter().filter(|unit| !is_empty(unit)).map(|unit| (origin, place, unit)));
        interfaces.extend(contribution.interfaces.into_iter().map(|interface| (origin, interface)));
        updates.extend(contribution.updates);
    };
    platform::makers(context, diagnostics).iter().for_each(|part| add(part, diagnostics));
    add(&ClusterManifests { place: context.name.span, files: &cluster.manifests }, diagnostics);
    for entry in &cluster.apps {
        files::texts(&entry.value, files, diagnostics);
        add(&AppMaker { context, entry, pins, files }, diagnostics);
    }
    let entries = platform::secret_entries(context, units.iter_mut().map(|(.., unit)| unit));
    let store = Origin::Component(ComponentId::ExternalSecrets);
    units.extend(entries.into_iter().map(|unit| (store, context.name.span, unit)));
    namespaces::label(&mut units.iter_mut().map(|(.., unit)| unit).collect::<Vec<_>>(), context);
    let units = bind(units, context, diagnostics);
    check_unit_names(&units, &cluster.apps, diagnostics);
    check_database_names(context, diagnostics);
    if !diagnostics.has_errors() {
        check_units(&units, diagnostics);
    }
    check_app_cycle(cluster, diagnostics);
    let k3s = cluster.k3s.clone().unwrap_or_default();
    Cluster {
        name: context.name.value.clone(),
        description: cluster.description.clone(),
        k3s_version: k3s.version.get().clone(),
        snapshotter: *k3s.snapshotter.get(),
        backup: k3s.backup.as_ref().and_then(|backup| backup::resolve(backup, context)),
        k3s_config: Value::of_entries(k3s.config),
        pulls: cluster.updates.as_ref().map(|updates| pulls(&updates.pull, context)),
        pods: *cluster.pods.get(),
        services: *cluster.services.get(),
        pool: cluster.load_balancer.given().copied(),
        ingress: context.get::<Ingress>().and_then(|ingress| platform::ingress_address(ingress, context)),
        nodes: nodes::resolve(context, files, diagnostics),
        flux: flux(context),
        store: platform::store(context),
        parts: platform::parts(context),
        units,
        interfaces,
        updates,
        external: cluster.external.iter().map(|object| object.value.clone()).collect(),
    }
}

/// Manifests that belong to the cluster as a whole.
struct ClusterManifests<'a> {
    place: Span,
    files: &'a [Spanned<RepoPath>],
}

impl Maker for ClusterManifests<'_> {
    fn origin(&self) -> Origin {
        Origin::Manifests
    }

    fn place(&self) -> Span {
        self.place
    }

    fn make(&self, _: &mut Diagnostics) -> Contribution {
        let unit = Unit::new("manifests", "manifests", Namespace::existing("default"));
        Contribution { units: vec![unit], ..Contribution::default() }
    }

    fn manifests(&self) -> &[Spanned<RepoPath>] {
        self.files
    }

    fn patches(&self) -> &[Patch] {
        &[]
    }
}

/// How Flux is installed, with the Secrets that it needs before the secret store exists.
fn flux(context: &Context<'_>) -> FluxBootstrap {
    let given = context.cluster.flux.as_ref();
    let mut secrets = platform::disk_secrets(context);
    let image_automation = context.get::<ImageAutomation>().is_some();
    if repository(context.spec).needs_key {
        secrets.push(deploy_key(FLUX_NAMESPACE, READING_KEY, false));
    }
    if image_automation {
        secrets.push(deploy_key(IMAGES_REPOSITORY, IMAGES_REPOSITORY, true));
    }
    let verifies_commits = given.is_some_and(|flux| flux.verify_commits.is_on());
    if verifies_commits {
        secrets.push(DiskSecret {
            namespace: FLUX_NAMESPACE.into(),
            name: SIGNERS.into(),
            keys: vec![("keys.asc".into(), DiskFile::new(&format!("{SIGNERS}/keys.asc"), DiskValue::SigningKeys))],
            opens: "decides whose commits Flux applies",
        });
    }
    FluxBootstrap {
        version: given
            .and_then(|flux| flux.version.as_ref())
            .map_or_else(|| Version::known(platform::FLUX_VERSION), |version| version.value.clone()),
        operator: given
            .and_then(|flux| flux.operator.as_ref())
            .map_or_else(|| Version::known(platform::FLUX_OPERATOR_VERSION), |version| version.value.clone()),
        image_automation,
        verifies_commits,
        secrets,
    }
}

/// How the nodes update themselves: with the deploy key and the keys of signers that Flux has too.
fn pulls(pull: &spec::Pull, context: &Context<'_>) -> Pulls {
    let zone = context.spec.lab.timezone.get().as_str();
    let key = |name: &str, value| DiskFile::new(&format!("{READING_KEY}/{name}"), value);
    let deploy_key =
        || [key("identity", DiskValue::DeployKey { writes: false }), key("known_hosts", DiskValue::HostKeys)];
    let verifies_commits = context.cluster.flux.as_ref().is_some_and(|flux| flux.verify_commits.is_on());
    Pulls {
        calendar: pull.schedule.get().calendar(zone),
        restarts: pull.reboot.is_on(),
        deploy_key: repository(context.spec).needs_key.then(deploy_key),
        signers: verifies_commits.then(|| DiskFile::new(&format!("{SIGNERS}/keys.asc"), DiskValue::SigningKeys)),
    }
}

/// The folder on a server with the deploy key that Flux reads the repository with.
const READING_KEY: &str = "flux-git";

/// The Secret with a deploy key, which is created from the files of a folder. The Git server is the same for all keys,
/// so its host keys are in one file.
fn deploy_key(name: &'static str, folder: &str, writes: bool) -> DiskSecret {
    let file = |key: &'static str, folder: &str, value| (key.into(), DiskFile::new(&format!("{folder}/{key}"), value));
    DiskSecret {
        namespace: FLUX_NAMESPACE.into(),
        name: name.into(),
        keys: vec![
            file("identity", folder, DiskValue::DeployKey { writes }),
            file("identity.pub", folder, DiskValue::PublicKey),
            file("known_hosts", READING_KEY, DiskValue::HostKeys),
        ],
        opens: if writes { "pushes to the repository" } else { "reads the repository" },
    }
}

/// Checks that apps, their secrets and the platform have different names: each is that of a Flux Kustomization.
fn check_unit_names(units: &[Bound], apps: &Entries<App>, diagnostics: &mut Diagnostics) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for bound in units.iter().filter(|bound| bound.origin != Origin::App) {
        taken.insert(bound.unit.id.to_string());
        taken.extend(bound.unit.namespaces().map(|(namespace, _)| namespace.name.to_string()));
        if let Origin::Component(_) = bound.origin {
            let namespaces = bound.unit.objects().filter(|object| object.kind.as_str() == "Namespace");
            taken.extend(namespaces.map(|object| object.name.to_string()));
        }
    }
    for app in apps {
        let named = app.named();
        let name = named.as_str();
        let by_platform = taken.contains(name);
        let by_secrets = name
            .strip_suffix("-secrets")
            .and_then(|other| apps.by_object_name(other))
            .filter(|other| other.value.has_secrets());
        let reserved = GIVEN_NAMESPACES.contains(&name);
        if by_platform || reserved {
            let message = format!("`{name}` is reserved for the platform, as the name of a unit or namespace");
            diagnostics.push(Diagnostic::new(Code::NameTaken, named.span, message).help("rename the app"));
        } else if let Some(other) = by_secrets {
            let message = format!("`{name}` is reserved for the unit with the secrets of `{}`", other.name.value);
            diagnostics.push(
                Diagnostic::new(Code::NameTaken, named.span, message)
                    .related(other.name.span, "this app")
                    .help("rename the app"),
            );
        }
    }
}

/// Checks that all units have different names: those of apps, of their secrets and of their databases follow from the names
/// of apps, so that two of them can meet in ways that no other rule names.
fn check_units(units: &[Bound], diagnostics: &mut Diagnostics) {
    let mut taken: BTreeMap<&UnitId, &Bound> = BTreeMap::new();
    for bound in units {
        let Some(first) = taken.insert(&bound.unit.id, bound) else { continue };
        let (here, other) = if bound.origin == Origin::App { (bound, first) } else { (first, bound) };
        let message = format!("two units would have the name `{}`", bound.unit.id);
        let diagnostic = Diagnostic::new(Code::NameTaken, here.place, message).related(other.place, "the other one");
        diagnostics.push(diagnostic.help("rename the app"));
    }
}

/// Checks that the databases of a cluster have units and Secrets of different names. Apps of all clusters can request
/// one.
fn check_database_names(context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let apps = || {
        let all = context.spec.clusters.iter().flat_map(|cluster| &cluster.value.apps);
        all.filter(|app| app.value.database().as_ref().is_some_and(|database| database.cluster == context.name.value))
    };
    let is_of = |app: &Entry<App>, name: &str| platform::database_objects(app)[0].as_str() == name;
    let has_backups = context.get::<Postgres>().is_some_and(|postgres| postgres.given_backup().is_some());
    for app in apps() {
        let [database, role] = platform::database_objects(app);
        let stem = database.as_str().strip_suffix("-secrets");
        if let Some(other) = stem.and_then(|stem| apps().find(|other| is_of(other, stem))) {
            let message = format!(
                "the database of `{}` would have the name of the unit with the secrets of the database of `{}`",
                app.name.value, other.name.value
            );
            let diagnostic = Diagnostic::new(Code::NameTaken, app.name.span, message);
            diagnostics.push(diagnostic.related(other.name.span, "this app").help(RENAME));
        }
        if has_backups && role.as_str() == BACKUPS_SECRET {
            let message = format!(
                "the Secret of the database of `{}` would be `{role}`, which is that of the backups of databases",
                app.name.value
            );
            diagnostics.push(Diagnostic::new(Code::NameTaken, app.name.span, message).help(RENAME));
        }
    }
}

const RENAME: &str = "rename the app, or set `database-name`";

/// The name of the Secret with the credentials for backups of databases, beside those of apps.
const BACKUPS_SECRET: &str = "backups";

fn check_app_cycle(cluster: &spec::Cluster, diagnostics: &mut Diagnostics) {
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
    let message = format!("dependency cycle between apps: {} -> {}", cycle.join(" -> "), cycle[0]);
    let diagnostic = Diagnostic::new(Code::DependencyCycle, *first, message).help("remove one of these dependencies");
    diagnostics.push(rest.iter().fold(diagnostic, |diagnostic, span| diagnostic.related(*span, "and here")));
}
