//! The objects that a manifest creates and refers to, read from its text.

use yaml::Node;

/// The key of an object in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) kind: Box<str>,
    /// Empty if the object is cluster-scoped, or its file does not set a namespace.
    pub(super) namespace: Box<str>,
    pub(super) name: Box<str>,
}

/// Kind, namespace and name of an object.
pub(super) type ObjectName<'a> = (&'a str, &'a str, &'a str);

impl Key {
    pub(super) fn new(kind: &str, namespace: &str, name: &str) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    pub(super) fn parts(&self) -> ObjectName<'_> {
        (&self.kind, &self.namespace, &self.name)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() {
            write!(formatter, "{kind} {name}")
        } else {
            write!(formatter, "{kind} {namespace}/{name}")
        }
    }
}

/// The facts about the objects of one file.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The objects of the file, each with its API group.
    pub(super) objects: Vec<(Key, Box<str>)>,
    /// Objects that controllers create from them: the Secrets of ExternalSecrets, Certificates and Ingresses, and the
    /// resources of ResourceSets.
    pub(super) created: Vec<Key>,
    /// Objects that they refer to, except their namespaces.
    pub(super) references: Vec<Key>,
    /// Of a Flux Kustomization: its path and its dependencies.
    pub(super) flux: Option<Box<FluxFacts>>,
    /// Of a kustomization.yaml: the files that it lists.
    pub(super) resources: Option<Vec<String>>,
    /// Secrets with data, which must not exist.
    pub(super) secrets_with_data: Vec<Key>,
    /// Whether a document is not an object, because it lacks `apiVersion`, `kind` or `metadata.name`.
    pub(super) has_invalid_object: bool,
}

/// The facts about a Flux Kustomization.
#[derive(Debug)]
pub(super) struct FluxFacts {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) depends_on: Vec<UnitKey>,
}

/// A Flux Kustomization that another one depends on.
#[derive(Debug)]
pub(super) struct UnitKey {
    /// None if it is in the same namespace.
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

/// The cluster-scoped kinds that labs commonly use.
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

/// The namespaced kinds that hand-written manifests commonly use. Flux rejects them without a namespace.
pub(super) const NAMESPACED_KINDS: [&str; 30] = [
    "Bucket",
    "Certificate",
    "ConfigMap",
    "CronJob",
    "DaemonSet",
    "Deployment",
    "ExternalSecret",
    "GitRepository",
    "HelmRelease",
    "HelmRepository",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Issuer",
    "Job",
    "Kustomization",
    "LimitRange",
    "NetworkPolicy",
    "OCIRepository",
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
        facts.objects.shrink_to_fit();
        facts.created.shrink_to_fit();
        facts.references.shrink_to_fit();
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
            self.has_invalid_object = true;
            return;
        }
        let given = document.at(&["metadata", "namespace"]).and_then(Node::text);
        let namespace = given.unwrap_or(if CLUSTER_KINDS.contains(&kind) { "" } else { "default" });
        let group = api.rsplit_once('/').map_or("", |(group, _)| group);
        let key = Key::new(kind, given.unwrap_or_default(), name);
        match kind {
            "Secret" => self.check_secret(document, &key),
            "Kustomization" if group == "kustomize.toolkit.fluxcd.io" => {
                let flux = flux(document, name);
                for other in &flux.depends_on {
                    self.add_reference(kind, other.namespace.as_deref().unwrap_or(namespace), &other.name);
                }
                if let Some(source) = document.at(&["spec", "sourceRef"]) {
                    let namespace = source.text_of("namespace").unwrap_or(namespace).to_owned();
                    let (kind, name) = (source.text_of("kind"), source.text_of("name"));
                    self.add_reference(kind.unwrap_or_default(), &namespace, name.unwrap_or_default());
                }
                self.flux = Some(Box::new(flux));
            }
            "HelmRelease" => self.read_release(document, namespace),
            "ExternalSecret" => {
                let target = document.at(&["spec", "target", "name"]).and_then(Node::text).unwrap_or(name);
                self.created.push(Key::new("Secret", namespace, target));
                if let Some(store) = document.at(&["spec", "secretStoreRef"]) {
                    let kind = store.text_of("kind").unwrap_or("SecretStore");
                    let namespace = if kind == "SecretStore" { namespace } else { "" };
                    self.add_reference(kind, namespace, store.text_of("name").unwrap_or_default());
                }
            }
            "Certificate" => self.created.extend(
                document
                    .at(&["spec", "secretName"])
                    .and_then(Node::text)
                    .map(|secret| Key::new("Secret", namespace, secret)),
            ),
            "Ingress" => self.read_ingress(document, namespace),
            "ResourceSet" => self.read_resource_set(document, namespace),
            _ => {}
        }
        if !matches!(kind, "ExternalSecret" | "Certificate" | "HelmRelease" | "Ingress" | "Secret") {
            // cert-manager reads the Secrets of a ClusterIssuer from its own namespace. Other
            // cluster-scoped objects set the namespace next to the name of the Secret.
            let default_namespace = if kind == "ClusterIssuer" { "cert-manager" } else { given.unwrap_or_default() };
            self.read_references(document, default_namespace);
        }
        self.objects.push((key, group.into()));
    }

    fn add_reference(&mut self, kind: &str, namespace: &str, name: &str) {
        if !name.is_empty() {
            self.references.push(Key::new(kind, namespace, name));
        }
    }

    fn check_secret(&mut self, document: &Node, key: &Key) {
        let has_entries = |field: &str| document.get(field).is_some_and(|data| !data.entries().is_empty());
        if has_entries("data") || has_entries("stringData") {
            self.secrets_with_data.push(key.clone());
        }
    }

    fn read_release(&mut self, document: &Node, namespace: &str) {
        let chart_ref = document.at(&["spec", "chartRef"]);
        let source_ref = document.at(&["spec", "chart", "spec", "sourceRef"]);
        for source in chart_ref.into_iter().chain(source_ref) {
            let namespace = source.text_of("namespace").unwrap_or(namespace).to_owned();
            self.add_reference(
                source.text_of("kind").unwrap_or_default(),
                &namespace,
                source.text_of("name").unwrap_or_default(),
            );
        }
        for values in document.at(&["spec", "valuesFrom"]).map_or(&[][..], Node::items) {
            self.add_reference(
                values.text_of("kind").unwrap_or_default(),
                namespace,
                values.text_of("name").unwrap_or_default(),
            );
        }
    }

    /// Reads a ResourceSet. Flux Operator creates its resources; the names of those here are no templates.
    fn read_resource_set(&mut self, document: &Node, namespace: &str) {
        for resource in document.at(&["spec", "resources"]).map_or(&[][..], Node::items) {
            let Some(metadata) = resource.get("metadata") else { continue };
            let (kind, name) = (resource.text_of("kind"), metadata.text_of("name"));
            let namespace = metadata.text_of("namespace").unwrap_or(namespace);
            self.created.push(Key::new(kind.unwrap_or_default(), namespace, name.unwrap_or_default()));
        }
    }

    /// Reads an Ingress. cert-manager creates its Secrets if it has an issuer.
    fn read_ingress(&mut self, document: &Node, namespace: &str) {
        let annotations = document.at(&["metadata", "annotations"]);
        let issuer = annotations.and_then(|annotations| annotations.text_of("cert-manager.io/cluster-issuer"));
        for tls in document.at(&["spec", "tls"]).map_or(&[][..], Node::items) {
            let Some(secret) = tls.text_of("secretName") else { continue };
            match issuer {
                Some(_) => self.created.push(Key::new("Secret", namespace, secret)),
                None => self.add_reference("Secret", namespace, secret),
            }
        }
        if let Some(issuer) = issuer {
            self.add_reference("ClusterIssuer", "", issuer);
        }
        for rule in document.at(&["spec", "rules"]).map_or(&[][..], Node::items) {
            for path in rule.at(&["http", "paths"]).map_or(&[][..], Node::items) {
                if let Some(service) = path.at(&["backend", "service"]).and_then(|service| service.text_of("name")) {
                    self.add_reference("Service", namespace, service);
                }
            }
        }
    }

    /// Reads references by the field names that Kubernetes and the custom resources in use share.
    fn read_references(&mut self, node: &Node, namespace: &str) {
        if let (Some(name), Some(namespace), Some(_)) =
            (node.text_of("name"), node.text_of("namespace"), node.text_of("key"))
        {
            // The CA of a store may be in a ConfigMap.
            let kind = node.text_of("type").filter(|kind| *kind == "ConfigMap").unwrap_or("Secret");
            self.add_reference(kind, namespace, name);
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
                    self.add_reference(kind, namespace, name);
                }
            } else if let ("claimName" | "secretName", Some(name)) = (text, value.text()) {
                let kind = if text == "claimName" { "PersistentVolumeClaim" } else { "Secret" };
                self.add_reference(kind, namespace, name);
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
    let key = |unit: &Node| {
        let namespace = unit.text_of("namespace").map(str::to_owned);
        unit.text_of("name").map(|name| UnitKey { namespace, name: name.to_owned() })
    };
    FluxFacts {
        name: name.to_owned(),
        path: document.at(&["spec", "path"]).and_then(Node::text).unwrap_or_default().to_owned(),
        depends_on: depends_on.iter().filter_map(key).collect(),
    }
}
