//! Proves the output before anything touches the disk.

use super::Tree;
use super::facts::{Facts, FluxFacts, Key, NAMESPACED_KINDS};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};
use model::contract::GIVEN_NAMESPACES;
use model::{Cluster, Lab};
use rayon::prelude::*;
use render::Page;
use std::collections::{BTreeMap, BTreeSet};
use yaml::{self, Limits};

/// Makes a tree of pages.
///
/// # Errors
/// Everything that does not hold: a file that is not what its name says, an object made twice, a
/// list, path, dependency or reference that leads nowhere, a Secret with data.
pub fn verify(lab: &Lab, pages: Vec<Page>) -> Result<Tree, Diagnostics> {
    let mut faults = Diagnostics::default();
    // Files differ much in size; small shares keep all cores busy to the end.
    let read: Vec<Result<Facts, Diagnostic>> = pages.par_iter().with_max_len(4).map(read).collect();
    let facts: Vec<Facts> = read
        .into_iter()
        .map(|result| {
            result.unwrap_or_else(|fault| {
                faults.push(fault);
                Facts::default()
            })
        })
        .collect();
    let folders = Folders::of(&pages);
    let of_cluster = |cluster: &Cluster| {
        let prefix = format!("k8s/{}/", cluster.name);
        let files: Vec<_> = pages.iter().zip(&facts).filter(|(page, _)| page.path.starts_with(&prefix)).collect();
        let (mut faults, others) = rayon::join(
            || judge_objects(&files),
            || [judge_units(&files, &folders), judge_references(cluster, &files)],
        );
        others.into_iter().for_each(|others| faults.append(others));
        faults
    };
    let ((paths, lists), clusters) = rayon::join(
        || rayon::join(|| judge_paths(&pages), || judge_lists(&pages, &facts, &folders)),
        || lab.clusters.par_iter().map(of_cluster).collect::<Vec<_>>(),
    );
    [paths, lists].into_iter().chain(clusters).for_each(|found| faults.append(found));
    if faults.has_errors() {
        return Err(faults);
    }
    // There are many of them, so that even to drop them is work for another core.
    Ok(rayon::join(|| Tree::new(pages), || drop(facts)).0)
}

fn fault(code: Code, page: &Page, message: impl std::fmt::Display) -> Diagnostic {
    match &page.origin {
        Some((path, span)) => Diagnostic::new(code, *span, format!("{path}: {message}")),
        None => Diagnostic::of_file(code, format!("{}: {message}", page.path))
            .help("this is a bug of the generator, or a patch or value of yours that it did not foresee"),
    }
}

/// What a reader calls a page: the user's file that it copies, or its own path.
fn shown(page: &Page) -> &str {
    page.origin.as_ref().map_or(&page.path, |(path, _)| path.as_str())
}

fn read(page: &Page) -> Result<Facts, Diagnostic> {
    let extension = page.path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "nix" => match rnix::Root::parse(&page.text).errors().first() {
            None => Ok(Facts::default()),
            Some(error) => Err(fault(Code::Internal, page, format!("not a Nix expression: {error}"))),
        },
        "yaml" => {
            let (documents, faults) = yaml::documents(&page.text, Limits::default());
            if let Some(first) = faults.first() {
                return Err(fault(Code::Internal, page, format!("not YAML: {first:?}")));
            }
            let facts = if page.path.starts_with("k8s/") { Facts::of(&documents) } else { Facts::default() };
            if facts.nameless {
                return Err(fault(Code::Internal, page, "a document has no apiVersion, kind or name"));
            }
            let is_lost = |key: &&Key| key.namespace().is_empty() && NAMESPACED_KINDS.contains(&key.kind());
            if let Some(object) = facts.made.iter().map(|(key, _)| key).find(is_lost) {
                let fault = fault(Code::NamespaceMissing, page, format!("{object} names no namespace"));
                return Err(
                    fault.help("add `namespace` to its `metadata`: Flux applies no object of this kind without one")
                );
            }
            match facts.leaks.first() {
                Some(secret) => Err(fault(Code::SecretInOutput, page, format!("{secret} has data"))),
                None => Ok(facts),
            }
        }
        _ => Ok(Facts::default()),
    }
}

/// Every path is new, and inside a folder of ours.
fn judge_paths(pages: &[Page]) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let mut seen = HashSet::with_capacity(pages.len());
    for page in pages {
        let owned =
            super::OWNED.iter().any(|folder| page.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        let owned = owned || super::OWNED_FILES.contains(&page.path.as_str());
        let parts_are_names = page.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !owned || !parts_are_names {
            faults.push(fault(Code::Internal, page, "lies outside the folders of the generator"));
        }
        if !seen.insert(page.path.as_str()) {
            faults.push(fault(Code::Internal, page, "is made twice"));
        }
    }
    faults
}

/// The names of the files in each folder.
struct Folders<'a>(HashMap<&'a str, Vec<&'a str>>);

impl<'a> Folders<'a> {
    fn of(pages: &'a [Page]) -> Self {
        let mut folders: HashMap<&str, Vec<&str>> = HashMap::new();
        for page in pages {
            if let Some((folder, name)) = page.path.rsplit_once('/') {
                folders.entry(folder).or_default().push(name);
            }
        }
        Self(folders)
    }

    fn get(&self, folder: &str) -> Option<&[&'a str]> {
        self.0.get(folder).map(Vec::as_slice)
    }
}

/// Each kustomization.yaml lists exactly the files beside it.
fn judge_lists(pages: &[Page], facts: &[Facts], folders: &Folders<'_>) -> Diagnostics {
    let mut faults = Diagnostics::default();
    for (page, facts) in pages.iter().zip(facts) {
        let (Some(listed), Some((folder, own))) = (&facts.resources, page.path.rsplit_once('/')) else { continue };
        let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
        let there: BTreeSet<&str> =
            folders.get(folder).unwrap_or_default().iter().copied().filter(|name| *name != own).collect();
        for name in listed.symmetric_difference(&there) {
            let what = if listed.contains(name) { "is listed but not there" } else { "is there but not listed" };
            faults.push(fault(Code::Internal, page, format!("{name} {what}")));
        }
    }
    faults
}

type Files<'a> = [(&'a Page, &'a Facts)];

/// No object is made twice in a cluster.
fn judge_objects(files: &Files<'_>) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let mut made: HashMap<(&Key, &str), &Page> = HashMap::with_capacity(files.len());
    for (page, facts) in files {
        for (key, group) in &facts.made {
            if let Some(other) = made.insert((key, group), page) {
                let fault = fault(Code::ObjectTaken, page, format!("{key} is also made by {}", shown(other)));
                faults.push(fault.help("rename one of the two objects, or remove it"));
            }
        }
    }
    faults
}

/// Each Flux Kustomization leads to a folder and to other units, never round in a circle.
fn judge_units(files: &Files<'_>, folders: &Folders<'_>) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let units: BTreeMap<&str, (&Page, &FluxFacts)> = files
        .iter()
        .filter_map(|(page, facts)| facts.flux.as_deref().map(|flux| (flux.name.as_str(), (*page, flux))))
        .collect();
    for (page, flux) in units.values() {
        let folder = flux.path.trim_start_matches("./");
        if !folders.get(folder).is_some_and(|names| names.contains(&"kustomization.yaml")) {
            faults.push(fault(
                Code::Internal,
                page,
                format!("its path {} is no folder with a kustomization.yaml", flux.path),
            ));
        }
        for other in flux.depends_on.iter().filter(|other| !units.contains_key(other.as_str())) {
            faults.push(fault(
                Code::Internal,
                page,
                format!("it depends on {other}, which is no unit of this cluster"),
            ));
        }
    }
    for unit in unordered(&units) {
        faults.push(fault(Code::DependencyCycle, units[unit].0, format!("the unit {unit} waits for itself")));
    }
    faults
}

/// Units that are part of a circle or wait for one: those left when the others are taken away in order.
fn unordered<'a>(units: &BTreeMap<&'a str, (&Page, &'a FluxFacts)>) -> Vec<&'a str> {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waiting: HashMap<&str, Vec<&str>> = HashMap::new();
    for (name, (_, flux)) in units {
        let known: Vec<_> = flux.depends_on.iter().filter(|other| units.contains_key(other.as_str())).collect();
        open.insert(name, known.len());
        for other in known {
            waiting.entry(other).or_default().push(name);
        }
    }
    let mut ready: Vec<&str> = open.iter().filter(|(_, count)| **count == 0).map(|(name, _)| *name).collect();
    while let Some(unit) = ready.pop() {
        open.remove(unit);
        for next in waiting.get(unit).into_iter().flatten() {
            if let Some(count) = open.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    ready.push(next);
                }
            }
        }
    }
    units.keys().copied().filter(|name| open.contains_key(name)).collect()
}

/// What objects refer to is made in their cluster, is there from the start, or is declared external.
fn judge_references(cluster: &Cluster, files: &Files<'_>) -> Diagnostics {
    let mut faults = Diagnostics::default();
    let mut there: HashSet<(&str, &str, &str)> = HashSet::new();
    there.extend(GIVEN_NAMESPACES.map(|name| ("Namespace", "", name)));
    there.insert(("GitRepository", "flux-system", "flux-system"));
    for (_, facts) in files {
        let made = facts.made.iter().map(|(key, _)| key).chain(&facts.brought);
        there.extend(made.map(|key| (key.kind(), key.namespace(), key.name())));
    }
    for unit in cluster.units.iter().map(|bound| &bound.unit) {
        let exported = unit.release().into_iter().flat_map(|release| &release.exports);
        there.extend(exported.map(|object| (object.kind.as_str(), unit.namespace.name.as_str(), object.name.as_str())));
    }
    for secret in &cluster.flux.secrets {
        there.insert(("Secret", secret.namespace.as_str(), secret.name.as_str()));
    }
    there.extend(
        cluster.external.iter().map(|object| (object.kind.as_str(), object.namespace.as_str(), object.name.as_str())),
    );
    let mut told: HashSet<(&Key, Option<Span>)> = HashSet::new();
    for (page, facts) in files {
        for key in &facts.wanted {
            if there.contains(&(key.kind(), key.namespace(), key.name()))
                || !told.insert((key, page.origin.as_ref().map(|(_, span)| *span)))
            {
                continue;
            }
            let parts = [key.kind(), key.namespace(), key.name()].into_iter().filter(|part| !part.is_empty());
            let reference = parts.collect::<Vec<_>>().join("/");
            let fault = fault(
                Code::DanglingReference,
                page,
                format!("it refers to {key}, which nothing in `{}` makes", cluster.name),
            );
            faults.push(fault.help(format!("make it, or declare it with `external: [{reference}]` in the cluster")));
        }
    }
    faults
}
