//! Login by an identity provider (forward auth): the ingress controller asks an app of the cluster about each request.

use crate::component::Context;
use crate::components::ingress::controller;
use crate::ingress_controller::{SignInBy, dialect};
use model::{Admitted, Annotation, Exposure, Guard, SignInContent, SignInObject};
use spec::types::{DomainName, Name};
use spec::{AuthKind, IngressController};

/// The name of the object that the ingress controller reads about a login, in the namespace of the app.
const OBJECT: &str = "login";

/// An app that signs users in.
pub struct IdentityProvider<'a> {
    /// The product that it runs.
    pub kind: AuthKind,
    /// The namespace of its Service.
    pub namespace: &'a Name,
    /// Its Service.
    pub service: &'a Name,
    /// The port of its Service.
    pub port: u16,
    /// Whether it serves HTTPS.
    pub https: bool,
    /// The host with its sign-in page.
    pub host: Option<DomainName>,
    /// The headers with the user's identity, if they are not those of the product.
    pub headers: Vec<&'a str>,
}

/// How a product is asked about a request.
struct Product {
    /// The path that answers whether a request may pass.
    path: &'static str,
    /// The path of its sign-in page, with a query, at its own host.
    page: &'static str,
    /// The path of the page that the ingress shows in place of an app, and the path below which the product answers at
    /// the host of each app. `None` if the product needs the URL of the request, which NGINX Ingress Controller does not
    /// send: the product would believe the header that the client sends.
    at_app: Option<(&'static str, &'static str)>,
    /// The headers with the user's identity.
    headers: &'static [&'static str],
    /// The method of the requests to it, if it matters.
    method: Option<&'static str>,
    /// The headers of the requests to it that ingress-nginx does not set, but passes on from the client.
    sent: &'static [(&'static str, &'static str)],
}

fn product(kind: AuthKind) -> Product {
    match kind {
        AuthKind::Authelia => Product {
            path: "/api/authz/auth-request",
            page: "/?rm=$request_method",
            at_app: None,
            headers: &["Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name"],
            method: Some("GET"),
            sent: &[],
        },
        AuthKind::Authentik => Product {
            path: "/outpost.goauthentik.io/auth/nginx",
            page: "/outpost.goauthentik.io/start",
            at_app: None,
            headers: &[
                "X-authentik-username",
                "X-authentik-groups",
                "X-authentik-entitlements",
                "X-authentik-email",
                "X-authentik-name",
                "X-authentik-uid",
            ],
            method: None,
            // It selects the application by the first, and would prefer the second to the URL from ingress-nginx.
            sent: &[("X-Forwarded-Host", "$http_host"), ("X-Original-URI", "")],
        },
        AuthKind::Oauth2Proxy => Product {
            path: "/oauth2/auth",
            page: "/oauth2/start",
            at_app: Some(("/oauth2/sign_in", "/oauth2")),
            headers: &[
                "X-Auth-Request-User",
                "X-Auth-Request-Email",
                "X-Auth-Request-Groups",
                "X-Auth-Request-Preferred-Username",
            ],
            method: None,
            sent: &[],
        },
    }
}

/// Whether the ingress controller of a cluster can ask a product. Without a controller, everything can.
pub fn can_sign_in(context: &Context<'_>, kind: AuthKind) -> bool {
    signs_in_at_own_host(context) || product(kind).at_app.is_some()
}

/// Whether browsers are sent to the provider's own host to sign in, instead of to a path at the host of each app.
pub fn signs_in_at_own_host(context: &Context<'_>) -> bool {
    controller(context) != Some(IngressController::Nginx)
}

/// Admits to an app only users that an identity provider has signed in.
pub fn require_sign_in(context: &Context<'_>, app: &Name, provider: &IdentityProvider<'_>, exposure: &mut Exposure) {
    let Some(dialect) = controller(context).map(dialect) else { return };
    let product = product(provider.kind);
    let given = &provider.headers;
    let headers: Vec<&str> = if given.is_empty() { product.headers.to_vec() } else { given.clone() };
    match dialect.sign_in {
        SignInBy::Policy { key, headers: replaced } => {
            let Some((sign_in, base)) = product.at_app else { return };
            exposure.sign_in = Some(SignInObject {
                name: OBJECT.into(),
                content: SignInContent::Policy {
                    service: format!("{}/{}", provider.namespace, provider.service),
                    port: provider.port,
                    https: provider.https,
                    path: product.path,
                    sign_in,
                    base,
                },
            });
            guard(exposure, key, OBJECT, true);
            for header in headers {
                // A header without a value is removed.
                guard(exposure, replaced, &format!("{header}:"), true);
            }
        }
        SignInBy::Annotations { url, page, headers: passed, method, sent } => {
            let Some(host) = &provider.host else { return };
            let scheme = if provider.https { "https" } else { "http" };
            let port = match (provider.https, provider.port) {
                (false, 80) | (true, 443) => String::new(),
                (_, port) => format!(":{port}"),
            };
            let service = format!("{}.{}.svc.cluster.local{port}", provider.service, provider.namespace);
            guard(exposure, url, &format!("{scheme}://{service}{}", product.path), false);
            guard(exposure, page, &format!("https://{host}{}", product.page), false);
            if let Some(name) = product.method {
                exposure.annotations.push(Annotation { key: method, value: name.to_owned() });
            }
            for header in headers {
                guard(exposure, passed, header, true);
            }
            if !product.sent.is_empty() {
                exposure.sign_in =
                    Some(SignInObject { name: OBJECT.into(), content: SignInContent::Headers(product.sent) });
                guard(exposure, sent, &format!("{app}/{OBJECT}"), false);
            }
        }
    }
}

/// Adds an annotation that patches must not remove. One that is a list gets another element.
fn guard(exposure: &mut Exposure, keys: &'static [&'static str], value: &str, is_list: bool) {
    match exposure.annotations.iter_mut().find(|annotation| annotation.key == keys[0]) {
        Some(annotation) => annotation.value = format!("{},{value}", annotation.value),
        None => exposure.annotations.push(Annotation { key: keys[0], value: value.to_owned() }),
    }
    exposure.guards.push(Guard { keys, value: value.to_owned(), is_list, admits: Admitted::Users });
}
