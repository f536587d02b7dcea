//! Results as text: for people, or as JSON for programs.

use super::args::{Format, Global, SPEC};
use super::drift::Drift;
use diagnostic::{Code, Severity};
use model::{Cluster, Lab};
use serde_json::json;
use spec::Explained;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use tree::{Change, ChangeKind, OWNED, OWNED_FILES, Plan, Tree};

pub(super) fn schema() -> String {
    format!("{:#}\n", spec::schema())
}

/// What a rule asks for, and why.
pub(super) fn rule(code: Code, global: &Global) -> String {
    let severity = match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    match global.format {
        Format::Human => format!("{} ({severity})\n\n{}\n", code.text(), code.explanation()),
        Format::Json => {
            format!("{:#}\n", json!({ "code": code.text(), "severity": severity, "description": code.explanation() }))
        }
    }
}

pub(super) fn explained(explanation: &Explained, global: &Global) -> String {
    match global.format {
        Format::Human => explanation.to_string(),
        Format::Json => format!("{:#}\n", json!(explanation)),
    }
}

/// What came of writing. `in_git` tells whether the flake sees only what Git knows of.
pub(super) fn generated(plan: &Plan<'_>, took: Duration, in_git: bool, global: &Global) -> String {
    let (written, removed): (Vec<_>, Vec<_>) =
        plan.changes.iter().partition(|change| !matches!(change.kind, ChangeKind::Stale));
    if global.format == Format::Json {
        let paths = |changes: &[&Change<'_>]| changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>();
        let report = json!({
            "written": paths(&written),
            "removed": paths(&removed),
            "unchanged": plan.unchanged,
            "foreign": plan.foreign,
            "seconds": took.as_secs_f64(),
        });
        return format!("{report:#}\n");
    }
    if global.quiet {
        return String::new();
    }
    let mut text = changes(plan, global);
    text.push_str(&foreign(plan));
    let milliseconds = took.as_secs_f64() * 1000.0;
    writeln!(
        text,
        "{} written, {} removed, {} unchanged in {milliseconds:.0} ms",
        written.len(),
        removed.len(),
        plan.unchanged
    )
    .expect("a string takes all text");
    let new = with_new_files(&written);
    if in_git && !new.is_empty() {
        let git = match global.root.as_path() == Path::new(".") {
            true => "git".to_owned(),
            false => format!("git -C {}", quoted(&global.root)),
        };
        writeln!(text, "new files are invisible to the flake until `{git} add {}`", new.join(" "))
            .expect("a string takes all text");
    }
    text
}

/// Those of our folders and files in which there is something that was not there before.
fn with_new_files(written: &[&Change<'_>]) -> Vec<&'static str> {
    let new = || written.iter().filter(|change| matches!(change.kind, ChangeKind::Missing(_)));
    let lies_in =
        |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let tops = OWNED.into_iter().chain(OWNED_FILES);
    tops.filter(|top| new().any(|change| lies_in(&change.path, top))).collect()
}

/// The command that writes what the spec says, called as this run was.
fn mend(global: &Global) -> String {
    let mut call = String::from("homelab generate");
    for (name, path, default) in [("--root", &global.root, "."), ("--spec", &global.spec, SPEC)] {
        if path != Path::new(default) {
            write!(call, " {name} {}", quoted(path)).expect("a string takes all text");
        }
    }
    call
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> Cow<'_, str> {
    let path = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "._/+-=:,@%".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path;
    }
    Cow::Owned(format!("'{}'", path.replace('\'', r"'\''")))
}

/// A line for each change; of very many, only as many as anyone reads.
fn changes(plan: &Plan<'_>, global: &Global) -> String {
    const MOST: usize = 40;
    let shown = if global.verbose { plan.changes.len() } else { MOST };
    let mut text = String::new();
    for change in plan.changes.iter().take(shown) {
        let verb = match change.kind {
            ChangeKind::Missing(_) => "new    ",
            ChangeKind::Differs(_) => "changed",
            ChangeKind::Stale => "removed",
        };
        writeln!(text, "{verb}  {}", change.path).expect("a string takes all text");
    }
    if plan.changes.len() > shown {
        writeln!(text, "… and {} more (-v names all)", plan.changes.len() - shown).expect("a string takes all text");
    }
    text
}

fn foreign(plan: &Plan<'_>) -> String {
    plan.foreign.iter().fold(String::new(), |mut text, path| {
        writeln!(text, "kept     {path} (not made by the generator, but in a folder that it owns)")
            .expect("a string takes all text");
        text
    })
}

pub(super) fn checked(drift: &Drift, plan: &Plan<'_>, global: &Global) -> String {
    if global.format == Format::Json {
        let report = json!({
            "drift": plan.changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>(),
            "nodes": drift.nodes,
            "units": drift.units,
            "documents": drift.documents,
            "foreign": plan.foreign,
            "diff": drift.diff,
        });
        return format!("{report:#}\n");
    }
    if plan.changes.is_empty() {
        let text = format!("{} files are what the spec says\n", plan.unchanged);
        return if global.quiet { String::new() } else { foreign(plan) + &text };
    }
    let mut text = drift.diff.clone();
    text.push('\n');
    for (what, names) in [("nodes", &drift.nodes), ("units", &drift.units), ("documents", &drift.documents)] {
        if !names.is_empty() {
            writeln!(text, "{what}: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
                .expect("a string takes all text");
        }
    }
    text.push_str(&foreign(plan));
    writeln!(
        text,
        "{} {} from what the spec says; run `{}` and commit the result",
        count(plan.changes.len(), "file"),
        if plan.changes.len() == 1 { "differs" } else { "differ" },
        mend(global)
    )
    .expect("a string takes all text");
    text
}

pub(super) fn validated(tree: &Tree, lab: &Lab, global: &Global) -> String {
    let nodes: usize = lab.clusters.iter().map(|cluster| cluster.nodes.len()).sum();
    let apps: usize = lab.clusters.iter().map(Cluster::apps).sum();
    let files = tree.files().len();
    if global.format == Format::Json {
        return format!(
            "{:#}\n",
            json!({ "lab": lab.name, "clusters": lab.clusters.len(), "nodes": nodes, "apps": apps, "files": files })
        );
    }
    if global.quiet {
        return String::new();
    }
    let counts = [(lab.clusters.len(), "cluster"), (nodes, "node"), (apps, "app"), (files, "file")];
    let counts: Vec<_> = counts.into_iter().map(|(number, what)| count(number, what)).collect();
    format!("{} is valid: {}\n", lab.name, counts.join(", "))
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
