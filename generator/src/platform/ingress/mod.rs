//! Ingress: HTTP from the LAN and the Internet to apps, by host name. A role with two
//! implementations.

use super::exposure::{CLASS, wildcard_secret};
use super::{Claim, Component, Context, Dashboard, Monitor, Options, component_options, need};
use crate::lab::{Capability, Chart, Namespace, PodSecurity, Template, Unit};
use crate::spec::types::Ipv4;
use crate::spec::{Given as _, Spanned};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use minijinja::context;
use schemars::JsonSchema;
use serde::Deserialize;

/// Its values schema refers to 68 files of a Git branch; Helm would fetch them at each render.
const NGINX: Chart =
    Chart::oci("nginx-ingress", "oci://ghcr.io/nginx/charts/nginx-ingress", "2.6.4").with_remote_schema();
const NGINX_VALUES: Template =
    Template { name: "ingress/nginx-values.yaml", source: include_str!("nginx-values.yaml.j2") };

/// The last release there will be.
const INGRESS_NGINX: Chart = Chart::http("ingress-nginx", "https://kubernetes.github.io/ingress-nginx", "4.15.1");
const INGRESS_NGINX_VALUES: Template =
    Template { name: "ingress/ingress-nginx-values.yaml", source: include_str!("ingress-nginx-values.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[NGINX_VALUES, INGRESS_NGINX_VALUES];

const NAMESPACE: &str = "ingress";

/// The implementations of the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Implementation {
    /// NGINX Ingress Controller by F5.
    #[default]
    Nginx,
    /// Ingress-nginx of the Kubernetes project, which ended in March 2026.
    IngressNginx,
}

component_options! {
    /// HTTP from the LAN to apps.
    Ingress {
        /// The controller. Default: `nginx`.
        implementation: Option<Spanned<Implementation>>,
        /// Its address on the LAN. Default: the first of the cluster's `load-balancer` range.
        address: Option<Spanned<Ipv4>>,
    }
}

impl Ingress {
    fn implementation(&self) -> Implementation {
        self.implementation.given().copied().unwrap_or_default()
    }

    /// Its address on the LAN.
    pub(crate) fn address(&self, context: &Context<'_>) -> Option<Ipv4> {
        self.address.given().copied().or_else(|| context.pool_address(0))
    }

    /// What an Ingress says about the service behind it.
    pub(super) fn service_annotations(&self, service: &str) -> Vec<(String, String)> {
        match self.implementation() {
            // This controller speaks websockets only to services that are named.
            Implementation::Nginx => vec![("nginx.org/websocket-services".to_owned(), service.to_owned())],
            Implementation::IngressNginx => Vec::new(),
        }
    }

    /// What an Ingress says so that only some networks get through.
    pub(super) fn allow_annotation(&self, name: &str, networks: &[String]) -> (String, String) {
        if self.wants_policies() {
            return ("nginx.org/policies".to_owned(), name.to_owned());
        }
        ("nginx.ingress.kubernetes.io/whitelist-source-range".to_owned(), networks.join(","))
    }

    /// Whether networks stand in an object of their own.
    pub(super) fn wants_policies(&self) -> bool {
        self.implementation() == Implementation::Nginx
    }

    /// What an Ingress says so that only who knows a password of a Secret gets through.
    pub(super) fn password_annotations(&self, secret: &str) -> Vec<(String, String)> {
        let pairs: &[(&str, &str)] = match self.implementation() {
            Implementation::Nginx => &[("nginx.org/basic-auth-secret", secret)],
            Implementation::IngressNginx => &[
                ("nginx.ingress.kubernetes.io/auth-type", "basic"),
                ("nginx.ingress.kubernetes.io/auth-secret-type", "auth-file"),
                ("nginx.ingress.kubernetes.io/auth-secret", secret),
            ],
        };
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }
}

impl Component for Ingress {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = context.cluster.load_balancer.is_some();
        (!is_given).then_some(super::POOL_REMEDY)
    }

    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        let Some(address) = self.address(context) else { return Vec::new() };
        let (chart, values, release) = match self.implementation() {
            Implementation::Nginx => (NGINX, NGINX_VALUES, "nginx-ingress"),
            Implementation::IngressNginx => (INGRESS_NGINX, INGRESS_NGINX_VALUES, "ingress-nginx"),
        };
        if let Some(chosen) = self.implementation.as_ref().filter(|chosen| chosen.value == Implementation::IngressNginx)
        {
            let message = "ingress-nginx ended in March 2026: it gets no fixes any more, not even for security";
            faults.push(Diagnostic::new(Code::EndOfLife, chosen.span, message).help("use `implementation: nginx`"));
        }
        let mut unit = Unit::new(release, "platform/ingress", Namespace::made(NAMESPACE, PodSecurity::Restricted));
        let wildcard = wildcard_secret(context);
        unit.needs = vec![need(Capability::LoadBalancer, span)];
        if wildcard.is_some() {
            // Without the Secret the controller does not serve.
            unit.needs.push(need(Capability::Issuer, span));
        }
        unit.release = Some(self.common().release(
            release,
            chart,
            values,
            context! {
                address => address.to_string(),
                class => CLASS,
                certificate => wildcard,
            },
        ));
        unit.provides = vec![Capability::Ingress];
        if self.wants_policies() {
            unit.provides.push(Capability::Api("k8s.nginx.org"));
        }
        vec![unit]
    }

    fn addresses(&self, context: &Context<'_>) -> Vec<Claim<Ipv4>> {
        let span = self.address.as_ref().map(|address| address.span);
        let span = span.or_else(|| context.cluster.load_balancer.as_ref().map(|range| range.span));
        let claim = |value| Claim { value, span: span.unwrap_or(context.name.span), owner: "the ingress".to_owned() };
        self.address(context).map(claim).into_iter().collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        let (name, labels, port): (_, &[_], _) = match self.implementation() {
            Implementation::Nginx => ("nginx-ingress", &[("app.kubernetes.io/name", "nginx-ingress")], "prometheus"),
            Implementation::IngressNginx => {
                ("ingress-nginx", &[("app.kubernetes.io/name", "ingress-nginx")], "metrics")
            }
        };
        vec![Monitor { name, namespace: NAMESPACE, labels, job: "app.kubernetes.io/name", port }]
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[Dashboard { name: "ingress", json: include_str!("dashboard.json") }]
    }
}
