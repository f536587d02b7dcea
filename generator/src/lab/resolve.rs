//! Spec to [`Lab`]: the one stage that applies defaults, binds references and judges.

use super::app::{Amount, App, Env, SecretData, Volume};
use super::dependencies::{Order, Providers, cycle};
use super::files::{self, Files};
use super::unit::{Capability, Namespace, Need, Patch, PodSecurity, Unit};
use super::{Cluster, DiskSecret, FluxBootstrap, Join, Lab, Lan, Node, Repository, Role, Snapshotter, rules};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span, did_you_mean};
use crate::platform::{self, Context};
use crate::spec::types::{Ipv4Cidr, SecretRef, Text};
use crate::spec::{self, Entry, EnvValue, Parsed, Spanned, Spec};
use std::collections::BTreeMap;

/// What a spec leaves open.
pub(super) mod defaults {
    use crate::spec::Role;
    use crate::spec::types::Size;

    pub(crate) const CORES: u32 = 2;
    pub(crate) const ROLE: Role = Role::Server;
    pub(crate) const K3S_VERSION: &str = "1.35";
    pub(crate) const STORAGE_CLASS: &str = "local-path";
    pub(crate) const STARTUP_SECONDS: u32 = 300;

    pub(crate) fn memory() -> Size {
        Size::from_bytes(4 << 30)
    }

    pub(crate) fn disk() -> Size {
        Size::from_bytes(32 << 30)
    }
}

/// What came of resolving a spec.
#[derive(Debug)]
pub struct Resolved {
    /// The lab, if there was no error.
    pub lab: Option<Lab>,
    /// Everything there is to say, from reading on.
    pub diagnostics: Diagnostics,
}

/// Resolves a spec, given the files that it names.
pub fn resolve(parsed: Parsed, files: &Files) -> Resolved {
    let Parsed { spec, root, faults: mut diagnostics } = parsed;
    rules::judge(&spec, &root, &mut diagnostics);
    let clusters =
        spec.clusters.iter().map(|cluster| resolve_cluster(&spec, cluster, files, &mut diagnostics)).collect();
    if diagnostics.has_errors() {
        return Resolved { lab: None, diagnostics };
    }
    Resolved { lab: Some(resolve_lab(&spec, clusters)), diagnostics }
}

fn resolve_lab(spec: &Spec, clusters: Vec<Cluster>) -> Lab {
    let lan = &spec.network.lan;
    let dns: Vec<_> = lan.dns.iter().map(|server| server.value).collect();
    Lab {
        name: spec.lab.name.to_string(),
        domain: spec.lab.domain.to_string(),
        timezone: spec.lab.timezone.as_ref().map_or("UTC".to_owned(), |zone| zone.to_string()),
        repository: repository(spec),
        ssh_keys: spec.lab.admin.ssh_keys.iter().map(|key| key.to_string()).collect(),
        lan: Lan {
            cidr: lan.cidr.value,
            gateway: lan.gateway.value,
            dns: if dns.is_empty() { vec![lan.gateway.value] } else { dns },
        },
        has_nfs: spec.storage.iter().any(|storage| storage.value.nfs.is_some()),
        clusters,
    }
}

fn repository(spec: &Spec) -> Repository {
    let url = spec.lab.repository.to_string();
    let branch = spec.lab.branch.as_ref().map_or("main".to_owned(), |branch| branch.to_string());
    Repository { needs_key: url.starts_with("ssh://"), url, branch }
}

fn resolve_cluster(spec: &Spec, entry: &Entry<spec::Cluster>, files: &Files, faults: &mut Diagnostics) -> Cluster {
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
    for unit in &mut units {
        unit.depends_on = providers.bind(&unit.name, &name, &unit.needs, faults);
    }
    let graph: BTreeMap<_, _> = units.iter().map(|unit| (unit.name.clone(), unit.depends_on.clone())).collect();
    let order = Order::of(&graph);
    for unit in &mut units {
        order.reduce(&mut unit.depends_on);
    }
    let resolver = Apps { spec, cluster: entry, context: &context, providers: &providers, order: &order, files };
    let mut apps: Vec<App> = cluster.apps.iter().map(|app| resolver.resolve(app, faults)).collect();
    judge_unit_names(&units, &cluster.apps, faults);
    judge_app_cycle(cluster, faults);
    mark_waited_for(&mut units, &mut apps);
    Cluster {
        k3s_version: cluster
            .k3s
            .as_ref()
            .and_then(|k3s| k3s.version.as_ref())
            .map_or(defaults::K3S_VERSION.to_owned(), |version| version.to_string()),
        snapshotter: cluster
            .k3s
            .as_ref()
            .and_then(|k3s| k3s.snapshotter.as_ref())
            .map_or(Snapshotter::Overlayfs, |kind| kind.value),
        k3s_config: cluster.k3s.iter().flat_map(|k3s| k3s.config.clone()).collect(),
        pods: network(cluster.pods.as_ref(), rules::DEFAULT_PODS),
        services: network(cluster.services.as_ref(), rules::DEFAULT_SERVICES),
        nodes: resolve_nodes(spec, cluster, files, faults),
        flux: flux(spec, &context),
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
fn extra_unit(paths: &[Spanned<spec::types::RepoPath>], files: &Files, faults: &mut Diagnostics) -> Option<Unit> {
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
        secrets,
    }
}

fn resolve_nodes(spec: &Spec, cluster: &spec::Cluster, files: &Files, faults: &mut Diagnostics) -> Vec<Node> {
    let role = |node: &spec::Node| node.role.as_ref().map_or(defaults::ROLE, |role| role.value);
    let mut servers: Vec<_> = cluster.nodes.iter().filter(|node| role(&node.value) == Role::Server).collect();
    servers.sort_by_key(|node| node.value.vmid.value);
    let first = servers.first().map(|node| (node.name.as_str(), node.value.address.value));
    cluster
        .nodes
        .iter()
        .map(|entry| {
            let node = &entry.value;
            for module in &node.modules {
                files::nix_module(module, files, faults);
            }
            let host = spec.hosts.get(node.host.as_str());
            let join = match first {
                Some((name, _)) if name == entry.name.as_str() && servers.len() == 1 => Join::Alone,
                Some((name, _)) if name == entry.name.as_str() => Join::Start,
                Some((_, address)) => Join::Ask(address),
                None => Join::Alone,
            };
            Node {
                name: entry.name.to_string(),
                description: node.description.clone().unwrap_or_default(),
                host: node.host.to_string(),
                role: role(node),
                vmid: node.vmid.value,
                address: node.address.value,
                cores: node.cores.as_ref().map_or(defaults::CORES, |cores| cores.value),
                memory: node.memory.as_ref().map_or_else(defaults::memory, |memory| memory.value),
                disk: node.disk.as_ref().map_or_else(defaults::disk, |disk| disk.value),
                disk_storage: node.disk_storage.as_ref().map_or("local-lvm".to_owned(), |storage| storage.to_string()),
                bridge: node.bridge.as_ref().map_or("vmbr0".to_owned(), |bridge| bridge.to_string()),
                gpu: node
                    .gpu
                    .as_ref()
                    .filter(|gpu| gpu.value)
                    .and_then(|_| host?.value.gpu.as_ref())
                    .map(|gpu| gpu.value),
                privileged: node.privileged.as_ref().is_none_or(|privileged| privileged.value),
                labels: node.labels.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
                modules: node.modules.iter().map(|module| module.to_string()).collect(),
                join,
            }
        })
        .collect()
}

/// Apps, their secrets and the platform share the names of Flux Kustomizations.
fn judge_unit_names(units: &[Unit], apps: &spec::Entries<spec::App>, faults: &mut Diagnostics) {
    let has_secrets = |app: &spec::App| app.env.values().any(|value| matches!(value, EnvValue::Secret(_)));
    for app in apps {
        let name = app.name.as_str();
        let by_platform = units
            .iter()
            .any(|unit| unit.name == name || unit.namespace.create.is_some() && unit.namespace.name == name);
        let by_secrets =
            name.strip_suffix("-secrets").and_then(|other| apps.get(other)).filter(|other| has_secrets(&other.value));
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
    let needed: std::collections::BTreeSet<String> = units
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

/// What resolving the apps of a cluster looks at.
struct Apps<'a> {
    spec: &'a Spec,
    cluster: &'a Entry<spec::Cluster>,
    context: &'a Context<'a>,
    providers: &'a Providers,
    order: &'a Order,
    files: &'a Files,
}

impl Apps<'_> {
    fn resolve(&self, entry: &Entry<spec::App>, faults: &mut Diagnostics) -> App {
        let app = &entry.value;
        let name = entry.name.to_string();
        let secrets = self.secrets(app);
        let host = app.expose.as_ref().map(|expose| rules::full_host(&expose.host, self.spec.lab.domain.as_str()));
        let tls = host.is_some() && self.providers.has(&Capability::Issuer);
        let manifests = files::manifests(&app.manifests, self.files, faults);
        let security = app.security.clone().unwrap_or_default();
        let root = security.root.as_ref().is_some_and(|root| root.value);
        let restricted = !root
            && security.capabilities.iter().all(|capability| capability.value == spec::Capability::NetBindService);
        let mut resolved = App {
            description: app.description.clone(),
            image: image(&app.image),
            command: app.command.clone(),
            args: app.args.clone(),
            port: app.port.as_ref().map(|port| port.value),
            env: app.env.iter().map(|(name, value)| env(name.as_str(), value)).collect(),
            volumes: app.storage.iter().map(|volume| resolve_volume(&name, volume)).collect(),
            health_path: app.probe.as_ref().map(|probe| probe.path.to_string()),
            startup_seconds: app
                .probe
                .as_ref()
                .and_then(|probe| probe.startup_seconds.as_ref())
                .map_or(defaults::STARTUP_SECONDS, |seconds| seconds.value),
            requests: amounts(
                app.resources.as_ref().and_then(|resources| resources.requests.as_ref()),
                Some("50m"),
                Some("128Mi"),
            ),
            limits: amounts(
                app.resources.as_ref().and_then(|resources| resources.limits.as_ref()),
                None,
                Some("512Mi"),
            ),
            user: security.user.as_ref().map(|user| user.value),
            group: security.group.as_ref().map(|group| group.value),
            root,
            read_only: security.read_only.as_ref().is_some_and(|read_only| read_only.value),
            capabilities: capabilities(&security),
            replicas: app.replicas.as_ref().map_or(1, |replicas| replicas.value),
            pod_security: if restricted { PodSecurity::Restricted } else { PodSecurity::Baseline },
            depends_on: self.depends_on(entry, tls, faults),
            secrets_depend_on: Vec::new(),
            wait: false,
            patches: Vec::new(),
            secrets,
            host,
            issuer: tls.then(|| platform::issuer_name(&self.cluster.value)),
            manifests,
            name,
        };
        if !resolved.secrets.is_empty() {
            let span = first_secret(app).unwrap_or(entry.name.span);
            let needs = [Need { capability: Capability::SecretStore, span }];
            resolved.secrets_depend_on =
                self.providers.bind(&resolved.secrets_unit(), self.cluster.name.as_str(), &needs, faults);
        }
        let made = resolved.made();
        resolved.patches = bind_patches(&app.patches, &[&made], faults);
        resolved
    }

    fn depends_on(&self, entry: &Entry<spec::App>, tls: bool, faults: &mut Diagnostics) -> Vec<String> {
        let app = &entry.value;
        let mut needs = Vec::new();
        if let Some(span) = first_secret(app) {
            needs.push(Need { capability: Capability::Secrets(entry.name.to_string()), span });
        }
        if let Some(expose) = &app.expose {
            needs.push(Need { capability: Capability::Ingress, span: expose.host.span });
            if tls {
                needs.push(Need { capability: Capability::Issuer, span: expose.host.span });
            }
        }
        let known = app.depends_on.iter().filter(|other| self.cluster.value.apps.get(other.as_str()).is_some());
        needs.extend(known.map(|other| Need { capability: Capability::App(other.to_string()), span: other.span }));
        let mut units = self.providers.bind(entry.name.as_str(), self.cluster.name.as_str(), &needs, faults);
        self.order.reduce(&mut units);
        units
    }

    fn secrets(&self, app: &spec::App) -> Vec<SecretData> {
        app.env
            .iter()
            .filter_map(|(name, value)| match value {
                EnvValue::Secret(secret) => {
                    Some(SecretData { key: name.to_string(), remote: self.context.remote(&secret.value) })
                }
                EnvValue::Text(_) => None,
            })
            .collect()
    }
}

fn first_secret(app: &spec::App) -> Option<Span> {
    app.env.values().find_map(|value| match value {
        EnvValue::Secret(secret) => Some(secret.span),
        EnvValue::Text(_) => None,
    })
}

fn image(image: &spec::Image) -> String {
    let digest = image.digest.as_ref().map_or(String::new(), |digest| format!("@{}", digest.value));
    format!("{}:{}{digest}", image.repository.value, image.tag.value)
}

fn env(name: &str, value: &EnvValue) -> Env {
    let text = match value {
        EnvValue::Text(text) => Some(text.clone()),
        EnvValue::Secret(Spanned { value: SecretRef { .. }, .. }) => None,
    };
    Env { name: name.to_owned(), text }
}

fn resolve_volume(app: &str, volume: &Entry<spec::Volume>) -> Volume {
    Volume {
        name: volume.name.to_string(),
        claim: format!("{app}-{}", volume.name.value),
        size: volume.value.size.quantity(),
        mount: volume.value.mount.to_string(),
        class: volume.value.class.as_ref().map_or(defaults::STORAGE_CLASS.to_owned(), |class| class.to_string()),
    }
}

fn amounts(given: Option<&spec::Amounts>, cpu: Option<&str>, memory: Option<&str>) -> Vec<Amount> {
    let pick = |given: Option<&Spanned<spec::types::Quantity>>, default: Option<&str>| {
        given.map(|amount| amount.to_string()).or_else(|| default.map(str::to_owned))
    };
    let cpu = pick(given.and_then(|amounts| amounts.cpu.as_ref()), cpu);
    let memory = pick(given.and_then(|amounts| amounts.memory.as_ref()), memory);
    [("cpu", cpu), ("memory", memory)]
        .into_iter()
        .filter_map(|(name, amount)| Some(Amount { name, text: amount? }))
        .collect()
}

fn capabilities(security: &spec::Security) -> Vec<String> {
    let mut kept: Vec<_> = security.capabilities.iter().map(|capability| capability.value).collect();
    kept.sort_unstable();
    kept.dedup();
    let name = |capability| serde_json::to_value(capability).expect("capabilities are words");
    kept.into_iter().filter_map(|capability| name(capability).as_str().map(str::to_owned)).collect()
}

/// Patches whose targets exist among the objects of some units, given as kinds and names.
pub(crate) fn bind_patches(
    patches: &[spec::Patch],
    made: &[&[(String, String)]],
    faults: &mut Diagnostics,
) -> Vec<Patch> {
    let objects: Vec<_> = made.iter().flat_map(|objects| objects.iter()).collect();
    patches
        .iter()
        .filter_map(|patch| {
            let (kind, name) = (&patch.target.kind, &patch.target.name);
            let hit = |(other_kind, other_name): &(String, String)| {
                other_kind == kind.as_str() && name.as_ref().is_none_or(|name| name.as_str() == other_name)
            };
            if objects.iter().any(|object| hit(object)) {
                let merge = crate::yaml::Value::Map(patch.merge.clone().into_iter().collect());
                return Some(Patch { kind: kind.to_string(), name: name.as_ref().map(|name| name.to_string()), merge });
            }
            let wanted = name.as_ref().map_or(kind.to_string(), |name| format!("{} {}", kind.value, name.value));
            let known: Vec<_> = objects.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
            let help = match did_you_mean(&wanted, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {}", known.join(", ")),
            };
            let span = name.as_ref().map_or(kind.span, |name| name.span);
            faults.push(
                Diagnostic::new(Code::PatchTargetUnknown, span, format!("no object here is a {wanted}")).help(help),
            );
            None
        })
        .collect()
}
