//! CloudNativePG: PostgreSQL, with a role and a database for each app of the lab that asks for one.

use super::{
    Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor, Options, Rules, component_options, need,
};
use crate::lab::{
    Capability, Chart, DefaultAmounts, ExternalSecret, HealthExpression, Namespace, Object, PodSecurity, Template, Unit,
};
use crate::spec::types::{DatabaseRef, Ipv4, Name, Retention, Schedule, SecretRef, Size, Version, Whole};
use crate::spec::{Bucket, DatabaseField, Given as _, Image, OrNone, Resources, Spanned};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use minijinja::context;
use minijinja::value::Serde;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

const CHART: Chart = Chart::oci("cloudnative-pg", "oci://ghcr.io/cloudnative-pg/charts/cloudnative-pg", "0.29.0");
const VALUES: Template = Template { name: "cloudnative-pg/values.yaml", source: include_str!("values.yaml.j2") };
const CLUSTER: Template = Template { name: "cloudnative-pg/cluster.yaml", source: include_str!("cluster.yaml.j2") };
const DATABASE: Template = Template { name: "cloudnative-pg/database.yaml", source: include_str!("database.yaml.j2") };
const ROLE: Template =
    Template { name: "cloudnative-pg/databaserole.yaml", source: include_str!("databaserole.yaml.j2") };

const DATABASES: Template =
    Template { name: "cloudnative-pg/namespace.yaml", source: include_str!("namespace.yaml.j2") };

/// The plugin that writes backups.
const PLUGIN: Chart =
    Chart::oci("plugin-barman-cloud", "oci://ghcr.io/cloudnative-pg/charts/plugin-barman-cloud", "0.7.0");
const PLUGIN_VALUES: Template =
    Template { name: "cloudnative-pg/plugin-values.yaml", source: include_str!("plugin-values.yaml.j2") };
const OBJECT_STORE: Template =
    Template { name: "cloudnative-pg/objectstore.yaml", source: include_str!("objectstore.yaml.j2") };
const SCHEDULED_BACKUP: Template =
    Template { name: "cloudnative-pg/scheduledbackup.yaml", source: include_str!("scheduledbackup.yaml.j2") };

const RULES: Template = Template { name: "cloudnative-pg/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] =
    &[VALUES, CLUSTER, DATABASE, ROLE, DATABASES, PLUGIN_VALUES, OBJECT_STORE, SCHEDULED_BACKUP, RULES];

/// The Secret of the bucket, and the ObjectStore.
const BACKUPS: &str = "backups";

/// PostgreSQL itself, unless the spec says otherwise.
const IMAGE: &str = "ghcr.io/cloudnative-pg/postgresql";
const IMAGE_TAG: &str = "18.6-standard-trixie";

const OPERATOR_NAMESPACE: &str = "cnpg-system";
const NAMESPACE: &str = "databases";

/// The name of the database cluster, as references say it: `CLUSTER/postgres`.
pub(crate) const NAME: &str = "postgres";

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// The key of an app's secret entry that holds the password of its database.
pub(crate) const PASSWORD_KEY: &str = "database-password";

component_options! {
    /// PostgreSQL for apps of the whole lab.
    Postgres {
        /// How many servers hold the data: one writes, the others follow it. Default: `1`.
        instances: Option<Spanned<Whole<u32, 1, 9>>>,
        /// The size of the volume of each. A `local-path` volume cannot grow. Default: `20GiB`.
        size: Option<Spanned<Size>>,
        /// The storage class. Default: `local-path`; databases do not belong on NFS.
        class: Option<Spanned<Name>>,
        /// The image of PostgreSQL.
        image: Option<Image>,
        /// Processor and memory of each server.
        resources: Option<Resources>,
        /// How it is backed up: base backups and every change since, so that any moment can be
        /// restored. `none` if it is not, on purpose.
        backup: Option<Spanned<OrNone<Backup>>>,
        /// Its address on the LAN, for the other clusters. Default: the second of the cluster's
        /// `load-balancer` range.
        address: Option<Spanned<Ipv4>>,
    }
}

/// Backups of a database cluster.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Backup {
    /// Where they are kept, below a folder with the cluster's name.
    pub s3: Bucket,
    /// When a base backup is made, as five fields of cron in UTC. Default: `"0 2 * * *"`.
    pub schedule: Option<Spanned<Schedule>>,
    /// How long they are kept, in days, weeks or months. Default: `30d`.
    pub retention: Option<Spanned<Retention>>,
    /// How many times the database cluster has been made anew. Each has an archive of its own: a
    /// cluster that is restored into the archive it comes from is refused. Default: `1`.
    pub incarnation: Option<Spanned<Whole<u32, 1, 999>>>,
    /// The older incarnation that this one starts from. Default: none, it starts empty.
    pub restore: Option<Restore>,
    /// The chart version of the plugin. Default: the one that this generator was checked with.
    pub plugin_version: Option<Spanned<Version>>,
}

/// Where a database cluster starts from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Restore {
    /// The incarnation whose archive is read.
    pub from: Spanned<Whole<u32, 1, 999>>,
}

/// How an app reaches its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Access {
    /// The host name.
    pub(crate) host: String,
    /// The database, and the role that owns it.
    pub(crate) name: String,
    /// Where in the store the password stands.
    pub(crate) password: SecretRef,
}

/// Encrypted, by a certificate of the operator's own authority, which other clusters do not know.
const TLS_MODE: &str = "require";

impl Access {
    /// A part of it that is no secret.
    pub(crate) fn text(&self, field: DatabaseField) -> Option<String> {
        match field {
            DatabaseField::Host => Some(self.host.clone()),
            DatabaseField::Port => Some(PORT.to_string()),
            DatabaseField::Name | DatabaseField::User => Some(self.name.clone()),
            DatabaseField::TlsMode => Some(TLS_MODE.to_owned()),
            DatabaseField::Password | DatabaseField::Url => None,
        }
    }

    /// All of it, as a Go template over a key that holds the password. `urlquery` writes a blank as a
    /// plus, which means itself before the host.
    pub(crate) fn url(&self, key: &str) -> String {
        format!(
            "postgres://{name}:{{{{ index . \"{key}\" | urlquery | replace \"+\" \"%20\" }}}}@{host}:{PORT}/{name}?sslmode={TLS_MODE}",
            name = self.name,
            host = self.host,
        )
    }
}

/// An app that asks for a database, and the cluster it runs in.
struct Client<'a> {
    cluster: &'a str,
    app: &'a Spanned<Name>,
    reference: &'a Spanned<DatabaseRef>,
}

/// The secret of an app's database.
pub(crate) fn password(app: &str) -> SecretRef {
    SecretRef { entry: app.to_owned(), key: PASSWORD_KEY.to_owned() }
}

/// The database of an app, and the role that owns it: names that need no quotes in SQL.
fn database_name(app: &str) -> String {
    app.replace('-', "_")
}

impl Postgres {
    /// Its address on the LAN, if it can have one.
    pub(crate) fn address(&self, context: &Context<'_>) -> Option<Ipv4> {
        context.load_balancer()?;
        self.address.given().copied().or_else(|| context.pool_address(1))
    }

    /// How an app of some cluster reaches its database here. `None` if there is no way.
    pub(crate) fn access(&self, context: &Context<'_>, cluster: &str, app: &str) -> Option<Access> {
        let host = if cluster == context.name.as_str() {
            format!("{NAME}-rw.{NAMESPACE}.svc.cluster.local")
        } else {
            self.address(context)?;
            context.service_host(NAME)
        };
        Some(Access { host, name: database_name(app), password: password(app) })
    }

    fn given_backup(&self) -> Option<&Backup> {
        match &self.backup.as_ref()?.value {
            OrNone::Some(backup) => Some(backup),
            OrNone::None => None,
        }
    }

    fn cluster(&self, context: &Context<'_>) -> Object {
        let image = self.image.as_ref().map_or(format!("{IMAGE}:{IMAGE_TAG}"), ToString::to_string);
        let instances = self.instances.given().map_or(1, |count| count.get());
        let resources = self.resources.clone().unwrap_or_default();
        let amounts = resources.amounts(DefaultAmounts { cpu: "100m", memory: "512Mi", most_memory: "1Gi" });
        Object {
            kind: "Cluster",
            name: NAME.to_owned(),
            file: "cluster.yaml".to_owned(),
            template: CLUSTER,
            context: context! {
                name => NAME,
                namespace => NAMESPACE,
                instances,
                image,
                size => self.size.given().copied().unwrap_or(Size::from_bytes(20 << 30)).quantity(),
                class => self.class.as_ref().map_or(super::LOCAL_CLASS, |class| class.as_str()),
                requests => Serde(amounts.requests),
                limits => Serde(amounts.limits),
                archive => self.given_backup().map(|backup| archive(backup.incarnation())),
                source => self.given_backup().and_then(|backup| backup.restore.as_ref()).map(|restore| archive(restore.from.get())),
                address => self.address(context).map(|address| address.to_string()),
                host => context.service_host(NAME),
            },
        }
    }
}

/// The name of an incarnation's archive.
fn archive(incarnation: u32) -> String {
    format!("{NAME}-{incarnation}")
}

impl Backup {
    fn incarnation(&self) -> u32 {
        self.incarnation.given().map_or(1, |number| number.get())
    }

    /// A cluster never starts from the archive that it writes.
    fn judge(&self, faults: &mut Diagnostics) {
        let Some(restore) = &self.restore else { return };
        let (from, own) = (restore.from.get(), self.incarnation());
        if from < own {
            return;
        }
        let message =
            format!("the incarnation {own} would start from the archive of {from}, and write into it or before it");
        let mut fault = Diagnostic::new(Code::IncarnationReused, restore.from.span, message);
        if let Some(incarnation) = &self.incarnation {
            fault = fault.related(incarnation.span, "the incarnation that is made");
        }
        let help = format!("write `incarnation: {}`: a restored cluster needs an archive of its own", from + 1);
        faults.push(fault.help(help));
    }

    /// The unit with the plugin.
    fn plugin(&self, span: Span) -> Unit {
        let options = Options { version: self.plugin_version.as_ref(), ..Options::NONE };
        let mut unit = Unit::new(
            "plugin-barman-cloud",
            "platform/plugin-barman-cloud",
            // It must stand beside the operator.
            Namespace::existing(OPERATOR_NAMESPACE),
        );
        unit.release = Some(options.release("plugin-barman-cloud", PLUGIN, PLUGIN_VALUES, context! {}));
        unit.needs =
            vec![need(Capability::Api("postgresql.cnpg.io"), span), need(Capability::Api("cert-manager.io"), span)];
        unit.provides = vec![Capability::Api("barmancloud.cnpg.io")];
        unit
    }

    /// The unit with the credentials of the bucket.
    fn secrets(&self, context: &Context<'_>, span: Span) -> Unit {
        let mut unit =
            Unit::new(format!("{NAME}-secrets"), format!("platform/{NAME}-secrets"), Namespace::existing(NAMESPACE));
        let keys = [("ACCESS_KEY_ID", &self.s3.access_key_id), ("ACCESS_SECRET_KEY", &self.s3.secret_access_key)];
        let data = keys.map(|(key, secret)| (key.to_owned(), context.remote(secret)));
        unit.secrets = vec![ExternalSecret::new(BACKUPS, data.to_vec())];
        unit.needs = vec![need(Capability::SecretStore, span), need(Capability::Namespace(NAMESPACE.to_owned()), span)];
        unit.provides = vec![Capability::Secrets(NAME.to_owned())];
        unit
    }

    fn objects(&self, context: &Context<'_>) -> [Object; 2] {
        // What the plugin takes has the seconds in front.
        let schedule = self.schedule.as_ref().map_or("0 2 * * *", |schedule| schedule.as_str());
        let name = archive(self.incarnation());
        let store = context! {
            name => BACKUPS,
            namespace => NAMESPACE,
            retention => self.retention.as_ref().map_or("30d", |retention| retention.as_str()),
            path => format!("s3://{}/{}", self.s3.bucket.value, context.name.value),
            endpoint => self.s3.endpoint.as_str(),
        };
        let backup = context! {
            name => name.as_str(),
            namespace => NAMESPACE,
            cluster => NAME,
            schedule => format!("0 {schedule}"),
        };
        let object = |kind, name: &str, file: &str, template, context| Object {
            kind,
            name: name.to_owned(),
            file: file.to_owned(),
            template,
            context,
        };
        [
            object("ObjectStore", BACKUPS, "objectstore.yaml", OBJECT_STORE, store),
            object("ScheduledBackup", &name, "scheduledbackup.yaml", SCHEDULED_BACKUP, backup),
        ]
    }
}

/// The apps of the lab that ask for a database of a cluster.
fn clients<'a>(context: &Context<'a>) -> Vec<Client<'a>> {
    let here = |reference: &DatabaseRef| reference.cluster == context.name.as_str() && reference.database == NAME;
    context
        .clusters()
        .flat_map(|peer| peer.cluster.apps.iter().map(move |app| (peer, app)))
        .filter_map(|(peer, app)| {
            let reference = app.value.database.as_ref()?;
            here(reference).then(|| Client { cluster: peer.name.as_str(), app: &app.name, reference })
        })
        .collect()
}

/// Databases and roles that PostgreSQL or CloudNativePG have already.
const RESERVED: [&str; 5] = ["postgres", "template0", "template1", "streaming_replica", "public"];

/// An app whose database would have a name that is reserved, or that of another app's.
fn judge_clients(clients: &[Client<'_>], faults: &mut Diagnostics) {
    let mut taken: BTreeMap<String, &Client<'_>> = BTreeMap::new();
    for client in clients {
        let name = database_name(client.app.as_str());
        if RESERVED.contains(&name.as_str()) || name.starts_with("pg_") {
            let message =
                format!("the database of an app is called like the app, and PostgreSQL keeps `{name}` for itself");
            let fault = Diagnostic::new(Code::NameTaken, client.app.span, message);
            faults.push(fault.related(client.reference.span, "asked for here").help("rename the app"));
            continue;
        }
        if let Some(first) = taken.insert(name, client) {
            let message = format!(
                "the databases of `{}` in `{}` and of `{}` in `{}` would have the same name",
                client.app.value, client.cluster, first.app.value, first.cluster
            );
            let fault = Diagnostic::new(Code::NameTaken, client.reference.span, message)
                .related(first.reference.span, "the other app asks here");
            faults.push(fault.help("rename one of the apps"));
        }
    }
}

/// The unit with an app's role and database, and the one before it with the role's password.
fn database_units(context: &Context<'_>, client: &Client<'_>) -> [Unit; 2] {
    let app = client.app.as_str();
    let span = client.reference.span;
    let unit_name = format!("database-{app}");
    let mut secrets = Unit::new(
        format!("{unit_name}-secrets"),
        format!("databases/{unit_name}-secrets"),
        Namespace::existing(NAMESPACE),
    );
    let name = database_name(app);
    secrets.secrets = vec![ExternalSecret {
        name: app.to_owned(),
        kind: Some("kubernetes.io/basic-auth"),
        // The operator looks at the Secret again when it changes.
        labels: &[("cnpg.io/reload", "true")],
        data: vec![("password".to_owned(), context.remote(&password(app)))],
        template: vec![("username".to_owned(), name.clone()), ("password".to_owned(), "{{ .password }}".to_owned())],
    }];
    secrets.needs = vec![need(Capability::SecretStore, span), need(Capability::Namespace(NAMESPACE.to_owned()), span)];
    secrets.provides = vec![Capability::Secrets(unit_name.clone())];

    let mut unit = Unit::new(unit_name.clone(), format!("databases/{unit_name}"), Namespace::existing(NAMESPACE));
    let object = |kind: &'static str, file: &str, template| Object {
        kind,
        name: app.to_owned(),
        file: file.to_owned(),
        template,
        context: context! { object => app, namespace => NAMESPACE, cluster => NAME, name => name.as_str() },
    };
    unit.objects =
        vec![object("DatabaseRole", "databaserole.yaml", ROLE), object("Database", "database.yaml", DATABASE)];
    unit.needs = vec![need(Capability::Postgres, span), need(Capability::Secrets(unit_name), span)];
    unit.provides = vec![Capability::Database(app.to_owned())];
    unit.health = ["DatabaseRole", "Database"]
        .map(|kind| HealthExpression {
            api_version: "postgresql.cnpg.io/v1",
            kind,
            current: "has(status.applied) && status.applied",
            // Not applied yet is no failure: the operator tries again.
            failed: None,
        })
        .to_vec();
    [secrets, unit]
}

impl Component for Postgres {
    fn options(&self) -> Options<'_> {
        self.common()
    }

    fn is_opt_in(&self) -> bool {
        true
    }

    fn units(&self, context: &Context<'_>, span: Span, faults: &mut Diagnostics) -> Vec<Unit> {
        let clients = clients(context);
        judge_clients(&clients, faults);
        let mut operator = Unit::new(
            "cloudnative-pg",
            "platform/cloudnative-pg",
            Namespace::made(OPERATOR_NAMESPACE, PodSecurity::Restricted),
        );
        operator.release = Some(self.common().release("cloudnative-pg", CHART, VALUES, context! {}));
        // The namespace of the databases is there from here on, so that passwords need not wait for
        // the database cluster.
        operator.objects = vec![Object {
            kind: "Namespace",
            name: NAMESPACE.to_owned(),
            file: "namespace-databases.yaml".to_owned(),
            template: DATABASES,
            context: context! { name => NAMESPACE, pod_security => PodSecurity::Restricted.text() },
        }];
        operator.provides = vec![
            Capability::Api("postgresql.cnpg.io"),
            Capability::Namespace(OPERATOR_NAMESPACE.to_owned()),
            Capability::Namespace(NAMESPACE.to_owned()),
        ];

        let mut unit = Unit::new(NAME, "platform/postgres", Namespace::existing(NAMESPACE));
        unit.objects = vec![self.cluster(context)];
        unit.needs = vec![need(Capability::Api("postgresql.cnpg.io"), span)];
        if self.address(context).is_some() {
            unit.needs.push(need(Capability::LoadBalancer, span));
        }
        unit.provides = vec![Capability::Postgres];
        let mut units = vec![operator];
        if let Some(backup) = self.given_backup() {
            backup.judge(faults);
            unit.objects.extend(backup.objects(context));
            unit.needs.push(need(Capability::Api("barmancloud.cnpg.io"), span));
            unit.needs.push(need(Capability::Secrets(NAME.to_owned()), span));
            units.push(backup.plugin(span));
            units.push(backup.secrets(context, span));
        } else if self.backup.is_none() {
            let fault = Diagnostic::new(Code::BackupMissing, span, "nothing backs up these databases");
            faults.push(fault.help("add `backup: { s3: … }`, or `backup: none` if that is meant"));
        }
        units.push(unit);
        units.extend(clients.iter().flat_map(|client| database_units(context, client)));
        units
    }

    fn addresses(&self, context: &Context<'_>) -> Vec<Claim<Ipv4>> {
        let span = self.address.as_ref().map(|address| address.span);
        let span = span.or_else(|| context.cluster.load_balancer.as_ref().map(|range| range.span));
        let claim = |value| Claim { value, span: span.unwrap_or(context.name.span), owner: "PostgreSQL".to_owned() };
        self.address(context).map(claim).into_iter().collect()
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<String>> {
        let span = context.cluster.platform.postgres.as_ref().map_or(context.name.span, |postgres| postgres.span);
        vec![Claim {
            value: context.service_host(NAME),
            span,
            owner: format!("PostgreSQL of `{}`", context.name.value),
        }]
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let endpoint = |address| Endpoint { host: context.service_host(NAME), address };
        self.address(context).map(endpoint).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        self.given_backup().iter().flat_map(|backup| [&backup.s3.access_key_id, &backup.s3.secret_access_key]).collect()
    }

    fn classes(&self) -> Vec<ClassUse<'_>> {
        self.class.iter().map(|class| ClassUse { class, not_on_nfs: Some("PostgreSQL") }).collect()
    }

    fn monitors(&self, _: &Context<'_>) -> Vec<Monitor> {
        vec![
            Monitor {
                name: "cloudnative-pg",
                namespace: OPERATOR_NAMESPACE,
                labels: &[("app.kubernetes.io/name", "cloudnative-pg")],
                job: "app.kubernetes.io/name",
                port: "metrics",
            },
            Monitor {
                name: "postgres",
                namespace: NAMESPACE,
                labels: &[("cnpg.io/podRole", "instance")],
                job: "cnpg.io/cluster",
                port: "metrics",
            },
        ]
    }

    fn dashboards(&self) -> &'static [Dashboard] {
        &[Dashboard { name: "postgresql", json: include_str!("dashboard.json") }]
    }

    fn rules(&self) -> &'static [Rules] {
        &[Rules { name: "postgres", template: RULES }]
    }
}
