//! Volumes: mounts, references to storage, access from several pods, and backups.

use crate::placement::candidates;
use crate::pods::OWN_VOLUMES;
use crate::rules::known::check_name;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::WithDefaults as _;
use model::contract::LOCAL_CLASS;
use platform::{Context, default_class, is_nfs};
use spec::defaults::CONTAINER;
use spec::types::{MountPath, ShareRef, Size};
use spec::{
    App, AppBackup, AppFile, ClaimVolume, ContainerApp, Entries, Entry, Medium, Parts, Spanned, Spec, Strategy, Volume,
};

pub(super) fn check(app: &Entry<App>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let Some(container) = app.value.container() else { return };
    check_names(container, diagnostics);
    container.files.iter().for_each(|file| check_file(container, file, diagnostics));
    check_mounts(container, diagnostics);
    for volume in &container.storage {
        check_use(container, volume, diagnostics);
        check_share(volume, context, diagnostics);
        check_nfs(app, container, volume, context, diagnostics);
        check_memory(container, volume, diagnostics);
    }
    check_writers(app, container, context, diagnostics);
    check_backup(app, container, diagnostics);
}

/// Whether the names of all mounts could be read.
fn all_mounts_are_read(container: &ContainerApp) -> bool {
    container.helpers().filter_map(|parts| parts.mounts).all(Entries::is_complete)
}

/// Checks that some container mounts a volume.
fn check_use(container: &ContainerApp, volume: &Entry<Volume>, diagnostics: &mut Diagnostics) {
    let name = &volume.name;
    let mut mounts = container.helpers().filter_map(|parts| parts.mounts);
    let helper_mounts = mounts.any(|mounts| mounts.get(name.as_str()).is_some());
    if container.mount(volume).is_none() && !helper_mounts && all_mounts_are_read(container) {
        let message = format!("no container mounts the volume `{}`", name.value);
        let help = match container.image {
            Some(_) => "add `mount: PATH`, the path in the container".to_owned(),
            None => format!("add `mounts: {{ {}: PATH }}` to a job", name.value),
        };
        diagnostics.push(Diagnostic::new(Code::MissingField, name.span, message).help(help));
    }
}

/// Checks that scratch space in memory fits the memory limits of the containers that fill it.
fn check_memory(container: &ContainerApp, volume: &Entry<Volume>, diagnostics: &mut Diagnostics) {
    let Volume::Scratch(scratch) = &volume.value else { return };
    let Some(medium) = scratch.medium.spanned().filter(|medium| medium.value == Medium::Memory) else { return };
    let name = volume.name.as_str();
    let is_in_main = container.mount(volume).is_some();
    let mounts = |parts: &Parts<'_>| parts.mounts.map_or(is_in_main, |mounts| mounts.get(name).is_some());
    let limit = |parts: Parts<'_>| {
        let amounts = parts.resources.cloned().unwrap_or_default().amounts(&CONTAINER);
        let memory = amounts.limits.into_iter().find(|amount| amount.name == "memory");
        memory.map_or(0, |memory| memory.quantity.thousandths() / 1000)
    };
    let limit = container.containers().filter(mounts).map(limit).fold(0, u64::saturating_add);
    if limit > 0 && scratch.scratch.bytes() >= limit {
        let message = format!(
            "the volume `{name}` is in memory and can grow to {}, which its containers' memory limits of {} do not allow",
            scratch.scratch.value,
            Size::from_bytes(limit)
        );
        let diagnostic = Diagnostic::new(Code::InvalidValue, scratch.scratch.span, message);
        let diagnostic = diagnostic.related(medium.span, "files in memory count toward the limits");
        diagnostics.push(diagnostic.help("raise `resources.limits.memory`, lower `scratch`, or use `medium: disk`"));
    }
}

/// Checks that some container mounts a file, and that no volume has its name.
fn check_file(container: &ContainerApp, file: &Entry<AppFile>, diagnostics: &mut Diagnostics) {
    let name = &file.name;
    let mut mounts = container.helpers().filter_map(|parts| parts.mounts);
    let path = file.value.path().filter(|_| container.image.is_some());
    let is_mounted = mounts.any(|mounts| mounts.get(name.as_str()).is_some());
    if path.is_none() && !is_mounted && all_mounts_are_read(container) {
        let diagnostic =
            Diagnostic::new(Code::MissingField, name.span, format!("no container mounts the file `{}`", name.value));
        let help = match container.image {
            Some(_) => "add `path: PATH`, the path in the container".to_owned(),
            None => format!("add `mounts: {{ {}: PATH }}` to a job", name.value),
        };
        diagnostics.push(diagnostic.help(help));
    }
    if let Some(volume) = container.storage.get(name.as_str()) {
        let message = format!("a volume and a file have the name `{}`", name.value);
        let diagnostic = Diagnostic::new(Code::NameTaken, name.span, message).related(volume.name.span, "the volume");
        diagnostics.push(diagnostic.help("rename one of them: `mounts` refers to both by name"));
    }
}

/// Checks that the network storage of a volume exists, and exports NFS.
fn check_share(volume: &Entry<Volume>, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    if let Volume::Nfs(nfs) = &volume.value {
        check_folder(&nfs.nfs, context.spec, diagnostics);
    }
}

/// Checks that the network storage of a folder exists, and exports NFS.
pub fn check_folder(share: &Spanned<ShareRef>, spec: &Spec, diagnostics: &mut Diagnostics) {
    let known = &spec.storage;
    let Some(storage) = known.get(share.storage.as_str()) else {
        check_name("storage", share.storage.as_str(), share.span, known, diagnostics);
        return;
    };
    if storage.value.export().is_none() {
        let message = format!("the storage `{}` has no NFS export", share.storage);
        let diagnostic =
            Diagnostic::new(Code::UnknownReference, share.span, message).related(storage.name.span, "this storage");
        diagnostics.push(diagnostic.of_absence().help("add `nfs: VOLUME` to the storage, such as `nfs: /volume1`"));
    }
}

/// Checks that the app can run on a node that can mount its volume.
fn check_nfs(
    app: &Entry<App>,
    container: &ContainerApp,
    volume: &Entry<Volume>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) {
    let (span, is_nfs) = match &volume.value {
        Volume::Nfs(nfs) => (nfs.nfs.span, true),
        Volume::Claim(claim) => {
            let class = claim.class.as_ref().map_or_else(|| default_class(context), |class| class.value.clone());
            (claim.class.as_ref().map_or(volume.name.span, |class| class.span), is_nfs(&class, context))
        }
        Volume::Folder(_) | Volume::Scratch(_) | Volume::Device(_) => return,
    };
    let nodes = candidates(container, context.cluster);
    let spans: Vec<_> = nodes.iter().filter_map(|node| node.value.unprivileged()).collect();
    if !is_nfs || nodes.is_empty() || spans.len() < nodes.len() || !context.cluster.nodes.is_complete() {
        return;
    }
    let message = format!(
        "no node that `{}` can run on is able to mount the volume `{}`, which is on NFS",
        app.name.value, volume.name.value
    );
    let diagnostic = Diagnostic::new(Code::NfsWithoutPrivilege, span, message);
    let diagnostic =
        spans.into_iter().fold(diagnostic, |diagnostic, span| diagnostic.related(span, "an unprivileged container"));
    diagnostics.push(
        diagnostic.help("let the app run on a privileged node or a VM, or use a volume with the class `local-path`"),
    );
}

fn check_names(app: &ContainerApp, diagnostics: &mut Diagnostics) {
    for volume in &app.storage {
        if OWN_VOLUMES.contains(&volume.name.as_str()) {
            let message = format!("the volume name `{}` is reserved for the generator", volume.name.value);
            diagnostics.push(Diagnostic::new(Code::NameTaken, volume.name.span, message).help("rename the volume"));
        }
    }
}

/// Something that is mounted into a container.
#[derive(Clone, Copy)]
struct Mounted<'a> {
    path: &'a Spanned<MountPath>,
    /// Whether it is a file of the app, so that nothing can be below it.
    is_file: bool,
}

/// Folders that the container runtime fills. runc refuses mounts inside `/proc`; a mount at one of the others hides
/// devices or the state of the kernel.
const OF_THE_RUNTIME: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A file that the kubelet mounts into each container.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Checks that the volumes and files of a container have mount paths that work together.
fn check_mounts(app: &ContainerApp, diagnostics: &mut Diagnostics) {
    let volumes = app.storage.iter().filter_map(|volume| app.mount(volume));
    let volumes = volumes.map(|path| Mounted { path, is_file: false });
    let files = app.files.iter().filter_map(|file| file.value.path());
    let own: Vec<_> = volumes.chain(files.map(|path| Mounted { path, is_file: true })).collect();
    for parts in app.containers() {
        let read_only = parts.security.and_then(|security| security.read_only.on());
        let given = parts.mounts.map(|mounts| {
            let mounted = mounts
                .iter()
                .map(|mount| Mounted { path: &mount.value, is_file: app.files.get(mount.name.as_str()).is_some() });
            mounted.collect::<Vec<_>>()
        });
        check_paths(given.as_ref().unwrap_or(&own), read_only, diagnostics);
    }
}

fn check_paths(mounts: &[Mounted<'_>], read_only: Option<Span>, diagnostics: &mut Diagnostics) {
    for (at, Mounted { path, .. }) in mounts.iter().enumerate() {
        if let Some(first) = mounts[..at].iter().find(|first| first.path.value == path.value) {
            let message = format!("two volumes or files are mounted at {}", path.value);
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, path.span, message).related(first.path.span, "first used here");
            diagnostics.push(diagnostic.help("use another mount path for one of them"));
        }
        let is_below = |file: &&Mounted<'_>| {
            let rest = path.as_str().strip_prefix(file.path.as_str());
            file.is_file && rest.is_some_and(|rest| rest.starts_with('/'))
        };
        if let Some(file) = mounts.iter().find(is_below) {
            let message = format!("nothing can be mounted at {}, because {} is a file", path.value, file.path.value);
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, path.span, message).related(file.path.span, "this file");
            diagnostics.push(diagnostic.help("use another mount path for one of them"));
        }
        check_runtime_path(path, diagnostics);
        if let Some(read_only) = read_only.filter(|_| path.as_str() == "/tmp") {
            let message = "/tmp is reserved: a read-only root file system adds a volume there";
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, path.span, message).related(read_only, "`read-only` is set here");
            diagnostics.push(diagnostic.help("mount the volume elsewhere, or remove it"));
        }
    }
}

/// Checks that a mount does not hide what the container runtime provides. Devices and shared memory are below `/dev`.
fn check_runtime_path(path: &Spanned<MountPath>, diagnostics: &mut Diagnostics) {
    let is_in = |folder: &&&str| {
        let rest = path.as_str().strip_prefix(**folder);
        rest.is_some_and(|rest| rest.is_empty() || (rest.starts_with('/') && **folder != "/dev"))
    };
    let reserved = OF_THE_RUNTIME.iter().find(is_in).copied();
    let Some(reserved) = reserved.or((path.as_str() == TERMINATION_LOG).then_some(TERMINATION_LOG)) else { return };
    let message = format!("nothing can be mounted at {}: the container runtime provides {reserved}", path.value);
    diagnostics.push(Diagnostic::new(Code::InvalidValue, path.span, message).help("use another mount path"));
}

/// Checks that several pods write only to volumes that several nodes can mount.
fn check_writers(app: &Entry<App>, container: &ContainerApp, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let replicas = container.replicas.spanned().filter(|replicas| replicas.get() > 1);
    let rolling = container.strategy.as_ref().filter(|strategy| strategy.value == Strategy::Rolling);
    for volume in &container.storage {
        let Some(claim) = volume.value.claim() else { continue };
        if let Some(shared) = claim.shared.on() {
            check_shared(claim, shared, context, diagnostics);
            continue;
        }
        let several = replicas.map(|replicas| (replicas.span, format!("{} pods", replicas.value)));
        let overlapping = rolling.map(|rolling| (rolling.span, "the old and the new pod".to_owned()));
        if let Some((span, pods)) = several.or(overlapping) {
            let message = format!(
                "{pods} of `{}` would write to the volume `{}`, which only one node can mount",
                app.name.value, volume.name.value
            );
            let diagnostic =
                Diagnostic::new(Code::SingleWriterVolume, span, message).related(volume.name.span, "this volume");
            diagnostics.push(
                diagnostic
                    .help("use one pod and `strategy: recreate`, or a volume on network storage with `shared: true`"),
            );
        }
    }
}

/// Checks that an app with volumes either backs them up or opts out.
fn check_backup(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let claims = || container.storage.iter().filter_map(|volume| Some((volume, volume.value.claim()?)));
    let volume = claims().find(|(_, claim)| claim.backup.is_on()).map(|(volume, _)| volume);
    let backup = container.backup.as_ref().filter(|backup| backup.value == AppBackup::Volumes);
    for (_, claim) in claims().filter(|_| backup.is_none()) {
        let Some(own) = claim.backup.spanned() else { continue };
        let message = "`backup` of a volume has no effect without `backup: volumes` of the app";
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, own.span, message).of_absence();
        diagnostics.push(diagnostic.help("add `backup: volumes` to the app, or remove `backup` of the volume"));
    }
    if let Some(backup) = backup.filter(|_| volume.is_none() && container.storage.is_complete()) {
        let message = format!("`{}` has no volume to back up", app.name.value);
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, backup.span, message);
        diagnostics.push(diagnostic.help("remove `backup`: only volumes with a `size` are backed up"));
    }
    for (volume, claim) in claims().filter(|_| backup.is_some() && container.image.is_some()) {
        let helpers = container.init.iter().map(Parts::from).chain(container.sidecars.iter().map(Parts::from));
        let mut mounts = helpers.filter_map(|parts| parts.mounts);
        let name = volume.name.as_str();
        let is_in_pod = container.mount(volume).is_some() || mounts.any(|mounts| mounts.get(name).is_some());
        if claim.backup.is_on() && !is_in_pod {
            let message = format!("the volume `{name}` is not backed up, because only jobs mount it");
            let diagnostic = Diagnostic::new(Code::BackupMissing, volume.name.span, message);
            diagnostics.push(diagnostic.help("add `mount: PATH` to the volume, or `backup: false` to opt out"));
        }
    }
    if let Some(volume) = volume.filter(|_| container.backup.is_none()) {
        let message = format!("the volumes of `{}` are not backed up", app.name.value);
        let diagnostic = Diagnostic::new(Code::BackupMissing, volume.name.span, message);
        diagnostics.push(diagnostic.help("add `backup: volumes` to the app, or `backup: none` to opt out"));
    }
}

fn check_shared(volume: &ClaimVolume, shared: Span, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    let class = volume.class.as_ref().map_or_else(|| default_class(context), |class| class.value.clone());
    if class.as_str() == LOCAL_CLASS {
        let message = format!("the storage class `{class}` is the disk of one node, so its volumes cannot be shared");
        let diagnostic = Diagnostic::new(Code::SingleWriterVolume, shared, message);
        diagnostics.push(diagnostic.help("use a `class` on network storage, or remove `shared`"));
    }
}
