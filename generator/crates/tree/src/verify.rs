//! Checks the generated files before anything is written.

use super::Tree;
use super::facts::{Facts, FluxFacts, Key, NAMESPACED_KINDS, ObjectName};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::GIVEN_NAMESPACES;
use model::{Cluster, Lab};
use rayon::prelude::*;
use render::{Owner, Page};
use spec::types::Name;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use yaml::{self, Limits};

/// Checks pages and turns them into a tree.
///
/// # Errors
/// If a file is not valid YAML or Nix, an object is defined twice, a listed file, path, dependency or
/// reference does not exist, or a Secret has data.
pub fn verify(lab: &Lab, pages: Vec<Page>) -> Result<Tree, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    // Files differ much in size; small chunks keep all cores busy until the end.
    let results: Vec<Result<Facts, Diagnostic>> = pages.par_iter().with_max_len(4).map(read).collect();
    let facts: Vec<Facts> = results
        .into_iter()
        .map(|result| {
            result.unwrap_or_else(|diagnostic| {
                diagnostics.push(diagnostic);
                Facts::default()
            })
        })
        .collect();
    let folders = Folders::of(&pages);
    let of_cluster = |cluster: &Cluster| {
        let prefix = format!("k8s/{}/", cluster.name);
        let files: Vec<_> = pages.iter().zip(&facts).filter(|(page, _)| page.path.starts_with(&prefix)).collect();
        let (mut diagnostics, others) = rayon::join(
            || check_objects(&files),
            || [check_units(cluster, &files, &folders), check_references(cluster, &files)],
        );
        others.into_iter().for_each(|others| diagnostics.append(others));
        diagnostics
    };
    let ((paths, lists), clusters) = rayon::join(
        || rayon::join(|| check_paths(&pages), || check_resource_lists(lab, &pages, &facts, &folders)),
        || lab.clusters.par_iter().map(of_cluster).collect::<Vec<_>>(),
    );
    [paths, lists].into_iter().chain(clusters).for_each(|found| diagnostics.append(found));
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(Tree::new(pages))
}

/// A diagnostic about a page: where the spec refers to the user's file that it copies, or about the whole
/// file.
fn page_diagnostic(code: Code, page: &Page, message: impl std::fmt::Display) -> Diagnostic {
    match page.origin.as_deref() {
        // The generator copies the file as it is, so this is no bug of its own.
        Some((path, span)) if code == Code::Internal => {
            Diagnostic::new(Code::FileInvalid, *span, format!("{path}: {message}"))
                .help("change the file, or remove it from `manifests`")
        }
        Some((path, span)) => Diagnostic::new(code, *span, format!("{path}: {message}")),
        None => Diagnostic::of_file(code, format!("{}: {message}", page.path))
            .help("this is a bug in the generator, or the effect of a patch or value that it did not anticipate"),
    }
}

/// The path of a page in messages: that of the user's file that it copies, or its own.
fn display_path(page: &Page) -> &str {
    page.origin.as_deref().map_or(&page.path, |(path, _)| path.as_str())
}

fn read(page: &Page) -> Result<Facts, Diagnostic> {
    let extension = page.path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "nix" => match rnix::Root::parse(&page.text).errors().first() {
            None => Ok(Facts::default()),
            Some(error) => Err(page_diagnostic(Code::Internal, page, format!("invalid Nix expression: {error}"))),
        },
        "yaml" => {
            let (documents, errors) = yaml::documents(&page.text, Limits::default());
            if let Some(first) = errors.first() {
                return Err(page_diagnostic(Code::Internal, page, format!("invalid YAML: {first:?}")));
            }
            let facts = if page.path.starts_with("k8s/") { Facts::of(&documents) } else { Facts::default() };
            if facts.has_invalid_object {
                return Err(page_diagnostic(
                    Code::Internal,
                    page,
                    "a document has no `apiVersion`, `kind` or `metadata.name`",
                ));
            }
            let lacks_namespace = |key: &&Key| key.namespace.is_empty() && NAMESPACED_KINDS.contains(&&*key.kind);
            if let Some(object) = facts.objects.iter().map(|(key, _)| key).find(lacks_namespace) {
                let diagnostic =
                    page_diagnostic(Code::NamespaceMissing, page, format!("{object} has no `metadata.namespace`"));
                return Err(diagnostic.help("set `metadata.namespace`: Flux rejects an object of this kind without it"));
            }
            match facts.secrets_with_data.first() {
                Some(secret) => Err(page_diagnostic(Code::SecretInOutput, page, format!("{secret} contains data"))),
                None => Ok(facts),
            }
        }
        _ => Ok(Facts::default()),
    }
}

/// Checks that every path is unique and in a generated folder.
fn check_paths(pages: &[Page]) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut seen = HashSet::with_capacity(pages.len());
    for page in pages {
        let owned =
            super::OWNED.iter().any(|folder| page.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
        let owned = owned || super::OWNED_FILES.contains(&page.path.as_str()) || *page.owner == Owner::Schema;
        let parts_are_names = page.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !owned || !parts_are_names {
            diagnostics.push(page_diagnostic(Code::Internal, page, "is outside the generated folders"));
        }
        if !seen.insert(page.path.as_str()) {
            diagnostics.push(page_diagnostic(Code::Internal, page, "is generated twice"));
        }
    }
    diagnostics
}

/// The file names in each folder.
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

/// Checks that each kustomization.yaml lists exactly the other files of its folder, and the encrypted file of its unit.
fn check_resource_lists(lab: &Lab, pages: &[Page], facts: &[Facts], folders: &Folders<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let encrypted = encrypted(lab);
    for (page, facts) in pages.iter().zip(facts) {
        let (Some(listed), Some((folder, own))) = (&facts.resources, page.path.rsplit_once('/')) else { continue };
        let listed: BTreeSet<&str> = listed.iter().map(String::as_str).collect();
        let others = folders.get(folder).unwrap_or_default().iter().copied().filter(|name| *name != own);
        let existing: BTreeSet<&str> = others.chain(encrypted.get(folder).map(String::as_str)).collect();
        for name in listed.symmetric_difference(&existing) {
            let problem =
                if listed.contains(name) { "is listed but does not exist" } else { "exists but is not listed" };
            diagnostics.push(page_diagnostic(Code::Internal, page, format!("{name} {problem}")));
        }
    }
    diagnostics
}

/// The relative path of the encrypted file of each unit that has one, by the folder of the unit.
fn encrypted(lab: &Lab) -> HashMap<String, String> {
    let units = lab.clusters.iter().flat_map(|cluster| cluster.units.iter().map(move |bound| (cluster, &bound.unit)));
    let paths = units.filter_map(|(cluster, unit)| {
        let folder = format!("k8s/{}/{}", cluster.name, unit.folder);
        let path = format!("{}{}", "../".repeat(folder.matches('/').count() + 1), unit.encrypted.as_ref()?.file);
        Some((folder, path))
    });
    paths.collect()
}

type Files<'a> = [(&'a Page, &'a Facts)];

/// Checks that no object is defined twice in a cluster.
fn check_objects(files: &Files<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut defined: HashMap<(&Key, &str), &Page> = HashMap::with_capacity(files.len());
    for (page, facts) in files {
        for (key, group) in &facts.objects {
            if let Some(other) = defined.insert((key, group), page) {
                let diagnostic = page_diagnostic(
                    Code::ObjectTaken,
                    page,
                    format!("{key} is also defined in {}", display_path(other)),
                );
                diagnostics.push(diagnostic.help("rename or remove one of the two objects"));
            }
        }
    }
    diagnostics
}

/// Checks that the path and the dependencies of each generated Flux Kustomization exist, and that no dependencies form
/// a cycle.
fn check_units(cluster: &Cluster, files: &Files<'_>, folders: &Folders<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let units: BTreeMap<&str, (&Page, &FluxFacts)> = files
        .iter()
        // What a Kustomization of the user applies may be in another repository.
        .filter(|(page, _)| page.origin.is_none())
        .filter_map(|(page, facts)| facts.flux.as_deref().map(|flux| (flux.name.as_str(), (*page, flux))))
        .collect();
    for (page, flux) in units.values() {
        let folder = flux.path.trim_start_matches("./");
        let unit = cluster.units.iter().map(|bound| &bound.unit).find(|unit| unit.id.as_str() == flux.name);
        let is_listed = !unit.is_some_and(|unit| unit.is_unlisted);
        let names = folders.get(folder).unwrap_or_default();
        if names.is_empty() || names.contains(&"kustomization.yaml") != is_listed {
            let expected = if is_listed { "has no" } else { "is empty, or has a" };
            let problem = format!("its `spec.path` {} {expected} kustomization.yaml", flux.path);
            diagnostics.push(page_diagnostic(Code::Internal, page, problem));
        }
        for other in flux.depends_on.iter().filter(|other| !units.contains_key(other.name.as_str())) {
            diagnostics.push(page_diagnostic(
                Code::Internal,
                page,
                format!("its `spec.dependsOn` lists {}, which is not a unit of this cluster", other.name),
            ));
        }
    }
    for unit in without_order(&units) {
        diagnostics.push(page_diagnostic(
            Code::DependencyCycle,
            units[unit].0,
            format!("the unit {unit} is part of a dependency cycle, or depends on one"),
        ));
    }
    diagnostics
}

/// The units that are part of a dependency cycle or depend on one: those that remain after all others are
/// removed in dependency order.
fn without_order<'a>(units: &BTreeMap<&'a str, (&Page, &'a FluxFacts)>) -> Vec<&'a str> {
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut waiting: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, (_, flux)) in units {
        let names = flux.depends_on.iter().map(|other| other.name.as_str());
        let known: Vec<_> = names.filter(|other| units.contains_key(other)).collect();
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

/// Checks that every referenced object is created in its cluster, is built in, or is declared external.
fn check_references(cluster: &Cluster, files: &Files<'_>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let mut existing: HashSet<ObjectName<'_>> = HashSet::new();
    existing.extend(GIVEN_NAMESPACES.map(|name| ("Namespace", "", name)));
    existing.insert(("GitRepository", "flux-system", "flux-system"));
    for (_, facts) in files {
        let created = facts.objects.iter().map(|(key, _)| key).chain(&facts.created);
        existing.extend(created.map(Key::parts));
    }
    for unit in cluster.units.iter().map(|bound| &bound.unit) {
        let exported = unit.release().into_iter().flat_map(|release| &release.exports);
        existing
            .extend(exported.map(|object| (object.kind.as_str(), unit.namespace.name.as_str(), object.name.as_str())));
    }
    for secret in &cluster.flux.secrets {
        existing.insert(("Secret", secret.namespace.as_str(), secret.name.as_str()));
    }
    existing.extend(cluster.external.iter().map(|object| {
        let namespace = object.namespace.as_ref().map_or("", Name::as_str);
        (object.kind.as_str(), namespace, object.name.as_str())
    }));
    let mut reported: HashSet<(ObjectName<'_>, Option<Span>)> = HashSet::new();
    for (page, facts) in files {
        let namespaces = facts.objects.iter().map(|(key, _)| &*key.namespace).filter(|name| !name.is_empty());
        let namespaces = namespaces.map(|name| ("Namespace", "", name));
        for parts in facts.references.iter().map(Key::parts).chain(namespaces) {
            // Kubernetes creates this ConfigMap in each namespace.
            let is_given = parts.0 == "ConfigMap" && parts.2 == "kube-root-ca.crt";
            if is_given
                || existing.contains(&parts)
                || !reported.insert((parts, page.origin.as_deref().map(|(_, span)| *span)))
            {
                continue;
            }
            let (kind, namespace, name) = parts;
            let key = Key::new(kind, namespace, name);
            let reference: Vec<_> = [kind, namespace, name].into_iter().filter(|part| !part.is_empty()).collect();
            let reference = reference.join("/");
            let diagnostic = page_diagnostic(
                Code::DanglingReference,
                page,
                format!("{key} is referenced, but nothing in the cluster `{}` creates it", cluster.name),
            );
            diagnostics.push(
                diagnostic.help(format!("create it, or declare it in the cluster with `external: [{reference}]`")),
            );
        }
    }
    diagnostics
}
