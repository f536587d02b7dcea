//! What a spec offers to an app.

use serde::Deserialize;
use spec::{Spanned, Spec};

/// What a spec offers to an app, and how the user wants it.
///
/// [`Choices::of`] reads what a spec offers. The user may choose less, another name, or another host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choices {
    /// The name of the app in the spec, and of its secret entry.
    pub name: String,
    /// The first labels of its host name, without the domain of the lab. Default: that of the entry.
    pub host: Option<String>,
    /// The domain of the lab.
    pub domain: String,
    /// Whether the ingress of its cluster serves HTTPS.
    pub https: bool,
    /// Whether the app is exposed to the Internet.
    pub public: bool,
    /// The network of the LAN.
    pub lan: String,
    /// The network of the pods of its cluster.
    pub pods: String,
    /// The PostgreSQL for its data: `CLUSTER/postgres`.
    pub database: Option<String>,
    /// Whether the lab has a secret store.
    pub secrets: bool,
    /// The network storage for its large files, which exports NFS.
    pub storage: Option<String>,
    /// The storage class of its volumes. Default: that of the cluster.
    pub class: Option<String>,
    /// A free load-balancer address, for ports that the LAN reaches.
    pub address: Option<String>,
    /// Whether a node of its cluster has a GPU.
    pub gpu: bool,
    /// The device files that a node of its cluster passes on.
    pub devices: Vec<String>,
    /// Whether its cluster backs up volumes.
    pub backups: bool,
    /// Whether Flux can update images.
    pub updates: bool,
    /// The other apps of its cluster.
    pub apps: Vec<String>,
}

/// What an app cannot do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A secret store.
    Secrets,
    /// A PostgreSQL.
    Database,
    /// Network storage that exports NFS.
    Storage,
    /// A free load-balancer address.
    Address,
    /// A device file.
    Device,
    /// An ingress with HTTPS.
    Https,
}

impl Need {
    /// What is missing.
    pub fn what(self) -> &'static str {
        match self {
            Self::Secrets => "a secret store",
            Self::Database => "a PostgreSQL",
            Self::Storage => "network storage",
            Self::Address => "a free load-balancer address",
            Self::Device => "a device of a node",
            Self::Https => "certificates",
        }
    }

    /// What to add to the spec.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Secrets => "set `secrets.store` (docs/secrets.md compares the stores)",
            Self::Database => "set `platform.postgres` on a cluster",
            Self::Storage => "add your NAS to `storage`, with `nfs`",
            Self::Address => "set `load-balancer` on the cluster, or enlarge it",
            Self::Device => "list the device in `devices` of a node of the cluster",
            Self::Https => "add a DNS provider to the lab (`dns`), for certificates from Let's Encrypt",
        }
    }
}

impl Choices {
    /// Everything that a lab can offer, with words in capitals for the names in it.
    pub fn everything(name: &str) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            name: text(name),
            host: None,
            domain: text("example.com"),
            https: true,
            public: false,
            lan: text("192.168.1.0/24"),
            pods: text("10.42.0.0/16"),
            database: Some(text("CLUSTER/postgres")),
            secrets: true,
            storage: Some(text("STORAGE")),
            class: None,
            address: Some(text("ADDRESS")),
            gpu: true,
            devices: vec![text("/dev/DEVICE")],
            backups: true,
            updates: true,
            apps: Vec::new(),
        }
    }

    /// What a spec offers to an app with this name in a cluster. `address` stays empty: which address is free follows from
    /// the resolved lab.
    pub fn of(spec: &Spec, cluster: &str, name: &str) -> Self {
        let own = spec.clusters.get(cluster).map(|entry| &entry.value);
        let nodes = || own.into_iter().flat_map(|own| &own.nodes);
        let is_on = |enabled: &Option<Spanned<bool>>| enabled.as_ref().is_none_or(|enabled| enabled.value);
        let issues = own.is_some_and(|own| is_on(&own.platform.certificates().enabled));
        let automates = own.is_some_and(|own| is_on(&own.platform.image_automation().enabled));
        let backups = own.and_then(|own| own.platform.backups.as_ref());
        Self {
            name: name.to_owned(),
            host: None,
            domain: spec.lab.domain.value.to_string(),
            https: spec.dns.is_some() && issues,
            public: false,
            lan: spec.network.lan.cidr.value.to_string(),
            pods: own.map(|own| own.pods.get().to_string()).unwrap_or_default(),
            database: spec.secrets.as_ref().and_then(|_| database(spec, cluster)),
            secrets: spec.secrets.is_some(),
            storage: spec
                .storage
                .iter()
                .find(|entry| entry.value.export().is_some())
                .map(|entry| entry.name.value.to_string()),
            class: None,
            address: None,
            gpu: nodes().any(|node| node.value.gpu.is_on()),
            devices: nodes().flat_map(|node| &node.value.devices).map(|device| device.value.to_string()).collect(),
            backups: backups.is_some_and(|backups| is_on(&backups.enabled)),
            updates: spec.lab.repository.as_str().starts_with("ssh://") && automates,
            apps: own.map(|own| own.apps.names().map(str::to_owned).collect()).unwrap_or_default(),
        }
    }

    /// Whether it satisfies a need.
    pub fn has(&self, need: Need) -> bool {
        match need {
            Need::Secrets => self.secrets,
            Need::Database => self.database.is_some(),
            Need::Storage => self.storage.is_some(),
            Need::Address => self.address.is_some(),
            Need::Device => !self.devices.is_empty(),
            Need::Https => self.https,
        }
    }
}

/// The PostgreSQL that an app of a cluster uses: that of its own cluster, or the first one of the lab.
fn database(spec: &Spec, cluster: &str) -> Option<String> {
    let has_postgres = |name: &&str| {
        let postgres = spec.clusters.get(name).and_then(|entry| entry.value.platform.postgres.as_ref());
        postgres.is_some_and(|postgres| postgres.enabled.as_ref().is_none_or(|enabled| enabled.value))
    };
    let first = [cluster].into_iter().chain(spec.clusters.names()).find(has_postgres);
    first.map(|cluster| format!("{cluster}/postgres"))
}
