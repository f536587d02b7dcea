//! What a command changed in the spec, as text or JSON.

use super::super::args::{Format, Global};
use amend::Amended;
use diagnostic::count;
use plan::Plan;
use serde_json::json;
use tree::ChangeKind;

/// The result of a command that changes the spec.
pub(super) struct Report<'a> {
    /// What happened to the entries: `added`, `renamed`, `removed`.
    pub(super) verb: &'static str,
    pub(super) amended: &'a Amended,
    /// The unified diff of the spec.
    pub(super) diff: &'a str,
    /// The changes of the generated files, if they follow.
    pub(super) files: Option<&'a tree::Plan<'a>>,
    /// The plan of the change, if the command shows it.
    pub(super) plan: Option<&'a Plan>,
    /// Whether anything is written.
    pub(super) writes: bool,
}

impl Report<'_> {
    /// Formats the report. `spec` is the path of the spec.
    pub(super) fn print(&self, spec: &str, global: &Global) -> String {
        match global.format {
            Format::Json => self.json(),
            _ if !self.writes => self.diff.to_owned(),
            _ if global.quiet => String::new(),
            _ => self.human(spec),
        }
    }

    fn human(&self, spec: &str) -> String {
        let Amended { changes, steps, .. } = self.amended;
        let mut lines = Vec::new();
        for change in changes {
            lines.push(format!("{}  {change}", self.verb));
        }
        lines.push(match self.files {
            Some(files) if files.changes.is_empty() => format!("written  {spec}; the generated files stay the same"),
            Some(files) => {
                let (removed, written): (Vec<_>, Vec<_>) =
                    files.changes.iter().partition(|change| matches!(change.kind, ChangeKind::Stale));
                let removed = match removed.len() {
                    0 => String::new(),
                    number => format!(", {} removed", count(number, "file")),
                };
                format!("written  {spec} and {}{removed}", count(written.len(), "generated file"))
            }
            None => format!("written  {spec}; the generated files are not updated"),
        });
        if self.plan.is_none() {
            // With a plan, they come before the change.
            lines.extend(notes(self.amended).lines().map(str::to_owned));
        }
        if !steps.is_empty() {
            lines.push("\nNext steps".to_owned());
        }
        for step in steps {
            // What belongs to the step above is indented.
            lines.push(if step.starts_with(' ') { format!("  {step}") } else { format!("- {step}") });
        }
        lines.join("\n") + "\n"
    }

    fn json(&self) -> String {
        let Amended { changes, notes, steps, .. } = self.amended;
        let paths = |stale: bool| {
            let changes = self.files.into_iter().flat_map(|files| &files.changes);
            let of_kind = changes.filter(|change| matches!(change.kind, ChangeKind::Stale) == stale);
            of_kind.map(|change| change.path.clone()).collect::<Vec<_>>()
        };
        let report = json!({
            "verb": self.verb,
            "changes": changes,
            "notes": notes,
            "steps": steps.iter().map(|step| step.trim_start()).collect::<Vec<_>>(),
            "diff": self.diff,
            "plan": self.plan.map(|plan| plan::json(plan, "the current spec")),
            "written": paths(false),
            "removed": paths(true),
            "dry-run": !self.writes,
        });
        format!("{report:#}\n")
    }
}

/// What to know about a change, one line each.
pub(super) fn notes(amended: &Amended) -> String {
    amended.notes.iter().map(|note| format!("note: {note}\n")).collect()
}
