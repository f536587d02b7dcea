//! What an app says of itself fits together, and fits Kubernetes.

use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::spec::types::Name;
use crate::spec::{App, Entry, Spec};

/// The longest name of an app with secrets: theirs is a unit called `NAME-secrets`, and names of
/// units are label values of at most 63 characters.
const LONGEST_WITH_SECRETS: usize = 63 - "-secrets".len();

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for app in spec.clusters.iter().flat_map(|cluster| &cluster.value.apps) {
        judge_name(app, faults);
        judge_mounts(app, faults);
    }
}

fn judge_name(app: &Entry<App>, faults: &mut Diagnostics) {
    let name: &Name = &app.name;
    let length = name.as_str().len();
    if app.value.has_secrets() && length > LONGEST_WITH_SECRETS {
        let message =
            format!("the name of an app with secrets has at most {LONGEST_WITH_SECRETS} characters, this has {length}");
        faults.push(Diagnostic::new(Code::InvalidValue, app.name.span, message).help("give the app a shorter name"));
    }
    if app.value.port.is_some() && name.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("`{name}` starts with a digit, which the name of its Service must not");
        faults.push(Diagnostic::new(Code::InvalidValue, app.name.span, message).help("start the name with a letter"));
    }
}

fn judge_mounts(app: &Entry<App>, faults: &mut Diagnostics) {
    let volumes: Vec<_> = app.value.storage.iter().collect();
    let read_only =
        app.value.security.as_ref().and_then(|security| security.read_only.as_ref()).filter(|only| only.value);
    for (at, volume) in volumes.iter().enumerate() {
        let mount = &volume.value.mount;
        if let Some(other) = volumes[..at].iter().find(|other| other.value.mount.value == mount.value) {
            let message = format!("two volumes are mounted at {}", mount.value);
            let fault =
                Diagnostic::new(Code::InvalidValue, mount.span, message).related(other.value.mount.span, "first here");
            faults.push(fault.help("give each volume a folder of its own"));
        }
        let Some(read_only) = read_only else { continue };
        if volume.name.as_str() == "tmp" {
            let message = "`tmp` is the volume that a read-only root file system brings";
            let fault =
                Diagnostic::new(Code::NameTaken, volume.name.span, message).related(read_only.span, "asked for here");
            faults.push(fault.help("rename the volume"));
        } else if mount.as_str() == "/tmp" {
            let message = "a read-only root file system brings a volume at /tmp";
            let fault =
                Diagnostic::new(Code::InvalidValue, mount.span, message).related(read_only.span, "asked for here");
            faults.push(fault.help("mount the volume elsewhere, or leave it out"));
        }
    }
}
