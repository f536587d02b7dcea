//! The connections that NetworkPolicies of components and apps allow.
//!
//! The policy engine is the one of k3s, kube-router. It sees a connection after kube-proxy has replaced the address of a
//! Service, so a Service of the same cluster is allowed by the labels of its pods, never by its address. It always
//! accepts connections of a pod's own node, such as those of probes. It does not see pods that share the network of
//! their node.

use crate::component::{Context, Monitor};
use crate::components::cloudnative_pg;
use crate::exposure::INGRESS_NAMESPACE;
use model::{Label, Manifest, NamespaceName, NetworkPolicy, Passage, Peer, PolicyPort, Template};
use spec::platform::{Ingress, Monitoring};
use spec::types::{AddressBlock, Ipv4, Name};
use spec::{Opening, Role};

const POLICY: Template =
    Template { name: "platform/networkpolicy.yaml", source: include_str!("networkpolicy.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: &[Template] = &[POLICY];

/// A namespace of a component whose pods accept only these connections, besides those of their own namespace, and of
/// Prometheus to the ports that it scrapes.
pub struct Closed {
    /// The namespace.
    pub namespace: &'static str,
    /// Other connections that they accept.
    pub ingress: Vec<Passage>,
    /// The connections that they open besides those within their namespace, if that is limited.
    pub egress: Option<Vec<Passage>>,
}

impl Closed {
    /// A namespace whose pods open any connection.
    pub(super) fn new(namespace: &'static str, ingress: impl IntoIterator<Item = Passage>) -> Self {
        Self { namespace, ingress: ingress.into_iter().collect(), egress: None }
    }

    /// Returns the policy.
    pub(super) fn manifest(self, context: &Context<'_>, monitors: &[Monitor], unit: &NamespaceName) -> Manifest {
        let own = || Passage::new("the same namespace", [Peer::SameNamespace]);
        let mut ingress = vec![own()];
        ingress.extend(self.ingress);
        let scraped = monitors.iter().filter(|monitor| monitor.namespace == self.namespace);
        let mut ports: Vec<_> = scraped.map(|monitor| monitor.port).collect();
        ports.sort_unstable();
        ports.dedup();
        if !ports.is_empty() {
            ingress.extend(prometheus(context).map(|passage| passage.at(ports.into_iter().map(PolicyPort::named))));
        }
        let egress = self.egress.map(|passages| [own()].into_iter().chain(passages).collect());
        let policy = NetworkPolicy {
            name: self.namespace.into(),
            namespace: self.namespace.into(),
            pods: Vec::new(),
            ingress: Some(ingress),
            egress,
        };
        policy_manifest(policy, unit)
    }
}

/// Returns the manifest of a policy, for a unit with this namespace.
pub fn policy_manifest(policy: NetworkPolicy, unit: &NamespaceName) -> Manifest {
    let file = if policy.namespace != *unit {
        format!("networkpolicy-{}.yaml", policy.namespace)
    } else if policy.name.as_str() == unit.as_str() {
        "networkpolicy.yaml".to_owned()
    } else {
        format!("networkpolicy-{}.yaml", policy.name)
    };
    Manifest::new("NetworkPolicy", policy.name.clone(), file, POLICY, policy)
}

/// Connections of Prometheus, if the cluster has one.
pub fn prometheus(context: &Context<'_>) -> Option<Passage> {
    // The label that Prometheus and its agent have in common.
    let label = ("operator.prometheus.io/name", "kube-prometheus-stack-prometheus");
    let peer = || Peer::pods("monitoring", label);
    context.get::<Monitoring>().map(|_| Passage::new("Prometheus, which scrapes metrics", [peer()]))
}

/// Connections from or to the ingress controller, if the cluster has one.
fn controller(context: &Context<'_>, purpose: &str) -> Option<Passage> {
    context.get::<Ingress>().map(|_| Passage::new(purpose, [Peer::namespace(INGRESS_NAMESPACE)]))
}

/// Connections from the ingress controller, if the cluster has one.
pub fn from_ingress(context: &Context<'_>) -> Option<Passage> {
    controller(context, "the ingress controller")
}

/// Connections to the ports of the ingress controller, if the cluster has one.
pub fn to_ingress(context: &Context<'_>) -> Option<Passage> {
    let passage = controller(context, "the ingress, where names of the lab lead to")?;
    Some(passage.at([80, 443].map(PolicyPort::tcp)))
}

/// Connections to the DNS server of the cluster.
pub fn dns() -> Passage {
    Passage::new("DNS", [Peer::pods("kube-system", ("k8s-app", "kube-dns"))]).at(PolicyPort::both(53))
}

/// Connections to the Kubernetes API: to its servers, as its Service has no pods.
pub fn kubernetes_api(context: &Context<'_>) -> Passage {
    let servers = context.cluster.nodes.iter().filter(|node| *node.value.role.get() == Role::Server);
    let peers: Vec<_> = servers.map(|node| address(node.value.address.value)).collect();
    Passage::new("the Kubernetes API", peers).at([PolicyPort::tcp(6443)])
}

/// Connections to all nodes of the cluster.
pub fn nodes(context: &Context<'_>, purpose: String) -> Passage {
    let nodes = context.cluster.nodes.iter().map(|node| address(node.value.address.value));
    Passage::new(purpose, nodes.collect::<Vec<_>>())
}

/// Connections of the Kubernetes API to webhooks. It runs on the servers: these have addresses of the cluster network
/// for pods of other nodes.
pub(super) fn webhooks(context: &Context<'_>, ports: impl IntoIterator<Item = u16>) -> Passage {
    let pods = AddressBlock::from(*context.cluster.pods.get());
    Passage::new("the Kubernetes API, which calls webhooks", [Peer::block(pods)])
        .at(ports.into_iter().map(PolicyPort::tcp))
}

/// A single address as a peer.
pub fn address(address: Ipv4) -> Peer {
    Peer::block(AddressBlock::of(address))
}

/// The networks that are not the Internet: those for private use (RFC 1918), of carriers (RFC 6598) and of a link
/// (RFC 3927).
const PRIVATE: [&str; 5] = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"];

/// Connections to the Internet: to all addresses except private ones and those of the lab.
pub fn internet(context: &Context<'_>) -> Passage {
    let network = &context.spec.network;
    let mut except: Vec<AddressBlock> = PRIVATE.iter().map(|block| AddressBlock::known(block)).collect();
    let nodes = context.clusters().flat_map(|peer| &peer.cluster.nodes);
    let interfaces = nodes.flat_map(|node| node.value.interfaces.iter().map(|of| of.value.address.network()));
    let lab = [network.lan.cidr.value]
        .into_iter()
        .chain(context.clusters().flat_map(|peer| [*peer.cluster.pods.get(), *peer.cluster.services.get()]))
        .chain(interfaces);
    let trusted = [Opening::Apps, Opening::Ssh, Opening::Kubernetes].map(|what| network.trusted_for(what));
    for block in lab.map(AddressBlock::from).chain(trusted.into_iter().flatten()) {
        // A network of all addresses would leave no Internet.
        if block.prefix() > 0 && !except.iter().any(|other| other.covers(block)) {
            except.retain(|other| !block.covers(*other));
            except.push(block);
        }
    }
    except.sort_unstable();
    Passage::new("the Internet", [Peer::Block { cidr: AddressBlock::known("0.0.0.0/0"), except }])
}

/// Connections of a cluster to the PostgreSQL of the cluster of `context`. Another cluster connects to its address in
/// the LAN.
pub fn database(context: &Context<'_>, cluster: &Name) -> Option<Passage> {
    cloudnative_pg::passage(context, cluster)
}

/// Connections of Prometheus to all ports of an app for which the user configures monitors, if the cluster has one.
pub fn scraping(context: &Context<'_>, namespace: &NamespaceName) -> Option<Manifest> {
    let passage = prometheus(context)?;
    let policy = NetworkPolicy {
        name: "prometheus".into(),
        namespace: namespace.clone(),
        pods: Vec::new(),
        ingress: Some(vec![passage]),
        egress: None,
    };
    Some(policy_manifest(policy, namespace))
}

/// The pods of namespaces with a label.
pub(super) fn marked(purpose: &str, key: &str, value: &str) -> Passage {
    Passage::new(purpose, [Peer::marked(Label::new(key, value))])
}
