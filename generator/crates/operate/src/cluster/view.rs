//! The state of a cluster, and what keeps it from being ready.

use super::access::Reading;
use super::finding::{FLUX, Finding, Index};
use super::node::{NodeState, NodeView, nodes};
use super::object::{Object, shortened};
use super::service::{Service, Services};
use super::state::{Trouble, Urgency, trouble};
use super::unit::{UnitState, UnitView, own_trouble, units};
use model::{Cluster, Lab};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A cluster, as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct View {
    /// Its name.
    pub cluster: String,
    /// Whether all of it is ready.
    pub verdict: Verdict,
    /// What keeps it from being ready, the most urgent first; then notes.
    pub causes: Vec<Cause>,
    /// Its nodes. Empty if its API does not answer.
    pub nodes: Vec<NodeView>,
    /// What Flux applies.
    pub source: Option<SourceView>,
    /// Its units, in the order in which Flux applies them. Empty if its API does not answer.
    pub units: Vec<UnitView>,
}

/// Whether a cluster is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// All nodes and units are.
    Ready,
    /// Not yet, but nothing has failed.
    Progressing,
    /// Something has failed.
    Failing,
    /// It could not be asked.
    Unreachable,
}

/// What keeps a cluster from being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cause {
    /// How urgent it is.
    pub urgency: Urgency,
    /// What is not ready: an object, a node, a unit.
    pub subject: String,
    /// The unit that it belongs to.
    pub unit: Option<String>,
    /// Why, as its controller says.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
    /// The units that wait for it.
    pub blocks: Vec<String>,
    /// How long it has been so, in seconds, if that is known.
    pub seconds: Option<i64>,
    /// The stage in which it stops a cluster that starts: lower ones come first.
    #[serde(skip)]
    stage: u8,
}

/// What Flux applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SourceView {
    /// The commit that Flux has fetched, with its branch.
    pub revision: String,
    /// Whether fetching works.
    pub is_ready: bool,
    /// Commits that are pushed and that Flux has not fetched. None if that is not known.
    pub unfetched: Option<u32>,
    /// Commits of the branch here that are not pushed. None if that is not known.
    pub unpushed: Option<u32>,
}

/// What the repository here says of the commit that Flux has fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Git {
    /// Commits that are pushed and that Flux has not fetched. None if that is not known.
    pub unfetched: Option<u32>,
    /// Commits of the branch here that are not pushed. None if that is not known.
    pub unpushed: Option<u32>,
}

impl Reading {
    /// The commit that Flux has fetched.
    pub fn fetched_commit(&self) -> Option<&str> {
        let objects = self.objects.as_ref().ok()?;
        let source = objects.iter().map(Object).find(|object| is_source(*object))?;
        let (_, commit) = source.text(&["status", "artifact", "revision"]).rsplit_once(':')?;
        Some(commit)
    }
}

/// Whether an object is the repository that Flux follows.
fn is_source(object: Object<'_>) -> bool {
    object.kind() == "GitRepository" && object.namespace() == FLUX && object.name() == FLUX
}

impl Cause {
    fn new(urgency: Urgency, stage: u8, subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            urgency,
            subject: subject.into(),
            unit: None,
            message: message.into(),
            remedy: None,
            blocks: Vec::new(),
            seconds: None,
            stage,
        }
    }

    fn of(object: Object<'_>, trouble: &Trouble, stage: u8, now: i64) -> Self {
        let seconds = trouble.since.map(|since| (now - since).max(0));
        let message = match trouble.reason.as_str() {
            "" | "Suspended" => trouble.message.clone(),
            reason if trouble.message.is_empty() => reason.to_owned(),
            _ if trouble.urgency == Urgency::Progressing => trouble.message.clone(),
            reason => format!("{reason}: {}", trouble.message),
        };
        Self { seconds, remedy: remedy(object, trouble), ..Self::new(trouble.urgency, stage, object.title(), message) }
    }
}

/// What to do about an object that does not become ready by itself.
fn remedy(object: Object<'_>, trouble: &Trouble) -> Option<String> {
    let (namespace, name) = (object.namespace(), object.name());
    if trouble.urgency != Urgency::Stuck {
        return None;
    }
    if trouble.reason == "Suspended" {
        let kind = match object.kind() {
            "GitRepository" => "source git".to_owned(),
            "HelmChart" => "source chart".to_owned(),
            "HelmRepository" => "source helm".to_owned(),
            "ImageUpdateAutomation" => "image update".to_owned(),
            "OCIRepository" => "source oci".to_owned(),
            kind => kind.to_lowercase(),
        };
        return Some(format!("`flux resume {kind} {name} --namespace {namespace}`"));
    }
    Some(match object.kind() {
        "GitRepository" if is_source(object) => {
            "check the deploy key in the settings of the repository, and the files in flux-git that `homelab secrets` lists".to_owned()
        }
        "ClusterSecretStore" => {
            "check the credential on the disks of the servers: `homelab secrets` lists its files".to_owned()
        }
        "ExternalSecret" => "create the entry in the secret store: `homelab secrets` lists what each one needs".to_owned(),
        "ImageUpdateAutomation" => "check that the deploy key of flux-images may write to the repository".to_owned(),
        "HelmRelease" => format!("correct it in the spec, then `flux reconcile helmrelease {name} --namespace {namespace} --reset`"),
        "Pod" => format!("`kubectl --namespace {namespace} describe pod {name}` shows its events"),
        _ => return None,
    })
}

impl View {
    /// A cluster that cannot be asked.
    pub fn unreachable(cluster: &Cluster, message: &str) -> Self {
        Self {
            cluster: cluster.name.to_string(),
            verdict: Verdict::Unreachable,
            causes: vec![Cause::new(Urgency::Stuck, 0, format!("cluster {}", cluster.name), message)],
            nodes: Vec::new(),
            source: None,
            units: Vec::new(),
        }
    }

    /// The state of a cluster. `services` is the state of k3s on the nodes that were asked.
    pub fn of(lab: &Lab, cluster: &Cluster, reading: &Reading, services: &Services, git: Git) -> Self {
        let now = reading.now;
        let empty = Vec::new();
        let objects = reading.objects.as_ref().unwrap_or(&empty);
        let index = Index::new(objects, &reading.warnings);
        let findings = index.findings(now);
        let source = index.get("GitRepository", FLUX, FLUX);
        let revision = source.map_or("", |source| source.text(&["status", "artifact", "revision"]));
        let has_answered = reading.objects.is_ok();
        let units = if has_answered { units(cluster, &index, &findings, revision, now) } else { Vec::new() };
        let nodes = if has_answered { nodes(cluster, objects, services) } else { Vec::new() };
        let mut causes = Vec::new();
        if let Err(message) = &reading.objects {
            causes.push(silent(cluster, message, reading.service.as_ref()));
        } else {
            let files = reading.service.as_ref().and_then(|service| missing_files(cluster, service));
            // What follows from missing files is no cause of its own.
            let follows = |finding: &Finding<'_>| {
                files.is_some() && is_source(finding.object) && finding.trouble.reason == "AuthenticationFailed"
            };
            let explaining: Vec<_> = findings.iter().filter(|finding| !follows(finding)).collect();
            causes.extend(of_nodes(&nodes));
            causes.extend(of_flux(lab, cluster, &index, git, now));
            causes.extend(of_objects(&explaining, &units, now));
            causes.extend(files);
            causes.extend(of_units(&index, &findings, &units, revision, now));
        }
        causes.extend(of_missing(&causes, &units, git));
        block(&mut causes, &units);
        causes.sort_by_key(|cause| (cause.urgency, cause.stage, Reverse(cause.blocks.len()), cause.subject.clone()));
        let is_ready = has_answered
            && causes.iter().all(|cause| cause.urgency == Urgency::Note)
            && units.iter().all(|unit| unit.state.is_ready() || unit.state == UnitState::NotInSpec);
        let verdict = match causes.first() {
            _ if is_ready => Verdict::Ready,
            Some(cause) if cause.urgency <= Urgency::Failing => Verdict::Failing,
            _ => Verdict::Progressing,
        };
        let source = source.map(|source| SourceView {
            revision: revision.to_owned(),
            is_ready: trouble(source, now).is_none(),
            unfetched: git.unfetched,
            unpushed: git.unpushed,
        });
        Self { cluster: cluster.name.to_string(), verdict, causes, nodes, source, units }
    }

    /// The units that the spec has.
    pub fn wanted(&self) -> impl Iterator<Item = &UnitView> {
        self.units.iter().filter(|unit| unit.state != UnitState::NotInSpec)
    }
}

/// The API does not answer: k3s does not run, or starts.
fn silent(cluster: &Cluster, message: &str, service: Option<&Service>) -> Cause {
    let subject = format!("k3s of {}", cluster.name);
    let Some(service) = service else { return Cause::new(Urgency::Failing, 0, subject, shortened(message)) };
    match (service.is_active(), service.problem()) {
        (true, _) => Cause::new(
            Urgency::Progressing,
            0,
            subject,
            format!("it runs, but its API does not answer yet: {}", shortened(message)),
        ),
        (false, Some((text, remedy))) => {
            let urgency = if remedy.is_some() { Urgency::Stuck } else { Urgency::Failing };
            Cause { remedy: remedy.map(str::to_owned), ..Cause::new(urgency, 0, subject, text) }
        }
        (false, None) if service.state == "activating" => {
            Cause::new(Urgency::Progressing, 0, subject, "its service starts")
        }
        (false, None) => Cause {
            remedy: Some("`journalctl -u k3s` on the server shows its log".to_owned()),
            ..Cause::new(Urgency::Failing, 0, subject, format!("its service is {}", service.state))
        },
    }
}

fn of_nodes(nodes: &[NodeView]) -> Vec<Cause> {
    let mut causes = Vec::new();
    for node in nodes {
        let subject = format!("node {}", node.name);
        let message = node.message.clone().unwrap_or_default();
        let urgency = match (node.state, &node.remedy) {
            (NodeState::Ready, _) => None,
            (NodeState::NotInSpec, _) => Some(Urgency::Note),
            (_, Some(_)) => Some(Urgency::Stuck),
            (NodeState::NotReady, None) => Some(Urgency::Failing),
            (NodeState::Missing, None) => Some(Urgency::Progressing),
        };
        if let Some(urgency) = urgency {
            let message = if node.state == NodeState::NotInSpec { "it is not in the spec".to_owned() } else { message };
            causes.push(Cause { remedy: node.remedy.clone(), ..Cause::new(urgency, 1, subject.clone(), message) });
        }
        if node.is_cordoned {
            let remedy = Some(format!("`kubectl uncordon {}`", node.name));
            let message = "it is cordoned: no pods start on it";
            causes.push(Cause { remedy, ..Cause::new(Urgency::Note, 1, subject.clone(), message) });
        }
        if node.has_other_version {
            let version = node.version.as_deref().unwrap_or_default();
            let message = format!("it runs k3s {version}, which is not the version of the spec");
            let remedy = Some(format!("`homelab deploy {}`", node.name));
            causes.push(Cause { remedy, ..Cause::new(Urgency::Note, 1, subject, message) });
        }
    }
    causes
}

fn missing_files(cluster: &Cluster, service: &Service) -> Option<Cause> {
    let files = service.missing_files();
    if files.is_empty() {
        return None;
    }
    let message = format!("these files are missing on the disk of the server: {}", files.join(", "));
    let remedy = Some(format!("`homelab bootstrap {}` writes them", cluster.name));
    Some(Cause { remedy, ..Cause::new(Urgency::Stuck, 2, "homelab-bootstrap-secrets", message) })
}

/// What keeps Flux itself from working.
fn of_flux(lab: &Lab, cluster: &Cluster, index: &Index<'_>, git: Git, now: i64) -> Vec<Cause> {
    let mut causes = Vec::new();
    match index.of_kind("FluxInstance").next() {
        None => {
            let message = format!("Flux Operator {} is not installed yet", cluster.flux.operator);
            causes.push(Cause::new(Urgency::Progressing, 3, "Flux", message));
        }
        Some(instance) => {
            let found = trouble(instance, now);
            causes.extend(found.as_ref().map(|found| Cause::of(instance, found, 3, now)));
            if found.is_none() && index.get("GitRepository", FLUX, FLUX).is_none() {
                causes.push(Cause::new(Urgency::Progressing, 4, "Flux", "it has no GitRepository yet"));
            }
        }
    }
    let source = index.get("GitRepository", FLUX, FLUX).filter(|source| trouble(*source, now).is_none());
    let commits = |number: u32| diagnostic::count(number, "commit");
    if let (Some(source), Some(number @ 1..)) = (source, git.unfetched) {
        let every = source.text(&["spec", "interval"]);
        let message =
            format!("Flux has not fetched {} of `{}`; it looks every {every}", commits(number), lab.repository.branch);
        causes.push(Cause::new(Urgency::Progressing, 4, source.title(), message));
    }
    if let Some(number @ 1..) = git.unpushed {
        let message = format!("{} of the branch here are not pushed", commits(number));
        let message = if number == 1 { message.replace("are not", "is not") } else { message };
        causes.push(Cause::new(Urgency::Note, 4, format!("branch {}", lab.repository.branch), message));
    }
    causes
}

/// The objects that explain why their units are not ready. Of several pods with the same problem, one is listed.
fn of_objects(findings: &[&Finding<'_>], units: &[UnitView], now: i64) -> Vec<Cause> {
    let mut seen = BTreeSet::new();
    let mut causes = Vec::new();
    for finding in findings.iter().filter(|finding| finding.object.kind() != "FluxInstance") {
        let state = units.iter().find(|unit| Some(unit.name.as_str()) == finding.unit).map(|unit| unit.state);
        let is_foreign = finding.unit.is_some()
            && state.is_none_or(|state| state == UnitState::NotInSpec)
            && finding.unit != Some(FLUX);
        if finding.waits_for.is_some()
            || is_foreign
            || !seen.insert((finding.unit, finding.object.kind(), finding.trouble.message.clone()))
        {
            continue;
        }
        let stage = match finding.object {
            object if is_source(object) => 4,
            _ if finding.unit.is_none() => 3,
            _ => 6,
        };
        let unit = finding.unit.filter(|unit| *unit != FLUX).map(str::to_owned);
        causes.push(Cause { unit, ..Cause::of(finding.object, &finding.trouble, stage, now) });
    }
    causes
}

/// Kustomizations that say themselves why they are not ready, and those that the spec does not have.
fn of_units(index: &Index<'_>, findings: &[Finding<'_>], units: &[UnitView], revision: &str, now: i64) -> Vec<Cause> {
    let is_source_failing = findings.iter().any(|finding| is_source(finding.object));
    let mut causes = Vec::new();
    for kustomization in index.of_kind("Kustomization").filter(|object| object.namespace() == FLUX) {
        let name = kustomization.name();
        let unit = units.iter().find(|unit| unit.name == name);
        let state = unit.map(|unit| unit.state);
        if state == Some(UnitState::NotInSpec) {
            let message = match unit.and_then(|unit| unit.message.as_deref()) {
                Some(message) => format!("the spec does not have it: {message}"),
                None => "the spec does not have it; Flux deletes it with the commit that removes it".to_owned(),
            };
            causes.push(Cause::new(Urgency::Note, 6, format!("unit {name}"), message));
            continue;
        }
        if state == Some(UnitState::Suspended) {
            let remedy = Some(format!("`flux resume kustomization {name}`"));
            let message = "it is suspended: Flux applies no changes";
            causes.push(Cause { remedy, ..Cause::new(Urgency::Note, 6, format!("unit {name}"), message) });
            continue;
        }
        if state == Some(UnitState::Waiting) || state == Some(UnitState::Ready) {
            continue;
        }
        let Some(trouble) = own_trouble(kustomization, revision, now) else { continue };
        if trouble.reason == "ArtifactFailed" && is_source_failing {
            continue;
        }
        // Its objects say more than that they are not healthy.
        let says_little = trouble.urgency == Urgency::Progressing || trouble.reason == "HealthCheckFailed";
        let has_cause = findings.iter().any(|finding| {
            finding.unit == Some(name) && finding.trouble.urgency <= trouble.urgency.max(Urgency::Progressing)
        });
        if says_little && has_cause && name != FLUX {
            continue;
        }
        let stage = if name == FLUX { 5 } else { 6 };
        let subject = if name == FLUX { kustomization.title() } else { format!("unit {name}") };
        let unit = (name != FLUX).then(|| name.to_owned());
        causes.push(Cause { subject, unit, ..Cause::of(kustomization, &trouble, stage, now) });
    }
    causes
}

/// Units that Flux does not know, although nothing keeps it from applying them.
fn of_missing(causes: &[Cause], units: &[UnitView], git: Git) -> Option<Cause> {
    let missing: Vec<_> = units.iter().filter(|unit| unit.state == UnitState::Missing).map(|unit| &unit.name).collect();
    let is_stopped = causes.iter().any(|cause| cause.stage < 6 && cause.urgency != Urgency::Note && cause.stage != 1);
    if missing.is_empty() || is_stopped {
        return None;
    }
    let subject = match missing.as_slice() {
        [name] => format!("unit {name}"),
        _ => diagnostic::count(missing.len(), "unit"),
    };
    let (urgency, message) = match git.unpushed {
        Some(1..) => (Urgency::Stuck, "Flux does not have it: it is in a commit that is not pushed"),
        _ => (Urgency::Progressing, "Flux does not have it yet"),
    };
    let message = if missing.len() == 1 {
        message.to_owned()
    } else {
        message.replace(" it", " them").replace("them is", "they are")
    };
    Some(Cause::new(urgency, 5, subject, message))
}

/// Finds the units that wait for each cause. All that are not there yet wait for the first of the causes that are not
/// part of a unit, such as Flux itself.
fn block(causes: &mut [Cause], units: &[UnitView]) {
    let is_first = |cause: &Cause| cause.unit.is_none() && cause.stage != 1 && cause.urgency != Urgency::Note;
    let first = causes.iter().filter(|cause| is_first(cause)).map(|cause| cause.stage).min();
    let mut missing =
        units.iter().filter(|unit| unit.state == UnitState::Missing).map(|unit| unit.name.clone()).collect();
    for cause in causes.iter_mut().filter(|cause| cause.urgency != Urgency::Note) {
        match &cause.unit {
            Some(unit) => cause.blocks = waiting_for(unit, units),
            None if Some(cause.stage) == first => cause.blocks = std::mem::take(&mut missing),
            None => {}
        }
    }
}

/// The units that wait for a unit, also by way of others.
fn waiting_for(unit: &str, units: &[UnitView]) -> Vec<String> {
    let mut reached = BTreeSet::from([unit]);
    let mut found = Vec::new();
    // A unit comes after those that it depends on. What waits for an object of a later unit needs another round.
    loop {
        let before = found.len();
        for other in units.iter().filter(|other| other.state != UnitState::Missing || !other.waits_for.is_empty()) {
            let waits = other.waits_for.iter().any(|name| reached.contains(name.as_str()));
            if waits && reached.insert(&other.name) {
                found.push(other.name.clone());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
