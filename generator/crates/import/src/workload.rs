//! A workload as the manifests describe it, whatever its form: a Deployment or the values of a chart.

use crate::files::Place;
use crate::objects::Object;

/// The kinds of objects that run pods.
const KINDS: [&str; 6] = ["CronJob", "DaemonSet", "Deployment", "HelmRelease", "Job", "StatefulSet"];

/// Whether an object is a workload: it runs pods.
pub(crate) fn is_workload(object: &Object) -> bool {
    KINDS.contains(&object.kind.as_str())
        && matches!(object.group.as_str(), "apps" | "batch" | "helm.toolkit.fluxcd.io")
}

/// What a controller does with its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runs {
    /// Pods that keep running.
    Always,
    /// Pods that keep running, each with its own volumes.
    InOrder,
    /// A pod on each node.
    OnEachNode,
    /// Scheduled pods.
    OnSchedule,
    /// Pods that run once.
    Once,
}

/// Pods of a workload.
#[derive(Debug, Clone)]
pub(crate) struct Controller {
    pub(crate) name: String,
    pub(crate) runs: Runs,
    pub(crate) schedule: Option<String>,
    pub(crate) replicas: Option<u32>,
    pub(crate) pod: Pod,
    pub(crate) at: Place,
}

/// The containers of a pod, and what they share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pod {
    pub(crate) containers: Vec<Container>,
    pub(crate) init: Vec<Container>,
    pub(crate) volumes: Vec<Volume>,
    pub(crate) security: Security,
    pub(crate) host_network: bool,
    pub(crate) stop_seconds: Option<u32>,
    /// The ServiceAccount, if the pod uses another one than `default`.
    pub(crate) account: Option<String>,
    /// Rules of the account.
    pub(crate) rules: Vec<Rule>,
    /// Whether its rules apply to all namespaces.
    pub(crate) cluster_wide: bool,
    /// Fields that are not carried over.
    pub(crate) dropped: Vec<(String, Place)>,
}

/// An RBAC rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) verbs: Vec<String>,
}

/// The security settings of a pod or a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Security {
    pub(crate) user: Option<u32>,
    pub(crate) group: Option<u32>,
    pub(crate) fs_group: Option<u32>,
    pub(crate) read_only: bool,
    pub(crate) privileged: bool,
    pub(crate) capabilities: Vec<String>,
}

/// A container.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) at: Place,
    pub(crate) image: Option<Image>,
    pub(crate) command: Vec<String>,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<Variable>,
    pub(crate) env_from: Vec<EnvFrom>,
    pub(crate) probes: Vec<Probe>,
    pub(crate) requests: Amounts,
    pub(crate) limits: Amounts,
    pub(crate) gpu: bool,
    pub(crate) security: Security,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) ports: Vec<ContainerPort>,
    /// Whether an init container keeps running.
    pub(crate) keeps_running: bool,
    /// Fields that are not carried over.
    pub(crate) dropped: Vec<(String, Place)>,
}

/// An image: its name, and its tag or digest as in a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) tag: Option<String>,
    pub(crate) digest: Option<String>,
    pub(crate) at: Place,
}

/// Amounts of CPU and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) cpu: Option<String>,
    pub(crate) memory: Option<String>,
}

/// An environment variable.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: EnvValue,
    pub(crate) at: Place,
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EnvValue {
    Text(String),
    Secret {
        name: String,
        key: String,
    },
    ConfigMap {
        name: String,
        key: String,
    },
    /// Something that the spec cannot express.
    Other(String),
}

/// A source of several environment variables.
#[derive(Debug, Clone)]
pub(crate) struct EnvFrom {
    pub(crate) secret: bool,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) at: Place,
}

/// A probe that is turned on.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    pub(crate) is_startup: bool,
    pub(crate) check: Check,
    /// The time limit in seconds that its thresholds result in.
    pub(crate) seconds: u32,
    pub(crate) at: Place,
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    Http { path: String, port: Option<String>, https: bool },
    Command(Vec<String>),
    Tcp,
    Other,
}

/// A volume that a container mounts.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    pub(crate) volume: String,
    pub(crate) path: String,
    pub(crate) sub_path: Option<String>,
    pub(crate) read_only: bool,
    pub(crate) at: Place,
}

/// A port that a container lists.
#[derive(Debug, Clone)]
pub(crate) struct ContainerPort {
    pub(crate) name: String,
    pub(crate) port: u16,
    pub(crate) udp: bool,
}

/// A volume of a pod.
#[derive(Debug, Clone)]
pub(crate) struct Volume {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) at: Place,
}

/// Where the files of a volume are.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// An existing claim.
    Claim(String),
    /// A claim that the workload itself creates.
    NewClaim {
        size: Option<String>,
        shared: bool,
    },
    Nfs {
        server: String,
        path: String,
    },
    Scratch {
        size: Option<String>,
        memory: bool,
    },
    ConfigMap {
        name: String,
        items: Vec<(String, String)>,
        texts: Vec<(String, String)>,
        inline: bool,
    },
    Secret {
        name: String,
        items: Vec<(String, String)>,
    },
    Host(String),
    Other(String),
}

/// A Service of a workload.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    /// The controller whose pods it selects.
    pub(crate) controller: Option<String>,
    pub(crate) is_lan: bool,
    pub(crate) address: Option<String>,
    pub(crate) ports: Vec<ServicePort>,
    pub(crate) at: Place,
}

/// A port of a Service.
#[derive(Debug, Clone)]
pub(crate) struct ServicePort {
    pub(crate) name: String,
    pub(crate) port: u16,
    /// The port of the pod: its number or its name.
    pub(crate) target: String,
    pub(crate) udp: bool,
    /// Whether it serves HTTPS.
    pub(crate) https: bool,
}

/// Host names that lead to a Service.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) hosts: Vec<String>,
    /// The name of the Service; none for the main one.
    pub(crate) service: Option<String>,
    /// The port of the Service: its number or its name.
    pub(crate) port: Option<String>,
    /// What the route says that the spec does not carry over.
    pub(crate) remarks: Vec<String>,
    /// The gateway or the class of the ingress.
    pub(crate) gateway: Option<String>,
    pub(crate) https: bool,
    pub(crate) at: Place,
}

/// A workload.
#[derive(Debug, Clone)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) controllers: Vec<Controller>,
    pub(crate) services: Vec<Service>,
    pub(crate) routes: Vec<Route>,
    /// The path and port of its metrics, if they are collected.
    pub(crate) metrics: Option<(Option<String>, Option<String>)>,
    pub(crate) remarks: Vec<crate::files::Remark>,
}
