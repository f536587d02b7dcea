//! The proposal: what becomes of each workload.

use crate::app::{self, Draft, Part};
use crate::charts::{self, Chart, Counterpart};
use crate::context::{Context, Needs, Pipeline, Problem};
use crate::files::{Content, Files, Place, Remark};
use crate::flux::{Applied, applied};
use crate::kustomize::{Manifests, shown};
use crate::lab::lab;
use crate::names::{NewService, Services, domain_of, label, unused};
use crate::objects::{Object, Objects};
use crate::piece::{Entry, Piece};
use crate::storages::Storages;
use crate::workload::{EnvValue, Runs, Source, Workload};
use crate::{Options, app_template, helm, native, print};
use std::collections::{BTreeMap, BTreeSet};
use yaml::Node;

/// What became of a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is an app of the proposal.
    App,
    /// It is a Helm app of the proposal.
    HelmApp,
    /// A component of the platform stands for it.
    Component,
    /// k3s or the generator has it anyway.
    BuiltIn,
    /// It is not in the proposal.
    NotImported,
    /// Flux does not apply its file.
    Unapplied,
}

/// A workload, and what became of it.
#[derive(Debug, Clone)]
pub struct Reported {
    /// Its kind in the manifests.
    pub kind: String,
    /// Its namespace and name.
    pub name: String,
    /// Where it is.
    pub at: Place,
    /// What became of it.
    pub outcome: Outcome,
    /// What it is in the lab: names of apps, or a component.
    pub becomes: Vec<String>,
    /// What to do by hand, or the reasons why it is not imported.
    pub remarks: Vec<Remark>,
}

/// Proposed entries of a spec, and a report.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The entries, as YAML.
    pub spec: String,
    /// All workloads, by place.
    pub workloads: Vec<Reported>,
    /// What could not be read or evaluated.
    pub problems: Vec<Remark>,
    /// Objects that are not workloads, and that no app of the proposal uses: their kind, name and place.
    pub others: Vec<(String, String, Place)>,
}

/// A workload of the manifests.
enum Item {
    Pods(Workload, Vec<Part>),
    Chart(Chart, String),
    Counterpart(Counterpart),
    Refused(Vec<Remark>),
}

struct Found<'a> {
    object: &'a Object,
    item: Item,
}

/// A valid draft, and the workload that it is of.
struct Valid {
    workload: usize,
    draft: Draft,
    entry: Entry,
}

/// The most rounds in which apps that exclude each other are removed.
const MAX_ROUNDS: usize = 20;

pub(crate) fn propose(files: &Files, options: &Options, pipeline: &dyn Pipeline) -> Proposal {
    let manifests = Manifests::of(files);
    let mut problems = problems(files, &manifests);
    let Applied { objects, remarks, unapplied } = applied(&manifests, &options.variables);
    problems.extend(remarks);
    problems.sort();
    problems.dedup();
    let mut found = found(&objects);
    let names = name_apps(&mut found);
    let services = services(&found);
    let storages = storages(&found, &objects);
    let hosts = hosts(&found, &objects);
    let domain = domain_of(hosts.iter().map(String::as_str));
    let timezone = timezone(&found);
    let shared_addresses = shared_addresses(&found);
    let claims = claims(&found);
    let context = Context {
        objects: &objects,
        cluster: &options.cluster,
        services: &services,
        storages: &storages,
        domain: domain.as_deref(),
        claims: &claims,
        timezone: timezone.as_deref(),
        shared_addresses: &shared_addresses,
        pipeline,
    };
    let mut reported: Vec<_> = found.iter().map(|found| first_report(found)).collect();
    let mut valid = Vec::new();
    for (at, found) in found.iter().enumerate() {
        match drafts(found, &context).and_then(|drafts| check_each(drafts, &context)) {
            Ok(drafts) => {
                for draft in drafts {
                    reported[at].becomes.push(draft.name.clone());
                    reported[at].remarks.extend(names.get(&draft.name).cloned());
                    let entry = entry_of(&draft);
                    valid.push(Valid { workload: at, draft, entry });
                }
            }
            Err(reasons) => {
                reported[at].outcome = Outcome::NotImported;
                reported[at].remarks = reasons;
            }
        }
    }
    check_together(&mut valid, &mut reported, &context);
    for Valid { workload, draft, .. } in &valid {
        reported[*workload].remarks.extend(draft.remarks.iter().cloned());
    }
    let components = components(&reported, &context);
    let spec = print::spec(&print::Parts {
        cluster: &options.cluster,
        apps: valid.iter().map(|valid| &valid.entry).collect(),
        needs: needs(&valid),
        storages: &storages,
        domain: domain.as_deref(),
        timezone: timezone.as_deref(),
        components: &components,
    });
    reported.extend(unapplied.iter().map(unapplied_report));
    for report in &mut reported {
        report.remarks.sort();
        report.remarks.dedup();
    }
    reported.sort_by(|one, other| (&one.at, &one.name).cmp(&(&other.at, &other.name)));
    let is_other = |object: &&Object| !crate::workload::is_workload(object) && !is_of_flux(object);
    let others = objects.unused().filter(is_other);
    let mut others: Vec<_> =
        others.map(|object| (object.kind.clone(), shown(&object.name), object.at.clone())).collect();
    others.sort_by(|one, other| (&one.0, &one.2).cmp(&(&other.0, &other.2)));
    others.dedup();
    Proposal { spec, workloads: reported, problems, others }
}

/// What is wrong with files.
fn problems(files: &Files, manifests: &Manifests<'_>) -> Vec<Remark> {
    let is_yaml = |path: &str| path.ends_with(".yaml") || path.ends_with(".yml");
    let mut problems: Vec<_> = files
        .iter()
        .filter_map(|(path, content)| match content {
            Content::Unread(reason) if is_yaml(path) => {
                Some(Remark { at: Place { path: path.clone(), line: 1 }, text: format!("not read: {reason}") })
            }
            _ => None,
        })
        .collect();
    for (path, read) in manifests.read() {
        let here = read
            .problems
            .iter()
            .map(|(line, text)| Remark { at: Place { path: path.to_owned(), line: *line }, text: shown(text) });
        problems.extend(here);
    }
    problems
}

/// Objects of Flux and Kustomize that only say where the others are.
fn is_of_flux(object: &Object) -> bool {
    object.is_flux_kustomization()
        || object.group == "source.toolkit.fluxcd.io"
        || object.kind == "Namespace"
        || object.kind == "FluxInstance"
}

/// Reads all workloads, each once.
fn found(objects: &Objects) -> Vec<Found<'_>> {
    let mut seen = BTreeSet::new();
    let mut found: Vec<_> = objects
        .iter()
        .filter(|object| crate::workload::is_workload(object))
        .filter(|object| seen.insert((object.at.clone(), object.name.clone())))
        .map(|object| Found { object, item: item(object, objects) })
        .collect();
    found.sort_by(|one, other| (&one.object.at, &one.object.name).cmp(&(&other.object.at, &other.object.name)));
    found
}

fn item(object: &Object, objects: &Objects) -> Item {
    let refused = |text: String| Item::Refused(vec![Remark { at: object.at.clone(), text }]);
    if object.encrypted {
        return refused("its file is encrypted by SOPS".to_owned());
    }
    if object.name.is_empty() {
        return refused("it has no name".to_owned());
    }
    if object.name.contains("${") {
        return refused(
            "its name contains a variable whose value is not in the manifests; use `--set NAME=VALUE`".to_owned(),
        );
    }
    let pods = |workload: Result<Workload, String>| match workload.map(app::normalised) {
        Ok(workload) if component_of(&workload).is_some() => {
            Item::Counterpart(Counterpart::Component(component_of(&workload).unwrap_or_default()))
        }
        Ok(workload) => match app::parts(&workload) {
            Ok(parts) => Item::Pods(workload, parts),
            Err(reason) => Item::Refused(vec![reason]),
        },
        Err(reason) => refused(reason),
    };
    if object.kind != "HelmRelease" {
        return pods(native::read(object, objects));
    }
    if native::is_true(object.get(&["spec", "suspend"])) {
        return refused("it is suspended in the manifests: Flux does not apply it".to_owned());
    }
    match charts::chart(object, objects) {
        Ok(chart) if charts::is_app_template(&chart) => {
            let values = object.get(&["spec", "values"]);
            match values {
                Some(values) => pods(app_template::read(object, values)),
                None => refused("its values are not in the manifest".to_owned()),
            }
        }
        Ok(chart) => match charts::counterpart(&chart.name) {
            Some(counterpart) => Item::Counterpart(counterpart),
            None => Item::Chart(chart, helm::name_of(object)),
        },
        Err(reason) => refused(shown(&reason)),
    }
}

/// The component that runs the image of a workload with one container.
fn component_of(workload: &Workload) -> Option<&'static str> {
    let [controller] = &workload.controllers[..] else { return None };
    charts::component_of_image(&controller.pod.containers.first()?.image.as_ref()?.name)
}

/// Gives each app its own name. Returns remarks about apps whose name was taken.
fn name_apps(found: &mut [Found<'_>]) -> BTreeMap<String, Remark> {
    let mut taken = BTreeSet::new();
    let mut renamed = BTreeMap::new();
    for Found { object, item } in found {
        let names: Vec<&mut String> = match item {
            Item::Pods(_, parts) => parts.iter_mut().map(|part| &mut part.name).collect(),
            Item::Chart(_, name) => vec![name],
            _ => Vec::new(),
        };
        for name in names {
            let with_namespace = label(&format!("{}-{name}", object.namespace), 50, name);
            let is_taken = |name: &str| taken.contains(name);
            let new = match is_taken(name) {
                true => unused(&with_namespace, is_taken),
                false => name.clone(),
            };
            if new != *name {
                let text = format!("another app has the name `{name}`, so this one is `{new}`");
                renamed.insert(new.clone(), Remark { at: object.at.clone(), text });
            }
            taken.insert(new.clone());
            *name = new;
        }
    }
    renamed
}

fn services(found: &[Found<'_>]) -> Services {
    let mut services = Services::new();
    for Found { object, item } in found {
        match item {
            Item::Pods(workload, parts) => {
                for part in parts {
                    let ports = app::ports_of(workload, part).moved();
                    for service in app::services_of(workload, part) {
                        let new = NewService { app: part.name.clone(), ports: ports.clone() };
                        services.insert((workload.namespace.clone(), service.name.clone()), new);
                    }
                }
            }
            Item::Chart(_, name) if *name == object.name => {
                let new = NewService { app: name.clone(), ports: BTreeMap::new() };
                services.entry((object.namespace.clone(), object.name.clone())).or_insert(new);
            }
            _ => {}
        }
    }
    services
}

fn workloads<'a>(found: &'a [Found<'_>]) -> impl Iterator<Item = &'a Workload> {
    found.iter().filter_map(|found| match &found.item {
        Item::Pods(workload, _) => Some(workload),
        _ => None,
    })
}

fn storages(found: &[Found<'_>], objects: &Objects) -> Storages {
    let of_objects = objects.of_kind("PersistentVolume").filter_map(|(_, volume)| {
        let nfs = volume.get(&["spec", "nfs"])?;
        Some((nfs.text_of("server")?.to_owned(), nfs.text_of("path")?.to_owned()))
    });
    let pods = workloads(found).flat_map(|workload| &workload.controllers).map(|controller| &controller.pod);
    let of_pods = pods.flat_map(|pod| {
        pod.volumes.iter().flat_map(|volume| {
            let Source::Nfs { server, path } = &volume.source else { return Vec::new() };
            let containers = pod.containers.iter().chain(&pod.init);
            let mounts = containers.flat_map(|container| &container.mounts).filter(|mount| mount.volume == volume.name);
            let paths = mounts.map(|mount| match &mount.sub_path {
                Some(sub_path) => format!("{path}/{sub_path}"),
                None => path.clone(),
            });
            paths.map(|path| (server.clone(), path)).collect()
        })
    });
    let mounted: Vec<_> = of_objects.chain(of_pods).collect();
    Storages::of(mounted.iter().map(|(server, path)| (server.as_str(), path.as_str())))
}

fn hosts(found: &[Found<'_>], objects: &Objects) -> Vec<String> {
    let of_pods = workloads(found).flat_map(|workload| &workload.routes).flat_map(|route| route.hosts.clone());
    let of_objects =
        ["HTTPRoute", "Ingress"].into_iter().flat_map(|kind| objects.of_kind(kind)).flat_map(|(_, object)| {
            let names = object.get(&["spec", "hostnames"]).map_or(&[][..], Node::items).iter().filter_map(Node::text);
            let rules = object.get(&["spec", "rules"]).map_or(&[][..], Node::items).iter();
            names.chain(rules.filter_map(|rule| rule.text_of("host"))).map(ToOwned::to_owned).collect::<Vec<_>>()
        });
    of_pods.chain(of_objects).collect()
}

/// The time zone of most containers.
fn timezone(found: &[Found<'_>]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let pods = workloads(found).flat_map(|workload| &workload.controllers).map(|controller| &controller.pod);
    for variable in pods.flat_map(|pod| &pod.containers).flat_map(|container| &container.env) {
        if let EnvValue::Text(text) = &variable.value
            && variable.name == "TZ"
            && !text.contains("${")
        {
            *counts.entry(text).or_default() += 1;
        }
    }
    let most = counts.into_iter().max_by_key(|(zone, count)| (*count, std::cmp::Reverse(*zone)));
    most.map(|(zone, _)| zone.to_owned())
}

/// The workload that each claim belongs to: the first one that keeps running, or else the first.
fn claims(found: &[Found<'_>]) -> BTreeMap<(String, String), String> {
    let mut owners: BTreeMap<(String, String), (bool, String)> = BTreeMap::new();
    for workload in workloads(found) {
        for controller in &workload.controllers {
            let is_job = matches!(controller.runs, Runs::OnSchedule | Runs::Once);
            for volume in &controller.pod.volumes {
                let name = match &volume.source {
                    Source::Claim(name) => name.clone(),
                    // The claim of the first pod of a StatefulSet.
                    Source::NewClaim { .. } if controller.runs == Runs::InOrder => {
                        format!("{}-{}-0", volume.name, workload.name)
                    }
                    Source::NewClaim { .. } => format!("{}-{}", workload.name, volume.name),
                    _ => continue,
                };
                let owner =
                    owners.entry((workload.namespace.clone(), name)).or_insert_with(|| (is_job, workload.name.clone()));
                if owner.0 && !is_job {
                    *owner = (is_job, workload.name.clone());
                }
            }
        }
    }
    owners.into_iter().map(|(claim, (_, owner))| (claim, owner)).collect()
}

/// Addresses on the LAN that several apps have.
fn shared_addresses(found: &[Found<'_>]) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut shared = BTreeSet::new();
    for workload in workloads(found) {
        let own: BTreeSet<_> = workload
            .services
            .iter()
            .filter(|service| service.is_lan)
            .filter_map(|service| service.address.clone())
            .collect();
        for address in own {
            if !seen.insert(address.clone()) {
                shared.insert(address);
            }
        }
    }
    shared
}

fn first_report(found: &Found<'_>) -> Reported {
    let object = found.object;
    let (outcome, becomes, remarks) = match &found.item {
        Item::Pods(..) => (Outcome::App, Vec::new(), Vec::new()),
        Item::Chart(..) => (Outcome::HelmApp, Vec::new(), Vec::new()),
        Item::Counterpart(Counterpart::Component(name)) => (Outcome::Component, vec![(*name).to_owned()], Vec::new()),
        Item::Counterpart(Counterpart::BuiltIn(text)) => (Outcome::BuiltIn, vec![(*text).to_owned()], Vec::new()),
        Item::Counterpart(Counterpart::None(text)) => {
            let remark = Remark { at: object.at.clone(), text: format!("it has no counterpart: {text}") };
            (Outcome::NotImported, Vec::new(), vec![remark])
        }
        Item::Refused(reasons) => (Outcome::NotImported, Vec::new(), reasons.clone()),
    };
    Reported { kind: object.kind.clone(), name: full_name(object), at: object.at.clone(), outcome, becomes, remarks }
}

fn full_name(object: &Object) -> String {
    match object.namespace.as_str() {
        "" => shown(&object.name),
        namespace => shown(&format!("{namespace}/{}", object.name)),
    }
}

fn unapplied_report(object: &Object) -> Reported {
    let text = "no Flux Kustomization applies its file".to_owned();
    Reported {
        kind: object.kind.clone(),
        name: full_name(object),
        at: object.at.clone(),
        outcome: Outcome::Unapplied,
        becomes: Vec::new(),
        remarks: vec![Remark { at: object.at.clone(), text }],
    }
}

fn drafts(found: &Found<'_>, context: &Context<'_>) -> Result<Vec<Draft>, Vec<Remark>> {
    match &found.item {
        Item::Pods(workload, parts) => {
            let mut drafts = Vec::new();
            let mut reasons = Vec::new();
            for part in parts {
                match app::draft(workload, part, context) {
                    Ok(draft) => drafts.push(draft),
                    Err(found) => reasons.extend(found),
                }
            }
            // Remarks about the workload belong to its first app.
            for draft in drafts.iter_mut().skip(1) {
                draft.remarks.retain(|remark| !workload.remarks.contains(remark));
            }
            if reasons.is_empty() { Ok(drafts) } else { Err(reasons) }
        }
        Item::Chart(chart, name) => helm::draft(found.object, chart, name, context).map(|draft| vec![draft]),
        Item::Counterpart(Counterpart::None(text)) => {
            Err(vec![Remark { at: found.object.at.clone(), text: format!("it has no counterpart: {text}") }])
        }
        Item::Counterpart(_) => Ok(Vec::new()),
        Item::Refused(reasons) => Err(reasons.clone()),
    }
}

fn entry_of(draft: &Draft) -> Entry {
    Entry {
        key: draft.name.clone(),
        value: draft.fields.clone().done(),
        above: vec![draft.at.to_string()],
        beside: None,
    }
}

/// Checks each app of a workload by itself. The error lists why one is not valid.
fn check_each(drafts: Vec<Draft>, context: &Context<'_>) -> Result<Vec<Draft>, Vec<Remark>> {
    let mut reasons = Vec::new();
    for draft in &drafts {
        let entry = entry_of(draft);
        let lab = lab(&[&entry], &draft.needs, context, &[]);
        let errors = context.pipeline.check(&lab.spec).into_iter().filter(|problem| problem.is_error);
        reasons.extend(errors.map(|problem| reason(&draft.at, &problem, context)));
    }
    reasons.dedup();
    if reasons.is_empty() { Ok(drafts) } else { Err(reasons) }
}

/// Why an app is not valid: the message of the generator, without what may be a credential.
fn reason(at: &Place, problem: &Problem, context: &Context<'_>) -> Remark {
    let help = problem.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
    let text = format!("{}: {}{help}", problem.code, problem.message);
    let shown = text.split('`').enumerate().map(|(at, part)| {
        let is_quoted = at % 2 == 1;
        if is_quoted && context.pipeline.is_credential(None, part) { "…" } else { part }
    });
    Remark { at: at.clone(), text: shown.collect::<Vec<_>>().join("`") }
}

/// Checks all apps in one lab, and removes those that another one excludes.
fn check_together(valid: &mut Vec<Valid>, reported: &mut [Reported], context: &Context<'_>) {
    for _ in 0..MAX_ROUNDS {
        let entries: Vec<_> = valid.iter().map(|valid| &valid.entry).collect();
        let lab = lab(&entries, &needs(valid), context, &[]);
        let errors: Vec<_> = context.pipeline.check(&lab.spec).into_iter().filter(|problem| problem.is_error).collect();
        let mut dropped: BTreeMap<usize, Vec<Remark>> = BTreeMap::new();
        for error in &errors {
            let at = error.line.and_then(|line| lab.lines.iter().rposition(|start| *start <= line));
            if let Some(at) = at {
                let reason = reason(&valid[at].draft.at, error, context);
                dropped.entry(valid[at].workload).or_default().push(reason);
            }
        }
        if dropped.is_empty() {
            return;
        }
        for (workload, reasons) in dropped {
            reported[workload].outcome = Outcome::NotImported;
            reported[workload].becomes.clear();
            reported[workload].remarks = reasons;
            valid.retain(|valid| valid.workload != workload);
        }
    }
}

fn needs(valid: &[Valid]) -> Needs {
    let mut needs = Needs::default();
    valid.iter().for_each(|valid| needs.extend(&valid.draft.needs));
    needs
}

/// The components that stand for workloads, with their places, and why they need more than to be turned on.
fn components(reported: &[Reported], context: &Context<'_>) -> BTreeMap<String, (Vec<Place>, Option<String>)> {
    let mut components: BTreeMap<String, (Vec<Place>, Option<String>)> = BTreeMap::new();
    for report in reported.iter().filter(|report| report.outcome == Outcome::Component) {
        for name in &report.becomes {
            components.entry(name.clone()).or_default().0.push(report.at.clone());
        }
    }
    for (name, (_, missing)) in &mut components {
        let lab = lab(&[], &Needs::default(), context, &[name]);
        let error = context.pipeline.check(&lab.spec).into_iter().find(|problem| problem.is_error);
        *missing = error.map(|error| error.help.unwrap_or(error.message));
    }
    components
}

/// A comment for a component.
pub(crate) fn component_entry(name: &str, places: &[Place]) -> Entry {
    let at = places.first().map(ToString::to_string).unwrap_or_default();
    let more = if places.len() > 1 { format!(" and {} more", places.len() - 1) } else { String::new() };
    Entry {
        key: name.to_owned(),
        value: Piece::Map(Vec::new()),
        above: Vec::new(),
        beside: Some(format!("{at}{more}")),
    }
}
