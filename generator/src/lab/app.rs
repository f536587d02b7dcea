//! An app, with everything decided that its manifests say.

use super::unit::{Exposure, ExternalSecret, Manifest, Patch, PodSecurity};
use crate::spec::{self, Given as _};
use serde::Serialize;

/// An app. Its namespace has its name.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its image with tag, and digest if one is given.
    pub image: String,
    /// In place of the image's entry point.
    pub command: Vec<String>,
    /// In place of the image's arguments.
    pub args: Vec<String>,
    /// The port that it serves HTTP on.
    pub port: Option<u16>,
    /// Its environment, by name.
    pub env: Vec<Env>,
    /// Secrets from the store: one Secret with the app's name.
    pub secrets: Vec<SecretData>,
    /// Its volumes, by name.
    pub volumes: Vec<Volume>,
    /// How it is reached from outside the cluster.
    pub exposure: Option<Exposure>,
    /// The path of the health request; without one the port is tried.
    pub health_path: Option<String>,
    /// How long its first start may take, in seconds.
    pub startup_seconds: u32,
    /// Processor time and memory that are set aside.
    pub requests: Vec<Amount>,
    /// Processor time and memory that it may use.
    pub limits: Vec<Amount>,
    /// The user that it runs as.
    pub user: Option<u32>,
    /// The group that it runs as.
    pub group: Option<u32>,
    /// Whether it may start as root.
    pub root: bool,
    /// Whether its root file system is read-only.
    pub read_only: bool,
    /// Capabilities that it keeps.
    pub capabilities: Vec<String>,
    /// Number of pods.
    pub replicas: u32,
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

impl App {
    /// Kind and name of every object of its main unit.
    pub fn made(&self) -> Vec<(String, String)> {
        let own = |kind: &str| (kind.to_owned(), self.name.clone());
        let mut made = Vec::new();
        if self.secrets.is_empty() {
            made.push(own("Namespace"));
        }
        made.push(own("Deployment"));
        made.extend(self.port.map(|_| own("Service")));
        made.extend(self.exposure.as_ref().map(|_| own("Ingress")));
        made.extend(self.volumes.iter().map(|volume| ("PersistentVolumeClaim".to_owned(), volume.claim.clone())));
        made.extend(self.manifests.iter().flat_map(|manifest| manifest.objects.iter().cloned()));
        made
    }

    /// Its Secret, which has its name. Where a value is part of a longer text, all keys are made
    /// from a template.
    pub fn secret(&self) -> ExternalSecret {
        let data = self.secrets.iter().map(|item| (item.key.clone(), item.remote.clone())).collect();
        let mut secret = ExternalSecret::new(&self.name, data);
        if self.secrets.iter().any(|item| item.text.is_some()) {
            let plain = |item: &SecretData| format!("{{{{ index . \"{}\" }}}}", item.key);
            let template = |item: &SecretData| (item.key.clone(), item.text.clone().unwrap_or_else(|| plain(item)));
            secret.template = self.secrets.iter().map(template).collect();
        }
        secret
    }

    /// The name of the unit that brings its secrets.
    pub fn secrets_unit(&self) -> String {
        format!("{}-secrets", self.name)
    }
}

/// An amount of something that a container uses.
#[derive(Debug, Clone, Serialize)]
pub struct Amount {
    /// Of what: `cpu` or `memory`.
    pub name: &'static str,
    /// How much, as Kubernetes writes it.
    pub text: String,
}

/// What a container asks for and may use.
#[derive(Debug, Clone)]
pub struct Amounts {
    /// What is set aside.
    pub requests: Vec<Amount>,
    /// What it may use at most.
    pub limits: Vec<Amount>,
}

impl spec::Resources {
    /// With defaults for processor and memory.
    pub(crate) fn amounts(&self, requests: [Option<&str>; 2], limits: [Option<&str>; 2]) -> Amounts {
        let pick = |given: Option<&spec::Amounts>, [cpu, memory]: [Option<&str>; 2]| {
            let cpu = given.and_then(|given| given.cpu.given()).map(ToString::to_string).or(cpu.map(str::to_owned));
            let memory =
                given.and_then(|given| given.memory.given()).map(ToString::to_string).or(memory.map(str::to_owned));
            let amounts = [("cpu", cpu), ("memory", memory)].into_iter();
            amounts.filter_map(|(name, text)| Some(Amount { name, text: text? })).collect()
        };
        Amounts { requests: pick(self.requests.as_ref(), requests), limits: pick(self.limits.as_ref(), limits) }
    }
}

/// An environment variable.
#[derive(Debug, Clone, Serialize)]
pub struct Env {
    /// Its name.
    pub name: String,
    /// Its text; `None` if it comes from the key of the same name of the app's Secret.
    pub text: Option<String>,
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

/// A volume.
#[derive(Debug, Clone, Serialize)]
pub struct Volume {
    /// Its name within the app.
    pub name: String,
    /// The name of its claim.
    pub claim: String,
    /// Its size, as Kubernetes writes it.
    pub size: String,
    /// Where the container sees it.
    pub mount: String,
    /// Its storage class.
    pub class: String,
}
