//! Google Cloud DNS: all three programs support it.

use super::{Credentials, Key, Provider, Records, Solver, Updater, variable};
use serde_json::json;
use spec::Google;

const KEY: &str = "service-account-key";
const FOLDER: &str = "/var/run/secrets/google";

pub(super) fn provider(account: &Google) -> Provider<'_> {
    let credentials = Credentials {
        secret: "google-service-account",
        keys: vec![Key {
            name: KEY,
            value: &account.service_account_key,
            rights: "a JSON key of a service account that can change the records of the zone",
        }],
    };
    let (project, zone) = (&account.project.value, &account.zone.value);
    Provider {
        name: "Google Cloud DNS",
        alias_of_zone: false,
        solver: Solver::BuiltIn(json!({
            "cloudDNS": {
                "project": project,
                "hostedZoneName": zone,
                "serviceAccountSecretRef": credentials.key(KEY),
            },
        })),
        records: Records::BuiltIn {
            provider: "google",
            environment: vec![variable("GOOGLE_APPLICATION_CREDENTIALS", &format!("{FOLDER}/{KEY}"))],
            arguments: json!({ "google-project": project }),
            folder: Some(FOLDER),
        },
        updater: Some(Updater {
            settings: Some(json!({
                "provider": "gcp",
                "project": project,
                "zone": zone,
                "credentials": "@json service-account-key@",
            })),
            is_per_zone: false,
        }),
        credentials,
        solver_keys: None,
    }
}
