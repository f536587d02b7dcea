//! Valid specs. Each folder of `tests/valid` is a case: the smallest `spec.yaml` that shows one thing, and the files
//! that it refers to. Comments at the top of the spec describe the case, and list the generated files that show it:
//!
//! ```yaml
//! # An app that may use the GPU of its node.
//! # shows: k8s/home/apps/*/deployment.yaml nix/nodes/*/container.conf
//! # lists: all
//! ```
//!
//! The patterns are globs, in which `*` does not match `/`, but `**` does. The snapshot next to the spec has the
//! warnings and the texts of these files. With `# lists: all` it also has the paths of all files.

use crate::output::{self, Case, cases, chart};
use crate::support::{build, repository, shown};
use globset::{Glob, GlobBuilder, GlobMatcher};
use homelab::tree::{File, Tree};
use homelab::yaml::{Limits, Node, documents};
use std::collections::{BTreeMap, BTreeSet};

/// The comments at the top of a case's spec.
struct Header {
    /// What the case shows, as a sentence.
    about: String,
    /// The patterns of the files that show it.
    shows: Vec<GlobMatcher>,
    /// Whether the paths of all files are part of the snapshot.
    lists_all: bool,
}

impl Header {
    fn of(case: &Case) -> Self {
        let mut header = Self { about: String::new(), shows: Vec::new(), lists_all: false };
        for line in case.spec.lines().map_while(|line| line.strip_prefix("# ")) {
            if let Some(patterns) = line.strip_prefix("shows: ") {
                header.shows.extend(patterns.split_whitespace().map(glob));
            } else if line == "lists: all" {
                header.lists_all = true;
            } else {
                header.about.push_str(line);
            }
        }
        assert!(header.about.ends_with('.'), "{}: the spec does not start with a sentence about the case", case.name);
        assert!(!header.shows.is_empty(), "{}: the spec names no files with `# shows: PATTERN`", case.name);
        header
    }

    fn is_shown(&self, path: &str) -> bool {
        self.shows.iter().any(|pattern| pattern.is_match(path))
    }

    /// The files that are shown. Panics if one of the patterns matches none.
    fn files<'a>(&self, case: &str, tree: &'a Tree) -> Vec<&'a File> {
        for pattern in &self.shows {
            let matches = tree.files().iter().any(|file| pattern.is_match(&file.path));
            assert!(matches, "{case}: `{}` matches no generated file", pattern.glob());
        }
        tree.files().iter().filter(|file| self.is_shown(&file.path)).collect()
    }
}

fn glob(pattern: &str) -> GlobMatcher {
    let glob: Result<Glob, _> = GlobBuilder::new(pattern).literal_separator(true).build();
    glob.unwrap_or_else(|error| panic!("{error}")).compile_matcher()
}

/// The cases of `tests/valid`, which have snapshots.
fn shown_cases() -> impl Iterator<Item = &'static Case> {
    cases().iter().filter(|case| case.path == "spec.yaml")
}

/// The content of a case's snapshot.
fn page(case: &Case) -> String {
    let (header, tree) = (Header::of(case), case.tree());
    let mut parts = Vec::new();
    if !case.warnings().is_empty() {
        parts.push(case.warnings());
    }
    if header.lists_all {
        let paths: String = tree.files().iter().map(|file| format!("{}\n", file.path)).collect();
        parts.push(format!("=== all files\n{paths}"));
    }
    let files = header.files(&case.name, tree);
    parts.extend(files.iter().map(|file| format!("=== {}\n{}", file.path, file.text)));
    parts.join("\n")
}

#[test]
fn each_case_generates_what_its_snapshot_shows() {
    insta::glob!("../../../tests/valid", "*/spec.yaml", |path| {
        let root = path.parent().expect("a spec is in the folder of its case");
        let case =
            shown_cases().find(|case| case.root.file_name() == root.file_name()).expect("it is one of the cases");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(root);
        settings.set_prepend_module_to_snapshot(false);
        settings.remove_snapshot_suffix();
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("output", page(case)));
    });
}

/// Whether a file comes from a template that all units of a cluster share.
fn is_of_any_unit(name: &str) -> bool {
    let exact = [
        "helmrepository",
        "ingress",
        "kustomization",
        "namespace",
        "networkpolicy",
        "ocirepository",
        "policy-lan",
        "rolebinding-ingress",
    ];
    let followed_by_a_name = ["externalsecret-", "podmonitor-"];
    exact.contains(&name) || followed_by_a_name.iter().any(|start| name.starts_with(start))
}

/// A kind of generated file: its path without the names that users choose, and the chart of a Helm release.
fn kind(file: &File) -> String {
    let mut parts: Vec<&str> = file.path.split('/').collect();
    let (name, extension) = parts.pop().and_then(|name| name.rsplit_once('.')).expect("files have an ending");
    let stem = name.split('-').next().unwrap_or(name);
    let kind = match (&mut parts[..], stem) {
        (["k8s", _, "flux"], _) => "UNIT",
        (["k8s", _, folder @ ("databases" | "platform" | "secrets"), unit], _) if is_of_any_unit(name) => {
            (*folder, *unit) = ("platform", "UNIT");
            stem
        }
        // The names of one app, and so on.
        (["k8s", _, "platform", "lan-dns-names"], "app" | "nodes" | "platform") => stem,
        (["k8s", _, "platform", unit], "extra") => {
            *unit = "UNIT";
            stem
        }
        (["k8s", _, "platform", "monitors"], "scrapeconfig") => {
            // That of host names has its own template.
            if name == "scrapeconfig-names" { name } else { stem }
        }
        (["k8s", _, "manifests"], "extra") => stem,
        (["k8s", _, "databases", unit], _) => {
            *unit = "APP";
            stem
        }
        (["k8s", _, "apps", app], _) => {
            *app = "APP";
            // LAN Services have their own template.
            if name == "service-lan" { name } else { stem }
        }
        (["nix", "nodes", node], _) => {
            *node = "NODE";
            name
        }
        (["docs", "lab", "apps" | "platform", cluster], _) => {
            *cluster = "CLUSTER";
            "APP"
        }
        (["docs", "lab", _], _) => "NAME",
        _ => name,
    };
    if let ["k8s", cluster, ..] = &mut parts[..] {
        *cluster = "CLUSTER";
    }
    let path = format!("{}/{kind}.{extension}", parts.join("/"));
    // Users choose the charts of apps.
    let release = if kind == "helmrelease" && !path.contains("/apps/") { &file.text } else { "" };
    match output::documents(release).first().and_then(chart) {
        Some(chart) => format!("{path} of {chart}"),
        None => path,
    }
}

/// Files that are too long for a case: the committed output of the reference lab shows them.
fn is_long(file: &File) -> bool {
    let parts = [
        "/platform/alloy/helmrelease.yaml",
        "/platform/dashboards/configmap-",
        "docs/lab/runbooks.md",
        "spec/homelab.schema.json",
    ];
    parts.iter().any(|part| file.path.contains(part))
}

/// So every change of a template or component shows in a snapshot. Checks the files of all cases, and of the lab with
/// everything.
#[test]
fn every_kind_of_file_is_in_a_snapshot() {
    let mut shown = BTreeSet::new();
    for case in shown_cases() {
        shown.extend(Header::of(case).files(&case.name, case.tree()).into_iter().map(kind));
    }
    let reference = cases().iter().find(|case| case.path == "spec/homelab.yaml").expect("it is one of the cases");
    shown.extend(reference.tree().files().iter().filter(|file| is_long(file)).map(kind));
    let mut missing: BTreeMap<String, &str> = BTreeMap::new();
    for case in cases() {
        let kinds = case.tree().files().iter().map(kind).filter(|kind| !shown.contains(kind));
        missing.extend(kinds.map(|kind| (kind, case.name.as_str())));
    }
    assert!(missing.is_empty(), "no case shows {missing:#?}");
}

#[test]
fn only_the_cases_about_warnings_have_warnings() {
    for case in cases() {
        assert_eq!(
            !case.warnings().is_empty(),
            case.name.ends_with("-with-warning"),
            "{}: {}",
            case.name,
            case.warnings()
        );
    }
}

#[test]
fn the_spec_of_the_flake_template_is_valid() {
    let folder = repository().join("nix/template");
    let spec = std::fs::read_to_string(folder.join("spec/homelab.yaml")).expect("the template has a spec");
    let built = build(&spec, &folder);
    assert!(built.diagnostics.is_empty(), "{}", shown(&built.diagnostics, &spec));
}

#[test]
fn the_smallest_useful_lab_fits_in_25_lines() {
    let case = cases().iter().find(|case| case.name == "smallest").expect("there is such a case");
    assert!(case.spec.lines().count() <= 25, "the smallest lab has grown to {} lines", case.spec.lines().count());
    let (documents, _) = documents(&case.spec, Limits::default());
    let count = |node: Option<&Node>| node.map_or(0, |node| node.entries().len());
    let cluster = documents[0].at(&["clusters", "home"]);
    assert_eq!(count(documents[0].get("hosts")), 1, "hosts");
    assert_eq!(count(documents[0].get("clusters")), 1, "clusters");
    assert_eq!(count(cluster.and_then(|cluster| cluster.get("nodes"))), 1, "nodes");
    assert_eq!(count(cluster.and_then(|cluster| cluster.get("apps"))), 1, "apps");
}

#[test]
fn nixfmt_leaves_every_nix_file_unchanged() {
    let mut wrong = Vec::new();
    for case in cases() {
        for file in case.tree().files().iter().filter(|file| file.path.ends_with(".nix")) {
            let name = format!("{} of {}", file.path, case.name);
            match nixfmt_rs::format(&file.text) {
                Ok(formatted) if formatted == file.text => {}
                Ok(formatted) => {
                    let diff = similar::TextDiff::from_lines(&file.text, &formatted);
                    wrong.push(format!("{}", diff.unified_diff().header(&name, "formatted")));
                }
                Err(error) => wrong.push(format!("{name}: {error}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// libyaml follows YAML 1.1, so a value that it reads differently is an error.
#[test]
fn libyaml_and_our_parser_agree_on_every_yaml_file() {
    use serde::Deserialize as _;
    let mut wrong = Vec::new();
    for case in cases() {
        for file in case.tree().files().iter().filter(|file| file.path.ends_with(".yaml")) {
            let (ours, problems) = documents(&file.text, Limits::default());
            let theirs: Result<Vec<_>, _> =
                serde_yaml::Deserializer::from_str(&file.text).map(serde_yaml::Value::deserialize).collect();
            let ours: Vec<_> = ours.iter().map(|document| json(document.to_value())).collect();
            match theirs {
                Ok(theirs) if problems.is_empty() && theirs.iter().map(json).eq(ours.iter().cloned()) => {}
                Ok(theirs) => wrong.push(format!("{} of {}: {theirs:?}\n{ours:?}", file.path, case.name)),
                Err(error) => wrong.push(format!("{} of {}: {error}", file.path, case.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn json(value: impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).expect("manifests have keys that are text")
}
