//! Order: which unit waits for which, worked out from what each needs and provides.

use super::unit::{Capability, Need, Unit};
use crate::platform::{Context, SWITCH_ON, SWITCHED_OFF};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Who provides what in a cluster.
#[derive(Debug, Default)]
pub(super) struct Providers {
    units: BTreeMap<Capability, String>,
}

impl Providers {
    pub(super) fn of(units: &[Unit]) -> Self {
        let mut providers = Self::default();
        for unit in units {
            for capability in &unit.provides {
                providers.add(capability.clone(), &unit.name);
            }
        }
        providers
    }

    pub(super) fn add(&mut self, capability: Capability, unit: &str) {
        self.units.insert(capability, unit.to_owned());
    }

    pub(super) fn has(&self, capability: &Capability) -> bool {
        self.units.contains_key(capability)
    }

    /// The units that provide what is needed, sorted, and the needs that nobody meets.
    pub(super) fn bind<'a>(&self, who: &str, needs: &'a [Need]) -> (Vec<String>, Vec<&'a Need>) {
        let mut units = BTreeSet::new();
        let mut unmet = Vec::new();
        for need in needs {
            match self.units.get(&need.capability) {
                Some(unit) if unit == who => {}
                Some(unit) => {
                    units.insert(unit.clone());
                }
                None => unmet.push(need),
            }
        }
        (units.into_iter().collect(), unmet)
    }
}

/// Needs of a cluster that nobody meets. Those that one place of the spec asks for are one fault,
/// however many units have them.
#[derive(Debug, Default)]
pub(super) struct Unmet {
    units: BTreeMap<(Capability, u32, u32), (Span, Vec<String>)>,
}

impl Unmet {
    pub(super) fn add(&mut self, who: &str, needs: Vec<&Need>) {
        for need in needs {
            let key = (need.capability.clone(), need.span.start, need.span.end);
            self.units.entry(key).or_insert_with(|| (need.span, Vec::new())).1.push(format!("`{who}`"));
        }
    }

    /// Tells of them. That a lab without a store has none is a fault of its own, told once; so is a
    /// component that lacks something.
    pub(super) fn judge(self, context: &Context<'_>, faults: &mut Diagnostics) {
        let cluster = context.name.as_str();
        let has_store = context.spec.secrets.is_some();
        for ((capability, ..), (span, units)) in self.units {
            let component = capability.component();
            let is_told = component.is_some_and(|component| context.is_incomplete(component));
            if is_told || capability == Capability::SecretStore && !has_store {
                continue;
            }
            let verb = if units.len() == 1 { "needs" } else { "need" };
            let who = enumerate(&units);
            let message = format!("{who} {verb} {capability}, which the cluster `{cluster}` does not have");
            let fault = Diagnostic::new(Code::NeedUnmet, span, message).of_absence();
            let off = component.and_then(|component| context.switched_off(component));
            faults.push(match off {
                Some(off) => fault.related(off, SWITCHED_OFF).help(SWITCH_ON),
                None => fault.help(capability.remedy()),
            });
        }
    }
}

/// `a`, `b` and `c`.
fn enumerate(names: &[String]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Which platform units come before which, directly or through others.
#[derive(Debug, Default)]
pub(super) struct Order {
    before: BTreeMap<String, BTreeSet<String>>,
}

impl Order {
    /// From what each unit waits for directly. The graph has no cycle.
    pub(super) fn of(graph: &BTreeMap<String, Vec<String>>) -> Self {
        let mut order = Self::default();
        // Each round settles the units whose own dependencies are settled.
        while order.before.len() < graph.len() {
            let settled: Vec<_> = graph
                .iter()
                .filter(|(unit, _)| !order.before.contains_key(*unit))
                .filter(|(_, units)| {
                    units.iter().all(|unit| order.before.contains_key(unit) || !graph.contains_key(unit))
                })
                .map(|(unit, units)| {
                    let through = units.iter().filter_map(|unit| order.before.get(unit)).flatten();
                    (unit.clone(), units.iter().chain(through).cloned().collect())
                })
                .collect();
            if settled.is_empty() {
                break;
            }
            order.before.extend(settled);
        }
        order
    }

    /// Drops what is implied: a unit need not name what it waits for through another.
    pub(super) fn reduce(&self, units: &mut Vec<String>) {
        let all = units.clone();
        units
            .retain(|unit| !all.iter().any(|other| self.before.get(other).is_some_and(|before| before.contains(unit))));
    }
}

/// A cycle in a graph, if there is one, as the units on the way round.
pub(super) fn cycle(graph: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    for start in graph.keys() {
        let mut path: Vec<(&str, usize)> = vec![(start, 0)];
        while let Some((unit, next)) = path.pop() {
            if done.contains(unit) {
                continue;
            }
            let Some(step) = graph.get(unit).and_then(|units| units.get(next)) else {
                done.insert(unit);
                continue;
            };
            path.push((unit, next + 1));
            if let Some(at) = path.iter().position(|(seen, _)| seen == step) {
                return Some(path[at..].iter().map(|(unit, _)| (*unit).to_owned()).collect());
            }
            path.push((step, 0));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
        edges
            .iter()
            .map(|(unit, others)| ((*unit).to_owned(), others.iter().map(|other| (*other).to_owned()).collect()))
            .collect()
    }

    #[test]
    fn what_is_implied_is_dropped() {
        let order = Order::of(&graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]));
        let mut units = vec!["a".to_owned(), "c".to_owned(), "other".to_owned()];
        order.reduce(&mut units);
        assert_eq!(units, ["c", "other"]);
    }

    #[test]
    fn cycles_are_found_and_diamonds_are_none() {
        assert_eq!(cycle(&graph(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])])), None);
        assert_eq!(
            cycle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])),
            Some(vec!["b".to_owned(), "c".to_owned()])
        );
        assert_eq!(cycle(&graph(&[("a", &["a"])])), Some(vec!["a".to_owned()]));
    }
}
