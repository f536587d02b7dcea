//! The connections that the pods of an app accept and open.

use crate::AppMaker;
use crate::pods::{lan_ports, service_ports};
use model::contract::{DATABASE_LABEL, USES_LABEL};
use model::{Label, Manifest, NetworkPolicy, Passage, Peer, PolicyPort};
use spec::types::{AddressBlock, Name};
use spec::{App, ContainerApp, EnvValue, HelmApp, Metrics};
use std::collections::BTreeSet;
use yaml::Value;

/// What the pods of an app are connected with.
pub(crate) struct Network<'a> {
    maker: &'a AppMaker<'a>,
    /// The apps of the same cluster that it uses, by the names of their objects.
    uses: BTreeSet<&'a Name>,
}

impl<'a> Network<'a> {
    /// Derives the connections of an app.
    pub(crate) fn of(maker: &'a AppMaker<'a>) -> Self {
        Self { maker, uses: uses(maker) }
    }

    /// The labels of its namespace by which the policies of what it uses admit it. So a policy lists no users, and
    /// changes of different apps touch no common file.
    pub(crate) fn labels(&self) -> Vec<(String, String)> {
        let mut labels: Vec<_> =
            self.uses.iter().map(|app| (format!("{USES_LABEL}{app}"), "true".to_owned())).collect();
        let database = self.maker.app().database().as_ref();
        let database = database.filter(|database| database.cluster == self.maker.context.name.value);
        labels.extend(database.map(|database| (DATABASE_LABEL.to_owned(), database.database.to_string())));
        labels
    }

    /// The NetworkPolicy of its namespace.
    pub(crate) fn policy(&self) -> Manifest {
        let name = self.maker.name();
        let ingress = [own()].into_iter().chain(self.accepted()).collect();
        let egress = [own(), platform::dns()].into_iter().chain(self.opened()).collect();
        let policy = NetworkPolicy {
            name: name.into(),
            namespace: name.into(),
            pods: Vec::new(),
            ingress: Some(ingress),
            egress: Some(egress),
        };
        platform::policy_manifest(policy, &name.into())
    }

    /// The NetworkPolicy by which the ingress controller reaches an app that shares the network of its node: it has no
    /// pods that a policy could select.
    pub(crate) fn of_ingress(&self) -> Option<Manifest> {
        let app = self.maker.app().container().filter(|app| app.host_network.is_on())?;
        let port = app.port.as_ref().filter(|_| app.expose.is_some() || app.forward_auth.is_some())?;
        let name = self.maker.name();
        let nodes = platform::nodes(self.maker.context, format!("{name}, which shares the network of its node"));
        let policy = NetworkPolicy {
            name: name.into(),
            namespace: platform::INGRESS_NAMESPACE.into(),
            pods: Vec::new(),
            ingress: None,
            egress: Some(vec![nodes.at([PolicyPort::tcp(port.get())])]),
        };
        Some(platform::policy_manifest(policy, &name.into()))
    }

    /// The connections that its pods accept from elsewhere.
    fn accepted(&self) -> Vec<Passage> {
        let context = self.maker.context;
        let app = match self.maker.app() {
            App::Container(app) => app,
            App::Jobs(app) => &app.0,
            App::Helm(app) => return self.accepted_by_chart(app),
        };
        let served = ports(app);
        let from_ingress =
            platform::from_ingress(context).filter(|_| app.expose.is_some() || app.forward_auth.is_some());
        let main = app.port.as_ref().map(|port| PolicyPort::tcp(port.get()));
        let from_ingress = from_ingress.zip(main).map(|(passage, port)| passage.at([port]));
        let users = (!served.is_empty()).then(|| self.users().at(served));
        let metrics = app.metrics.as_ref().and_then(|metrics| metrics_port(app, &metrics.value));
        let scraped = platform::prometheus(context).zip(metrics).map(|(passage, port)| passage.at([port]));
        from_ingress.into_iter().chain(users).chain(from_lan(app)).chain(scraped).collect()
    }

    /// The connections that the pods of a chart accept from elsewhere. Its ports are not known.
    fn accepted_by_chart(&self, app: &HelmApp) -> Vec<Passage> {
        let context = self.maker.context;
        let is_routed = app.expose.is_some() || app.forward_auth.is_some() || mentions(app, "ingress");
        let from_ingress = platform::from_ingress(context).filter(|_| is_routed);
        let everyone = mentions(app, "LoadBalancer").then(|| {
            let all = AddressBlock::known("0.0.0.0/0");
            Passage::new("the LAN, at the load-balancer address of the chart", [Peer::block(all)])
        });
        let prometheus = platform::prometheus(context);
        from_ingress.into_iter().chain([self.users()]).chain(prometheus).chain(everyone).collect()
    }

    /// Connections of the apps that use it.
    fn users(&self) -> Passage {
        let label = Label::new(format!("{USES_LABEL}{}", self.maker.name()), "true");
        Passage::new("apps that use it", [Peer::marked(label)])
    }

    /// The connections that its pods open elsewhere.
    fn opened(&self) -> Vec<Passage> {
        let (app, context) = (self.maker.app(), self.maker.context);
        let network = app.network().as_ref().map(|network| network.value.clone()).unwrap_or_default();
        let mut opened = Vec::new();
        let database = app.database().as_ref().and_then(|reference| context.peer(reference.cluster.as_str()));
        opened.extend(database.and_then(|peer| platform::database(&peer, &context.name.value)));
        opened.extend(self.uses.iter().map(|other| self.to_app(other)));
        if network.internet.is_on() {
            opened.push(platform::internet(context));
            opened.extend(platform::to_ingress(context));
        }
        for target in &network.lan {
            let ports = target.value.port().map(PolicyPort::both);
            let passage = Passage::new("a target in the LAN", [Peer::block(target.value.block())]);
            opened.push(passage.at(ports.into_iter().flatten()));
        }
        // What a chart does with the API depends on its own roles.
        let uses_api = app.container().is_none_or(|app| app.service_account.is_some());
        opened.extend(uses_api.then(|| platform::kubernetes_api(context)));
        opened
    }

    /// Connections to an app of the same cluster.
    fn to_app(&self, other: &Name) -> Passage {
        let context = self.maker.context;
        let container = context.cluster.apps.by_object_name(other.as_str()).and_then(|app| app.value.container());
        match container.filter(|app| app.host_network.is_on()) {
            Some(app) => {
                let nodes = platform::nodes(context, format!("{other}, which shares the network of its node"));
                nodes.at(ports(app))
            }
            None => Passage::new(format!("{other}, which it uses"), [Peer::namespace(other.to_string())]),
        }
    }
}

/// Connections within a namespace.
fn own() -> Passage {
    Passage::new("the same namespace", [Peer::SameNamespace])
}

/// The ports that an app and its sidecars serve to other pods.
fn ports(app: &ContainerApp) -> Vec<PolicyPort> {
    let main = app.port.iter().map(|port| PolicyPort::tcp(port.get()));
    let others = service_ports(app.other_ports().filter(|port| !app.is_main_port(&port.value)));
    main.chain(others.map(|port| PolicyPort::number(port.port, port.protocol))).collect()
}

/// The port that serves the metrics of an app: that of the app, one of its others, or that of a sidecar.
fn metrics_port(app: &ContainerApp, metrics: &Metrics) -> Option<PolicyPort> {
    let Some(name) = &metrics.port else { return app.port.as_ref().map(|port| PolicyPort::tcp(port.get())) };
    let other = app.other_ports().find(|port| port.name.as_str() == name.as_str()).map(|port| &port.value.port);
    let sidecar = || app.sidecars.get(name.as_str())?.value.port.as_ref();
    other.or_else(sidecar).map(|port| PolicyPort::tcp(port.get()))
}

/// Connections to the ports that have an address in the LAN. Their clients have any address: routers forward to these
/// ports, and for some of them another node replaces the address.
fn from_lan(app: &ContainerApp) -> Option<Passage> {
    let ports: Vec<_> = lan_ports(app).into_iter().map(|port| PolicyPort::number(port.port, port.protocol)).collect();
    (!ports.is_empty()).then(|| Passage::new("any client of its address in the LAN", []).at(ports))
}

/// Whether Helm values have a key or a value with this text.
pub(crate) fn mentions(app: &HelmApp, text: &str) -> bool {
    let mut found = false;
    app.helm.values.iter().for_each(|(key, value)| {
        found |= key == text;
        walk(value, &mut |word| found |= word == text);
    });
    found
}

/// Visits all keys and texts of a value.
fn walk<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str)) {
    match value {
        Value::Map(entries) => entries.iter().for_each(|(key, value)| {
            visit(key);
            walk(value, visit);
        }),
        Value::Seq(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => value.as_str().into_iter().for_each(visit),
    }
}

/// The apps of the same cluster that an app uses, by the names of their objects: those that it lists, and those whose
/// address is in its settings.
fn uses<'a>(maker: &'a AppMaker<'a>) -> BTreeSet<&'a Name> {
    let app = maker.app();
    let apps = &maker.context.cluster.apps;
    let listed = app.network().iter().flat_map(|network| &network.value.apps).chain(app.depends_on());
    let mut found: BTreeSet<&Name> = listed.filter_map(|other| Some(apps.get(other.as_str())?.object_name())).collect();
    let mut read = |text: &str| {
        found.extend(addressed(text).filter_map(|name| Some(apps.by_object_name(name)?.object_name())));
    };
    for (.., value) in app.variables() {
        if let EnvValue::Text(text) = &value.value {
            read(text);
        }
    }
    match (app.container(), app) {
        (Some(container), _) => {
            for parts in container.containers() {
                parts.command.iter().chain(parts.args).for_each(|text| read(text));
            }
            maker.texts(container).iter().for_each(|(_, text)| read(text));
        }
        (None, App::Helm(app)) => app.helm.values.values().for_each(|value| walk(value, &mut |text| read(text))),
        (None, _) => {}
    }
    found.remove(maker.name());
    found
}

/// The namespaces of the addresses of Services in a text: `SERVICE.NAMESPACE.svc`, or `NAME.NAME`.
fn addressed(text: &str) -> impl Iterator<Item = &str> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    text.split(move |c| !is_of_a_name(c)).filter_map(|host| {
        let mut labels = host.split('.');
        let (service, namespace, next) = (labels.next()?, labels.next()?, labels.next());
        (next == Some("svc") || service == namespace).then_some(namespace)
    })
}

#[cfg(test)]
mod tests {
    use super::addressed;

    #[test]
    fn finds_the_namespaces_of_services() {
        for (text, namespaces) in [
            ("mqtt://mosquitto.mosquitto.svc:1883", &["mosquitto"][..]),
            ("db-rw.db.svc.cluster.local", &["db"]),
            ("http://one.one:80,http://two.two.svc", &["one", "two"]),
            ("one.two", &[]),
            ("https://photos.example.com/svc", &[]),
            ("1.1.1.1", &["1"]),
            ("svc", &[]),
            ("", &[]),
        ] {
            assert_eq!(addressed(text).collect::<Vec<_>>(), namespaces, "{text}");
        }
    }
}
