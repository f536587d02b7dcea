//! Workloads of Kubernetes itself: Deployments and the like, with the Services and routes that lead to them.

use crate::files::{Place, Remark};
use crate::kustomize::{shown, split_image};
use crate::objects::{Object, Objects};
use crate::read::line_of;
use crate::workload::{
    Amounts, Check, Container, ContainerPort, Controller, EnvFrom, EnvValue, Image, Mount, Pod, Probe, Route, Rule,
    Runs, Security, Service, ServicePort, Source, Variable, Volume, Workload,
};
use yaml::Node;

/// Reads a workload. The error says why it cannot be one.
pub(crate) fn read(object: &Object, objects: &Objects) -> Result<Workload, String> {
    let (runs, spec) = match object.kind.as_str() {
        "Deployment" => (Runs::Always, object.get(&["spec"])),
        "StatefulSet" => (Runs::InOrder, object.get(&["spec"])),
        "DaemonSet" => (Runs::OnEachNode, object.get(&["spec"])),
        "CronJob" => (Runs::OnSchedule, object.get(&["spec", "jobTemplate", "spec"])),
        _ => (Runs::Once, object.get(&["spec"])),
    };
    let template = spec.and_then(|spec| spec.get("template")).ok_or("it has no pod template")?;
    let reader = Reader { path: &object.at.path };
    let mut pod = reader.pod(template.get("spec").ok_or("its pod template has no `spec`")?);
    for claim in spec.and_then(|spec| spec.get("volumeClaimTemplates")).map_or(&[][..], Node::items) {
        pod.volumes.push(Volume {
            name: claim.at(&["metadata", "name"]).and_then(Node::text).unwrap_or_default().to_owned(),
            source: new_claim(claim.get("spec")),
            at: reader.place(claim),
        });
    }
    if let Some(account) = pod.account.clone() {
        add_rules(&mut pod, &account, object, objects);
    }
    if let Some(networks) = template.at(&["metadata", "annotations", NETWORKS]) {
        pod.dropped.push((NETWORKS.to_owned(), reader.place(networks)));
    }
    if object.kind == "CronJob" {
        for key in ["suspend", "timeZone"] {
            let set = reader.dropped(object.get(&["spec"]).unwrap_or(&object.node), &[key]);
            pod.dropped.extend(set);
        }
    }
    let labels = template.at(&["metadata", "labels"]).map_or(&[][..], Node::entries);
    let services = services(labels, &object.namespace, objects);
    let routes = routes(&services, &object.namespace, objects);
    let controller = Controller {
        name: object.name.clone(),
        runs,
        schedule: object.text(&["spec", "schedule"]).map(ToOwned::to_owned),
        replicas: spec.and_then(|spec| number(spec.get("replicas")?)),
        pod,
        at: object.at.clone(),
    };
    let services = services.into_iter().map(|(_, service)| service).collect();
    let metrics = metrics_of(&object.namespace, &object.name, labels, objects);
    let (name, namespace) = (object.name.clone(), object.namespace.clone());
    Ok(Workload {
        name,
        namespace,
        controllers: vec![controller],
        services,
        routes,
        metrics,
        remarks: object.remarks.clone(),
    })
}

/// The Services that select pods with these labels.
fn services<'a>(labels: &[(Node, Node)], namespace: &str, objects: &'a Objects) -> Vec<(&'a Object, Service)> {
    let found = objects.of_kind("Service").filter(|(_, service)| {
        let selector = service.get(&["spec", "selector"]).map_or(&[][..], Node::entries);
        let has = |(key, value): &(Node, Node)| {
            labels.iter().any(|(own, label)| own.text() == key.text() && label.text() == value.text())
        };
        service.namespace == namespace && !selector.is_empty() && selector.iter().all(has)
    });
    found.map(|(at, object)| (objects.mark(at, object), service(object))).collect()
}

/// Reads a Service.
pub(crate) fn service(object: &Object) -> Service {
    let spec = object.get(&["spec"]);
    let annotations = object.get(&["metadata", "annotations"]);
    let ports = spec.and_then(|spec| spec.get("ports")).map_or(&[][..], Node::items);
    Service {
        name: object.name.clone(),
        controller: None,
        is_lan: spec.and_then(|spec| spec.text_of("type")) == Some("LoadBalancer"),
        address: address(annotations, spec),
        ports: ports.iter().filter_map(service_port).collect(),
        at: object.at.clone(),
    }
}

/// Annotations with the address of a Service of the type `LoadBalancer`.
const ADDRESSES: [&str; 8] = [
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/loadBalancerIPs",
    "lbipam.cilium.io/ips",
    "io.cilium/lb-ipam-ips",
    "kube-vip.io/loadbalancerIPs",
    "purelb.io/addresses",
    "coredns.io/ip",
    "svccontroller.k3s.cattle.io/ips",
];

/// The address of a Service on the LAN.
pub(crate) fn address(annotations: Option<&Node>, spec: Option<&Node>) -> Option<String> {
    let annotated = ADDRESSES.iter().find_map(|key| annotations?.text_of(key));
    let address = annotated.or_else(|| spec?.text_of("loadBalancerIP"))?;
    let first = address.split(',').map(str::trim).find(|part| part.contains('.') || part.contains('$'))?;
    Some(first.to_owned())
}

fn service_port(node: &Node) -> Option<ServicePort> {
    let port = port_number(node.get("port")?)?;
    let name = node.text_of("name").unwrap_or_default();
    let protocol = node.text_of("protocol").unwrap_or("TCP");
    Some(ServicePort {
        name: name.to_owned(),
        port,
        target: node.text_of("targetPort").map_or_else(|| port.to_string(), ToOwned::to_owned),
        udp: protocol.eq_ignore_ascii_case("UDP"),
        https: node.text_of("appProtocol").is_some_and(|text| text.to_ascii_lowercase().ends_with("https")),
    })
}

/// The Ingresses and HTTPRoutes that lead to Services.
fn routes(services: &[(&Object, Service)], namespace: &str, objects: &Objects) -> Vec<Route> {
    let mut routes = Vec::new();
    for (_, service) in services {
        routes.extend(routes_to(&service.name, namespace, objects));
    }
    routes
}

/// The Ingresses and HTTPRoutes that lead to a Service.
pub(crate) fn routes_to(service: &str, namespace: &str, objects: &Objects) -> Vec<Route> {
    let mut routes = Vec::new();
    for (at, object) in objects.of_kind("Ingress").filter(|(_, object)| object.namespace == namespace) {
        if let Some(route) = ingress_route(object, service) {
            objects.mark(at, object);
            routes.push(route);
        }
    }
    for (at, object) in objects.of_kind("HTTPRoute").filter(|(_, object)| object.namespace == namespace) {
        if let Some(route) = http_route(object, service) {
            objects.mark(at, object);
            routes.push(route);
        }
    }
    routes
}

fn ingress_route(object: &Object, service: &str) -> Option<Route> {
    let spec = object.get(&["spec"])?;
    let mut hosts = Vec::new();
    let mut port = None;
    let mut remarks = Vec::new();
    for rule in spec.get("rules").map_or(&[][..], Node::items) {
        for path in rule.at(&["http", "paths"]).map_or(&[][..], Node::items) {
            let backend = path.at(&["backend", "service"]);
            if backend.and_then(|backend| backend.text_of("name")) != Some(service) {
                continue;
            }
            hosts.extend(rule.text_of("host").map(ToOwned::to_owned));
            let found = backend.and_then(|backend| {
                backend.at(&["port", "number"]).or_else(|| backend.at(&["port", "name"])).and_then(Node::text)
            });
            port = port.or(found.map(ToOwned::to_owned));
            if let Some(path) = path.text_of("path").filter(|path| *path != "/") {
                remarks.push(format!("the path `{}` of its host: the spec exposes the whole host", shown(path)));
            }
        }
    }
    if port.is_none() && hosts.is_empty() {
        return None;
    }
    let annotations = object.get(&["metadata", "annotations"]);
    remarks.extend(sign_in(annotations));
    let gateway = spec.text_of("ingressClassName").or_else(|| annotations?.text_of("kubernetes.io/ingress.class"));
    let https = annotations.is_some_and(|annotations| {
        annotations
            .text_of("nginx.ingress.kubernetes.io/backend-protocol")
            .is_some_and(|text| text.starts_with("HTTPS"))
    });
    let gateway = gateway.map(ToOwned::to_owned);
    Some(Route { hosts, service: Some(service.to_owned()), port, remarks, gateway, https, at: object.at.clone() })
}

/// What an Ingress requires of users.
pub(crate) fn sign_in(annotations: Option<&Node>) -> Option<String> {
    let keys = [
        "nginx.ingress.kubernetes.io/auth-url",
        "nginx.ingress.kubernetes.io/auth-type",
        "nginx.ingress.kubernetes.io/auth-snippet",
    ];
    let has = |key: &&str| annotations.is_some_and(|annotations| annotations.get(key).is_some());
    keys.iter().any(has).then(|| "the sign-in that its ingress requires: set `expose.login`".to_owned())
}

fn http_route(object: &Object, service: &str) -> Option<Route> {
    let spec = object.get(&["spec"])?;
    let mut found = None;
    let mut remarks = Vec::new();
    for rule in spec.get("rules").map_or(&[][..], Node::items) {
        let backends = rule.get("backendRefs").map_or(&[][..], Node::items);
        let backend = backends.iter().find(|backend| backend.text_of("name") == Some(service));
        let Some(backend) = backend else { continue };
        found = found.or_else(|| Some(backend.text_of("port").map(ToOwned::to_owned)));
        remarks.extend(conditions(rule));
    }
    let hosts = spec.get("hostnames").map_or(&[][..], Node::items).iter().filter_map(Node::text);
    let gateway = spec.get("parentRefs").map_or(&[][..], Node::items).first().and_then(|parent| parent.text_of("name"));
    Some(Route {
        hosts: hosts.map(ToOwned::to_owned).collect(),
        service: Some(service.to_owned()),
        port: found?,
        remarks,
        gateway: gateway.map(ToOwned::to_owned),
        https: false,
        at: object.at.clone(),
    })
}

/// The conditions and filters of a rule of a route, which the spec does not have.
pub(crate) fn conditions(rule: &Node) -> Vec<String> {
    let mut remarks = Vec::new();
    for found in rule.get("matches").map_or(&[][..], Node::items) {
        let path = found.at(&["path", "value"]).and_then(Node::text);
        if let Some(path) = path.filter(|path| *path != "/") {
            remarks.push(format!("the path `{}` of its host: the spec exposes the whole host", shown(path)));
        }
    }
    for filter in rule.get("filters").map_or(&[][..], Node::items) {
        remarks.push(format!("the filter `{}` of its route", shown(filter.text_of("type").unwrap_or("of a route"))));
    }
    remarks
}

/// The path and port of the metrics of a workload with such a ServiceMonitor or PodMonitor.
fn metrics_of(
    namespace: &str,
    name: &str,
    labels: &[(Node, Node)],
    objects: &Objects,
) -> Option<(Option<String>, Option<String>)> {
    let monitors = [("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")];
    monitors.iter().find_map(|(kind, list)| {
        objects.of_kind(kind).find_map(|(at, object)| {
            let selector = object.get(&["spec", "selector", "matchLabels"]).map_or(&[][..], Node::entries);
            let has = |(key, value): &(Node, Node)| {
                labels.iter().any(|(own, label)| own.text() == key.text() && label.text() == value.text())
            };
            let is_it = object.name == name || !selector.is_empty() && selector.iter().all(has);
            let endpoint = object.get(&["spec", list])?.items().first()?;
            let is_it = is_it && object.namespace == namespace;
            is_it.then(|| {
                objects.mark(at, object);
                (endpoint.text_of("path").map(ToOwned::to_owned), endpoint.text_of("port").map(ToOwned::to_owned))
            })
        })
    })
}

/// Adds the rules of the roles that are bound to a ServiceAccount.
fn add_rules(pod: &mut Pod, account: &str, object: &Object, objects: &Objects) {
    for (kind, cluster_wide) in [("RoleBinding", false), ("ClusterRoleBinding", true)] {
        for (at, binding) in objects.of_kind(kind) {
            let subjects = binding.get(&["subjects"]).map_or(&[][..], Node::items);
            let is_subject = |subject: &Node| {
                subject.text_of("name") == Some(account)
                    && subject.text_of("namespace").is_none_or(|namespace| namespace == object.namespace)
            };
            if !subjects.iter().any(is_subject) {
                continue;
            }
            objects.mark(at, binding);
            let role = binding
                .get(&["roleRef"])
                .and_then(|role| objects.find(role.text_of("kind")?, &binding.namespace, role.text_of("name")?));
            match role {
                Some(role) => {
                    pod.rules.extend(rules(role.get(&["rules"]), &mut pod.dropped, &role.at));
                    pod.cluster_wide |= cluster_wide;
                }
                None => {
                    pod.dropped.push((format!("the role of its account, from {}", binding.name), binding.at.clone()));
                }
            }
        }
    }
    objects.find("ServiceAccount", &object.namespace, account);
}

/// Reads RBAC rules.
pub(crate) fn rules(node: Option<&Node>, dropped: &mut Vec<(String, Place)>, at: &Place) -> Vec<Rule> {
    let mut rules = Vec::new();
    for rule in node.map_or(&[][..], Node::items) {
        let list =
            |key| rule.get(key).map_or(&[][..], Node::items).iter().filter_map(Node::text).map(ToOwned::to_owned);
        let groups: Vec<String> = list("apiGroups").filter(|group| !group.is_empty()).collect();
        let (resources, verbs): (Vec<_>, Vec<_>) = (list("resources").collect(), list("verbs").collect());
        if rule.get("resourceNames").is_some() || resources.is_empty() || verbs.is_empty() {
            let line = line_of(rule).max(1);
            dropped.push((
                "an RBAC rule with `resourceNames` or `nonResourceURLs`".to_owned(),
                Place { line, ..at.clone() },
            ));
            continue;
        }
        rules.push(Rule { groups, resources, verbs });
    }
    rules
}

/// A claim that a workload creates.
pub(crate) fn new_claim(spec: Option<&Node>) -> Source {
    let size = spec.and_then(|spec| spec.at(&["resources", "requests", "storage"])).and_then(Node::text);
    let modes = spec.and_then(|spec| spec.get("accessModes")).map_or(&[][..], Node::items);
    let shared = modes.iter().any(|mode| mode.text() == Some("ReadWriteMany"));
    Source::NewClaim { size: size.map(ToOwned::to_owned), shared }
}

/// A whole number.
pub(crate) fn number(node: &Node) -> Option<u32> {
    node.text()?.parse().ok()
}

/// The number of a port.
pub(crate) fn port_number(node: &Node) -> Option<u16> {
    node.text()?.parse().ok().filter(|port| *port > 0)
}

/// Whether a value is `true`.
pub(crate) fn is_true(node: Option<&Node>) -> bool {
    node.and_then(Node::text) == Some("true")
}

/// Whether a value is `false`.
pub(crate) fn is_false(node: Option<&Node>) -> bool {
    node.and_then(Node::text) == Some("false")
}

/// The texts of a list, or a single text.
pub(crate) fn texts(node: Option<&Node>) -> Vec<String> {
    match node {
        Some(node) if !node.items().is_empty() => {
            node.items().iter().filter_map(Node::text).map(ToOwned::to_owned).collect()
        }
        Some(node) => node.text().filter(|text| !text.is_empty()).map(ToOwned::to_owned).into_iter().collect(),
        None => Vec::new(),
    }
}

/// Fields of a pod that change what it does, and that the spec does not carry over.
pub(crate) const DROPPED: [&str; 12] = [
    "affinity",
    "dnsConfig",
    "dnsPolicy",
    "hostAliases",
    "hostIPC",
    "hostPID",
    "hostname",
    "nodeSelector",
    "priorityClassName",
    "runtimeClassName",
    "shareProcessNamespace",
    "tolerations",
];

/// Fields of a container that change what it does, and that the spec does not carry over.
pub(crate) const OF_CONTAINERS: [&str; 4] = ["lifecycle", "volumeDevices", "workingDir", "stdin"];

/// The annotation with the networks of a pod besides that of the cluster.
pub(crate) const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";

/// Reads pods of one file.
pub(crate) struct Reader<'a> {
    pub(crate) path: &'a str,
}

impl Reader<'_> {
    pub(crate) fn place(&self, node: &Node) -> Place {
        Place { path: self.path.to_owned(), line: line_of(node).max(1) }
    }

    fn pod(&self, spec: &Node) -> Pod {
        let list = |key| spec.get(key).map_or(&[][..], Node::items).iter();
        let account = spec.text_of("serviceAccountName").or_else(|| spec.text_of("serviceAccount"));
        let dropped = self.dropped(spec, &DROPPED);
        Pod {
            containers: list("containers").map(|node| self.container(node)).collect(),
            init: list("initContainers").map(|node| self.container(node)).collect(),
            volumes: list("volumes").map(|node| self.volume(node)).collect(),
            security: security(spec.get("securityContext")),
            host_network: is_true(spec.get("hostNetwork")),
            stop_seconds: spec.get("terminationGracePeriodSeconds").and_then(number),
            account: account.filter(|name| *name != "default").map(ToOwned::to_owned),
            rules: Vec::new(),
            cluster_wide: false,
            dropped,
        }
    }

    /// The fields of a list that are set.
    pub(crate) fn dropped(&self, node: &Node, keys: &[&str]) -> Vec<(String, Place)> {
        let is_set = |node: &&Node| {
            let is_empty = node.entries().is_empty() && node.items().is_empty() && node.text().is_none();
            !node.is_null() && !is_empty && !is_false(Some(node))
        };
        let set = keys.iter().filter_map(|key| Some(((*key).to_owned(), self.place(node.get(key).filter(is_set)?))));
        set.collect()
    }

    fn container(&self, node: &Node) -> Container {
        let list = |key| node.get(key).map_or(&[][..], Node::items).iter();
        let image = node.get("image").and_then(|image| Some(self.image(image.text()?, image)));
        let resources = node.get("resources");
        let mut container = Container {
            name: node.text_of("name").unwrap_or_default().to_owned(),
            at: self.place(node),
            image,
            command: texts(node.get("command")),
            args: texts(node.get("args")),
            env: list("env").filter_map(|node| self.variable(node)).collect(),
            env_from: list("envFrom").filter_map(|node| self.env_from(node)).collect(),
            probes: Vec::new(),
            requests: Amounts::default(),
            limits: Amounts::default(),
            gpu: false,
            security: security(node.get("securityContext")),
            mounts: list("volumeMounts").filter_map(|node| self.mount(node)).collect(),
            ports: list("ports").filter_map(container_port).collect(),
            keeps_running: node.text_of("restartPolicy") == Some("Always"),
            dropped: self.dropped(node, &OF_CONTAINERS),
        };
        set_resources(&mut container, resources, self);
        for (key, is_startup) in [("readinessProbe", false), ("livenessProbe", false), ("startupProbe", true)] {
            container.probes.extend(node.get(key).map(|probe| self.probe(probe, is_startup)));
        }
        container
    }

    pub(crate) fn image(&self, text: &str, node: &Node) -> Image {
        let (name, rest) = split_image(text);
        let (tag, digest) = rest.split_once('@').map_or((rest.as_str(), None), |(tag, digest)| (tag, Some(digest)));
        let tag = tag.strip_prefix(':').filter(|tag| !tag.is_empty());
        Image { name, tag: tag.map(ToOwned::to_owned), digest: digest.map(ToOwned::to_owned), at: self.place(node) }
    }

    pub(crate) fn variable(&self, node: &Node) -> Option<Variable> {
        let name = node.text_of("name")?.to_owned();
        let value = match node.get("valueFrom") {
            Some(from) => value_from(from),
            None => EnvValue::Text(
                node.get("value").filter(|value| !value.is_null()).and_then(Node::text).unwrap_or_default().to_owned(),
            ),
        };
        Some(Variable { name, value, at: self.place(node) })
    }

    pub(crate) fn env_from(&self, node: &Node) -> Option<EnvFrom> {
        let secret = node.get("secretRef");
        let name = secret.or_else(|| node.get("configMapRef"))?.text_of("name")?.to_owned();
        let prefix = node.text_of("prefix").unwrap_or_default().to_owned();
        Some(EnvFrom { secret: secret.is_some(), name, prefix, at: self.place(node) })
    }

    pub(crate) fn probe(&self, node: &Node, is_startup: bool) -> Probe {
        let count = |key, default| node.get(key).and_then(number).unwrap_or(default);
        let seconds = count("failureThreshold", 3).saturating_mul(count("periodSeconds", 10));
        let seconds = seconds.saturating_add(count("initialDelaySeconds", 0));
        let check = if let Some(http) = node.get("httpGet") {
            Check::Http {
                path: http.text_of("path").unwrap_or("/").to_owned(),
                port: http.text_of("port").map(ToOwned::to_owned),
                https: http.text_of("scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
            }
        } else if let Some(exec) = node.get("exec") {
            Check::Command(texts(exec.get("command")))
        } else if node.get("grpc").is_some() {
            Check::Other
        } else {
            Check::Tcp
        };
        Probe { is_startup, check, seconds, at: self.place(node) }
    }

    fn mount(&self, node: &Node) -> Option<Mount> {
        Some(Mount {
            volume: node.text_of("name")?.to_owned(),
            path: node.text_of("mountPath")?.to_owned(),
            sub_path: node.text_of("subPath").filter(|path| !path.is_empty()).map(ToOwned::to_owned),
            read_only: is_true(node.get("readOnly")),
            at: self.place(node),
        })
    }

    pub(crate) fn volume(&self, node: &Node) -> Volume {
        let name = node.text_of("name").unwrap_or_default().to_owned();
        Volume { name, source: source(node), at: self.place(node) }
    }
}

/// The source of a volume of a pod.
pub(crate) fn source(node: &Node) -> Source {
    if let Some(claim) = node.get("persistentVolumeClaim") {
        return Source::Claim(claim.text_of("claimName").unwrap_or_default().to_owned());
    }
    if let Some(nfs) = node.get("nfs") {
        let text = |key| nfs.text_of(key).unwrap_or_default().to_owned();
        return Source::Nfs { server: text("server"), path: text("path") };
    }
    if let Some(scratch) = node.get("emptyDir") {
        let memory = scratch.text_of("medium") == Some("Memory");
        return Source::Scratch { size: scratch.text_of("sizeLimit").map(ToOwned::to_owned), memory };
    }
    if let Some(map) = node.get("configMap") {
        let name = map.text_of("name").unwrap_or_default().to_owned();
        return Source::ConfigMap { name, items: items(map), texts: Vec::new(), inline: false };
    }
    if let Some(secret) = node.get("secret") {
        let name = secret.text_of("secretName").unwrap_or_default().to_owned();
        return Source::Secret { name, items: items(secret) };
    }
    if let Some(host) = node.get("hostPath") {
        return Source::Host(host.text_of("path").unwrap_or_default().to_owned());
    }
    if let Some(claim) = node.at(&["ephemeral", "volumeClaimTemplate", "spec"]) {
        let size = claim.at(&["resources", "requests", "storage"]).and_then(Node::text);
        return Source::Scratch { size: size.map(ToOwned::to_owned), memory: false };
    }
    let kind = node.entries().iter().filter_map(|(key, _)| key.text()).find(|key| *key != "name");
    Source::Other(kind.unwrap_or("nothing").to_owned())
}

/// The keys of a volume, and the names of their files.
pub(crate) fn items(node: &Node) -> Vec<(String, String)> {
    let items = node.get("items").map_or(&[][..], Node::items).iter();
    items.filter_map(|item| Some((item.text_of("key")?.to_owned(), item.text_of("path")?.to_owned()))).collect()
}

/// The value of a variable from another object.
pub(crate) fn value_from(node: &Node) -> EnvValue {
    let reference = |node: &Node| Some((node.text_of("name")?.to_owned(), node.text_of("key")?.to_owned()));
    if let Some((name, key)) = node.get("secretKeyRef").and_then(reference) {
        return EnvValue::Secret { name, key };
    }
    if let Some((name, key)) = node.get("configMapKeyRef").and_then(reference) {
        return EnvValue::ConfigMap { name, key };
    }
    let field = node.at(&["fieldRef", "fieldPath"]).and_then(Node::text);
    EnvValue::Other(
        field.map_or("another source".to_owned(), |field| format!("the field `{}` of its pod", shown(field))),
    )
}

/// Reads the security context of a pod or container.
pub(crate) fn security(node: Option<&Node>) -> Security {
    let Some(node) = node else { return Security::default() };
    let id = |key| node.get(key).and_then(number);
    let added = node.at(&["capabilities", "add"]).map_or(&[][..], Node::items).iter().filter_map(Node::text);
    Security {
        user: id("runAsUser"),
        group: id("runAsGroup"),
        fs_group: id("fsGroup"),
        read_only: is_true(node.get("readOnlyRootFilesystem")),
        privileged: is_true(node.get("privileged")),
        capabilities: added.map(|name| name.trim_start_matches("CAP_").to_owned()).collect(),
    }
}

/// Sets the resources of a container.
pub(crate) fn set_resources(container: &mut Container, node: Option<&Node>, reader: &Reader<'_>) {
    let Some(node) = node else { return };
    let amounts = |key| {
        let amount = |name: &str| node.at(&[key, name]).filter(|value| !value.is_null()).and_then(Node::text);
        Amounts { cpu: amount("cpu").map(ToOwned::to_owned), memory: amount("memory").map(ToOwned::to_owned) }
    };
    container.requests = amounts("requests");
    container.limits = amounts("limits");
    let keys = ["requests", "limits"].iter().filter_map(|key| node.get(key)).flat_map(Node::entries);
    for key in keys.map(|(key, _)| key) {
        match key.text().unwrap_or_default() {
            "cpu" | "memory" | "ephemeral-storage" => {}
            name if name.starts_with("gpu.intel.com/") => container.gpu = true,
            name if container.dropped.iter().any(|(other, _)| other == name) => {}
            name => container.dropped.push((name.to_owned(), reader.place(key))),
        }
    }
    for claim in node.get("claims").map_or(&[][..], Node::items) {
        match claim.text_of("name").unwrap_or_default() {
            name if name.contains("gpu") => container.gpu = true,
            name => container.dropped.push((format!("the resource claim {}", shown(name)), reader.place(claim))),
        }
    }
}

fn container_port(node: &Node) -> Option<ContainerPort> {
    Some(ContainerPort {
        name: node.text_of("name").unwrap_or_default().to_owned(),
        port: port_number(node.get("containerPort")?)?,
        udp: node.text_of("protocol").is_some_and(|protocol| protocol.eq_ignore_ascii_case("UDP")),
    })
}

/// A remark about a workload that a field is not carried over.
pub(crate) fn not_carried_over(what: &str, at: &Place) -> Remark {
    Remark { at: at.clone(), text: format!("not carried over: {what}") }
}
