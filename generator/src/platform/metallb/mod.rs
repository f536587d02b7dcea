//! MetalLB: gives services of type LoadBalancer an address of the LAN.

use super::{Component, Context, Options, component_options, need};
use crate::lab::{Capability, Chart, Namespace, Object, PodSecurity, Template, Unit};
use diagnostic::{Diagnostics, Span};
use minijinja::context;

const CHART: Chart = Chart::oci("metallb", "oci://quay.io/metallb/chart/metallb", "0.16.1");
const VALUES: Template = Template { name: "metallb/values.yaml", source: include_str!("values.yaml.j2") };
const POOL: Template = Template { name: "metallb/ipaddresspool.yaml", source: include_str!("ipaddresspool.yaml.j2") };
const ADVERTISEMENT: Template =
    Template { name: "metallb/l2advertisement.yaml", source: include_str!("l2advertisement.yaml.j2") };

const METRICS_SERVICE: Template = Template { name: "metallb/service.yaml", source: include_str!("service.yaml.j2") };
const SERVICE_MONITOR: Template =
    Template { name: "metallb/servicemonitor.yaml", source: include_str!("servicemonitor.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, POOL, ADVERTISEMENT, METRICS_SERVICE, SERVICE_MONITOR];

component_options! {
    /// LAN addresses for services: MetalLB, announcing them by ARP.
    LoadBalancer {}
}

impl Component for LoadBalancer {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_given = context.cluster.load_balancer.is_some();
        (!is_given).then_some(super::POOL_REMEDY)
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let Some(range) = &context.cluster.load_balancer else { return Vec::new() };
        // The speaker answers ARP in the host network, which only privileged namespaces admit.
        let mut operator =
            Unit::new("metallb", "platform/metallb", Namespace::made("metallb-system", PodSecurity::Privileged));
        operator.release = Some(self.common().release("metallb", CHART, VALUES, context! {}));
        operator.provides = vec![Capability::Api("metallb.io"), Capability::Namespace("metallb-system".to_owned())];

        let mut config = Unit::new("metallb-config", "platform/metallb-config", Namespace::existing("metallb-system"));
        let object = |kind, file: &str, template| Object {
            kind,
            name: "lan".to_owned(),
            file: file.to_owned(),
            template,
            context: context! { addresses => range.to_string() },
        };
        config.objects = vec![
            object("IPAddressPool", "ipaddresspool.yaml", POOL),
            object("L2Advertisement", "l2advertisement.yaml", ADVERTISEMENT),
        ];
        config.needs = vec![need(Capability::Api("metallb.io"), span)];
        config.provides = vec![Capability::LoadBalancer];
        let mut units = vec![operator, config];
        if context.monitoring().is_some() {
            units.push(metrics(span));
        }
        units
    }
}

/// Its metrics want a token, which no PodMonitor can present.
fn metrics(span: Span) -> Unit {
    let mut unit = Unit::new("metallb-metrics", "platform/metallb-metrics", Namespace::existing("metallb-system"));
    let object = |kind, name: &str, file: &str, template| Object {
        kind,
        name: name.to_owned(),
        file: file.to_owned(),
        template,
        context: context! {},
    };
    unit.objects = vec![
        object("Service", "metallb-metrics", "service.yaml", METRICS_SERVICE),
        object("ServiceMonitor", "metallb", "servicemonitor.yaml", SERVICE_MONITOR),
    ];
    unit.needs = vec![need(Capability::Api("metallb.io"), span), need(Capability::Api("monitoring.coreos.com"), span)];
    unit
}
