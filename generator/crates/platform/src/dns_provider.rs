//! The settings of each DNS provider, in one place: cert-manager, ExternalDNS and DDNS-Updater all change the
//! same zone.

use crate::component::Context;
use model::ExternalSecret;
use serde_json::{Value, json};
use spec::types::{DomainName, SecretRef, ZoneId};
use spec::{Dns, Spanned};

/// A DNS provider, as each of these programs is configured for it.
pub(crate) struct Provider<'a> {
    /// Its name in ExternalDNS.
    pub(crate) external_dns: &'static str,
    /// The environment variables that ExternalDNS reads.
    pub(crate) environment: Vec<Value>,
    /// The field `dns01` of a cert-manager solver.
    pub(crate) solver: Value,
    /// The name of the Secret with the credentials.
    pub(crate) secret: &'static str,
    /// The keys of that Secret, with the references to their values.
    keys: Vec<(&'static str, &'a Spanned<SecretRef>)>,
    /// The zone ID, which dynamic DNS requires.
    pub(crate) zone: Option<&'a ZoneId>,
    /// Whether a CNAME record can have the name of the zone itself.
    alias_of_zone: bool,
    /// The provider-specific settings of DDNS-Updater. `@KEY@` is a placeholder for a key of the Secret.
    updater: Value,
}

/// Returns the provider of an account.
pub(crate) fn provider(dns: &Dns) -> Provider<'_> {
    match dns {
        Dns::Cloudflare(account) => {
            let secret = "cloudflare-api-token";
            let zone = account.zone_id.as_ref().map(|zone| &zone.value);
            Provider {
                external_dns: "cloudflare",
                environment: vec![from_secret("CF_API_TOKEN", secret, "api-token")],
                solver: json!({ "cloudflare": { "apiTokenSecretRef": { "name": secret, "key": "api-token" } } }),
                secret,
                keys: vec![("api-token", &account.api_token)],
                zone,
                // Cloudflare answers with the addresses of the target (CNAME flattening).
                alias_of_zone: true,
                updater: json!({ "provider": "cloudflare", "zone_identifier": zone, "token": "@api-token@" }),
            }
        }
        Dns::Route53(account) => {
            let secret = "route53-access-key";
            let (region, zone) = (account.region.get(), &account.zone_id.value);
            Provider {
                external_dns: "aws",
                environment: vec![
                    json!({ "name": "AWS_DEFAULT_REGION", "value": region }),
                    from_secret("AWS_ACCESS_KEY_ID", secret, "access-key-id"),
                    from_secret("AWS_SECRET_ACCESS_KEY", secret, "secret-access-key"),
                ],
                solver: json!({
                    "route53": {
                        "region": region,
                        "hostedZoneID": zone,
                        "accessKeyIDSecretRef": { "name": secret, "key": "access-key-id" },
                        "secretAccessKeySecretRef": { "name": secret, "key": "secret-access-key" },
                    },
                }),
                secret,
                keys: vec![
                    ("access-key-id", &account.access_key_id),
                    ("secret-access-key", &account.secret_access_key),
                ],
                zone: Some(zone),
                alias_of_zone: false,
                updater: json!({
                    "provider": "route53",
                    "zone_id": zone,
                    "access_key": "@access-key-id@",
                    "secret_key": "@secret-access-key@",
                }),
            }
        }
    }
}

/// An environment variable with the value of a key of a Secret.
fn from_secret(name: &str, secret: &str, key: &str) -> Value {
    json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": secret, "key": key } } })
}

/// The references to the secrets of the account.
pub fn secrets(dns: &Dns) -> Vec<&Spanned<SecretRef>> {
    provider(dns).keys.into_iter().map(|(_, secret)| secret).collect()
}

/// Whether a CNAME record can have the name of the zone itself.
pub fn allows_alias_of_zone(dns: &Dns) -> bool {
    provider(dns).alias_of_zone
}

impl Provider<'_> {
    /// The Secret with the credentials of the account.
    pub(crate) fn secret(&self, context: &Context<'_>) -> ExternalSecret {
        let data = self.keys.iter().map(|(key, secret)| ((*key).into(), context.stored(secret)));
        ExternalSecret::new(self.secret, data.collect())
    }

    /// The configuration of DDNS-Updater, as an External Secrets template over the keys of the account.
    pub(crate) fn updater_config(&self, host: &DomainName) -> String {
        // The placeholders become template expressions that quote the values from the store.
        let own = self.updater.as_object().expect("settings are a mapping");
        let mut setting = json!({ "provider": own["provider"], "domain": host, "ip_version": "ipv4", "ttl": 300 });
        for (name, value) in own {
            setting[name] = value.clone();
        }
        let mut text = format!("{:#}", json!({ "settings": [setting] }));
        for (key, _) in &self.keys {
            text = text.replace(&format!("\"@{key}@\""), &format!("{{{{ index . \"{key}\" | trim | toJson }}}}"));
        }
        text
    }
}
