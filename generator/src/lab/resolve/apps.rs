//! The apps of a cluster.

use super::super::app::{Access, App, Containers, Job, LanService, TextFile, Workload};
use super::super::dependencies::{Order, Providers, Unmet};
use super::super::files::{self, Files};
use super::super::pins::Pins;
use super::super::unit::{Capability, Chart, ChartSource, Exposure, Need, PodSecurity, Release, Tls};
use super::images::{self, ResolvedImage};
use super::patches;
use super::pods::{Pods, security_level, service_ports};
use crate::platform::{self, Context, DatabaseAccess, Reach};
use crate::spec::{self, Entry, Given as _, Strategy};
use diagnostic::{Code, Diagnostic, Diagnostics};
use yaml::Value;

/// What resolving the apps of a cluster looks at.
pub(super) struct Apps<'a> {
    pub(super) cluster: &'a Entry<spec::Cluster>,
    pub(super) context: &'a Context<'a>,
    pub(super) providers: &'a Providers,
    pub(super) order: &'a Order,
    pub(super) files: &'a Files,
    pub(super) pins: &'a Pins,
}

impl Apps<'_> {
    pub(super) fn resolve(&self, entry: &Entry<spec::App>, unmet: &mut Unmet, faults: &mut Diagnostics) -> App {
        let app = &entry.value;
        let access = self.access(entry, faults);
        let cluster = self.cluster.name.as_str();
        let image =
            app.image.as_ref().map(|image| images::resolve(cluster, entry.name.as_str(), image, self.pins, faults));
        let pods = Pods { entry, context: self.context, access: access.as_ref(), image: image.unwrap_or_default() };
        let exposure = app.expose.as_ref().map(|expose| self.exposure(entry, expose, faults));
        let (workload, pod_security) = match &app.helm {
            Some(helm) => chart(entry.name.as_str(), helm),
            None => self.containers(app, &pods, faults),
        };
        let login = app.expose.as_ref().and_then(|expose| expose.login.as_ref());
        let mut resolved = App {
            name: entry.name.to_string(),
            description: app.description.clone(),
            workload,
            secrets: pods.secrets(),
            login: login.map(|login| platform::passwords(self.context, &login_secret(entry.name.as_str()), login)),
            depends_on: self.depends_on(entry, exposure.as_ref(), access.is_some(), unmet),
            exposure,
            pod_security,
            secrets_depend_on: Vec::new(),
            wait: false,
            patches: Vec::new(),
            manifests: files::manifests(&app.manifests, self.files, faults),
        };
        if let Some(span) = app.secret_spans().next() {
            let needs = [Need { capability: Capability::SecretStore, span }];
            let (units, missing) = self.providers.bind(&resolved.secrets_unit(), &needs);
            unmet.add(&resolved.secrets_unit(), missing);
            resolved.secrets_depend_on = units;
        }
        let made = resolved.made();
        resolved.patches = patches::bind(&app.patches, &[&made], faults);
        resolved
    }

    fn containers(&self, app: &spec::App, pods: &Pods<'_>, faults: &mut Diagnostics) -> (Workload, PodSecurity) {
        let pod = pods.main();
        let job = |job: &Entry<spec::Job>| Job {
            name: job.name.to_string(),
            schedule: job.value.schedule.to_string(),
            timezone: self.context.timezone().to_owned(),
            pod: pods.job(job),
        };
        let jobs: Vec<_> = app.jobs.iter().map(job).collect();
        let level = security_level(&[&pod].into_iter().chain(jobs.iter().map(|job| &job.pod)).collect::<Vec<_>>());
        let claims = pods.claims();
        // A volume that one node mounts cannot be handed over to a second pod.
        let default = if claims.iter().all(|claim| claim.shared) && !pod.host_network {
            Strategy::Rolling
        } else {
            Strategy::Recreate
        };
        let containers = Containers {
            update: pods.image.update.clone(),
            replicas: app.replicas.given().map_or(1, |count| count.get()),
            strategy: app.strategy.given().copied().unwrap_or(default),
            ports: pod.containers.first().map(|main| main.ports.clone()).unwrap_or_default(),
            pod,
            lan: lan_service(app, faults),
            claims,
            files: app
                .files
                .iter()
                .map(|file| TextFile { name: file.name.to_string(), text: file.value.text.clone() })
                .collect(),
            jobs,
            access: app.service_account.as_ref().map(|account| Access {
                rules: account.rules.to_vec(),
                cluster_wide: account.cluster_wide.given().copied().unwrap_or(false),
            }),
        };
        (Workload::Containers(Box::new(containers)), level)
    }

    fn exposure(&self, entry: &Entry<spec::App>, expose: &spec::Expose, faults: &mut Diagnostics) -> Exposure {
        let public = expose.public.as_ref().filter(|public| public.value);
        if let Some(public) = public {
            platform::judge_public(self.context, public.span, &format!("`{}`", entry.name.value), faults);
        }
        let reach = if public.is_some() { Reach::Public } else { Reach::Lan };
        let name = entry.name.as_str();
        let service =
            entry.value.helm.as_ref().and_then(|helm| helm.service.as_ref()).map_or(name, |name| name.as_str());
        let mut exposure = platform::exposure(self.context, self.context.full_host(&expose.host), reach, service);
        if expose.login.is_some() {
            platform::ask_for_password(self.context, &login_secret(name), &mut exposure);
        }
        let allowed: Vec<_> = expose.allow.iter().flatten().map(|network| network.to_string()).collect();
        if !allowed.is_empty() {
            platform::allow_only(self.context, name, allowed, &mut exposure);
        }
        exposure
    }

    /// How the app reaches its database.
    fn access(&self, entry: &Entry<spec::App>, faults: &mut Diagnostics) -> Option<DatabaseAccess> {
        let reference = entry.value.database.as_ref()?;
        let peer = self.context.peer(&reference.cluster)?;
        let access = peer.postgres()?.access(&peer, self.cluster.name.as_str(), entry.name.as_str());
        if access.is_none() {
            let message = format!("PostgreSQL of `{}` has no address that other clusters could reach", peer.name.value);
            let fault =
                Diagnostic::new(Code::NeedUnmet, reference.span, message).related(peer.name.span, "that cluster");
            faults.push(fault.of_absence().help("give that cluster a `load-balancer` range of at least two addresses"));
        }
        access
    }

    fn depends_on(
        &self,
        entry: &Entry<spec::App>,
        exposure: Option<&Exposure>,
        has_database: bool,
        unmet: &mut Unmet,
    ) -> Vec<String> {
        let app = &entry.value;
        let mut needs = Vec::new();
        let mut need = |capability, span| needs.push(Need { capability, span });
        if let Some(span) = app.secret_spans().next() {
            need(Capability::Secrets(entry.name.to_string()), span);
        }
        if let (Some(expose), Some(exposure)) = (&app.expose, exposure) {
            need(Capability::Ingress, expose.host.span);
            if exposure.policy.is_some() {
                need(Capability::Api("k8s.nginx.org"), expose.host.span);
            }
            if exposure.tls != Tls::None {
                need(Capability::Issuer, expose.host.span);
            }
        }
        if let Some(reference) = app.database.as_ref().filter(|_| has_database) {
            let here = reference.cluster == self.cluster.name.as_str();
            // Nothing waits across clusters: the app asks again until its database is there.
            let capability = if here { Capability::Database(entry.name.to_string()) } else { Capability::LanNames };
            need(capability, reference.span);
        }
        if let Some(gpu) = app.gpu.as_ref().filter(|gpu| gpu.value) {
            need(Capability::Gpu, gpu.span);
        }
        if let Some(lan) = app.ports.iter().find_map(|port| port.value.lan.as_ref()) {
            need(Capability::LoadBalancer, lan.span);
        }
        for (class, span) in self.classes(entry) {
            let capability = Capability::StorageClass(class);
            if self.providers.has(&capability) {
                need(capability, span);
            }
        }
        // These must be there, but the app does not wait for them: it runs without, and a push that is
        // refused must not keep changes from it.
        let update = app.image.as_ref().and_then(|image| image.update.as_ref());
        let update = update.map(|update| Need { capability: Capability::ImageAutomation, span: update.span });
        let backup = app.backup.as_ref().filter(|backup| backup.value == spec::AppBackup::Volumes);
        let backup = backup.map(|backup| Need { capability: Capability::Backups, span: backup.span });
        let beside: Vec<_> = update.into_iter().chain(backup).collect();
        unmet.add(entry.name.as_str(), self.providers.bind(entry.name.as_str(), &beside).1);
        let known = app.depends_on.iter().filter(|other| self.cluster.value.apps.get(other.as_str()).is_some());
        needs.extend(known.map(|other| Need { capability: Capability::App(other.to_string()), span: other.span }));
        let (mut units, missing) = self.providers.bind(entry.name.as_str(), &needs);
        unmet.add(entry.name.as_str(), missing);
        self.order.reduce(&mut units);
        units
    }

    /// The storage classes of the app's volumes, and where each is asked for.
    fn classes(&self, entry: &Entry<spec::App>) -> Vec<(String, diagnostic::Span)> {
        let pods = Pods { entry, context: self.context, access: None, image: ResolvedImage::default() };
        let span = |name: &str| {
            let volume = entry.value.storage.get(name);
            volume.map_or(entry.name.span, |volume| {
                volume.value.class.as_ref().map_or(volume.name.span, |class| class.span)
            })
        };
        pods.claims().into_iter().map(|claim| (claim.class, span(&claim.volume))).collect()
    }
}

/// The Secret with the name and the password that visitors must give.
fn login_secret(app: &str) -> String {
    format!("{app}-login")
}

fn chart(app: &str, helm: &spec::HelmApp) -> (Workload, PodSecurity) {
    let name = helm.chart.to_string();
    let repository = helm.repository.as_str();
    let source = if repository.starts_with("oci://") {
        ChartSource::Oci(format!("{repository}/{name}").into())
    } else {
        ChartSource::Http(repository.to_owned().into())
    };
    let chart = Chart { name: name.into(), source, version: helm.version.to_string().into(), schema_is_remote: false };
    let service = helm.service.as_ref().map_or(app.to_owned(), |service| service.to_string());
    let release = Release {
        name: app.to_owned(),
        version: helm.version.to_string(),
        chart,
        values: None,
        overrides: Value::of_entries(helm.values.clone()),
        post_render: None,
        brings: vec![("Service", service.clone())],
    };
    let port = helm.service_port.given().map_or(80, |port| port.get());
    let level = helm.pod_security.given().copied().unwrap_or(PodSecurity::Baseline);
    (Workload::Chart { release: Box::new(release), service, port }, level)
}

/// The ports that the LAN reaches: all at one address.
fn lan_service(app: &spec::App, faults: &mut Diagnostics) -> Option<LanService> {
    let mut addresses = app.ports.iter().filter_map(|port| port.value.lan.as_ref());
    let first = addresses.next()?;
    for other in addresses.filter(|other| other.value != first.value) {
        let message = format!("{} and {} are two addresses of one app", first.value, other.value);
        let fault = Diagnostic::new(Code::InvalidValue, other.span, message).related(first.span, "the other address");
        faults.push(fault.help("give all its ports the same address"));
    }
    Some(LanService { address: first.value, ports: service_ports(&app.ports, |port| port.lan.is_some()) })
}
