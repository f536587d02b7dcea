//! How apps and components are exposed outside their cluster.

use crate::names::ObjectName;
use spec::types::{AddressBlock, DomainName};

/// How an app or component is exposed outside its cluster by HTTP.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The host name.
    pub host: DomainName,
    /// Whether it is public on the Internet.
    pub public: bool,
    /// How its connections are encrypted.
    pub tls: Tls,
    /// Annotations of its Ingress for the controller, cert-manager and ExternalDNS.
    pub annotations: Vec<Annotation>,
    /// Restricts access to some networks, if the ingress controller has a kind of object for that.
    pub policy: Option<AccessPolicy>,
}

/// An annotation of a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Annotation {
    /// Its key.
    pub key: &'static str,
    /// Its value.
    pub value: String,
}

/// A Policy of the ingress controller that allows only some networks.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    /// Its name.
    pub name: ObjectName,
    /// The allowed networks.
    pub networks: Vec<AddressBlock>,
}

/// How connections to a host are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// No encryption.
    None,
    /// A certificate of its own, from this ClusterIssuer.
    Own(&'static str),
    /// The wildcard certificate of the lab's domain.
    Wildcard,
}
