//! Volumes: each is of one kind, stands at a place of its own, and is there.

use crate::pods::OWN_VOLUMES;
use crate::rules::known::check_name;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::LOCAL_CLASS;
use platform::{Context, default_class};
use spec::types::MountPath;
use spec::{App, AppBackup, ClaimVolume, ContainerApp, Entry, Spanned, Strategy, Volume};

pub(super) fn check(app: &Entry<App>, context: &Context<'_>, faults: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    check_names(container, faults);
    check_mounts(container, faults);
    for volume in &container.storage {
        check_use(container, volume, faults);
        check_share(volume, context, faults);
    }
    check_writers(app, container, context, faults);
    check_backup(app, container, faults);
}

/// Some container mounts the volume.
fn check_use(container: &ContainerApp, volume: &Entry<Volume>, faults: &mut Diagnostics) {
    let name = &volume.name;
    let mut mounts = container.helpers().filter_map(|parts| parts.mounts);
    let beside = mounts.any(|mounts| mounts.get(name.as_str()).is_some());
    if volume.value.mount().is_none() && !beside {
        let message = format!("the volume `{}` is mounted nowhere", name.value);
        faults.push(
            Diagnostic::new(Code::MissingField, name.span, message)
                .help("add `mount: PATH`, where the container sees it"),
        );
    }
}

/// The network storage exists and exports a volume.
fn check_share(volume: &Entry<Volume>, context: &Context<'_>, faults: &mut Diagnostics) {
    let Volume::Nfs(nfs) = &volume.value else { return };
    let share = &nfs.nfs;
    let known = &context.spec.storage;
    let Some(storage) = known.get(&share.storage) else {
        check_name("storage", &share.storage, share.span, known, faults);
        return;
    };
    if storage.value.nfs.is_none() {
        let message = format!("the storage `{}` exports nothing by NFS", share.storage);
        let fault =
            Diagnostic::new(Code::UnknownReference, share.span, message).related(storage.name.span, "the storage");
        faults.push(fault.of_absence().help("give the storage `nfs: VOLUME`, such as /volume1"));
    }
}

fn check_names(app: &ContainerApp, faults: &mut Diagnostics) {
    for volume in &app.storage {
        if OWN_VOLUMES.contains(&volume.name.as_str()) {
            let message =
                format!("`{}` is the name of a volume that the generator adds where one is needed", volume.name.value);
            faults.push(Diagnostic::new(Code::NameTaken, volume.name.span, message).help("rename the volume"));
        }
    }
}

/// Each volume and each file has a place of its own in a container.
fn check_mounts(app: &ContainerApp, faults: &mut Diagnostics) {
    let volumes = app.storage.iter().filter_map(|volume| volume.value.mount());
    let own: Vec<_> = volumes.chain(app.files.iter().map(|file| &file.value.path)).collect();
    for parts in app.containers() {
        let mounts: Option<Vec<_>> = parts.mounts.map(|mounts| mounts.iter().map(|mount| &mount.value).collect());
        let read_only = parts.security.and_then(|security| security.read_only.on());
        check_places(mounts.as_ref().unwrap_or(&own), read_only, faults);
    }
}

fn check_places(mounts: &[&Spanned<MountPath>], read_only: Option<Span>, faults: &mut Diagnostics) {
    let mut taken: Vec<(&str, Span)> = Vec::new();
    for mount in mounts {
        if let Some((_, first)) = taken.iter().find(|(other, _)| *other == mount.as_str()) {
            let message = format!("two things are mounted at {}", mount.value);
            let fault = Diagnostic::new(Code::InvalidValue, mount.span, message).related(*first, "first here");
            faults.push(fault.help("give each a place of its own"));
        }
        taken.push((mount.as_str(), mount.span));
        if let Some(read_only) = read_only.filter(|_| mount.as_str() == "/tmp") {
            let message = "a read-only root file system brings a volume at /tmp";
            let fault = Diagnostic::new(Code::InvalidValue, mount.span, message).related(read_only, "asked for here");
            faults.push(fault.help("mount the volume elsewhere, or leave it out"));
        }
    }
}

/// Several pods write only to storage that several nodes mount.
fn check_writers(app: &Entry<App>, container: &ContainerApp, context: &Context<'_>, faults: &mut Diagnostics) {
    let replicas = container.replicas.spanned().filter(|replicas| replicas.get() > 1);
    let rolling = container.strategy.as_ref().filter(|strategy| strategy.value == Strategy::Rolling);
    for volume in &container.storage {
        let Some(claim) = volume.value.claim() else { continue };
        if let Some(shared) = claim.shared.on() {
            check_shared(claim, shared, context, faults);
            continue;
        }
        let several = replicas.map(|replicas| (replicas.span, format!("{} pods", replicas.value)));
        let overlapping = rolling.map(|rolling| (rolling.span, "the old and the new pod".to_owned()));
        if let Some((span, who)) = several.or(overlapping) {
            let message = format!(
                "{who} of `{}` would write to its volume `{}`, which one node mounts",
                app.name.value, volume.name.value
            );
            let fault =
                Diagnostic::new(Code::SingleWriterVolume, span, message).related(volume.name.span, "the volume");
            faults.push(fault.help(
                "keep one pod and `strategy: recreate`, or put the volume on network storage with `shared: true`",
            ));
        }
    }
}

/// What holds data is backed up, or says that it is not.
fn check_backup(app: &Entry<App>, container: &ContainerApp, faults: &mut Diagnostics) {
    let volume = container.storage.iter().find(|volume| volume.value.claim().is_some());
    let backup = container.backup.as_ref().filter(|backup| backup.value == AppBackup::Volumes);
    if let Some(backup) = backup.filter(|_| volume.is_none() && container.storage.is_complete()) {
        let message = format!("`{}` has no volume with a `size` that could be backed up", app.name.value);
        let fault = Diagnostic::new(Code::FieldWithoutEffect, backup.span, message);
        faults.push(fault.help("remove `backup`; network storage and scratch space are not taken along"));
    }
    if let Some(volume) = volume.filter(|_| container.backup.is_none()) {
        let message = format!("nothing backs up the volumes of `{}`", app.name.value);
        let fault = Diagnostic::new(Code::BackupMissing, volume.name.span, message);
        faults.push(fault.help("add `backup: volumes` to the app, or `backup: none` if that is meant"));
    }
}

fn check_shared(volume: &ClaimVolume, shared: Span, context: &Context<'_>, faults: &mut Diagnostics) {
    let class = volume.class.as_ref().map_or_else(|| default_class(context), |class| class.value.clone());
    if class.as_str() == LOCAL_CLASS {
        let message = format!("`{class}` is the disk of one node: no other mounts it");
        let fault = Diagnostic::new(Code::SingleWriterVolume, shared, message);
        faults.push(fault.help("choose a `class` on network storage, or remove `shared`"));
    }
}
