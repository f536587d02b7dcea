//! What Kubernetes and operators do with changes of fields, as a table.
//!
//! The sources: the outcome of each change on kube-apiserver 1.35 with server-side apply, as kustomize-controller does
//! it, and for PostgreSQL the validation webhook of CloudNativePG.

use crate::object::Key;
use crate::{Effect, ObjectPath};
use model::contract::LOCAL_CLASS;
use spec::types::{Quantity, Text as _};
use yaml::{Node, NodeKind};

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is refused, and Flux applies nothing else of its unit until it is undone.
    Refused,
    /// It is accepted, but what exists does not change.
    Ignored,
    /// It is accepted and has an effect, which may not be expected.
    Surprise,
}

/// A change that does not have the intended effect.
#[derive(Debug)]
pub(crate) struct Fact {
    /// The API group and the kinds of the objects.
    group: &'static str,
    kinds: &'static [&'static str],
    /// For a HelmRelease, the name of its chart; otherwise empty.
    chart: &'static str,
    /// The path of the field. `*` stands for each key of a mapping.
    field: &'static [&'static str],
    change: Change,
    pub(crate) outcome: Outcome,
    pub(crate) reason: &'static str,
    pub(crate) remedy: &'static str,
}

/// Which changes of a field a fact is about.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Any, also adding and removing it.
    Any,
    /// Any, where no value means this one.
    AnyFrom(&'static str),
    /// To another value, or away from one.
    FromValue,
    /// To another value, or from nothing to a value.
    ToValue,
    /// From one value to another.
    Between,
    /// Any, if the value at this path stays the same.
    While(&'static [&'static str]),
    /// To a smaller quantity.
    Smaller,
    /// To a larger quantity, if the storage class at this path is that of k3s, which cannot resize volumes.
    LargerIn(&'static [&'static str]),
    /// To an image of an older major version.
    OlderMajor,
    /// To this value, if the field with this path was not written before: the API keeps its default, which
    /// contradicts the value.
    ToWithout(&'static str, &'static [&'static str]),
    /// Of any field below it, except these.
    Except(&'static [&'static str]),
    /// Of anything, if the object was immutable.
    IfImmutable,
}

/// A fact that is true of a change, with the field and its values.
pub(crate) struct Found {
    pub(crate) fact: &'static Fact,
    pub(crate) field: String,
    pub(crate) change: String,
}

impl Found {
    /// The effect on an object, which a file has after the change.
    pub(crate) fn effect(self, object: ObjectPath, file: &str) -> Effect {
        Effect {
            object,
            file: file.to_owned(),
            outcome: self.fact.outcome,
            field: self.field,
            change: self.change,
            reason: self.fact.reason,
            remedy: self.fact.remedy,
        }
    }
}

const IMMUTABLE: &str = "the API refuses to change this field of an existing object";
const RECREATE: &str =
    "delete the object with kubectl, or give the new one another name, so that it is created with the new value";
const NEW_VOLUME: &str = "undo this change, or add a second volume, copy the data, and remove the first volume";

const fn refused(
    group: &'static str,
    kinds: &'static [&'static str],
    field: &'static [&'static str],
    change: Change,
) -> Fact {
    Fact { group, kinds, chart: "", field, change, outcome: Outcome::Refused, reason: IMMUTABLE, remedy: RECREATE }
}

impl Fact {
    const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    const fn instead(self, remedy: &'static str) -> Self {
        Self { remedy, ..self }
    }

    const fn of_chart(self, chart: &'static str) -> Self {
        Self { chart, ..self }
    }

    const fn surprising(self, reason: &'static str) -> Self {
        Self { outcome: Outcome::Surprise, reason, ..self }
    }

    const fn ignored(self, reason: &'static str) -> Self {
        Self { outcome: Outcome::Ignored, reason, ..self }
    }
}

const ELSEWHERE: &str = "older backups stay at the old place, where nothing looks for them";
const KEEP_BACKUPS: &str = "copy them to the new place, or keep the old one until the new one has enough";

const CLAIM: &[&str] = &["PersistentVolumeClaim"];
const CLASS: &[&str] = &["StorageClass"];
const STORAGE: &str = "storage.k8s.io";
const CNPG: &str = "postgresql.cnpg.io";
const HELM: &str = "helm.toolkit.fluxcd.io";
const RELEASE: &[&str] = &["HelmRelease"];
const CLASSES_OF_SYNOLOGY: &str =
    "a storage class cannot change, so Helm cannot upgrade the release, and what needs its classes waits";
const RECREATE_CLASS: &str = "delete the StorageClass with kubectl, which does not affect volumes, and use --allow";
const LOKI: &str = "the volume of Loki is a claim template of its StatefulSet, which cannot change, so Helm cannot \
                    upgrade the release";
const RECREATE_LOKI: &str = "undo this change, or delete the StatefulSet with `kubectl delete --cascade=orphan`, resize \
                             or recreate its claim, and use --allow";
const PROMETHEUS: &str = "its operator does not resize or move existing volumes";
const RESIZE_CLAIM: &str = "resize the claim with kubectl if its class allows it, or delete it with its Pod to start \
                            with an empty one";

/// All facts.
const FACTS: &[Fact] = &[
    refused("apps", &["DaemonSet", "Deployment", "ReplicaSet"], &["spec", "selector"], Change::Any),
    refused(
        "apps",
        &["Deployment"],
        &["spec", "strategy", "type"],
        Change::ToWithout("Recreate", &["spec", "strategy", "rollingUpdate"]),
    )
    .because("the API keeps the defaults of `rollingUpdate`, which it refuses beside `Recreate` (kubernetes#24198)")
    .instead("first apply the generated files without this change: they then set `rollingUpdate`"),
    refused(
        "apps",
        &["StatefulSet"],
        &["spec"],
        Change::Except(&[
            "minReadySeconds",
            "ordinals",
            "persistentVolumeClaimRetentionPolicy",
            "replicas",
            "revisionHistoryLimit",
            "template",
            "updateStrategy",
        ]),
    ),
    refused(
        "apps",
        &["StatefulSet"],
        &["spec", "updateStrategy", "type"],
        Change::ToWithout("OnDelete", &["spec", "updateStrategy", "rollingUpdate"]),
    ),
    refused("batch", &["Job"], &["spec", "completions"], Change::AnyFrom("1")),
    refused("batch", &["Job"], &["spec", "selector"], Change::Any),
    refused("batch", &["Job"], &["spec", "template"], Change::Any),
    refused("", &["ConfigMap", "Secret"], &[], Change::IfImmutable),
    refused("", &["Secret"], &["type"], Change::FromValue),
    refused("", CLAIM, &["spec", "accessModes"], Change::Any).instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "dataSource"], Change::Any).instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "selector"], Change::Any).instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "storageClassName"], Change::FromValue).instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "volumeMode"], Change::FromValue).instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "volumeName"], Change::FromValue).instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "resources", "requests", "storage"], Change::Smaller)
        .because("a volume cannot shrink")
        .instead(NEW_VOLUME),
    refused("", CLAIM, &["spec", "resources", "requests", "storage"], Change::LargerIn(&["spec", "storageClassName"]))
        .because("its storage class cannot resize volumes")
        .instead("undo this change: a volume of local-path can use the whole disk of its node, whatever its size says"),
    refused("", &["PersistentVolume"], &["spec", "csi"], Change::Any),
    refused("", &["PersistentVolume"], &["spec", "local"], Change::Any),
    refused("", &["PersistentVolume"], &["spec", "nfs"], Change::Any),
    refused("", &["PersistentVolume"], &["spec", "nodeAffinity"], Change::FromValue),
    refused("", &["Service"], &["spec", "clusterIP"], Change::ToValue),
    refused("", &["Service"], &["spec", "loadBalancerClass"], Change::While(&["spec", "type"])),
    refused(STORAGE, CLASS, &["parameters"], Change::Any).instead(RECREATE_CLASS),
    refused(STORAGE, CLASS, &["provisioner"], Change::Any).instead(RECREATE_CLASS),
    refused(STORAGE, CLASS, &["reclaimPolicy"], Change::AnyFrom("Delete")).instead(RECREATE_CLASS),
    refused(STORAGE, CLASS, &["volumeBindingMode"], Change::AnyFrom("Immediate")).instead(RECREATE_CLASS),
    refused(STORAGE, &["CSIDriver"], &["spec", "attachRequired"], Change::AnyFrom("true")),
    refused(STORAGE, &["CSIDriver"], &["spec", "volumeLifecycleModes"], Change::Any),
    refused("networking.k8s.io", &["IngressClass"], &["spec", "controller"], Change::Any),
    refused("node.k8s.io", &["RuntimeClass"], &["handler"], Change::Any),
    refused("rbac.authorization.k8s.io", &["ClusterRoleBinding", "RoleBinding"], &["roleRef"], Change::Any),
    refused("scheduling.k8s.io", &["PriorityClass"], &["preemptionPolicy"], Change::AnyFrom("PreemptLowerPriority")),
    refused("scheduling.k8s.io", &["PriorityClass"], &["value"], Change::Any),
    refused("apiextensions.k8s.io", &["CustomResourceDefinition"], &["spec", "names", "kind"], Change::Any),
    refused("apiextensions.k8s.io", &["CustomResourceDefinition"], &["spec", "scope"], Change::Any),
    refused(CNPG, &["Cluster"], &["spec", "storage", "size"], Change::Smaller)
        .because("CloudNativePG refuses to shrink the volumes of PostgreSQL")
        .instead("undo this change"),
    refused(CNPG, &["Cluster"], &["spec", "storage", "size"], Change::LargerIn(&["spec", "storage", "storageClass"]))
        .because("its storage class cannot resize volumes")
        .instead("undo this change: a volume of local-path can use the whole disk of its node, whatever its size says"),
    refused(CNPG, &["Cluster"], &["spec", "imageName"], Change::OlderMajor)
        .because("PostgreSQL cannot read the data of a newer major version")
        .instead("undo this change, or restore a backup of the older version into a new cluster"),
    refused(CNPG, &["Cluster"], &["spec", "storage", "storageClass"], Change::FromValue)
        .ignored("CloudNativePG does not move the volumes of existing instances")
        .instead("create new instances, then delete the old ones with their claims, as CloudNativePG documents"),
    refused(CNPG, &["Database"], &["spec", "cluster", "name"], Change::Any),
    refused(CNPG, &["Database"], &["spec", "encoding"], Change::FromValue),
    refused(CNPG, &["Database", "DatabaseRole"], &["spec", "name"], Change::Any)
        .instead("undo this change, or rename the database with SQL and recreate the object"),
    refused(CNPG, &["DatabaseRole"], &["spec", "cluster", "name"], Change::Any),
    refused(HELM, RELEASE, &["spec", "values", "storageClasses", "*", "parameters"], Change::Between)
        .of_chart("synology-csi")
        .because(CLASSES_OF_SYNOLOGY)
        .instead(RECREATE_CLASS),
    refused(HELM, RELEASE, &["spec", "values", "storageClasses", "*", "reclaimPolicy"], Change::Between)
        .of_chart("synology-csi")
        .because(CLASSES_OF_SYNOLOGY)
        .instead(RECREATE_CLASS),
    refused(HELM, RELEASE, &["spec", "values", "singleBinary", "persistence"], Change::Between)
        .of_chart("loki")
        .because(LOKI)
        .instead(RECREATE_LOKI),
    refused(HELM, RELEASE, &["spec", "values", "grafana", "persistence", "storageClassName"], Change::Between)
        .of_chart("kube-prometheus-stack")
        .because("the claim of Grafana cannot change its class, so Helm cannot upgrade the release")
        .instead("undo this change, or delete the claim with kubectl, which deletes the data, and use --allow"),
    refused(HELM, RELEASE, &["spec", "values", "prometheus", "prometheusSpec", "storageSpec"], Change::Between)
        .of_chart("kube-prometheus-stack")
        .ignored(PROMETHEUS)
        .instead(RESIZE_CLAIM),
    refused(HELM, RELEASE, &["spec", "values", "alertmanager", "alertmanagerSpec", "storage"], Change::Between)
        .of_chart("kube-prometheus-stack")
        .ignored(PROMETHEUS)
        .instead(RESIZE_CLAIM),
    refused("barmancloud.cnpg.io", &["ObjectStore"], &["spec", "configuration", "destinationPath"], Change::Between)
        .surprising(ELSEWHERE)
        .instead(KEEP_BACKUPS),
    refused("barmancloud.cnpg.io", &["ObjectStore"], &["spec", "configuration", "endpointURL"], Change::Between)
        .surprising(ELSEWHERE)
        .instead(KEEP_BACKUPS),
    refused(HELM, RELEASE, &["spec", "values", "configuration", "backupStorageLocation"], Change::Between)
        .of_chart("velero")
        .surprising(ELSEWHERE)
        .instead(KEEP_BACKUPS),
    refused(HELM, RELEASE, &["spec", "values", "txtOwnerId"], Change::Between)
        .of_chart("external-dns")
        .surprising("ExternalDNS changes only the DNS records that it owns, and existing ones belong to the old owner")
        .instead("delete its TXT records in the zone, so that it creates all records again"),
];

/// Returns the facts about the changes from one version of an object to another.
pub(crate) fn check(key: &Key, before: &Node, after: &Node) -> Vec<Found> {
    let chart = chart(after);
    let about = |fact: &&'static Fact| {
        fact.group == key.group
            && fact.kinds.contains(&key.kind.as_str())
            && (fact.chart.is_empty() || fact.chart == chart)
    };
    FACTS.iter().filter(about).flat_map(|fact| fact.check(before, after)).collect()
}

/// The name of the chart of a HelmRelease.
fn chart(release: &Node) -> &str {
    let of_source = release.at(&["spec", "chartRef", "name"]);
    of_source.or_else(|| release.at(&["spec", "chart", "spec", "chart"])).and_then(Node::text).unwrap_or_default()
}

impl Fact {
    fn check(&'static self, before: &Node, after: &Node) -> Vec<Found> {
        let paths = expand(self.field, before);
        let found = paths.into_iter().filter_map(|path| {
            let (old, new) = (at(before, &path), at(after, &path));
            let (below, change) = self.difference(before, after, old, new)?;
            let field = path.into_iter().chain(below).collect::<Vec<_>>().join(".");
            Some(Found { fact: self, field, change })
        });
        found.collect()
    }

    /// How a field differs in the way of the fact: the path below the field, and its values.
    fn difference<'a>(
        &self,
        before: &Node,
        after: &Node,
        old: Option<&'a Node>,
        new: Option<&'a Node>,
    ) -> Option<(Option<&'a str>, String)> {
        let changed = |applies: bool| (applies && !same(old, new)).then(|| (None, describe(old, new)));
        match self.change {
            Change::Any => changed(true),
            Change::AnyFrom(default) => {
                let value = |node: Option<&'a Node>| node.map_or(Some(default), Node::text);
                changed(value(old) != value(new))
            }
            Change::FromValue => changed(old.is_some()),
            Change::ToValue => changed(new.is_some()),
            Change::While(path) => changed(same(before.at(path), after.at(path))),
            Change::Between => changed(old.is_some() && new.is_some()),
            Change::Smaller => changed(amount(new)? < amount(old)?),
            Change::LargerIn(class) => {
                let is_fixed = before.at(class).and_then(Node::text) == Some(LOCAL_CLASS);
                changed(is_fixed && amount(new)? > amount(old)?)
            }
            Change::OlderMajor => changed(major(new)? < major(old)?),
            Change::ToWithout(value, default) => {
                changed(new.and_then(Node::text) == Some(value) && before.at(default).is_none())
            }
            Change::Except(fields) => {
                let keys = old.into_iter().chain(new).flat_map(Node::entries).filter_map(|(key, _)| key.text());
                let mut other = keys.filter(|key| !fields.contains(key));
                let key =
                    other.find(|key| !same(old.and_then(|old| old.get(key)), new.and_then(|new| new.get(key))))?;
                Some((Some(key), describe(old.and_then(|old| old.get(key)), new.and_then(|new| new.get(key)))))
            }
            Change::IfImmutable => {
                let is_immutable = before.text_of("immutable") == Some("true");
                let key = ["immutable", "data", "binaryData", "stringData"]
                    .into_iter()
                    .find(|key| !same(before.get(key), after.get(key)))?;
                is_immutable.then(|| (Some(key), describe(before.get(key), after.get(key))))
            }
        }
    }
}

/// The paths that a pattern stands for in an object.
fn expand<'a>(pattern: &[&'a str], object: &'a Node) -> Vec<Vec<&'a str>> {
    let Some(star) = pattern.iter().position(|part| *part == "*") else { return vec![pattern.to_vec()] };
    let (above, below) = (&pattern[..star], &pattern[star + 1..]);
    let keys = object.at(above).map_or(&[][..], Node::entries).iter().filter_map(|(key, _)| key.text());
    keys.map(|key| above.iter().copied().chain([key]).chain(below.iter().copied()).collect()).collect()
}

fn at<'a>(object: &'a Node, path: &[&str]) -> Option<&'a Node> {
    object.at(path).filter(|node| !node.is_null())
}

/// Whether two values are the same for the API: without regard to locations, the order of keys, and notation of
/// quantities.
pub(crate) fn same(one: Option<&Node>, other: Option<&Node>) -> bool {
    let (Some(one), Some(other)) = (one, other) else { return one.is_none() && other.is_none() };
    match (&one.kind, &other.kind) {
        (NodeKind::Scalar { text: a, .. }, NodeKind::Scalar { text: b, .. }) => {
            a == b || amount(Some(one)).is_some_and(|amount_of_one| Some(amount_of_one) == amount(Some(other)))
        }
        (NodeKind::Sequence(a), NodeKind::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(Some(a), Some(b)))
        }
        (NodeKind::Mapping(a), NodeKind::Mapping(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| same(Some(value), key.text().and_then(|key| other.get(key))))
        }
        _ => false,
    }
}

/// A quantity in thousandths.
fn amount(node: Option<&Node>) -> Option<u64> {
    Quantity::parse(node?.text()?).ok().map(|quantity| quantity.thousandths())
}

/// The major version of an image, by its tag.
fn major(image: Option<&Node>) -> Option<u32> {
    let image = image?.text()?;
    let (_, tag) = image.split_once('@').map_or(image, |(image, _)| image).rsplit_once(':')?;
    let digits = tag.trim_start_matches('v');
    digits[..digits.bytes().take_while(u8::is_ascii_digit).count()].parse().ok()
}

/// How a value changes, if it is short enough to show.
fn describe(old: Option<&Node>, new: Option<&Node>) -> String {
    match (old.map(Node::text), new.map(Node::text)) {
        (Some(Some(old)), Some(Some(new))) => format!("changes from {old} to {new}"),
        (None, Some(Some(new))) => format!("is set to {new}"),
        (None, _) => "is added".to_owned(),
        (_, None) => "is removed".to_owned(),
        _ => "changes".to_owned(),
    }
}
