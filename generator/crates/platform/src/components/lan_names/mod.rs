//! Resolves the names of the lab for the pods of a cluster, with k3s' CoreDNS.
//!
//! These names are in no public zone, or lead to the public address, and a cluster should not depend on the
//! configuration of the router's DNS server. k3s' CoreDNS reads additional zones from the ConfigMap `coredns-custom`.
//! Those of services in other clusters are in it. For all others it asks the DNS servers of the LAN, if the lab has any:
//! the names of apps in this ConfigMap would be one list for all of them.

use crate::component::{Component, Context, Endpoint};
use crate::lan_names;
use diagnostic::{Diagnostics, Span};
use model::{Capability, Manifest, Namespace, Template, Unit};
use serde_json::json;
use spec::platform::{LanDns, LanNames};
use spec::types::DomainName;

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
        let is_configured = !endpoints(context).is_empty() || !lan_names::servers(context).is_empty();
        (!is_configured).then_some("enable a service in another cluster, such as `platform: { postgres: {} }`")
    }

    fn units(&self, context: &Context<'_>, _: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let mut unit = Unit::new("lan-names", "platform/lan-names", Namespace::existing("kube-system"));
        let zone = |host: &DomainName, text: String| json!({ "file": format!("{host}.server"), "text": text });
        let of_endpoint = |endpoint: Endpoint| {
            let (host, address) = (&endpoint.host, endpoint.address);
            let text = format!(
                "{host}:53 {{\n    errors\n    hosts {{\n        {address} {host}\n        ttl 60\n    }}\n}}\n"
            );
            zone(host, text)
        };
        let of_servers = |servers: &str| {
            let domain = context.domain();
            let text = format!(
                "{domain}:53 {{\n    errors\n    forward . {servers} {{\n        policy sequential\n    }}\n    cache 30\n}}\n"
            );
            zone(domain, text)
        };
        let own = context.get::<LanDns>().and_then(|options| lan_names::server(options, context));
        let mut servers = lan_names::servers(context);
        servers.sort_by_key(|server| Some(*server) != own);
        let servers: Vec<_> = servers.iter().map(ToString::to_string).collect();
        let of_domain = (!servers.is_empty()).then(|| of_servers(&servers.join(" ")));
        let zones = of_domain.into_iter().chain(endpoints(context).into_iter().map(of_endpoint));
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
