//! How requests reach an app, and what it uses, for its picture.

use crate::AppMaker;
use crate::placement::{Constraint, candidates};
use crate::pods::{SERVED_PORT, service_ports};
use model::{DatabaseUse, Flow, Service, VolumePlace, VolumeUse};
use platform::DatabaseAccess;
use spec::types::Name;
use spec::{
    App, AppBackup, AppLogin, ContainerApp, DatabaseField, Entry, EnvSource, EnvValue, Given as _, HelmApp, Protocol,
    Volume,
};

/// Returns how an app is connected.
pub(crate) fn of(maker: &AppMaker<'_>, access: Option<&DatabaseAccess>) -> Flow {
    let app = maker.app();
    let flow = match app {
        App::Container(container) => of_container(maker, container),
        App::Jobs(jobs) => of_container(maker, &jobs.0),
        App::Helm(helm) => of_helm(maker, helm),
    };
    let database = app.database().as_ref().zip(access);
    Flow {
        database: database
            .map(|(reference, access)| DatabaseUse { cluster: reference.cluster.clone(), name: access.name.clone() }),
        secrets: secrets(app, access),
        login: app.login().and_then(AppLogin::provider).map(|provider| provider.value.clone()),
        ..flow
    }
}

fn of_container(maker: &AppMaker<'_>, app: &ContainerApp) -> Flow {
    let is_backed_up = app.backup.given() == Some(&AppBackup::Volumes);
    let security = app.security.given();
    let user = security.and_then(|security| {
        let id = security.user.given().map(|id| id.get());
        id.or_else(|| security.root.is_on().then_some(0))
    });
    let is_bound = !Constraint::all(app).is_empty();
    let nodes = if is_bound { candidates(app, maker.context.cluster) } else { Vec::new() };
    let is_everywhere = nodes.len() == maker.context.cluster.nodes.iter().count();
    Flow {
        service: service(maker.name(), app),
        user,
        replicas: if app.image.is_some() { app.replicas.get().get() } else { 0 },
        gpu: app.gpu.is_on(),
        host_network: app.host_network.is_on(),
        nodes: nodes.into_iter().filter(|_| !is_everywhere).map(|node| node.name.value.clone()).collect(),
        jobs: app.jobs.iter().map(|job| (job.name.value.clone(), job.value.schedule.value.clone())).collect(),
        volumes: app.storage.iter().filter_map(|entry| volume(maker, app, entry, is_backed_up)).collect(),
        ..Flow::default()
    }
}

fn service(name: &Name, app: &ContainerApp) -> Option<Service> {
    let main = app.port.iter().map(|port| (SERVED_PORT, Some(port.get()), Protocol::Tcp));
    let others = app.other_ports().filter(|port| !app.is_main_port(&port.value));
    let others = service_ports(others).map(|port| (port.served, Some(port.port), port.protocol));
    let ports: Vec<_> = main.chain(others).filter(|_| app.image.is_some()).collect();
    (!ports.is_empty()).then(|| Service { name: name.into(), ports })
}

fn volume(maker: &AppMaker<'_>, app: &ContainerApp, entry: &Entry<Volume>, is_backed_up: bool) -> Option<VolumeUse> {
    let context = maker.context;
    let source = match &entry.value {
        Volume::Claim(claim) => {
            let class = claim.class.as_ref().map(|class| class.value.clone());
            let class = class.unwrap_or_else(|| platform::default_class(context));
            VolumePlace::Claim { size: claim.size.value, storage: platform::storage_of(&class, context), class }
        }
        Volume::Nfs(share) => {
            let share = &share.nfs.value;
            let storage = &context.spec.storage.get(share.storage.as_str())?.value;
            let path = format!("{}/{}", storage.export()?.value, share.path);
            VolumePlace::Share { storage: share.storage.clone(), path: path.into() }
        }
        Volume::Folder(folder) => VolumePlace::Folder(folder.folder.value.clone()),
        Volume::Scratch(scratch) => VolumePlace::Scratch(scratch.scratch.value),
        Volume::Device(device) => VolumePlace::Device(device.device.value.clone()),
    };
    Some(VolumeUse {
        name: entry.name.value.clone(),
        mount: app.mount(entry).map(|mount| mount.value.clone()),
        read_only: entry.value.is_read_only(),
        backup: is_backed_up && entry.value.claim().is_some_and(|claim| claim.backup.is_on()),
        source,
    })
}

fn of_helm(maker: &AppMaker<'_>, app: &HelmApp) -> Flow {
    let service = app.expose.as_ref().map(|_| Service {
        name: maker.helm_service(app).into(),
        ports: vec![(app.helm.service_port.get().get(), None, Protocol::Tcp)],
    });
    Flow { service, ..Flow::default() }
}

/// The secret entries that an app reads, by name.
fn secrets(app: &App, access: Option<&DatabaseAccess>) -> Vec<Name> {
    let of_variable = |value: &EnvValue| match value {
        EnvValue::From(EnvSource::Secret(secret)) => Some(secret.value.entry.clone()),
        EnvValue::From(EnvSource::Database(field)) if has_password(field.value) => {
            access.map(|access| access.password.entry.clone())
        }
        EnvValue::From(EnvSource::Database(_)) | EnvValue::Text(_) => None,
    };
    let of_variables = app.variables().filter_map(|(.., value)| of_variable(&value.value));
    let of_files = app.secret_files().map(|(_, secret)| secret.value.entry.clone());
    let of_login = app.login().into_iter().flat_map(AppLogin::secrets).map(|secret| secret.value.entry.clone());
    let mut entries: Vec<_> = of_variables.chain(of_files).chain(of_login).collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn has_password(field: DatabaseField) -> bool {
    matches!(field, DatabaseField::Password | DatabaseField::Url)
}
