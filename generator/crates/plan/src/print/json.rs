//! The plan for programs.

use super::text::severity;
use super::word;
use crate::{Class, Moved, Plan};
use serde_json::{Value, json};

/// The plan for programs. `base` names what it is compared with.
pub fn json(plan: &Plan, base: &str) -> Value {
    let dangers = plan.dangers.iter().map(|danger| {
        json!({ "severity": severity(danger.severity), "what": danger.what, "message": danger.message, "help": danger.help })
    });
    let objects = plan.objects.iter().map(|change| {
        let fields = change
            .fields
            .iter()
            .map(|field| json!({ "field": field.field, "before": field.before, "after": field.after }));
        json!({
            "cluster": change.cluster,
            "unit": change.unit,
            "moved_from": change.moved_from,
            "kind": change.kind,
            "namespace": change.namespace,
            "name": change.name,
            "action": word(&change.action).replace(' ', "-"),
            "fields": fields.collect::<Vec<_>>(),
        })
    });
    let nodes = plan.nodes.iter().map(|change| {
        json!({
            "node": change.node,
            "server": change.is_server,
            "class": class(change.class),
            "reasons": change.reasons,
            "commands": change.commands,
        })
    });
    let outside = &plan.outside;
    json!({
        "base": base,
        "dangers": dangers.collect::<Vec<_>>(),
        "clusters": plan.clusters.iter().map(|it| json!({ "before": it.before, "after": it.after })).collect::<Vec<_>>(),
        "objects": objects.collect::<Vec<_>>(),
        "nodes": nodes.collect::<Vec<_>>(),
        "names": moved(&outside.names),
        "addresses": moved(&outside.addresses),
        "new_secrets": outside.new_secrets,
        "unused_secrets": outside.unused_secrets,
    })
}

fn moved(moved: &[Moved]) -> Vec<Value> {
    moved.iter().map(|moved| json!({ "what": moved.what, "before": moved.before, "after": moved.after })).collect()
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Options => "options",
        Class::Switch => "switch",
        Class::RestartK3s => "restart-k3s",
        Class::Reboot => "reboot",
        Class::New => "new",
        Class::Removed => "removed",
        Class::Recreate => "recreate",
        Class::Refused => "refused",
    }
}
