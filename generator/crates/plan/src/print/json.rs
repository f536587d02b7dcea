//! The plan for programs, and its schema.

use super::text::severity;
use super::word;
use crate::{Class, ClusterChange, Danger, FileAction, Moved, NodeChange, ObjectChange, Plan, System};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;

/// The version of the format. It changes when a field changes its meaning or disappears; new fields may appear in any
/// version.
const VERSION: u32 = 1;

/// The plan for programs. `base` names what it is compared with.
pub fn json(plan: &Plan, base: &str) -> Value {
    serde_json::to_value(Report::of(plan, base)).expect("all keys are strings")
}

/// The JSON Schema of [`json()`].
pub fn schema() -> Value {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.for_serialize().into_generator().into_root_schema_for::<Report<'_>>().to_value();
    schema["title"] = Value::from("Plan of a change");
    schema
}

/// What a change of the spec does, as `homelab plan --format json` prints it.
#[derive(Serialize, JsonSchema)]
struct Report<'a> {
    /// Version of this format. New fields may appear without a new version.
    version: u32,
    /// What the spec is compared with: a commit, or a folder.
    base: &'a str,
    /// Whether data is at risk, or the change is refused or stops something: what `--fail-on danger` reports.
    dangerous: bool,
    /// What deserves a second look, the worst first.
    dangers: Vec<DangerReport<'a>>,
    /// Generated files that differ, sorted by path.
    files: Vec<FileReport<'a>>,
    /// Clusters that appear, disappear or change their name.
    clusters: Vec<ClusterReport<'a>>,
    /// What happens to the objects of the other clusters, by cluster and unit.
    objects: Vec<ObjectReport<'a>>,
    /// What happens to the nodes, in the order in which to apply it.
    nodes: Vec<NodeReport<'a>>,
    /// Host names, each with the cluster that serves it, and whether the public DNS has it.
    names: Vec<MovedReport<'a>>,
    /// DNS zones that move to another provider.
    zones: Vec<MovedReport<'a>>,
    /// Load-balancer addresses, by the object that requests them.
    addresses: Vec<MovedReport<'a>>,
    /// Ports that the router forwards, each with where it forwards them.
    forwards: Vec<MovedReport<'a>>,
    /// Certificates that Let's Encrypt issues because of the change.
    certificates: Vec<CertificateReport<'a>>,
    /// Keys to put into the secret store before the push.
    new_secrets: &'a [String],
    /// Keys of the secret store that nothing reads any more.
    unused_secrets: &'a [String],
}

/// Something that deserves a second look.
#[derive(Serialize, JsonSchema)]
struct DangerReport<'a> {
    /// `data`: it could be lost, or is left behind. `outage`: it stops, or the cluster refuses it. `caution`: it
    /// deserves a look.
    #[schemars(extend("enum" = ["data", "outage", "caution"]))]
    severity: &'static str,
    /// The object, as `CLUSTER/KIND/NAMESPACE/NAME`, the node or the cluster.
    what: &'a str,
    /// What happens.
    message: &'a str,
    /// What to do about it.
    help: &'a str,
}

/// A generated file that differs.
#[derive(Serialize, JsonSchema)]
struct FileReport<'a> {
    /// Its path from the root of the repository.
    path: &'a str,
    /// Whether the change adds it, changes it or removes it.
    #[schemars(extend("enum" = ["add", "change", "remove"]))]
    action: &'static str,
}

/// A cluster that appears, disappears or changes its name.
#[derive(Serialize, JsonSchema)]
struct ClusterReport<'a> {
    /// Its name before; null if it is new.
    before: Option<&'a str>,
    /// Its name after; null if it is removed.
    after: Option<&'a str>,
}

/// An object of a cluster.
#[derive(Serialize, JsonSchema)]
struct ObjectReport<'a> {
    /// The cluster.
    cluster: &'a str,
    /// The folder of its unit, below `k8s/CLUSTER`.
    unit: &'a str,
    /// The folder of its unit before, if it moves to another one.
    moved_from: Option<&'a str>,
    /// Its kind.
    kind: &'a str,
    /// Its namespace; empty if it is cluster-scoped.
    namespace: &'a str,
    /// Its name.
    name: &'a str,
    /// `refused`: the API refuses the change, and Flux applies nothing of the unit. `reinstall`: Flux uninstalls the Helm
    /// release and installs it again. `leave-behind`: it stays in the cluster, unmanaged.
    #[schemars(extend("enum" = ["create", "change", "refused", "reinstall", "delete", "leave-behind"]))]
    action: String,
    /// The fields that differ.
    fields: Vec<FieldReport<'a>>,
}

/// A field of an object that differs.
#[derive(Serialize, JsonSchema)]
struct FieldReport<'a> {
    /// Its dotted path. Items of a list with names are in brackets: `containers[app].image`.
    field: &'a str,
    /// Its value before, if it is a scalar that existed.
    before: Option<&'a str>,
    /// Its value after, if it is a scalar that still exists.
    after: Option<&'a str>,
}

/// A node that changes.
#[derive(Serialize, JsonSchema)]
struct NodeReport<'a> {
    /// Its name.
    node: &'a str,
    /// Whether it runs the control plane.
    server: bool,
    /// How the change is applied, from the least to the most disruptive.
    #[schemars(extend("enum" = ["options", "switch", "restart-k3s", "reboot", "new", "removed", "recreate", "refused"]))]
    class: &'static str,
    /// Whether its evaluated system differs. Null without `--nix`, and for nodes that are new or removed.
    #[schemars(extend("enum" = ["same", "differs", null]))]
    system: Option<&'static str>,
    /// What changes, in words.
    reasons: &'a [String],
    /// The commands to type, in order. Those that start with `#` are notes.
    commands: &'a [String],
}

/// Something that appears, disappears or moves.
#[derive(Serialize, JsonSchema)]
struct MovedReport<'a> {
    /// What it is.
    what: &'a str,
    /// Where it was; null if it is new.
    before: Option<&'a str>,
    /// Where it is; null if it disappears.
    after: Option<&'a str>,
}

/// A certificate that Let's Encrypt issues.
#[derive(Serialize, JsonSchema)]
struct CertificateReport<'a> {
    /// The host names in it.
    names: Vec<&'a str>,
    /// Whether there already was one with the same names. Let's Encrypt issues five of those a week.
    duplicate: bool,
}

impl<'a> Report<'a> {
    fn of(plan: &'a Plan, base: &'a str) -> Self {
        let outside = &plan.outside;
        let certificates = outside.certificates.iter().map(|certificate| CertificateReport {
            names: certificate.names.iter().map(String::as_str).collect(),
            duplicate: certificate.is_duplicate,
        });
        Self {
            version: VERSION,
            base,
            dangerous: plan.is_dangerous(),
            dangers: plan.dangers.iter().map(DangerReport::of).collect(),
            files: plan.files.iter().map(|(path, action)| FileReport { path, action: file_action(*action) }).collect(),
            clusters: plan.clusters.iter().map(ClusterReport::of).collect(),
            objects: plan.objects.iter().map(ObjectReport::of).collect(),
            nodes: plan.nodes.iter().map(NodeReport::of).collect(),
            names: moved(&outside.names),
            zones: moved(&outside.zones),
            addresses: moved(&outside.addresses),
            forwards: moved(&outside.forwards),
            certificates: certificates.collect(),
            new_secrets: &outside.new_secrets,
            unused_secrets: &outside.unused_secrets,
        }
    }
}

impl<'a> DangerReport<'a> {
    fn of(danger: &'a Danger) -> Self {
        Self { severity: severity(danger.severity), what: &danger.what, message: &danger.message, help: &danger.help }
    }
}

impl<'a> ClusterReport<'a> {
    fn of(change: &'a ClusterChange) -> Self {
        Self { before: change.before.as_deref(), after: change.after.as_deref() }
    }
}

impl<'a> ObjectReport<'a> {
    fn of(change: &'a ObjectChange) -> Self {
        let fields = change.fields.iter().map(|field| FieldReport {
            field: &field.field,
            before: field.before.as_deref(),
            after: field.after.as_deref(),
        });
        Self {
            cluster: &change.cluster,
            unit: &change.unit,
            moved_from: change.moved_from.as_deref(),
            kind: &change.kind,
            namespace: &change.namespace,
            name: &change.name,
            action: word(&change.action).replace(' ', "-"),
            fields: fields.collect(),
        }
    }
}

impl<'a> NodeReport<'a> {
    fn of(change: &'a NodeChange) -> Self {
        Self {
            node: &change.node,
            server: change.is_server,
            class: class(change.class),
            system: change.system.map(system),
            reasons: &change.reasons,
            commands: &change.commands,
        }
    }
}

fn moved(moved: &[Moved]) -> Vec<MovedReport<'_>> {
    moved.iter().map(MovedReport::of).collect()
}

impl<'a> MovedReport<'a> {
    fn of(moved: &'a Moved) -> Self {
        Self { what: &moved.what, before: moved.before.as_deref(), after: moved.after.as_deref() }
    }
}

fn file_action(action: FileAction) -> &'static str {
    match action {
        FileAction::Add => "add",
        FileAction::Change => "change",
        FileAction::Remove => "remove",
    }
}

fn system(system: System) -> &'static str {
    match system {
        System::Same => "same",
        System::Differs => "differs",
    }
}

fn class(class: Class) -> &'static str {
    match class {
        Class::Options => "options",
        Class::Switch => "switch",
        Class::RestartK3s => "restart-k3s",
        Class::Reboot => "reboot",
        Class::New => "new",
        Class::Removed => "removed",
        Class::Recreate => "recreate",
        Class::Refused => "refused",
    }
}
