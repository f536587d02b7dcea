//! What deserves a second look before a change is pushed.

use crate::changes::{Action, ObjectChange, is_kept};
use crate::clusters::ClusterChange;
use crate::diff::FieldChange;
use crate::knowledge::Outcome;
use crate::nodes::{Class, NodeChange};
use model::contract::{BACKUP_LABEL, LOCAL_CLASS};
use std::collections::BTreeSet;
use yaml::Node;

/// How bad it can get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Data can be lost or left behind.
    Data,
    /// The cluster refuses the change, or an outage follows.
    Outage,
    /// It may be intended, but is worth a look.
    Caution,
}

/// Something that deserves a second look.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Danger {
    /// How bad it can get.
    pub severity: Severity,
    /// The object or node.
    pub what: String,
    /// What happens, as a sentence without a final period.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Danger {
    fn of(change: &ObjectChange, severity: Severity, message: String, help: &str) -> Self {
        Self { severity, what: change.object.to_string(), message, help: help.to_owned() }
    }
}

pub(crate) fn of(clusters: &[ClusterChange], changes: &[ObjectChange], nodes: &[NodeChange]) -> Vec<Danger> {
    let mut dangers: Vec<Danger> = clusters.iter().filter_map(of_cluster).collect();
    dangers.extend(changes.iter().flat_map(|change| of_object(change, changes)));
    dangers.extend(nodes.iter().flat_map(of_node));
    dangers.extend(of_size(changes));
    dangers.sort();
    // Several fields of an object may have the same consequence.
    dangers.dedup_by(|later, first| {
        (&later.what, &later.help) == (&first.what, &first.help) && later.severity == first.severity
    });
    dangers
}

/// From how many units and objects on a change is large: a mistake in it is hard to see, and stops much at once.
const LARGE: (usize, usize) = (20, 60);

fn of_size(changes: &[ObjectChange]) -> Option<Danger> {
    let units: BTreeSet<_> = changes.iter().map(|change| (&change.cluster, &change.unit)).collect();
    let is_large = units.len() >= LARGE.0 || changes.len() >= LARGE.1;
    is_large.then(|| Danger {
        severity: Severity::Caution,
        what: "this change".to_owned(),
        message: format!("a large change: {} units with {} objects", units.len(), changes.len()),
        help: "push it in parts if you can".to_owned(),
    })
}

fn of_cluster(change: &ClusterChange) -> Option<Danger> {
    let name = change.before.as_ref().filter(|_| change.after.is_none())?;
    Some(Danger {
        severity: Severity::Data,
        what: name.clone(),
        message:
            "the cluster is removed: Flux finds no manifests any more, and everything keeps running until its nodes \
                  are removed"
                .to_owned(),
        help: "move its data first".to_owned(),
    })
}

fn of_node(change: &NodeChange) -> Vec<Danger> {
    let danger = |severity, message: String, help: &str| Danger {
        severity,
        what: change.node.clone(),
        message,
        help: help.to_owned(),
    };
    match change.class {
        Class::Refused => vec![danger(Severity::Outage, change.reasons.join("; "), "undo this change")],
        Class::Recreate => {
            let what = if change.is_server {
                "its local volumes, and what it stores of the cluster,"
            } else {
                "its local volumes"
            };
            let message = format!("needs a new {}: {what} are lost with the old one", change.kind.text());
            vec![danger(Severity::Data, message, "back them up first, or undo this change")]
        }
        Class::Removed => {
            let message = format!("is removed: its volumes of local-path are lost with its {}", change.kind.text());
            let mut found = vec![danger(Severity::Data, message, "move the apps that use them first")];
            if change.is_server {
                let message = "is a server: etcd must keep a majority of its members".to_owned();
                found.push(danger(
                    Severity::Outage,
                    message,
                    "remove one server at a time, and wait until the others are Ready",
                ));
            }
            found
        }
        Class::Reboot => {
            let message = format!("restarts its {}, which stops its pods", change.kind.text());
            vec![danger(Severity::Outage, message, "drain it first")]
        }
        _ => Vec::new(),
    }
}

fn of_object(change: &ObjectChange, all: &[ObjectChange]) -> Vec<Danger> {
    let danger = |severity, message: String, help: &str| Danger::of(change, severity, message, help);
    let mut found = Vec::new();
    for effect in &change.effects {
        let message = format!("`{}` {}, but {}", effect.field, effect.change, effect.reason);
        let severity = match effect.outcome {
            Outcome::Refused => Severity::Outage,
            Outcome::Surprise => Severity::Data,
            Outcome::Ignored => Severity::Caution,
        };
        found.push(danger(severity, message, effect.remedy));
    }
    found.extend(of_action(change, all));
    found.extend(of_move(change));
    let is_known = |field: &str| change.effects.iter().any(|effect| effect.field == field);
    let fields = change.fields.iter().filter(|field| !is_known(&field.field));
    found.extend(fields.filter_map(|field| of_field(change, field)));
    found
}

/// What follows from a move to another unit. If both Kustomizations reconcile at the same time, the old one may delete the
/// object after the new one has adopted it (seen with kustomize-controller 1.9.4). It never deletes what it must not
/// prune.
fn of_move(change: &ObjectChange) -> Option<Danger> {
    let from = change.moved_from.as_ref()?;
    let before = change.before.as_ref().filter(|object| !is_kept(object))?;
    let holds_data = matches!(change.kind.as_str(), "Namespace" | "PersistentVolumeClaim") || is_postgres(before);
    let severity = if holds_data { Severity::Data } else { Severity::Caution };
    let message =
        format!("moves from the unit {from} to {}: Flux may delete it before it creates it again", change.unit);
    let help = "annotate it with `kustomize.toolkit.fluxcd.io/prune: disabled` in a change before this one";
    Some(Danger::of(change, severity, message, help))
}

/// What follows from what happens to the whole object.
fn of_action(change: &ObjectChange, all: &[ObjectChange]) -> Option<Danger> {
    let replaced = || successor(change, all).map(|other| renamed(change, other));
    let (severity, message, help) = match (&change.action, change.kind.as_str()) {
        (Action::LeaveBehind, "PersistentVolumeClaim") if is_static(change) => {
            let ObjectChange { namespace, name, .. } = change;
            let message = "the claim of a folder is left behind with its volume; the files are not affected".to_owned();
            let help = format!(
                "delete both if you want: kubectl -n {namespace} delete pvc {name}, then kubectl delete pv {}",
                volume_name(change).unwrap_or(name)
            );
            return Some(Danger::of(change, Severity::Caution, message, &help));
        }
        (Action::LeaveBehind, "PersistentVolumeClaim") => {
            let (place, backup) = (place(change), backup(change, all));
            let message = format!("the volume ({place}; {backup}) is left behind: its data stays, but no app uses it");
            let delete = || {
                let ObjectChange { namespace, name, .. } = change;
                format!("delete it when you no longer need its data: kubectl -n {namespace} delete pvc {name}")
            };
            return Some(Danger::of(change, Severity::Data, message, &replaced().unwrap_or_else(delete)));
        }
        (Action::Prune, "Database") => {
            let message = "the database is left behind: it stays in PostgreSQL, but no app uses it".to_owned();
            let drop = || "drop it with SQL when you no longer need its data".to_owned();
            let help = replaced().unwrap_or_else(drop);
            return Some(Danger::of(change, Severity::Data, message, &help));
        }
        (Action::Prune, "Kustomization") if !leaves_behind(change) => {
            let other = all.iter().find(|other| takes_over(other, change))?;
            let message = format!(
                "its folder moves to the Kustomization `{}`: Flux may delete what both have before that creates it again",
                other.name
            );
            return Some(Danger::of(change, Severity::Caution, message, "expect a short outage of what it does"));
        }
        (Action::LeaveBehind, "Cluster") => (
            Severity::Data,
            "PostgreSQL is left behind: it keeps running with its databases, unmanaged",
            "back up its databases before you delete it",
        ),
        (Action::Prune, "Namespace") => {
            (Severity::Data, "the namespace is deleted, with everything in it", "keep it as long as it has volumes")
        }
        (Action::Prune, "CustomResourceDefinition") => (
            Severity::Data,
            "the definition is deleted, with all its objects in the cluster",
            "keep it, or remove its objects first",
        ),
        (Action::Prune, "PersistentVolumeClaim") => (
            Severity::Data,
            "the volume is deleted, and its data unless its storage class retains volumes",
            "annotate it with `kustomize.toolkit.fluxcd.io/prune: disabled` in a change before this one",
        ),
        (Action::Prune, "Cluster") if change.before.as_ref().is_some_and(is_postgres) => (
            Severity::Data,
            "PostgreSQL is deleted with all its databases",
            "annotate it with `kustomize.toolkit.fluxcd.io/prune: disabled` in a change before this one",
        ),
        (Action::Prune, "StatefulSet") => (
            Severity::Data,
            "is deleted: the claims of its templates stay, but nothing uses them",
            "delete these claims when you no longer need their data",
        ),
        (Action::Prune, "NetworkPolicy") if !is_removed_with_pods(change, all) => (
            Severity::Caution,
            "the connections that only this policy limited are open",
            "check what else limits its pods",
        ),
        (Action::Prune, "Kustomization") => (
            Severity::Caution,
            "what it applied stays in the cluster, unmanaged",
            "set its `prune: true` first if that is not intended",
        ),
        (Action::Create | Action::Change, _) if is_suspended(change) => (
            Severity::Caution,
            "is suspended: Flux applies this change when it is resumed",
            "resume it to apply the change",
        ),
        (Action::Create | Action::Change, _) if becomes_privileged(change) => (
            Severity::Caution,
            "runs a privileged container, which controls its node",
            "grant Linux capabilities instead if they are enough",
        ),
        (Action::Prune, "Schedule" | "ScheduledBackup") => {
            (Severity::Data, "nothing is backed up on this schedule any more", "keep the last backup")
        }
        (Action::Reinstall, _) => (
            Severity::Outage,
            "the release is uninstalled and installed again",
            "check that its volumes and Secrets survive that",
        ),
        (Action::Prune, "HelmRelease") => {
            (Severity::Caution, "the release is uninstalled, with what it runs", "check what needs it")
        }
        (Action::Create, "ClusterRoleBinding") => {
            (Severity::Caution, "grants permissions in the whole cluster", "check its subjects and rules")
        }
        _ => return None,
    };
    Some(Danger::of(change, severity, message.to_owned(), help))
}

/// The volume that a claim names.
fn volume_name(claim: &ObjectChange) -> Option<&str> {
    claim.before.as_ref()?.get("spec")?.text_of("volumeName")
}

/// Whether a claim is for a volume that exists without it, so that it holds no data: one without a class.
fn is_static(claim: &ObjectChange) -> bool {
    let class = claim.before.as_ref().and_then(|claim| claim.get("spec")?.text_of("storageClassName"));
    class == Some("") && volume_name(claim).is_some()
}

/// The size of a claim's volume, and where its data lies.
fn place(claim: &ObjectChange) -> String {
    let spec = claim.before.as_ref().and_then(|claim| claim.get("spec"));
    let size = spec.and_then(|spec| spec.at(&["resources", "requests", "storage"])?.text()).unwrap_or("unknown size");
    match spec.and_then(|spec| spec.text_of("storageClassName")) {
        Some(LOCAL_CLASS) => format!("{size} on the disk of its node"),
        Some(class) => format!("{size} of the storage class {class}"),
        None => format!("{size} of the default storage class"),
    }
}

/// The annotation of pods with the volumes that Velero backs up.
const BACKED_UP: &str = "backup.velero.io/backup-volumes";

/// Whether the volume of a claim has been backed up, as the pods in its namespace say.
fn backup(claim: &ObjectChange, all: &[ObjectChange]) -> &'static str {
    fn lists(node: &Node, volume: &str) -> bool {
        let own = node.text_of(BACKED_UP).is_some_and(|volumes| volumes.split(',').any(|name| name == volume));
        own || node.entries().iter().any(|(_, value)| lists(value, volume))
    }
    let near = all.iter().filter(|other| other.cluster == claim.cluster && other.namespace == claim.namespace);
    let mut before = near.filter_map(|other| other.before.as_ref());
    let is_backed_up = volume(claim).is_some_and(|name| before.any(|object| lists(object, name)));
    if is_backed_up { "backed up by Velero until now" } else { "not backed up" }
}

/// Whether an object is a cluster of CloudNativePG.
fn is_postgres(object: &Node) -> bool {
    let is_api = |api: &str| api.starts_with("postgresql.cnpg.io/");
    object.text_of("apiVersion").is_some_and(is_api) && object.text_of("kind") == Some("Cluster")
}

/// Whether workloads in the namespace of a NetworkPolicy are removed with it.
fn is_removed_with_pods(change: &ObjectChange, all: &[ObjectChange]) -> bool {
    let workloads = ["CronJob", "DaemonSet", "Deployment", "HelmRelease", "StatefulSet"];
    let is_removed = |other: &&ObjectChange| {
        other.action == Action::Prune && other.cluster == change.cluster && other.namespace == change.namespace
    };
    all.iter().filter(is_removed).any(|other| workloads.contains(&other.kind.as_str()))
}

/// Whether a Kustomization of Flux leaves its objects in the cluster when it is deleted.
fn leaves_behind(change: &ObjectChange) -> bool {
    let spec = change.before.as_ref().and_then(|object| object.get("spec"));
    let text = |field| spec.and_then(|spec| spec.text_of(field));
    text("deletionPolicy").map_or_else(|| text("prune") == Some("false"), |policy| policy == "Orphan")
}

/// Whether Flux leaves an object of its own alone, before and after the change.
fn is_suspended(change: &ObjectChange) -> bool {
    let is_suspended = |object: &Option<Node>| {
        let object = object.as_ref();
        let api = object.and_then(|object| object.text_of("apiVersion")).unwrap_or_default();
        let suspend = object.and_then(|object| object.at(&["spec", "suspend"])).and_then(Node::text);
        api.contains(".fluxcd.io/") && suspend == Some("true")
    };
    is_suspended(&change.after) && (change.before.is_none() || is_suspended(&change.before))
}

/// Whether an object has a privileged container, and had none. Charts decide themselves when they are installed.
fn becomes_privileged(change: &ObjectChange) -> bool {
    fn has(node: &Node) -> bool {
        node.text_of("privileged") == Some("true")
            || node.entries().iter().any(|(_, value)| has(value))
            || node.items().iter().any(has)
    }
    let is_new_chart = change.kind == "HelmRelease" && change.before.is_none();
    !is_new_chart && change.after.as_ref().is_some_and(has) && !change.before.as_ref().is_some_and(has)
}

/// Whether a new Kustomization applies the folder of another one.
fn takes_over(other: &ObjectChange, change: &ObjectChange) -> bool {
    let path = |object: &Option<Node>| object.as_ref()?.at(&["spec", "path"])?.text().map(str::to_owned);
    other.action == Action::Create
        && (&other.kind, &other.cluster) == (&change.kind, &change.cluster)
        && path(&change.before).is_some_and(|folder| path(&other.after) == Some(folder))
}

/// What follows from the change of a field.
fn of_field(change: &ObjectChange, field: &FieldChange) -> Option<Danger> {
    let last = field.field.rsplit(['.', ']']).next().unwrap_or_default();
    let last = if field.field.ends_with(BACKUP_LABEL) { BACKUP_LABEL } else { last };
    let is_chart = matches!(change.kind.as_str(), "HelmRelease" | "OCIRepository");
    let (severity, message, help) = match (last, field.before.as_deref(), field.after.as_deref()) {
        ("image" | "imageName", Some(before), Some(after)) => return of_image(change, before, after),
        ("version" | "tag", Some(before), Some(after)) if is_chart && version(before)?[0] != version(after)?[0] => {
            let message = format!("another major version of the chart: {before} -> {after}");
            return Some(Danger::of(change, Severity::Caution, message, "read its release notes"));
        }
        (BACKUP_LABEL, Some(_), None) => (
            Severity::Caution,
            "its volumes are no longer backed up",
            "set `backup: volumes` again if its data matters",
        ),
        ("replicas", _, Some("0")) => {
            (Severity::Outage, "runs no pods any more", "undo this change if the app is needed")
        }
        ("suspend", _, Some("true")) => (Severity::Caution, "is suspended: Flux applies nothing of it", "resume it"),
        ("suspend", Some("true"), _) => (
            Severity::Caution,
            "is resumed: Flux applies everything that changed in the meantime",
            "compare with the cluster first: flux diff",
        ),
        _ => return None,
    };
    Some(Danger::of(change, severity, message.to_owned(), help))
}

/// What follows from another tag of an image. Tags of different images cannot be compared.
fn of_image(change: &ObjectChange, before: &str, after: &str) -> Option<Danger> {
    let repository =
        |image: &str| image.split('@').next()?.rsplit_once(':').map(|(repository, _)| repository.to_owned());
    let (old, new) = (version(before)?, version(after)?);
    let danger = |severity, what: &str, help: &str| {
        Some(Danger::of(change, severity, format!("{what}: {before} -> {after}"), help))
    };
    if repository(before) != repository(after) {
        None
    } else if new < old {
        danger(Severity::Data, "goes back to an older version", "many apps cannot read the data of a newer version")
    } else if new[0] > old[0] && change.kind == "Cluster" {
        let what = "a new major version, to which PostgreSQL is upgraded while it is stopped";
        danger(Severity::Outage, what, "back it up first: it cannot go back; read the release notes")
    } else if new[0] > old[0] && new[0] < FIRST_YEAR {
        danger(Severity::Caution, "a new major version", "read its release notes")
    } else {
        None
    }
}

/// First numbers from here on are years or dates, not major versions.
const FIRST_YEAR: u64 = 1000;

/// An object of the same kind that is created in the same cluster: after a rename, it takes the place of the other. Of
/// several claims, that is the one with the same name of a volume, or else the one in the same namespace.
fn successor<'a>(change: &ObjectChange, all: &'a [ObjectChange]) -> Option<&'a ObjectChange> {
    let created: Vec<_> = all
        .iter()
        .filter(|other| other.action == Action::Create && other.kind == change.kind && other.cluster == change.cluster)
        .collect();
    let only = |is_it: &dyn Fn(&ObjectChange) -> bool| {
        let mut found = created.iter().copied().filter(|other| is_it(other));
        found.next().filter(|_| found.next().is_none())
    };
    let has_same_volume = |other: &ObjectChange| {
        other.namespace != change.namespace && volume(other).is_some_and(|name| volume(change) == Some(name))
    };
    only(&has_same_volume).or_else(|| only(&|other| other.namespace == change.namespace)).or_else(|| only(&|_| true))
}

/// The volume of an app whose claim this is: claims are named `APP-VOLUME`, and namespaces `APP`.
fn volume(claim: &ObjectChange) -> Option<&str> {
    claim.name.strip_prefix(claim.namespace.as_str())?.strip_prefix('-')
}

/// How to keep the data of an object whose place another one takes.
fn renamed(change: &ObjectChange, other: &ObjectChange) -> String {
    let object = &other.object;
    if change.kind != "PersistentVolumeClaim" {
        let name = &change.name;
        return format!(
            "{object} starts empty: add `moved-from: {name}` to the app if it was renamed, or copy the data"
        );
    }
    let (name, of) = if change.namespace != other.namespace {
        (Some(change.namespace.as_str()), format!("the app `{}`", other.namespace))
    } else {
        (volume(change), format!("the volume `{}`", volume(other).unwrap_or(&other.name)))
    };
    match name {
        Some(name) => format!("{object} starts empty: add `moved-from: {name}` to {of}, or copy the data"),
        None => format!("{object} starts empty: copy the data, or undo a rename"),
    }
}

/// The numbers of an image's tag, or of a version.
fn version(text: &str) -> Option<Vec<u64>> {
    let text = text.split('@').next().unwrap_or(text);
    let tag = text.rsplit_once(':').map_or(text, |(_, tag)| tag);
    let tag = tag.trim_start_matches(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u64> = tag.split(['.', '-', '_', '+']).map_while(|part| part.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}
