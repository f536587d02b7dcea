//! Whether the systems of the nodes differ once Nix has evaluated them. It also sees what is not generated: modules, and
//! the inputs of the flake.

use crate::Class;
use crate::nodes::Reason;
use std::collections::BTreeMap;

/// The system of a node, as Nix evaluates it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// The derivation that builds it. It is the same only if the system is.
    pub derivation: String,
    /// A digest of each unit of systemd, by the unit's name. A switch restarts those that differ.
    pub units: BTreeMap<String, String>,
}

/// The evaluated systems of two versions, by node. Without any, nothing is known about them.
#[derive(Debug, Default)]
pub struct Systems {
    /// What the nodes have.
    pub before: BTreeMap<String, Evaluated>,
    /// What they will have.
    pub after: BTreeMap<String, Evaluated>,
}

/// How the evaluated systems of a node compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Both are the same: a switch changes nothing.
    Same,
    /// They differ.
    Differs,
}

/// The two systems of a node, compared.
pub(crate) struct Compared<'a> {
    pub(crate) system: System,
    /// The units that differ, appear or disappear.
    units: Vec<&'a str>,
}

/// The unit whose restart is worth knowing.
const K3S: &str = "k3s.service";

/// The most units that a reason names.
const MOST: usize = 5;

impl Systems {
    /// The nodes that have two different systems.
    pub(crate) fn differing(&self) -> impl Iterator<Item = &str> {
        let differs = |(node, after): &(&String, &Evaluated)| {
            self.before.get(*node).is_some_and(|before| before.derivation != after.derivation)
        };
        self.after.iter().filter(differs).map(|(node, _)| node.as_str())
    }

    /// Compares the two systems of a node, if it has both.
    pub(crate) fn compare(&self, node: &str) -> Option<Compared<'_>> {
        let (before, after) = (self.before.get(node)?, self.after.get(node)?);
        if before.derivation == after.derivation {
            return Some(Compared { system: System::Same, units: Vec::new() });
        }
        let changed = after.units.iter().filter(|(name, digest)| before.units.get(*name) != Some(digest));
        let removed = before.units.keys().filter(|name| !after.units.contains_key(*name));
        let mut units: Vec<_> = changed.map(|(name, _)| name).chain(removed).map(String::as_str).collect();
        units.sort_unstable_by_key(|name| (*name != K3S, *name));
        Some(Compared { system: System::Differs, units })
    }
}

impl Compared<'_> {
    /// Adds what the files alone do not show. `is_known` says that the generated files change the system.
    pub(crate) fn explain(&self, is_known: bool, reasons: &mut Vec<Reason>) {
        if self.system == System::Same {
            return;
        }
        if !is_known {
            let reason = "its system differs, by modules or inputs that are not generated";
            reasons.push((Class::Switch, reason.to_owned()));
        }
        if self.units.is_empty() {
            return;
        }
        let class = if self.units.contains(&K3S) { Class::RestartK3s } else { Class::Switch };
        let more = self.units.len().saturating_sub(MOST);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let names = self.units[..self.units.len().min(MOST)].join(", ");
        reasons.push((class, format!("units that differ: {names}{more}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NodeChange, Plan, Versions};

    const CONF: &str = "# vmid: 121\nmemory: 4096\n";
    const MODULE: &str = "{\n  homelab.k3s.role = \"server\";\n  address = \"a\";\n}\n";

    fn evaluated(units: &[(&str, &str)]) -> BTreeMap<String, Evaluated> {
        let units: BTreeMap<_, _> = units.iter().map(|(name, digest)| ((*name).into(), (*digest).into())).collect();
        [("one".into(), Evaluated { derivation: format!("{units:?}"), units })].into()
    }

    /// The change of a node whose container and module become these.
    fn change(conf: &str, module: &str, before: &[(&str, &str)], after: &[(&str, &str)]) -> Option<NodeChange> {
        let paths = ["nix/nodes/one/container.conf", "nix/nodes/one/default.nix"];
        let versions = Versions {
            before: paths.into_iter().zip([CONF, MODULE]).collect(),
            after: paths.into_iter().zip([conf, module]).collect(),
        };
        let systems = Systems { before: evaluated(before), after: evaluated(after) };
        Plan::with_systems(&versions, &systems).nodes.pop()
    }

    #[test]
    fn a_node_without_a_change_is_listed_only_if_its_system_differs() {
        let units = [("a.service", "1")];
        assert!(change(CONF, MODULE, &units, &units).is_none());
        let found = change(CONF, MODULE, &units, &[("a.service", "2")]).expect("it differs");
        assert_eq!((found.class, found.system, found.is_server), (Class::Switch, Some(System::Differs), true));
        assert_eq!(
            found.reasons,
            ["its system differs, by modules or inputs that are not generated", "units that differ: a.service"]
        );
        assert_eq!(found.commands, ["homelab deploy one --yes"]);
    }

    #[test]
    fn a_system_that_is_the_same_is_a_note() {
        let units = [("a.service", "1")];
        let found = change("# vmid: 121\nmemory: 8192\n", MODULE, &units, &units).expect("its memory differs");
        assert_eq!((found.class, found.system), (Class::Options, Some(System::Same)));
        assert_eq!(found.reasons, ["`memory` of the container: 4096 -> 8192", "its evaluated system is the same"]);
        assert_eq!(found.commands, ["homelab provision one --yes"]);
    }

    #[test]
    fn a_switch_comes_beside_what_the_container_needs() {
        let found = change("# vmid: 121\nmemory: 8192\n", MODULE, &[("a.service", "1")], &[("k3s.service", "1")]);
        let found = found.expect("both differ");
        assert_eq!(found.class, Class::RestartK3s);
        assert_eq!(found.reasons[2], "units that differ: k3s.service, a.service");
        assert_eq!(found.commands.len(), 2);
    }

    #[test]
    fn names_some_of_many_units() {
        let names: Vec<_> = (0..8).map(|at| format!("{at}.service")).collect();
        let units: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
        let found = change(CONF, &MODULE.replace("\"a\"", "\"b\""), &[], &units).expect("it differs");
        let some = "units that differ: 0.service, 1.service, 2.service, 3.service, 4.service and 3 more";
        assert_eq!(found.reasons, ["its system: address", some]);
    }

    #[test]
    fn nodes_of_one_version_are_not_compared() {
        let versions = Versions { after: [("nix/nodes/one/default.nix", MODULE)].into(), ..Versions::default() };
        let systems = Systems { after: evaluated(&[]), ..Systems::default() };
        let nodes = Plan::with_systems(&versions, &systems).nodes;
        assert_eq!((nodes[0].class, nodes[0].system), (Class::New, None));
    }
}
