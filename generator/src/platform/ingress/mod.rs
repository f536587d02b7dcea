//! Ingress: HTTP from the LAN to apps, by host name. A role with two implementations.

use super::{Component, Context, Options, component_options, need};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Span};
use crate::lab::{Capability, Chart, ChartSource, Namespace, PodSecurity, Template, Unit};
use crate::spec::Spanned;
use crate::spec::types::Ipv4;
use minijinja::context;
use schemars::JsonSchema;
use serde::Deserialize;

const NGINX: Chart = Chart {
    name: "nginx-ingress",
    source: ChartSource::Oci("oci://ghcr.io/nginx/charts/nginx-ingress"),
    version: "2.6.4",
    // Its schema refers to 68 files of a Git branch; Helm would fetch them at each render.
    schema_is_remote: true,
};
const NGINX_VALUES: Template =
    Template { name: "ingress/nginx-values.yaml", source: include_str!("nginx-values.yaml.j2") };

/// The last release there will be.
const INGRESS_NGINX: Chart = Chart {
    name: "ingress-nginx",
    source: ChartSource::Http("https://kubernetes.github.io/ingress-nginx"),
    version: "4.15.1",
    schema_is_remote: false,
};
const INGRESS_NGINX_VALUES: Template =
    Template { name: "ingress/ingress-nginx-values.yaml", source: include_str!("ingress-nginx-values.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[NGINX_VALUES, INGRESS_NGINX_VALUES];

/// The IngressClass, whichever implementation serves it: apps need not know.
pub(crate) const CLASS: &str = "nginx";

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

impl Component for Ingress {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_configured(&self, context: &Context<'_>) -> bool {
        context.cluster.load_balancer.is_some()
    }

    fn remedy(&self) -> &'static str {
        "give the cluster `load-balancer: FIRST-LAST`, a range of free LAN addresses"
    }

    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        let Some(range) = &context.cluster.load_balancer else { return Vec::new() };
        if let Some(address) = self.address.as_ref().filter(|address| !range.contains(address.value)) {
            let message =
                format!("{} is not one of the cluster's load-balancer addresses {}", address.value, range.value);
            let fault = Diagnostic::new(Code::InvalidValue, address.span, message).related(range.span, "the range");
            faults.push(fault.help("choose an address of the range"));
        }
        let address = self.address.as_ref().map_or(range.first(), |address| address.value);
        let (chart, values, release) = match self.implementation.as_ref().map(|chosen| chosen.value).unwrap_or_default()
        {
            Implementation::Nginx => (NGINX, NGINX_VALUES, "nginx-ingress"),
            Implementation::IngressNginx => (INGRESS_NGINX, INGRESS_NGINX_VALUES, "ingress-nginx"),
        };
        if let Some(chosen) = self.implementation.as_ref().filter(|chosen| chosen.value == Implementation::IngressNginx)
        {
            let message = "ingress-nginx ended in March 2026: it gets no fixes any more, not even for security";
            faults.push(Diagnostic::new(Code::EndOfLife, chosen.span, message).help("use `implementation: nginx`"));
        }
        let mut unit = Unit::new(release, "platform/ingress", Namespace::made("ingress", PodSecurity::Restricted));
        unit.release = Some(self.common().release(
            release,
            chart,
            values,
            context! { address => address.to_string(), class => CLASS },
        ));
        unit.needs = vec![need(Capability::LoadBalancer, span)];
        unit.provides = vec![Capability::Ingress];
        vec![unit]
    }
}
