//! The plan as a comment on a pull request.

use super::text::{class, headline, of_cluster, of_field, outside_sections, severity};
use super::{summary, units, word};
use crate::Plan;
use std::fmt::Write as _;

/// Writing to a string cannot fail.
macro_rules! line {
    ($text:expr, $($argument:tt)*) => { writeln!($text, $($argument)*).expect("writing to a string cannot fail") };
}

/// The longest comment, in bytes. GitHub accepts 65,536 characters.
const LONGEST: usize = 60_000;

/// The plan as a comment on a pull request. `base` names what it is compared with. Leaves out fields, and then the end,
/// if it would be too long for a comment.
pub fn markdown(plan: &Plan, base: &str) -> String {
    let with_fields = text(plan, base, true);
    if with_fields.len() <= LONGEST {
        return with_fields;
    }
    let mut text = text(plan, base, false);
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.truncate(text[..end].rfind('\n').map_or(end, |at| at + 1));
        if text.matches("```").count() % 2 == 1 {
            line!(text, "   ```");
        }
    }
    line!(text, "\nThe rest is too long for a comment: `homelab plan --verbose` shows all of it.");
    text
}

fn text(plan: &Plan, base: &str, has_fields: bool) -> String {
    let mut text = format!("### {} since {}\n", headline(plan), code(base));
    if !plan.dangers.is_empty() {
        line!(text, "\n| danger | what | |\n| --- | --- | --- |");
        for danger in &plan.dangers {
            let (message, help) = (cell(&danger.message), cell(&danger.help));
            line!(text, "| {} | {} | {message}. {help}. |", severity(danger.severity), code(&danger.what));
        }
    }
    list("Clusters", plan.clusters.iter().map(of_cluster), &mut text);
    if !plan.objects.is_empty() {
        line!(text, "\n| unit | change |\n| --- | --- |");
        for ((cluster, unit), changes) in units(plan) {
            line!(text, "| {} | {} |", code(&format!("{cluster}/{unit}")), cell(&summary(&changes)));
        }
    }
    if has_fields && !plan.objects.is_empty() {
        line!(text, "\n<details><summary>Fields</summary>\n\n```text");
        for change in &plan.objects {
            line!(text, "{} {}", word(&change.action), change.object);
            change.fields.iter().for_each(|field| line!(text, "  {}", of_field(field).replace("```", "'''")));
        }
        line!(text, "```\n\n</details>");
    }
    for (at, change) in plan.nodes.iter().enumerate() {
        if at == 0 {
            line!(text, "\n**Nodes, in this order**\n");
        }
        line!(text, "{}. {}: {} ({})", at + 1, code(&change.node), class(change), cell(&change.reasons.join("; ")));
        if !change.commands.is_empty() {
            line!(text, "\n   ```sh");
            change.commands.iter().for_each(|command| line!(text, "   {command}"));
            line!(text, "   ```");
        }
    }
    for (title, items) in outside_sections(&plan.outside) {
        list(title, items.into_iter(), &mut text);
    }
    text
}

fn list(title: &str, items: impl Iterator<Item = String>, text: &mut String) {
    for (at, item) in items.enumerate() {
        if at == 0 {
            line!(text, "\n**{title}**\n");
        }
        line!(text, "- {}", code(&item));
    }
}

/// Text as code, which no Markdown in it can leave.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
}

/// Text of a table cell.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
