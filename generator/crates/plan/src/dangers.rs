//! What deserves a second look before a change is pushed.

use crate::changes::{Action, ObjectChange};
use crate::clusters::ClusterChange;
use crate::knowledge::Outcome;
use crate::nodes::{Class, NodeChange};
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

pub(crate) fn of(clusters: &[ClusterChange], changes: &[ObjectChange], nodes: &[NodeChange]) -> Vec<Danger> {
    let mut dangers: Vec<Danger> = clusters.iter().filter_map(of_cluster).collect();
    dangers.extend(changes.iter().flat_map(|change| of_object(change, changes)));
    dangers.extend(nodes.iter().flat_map(of_node));
    dangers.sort();
    // Several fields of an object may have the same consequence.
    dangers.dedup_by(|later, first| {
        (&later.what, &later.help) == (&first.what, &first.help) && later.severity == first.severity
    });
    dangers
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
            let message = format!("needs a new container: {what} are lost with the old one");
            vec![danger(Severity::Data, message, "back them up first, or undo this change")]
        }
        Class::Removed => {
            let message = "is removed: its volumes of local-path are lost with its container".to_owned();
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
            vec![danger(Severity::Outage, "restarts its container, which stops its pods".to_owned(), "drain it first")]
        }
        _ => Vec::new(),
    }
}

fn of_object(change: &ObjectChange, all: &[ObjectChange]) -> Vec<Danger> {
    let danger = |severity, message: String, help: &str| Danger {
        severity,
        what: change.object.to_string(),
        message,
        help: help.to_owned(),
    };
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
    match (&change.action, change.kind.as_str()) {
        (Action::LeaveBehind, "PersistentVolumeClaim") => {
            let size = change
                .before
                .as_ref()
                .and_then(|claim| claim.at(&["spec", "resources", "requests", "storage"]))
                .and_then(Node::text);
            let message = format!(
                "the volume ({}) is left behind: its data stays, but no app uses it",
                size.unwrap_or("unknown size")
            );
            let help = match successor(change, all) {
                Some(other) => format!("{other} starts empty: copy the data, or undo a rename"),
                None => format!(
                    "delete it when you no longer need its data: kubectl -n {} delete pvc {}",
                    change.namespace, change.name
                ),
            };
            found.push(danger(Severity::Data, message, &help));
        }
        (Action::LeaveBehind, "Cluster") => {
            found.push(danger(
                Severity::Data,
                "PostgreSQL is left behind: it keeps running with its databases, unmanaged".to_owned(),
                "back up its databases before you delete it",
            ));
        }
        (Action::Prune, "Database") => {
            let help = match successor(change, all) {
                Some(other) => format!("{other} starts empty: dump and restore the data, or undo a rename"),
                None => "drop it with SQL when you no longer need its data".to_owned(),
            };
            found.push(danger(
                Severity::Data,
                "the database is left behind: it stays in PostgreSQL, but no app uses it".to_owned(),
                &help,
            ));
        }
        (Action::Prune, "Namespace") => {
            found.push(danger(
                Severity::Data,
                "the namespace is deleted, with everything in it".to_owned(),
                "keep it as long as it has volumes",
            ));
        }
        (Action::Prune, "CustomResourceDefinition") => {
            found.push(danger(
                Severity::Data,
                "the definition is deleted, with all its objects in the cluster".to_owned(),
                "keep it, or remove its objects first",
            ));
        }
        (Action::Reinstall, _) => {
            found.push(danger(
                Severity::Outage,
                "the release is uninstalled and installed again".to_owned(),
                "check what its volumes and Secrets are kept by",
            ));
        }
        (Action::Prune, "Schedule" | "ScheduledBackup") => {
            found.push(danger(
                Severity::Data,
                "nothing is backed up on this schedule any more".to_owned(),
                "keep the last backup",
            ));
        }
        (Action::Prune, "HelmRelease") => {
            let message = "the release is uninstalled, with what it runs".to_owned();
            found.push(danger(Severity::Caution, message, "check what needs it"));
        }
        (Action::Create, "ClusterRoleBinding") => {
            found.push(danger(
                Severity::Caution,
                "grants permissions in the whole cluster".to_owned(),
                "check its subjects and rules",
            ));
        }
        _ => {}
    }
    let is_refused = |field: &str| change.effects.iter().any(|effect| effect.field == field);
    for field in change.fields.iter().filter(|field| !is_refused(&field.field)) {
        let last = field.field.rsplit(['.', ']']).next().unwrap_or_default();
        let last = if field.field.ends_with("homelab/backup") { "homelab/backup" } else { last };
        let (before, after) = (field.before.as_deref(), field.after.as_deref());
        match (last, before, after) {
            ("image" | "imageName", Some(before), Some(after)) => {
                if let (Some(old), Some(new)) = (version(before), version(after)) {
                    if new < old {
                        let message = format!("goes back to an older version: {before} -> {after}");
                        found.push(danger(
                            Severity::Data,
                            message,
                            "many apps cannot read the data of a newer version",
                        ));
                    } else if new[0] > old[0] && new[0] < 1000 {
                        let message = format!("a new major version: {before} -> {after}");
                        found.push(danger(Severity::Caution, message, "read its release notes"));
                    }
                }
            }
            ("version" | "tag", Some(before), Some(after))
                if matches!(change.kind.as_str(), "HelmRelease" | "OCIRepository") =>
            {
                if let (Some(old), Some(new)) = (version(before), version(after))
                    && new[0] != old[0]
                {
                    let message = format!("another major version of the chart: {before} -> {after}");
                    found.push(danger(Severity::Caution, message, "read its release notes"));
                }
            }
            ("homelab/backup", Some(_), None) => {
                found.push(danger(
                    Severity::Caution,
                    "its volumes are no longer backed up".to_owned(),
                    "set `backup: volumes` again if its data matters",
                ));
            }
            ("replicas", _, Some("0")) => {
                found.push(danger(
                    Severity::Outage,
                    "runs no pods any more".to_owned(),
                    "undo this change if the app is needed",
                ));
            }
            ("privileged", before, Some("true")) if before != Some("true") => {
                found.push(danger(
                    Severity::Caution,
                    "runs a privileged container, which controls its node".to_owned(),
                    "grant Linux capabilities instead if they are enough",
                ));
            }
            ("suspend", _, Some("true")) => {
                found.push(danger(
                    Severity::Caution,
                    "is suspended: Flux applies nothing of it".to_owned(),
                    "resume it",
                ));
            }
            _ => {}
        }
    }
    found
}

/// An object of the same kind that is created in the same cluster: after a rename, it takes the place of the other.
fn successor<'a>(change: &ObjectChange, all: &'a [ObjectChange]) -> Option<&'a str> {
    let mut created = all
        .iter()
        .filter(|other| other.action == Action::Create && other.kind == change.kind && other.cluster == change.cluster);
    let first = created.next()?;
    created.next().is_none().then(|| first.object.as_str())
}

/// The numbers of an image's tag, or of a version.
fn version(text: &str) -> Option<Vec<u64>> {
    let text = text.split('@').next().unwrap_or(text);
    let tag = text.rsplit_once(':').map_or(text, |(_, tag)| tag);
    let tag = tag.trim_start_matches(|c: char| !c.is_ascii_digit());
    let numbers: Vec<u64> = tag.split(['.', '-', '_', '+']).map_while(|part| part.parse().ok()).collect();
    (!numbers.is_empty()).then_some(numbers)
}
