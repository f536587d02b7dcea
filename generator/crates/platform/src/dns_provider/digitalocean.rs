//! DigitalOcean: ExternalDNS supports it through a webhook, the others by themselves.

use super::{Credentials, Key, Provider, Records, Sidecar, Solver, Updater, variable};
use serde_json::json;
use spec::DigitalOcean;
use spec::types::DomainName;

const SIDECAR_IMAGE: &str = "ghcr.io/amoniacou/external-dns-digitalocean-webhook";
const SIDECAR_VERSION: &str = "0.1.2";

const TOKEN: &str = "token";

pub(super) fn provider<'a>(account: &'a DigitalOcean, zone: &DomainName) -> Provider<'a> {
    let credentials = Credentials {
        secret: "digitalocean-token",
        keys: vec![Key {
            name: TOKEN,
            value: &account.token,
            rights: "a personal access token with the scopes of `domain`",
        }],
    };
    Provider {
        name: "DigitalOcean",
        alias_of_zone: false,
        solver: Solver::BuiltIn(json!({ "digitalocean": { "tokenSecretRef": credentials.key(TOKEN) } })),
        records: Records::Sidecar(Sidecar {
            image: SIDECAR_IMAGE,
            tag: SIDECAR_VERSION,
            user: 65532,
            environment: vec![variable("DO_DOMAIN_FILTER", zone.as_str()), credentials.variable("DO_TOKEN", TOKEN)],
            probes: ["/healthz", "/healthz"],
            is_split: false,
        }),
        updater: Some(Updater {
            settings: Some(json!({ "provider": "digitalocean", "token": "@token@" })),
            is_per_zone: true,
        }),
        credentials,
        solver_keys: None,
    }
}
