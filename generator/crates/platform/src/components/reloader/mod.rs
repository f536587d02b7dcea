//! Reloader: restarts pods whose Secrets have changed.

use crate::component::{Component, Context, Monitor};
use crate::network::Closed;
use crate::{release, usage};
use diagnostic::{Diagnostics, Span};
use model::{Chart, Namespace, Template, Unit};
use serde_json::json;
use spec::PodSecurity;
use spec::platform::{Configured as _, Restarts, Tunnel};

const CHART: Chart = Chart::oci("reloader", "oci://ghcr.io/stakater/charts/reloader", "2.2.16");
const VALUES: Template = Template { name: "reloader/values.yaml", source: include_str!("values.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES];

const NAMESPACE: &str = "reloader";

impl Component for Restarts {
    fn missing(&self, context: &Context<'_>) -> Option<&'static str> {
        let is_configured = context.spec.secrets.is_some();
        (!is_configured).then_some(
            "add a secret store to the lab: `secrets: { store: { infisical: { project: …, environment: … } } }`",
        )
    }

    fn is_used(&self, context: &Context<'_>) -> bool {
        usage::reads_secrets(context)
    }

    fn units(&self, context: &Context<'_>, _: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let mut unit =
            Unit::new("reloader", "platform/reloader", Namespace::created(NAMESPACE, PodSecurity::Restricted));
        // Only cloudflared is restarted by it: the hash of an app's files restarts that app.
        let values = json!({ "config_maps": context.get::<Tunnel>().is_some() });
        unit.install(release(self.options(), "reloader", CHART, VALUES, values));
        vec![unit]
    }

    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        vec![Closed::new(NAMESPACE, [])]
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![Monitor {
            name: "reloader",
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/name", "reloader")],
            job: "app.kubernetes.io/name",
            port: "http",
        }]
    }
}
