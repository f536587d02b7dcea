//! Enables and disables components in all combinations: each is a valid lab, or is rejected with helpful
//! diagnostics.

use crate::edit::Edited;
use crate::output::{chart, documents, walk};
use crate::support::{Built, build, components, everything_spec, reference_spec, repository, shown, tree_of};
use homelab::diagnostic::Code;
use rayon::prelude::*;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Components that are not in every combination, since each doubles their number. Nothing depends on them; each is
/// disabled together with each other component in turn.
const LEFT_OUT: [&str; 4] = ["backups", "image-automation", "lan-dns", "tunnel"];

/// The rules that a disabled component may violate.
const EXPECTED: [Code; 4] =
    [Code::NeedUnmet, Code::ComponentIncomplete, Code::PublicIncomplete, Code::UnknownReference];

/// Dependencies between components, stated independently of the generator: a component, and those that its options
/// in the spec need.
const NEEDS: [(&str, &[&str]); 8] = [
    ("ingress", &["load-balancer"]),
    ("certificates", &["secrets"]),
    ("dns", &["secrets", "ingress"]),
    ("dynamic-dns", &["secrets"]),
    ("storage", &["secrets"]),
    // The plugin that writes backups gets its certificates from cert-manager.
    ("postgres", &["secrets", "certificates"]),
    // The login for clusters that ship their logs is in the secret store.
    ("logging", &["secrets", "ingress", "certificates"]),
    // Grafana is public. Its login, and the one for clusters that ship their metrics, are in the secret store.
    ("monitoring", &["secrets", "ingress", "certificates", "dns", "dynamic-dns"]),
];

/// The components that a test enables and disables, one bit each.
struct Switches(Vec<String>);

impl Switches {
    /// All components but some.
    fn without(left_out: &[&str]) -> Self {
        let all = components();
        for name in left_out {
            assert!(all.iter().any(|component| component == name), "`{name}` is not a component");
        }
        Self(all.into_iter().filter(|name| !left_out.contains(&name.as_str())).collect())
    }

    /// Every combination. A component is enabled if its bit is set.
    fn combinations(&self) -> std::ops::Range<usize> {
        0..1 << self.0.len()
    }

    /// The combination with every component enabled.
    fn all(&self) -> usize {
        self.combinations().end - 1
    }

    fn is_on(&self, on: usize, name: &str) -> bool {
        let bit = self.0.iter().position(|component| component == name);
        on >> bit.unwrap_or_else(|| panic!("`{name}` is not in the combinations")) & 1 == 1
    }

    fn names(&self, on: usize) -> Vec<&str> {
        self.0.iter().map(String::as_str).filter(|name| self.is_on(on, name)).collect()
    }

    /// Applies a combination to the components of the cluster `home`.
    fn applied_to(&self, spec: &Edited, on: usize) -> String {
        let switch = |spec: Edited, name: &String| {
            spec.set(&format!("clusters.home.platform.{name}.enabled"), &self.is_on(on, name).to_string())
        };
        self.0.iter().fold(spec.clone(), switch).text()
    }

    /// Builds a combination. A panic is reported with its combination.
    fn built(&self, spec: &Edited, on: usize) -> (String, Built) {
        let text = self.applied_to(spec, on);
        let built = std::panic::catch_unwind(|| build(&text, &repository()));
        let built = built.unwrap_or_else(|_| panic!("the generator panics with {:?}", self.names(on)));
        (text, built)
    }
}

/// The lab with everything, without the apps and the settings that need components of `home`.
fn without_dependents() -> Edited {
    let spec = Edited::everything().remove("clusters.home.apps").remove("clusters.data.apps");
    let spec = LEFT_OUT.iter().fold(spec, |spec, name| spec.remove(&format!("clusters.home.platform.{name}")));
    spec.remove("clusters.data.platform.monitoring").remove("clusters.data.platform.logging")
}

/// Describes what is wrong with the result of a combination, if anything is: a diagnostic that is unexpected, or
/// has no place or no help.
fn check(spec: &str, built: &Built) -> Option<String> {
    let diagnostics = built.diagnostics.sorted();
    if built.tree.is_some() == built.diagnostics.has_errors() {
        return Some("a tree despite errors, or neither tree nor errors".to_owned());
    }
    let unhelpful = diagnostics.iter().find(|diagnostic| {
        let has_help = diagnostic.help.as_ref().is_some_and(|help| !help.is_empty());
        !EXPECTED.contains(&diagnostic.code) || diagnostic.span.is_none() || !has_help
    });
    unhelpful.map(|diagnostic| {
        format!("{}: {}\n{}", diagnostic.code.text(), diagnostic.message, shown(&built.diagnostics, spec))
    })
}

/// All combinations, on a cluster that nothing else depends on.
#[test]
fn every_combination_is_valid_or_is_rejected_with_help() {
    let (spec, switches) = (without_dependents(), Switches::without(&LEFT_OUT));
    let wrong: Vec<_> = switches
        .combinations()
        .into_par_iter()
        .filter_map(|on| {
            let (text, built) = switches.built(&spec, on);
            let is_whole = |(name, needs): &(&str, &[&str])| {
                !switches.is_on(on, name) || needs.iter().all(|need| switches.is_on(on, need))
            };
            let problem = check(&text, &built).or_else(|| {
                (built.tree.is_some() != NEEDS.iter().all(is_whole))
                    .then(|| format!("wrongly accepted or rejected:\n{}", shown(&built.diagnostics, &text)))
            });
            problem.map(|problem| format!("with {:?}: {problem}", switches.names(on)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} combinations, such as {}", wrong.len(), wrong[0]);
}

/// One or two components disabled, on a cluster whose apps and peer use everything.
#[test]
fn disabling_what_others_need_is_rejected_with_help() {
    let (spec, switches) = (Edited::everything(), Switches::without(&[]));
    let all = switches.all();
    let bits = 0..switches.0.len();
    let combinations: Vec<usize> =
        bits.clone().flat_map(|one| bits.clone().map(move |other| all & !(1 << one) & !(1 << other))).collect();
    let wrong: Vec<_> = combinations
        .into_par_iter()
        .chain([all])
        .filter_map(|on| {
            let (text, built) = switches.built(&spec, on);
            let problem = check(&text, &built).or_else(|| {
                // Nothing needs the GPU plugin, the DNS server of the LAN or restarts, and public names need only one way
                // into the lab.
                let off = switches.names(all & !on);
                let ways = ["dynamic-dns", "tunnel"];
                let is_whole = off.iter().all(|off| ["gpu", "lan-dns", "restarts"].contains(off) || ways.contains(off))
                    && ways.iter().any(|way| !off.contains(way));
                (built.tree.is_some() != is_whole)
                    .then(|| format!("wrongly accepted or rejected:\n{}", shown(&built.diagnostics, &text)))
            });
            problem.map(|problem| format!("without {:?}: {problem}", switches.names(all & !on)))
        })
        .collect();
    assert!(wrong.is_empty(), "{} combinations, such as {}", wrong.len(), wrong[0]);
}

/// The output that must not depend on the controller: the spec of each Ingress, and the values of Grafana, by file.
fn served(spec: &str) -> (BTreeMap<String, Json>, BTreeMap<String, Json>) {
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

/// The domains of annotations that only one controller reads.
fn annotation_domains(spec: &str) -> BTreeSet<String> {
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

/// Each controller has its own annotations, and the output contains none for the other.
#[test]
fn both_ingress_controllers_serve_the_same_hosts_and_services() {
    let everything = Edited::everything().add("clusters.home.platform.ingress.implementation", "ingress-nginx");
    let reference = Edited::reference().add("clusters.gordito.platform.ingress", "{ implementation: ingress-nginx }");
    let pairs = [(everything_spec(), everything.text()), (reference_spec(), reference.text())];
    for (one, other) in pairs {
        let (ingresses, grafanas) = served(&one);
        assert!(ingresses.len() > 1 && grafanas.len() > 1, "{ingresses:?}");
        assert_eq!((ingresses, grafanas), served(&other));
        assert_eq!(annotation_domains(&one), ["nginx.org".to_owned()].into());
        // The other cluster of the lab with everything keeps its controller and the annotations for it.
        assert!(annotation_domains(&other).contains("nginx.ingress.kubernetes.io"));
    }
}
