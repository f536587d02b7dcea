//! Resolves the names of services on the LAN of other clusters, for the pods of this one, with CoreDNS.
//!
//! These names are in no public zone, and a cluster should not depend on the configuration of the router's DNS
//! server. k3s' CoreDNS reads additional zones from the ConfigMap `coredns-custom`.

use crate::component::{Component, Context, Endpoint};
use diagnostic::{Diagnostics, Span};
use model::{Capability, Manifest, Namespace, Template, Unit};
use serde_json::json;
use spec::platform::LanNames;

const CONFIG: Template = Template { name: "lan-names/configmap.yaml", source: include_str!("configmap.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[CONFIG];

/// The endpoints of the other clusters, sorted by host name.
fn endpoints(context: &Context<'_>) -> Vec<Endpoint> {
    let mut endpoints: Vec<_> = context
        .clusters()
        .filter(|peer| peer.name.value != context.name.value)
        .flat_map(|peer| peer.endpoints())
        .collect();
    endpoints.sort_by(|one, other| one.host.cmp(&other.host));
    endpoints
}

impl Component for LanNames {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = !endpoints(context).is_empty();
        (!is_configured).then_some("enable a service in another cluster, such as `platform: { postgres: {} }`")
    }

    fn units(&self, context: &Context<'_>, _: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let mut unit = Unit::new("lan-names", "platform/lan-names", Namespace::existing("kube-system"));
        let zones = endpoints(context).into_iter().map(|endpoint| {
            json!({
                "file": format!("{}.server", endpoint.host),
                "text": format!(
                    "{host}:53 {{\n    errors\n    hosts {{\n        {address} {host}\n        ttl 60\n    }}\n}}\n",
                    host = endpoint.host,
                    address = endpoint.address,
                ),
            })
        });
        unit.extend([Manifest::new(
            "ConfigMap",
            "coredns-custom",
            "configmap.yaml",
            CONFIG,
            json!({ "zones": zones.collect::<Vec<_>>() }),
        )]);
        unit.provides = vec![Capability::LanNames];
        vec![unit]
    }
}
