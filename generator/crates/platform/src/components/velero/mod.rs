//! Velero: backups of the volumes and objects of apps that request them.

use crate::component::{AlertingRules, Component, Context, Monitor};
use crate::network::Closed;
use crate::{bucket, deadline, release, restart_with_secrets, secrets_unit_for};
use diagnostic::{Diagnostics, Span};
use model::contract::BACKUP_LABEL;
use model::{Capability, Chart, ExternalSecret, Namespace, Template, Unit, Use};
use serde_json::json;
use spec::platform::{Backups, Configured as _};
use spec::types::SecretRef;
use spec::{PodSecurity, Spanned};

const CHART: Chart = Chart::oci("velero", "oci://ghcr.io/vmware-tanzu/charts/velero", "12.1.0");
/// The image of the plugin for S3.
const IMAGE: &str = "docker.io/velero/velero-plugin-for-aws";
/// The version of the plugin that is compatible with the version of Velero.
const VERSION: &str = "v1.14.3";
/// The image of the server and of the node agent.
const SERVER_IMAGE: &str = "docker.io/velero/velero";
/// A newer patch version than that of the chart. Before 1.18.3, a backup that timed out could not restore any of its
/// volumes (velero#9986).
const SERVER_VERSION: &str = "v1.18.3";
const VALUES: Template = Template { name: "velero/values.yaml", source: include_str!("values.yaml.j2") };

const RULES: Template = Template { name: "velero/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, RULES];

const NAMESPACE: &str = "velero";

/// The name of the schedule, after the name of the release.
const SCHEDULE: &str = "daily";

impl Component for Backups {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn missing(&self, _: &Context<'_>) -> Option<&'static str> {
        let is_configured = self.s3.is_some() && self.repository_password.is_some();
        (!is_configured).then_some(
            "add a bucket, `s3: { endpoint: …, bucket: …, access-key-id: ENTRY/KEY, \
             secret-access-key: ENTRY/KEY }`, and `repository-password: ENTRY/KEY`",
        )
    }

    fn uses(&self, _: &Context<'_>) -> Vec<Use> {
        self.s3.as_ref().map(bucket).into_iter().collect()
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let (Some(s3), Some(password)) = (&self.s3, &self.repository_password) else { return Vec::new() };
        // Any other chart determines the version of Velero itself.
        let is_tested = self.version.as_ref().is_none_or(|version| version.as_str() == CHART.version);
        let server = is_tested.then_some(json!({ "repository": SERVER_IMAGE, "tag": SERVER_VERSION }));
        let values = json!({
            "server": server,
            "bucket": s3.bucket.value,
            "prefix": format!("velero/{}", context.name.value),
            "endpoint": s3.endpoint.value,
            "schedule_name": SCHEDULE,
            "schedule": self.schedule.get(),
            "ttl": format!("{}h", self.days.get().get() * 24),
            // Pods are selected by label, so that adding an app does not change this file.
            "label": BACKUP_LABEL,
            "plugin": format!("{IMAGE}:{VERSION}"),
        });
        let credentials = ExternalSecret {
            name: "velero".into(),
            kind: None,
            labels: &[],
            data: vec![
                ("id".into(), context.stored(&s3.access_key_id)),
                ("key".into(), context.stored(&s3.secret_access_key)),
            ],
            template: vec![(
                "cloud".into(),
                "[default]\naws_access_key_id={{ .id }}\naws_secret_access_key={{ .key }}\n".to_owned(),
            )],
        };
        // Without a Secret of this name, Velero creates one with a well-known password.
        let repository = ExternalSecret::new(
            "velero-repo-credentials",
            vec![("repository-password".into(), context.stored(password))],
        );
        let mut unit = Unit::new("velero", "platform/velero", Namespace::existing(NAMESPACE));
        unit.install(release(self.options(), "velero", CHART, VALUES, values));
        unit.provides = vec![Capability::Backups];
        // The node agent reads the volumes of all pods on its node.
        restart_with_secrets(&mut unit, context);
        let secrets = secrets_unit_for(&mut unit, PodSecurity::Privileged, vec![credentials, repository], span);
        vec![secrets, unit]
    }

    fn closed(&self, _: &Context<'_>) -> Vec<Closed> {
        vec![Closed::new(NAMESPACE, [])]
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        let bucket = self.s3.iter().flat_map(|s3| [&s3.access_key_id, &s3.secret_access_key]);
        bucket.chain(&self.repository_password).collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![Monitor {
            name: "velero",
            namespace: NAMESPACE,
            labels: &[("app.kubernetes.io/name", "velero")],
            job: "name",
            port: "http-monitoring",
        }]
    }

    fn alerting_rules(&self, peers: &[Context<'_>]) -> Vec<AlertingRules> {
        let clusters = peers.iter().filter_map(|peer| {
            let backups = peer.get::<Backups>()?;
            // Other schedules have other names.
            let is_generated = !backups.values.contains_key("schedules");
            let deadline = deadline(backups.schedule.get());
            is_generated.then(|| json!({ "name": peer.name.value, "deadline": deadline }))
        });
        let variables = json!({ "clusters": clusters.collect::<Vec<_>>(), "schedule": format!("velero-{SCHEDULE}") });
        vec![AlertingRules { name: "velero", template: RULES, variables }]
    }
}
