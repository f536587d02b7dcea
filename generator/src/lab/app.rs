//! An app, with everything decided that its manifests say.

use super::unit::{Exposure, ExternalSecret, Manifest, Patch, PodSecurity, Release};
use crate::spec::types::{Ipv4, Quantity, Text as _};
use crate::spec::{self, Given as _};
use serde::Serialize;

/// An app. Its namespace has its name.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What runs.
    pub workload: Workload,
    /// Values from the store: one Secret with the app's name.
    pub secrets: Vec<SecretData>,
    /// The Secret with the name and the password that its visitors must give.
    pub login: Option<ExternalSecret>,
    /// How it is reached from outside the cluster.
    pub exposure: Option<Exposure>,
    /// Which pods its namespace admits.
    pub pod_security: PodSecurity,
    /// The units that it waits for.
    pub depends_on: Vec<String>,
    /// The units that its secrets wait for.
    pub secrets_depend_on: Vec<String>,
    /// Whether another app waits for it.
    pub wait: bool,
    /// Further manifests.
    pub manifests: Vec<Manifest>,
    /// Changes to its manifests.
    pub patches: Vec<Patch>,
}

/// What runs.
#[derive(Debug)]
pub enum Workload {
    /// Containers that the spec describes.
    Containers(Box<Containers>),
    /// A Helm chart, and the port of its service that is exposed.
    Chart {
        /// The release.
        release: Box<Release>,
        /// The service.
        service: String,
        /// Its port.
        port: u16,
    },
}

/// Containers that the spec describes, and what belongs to them.
#[derive(Debug)]
pub struct Containers {
    /// How its image is moved.
    pub update: Option<ImageUpdate>,
    /// Number of pods.
    pub replicas: u32,
    /// How a new version takes the place of the old one.
    pub strategy: spec::Strategy,
    /// The pod.
    pub pod: Pod,
    /// Ports that other pods of the cluster reach.
    pub ports: Vec<ServicePort>,
    /// Ports that the LAN reaches.
    pub lan: Option<LanService>,
    /// Storage of its own.
    pub claims: Vec<Claim>,
    /// Files that it reads.
    pub files: Vec<TextFile>,
    /// What runs at set times.
    pub jobs: Vec<Job>,
    /// What it may ask of Kubernetes.
    pub access: Option<Access>,
}

/// How Flux's image automation moves an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageUpdate {
    /// The name of the ImagePolicy, unique over the lab: all clusters follow one repository.
    pub policy: String,
    /// The app, as the pins file calls it.
    pub app: String,
    /// The image without its tag.
    pub repository: String,
    /// The tag that stands in the pins file.
    pub tag: String,
    /// The digest that stands in the pins file, if digests are followed.
    pub digest: Option<String>,
    /// Which tags count, as a regular expression.
    pub pattern: String,
    /// What of them is their version.
    pub extract: String,
    /// The versions that are wanted, if tags are moved.
    pub range: Option<String>,
}

/// Ports that the LAN reaches at an address of their own.
#[derive(Debug)]
pub struct LanService {
    /// The address.
    pub address: Ipv4,
    /// The ports.
    pub ports: Vec<ServicePort>,
}

/// A port of a service.
#[derive(Debug, Clone, Serialize)]
pub struct ServicePort {
    /// Its name; also that of the container's port.
    pub name: String,
    /// Its number in the pod.
    pub port: u16,
    /// Its number at the Service.
    pub served: u16,
    /// `TCP` or `UDP`.
    pub protocol: &'static str,
}

impl ServicePort {
    /// A port for TCP.
    pub fn tcp(name: String, port: u16, served: u16) -> Self {
        Self { name, port, served, protocol: "TCP" }
    }
}

/// Storage of an app's own.
#[derive(Debug, Clone, Serialize)]
pub struct Claim {
    /// The name of the volume within the app.
    pub volume: String,
    /// The name of the claim.
    pub name: String,
    /// Its size, as Kubernetes writes it.
    pub size: String,
    /// Its storage class.
    pub class: String,
    /// Whether several nodes mount it.
    pub shared: bool,
}

/// A file that an app reads.
#[derive(Debug, Clone, Serialize)]
pub struct TextFile {
    /// Its key in the ConfigMap.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// What runs at set times.
#[derive(Debug)]
pub struct Job {
    /// Its name within the app.
    pub name: String,
    /// When, as cron says it.
    pub schedule: String,
    /// The time zone of that.
    pub timezone: String,
    /// The pod.
    pub pod: Pod,
}

/// What an app may ask of Kubernetes.
#[derive(Debug)]
pub struct Access {
    /// What it may do.
    pub rules: Vec<spec::AccessRule>,
    /// Whether in all namespaces.
    pub cluster_wide: bool,
}

/// A pod.
#[derive(Debug, Clone, Serialize)]
pub struct Pod {
    /// Whether it gets a token for the API.
    pub service_account: Option<String>,
    /// Its volumes that are backed up.
    pub backup: Vec<String>,
    /// Whether it shares the network of its node.
    pub host_network: bool,
    /// Labels of the nodes that it may run on.
    pub node_selector: Vec<(String, String)>,
    /// Whether it may start as root.
    pub root: bool,
    /// The user that it runs as.
    pub user: Option<u32>,
    /// The group that it runs as.
    pub group: Option<u32>,
    /// Further groups.
    pub supplemental_groups: Vec<u32>,
    /// Containers that run first.
    pub init: Vec<Container>,
    /// Containers that run.
    pub containers: Vec<Container>,
    /// Its volumes.
    pub volumes: Vec<PodVolume>,
    /// Whether its containers are done at some point, and run again if they fail.
    pub ends: bool,
}

/// A container.
#[derive(Debug, Clone, Serialize)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image with tag, and digest if one is given.
    pub image: String,
    /// The ImagePolicy that moves it.
    pub policy: Option<String>,
    /// In place of the image's entry point.
    pub command: Vec<String>,
    /// In place of the image's arguments.
    pub args: Vec<String>,
    /// Its environment, by name.
    pub env: Vec<Env>,
    /// Its ports.
    pub ports: Vec<ServicePort>,
    /// How Kubernetes asks whether it is well.
    pub probe: Option<Probe>,
    /// Processor time and memory that are set aside.
    pub requests: Vec<Amount>,
    /// Processor time and memory that it may use.
    pub limits: Vec<Amount>,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// Whether it may do everything that root may do.
    pub privileged: bool,
    /// Whether it may start as root, if that is not as its pod says.
    pub root: Option<bool>,
    /// The user that it runs as, if that is not as its pod says.
    pub user: Option<u32>,
    /// The group that it runs as, if that is not as its pod says.
    pub group: Option<u32>,
    /// Capabilities that it keeps.
    pub capabilities: Vec<String>,
    /// What it sees of the pod's volumes.
    pub mounts: Vec<Mount>,
}

/// How Kubernetes asks whether a container is well.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// The path of an HTTP request.
    pub path: Option<String>,
    /// A command.
    pub command: Vec<String>,
    /// The name of the port that is asked.
    pub port: String,
    /// How often the first start may fail.
    pub startup_failures: u32,
}

/// What a container sees of a volume.
#[derive(Debug, Clone, Serialize)]
pub struct Mount {
    /// The volume.
    pub volume: String,
    /// Where.
    pub path: String,
    /// The part of the volume, if not all of it.
    pub part: Option<String>,
    /// Whether it only reads it.
    pub read_only: bool,
}

/// A volume of a pod.
#[derive(Debug, Clone, Serialize)]
pub struct PodVolume {
    /// Its name.
    pub name: String,
    /// What it is.
    pub source: VolumeSource,
}

/// What a volume is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSource {
    /// Storage of the app's own.
    Claim(String),
    /// A folder of network storage.
    Nfs {
        /// The address of the storage.
        server: String,
        /// The folder.
        path: String,
        /// Whether it is only read.
        read_only: bool,
    },
    /// Space that is gone with the pod, of this size.
    Scratch(String),
    /// Space in memory that is gone with the pod.
    Memory(bool),
    /// A device file of the node.
    Device(String),
    /// The ConfigMap of this name.
    Files(String),
}

impl App {
    /// Kind and name of every object of its main unit.
    pub fn made(&self) -> Vec<(String, String)> {
        let named = |kind: &str, name: &str| (kind.to_owned(), name.to_owned());
        let own = |kind: &str| named(kind, &self.name);
        let mut made = Vec::new();
        if !self.has_secrets() {
            made.push(own("Namespace"));
        }
        match &self.workload {
            Workload::Chart { release, .. } => {
                made.push(named(release.chart.source.kind(), &release.chart.name));
                made.push(own("HelmRelease"));
            }
            Workload::Containers(containers) => made.extend(containers.made(&self.name)),
        }
        made.extend(self.exposure.as_ref().map(|_| own("Ingress")));
        let policy = self.exposure.as_ref().and_then(|exposure| exposure.policy.as_ref());
        made.extend(policy.map(|policy| named("Policy", &policy.name)));
        made.extend(self.manifests.iter().flat_map(|manifest| manifest.objects.iter().cloned()));
        made
    }

    /// Whether it has a unit that brings its secrets.
    pub fn has_secrets(&self) -> bool {
        !self.secrets.is_empty() || self.login.is_some()
    }

    /// Its Secrets. That with the values has the app's name; where a value is part of a longer
    /// text, all its keys are made from a template.
    pub fn external_secrets(&self) -> Vec<ExternalSecret> {
        let mut secrets = Vec::new();
        if !self.secrets.is_empty() {
            let data = self.secrets.iter().map(|item| (item.key.clone(), item.remote.clone())).collect();
            let mut secret = ExternalSecret::new(&self.name, data);
            if self.secrets.iter().any(|item| item.text.is_some()) {
                let plain = |item: &SecretData| format!("{{{{ index . \"{}\" }}}}", item.key);
                let template = |item: &SecretData| (item.key.clone(), item.text.clone().unwrap_or_else(|| plain(item)));
                secret.template = self.secrets.iter().map(template).collect();
            }
            secrets.push(secret);
        }
        secrets.extend(self.login.clone());
        secrets
    }

    /// The name of the unit that brings its secrets.
    pub fn secrets_unit(&self) -> String {
        format!("{}-secrets", self.name)
    }

    /// The name of the Service behind its host name, and the port there, by name or number.
    pub fn service(&self) -> (&str, ServiceTarget) {
        match &self.workload {
            Workload::Containers(_) => (&self.name, ServiceTarget::Name("http")),
            Workload::Chart { service, port, .. } => (service, ServiceTarget::Number(*port)),
        }
    }
}

/// A port of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceTarget {
    /// By name.
    Name(&'static str),
    /// By number.
    Number(u16),
}

impl Containers {
    fn made(&self, app: &str) -> Vec<(String, String)> {
        let named = |kind: &str, name: String| (kind.to_owned(), name);
        let own = |kind: &str| named(kind, app.to_owned());
        let mut made = vec![own("Deployment")];
        let policy = self.update.as_ref().map(|update| update.policy.clone());
        made.extend(
            policy.iter().flat_map(|policy| ["ImageRepository", "ImagePolicy"].map(|kind| named(kind, policy.clone()))),
        );
        if !self.ports.is_empty() {
            made.push(own("Service"));
        }
        made.extend(self.lan.as_ref().map(|_| named("Service", format!("{app}-lan"))));
        made.extend(self.claims.iter().map(|claim| named("PersistentVolumeClaim", claim.name.clone())));
        if !self.files.is_empty() {
            made.push(named("ConfigMap", format!("{app}-files")));
        }
        made.extend(self.jobs.iter().map(|job| named("CronJob", format!("{app}-{}", job.name))));
        if let Some(access) = &self.access {
            let (role, binding) = access.kinds();
            let name = access.role(app);
            made.extend([own("ServiceAccount"), named(role, name.clone()), named(binding, name)]);
        }
        made
    }
}

impl Access {
    /// What its role and what binds it are called. Roles of a cluster share their names with those
    /// that Kubernetes brings, such as `admin` and `view`.
    pub fn role(&self, app: &str) -> String {
        if self.cluster_wide { format!("homelab:{app}") } else { app.to_owned() }
    }

    /// The kinds of its role and of what binds it.
    pub fn kinds(&self) -> (&'static str, &'static str) {
        if self.cluster_wide { ("ClusterRole", "ClusterRoleBinding") } else { ("Role", "RoleBinding") }
    }
}

/// An amount of something that a container uses.
#[derive(Debug, Clone, Serialize)]
pub struct Amount {
    /// Of what: `cpu`, `memory` or a resource of a device plugin.
    pub name: &'static str,
    /// How much, as Kubernetes writes it.
    pub text: String,
}

/// What a container asks for and may use.
#[derive(Debug, Clone, Default)]
pub struct Amounts {
    /// What is set aside.
    pub requests: Vec<Amount>,
    /// What it may use at most.
    pub limits: Vec<Amount>,
}

/// What a container asks for, and may use at most, where the spec says nothing.
#[derive(Debug, Clone, Copy)]
pub struct DefaultAmounts {
    /// Processor time that is set aside.
    pub cpu: &'static str,
    /// Memory that is set aside.
    pub memory: &'static str,
    /// The most memory.
    pub most_memory: &'static str,
}

impl spec::Resources {
    /// With defaults for processor and memory. They give way to what is said: a limit below what is
    /// set aside is refused by Kubernetes.
    pub(crate) fn amounts(&self, defaults: DefaultAmounts) -> Amounts {
        let cpu = |given: Option<&spec::Amounts>| given.and_then(|given| given.cpu.given()).cloned();
        let memory = |given: Option<&spec::Amounts>| given.and_then(|given| given.memory.given()).cloned();
        let (requests, limits) = (self.requests.as_ref(), self.limits.as_ref());
        let mut all = Amounts::default();
        all.add("cpu", (cpu(requests), cpu(limits)), (defaults.cpu, None));
        all.add("memory", (memory(requests), memory(limits)), (defaults.memory, Some(defaults.most_memory)));
        all
    }
}

impl Amounts {
    fn add(
        &mut self,
        name: &'static str,
        (request, limit): (Option<Quantity>, Option<Quantity>),
        (least, most): (&str, Option<&str>),
    ) {
        let default = |text: &str| Quantity::parse(text).expect("the defaults are quantities");
        let request = request.unwrap_or_else(|| {
            let least = default(least);
            limit.iter().find(|limit| limit.thousandths() < least.thousandths()).cloned().unwrap_or(least)
        });
        let limit = limit.or_else(|| {
            let most = default(most?);
            Some(if most.thousandths() < request.thousandths() { request.clone() } else { most })
        });
        self.requests.push(Amount { name, text: request.to_string() });
        self.limits.extend(limit.map(|limit| Amount { name, text: limit.to_string() }));
    }
}

/// An environment variable.
#[derive(Debug, Clone, Serialize)]
pub struct Env {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub value: EnvText,
}

/// What an environment variable holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvText {
    /// This text.
    Text(String),
    /// This key of the app's Secret.
    Key(String),
}

/// A key of an app's Secret.
#[derive(Debug, Clone)]
pub struct SecretData {
    /// The key.
    pub key: String,
    /// Where its value stands in the store.
    pub remote: String,
    /// The text that the value is part of, as a Go template over the keys.
    pub text: Option<String>,
}
