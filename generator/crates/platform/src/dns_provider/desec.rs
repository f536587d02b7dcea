//! deSEC: cert-manager and ExternalDNS support it through webhooks, DDNS-Updater by itself.

use super::{Credentials, Key, Provider, Records, Sidecar, Solver, Updater, Webhook, resources, variable};
use model::Chart;
use serde_json::json;
use spec::Desec;
use spec::types::DomainName;

/// Of the webhooks for cert-manager, this one has releases, accepts several challenges of a name, and uses the shortest TTL
/// that deSEC allows.
const CHART: Chart = Chart::oci("desec-webhook", "oci://ghcr.io/fulsiram/charts/desec-webhook", "0.1.2");
/// It asks deSEC every three minutes, whatever ExternalDNS asks: deSEC allows an account 2000 requests a day.
const SIDECAR_IMAGE: &str = "ghcr.io/desec-community/external-dns-desec-webhook-rs";
const SIDECAR_VERSION: &str = "v0.1.3";

const TOKEN: &str = "token";
const GROUP: &str = "acme.desec.io";

pub(super) fn provider<'a>(account: &'a Desec, zone: &DomainName) -> Provider<'a> {
    let credentials = Credentials {
        secret: "desec-token",
        keys: vec![Key {
            name: TOKEN,
            value: &account.token,
            rights: "a token with a policy that allows it to write the records of the domain",
        }],
    };
    Provider {
        name: "deSEC",
        alias_of_zone: false,
        solver: Solver::Webhook(Box::new(Webhook {
            chart: CHART,
            values: json!({ "resources": resources() }),
            group: GROUP,
            solver: "desec",
            config: json!({ "apiTokenSecretRef": credentials.key(TOKEN) }),
            reader: Some("desec-webhook:secret-reader"),
            is_root: true,
            metrics: None,
        })),
        records: Records::Sidecar(Sidecar {
            image: SIDECAR_IMAGE,
            tag: SIDECAR_VERSION,
            user: 1000,
            environment: vec![
                variable("DESEC_DOMAIN_FILTER", zone.as_str()),
                credentials.variable("DESEC_TOKEN", TOKEN),
            ],
            probes: ["/healthz", "/readyz"],
            is_split: true,
        }),
        // The API for dynamic DNS finds the zone by the host name.
        updater: Some(Updater {
            settings: Some(json!({ "provider": "desec", "token": "@token@" })),
            is_per_zone: false,
        }),
        credentials,
        solver_keys: account.challenge_token.as_ref().map(|token| {
            vec![Key {
                name: TOKEN,
                value: token,
                rights: "a token with policies that allow it to write TXT records at `_acme-challenge`",
            }]
        }),
    }
}
