//! What an app says of itself fits together, and fits Kubernetes.

use crate::rules::known::check_name as check_name_known;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::types::Name;
use spec::{App, AppBackup, ContainerApp, Entry, EnvSource, EnvValue, HelmApp, Probe, Resources};

/// The longest name of an app with secrets: theirs is a unit called `NAME-secrets`, and names of
/// units are label values of at most 63 characters.
const LONGEST_WITH_SECRETS: usize = 63 - "-secrets".len();

/// The longest name of an app with a database: its password comes by a unit of this name.
const LONGEST_WITH_DATABASE: usize = 63 - "database--secrets".len();

/// The most bytes of a ConfigMap, less some for what is around them.
const MOST_FILES: usize = 1_000_000;

/// The longest name of a CronJob: Kubernetes adds 11 characters for each run.
const LONGEST_JOB: usize = 52;

pub(super) fn check(app: &Entry<App>, faults: &mut Diagnostics) {
    check_name(app, faults);
    match &app.value {
        App::Helm(helm) => check_helm(helm, faults),
        App::Container(container) => {
            check_containers(app, container, faults);
            check_probes(app, container, faults);
            check_files(app, container, faults);
            let resources = container.containers().filter_map(|parts| parts.resources);
            resources.for_each(|resources| check_resources(resources, faults));
        }
    }
}

/// The files of an app are one ConfigMap, which etcd keeps small.
fn check_files(app: &Entry<App>, container: &ContainerApp, faults: &mut Diagnostics) {
    let size: usize = container.files.iter().map(|file| file.value.text.len()).sum();
    let largest = container.files.iter().max_by_key(|file| file.value.text.len());
    if let Some(file) = largest.filter(|_| size > MOST_FILES) {
        let message =
            format!("the files of `{}` have {} KiB, and {} KiB fit", app.name.value, size >> 10, MOST_FILES >> 10);
        let fault = Diagnostic::new(Code::InvalidValue, file.value.path.span, message);
        faults.push(fault.help("put large files onto a volume"));
    }
}

/// No more is set aside than may be used.
pub(super) fn check_resources(resources: &Resources, faults: &mut Diagnostics) {
    let (Some(requests), Some(limits)) = (&resources.requests, &resources.limits) else { return };
    for (what, request, limit) in [("cpu", &requests.cpu, &limits.cpu), ("memory", &requests.memory, &limits.memory)] {
        let (Some(request), Some(limit)) = (request, limit) else { continue };
        if request.thousandths() > limit.thousandths() {
            let message = format!("{} of {what} are set aside, and at most {} may be used", request.value, limit.value);
            let fault = Diagnostic::new(Code::InvalidValue, request.span, message).related(limit.span, "the limit");
            faults.push(fault.help("ask for less, or raise the limit"));
        }
    }
}

fn check_name(app: &Entry<App>, faults: &mut Diagnostics) {
    let name: &Name = &app.name;
    let length = name.as_str().len();
    let mut at_most = |longest: usize, what: &str, span: Span, length: usize| {
        if length > longest {
            let message = format!("the name of {what} has at most {longest} characters, this has {length}");
            faults.push(Diagnostic::new(Code::InvalidValue, span, message).help("give the app a shorter name"));
        }
    };
    if app.value.database().is_some() {
        at_most(LONGEST_WITH_DATABASE, "an app with a database", app.name.span, length);
    } else if app.value.has_secrets() {
        at_most(LONGEST_WITH_SECRETS, "an app with secrets", app.name.span, length);
    }
    let container = app.value.container();
    for job in container.into_iter().flat_map(|container| &container.jobs) {
        let length = length + 1 + job.name.as_str().len();
        at_most(LONGEST_JOB, "a job, with that of its app in front,", job.name.span, length);
    }
    let has_ports = |container: &ContainerApp| container.port.is_some() || container.ports.iter().next().is_some();
    let has_service = container.is_some_and(has_ports);
    if has_service && name.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("`{name}` starts with a digit, which the name of its Service must not");
        faults.push(Diagnostic::new(Code::InvalidValue, app.name.span, message).help("start the name with a letter"));
    }
}

/// What is secret comes to a chart as the app's Secret; nothing carries the rest.
fn check_helm(app: &HelmApp, faults: &mut Diagnostics) {
    let mut check = |field: &str, span| {
        let message = format!("`{field}` has no effect on a Helm app");
        let fault = Diagnostic::new(Code::FieldWithoutEffect, span, message).related(app.helm.chart.span, "a Helm app");
        faults.push(fault.help(format!("remove `{field}`, or set it in `helm.values`, as the chart names it")));
    };
    for (name, value) in &app.env {
        let is_plain = match &value.value {
            EnvValue::Text(_) => true,
            EnvValue::From(EnvSource::Secret(_)) => false,
            EnvValue::From(EnvSource::Database(field)) => !field.is_secret(),
        };
        if is_plain {
            check(&format!("env.{name}"), value.span);
        }
    }
    if let Some(backup) = app.backup.as_ref().filter(|backup| backup.value == AppBackup::Volumes) {
        check("backup", backup.span);
    }
}

/// Containers have names of their own, and mount volumes that there are.
fn check_containers(app: &Entry<App>, container: &ContainerApp, faults: &mut Diagnostics) {
    let mut taken = vec![(app.name.as_str(), app.name.span)];
    for (name, mounts) in container.containers().filter_map(|parts| Some((parts.name?, parts.mounts?))) {
        if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name.as_str()) {
            let message = format!("two containers of `{}` are called `{}`", app.name.value, name.value);
            let fault = Diagnostic::new(Code::NameTaken, name.span, message).related(*first, "the other");
            faults.push(fault.help("give each a name of its own"));
        }
        taken.push((name.as_str(), name.span));
        for mount in mounts {
            check_name_known("volume", mount.name.as_str(), mount.name.span, &container.storage, faults);
        }
    }
}

/// An HTTP request needs a port.
fn check_probes(app: &Entry<App>, container: &ContainerApp, faults: &mut Diagnostics) {
    let main = container.probe.iter().map(|probe| (probe, container.port.is_some(), app.name.span));
    let sidecars = container
        .sidecars
        .iter()
        .filter_map(|sidecar| Some((sidecar.value.probe.as_ref()?, sidecar.value.port.is_some(), sidecar.name.span)));
    for (probe, has_port, span) in main.chain(sidecars) {
        if let (Probe::Http(http), false) = (probe, has_port) {
            let message = "this path is asked for at a port, and there is none";
            let fault =
                Diagnostic::new(Code::MissingField, http.path.span, message).related(span, "this has no `port`");
            faults.push(fault.help("add `port: NUMBER`, the port that it serves HTTP on"));
        }
    }
}
