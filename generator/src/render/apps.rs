//! An app as files: its unit, and a unit before it for its secrets.

use super::Page;
use super::engine::{DEPLOYMENT, Engine, INGRESS, SERVICE, VOLUME_CLAIM};
use super::units::{FluxUnit, Folder, FolderFile, FolderFiles, external_secret, namespace};
use crate::lab::{Amount, App, Env, Exposure, Namespace, Tls, Volume};
use crate::platform::INGRESS_CLASS;
use minijinja::context;
use minijinja::value::Serde;
use serde::Serialize;

/// How often the startup probe asks, in seconds.
const STARTUP_PERIOD: u32 = 5;

pub(super) fn pages(cluster: &str, app: &App, engine: &Engine) -> Result<Vec<Page>, String> {
    let mut pages = Vec::new();
    if !app.secrets.is_empty() {
        pages = secrets(cluster, app, engine)?;
    }
    let mut files = FolderFiles::new();
    if app.secrets.is_empty() {
        files.push(namespace(&Namespace::existing(&app.name), app.pod_security, engine)?);
    }
    files.push(FolderFile::new("deployment.yaml", deployment(app, engine)?));
    if app.port.is_some() {
        files.push(FolderFile::new("service.yaml", engine.page(SERVICE, context! { name => app.name.as_str() })?));
    }
    if let Some(exposure) = &app.exposure {
        files.push(FolderFile::new("ingress.yaml", ingress(app, exposure, engine)?));
    }
    for volume in &app.volumes {
        let claim = context! {
            claim => volume.claim.as_str(),
            namespace => app.name.as_str(),
            class => volume.class.as_str(),
            size => volume.size.as_str(),
        };
        files.push(FolderFile::new(
            format!("persistentvolumeclaim-{}.yaml", volume.name),
            engine.page(VOLUME_CLAIM, claim)?,
        ));
    }
    files.extend(app.manifests.iter().map(|manifest| FolderFile::copy(manifest, engine)));
    let folder = Folder { cluster, unit: &app.name, folder: &format!("apps/{}", app.name) };
    let flux = FluxUnit { depends_on: &app.depends_on, wait: app.wait, health: &[] };
    pages.extend(folder.pages(files, &app.patches, flux, engine)?);
    Ok(pages)
}

/// The namespace and what comes from the store: there before anything that mounts it.
fn secrets(cluster: &str, app: &App, engine: &Engine) -> Result<Vec<Page>, String> {
    let files = vec![
        namespace(&Namespace::existing(&app.name), app.pod_security, engine)?,
        external_secret(&app.name, &app.secret(), engine)?,
    ];
    let folder = Folder { cluster, unit: &app.secrets_unit(), folder: &format!("secrets/{}", app.name) };
    folder.pages(files, &[], FluxUnit { depends_on: &app.secrets_depend_on, wait: true, health: &[] }, engine)
}

fn ingress(app: &App, exposure: &Exposure, engine: &Engine) -> Result<String, String> {
    let annotations: Vec<_> = exposure
        .annotations
        .iter()
        .map(|(key, value)| context! { key => key.as_str(), value => value.as_str() })
        .collect();
    let context = context! {
        name => app.name.as_str(),
        class => INGRESS_CLASS,
        host => exposure.host.as_str(),
        public => exposure.public,
        has_tls => exposure.tls != Tls::None,
        has_own_certificate => matches!(exposure.tls, Tls::Own(_)),
        annotations,
    };
    engine.page(INGRESS, context)
}

/// What the template of a Deployment is given.
#[derive(Serialize)]
struct Deployment<'a> {
    name: &'a str,
    description: Option<&'a str>,
    replicas: u32,
    strategy: &'static str,
    root: bool,
    user: Option<u32>,
    group: Option<u32>,
    image: &'a str,
    command: &'a [String],
    args: &'a [String],
    env: &'a [Env],
    port: Option<u16>,
    health_path: Option<&'a str>,
    startup_failures: u32,
    requests: &'a [Amount],
    limits: &'a [Amount],
    read_only: bool,
    capabilities: &'a [String],
    volumes: &'a [Volume],
}

fn deployment(app: &App, engine: &Engine) -> Result<String, String> {
    let context = Deployment {
        name: &app.name,
        description: app.description.as_deref(),
        replicas: app.replicas,
        // A volume that one node mounts cannot be handed over to a second pod.
        strategy: if app.volumes.is_empty() { "RollingUpdate" } else { "Recreate" },
        root: app.root,
        user: app.user,
        group: app.group,
        image: &app.image,
        command: &app.command,
        args: &app.args,
        env: &app.env,
        port: app.port,
        health_path: app.health_path.as_deref(),
        startup_failures: app.startup_seconds.div_ceil(STARTUP_PERIOD),
        requests: &app.requests,
        limits: &app.limits,
        read_only: app.read_only,
        capabilities: &app.capabilities,
        volumes: &app.volumes,
    };
    engine.page(DEPLOYMENT, Serde(context).into())
}
