//! Results as text for people, or as JSON for programs.

use super::args::{Described, Format, Global, SPEC};
use super::drift::Drift;
use super::manual::Page;
use diagnostic::{Code, Severity, count};
use model::{Cluster, Lab};
use serde_json::json;
use spec::Explained;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use tree::{Change, ChangeKind, OWNED, OWNED_FILES, Plan, Tree};

/// A JSON Schema.
pub(super) fn schema(of: Described) -> String {
    match of {
        Described::Spec => render::schema(),
        Described::Plan => format!("{:#}\n", plan::schema()),
        Described::Preflight => format!("{:#}\n", operate::preflight::schema()),
    }
}

/// The result of writing pages to a folder.
pub(super) fn pages(pages: &[Page], folder: &Path, global: &Global) -> String {
    match global.format {
        Format::Json => {
            let paths: Vec<_> = pages.iter().map(|page| folder.join(&page.file)).collect();
            format!("{:#}\n", json!({ "written": paths }))
        }
        _ if global.quiet => String::new(),
        _ => format!("{} written to {}\n", count(pages.len(), "page"), folder.display()),
    }
}

/// What a rule requires, and why.
pub(super) fn rule(code: Code, global: &Global) -> String {
    let severity = match code.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    match global.format {
        Format::Json => {
            format!("{:#}\n", json!({ "code": code.text(), "severity": severity, "description": code.explanation() }))
        }
        _ => format!("{} ({severity})\n\n{}\n", code.text(), code.explanation()),
    }
}

/// The explanation of a field.
pub(super) fn explained(explanation: &Explained, global: &Global) -> String {
    match global.format {
        Format::Json => format!("{:#}\n", json!(explanation)),
        _ => explanation.to_string(),
    }
}

/// The result of writing, with the number of dangers in what changed. With `in_git`, it mentions new files: Nix flakes ignore files that Git does not track.
pub(super) fn generated(plan: &Plan<'_>, took: Duration, dangers: usize, in_git: bool, global: &Global) -> String {
    let (written, removed): (Vec<_>, Vec<_>) =
        plan.changes.iter().partition(|change| !matches!(change.kind, ChangeKind::Stale));
    if global.format == Format::Json {
        let paths = |changes: &[&Change<'_>]| changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>();
        let report = json!({
            "written": paths(&written),
            "removed": paths(&removed),
            "unchanged": plan.unchanged,
            "foreign": plan.foreign,
            "dangers": dangers,
            "seconds": took.as_secs_f64(),
        });
        return format!("{report:#}\n");
    }
    if global.quiet {
        return String::new();
    }
    let mut text = changes(plan, global);
    text.push_str(&skipped(plan));
    let milliseconds = took.as_secs_f64() * 1000.0;
    writeln!(
        text,
        "{} written, {} removed, {} unchanged in {milliseconds:.0} ms",
        written.len(),
        removed.len(),
        plan.unchanged
    )
    .expect("writing to a string cannot fail");
    if dangers > 0 {
        writeln!(text, "{} in these changes; `homelab plan` shows what they do", count(dangers, "danger"))
            .expect("writing to a string cannot fail");
    }
    let new = tops_with_new_files(&written);
    if in_git && !new.is_empty() {
        let git = match global.root.as_path() == Path::new(".") {
            true => "git".to_owned(),
            false => format!("git -C {}", quoted(&global.root)),
        };
        writeln!(text, "Nix flakes ignore files that Git does not track; run `{git} add {}`", new.join(" "))
            .expect("writing to a string cannot fail");
    }
    text
}

/// The generated folders and files that contain new files.
fn tops_with_new_files<'a>(written: &[&'a Change<'_>]) -> Vec<&'a str> {
    let new = || written.iter().filter(|change| matches!(change.kind, ChangeKind::Missing(_)));
    let is_inside =
        |path: &str, top: &str| path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let tops = OWNED.into_iter().chain(OWNED_FILES).filter(|top| new().any(|change| is_inside(&change.path, top)));
    // The schema is in none of them.
    let others = new().map(|change| change.path.as_str());
    let others = others.filter(|path| !OWNED.iter().chain(&OWNED_FILES).any(|top| is_inside(path, top)));
    tops.chain(others).collect()
}

/// The command that updates the generated files, with the options of this run.
fn update_command(global: &Global) -> String {
    let mut command = String::from("homelab generate");
    for (name, path, default) in [("--root", &global.root, "."), ("--spec", &global.spec, SPEC)] {
        if path != Path::new(default) {
            write!(command, " {name} {}", quoted(path)).expect("writing to a string cannot fail");
        }
    }
    command
}

/// Quotes a path for a shell, if necessary.
pub(super) fn quoted(path: &Path) -> Cow<'_, str> {
    let path = path.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "._/+-=:,@%".contains(c);
    if !path.is_empty() && path.chars().all(is_plain) {
        return path;
    }
    Cow::Owned(format!("'{}'", path.replace('\'', r"'\''")))
}

/// One line for each change; without `-v`, for the first ones only.
fn changes(plan: &Plan<'_>, global: &Global) -> String {
    const MAX_SHOWN: usize = 40;
    let shown = if global.verbose { plan.changes.len() } else { MAX_SHOWN };
    let mut text = String::new();
    for change in plan.changes.iter().take(shown) {
        let verb = match change.kind {
            ChangeKind::Missing(_) => "new    ",
            ChangeKind::Differs(_) => "changed",
            ChangeKind::Stale => "removed",
        };
        writeln!(text, "{verb}  {}", change.path).expect("writing to a string cannot fail");
    }
    if plan.changes.len() > shown {
        writeln!(text, "… and {} more (-v shows all)", plan.changes.len() - shown)
            .expect("writing to a string cannot fail");
    }
    text
}

fn skipped(plan: &Plan<'_>) -> String {
    plan.foreign.iter().fold(String::new(), |mut text, path| {
        writeln!(text, "skipped  {path} (not generated; move it out of the generated folder)")
            .expect("writing to a string cannot fail");
        text
    })
}

/// The result of `generate --check`.
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
        let verb = if plan.unchanged == 1 { "is" } else { "are" };
        let text = format!("{} {verb} up to date\n", count(plan.unchanged, "file"));
        return if global.quiet { String::new() } else { skipped(plan) + &text };
    }
    let mut text = drift.diff.clone();
    text.push('\n');
    for (label, names) in [("nodes", &drift.nodes), ("units", &drift.units), ("documents", &drift.documents)] {
        if !names.is_empty() {
            writeln!(text, "{label}: {}", names.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
                .expect("writing to a string cannot fail");
        }
    }
    text.push_str(&skipped(plan));
    writeln!(
        text,
        "{} {} from the spec; run `{}` and commit the result",
        count(plan.changes.len(), "file"),
        if plan.changes.len() == 1 { "differs" } else { "differ" },
        update_command(global)
    )
    .expect("writing to a string cannot fail");
    text
}

/// The result of `validate`.
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
    let counts: Vec<_> = counts.into_iter().map(|(number, noun)| count(number, noun)).collect();
    format!("{} is valid: {}\n", lab.name, counts.join(", "))
}
