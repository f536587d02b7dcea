//! What Kustomize builds from a folder, as far as plain resources go: namespaces, names, images and generated
//! ConfigMaps. Patches are not applied, but reported at the objects that they change.

use crate::files::{Files, Place, Remark, folder_of, join};
use crate::objects::Object;
use crate::read::{Read, line_of, read};
use diagnostic::Span;
use std::collections::{BTreeMap, BTreeSet};
use yaml::{Node, NodeKind};

/// The names of the file that describes a folder.
const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The deepest chain of folders.
const MAX_DEPTH: usize = 32;

/// The most objects of a repository.
const MAX_OBJECTS: usize = 50_000;

/// The manifests of a repository, read once.
pub(crate) struct Manifests<'a> {
    pub(crate) files: &'a Files,
    read: BTreeMap<&'a str, Read>,
}

impl<'a> Manifests<'a> {
    pub(crate) fn of(files: &'a Files) -> Self {
        let texts = files.iter().filter(|(path, _)| is_manifest(path));
        let read = texts.filter_map(|(path, content)| Some((path.as_str(), read(content.text()?)))).collect();
        Self { files, read }
    }

    /// The files that are read as YAML.
    pub(crate) fn read(&self) -> impl Iterator<Item = (&'a str, &Read)> {
        self.read.iter().map(|(path, read)| (*path, read))
    }

    fn documents(&self, path: &str) -> &[Node] {
        self.read.get(path).map_or(&[], |read| &read.documents)
    }

    /// Whether a folder has files.
    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        folder.is_empty() || self.below(folder).next().is_some()
    }

    /// The folders at the top of the repository.
    pub(crate) fn top_folders(&self) -> BTreeSet<&'a str> {
        self.files.keys().filter_map(|path| path.split_once('/')).map(|(top, _)| top).collect()
    }

    fn below(&self, folder: &str) -> impl Iterator<Item = &'a str> {
        let start = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let range = self.files.range(start.clone()..);
        range.map(|(path, _)| path.as_str()).take_while(move |path| path.starts_with(&start))
    }

    /// The `kustomization.yaml` of a folder.
    fn kustomization(&self, folder: &str) -> Option<(String, &Node)> {
        FILE_NAMES.iter().find_map(|name| {
            let path = join(folder, name)?;
            let node = self.documents(&path).first()?;
            Some((path, node))
        })
    }
}

/// Whether a file is read as YAML.
fn is_manifest(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with("/Kustomization") || path == "Kustomization"
}

/// What was built, and what could not be.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) objects: Vec<Object>,
    pub(crate) remarks: Vec<Remark>,
}

/// Builds a folder as Flux does: with its `kustomization.yaml`, or all manifests below it.
pub(crate) fn build(manifests: &Manifests<'_>, folder: &str) -> Built {
    let mut builder = Builder { manifests, stack: Vec::new(), built: Built::default() };
    let objects = builder.folder(folder, None);
    Built { objects, ..builder.built }
}

/// Builds a folder, with the components that a Flux Kustomization adds.
pub(crate) fn build_with(manifests: &Manifests<'_>, folder: &str, components: &[(String, Place)]) -> Built {
    let mut builder = Builder { manifests, stack: Vec::new(), built: Built::default() };
    let mut objects = builder.folder(folder, None);
    for (component, at) in components {
        match join(folder, component) {
            Some(path) if manifests.has_folder(&path) => objects = builder.component(&path, objects),
            _ => builder.remark(at.clone(), format!("the component `{component}` is not in the repository")),
        }
    }
    Built { objects, ..builder.built }
}

/// Objects of one file.
pub(crate) fn objects_of(documents: &[Node], path: &str) -> Vec<Object> {
    let objects = documents.iter().flat_map(Node::objects);
    objects.filter_map(|node| Object::of(node, path)).filter(|object| !is_own_kind(object)).collect()
}

/// Whether an object configures Kustomize itself.
fn is_own_kind(object: &Object) -> bool {
    object.group == "kustomize.config.k8s.io"
}

struct Builder<'a, 'b> {
    manifests: &'a Manifests<'b>,
    stack: Vec<String>,
    built: Built,
}

impl Builder<'_, '_> {
    fn remark(&mut self, at: Place, text: String) {
        self.built.remarks.push(Remark { at, text });
    }

    fn folder(&mut self, folder: &str, from: Option<&Place>) -> Vec<Object> {
        let at = || from.cloned().unwrap_or(Place { path: folder.to_owned(), line: 1 });
        if self.stack.iter().any(|other| other == folder) {
            self.remark(at(), format!("the folder `{folder}` includes itself"));
            return Vec::new();
        }
        if self.stack.len() == MAX_DEPTH || self.built.objects.len() > MAX_OBJECTS {
            self.remark(at(), format!("the folder `{folder}` is nested too deep"));
            return Vec::new();
        }
        self.stack.push(folder.to_owned());
        let objects = match self.manifests.kustomization(folder) {
            Some((path, node)) => {
                let node = node.clone();
                self.kustomization(folder, &path, &node, Vec::new())
            }
            None => self.all_below(folder),
        };
        self.stack.pop();
        objects
    }

    fn component(&mut self, folder: &str, base: Vec<Object>) -> Vec<Object> {
        if self.stack.iter().any(|other| other == folder) || self.stack.len() == MAX_DEPTH {
            return base;
        }
        let Some((path, node)) = self.manifests.kustomization(folder) else { return base };
        let node = node.clone();
        self.stack.push(folder.to_owned());
        let objects = self.kustomization(folder, &path, &node, base);
        self.stack.pop();
        objects
    }

    /// All manifests below a folder without a `kustomization.yaml`; folders with one are built.
    fn all_below(&mut self, folder: &str) -> Vec<Object> {
        let mut objects = Vec::new();
        let mut done: Option<String> = None;
        for path in self.manifests.below(folder).collect::<Vec<_>>() {
            if done.as_ref().is_some_and(|done| path.starts_with(done.as_str())) {
                continue;
            }
            // The topmost folder on the way to the file that has a `kustomization.yaml`.
            let skip = if folder.is_empty() { 0 } else { folder.len() + 1 };
            let ends = path[skip..].match_indices('/').map(|(at, _)| skip + at);
            let with_own = ends.map(|end| &path[..end]).find(|part| self.manifests.kustomization(part).is_some());
            match with_own {
                Some(part) => {
                    objects.extend(self.folder(part, None));
                    done = Some(format!("{part}/"));
                }
                None => objects.extend(objects_of(self.manifests.documents(path), path)),
            }
        }
        objects
    }

    fn kustomization(&mut self, folder: &str, path: &str, node: &Node, mut objects: Vec<Object>) -> Vec<Object> {
        let place = |node: &Node| Place { path: path.to_owned(), line: line_of(node).max(1) };
        let base = objects.len();
        let listed = ["resources", "bases"].iter().filter_map(|key| node.get(key)).flat_map(Node::items);
        for item in listed.collect::<Vec<_>>() {
            let Some(text) = item.text() else { continue };
            objects.extend(self.resource(folder, text, &place(item)));
        }
        for generator in node.get("configMapGenerator").map_or(&[][..], Node::items) {
            objects.extend(self.config_map(folder, generator, &place(generator)));
        }
        for generator in node.get("secretGenerator").map_or(&[][..], Node::items) {
            objects.extend(secret(generator, &place(generator)));
        }
        for item in node.get("components").map_or(&[][..], Node::items) {
            let Some(text) = item.text() else { continue };
            match join(folder, text) {
                Some(path) if self.manifests.has_folder(&path) => objects = self.component(&path, objects),
                _ => self.remark(place(item), format!("the component `{text}` is not in the repository")),
            }
        }
        let is_component = node.text_of("kind") == Some("Component");
        let own = if is_component { 0 } else { base.min(objects.len()) };
        if let Some(namespace) = node.text_of("namespace") {
            objects[own..].iter_mut().for_each(|object| namespace.clone_into(&mut object.namespace));
        }
        let affix = |key| node.text_of(key).unwrap_or_default();
        let (prefix, suffix) = (affix("namePrefix"), affix("nameSuffix"));
        if !prefix.is_empty() || !suffix.is_empty() {
            for object in &mut objects[own..] {
                object.name = format!("{prefix}{}{suffix}", object.name);
            }
        }
        for image in node.get("images").map_or(&[][..], Node::items) {
            objects[own..].iter_mut().for_each(|object| set_image(&mut object.node, image));
        }
        report_patches(node, path, &mut objects);
        for key in ["helmCharts", "transformers", "generators", "replacements", "vars"] {
            if let Some(found) = node.get(key).filter(|found| !found.items().is_empty())
                && !matches!(key, "replacements" if is_component)
            {
                self.remark(place(found), format!("`{key}` of Kustomize is not evaluated"));
            }
        }
        objects
    }

    fn resource(&mut self, folder: &str, text: &str, at: &Place) -> Vec<Object> {
        let is_remote = text.contains("://") || text.starts_with("git@") || text.contains("?ref=");
        let Some(path) = join(folder, text).filter(|_| !is_remote) else {
            self.remark(at.clone(), format!("the resource `{}` is outside of the repository", shown(text)));
            return Vec::new();
        };
        if self.manifests.files.contains_key(&path) {
            return objects_of(self.manifests.documents(&path), &path);
        }
        if self.manifests.has_folder(&path) {
            return self.folder(&path, Some(at));
        }
        self.remark(at.clone(), format!("the resource `{}` is not in the repository", shown(text)));
        Vec::new()
    }

    /// The ConfigMap of a `configMapGenerator`, with the content of its files.
    fn config_map(&mut self, folder: &str, generator: &Node, at: &Place) -> Option<Object> {
        let mut data = Vec::new();
        for file in generator.get("files").map_or(&[][..], Node::items).iter().filter_map(Node::text) {
            let (key, path) = file.split_once('=').unwrap_or((file.rsplit('/').next().unwrap_or(file), file));
            let content = join(folder, path).and_then(|path| self.manifests.files.get(&path)?.text());
            match content {
                Some(text) => data.push((key.to_owned(), text.to_owned())),
                None => self.remark(at.clone(), format!("the file `{}` cannot be read", shown(path))),
            }
        }
        for literal in generator.get("literals").map_or(&[][..], Node::items).iter().filter_map(Node::text) {
            if let Some((key, value)) = literal.split_once('=') {
                data.push((key.to_owned(), value.trim_matches('"').to_owned()));
            }
        }
        for file in generator.get("envs").map_or(&[][..], Node::items).iter().filter_map(Node::text) {
            let content = join(folder, file).and_then(|path| self.manifests.files.get(&path)?.text());
            let lines = content.unwrap_or_default().lines().filter(|line| !line.trim_start().starts_with('#'));
            data.extend(
                lines.filter_map(|line| line.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())),
            );
        }
        Some(generated("ConfigMap", generator, &data, at))
    }
}

/// The Secret of a `secretGenerator`: only the names of its keys.
fn secret(generator: &Node, at: &Place) -> Option<Object> {
    let names = ["files", "literals"].iter().filter_map(|key| generator.get(key)).flat_map(Node::items);
    let names = names.filter_map(Node::text).map(|text| text.split_once('=').map_or(text, |(key, _)| key));
    let data: Vec<_> = names.map(|name| (name.rsplit('/').next().unwrap_or(name).to_owned(), String::new())).collect();
    Some(generated("Secret", generator, &data, at))
}

fn generated(kind: &str, generator: &Node, data: &[(String, String)], at: &Place) -> Object {
    let scalar = |text: &str| node_at(at.line, NodeKind::Scalar { text: text.into(), plain: false });
    let map = |entries: Vec<(&str, Node)>| {
        let entries = entries.into_iter().map(|(key, value)| (scalar(key), value)).collect();
        node_at(at.line, NodeKind::Mapping(entries))
    };
    let text = |key| generator.text_of(key).unwrap_or_default();
    let data: Vec<_> = data.iter().map(|(key, value)| (key.as_str(), scalar(value))).collect();
    let node = map(vec![("data", map(data))]);
    Object {
        kind: kind.to_owned(),
        group: String::new(),
        namespace: text("namespace").to_owned(),
        name: text("name").to_owned(),
        node,
        folder: folder_of(&at.path).to_owned(),
        at: at.clone(),
        encrypted: false,
        remarks: Vec::new(),
    }
}

/// A node at a line.
pub(crate) fn node_at(line: usize, kind: NodeKind) -> Node {
    Node { span: Span::new(line, line), kind }
}

/// Replaces an image, wherever it is: Kustomize looks at the fields `image` of containers.
fn set_image(node: &mut Node, image: &Node) {
    let Some(name) = image.text_of("name") else { return };
    match &mut node.kind {
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| set_image(item, image)),
        NodeKind::Mapping(entries) => {
            for (key, value) in entries {
                let is_image = key.text() == Some("image");
                match &mut value.kind {
                    NodeKind::Scalar { text, .. } if is_image => {
                        let (repository, tag) = split_image(text);
                        if repository == name {
                            *text = replaced_image(name, &tag, image).into();
                        }
                    }
                    _ => set_image(value, image),
                }
            }
        }
        NodeKind::Scalar { .. } => {}
    }
}

fn replaced_image(name: &str, tag: &str, image: &Node) -> String {
    let name = image.text_of("newName").unwrap_or(name);
    match (image.text_of("digest"), image.text_of("newTag")) {
        (Some(digest), _) => format!("{name}@{digest}"),
        (None, Some(tag)) => format!("{name}:{tag}"),
        (None, None) => format!("{name}{tag}"),
    }
}

/// Splits an image into its name and the rest, from the colon or the `@`.
pub(crate) fn split_image(text: &str) -> (String, String) {
    let end = text.find('@').unwrap_or(text.len());
    let tag = text[..end].rfind(':').filter(|at| !text[*at..end].contains('/'));
    let at = tag.unwrap_or(end);
    (text[..at].to_owned(), text[at..].to_owned())
}

/// Parts of a HelmRelease that say how Flux installs it, not what.
const OF_INSTALLATION: [&str; 14] = [
    "install",
    "upgrade",
    "rollback",
    "uninstall",
    "interval",
    "timeout",
    "maxHistory",
    "driftDetection",
    "test",
    "suspend",
    "dependsOn",
    "retryInterval",
    "patches",
    "deletionPolicy",
];

/// Reports each patch at the objects that it changes.
pub(crate) fn report_patches(node: &Node, path: &str, objects: &mut [Object]) {
    let patches = ["patches", "patchesStrategicMerge", "patchesJson6902"];
    let patches = patches.iter().filter_map(|key| node.get(key)).flat_map(Node::items);
    for patch in patches {
        let at = Place { path: path.to_owned(), line: line_of(patch).max(1) };
        let text = patch.text_of("patch");
        let document = text.map(read).and_then(|read| read.documents.into_iter().next());
        let target = patch.get("target").or(document.as_ref());
        if document.as_ref().is_some_and(is_of_installation) {
            continue;
        }
        let kind = target.and_then(|target| target.text_of("kind"));
        let name = patch.at(&["target", "name"]).or_else(|| document.as_ref()?.at(&["metadata", "name"]));
        let name = name.and_then(Node::text).filter(|name| patch.get("target").is_none() || !name.is_empty());
        for object in objects.iter_mut() {
            let is_kind = kind.is_none_or(|kind| kind == object.kind);
            let is_name = name.is_none_or(|name| name == object.name || name.contains(['*', '.', '|', '_']));
            if is_kind && is_name && target.is_some() {
                object.remarks.push(Remark { at: at.clone(), text: "a patch of Kustomize is not applied".to_owned() });
            }
        }
    }
}

/// Whether a patch changes only how Flux installs something.
fn is_of_installation(patch: &Node) -> bool {
    let Some(spec) = patch.get("spec") else { return patch.get("kind").is_some() && patch.get("data").is_none() };
    let is_flux = matches!(patch.text_of("kind"), Some("HelmRelease" | "Kustomization"));
    is_flux
        && spec.entries().iter().all(|(key, value)| match key.text() {
            // A patch that adds such a patch.
            Some("patches") => value.items().iter().all(|inner| {
                let text = inner.text_of("patch").unwrap_or_default();
                read(text).documents.first().is_some_and(is_of_installation)
            }),
            Some("decryption" | "prune" | "wait" | "postBuild" | "healthChecks") => true,
            key => key.is_some_and(|key| OF_INSTALLATION.contains(&key)),
        })
}

/// A text of the input in a message, on one line and not too long.
pub(crate) fn shown(text: &str) -> String {
    let line: String = text.chars().filter(|c| !c.is_control()).take(120).collect();
    match line.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?.1))) {
        // A URL may contain a login.
        Some((scheme, rest)) => format!("{scheme}://{rest}"),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Content;

    fn files(entries: &[(&str, &str)]) -> Files {
        entries.iter().map(|(path, text)| ((*path).to_owned(), Content::Text((*text).to_owned()))).collect()
    }

    fn names(built: &Built) -> Vec<String> {
        built.objects.iter().map(|object| format!("{}/{}/{}", object.kind, object.namespace, object.name)).collect()
    }

    #[test]
    fn builds_resources_components_and_generators() {
        let files = files(&[
            (
                "a/kustomization.yaml",
                "namespace: n\nresources: [x.yaml, ../b, gone.yaml]\ncomponents: [../c]\nconfigMapGenerator: [{ name: m, files: [k=f.txt] }]\nimages: [{ name: i, newTag: '2' }]\n",
            ),
            ("a/x.yaml", "apiVersion: v1\nkind: Pod\nmetadata: { name: x }\nspec: { containers: [{ image: i:1 }] }\n"),
            ("a/f.txt", "text"),
            ("b/y.yaml", "apiVersion: v1\nkind: Service\nmetadata: { name: y }\n"),
            ("c/kustomization.yaml", "kind: Component\nresources: [z.yaml]\n"),
            ("c/z.yaml", "apiVersion: v1\nkind: Secret\nmetadata: { name: z }\n"),
        ]);
        let built = build(&Manifests::of(&files), "a");
        assert_eq!(names(&built), ["Pod/n/x", "Service/n/y", "ConfigMap/n/m", "Secret/n/z"]);
        let image =
            built.objects[0].get(&["spec", "containers"]).expect("it has containers").items()[0].text_of("image");
        assert_eq!(image, Some("i:2"));
        assert_eq!(built.objects[2].text(&["data", "k"]), Some("text"));
        assert_eq!(built.remarks.len(), 1);
    }

    #[test]
    fn stops_at_cycles() {
        let files =
            files(&[("a/kustomization.yaml", "resources: [../b]\n"), ("b/kustomization.yaml", "resources: [../a]\n")]);
        assert_eq!(build(&Manifests::of(&files), "a").remarks.len(), 1);
    }

    #[test]
    fn splits_images() {
        for (text, name, rest) in [
            ("a:1", "a", ":1"),
            ("r:5000/a", "r:5000/a", ""),
            ("r:5000/a:1@sha256:0", "r:5000/a", ":1@sha256:0"),
            ("a@sha256:0", "a", "@sha256:0"),
        ] {
            assert_eq!(split_image(text), (name.to_owned(), rest.to_owned()), "{text}");
        }
    }
}
