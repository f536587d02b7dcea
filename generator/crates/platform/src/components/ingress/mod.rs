//! Ingress: routes HTTP from the LAN and the Internet to apps, by host name. There are two controllers to choose
//! from.

use crate::component::{Claim, Component, Context, Dashboard, Monitor};
use crate::exposure::{INGRESS_NAMESPACE as NAMESPACE, body_limit, ingress_address, wildcard_secret};
use crate::ingress_controller::dialect;
use crate::network::{Closed, dns, kubernetes_api, marked, webhooks};
use crate::{POOL_REMEDY, release, usage};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::{INGRESS_CLASS, INGRESS_LABEL};
use model::{Capability, Chart, Manifest, Namespace, NamespaceName, Need, Passage, PolicyPort, Template, Unit};
use serde::Serialize;
use serde_json::json;
use spec::defaults::RequestBody;
use spec::platform::{Configured as _, Ingress, Tunnel};
use spec::types::Ipv4;
use spec::{DefaultValue as _, IngressController, PodSecurity};

/// Its values schema refers to 68 files of a Git branch, which Helm would fetch at each render.
pub(crate) const NGINX: Chart =
    Chart::oci("nginx-ingress", "oci://ghcr.io/nginx/charts/nginx-ingress", "2.6.4").with_remote_schema();
const NGINX_VALUES: Template =
    Template { name: "ingress/nginx-values.yaml", source: include_str!("nginx-values.yaml.j2") };

/// The final release; ingress-nginx has reached its end of life.
pub(crate) const INGRESS_NGINX: Chart =
    Chart::http("ingress-nginx", "https://kubernetes.github.io/ingress-nginx", "4.15.1");
const INGRESS_NGINX_VALUES: Template =
    Template { name: "ingress/ingress-nginx-values.yaml", source: include_str!("ingress-nginx-values.yaml.j2") };

const ROLE: Template = Template { name: "ingress/clusterrole.yaml", source: include_str!("clusterrole.yaml.j2") };
const SECRETS_ROLE: Template =
    Template { name: "ingress/clusterrole-secrets.yaml", source: include_str!("clusterrole-secrets.yaml.j2") };
const BINDING: Template = Template { name: "ingress/rolebinding.yaml", source: include_str!("rolebinding.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[NGINX_VALUES, INGRESS_NGINX_VALUES, ROLE, SECRETS_ROLE, BINDING];

/// The name of NGINX Ingress Controller: of its release and unit, its account, and the ClusterRole of that account.
const NGINX_NAME: &str = "nginx-ingress";

/// The ClusterRole that reads Secrets. It is bound in single namespaces only.
const SECRETS_ROLE_NAME: &str = "nginx-ingress-secrets";

/// How a controller is installed and monitored.
struct Installation {
    /// The name of its release and unit.
    name: &'static str,
    /// The name of its Service for clients in the cluster.
    service: &'static str,
    chart: Chart,
    values: Template,
    /// The labels of its pods.
    labels: &'static [(&'static str, &'static str)],
    /// The name of the port that serves its metrics.
    metrics: &'static str,
    /// Why it should no longer be used, if it has reached its end of life.
    end_of_life: Option<&'static str>,
}

fn installation(controller: IngressController) -> Installation {
    match controller {
        IngressController::Nginx => Installation {
            name: NGINX_NAME,
            service: "nginx-ingress-controller.ingress.svc.cluster.local",
            chart: NGINX,
            values: NGINX_VALUES,
            labels: &[("app.kubernetes.io/name", "nginx-ingress")],
            metrics: "prometheus",
            end_of_life: None,
        },
        IngressController::IngressNginx => Installation {
            name: "ingress-nginx",
            service: "ingress-nginx-controller.ingress.svc.cluster.local",
            chart: INGRESS_NGINX,
            values: INGRESS_NGINX_VALUES,
            labels: &[("app.kubernetes.io/name", "ingress-nginx")],
            metrics: "metrics",
            end_of_life: Some(
                "ingress-nginx reached its end of life in March 2026: it gets no more fixes, not even for security",
            ),
        },
    }
}

/// The ClusterRoles of NGINX Ingress Controller.
fn roles() -> [Manifest; 2] {
    let role = |name: &'static str, file: &'static str, template| {
        Manifest::new("ClusterRole", name, file, template, json!({ "name": name }))
    };
    [role(NGINX_NAME, "clusterrole.yaml", ROLE), role(SECRETS_ROLE_NAME, "clusterrole-secrets.yaml", SECRETS_ROLE)]
}

/// The ingress controller of a cluster, if it has one.
pub(crate) fn controller(context: &Context<'_>) -> Option<IngressController> {
    context.get::<Ingress>().map(|ingress| *ingress.implementation.get())
}

/// The host name of the ingress controller for clients in the cluster, if it has one.
pub(crate) fn service(context: &Context<'_>) -> Option<&'static str> {
    controller(context).map(|controller| installation(controller).service)
}

/// The RoleBinding by which the cluster's ingress controller reads the Secrets of a namespace with an Ingress, if it
/// cannot read those of all namespaces.
pub fn secrets_binding(context: &Context<'_>, namespace: &NamespaceName) -> Option<Manifest> {
    let ingress = context.get::<Ingress>()?;
    (*ingress.implementation.get() == IngressController::Nginx).then(|| {
        let namespace = namespace.clone();
        let variables = Binding { role: SECRETS_ROLE_NAME, namespace, account: NGINX_NAME, home: NAMESPACE };
        Manifest::new("RoleBinding", SECRETS_ROLE_NAME, "rolebinding-ingress.yaml", BINDING, variables)
    })
}

/// The variables of [`BINDING`].
#[derive(Serialize)]
struct Binding {
    role: &'static str,
    namespace: NamespaceName,
    /// The ServiceAccount of the ingress controller, and its namespace.
    account: &'static str,
    home: &'static str,
}

impl Component for Ingress {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = context.cluster.load_balancer.is_some();
        (!is_configured).then_some(POOL_REMEDY)
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::has_ingress(context)
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        let Some(address) = ingress_address(self, context) else { return Vec::new() };
        let Installation { name, chart, values, end_of_life, .. } = installation(*self.implementation.get());
        if let (Some(reason), Some(span)) = (end_of_life, self.implementation.span()) {
            diagnostics.push(Diagnostic::new(Code::EndOfLife, span, reason).help("use `implementation: nginx`"));
        }
        let mut unit = Unit::new(name, "platform/ingress", Namespace::created(NAMESPACE, PodSecurity::Restricted));
        let wildcard = wildcard_secret(context);
        unit.needs = vec![Need::before(Capability::LoadBalancer, span)];
        if wildcard.is_some() {
            // Without this Secret the controller serves nothing. Its namespace is created with it.
            unit.needs.push(Need::before(Capability::Issuer, span));
            unit.namespace = Namespace::existing(NAMESPACE);
        }
        let (key, value) = INGRESS_LABEL;
        let variables = json!({
            "address": address,
            "class": INGRESS_CLASS,
            "certificate": wildcard,
            "watched": format!("{key}={value}"),
            "body": format!("{}m", body_limit(*RequestBody::value())),
            "buffer": self.buffer.get().quantity(),
            // cloudflared is a pod, and sends the address of the client in a header.
            "proxies": context.get::<Tunnel>().map(|_| *context.cluster.pods.get()),
        });
        unit.install(release(self.options(), name, chart, values, variables));
        if *self.implementation.get() == IngressController::Nginx {
            unit.extend(roles());
        }
        unit.provides = vec![Capability::Ingress];
        if dialect(*self.implementation.get()).has_policies() {
            unit.provides.push(Capability::Api("k8s.nginx.org"));
        }
        vec![unit]
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let ports = [80, 443].map(PolicyPort::tcp);
        let clients = Passage { purpose: "clients".to_owned(), peers: Vec::new(), ports: ports.to_vec() };
        let webhook =
            (*self.implementation.get() == IngressController::IngressNginx).then(|| webhooks(context, [8443]));
        let (key, value) = INGRESS_LABEL;
        let egress = vec![dns(), kubernetes_api(context), marked("everything that has an Ingress", key, value)];
        vec![Closed { egress: Some(egress), ..Closed::new(NAMESPACE, [clients].into_iter().chain(webhook)) }]
    }

    fn addresses(&self, context: &Context<'_>) -> Vec<Claim<Ipv4>> {
        let span = self.address.as_ref().map(|address| address.span);
        let span = span.or_else(|| context.cluster.load_balancer.as_ref().map(|range| range.span));
        let claim = |value| Claim::new(value, span.unwrap_or(context.name.span), "the ingress".to_owned());
        ingress_address(self, context).map(claim).into_iter().collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        let Installation { name, labels, metrics, .. } = installation(*self.implementation.get());
        vec![Monitor { name, namespace: NAMESPACE, labels, job: "app.kubernetes.io/name", port: metrics }]
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[Dashboard { name: "ingress", json: include_str!("dashboard.json") }]
    }
}
