//! Apps that have only jobs.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::{App, AppBackup, AppFile, ContainerApp, Entry, Volume};

pub(super) fn check(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    let App::Jobs(jobs) = &app.value else { return };
    check_images(app, &jobs.0, diagnostics);
    check_mounts(&jobs.0, diagnostics);
    check_backup(app, &jobs.0, diagnostics);
}

/// Checks that there are jobs, and that each has an image.
fn check_images(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    if container.jobs.is_complete() && container.jobs.iter().len() == 0 {
        let message = format!("`{}` has neither an `image` nor a job", app.name.value);
        let diagnostic = Diagnostic::new(Code::MissingField, app.name.span, message);
        diagnostics.push(diagnostic.of_absence().help("add a job, or the `image` of a container that keeps running"));
    }
    for job in container.jobs.iter().filter(|job| job.value.image.is_none()) {
        let message = format!("the job `{}` has no `image`, and the app has none that it could run", job.name.value);
        let diagnostic = Diagnostic::new(Code::MissingField, job.name.span, message);
        diagnostics.push(diagnostic.help("add `image: { repository: NAME, tag: TAG }` to the job"));
    }
}

/// Reports mount paths in the main container, which these apps do not have.
fn check_mounts(container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let mut report = |field: &str, name: &str, span: Span| {
        let message = format!("`{field}` has no effect on a jobs-only app");
        let help = format!("remove `{field}`, and add `mounts: {{ {name}: PATH }}` to the jobs that need it");
        diagnostics.push(Diagnostic::new(Code::FieldWithoutEffect, span, message).help(help));
    };
    for volume in &container.storage {
        let mount = match &volume.value {
            Volume::Device(device) => device.mount.as_ref(),
            other => other.mount(),
        };
        if let Some(mount) = mount {
            report("mount", volume.name.as_str(), mount.span);
        }
    }
    for file in &container.files {
        if let Some(path) = AppFile::path(&file.value) {
            report("path", file.name.as_str(), path.span);
        }
    }
}

/// Velero copies the files of volumes from running pods, which a job's are not at night.
fn check_backup(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let backup = container.backup.as_ref().filter(|backup| backup.value == AppBackup::Volumes);
    if let Some(backup) = backup.filter(|_| container.storage.iter().any(|volume| volume.value.claim().is_some())) {
        let message = format!("the volumes of `{}` cannot be backed up: only its jobs mount them", app.name.value);
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, backup.span, message);
        diagnostics.push(diagnostic.help("use `backup: none`, or let an app mount the volume that keeps running"));
    }
}
