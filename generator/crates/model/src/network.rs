//! NetworkPolicies: which connections pods accept and open.

use crate::names::{NamespaceName, ObjectName, PortName};
use serde::{Serialize, Serializer};
use spec::Protocol;
use spec::types::AddressBlock;

/// A NetworkPolicy.
#[derive(Debug, Clone)]
pub struct NetworkPolicy {
    /// Its name.
    pub name: ObjectName,
    /// Its namespace.
    pub namespace: NamespaceName,
    /// The labels of the pods that it applies to; without any, all pods of the namespace.
    pub pods: Vec<Label>,
    /// The only connections that the pods accept, if that is limited.
    pub ingress: Option<Vec<Passage>>,
    /// The only connections that the pods open, if that is limited.
    pub egress: Option<Vec<Passage>>,
}

impl Serialize for NetworkPolicy {
    /// Serializes the policy as the variables of its template.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Direction<'a> {
            kind: &'static str,
            field: &'static str,
            side: &'static str,
            passages: &'a [Passage],
        }

        #[derive(Serialize)]
        struct Variables<'a> {
            name: &'a ObjectName,
            namespace: &'a NamespaceName,
            pods: &'a [Label],
            directions: Vec<Direction<'a>>,
        }

        fn direction<'a>(
            kind: &'static str,
            field: &'static str,
            side: &'static str,
            passages: Option<&'a [Passage]>,
        ) -> Option<Direction<'a>> {
            passages.map(|passages| Direction { kind, field, side, passages })
        }

        let ingress = direction("Ingress", "ingress", "from", self.ingress.as_deref());
        let egress = direction("Egress", "egress", "to", self.egress.as_deref());
        let directions = ingress.into_iter().chain(egress).collect();
        Variables { name: &self.name, namespace: &self.namespace, pods: &self.pods, directions }.serialize(serializer)
    }
}

/// Connections that a policy allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Passage {
    /// What they are for, as a comment: a phrase without punctuation.
    pub purpose: String,
    /// The other ends; without any, every address.
    pub peers: Vec<Peer>,
    /// The ports at the end that accepts; without any, all ports.
    pub ports: Vec<PolicyPort>,
}

impl Passage {
    /// Connections with these peers, at all ports.
    pub fn new(purpose: impl Into<String>, peers: impl Into<Vec<Peer>>) -> Self {
        Self { purpose: purpose.into(), peers: peers.into(), ports: Vec::new() }
    }

    /// Limits the connections to these ports.
    pub fn at(self, ports: impl IntoIterator<Item = PolicyPort>) -> Self {
        Self { ports: ports.into_iter().collect(), ..self }
    }
}

/// The other end of connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// All pods of the policy's own namespace.
    SameNamespace,
    /// Pods of namespaces with these labels.
    Pods {
        /// The labels of the namespaces.
        namespaces: Vec<Label>,
        /// The labels of the pods; without any, all pods of the namespaces.
        pods: Vec<Label>,
    },
    /// Addresses outside the cluster, and of nodes.
    Block {
        /// The network.
        cidr: AddressBlock,
        /// Parts of the network that are excluded.
        except: Vec<AddressBlock>,
    },
}

impl Peer {
    /// All pods of a namespace.
    pub fn namespace(name: impl Into<String>) -> Self {
        Self::Pods { namespaces: vec![Label::new(NAMESPACE_LABEL, name)], pods: Vec::new() }
    }

    /// The pods of a namespace with a label.
    pub fn pods(namespace: impl Into<String>, (key, value): (&str, &str)) -> Self {
        Self::Pods { namespaces: vec![Label::new(NAMESPACE_LABEL, namespace)], pods: vec![Label::new(key, value)] }
    }

    /// All pods of the namespaces with a label.
    pub fn marked(label: Label) -> Self {
        Self::Pods { namespaces: vec![label], pods: Vec::new() }
    }

    /// All addresses of a network.
    pub fn block(cidr: AddressBlock) -> Self {
        Self::Block { cidr, except: Vec::new() }
    }
}

/// The label with the name of a namespace, which Kubernetes sets.
const NAMESPACE_LABEL: &str = "kubernetes.io/metadata.name";

/// A label of a pod or a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Label {
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Label {
    /// Creates a label.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// A port that a policy allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyPort {
    /// The port.
    pub port: PortOfPod,
    /// The protocol, as Kubernetes spells it.
    pub protocol: &'static str,
}

impl PolicyPort {
    /// A port with its number.
    pub fn number(port: u16, protocol: Protocol) -> Self {
        let protocol = match protocol {
            Protocol::Tcp => "TCP",
            Protocol::Udp => "UDP",
        };
        Self { port: PortOfPod::Number(port), protocol }
    }

    /// A TCP port.
    pub fn tcp(port: u16) -> Self {
        Self::number(port, Protocol::Tcp)
    }

    /// A port for TCP and UDP.
    pub fn both(port: u16) -> [Self; 2] {
        [Self::number(port, Protocol::Tcp), Self::number(port, Protocol::Udp)]
    }

    /// A TCP port of containers, by its name.
    pub fn named(name: impl Into<PortName>) -> Self {
        Self { port: PortOfPod::Name(name.into()), protocol: "TCP" }
    }
}

/// A port of pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum PortOfPod {
    /// By number.
    Number(u16),
    /// By its name in the containers.
    Name(PortName),
}
