//! Every expression of the alerting rules and dashboards, as the parser and the engine of Prometheus see it.

use crate::output::{Case, cases, documents, walk};
use crate::support::{build_go, everything_spec, repository, tree_of};
use regex::Regex;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The program that parses and evaluates expressions, built once from `tests/tools/promql`. `None`, with the reason printed,
/// if Go or the modules are not available.
static PROMQL: LazyLock<Option<PathBuf>> = LazyLock::new(|| build_go("promql"));

/// The answers of the program to questions.
fn ask(program: &PathBuf, questions: &Json) -> Vec<Json> {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(questions.to_string().as_bytes()).expect("the program reads it");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success());
    let answers: Json = serde_json::from_slice(&output.stdout).expect("answers are JSON");
    answers.as_array().expect("answers are a list").clone()
}

/// The alerting rules of a case.
fn rules(case: &Case) -> Vec<Json> {
    let files = case.tree().files().iter().filter(|file| file.path.contains("/prometheusrule-"));
    let objects = files.flat_map(|file| documents(&file.text));
    let groups = objects.flat_map(|object| object["spec"]["groups"].as_array().expect("rules have groups").clone());
    groups.flat_map(|group| group["rules"].as_array().expect("groups have rules").clone()).collect()
}

/// The expressions of a dashboard for Prometheus, with a value for each variable.
fn of_dashboard(dashboard: &Json) -> Vec<String> {
    let labels = Regex::new(r"^label_values\((.+), [a-z_]+\)$").expect("the pattern is valid");
    let interval = Regex::new(r"\$__rate_interval|\$__range").expect("the pattern is valid");
    let variable = Regex::new(r"\$[a-z]+").expect("the pattern is valid");
    let mut found = Vec::new();
    walk(dashboard, &mut Vec::new(), &mut |_, value| {
        let of_loki = value["datasource"]["type"] == "loki";
        let query = value["query"].as_str().and_then(|query| Some(labels.captures(query)?[1].to_owned()));
        let expression = value["expr"].as_str().map(str::to_owned);
        found.extend([query, expression].into_iter().flatten().filter(|_| !of_loki));
    });
    let fill = |text: String| variable.replace_all(&interval.replace_all(&text, "5m"), "x").into_owned();
    found.into_iter().map(fill).collect()
}

/// Every expression of all cases, with a file that has it.
fn expressions() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for case in cases() {
        for rule in rules(case) {
            let text = rule["expr"].as_str().expect("alerts have an expression").to_owned();
            all.entry(text).or_insert_with(|| format!("{} of {}", rule["alert"], case.name));
        }
        let files = case.tree().files().iter().filter(|file| file.path.contains("/dashboards/configmap-"));
        for file in files {
            for object in documents(&file.text) {
                for text in object["data"].as_object().expect("it has data").values() {
                    let text = text.as_str().expect("data is text");
                    let dashboard = serde_json::from_str(text).expect("dashboards are JSON");
                    for expression in of_dashboard(&dashboard) {
                        all.entry(expression).or_insert_with(|| format!("{} of {}", file.path, case.name));
                    }
                }
            }
        }
    }
    all
}

/// The table of metrics.
fn table() -> Vec<Json> {
    let text = std::fs::read_to_string(repository().join("tests/metrics.yaml")).expect("it is committed");
    documents(&text).remove(0).as_array().expect("it is a list").clone()
}

/// The metrics of an exporter in the table.
fn metrics(exporter: &Json) -> impl Iterator<Item = &str> {
    let files = exporter["files"].as_object().expect("exporters have files").values();
    files.flat_map(|metrics| metrics.as_array().expect("files have metrics")).map(|name| name.as_str().expect("a name"))
}

#[test]
fn prometheus_parses_every_expression_and_the_table_has_every_metric() {
    let Some(program) = &*PROMQL else { return };
    let expressions = expressions();
    assert!(expressions.len() > 150, "only {} expressions", expressions.len());
    let questions: Vec<_> = expressions.keys().map(|text| json!({ "expression": text })).collect();
    let table = table();
    let known: BTreeSet<_> = table.iter().flat_map(metrics).collect();
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for ((text, place), answer) in expressions.iter().zip(ask(program, &json!(questions))) {
        if let Some(error) = answer["error"].as_str() {
            wrong.push(format!("{place}: {text}: {error}"));
        }
        for name in answer["metrics"].as_array().expect("there are metrics") {
            let name = name.as_str().expect("names are text").to_owned();
            if !known.contains(name.as_str()) {
                wrong.push(format!("{place}: tests/metrics.yaml does not say where {name} comes from"));
            }
            used.insert(name);
        }
    }
    let unused = known.iter().filter(|name| !used.contains(**name));
    wrong.extend(unused.map(|name| format!("tests/metrics.yaml: no expression uses {name}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The source that was read is that of the version that runs.
#[test]
fn the_table_of_metrics_has_the_versions_of_the_images() {
    let tree = tree_of(&everything_spec());
    for exporter in table() {
        let version = exporter["version"].as_str().expect("exporters have a version");
        let Some(image) = exporter["image"].as_str() else { continue };
        let apart = format!("repository: {image}\n");
        let is_pinned = |text: &str| {
            text.contains(&format!("{image}:{version}\n"))
                || text.contains(&apart) && text.contains(&format!("tag: {version}\n"))
        };
        assert!(
            tree.files().iter().any(|file| is_pinned(&file.text)),
            "{image} has another version than {version}: look its metrics up again, and update tests/metrics.yaml"
        );
    }
}

#[test]
fn alerts_fire_when_they_should() {
    let Some(program) = &*PROMQL else { return };
    let text = std::fs::read_to_string(repository().join("tests/alerts.yaml")).expect("it is committed");
    let mut document: serde_yaml::Value = serde_yaml::from_str(&text).expect("it is YAML");
    document.apply_merge().expect("anchors exist");
    let tests = serde_json::to_value(document).expect("keys are text");
    let tests = tests.as_array().expect("it is a list");
    let questions: Vec<_> = tests
        .iter()
        .map(|test| {
            let lab = test["lab"].as_str().unwrap_or("everything");
            let case = cases().iter().find(|case| case.name == lab).expect("the case exists");
            let alert = test["alert"].as_str().expect("it names an alert");
            // Some alerts have a rule for each cluster.
            let rules = rules(case).into_iter().filter(|rule| rule["alert"] == alert);
            let expressions: Vec<_> =
                rules.map(|rule| format!("({})", rule["expr"].as_str().expect("it is text"))).collect();
            assert!(!expressions.is_empty(), "{lab} has no alert {alert}");
            json!({ "expression": expressions.join(" or "), "series": test["series"], "minute": 5 })
        })
        .collect();
    let mut wrong = Vec::new();
    for (test, answer) in tests.iter().zip(ask(program, &json!(questions))) {
        let (expected, result) =
            (test["fires"].as_array().expect("a list"), answer["result"].as_array().expect("a list"));
        let fits = |expected: &Json, fired: &Json| {
            expected.as_object().expect("labels").iter().all(|(label, value)| &fired[label] == value)
        };
        let all_fit = expected.iter().all(|expected| result.iter().any(|fired| fits(expected, fired)));
        if answer["error"].is_string() || expected.len() != result.len() || !all_fit {
            wrong.push(format!("{}: {}: expected {expected:?}, got {answer}", test["alert"], test["case"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
