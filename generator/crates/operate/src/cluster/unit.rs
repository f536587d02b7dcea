//! The units of a cluster, as Flux sees them.

use super::finding::{FLUX, Finding, Index};
use super::object::{Object, shortened};
use super::state::{Trouble, Urgency, trouble};
use model::{Bound, Cluster};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// A unit: what one Kustomization of Flux applies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct UnitView {
    /// Its name, which is that of its Kustomization.
    pub name: String,
    /// Its state.
    pub state: UnitState,
    /// Why it is in that state, if it is not ready.
    pub message: Option<String>,
    /// The units that it waits for, and that are not ready.
    pub waits_for: Vec<String>,
    /// The revision that is applied.
    pub revision: Option<String>,
}

/// The state of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnitState {
    /// The last revision is applied, and all objects are ready.
    Ready,
    /// As ready, but suspended: Flux does not apply changes.
    Suspended,
    /// Flux applies it, or its objects start.
    Progressing,
    /// Other units are not ready.
    Waiting,
    /// It failed, and is retried.
    Failing,
    /// It failed, and a retry does not help.
    Stuck,
    /// Flux does not know it yet.
    Missing,
    /// Flux knows it, but the spec does not have it.
    NotInSpec,
}

impl UnitState {
    /// The state in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Suspended => "suspended",
            Self::Progressing => "progressing",
            Self::Waiting => "waiting",
            Self::Failing => "failing",
            Self::Stuck => "failed",
            Self::Missing => "not there yet",
            Self::NotInSpec => "not in the spec",
        }
    }

    /// Whether units that depend on it can be applied.
    pub fn is_ready(self) -> bool {
        matches!(self, Self::Ready | Self::Suspended)
    }
}

/// The trouble of a Kustomization itself, apart from its dependencies and its objects.
pub(super) fn own_trouble(kustomization: Object<'_>, revision: &str, now: i64) -> Option<Trouble> {
    let applied = kustomization.text(&["status", "lastAppliedRevision"]);
    let is_suspended = kustomization.at(&["spec", "suspend"]).as_bool().unwrap_or_default();
    trouble(kustomization, now).or_else(|| {
        let is_old = !revision.is_empty() && applied != revision && !is_suspended;
        is_old.then(|| Trouble::progressing("the last commit is not applied yet", None))
    })
}

/// Whether a Kustomization waits for another one.
fn is_waiting(kustomization: Object<'_>) -> bool {
    kustomization.condition("Ready").is_some_and(|ready| ready.status != "True" && ready.reason == "DependencyNotReady")
}

/// The units of the spec in the order in which Flux applies them, then those that the spec does not have.
pub(super) fn units(
    cluster: &Cluster,
    index: &Index<'_>,
    findings: &[Finding<'_>],
    revision: &str,
    now: i64,
) -> Vec<UnitView> {
    let mut views: Vec<UnitView> = Vec::new();
    let mut unready = BTreeSet::new();
    for bound in ordered(cluster) {
        let view = unit(bound, index, findings, &unready, revision, now);
        if !view.state.is_ready() {
            unready.insert(view.name.clone());
        }
        views.push(view);
    }
    let is_known = |name: &str| name == FLUX || cluster.units.iter().any(|bound| bound.unit.id.as_str() == name);
    let others = index.of_kind("Kustomization").filter(|object| object.namespace() == FLUX && !is_known(object.name()));
    views.extend(others.map(|object| {
        let is_going = !object.text(&["metadata", "deletionTimestamp"]).is_empty();
        let message = match (is_going, trouble(object, now)) {
            (true, _) => Some("it is being deleted".to_owned()),
            (_, trouble) => trouble.map(|trouble| trouble.message),
        };
        UnitView {
            name: object.name().to_owned(),
            state: UnitState::NotInSpec,
            message,
            waits_for: Vec::new(),
            revision: applied(object),
        }
    }));
    views
}

fn applied(kustomization: Object<'_>) -> Option<String> {
    let revision = kustomization.text(&["status", "lastAppliedRevision"]);
    (!revision.is_empty()).then(|| revision.to_owned())
}

fn unit(
    bound: &Bound,
    index: &Index<'_>,
    findings: &[Finding<'_>],
    unready: &BTreeSet<String>,
    revision: &str,
    now: i64,
) -> UnitView {
    let name = bound.unit.id.to_string();
    let depends_on = bound.depends_on.iter().map(|id| id.as_str().to_owned());
    let mut waits_for: BTreeSet<_> = depends_on.filter(|id| unready.contains(id)).collect();
    let view = |state, message, waits_for: BTreeSet<String>, revision| UnitView {
        name: name.clone(),
        state,
        message,
        waits_for: waits_for.into_iter().collect(),
        revision,
    };
    let Some(kustomization) =
        index.of_kind("Kustomization").find(|object| object.namespace() == FLUX && object.name() == name)
    else {
        return view(UnitState::Missing, None, waits_for, None);
    };
    let applied = applied(kustomization);
    let objects: Vec<_> = findings.iter().filter(|finding| finding.unit == Some(name.as_str())).collect();
    let (following, causes): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(|finding| follows(finding, &name, findings));
    let own = own_trouble(kustomization, revision, now).filter(|_| !is_waiting(kustomization));
    let worst = causes.iter().map(|finding| &finding.trouble).chain(own.iter()).min_by_key(|trouble| trouble.urgency);
    let outside = following.iter().filter_map(|finding| unit_of(finding.waits_for?, findings));
    waits_for.extend(outside.filter(|unit| *unit != name).map(str::to_owned));
    let is_suspended = kustomization.at(&["spec", "suspend"]).as_bool().unwrap_or_default();
    let (state, message) = match worst {
        _ if is_suspended && worst.is_none() => (UnitState::Suspended, None),
        Some(trouble) if trouble.urgency == Urgency::Stuck => (UnitState::Stuck, Some(trouble.message.clone())),
        Some(trouble) if trouble.urgency == Urgency::Failing => (UnitState::Failing, Some(trouble.message.clone())),
        _ if !waits_for.is_empty() && (is_waiting(kustomization) || !following.is_empty() || worst.is_some()) => {
            (UnitState::Waiting, None)
        }
        Some(trouble) => (UnitState::Progressing, Some(trouble.message.clone())),
        None if is_waiting(kustomization) => (UnitState::Progressing, Some("it is next".to_owned())),
        None if !following.is_empty() => {
            (UnitState::Progressing, following.first().map(|finding| finding.trouble.message.clone()))
        }
        None => (UnitState::Ready, None),
    };
    if state.is_ready() {
        waits_for.clear();
    }
    view(state, message.map(|message| shortened(&message)), waits_for, applied)
}

/// Whether an object is not ready because of one that another unit applies.
pub(super) fn follows(finding: &Finding<'_>, unit: &str, findings: &[Finding<'_>]) -> bool {
    finding.waits_for.is_some_and(|other| unit_of(other, findings) != Some(unit))
}

fn unit_of<'a>(object: Object<'_>, findings: &[Finding<'a>]) -> Option<&'a str> {
    let id = |object: Object<'_>| (object.kind().to_owned(), object.namespace().to_owned(), object.name().to_owned());
    findings.iter().find(|finding| id(finding.object) == id(object))?.unit
}

/// The units in an order in which each follows those that it depends on.
fn ordered(cluster: &Cluster) -> Vec<&Bound> {
    let units: BTreeMap<_, _> = cluster.units.iter().map(|bound| (bound.unit.id.as_str(), bound)).collect();
    let mut done = BTreeSet::new();
    let mut order = Vec::new();
    // Each unit on the way is visited once; the order of units has no cycle.
    fn visit<'a>(
        bound: &'a Bound,
        units: &BTreeMap<&'a str, &'a Bound>,
        done: &mut BTreeSet<&'a str>,
        order: &mut Vec<&'a Bound>,
    ) {
        if !done.insert(bound.unit.id.as_str()) {
            return;
        }
        for id in &bound.depends_on {
            if let Some(other) = units.get(id.as_str()) {
                visit(other, units, done, order);
            }
        }
        order.push(bound);
    }
    for bound in &cluster.units {
        visit(bound, &units, &mut done, &mut order);
    }
    order
}
