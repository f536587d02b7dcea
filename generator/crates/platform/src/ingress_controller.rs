//! What each ingress controller wants to read, in one place.

use model::{AccessPolicy, Annotation, ObjectName};
use spec::IngressController;

/// What a controller reads of an Ingress.
pub(crate) struct Dialect {
    /// What an Ingress says about the Service behind it.
    pub(crate) service: fn(&str) -> Vec<Annotation>,
    /// What an Ingress says so that only those get through who know a password of a Secret.
    pub(crate) password: fn(&str) -> Vec<Annotation>,
    /// How an Ingress lets only some networks through.
    pub(crate) networks: NetworkList,
}

/// Where a controller looks for the networks that may reach something.
pub(crate) enum NetworkList {
    /// In an object of its own, which an annotation of this key names.
    Policy(&'static str),
    /// In an annotation of this key.
    Annotation(&'static str),
}

/// Describes what a controller reads.
pub(crate) fn dialect(controller: IngressController) -> Dialect {
    match controller {
        IngressController::Nginx => Dialect {
            // This controller speaks websockets only to services that are named.
            service: |service| vec![annotation("nginx.org/websocket-services", service)],
            password: |secret| vec![annotation("nginx.org/basic-auth-secret", secret)],
            networks: NetworkList::Policy("nginx.org/policies"),
        },
        IngressController::IngressNginx => Dialect {
            service: |_| Vec::new(),
            password: |secret| {
                vec![
                    annotation("nginx.ingress.kubernetes.io/auth-type", "basic"),
                    annotation("nginx.ingress.kubernetes.io/auth-secret-type", "auth-file"),
                    annotation("nginx.ingress.kubernetes.io/auth-secret", secret),
                ]
            },
            networks: NetworkList::Annotation("nginx.ingress.kubernetes.io/whitelist-source-range"),
        },
    }
}

impl Dialect {
    /// Whether networks are in an object of their own.
    pub(crate) fn has_policies(&self) -> bool {
        matches!(self.networks, NetworkList::Policy(_))
    }

    /// What lets only some networks through: an annotation, and the Policy that it names.
    pub(crate) fn allow(&self, name: &ObjectName, networks: &[String]) -> (Annotation, Option<AccessPolicy>) {
        match self.networks {
            NetworkList::Policy(key) => {
                let policy = AccessPolicy { name: name.clone(), networks: networks.to_vec() };
                (annotation(key, name.as_str()), Some(policy))
            }
            NetworkList::Annotation(key) => (annotation(key, &networks.join(",")), None),
        }
    }
}

fn annotation(key: &'static str, value: &str) -> Annotation {
    Annotation { key, value: value.to_owned() }
}
