//! DNS providers of the public zone.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{Ipv4, Name, SecretRef, TsigKeyName, ZoneId};
use schemars::JsonSchema;
use serde::Deserialize;

/// A DNS provider: a mapping with one key.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dns {
    /// Cloudflare.
    Cloudflare(Cloudflare),
    /// deSEC.
    Desec(Desec),
    /// DigitalOcean.
    #[serde(rename = "digitalocean")]
    DigitalOcean(DigitalOcean),
    /// Google Cloud DNS.
    Google(Google),
    /// Hetzner DNS, in the Hetzner Console.
    Hetzner(Hetzner),
    /// OVHcloud.
    Ovh(Ovh),
    /// Amazon Route 53.
    Route53(Route53),
    /// A name server that accepts dynamic updates (RFC 2136), such as BIND, Knot DNS or PowerDNS. Without dynamic
    /// DNS: public apps require `network.public.address`.
    Rfc2136(Rfc2136),
}

/// A zone at Cloudflare.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cloudflare {
    /// Key that holds an API token with the permissions Zone:Read and DNS:Edit.
    pub api_token: Spanned<SecretRef>,
    /// Zone ID, shown on the zone's overview page. Dynamic DNS requires it.
    pub zone_id: Option<Spanned<ZoneId>>,
}

/// A zone at deSEC. It is the lab's domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Desec {
    /// Key that holds a token that can change the records of the zone.
    pub token: Spanned<SecretRef>,
    /// Key that holds a token for certificates, which can change only the TXT records at `_acme-challenge`. Without it,
    /// cert-manager uses `token`.
    pub challenge_token: Option<Spanned<SecretRef>>,
}

/// A zone at DigitalOcean. It is the lab's domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DigitalOcean {
    /// Key that holds a personal access token with the scopes of `domain`, and no others.
    pub token: Spanned<SecretRef>,
}

/// A managed zone of Google Cloud DNS, and a service account that can change it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Google {
    /// ID of the project.
    pub project: Spanned<Name>,
    /// Name of the managed zone, which is not its DNS name.
    pub zone: Spanned<Name>,
    /// Key that holds a key of the service account, in JSON.
    pub service_account_key: Spanned<SecretRef>,
}

/// A zone at Hetzner. It is the lab's domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hetzner {
    /// Key that holds an API token of Hetzner Cloud with the permission Read & Write. It is valid for all of its project:
    /// create a project that contains only the zone.
    pub api_token: Spanned<SecretRef>,
}

/// A zone at OVHcloud. It is the lab's domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ovh {
    /// The API with the account.
    #[serde(default)]
    pub endpoint: OrDefault<defaults::EndpointOfOvh>,
    /// Key that holds the application key.
    pub application_key: Spanned<SecretRef>,
    /// Key that holds the application secret.
    pub application_secret: Spanned<SecretRef>,
    /// Key that holds a consumer key that can change the records of the zone.
    pub consumer_key: Spanned<SecretRef>,
}

/// A hosted zone of Amazon Route 53, and an AWS access key that can change it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route53 {
    /// ID of the hosted zone.
    pub zone_id: Spanned<ZoneId>,
    /// AWS region.
    #[serde(default)]
    pub region: OrDefault<defaults::Route53Region>,
    /// Key that holds the access key ID.
    pub access_key_id: Spanned<SecretRef>,
    /// Key that holds the secret access key.
    pub secret_access_key: Spanned<SecretRef>,
}

/// A zone on a name server that accepts dynamic updates (RFC 2136). The zone is the lab's domain.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rfc2136 {
    /// Address of the zone's primary name server.
    pub server: Spanned<Ipv4>,
    /// Port of the name server, for UDP and TCP.
    #[serde(default)]
    pub port: OrDefault<defaults::DnsPort>,
    /// Name of the TSIG key, as the name server knows it.
    pub tsig_key: Spanned<TsigKeyName>,
    /// Algorithm of the TSIG key.
    #[serde(default)]
    pub tsig_algorithm: OrDefault<defaults::AlgorithmOfTsig>,
    /// Key that holds the secret of the TSIG key, in Base64. The TSIG key must be able to update the zone and to transfer
    /// it (AXFR): ExternalDNS reads the existing records by a transfer, and without one it removes none.
    pub tsig_secret: Spanned<SecretRef>,
}
