//! The objects that Flux applies: what its Kustomizations build, with their variables, from the entry point on.

use crate::files::Remark;
use crate::kustomize::{self, Built, Manifests, report_patches, shown};
use crate::objects::{Object, Objects};
use crate::substitute::{self, Variables};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use yaml::Node;

/// The objects of a repository.
pub(crate) struct Applied {
    pub(crate) objects: Objects,
    /// What could not be evaluated.
    pub(crate) remarks: Vec<Remark>,
    /// The workloads in files that Flux does not apply.
    pub(crate) unapplied: Vec<Object>,
}

/// Evaluates the Flux Kustomizations of a repository. Without any, all its manifests are applied.
pub(crate) fn applied(manifests: &Manifests<'_>, given: &Variables) -> Applied {
    let everything: Vec<_> =
        manifests.read().flat_map(|(path, read)| kustomize::objects_of(&read.documents, path)).collect();
    let mut walk = Walk::new(manifests, given, &everything);
    if !walk.run() {
        let Built { objects, remarks } = kustomize::build(manifests, "");
        walk.objects = objects;
        walk.remarks = remarks;
        walk.objects.iter_mut().for_each(|object| substitute::in_node(&mut object.node, given));
    }
    let reached: BTreeSet<_> = walk.objects.iter().map(|object| object.at.clone()).collect();
    let unapplied =
        everything.iter().filter(|object| crate::workload::is_workload(object) && !reached.contains(&object.at));
    let unapplied = unapplied.cloned().collect();
    let mut objects = walk.objects;
    objects.iter_mut().for_each(read_name);
    Applied { objects: Objects::new(objects), remarks: walk.remarks, unapplied }
}

/// Reads the name and namespace of an object again, now that variables have values.
fn read_name(object: &mut Object) {
    for (key, slot) in [("name", &mut object.name), ("namespace", &mut object.namespace)] {
        if slot.contains("${")
            && let Some(text) = object.node.at(&["metadata", key]).and_then(Node::text)
        {
            text.clone_into(slot);
        }
    }
}

struct Walk<'a, 'b> {
    manifests: &'a Manifests<'b>,
    given: &'a Variables,
    /// All objects of the repository, without variables.
    known: &'a [Object],
    objects: Vec<Object>,
    remarks: Vec<Remark>,
    done: BTreeSet<(String, String, String)>,
}

impl<'a, 'b> Walk<'a, 'b> {
    fn new(manifests: &'a Manifests<'b>, given: &'a Variables, known: &'a [Object]) -> Self {
        Self { manifests, given, known, objects: Vec::new(), remarks: Vec::new(), done: BTreeSet::new() }
    }

    /// Walks from the entry points. Returns false if the repository has no Flux Kustomization that leads anywhere.
    fn run(&mut self) -> bool {
        for root in self.roots() {
            let built = kustomize::build(self.manifests, &root);
            self.add(built);
        }
        // Each Kustomization as an entry point of its own, if the first ones do not lead to most workloads.
        let mut all = Self::new(self.manifests, self.given, self.known);
        let kustomizations = self.known.iter();
        let kustomizations =
            kustomizations.filter(|object| object.is_flux_kustomization() && !is_hidden(&object.at.path));
        let mut queue: VecDeque<_> = kustomizations.cloned().collect();
        queue.iter_mut().for_each(|object| substitute::in_node(&mut object.node, self.given));
        all.follow(&mut queue);
        if self.workloads() * 2 < all.workloads() {
            (self.objects, self.remarks) = (all.objects, all.remarks);
        }
        self.workloads() > 0
    }

    /// The number of workloads that are reached.
    fn workloads(&self) -> usize {
        let workloads = self.objects.iter().filter(|object| crate::workload::is_workload(object));
        workloads.map(|object| (&object.at, &object.name)).collect::<BTreeSet<_>>().len()
    }

    /// The folders that Flux starts with.
    fn roots(&self) -> BTreeSet<String> {
        let paths = self.known.iter().filter(|object| !is_hidden(&object.at.path)).filter_map(|object| {
            let is_sync = object.is_flux_kustomization() && object.name == "flux-system";
            match object.kind.as_str() {
                "FluxInstance" => object.text(&["spec", "sync", "path"]),
                "HelmRelease" => object.text(&["spec", "values", "instance", "sync", "path"]),
                _ if is_sync => object.text(&["spec", "path"]),
                _ => None,
            }
        });
        paths.filter_map(|path| self.folder(path)).collect()
    }

    /// The folder of a `path`. The files may be a part of the repository that Flux reads, or contain it.
    fn folder(&self, path: &str) -> Option<String> {
        let path = crate::files::join("", path)?;
        let mut rest = path.as_str();
        loop {
            if rest.is_empty() || self.manifests.has_folder(rest) {
                break;
            }
            rest = rest.split_once('/').map_or("", |(_, rest)| rest);
        }
        if !rest.is_empty() || path.is_empty() {
            return Some(rest.to_owned());
        }
        let below = self.manifests.top_folders().into_iter().map(|top| format!("{top}/{path}"));
        below.into_iter().find(|folder| self.manifests.has_folder(folder))
    }

    /// Adds what was built, and follows its Kustomizations.
    fn add(&mut self, built: Built) {
        let Built { mut objects, remarks } = built;
        self.remarks.extend(remarks);
        objects.iter_mut().for_each(|object| substitute::in_node(&mut object.node, self.given));
        let mut queue: VecDeque<_> = objects.iter().filter(|object| object.is_flux_kustomization()).cloned().collect();
        self.objects.extend(objects);
        self.follow(&mut queue);
    }

    fn follow(&mut self, queue: &mut VecDeque<Object>) {
        while let Some(kustomization) = queue.pop_front() {
            let mut found = self.build(&kustomization);
            queue.extend(found.iter().filter(|object| object.is_flux_kustomization()).cloned());
            self.objects.append(&mut found);
        }
    }

    /// The objects of a Flux Kustomization.
    fn build(&mut self, kustomization: &Object) -> Vec<Object> {
        let Some(spec) = kustomization.get(&["spec"]) else { return Vec::new() };
        let path = spec.text_of("path").unwrap_or("./");
        let name = kustomization.text(&["metadata", "name"]).unwrap_or_default().to_owned();
        let source = spec.at(&["sourceRef", "name"]).and_then(Node::text).unwrap_or_default();
        let is_elsewhere = path.trim_matches(['.', '/']).is_empty() && source != "flux-system" && name != "flux-system";
        if is_elsewhere {
            return Vec::new();
        }
        let Some(folder) = self.folder(path) else {
            if spec.at(&["sourceRef", "kind"]).and_then(Node::text) == Some("GitRepository") && !path.is_empty() {
                let at = kustomization.place(spec.get("path").unwrap_or(spec));
                let text = format!(
                    "the folder `{}` of the Kustomization `{}` is not in the repository",
                    shown(path),
                    shown(&name)
                );
                self.remarks.push(Remark { at, text });
            }
            return Vec::new();
        };
        let variables = self.variables(spec, kustomization);
        let id = (name, folder.clone(), variables.iter().map(|(key, value)| format!("{key}={value}\n")).collect());
        if !self.done.insert(id) {
            return Vec::new();
        }
        let components = spec.get("components").map_or(&[][..], Node::items).iter();
        let components: Vec<_> =
            components.filter_map(|node| Some((node.text()?.to_owned(), kustomization.place(node)))).collect();
        let Built { mut objects, remarks } = kustomize::build_with(self.manifests, &folder, &components);
        self.remarks.extend(remarks);
        let target = spec.text_of("targetNamespace");
        for object in &mut objects {
            let is_substituted = object
                .get(&["metadata", "annotations", "kustomize.toolkit.fluxcd.io/substitute"])
                .is_none_or(|value| value.text() != Some("disabled"));
            if is_substituted {
                substitute::in_node(&mut object.node, &variables);
                object.name = substitute::in_text(&object.name, &variables);
                object.namespace = substitute::in_text(&object.namespace, &variables);
            }
            if let Some(target) = target {
                target.clone_into(&mut object.namespace);
            }
            object.remarks.extend(kustomization.remarks.iter().cloned());
        }
        report_patches(spec, &kustomization.at.path, &mut objects);
        objects
    }

    /// The variables of a Flux Kustomization: those of ConfigMaps in the repository, then its own.
    fn variables(&mut self, spec: &Node, kustomization: &Object) -> Variables {
        let mut variables = Variables::new();
        let from = spec.at(&["postBuild", "substituteFrom"]).map_or(&[][..], Node::items);
        for source in from.iter().filter(|source| source.text_of("kind") == Some("ConfigMap")) {
            let name = source.text_of("name").unwrap_or_default();
            let is_it = |object: &&Object| object.kind == "ConfigMap" && object.name == name && !object.encrypted;
            match self.known.iter().find(is_it) {
                Some(map) => variables.extend(texts(map.get(&["data"]))),
                None => {
                    let text = format!("the ConfigMap `{}` with variables is not in the repository", shown(name));
                    self.remarks.push(Remark { at: kustomization.place(source), text });
                }
            }
        }
        variables.extend(texts(spec.at(&["postBuild", "substitute"])));
        variables.extend(self.given.clone());
        variables
    }
}

/// The texts of a mapping.
fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map_or(&[][..], Node::entries).iter();
    entries.filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned()))).collect()
}

/// Whether a file is in a folder whose name starts with a dot.
fn is_hidden(path: &str) -> bool {
    path.split('/').any(|part| part.starts_with('.'))
}
