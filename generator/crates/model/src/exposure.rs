//! How apps and components are exposed outside their cluster.

use crate::names::ObjectName;
use crate::object::ObjectId;
use diagnostic::Span;
use spec::types::{AddressBlock, DomainName};

/// How an app or component is exposed outside its cluster by HTTP.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// The host name.
    pub host: DomainName,
    /// Other host names.
    pub aliases: Vec<DomainName>,
    /// Whether it is public on the Internet.
    pub public: bool,
    /// How its connections are encrypted.
    pub tls: Tls,
    /// Annotations of its Ingress for the controller, cert-manager and ExternalDNS.
    pub annotations: Vec<Annotation>,
    /// Restricts access to some networks, if the ingress controller has a kind of object for that.
    pub policy: Option<AccessPolicy>,
    /// The annotation that restricts access, if access is restricted.
    pub guard: Option<Guard>,
}

/// An annotation that admits only some networks. Patches and Helm values must not remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Its key, then other keys that the controller reads in its place.
    pub keys: &'static [&'static str],
    /// Its value.
    pub value: String,
    /// Whether the value is a list of policies, to which others can be added.
    pub is_list: bool,
}

/// A guard in an object of a unit.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// The object.
    pub object: ObjectId,
    /// The path of its annotations.
    pub path: &'static [&'static str],
    /// The annotation.
    pub guard: Guard,
    /// The place of the spec that exposes it.
    pub span: Span,
}

impl Exposure {
    /// Its host names: the main one, then the others.
    pub fn hosts(&self) -> impl Iterator<Item = &DomainName> {
        [&self.host].into_iter().chain(&self.aliases)
    }

    /// The guard in an Ingress, if access to it is restricted.
    pub fn guarded(&self, ingress: impl Into<ObjectName>, span: Span) -> Option<Guarded> {
        let object = ObjectId::new("Ingress", ingress);
        Some(Guarded { object, path: &["metadata", "annotations"], guard: self.guard.clone()?, span })
    }
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
