//! Volumes: each is of one kind, stands at a place of its own, and is there.

use crate::platform::{self, Context};
use crate::spec::types::MountPath;
use crate::spec::{App, AppBackup, Entry, Given as _, Spanned, Spec, Volume};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// Names of volumes that the generator gives itself.
const OWN: [&str; 2] = ["tmp", "files"];

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for cluster in &spec.clusters {
        let context = Context::new(spec, cluster);
        for app in &cluster.value.apps {
            judge_names(app, faults);
            judge_mounts(app, faults);
            for volume in &app.value.storage {
                judge_kind(app, volume, faults);
                judge_share(volume, &context, faults);
            }
            judge_writers(app, &context, faults);
            judge_backup(app, faults);
        }
    }
}

/// What a volume is, and where the spec says so.
fn kinds(volume: &Volume) -> Vec<(&'static str, Span)> {
    let size = volume.size.as_ref().map(|size| ("size", size.span));
    let nfs = volume.nfs.as_ref().map(|nfs| ("nfs", nfs.span));
    let scratch = volume.scratch.as_ref().map(|scratch| ("scratch", scratch.span));
    let device = volume.device.as_ref().map(|device| ("device", device.span));
    [size, nfs, scratch, device].into_iter().flatten().collect()
}

fn judge_kind(app: &Entry<App>, volume: &Entry<Volume>, faults: &mut Diagnostics) {
    let name = &volume.name;
    match kinds(&volume.value).as_slice() {
        [] => {
            let message = format!("the volume `{}` does not say what it is", name.value);
            let help = "add `size` for storage of its own, `nfs` for a folder of network storage, `scratch` for space \
                        that is gone with the pod, or `device` for a device of the node";
            faults.push(Diagnostic::new(Code::MissingField, name.span, message).help(help));
        }
        [(kind, _)] => judge_extras(volume, kind, faults),
        [(first, span), (second, other), ..] => {
            let message = format!("the volume `{}` has both `{first}` and `{second}`", name.value);
            let fault = Diagnostic::new(Code::InvalidValue, *other, message).related(*span, "the other");
            faults.push(fault.help("keep one of them"));
        }
    }
    let mut mounts = app.value.containers().filter_map(|parts| parts.mounts);
    let beside = mounts.any(|mounts| mounts.get(name.as_str()).is_some());
    if volume.value.mount.is_none() && volume.value.device.is_none() && !beside {
        let message = format!("the volume `{}` is mounted nowhere", name.value);
        faults.push(
            Diagnostic::new(Code::MissingField, name.span, message)
                .help("add `mount: PATH`, where the container sees it"),
        );
    }
}

/// Class and sharing belong to storage of an app's own.
fn judge_extras(volume: &Entry<Volume>, kind: &str, faults: &mut Diagnostics) {
    if kind == "size" {
        return;
    }
    let class = volume.value.class.as_ref().map(|class| ("class", class.span));
    let shared = volume.value.shared.as_ref().map(|shared| ("shared", shared.span));
    for (field, span) in class.into_iter().chain(shared) {
        let message = format!("`{field}` means nothing to a volume with `{kind}`");
        faults.push(Diagnostic::new(Code::FieldWithoutEffect, span, message).help(format!("remove `{field}`")));
    }
}

/// The network storage exists and exports a volume.
fn judge_share(volume: &Entry<Volume>, context: &Context<'_>, faults: &mut Diagnostics) {
    let Some(share) = &volume.value.nfs else { return };
    let known = &context.spec.storage;
    let Some(storage) = known.get(&share.storage) else {
        super::references::judge_name("storage", &share.storage, share.span, known, faults);
        return;
    };
    if storage.value.nfs.is_none() {
        let message = format!("the storage `{}` exports nothing by NFS", share.storage);
        let fault =
            Diagnostic::new(Code::UnknownReference, share.span, message).related(storage.name.span, "the storage");
        faults.push(fault.of_absence().help("give the storage `nfs: VOLUME`, such as /volume1"));
    }
}

fn judge_names(app: &Entry<App>, faults: &mut Diagnostics) {
    for volume in &app.value.storage {
        if OWN.contains(&volume.name.as_str()) {
            let message =
                format!("`{}` is the name of a volume that the generator adds where one is needed", volume.name.value);
            faults.push(Diagnostic::new(Code::NameTaken, volume.name.span, message).help("rename the volume"));
        }
    }
}

/// Each volume and each file has a place of its own in a container.
fn judge_mounts(app: &Entry<App>, faults: &mut Diagnostics) {
    let volumes =
        app.value.storage.iter().filter_map(|volume| volume.value.mount.as_ref().or(volume.value.device.as_ref()));
    let own: Vec<_> = volumes.chain(app.value.files.iter().map(|file| &file.value.path)).collect();
    for parts in app.value.containers() {
        let mounts: Option<Vec<_>> = parts.mounts.map(|mounts| mounts.iter().map(|mount| &mount.value).collect());
        let read_only = parts.security.and_then(|security| security.read_only.as_ref()).filter(|only| only.value);
        judge_places(mounts.as_ref().unwrap_or(&own), read_only, faults);
    }
}

fn judge_places(mounts: &[&Spanned<MountPath>], read_only: Option<&Spanned<bool>>, faults: &mut Diagnostics) {
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
            let fault =
                Diagnostic::new(Code::InvalidValue, mount.span, message).related(read_only.span, "asked for here");
            faults.push(fault.help("mount the volume elsewhere, or leave it out"));
        }
    }
}

/// Several pods write only to storage that several nodes mount.
fn judge_writers(app: &Entry<App>, context: &Context<'_>, faults: &mut Diagnostics) {
    let replicas = app.value.replicas.as_ref().filter(|replicas| replicas.get() > 1);
    let rolling = app.value.strategy.as_ref().filter(|strategy| strategy.value == crate::spec::Strategy::Rolling);
    for volume in app.value.storage.iter().filter(|volume| volume.value.size.is_some()) {
        let shared = volume.value.shared.as_ref().filter(|shared| shared.value);
        if let Some(shared) = shared {
            judge_shared(volume, shared, context, faults);
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
fn judge_backup(app: &Entry<App>, faults: &mut Diagnostics) {
    let volume = app.value.storage.iter().find(|volume| volume.value.size.is_some());
    let backup = app.value.backup.as_ref().filter(|backup| backup.value == AppBackup::Volumes);
    if let Some(backup) =
        backup.filter(|_| volume.is_none() && app.value.storage.is_complete() && app.value.helm.is_none())
    {
        let message = format!("`{}` has no volume with a `size` that could be backed up", app.name.value);
        let fault = Diagnostic::new(Code::FieldWithoutEffect, backup.span, message);
        faults.push(fault.help("remove `backup`; network storage and scratch space are not taken along"));
    }
    if let Some(volume) = volume.filter(|_| app.value.backup.is_none()) {
        let message = format!("nothing backs up the volumes of `{}`", app.name.value);
        let fault = Diagnostic::new(Code::BackupMissing, volume.name.span, message);
        faults.push(fault.help("add `backup: volumes` to the app, or `backup: none` if that is meant"));
    }
}

fn judge_shared(volume: &Entry<Volume>, shared: &Spanned<bool>, context: &Context<'_>, faults: &mut Diagnostics) {
    let default = context.storage().map_or(platform::LOCAL_CLASS.to_owned(), |storage| storage.default_class(context));
    let class = volume.value.class.given().map_or(default, ToString::to_string);
    if class == platform::LOCAL_CLASS {
        let message = format!("`{class}` is the disk of one node: no other mounts it");
        let fault = Diagnostic::new(Code::SingleWriterVolume, shared.span, message);
        faults.push(fault.help("choose a `class` on network storage, or remove `shared`"));
    }
}
