//! The values of bjw-s' chart app-template, versions 2 to 5, as a workload.

use crate::files::Place;
use crate::native::{
    self, Reader, address, conditions, is_false, is_true, items, number, port_number, rules, security, set_resources,
    sign_in, source, texts, value_from,
};
use crate::objects::Object;
use crate::tpl::{self, Release};
use crate::workload::{
    Amounts, Check, Container, ContainerPort, Controller, EnvFrom, EnvValue, Image, Mount, Pod, Probe, Route, Runs,
    Security, Service, ServicePort, Source, Variable, Volume, Workload,
};
use yaml::{Node, NodeKind};

/// Reads the values of a release. The error says why they cannot be read.
pub(crate) fn read(object: &Object, values: &Node) -> Result<Workload, String> {
    let mut values = values.clone();
    let copy = values.clone();
    let name = object.text(&["spec", "releaseName"]).unwrap_or(&object.name);
    tpl::in_node(&mut values, &Release { name, namespace: &object.namespace, values: &copy });
    let Some(controllers) = values.get("controllers").filter(|node| !node.entries().is_empty()) else {
        let is_old = values.get("image").is_some() || values.get("controller").is_some();
        return Err(match is_old {
            true => "its values are those of app-template 1, which has one `image` and no `controllers`".to_owned(),
            false => "its values have no `controllers`".to_owned(),
        });
    };
    let template = Template { reader: Reader { path: &object.at.path }, values: &values, release: name };
    let mut workload = Workload {
        name: name.to_owned(),
        namespace: object.namespace.clone(),
        controllers: Vec::new(),
        services: template.services(),
        routes: template.routes(),
        metrics: template.metrics(),
        remarks: object.remarks.clone(),
    };
    for (key, node) in controllers.entries().iter().filter(|(_, node)| !is_false(node.get("enabled"))) {
        workload.controllers.push(template.controller(key.text().unwrap_or_default(), node));
    }
    for key in ["networkpolicies", "rawResources", "podMonitor"] {
        if let Some(node) = values.get(key).filter(|node| !node.entries().is_empty()) {
            workload.remarks.push(native::not_carried_over(&format!("`{key}`"), &template.reader.place(node)));
        }
    }
    Ok(workload)
}

/// Merges two mappings: the keys of `over` replace those of `base`.
fn merged(base: Option<&Node>, over: Option<&Node>) -> Option<Node> {
    let (Some(base), Some(over)) = (base, over) else { return base.or(over).cloned() };
    let (NodeKind::Mapping(entries), NodeKind::Mapping(others)) = (&base.kind, &over.kind) else {
        return Some(over.clone());
    };
    let mut entries = entries.clone();
    for (key, value) in others {
        match entries.iter_mut().find(|(name, _)| name.text() == key.text()) {
            Some((_, slot)) => {
                if let Some(node) = merged(Some(slot), Some(value)) {
                    *slot = node;
                }
            }
            None => entries.push((key.clone(), value.clone())),
        }
    }
    Some(Node { span: over.span, kind: NodeKind::Mapping(entries) })
}

struct Template<'a> {
    reader: Reader<'a>,
    values: &'a Node,
    release: &'a str,
}

impl Template<'_> {
    fn place(&self, node: &Node) -> Place {
        self.reader.place(node)
    }

    /// The entries of a mapping in the values that are enabled.
    fn enabled(&self, key: &str) -> impl Iterator<Item = (&str, &Node)> {
        let entries = self.values.get(key).map_or(&[][..], Node::entries).iter();
        entries.filter(|(_, node)| !is_false(node.get("enabled"))).filter_map(|(key, node)| Some((key.text()?, node)))
    }

    fn controller(&self, name: &str, node: &Node) -> Controller {
        let runs = match node.text_of("type").unwrap_or("deployment").to_ascii_lowercase().as_str() {
            "statefulset" => Runs::InOrder,
            "daemonset" => Runs::OnEachNode,
            "cronjob" => Runs::OnSchedule,
            "job" => Runs::Once,
            _ => Runs::Always,
        };
        let options = merged(self.values.get("defaultPodOptions"), node.get("pod"));
        let mut pod = self.pod(options.as_ref());
        let defaults = merged(self.values.get("defaultContainerOptions"), node.get("defaultContainerOptions"));
        for (key, is_init) in [("containers", false), ("initContainers", true)] {
            let containers = node.get(key).map_or(&[][..], Node::entries).iter();
            for (key, container) in containers.filter(|(_, node)| !is_false(node.get("enabled"))) {
                let merged = merged(defaults.as_ref(), Some(container));
                let read = self.container(key.text().unwrap_or_default(), merged.as_ref().unwrap_or(container));
                if is_init { pod.init.push(read) } else { pod.containers.push(read) }
            }
        }
        for (key, persistence) in self.enabled("persistence") {
            self.add_volume(&mut pod, name, key, persistence);
        }
        for claim in node.at(&["statefulset", "volumeClaimTemplates"]).map_or(&[][..], Node::items) {
            self.add_claim(&mut pod, name, claim);
        }
        self.add_rules(&mut pod, node);
        if let Some(cron) = node.get("cronjob") {
            pod.dropped.extend(self.reader.dropped(cron, &["suspend", "timeZone"]));
        }
        Controller {
            name: name.to_owned(),
            runs,
            schedule: node.at(&["cronjob", "schedule"]).and_then(Node::text).map(ToOwned::to_owned),
            replicas: node.get("replicas").and_then(number),
            pod,
            at: self.place(node),
        }
    }

    fn pod(&self, options: Option<&Node>) -> Pod {
        let Some(options) = options else { return Pod::default() };
        let mut dropped = self.reader.dropped(options, &native::DROPPED);
        if let Some(networks) = options.at(&["annotations", native::NETWORKS]) {
            dropped.push((native::NETWORKS.to_owned(), self.place(networks)));
        }
        Pod {
            security: security(options.get("securityContext")),
            host_network: is_true(options.get("hostNetwork")),
            stop_seconds: options.get("terminationGracePeriodSeconds").and_then(number),
            dropped,
            ..Pod::default()
        }
    }

    fn container(&self, name: &str, node: &Node) -> Container {
        let mut container = Container {
            name: node.text_of("nameOverride").unwrap_or(name).to_owned(),
            at: self.place(node),
            image: node.get("image").and_then(|image| self.image(image)),
            command: texts(node.get("command")),
            args: texts(node.get("args")),
            env: self.env(node.get("env")),
            env_from: Vec::new(),
            probes: self.probes(node.get("probes")),
            requests: Amounts::default(),
            limits: Amounts::default(),
            gpu: false,
            security: security(node.get("securityContext")),
            mounts: Vec::new(),
            ports: Vec::new(),
            keeps_running: node.text_of("restartPolicy") == Some("Always"),
            dropped: self.reader.dropped(node, &native::OF_CONTAINERS),
        };
        for from in node.get("envFrom").map_or(&[][..], Node::items) {
            container.env_from.extend(self.env_from(from));
        }
        for port in node.get("ports").map_or(&[][..], Node::items) {
            container.ports.extend(port.get("containerPort").and_then(port_number).map(|number| ContainerPort {
                name: port.text_of("name").unwrap_or_default().to_owned(),
                port: number,
                udp: port.text_of("protocol") == Some("UDP"),
            }));
        }
        set_resources(&mut container, node.get("resources"), &self.reader);
        container
    }

    fn image(&self, node: &Node) -> Option<Image> {
        if let Some(text) = node.text() {
            return Some(self.reader.image(text, node));
        }
        let name = node.text_of("repository")?;
        let name = node.text_of("registry").map_or_else(|| name.to_owned(), |registry| format!("{registry}/{name}"));
        let tag = node.text_of("tag").unwrap_or_default();
        let (tag, digest) = tag.split_once('@').map_or((tag, None), |(tag, digest)| (tag, Some(digest)));
        let digest = node.text_of("digest").or(digest);
        let text = format!("{name}{}{}", if tag.is_empty() { "" } else { ":" }, tag);
        let image = self.reader.image(&text, node.get("tag").unwrap_or(node));
        Some(Image { digest: digest.map(ToOwned::to_owned).or(image.digest), ..image })
    }

    fn env(&self, node: Option<&Node>) -> Vec<Variable> {
        let Some(node) = node else { return Vec::new() };
        if !node.items().is_empty() {
            return node.items().iter().filter_map(|item| self.reader.variable(item)).collect();
        }
        let entries = node.entries().iter();
        let read = entries.filter_map(|(key, value)| {
            let name = key.text()?.to_owned();
            let value_of = |value: &Node| value.text().filter(|_| !value.is_null()).unwrap_or_default().to_owned();
            let read = if let Some(from) = value.get("valueFrom") {
                value_from(from)
            } else if let Some(inner) = value.get("value") {
                EnvValue::Text(value_of(inner))
            } else if value.entries().is_empty() {
                EnvValue::Text(value_of(value))
            } else {
                value_from(value)
            };
            Some(Variable { name, value: read, at: self.place(key) })
        });
        read.collect()
    }

    fn env_from(&self, node: &Node) -> Option<EnvFrom> {
        for (key, list, secret) in [("secretRef", "secrets", true), ("configMapRef", "configMaps", false)] {
            let short = if secret { "secret" } else { "configMap" };
            let Some(reference) = node.get(key).or_else(|| node.get(short)) else { continue };
            let name = match (reference.text(), reference.text_of("identifier")) {
                (Some(name), _) if !name.is_empty() => name.to_owned(),
                (_, Some(identifier)) => self.name_of(list, identifier),
                _ => reference.text_of("name")?.to_owned(),
            };
            let prefix = node.text_of("prefix").unwrap_or_default().to_owned();
            return Some(EnvFrom { secret, name, prefix, at: self.place(node) });
        }
        None
    }

    /// The name of an object that the chart creates.
    fn name_of(&self, list: &str, identifier: &str) -> String {
        let is_only = self.enabled(list).count() == 1;
        let node = self.enabled(list).find(|(key, _)| *key == identifier).map(|(_, node)| node);
        if let Some(name) = node.and_then(|node| node.text_of("forceRename")) {
            return name.to_owned();
        }
        if is_only && list != "configMaps" { self.release.to_owned() } else { format!("{}-{identifier}", self.release) }
    }

    fn probes(&self, node: Option<&Node>) -> Vec<Probe> {
        let mut probes = Vec::new();
        for (key, is_startup) in [("readiness", false), ("liveness", false), ("startup", true)] {
            let Some(probe) = node.and_then(|node| node.get(key)) else { continue };
            if !is_true(probe.get("enabled")) {
                continue;
            }
            let empty = Node { span: probe.span, kind: NodeKind::Mapping(Vec::new()) };
            let mut read = self.reader.probe(probe.get("spec").unwrap_or(&empty), is_startup);
            if !is_true(probe.get("custom")) {
                let kind = probe.text_of("type").unwrap_or("TCP").to_ascii_uppercase();
                read.check = match kind.as_str() {
                    "HTTP" | "HTTPS" => Check::Http {
                        path: probe.text_of("path").unwrap_or("/").to_owned(),
                        port: probe.text_of("port").map(ToOwned::to_owned),
                        https: kind == "HTTPS",
                    },
                    "EXEC" => Check::Command(texts(probe.get("command"))),
                    "GRPC" => Check::Other,
                    _ => Check::Tcp,
                };
            }
            probes.push(Probe { at: self.place(probe), ..read });
        }
        probes
    }

    fn add_volume(&self, pod: &mut Pod, controller: &str, key: &str, node: &Node) {
        let source = self.source(node);
        let path = match &source {
            Source::Host(path) => path.clone(),
            _ => format!("/{key}"),
        };
        let at = self.place(node);
        let mut is_mounted = false;
        let mut mount = |containers: &mut Vec<Container>, only: Option<&str>, mount: Option<&Node>| {
            for container in containers.iter_mut().filter(|container| only.is_none_or(|name| container.name == name)) {
                let text = |key| mount.and_then(|mount| mount.text_of(key));
                container.mounts.push(Mount {
                    volume: key.to_owned(),
                    path: text("path").unwrap_or(&path).to_owned(),
                    sub_path: text("subPath").filter(|path| !path.is_empty()).map(ToOwned::to_owned),
                    read_only: is_true(mount.and_then(|mount| mount.get("readOnly"))),
                    at: mount.map_or_else(|| at.clone(), |mount| self.place(mount)),
                });
                is_mounted = true;
            }
        };
        let (global, advanced) = (node.get("globalMounts"), node.get("advancedMounts"));
        let global_mounts = global.map_or(&[][..], Node::items);
        for item in global_mounts {
            mount(&mut pod.containers, None, Some(item));
            mount(&mut pod.init, None, Some(item));
        }
        if global_mounts.is_empty() && advanced.is_none_or(|node| node.entries().is_empty()) {
            mount(&mut pod.containers, None, None);
            mount(&mut pod.init, None, None);
        }
        let own = advanced.and_then(|node| node.get(controller)).map_or(&[][..], Node::entries);
        for (container, mounts) in own {
            for item in mounts.items() {
                mount(&mut pod.containers, container.text(), Some(item));
                mount(&mut pod.init, container.text(), Some(item));
            }
        }
        if is_mounted {
            pod.volumes.push(Volume { name: key.to_owned(), source, at });
        }
    }

    fn source(&self, node: &Node) -> Source {
        let text = |key| node.text_of(key).filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        let kind = node.text_of("type").unwrap_or("persistentVolumeClaim");
        match kind {
            "nfs" => Source::Nfs { server: text("server").unwrap_or_default(), path: text("path").unwrap_or_default() },
            "emptyDir" => Source::Scratch { size: text("sizeLimit"), memory: node.text_of("medium") == Some("Memory") },
            "hostPath" => Source::Host(text("hostPath").unwrap_or_default()),
            "configMap" => {
                let identifier = node.text_of("identifier").or_else(|| {
                    let name = node.text_of("name")?;
                    self.enabled("configMaps")
                        .map(|(key, _)| key)
                        .find(|key| self.name_of("configMaps", key) == name || name == self.release)
                });
                let own = identifier.and_then(|identifier| self.values.at(&["configMaps", identifier, "data"]));
                let name =
                    identifier.map_or_else(|| text("name").unwrap_or_default(), |key| self.name_of("configMaps", key));
                let texts = own.map_or(&[][..], Node::entries).iter();
                let texts = texts.filter_map(|(key, value)| Some((key.text()?.to_owned(), value.text()?.to_owned())));
                Source::ConfigMap { name, items: items(node), texts: texts.collect(), inline: own.is_some() }
            }
            "secret" => {
                let name = node.text_of("identifier").map(|key| self.name_of("secrets", key)).or_else(|| text("name"));
                Source::Secret { name: name.unwrap_or_default(), items: items(node) }
            }
            "persistentVolumeClaim" | "pvc" => match text("existingClaim") {
                Some(claim) => Source::Claim(claim),
                None => {
                    Source::NewClaim { size: text("size"), shared: node.text_of("accessMode") == Some("ReadWriteMany") }
                }
            },
            "custom" => node.get("volumeSpec").map_or(Source::Other("custom".to_owned()), source),
            other => Source::Other(other.to_owned()),
        }
    }

    fn add_claim(&self, pod: &mut Pod, controller: &str, node: &Node) {
        let name = node.text_of("name").unwrap_or("data");
        self.add_volume(pod, controller, name, node);
    }

    fn add_rules(&self, pod: &mut Pod, controller: &Node) {
        let roles: Vec<_> = self.values.at(&["rbac", "roles"]).map_or(&[][..], Node::entries).iter().collect();
        let account =
            controller.at(&["serviceAccount", "identifier"]).or_else(|| controller.at(&["serviceAccount", "name"]));
        let only = self.values.get("controllers").map_or(0, |node| node.entries().len()) == 1;
        if roles.is_empty() || account.is_none() && !only {
            return;
        }
        for (_, role) in roles {
            let at = self.place(role);
            pod.rules.extend(rules(role.get("rules"), &mut pod.dropped, &at));
            pod.cluster_wide |= role.text_of("type") == Some("ClusterRole");
        }
        pod.account = Some(self.release.to_owned());
    }

    fn services(&self) -> Vec<Service> {
        let services: Vec<_> = self.enabled("service").collect();
        let primary = services.iter().position(|(_, node)| is_true(node.get("primary"))).unwrap_or(0);
        let read = services.iter().enumerate().map(|(at, (key, node))| {
            let name = node.text_of("forceRename").map(ToOwned::to_owned);
            let is_main = services.len() == 1 || at == primary;
            let name = name
                .unwrap_or_else(|| if is_main { self.release.to_owned() } else { format!("{}-{key}", self.release) });
            let ports = node.get("ports").map_or(&[][..], Node::entries).iter();
            let ports = ports.filter(|(_, port)| !is_false(port.get("enabled")));
            Service {
                name,
                controller: node.text_of("controller").map(ToOwned::to_owned),
                is_lan: node.text_of("type") == Some("LoadBalancer"),
                address: address(node.get("annotations"), Some(node)),
                ports: ports.filter_map(|(key, port)| service_port(key.text()?, port)).collect(),
                at: self.place(node),
            }
        });
        read.collect()
    }

    fn routes(&self) -> Vec<Route> {
        let ingresses = self.enabled("ingress").flat_map(|(_, node)| self.ingress(node));
        let routes = self.enabled("route").filter(|(_, node)| matches!(node.text_of("kind"), None | Some("HTTPRoute")));
        ingresses.chain(routes.map(|(_, node)| self.route(node))).collect()
    }

    fn ingress(&self, node: &Node) -> Vec<Route> {
        let annotations = node.get("annotations");
        let hosts = node.get("hosts").map_or(&[][..], Node::items).iter();
        let read = hosts.filter_map(|host| {
            let paths = host.get("paths").map_or(&[][..], Node::items);
            let service = paths.first().and_then(|path| path.get("service"));
            let remarks = paths.iter().filter_map(|path| path.text_of("path")).filter(|path| *path != "/");
            let remarks = remarks.map(|path| format!("the path `{path}` of its host: the spec exposes the whole host"));
            Some(Route {
                hosts: vec![host.text_of("host")?.to_owned()],
                service: self.service_name(service),
                port: service.and_then(|service| service.text_of("port")).map(ToOwned::to_owned),
                remarks: remarks.chain(sign_in(annotations)).collect(),
                gateway: node.text_of("className").map(ToOwned::to_owned),
                https: annotations.is_some_and(|annotations| {
                    annotations.text_of("nginx.ingress.kubernetes.io/backend-protocol") == Some("HTTPS")
                }),
                at: self.place(host),
            })
        });
        read.collect()
    }

    fn route(&self, node: &Node) -> Route {
        let rules = node.get("rules").map_or(&[][..], Node::items);
        let backend = rules.iter().find_map(|rule| rule.get("backendRefs")?.items().first());
        let hosts = node.get("hostnames").map_or(&[][..], Node::items).iter().filter_map(Node::text);
        let gateway = node.get("parentRefs").and_then(|parents| parents.items().first()?.text_of("name"));
        Route {
            hosts: hosts.map(ToOwned::to_owned).collect(),
            service: self.service_name(backend),
            port: backend.and_then(|backend| backend.text_of("port")).map(ToOwned::to_owned),
            remarks: rules.iter().flat_map(conditions).collect(),
            gateway: gateway.map(ToOwned::to_owned),
            https: false,
            at: self.place(node),
        }
    }

    /// The name of the Service that a route leads to.
    fn service_name(&self, node: Option<&Node>) -> Option<String> {
        let node = node?;
        if let Some(identifier) = node.text_of("identifier") {
            let services = self.services();
            let at = self.enabled("service").position(|(key, _)| key == identifier)?;
            return Some(services.get(at)?.name.clone());
        }
        node.text_of("name").map(ToOwned::to_owned)
    }

    fn metrics(&self) -> Option<(Option<String>, Option<String>)> {
        let (_, monitor) = self.enabled("serviceMonitor").next()?;
        let endpoint = monitor.get("endpoints")?.items().first()?;
        let text = |key| endpoint.text_of(key).map(ToOwned::to_owned);
        Some((text("path"), text("port")))
    }
}

fn service_port(name: &str, node: &Node) -> Option<ServicePort> {
    let port = port_number(node.get("port")?)?;
    let protocol = node.text_of("protocol").unwrap_or("TCP");
    Some(ServicePort {
        name: name.to_owned(),
        port,
        target: node.text_of("targetPort").map_or_else(|| port.to_string(), ToOwned::to_owned),
        udp: protocol == "UDP",
        https: protocol == "HTTPS",
    })
}

/// The settings of a container, over those of its pod.
pub(crate) fn effective(container: &Security, pod: &Security) -> Security {
    Security {
        user: container.user.or(pod.user),
        group: container.group.or(pod.group),
        fs_group: pod.fs_group,
        ..container.clone()
    }
}
