//! The Kubernetes objects of an app, as manifests of its unit.

use crate::pod::{Claim, Folder, Pod, ServicePort};
use model::contract::INGRESS_CLASS;
use model::{
    AccessPolicy, Annotation, Exposure, ImageUpdate, Manifest, ObjectId, ObjectName, PortName, SignInContent,
    SignInObject, Template, Tls,
};
use serde::Serialize;
use serde_json::json;
use spec::types::{AddressBlock, DomainName, Ipv4, Name, Schedule, TimeZone, UrlPath};
use spec::{AccessRule, ServiceAccount, Strategy};

macro_rules! templates {
    ($($name:ident = $file:literal;)+) => {
        $(const $name: Template =
            Template { name: concat!("app/", $file), source: include_str!(concat!("templates/", $file, ".j2")) };)+

        /// The templates of manifests.
        const TEMPLATES: &[Template] = &[$($name),+];
    };
}

templates! {
    CONFIG_MAP = "configmap.yaml";
    CRON_JOB = "cronjob.yaml";
    DEPLOYMENT = "deployment.yaml";
    FOLDER = "folder.yaml";
    IMAGE_POLICY = "imagepolicy.yaml";
    IMAGE_REPOSITORY = "imagerepository.yaml";
    INGRESS = "ingress.yaml";
    LAN_SERVICE = "service-lan.yaml";
    POD_MONITOR = "podmonitor.yaml";
    POLICY = "policy.yaml";
    ROLE = "role.yaml";
    SIGN_IN_HEADERS = "configmap-login.yaml";
    SIGN_IN_POLICY = "policy-login.yaml";
    SERVICE = "service.yaml";
    SERVICE_ACCOUNT = "serviceaccount.yaml";
    VOLUME_CLAIM = "persistentvolumeclaim.yaml";
}

/// Templates that other templates include.
const PARTS: &[Template] = &[
    Template { name: "app/pod.yaml", source: include_str!("templates/pod.yaml.j2") },
    Template { name: "app/container.yaml", source: include_str!("templates/container.yaml.j2") },
];

/// Returns all templates of apps.
pub fn templates() -> Vec<Template> {
    [TEMPLATES, PARTS].concat()
}

/// The variables of the Deployment's template.
#[derive(Serialize)]
pub(crate) struct Deployment {
    /// The app, which is also the name of the Secret with its variables.
    pub(crate) app: Name,
    pub(crate) name: Name,
    pub(crate) description: Option<String>,
    /// The annotation that restarts it when one of its Secrets changes.
    pub(crate) restarts: Option<&'static str>,
    pub(crate) replicas: u32,
    #[serde(serialize_with = "as_kubernetes")]
    pub(crate) strategy: Strategy,
    /// A hash of the app's files.
    pub(crate) files: Option<String>,
    pub(crate) pod: Pod,
}

/// Serializes a strategy as Kubernetes spells it.
fn as_kubernetes<S: serde::Serializer>(strategy: &Strategy, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match strategy {
        Strategy::Recreate => "Recreate",
        Strategy::Rolling => "RollingUpdate",
    })
}

impl Deployment {
    pub(crate) fn manifest(self) -> Manifest {
        let containers = self.pod.container_names();
        Manifest::new("Deployment", &self.name.clone(), "deployment.yaml", DEPLOYMENT, self).with_containers(containers)
    }
}

#[derive(Serialize)]
struct Service {
    name: Name,
    ports: Vec<ServicePort>,
}

pub(crate) fn service(name: &Name, ports: Vec<ServicePort>) -> Manifest {
    Manifest::new("Service", name, "service.yaml", SERVICE, Service { name: name.clone(), ports })
}

#[derive(Serialize)]
struct LanService {
    name: Name,
    address: Ipv4,
    shared: bool,
    ports: Vec<ServicePort>,
}

/// The LoadBalancer Service of the ports that the LAN reaches.
pub(crate) fn lan_service(name: &Name, address: Ipv4, shared: bool, ports: Vec<ServicePort>) -> Manifest {
    let service = LanService { name: name.clone(), address, shared, ports };
    Manifest::new("Service", format!("{name}-lan"), "service-lan.yaml", LAN_SERVICE, service)
}

#[derive(Serialize)]
struct PodMonitor {
    name: Name,
    port: PortName,
    path: UrlPath,
    https: bool,
}

/// The PodMonitor of an app, from which Prometheus knows where its metrics are.
pub(crate) fn pod_monitor(name: &Name, port: PortName, path: UrlPath, https: bool) -> Manifest {
    let monitor = PodMonitor { name: name.clone(), port, path, https };
    Manifest::new("PodMonitor", name, "podmonitor.yaml", POD_MONITOR, monitor)
}

#[derive(Serialize)]
struct ConfigMap {
    name: Name,
    files: Vec<ConfigFile>,
}

#[derive(Serialize)]
struct ConfigFile {
    name: Name,
    text: String,
}

/// The ConfigMap with the files of an app, by name.
pub(crate) fn config_map(name: &Name, files: &[(&Name, &str)]) -> Manifest {
    let files = files.iter().map(|(name, text)| ConfigFile { name: (*name).clone(), text: (*text).to_owned() });
    let map = ConfigMap { name: name.clone(), files: files.collect() };
    Manifest::new("ConfigMap", files_of(name), "configmap.yaml", CONFIG_MAP, map)
}

/// The name of the ConfigMap with the files of an app, and of the Secret with those that are secrets.
pub(crate) fn files_of(app: &Name) -> ObjectName {
    format!("{app}-files").into()
}

/// Hashes the files of an app, so that a change of one restarts it.
pub(crate) fn fingerprint(files: &[(&Name, &str)]) -> String {
    model::fingerprint(files.iter().flat_map(|(name, text)| [name.as_str(), text]))
}

#[derive(Serialize)]
struct VolumeClaim {
    app: Name,
    claim: Claim,
}

pub(crate) fn volume_claim(app: &Name, claim: Claim) -> Manifest {
    let file = format!("persistentvolumeclaim-{}.yaml", claim.volume);
    let (name, place) = (claim.name.clone(), claim.place);
    Manifest::new("PersistentVolumeClaim", name, file, VOLUME_CLAIM, VolumeClaim { app: app.clone(), claim })
        .with_place(Some(place))
}

#[derive(Serialize)]
struct HostFolder {
    app: Name,
    folder: Folder,
}

/// The PersistentVolume of a folder of a host, and the app's claim to it.
pub(crate) fn folder(app: &Name, name: &Name, folder: Folder) -> Manifest {
    let (claim, place) = (folder.claim.clone(), folder.place);
    let context = HostFolder { app: app.clone(), folder };
    let mut manifest = Manifest::new("PersistentVolume", claim.clone(), format!("folder-{name}.yaml"), FOLDER, context);
    manifest.objects.push(ObjectId::new("PersistentVolumeClaim", claim));
    manifest.with_place(Some(place))
}

#[derive(Serialize)]
struct CronJob {
    app: Name,
    name: ObjectName,
    schedule: Schedule,
    timezone: TimeZone,
    pod: Pod,
}

pub(crate) fn cron_job(app: &Name, job: &Name, schedule: Schedule, timezone: TimeZone, pod: Pod) -> Manifest {
    let name = ObjectName::from(format!("{app}-{job}"));
    let containers = pod.container_names();
    let context = CronJob { app: app.clone(), name: name.clone(), schedule, timezone, pod };
    Manifest::new("CronJob", name, format!("cronjob-{job}.yaml"), CRON_JOB, context).with_containers(containers)
}

/// The ImageRepository, which lists an image's tags, and the ImagePolicy, which selects one.
pub(crate) fn image_update(update: &ImageUpdate) -> [Manifest; 2] {
    let suffix = update.container.as_ref().map_or(String::new(), |container| format!("-{container}"));
    let object = |kind: &'static str, file: &str, template| {
        Manifest::new(kind, &update.policy, format!("{file}{suffix}.yaml"), template, update.clone())
    };
    [object("ImageRepository", "imagerepository", IMAGE_REPOSITORY), object("ImagePolicy", "imagepolicy", IMAGE_POLICY)]
}

#[derive(Serialize)]
struct NameOnly {
    name: Name,
}

#[derive(Serialize)]
struct Role {
    name: Name,
    role: ObjectName,
    kind: &'static str,
    binding: &'static str,
    cluster_wide: bool,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
struct Rule {
    groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
}

impl Rule {
    fn of(rule: &AccessRule) -> Self {
        let groups = if rule.groups.is_empty() { vec![String::new()] } else { rule.groups.clone() };
        Self { groups, resources: rule.resources.to_vec(), verbs: rule.verbs.to_vec() }
    }
}

/// The ServiceAccount of an app, and the role and binding that define its access to the Kubernetes API.
pub(crate) fn service_account(name: &Name, account: &ServiceAccount) -> [Manifest; 2] {
    let cluster_wide = account.cluster_wide.is_on();
    // The prefix avoids conflicts with the ClusterRoles of Kubernetes, such as `admin` and `view`.
    let (role, kind, binding) = if cluster_wide {
        (ObjectName::from(format!("homelab:{name}")), "ClusterRole", "ClusterRoleBinding")
    } else {
        (name.into(), "Role", "RoleBinding")
    };
    let rules = account.rules.iter().map(Rule::of).collect();
    let context = Role { name: name.clone(), role: role.clone(), kind, binding, cluster_wide, rules };
    let mut role_and_binding = Manifest::new(kind, role.clone(), "role.yaml", ROLE, context);
    role_and_binding.objects.push(ObjectId::new(binding, role));
    let account = NameOnly { name: name.clone() };
    [Manifest::new("ServiceAccount", name, "serviceaccount.yaml", SERVICE_ACCOUNT, account), role_and_binding]
}

/// The Service and port that an Ingress routes to.
#[derive(Serialize)]
pub(crate) struct Backend {
    pub(crate) service: Name,
    pub(crate) port: ServiceTarget,
}

/// A port of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ServiceTarget {
    /// By name.
    Name(&'static str),
    /// By number.
    Number(u16),
}

#[derive(Serialize)]
struct Ingress {
    name: Name,
    class: &'static str,
    hosts: Vec<DomainName>,
    public: bool,
    has_tls: bool,
    has_own_certificate: bool,
    annotations: Vec<Annotation>,
    #[serde(flatten)]
    backend: Backend,
}

pub(crate) fn ingress(name: &Name, exposure: &Exposure, backend: Backend) -> Manifest {
    let context = Ingress {
        name: name.clone(),
        class: INGRESS_CLASS,
        hosts: exposure.hosts().cloned().collect(),
        public: exposure.public,
        has_tls: exposure.tls != Tls::None,
        has_own_certificate: matches!(exposure.tls, Tls::Own(_)),
        annotations: exposure.annotations.clone(),
        backend,
    };
    Manifest::new("Ingress", name, "ingress.yaml", INGRESS, context)
}

#[derive(Serialize)]
struct Policy {
    app: Name,
    name: ObjectName,
    networks: Vec<AddressBlock>,
}

pub(crate) fn policy(app: &Name, policy: &AccessPolicy) -> Manifest {
    let context = Policy { app: app.clone(), name: policy.name.clone(), networks: policy.networks.clone() };
    Manifest::new("Policy", &policy.name, "policy.yaml", POLICY, context)
}

/// The object that the ingress controller reads about the login of an app by an identity provider.
pub(crate) fn sign_in(app: &Name, object: &SignInObject) -> Manifest {
    let name = &object.name;
    match &object.content {
        SignInContent::Policy { service, port, https, path, sign_in, base } => {
            let context = json!({
                "app": app, "name": name, "service": service, "port": port, "https": https,
                "path": path, "sign_in": sign_in, "base": base,
            });
            Manifest::new("Policy", name, format!("policy-{name}.yaml"), SIGN_IN_POLICY, context)
        }
        SignInContent::Headers(headers) => {
            let headers: Vec<_> = headers.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
            let context = json!({ "app": app, "name": name, "headers": headers });
            Manifest::new("ConfigMap", name, format!("configmap-{name}.yaml"), SIGN_IN_HEADERS, context)
        }
    }
}
