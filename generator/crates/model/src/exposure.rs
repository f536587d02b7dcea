//! How something is reached from outside its cluster.

use crate::names::ObjectName;
use spec::types::DomainName;

/// How something is reached by HTTP from outside its cluster.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The host name.
    pub host: DomainName,
    /// Whether the Internet reaches it.
    pub public: bool,
    /// How its connections are encrypted.
    pub tls: Tls,
    /// What its Ingress says to the controller, to cert-manager and to ExternalDNS.
    pub annotations: Vec<Annotation>,
    /// What lets only some networks through, where that is an object of its own.
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

/// A Policy of the ingress that lets only some networks through.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    /// Its name.
    pub name: ObjectName,
    /// The networks.
    pub networks: Vec<String>,
}

/// How connections to a host are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all.
    None,
    /// By a certificate of its own, which this ClusterIssuer gives.
    Own(&'static str),
    /// By the wildcard certificate of the lab's domain.
    Wildcard,
}
