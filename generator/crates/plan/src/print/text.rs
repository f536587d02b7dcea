//! The plan for people: the worst first, one line per unit.

use super::{summary, units, word};
use crate::{Certificate, Class, ClusterChange, FieldChange, Moved, NodeChange, ObjectChange, Outside, Plan, Severity};
use diagnostic::count;
use std::fmt::Write as _;

/// Writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($argument:tt)*) => { writeln!($text, $($argument)*).expect("writing to a string cannot fail") };
}

/// The plan for people. `base` names what it is compared with; `verbose` lists every object and field.
pub fn human(plan: &Plan, base: &str, verbose: bool) -> String {
    let mut text = format!("{} since {base}\n", headline(plan));
    dangers(plan, &mut text);
    clusters(plan, verbose, &mut text);
    nodes(plan, &mut text);
    outside(plan, &mut text);
    text
}

/// The plan in one line.
pub(super) fn headline(plan: &Plan) -> String {
    if plan.is_empty() {
        return "Nothing changes".to_owned();
    }
    let mut parts = Vec::new();
    let units = units(plan).len();
    if units > 0 {
        parts.push(format!("{} with {}", count(units, "unit"), count(plan.objects.len(), "object")));
    }
    if !plan.nodes.is_empty() {
        parts.push(count(plan.nodes.len(), "node"));
    }
    let dangers = plan.dangers.iter().filter(|danger| danger.severity != Severity::Caution).count();
    let dangers = if dangers > 0 { format!("; {}", count(dangers, "danger")) } else { String::new() };
    format!("Changes in {}{dangers}", parts.join(" and on "))
}

fn dangers(plan: &Plan, text: &mut String) {
    if plan.dangers.is_empty() {
        return;
    }
    line!(text, "\nDangers");
    for danger in &plan.dangers {
        line!(text, "  {}: {}", severity(danger.severity), danger.what);
        line!(text, "      {}", danger.message);
        line!(text, "      -> {}", danger.help);
    }
}

/// The word for a severity.
pub(super) fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Data => "data",
        Severity::Outage => "outage",
        Severity::Caution => "caution",
    }
}

fn clusters(plan: &Plan, verbose: bool, text: &mut String) {
    for change in &plan.clusters {
        line!(text, "\nCluster {}", of_cluster(change));
    }
    let mut cluster = "";
    for ((of, unit), changes) in units(plan) {
        if of != cluster {
            cluster = of;
            line!(text, "\nCluster {cluster}");
        }
        if !verbose {
            line!(text, "  {unit}: {}", summary(&changes));
            continue;
        }
        line!(text, "  {unit}");
        for change in changes {
            object(change, text);
        }
    }
}

fn object(change: &ObjectChange, text: &mut String) {
    let moved = change.moved_from.as_ref().map_or(String::new(), |from| format!(", moved from {from}"));
    line!(text, "    {} {} {}{moved}", word(&change.action), change.kind, change.name);
    for field in &change.fields {
        line!(text, "      {}", of_field(field));
    }
}

/// An object, with its fields if few of them change.
pub(super) fn with_fields(change: &ObjectChange) -> String {
    let name = format!("{} {}", change.kind, change.name);
    let parts: Vec<_> = change
        .moved_from
        .iter()
        .map(|from| format!("moved from {from}"))
        .chain(change.fields.iter().map(of_last))
        .collect();
    match parts.len() {
        0 => name,
        1 | 2 => format!("{name} ({})", parts.join(", ")),
        more => format!("{name} ({more} fields)"),
    }
}

/// How a field changes, by the last part of its path.
fn of_last(change: &FieldChange) -> String {
    let mut parts = change.field.rsplit('.');
    let last = parts.next().unwrap_or_default();
    // The value of a variable: its name says more.
    let named = parts.next().filter(|_| last == "value").and_then(|part| part.split_once('[')?.1.strip_suffix(']'));
    // An item of a list, whose name may contain dots.
    let item = change.field.strip_suffix(']').and_then(|path| Some(path.rsplit_once('[')?.1));
    let last = named.or(item).unwrap_or(last);
    // A key that contains dots is part of the path of its mapping.
    let last = if change.field.contains("annotations.") || change.field.contains("data.") {
        change
            .field
            .split_once("annotations.")
            .or_else(|| change.field.split_once("data."))
            .map_or(last, |(_, key)| key)
    } else {
        last
    };
    of_field(&FieldChange { field: last.to_owned(), ..change.clone() })
}

/// How a field changes.
pub(super) fn of_field(change: &FieldChange) -> String {
    let FieldChange { field, before, after } = change;
    match (before.as_deref(), after.as_deref()) {
        (Some(before), Some(after)) => format!("{field}: {} -> {}", short(before), short(after)),
        (None, Some(after)) => format!("{field}: {}", short(after)),
        (Some(before), None) => format!("{field}: {} -> none", short(before)),
        (None, None) => field.clone(),
    }
}

/// The longest value that is shown.
const LONGEST: usize = 60;

fn short(value: &str) -> String {
    let line = value.lines().next().unwrap_or_default();
    if line.chars().count() > LONGEST || line.len() < value.len() {
        format!("{}…", line.chars().take(LONGEST).collect::<String>())
    } else {
        line.to_owned()
    }
}

fn nodes(plan: &Plan, text: &mut String) {
    if plan.nodes.is_empty() {
        return;
    }
    line!(text, "\nNodes, in this order");
    for (at, change) in plan.nodes.iter().enumerate() {
        line!(text, "  {}. {}: {}", at + 1, change.node, class(change));
        for reason in &change.reasons {
            line!(text, "       {reason}");
        }
        for command in &change.commands {
            let prompt = if command.starts_with('#') { "" } else { "$ " };
            line!(text, "       {prompt}{command}");
        }
    }
}

/// The words for how a change of a node is applied.
pub(super) fn class(change: &NodeChange) -> String {
    let what = change.kind.text();
    match change.class {
        Class::Options => format!("options of the {what}, applied while it runs"),
        Class::Switch => "switch to the new system".to_owned(),
        Class::RestartK3s => "switch to the new system, which restarts k3s; pods keep running".to_owned(),
        Class::Reboot => format!("restart the {what}, which stops its pods"),
        Class::New => format!("create the {what}"),
        Class::Removed => format!("remove the {what}"),
        Class::Recreate => format!("create the {what} again"),
        Class::Refused => "refused".to_owned(),
    }
}

fn outside(plan: &Plan, text: &mut String) {
    let outside = &plan.outside;
    for (title, items) in outside_sections(outside) {
        line!(text, "\n{title}");
        items.iter().for_each(|item| line!(text, "  {item}"));
    }
}

/// What it means outside the clusters: the title of each section that is not empty, and its lines.
pub(super) fn outside_sections(outside: &Outside) -> Vec<(&'static str, Vec<String>)> {
    let moved = |moved: &[Moved]| moved.iter().map(of_moved).collect();
    let sections = [
        ("Names", moved(&outside.names)),
        ("Zones at another DNS provider: change their name servers at the registrar", moved(&outside.zones)),
        ("Addresses", moved(&outside.addresses)),
        ("Ports that the router forwards", moved(&outside.forwards)),
        ("Certificates that Let's Encrypt issues", outside.certificates.iter().map(of_certificate).collect()),
        ("Put into the secret store before the push", outside.new_secrets.clone()),
        ("Secrets that nothing reads any more", outside.unused_secrets.clone()),
    ];
    sections.into_iter().filter(|(_, items)| !items.is_empty()).collect()
}

/// The names in a certificate.
fn of_certificate(certificate: &Certificate) -> String {
    let names = certificate.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let note = if certificate.is_duplicate { ", again: at most five a week with the same names" } else { "" };
    names + note
}

/// How a cluster appears, disappears or is renamed.
pub(super) fn of_cluster(change: &ClusterChange) -> String {
    match (change.before.as_deref(), change.after.as_deref()) {
        (Some(before), Some(after)) => {
            format!("{before} is renamed to {after}: its servers tell Flux when they switch to their new system")
        }
        (Some(before), None) => format!("{before} is removed"),
        (None, after) => format!("{} is new", after.unwrap_or_default()),
    }
}

/// How something moves.
pub(super) fn of_moved(moved: &Moved) -> String {
    let Moved { what, before, after } = moved;
    match (before.as_deref(), after.as_deref()) {
        (Some(before), Some(after)) => format!("{what}: {before} -> {after}"),
        (None, after) => format!("+ {what}: {}", after.unwrap_or_default()),
        (Some(before), None) => format!("- {what}: {before}"),
    }
}
