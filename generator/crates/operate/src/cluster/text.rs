//! The state of a cluster as text for people, at most 100 columns wide.

use super::node::NodeState;
use super::object::short_revision;
use super::state::Urgency;
use super::unit::{UnitState, UnitView};
use super::view::{Cause, Verdict, View};
use crate::time::duration;
use std::fmt::Write as _;

const WIDTH: usize = 100;

/// The most causes that are listed without `-v`.
const MOST_CAUSES: usize = 12;

/// The most names in a list without `-v`.
const MOST_NAMES: usize = 6;

impl Urgency {
    fn text(self) -> &'static str {
        match self {
            Self::Stuck => "failed",
            Self::Failing => "failing",
            Self::Progressing => "waiting",
            Self::Note => "note",
        }
    }
}

impl View {
    /// The verdict in one line.
    pub fn headline(&self) -> String {
        let units: Vec<_> = self.wanted().collect();
        let count = |is_such: &dyn Fn(&UnitView) -> bool| units.iter().filter(|unit| is_such(unit)).count();
        let ready = count(&|unit| unit.state.is_ready());
        let nodes = self.nodes.iter().filter(|node| node.state != NodeState::NotInSpec);
        let (up, down): (Vec<_>, Vec<_>) = nodes.partition(|node| node.state == NodeState::Ready);
        let nodes = up.len() + down.len();
        match self.verdict {
            Verdict::Unreachable => format!("{}: cannot be asked", self.cluster),
            Verdict::Ready => {
                let counts = [diagnostic::count(nodes, "node"), diagnostic::count(ready, "unit")].join(", ");
                format!("{}: ready: {counts}{}", self.cluster, self.applied())
            }
            Verdict::Progressing | Verdict::Failing if self.nodes.is_empty() => {
                format!("{}: not ready: its API does not answer", self.cluster)
            }
            Verdict::Progressing | Verdict::Failing => {
                let mut text = format!(
                    "{}: not ready: {} of {nodes} nodes, {ready} of {} units",
                    self.cluster,
                    up.len(),
                    units.len()
                );
                let states = [
                    ("failed", count(&|unit| unit.state == UnitState::Stuck)),
                    ("failing", count(&|unit| unit.state == UnitState::Failing)),
                    ("progressing", count(&|unit| unit.state == UnitState::Progressing)),
                    ("waiting", count(&|unit| unit.state == UnitState::Waiting)),
                    ("not there yet", count(&|unit| unit.state == UnitState::Missing)),
                ];
                let states: Vec<_> =
                    states.iter().filter(|(_, n)| *n > 0).map(|(state, n)| format!("{n} {state}")).collect();
                if !states.is_empty() {
                    let _ = write!(text, " ({})", states.join(", "));
                }
                text
            }
        }
    }

    fn applied(&self) -> String {
        let revision =
            self.source.as_ref().map(|source| short_revision(&source.revision)).filter(|revision| !revision.is_empty());
        revision.map(|revision| format!(", at {revision}")).unwrap_or_default()
    }

    /// The state: the verdict, what keeps the cluster from being ready, and the nodes. With `is_verbose`, also all units.
    pub fn human(&self, is_verbose: bool) -> String {
        let mut text = self.headline() + "\n";
        let shown = if is_verbose { self.causes.len() } else { MOST_CAUSES };
        for cause in self.causes.iter().take(shown) {
            text.push_str(&cause.human(is_verbose, self.wanted().count()));
        }
        if self.causes.len() > shown {
            let _ = writeln!(text, "  … and {} more (-v shows all)", self.causes.len() - shown);
        }
        let is_interesting = self.nodes.iter().any(|node| node.state != NodeState::Ready || node.is_cordoned);
        if (is_verbose || is_interesting) && !self.nodes.is_empty() {
            text.push_str("\n  nodes\n");
            let rows = self.nodes.iter().map(|node| {
                let note = if node.is_cordoned { "cordoned" } else { "" };
                [&node.name, node.role.unwrap_or("-"), node.state.text(), node.version.as_deref().unwrap_or("-"), note]
                    .map(str::to_owned)
            });
            text.push_str(&table(&rows.collect::<Vec<_>>()));
        }
        if is_verbose && !self.units.is_empty() {
            if let Some(source) = &self.source {
                let state = if source.is_ready { "" } else { ", and cannot fetch" };
                let _ = writeln!(text, "\n  source\n    Flux has {}{state}", short_revision(&source.revision));
            }
            text.push_str("\n  units\n");
            let rows = self.units.iter().map(|unit| {
                let why = match (&unit.message, unit.waits_for.as_slice()) {
                    (_, names @ [_, ..]) => format!("waits for {}", names.join(", ")),
                    (Some(message), _) => message.clone(),
                    (None, []) => String::new(),
                };
                [unit.name.clone(), unit.state.text().to_owned(), why]
            });
            text.push_str(&table(&rows.collect::<Vec<_>>()));
        }
        text
    }
}

impl Cause {
    /// What it is and why, in some lines.
    fn human(&self, is_verbose: bool, units: usize) -> String {
        const INDENT: usize = 11;
        let mut subject = self.subject.clone();
        if let Some(unit) = self.unit.as_ref().filter(|unit| self.subject != format!("unit {unit}")) {
            let _ = write!(subject, ", unit {unit}");
        }
        if let Some(seconds) = self.seconds.filter(|seconds| *seconds > 0) {
            let _ = write!(subject, ", for {}", duration(seconds));
        }
        let mut text = format!("\n  {:<9}{subject}\n", self.urgency.text());
        text.push_str(&wrapped(&self.message, INDENT));
        if !self.blocks.is_empty() && self.blocks.len() == units {
            text.push_str(&wrapped("all units wait for it", INDENT));
        } else if !self.blocks.is_empty() {
            let shown = if is_verbose { self.blocks.len() } else { MOST_NAMES };
            let verb = if self.blocks.len() == 1 { "waits" } else { "wait" };
            let list = names(&self.blocks, shown);
            text.push_str(&wrapped(
                &format!("{} {verb} for it: {list}", diagnostic::count(self.blocks.len(), "unit")),
                INDENT,
            ));
        }
        if let Some(remedy) = &self.remedy {
            text.push_str(&wrapped(&format!("fix: {remedy}"), INDENT));
        }
        text
    }

    /// What it is and why, in one line.
    pub fn line(&self) -> String {
        format!("{}: {}", self.subject, self.message)
    }
}

/// The first names of a list, and the number of the others.
pub fn names<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<_> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Text in lines of at most [`WIDTH`] columns, indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is a line");
        if !line.is_empty() && indent + line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            *line += if line.is_empty() { "" } else { " " };
            *line += word;
        }
    }
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

/// Rows with aligned columns. The last one is cut at [`WIDTH`].
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(line, "  {cell:<width$}", width = if column + 1 == N { 0 } else { width(column) });
        }
        let line = line.trim_end();
        match line.chars().count() > WIDTH {
            true => text.extend(line.chars().take(WIDTH - 1).chain("…\n".chars())),
            false => text.extend([line, "\n"]),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_lists() {
        assert_eq!(names(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(names(&["a", "b"], 2), "a, b");
    }

    #[test]
    fn wraps_long_lines() {
        let text = wrapped(&"word ".repeat(60), 11);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH && line.starts_with("           word")));
        assert_eq!(text.split_whitespace().count(), 60);
    }
}
