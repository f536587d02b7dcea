//! An app, with everything decided that its manifests say.

use super::unit::{Manifest, Patch, PodSecurity};
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
    /// The host name it is reached by.
    pub host: Option<String>,
    /// The ClusterIssuer that certifies that name, if there is one.
    pub issuer: Option<&'static str>,
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
        made.extend(self.host.as_ref().map(|_| own("Ingress")));
        made.extend(self.volumes.iter().map(|volume| ("PersistentVolumeClaim".to_owned(), volume.claim.clone())));
        made.extend(self.manifests.iter().flat_map(|manifest| manifest.objects.iter().cloned()));
        made
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
