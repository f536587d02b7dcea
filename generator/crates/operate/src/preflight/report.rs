//! The findings as a table for people, or as JSON for programs.

use super::finding::{Finding, State};
use diagnostic::count;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;

/// The version of the format. It changes when a field changes its meaning or disappears; new fields may appear in any
/// version.
const VERSION: u32 = 1;

/// What `homelab preflight --format json` prints.
#[derive(Serialize, JsonSchema)]
struct Report<'a> {
    /// Version of this format. New fields may appear without a new version.
    version: u32,
    /// Whether no check found an error, and every host could be reached. Warnings and skipped checks are allowed.
    ready: bool,
    /// The checks: by host, then those of the LAN, of DNS, of the router and of this machine.
    checks: &'a [Finding],
}

/// The number of findings with a result.
pub fn number_of(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|finding| finding.result == state).count()
}

/// The findings for programs.
pub fn json(findings: &[Finding]) -> Value {
    let ready = number_of(findings, State::Error) == 0;
    serde_json::to_value(Report { version: VERSION, ready, checks: findings }).expect("all keys are strings")
}

/// The JSON Schema of [`json()`].
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.for_serialize().into_generator().into_root_schema_for::<Report<'_>>().to_value();
    schema["title"] = Value::from("Checks before the first boot");
    schema
}

/// The findings for people: a table of those that are not ok, or of all. Empty if there are none.
pub fn human(findings: &[Finding], all: bool) -> String {
    let rows: Vec<_> = findings.iter().filter(|finding| all || finding.result != State::Ok).collect();
    let width = |header: &str, text: &dyn Fn(&Finding) -> usize| {
        rows.iter().map(|finding| text(finding)).chain([header.len()]).max().unwrap_or_default()
    };
    let place = width("PLACE", &|finding| finding.place.chars().count());
    let check = width("CHECK", &|finding| finding.check.name().len());
    let state = width("RESULT", &|finding| finding.result.name().len());
    let mut text = String::new();
    if !rows.is_empty() {
        let _ = writeln!(text, "{:place$}  {:check$}  {:state$}  DETAIL", "PLACE", "CHECK", "RESULT");
    }
    for finding in rows {
        let (name, result) = (finding.check.name(), finding.result.name());
        let _ = writeln!(text, "{:place$}  {name:check$}  {result:state$}  {}", finding.place, finding.detail);
        let label = if finding.result == State::Skipped { "instead" } else { "fix" };
        if let Some(remedy) = &finding.remedy {
            let _ = writeln!(text, "{:indent$}{label}: {remedy}", "", indent = place + check + state + 6);
        }
    }
    text
}

/// The number of checks with each result, as a line.
pub fn summary(findings: &[Finding]) -> String {
    let number = |state| number_of(findings, state);
    format!(
        "{}: {} ok, {}, {}, {} skipped\n",
        count(findings.len(), "check"),
        number(State::Ok),
        count(number(State::Warning), "warning"),
        count(number(State::Error), "error"),
        number(State::Skipped),
    )
}
