//! Cloudflare: all three programs support it.

use super::{Credentials, Key, Provider, Records, Solver, Updater};
use serde_json::json;
use spec::Cloudflare;

const TOKEN: &str = "api-token";

pub(super) fn provider(account: &Cloudflare) -> Provider<'_> {
    let credentials = Credentials {
        secret: "cloudflare-api-token",
        keys: vec![Key {
            name: TOKEN,
            value: &account.api_token,
            rights: "an API token with Zone:Read and DNS:Edit for the zone",
        }],
    };
    let zone = account.zone_id.as_ref().map(|zone| &zone.value);
    Provider {
        name: "Cloudflare",
        // Cloudflare answers with the addresses of the target (CNAME flattening).
        alias_of_zone: true,
        solver: Solver::BuiltIn(json!({ "cloudflare": { "apiTokenSecretRef": credentials.key(TOKEN) } })),
        records: Records::BuiltIn {
            provider: "cloudflare",
            environment: vec![credentials.variable("CF_API_TOKEN", TOKEN)],
            arguments: json!({}),
            folder: None,
        },
        updater: Some(Updater {
            settings: zone
                .map(|zone| json!({ "provider": "cloudflare", "zone_identifier": zone, "token": "@api-token@" })),
            is_per_zone: false,
        }),
        credentials,
        solver_keys: None,
    }
}
