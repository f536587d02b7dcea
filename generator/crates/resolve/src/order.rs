//! The order of units, derived from what each needs and provides.

use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::{Bound, Capability, Need, Origin, Strength, Unit, UnitId};
use platform::{Context, DISABLED_HERE, ENABLE_REMEDY};
use std::collections::{BTreeMap, BTreeSet};

/// Finds the dependencies of each unit of a cluster. Reports needs that no unit meets.
pub(crate) fn bind(
    units: Vec<(Origin, Span, Unit)>,
    context: &Context<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Bound> {
    let providers: BTreeMap<Capability, UnitId> = units
        .iter()
        .flat_map(|(_, _, unit)| unit.provides.iter().map(|capability| (capability.clone(), unit.id.clone())))
        .collect();
    let mut unmet = Unmet::default();
    let mut bound: Vec<Bound> = units
        .into_iter()
        .map(|(origin, place, unit)| {
            let depends_on = dependencies(&unit, &providers, &mut unmet);
            Bound { unit, origin, place, depends_on, wait: false }
        })
        .collect();
    unmet.report(context, diagnostics);
    // Apps are excluded: a change of one app would change the files of another.
    let platform = bound.iter().filter(|bound| bound.origin != Origin::App);
    let ancestors = Ancestors::of(&platform.map(|bound| (bound.unit.id.clone(), bound.depends_on.clone())).collect());
    bound.iter_mut().for_each(|bound| ancestors.reduce(&mut bound.depends_on));
    // Flux waits for the objects of a unit only if another unit depends on it.
    let waited_for: BTreeSet<UnitId> = bound.iter().flat_map(|bound| bound.depends_on.iter().cloned()).collect();
    bound.iter_mut().for_each(|bound| bound.wait = waited_for.contains(&bound.unit.id));
    bound
}

/// Returns the units that provide what a unit needs, sorted.
fn dependencies(unit: &Unit, providers: &BTreeMap<Capability, UnitId>, unmet: &mut Unmet) -> Vec<UnitId> {
    let mut found = BTreeSet::new();
    for need in &unit.needs {
        match (providers.get(&need.capability), need.strength) {
            (Some(provider), Strength::Before | Strength::IfProvided) if *provider != unit.id => {
                found.insert(provider.clone());
            }
            (Some(_), _) | (None, Strength::IfProvided) => {}
            (None, Strength::Before | Strength::Present) => unmet.add(&unit.id, need),
        }
    }
    found.into_iter().collect()
}

/// The needs that no unit of a cluster meets. Needs that come from the same place of the spec are reported
/// together.
#[derive(Debug, Default)]
struct Unmet {
    units: BTreeMap<(Capability, u32, u32), (Span, Vec<String>)>,
}

impl Unmet {
    fn add(&mut self, unit: &UnitId, need: &Need) {
        let key = (need.capability.clone(), need.span.start, need.span.end);
        self.units.entry(key).or_insert_with(|| (need.span, Vec::new())).1.push(format!("`{unit}`"));
    }

    /// Reports the needs. A lab without a secret store and an incomplete component are reported elsewhere.
    fn report(self, context: &Context<'_>, diagnostics: &mut Diagnostics) {
        let cluster = context.name.as_str();
        let has_store = context.spec.secrets.is_some();
        for ((capability, ..), (span, units)) in self.units {
            let component = capability.component();
            let is_reported = component.is_some_and(|component| context.is_incomplete(component));
            if is_reported || capability == Capability::SecretStore && !has_store {
                continue;
            }
            let verb = if units.len() == 1 { "needs" } else { "need" };
            let units = enumerate(&units);
            let message = format!("{units} {verb} {capability}, which the cluster `{cluster}` does not have");
            let diagnostic = Diagnostic::new(Code::NeedUnmet, span, message).of_absence();
            let off = component.and_then(|component| context.disabled_at(component));
            diagnostics.push(match off {
                Some(off) => diagnostic.related(off, DISABLED_HERE).help(ENABLE_REMEDY),
                None => diagnostic.help(capability.remedy()),
            });
        }
    }
}

/// Joins names to a list, such as `a`, `b` and `c`.
fn enumerate(names: &[String]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// The units that each unit depends on, directly or not.
#[derive(Debug, Default)]
struct Ancestors(BTreeMap<UnitId, BTreeSet<UnitId>>);

impl Ancestors {
    /// Derives them from direct dependencies, which must have no cycle.
    fn of(graph: &BTreeMap<UnitId, Vec<UnitId>>) -> Self {
        let mut ancestors: BTreeMap<UnitId, BTreeSet<UnitId>> = BTreeMap::new();
        // Each iteration settles the units whose direct dependencies are settled.
        while ancestors.len() < graph.len() {
            let is_settled = |unit: &UnitId| ancestors.contains_key(unit) || !graph.contains_key(unit);
            let settled: Vec<_> = graph
                .iter()
                .filter(|(unit, _)| !ancestors.contains_key(*unit))
                .filter(|(_, units)| units.iter().all(is_settled))
                .map(|(unit, units)| {
                    let through = units.iter().filter_map(|unit| ancestors.get(unit)).flatten();
                    (unit.clone(), units.iter().chain(through).cloned().collect())
                })
                .collect();
            if settled.is_empty() {
                break;
            }
            ancestors.extend(settled);
        }
        Self(ancestors)
    }

    /// Removes units that are ancestors of others in the list, and so implied.
    fn reduce(&self, units: &mut Vec<UnitId>) {
        let all = units.clone();
        units.retain(|unit| {
            !all.iter().any(|other| self.0.get(other).is_some_and(|ancestors| ancestors.contains(unit)))
        });
    }
}

/// Finds a cycle in a graph. Returns its units in order.
pub(crate) fn cycle(graph: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
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
    fn removes_implied_dependencies() {
        let graph = graph(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
        let graph = graph.iter().map(|(unit, others)| {
            (UnitId::from(unit.clone()), others.iter().map(|other| UnitId::from(other.clone())).collect())
        });
        let ancestors = Ancestors::of(&graph.collect());
        let mut units: Vec<UnitId> = vec!["a".into(), "c".into(), "other".into()];
        ancestors.reduce(&mut units);
        assert_eq!(units, ["c".into(), "other".into()]);
    }

    #[test]
    fn finds_cycles_and_accepts_diamonds() {
        assert_eq!(cycle(&graph(&[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d"]), ("d", &[])])), None);
        assert_eq!(
            cycle(&graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])])),
            Some(vec!["b".to_owned(), "c".to_owned()])
        );
        assert_eq!(cycle(&graph(&[("a", &["a"])])), Some(vec!["a".to_owned()]));
    }
}
