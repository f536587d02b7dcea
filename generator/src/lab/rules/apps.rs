//! What an app says of itself fits together, and fits Kubernetes.

use crate::spec::types::Name;
use crate::spec::{App, AppBackup, Entry, EnvSource, EnvValue, Given as _, HelmApp, Resources, Spec};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};

/// The longest name of an app with secrets: theirs is a unit called `NAME-secrets`, and names of
/// units are label values of at most 63 characters.
const LONGEST_WITH_SECRETS: usize = 63 - "-secrets".len();

/// The longest name of an app with a database: its password comes by a unit of this name.
const LONGEST_WITH_DATABASE: usize = 63 - "database--secrets".len();

/// The most bytes of a ConfigMap, less some for what is around them.
const MOST_FILES: usize = 1_000_000;

/// The longest name of a CronJob: Kubernetes adds 11 characters for each run.
const LONGEST_JOB: usize = 52;

pub(super) fn judge(spec: &Spec, faults: &mut Diagnostics) {
    for app in spec.clusters.iter().flat_map(|cluster| &cluster.value.apps) {
        judge_name(app, faults);
        judge_kind(app, faults);
        judge_containers(app, faults);
        judge_probes(app, faults);
        judge_files(app, faults);
        app.value.containers().filter_map(|parts| parts.resources).for_each(|given| judge_resources(given, faults));
    }
    for cluster in &spec.clusters {
        let postgres = cluster.value.platform.postgres.as_ref().and_then(|postgres| postgres.value.resources.as_ref());
        postgres.into_iter().for_each(|given| judge_resources(given, faults));
    }
}

/// The files of an app are one ConfigMap, which etcd keeps small.
fn judge_files(app: &Entry<App>, faults: &mut Diagnostics) {
    let size: usize = app.value.files.iter().map(|file| file.value.text.len()).sum();
    let largest = app.value.files.iter().max_by_key(|file| file.value.text.len());
    if let Some(file) = largest.filter(|_| size > MOST_FILES) {
        let message =
            format!("the files of `{}` have {} KiB, and {} KiB fit", app.name.value, size >> 10, MOST_FILES >> 10);
        let fault = Diagnostic::new(Code::InvalidValue, file.value.path.span, message);
        faults.push(fault.help("put large files onto a volume"));
    }
}

/// No more is set aside than may be used.
fn judge_resources(resources: &Resources, faults: &mut Diagnostics) {
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

fn judge_name(app: &Entry<App>, faults: &mut Diagnostics) {
    let name: &Name = &app.name;
    let length = name.as_str().len();
    let mut at_most = |longest: usize, what: &str, span: Span, length: usize| {
        if length > longest {
            let message = format!("the name of {what} has at most {longest} characters, this has {length}");
            faults.push(Diagnostic::new(Code::InvalidValue, span, message).help("give the app a shorter name"));
        }
    };
    if app.value.database.is_some() {
        at_most(LONGEST_WITH_DATABASE, "an app with a database", app.name.span, length);
    } else if app.value.has_secrets() {
        at_most(LONGEST_WITH_SECRETS, "an app with secrets", app.name.span, length);
    }
    for job in &app.value.jobs {
        let length = length + 1 + job.name.as_str().len();
        at_most(LONGEST_JOB, "a job, with that of its app in front,", job.name.span, length);
    }
    let has_service = app.value.port.is_some() || app.value.ports.iter().next().is_some();
    if has_service && name.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("`{name}` starts with a digit, which the name of its Service must not");
        faults.push(Diagnostic::new(Code::InvalidValue, app.name.span, message).help("start the name with a letter"));
    }
}

/// An app is a container or a chart.
fn judge_kind(app: &Entry<App>, faults: &mut Diagnostics) {
    let name = &app.name;
    match (&app.value.image, &app.value.helm) {
        (Some(image), Some(helm)) => {
            let message = format!("`{}` has both an image and a chart", name.value);
            let fault = Diagnostic::new(Code::InvalidValue, helm.chart.span, message)
                .related(image.repository.span, "the image")
                .help("keep one of `image` and `helm`");
            faults.push(fault);
        }
        (None, None) => {
            let message = format!("`{}` has neither an image nor a chart", name.value);
            let help = "add `image: { repository: …, tag: … }`, or `helm: { chart: …, repository: …, version: … }`";
            faults.push(Diagnostic::new(Code::MissingField, name.span, message).help(help));
        }
        (None, Some(helm)) => judge_chart(&app.value, helm, faults),
        (Some(_), None) => {}
    }
}

/// What a chart makes of these fields nobody knows: it is told by its values.
fn judge_chart(app: &App, helm: &HelmApp, faults: &mut Diagnostics) {
    let unused: [(&str, bool); 17] = [
        ("command", !app.command.is_empty()),
        ("args", !app.args.is_empty()),
        ("port", app.port.is_some()),
        ("ports", app.ports.iter().next().is_some()),
        ("files", app.files.iter().next().is_some()),
        ("storage", app.storage.iter().next().is_some()),
        ("probe", app.probe.is_some()),
        ("resources", app.resources.is_some()),
        ("gpu", app.gpu.is_some()),
        ("security", app.security.is_some()),
        ("replicas", app.replicas.is_some()),
        ("strategy", app.strategy.is_some()),
        ("init", !app.init.is_empty()),
        ("sidecars", app.sidecars.iter().next().is_some()),
        ("jobs", app.jobs.iter().next().is_some()),
        ("service-account", app.service_account.is_some()),
        ("host-network", app.host_network.is_some()),
    ];
    // What is secret comes to the chart as the app's Secret; what is not, nothing carries.
    let is_plain = |value: &EnvValue| match value {
        EnvValue::Text(_) => true,
        EnvValue::From(EnvSource::Secret(_)) => false,
        EnvValue::From(EnvSource::Database(field)) => !field.is_secret(),
    };
    let plain = app.env.iter().filter(|(_, value)| is_plain(value)).map(|(name, _)| format!("env.{name}"));
    let backup = app.backup.given() == Some(&AppBackup::Volumes);
    let nodes = (!app.nodes.is_empty()).then(|| "nodes".to_owned());
    let unused = unused.into_iter().filter(|(_, given)| *given).map(|(field, _)| field.to_owned());
    for field in unused.chain(nodes).chain(backup.then(|| "backup".to_owned())).chain(plain) {
        let message = format!("`{field}` means nothing to a chart");
        let fault = Diagnostic::new(Code::FieldWithoutEffect, helm.chart.span, message);
        faults.push(fault.help(format!("say it in `helm.values`, as the chart spells it, and remove `{field}`")));
    }
}

/// Containers have names of their own, and mount volumes that there are.
fn judge_containers(app: &Entry<App>, faults: &mut Diagnostics) {
    let mut taken = vec![(app.name.as_str(), app.name.span)];
    for (name, mounts) in app.value.containers().filter_map(|parts| Some((parts.name?, parts.mounts?))) {
        if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name.as_str()) {
            let message = format!("two containers of `{}` are called `{}`", app.name.value, name.value);
            let fault = Diagnostic::new(Code::NameTaken, name.span, message).related(*first, "the other");
            faults.push(fault.help("give each a name of its own"));
        }
        taken.push((name.as_str(), name.span));
        for mount in mounts {
            super::references::judge_name("volume", mount.name.as_str(), mount.name.span, &app.value.storage, faults);
        }
    }
}

/// A container is asked in one way.
fn judge_probes(app: &Entry<App>, faults: &mut Diagnostics) {
    let main = app.value.probe.iter().map(|probe| (probe, app.value.port.is_some(), app.name.span));
    let sidecars =
        app.value.sidecars.iter().filter_map(|sidecar| {
            Some((sidecar.value.probe.as_ref()?, sidecar.value.port.is_some(), sidecar.name.span))
        });
    for (probe, has_port, span) in main.chain(sidecars) {
        if let (Some(path), Some(command)) = (&probe.path, probe.command.first()) {
            let fault = Diagnostic::new(Code::InvalidValue, command.span, "a probe asks by a path or by a command")
                .related(path.span, "the path");
            faults.push(fault.help("keep one of the two"));
        } else if let Some(path) = probe.path.as_ref().filter(|_| !has_port) {
            let fault =
                Diagnostic::new(Code::MissingField, path.span, "this path is asked for at a port, and there is none")
                    .related(span, "this has no `port`");
            faults.push(fault.help("add `port: NUMBER`, the port that it serves HTTP on"));
        }
    }
}
