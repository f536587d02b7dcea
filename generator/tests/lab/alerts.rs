//! Every alerting rule says what is wrong and in which cluster, and the docs list it.

use crate::support::{build, everything_spec, repository};
use homelab::yaml::{Limits, Node, documents};

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

#[test]
fn every_rule_describes_its_alert_and_names_the_cluster() {
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
        if !text(&["annotations", "summary"]).contains("{{ $labels.cluster }}") {
            wrong.push(format!("{path}: {name}: its summary does not name the cluster"));
        }
        if text(&["annotations", "description"]).is_empty() {
            wrong.push(format!("{path}: {name}: it has no description"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_docs_list_every_alert() {
    let docs = std::fs::read_to_string(repository().join("docs/alerts.md")).expect("the page exists");
    for (path, rule) in rules() {
        let name = rule.text_of("alert").expect("alerting rules have names");
        assert!(docs.contains(&format!("`{name}`")), "{path}: {name} is not in docs/alerts.md");
    }
}
