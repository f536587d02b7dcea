//! Every alerting rule says what is wrong and where, and links to its runbook in the docs.

use crate::support::{build, everything_spec, repository};
use homelab::yaml::{Limits, Node, documents};
use std::collections::BTreeSet;

/// The alerting rules of the lab with everything, each with the path of its file.
fn rules() -> Vec<(String, Node)> {
    let tree = build(&everything_spec(), &repository()).tree.expect("the spec is valid");
    let files = tree.files().iter().filter(|file| file.path.contains("/prometheusrule-"));
    let mut rules = Vec::new();
    for file in files {
        let document = documents(&file.text, Limits::default()).0.pop().expect("verified files are YAML");
        for group in document.at(&["spec", "groups"]).map_or(&[][..], Node::items) {
            let found = group.get("rules").map_or(&[][..], Node::items).iter();
            rules.extend(found.map(|rule| (file.path.clone(), rule.clone())));
        }
    }
    rules
}

/// Whether the rules of a file are about the whole lab, which is in no cluster. Their alerts name the device, if it is not
/// the only one.
fn is_about_the_lab(path: &str) -> bool {
    ["hosts", "nas", "way-in"].iter().any(|name| path.ends_with(&format!("/prometheusrule-{name}.yaml")))
}

#[test]
fn every_rule_describes_its_alert_and_names_its_place() {
    let rules = rules();
    assert!(rules.len() > 8, "only {} rules", rules.len());
    let mut wrong = Vec::new();
    for (path, rule) in &rules {
        let text = |keys: &[&str]| rule.at(keys).and_then(Node::text).unwrap_or_default();
        let name = text(&["alert"]);
        if text(&["expr"]).is_empty() || text(&["for"]).is_empty() {
            wrong.push(format!("{path}: {name}: lacks `expr` or `for`"));
        }
        if !["warning", "critical"].contains(&text(&["labels", "severity"])) {
            wrong.push(format!("{path}: {name}: its severity is neither `warning` nor `critical`"));
        }
        let summary = text(&["annotations", "summary"]);
        let names = |label: &str| summary.contains(&format!("$labels.{label}"));
        let device = ["instance", "id", "node"].iter().any(|label| names(label)) || name == "InternetDown";
        if !(names("cluster") || is_about_the_lab(path) && device) {
            wrong.push(format!("{path}: {name}: its summary does not name the cluster, or the device"));
        }
        let runbook = "https://github.com/example/homelab/blob/main/docs/lab/runbooks.md#";
        if text(&["annotations", "runbook_url"]) != format!("{runbook}{}", name.to_lowercase()) {
            wrong.push(format!("{path}: {name}: its `runbook_url` is not that of its heading in docs/lab/runbooks.md"));
        }
        if text(&["annotations", "description"]).is_empty() {
            wrong.push(format!("{path}: {name}: it has no description"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A heading for each alert, since that is what the links lead to, and no heading without an alert.
#[test]
fn the_docs_have_a_runbook_for_every_alert() {
    let docs = std::fs::read_to_string(repository().join("docs/lab/runbooks.md")).expect("the page exists");
    let headings: BTreeSet<_> = docs.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut alerts: BTreeSet<_> =
        rules().into_iter().filter_map(|(_, rule)| rule.text_of("alert").map(str::to_owned)).collect();
    // It is in the Helm values of Prometheus.
    alerts.insert("ClusterSilent".to_owned());
    let alerts: BTreeSet<_> = alerts.iter().map(String::as_str).collect();
    assert_eq!(headings, alerts, "headings of docs/lab/runbooks.md, and alerts");
    for alert in alerts {
        let runbook = docs.split(&format!("\n## {alert}\n")).nth(1).and_then(|rest| rest.split("\n#").next());
        assert!(runbook.is_some_and(|text| text.trim().len() > 80), "{alert} has no runbook");
    }
}
