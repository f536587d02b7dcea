//! Apps as makers of units. An app is one unit; if it has secrets, a unit with its Secrets comes first.

mod flow;
mod images;
mod network;
mod objects;
mod pins;
mod placement;
mod pod;
mod pods;
mod rules;
mod sign_in;
mod users;

pub use images::{is_floating, may_be};
pub use objects::templates;
pub use pins::{ImageId, Pins, with_pin};
pub use placement::candidates;
pub use rules::check;
pub use rules::known::{check_name, unknown};
pub use rules::volumes::check_folder;

use crate::images::ResolvedImage;
use crate::network::Network;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::RESTART_ANNOTATION;
use model::{
    Capability, Chart, ChartSource, Contribution, Exposure, ExternalSecret, Files, Interface, Maker, Namespace, Need,
    ObjectId, Origin, Release, SignInContent, Tls, Unit, UnitId,
};
use objects::{Backend, Deployment, ServiceTarget};
use platform::{Context, DatabaseAccess, IdentityProvider, Reach};
use pods::{MAIN_PORT, Pods, SecretValue, lan_ports, metrics_port, security_level, service_ports};
use spec::types::{DatabaseRef, Name, RepoPath};
use spec::{
    App, AppBackup, AppFile, AppLogin, ContainerApp, Entry, Expose, Given as _, HelmApp, Patch, PodSecurity, Spanned,
    Strategy, Volume,
};
use std::collections::{BTreeMap, BTreeSet};
use yaml::Value;

/// An app of a cluster, as a maker of its units.
pub struct AppMaker<'a> {
    /// The context of its cluster.
    pub context: &'a Context<'a>,
    /// The app.
    pub entry: &'a Entry<App>,
    /// The tags that image automation has updated.
    pub pins: &'a Pins,
    /// The files that the spec refers to.
    pub files: &'a Files,
}

impl Maker for AppMaker<'_> {
    fn origin(&self) -> Origin {
        Origin::App
    }

    fn place(&self) -> Span {
        self.entry.name.span
    }

    fn make(&self, diagnostics: &mut Diagnostics) -> Contribution {
        let access = self.access(diagnostics);
        let exposure = self.app().expose().as_ref().map(|expose| self.exposure(expose, diagnostics));
        let mut unit = Unit::new(self.name(), format!("apps/{}", self.name()), Namespace::existing(self.name()));
        let (interface, level, updates) = match self.app() {
            App::Helm(app) => self.helm(app, &mut unit),
            App::Container(app) => self.container(app, access.as_ref(), &mut unit, diagnostics),
            App::Jobs(app) => self.container(&app.0, access.as_ref(), &mut unit, diagnostics),
        };
        unit.needs.extend(self.needs(exposure.as_ref(), access.is_some()));
        unit.provides = vec![Capability::App(self.name().into())];
        if let (Some(exposure), Some(expose)) = (&exposure, self.app().expose()) {
            unit.guards.extend(exposure.guarded(self.name(), expose.host.span));
            unit.add(objects::ingress(self.name(), exposure, self.backend()));
            unit.extend(exposure.policy.as_ref().map(|policy| objects::policy(self.name(), policy)));
            unit.extend(exposure.sign_in.as_ref().map(|object| objects::sign_in(self.name(), object)));
        }
        sign_in::check(self, diagnostics);
        // A Policy in the namespace of another app names its Service.
        unit.chart_is_routed |= self.app().forward_auth().is_some() && !platform::signs_in_at_own_host(self.context);
        let network = Network::of(self);
        unit.add(network.policy());
        unit.extend(network.of_ingress());
        let mut secrets = self.app().secret_spans().next().map(|span| self.secrets(level, access.as_ref(), span));
        if secrets.is_none() {
            unit.namespace = Namespace::created(self.name(), level);
        }
        let namespace = &mut secrets.as_mut().unwrap_or(&mut unit).namespace;
        network.labels().into_iter().for_each(|label| namespace.label(label));
        let flow = Some(Box::new(flow::of(self, access.as_ref())));
        Contribution {
            units: secrets.into_iter().chain([unit]).collect(),
            interfaces: vec![Interface { exposure, flow, ..interface }],
            updates,
        }
    }

    fn manifests(&self) -> &[Spanned<RepoPath>] {
        self.app().manifests()
    }

    fn patches(&self) -> &[Patch] {
        self.app().patches()
    }
}

impl AppMaker<'_> {
    fn app(&self) -> &App {
        &self.entry.value
    }

    /// The name of its objects.
    fn name(&self) -> &Name {
        self.entry.object_name()
    }

    /// The unit with the namespace and the Secrets from the store, which is applied before the app.
    fn secrets(&self, level: PodSecurity, access: Option<&DatabaseAccess>, span: Span) -> Unit {
        let name = self.name();
        let namespace = Namespace::created(name, level);
        let mut unit = Unit::new(format!("{name}-secrets"), format!("secrets/{name}"), namespace);
        let values: Vec<_> = self
            .app()
            .variables()
            .filter_map(|(helper, variable, value)| {
                SecretValue::of(helper.map(|helper| &helper.value), variable, value, self.context, access)
            })
            .collect();
        unit.read_secrets(variables_secret(name, &values));
        let files: Vec<_> = self
            .app()
            .secret_files()
            .map(|(name, secret)| ((&name.value).into(), self.context.stored(&secret.value)))
            .collect();
        unit.read_secrets((!files.is_empty()).then(|| ExternalSecret::new(objects::files_of(name), files)));
        let login = self.app().login().and_then(AppLogin::password);
        unit.read_secrets(login.map(|login| platform::passwords(self.context, login_secret(name), login)));
        unit.needs = vec![Need::before(Capability::SecretStore, span)];
        unit.provides = vec![Capability::Secrets(name.into())];
        unit
    }

    /// The images of an app, by the name of their container; the main container is `None`.
    fn images<'a>(
        &'a self,
        app: &'a ContainerApp,
        diagnostics: &mut Diagnostics,
    ) -> BTreeMap<Option<&'a Name>, ResolvedImage> {
        let resolved = app.images().map(|(container, image)| {
            let container = container.map(|container| &container.value);
            let id = ImageId { cluster: &self.context.name.value, app: self.name(), container };
            (container, images::resolve(&id, image, self.pins, diagnostics))
        });
        resolved.collect()
    }

    /// Adds the objects of a container app to its unit.
    fn container(
        &self,
        app: &ContainerApp,
        access: Option<&DatabaseAccess>,
        unit: &mut Unit,
        diagnostics: &mut Diagnostics,
    ) -> (Interface, PodSecurity, Vec<model::ImageUpdate>) {
        let name = self.name();
        let images = self.images(app, diagnostics);
        let pods = Pods { name, app, context: self.context, access, images: &images };
        let pod = pods.service();
        // A job without an image has been reported.
        let jobs = app.jobs.iter().filter(|job| app.image.is_some() || job.value.image.is_some());
        let jobs: Vec<_> = jobs.map(|job| (job, pods.job(job))).collect();
        let level = security_level(pod.iter().chain(jobs.iter().map(|(_, pod)| pod)));
        let claims = pods.claims();
        let files = self.texts(app);
        if let Some(pod) = pod {
            // A second pod cannot mount a volume while another node has it mounted, and should not write to a folder
            // at the same time.
            let writes = |volume: &spec::FolderVolume| !volume.read_only.is_on();
            let writes_to_folder = app.storage.iter().filter_map(|volume| volume.value.folder()).any(writes);
            let may_overlap = claims.iter().all(|claim| claim.shared) && !writes_to_folder && !pod.host_network;
            let default = if may_overlap { Strategy::Rolling } else { Strategy::Recreate };
            let sidecars = service_ports(app.sidecars.iter().flat_map(|sidecar| &sidecar.value.ports));
            let main = pod.containers.first().map(|main| main.ports.clone()).unwrap_or_default();
            let ports: Vec<_> = main.into_iter().chain(sidecars).collect();
            let deployment = Deployment {
                app: name.clone(),
                name: name.clone(),
                description: app.description.clone(),
                restarts: self.restarts().then_some(RESTART_ANNOTATION),
                replicas: app.replicas.get().get(),
                strategy: app.strategy.given().copied().unwrap_or(default),
                files: (!files.is_empty()).then(|| objects::fingerprint(&files)),
                pod,
            };
            unit.add(deployment.manifest());
            if !ports.is_empty() {
                unit.add(objects::service(name, ports));
            }
            unit.extend(app.metrics.as_ref().and_then(|metrics| {
                let port = metrics_port(app, metrics)?;
                let is_https = app.https.is_on() && port.as_str() == MAIN_PORT;
                Some(objects::pod_monitor(name, port, metrics.path.get().clone(), is_https))
            }));
        }
        unit.extend(self.lan_service(app, diagnostics));
        if !files.is_empty() {
            check_files(&self.entry.name.value, app, &files, diagnostics);
            unit.add(objects::config_map(name, &files));
        }
        unit.extend(claims.into_iter().map(|claim| objects::volume_claim(name, claim)));
        unit.extend(pods.folders().into_iter().map(|(folder, of)| objects::folder(name, folder, of)));
        unit.extend(jobs.into_iter().map(|(job, pod)| {
            let timezone = self.context.timezone().clone();
            objects::cron_job(name, &job.name, job.value.schedule.value.clone(), timezone, pod)
        }));
        let updates: Vec<_> = images.into_values().filter_map(|image| image.update).collect();
        unit.extend(updates.iter().flat_map(objects::image_update));
        unit.extend(app.service_account.iter().flat_map(|account| objects::service_account(name, account)));
        unit.needs = self.container_needs(app);
        let sidecars = app.sidecars.iter().filter_map(|sidecar| sidecar.value.image.as_ref().or(app.image.as_ref()));
        let jobs = app.jobs.iter().filter(|_| app.image.is_none()).filter_map(|job| job.value.image.as_ref());
        let images = app.image.iter().chain(sidecars).chain(jobs).map(|image| image.repository.value.clone());
        // Several containers can run one image.
        let mut seen = BTreeSet::new();
        let interface = self.interface(images.filter(|image| seen.insert(image.clone())).collect(), None);
        (Interface { lan: pods::shown_ports(app), ..interface }, level, updates)
    }

    /// The names and contents of its files that are no secrets. A file that cannot be read has been reported.
    fn texts<'b>(&'b self, app: &'b ContainerApp) -> Vec<(&'b Name, &'b str)> {
        let text = |file: &'b AppFile| match file {
            AppFile::Text(file) => Some(file.text.as_str()),
            AppFile::Copy(file) => {
                let bytes = self.files.get(file.from.as_str())?.as_ref().ok()?;
                std::str::from_utf8(bytes).ok()
            }
            AppFile::Secret(_) => None,
        };
        app.files.iter().filter_map(|file| Some((&file.name.value, text(&file.value)?))).collect()
    }

    /// Whether it restarts when a secret changes that its pods read. The ingress controller reads a login.
    fn restarts(&self) -> bool {
        let reads_secrets = self.app().variables().any(|(.., value)| value.secret_span().is_some())
            || self.app().secret_files().next().is_some();
        reads_secrets && platform::restarts(self.context)
    }

    /// Adds the release of a Helm app to its unit.
    fn helm(&self, app: &HelmApp, unit: &mut Unit) -> (Interface, PodSecurity, Vec<model::ImageUpdate>) {
        // Values below this key make a chart create Ingresses.
        unit.chart_is_routed = network::mentions(app, "ingress");
        let chart = app.helm.chart.to_string();
        let repository = app.helm.repository.as_str();
        let source = if repository.starts_with("oci://") {
            ChartSource::Oci(format!("{repository}/{chart}").into())
        } else {
            ChartSource::Http(repository.to_owned().into())
        };
        let version = app.helm.version.to_string();
        let about = format!("{chart} {version}");
        unit.install(Release {
            name: self.name().into(),
            chart: Chart {
                name: chart.into(),
                source,
                version: version.clone().into(),
                schema_is_remote: false,
                signer: None,
            },
            version: version.into(),
            values: None,
            overrides: Value::of_entries(app.helm.values.clone()),
            post_render: None,
            restarts: self.restarts(),
            exports: vec![ObjectId::new("Service", self.helm_service(app))],
        });
        (self.interface(Vec::new(), Some(about)), *app.helm.pod_security.get(), Vec::new())
    }

    fn helm_service<'a>(&'a self, app: &'a HelmApp) -> &'a Name {
        app.helm.service.as_ref().map_or(self.name(), |service| &service.value)
    }

    fn interface(&self, images: Vec<spec::types::ImageRepository>, chart: Option<String>) -> Interface {
        let description = self.app().description().clone();
        Interface {
            name: self.entry.name.value.clone(),
            object_name: self.app().earlier_name().map(|name| name.value.clone()),
            description,
            exposure: None,
            lan: Vec::new(),
            images,
            chart,
            flow: None,
        }
    }

    /// The Service and port that its Ingress routes to.
    fn backend(&self) -> Backend {
        match self.app() {
            App::Container(_) | App::Jobs(_) => {
                Backend { service: self.name().clone(), port: ServiceTarget::Name(MAIN_PORT) }
            }
            App::Helm(app) => Backend {
                service: self.helm_service(app).clone(),
                port: ServiceTarget::Number(app.helm.service_port.get().get()),
            },
        }
    }

    fn exposure(&self, expose: &Expose, diagnostics: &mut Diagnostics) -> Exposure {
        if let Some(public) = expose.public.on() {
            platform::check_public(self.context, public, &format!("`{}`", self.entry.name.value), diagnostics);
        }
        let reach = if expose.public.is_on() { Reach::Public } else { Reach::Lan };
        let service = self.backend().service;
        let host = self.context.full_host(&expose.host);
        let aliases = expose.aliases.iter().map(|host| self.context.full_host(host)).collect();
        let mut exposure = platform::exposure(self.context, host, aliases, reach, service.as_str());
        if self.serves_https() {
            platform::use_https(self.context, service.as_str(), &mut exposure);
        }
        if expose.login.as_ref().and_then(AppLogin::password).is_some() {
            platform::require_password(self.context, &login_secret(self.name()).into(), &mut exposure);
        }
        if let Some(size) = expose.body.given() {
            platform::limit_body(self.context, *size, &mut exposure);
        }
        if let Some(rate) = &expose.rate {
            platform::limit_rate(self.context, rate.get(), &mut exposure);
        }
        if expose.stream.is_on() {
            platform::stream(self.context, &mut exposure);
        }
        let allowed: Vec<_> = expose.allow.iter().flatten().map(|network| network.value).collect();
        if !allowed.is_empty() {
            platform::allow_only(self.context, &self.name().into(), &allowed, &mut exposure);
        }
        let provider = expose.login.as_ref().and_then(AppLogin::provider);
        if let Some(provider) = provider.and_then(|name| self.identity_provider(name)) {
            platform::require_sign_in(self.context, self.name(), &provider, &mut exposure);
        }
        exposure
    }

    /// The app of the same cluster that signs users in for this one. One that does not exist has been reported.
    fn identity_provider(&self, name: &Spanned<Name>) -> Option<IdentityProvider<'_>> {
        let entry = self.context.cluster.apps.get(name.as_str())?;
        let auth = &entry.value.forward_auth()?.value;
        let (service, port, https) = match &entry.value {
            App::Helm(app) => {
                let service = app.helm.service.as_ref().map_or(entry.object_name(), |service| &service.value);
                (service, app.helm.service_port.get().get(), app.helm.service_https.is_on())
            }
            App::Container(app) => (entry.object_name(), pods::SERVED_PORT, app.https.is_on()),
            App::Jobs(_) => return None,
        };
        Some(IdentityProvider {
            kind: auth.kind.value,
            namespace: entry.object_name(),
            service,
            port,
            https,
            host: entry.value.expose().as_ref().map(|expose| self.context.full_host(&expose.host)),
            headers: auth.headers.iter().flatten().map(|header| header.as_str()).collect(),
        })
    }

    /// Whether the ingress connects to it by HTTPS.
    fn serves_https(&self) -> bool {
        match self.app() {
            App::Container(app) => app.https.is_on(),
            App::Helm(app) => app.helm.service_https.is_on(),
            App::Jobs(_) => false,
        }
    }

    /// How the app connects to its database, if it has one.
    fn access(&self, diagnostics: &mut Diagnostics) -> Option<DatabaseAccess> {
        let reference = self.app().database().as_ref()?;
        let peer = self.context.peer(reference.cluster.as_str())?;
        peer.get::<spec::platform::Postgres>()?;
        let access = platform::access(&peer, &self.context.name.value, self.entry);
        if access.is_none() {
            let message =
                format!("PostgreSQL of `{}` has no load-balancer address for other clusters", peer.name.value);
            let diagnostic =
                Diagnostic::new(Code::NeedUnmet, reference.span, message).related(peer.name.span, "this cluster");
            diagnostics.push(
                diagnostic
                    .of_absence()
                    .help("set `load-balancer` of that cluster to a range of at least two addresses"),
            );
        }
        access
    }

    /// The capabilities that apps of both kinds need.
    fn needs(&self, exposure: Option<&Exposure>, has_database: bool) -> Vec<Need> {
        let app = self.app();
        let mut needs = Vec::new();
        if let Some(span) = app.secret_spans().next() {
            needs.push(Need::before(Capability::Secrets(self.name().into()), span));
        }
        if let (Some(expose), Some(exposure)) = (app.expose(), exposure) {
            needs.push(Need::before(Capability::Ingress, expose.host.span));
            let has_sign_in = |content: &SignInContent| matches!(content, SignInContent::Policy { .. });
            if exposure.policy.is_some() || exposure.sign_in.iter().any(|object| has_sign_in(&object.content)) {
                needs.push(Need::before(Capability::Api("k8s.nginx.org"), expose.host.span));
            }
            if exposure.tls != Tls::None {
                needs.push(Need::before(Capability::Issuer, expose.host.span));
            }
        }
        let is_known = |reference: &&Spanned<DatabaseRef>| reference.database.as_str() == platform::DATABASE_NAME;
        if let Some(reference) = app.database().as_ref().filter(is_known).filter(|_| has_database) {
            let here = reference.cluster == self.context.name.value;
            // Units do not wait for other clusters: the app retries until its database is ready.
            let capability = if here { platform::database_of(self.entry) } else { Capability::LanNames };
            needs.push(Need::before(capability, reference.span));
        }
        let apps = &self.context.cluster.apps;
        let others = app.depends_on().iter().filter_map(|other| Some((apps.get(other.as_str())?, other.span)));
        needs
            .extend(others.map(|(other, span)| Need::before(Capability::App(UnitId::from(other.object_name())), span)));
        needs
    }

    /// The capabilities that only container apps need.
    fn container_needs(&self, app: &ContainerApp) -> Vec<Need> {
        let mut needs = Vec::new();
        needs.extend(app.gpu.on().map(|span| Need::before(Capability::Gpu, span)));
        let lan = app.other_ports().find_map(|port| port.value.lan.as_ref());
        needs.extend(lan.map(|lan| Need::before(Capability::LoadBalancer, lan.span)));
        for volume in &app.storage {
            if let Volume::Claim(claim) = &volume.value {
                let default = || platform::default_class(self.context);
                let class = claim.class.as_ref().map_or_else(default, |class| class.value.clone());
                let span = claim.class.as_ref().map_or(volume.name.span, |class| class.span);
                needs.push(Need::if_provided(Capability::StorageClass(class), span));
            }
        }
        let metrics = app.metrics.as_ref().map(|metrics| metrics.span);
        needs.extend(metrics.map(|span| Need::before(Capability::Api("monitoring.coreos.com"), span)));
        // The app does not wait for these: it runs without them, and a rejected push must not block its changes.
        let update = app.images().find_map(|(_, image)| image.update.as_ref());
        needs.extend(update.map(|update| Need::present(Capability::ImageAutomation, update.span)));
        let backup = app.backup.as_ref().filter(|backup| backup.value == AppBackup::Volumes);
        needs.extend(backup.map(|backup| Need::present(Capability::Backups, backup.span)));
        needs
    }

    /// The Service of the ports that the LAN reaches, all at one address.
    fn lan_service(&self, app: &ContainerApp, diagnostics: &mut Diagnostics) -> Option<model::Manifest> {
        let mut addresses = app.other_ports().filter_map(|port| port.value.lan.as_ref());
        let first = addresses.next()?;
        for other in addresses.filter(|other| other.value != first.value) {
            let message =
                format!("the LAN ports of an app must share one address, but have {} and {}", first.value, other.value);
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, other.span, message).related(first.span, "the other address");
            diagnostics.push(diagnostic.help("use the same `lan` address for all ports of the app"));
        }
        Some(objects::lan_service(self.name(), first.value, app.shares_address(), lan_ports(app)))
    }
}

/// The maximum size of an app's files, in bytes: that of a ConfigMap, less some for its other fields.
const MAX_FILES: usize = 1_000_000;

/// Checks the size of an app's files, which are one ConfigMap.
fn check_files(name: &Name, app: &ContainerApp, files: &[(&Name, &str)], diagnostics: &mut Diagnostics) {
    let size: usize = files.iter().map(|(_, text)| text.len()).sum();
    let largest = files.iter().max_by_key(|(_, text)| text.len()).and_then(|(name, _)| app.files.get(name.as_str()));
    if let Some(file) = largest.filter(|_| size > MAX_FILES) {
        let message = format!(
            "the files of `{name}` have {} KiB, which exceeds the ConfigMap limit of {} KiB",
            size >> 10,
            MAX_FILES >> 10
        );
        let diagnostic = Diagnostic::new(Code::InvalidValue, file.name.span, message);
        diagnostics.push(diagnostic.help("store large files on a volume"));
    }
}

/// The name of the Secret with the user name and password for HTTP basic authentication.
fn login_secret(app: &Name) -> String {
    format!("{app}-login")
}

/// The Secret with the secret variables of an app, which has the app's name. If a value is part of a longer text,
/// all keys come from a template.
fn variables_secret(app: &Name, values: &[SecretValue]) -> Option<ExternalSecret> {
    if values.is_empty() {
        return None;
    }
    let data = values.iter().map(|value| (value.key.clone(), value.stored.clone())).collect();
    let mut secret = ExternalSecret::new(app, data);
    if values.iter().any(|value| value.text.is_some()) {
        let plain = |value: &SecretValue| format!("{{{{ index . \"{}\" }}}}", value.key);
        let template = |value: &SecretValue| (value.key.clone(), value.text.clone().unwrap_or_else(|| plain(value)));
        secret.template = values.iter().map(template).collect();
    }
    Some(secret)
}
