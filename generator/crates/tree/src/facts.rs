//! What a manifest makes and what it refers to, read from its text.

use yaml::Node;

/// An object by kind, namespace (empty if it has none) and name: one text with two seams, since
/// there are several for each file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    text: Box<str>,
    kind_end: usize,
    namespace_end: usize,
}

impl Key {
    fn new(kind: &str, namespace: &str, name: &str) -> Self {
        let text = [kind, namespace, name].concat().into_boxed_str();
        Self { text, kind_end: kind.len(), namespace_end: kind.len() + namespace.len() }
    }

    pub(super) fn kind(&self) -> &str {
        &self.text[..self.kind_end]
    }

    pub(super) fn namespace(&self) -> &str {
        &self.text[self.kind_end..self.namespace_end]
    }

    pub(super) fn name(&self) -> &str {
        &self.text[self.namespace_end..]
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (kind, namespace, name) = (self.kind(), self.namespace(), self.name());
        if namespace.is_empty() {
            write!(formatter, "{kind} {name}")
        } else {
            write!(formatter, "{kind} {namespace}/{name}")
        }
    }
}

/// What there is to know about the objects of one file.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Objects that applying the file makes, and the group of each.
    pub(super) made: Vec<(Key, String)>,
    /// Objects that come into being because of it: Secrets of ExternalSecrets and Certificates.
    pub(super) brought: Vec<Key>,
    /// Objects that it refers to.
    pub(super) wanted: Vec<Key>,
    /// For a Flux Kustomization: its path and the units that it waits for.
    pub(super) flux: Option<Box<FluxFacts>>,
    /// For a kustomization.yaml: the files that it lists.
    pub(super) resources: Option<Vec<String>>,
    /// Secrets with data: there must be none.
    pub(super) leaks: Vec<Key>,
    /// A document that is no object: no apiVersion, kind or name.
    pub(super) nameless: bool,
}

/// What a Flux Kustomization says.
#[derive(Debug)]
pub(super) struct FluxFacts {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) depends_on: Vec<String>,
}

/// Kinds without a namespace, as far as labs use them. Others that have none name none.
const CLUSTER_KINDS: [&str; 12] = [
    "Namespace",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "StorageClass",
    "PersistentVolume",
    "IngressClass",
    "PriorityClass",
    "ClusterIssuer",
    "ClusterSecretStore",
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];

/// Kinds that live in a namespace, as far as labs use them by hand. Flux applies none without one.
pub(super) const NAMESPACED_KINDS: [&str; 26] = [
    "Certificate",
    "ConfigMap",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "ExternalSecret",
    "HelmRelease",
    "HelmRepository",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Issuer",
    "Job",
    "LimitRange",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "Pod",
    "PodDisruptionBudget",
    "PodMonitor",
    "PrometheusRule",
    "ResourceQuota",
    "Role",
    "RoleBinding",
    "Service",
    "ServiceAccount",
    "ServiceMonitor",
    "StatefulSet",
];

impl Facts {
    pub(super) fn of(documents: &[Node]) -> Self {
        let mut facts = Self::default();
        for object in documents.iter().filter(|document| !document.is_null()).flat_map(Node::objects) {
            facts.add(object);
        }
        facts.made.shrink_to_fit();
        facts.brought.shrink_to_fit();
        facts.wanted.shrink_to_fit();
        facts
    }

    fn add(&mut self, document: &Node) {
        let api = document.text_of("apiVersion").unwrap_or_default();
        let kind = document.text_of("kind").unwrap_or_default();
        if api.starts_with("kustomize.config.k8s.io/") {
            let items = document.get("resources").map_or(&[][..], Node::items);
            self.resources = Some(items.iter().filter_map(|item| item.text().map(str::to_owned)).collect());
            return;
        }
        let name = document.at(&["metadata", "name"]).and_then(Node::text).unwrap_or_default();
        if api.is_empty() || kind.is_empty() || name.is_empty() {
            self.nameless = true;
            return;
        }
        let stated = document.at(&["metadata", "namespace"]).and_then(Node::text);
        let namespace = stated.unwrap_or(if CLUSTER_KINDS.contains(&kind) { "" } else { "default" });
        let group = api.rsplit_once('/').map_or("", |(group, _)| group);
        let key = Key::new(kind, stated.unwrap_or_default(), name);
        if let Some(stated) = stated {
            self.want("Namespace", "", stated);
        }
        match kind {
            "Secret" => self.judge_secret(document, &key),
            "Kustomization" if group == "kustomize.toolkit.fluxcd.io" => {
                self.flux = Some(Box::new(flux(document, name)));
            }
            "HelmRelease" => self.read_release(document, namespace),
            "ExternalSecret" => {
                let target = document.at(&["spec", "target", "name"]).and_then(Node::text).unwrap_or(name);
                self.brought.push(Key::new("Secret", namespace, target));
                if let Some(store) = document.at(&["spec", "secretStoreRef"]) {
                    let kind = store.text_of("kind").unwrap_or("SecretStore");
                    let namespace = if kind == "SecretStore" { namespace } else { "" };
                    self.want(kind, namespace, store.text_of("name").unwrap_or_default());
                }
            }
            "Certificate" => self.brought.extend(
                document
                    .at(&["spec", "secretName"])
                    .and_then(Node::text)
                    .map(|secret| Key::new("Secret", namespace, secret)),
            ),
            "Ingress" => self.read_ingress(document, namespace),
            _ => {}
        }
        if !matches!(kind, "ExternalSecret" | "Certificate" | "HelmRelease" | "Ingress" | "Secret") {
            // cert-manager looks for the Secrets of a ClusterIssuer in its own namespace; other
            // objects without one name it beside the Secret.
            let home = if kind == "ClusterIssuer" { "cert-manager" } else { stated.unwrap_or_default() };
            self.read_references(document, home);
        }
        self.made.push((key, group.to_owned()));
    }

    fn want(&mut self, kind: &str, namespace: &str, name: &str) {
        if !name.is_empty() {
            self.wanted.push(Key::new(kind, namespace, name));
        }
    }

    fn judge_secret(&mut self, document: &Node, key: &Key) {
        let is_filled = |field: &str| document.get(field).is_some_and(|data| !data.entries().is_empty());
        if is_filled("data") || is_filled("stringData") {
            self.leaks.push(key.clone());
        }
    }

    fn read_release(&mut self, document: &Node, namespace: &str) {
        let chart_ref = document.at(&["spec", "chartRef"]);
        let source_ref = document.at(&["spec", "chart", "spec", "sourceRef"]);
        for source in chart_ref.into_iter().chain(source_ref) {
            let namespace = source.text_of("namespace").unwrap_or(namespace).to_owned();
            self.want(
                source.text_of("kind").unwrap_or_default(),
                &namespace,
                source.text_of("name").unwrap_or_default(),
            );
        }
        for values in document.at(&["spec", "valuesFrom"]).map_or(&[][..], Node::items) {
            self.want(
                values.text_of("kind").unwrap_or_default(),
                namespace,
                values.text_of("name").unwrap_or_default(),
            );
        }
    }

    /// Secrets of an Ingress with an issuer are made by cert-manager.
    fn read_ingress(&mut self, document: &Node, namespace: &str) {
        let annotations = document.at(&["metadata", "annotations"]);
        let issuer = annotations.and_then(|annotations| annotations.text_of("cert-manager.io/cluster-issuer"));
        for tls in document.at(&["spec", "tls"]).map_or(&[][..], Node::items) {
            let Some(secret) = tls.text_of("secretName") else { continue };
            match issuer {
                Some(_) => self.brought.push(Key::new("Secret", namespace, secret)),
                None => self.want("Secret", namespace, secret),
            }
        }
        if let Some(issuer) = issuer {
            self.want("ClusterIssuer", "", issuer);
        }
        for rule in document.at(&["spec", "rules"]).map_or(&[][..], Node::items) {
            for path in rule.at(&["http", "paths"]).map_or(&[][..], Node::items) {
                if let Some(service) = path.at(&["backend", "service"]).and_then(|service| service.text_of("name")) {
                    self.want("Service", namespace, service);
                }
            }
        }
    }

    /// References by the field names that Kubernetes and the custom resources in use share.
    fn read_references(&mut self, node: &Node, namespace: &str) {
        if let (Some(name), Some(namespace), Some(_)) =
            (node.text_of("name"), node.text_of("namespace"), node.text_of("key"))
        {
            self.want("Secret", namespace, name);
        }
        for (key, value) in node.entries() {
            let kind = match key.text().unwrap_or_default() {
                "secretKeyRef" | "secretRef" => Some("Secret"),
                "configMapKeyRef" | "configMapRef" => Some("ConfigMap"),
                "configMap" if value.get("name").is_some() => Some("ConfigMap"),
                "claimName" | "secretName" => None,
                name if name.ends_with("SecretRef") && name != "privateKeySecretRef" => Some("Secret"),
                _ => None,
            };
            let text = key.text().unwrap_or_default();
            if let (Some(kind), Some(name)) = (kind, value.text_of("name")) {
                let optional = value.text_of("optional") == Some("true");
                let namespace = value.text_of("namespace").unwrap_or(namespace);
                if !optional && !namespace.is_empty() {
                    self.want(kind, namespace, name);
                }
            } else if let ("claimName" | "secretName", Some(name)) = (text, value.text()) {
                let kind = if text == "claimName" { "PersistentVolumeClaim" } else { "Secret" };
                self.want(kind, namespace, name);
            }
            self.read_references(value, namespace);
        }
        for item in node.items() {
            self.read_references(item, namespace);
        }
    }
}

fn flux(document: &Node, name: &str) -> FluxFacts {
    let depends_on = document.at(&["spec", "dependsOn"]).map_or(&[][..], Node::items);
    FluxFacts {
        name: name.to_owned(),
        path: document.at(&["spec", "path"]).and_then(Node::text).unwrap_or_default().to_owned(),
        depends_on: depends_on.iter().filter_map(|unit| unit.text_of("name").map(str::to_owned)).collect(),
    }
}
