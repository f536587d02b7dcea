//! Capabilities: what units need and provide.

use crate::names::{NamespaceName, ObjectName, UnitId};
use diagnostic::Span;
use spec::platform::ComponentId;
use spec::types::Name;
use std::fmt;

/// What a unit provides to other units.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// The custom resources of an API group.
    Api(&'static str),
    /// LAN addresses for Services of type LoadBalancer.
    LoadBalancer,
    /// An ingress controller.
    Ingress,
    /// A ClusterIssuer of publicly trusted certificates.
    Issuer,
    /// The ClusterSecretStore.
    SecretStore,
    /// The values of a secret entry, if they are objects of the cluster itself.
    SecretEntry(Name),
    /// Records in the public DNS zone.
    PublicDns,
    /// A storage class.
    StorageClass(Name),
    /// GPUs, as a resource that pods request.
    Gpu,
    /// DNS names of endpoints in other clusters of the lab.
    LanNames,
    /// Flux's image automation.
    ImageAutomation,
    /// Backups of volumes.
    Backups,
    /// A PostgreSQL server.
    Postgres,
    /// The database of an app.
    Database(ObjectName),
    /// A namespace that another unit creates.
    Namespace(NamespaceName),
    /// The secrets of a unit or an app.
    Secrets(UnitId),
    /// An app of the cluster.
    App(UnitId),
}

impl Capability {
    /// Returns the component that provides it, if it is always the same one.
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
            Self::Database(_)
            | Self::Api(_)
            | Self::Namespace(_)
            | Self::SecretEntry(_)
            | Self::Secrets(_)
            | Self::App(_) => return None,
        })
    }

    /// Returns how to change the spec so that the cluster has it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::LoadBalancer => {
                "set `load-balancer: FIRST-LAST` for the cluster, and do not disable `platform.load-balancer`"
            }
            Self::Ingress => "set `load-balancer: FIRST-LAST` for the cluster, and do not disable `platform.ingress`",
            Self::Issuer | Self::Api("cert-manager.io") => {
                "add a provider under `dns`, and do not disable `platform.certificates` of the cluster"
            }
            Self::SecretStore | Self::Api("external-secrets.io") => {
                "add `secrets.store`, and do not disable `platform.secrets` of the cluster"
            }
            Self::Api("metallb.io") => "do not disable `platform.load-balancer` of the cluster",
            Self::Api("barmancloud.cnpg.io") => "add `platform.postgres.backup` to the cluster",
            Self::Api("monitoring.coreos.com") => "add `platform.monitoring` to the cluster",
            Self::Postgres | Self::Api("postgresql.cnpg.io") => "add `platform.postgres` to the cluster",
            Self::PublicDns => {
                "add a provider under `dns`, set `network.public`, and do not disable `platform.dns` of the cluster"
            }
            Self::StorageClass(_) => {
                "add a `dsm` account to the storage, and do not disable `platform.storage` of the cluster"
            }
            Self::Gpu => {
                "set `gpu: true` on a node of the cluster whose host has a GPU, and do not disable `platform.gpu`"
            }
            Self::ImageAutomation => {
                "set `lab.repository` to an `ssh://` URL, whose deploy key can write, and do not disable \
                 `platform.image-automation` of the cluster"
            }
            Self::Backups => "add `platform.backups` to the cluster",
            Self::LanNames => "do not disable `platform.names` of the cluster",
            Self::Database(_)
            | Self::Api(_)
            | Self::Namespace(_)
            | Self::SecretEntry(_)
            | Self::Secrets(_)
            | Self::App(_) => "add its provider to the same cluster",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(group) => write!(formatter, "the CRDs of {group}"),
            Self::LoadBalancer => formatter.write_str("a load balancer"),
            Self::Ingress => formatter.write_str("an ingress controller"),
            Self::Issuer => formatter.write_str("a certificate issuer"),
            Self::SecretStore => formatter.write_str("a secret store"),
            Self::SecretEntry(name) => write!(formatter, "the secret entry {name}"),
            Self::PublicDns => formatter.write_str("public DNS records"),
            Self::StorageClass(name) => write!(formatter, "the storage class {name}"),
            Self::Gpu => formatter.write_str("a GPU"),
            Self::ImageAutomation => formatter.write_str("image automation"),
            Self::Backups => formatter.write_str("volume backups"),
            Self::LanNames => formatter.write_str("DNS names of other clusters"),
            Self::Postgres => formatter.write_str("PostgreSQL"),
            Self::Database(name) => write!(formatter, "the database of {name}"),
            Self::Namespace(name) => write!(formatter, "the namespace {name}"),
            Self::Secrets(name) => write!(formatter, "the secrets of {name}"),
            Self::App(name) => write!(formatter, "the app {name}"),
        }
    }
}

/// A capability that a unit needs, and the place of the spec that requires it.
#[derive(Debug, Clone)]
pub struct Need {
    /// The capability.
    pub capability: Capability,
    /// The place of the spec that requires it.
    pub span: Span,
    /// How strongly it is needed.
    pub strength: Strength,
}

/// How strongly a capability is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// A unit of the cluster must provide it, and be ready first.
    Before,
    /// A unit of the cluster must provide it, but need not be ready first.
    Present,
    /// If a unit provides it, that unit must be ready first. Otherwise it comes from elsewhere.
    IfProvided,
}

impl Need {
    /// A capability whose provider must be ready first, required at this place of the spec.
    pub fn before(capability: Capability, span: Span) -> Self {
        Self { capability, span, strength: Strength::Before }
    }

    /// A capability that the cluster must have, required at this place of the spec.
    pub fn present(capability: Capability, span: Span) -> Self {
        Self { capability, span, strength: Strength::Present }
    }

    /// A capability whose provider, if it is a unit, must be ready first.
    pub fn if_provided(capability: Capability, span: Span) -> Self {
        Self { capability, span, strength: Strength::IfProvided }
    }
}
