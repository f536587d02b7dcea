//! Providers of the public DNS zone.

use crate::defaults;
use crate::or_default::OrDefault;
use crate::spanned::Spanned;
use crate::types::{SecretRef, ZoneId};
use schemars::JsonSchema;
use serde::Deserialize;

/// A DNS provider: one key, its kind.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Dns {
    /// Cloudflare.
    Cloudflare(Cloudflare),
    /// Route 53 of AWS.
    Route53(Route53),
}

/// An account of Cloudflare.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cloudflare {
    /// An API token with the permissions Zone:Read and DNS:Edit.
    pub api_token: Spanned<SecretRef>,
    /// The zone's number, as the overview of the zone shows it. Dynamic DNS needs it.
    pub zone_id: Option<Spanned<ZoneId>>,
}

/// An account of AWS that may change a zone of Route 53.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Route53 {
    /// The hosted zone's number.
    pub zone_id: Spanned<ZoneId>,
    /// The region.
    #[serde(default)]
    pub region: OrDefault<defaults::Route53Region>,
    /// The key with the access key's number.
    pub access_key_id: Spanned<SecretRef>,
    /// The key with the secret access key.
    pub secret_access_key: Spanned<SecretRef>,
}
