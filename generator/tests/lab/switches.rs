//! Components are switched on and off on their own: each combination is a valid lab, or is refused
//! with words that help.

use crate::output::{chart, documents, walk};
use crate::support::{Built, build, everything_spec, reference_spec, repository, shown, tree_of};
use homelab::diagnostic::Code;
use rayon::prelude::*;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The components of a cluster.
const COMPONENTS: [&str; 12] = [
    "load-balancer",
    "ingress",
    "certificates",
    "secrets",
    "dns",
    "dynamic-dns",
    "storage",
    "postgres",
    "monitoring",
    "gpu",
    "names",
    "logging",
];

/// The rules that a component which is switched off may break.
const EXPECTED: [Code; 4] =
    [Code::NeedUnmet, Code::ComponentIncomplete, Code::PublicIncomplete, Code::UnknownReference];

/// The lab with everything, with the components of `home` switched on where `on` has their bit.
fn switched(everything: &str, on: usize) -> String {
    let (before, home) = everything.split_once("  home:\n    load").expect("it has the cluster");
    let (mut home, after) =
        home.split_once("\n  data:").map(|(home, rest)| (home.to_owned(), rest)).expect("and another");
    for (bit, name) in COMPONENTS.iter().enumerate() {
        let at = home.find(&format!("\n      {name}:")).unwrap_or_else(|| panic!("{name} is not in the spec"));
        let (head, tail) = home.split_at(at);
        home = format!("{head}{}", tail.replacen("enabled: true", &format!("enabled: {}", on >> bit & 1 == 1), 1));
    }
    format!("{before}  home:\n    load{home}\n  data:{after}")
}

/// The lab with everything, without what its clusters and apps want of `home`.
fn without_demands() -> String {
    let everything = everything_spec();
    let (before, home) = everything.split_once("    apps:\n      notes:").expect("home has apps");
    // Nor what wants the secret store whatever else is on.
    let (head, tail) = before.split_once("      backups:\n").expect("home has backups");
    let (_, tail) = tail.split_once("      gpu:").expect("and a GPU");
    let before = format!("{head}      gpu:{tail}");
    let (_, data) = home.split_once("\n  data:").expect("there is another cluster");
    let (data, _) = data.split_once("    apps:\n").expect("which has apps too");
    format!(
        "{before}  data:{}",
        data.replace("      monitoring: { ship-to: home }\n", "").replace("      logging: { ship-to: home }\n", "")
    )
}

fn is_on(on: usize, name: &str) -> bool {
    let bit = COMPONENTS.iter().position(|component| *component == name).expect("it is a component");
    on >> bit & 1 == 1
}

/// What goes together, said once more by hand: a component, and what its options in the spec ask of others.
const NEEDS: [(&str, &[&str]); 8] = [
    ("ingress", &["load-balancer"]),
    ("certificates", &["secrets"]),
    ("dns", &["secrets", "ingress"]),
    ("dynamic-dns", &["secrets"]),
    ("storage", &["secrets"]),
    // The plugin that writes backups has certificates of cert-manager's.
    ("postgres", &["secrets", "certificates"]),
    // What shippers of logs must present is in the store.
    ("logging", &["secrets", "ingress", "certificates"]),
    // Grafana is public, and its password and that of the shippers are in the store.
    ("monitoring", &["secrets", "ingress", "certificates", "dns", "dynamic-dns"]),
];

fn names(on: usize) -> Vec<&'static str> {
    COMPONENTS.into_iter().filter(|name| is_on(on, name)).collect()
}

/// Builds a combination. A panic is told with its combination.
fn built(everything: &str, on: usize) -> (String, Built) {
    let spec = switched(everything, on);
    let built = std::panic::catch_unwind(|| build(&spec, &repository()));
    let built = built.unwrap_or_else(|_| panic!("the generator panics with {:?}", names(on)));
    (spec, built)
}

/// Says what is wrong with how a combination was judged.
fn judge(spec: &str, built: &Built) -> Option<String> {
    let faults = built.diagnostics.sorted();
    if built.tree.is_some() == built.diagnostics.has_errors() {
        return Some("a tree with errors, or none without".to_owned());
    }
    let poor = faults.iter().find(|fault| {
        let has_help = fault.help.as_ref().is_some_and(|help| !help.is_empty());
        !EXPECTED.contains(&fault.code) || fault.span.is_none() || !has_help
    });
    poor.map(|fault| format!("{}: {}\n{}", fault.code.text(), fault.message, shown(&built.diagnostics, spec)))
}

/// All 2^12 of them, on a cluster of which nobody else wants anything.
#[test]
fn every_combination_is_valid_or_is_refused_in_words_that_help() {
    let everything = without_demands();
    let wrong: Vec<_> = (0..1 << COMPONENTS.len())
        .into_par_iter()
        .filter_map(|on| {
            let (spec, built) = built(&everything, on);
            let is_whole =
                |(name, needs): &(&str, &[&str])| !is_on(on, name) || needs.iter().all(|need| is_on(on, need));
            let fault = judge(&spec, &built).or_else(|| {
                (built.tree.is_some() != NEEDS.iter().all(is_whole))
                    .then(|| format!("valid or not, it should be the other:\n{}", shown(&built.diagnostics, &spec)))
            });
            fault.map(|fault| format!("with {:?}: {fault}", names(on)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} combinations, such as {}", wrong.len(), wrong[0]);
}

/// One or two off, on a cluster that apps and another cluster want everything of. What is missed is named.
#[test]
fn what_others_want_of_a_cluster_is_missed_when_it_is_off() {
    let everything = everything_spec();
    let all = (1 << COMPONENTS.len()) - 1;
    let bits = 0..COMPONENTS.len();
    let combinations: Vec<usize> =
        bits.clone().flat_map(|one| bits.clone().map(move |other| all & !(1 << one) & !(1 << other))).collect();
    let wrong: Vec<_> = combinations
        .into_par_iter()
        .chain([all])
        .filter_map(|on| {
            let (spec, built) = built(&everything, on);
            let fault = judge(&spec, &built).or_else(|| {
                // Only the GPU is wanted by nobody.
                let is_whole = on | 1 << 9 == all;
                (built.tree.is_some() != is_whole)
                    .then(|| format!("valid or not, it should be the other:\n{}", shown(&built.diagnostics, &spec)))
            });
            fault.map(|fault| format!("without {:?}: {fault}", names(all & !on)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} combinations, such as {}", wrong.len(), wrong[0]);
}

/// What does not belong to one controller alone: host, path, TLS and service behind it of each Ingress, by its
/// file, and the values of Grafana, by cluster.
fn reached(spec: &str) -> (BTreeMap<String, Json>, BTreeMap<String, Json>) {
    let (mut ingresses, mut grafanas) = (BTreeMap::new(), BTreeMap::new());
    for file in tree_of(spec).files().iter().filter(|file| file.path.starts_with("k8s/")) {
        for object in documents(&file.text) {
            if object["kind"] == "Ingress" {
                ingresses.insert(file.path.clone(), object["spec"].clone());
            } else if chart(&object) == Some("kube-prometheus-stack") {
                let mut values = object["spec"]["values"]["grafana"].clone();
                if let Some(annotations) = values["ingress"]["annotations"].as_object_mut() {
                    annotations.retain(|key, _| !key.starts_with("nginx."));
                }
                grafanas.insert(file.path.clone(), values);
            }
        }
    }
    (ingresses, grafanas)
}

/// The annotations that only one controller reads.
fn dialects(spec: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in
        tree_of(spec).files().iter().filter(|file| file.path.starts_with("k8s/") && file.path.ends_with(".yaml"))
    {
        for object in documents(&file.text) {
            walk(&object, &mut Vec::new(), &mut |path, _| {
                if let [.., "annotations", key] = path {
                    found.extend(
                        key.split_once('/')
                            .filter(|(domain, _)| domain.starts_with("nginx."))
                            .map(|(domain, _)| domain.to_owned()),
                    );
                }
            });
        }
    }
    found
}

/// Each speaks its own dialect, and neither is left with a word of the other.
#[test]
fn replacing_the_ingress_controller_changes_nothing_of_what_is_reached() {
    let reference = reference_spec();
    let platform = "    platform:\n      dynamic-dns: {}\n";
    assert!(reference.contains(platform), "the reference spec has changed");
    let pairs = [
        (
            everything_spec(),
            everything_spec().replace("ingress: { enabled: true }", "ingress: { implementation: ingress-nginx }"),
        ),
        (
            reference.clone(),
            reference.replace(platform, &format!("{platform}      ingress: {{ implementation: ingress-nginx }}\n")),
        ),
    ];
    for (one, other) in pairs {
        let (ingresses, grafanas) = reached(&one);
        assert!(ingresses.len() > 1 && grafanas.len() > 1, "{ingresses:?}");
        assert_eq!((ingresses, grafanas), reached(&other));
        assert_eq!(dialects(&one), ["nginx.org".to_owned()].into());
        // The other cluster of the lab with everything keeps its controller, and so its dialect.
        assert!(dialects(&other).contains("nginx.ingress.kubernetes.io"));
    }
}
