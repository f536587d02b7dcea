//! Amazon Route 53: all three programs support it.

use super::{Credentials, Key, Provider, Records, Solver, Updater, variable};
use serde_json::json;
use spec::Route53;

const ID: &str = "access-key-id";
const KEY: &str = "secret-access-key";

pub(super) fn provider(account: &Route53) -> Provider<'_> {
    let credentials = Credentials {
        secret: "route53-access-key",
        keys: vec![
            Key {
                name: ID,
                value: &account.access_key_id,
                rights: "the ID of an access key of an IAM user that can change the records of the zone",
            },
            Key { name: KEY, value: &account.secret_access_key, rights: "the secret of the access key" },
        ],
    };
    let (region, zone) = (account.region.get(), &account.zone_id.value);
    Provider {
        name: "Route 53",
        alias_of_zone: false,
        solver: Solver::BuiltIn(json!({
            "route53": {
                "region": region,
                "hostedZoneID": zone,
                "accessKeyIDSecretRef": credentials.key(ID),
                "secretAccessKeySecretRef": credentials.key(KEY),
            },
        })),
        records: Records::BuiltIn {
            provider: "aws",
            environment: vec![
                variable("AWS_DEFAULT_REGION", region.as_str()),
                credentials.variable("AWS_ACCESS_KEY_ID", ID),
                credentials.variable("AWS_SECRET_ACCESS_KEY", KEY),
            ],
            arguments: json!({}),
            folder: None,
        },
        updater: Some(Updater {
            settings: Some(json!({
                "provider": "route53",
                "zone_id": zone,
                "access_key": "@access-key-id@",
                "secret_key": "@secret-access-key@",
            })),
            is_per_zone: false,
        }),
        credentials,
        solver_keys: None,
    }
}
