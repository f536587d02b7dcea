//! The plan of a node is what its evaluated system says: the nodes whose generated files change their system have
//! another one, and no others.

use crate::edit::Edited;
use crate::nix::{checkout, evaluate, evaluator};
use crate::plans::{CASES, files, root};
use crate::support::{build, shown};
use homelab::plan::{Class, NodeChange, Plan, Versions};
use homelab::tree::Tree;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Cases of `tests/plans`. Those in one line are made at once, since they change different nodes or none.
const CHANGES: [&[&str]; 17] = [
    &["app-added", "image-updated", "environment-changed", "volume-added", "job-added", "more-memory", "chart-raised"],
    &["node-with-more-memory", "node-with-a-larger-disk", "node-in-a-vlan", "node-starts-later"],
    &["node-with-a-label", "flux-raised"],
    &["node-with-a-device", "node-becomes-unprivileged"],
    &["node-with-another-address"],
    &["node-in-another-network"],
    &["node-becomes-a-vm"],
    &["node-with-another-vmid", "node-on-another-host"],
    &["node-without-gpu"],
    &["node-added"],
    &["k3s-with-another-setting"],
    &["k3s-raised"],
    &["time-zone-changed"],
    &["key-of-an-administrator-replaced"],
    &["gateway-changed"],
    &["nas-at-another-address", "network-trusted"],
    &["uses-the-host-network"],
];

/// Cases that change a setting which the modules of NixOS need not read. Their nodes are planned, but may stay as they
/// are.
const MAY_CHANGE_NOTHING: [&str; 1] = ["node-of-another-release"];

/// Two versions of the reference lab.
struct Change {
    name: String,
    before: Tree,
    after: Tree,
}

impl Change {
    /// Makes several cases at once.
    fn of(names: &[&str]) -> Self {
        let base = CASES[names[0]].get("base");
        let before = base.map_or_else(Edited::reference, |base| Edited::reference().with(base));
        let after = names.iter().fold(Edited::reference(), |spec, name| spec.with(&CASES[*name]));
        let (name, root) = (names.join(", "), root(names));
        let tree = |spec: Edited| {
            let built = build(&spec.text(), &root);
            built.tree.unwrap_or_else(|| panic!("{name}: {}", shown(&built.diagnostics, &spec.text())))
        };
        Self { before: tree(before), after: tree(after), name }
    }

    /// Compares the plan with the evaluated systems of both versions. Returns what differs.
    fn mistakes(&self, before: &Json, after: &Json) -> Vec<String> {
        let plan = Plan::of(&Versions { before: files(&self.before), after: files(&self.after) });
        let nodes = |systems: &Json| systems.as_object().expect("it is a set").keys().cloned().collect::<Vec<_>>();
        let nodes: BTreeSet<_> = [before, after].into_iter().flat_map(nodes).collect();
        let found = nodes.iter().map(|node| {
            let planned = Facts::planned(plan.nodes.iter().find(|change| change.node == *node));
            let actual = Facts::evaluated(before.get(node), after.get(node));
            let mut expected = planned;
            if planned.restarts_k3s.is_none() {
                expected.restarts_k3s = actual.restarts_k3s;
            }
            let may_be_same = MAY_CHANGE_NOTHING.iter().any(|name| self.name.contains(name));
            let is_right = actual == expected || may_be_same && actual == Facts { changes_system: false, ..expected };
            (!is_right).then(|| format!("{}: {node} is {actual:?}, but planned as {planned:?}", self.name))
        });
        found.flatten().collect()
    }
}

/// What is compared of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Facts {
    is_new: bool,
    is_removed: bool,
    changes_system: bool,
    /// Whether a switch restarts k3s. `None` if there is more to do than a switch.
    restarts_k3s: Option<bool>,
}

impl Facts {
    fn planned(change: Option<&NodeChange>) -> Self {
        let class = change.map(|change| change.class);
        Self {
            is_new: class == Some(Class::New),
            is_removed: class == Some(Class::Removed),
            changes_system: change.is_some_and(|change| change.changes_system),
            restarts_k3s: match class {
                None | Some(Class::Options | Class::Switch) => Some(false),
                Some(Class::RestartK3s) => Some(true),
                Some(Class::Reboot | Class::New | Class::Removed | Class::Recreate | Class::Refused) => None,
            },
        }
    }

    fn evaluated(before: Option<&Json>, after: Option<&Json>) -> Self {
        let differs = |key: &str| before.map(|node| &node[key]) != after.map(|node| &node[key]);
        Self {
            is_new: before.is_none(),
            is_removed: after.is_none(),
            changes_system: differs("system"),
            restarts_k3s: Some(differs("k3s")),
        }
    }
}

/// Evaluates the nodes of both versions of each change in one run of Nix, and compares them with the plans.
fn check(changes: &[Change]) {
    let Some(mut command) = evaluator() else { return };
    let mut trees: Vec<&Tree> = Vec::new();
    let mut position = |tree| {
        let known = trees.iter().position(|known| files(known) == files(tree));
        known.unwrap_or_else(|| {
            trees.push(tree);
            trees.len() - 1
        })
    };
    let pairs: Vec<_> = changes.iter().map(|change| (position(&change.before), position(&change.after))).collect();
    let folders: Vec<_> = trees.into_iter().map(checkout).collect();
    let paths: Vec<_> = folders.iter().map(|folder| folder.path().display().to_string()).collect();
    command.arg(folders[0].path().join("tests/nix/systems.nix"));
    command.args(["--arg", "folders", &format!("[ {} ]", paths.join(" "))]);
    let systems = evaluate(command);
    let found = changes.iter().zip(pairs);
    let mistakes: Vec<_> =
        found.flat_map(|(change, (before, after))| change.mistakes(&systems[before], &systems[after])).collect();
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_systems_of_planned_nodes_differ_and_no_others() {
    check(&CHANGES.map(Change::of));
}

#[test]
#[ignore = "evaluating the nodes of each case takes minutes; use `cargo test -- --include-ignored`"]
fn the_systems_of_planned_nodes_differ_and_no_others_for_every_case() {
    let changes: Vec<_> = CASES.keys().map(|name| Change::of(&[name])).collect();
    check(&changes);
}
