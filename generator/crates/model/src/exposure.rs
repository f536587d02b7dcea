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
    /// What the ingress controller reads about its login by an identity provider, besides annotations.
    pub sign_in: Option<SignInObject>,
    /// The annotations that restrict access.
    pub guards: Vec<Guard>,
}

/// An annotation that restricts access. Patches and Helm values must not remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// Its key, then other keys that the controller reads in its place.
    pub keys: &'static [&'static str],
    /// Its value.
    pub value: String,
    /// Whether the value is one of a list of policies, to which others can be added.
    pub is_list: bool,
    /// What it admits.
    pub admits: Admitted,
}

/// What a guard admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// Some networks.
    Networks,
    /// Users that an identity provider has signed in.
    Users,
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

    /// The guards in an Ingress.
    pub fn guarded(&self, ingress: impl Into<ObjectName>, span: Span) -> impl Iterator<Item = Guarded> {
        let (object, path) = (ObjectId::new("Ingress", ingress), &["metadata", "annotations"]);
        let guards = self.guards.iter().cloned();
        guards.map(move |guard| Guarded { object: object.clone(), path, guard, span })
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

/// An object that the ingress controller reads about the login of an app by an identity provider.
#[derive(Debug, Clone)]
pub struct SignInObject {
    /// Its name.
    pub name: ObjectName,
    /// What it contains.
    pub content: SignInContent,
}

/// What the ingress controller reads about a login by an identity provider.
#[derive(Debug, Clone)]
pub enum SignInContent {
    /// A Policy that asks the provider about each request.
    Policy {
        /// The Service of the provider, as `NAMESPACE/NAME`.
        service: String,
        /// The port of that Service.
        port: u16,
        /// Whether the provider serves HTTPS.
        https: bool,
        /// The path that answers whether a request may pass.
        path: &'static str,
        /// The path of the sign-in page.
        sign_in: &'static str,
        /// The path below which the provider answers at the host of each app.
        base: &'static str,
    },
    /// A ConfigMap with the headers of the requests to the provider.
    Headers(&'static [(&'static str, &'static str)]),
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
