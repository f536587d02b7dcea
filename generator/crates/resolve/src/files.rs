//! Files of the repository that the spec refers to. The caller reads them and passes them to [`super::resolve`],
//! which does no I/O.

use crate::rules::credentials;
use diagnostic::{Code, Diagnostic, Diagnostics};
use model::contract::PINS;
use model::{Content, Copied, FileName, Files, Manifest, ObjectId, Problem};
use spec::platform::ComponentId;
use spec::types::{Name, RepoPath, SubdomainName, Text as _};
use spec::{App, Role, Spanned, Spec};
use yaml::{Limits, Node, NodeKind, Scalar};

/// Returns the paths of all files that a spec refers to.
pub fn referenced(spec: &Spec) -> Vec<&Spanned<RepoPath>> {
    spec.clusters
        .iter()
        .flat_map(|cluster| {
            let cluster = &cluster.value;
            let of_nodes = cluster.nodes.iter().flat_map(|node| &node.value.modules);
            let of_apps = cluster.apps.iter().flat_map(|app| app.value.manifests());
            let containers = cluster.apps.iter().filter_map(|app| app.value.container());
            let copied = containers.flat_map(|app| &app.files).filter_map(|file| file.value.source());
            let of_platform = ComponentId::ALL.iter().flat_map(|id| cluster.platform.options(*id).manifests);
            cluster.manifests.iter().chain(of_nodes).chain(of_apps).chain(copied).chain(of_platform)
        })
        .filter(|path| !path.span.faulty)
        .collect()
}

/// Returns the paths of generated files that rules compare the spec with, if they exist: the pins, and the k3s
/// configurations of servers.
pub fn committed(spec: &Spec) -> Vec<String> {
    let nodes = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
    let servers = nodes.filter(|node| *node.value.role.get() == Role::Server && !node.name.span.faulty);
    let configs = servers.map(|node| k3s_config(&node.name.value));
    [PINS.to_owned()].into_iter().chain(configs).collect()
}

/// The path of the k3s configuration of a node.
pub(crate) fn k3s_config(node: &Name) -> String {
    format!("nix/nodes/{node}/k3s.yaml")
}

/// Returns the text of a file. Reports a file that cannot be read.
fn text<'a>(path: &Spanned<RepoPath>, files: &'a Files, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    let (code, message, help) = match files.get(path.as_str()) {
        Some(Ok(bytes)) => match std::str::from_utf8(bytes) {
            Ok(text) if text.starts_with('\u{feff}') => (
                Code::FileInvalid,
                format!("{} starts with a byte order mark (U+FEFF)", path.value),
                "save it as UTF-8 without a byte order mark",
            ),
            Ok(text) => return Some(text),
            Err(_) => (Code::FileInvalid, format!("{} is not UTF-8", path.value), "save it as UTF-8"),
        },
        Some(Err(Problem::OutsideRoot)) => (
            Code::PathOutsideRoot,
            format!("{} is a symbolic link to outside the repository", path.value),
            "copy the file into the repository",
        ),
        Some(Err(Problem::Unreadable(reason))) => (
            Code::FileMissing,
            format!("cannot read {}: {reason}", path.value),
            "check the path, which is relative to the top of the repository",
        ),
        None => return None,
    };
    diagnostics.push(Diagnostic::new(code, path.span, message).help(help));
    None
}

/// Checks the files that are mounted into the containers of an app: a ConfigMap holds text, and control characters
/// do not survive all tools on the way to the cluster.
pub(crate) fn texts(app: &App, files: &Files, diagnostics: &mut Diagnostics) {
    let files_of_app = app.container().into_iter().flat_map(|container| &container.files);
    for path in files_of_app.filter_map(|file| file.value.source()) {
        let Some(text) = text(path, files, diagnostics) else { continue };
        credentials::check_text(path, text, diagnostics);
        let is_bad = |c: &char| c.is_control() && !matches!(c, '\t' | '\n');
        if let Some(bad) = text.chars().find(is_bad) {
            let message = format!("{} contains the control character U+{:04X}", path.value, u32::from(bad));
            let diagnostic = Diagnostic::new(Code::FileInvalid, path.span, message);
            diagnostics.push(diagnostic.help("remove it, with lines that end in LF; store other files on a volume"));
        }
    }
}

/// Checks that a Nix module of the user parses, and contains no credentials.
pub(crate) fn nix_module(path: &Spanned<RepoPath>, files: &Files, diagnostics: &mut Diagnostics) {
    let Some(text) = text(path, files, diagnostics) else { return };
    credentials::check_text(path, text, diagnostics);
    if let Some(error) = rnix::Root::parse(text).errors().first() {
        let message = format!("{} is not valid Nix: {error}", path.value);
        diagnostics.push(
            Diagnostic::new(Code::FileInvalid, path.span, message).help("check it with `nix-instantiate --parse`"),
        );
    }
}

/// Reads manifests of the user. Reports objects without a kind or name, Secrets with data, and
/// credentials.
pub(crate) fn manifests(paths: &[Spanned<RepoPath>], files: &Files, diagnostics: &mut Diagnostics) -> Vec<Manifest> {
    let (mut manifests, mut copied): (Vec<Manifest>, Vec<&RepoPath>) = (Vec::new(), Vec::new());
    for path in paths {
        let Some(text) = text(path, files, diagnostics) else { continue };
        let Some(objects) = objects(path, text, diagnostics) else { continue };
        let (objects, api_versions) = objects.into_iter().unzip();
        let file = file_name(path.as_str());
        if let Some(at) = manifests.iter().position(|other| other.file == file) {
            let message = format!("{} and {} would have the same file name in the output", path.value, copied[at]);
            diagnostics.push(Diagnostic::new(Code::NameTaken, path.span, message).help("rename one of the files"));
            continue;
        }
        copied.push(&path.value);
        let content =
            Content::Copy(Copied { path: path.value.clone(), span: path.span, text: text.to_owned(), api_versions });
        manifests.push(Manifest { file, objects, containers: None, place: Some(path.span), content });
    }
    manifests
}

/// The file name of a copy: `spec/extra/My_Job.yml` becomes `extra-my-job.yaml`.
fn file_name(path: &str) -> FileName {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name);
    let stem: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("extra-{stem}.yaml").into()
}

/// Returns the objects in a file, each with its API version.
fn objects(path: &Spanned<RepoPath>, text: &str, diagnostics: &mut Diagnostics) -> Option<Vec<(ObjectId, String)>> {
    let invalid = |code, reason: String, help: &str| {
        Diagnostic::new(code, path.span, format!("{}: {reason}", path.value)).help(help)
    };
    let (documents, problems) = yaml::documents(text, Limits::default());
    if let Some(problem) = problems.first() {
        let line = text[..(problem.span.start as usize).min(text.len())].matches('\n').count() + 1;
        let reason = format!("line {line} is not valid YAML for Kubernetes");
        diagnostics.push(invalid(Code::FileInvalid, reason, "check for tabs, duplicate keys, anchors and tags"));
        return None;
    }
    let mut objects = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()).flat_map(yaml::Node::objects) {
        let identity = match Identity::of(document) {
            Ok(identity) => identity,
            Err((reason, help)) => {
                diagnostics.push(invalid(Code::FileInvalid, reason, help));
                return None;
            }
        };
        let Identity { api_version, kind, name } = identity;
        let holds_data = ["data", "stringData"].iter().any(|key| {
            document
                .get(key)
                .is_some_and(|data| !matches!(data.kind, NodeKind::Mapping(ref entries) if entries.is_empty()))
        });
        if kind == "Secret" && holds_data {
            let reason = format!("the Secret {name} contains data");
            diagnostics.push(invalid(
                Code::SecretInOutput,
                reason,
                "move the data to the secret store, and declare it under `secrets.entries`",
            ));
            return None;
        }
        objects.push((ObjectId::new(kind.to_owned(), name.to_owned()), api_version.to_owned()));
    }
    credentials::check_manifests(path, text, &documents, diagnostics);
    if objects.is_empty() {
        diagnostics.push(invalid(
            Code::FileInvalid,
            "the file has no objects".to_owned(),
            "remove the file from `manifests`",
        ));
        return None;
    }
    Some(objects)
}

/// What identifies an object of a file.
struct Identity<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
}

impl<'a> Identity<'a> {
    /// Reads the identity of an object. The error is what is wrong, and how to fix it.
    fn of(document: &'a Node) -> Result<Self, (String, &'static str)> {
        let required = |path: &[&str]| {
            let reason = || "a document has no `apiVersion`, `kind` or `metadata.name`".to_owned();
            let node = document.at(path).ok_or_else(|| (reason(), "every document must be a Kubernetes object"))?;
            string(node).ok_or_else(|| {
                let reason = format!("`{}` of a document is not a string", path.join("."));
                (reason, "write a text, in quotes if it looks like a number")
            })
        };
        let (api_version, kind) = (required(&["apiVersion"])?, required(&["kind"])?);
        if api_version.starts_with("kustomize.config.k8s.io/") {
            let reason = format!("a {kind} of Kustomize is not an object that a cluster accepts");
            return Err((
                reason,
                "list the files of its `resources` under `manifests`, or name a file with a Flux Kustomization \
                 (kustomize.toolkit.fluxcd.io/v1) whose `spec.path` is the folder of this file",
            ));
        }
        let name = required(&["metadata", "name"])?;
        // RBAC objects can have any name that fits in a path, such as `system:node`.
        let is_valid = match kind {
            _ if api_version.starts_with("rbac.authorization.k8s.io/") => {
                !name.is_empty() && !name.contains(['/', '%']) && !matches!(name, "." | "..")
            }
            "Namespace" | "Service" => Name::parse(name).is_ok(),
            _ => name.len() <= 253 && SubdomainName::parse(name).is_ok(),
        };
        if !is_valid {
            let reason = format!("{kind} cannot have the name {name:?}");
            return Err((reason, "use lowercase letters, digits and '-' (an RFC 1123 name)"));
        }
        if let Some(namespace) = document.at(&["metadata", "namespace"])
            && string(namespace).is_none_or(|namespace| Name::parse(namespace).is_err())
        {
            let reason = format!("the namespace of {kind} {name} is not a name");
            return Err((reason, "use lowercase letters, digits and '-', in quotes if it looks like a number"));
        }
        Ok(Self { api_version, kind, name })
    }
}

/// The text of a string. A number or `null` is none.
fn string(node: &Node) -> Option<&str> {
    match node.scalar() {
        Some(Scalar::Str(text)) => Some(text),
        _ => None,
    }
}
