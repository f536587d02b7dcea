//! Hetzner DNS, a part of Hetzner Cloud: cert-manager and ExternalDNS support it through webhooks, DDNS-Updater by itself.

use super::{Credentials, Key, Metrics, Provider, Records, Sidecar, Solver, Updater, Webhook, resources, variable};
use model::Chart;
use serde_json::json;
use spec::Hetzner;
use spec::types::DomainName;

const CHART: Chart = Chart::http("cert-manager-webhook-hetzner", "https://charts.hetzner.cloud", "0.9.0");
const SIDECAR_IMAGE: &str = "ghcr.io/mconfalonieri/external-dns-hetzner-webhook";
const SIDECAR_VERSION: &str = "v1.0.2";

const TOKEN: &str = "api-token";

pub(super) fn provider<'a>(account: &'a Hetzner, zone: &DomainName) -> Provider<'a> {
    let credentials = Credentials {
        secret: "hetzner-api-token",
        keys: vec![Key {
            name: TOKEN,
            value: &account.api_token,
            rights: "a Cloud API token with Read & Write, of a project that contains only the zone",
        }],
    };
    Provider {
        name: "Hetzner",
        alias_of_zone: false,
        solver: Solver::Webhook(Box::new(Webhook {
            chart: CHART,
            values: json!({
                "resources": resources(),
                "containerSecurityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": { "drop": ["ALL"] },
                },
            }),
            group: "acme.hetzner.com",
            solver: "hetzner",
            config: json!({ "tokenSecretKeyRef": credentials.key(TOKEN) }),
            reader: Some("cert-manager-webhook-hetzner:read-secrets"),
            is_root: false,
            metrics: Some(Metrics { labels: &[("app", "cert-manager-webhook-hetzner")], port: "metrics" }),
        })),
        records: Records::Sidecar(Sidecar {
            image: SIDECAR_IMAGE,
            tag: SIDECAR_VERSION,
            user: 20000,
            environment: vec![variable("DOMAIN_FILTER", zone.as_str()), credentials.variable("HETZNER_API_KEY", TOKEN)],
            probes: ["/health", "/ready"],
            is_split: true,
        }),
        updater: Some(Updater {
            settings: Some(json!({ "provider": "hetznercloud", "token": "@api-token@" })),
            is_per_zone: true,
        }),
        credentials,
        solver_keys: None,
    }
}
