//! The report of a proposal, for people and for programs.

use crate::proposal::{Outcome, Proposal, Reported};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

impl Outcome {
    /// The outcome as a word of the JSON output.
    pub fn text(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::HelmApp => "helm-app",
            Self::Component => "component",
            Self::BuiltIn => "built-in",
            Self::NotImported => "not-imported",
            Self::Unapplied => "unapplied",
        }
    }
}

impl Reported {
    /// Whether a person must look at it although it is imported.
    fn has_notes(&self) -> bool {
        matches!(self.outcome, Outcome::App | Outcome::HelmApp) && !self.remarks.is_empty()
    }
}

/// The number of workloads with each outcome.
fn count(proposal: &Proposal, outcome: Outcome) -> usize {
    proposal.workloads.iter().filter(|workload| workload.outcome == outcome).count()
}

/// Whether a workload is in a section of the report.
type Test = fn(&Reported) -> bool;

/// The report as text. `verbose` lists every object and what is imported without notes.
pub fn human(proposal: &Proposal, verbose: bool) -> String {
    let mut text = String::new();
    let sections: [(&str, Test); 5] = [
        ("Not imported", |workload| workload.outcome == Outcome::NotImported),
        ("Imported with notes", Reported::has_notes),
        ("Imported", |workload| {
            matches!(workload.outcome, Outcome::App | Outcome::HelmApp) && workload.remarks.is_empty()
        }),
        ("Components of the platform, or built in", |workload| {
            matches!(workload.outcome, Outcome::Component | Outcome::BuiltIn)
        }),
        ("Not applied by Flux", |workload| workload.outcome == Outcome::Unapplied),
    ];
    for (title, is_in) in sections {
        let workloads: Vec<_> = proposal.workloads.iter().filter(|workload| is_in(workload)).collect();
        if workloads.is_empty() {
            continue;
        }
        let _ = writeln!(text, "{title} ({}):", workloads.len());
        workloads.iter().for_each(|workload| show(&mut text, workload));
        text.push('\n');
    }
    if !proposal.problems.is_empty() {
        let _ = writeln!(text, "Not read or not evaluated ({}):", proposal.problems.len());
        for remark in &proposal.problems {
            let _ = writeln!(text, "  {}: {}", remark.at, remark.text);
        }
        text.push('\n');
    }
    others(&mut text, proposal, verbose);
    text.push_str(&summary(proposal));
    text
}

fn show(text: &mut String, workload: &Reported) {
    let becomes = match workload.outcome {
        Outcome::App => format!(" -> {}", apps(&workload.becomes, "app")),
        Outcome::HelmApp => format!(" -> {}", apps(&workload.becomes, "Helm app")),
        Outcome::Component => format!(" -> component `{}`", workload.becomes.join("`, `")),
        Outcome::BuiltIn => format!(" -> {}", workload.becomes.join(", ")),
        Outcome::NotImported | Outcome::Unapplied => String::new(),
    };
    let _ = writeln!(text, "  {} {} ({}){becomes}", workload.kind, workload.name, workload.at);
    if workload.outcome == Outcome::Unapplied {
        return;
    }
    for remark in &workload.remarks {
        let place =
            if remark.at.path == workload.at.path { format!("line {}", remark.at.line) } else { remark.at.to_string() };
        let _ = writeln!(text, "    {place}: {}", remark.text);
    }
}

fn apps(names: &[String], kind: &str) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    format!("{kind}{plural} `{}`", names.join("`, `"))
}

/// Lists objects that are not workloads, by kind.
fn others(text: &mut String, proposal: &Proposal, verbose: bool) {
    let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (kind, name, at) in &proposal.others {
        kinds.entry(kind).or_default().push(format!("{name} ({at})"));
    }
    if kinds.is_empty() {
        return;
    }
    let _ = writeln!(text, "Other objects that no app of the proposal uses ({}):", proposal.others.len());
    for (kind, objects) in kinds {
        if verbose {
            let _ = writeln!(text, "  {kind} ({}):", objects.len());
            for object in objects {
                let _ = writeln!(text, "    {object}");
            }
        } else {
            let more = if objects.len() > 1 { format!(" and {} more", objects.len() - 1) } else { String::new() };
            let _ = writeln!(text, "  {kind}: {}{more}", objects[0]);
        }
    }
    text.push('\n');
}

fn summary(proposal: &Proposal) -> String {
    let unapplied = count(proposal, Outcome::Unapplied);
    let total = proposal.workloads.len() - unapplied;
    let imported = count(proposal, Outcome::App);
    let charts = count(proposal, Outcome::HelmApp);
    let components = count(proposal, Outcome::Component) + count(proposal, Outcome::BuiltIn);
    let refused = count(proposal, Outcome::NotImported);
    let mut text = format!(
        "{}: {imported} as apps, {charts} as Helm apps, {components} as components or built in, {refused} not imported\n",
        diagnostic::count(u64::try_from(total).unwrap_or(u64::MAX), "workload"),
    );
    if unapplied > 0 {
        let _ = writeln!(text, "{unapplied} more in files that Flux does not apply");
    }
    text
}

/// The proposal and its report as JSON.
pub fn json(proposal: &Proposal) -> Value {
    let place = |at: &crate::Place| json!({ "file": at.path, "line": at.line });
    let remarks = |remarks: &[crate::Remark]| -> Vec<Value> {
        remarks
            .iter()
            .map(|remark| json!({ "file": remark.at.path, "line": remark.at.line, "text": remark.text }))
            .collect()
    };
    let workloads: Vec<_> = proposal
        .workloads
        .iter()
        .map(|workload| {
            json!({
                "kind": workload.kind,
                "name": workload.name,
                "at": place(&workload.at),
                "outcome": workload.outcome.text(),
                "becomes": workload.becomes,
                "remarks": remarks(&workload.remarks),
            })
        })
        .collect();
    let others: Vec<_> =
        proposal.others.iter().map(|(kind, name, at)| json!({ "kind": kind, "name": name, "at": place(at) })).collect();
    json!({ "spec": proposal.spec, "workloads": workloads, "problems": remarks(&proposal.problems), "objects": others })
}
