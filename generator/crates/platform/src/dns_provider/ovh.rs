//! OVHcloud: cert-manager supports it through a webhook, the others by themselves.

use super::{Credentials, Key, Provider, Records, Solver, Updater, Webhook, resources};
use model::Chart;
use serde_json::json;
use spec::{Ovh, OvhEndpoint};

const CHART: Chart =
    Chart::http("cert-manager-webhook-ovh", "https://aureq.github.io/cert-manager-webhook-ovh/", "0.9.16");

const KEY: &str = "application-key";
const SECRET: &str = "application-secret";
const CONSUMER: &str = "consumer-key";

pub(super) fn provider(account: &Ovh) -> Provider<'_> {
    let credentials = Credentials {
        secret: "ovh-application",
        keys: vec![
            Key { name: KEY, value: &account.application_key, rights: "the key of an application" },
            Key { name: SECRET, value: &account.application_secret, rights: "the secret of the application" },
            Key {
                name: CONSUMER,
                value: &account.consumer_key,
                rights: "a consumer key of the application that can change the records of the zone",
            },
        ],
    };
    let endpoint = match account.endpoint.get() {
        OvhEndpoint::OvhEu => "ovh-eu",
        OvhEndpoint::OvhCa => "ovh-ca",
    };
    Provider {
        name: "OVHcloud",
        alias_of_zone: false,
        solver: Solver::Webhook(Box::new(Webhook {
            chart: CHART,
            values: json!({
                "pod": {
                    "resources": resources(),
                    "securityContext": {
                        "pod": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
                        "container": { "capabilities": { "drop": ["ALL"] } },
                    },
                },
            }),
            group: "acme.ovhcloud.com",
            solver: "ovh",
            config: json!({
                "endpoint": endpoint,
                "authenticationMethod": "application",
                "applicationKeyRef": credentials.key(KEY),
                "applicationSecretRef": credentials.key(SECRET),
                "applicationConsumerKeyRef": credentials.key(CONSUMER),
            }),
            reader: None,
            is_root: false,
            metrics: None,
        })),
        records: Records::BuiltIn {
            provider: "ovh",
            environment: vec![
                credentials.variable("OVH_APPLICATION_KEY", KEY),
                credentials.variable("OVH_APPLICATION_SECRET", SECRET),
                credentials.variable("OVH_CONSUMER_KEY", CONSUMER),
            ],
            arguments: json!({ "ovh-endpoint": endpoint }),
            folder: None,
        },
        updater: Some(Updater {
            settings: Some(json!({
                "provider": "ovh",
                "mode": "api",
                "api_endpoint": endpoint,
                "app_key": "@application-key@",
                "app_secret": "@application-secret@",
                "consumer_key": "@consumer-key@",
            })),
            is_per_zone: true,
        }),
        credentials,
        solver_keys: None,
    }
}
