//! The webhook that solves challenges at a DNS provider that cert-manager does not support by itself.
//!
//! The Kubernetes API serves it as an API group: cert-manager calls the API, and the API calls the webhook.

use super::NAMESPACE;
use crate::component::Monitor;
use crate::dns_provider::{Provider, Webhook};
use diagnostic::Span;
use model::{Capability, Manifest, Namespace, Need, Release, Template, Unit};
use serde_json::json;
use yaml::Value;

const VALUES: Template =
    Template { name: "cert-manager/webhook-values.yaml", source: include_str!("webhook-values.yaml.j2") };
const POST_RENDER: Template =
    Template { name: "cert-manager/webhook-post-render.yaml", source: include_str!("webhook-post-render.yaml.j2") };
const ROLE: Template = Template { name: "cert-manager/role.yaml", source: include_str!("role.yaml.j2") };
const BINDING: Template =
    Template { name: "cert-manager/rolebinding.yaml", source: include_str!("rolebinding.yaml.j2") };

/// The templates of this module.
pub(super) const TEMPLATES: [Template; 4] = [VALUES, POST_RENDER, ROLE, BINDING];

/// The port on which the webhooks listen.
pub(super) const PORT: u16 = 8443;

/// The unit that installs the webhook.
pub(super) fn unit(provider: &Provider<'_>, webhook: &Webhook, span: Span) -> Unit {
    let mut unit = Unit::new("cert-manager-webhook", "platform/cert-manager-webhook", Namespace::existing(NAMESPACE));
    let name = webhook.chart.name.clone();
    let is_patched = webhook.reader.is_some() || webhook.is_root;
    let patches = json!({
        "reader": webhook.reader,
        "deployment": webhook.is_root.then_some(&name),
        "port": PORT,
    });
    let values = json!({ "group": webhook.group, "namespace": NAMESPACE, "own": webhook.values });
    unit.install(Release {
        name: name.to_string().into(),
        version: webhook.chart.version.to_string().into(),
        chart: webhook.chart.clone(),
        values: Some((VALUES, values.into())),
        overrides: Value::map(),
        post_render: is_patched.then(|| (POST_RENDER, patches.into())),
        restarts: false,
        exports: Vec::new(),
    });
    // It reads the Secret when it solves a challenge, so a new value needs no restart.
    let object = |kind: &'static str, file: &'static str, template| {
        let variables = json!({ "name": "cert-manager-webhook", "namespace": NAMESPACE, "account": name,
            "secret": provider.secret_name() });
        Manifest::new(kind, "cert-manager-webhook", file, template, variables)
    };
    unit.extend([object("Role", "role.yaml", ROLE), object("RoleBinding", "rolebinding.yaml", BINDING)]);
    // Its chart creates the certificate with which it serves.
    unit.needs = vec![Need::before(Capability::Api("cert-manager.io"), span)];
    unit.provides = vec![Capability::Api(webhook.group)];
    unit
}

/// The monitor of the webhook, if it has metrics.
pub(super) fn monitor(webhook: &Webhook) -> Option<Monitor> {
    let metrics = webhook.metrics?;
    Some(Monitor {
        name: "cert-manager-webhook",
        namespace: NAMESPACE,
        labels: metrics.labels,
        job: "app",
        port: metrics.port,
    })
}
