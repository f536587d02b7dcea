//! What units need and provide.

use crate::names::{NamespaceName, ObjectName, UnitId};
use diagnostic::Span;
use spec::platform::ComponentId;
use spec::types::Name;
use std::fmt;

/// What a unit provides to others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// The custom resources of an API group.
    Api(&'static str),
    /// LAN addresses for services of type LoadBalancer.
    LoadBalancer,
    /// An ingress controller.
    Ingress,
    /// A ClusterIssuer of publicly trusted certificates.
    Issuer,
    /// The ClusterSecretStore.
    SecretStore,
    /// Records in the public DNS zone.
    PublicDns,
    /// A storage class.
    StorageClass(Name),
    /// GPUs as a resource that pods ask for.
    Gpu,
    /// The names of what other clusters of the lab serve.
    LanNames,
    /// Flux's image automation.
    ImageAutomation,
    /// Backups of volumes.
    Backups,
    /// Databases.
    Postgres,
    /// The database of an app.
    Database(ObjectName),
    /// A namespace that another unit makes.
    Namespace(NamespaceName),
    /// The secrets of a unit or an app.
    Secrets(UnitId),
    /// An app of the cluster.
    App(UnitId),
}

impl Capability {
    /// The component that provides it.
    pub fn component(&self) -> Option<ComponentId> {
        Some(match self {
            Self::LoadBalancer | Self::Api("metallb.io") => ComponentId::LoadBalancer,
            Self::Ingress | Self::Api("k8s.nginx.org") => ComponentId::Ingress,
            Self::Issuer | Self::Api("cert-manager.io") => ComponentId::Certificates,
            Self::SecretStore | Self::Api("external-secrets.io") => ComponentId::ExternalSecrets,
            Self::Postgres | Self::Api("postgresql.cnpg.io") => ComponentId::Postgres,
            Self::Api("monitoring.coreos.com") => ComponentId::Monitoring,
            Self::PublicDns => ComponentId::PublicDns,
            Self::StorageClass(_) => ComponentId::NetworkVolumes,
            Self::Gpu => ComponentId::GpuPlugin,
            Self::ImageAutomation => ComponentId::ImageAutomation,
            Self::Backups => ComponentId::Backups,
            Self::LanNames => ComponentId::LanNames,
            Self::Database(_) | Self::Api(_) | Self::Namespace(_) | Self::Secrets(_) | Self::App(_) => return None,
        })
    }

    /// What to write into the spec so that the cluster has it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::LoadBalancer => {
                "give the cluster `load-balancer: FIRST-LAST`, and do not disable `platform.load-balancer`"
            }
            Self::Ingress => "give the cluster `load-balancer: FIRST-LAST`, and do not disable `platform.ingress`",
            Self::Issuer | Self::Api("cert-manager.io") => {
                "give the lab a `dns:` provider, and do not disable `platform.certificates` of the cluster"
            }
            Self::SecretStore | Self::Api("external-secrets.io") => {
                "give the lab a `secrets.store`, and do not disable `platform.secrets` of the cluster"
            }
            Self::Api("metallb.io") => "do not disable `platform.load-balancer` of the cluster",
            Self::Api("barmancloud.cnpg.io") => "give `platform.postgres` of the cluster a `backup`",
            Self::Api("monitoring.coreos.com") => "give the cluster `platform.monitoring`",
            Self::Postgres | Self::Api("postgresql.cnpg.io") => "give the cluster `platform.postgres`",
            Self::PublicDns => {
                "give the lab a `dns:` provider and `network.public`, and do not disable `platform.dns` of the cluster"
            }
            Self::StorageClass(_) => {
                "give the storage a `dsm` account, and do not disable `platform.storage` of the cluster"
            }
            Self::Gpu => {
                "give a node of the cluster `gpu: true`, on a host with a GPU, and do not disable `platform.gpu`"
            }
            Self::ImageAutomation => {
                "give the lab an `ssh://` repository, whose deploy key may write, and do not disable \
                 `platform.image-automation` of the cluster"
            }
            Self::Backups => "give the cluster `platform.backups`",
            Self::LanNames => "do not disable `platform.names` of the cluster",
            Self::Database(_) | Self::Api(_) | Self::Namespace(_) | Self::Secrets(_) | Self::App(_) => {
                "add what provides it to the same cluster"
            }
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(group) => write!(formatter, "the custom resources of {group}"),
            Self::LoadBalancer => formatter.write_str("a load balancer"),
            Self::Ingress => formatter.write_str("an ingress controller"),
            Self::Issuer => formatter.write_str("an issuer of certificates"),
            Self::SecretStore => formatter.write_str("the secret store"),
            Self::PublicDns => formatter.write_str("records in the public DNS zone"),
            Self::StorageClass(name) => write!(formatter, "the storage class {name}"),
            Self::Gpu => formatter.write_str("a GPU"),
            Self::ImageAutomation => formatter.write_str("Flux's image automation"),
            Self::Backups => formatter.write_str("backups of volumes"),
            Self::LanNames => formatter.write_str("the names of what other clusters serve"),
            Self::Postgres => formatter.write_str("PostgreSQL"),
            Self::Database(name) => write!(formatter, "the database of {name}"),
            Self::Namespace(name) => write!(formatter, "the namespace {name}"),
            Self::Secrets(name) => write!(formatter, "the secrets of {name}"),
            Self::App(name) => write!(formatter, "the app {name}"),
        }
    }
}

/// Something that a unit needs, and where in the spec that was said.
#[derive(Debug, Clone)]
pub struct Need {
    /// What.
    pub capability: Capability,
    /// Why: the place that asks for it.
    pub span: Span,
    /// How much it is needed.
    pub strength: Strength,
}

/// How much something is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// It must be ready first.
    Before,
    /// It must be in the cluster, but nothing waits for it.
    Present,
    /// It must be ready first if a unit provides it; otherwise it comes from elsewhere.
    IfProvided,
}

impl Need {
    /// What must be ready first, wanted at this place of the spec.
    pub fn before(capability: Capability, span: Span) -> Self {
        Self { capability, span, strength: Strength::Before }
    }

    /// What must be in the cluster, wanted at this place of the spec.
    pub fn present(capability: Capability, span: Span) -> Self {
        Self { capability, span, strength: Strength::Present }
    }

    /// What must be ready first if a unit provides it.
    pub fn if_provided(capability: Capability, span: Span) -> Self {
        Self { capability, span, strength: Strength::IfProvided }
    }
}
