//! Whether the containers of nodes are privileged.
//!
//! Root in a privileged container can become root on its host, so a container is privileged only if something on the node
//! needs that. Proxmox VE cannot change an existing container: the owners of its files would be wrong. The generated
//! definition of a container shows whether it exists, and which kind it is.

use crate::files;
use app::candidates;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::is_device_folder;
use model::{Files, PrivilegeReason};
use platform::Context;
use spec::types::{DevicePath, Name};
use spec::{App, Entry, Node, Role, Spanned, Volume};

/// Whether a container is privileged, and the reason, as the generated files show it.
pub(crate) type Privilege = (bool, PrivilegeReason);

/// Returns whether the container of a node is privileged. Reports if the existing container has to be recreated.
pub(crate) fn resolve(
    node: &Entry<Node>,
    given: Option<&Spanned<bool>>,
    devices: &[Spanned<DevicePath>],
    context: &Context<'_>,
    files: &Files,
    diagnostics: &mut Diagnostics,
) -> Privilege {
    let need = need(node, devices, context);
    let existing = existing(&node.name.value, files);
    let privilege = match (given, need, existing) {
        (Some(given), None, _) => (given.value, PrivilegeReason::Given),
        (Some(given), Some(_), _) if !given.value => (false, PrivilegeReason::Given),
        (_, Some((reason, _)), _) => (true, reason),
        (None, None, Some(true)) => (true, PrivilegeReason::Exists),
        (None, None, _) => (false, PrivilegeReason::Unneeded),
    };
    if let Some(given) = given {
        check_given(node, given, need, existing, diagnostics);
    } else {
        check_existing(node, need, existing, diagnostics);
    }
    if privilege.0 && given.is_none() {
        check_public(node, context, privilege.1, diagnostics);
    }
    privilege
}

/// Why the container of a node has to be privileged, and the place of the spec that requires it.
fn need(node: &Entry<Node>, devices: &[Spanned<DevicePath>], context: &Context<'_>) -> Option<(PrivilegeReason, Span)> {
    let backup = backup_folder(node, context);
    let folder = devices.iter().find(|device| is_device_folder(device.as_str()));
    let of_apps = context.cluster.apps.iter().find_map(|app| nfs_volume(&app.value, node, context));
    folder
        .map(|folder| (PrivilegeReason::DeviceFolder, folder.span))
        .or_else(|| backup.map(|span| (PrivilegeReason::BackupNfs, span)))
        .or_else(|| of_apps.map(|span| (PrivilegeReason::AppNfs, span)))
        .or_else(|| platform::mounts_nfs(context).map(|reason| (reason, context.name.span)))
}

/// The folder of network storage that the backups of a server are in.
fn backup_folder(node: &Entry<Node>, context: &Context<'_>) -> Option<Span> {
    let backup = context.cluster.k3s.as_ref()?.backup.as_ref()?;
    let is_server = *node.value.role.get() == Role::Server;
    backup.nfs().filter(|_| is_server).map(|folder| folder.span)
}

/// An NFS volume of an app that may run on a node.
fn nfs_volume(app: &App, node: &Entry<Node>, context: &Context<'_>) -> Option<Span> {
    let app = app.container()?;
    let span = app.storage.iter().find_map(|volume| match &volume.value {
        Volume::Nfs(nfs) => Some(nfs.nfs.span),
        Volume::Claim(_) | Volume::Folder(_) | Volume::Scratch(_) | Volume::Device(_) => None,
    })?;
    runs_on(app, node, context).then_some(span)
}

fn runs_on(app: &spec::ContainerApp, node: &Entry<Node>, context: &Context<'_>) -> bool {
    candidates(app, context.cluster).iter().any(|candidate| candidate.name.as_str() == node.name.as_str())
}

/// Whether the existing container of a node is privileged. `None` if there is none.
fn existing(node: &Name, files: &Files) -> Option<bool> {
    let definition = files.get(&files::container(node))?.as_ref().ok()?;
    let text = std::str::from_utf8(definition).ok()?;
    Some(!text.lines().any(|line| line.trim_end() == "unprivileged: 1"))
}

/// What to do to get another kind of container.
const RECREATE: &str = "recreate it as docs/nodes.md describes";

/// Checks a node whose `privileged` the spec sets.
fn check_given(
    node: &Entry<Node>,
    given: &Spanned<bool>,
    need: Option<(PrivilegeReason, Span)>,
    existing: Option<bool>,
    diagnostics: &mut Diagnostics,
) {
    let name = &node.name.value;
    if let (false, Some((PrivilegeReason::BackupNfs, span))) = (given.value, need) {
        let message = format!("the server `{name}` cannot mount its backups, because its container is unprivileged");
        let diagnostic = Diagnostic::new(Code::NfsWithoutPrivilege, given.span, message);
        let diagnostic = diagnostic.related(span, "the backups are on network storage");
        diagnostics.push(diagnostic.help("store them in a bucket (`s3`), or make the container privileged"));
    } else if let (false, Some((reason, span))) = (given.value, need) {
        let message = format!("pods on `{name}` cannot mount NFS, because its container is unprivileged");
        let diagnostic = Diagnostic::new(Code::UnprivilegedNfs, given.span, message);
        let diagnostic = diagnostic.related(span, reason.text());
        diagnostics.push(diagnostic.help("run apps that need NFS on privileged nodes or VMs"));
    }
    if existing.is_some_and(|existing| existing != given.value) {
        let kind = |privileged: bool| if privileged { "privileged" } else { "unprivileged" };
        let message =
            format!("the container of `{name}` is {}, and cannot become {}", kind(!given.value), kind(given.value));
        let diagnostic = Diagnostic::new(Code::ContainerRecreated, given.span, message);
        diagnostics.push(diagnostic.help(format!("before you use the new container.conf, {RECREATE}")));
    }
}

/// Checks that the existing container of a node fits what the node needs.
fn check_existing(
    node: &Entry<Node>,
    need: Option<(PrivilegeReason, Span)>,
    existing: Option<bool>,
    diagnostics: &mut Diagnostics,
) {
    let name = &node.name.value;
    match (existing, need) {
        (Some(false), Some((reason, span))) => {
            let message = format!("the container of `{name}` is unprivileged, but {}", reason.text());
            let diagnostic = Diagnostic::new(Code::PrivilegeMissing, node.name.span, message);
            let diagnostic = diagnostic.related(span, "because of this");
            diagnostics.push(
                diagnostic
                    .help(format!("let other nodes do that; or {RECREATE}, and set `privileged: true` on the node")),
            );
        }
        (Some(true), None) => {
            let message = format!("the container of `{name}` is privileged, though nothing needs that");
            let diagnostic = Diagnostic::new(Code::PrivilegeUnneeded, node.name.span, message);
            diagnostics.push(diagnostic.help(format!(
                "{RECREATE}, and set `privileged: false` on the node; or set `privileged: true` to keep it"
            )));
        }
        _ => {}
    }
}

/// Warns about public apps that may run on a node whose root is root on the host.
fn check_public(node: &Entry<Node>, context: &Context<'_>, reason: PrivilegeReason, diagnostics: &mut Diagnostics) {
    let public = |app: &Entry<App>| {
        let span = app.value.expose().as_ref()?.public.on()?;
        let may_run = app.value.container().is_none_or(|container| runs_on(container, node, context));
        may_run.then(|| (format!("`{}`", app.name.value), span))
    };
    let mut apps: Vec<_> = context.cluster.apps.iter().filter_map(public).collect();
    if platform::has_public_component(context) {
        apps.push(("Grafana".to_owned(), context.name.span));
    }
    let Some((_, span)) = apps.first() else { return };
    let names: Vec<_> = apps.iter().map(|(name, _)| name.as_str()).collect();
    let message = format!("public apps may run on `{}`, which is privileged: {}", node.name.value, names.join(", "));
    let diagnostic = Diagnostic::new(Code::PublicOnPrivileged, node.name.span, message);
    let diagnostic = diagnostic.related(*span, "public");
    diagnostics.push(diagnostic.help(format!(
        "let them run elsewhere (`nodes` of an app), or accept it with `privileged: true` on the node ({})",
        reason.text()
    )));
}
