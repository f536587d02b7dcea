//! MetalLB: assigns LAN addresses to Services of type LoadBalancer.

use crate::component::{Component, Context};
use crate::network::{Closed, prometheus, webhooks};
use crate::{release, usage};
use diagnostic::{Diagnostics, Span};
use model::{Capability, Chart, Manifest, Namespace, Need, Template, Unit};
use serde_json::json;
use spec::PodSecurity;
use spec::platform::{Configured as _, LoadBalancer, Monitoring};

const CHART: Chart = Chart::oci("metallb", "oci://quay.io/metallb/chart/metallb", "0.16.1");
const VALUES: Template = Template { name: "metallb/values.yaml", source: include_str!("values.yaml.j2") };

/// Keeps the custom resource definitions, for which the chart has no values.
const POST_RENDER: Template =
    Template { name: "metallb/post-render.yaml", source: include_str!("post-render.yaml.j2") };

const POOL: Template = Template { name: "metallb/ipaddresspool.yaml", source: include_str!("ipaddresspool.yaml.j2") };
const ADVERTISEMENT: Template =
    Template { name: "metallb/l2advertisement.yaml", source: include_str!("l2advertisement.yaml.j2") };

const METRICS_SERVICE: Template = Template { name: "metallb/service.yaml", source: include_str!("service.yaml.j2") };
const SERVICE_MONITOR: Template =
    Template { name: "metallb/servicemonitor.yaml", source: include_str!("servicemonitor.yaml.j2") };

const NAMESPACE: &str = "metallb-system";

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, POST_RENDER, POOL, ADVERTISEMENT, METRICS_SERVICE, SERVICE_MONITOR];

impl Component for LoadBalancer {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = context.cluster.load_balancer.is_some();
        (!is_configured).then_some(crate::POOL_REMEDY)
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::has_load_balancers(context)
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(pool) = &context.cluster.load_balancer else { return Vec::new() };
        // The speaker answers ARP requests in the host network, which only privileged namespaces allow.
        let mut operator =
            Unit::new("metallb", "platform/metallb", Namespace::created(NAMESPACE, PodSecurity::Privileged));
        let mut release = release(self.options(), "metallb", CHART, VALUES, json!({}));
        release.post_render = Some((POST_RENDER, json!({}).into()));
        operator.install(release);
        operator.provides = vec![Capability::Api("metallb.io"), Capability::Namespace(NAMESPACE.into())];

        let mut config = Unit::new("metallb-config", "platform/metallb-config", Namespace::existing(NAMESPACE));
        let object = |kind: &'static str, file: &'static str, template| {
            Manifest::new(kind, "lan", file, template, json!({ "addresses": pool.value }))
        };
        config.extend([
            object("IPAddressPool", "ipaddresspool.yaml", POOL),
            object("L2Advertisement", "l2advertisement.yaml", ADVERTISEMENT),
        ]);
        config.needs = vec![Need::before(Capability::Api("metallb.io"), span)];
        config.provides = vec![Capability::LoadBalancer];
        let mut units = vec![operator, config];
        if context.get::<Monitoring>().is_some() {
            units.push(metrics(span));
        }
        units
    }
    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        // Its metrics need a token, so a ServiceMonitor selects them, which names no port of a pod.
        let metrics = prometheus(context);
        vec![Closed::new(NAMESPACE, [webhooks(context, [9443])].into_iter().chain(metrics))]
    }
}

/// The unit that exposes its metrics, with a Service and a ServiceMonitor: they require a token, which a
/// PodMonitor cannot present.
fn metrics(span: Span) -> Unit {
    let mut unit = Unit::new("metallb-metrics", "platform/metallb-metrics", Namespace::existing(NAMESPACE));
    let object = |kind: &'static str, name: &'static str, file: &'static str, template| {
        Manifest::new(kind, name, file, template, json!({}))
    };
    unit.extend([
        object("Service", "metallb-metrics", "service.yaml", METRICS_SERVICE),
        object("ServiceMonitor", "metallb", "servicemonitor.yaml", SERVICE_MONITOR),
    ]);
    unit.needs = vec![
        Need::before(Capability::Api("metallb.io"), span),
        Need::before(Capability::Api("monitoring.coreos.com"), span),
    ];
    unit
}
