//! The fields of an app are consistent, and within the limits of Kubernetes.

use crate::rules::known::check_name as check_reference;
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use spec::types::{Quantity, SqlName};
use spec::{
    App, AppBackup, ContainerApp, Entry, EnvSource, EnvValue, HelmApp, Probe, Resources, SidecarStart, Spanned,
};

/// The maximum length of the name of an app with secrets: they are in the unit `NAME-secrets`, and unit names
/// are label values of at most 63 characters.
const MAX_WITH_SECRETS: usize = 63 - "-secrets".len();

/// The maximum length of the name of an app with a database: its password is in the unit `database-NAME-secrets`.
const MAX_WITH_DATABASE: usize = 63 - "database--secrets".len();

/// The maximum length of the name of a Helm release. Flux cuts a longer one, and the chart's Services get other names.
const MAX_RELEASE: usize = 53;

/// The maximum length of a CronJob's name: Kubernetes appends 11 characters for each run.
const MAX_JOB: usize = 52;

pub(super) fn check(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    check_name(app, diagnostics);
    check_database(app, diagnostics);
    match &app.value {
        App::Helm(helm) => check_helm(helm, diagnostics),
        App::Container(_) | App::Jobs(_) => {
            let Some(container) = app.value.container() else { return };
            check_containers(app, container, diagnostics);
            check_probes(app, container, diagnostics);
            check_start(container, diagnostics);
            check_network(container, diagnostics);
            let resources = container.containers().filter_map(|parts| parts.resources);
            resources.for_each(|resources| check_resources(resources, diagnostics));
        }
    }
}

/// Checks that what an app can reach is limited only if a policy can limit it.
fn check_network(container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let (Some(network), Some(span)) = (&container.network, container.host_network.on()) else { return };
    let message = "`network` has no effect on an app that shares the network of its node";
    let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, network.span, message).related(span, "shared here");
    diagnostics.push(diagnostic.help("remove `network`: such an app reaches whatever its node reaches"));
}

/// The lowest memory limit with which a container starts, in MiB: that of Docker. The container runtime itself uses
/// some of it before the program runs.
const LEAST_LIMIT: u64 = 6;

/// The lowest memory request that cannot be a mistake, in MiB.
const LEAST_REQUEST: u64 = 1;

/// Checks that amounts have the unit of their resource, and that no request exceeds its limit.
pub(super) fn check_resources(resources: &Resources, diagnostics: &mut Diagnostics) {
    for (what, amounts, least) in
        [("request", &resources.requests, LEAST_REQUEST), ("limit", &resources.limits, LEAST_LIMIT)]
    {
        let Some(amounts) = amounts else { continue };
        if let Some(memory) = &amounts.memory {
            check_memory(what, memory, least, diagnostics);
        }
        if let Some(cpu) = &amounts.cpu {
            check_cpu(what, cpu, diagnostics);
        }
    }
    let (Some(requests), Some(limits)) = (&resources.requests, &resources.limits) else { return };
    for (what, request, limit) in [("CPU", &requests.cpu, &limits.cpu), ("memory", &requests.memory, &limits.memory)] {
        let (Some(request), Some(limit)) = (request, limit) else { continue };
        if request.thousandths() > limit.thousandths() {
            let message = format!("the {what} request {} exceeds the limit {}", request.value, limit.value);
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, request.span, message).related(limit.span, "the limit");
            diagnostics.push(diagnostic.help("lower the request, or raise the limit"));
        }
    }
}

fn check_memory(what: &str, memory: &Spanned<Quantity>, least: u64, diagnostics: &mut Diagnostics) {
    let thousandths = memory.thousandths();
    let text = memory.as_str();
    if is_zero(text) || thousandths >= (least << 20) * 1000 {
        return;
    }
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (reason, help) = match &text[number.len()..] {
        "" => (format!("it is {text} bytes"), format!("add a unit, such as {number}Mi")),
        "m" => ("`m` means thousandths of a byte".to_owned(), format!("write {number}Mi for mebibytes")),
        _ => (format!("a container needs {least} MiB or more to start"), "raise it, for example to 64Mi".to_owned()),
    };
    let message = format!("the memory {what} {text} is too small: {reason}");
    diagnostics.push(Diagnostic::new(Code::InvalidValue, memory.span, message).help(help));
}

/// Whether an amount is zero: no request, or no limit.
fn is_zero(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

/// The most cores that an amount of CPU without a unit can mean.
const MOST_CORES: u64 = 100;

fn check_cpu(what: &str, cpu: &Spanned<Quantity>, diagnostics: &mut Diagnostics) {
    let (text, thousandths) = (cpu.as_str(), cpu.thousandths());
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (message, help) = match &text[number.len()..] {
        "" | "m" if thousandths == 0 && !is_zero(text) => (
            format!("the CPU {what} {text} is too small: Kubernetes counts thousandths of a core"),
            "write 1m or more".to_owned(),
        ),
        "" if thousandths >= MOST_CORES * 1000 => {
            (format!("the CPU {what} {text} is {text} cores"), format!("write {text}m for thousandths of a core"))
        }
        "" | "m" => return,
        _ => (
            format!("the CPU {what} {text} has a unit of memory"),
            "write cores or thousandths of a core, such as 2 or 500m".to_owned(),
        ),
    };
    diagnostics.push(Diagnostic::new(Code::InvalidValue, cpu.span, message).help(help));
}

fn check_name(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    let name = app.named();
    let length = name.as_str().len();
    let mut check_length = |max: usize, what: &str, span: Span, length: usize| {
        if length > max {
            let message = format!("the name of {what} has {length} characters, but the limit is {max}");
            diagnostics.push(Diagnostic::new(Code::InvalidValue, span, message).help("use a shorter name"));
        }
    };
    if app.value.container().is_none() && length > MAX_RELEASE {
        check_length(MAX_RELEASE, "a Helm app, which is that of its release,", name.span, length);
    } else if let (Some(_), Some(name)) = (app.value.database(), app.value.database_name()) {
        check_length(MAX_WITH_DATABASE, "a database", name.span, name.as_str().len());
    } else if app.value.database().is_some() {
        check_length(MAX_WITH_DATABASE, "an app with a database", name.span, length);
    } else if app.value.has_secrets() {
        check_length(MAX_WITH_SECRETS, "an app with secrets", name.span, length);
    }
    let container = app.value.container();
    for job in container.into_iter().flat_map(|container| &container.jobs) {
        let length = length + 1 + job.name.as_str().len();
        check_length(MAX_JOB, "a CronJob, `APP-JOB`,", job.name.span, length);
    }
    let has_ports = |container: &ContainerApp| container.port.is_some() || container.other_ports().next().is_some();
    let has_service = container.is_some_and(has_ports);
    if has_service && name.as_str().starts_with(|c: char| c.is_ascii_digit()) {
        let message = format!("the Service name `{}` must not start with a digit", name.value);
        diagnostics.push(
            Diagnostic::new(Code::InvalidValue, name.span, message).help("start the name of the app with a letter"),
        );
    }
}

/// Reports fields that a Helm app cannot use. Charts read secret variables from the app's Secret; no object holds
/// the other variables.
fn check_helm(app: &HelmApp, diagnostics: &mut Diagnostics) {
    let mut check = |field: &str, span| {
        let message = format!("`{field}` has no effect on a Helm app");
        let diagnostic =
            Diagnostic::new(Code::FieldWithoutEffect, span, message).related(app.helm.chart.span, "a Helm app");
        diagnostics.push(diagnostic.help(format!("remove `{field}`, or use the chart's own option in `helm.values`")));
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

/// Reports settings of a database for an app that has none.
fn check_database(app: &Entry<App>, diagnostics: &mut Diagnostics) {
    let span = |name: &Option<Spanned<SqlName>>| name.as_ref().map(|name| name.span);
    let fields = [
        ("database-name", span(app.value.database_name())),
        ("database-role", span(app.value.database_role())),
        ("database-extensions", app.value.database_extensions().first().map(|extension| extension.span)),
    ];
    for (field, span) in fields.into_iter().filter(|_| app.value.database().is_none()) {
        let Some(span) = span else { continue };
        let message = format!("`{field}` has no effect without `database`");
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, span, message).of_absence();
        diagnostics.push(diagnostic.help(format!("add `database: CLUSTER/postgres`, or remove `{field}`")));
    }
}

/// Checks that the containers of a pod have different names, and mount volumes that exist.
fn check_containers(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let main = app.named();
    let mut taken = vec![(main.as_str(), main.span)];
    for (name, mounts) in container.containers().filter_map(|parts| Some((parts.name?, parts.mounts?))) {
        if let Some((_, first)) = taken.iter().find(|(other, _)| *other == name.as_str()) {
            let message = format!("two containers of `{}` have the name `{}`", app.name.value, name.value);
            let diagnostic = Diagnostic::new(Code::NameTaken, name.span, message).related(*first, "first used here");
            diagnostics.push(diagnostic.help("rename one of them"));
        }
        taken.push((name.as_str(), name.span));
        for mount in mounts {
            if container.files.get(mount.name.as_str()).is_none() && container.files.is_complete() {
                check_reference("volume", mount.name.as_str(), mount.name.span, &container.storage, diagnostics);
            }
        }
    }
}

/// Checks that a sidecar that starts before the init containers has some to start before.
fn check_start(app: &ContainerApp, diagnostics: &mut Diagnostics) {
    let early = app.sidecars.iter().filter_map(|sidecar| sidecar.value.start.spanned());
    for start in early.filter(|start| start.value == SidecarStart::BeforeInit && app.init.is_empty()) {
        let message = "`start: before-init` has no effect without `init`";
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, start.span, message);
        diagnostics.push(diagnostic.of_absence().help("use `start: before-app`"));
    }
}

/// Checks that a container with an HTTP probe has a port.
fn check_probes(app: &Entry<App>, container: &ContainerApp, diagnostics: &mut Diagnostics) {
    let main = container.probe.iter().map(|probe| (probe, container.port.is_some(), app.name.span));
    let sidecars = container
        .sidecars
        .iter()
        .filter_map(|sidecar| Some((sidecar.value.probe.as_ref()?, sidecar.value.port.is_some(), sidecar.name.span)));
    for (probe, has_port, span) in main.chain(sidecars) {
        if let (Probe::Http(http), false) = (probe, has_port) {
            let message = "an HTTP probe needs a `port`, but there is none";
            let diagnostic =
                Diagnostic::new(Code::MissingField, http.path.span, message).related(span, "`port` is missing here");
            diagnostics.push(diagnostic.help("add `port: NUMBER`, the port that serves HTTP"));
        }
    }
}
