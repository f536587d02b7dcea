//! An app as files: its unit, and a unit before it for its secrets.

use super::engine::{
    CONFIG_MAP, CRON_JOB, DEPLOYMENT, Engine, IMAGE_POLICY, IMAGE_REPOSITORY, INGRESS, LAN_SERVICE, POLICY, ROLE,
    SERVICE, SERVICE_ACCOUNT, VOLUME_CLAIM,
};
use super::units::{FluxUnit, Folder, FolderFile, FolderFiles, external_secret, helm, namespace};
use super::{Page, docs};
use crate::lab::{Access, App, Containers, Exposure, Job, LanService, Namespace, Pod, Tls, Workload};
use crate::platform::INGRESS_CLASS;
use crate::spec::Strategy;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

pub(super) fn pages(cluster: &str, app: &App, engine: &Engine) -> Result<Vec<Page>, String> {
    let mut pages = Vec::new();
    if app.has_secrets() {
        pages = secrets(cluster, app, engine)?;
    }
    let mut files = FolderFiles::new();
    if !app.has_secrets() {
        files.push(namespace(&Namespace::existing(&app.name), app.pod_security, engine)?);
    }
    match &app.workload {
        Workload::Containers(containers) => files.extend(containers_files(app, containers, engine)?),
        Workload::Chart { release, .. } => files.extend(helm(&app.name, release, engine)?),
    }
    if let Some(exposure) = &app.exposure {
        files.push(FolderFile::new("ingress.yaml", ingress(app, exposure, engine)?));
        if let Some(policy) = &exposure.policy {
            let context =
                context! { app => app.name.as_str(), name => policy.name.as_str(), networks => &policy.networks };
            files.push(FolderFile::new("policy.yaml", engine.page(POLICY, context)?));
        }
    }
    files.extend(app.manifests.iter().map(|manifest| FolderFile::copy(manifest, engine)));
    let folder = Folder { cluster, unit: &app.name, folder: &format!("apps/{}", app.name) };
    let flux = FluxUnit { depends_on: &app.depends_on, wait: app.wait, health: &[] };
    pages.extend(folder.pages(files, &app.patches, flux, engine)?);
    pages.push(docs::app(cluster, app, engine)?);
    Ok(pages)
}

/// The namespace and what comes from the store: there before anything that mounts it.
fn secrets(cluster: &str, app: &App, engine: &Engine) -> Result<Vec<Page>, String> {
    let mut files = vec![namespace(&Namespace::existing(&app.name), app.pod_security, engine)?];
    for secret in app.external_secrets() {
        files.push(external_secret(&app.name, &secret, engine)?);
    }
    let folder = Folder { cluster, unit: &app.secrets_unit(), folder: &format!("secrets/{}", app.name) };
    folder.pages(files, &[], FluxUnit { depends_on: &app.secrets_depend_on, wait: true, health: &[] }, engine)
}

fn containers_files(app: &App, containers: &Containers, engine: &Engine) -> Result<FolderFiles, String> {
    let name = app.name.as_str();
    let mut files = vec![FolderFile::new("deployment.yaml", deployment(app, containers, engine)?)];
    if !containers.ports.is_empty() {
        let service = context! { name, ports => Serde(&containers.ports) };
        files.push(FolderFile::new("service.yaml", engine.page(SERVICE, service)?));
    }
    if let Some(lan) = &containers.lan {
        files.push(FolderFile::new("service-lan.yaml", lan_service(name, lan, engine)?));
    }
    if !containers.files.is_empty() {
        let config = context! { name, files => Serde(&containers.files) };
        files.push(FolderFile::new("configmap.yaml", engine.page(CONFIG_MAP, config)?));
    }
    for claim in &containers.claims {
        let context = context! { app => name, claim => Serde(claim) };
        files.push(FolderFile::new(
            format!("persistentvolumeclaim-{}.yaml", claim.volume),
            engine.page(VOLUME_CLAIM, context)?,
        ));
    }
    for job in &containers.jobs {
        files.push(FolderFile::new(format!("cronjob-{}.yaml", job.name), cron_job(name, job, engine)?));
    }
    if let Some(update) = &containers.update {
        files.push(FolderFile::new("imagerepository.yaml", engine.page(IMAGE_REPOSITORY, Serde(update).into())?));
        files.push(FolderFile::new("imagepolicy.yaml", engine.page(IMAGE_POLICY, Serde(update).into())?));
    }
    if let Some(access) = &containers.access {
        files.push(FolderFile::new("serviceaccount.yaml", engine.page(SERVICE_ACCOUNT, context! { name })?));
        files.push(FolderFile::new("role.yaml", role(name, access, engine)?));
    }
    Ok(files)
}

/// What the template of a Deployment is given.
#[derive(Serialize)]
struct Deployment<'a> {
    name: &'a str,
    description: Option<&'a str>,
    replicas: u32,
    strategy: &'static str,
    files: Option<String>,
    pod: &'a Pod,
}

fn deployment(app: &App, containers: &Containers, engine: &Engine) -> Result<String, String> {
    let context = Deployment {
        name: &app.name,
        description: app.description.as_deref(),
        replicas: containers.replicas,
        strategy: match containers.strategy {
            Strategy::Recreate => "Recreate",
            Strategy::Rolling => "RollingUpdate",
        },
        files: (!containers.files.is_empty()).then(|| fingerprint(containers)),
        pod: &containers.pod,
    };
    engine.page(DEPLOYMENT, Serde(context).into())
}

/// Another text for other files, so that a change of one restarts the app. FNV-1a, 64 bits: it need
/// not be secure, only the same everywhere.
fn fingerprint(containers: &Containers) -> String {
    let texts = containers.files.iter().flat_map(|file| [file.name.as_bytes(), &[0], file.text.as_bytes(), &[0]]);
    let hash = texts
        .flatten()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

fn lan_service(name: &str, lan: &LanService, engine: &Engine) -> Result<String, String> {
    engine.page(LAN_SERVICE, context! { name, address => lan.address.to_string(), ports => Serde(&lan.ports) })
}

fn cron_job(app: &str, job: &Job, engine: &Engine) -> Result<String, String> {
    let context = context! {
        app,
        name => format!("{app}-{}", job.name),
        schedule => job.schedule.as_str(),
        timezone => job.timezone.as_str(),
        pod => Serde(&job.pod),
    };
    engine.page(CRON_JOB, context)
}

fn role(name: &str, access: &Access, engine: &Engine) -> Result<String, String> {
    let (kind, binding) = access.kinds();
    let rules: Vec<_> = access
        .rules
        .iter()
        .map(|rule| {
            let groups = if rule.groups.is_empty() { vec![String::new()] } else { rule.groups.clone() };
            context! { groups, resources => rule.resources.to_vec(), verbs => rule.verbs.to_vec() }
        })
        .collect();
    engine.page(
        ROLE,
        context! { name, role => access.role(name), kind, binding, cluster_wide => access.cluster_wide, rules },
    )
}

fn ingress(app: &App, exposure: &Exposure, engine: &Engine) -> Result<String, String> {
    let annotations: Vec<_> = exposure
        .annotations
        .iter()
        .map(|(key, value)| context! { key => key.as_str(), value => value.as_str() })
        .collect();
    let (service, port) = app.service();
    let context = context! {
        name => app.name.as_str(),
        class => INGRESS_CLASS,
        host => exposure.host.as_str(),
        public => exposure.public,
        has_tls => exposure.tls != Tls::None,
        has_own_certificate => matches!(exposure.tls, Tls::Own(_)),
        annotations,
        service,
        port => Serde(port),
    };
    engine.page(INGRESS, context)
}
