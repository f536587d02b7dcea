//! Velero: backups of the volumes and objects of apps that ask for them.

use super::{Component, Context, Monitor, Options, Rules, component_options, secrets_before};
use crate::lab::{Capability, Chart, ExternalSecret, Namespace, PodSecurity, Template, Unit};
use crate::spec::types::{Schedule, SecretRef, Whole};
use crate::spec::{AppBackup, Bucket, Given as _, Spanned};
use diagnostic::{Diagnostics, Span};
use minijinja::context;

const CHART: Chart = Chart::oci("velero", "oci://ghcr.io/vmware-tanzu/charts/velero", "12.1.0");
/// The plugin for S3.
const IMAGE: &str = "docker.io/velero/velero-plugin-for-aws";
/// The version of the plugin that goes with the chart.
const VERSION: &str = "v1.14.2";
const VALUES: Template = Template { name: "velero/values.yaml", source: include_str!("values.yaml.j2") };

const RULES: Template = Template { name: "velero/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] = &[VALUES, RULES];

const NAMESPACE: &str = "velero";

component_options! {
    /// Backups of the volumes of apps.
    Backups {
        /// Where they are kept, below a folder with the cluster's name.
        s3: Option<Bucket>,
        /// The key with the password that the volumes' backups are encrypted with. It never changes:
        /// what was written with another can never be read again.
        repository_password: Option<Spanned<SecretRef>>,
        /// When, as five fields of cron in UTC. Default: `"0 3 * * *"`.
        schedule: Option<Spanned<Schedule>>,
        /// How long they are kept, in days. Default: `30`.
        days: Option<Spanned<Whole<u32, 1, 3650>>>,
    }
}

impl Component for Backups {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_opt_in(&self) -> bool {
        true
    }

    fn missing(&self, _: &Context<'_>) -> Option<&'static str> {
        let is_given = self.s3.is_some() && self.repository_password.is_some();
        (!is_given).then_some(
            "give it a bucket, `s3: { endpoint: …, bucket: …, access-key-id: ENTRY/KEY, \
             secret-access-key: ENTRY/KEY }`, and a `repository-password: ENTRY/KEY`",
        )
    }

    fn units(&self, context: &Context<'_>, span: Span, _: &mut Diagnostics) -> Vec<Unit> {
        let (Some(s3), Some(password)) = (&self.s3, &self.repository_password) else { return Vec::new() };
        let values = context! {
            bucket => s3.bucket.as_str(),
            prefix => format!("velero/{}", context.name.value),
            endpoint => s3.endpoint.as_str(),
            schedule => self.schedule.as_ref().map_or("0 3 * * *", |schedule| schedule.as_str()),
            ttl => format!("{}h", self.days.given().map_or(30, |days| days.get()) * 24),
            // The label of pods whose apps ask for it: no list that each of them would change.
            label => AppBackup::LABEL,
            plugin => format!("{IMAGE}:{VERSION}"),
        };
        let credentials = ExternalSecret {
            name: "velero".to_owned(),
            kind: None,
            labels: &[],
            data: vec![
                ("id".to_owned(), context.remote(&s3.access_key_id)),
                ("key".to_owned(), context.remote(&s3.secret_access_key)),
            ],
            template: vec![(
                "cloud".to_owned(),
                "[default]\naws_access_key_id={{ .id }}\naws_secret_access_key={{ .key }}\n".to_owned(),
            )],
        };
        // Without a Secret of this name Velero makes one with a password that everybody knows.
        let repository = ExternalSecret::new(
            "velero-repo-credentials",
            vec![("repository-password".to_owned(), context.remote(password))],
        );
        let mut unit = Unit::new("velero", "platform/velero", Namespace::existing(NAMESPACE));
        unit.release = Some(self.common().release("velero", CHART, VALUES, values));
        unit.provides = vec![Capability::Backups];
        // The node agent reads the volumes of all pods of its node.
        let before = secrets_before(&mut unit, PodSecurity::Privileged, vec![credentials, repository], span);
        vec![before, unit]
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        let of_bucket = self.s3.iter().flat_map(|s3| [&s3.access_key_id, &s3.secret_access_key]);
        of_bucket.chain(&self.repository_password).collect()
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

    fn rules(&self) -> &'static [Rules] {
        &[Rules { name: "velero", template: RULES }]
    }
}
