//! CloudNativePG: PostgreSQL, with a role and a database for each app of the lab that requests one.

use crate::component::{AlertingRules, Claim, ClassUse, Component, Context, Dashboard, Endpoint, Monitor};
use crate::network::{Closed, address, marked, webhooks};
use crate::{bucket, deadline, release};
use diagnostic::{Code, Diagnostic, Diagnostics, Span};
use model::contract::DATABASE_LABEL;
use model::{
    Capability, Chart, DatabaseName, ExternalSecret, Manifest, Namespace, Need, ObjectName, Passage, Peer, PolicyPort,
    Template, Unit, Use, WithDefaults as _,
};
use serde_json::json;
use spec::platform::{Backup, ComponentId, Configured as _, LoadBalancer, Options, Postgres};
use spec::types::{AddressBlock, DatabaseRef, DomainName, Ipv4, Name, SecretKey, SecretRef, SqlName};
use spec::{App, DatabaseField, Entry, PodSecurity, Spanned, defaults};
use std::collections::{BTreeMap, BTreeSet};

/// The repository whose workflows sign both charts.
const SIGNER: &str = "cloudnative-pg/charts";

pub(crate) const CHART: Chart =
    Chart::oci("cloudnative-pg", "oci://ghcr.io/cloudnative-pg/charts/cloudnative-pg", "0.29.0").signed_by(SIGNER);
const VALUES: Template = Template { name: "cloudnative-pg/values.yaml", source: include_str!("values.yaml.j2") };
const CLUSTER: Template = Template { name: "cloudnative-pg/cluster.yaml", source: include_str!("cluster.yaml.j2") };
const DATABASE: Template = Template { name: "cloudnative-pg/database.yaml", source: include_str!("database.yaml.j2") };
const ROLE: Template =
    Template { name: "cloudnative-pg/databaserole.yaml", source: include_str!("databaserole.yaml.j2") };

/// The chart of the plugin that writes backups.
const PLUGIN: Chart =
    Chart::oci("plugin-barman-cloud", "oci://ghcr.io/cloudnative-pg/charts/plugin-barman-cloud", "0.7.0")
        .signed_by(SIGNER);
const PLUGIN_VALUES: Template =
    Template { name: "cloudnative-pg/plugin-values.yaml", source: include_str!("plugin-values.yaml.j2") };
const OBJECT_STORE: Template =
    Template { name: "cloudnative-pg/objectstore.yaml", source: include_str!("objectstore.yaml.j2") };
const SCHEDULED_BACKUP: Template =
    Template { name: "cloudnative-pg/scheduledbackup.yaml", source: include_str!("scheduledbackup.yaml.j2") };

const RULES: Template = Template { name: "cloudnative-pg/rules.yaml", source: include_str!("rules.yaml.j2") };

/// All templates of this component.
pub(super) const TEMPLATES: &[Template] =
    &[VALUES, CLUSTER, DATABASE, ROLE, PLUGIN_VALUES, OBJECT_STORE, SCHEDULED_BACKUP, RULES];

/// The name of the ObjectStore, and of the Secret with the credentials of the bucket.
const BACKUPS: &str = "backups";

/// The default image of PostgreSQL.
const IMAGE: &str = "ghcr.io/cloudnative-pg/postgresql";
const IMAGE_TAG: &str = "18.6-standard-trixie";

const OPERATOR_NAMESPACE: &str = "cnpg-system";
const NAMESPACE: &str = "databases";

/// The name of the database cluster, as used in references: `CLUSTER/postgres`.
pub const NAME: &str = "postgres";

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// The port at which the operator asks an instance for its status.
const STATUS_PORT: u16 = 8000;

/// The key with the database password, in the secret entry of an app.
const PASSWORD_KEY: &str = "database-password";

/// How an app connects to its database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The host name of the server.
    pub host: DomainName,
    /// The name of the database.
    pub name: DatabaseName,
    /// The name of the role that owns it.
    pub user: DatabaseName,
    /// The secret that holds the password.
    pub password: SecretRef,
}

/// Encrypted without verification: the certificate is from the operator's own CA, which other clusters do not trust.
const TLS_MODE: &str = "require";

impl Access {
    /// A field that contains no secret; `None` for the others.
    pub fn text(&self, field: DatabaseField) -> Option<String> {
        match field {
            DatabaseField::Host => Some(self.host.to_string()),
            DatabaseField::Port => Some(PORT.to_string()),
            DatabaseField::Name => Some(self.name.to_string()),
            DatabaseField::User => Some(self.user.to_string()),
            DatabaseField::TlsMode => Some(TLS_MODE.to_owned()),
            DatabaseField::Password | DatabaseField::Url => None,
        }
    }

    /// The connection URL, as a Go template over the key that holds the password. `urlquery` encodes a space as
    /// `+`, which is not decoded in the user information of a URL, so it becomes `%20`.
    pub fn url(&self, key: &str) -> String {
        format!(
            "postgres://{user}:{{{{ index . \"{key}\" | urlquery | replace \"+\" \"%20\" }}}}@{host}:{PORT}/{name}?sslmode={TLS_MODE}",
            user = self.user,
            name = self.name,
            host = self.host,
        )
    }
}

/// An app that requests a database, and the cluster that it runs in.
struct Client<'a> {
    cluster: &'a Name,
    app: &'a Entry<App>,
    reference: &'a Spanned<DatabaseRef>,
}

/// A name in PostgreSQL, and where the spec sets it: if it does not, at the name of the app.
type Placed = (DatabaseName, Span);

/// The names of an app's database and of the role that owns it.
fn names(app: &Entry<App>) -> [Placed; 2] {
    let given = |name: &Spanned<SqlName>| (DatabaseName::from(name.value.to_string()), name.span);
    let default = || (app.object_name().as_str().replace('-', "_").into(), app.named().span);
    let name = app.value.database_name().as_ref().map_or_else(default, given);
    let user = app.value.database_role().as_ref().map_or_else(|| name.clone(), given);
    [name, user]
}

/// The names of the objects for an app's database and for its role.
pub fn database_objects(app: &Entry<App>) -> [ObjectName; 2] {
    names(app).map(|(name, _)| object_name(&name))
}

/// The capability that an app's database provides.
pub fn database_of(app: &Entry<App>) -> Capability {
    let [(name, _), _] = names(app);
    Capability::Database(object_name(&name))
}

/// The name of the object for a database or role. Another database is another object, which may be created while
/// the API refuses to change the name in an existing one.
fn object_name(name: &DatabaseName) -> ObjectName {
    name.as_str().replace('_', "-").into()
}

/// The secret with the password of an app's database.
pub fn password(app: &Name) -> SecretRef {
    SecretRef { entry: app.clone(), key: SecretKey::known(PASSWORD_KEY) }
}

/// The LAN address of PostgreSQL, if the cluster has load-balancer addresses.
fn lan_address(postgres: &Postgres, context: &Context<'_>) -> Option<Ipv4> {
    context.get::<LoadBalancer>()?;
    postgres.address.as_ref().map(|address| address.value).or_else(|| context.pool_address(1))
}

/// How an app of a cluster connects to its database in the cluster of `context`. `None` if that cluster has no
/// PostgreSQL, or none that other clusters can reach.
pub fn access(context: &Context<'_>, cluster: &Name, app: &Entry<App>) -> Option<Access> {
    let postgres = context.get::<Postgres>()?;
    let host = if *cluster == context.name.value {
        DomainName::known(&format!("{NAME}-rw.{NAMESPACE}.svc.cluster.local"))
    } else {
        lan_address(postgres, context)?;
        context.service_host(NAME)
    };
    let [(name, _), (user, _)] = names(app);
    Some(Access { host, name, user, password: password(app.object_name()) })
}

/// The connections of a cluster to the PostgreSQL of the cluster of `context`, if it can connect.
pub(crate) fn passage(context: &Context<'_>, cluster: &Name) -> Option<Passage> {
    let postgres = context.get::<Postgres>()?;
    let peer = if *cluster == context.name.value {
        Peer::pods(NAMESPACE, ("cnpg.io/cluster", NAME))
    } else {
        address(lan_address(postgres, context)?)
    };
    Some(Passage::new("the database", [peer]).at([PolicyPort::tcp(PORT)]))
}

/// The networks that connect to the LAN address: nodes of other clusters with apps that have a database in this one, and
/// those that the spec allows. Pods of other clusters connect with the address of their node, since flannel translates
/// addresses that leave the cluster network.
fn clients_in_lan(postgres: &Postgres, context: &Context<'_>) -> Vec<AddressBlock> {
    let used: BTreeSet<&Name> = clients(context).iter().map(|client| client.cluster).collect();
    let peers = context.clusters().filter(|peer| peer.name.value != context.name.value);
    let peers = peers.filter(|peer| used.contains(&peer.name.value));
    let nodes = peers.flat_map(|peer| peer.cluster.nodes.iter().map(|node| AddressBlock::of(node.value.address.value)));
    let mut networks: Vec<_> = nodes.chain(postgres.allow.iter().map(|network| network.value)).collect();
    networks.sort_unstable();
    networks.dedup();
    networks
}

/// Reports networks that may connect to an address that does not exist.
fn check_allowed(postgres: &Postgres, context: &Context<'_>, diagnostics: &mut Diagnostics) {
    if let Some(network) = postgres.allow.first().filter(|_| lan_address(postgres, context).is_none()) {
        let message = "`allow` has no effect: PostgreSQL has no address in the LAN";
        let diagnostic = Diagnostic::new(Code::FieldWithoutEffect, network.span, message).of_absence();
        diagnostics.push(diagnostic.help("set `load-balancer` of the cluster to a range of at least two addresses"));
    }
}

fn cluster(postgres: &Postgres, context: &Context<'_>) -> Manifest {
    let image = postgres.image.as_ref().map_or(format!("{IMAGE}:{IMAGE_TAG}"), ToString::to_string);
    let resources = postgres.resources.clone().unwrap_or_default();
    let amounts = resources.amounts(&defaults::POSTGRES);
    let backup = postgres.given_backup();
    let restore = backup.and_then(|backup| backup.restore.as_ref());
    Manifest::new(
        "Cluster",
        NAME,
        "cluster.yaml",
        CLUSTER,
        json!({
            "name": NAME,
            "namespace": NAMESPACE,
            "instances": postgres.instances.get().get(),
            "image": image,
            "size": postgres.size.get().quantity(),
            "class": postgres.class.get(),
            "preload": postgres.preload.iter().map(|library| &library.value).collect::<Vec<_>>(),
            "requests": amounts.requests,
            "limits": amounts.limits,
            "archive": backup.map(|backup| archive(incarnation(backup))),
            "source": restore.map(|restore| archive(restore.from.get())),
            "target": restore.and_then(|restore| restore.to.as_ref()).map(|time| &time.value),
            "address": lan_address(postgres, context),
            "pods": context.cluster.pods.get(),
            "sources": sources(postgres, context),
            "host": context.service_host(NAME),
        }),
    )
}

/// The networks that the Service in the LAN admits: its clients there, and pods of its own cluster.
fn sources(postgres: &Postgres, context: &Context<'_>) -> Vec<AddressBlock> {
    let own = AddressBlock::from(*context.cluster.pods.get());
    clients_in_lan(postgres, context).into_iter().chain([own]).collect()
}

/// The name of the backup archive of an incarnation.
fn archive(incarnation: u32) -> String {
    format!("{NAME}-{incarnation}")
}

fn incarnation(backup: &Backup) -> u32 {
    backup.incarnation.get().get()
}

/// Reports a restore from an archive that is not of an earlier incarnation.
fn check_restore(backup: &Backup, diagnostics: &mut Diagnostics) {
    let Some(restore) = &backup.restore else { return };
    let (from, own) = (restore.from.get(), incarnation(backup));
    if from < own {
        return;
    }
    let message =
        format!("incarnation {own} cannot be restored from the archive of {from}: it must be an earlier incarnation");
    let mut diagnostic = Diagnostic::new(Code::IncarnationReused, restore.from.span, message);
    if let Some(span) = backup.incarnation.span() {
        diagnostic = diagnostic.related(span, "the new incarnation");
    }
    let help = format!("set `incarnation: {}`: a restored cluster needs its own archive", from + 1);
    diagnostics.push(diagnostic.help(help));
}

/// The unit with the backup plugin.
fn plugin(backup: &Backup, span: Span) -> Unit {
    let options = Options { version: backup.plugin_version.as_ref(), ..Options::NONE };
    let mut unit = Unit::new(
        "plugin-barman-cloud",
        "platform/plugin-barman-cloud",
        // The plugin must run in the namespace of the operator.
        Namespace::existing(OPERATOR_NAMESPACE),
    );
    unit.install(release(options, "plugin-barman-cloud", PLUGIN, PLUGIN_VALUES, json!({})));
    unit.needs = vec![
        Need::before(Capability::Api("postgresql.cnpg.io"), span),
        Need::before(Capability::Api("cert-manager.io"), span),
    ];
    unit.provides = vec![Capability::Api("barmancloud.cnpg.io")];
    unit
}

/// The unit with the credentials of the bucket.
fn secrets_unit(backup: &Backup, context: &Context<'_>, span: Span) -> Unit {
    let mut unit =
        Unit::new(format!("{NAME}-secrets"), format!("platform/{NAME}-secrets"), Namespace::existing(NAMESPACE));
    let keys = [("ACCESS_KEY_ID", &backup.s3.access_key_id), ("ACCESS_SECRET_KEY", &backup.s3.secret_access_key)];
    let data = keys.map(|(key, secret)| (key.into(), context.stored(secret)));
    unit.read_secrets([ExternalSecret::new(BACKUPS, data.to_vec())]);
    unit.needs =
        vec![Need::before(Capability::SecretStore, span), Need::before(Capability::Namespace(NAMESPACE.into()), span)];
    unit.provides = vec![Capability::Secrets(NAME.into())];
    unit
}

fn backup_objects(backup: &Backup, context: &Context<'_>) -> [Manifest; 2] {
    // The schedule of a ScheduledBackup has a field for seconds in front.
    let schedule = backup.schedule.get();
    let name = archive(incarnation(backup));
    let store = json!({
        "name": BACKUPS,
        "namespace": NAMESPACE,
        "retention": backup.retention.get(),
        "path": format!("s3://{}/{}", backup.s3.bucket.value, context.name.value),
        "endpoint": backup.s3.endpoint.value,
    });
    let scheduled = json!({
        "name": name,
        "namespace": NAMESPACE,
        "cluster": NAME,
        "schedule": format!("0 {schedule}"),
    });
    [
        Manifest::new("ObjectStore", BACKUPS, "objectstore.yaml", OBJECT_STORE, store),
        Manifest::new("ScheduledBackup", name, "scheduledbackup.yaml", SCHEDULED_BACKUP, scheduled),
    ]
}

/// The apps of the lab that request a database in a cluster.
fn clients<'a>(context: &Context<'a>) -> Vec<Client<'a>> {
    let here = |reference: &DatabaseRef| reference.cluster == context.name.value && reference.database.as_str() == NAME;
    context
        .clusters()
        .flat_map(|peer| peer.cluster.apps.iter().map(move |app| (peer, app)))
        .filter_map(|(peer, app)| {
            let reference = app.value.database().as_ref()?;
            here(reference).then_some(Client { cluster: &peer.name.value, app, reference })
        })
        .collect()
}

/// Names of databases and roles that PostgreSQL or CloudNativePG create.
const RESERVED: [&str; 5] = ["postgres", "template0", "template1", "streaming_replica", "public"];

/// Reports databases and roles whose name is reserved, or the same as that of another app.
fn check_clients(clients: &[Client<'_>], diagnostics: &mut Diagnostics) {
    let mut databases: BTreeMap<DatabaseName, &Client<'_>> = BTreeMap::new();
    let mut roles: BTreeMap<DatabaseName, &Client<'_>> = BTreeMap::new();
    for client in clients {
        let [database, role] = names(client.app);
        let is_own = role.0 != database.0;
        check_reserved(client, "database", "database-name", &database, diagnostics);
        if is_own {
            check_reserved(client, "role", "database-role", &role, diagnostics);
        }
        if let Some(first) = databases.insert(database.0.clone(), client) {
            check_other(client, first, "database", "database-name", diagnostics);
        }
        // Roles with the names of their databases differ if these do.
        let others = |first: &&Client<'_>| names(first.app)[0].0 != database.0;
        if let Some(first) = roles.insert(role.0, client).filter(|first| others(first)) {
            check_other(client, first, "role", "database-role", diagnostics);
        }
    }
}

fn check_reserved(client: &Client<'_>, what: &str, field: &str, name: &Placed, diagnostics: &mut Diagnostics) {
    let (name, span) = name;
    if RESERVED.contains(&name.as_str()) || name.as_str().starts_with("pg_") {
        let message = format!("the {what} of this app would be named `{name}`, which PostgreSQL reserves");
        let diagnostic = Diagnostic::new(Code::NameTaken, *span, message);
        let help = format!("set `{field}` of the app to another name");
        diagnostics.push(diagnostic.related(client.reference.span, "requested here").help(help));
    }
}

fn check_other(client: &Client<'_>, first: &Client<'_>, what: &str, field: &str, diagnostics: &mut Diagnostics) {
    let message = format!(
        "the {what}s of `{}` in `{}` and of `{}` in `{}` would have the same name",
        client.app.name.value, client.cluster, first.app.name.value, first.cluster
    );
    let diagnostic = Diagnostic::new(Code::NameTaken, client.reference.span, message)
        .related(first.reference.span, format!("the other {what} is requested here"));
    diagnostics.push(diagnostic.help(format!("set `{field}` of one of the apps")));
}

/// The unit with the password of an app's role, and the unit with the role and its database.
fn database_units(context: &Context<'_>, client: &Client<'_>) -> [Unit; 2] {
    let app = client.app.object_name();
    let span = client.reference.span;
    let [(name, _), (user, _)] = names(client.app);
    let unit_name = format!("database-{}", object_name(&name));
    let mut secrets = Unit::new(
        format!("{unit_name}-secrets"),
        format!("databases/{unit_name}-secrets"),
        Namespace::existing(NAMESPACE),
    );
    secrets.read_secrets([ExternalSecret {
        name: object_name(&user),
        kind: Some("kubernetes.io/basic-auth"),
        // Makes the operator apply a changed password.
        labels: &[("cnpg.io/reload", "true")],
        data: vec![("password".into(), context.stored(&password(app)))],
        template: vec![("username".into(), user.to_string()), ("password".into(), "{{ .password }}".to_owned())],
    }]);
    secrets.needs =
        vec![Need::before(Capability::SecretStore, span), Need::before(Capability::Namespace(NAMESPACE.into()), span)];
    secrets.provides = vec![Capability::Secrets(unit_name.clone().into())];

    let mut unit = Unit::new(unit_name.clone(), format!("databases/{unit_name}"), Namespace::existing(NAMESPACE));
    let extensions: Vec<_> = client.app.value.database_extensions().iter().map(|extension| &extension.value).collect();
    let object = |kind: &'static str, file: &'static str, template, name: &DatabaseName| {
        let object = object_name(name);
        let variables = json!({
            "object": object,
            "namespace": NAMESPACE,
            "cluster": NAME,
            "name": name,
            "owner": user,
            "extensions": extensions,
        });
        Manifest::new(kind, object, file, template, variables)
    };
    unit.extend([
        object("DatabaseRole", "databaserole.yaml", ROLE, &user),
        object("Database", "database.yaml", DATABASE, &name),
    ]);
    unit.needs =
        vec![Need::before(Capability::Postgres, span), Need::before(Capability::Secrets(unit_name.into()), span)];
    unit.provides = vec![database_of(client.app)];
    [secrets, unit]
}

impl Component for Postgres {
    fn is_opt_in(&self) -> bool {
        true
    }

    fn units(&self, context: &Context<'_>, span: Span, diagnostics: &mut Diagnostics) -> Vec<Unit> {
        let clients = clients(context);
        check_clients(&clients, diagnostics);
        check_allowed(self, context, diagnostics);
        let mut operator = Unit::new(
            "cloudnative-pg",
            "platform/cloudnative-pg",
            Namespace::created(OPERATOR_NAMESPACE, PodSecurity::Restricted),
        );
        operator.install(release(self.options(), "cloudnative-pg", CHART, VALUES, json!({})));
        // This unit creates the namespace of the databases, so that the units with passwords need not wait for
        // the database cluster.
        operator.other_namespaces.push(Namespace::created(NAMESPACE, PodSecurity::Restricted));
        operator.provides = vec![
            Capability::Api("postgresql.cnpg.io"),
            Capability::Namespace(OPERATOR_NAMESPACE.into()),
            Capability::Namespace(NAMESPACE.into()),
        ];

        let mut unit = Unit::new(NAME, "platform/postgres", Namespace::existing(NAMESPACE));
        unit.extend([cluster(self, context)]);
        unit.needs = vec![Need::before(Capability::Api("postgresql.cnpg.io"), span)];
        if lan_address(self, context).is_some() {
            unit.needs.push(Need::before(Capability::LoadBalancer, span));
        }
        unit.provides = vec![Capability::Postgres];
        let mut units = vec![operator];
        if let Some(backup) = self.given_backup() {
            check_restore(backup, diagnostics);
            unit.extend(backup_objects(backup, context));
            unit.needs.push(Need::before(Capability::Api("barmancloud.cnpg.io"), span));
            unit.needs.push(Need::before(Capability::Secrets(NAME.into()), span));
            units.push(plugin(backup, span));
            units.push(secrets_unit(backup, context, span));
        } else if self.backup.is_none() {
            let diagnostic = Diagnostic::new(Code::BackupMissing, span, "these databases are not backed up");
            diagnostics.push(diagnostic.help(
                "add `backup: { s3: { endpoint: …, bucket: …, access-key-id: ENTRY/KEY, secret-access-key: ENTRY/KEY } }`, \
                 or `backup: none` if this is intended",
            ));
        }
        units.push(unit);
        units.extend(clients.iter().flat_map(|client| database_units(context, client)));
        units
    }

    fn closed(&self, context: &Context<'_>) -> Vec<Closed> {
        let operator = Passage::new("the operator", [Peer::namespace(OPERATOR_NAMESPACE)])
            .at([PORT, STATUS_PORT].map(PolicyPort::tcp));
        let apps = marked("apps with a database", DATABASE_LABEL, NAME).at([PolicyPort::tcp(PORT)]);
        let networks = lan_address(self, context).map(|_| clients_in_lan(self, context)).unwrap_or_default();
        let networks: Vec<_> = networks.into_iter().map(Peer::block).collect();
        let remote = (!networks.is_empty())
            .then(|| Passage::new("other clusters with such apps, and allowed networks", networks))
            .map(|passage| passage.at([PolicyPort::tcp(PORT)]));
        vec![
            Closed::new(OPERATOR_NAMESPACE, [webhooks(context, [9443])]),
            Closed::new(NAMESPACE, [operator, apps].into_iter().chain(remote)),
        ]
    }

    fn addresses(&self, context: &Context<'_>) -> Vec<Claim<Ipv4>> {
        let span = self.address.as_ref().map(|address| address.span);
        let span = span.or_else(|| context.cluster.load_balancer.as_ref().map(|range| range.span));
        let claim = |value| Claim::new(value, span.unwrap_or(context.name.span), "PostgreSQL".to_owned());
        lan_address(self, context).map(claim).into_iter().collect()
    }

    fn hosts(&self, context: &Context<'_>) -> Vec<Claim<DomainName>> {
        let span = context.cluster.platform.span(ComponentId::Postgres).unwrap_or(context.name.span);
        vec![Claim::new(context.service_host(NAME), span, format!("PostgreSQL in `{}`", context.name.value))]
    }

    fn uses(&self, _: &Context<'_>) -> Vec<Use> {
        self.given_backup().map(|backup| bucket(&backup.s3)).into_iter().collect()
    }

    /// None without a LAN address, as the ingress does not lead to it.
    fn lan_names(&self, context: &Context<'_>) -> Vec<Endpoint> {
        self.endpoints(context)
    }

    fn endpoints(&self, context: &Context<'_>) -> Vec<Endpoint> {
        let endpoint = |address| Endpoint { host: context.service_host(NAME), address };
        lan_address(self, context).map(endpoint).into_iter().collect()
    }

    fn secrets(&self) -> Vec<&Spanned<SecretRef>> {
        self.given_backup().iter().flat_map(|backup| [&backup.s3.access_key_id, &backup.s3.secret_access_key]).collect()
    }

    fn classes(&self) -> Vec<ClassUse<'_>> {
        self.class.spanned().map(|class| ClassUse { class, not_on_nfs: Some("PostgreSQL") }).into_iter().collect()
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

    fn alerting_rules(&self, peers: &[Context<'_>]) -> Vec<AlertingRules> {
        let clusters = peers.iter().filter_map(|peer| {
            let backup = peer.get::<Postgres>()?.given_backup();
            let deadline = backup.map(|backup| deadline(backup.schedule.get()));
            Some(json!({ "name": peer.name.value, "deadline": deadline }))
        });
        let variables = json!({ "clusters": clusters.collect::<Vec<_>>() });
        vec![AlertingRules { name: "postgres", template: RULES, variables }]
    }
}
