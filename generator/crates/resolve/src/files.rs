//! Files of the repository that the spec refers to. The caller reads them and passes them to [`super::resolve`],
//! which does no I/O.

use crate::rules::credentials;
use crate::sops;
use diagnostic::{Code, Diagnostic, Diagnostics};
use model::contract::PINS;
use model::{Content, Copied, FileName, Files, Manifest, ObjectId, Problem};
use spec::platform::ComponentId;
use spec::types::{Name, RepoPath, SubdomainName, Text as _};
use spec::{App, Role, Spanned, Spec};
use yaml::{ErrorKind, Limits, Node, NodeKind, Scalar};

/// Returns the paths of all files that a spec refers to, by path or as the encrypted values of a secret entry.
pub fn referenced(spec: &Spec) -> Vec<String> {
    let named = spec
        .clusters
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
        .map(|path| path.value.to_string());
    named.chain(sops::paths(spec)).collect()
}

/// Returns the paths of generated files that rules compare the spec with, if they exist: the pins, the k3s
/// configurations of servers, and the containers of nodes.
pub fn committed(spec: &Spec) -> Vec<String> {
    let nodes = || {
        let nodes = spec.clusters.iter().flat_map(|cluster| &cluster.value.nodes);
        nodes.filter(|node| !node.name.span.faulty)
    };
    let servers = nodes().filter(|node| *node.value.role.get() == Role::Server);
    let configs = servers.map(|node| k3s_config(&node.name.value));
    let containers = nodes().map(|node| container(&node.name.value));
    [PINS.to_owned()].into_iter().chain(configs).chain(containers).collect()
}

/// The path of the container definition of a node.
pub(crate) fn container(node: &Name) -> String {
    format!("nix/nodes/{node}/container.conf")
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
        let content = Content::Copy(Box::new(Copied {
            path: path.value.clone(),
            span: path.span,
            text: text.to_owned(),
            api_versions,
        }));
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
    let line_at = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    // Flux's parser refuses control characters, in comments too, and a byte order mark before a document.
    let is_bad = |(at, c): &(usize, char)| match c {
        '\t' | '\n' | '\r' => false,
        '\u{feff}' => text[..*at].ends_with('\n'),
        c => c.is_control(),
    };
    if let Some((at, bad)) = text.char_indices().find(is_bad) {
        let reason =
            format!("line {} contains the character U+{:04X}, which YAML forbids here", line_at(at), u32::from(bad));
        diagnostics.push(invalid(Code::FileInvalid, reason, "remove it"));
        return None;
    }
    if let Some(problem) = problems.first() {
        let line = line_at(problem.span.start as usize);
        let (reason, help) = explained(&problem.kind);
        let reason = format!("line {line} is not valid YAML for Kubernetes: {reason}");
        diagnostics.push(invalid(Code::FileInvalid, reason, help));
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
        if let Some((field, value)) = not_a_text(document, kind) {
            let line = line_at(value.span.start as usize);
            let reason = format!("line {line}: the value of `{field}` in {kind} {name} is not a string");
            diagnostics.push(invalid(Code::FileInvalid, reason, "put it in quotes"));
            return None;
        }
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

/// What to do with a file of Kustomize.
const OF_KUSTOMIZE: &str = "list the files of its `resources` under `manifests`, or name a file with a Flux \
                            Kustomization (kustomize.toolkit.fluxcd.io/v1) whose `spec.path` is the folder of this file";

/// The maximum length of most names in Kubernetes; those of namespaces and Services are labels of DNS.
const MAX_NAME: usize = 253;
const MAX_LABEL: usize = 63;

/// The fields of a Pod, of workloads and of CronJobs that hold the specification of a pod.
const PODS: [&[&str]; 3] =
    [&["spec", "jobTemplate", "spec", "template", "spec"], &["spec", "template", "spec"], &["spec"]];

/// Why a file is not YAML for Kubernetes, and how to fix it.
fn explained(kind: &ErrorKind) -> (String, &'static str) {
    match kind {
        ErrorKind::Syntax(reason) => (reason.clone(), "check the indentation, quotes and brackets around this line"),
        ErrorKind::TooDeep => ("it is nested too deeply".to_owned(), "reduce the nesting"),
        ErrorKind::Alias => ("anchors and aliases are not supported".to_owned(), "repeat the value"),
        ErrorKind::Tag => ("tags are not supported".to_owned(), "remove the tag"),
        ErrorKind::DuplicateKey { key, .. } => (format!("duplicate key `{key}`"), "remove one of them"),
        ErrorKind::ComplexKey => ("a key is a list or a mapping".to_owned(), "put the key in quotes"),
    }
}

/// The first value that Kubernetes reads as a string, and that is something else: a label, an annotation, the data of
/// a ConfigMap, or an environment variable. Returns it with its key.
fn not_a_text<'a>(object: &'a Node, kind: &str) -> Option<(&'a str, &'a Node)> {
    let is_other = |node: &Node| !node.is_null() && string(node).is_none();
    let in_map = |path: &[&str]| {
        let entries = object.at(path).map_or(&[][..], Node::entries).iter();
        entries.filter_map(|(key, value)| Some((key.text()?, value))).find(|(_, value)| is_other(value))
    };
    let data = || if kind == "ConfigMap" { in_map(&["data"]) } else { None };
    let variables = || {
        let pod = PODS.iter().find_map(|path| object.at(path))?;
        let containers = ["containers", "initContainers"].iter().filter_map(|field| pod.get(field));
        let variables = containers.flat_map(Node::items).filter_map(|container| container.get("env"));
        let mut variables = variables.flat_map(Node::items);
        variables.find_map(|variable| {
            Some((variable.text_of("name")?, variable.get("value").filter(|value| is_other(value))?))
        })
    };
    in_map(&["metadata", "labels"]).or_else(|| in_map(&["metadata", "annotations"])).or_else(data).or_else(variables)
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
            let node = document.at(path).ok_or_else(|| {
                if document.get("kind").is_none() && document.get("resources").is_some() {
                    return (
                        "this is a configuration of Kustomize, not an object that a cluster accepts".to_owned(),
                        OF_KUSTOMIZE,
                    );
                }
                (reason(), "every document must be a Kubernetes object")
            })?;
            string(node).ok_or_else(|| {
                let reason = format!("`{}` of a document is not a string", path.join("."));
                (reason, "write a text, in quotes if it looks like a number")
            })
        };
        let (api_version, kind) = (required(&["apiVersion"])?, required(&["kind"])?);
        if api_version.starts_with("kustomize.config.k8s.io/") {
            let reason = format!("a {kind} of Kustomize is not an object that a cluster accepts");
            return Err((reason, OF_KUSTOMIZE));
        }
        let name = required(&["metadata", "name"])?;
        // RBAC objects can have any name that fits in a path, such as `system:node`.
        let is_valid = match kind {
            _ if api_version.starts_with("rbac.authorization.k8s.io/") => {
                !name.is_empty() && !name.contains(['/', '%']) && !matches!(name, "." | "..")
            }
            "Service" if name.starts_with(|c: char| c.is_ascii_digit()) => {
                let reason = format!("{kind} cannot have the name {name:?}, which starts with a digit");
                return Err((reason, "start it with a letter (an RFC 1035 label)"));
            }
            "Namespace" | "Service" => Name::parse(name).is_ok(),
            _ => name.len() <= MAX_NAME && SubdomainName::parse(name).is_ok(),
        };
        if !is_valid {
            let most = if matches!(kind, "Namespace" | "Service") { MAX_LABEL } else { MAX_NAME };
            if name.len() > most {
                let reason = format!("the name of a {kind} has {} characters, but the limit is {most}", name.len());
                return Err((reason, "use a shorter name"));
            }
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
