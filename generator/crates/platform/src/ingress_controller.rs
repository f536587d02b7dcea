//! The annotations of each ingress controller, in one place.

use model::{AccessPolicy, Admitted, Annotation, Guard, ObjectName};
use spec::IngressController;
use spec::types::AddressBlock;

/// The annotations that a controller reads from an Ingress.
pub(crate) struct Dialect {
    /// The annotations for the Service behind an Ingress.
    pub(crate) service: fn(&str) -> Vec<Annotation>,
    /// The annotations for a Service that serves HTTPS.
    pub(crate) https: fn(&str) -> Vec<Annotation>,
    /// The annotations that require a user name and password, by the name of the Secret.
    pub(crate) password: fn(&str) -> Vec<Annotation>,
    /// How an Ingress admits only some networks.
    pub(crate) networks: NetworkList,
    /// How an Ingress admits only users that an identity provider has signed in.
    pub(crate) sign_in: SignInBy,
    /// The annotations that pass on responses without buffering.
    pub(crate) stream: fn() -> Vec<Annotation>,
    /// The annotations that limit the body of a request, in MiB.
    pub(crate) body: fn(u64) -> Vec<Annotation>,
    /// The annotations that limit the requests of a client, per second.
    pub(crate) rate: fn(u32) -> Vec<Annotation>,
    /// The annotations that make browsers use HTTPS only (HSTS), if the controller does not do so for all hosts.
    pub(crate) strict_transport: fn() -> Vec<Annotation>,
}

/// Where a controller reads the networks that an Ingress admits.
pub(crate) enum NetworkList {
    /// In Policy objects, which an annotation names. Its keys are those of a [`Guard`].
    Policy(&'static [&'static str]),
    /// In an annotation. Its keys are those of a [`Guard`].
    Annotation(&'static [&'static str]),
}

/// Where a controller reads which identity provider to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignInBy {
    /// In Policy objects, which an annotation names.
    Policy {
        /// The key of that annotation, as in a [`Guard`].
        key: &'static [&'static str],
        /// The key of the annotation with headers that replace those of the client, as in a [`Guard`].
        headers: &'static [&'static str],
    },
    /// In annotations. Their keys are those of a [`Guard`].
    Annotations {
        /// The URL that answers whether a request may pass.
        url: &'static [&'static str],
        /// The URL of the sign-in page.
        page: &'static [&'static str],
        /// The headers of the provider's answer that replace those of the client.
        headers: &'static [&'static str],
        /// The HTTP method of the requests to the provider.
        method: &'static str,
        /// The ConfigMap with headers of the requests to the provider.
        sent: &'static [&'static str],
    },
}

/// How many times its requests per second a client can send at once.
const BURST: u32 = 5;

/// Returns the annotations of a controller.
pub(crate) fn dialect(controller: IngressController) -> Dialect {
    match controller {
        IngressController::Nginx => Dialect {
            // This controller supports websockets only for Services in this annotation.
            service: |service| vec![annotation("nginx.org/websocket-services", service)],
            https: |service| vec![annotation("nginx.org/ssl-services", service)],
            password: |secret| vec![annotation("nginx.org/basic-auth-secret", secret)],
            networks: NetworkList::Policy(&["nginx.org/policies"]),
            sign_in: SignInBy::Policy { key: &["nginx.org/policies"], headers: &["nginx.org/proxy-set-headers"] },
            stream: || vec![annotation("nginx.org/proxy-buffering", "False")],
            body: |mebibytes| vec![annotation("nginx.org/client-max-body-size", &format!("{mebibytes}m"))],
            rate: |rate| {
                vec![
                    annotation("nginx.org/limit-req-rate", &format!("{rate}r/s")),
                    annotation("nginx.org/limit-req-burst", &(rate * BURST).to_string()),
                    annotation("nginx.org/limit-req-no-delay", "true"),
                    annotation("nginx.org/limit-req-reject-code", "429"),
                ]
            },
            // One year.
            strict_transport: || {
                vec![annotation("nginx.org/hsts", "True"), annotation("nginx.org/hsts-max-age", "31536000")]
            },
        },
        IngressController::IngressNginx => Dialect {
            service: |_| Vec::new(),
            https: |_| vec![annotation("nginx.ingress.kubernetes.io/backend-protocol", "HTTPS")],
            password: |secret| {
                vec![
                    annotation("nginx.ingress.kubernetes.io/auth-type", "basic"),
                    annotation("nginx.ingress.kubernetes.io/auth-secret-type", "auth-file"),
                    annotation("nginx.ingress.kubernetes.io/auth-secret", secret),
                ]
            },
            networks: NetworkList::Annotation(&[
                "nginx.ingress.kubernetes.io/whitelist-source-range",
                "nginx.ingress.kubernetes.io/allowlist-source-range",
            ]),
            sign_in: SignInBy::Annotations {
                url: &["nginx.ingress.kubernetes.io/auth-url"],
                page: &["nginx.ingress.kubernetes.io/auth-signin"],
                headers: &["nginx.ingress.kubernetes.io/auth-response-headers"],
                method: "nginx.ingress.kubernetes.io/auth-method",
                sent: &["nginx.ingress.kubernetes.io/auth-proxy-set-headers"],
            },
            stream: || vec![annotation("nginx.ingress.kubernetes.io/proxy-buffering", "off")],
            body: |mebibytes| vec![annotation("nginx.ingress.kubernetes.io/proxy-body-size", &format!("{mebibytes}m"))],
            rate: |rate| {
                vec![
                    annotation("nginx.ingress.kubernetes.io/limit-rps", &rate.to_string()),
                    annotation("nginx.ingress.kubernetes.io/limit-burst-multiplier", &BURST.to_string()),
                ]
            },
            strict_transport: Vec::new,
        },
    }
}

impl Dialect {
    /// Whether the controller uses Policy objects.
    pub(crate) fn has_policies(&self) -> bool {
        matches!(self.networks, NetworkList::Policy(_))
    }

    /// Admits only some networks: an annotation, and the Policy that it names.
    pub(crate) fn allow(&self, name: &ObjectName, networks: &[AddressBlock]) -> (Guard, Option<AccessPolicy>) {
        match self.networks {
            NetworkList::Policy(keys) => {
                let policy = AccessPolicy { name: name.clone(), networks: networks.to_vec() };
                let value = name.to_string();
                (Guard { keys, value, is_list: true, admits: Admitted::Networks }, Some(policy))
            }
            NetworkList::Annotation(keys) => {
                let list: Vec<_> = networks.iter().map(ToString::to_string).collect();
                (Guard { keys, value: list.join(","), is_list: false, admits: Admitted::Networks }, None)
            }
        }
    }
}

fn annotation(key: &'static str, value: &str) -> Annotation {
    Annotation { key, value: value.to_owned() }
}
