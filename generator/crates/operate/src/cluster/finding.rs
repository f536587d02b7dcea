//! Objects that are not ready, the units that they belong to, and which of them explain others.

use super::object::Object;
use super::state::{Trouble, Urgency, trouble};
use crate::time;
use serde_json::Value;
use std::collections::BTreeMap;

/// The namespace of Flux.
pub(super) const FLUX: &str = "flux-system";

/// Labels that Flux' controllers put on what they apply.
const UNIT_LABEL: &str = "kustomize.toolkit.fluxcd.io/name";
const RELEASE_LABELS: [&str; 2] = ["helm.toolkit.fluxcd.io/namespace", "helm.toolkit.fluxcd.io/name"];

/// Kind, namespace and name of an object.
pub(super) type Id<'a> = (&'a str, &'a str, &'a str);

/// The objects of a cluster.
pub(super) struct Index<'a> {
    objects: BTreeMap<Id<'a>, Object<'a>>,
    /// The last warning about each object.
    warnings: BTreeMap<Id<'a>, Object<'a>>,
}

/// When an event was seen last. Newer ones have no `lastTimestamp`.
fn last_seen(event: Object<'_>) -> Option<i64> {
    let times =
        [&["series", "lastObservedTime"][..], &["lastTimestamp"], &["eventTime"], &["metadata", "creationTimestamp"]];
    times.iter().find_map(|path| time::seconds(event.text(path)))
}

/// An object that is not ready.
#[derive(Debug, Clone)]
pub(super) struct Finding<'a> {
    pub(super) object: Object<'a>,
    /// The unit that it belongs to.
    pub(super) unit: Option<&'a str>,
    pub(super) trouble: Trouble,
    /// The object that it waits for, which is not ready either.
    pub(super) waits_for: Option<Object<'a>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(objects: &'a [Value], warnings: &'a [Value]) -> Self {
        let objects = objects.iter().map(Object);
        let objects = objects.map(|object| ((object.kind(), object.namespace(), object.name()), object)).collect();
        let mut events: Vec<_> = warnings.iter().map(Object).collect();
        events.sort_by_key(|event| last_seen(*event));
        let about = |event: Object<'a>| {
            ["kind", "namespace", "name"].map(|field| event.text(&["involvedObject", field])).into()
        };
        Self { objects, warnings: events.into_iter().map(|event| (about(event), event)).collect() }
    }

    /// What the last warning about an object says, for objects whose own status does not say why they fail: External
    /// Secrets leaves out what a provider answers, the kubelet what keeps it from creating containers.
    fn explanation(&self, object: Object<'a>) -> Option<&'a str> {
        let is_silent = match object.kind() {
            "ClusterSecretStore" | "ExternalSecret" | "Service" => true,
            "Pod" => object.condition("PodScheduled").is_some_and(|condition| condition.status == "True"),
            _ => false,
        };
        let warning = self.warnings.get(&(object.kind(), object.namespace(), object.name())).filter(|_| is_silent)?;
        Some(warning.text(&["message"])).filter(|message| !message.is_empty())
    }

    /// Why an object is not ready, if it is not.
    fn trouble(&self, object: Object<'a>, now: i64) -> Option<Trouble> {
        let found = trouble(object, now)?;
        match self.explanation(object) {
            // Image pulls and crashes say enough.
            Some(_) if object.kind() == "Pod" && found.message.starts_with("container ") => Some(found),
            Some(text) => Some(found.explained(text)),
            None => Some(found),
        }
    }

    pub(super) fn get(&self, kind: &'a str, namespace: &'a str, name: &'a str) -> Option<Object<'a>> {
        self.objects.get(&(kind, namespace, name)).copied()
    }

    pub(super) fn of_kind(&self, kind: &'a str) -> impl Iterator<Item = Object<'a>> {
        self.objects
            .range((kind, "", "")..)
            .take_while(move |((other, ..), _)| *other == kind)
            .map(|(_, object)| *object)
    }

    /// The unit that an object belongs to.
    fn unit(&self, object: Object<'a>) -> Option<&'a str> {
        let unit = object.label(UNIT_LABEL);
        if !unit.is_empty() {
            return Some(unit);
        }
        let [namespace, name] = RELEASE_LABELS.map(|label| object.label(label));
        if let Some(release) = self.get("HelmRelease", namespace, name) {
            return self.unit(release);
        }
        self.workload(object).and_then(|workload| self.unit(workload))
    }

    /// The workload of a pod.
    fn workload(&self, object: Object<'a>) -> Option<Object<'a>> {
        let owner = object.list(&["metadata", "ownerReferences"]).next().filter(|_| object.kind() == "Pod")?;
        let (kind, name) = match owner.kind() {
            "ReplicaSet" => {
                let name = owner.text(&["name"]);
                ("Deployment", name.strip_suffix(object.label("pod-template-hash"))?.strip_suffix('-')?)
            }
            kind => (kind, owner.text(&["name"])),
        };
        self.get(kind, object.namespace(), name)
    }

    /// The object that another one needs.
    fn prerequisite(&self, object: Object<'a>) -> Option<Object<'a>> {
        let namespace = object.namespace();
        let reference = |path: &[&str]| Object(object.at(path));
        match object.kind() {
            "ExternalSecret" => {
                self.get("ClusterSecretStore", "", reference(&["spec", "secretStoreRef"]).text(&["name"]))
            }
            "Certificate" => self.get("ClusterIssuer", "", reference(&["spec", "issuerRef"]).text(&["name"])),
            "Database" => self.get("Cluster", namespace, reference(&["spec", "cluster"]).text(&["name"])),
            "HelmRelease" => {
                let chart = reference(&["spec", "chartRef"]);
                let (of, name) = object.text(&["status", "helmChart"]).split_once('/').unwrap_or_default();
                self.get(chart.kind(), namespace, chart.text(&["name"])).or_else(|| self.get("HelmChart", of, name))
            }
            "HelmChart" => {
                let source = reference(&["spec", "sourceRef"]);
                self.get(source.kind(), namespace, source.text(&["name"]))
            }
            _ => None,
        }
    }

    /// The objects that are not ready and that belong to the lab, without Kustomizations.
    pub(super) fn findings(&self, now: i64) -> Vec<Finding<'a>> {
        let objects = self.objects.values().copied().filter(|object| self.is_of_interest(*object));
        let mut found: Vec<_> = objects
            .filter_map(|object| {
                let waits_for = self.prerequisite(object).filter(|other| trouble(*other, now).is_some());
                Some(Finding { object, unit: self.unit(object), trouble: self.trouble(object, now)?, waits_for })
            })
            .collect();
        let explained: Vec<_> = found.iter().map(|finding| self.is_explained(finding, &found)).collect();
        let mut explained = explained.into_iter();
        found.retain(|_| explained.next() == Some(false));
        found
    }

    /// Whether an object belongs to the lab: a unit applies it, or it is part of k3s or Flux.
    fn is_of_interest(&self, object: Object<'a>) -> bool {
        if object.kind() == "Kustomization" || !object.text(&["metadata", "deletionTimestamp"]).is_empty() {
            return false;
        }
        let owner = object.list(&["metadata", "ownerReferences"]).next().map_or("", Object::kind);
        match object.kind() {
            // Jobs are retried, and their pods stay; but Flux Operator is installed by one.
            "Pod" if owner == "Job" => object.name().starts_with("helm-install-flux-operator"),
            "Pod" => self.workload(object).is_some_and(|workload| self.is_of_interest(workload)),
            "Service" => true,
            _ => self.unit(object).is_some() || [FLUX, "kube-system"].contains(&object.namespace()),
        }
    }

    /// Whether another finding says why the object is not ready.
    fn is_explained(&self, finding: &Finding<'a>, all: &[Finding<'a>]) -> bool {
        let object = finding.object;
        match object.kind() {
            "Deployment" | "StatefulSet" | "DaemonSet" | "Cluster" => {
                let of = |other: &Finding<'a>| {
                    self.workload(other.object).map(|workload| (workload.kind(), workload.namespace(), workload.name()))
                };
                all.iter().any(|other| of(other) == Some((object.kind(), object.namespace(), object.name())))
            }
            "HelmRelease" => {
                let is_of_release = |other: &&Finding<'a>| {
                    other.unit == finding.unit
                        && other.object.kind() != "HelmRelease"
                        && other.trouble.urgency <= finding.trouble.urgency
                };
                finding.trouble.urgency != Urgency::Stuck && all.iter().any(|other| is_of_release(&other))
            }
            _ => false,
        }
    }
}
